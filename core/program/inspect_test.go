package program

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Inspect says beforehand what Run says afterwards; both are held to one table.
func TestWhatCannotRunIsNamed(t *testing.T) {
	s := newStarter(t, Options{})
	dir := openDir(t)
	link := filepath.Join(dir, "dangling")
	if err := os.Symlink("/nowhere/at-all", link); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, path string
		reason     error
		says       string
	}{
		{"missing", dir + "/none.sh", ErrMissing, "none.sh does not exist; create it"},
		{"missing directory", dir + "/no/such/file", ErrMissing, "there is no " + dir + "/no"},
		{"below a file", file(t, "plain", 0o755, "#!/bin/sh\n") + "/x", ErrMissing, "does not exist"},
		{"not in PATH", "no-such-program-anywhere", ErrMissing, `"no-such-program-anywhere" does not exist in PATH (`},
		{"dangling link", link, ErrMissing, "there is no /nowhere"},
		{"a directory", dir, ErrDirectory, "is not a file but a directory"},
		{"no execute bit", file(t, "a.sh", 0o644, "#!/bin/sh\n"), ErrNotExecutable, "(mode 0644); chmod +x "},
		{"empty", file(t, "b.sh", 0o755, ""), ErrFormat, "it is empty"},
		{"no first line", file(t, "c.sh", 0o755, "exit 0\n"), ErrFormat, "begin it with, say, #!/bin/sh"},
		{"missing interpreter", file(t, "d.sh", 0o755, "#!/usr/bin/no-such-shell -e\n"), ErrInterpreter, "/usr/bin/no-such-shell does not exist"},
		{"DOS", file(t, "e.sh", 0o755, "#!/bin/sh\r\nexit 0\r\n"), ErrInterpreter, "DOS"},
		{"empty first line", file(t, "f.sh", 0o755, "#!\nexit 0\n"), ErrInterpreter, "its first line names none"},
		{"relative interpreter", file(t, "g.sh", 0o755, "#!no-such-shell\n"), ErrInterpreter, "no-such-shell is not an absolute path"},
		{"interpreter that is none", file(t, "h.sh", 0o755, "#!/etc/passwd\n"), ErrInterpreter, "/etc/passwd is not executable"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := s.Run(noContext, Spec{Argv: []string{tt.path}})
			if o.Kind != NotStarted {
				t.Fatalf("got %v", o)
			}
			for who, err := range map[string]error{"inspect": Inspect(tt.path, "", ""), "run": o.Err} {
				if !errors.Is(err, tt.reason) || !strings.Contains(err.Error(), tt.says) || !strings.Contains(err.Error(), tt.path) {
					t.Errorf("%s: got %q, want %q with %q", who, err, tt.reason, tt.says)
				}
			}
		})
	}
}

func TestInspectFindsNothingWrong(t *testing.T) {
	for _, path := range []string{
		"sh", "/bin/sh", "/bin/true",
		file(t, "a", 0o755, "#!/bin/sh\n"),
		file(t, "b", 0o755, "#! /usr/bin/env sh\n"),
		file(t, "c", 0o755, "#!/usr/bin/env -S sh -e\n"),
		file(t, "d", 0o755, "#!/bin/sh"),
	} {
		if err := Inspect(path, "", ""); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	path := file(t, "e", 0o755, "#!/usr/bin/env no-such-language\n")
	if err := Inspect(path, "", ""); !errors.Is(err, ErrInterpreter) || !strings.Contains(err.Error(), "no-such-language") {
		t.Errorf("got %v", err)
	}
}

func TestWhatAnotherUserCannotRunIsNamed(t *testing.T) {
	needRoot(t)
	s := newStarter(t, Options{})
	closed := filepath.Join(openDir(t), "closed")
	if err := os.Mkdir(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	inside := filepath.Join(closed, "x.sh")
	if err := os.WriteFile(inside, []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	good := file(t, "good.sh", 0o755, "#!/bin/sh\nid -u; id -g; id -G; echo $HOME $USER $LOGNAME\n")
	for _, tt := range []struct {
		name string
		spec Spec
		want error
		says string
	}{
		{"closed directory", Spec{Argv: []string{inside}, User: "nobody"}, ErrPermission, closed + " (mode 0700)"},
		{"only root's", Spec{Argv: []string{file(t, "a.sh", 0o700, "#!/bin/sh\n")}, User: "nobody"}, ErrPermission, "user nobody: mode 0700"},
		{"no such user", Spec{Argv: []string{good}, User: "no-such-user"}, ErrUser, `"no-such-user"`},
		{"no such group", Spec{Argv: []string{good}, User: "nobody", Group: "no-such-group"}, ErrUser, `"no-such-group"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := s.Run(noContext, tt.spec)
			if o.Kind != NotStarted {
				t.Fatalf("got %v", o)
			}
			for who, err := range map[string]error{"inspect": Inspect(tt.spec.Argv[0], tt.spec.User, tt.spec.Group), "run": o.Err} {
				if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.says) {
					t.Errorf("%s: got %q, want %q with %q", who, err, tt.want, tt.says)
				}
			}
		})
	}
	t.Run("unreadable script", func(t *testing.T) {
		// Here execve succeeds and the shell fails: Run cannot know.
		path := file(t, "b.sh", 0o711, "#!/bin/sh\n")
		if err := Inspect(path, "nobody", ""); !errors.Is(err, ErrPermission) || !strings.Contains(err.Error(), "readable") {
			t.Errorf("got %v", err)
		}
	})
	t.Run("closed working directory", func(t *testing.T) {
		o := s.Run(noContext, Spec{Argv: []string{good}, User: "nobody", Dir: closed})
		if !errors.Is(o.Err, ErrDir) || !strings.Contains(o.Err.Error(), closed) {
			t.Errorf("got %v", o)
		}
	})
	t.Run("good", func(t *testing.T) {
		if err := Inspect(good, "nobody", ""); err != nil {
			t.Error(err)
		}
		o := s.Run(noContext, Spec{Argv: []string{good}, User: "nobody"})
		if want := "65534\n65534\n65534\n/nonexistent nobody nobody\n"; !o.OK() || string(o.Output) != want {
			t.Errorf("got %v %q, want %q", o, o.Output, want)
		}
		o = s.Run(noContext, Spec{Argv: []string{good}, User: "65534", Group: "daemon"})
		if want := "65534\n1\n1 65534\n/nonexistent nobody nobody\n"; !o.OK() || string(o.Output) != want {
			t.Errorf("got %v %q, want %q", o, o.Output, want)
		}
		o = s.Run(noContext, Spec{Argv: []string{"sh", "-c", "id -u; id -G"}, Group: "daemon"})
		if want := "0\n1\n"; !o.OK() || string(o.Output) != want {
			t.Errorf("got %v %q, want %q", o, o.Output, want)
		}
	})
}

// An unprivileged daemon may run programs as itself and is told why not as
// others.
func TestUnprivilegedDaemon(t *testing.T) {
	needRoot(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := openDir(t)
	binary := filepath.Join(dir, "program.test")
	if out, err := exec.Command("cp", self, binary).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	cmd := exec.Command(binary)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), unprivilegedEnv+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	as := strings.Split(string(out), "\n")
	if as[0] != "exit status 0" {
		t.Errorf("as itself: %s", as[0])
	}
	if !strings.Contains(as[1], "the daemon (uid 65534) may not become user root; run it as root") {
		t.Errorf("as root: %s", as[1])
	}
}

func TestMissingOrWrongWorkingDirectoryIsNamed(t *testing.T) {
	s := newStarter(t, Options{})
	for _, dir := range []string{"/nowhere/at-all", "/etc/passwd"} {
		o := s.Run(noContext, Spec{Argv: []string{"true"}, Dir: dir})
		if !errors.Is(o.Err, ErrDir) || !strings.Contains(o.Err.Error(), dir) {
			t.Errorf("got %v", o)
		}
	}
	if o := s.Run(noContext, Spec{}); o.Kind != NotStarted || !strings.Contains(o.String(), "no program is named") {
		t.Errorf("got %v", o)
	}
}

func TestAFifoDoesNotHoldUs(t *testing.T) {
	s := newStarter(t, Options{})
	path := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(path, 0o755); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	o := s.Run(noContext, Spec{Argv: []string{path}, Timeout: 2 * time.Second})
	if !errors.Is(o.Err, ErrDirectory) || time.Since(begin) > time.Second {
		t.Errorf("got %v", o)
	}
}

func TestTrusted(t *testing.T) {
	needRoot(t)
	base := openDir(t) // below the sticky temporary directory
	mk := func(name string, mode os.FileMode, uid, gid int) string {
		t.Helper()
		dir := filepath.Join(base, name)
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, "x.sh")
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(dir, uid, gid); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := mk("good", 0o755, 0, 0)
	others := mk("others", 0o755, 65534, 0)
	owned := mk("owned", 0o755, 0, 0)
	if err := os.Chown(owned, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	through := filepath.Join(base, "through")
	if err := os.Symlink("good/../others/x.sh", through); err != nil {
		t.Fatal(err)
	}
	loop := filepath.Join(base, "loop")
	if err := os.Symlink("loop", loop); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, path, says string }{
		{"root's", good, ""},
		{"through a link", "/bin/sh", ""},
		{"root's group", mk("rootgroup", 0o775, 0, 0), ""},
		{"sticky", mk("sticky", 0o777|os.ModeSticky, 0, 0), ""},
		{"everyone", mk("everyone", 0o777, 0, 0), base + "/everyone can be written by everyone (owner 0, group 0, mode 0777); chmod o-w " + base + "/everyone"},
		{"a group", mk("group", 0o775, 0, 1), "chmod g-w " + base + "/group"},
		{"another's directory", others, "chown root " + base + "/others"},
		{"another's file", owned, "chown root " + owned},
		{"link to another's", through, "chown root " + base + "/others"},
		{"loop", loop, "too many"},
		{"missing", base + "/none", "does not exist"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := Trusted(tt.path)
			switch {
			case tt.says == "" && err != nil:
				t.Error(err)
			case tt.says != "" && (err == nil || !strings.Contains(err.Error(), tt.says)):
				t.Errorf("got %v, want %q", err, tt.says)
			case strings.Contains(tt.says, "ch") && !errors.Is(err, ErrUntrusted):
				t.Errorf("got %v, want %v", err, ErrUntrusted)
			}
		})
	}
}

// TestTrustedCommand holds that a user may own what he runs, and that the
// script of an interpreter counts.
func TestTrustedCommand(t *testing.T) {
	needRoot(t)
	base := openDir(t)
	mk := func(name string, mode os.FileMode, uid, gid int) string {
		t.Helper()
		path := filepath.Join(base, name)
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(os.Chown(path, uid, gid), os.Chmod(path, mode)); err != nil {
			t.Fatal(err)
		}
		return path
	}
	own := mk("own", 0o775, 65534, 65534)
	for _, tt := range []struct {
		name  string
		argv  []string
		user  string
		group string
		says  string
	}{
		{"root's, by root", []string{mk("root", 0o755, 0, 0)}, "", "", ""},
		{"a user's, by root", []string{own}, "", "", "is not root's"},
		{"his own", []string{own}, "65534", "65534", ""},
		{"another's", []string{mk("another", 0o755, 12345, 0)}, "65534", "", "is not root's or that of user"},
		{"everyone's", []string{mk("everyone", 0o777, 65534, 0)}, "65534", "", "can be written by everyone"},
		{"another group's", []string{mk("group", 0o775, 0, 12345)}, "65534", "", "can be written by its group"},
		{"a script", []string{"/bin/sh", own}, "", "", own + " is not root's"},
		{"no such user", []string{own}, "nosuchuser", "", "no such user"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := TrustedCommand(tt.argv, tt.user, tt.group)
			if tt.says == "" && err != nil || tt.says != "" && (err == nil || !strings.Contains(err.Error(), tt.says)) {
				t.Errorf("got %v, want %q", err, tt.says)
			}
		})
	}
}
