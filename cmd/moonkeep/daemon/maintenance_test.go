package daemon

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
	"github.com/moonkeep/moonkeep/core/node"
)

// TestMaintenanceFile: what is written is read, and what cannot be understood
// keeps the daemon from starting.
func TestMaintenanceFile(t *testing.T) {
	dir := t.TempDir()
	f := newMaintenanceFile(filepath.Join(dir, "made", "later"))
	for _, m := range []node.Maintenance{{}, {All: true, Instances: []string{}}, {Instances: []string{"VI_1", "VI_2"}}, {}} {
		netnstest.Must(t, f.write(m))
		got, err := f.read()
		if diff := cmp.Diff(m, got); diff != "" || err != nil {
			t.Errorf("error %v, (-want +got):\n%s", err, diff)
		}
	}
	netnstest.Must(t, os.WriteFile(f.path, []byte("{"), 0o644))
	if _, err := f.read(); err == nil || !strings.Contains(err.Error(), "remove the file if nothing is") {
		t.Errorf("half a file: %v", err)
	}
	netnstest.Must(t, os.WriteFile(filepath.Join(dir, "file"), nil, 0o644))
	if err := newMaintenanceFile(filepath.Join(dir, "file")).write(node.Maintenance{All: true}); err == nil || !strings.Contains(err.Error(), "remember") {
		t.Errorf("a file in the place of the directory: %v", err)
	}
	for _, tt := range []struct{ given, runDir, want string }{
		{"", DefaultRunDir, DefaultStateDir}, {"", "/run/other", "/run/other"}, {"/x", DefaultRunDir, "/x"},
		{"", DefaultRunDir + "/", DefaultStateDir}, {"", "/run/./moonkeep", DefaultStateDir}, {"", "/run/other/", "/run/other/"},
	} {
		if got := stateDir(tt.given, tt.runDir); got != tt.want {
			t.Errorf("the state of %q, %q is in %s, want %s", tt.given, tt.runDir, got, tt.want)
		}
	}
}
