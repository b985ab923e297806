package lua

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestProtectedFile holds that a script adds to no file of somebody else in a folder
// where everybody may make files, where the kernel keeps programs from that
// (fs.protected_regular), and to others as before.
func TestProtectedFile(t *testing.T) {
	dir := t.TempDir()
	in := func(folder string, mode os.FileMode, owner int) string {
		t.Helper()
		folder = filepath.Join(dir, folder)
		path := filepath.Join(folder, "log")
		if err := errors.Join(os.Mkdir(folder, 0o755), os.WriteFile(path, nil, 0o666), os.Chmod(folder, mode)); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(path, owner, owner); err != nil {
			t.Skipf("needs root: to have a file of somebody else: %v", err)
		}
		return path
	}
	trap := in("trap", 0o777|os.ModeSticky, 12345)
	link := filepath.Join(dir, "link")
	if err := os.Symlink(in("linked", 0o755, 12345), link); err != nil {
		t.Fatal(err)
	}
	flags := os.O_WRONLY | os.O_APPEND | os.O_CREATE
	for _, path := range []string{link, in("plain", 0o755, 12345), in("shared", 0o777|os.ModeSticky, os.Getuid()), filepath.Join(dir, "new")} {
		file, err := openRegular(path, flags, 0o644)
		if err != nil {
			t.Errorf("%v", err)
			continue
		}
		if err := file.Close(); err != nil {
			t.Error(err)
		}
	}
	if on, err := os.ReadFile("/proc/sys/fs/protected_regular"); err != nil || strings.TrimSpace(string(on)) == "0" {
		t.Log("fs.protected_regular is off here: what the kernel then refuses is not seen")
		return
	}
	if file, err := openRegular(trap, flags, 0o644); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("a file of somebody else was opened: %v, error %v, want %v", file, err, syscall.EACCES)
	}
}
