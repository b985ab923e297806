//go:build linux

package fence

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

func TestUnified(t *testing.T) {
	for text, want := range map[string]string{
		"0::/system.slice/moonkeep.service\n": "/system.slice/moonkeep.service",
		"8:pids:/a\n1:cpu:/b\n0::/c\n":        "/c",
		"8:pids:/a\n":                         "",
		"":                                    "",
	} {
		got, ok := unified(text)
		if got != want || ok != (want != "") {
			t.Errorf("of %q: %q, %v", text, got, ok)
		}
	}
}

// bomb is the test program as a process that divides the group it is in, starts
// programs behind the fence that fork without end, and lives on.
const bomb = "MOONKEEP_FENCE_TEST"

func TestMain(m *testing.M) {
	dir := os.Getenv(bomb)
	if dir == "" {
		os.Exit(m.Run())
	}
	if err := fenced(dir); err != nil {
		os.Stderr.WriteString(err.Error())
		os.Exit(1)
	}
}

// fenced ends well when a fork bomb was stopped by its cell, a program of another
// one could be started meanwhile, and the bomb ended with its cell.
func fenced(dir string) error {
	var warned error
	f, err := divide(dir, 100, func(err error) { warned = err })
	if err != nil {
		return err
	}
	start := func(cell *Cell, line string) (*exec.Cmd, error) {
		cmd := exec.Command("/bin/sh", "-c", line)
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, UseCgroupFD: true, CgroupFD: cell.FD()}
		return cmd, cmd.Start()
	}
	full := f.Cell()
	if err := os.WriteFile(filepath.Join(full.dir.Name(), "pids.max"), []byte("50"), 0); err != nil {
		return err
	}
	bomb, err := start(full, `while :; do sleep 100 & done`)
	if err != nil {
		return err
	}
	for begin := time.Now(); time.Since(begin) < 20*time.Second; time.Sleep(100 * time.Millisecond) {
		events, err := os.ReadFile(filepath.Join(full.dir.Name(), "pids.events"))
		if err != nil {
			return err
		}
		if !strings.Contains(string(events), "max 0\n") {
			fmt.Println("the cell is full")
			break
		}
	}
	small := f.Cell()
	well, err := start(small, "sleep 1000 & exit 0")
	if err != nil {
		return err
	}
	if err := well.Wait(); err != nil {
		return err
	}
	small.End(false)
	if n := len(f.left); n == 1 {
		fmt.Println("what it left lives")
	}
	full.End(true)
	if err := bomb.Wait(); err == nil {
		return errors.New("the bomb ended by itself")
	}
	for begin := time.Now(); time.Since(begin) < 10*time.Second && len(f.left) > 1; time.Sleep(50 * time.Millisecond) {
		f.Cell().End(false)
	}
	entries, err := os.ReadDir(f.dir)
	if err != nil {
		return err
	}
	cells := 0
	for _, e := range entries {
		if e.IsDir() {
			cells++
		}
	}
	fmt.Printf("%d cells are left, %v\n", cells, warned)
	f.dir = "/nowhere"
	if c := f.Cell(); c != nil || c.FD() != 0 || warned == nil {
		return fmt.Errorf("a cell %v where none can be, %v", c, warned)
	}
	return nil
}

func TestBombEndsAtTheFence(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: control groups are made by it")
	}
	const controllers = mount + "/cgroup.controllers"
	if _, err := os.Stat(controllers); err != nil {
		t.Skip("needs " + controllers + ": control groups of version 2 with the controller pids")
	}
	dir, err := os.MkdirTemp(mount, "fence")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.WriteFile(filepath.Join(dir, programs, "cgroup.kill"), []byte("1"), 0); err != nil {
			t.Error(err)
		}
		for begin := time.Now(); time.Since(begin) < 10*time.Second; time.Sleep(50 * time.Millisecond) {
			err = nil
			cells, _ := filepath.Glob(filepath.Join(dir, programs, "*-*"))
			for _, name := range append(cells, filepath.Join(dir, programs), filepath.Join(dir, inner), dir) {
				if rerr := os.Remove(name); rerr != nil {
					err = rerr
				}
			}
			if err == nil || os.IsNotExist(err) {
				return
			}
		}
		t.Error(err)
	})
	if delegated(dir) {
		t.Error("a group that nobody delegated is")
	}
	if err := syscall.Setxattr(dir, "trusted.delegate", []byte("1"), 0); err != nil {
		t.Fatal(err)
	}
	if !delegated(dir) {
		t.Error("a group is not delegated although its attribute says so")
	}
	// As a service manager does it for each group below.
	if err := os.WriteFile(filepath.Join(mount, "cgroup.subtree_control"), []byte("+pids +cpu"), 0); err != nil {
		t.Fatal(err)
	}
	group, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer group.Close()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), bomb+"="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(group.Fd())}
	text, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	t.Logf("%s", text)
	if got, want := string(text), "the cell is full\nwhat it left lives\n1 cells are left, <nil>\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// A filter of system calls that answers as if there were no clone3 keeps programs
// out of groups; without one they begin there.
func TestBegins(t *testing.T) {
	if err := begins(); err != nil {
		t.Errorf("without a filter: %v", err)
	}
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		// What systemd does for RestrictNamespaces=, on this thread alone.
		filter := []unix.SockFilter{
			{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS}, // the number of the call
			{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.SYS_CLONE3, Jf: 1},
			{Code: unix.BPF_RET, K: unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)},
			{Code: unix.BPF_RET, K: unix.SECCOMP_RET_ALLOW},
		}
		prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
		err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
		if err == nil {
			err = unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&prog)), 0, 0)
		}
		if err == nil && begins() == nil {
			err = errors.New("with a filter: no error, want one that names clone3")
		}
		done <- err
	}()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
