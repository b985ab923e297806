package main

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/cmd/moonkeep/daemon"
	"github.com/moonkeep/moonkeep/config/build"
	"github.com/moonkeep/moonkeep/core/control"
	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

// TestNothingToldDelaysAdverts has one instance flap while its programs hang,
// nobody reads its FIFO and the relay is dead, and measures the adverts of
// another.
func TestNothingToldDelaysAdverts(t *testing.T) {
	a, b := hosts(t)
	hang := a.write(t, "hang.sh", "#!/bin/sh\ntrap '' TERM\nexec sleep 60\n", 0o755)
	fifo := filepath.Join(a.dir, "fifo")
	in := func(name string, vrid int, extra string) string {
		return fmt.Sprintf("vrrp_instance %s {\n interface eth0\n version 3\n virtual_router_id %d\n priority 100\n advert_int 0.1\n garp_master_repeat 1\n garp_master_delay 0\n virtual_ipaddress {\n  192.0.2.%d/24\n }\n %s\n}\n",
			name, vrid, 50+vrid, extra)
	}
	told := fmt.Sprintf("notify %[1]s\n notify_master %[1]s\n notify_backup %[1]s\n notify_stop %[1]s", hang)
	text := fmt.Sprintf("global_defs {\n script_user root\n notify_fifo %s\n smtp_server 192.0.2.77\n smtp_alert\n smtp_connect_timeout 60\n notification_email {\n  a@example.net\n }\n}\n", fifo) +
		in("STEADY", 51, "") + in("FLAPS", 52, told)
	file := a.write(t, "moonkeep.conf", text, 0o644)
	p := a.start(t, "run", file)
	p.awaitRole(t, "MASTER")
	// As full as a FIFO gets.
	fd, err := syscall.Open(fifo, syscall.O_WRONLY|syscall.O_NONBLOCK, 0)
	netnstest.Must(t, err)
	for err == nil {
		_, err = syscall.Write(fd, make([]byte, 64))
	}
	syscall.Close(fd)

	c, _, err := daemon.OpenConfig(file, "")
	netnstest.Must(t, err)
	peer, router := netip.MustParseAddr("192.0.2.2"), build.Node(c).Instances[1].Router
	better, leaving := router.Append(nil, 200, peer, vrrp.Group(false)), router.Append(nil, 0, peer, vrrp.Group(false))
	capture := b.Capture(t, "eth0", 0x0800)
	var at []time.Time
	flip := time.Now()
	for end := time.Now().Add(4 * time.Second); time.Now().Before(end); {
		if time.Since(flip) > 50*time.Millisecond {
			speak(t, b, peer, better)
			speak(t, b, peer, leaving)
			flip = time.Now()
		}
		frame := capture.Next(t, 20*time.Millisecond)
		const header = 14 + 20 // Ethernet, IPv4
		if len(frame) > header+1 && frame[14+9] == vrrp.Protocol && frame[header+1] == 51 {
			at = append(at, time.Now())
		}
	}
	var gaps []time.Duration
	for i := 1; i < len(at); i++ {
		gaps = append(gaps, at[i].Sub(at[i-1]))
	}
	slices.Sort(gaps)
	if len(gaps) < 30 {
		t.Fatalf("%d adverts in 4 s", len(at))
	}
	median, worst := gaps[len(gaps)/2], gaps[len(gaps)-1]
	t.Logf("%d adverts, between two of them %v at the median and %v at the worst", len(at), median, worst)
	if median < 90*time.Millisecond || median > 110*time.Millisecond || worst > 300*time.Millisecond {
		t.Errorf("between two adverts there are %v at the median and %v at the worst, want 100ms", median, worst)
	}
	s, err := p.status()
	netnstest.Must(t, err)
	n := s.Notifications
	if n.Waiting == 0 || n.Dropped == 0 || len(n.FIFOs) != 1 || n.FIFOs[0].Dropped < 20 || n.Mail == nil || n.Mail.Waiting < 5 || n.Mail.Sent != 0 {
		t.Errorf("got %+v, mail %+v after a storm", n, n.Mail)
	}
	begin := time.Now()
	p.stop(t)
	if took := time.Since(begin); took > 8*time.Second {
		t.Errorf("the stop took %v", took)
	}
}

// TestToldPrograms holds that startup_script has run before anything begins and
// shutdown_script runs when all is over, that a FIFO is made and removed, and
// what status says.
func TestToldPrograms(t *testing.T) {
	t.Parallel()
	a, _ := hosts(t)
	out := filepath.Join(a.dir, "out")
	say := a.write(t, "say.sh", "#!/bin/sh\n[ \"$1\" = start ] && sleep 0.3\necho \"$1 $(ip -4 -o addr show dev eth0 | grep -c 192.0.2.100)\" >>"+out+"\n", 0o755)
	fifo := filepath.Join(a.dir, "fifo")
	text := strings.Replace(conf(100, vip.String(), " notify_master \""+say+" master\"\n notify_stop \""+say+" stop\""), "script_user root",
		"script_user root\n enable_script_security\n startup_script \""+say+" start\"\n shutdown_script \""+say+" shutdown\"\n notify_fifo "+fifo, 1)
	safe(t, a)
	p := a.run(t, text)
	p.awaitRole(t, "MASTER")
	eventually(t, "the program of MASTER", func() bool { return strings.Contains(read(out), "master") }, func() string { return read(out) })
	s := p.await(t, "a line", func(*control.Instance) bool {
		s, err := p.status()
		return err == nil && len(s.Notifications.FIFOs) == 1 && s.Notifications.FIFOs[0].Written == 2 && s.Notifications.Told == 1
	})
	if f := s.Notifications.FIFOs[0]; f.Path != fifo || f.Dropped != 0 || s.Notifications.Mail != nil {
		t.Errorf("got %+v", s.Notifications)
	}
	p.stop(t)
	if got, want := read(out), "start 0\nmaster 1\nstop 0\nshutdown 0\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if _, err := syscall.Open(fifo, syscall.O_RDONLY|syscall.O_NONBLOCK, 0); err != syscall.ENOENT {
		t.Errorf("the FIFO is there still: %v", err)
	}
}

// TestUnsafeScriptsAreRefused holds that with enable_script_security a program
// that others could change keeps the daemon from starting, where keepalived
// becomes master without it; and that one which becomes so later fails.
func TestUnsafeScriptsAreRefused(t *testing.T) {
	t.Parallel()
	a, _ := hosts(t)
	safe(t, a)
	script := a.write(t, "check.sh", "#!/bin/sh\nexit 0\n", 0o777)
	text := strings.Replace(fmt.Sprintf("vrrp_script s {\n script %q\n interval 1\n}\n", script)+conf(100, vip.String(), " track_script {\n  s\n }"), "script_user root", "script_user root\n enable_script_security", 1)
	p := a.run(t, text)
	p.ended(t, 1)
	if log := p.log.String(); !strings.Contains(log, script+" can be written by everyone (owner 0, group 0, mode 0777); chmod o-w "+script) {
		t.Errorf("got log\n%s", log)
	}
	a.write(t, "check.sh", "#!/bin/sh\nexit 0\n", 0o755)
	p = a.run(t, text)
	p.awaitRole(t, "MASTER")
	a.write(t, "check.sh", "#!/bin/sh\nexit 0\n", 0o777)
	p.await(t, "FAULT for the script", func(i *control.Instance) bool {
		s, err := p.status()
		return i.Role == "FAULT" && err == nil && strings.Contains(s.Scripts[0].Message, "can be written by everyone")
	})
	p.stop(t)
}

// safe lets nobody but root change what is in the host's directory, whoever
// may come there.
func safe(t *testing.T, h *host) {
	t.Helper()
	for dir := h.dir; filepath.Dir(dir) != dir && filepath.Base(dir) != "tmp"; dir = filepath.Dir(dir) {
		netnstest.Must(t, syscall.Chmod(dir, 0o755))
	}
}

// read returns a file's text, none when it is not there.
func read(path string) string {
	text, _ := os.ReadFile(path)
	return string(text)
}
