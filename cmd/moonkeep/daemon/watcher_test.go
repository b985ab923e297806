package daemon

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
	"github.com/moonkeep/moonkeep/core/node"
)

// TestReadingsOfMoved: a file that an earlier configuration had elsewhere is read before
// the node has that configuration no more, whoever follows it.
func TestReadingsOfMoved(t *testing.T) {
	before, after := filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "b")
	netnstest.Must(t, os.WriteFile(before, []byte("1"), 0o600))
	netnstest.Must(t, os.WriteFile(after, []byte("2"), 0o600))
	at := func(path string) *config.Config {
		return &config.Config{TrackFiles: []config.TrackFile{{Name: "f", File: path}, {Name: "stays", File: before}}}
	}
	if got := readings(at(before), at(before), &node.Config{}); len(got) > 0 {
		t.Errorf("nothing has moved, read %v", got)
	}
	want := []node.FileRead{{File: "f", Value: 2}}
	if got := readings(at(after), at(before), &node.Config{}); !slices.Equal(got, want) {
		t.Errorf("read %v, want %v", got, want)
	}
}
