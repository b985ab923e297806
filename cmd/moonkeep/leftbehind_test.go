package main

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
)

// crash kills a master of the address that has so many routes and rules.
func crash(t *testing.T, h *host, text string, routes, rules int) {
	t.Helper()
	p := h.run(t, text)
	p.awaitRole(t, "MASTER")
	h.holds(t, vip, true)
	h.owns(t, "all is set", routes, rules)
	p.journalled(t, vip.String())
	p.kill(t)
	if !h.has(t, vip) {
		t.Fatal("the killed daemon took its address away: nothing is tested below")
	}
}

// journalled waits until the address is in the journal, which nothing waits for.
func (p *process) journalled(t *testing.T, address string) {
	t.Helper()
	eventually(t, "the journal", func() bool {
		text, err := os.ReadFile(filepath.Join(p.dir, "owned.json"))
		return err == nil && strings.Contains(string(text), address)
	}, nothing)
}

// TestSweptBeforeStartupScript: what a crash left is removed before startup_script
// runs, also if the daemon is told to stop meanwhile.
func TestSweptBeforeStartupScript(t *testing.T) {
	t.Parallel()
	a, _ := hosts(t)
	crash(t, a, conf(150, vip.String(), ""), 0, 0)
	p := a.run(t, "global_defs {\n\tstartup_script \"/bin/sleep 60\"\n}\n"+conf(150, vip.String(), ""))
	a.holds(t, vip, false)
	if text := p.log.String(); strings.Contains(text, "moonkeep  runs") || strings.Contains(text, "startup_script") {
		t.Errorf("it went only after the script:\n%s", text)
	}
	p.stop(t)
	a.holds(t, vip, false)
}

// TestSweptWhenRefused: a start that is refused removes what a crash left, nothing
// that somebody set since then, and nothing while another daemon has the run directory.
func TestSweptWhenRefused(t *testing.T) {
	t.Parallel()
	a, _ := hosts(t)
	broken := a.write(t, "broken.conf", "vrrp_instance VI_1 {\n\tinterface\n", 0o644)
	crash(t, a, conf(150, vip.String(), routing), 2, 1)
	p := a.start(t, "run", broken)
	p.ended(t, 1)
	if a.has(t, vip) {
		t.Errorf("the address stands after the start that was refused:\n%s", p.log)
	}
	a.owns(t, "no route that is left", 0, 0)
	mentions(t, "the log", p.log.String(), "broken.conf", "removing 192.0.2.100/24 from eth0: an earlier run left it behind")

	a.give(t, vip.String())
	a.start(t, "run", broken).ended(t, 1)
	if !a.has(t, vip) {
		t.Error("the second start removed what was set by hand")
	}
	p = a.run(t, conf(150, vip.String(), ""))
	p.awaitRole(t, "MASTER")
	a.holds(t, vip, true)
	refused := a.start(t, "run", broken)
	refused.ended(t, 1)
	if text := refused.log.String(); !a.has(t, vip) || strings.Contains(text, "removing") {
		t.Errorf("an address of a daemon that runs was removed:\n%s", text)
	}
	p.stop(t)
}

// TestRefusedBesideAnother: a start that is refused, for a mistake or for the daemon that
// has the same virtual router, leaves alone what that has taken over since the crash, and
// the file that it tracks.
func TestRefusedBesideAnother(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"other", "moonkeep"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, _ := hosts(t)
			broken := a.write(t, "broken.conf", "vrrp_instance VI_1 {\n\tinterface\n", 0o644)
			tracked := filepath.Join(a.dir, "tracked")
			text := "track_file tf {\n\tfile " + tracked + "\n\tinit_file 0 overwrite\n}\n" + conf(150, vip.String(), routing)
			crash(t, a, text, 2, 1)
			program, err := os.Executable()
			if err == nil {
				err = os.Symlink(program, filepath.Join(a.dir, name))
			}
			if err != nil {
				t.Fatal(err)
			}
			file := a.write(t, "second.conf", text, 0o644)
			second := &process{dir: filepath.Join(a.dir, "second"), log: new(output), done: make(chan struct{})}
			second.Cmd = self("run", "-c", file, "--run-dir", second.dir)
			second.Path, second.Stderr = filepath.Join(a.dir, name), second.log
			second.begin(t, a)
			second.awaitRole(t, "MASTER")
			a.holds(t, vip, true)
			a.owns(t, "all is set", 2, 1)
			second.journalled(t, vip.String())
			if err := os.WriteFile(tracked, []byte("7"), 0o644); err != nil {
				t.Fatal(err)
			}
			for _, again := range []struct{ file, says string }{
				{file, "another moonkeep of this host (pid "},
				{broken, "broken.conf"},
				{file, "another moonkeep of this host (pid "},
			} {
				p := a.start(t, "run", again.file)
				p.ended(t, 1)
				mentions(t, "the log", p.log.String(), again.says)
				if !a.has(t, vip) {
					t.Fatalf("the address of the daemon that runs is gone:\n%s", p.log)
				}
				a.owns(t, "the routes and the rule of the daemon that runs", 2, 1)
				if got, err := os.ReadFile(tracked); err != nil || string(got) != "7" {
					t.Errorf("the tracked file is %q (%v) after the start that was refused, want 7", got, err)
				}
			}
			second.stop(t)
			a.start(t, "run", broken).ended(t, 1)
			a.owns(t, "no route that is left", 0, 0)
		})
	}
}

// TestSweptBesideAnother: of what a crash left, a start that is refused removes all but
// what another daemon has by now, and so does one that is not.
func TestSweptBesideAnother(t *testing.T) {
	t.Parallel()
	for name, again := range map[string]struct {
		vrid string // of the start after the crash
		says string
	}{
		"refused": {"51", "another moonkeep of this host (pid "},
		"taken":   {"53", "msg=\"moonkeep "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, _ := hosts(t)
			second := netip.MustParsePrefix("192.0.2.102/24")
			both := in("VI_2", "")
			both = conf(150, vip.String(), "") + strings.NewReplacer("router_id 51", "router_id 52", vip.String(), second.String()).Replace(both)
			crash(t, a, both, 0, 0)
			a.holds(t, second, true)
			other := a.start(t, "other", a.write(t, "other.conf", conf(150, vip.String(), ""), 0o644))
			other.awaitRole(t, "MASTER")
			other.journalled(t, vip.String())
			if !a.has(t, second) {
				t.Fatal("the other daemon removed what is not its: nothing is tested below")
			}
			text := conf(150, "192.0.2.103/24", "")
			if again.vrid == "51" {
				text = both
			}
			p := a.run(t, strings.Replace(text, "router_id 51", "router_id "+again.vrid, 1))
			eventually(t, "the start", func() bool { return strings.Contains(p.log.String(), again.says) }, p.log.String)
			if again.vrid == "51" {
				p.ended(t, 1)
			} else {
				p.awaitRole(t, "MASTER")
			}
			a.holds(t, second, false)
			mentions(t, "the log", p.log.String(), "removing "+second.String()+" from eth0: an earlier run left it behind")
			if text := p.log.String(); !a.has(t, vip) || strings.Contains(text, "removing "+vip.String()) {
				t.Errorf("the address of the daemon that runs was removed:\n%s", text)
			}
			other.stop(t)
			if again.vrid != "51" {
				p.stop(t)
			}
		})
	}
}

// TestLeftBesideAStranger: beside a program of which nobody knows what it has, what a crash
// left stays, and how to remove it is told.
func TestLeftBesideAStranger(t *testing.T) {
	t.Parallel()
	a, _ := hosts(t)
	broken := a.write(t, "broken.conf", "vrrp_instance VI_1 {\n\tinterface\n", 0o644)
	crash(t, a, conf(150, vip.String(), routing), 2, 1)
	a.Run(t, func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 112)
		t.Cleanup(func() { _ = unix.Close(fd) }) // nothing is written
		return err
	})
	p := a.start(t, "run", broken)
	p.ended(t, 1)
	mentions(t, "the log", p.log.String(), fmt.Sprintf("(pid %d) may have it by now", os.Getpid()), "ip address del "+vip.String()+" dev eth0; ip route del ")
	a.holds(t, vip, true)
	a.owns(t, "all that was left", 2, 1)
	_, commands, _ := strings.Cut(p.log.String(), "remove it: ")
	commands, _, _ = strings.Cut(commands, "\"")
	a.Run(t, func() error {
		out, err := exec.Command("sh", "-ec", commands).CombinedOutput()
		if err != nil {
			t.Errorf("%s: %s", commands, out)
		}
		return err
	})
	a.holds(t, vip, false)
	a.owns(t, "nothing", 0, 0)
}

// asKeepalived runs a program that does nothing under keepalived's name.
func asKeepalived(t *testing.T, h *host) {
	t.Helper()
	program, err := exec.LookPath("sleep")
	netnstest.Must(t, err)
	text, err := os.ReadFile(program)
	netnstest.Must(t, err)
	path := filepath.Join(h.dir, "keepalived")
	netnstest.Must(t, os.WriteFile(path, text, 0o755))
	cmd := exec.Command(path, "1000")
	cmd.Args[0] = "sleep" // one program may be many, by that name
	netnstest.Must(t, h.Start(cmd))
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
}

// TestLeftBesideAStrangerAtStart: of what a crash left, a start beside a program of which
// nobody knows what it has takes only what is configured, and tells the rest.
func TestLeftBesideAStrangerAtStart(t *testing.T) {
	t.Parallel()
	for name, beside := range map[string]func(t *testing.T, h *host){
		"speaks VRRP": func(t *testing.T, h *host) {
			h.Run(t, func() error {
				fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 112)
				t.Cleanup(func() { _ = unix.Close(fd) }) // nothing is written
				return err
			})
		},
		"keepalived": asKeepalived,
		"long run directory": func(t *testing.T, h *host) {
			file := h.write(t, "other.conf", "global_defs {\n\trouter_id OTHER\n}\n", 0o644)
			short, err := os.MkdirTemp("", "long")
			netnstest.Must(t, err)
			t.Cleanup(func() { _ = os.RemoveAll(short) })
			const length = 92 // the socket's name has room, the one that is held has not
			p := &process{dir: filepath.Join(short, strings.Repeat("x", length-1-len(short))), log: new(output), done: make(chan struct{})}
			p.Cmd = self("run", "-c", file, "--run-dir", p.dir)
			p.Stderr = p.log
			p.begin(t, h)
			eventually(t, "the start", func() bool { return strings.Contains(p.log.String(), "msg=\"moonkeep ") }, p.log.String)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, _ := hosts(t)
			const kept = "192.0.2.102/24"
			second := netip.MustParsePrefix(kept)
			crash(t, a, conf(150, vip.String()+"\n"+kept, routing), 2, 1)
			a.holds(t, second, true)
			beside(t, a)
			p := a.run(t, strings.Replace(conf(150, vip.String(), ""), "router_id 51", "router_id 53", 1))
			p.awaitRole(t, "MASTER")
			text := p.log.String()
			mentions(t, "the log", text, " may have it by now; if not, remove it: ip address del "+kept+" dev eth0; ip route del ")
			if !a.has(t, second) || strings.Contains(text, "removing "+kept) || strings.Contains(text, "address del "+vip.String()) {
				t.Errorf("what another program may have was removed, or what is configured was told:\n%s", text)
			}
			a.owns(t, "the routes and the rule that were left", 2, 1)
			p.stop(t)
			a.holds(t, vip, false)
			a.holds(t, second, true)
		})
	}
}

// TestSweptInTheNamespaceLeft: what a daemon left in the network namespace that
// net_namespace named is removed there by one that works elsewhere, where nothing is
// changed.
func TestSweptInTheNamespaceLeft(t *testing.T) {
	t.Parallel()
	blue, _ := hosts(t)
	here, _ := hosts(t)
	name := blue.named(t, "blue")
	setting := func(h *host) (value string) {
		h.Run(t, func() error {
			data, err := os.ReadFile("/proc/sys/net/ipv4/conf/eth0/promote_secondaries")
			value = strings.TrimSpace(string(data))
			return err
		})
		return value
	}
	here.Run(t, func() error {
		return os.WriteFile("/proc/sys/net/ipv4/conf/eth0/promote_secondaries", []byte("1"), 0)
	})
	text := conf(150, vip.String(), "\tpromote_secondaries\n")
	p := here.run(t, "net_namespace "+name+"\n"+text)
	p.awaitRole(t, "MASTER")
	blue.holds(t, vip, true)
	p.journalled(t, vip.String())
	p.kill(t)
	if got := setting(blue); got != "1" {
		t.Fatalf("promote_secondaries is %s in the namespace, want 1: nothing is tested below", got)
	}
	p = here.run(t, conf(150, vip.String(), ""))
	p.awaitRole(t, "MASTER")
	here.holds(t, vip, true)
	blue.holds(t, vip, false)
	if is, was := setting(here), setting(blue); is != "1" || was != "0" {
		t.Errorf("promote_secondaries is %s here and %s in the namespace that was left, want 1 and 0", is, was)
	}
	p.stop(t)
}
