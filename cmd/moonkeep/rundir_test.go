package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// TestRunDirNames: a run directory that cannot be one is named as the fault, and
// not the request that it broke.
func TestRunDirNames(t *testing.T) {
	for path, want := range map[string]string{
		"": "the run directory has no name",
		filepath.Join(t.TempDir(), strings.Repeat("x", 100)): "has at most 107 bytes; give a shorter --run-dir",
	} {
		if code, _, stderr := runLine("status", "--run-dir", path); code != 2 || !strings.Contains(stderr, want) || strings.Contains(stderr, "http") {
			t.Errorf("status of %q: %d, %s", path, code, stderr)
		}
	}
}
