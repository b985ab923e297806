package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestPlanStaged: a copy of a configuration in another folder has the files of its
// own folder where the original has those of its.
func TestPlanStaged(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const router = "vrrp_instance V {\n\tinterface eth0\n\tvirtual_router_id 1\n\tvirtual_ipaddress {\n\t\t192.0.2.9\n\t}\n}\n"
	both := router + "include conf.d/*.conf\ninclude later.d/*.conf\ninclude " + dir + "/shared/*.conf\n"
	empty := func(folder string) {
		if err := os.MkdirAll(filepath.Join(dir, folder, "later.d"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write("shared/a.conf", "# nothing\n")
	write("live/conf.d/a.conf", "# nothing\n")
	write("staged/conf.d/a.conf", "# nothing\n")
	for _, folder := range []string{"live", "staged", "alone"} {
		empty(folder)
	}
	live := write("live/keepalived.conf", both)
	for _, tt := range []struct{ what, path, refused string }{
		{"the same", live, ""},
		{"a whole copy", write("staged/keepalived.conf", both), ""},
		{"a copy without its files", write("alone/keepalived.conf", both), "alone/conf.d/*.conf"},
		{"another shared folder", write("staged/other.conf", strings.Replace(both, "shared", "shred", 1)), "shred/*.conf"},
	} {
		var out bytes.Buffer
		if err := planFile(t.Context(), tt.path, planOptions{from: live}, &out, io.Discard); err != nil {
			t.Errorf("%s: %v", tt.what, err)
		}
		text := out.String()
		if refused := strings.Contains(text, "REFUSED"); refused != (tt.refused != "") || !strings.Contains(text, "no file matches "+filepath.Join(dir, tt.refused)) && refused {
			t.Errorf("%s: %s", tt.what, text)
		}
	}
}
