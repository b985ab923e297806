//go:build linux

package host

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/program"
	"github.com/moonkeep/moonkeep/plugins/checker"
)

// ambientEnv makes the test binary a daemon that is not root, in the directory it
// names. It prints who its plugins are.
const ambientEnv = "MOONKEEP_HOST_TEST_AMBIENT"

func ambient() {
	fatal := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	h, err := New(Options{Dir: filepath.Join(os.Getenv(ambientEnv), "plugins")})
	fatal(err)
	plugins := []Plugin{{Name: "GOOD-raw", Allow: []string{"net_raw", "net_bind_service"}}, {Name: "GOOD-plain", Plain: true}}
	for _, kind := range []string{"GOOD", "GOOD-raw", "GOOD-plain", "GOOD-mark"} {
		c := check(0, kind, "ids")
		if kind == "GOOD-mark" {
			c.Target.Fwmark = 1
		}
		got, err := h.Probe(context.Background(), c, plugins...)
		fatal(err)
		if got.Verdict != checker.OK {
			got.Message = got.Verdict.String() + " " + got.Message
		}
		fmt.Println(kind, got.Message)
	}
	fatal(h.Close(context.Background()))
}

// TestDaemonsCapabilities: a daemon that is not root, and has capabilities for its own
// work, gives its plugins those of them that they are allowed, and no others.
func TestDaemonsCapabilities(t *testing.T) {
	needRoot(t)
	dir := openDir(t)
	nobody, err := program.Who("nobody", "")
	if err != nil {
		t.Fatal(err)
	}
	// Whose folder nobody may enter.
	self := filepath.Join(dir, "daemon")
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("cp", exe, self).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	run := filepath.Join(dir, "run")
	if err := os.Mkdir(run, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(run, int(nobody.UID), int(nobody.GID)); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		daemon                 []uintptr
		none, raw, plain, mark int
	}{
		// One that is Plain has what every program of the daemon's user has.
		{[]uintptr{unix.CAP_NET_ADMIN, unix.CAP_NET_RAW}, 0, 0x2000, 0x3000, 1 << capabilities[markCapability(release())]},
		{[]uintptr{unix.CAP_NET_ADMIN}, 0, 0, 0x1000, 0x1000},
	} {
		cmd := exec.Command(self)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), ambientEnv+"="+run)
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Credential:  &syscall.Credential{Uid: nobody.UID, Gid: nobody.GID},
			AmbientCaps: test.daemon,
		}
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		holdCapabilities(t, string(out), fmt.Sprint(nobody.UID), map[string]int{
			"GOOD": test.none, "GOOD-raw": test.raw, "GOOD-plain": test.plain, "GOOD-mark": test.mark,
		})
	}
}

// holdCapabilities holds that each kind ran, and had what it is to have.
func holdCapabilities(t *testing.T, out, uid string, all map[string]int) {
	t.Helper()
	for kind, caps := range all {
		want := fmt.Sprintf("CapEff=%016x", caps)
		if !strings.Contains(out, "\n"+kind+" Uid="+uid) && !strings.HasPrefix(out, kind+" ") {
			t.Errorf("%s did not run: %s", kind, out)
		}
		for line := range strings.Lines(out) {
			if strings.HasPrefix(line, kind+" ") && !strings.Contains(line, want) {
				t.Errorf("%s: %q, want %s", kind, line, want)
			}
		}
	}
}

// TestPlainIsAsTheDaemon: a plugin that runs the users' programs has the umask, the
// folder and the limits of the daemon, which these get.
func TestPlainIsAsTheDaemon(t *testing.T) {
	s := newSite(t, quick(t))
	s.open(Plan{
		Checks:  []Check{check(0, "GOOD", "limits"), check(1, "GOOD-plain", "limits")},
		Plugins: []Plugin{{Name: "GOOD-plain", Plain: true, User: "daemon"}},
	})
	if own, a := limits(), s.probe(1); a.Message != own {
		t.Errorf("a plain plugin has %q, and the daemon %q", a.Message, own)
	}
	if a := s.probe(0); !strings.HasPrefix(a.Message, "umask 0077, folder /, stack 2097152 2097152, core 0 0") {
		t.Errorf("a plugin has %q", a.Message)
	}
}

func init() {
	actions["limits"] = func(context.Context, checker.Target) checker.Result {
		return checker.Result{Verdict: checker.OK, Message: limits()}
	}
}

// limits are what a process may, in words.
func limits() string {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return err.Error()
	}
	umask := ""
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "Umask:"); ok {
			umask = strings.TrimSpace(rest)
		}
	}
	dir, err := os.Getwd()
	if err != nil {
		return err.Error()
	}
	var stack, core unix.Rlimit
	files, err := exec.Command("sh", "-c", "ulimit -Sn; ulimit -Hn").Output() // of what it runs
	if err != nil {
		files = []byte(err.Error())
	}
	if err := unix.Getrlimit(unix.RLIMIT_STACK, &stack); err != nil {
		return err.Error()
	}
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &core); err != nil {
		return err.Error()
	}
	return fmt.Sprintf("umask %s, folder %s, stack %d %d, core %d %d, files %s", umask, dir, stack.Cur, stack.Max, core.Cur, core.Max, strings.Fields(string(files)))
}
