package daemon

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func openDir(t *testing.T, path string) *runDir {
	t.Helper()
	d, err := openRunDir(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() }) // some tests close it themselves
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

// TestDeletedRunDir holds that a daemon whose directory somebody deleted keeps
// others out all the same, and that its next journal is there.
func TestDeletedRunDir(t *testing.T) {
	for name, path := range map[string]string{
		"short": filepath.Join(t.TempDir(), "run"),
		"long":  filepath.Join(t.TempDir(), strings.Repeat("x", 80-len(t.TempDir()))),
	} {
		d := openDir(t, path)
		if len(d.warnings) > 0 {
			t.Errorf("%s: warnings %q", name, d.warnings)
		}
		if err := os.RemoveAll(path); err != nil {
			t.Fatal(err)
		}
		want := fmt.Sprintf("another moonkeep runs in %s (pid %d), though", path, os.Getpid())
		for _, same := range []string{path, path + "/../" + filepath.Base(path)} {
			if _, err := openRunDir(same); err == nil || !strings.Contains(err.Error(), strings.Replace(want, path, same, 1)) {
				t.Errorf("%s: error %v\nwant %s", name, err, want)
			}
		}
		if err := os.RemoveAll(path); err != nil {
			t.Fatal(err)
		}
		if err := d.writeJournal(owned{}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Stat(d.journalPath()); err != nil {
			t.Error(err)
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		openDir(t, path)
	}
}

// TestNameOfAnotherUser holds that a user without rights cannot keep a daemon
// from starting.
func TestNameOfAnotherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: to be another user too")
	}
	path := t.TempDir()
	name, err := abstractName(path)
	if err != nil {
		t.Fatal(err)
	}
	l := listenAs(t, 65534, name)
	defer l.Close()
	d := openDir(t, path)
	if len(d.warnings) != 1 || !strings.Contains(d.warnings[0], "user 65534 holds the name of the run directory "+path) {
		t.Errorf("warnings %q", d.warnings)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}

// listenAs listens on the abstract socket of that name as another user.
func listenAs(t *testing.T, uid uintptr, name string) net.Listener {
	t.Helper()
	// The owner of a socket is who made it listen.
	held := make(chan net.Listener)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with its rights
		// The raw calls are for this thread alone.
		if _, _, errno := unix.RawSyscall(unix.SYS_SETRESUID, ^uintptr(0), uid, ^uintptr(0)); errno != 0 {
			t.Error(errno)
		}
		l, err := net.Listen("unix", "@"+name)
		if err != nil {
			t.Error(err)
		}
		held <- l
	}()
	l := <-held
	if t.Failed() {
		t.FailNow()
	}
	return l
}

// TestPidOnAFullDisk holds that a pid that cannot be written does not refuse
// the start.
func TestPidOnAFullDisk(t *testing.T) {
	path := t.TempDir()
	if err := os.Symlink("/dev/full", filepath.Join(path, "lock")); err != nil {
		t.Fatal(err)
	}
	d := openDir(t, path)
	if len(d.warnings) != 1 || !strings.Contains(d.warnings[0], "the pid could not be written into the lock") {
		t.Errorf("warnings %q", d.warnings)
	}
}

func TestRunDirNames(t *testing.T) {
	long := filepath.Join(t.TempDir(), strings.Repeat("x", 100))
	for path, want := range map[string]string{
		"":   "the run directory has no name",
		long: "has at most 107 bytes; give a shorter --run-dir",
	} {
		if _, err := openRunDir(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("run in %q: error %v, want %q", path, err, want)
		}
	}
	if _, err := os.Stat(long); err == nil {
		t.Error("the directory was made though it is of no use")
	}
}
