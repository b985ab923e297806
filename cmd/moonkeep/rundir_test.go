package main

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/moonkeep/moonkeep/core/netspec"
)

func openDir(t *testing.T, path string) *runDir {
	t.Helper()
	d, err := openRunDir(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func TestRunDirLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "missing", "path")
	d := openDir(t, path)
	_, err := openRunDir(path)
	want := fmt.Sprintf("another moonkeep runs in %s (pid %d): stop it, or give this one a --run-dir of its own", path, os.Getpid())
	if err == nil || err.Error() != want {
		t.Errorf("error %v\nwant  %s", err, want)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	// The file is still there, with a pid that may be anybody's by now.
	if _, err := os.Stat(filepath.Join(path, "lock")); err != nil {
		t.Error(err)
	}
	openDir(t, path)
}

// TestRunDirLockIsNotInherited holds that a program which the daemon started
// and which outlives it does not keep the next daemon from starting.
func TestRunDirLockIsNotInherited(t *testing.T) {
	path := t.TempDir()
	d := openDir(t, path)
	child := exec.Command("sleep", "60")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = child.Process.Kill() // it sleeps
		_ = child.Wait()         // it was killed
	}()
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	openDir(t, path)
}

func TestRunDirUnusable(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "lock"), 0o755); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		filepath.Join(file, "run"): "make the run directory",
		dir:                        "open the lock of the run directory",
	} {
		if _, err := openRunDir(path); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: error %v, want one with %q and the path", path, err, want)
		}
	}
}

func TestJournal(t *testing.T) {
	d := openDir(t, t.TempDir())
	if owned, err := d.readJournal(); err != nil || owned != nil {
		t.Errorf("without a journal: %v, %v", owned, err)
	}
	want := []netspec.Address{
		{Prefix: netip.MustParsePrefix("192.0.2.100/24"), Device: "eth0"},
		{Prefix: netip.MustParsePrefix("192.0.2.101/32"), Device: "eth1.20"},
	}
	for _, list := range [][]netspec.Address{want, nil, want} {
		if err := d.writeJournal(list); err != nil {
			t.Fatal(err)
		}
		got, err := d.readJournal()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(list, got, cmp.Comparer(func(a, b netspec.Address) bool { return a == b })); diff != "" {
			t.Errorf("(-written +read)\n%s", diff)
		}
	}
	for _, text := range []string{"", "{", `[{"address":"rubbish"}]`, "\x00\x00\x00"} {
		if err := os.WriteFile(d.journalPath(), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if owned, err := d.readJournal(); err == nil || !strings.Contains(err.Error(), d.journalPath()) || owned != nil {
			t.Errorf("journal %q: %v, %v; want an error that names the file", text, owned, err)
		}
	}
	if err := d.writeJournal(want); err != nil {
		t.Errorf("a broken journal is not replaced: %v", err)
	}
}
