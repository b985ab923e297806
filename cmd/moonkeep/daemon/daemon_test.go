package daemon

import (
	"os"
	"path/filepath"
	"testing"

	pluginhost "github.com/moonkeep/moonkeep/plugins/host"
)

// TestMain lets the test binary be what the daemon starts of its own program: the
// launcher of plugins, and a checker.
func TestMain(m *testing.M) {
	if pluginhost.IsLaunch() {
		pluginhost.Launch()
	}
	ServeChecker(os.Args)
	os.Exit(m.Run())
}

// luaDir returns a folder with files.
func luaDir(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
