//go:build linux

package nsfile

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestPath(t *testing.T) {
	for name, want := range map[string]string{
		"red": "/run/netns/red", "red/blue": "/run/netns/red/blue", "./red": "/run/netns/red", "/proc/1/ns/net": "/proc/1/ns/net",
	} {
		if got := Path(name); got != want {
			t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
}

// TestOpen: what is no namespace is not opened: a pipe would wait for who writes.
func TestOpen(t *testing.T) {
	own := "/proc/self/ns/net"
	f, err := Open(own)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var is, want unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &is); err != nil {
		t.Fatal(err)
	}
	if err := unix.Stat(own, &want); err != nil || is.Dev != want.Dev || is.Ino != want.Ino {
		t.Errorf("it is %d:%d, want %d:%d; %v", is.Dev, is.Ino, want.Dev, want.Ino, err)
	}
	dir := t.TempDir()
	pipe, file := filepath.Join(dir, "pipe"), filepath.Join(dir, "file")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{pipe, file, "/dev/null", dir} {
		if _, err := Open(path); err == nil || !strings.Contains(err.Error(), path+" is no network namespace") {
			t.Errorf("%s: %v", path, err)
		}
	}
	if _, err := Open(filepath.Join(dir, "none")); !os.IsNotExist(err) {
		t.Errorf("what is not there: %v", err)
	}
}
