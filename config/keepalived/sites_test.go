package keepalived

import (
	"path/filepath"
	"testing"
)

// siteFiles returns the main file of each configuration in testdata/sites.
func siteFiles(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob("testdata/sites/*/keepalived.conf")
	if err != nil || len(files) < 30 {
		t.Fatalf("got %d sites, want at least 30: %v", len(files), err)
	}
	return files
}
