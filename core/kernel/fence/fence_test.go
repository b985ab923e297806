//go:build linux

package fence

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
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

// fenced ends well when a fork bomb was stopped by the limit and this process
// could start one more of its own meanwhile.
func fenced(dir string) error {
	f, err := divide(dir, 50)
	if err != nil {
		return err
	}
	defer f.Close()
	cmd := exec.Command("/bin/sh", "-c", `while :; do sleep 100 & done`)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, UseCgroupFD: true, CgroupFD: f.FD()}
	if err := cmd.Start(); err != nil {
		return err
	}
	stopped := func() (bool, error) {
		events, err := os.ReadFile(filepath.Join(f.Path(), "pids.events"))
		return !strings.Contains(string(events), "max 0\n"), err
	}
	for begin := time.Now(); time.Since(begin) < 20*time.Second; time.Sleep(100 * time.Millisecond) {
		if over, err := stopped(); err != nil {
			return err
		} else if over {
			break
		}
	}
	if err := exec.Command("/bin/true").Run(); err != nil {
		return err
	}
	over, err := stopped()
	if err != nil {
		return err
	}
	current, err := os.ReadFile(filepath.Join(f.Path(), "pids.current"))
	if err != nil {
		return err
	}
	_, err = os.Stdout.WriteString(fmt.Sprintf("stopped %v, current %s", over, current))
	return err
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
			for _, name := range []string{programs, inner, ""} {
				if rerr := os.Remove(filepath.Join(dir, name)); rerr != nil {
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
	if got := string(text); !strings.HasPrefix(got, "stopped true, current ") {
		t.Errorf("the fence did not hold: %s", got)
	}
}
