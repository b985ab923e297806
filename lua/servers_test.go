package lua

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// program returns the path of a program, also of one that only root has in its
// search path, or skips the test.
func program(t *testing.T, name, why string) string {
	t.Helper()
	for _, dir := range append(filepath.SplitList(os.Getenv("PATH")), "/usr/sbin", "/usr/local/sbin") {
		if path := filepath.Join(dir, name); filepath.IsAbs(path) {
			if info, err := os.Stat(path); err == nil && info.Mode()&0o111 != 0 {
				return path
			}
		}
	}
	t.Skipf("needs %s: %s", name, why)
	return ""
}

// freePort returns an address that nobody listens on.
func freePort(t *testing.T) (address, port string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String(), strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

// as makes a command run as a user, when we are root: some servers refuse to
// run as root.
func as(t *testing.T, cmd *exec.Cmd, name string) *exec.Cmd {
	if os.Getuid() != 0 {
		return cmd
	}
	uid, gid := owner(t, name)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: gid}}
	return cmd
}

func owner(t *testing.T, name string) (uid, gid uint32) {
	t.Helper()
	u, err := user.Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []struct {
		text string
		to   *uint32
	}{{u.Uid, &uid}, {u.Gid, &gid}} {
		v, err := strconv.ParseUint(n.text, 10, 32)
		if err != nil {
			t.Fatal(err)
		}
		*n.to = uint32(v)
	}
	return uid, gid
}

// folderOf returns a folder that belongs to a user and that it can reach.
func folderOf(t *testing.T, name string) string {
	t.Helper()
	// Not t.TempDir: its parents are ours alone.
	dir, err := os.MkdirTemp("", "moonkeep-lua-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if os.Getuid() == 0 {
		uid, gid := owner(t, name)
		if err := os.Chown(dir, int(uid), int(gid)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// serve starts a server and waits until it accepts connections; it is killed
// when the test ends.
func serve(t *testing.T, cmd *exec.Cmd, network, address string) {
	t.Helper()
	log := filepath.Join(t.TempDir(), "log")
	file, err := os.Create(log)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	cmd.Stdout, cmd.Stderr = file, file
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		<-ended
	})
	for until := time.Now().Add(30 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if conn, err := net.Dial(network, address); err == nil {
			conn.Close()
			return
		}
		select {
		case err := <-ended:
			ended <- err
			text, _ := os.ReadFile(log)
			t.Fatalf("%s ended: %v\n%s", cmd.Path, err, text)
		default:
		}
		if time.Now().After(until) {
			text, _ := os.ReadFile(log)
			t.Fatalf("%s does not listen on %s\n%s", cmd.Path, address, text)
		}
	}
}

// run runs a program to its end.
func run(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, out)
	}
	return string(out)
}

// clientExample runs the example of a client and returns what it says.
func clientExample(t *testing.T, name string, args map[string]any) string {
	t.Helper()
	script, err := Compile(filepath.Join("examples", "client", name+".lua"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := script.NewRunner(Options{Args: args})
	if err != nil {
		t.Fatal(err)
	}
	ok, message, err := r.Check(within(t, 10*time.Second))
	if err != nil {
		return err.Error()
	}
	return fmt.Sprint(ok, " ", message)
}

// wantExample runs the example of a client until it says this; a want that
// ends in an asterisk is a part of it.
func wantExample(t *testing.T, name, want string, args map[string]any) {
	t.Helper()
	got := ""
	for until := time.Now().Add(10 * time.Second); time.Now().Before(until); time.Sleep(50 * time.Millisecond) {
		got = clientExample(t, name, args)
		if part, begins := strings.CutSuffix(want, "*"); got == want || begins && strings.Contains(got, part) {
			return
		}
	}
	t.Errorf("%s says %q, want %q", name, got, want)
}
