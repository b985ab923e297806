//go:build linux

package netns_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/kernel/netns"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newNS(t *testing.T) *netns.NS {
	t.Helper()
	ns, err := netns.New()
	if errors.Is(err, unix.EPERM) {
		t.Skipf("needs root (CAP_SYS_ADMIN) to make network namespaces: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ns.Close() })
	return ns
}

// here is the inode of the calling thread's namespace, read without the
// package under test.
func here(t *testing.T) string {
	t.Helper()
	name, err := os.Readlink("/proc/thread-self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	return name
}

func TestDoRunsInsideAndComesBack(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	home := here(t)
	a, b := newNS(t), newNS(t)
	if got := here(t); got != home {
		t.Fatalf("after New the thread is in %s, want %s", got, home)
	}
	want := fmt.Sprintf("net:[%d]", a.Inode())
	if want == home {
		t.Fatal("New returned the namespace of the process")
	}
	boom := errors.New("boom")
	err := a.Do(func() error {
		if got := here(t); got != want {
			t.Errorf("inside Do the thread is in %s, want %s", got, want)
		}
		if ifs, err := net.Interfaces(); err != nil || len(ifs) != 1 || ifs[0].Name != "lo" {
			t.Errorf("interfaces of a new namespace: %v, %v; want lo only", ifs, err)
		}
		// Nested, into another and into the same.
		if err := b.Do(func() error { return nil }); err != nil {
			t.Error(err)
		}
		if err := a.Do(func() error { return nil }); err != nil {
			t.Error(err)
		}
		if got := here(t); got != want {
			t.Errorf("after nested calls the thread is in %s, want %s", got, want)
		}
		return boom
	})
	if err != boom {
		t.Errorf("Do returned %v, want the function's error", err)
	}
	if got := here(t); got != home {
		t.Errorf("after Do the thread is in %s, want %s", got, home)
	}
}

func TestDoComesBackFromAPanic(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	home := here(t)
	ns := newNS(t)
	func() {
		defer func() {
			if recover() == nil {
				t.Error("Do swallowed the panic")
			}
		}()
		_ = ns.Do(func() error { panic("boom") })
	}()
	if got := here(t); got != home {
		t.Errorf("after a panic the thread is in %s, want %s", got, home)
	}
}

func TestStartRunsAProgramInside(t *testing.T) {
	ns := newNS(t)
	var out strings.Builder
	cmd := exec.Command("readlink", "/proc/self/ns/net")
	cmd.Stdout = &out
	if err := ns.Start(cmd); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if got, want := strings.TrimSpace(out.String()), fmt.Sprintf("net:[%d]", ns.Inode()); got != want {
		t.Errorf("the program ran in %s, want %s", got, want)
	}
}

// TestLasting: a namespace keeps its number, and another one never gets it, though it
// may get the inode of one that is gone.
func TestLasting(t *testing.T) {
	ask := func(ns *netns.NS) uint64 {
		t.Helper()
		number, err := ns.Lasting()
		if err != nil {
			t.Fatal(err)
		}
		return number
	}
	first := newNS(t)
	again, err := netns.Open(fmt.Sprintf("/proc/self/fd/%d", first.FD()))
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if a, b := ask(first), ask(again); a != b {
		t.Errorf("one namespace is %d and %d", a, b)
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	home, err := unix.GetsockoptUint64(fd, unix.SOL_SOCKET, unix.SO_NETNS_COOKIE)
	if err != nil {
		t.Logf("this kernel has no lasting numbers: %v", err)
		return
	}
	seen := map[uint64]bool{home: true, ask(first): true}
	for range 20 {
		ns, err := netns.New()
		if err != nil {
			t.Fatal(err)
		}
		number := ask(ns)
		if seen[number] || number == ns.Inode() {
			t.Errorf("namespace %d is %d", ns.Inode(), number)
		}
		seen[number] = true
		ns.Close()
	}
}

// TestOpenNone: what is no namespace is not opened: a pipe would wait for who writes.
func TestOpenNone(t *testing.T) {
	pipe := t.TempDir() + "/pipe"
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{pipe, "/dev/null", t.TempDir()} {
		if _, err := netns.Open(path); err == nil || !strings.Contains(err.Error(), "is no network namespace") {
			t.Errorf("%s: %v", path, err)
		}
	}
}
