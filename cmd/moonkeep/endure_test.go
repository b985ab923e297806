package main

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/cmd/moonkeep/daemon"
	"github.com/moonkeep/moonkeep/core/control"
	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
	"github.com/moonkeep/moonkeep/core/netspec"
)

// TestLogOutlivesItsReader holds that no state of standard error ends or stops
// a daemon: it goes through a take-over, a reload and an orderly stop.
func TestLogOutlivesItsReader(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		open func(t *testing.T) *os.File
	}{
		{"full disk", func(t *testing.T) *os.File {
			f, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
			netnstest.Must(t, err)
			return f
		}},
		{"pipe whose reader is gone", func(t *testing.T) *os.File {
			r, w, err := os.Pipe()
			netnstest.Must(t, err)
			netnstest.Must(t, r.Close())
			return w
		}},
		{"pipe that nobody reads", func(t *testing.T) *os.File {
			r, w, err := os.Pipe()
			netnstest.Must(t, err)
			t.Cleanup(func() { r.Close() })
			// It is full already: the first line blocks.
			netnstest.Must(t, w.SetWriteDeadline(time.Now().Add(100*time.Millisecond)))
			for err == nil {
				_, err = w.Write(make([]byte, 4096))
			}
			return w
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, _ := hosts(t)
			file := a.write(t, "moonkeep.conf", conf(100, vip.String(), ""), 0o644)
			p := &process{Cmd: self("run", "-c", file, "--run-dir", filepath.Join(a.dir, "run")), dir: filepath.Join(a.dir, "run"), log: new(output), done: make(chan struct{})}
			stderr := tt.open(t)
			p.Stderr = stderr
			p.begin(t, a)
			netnstest.Must(t, stderr.Close()) // the daemon has its own
			p.awaitRole(t, "MASTER")
			a.holds(t, vip, true)
			a.write(t, "moonkeep.conf", conf(100, "192.0.2.101/24", ""), 0o644)
			p.signal(t, syscall.SIGHUP)
			a.holds(t, netip.MustParsePrefix("192.0.2.101/24"), true)
			a.holds(t, vip, false)
			p.stop(t)
			a.holds(t, netip.MustParsePrefix("192.0.2.101/24"), false)
		})
	}
}

// TestTwoDaemons holds that two daemons share a host when each has a run
// directory, and that a second one in the same directory is refused.
func TestTwoDaemons(t *testing.T) {
	t.Parallel()
	a, _ := hosts(t)
	first := a.start(t, "one", a.write(t, "one.conf", conf(100, vip.String(), ""), 0o644))
	other := strings.NewReplacer("VI_1", "VI_2", "virtual_router_id 51", "virtual_router_id 52").Replace(conf(100, "192.0.2.101/24", ""))
	file := a.write(t, "two.conf", other, 0o644)
	first.awaitRole(t, "MASTER")

	refused := a.start(t, "one", file)
	refused.ended(t, 1)
	want := fmt.Sprintf("another moonkeep runs in %s (pid %d): stop it, or give this one a --run-dir of its own", first.dir, first.Process.Pid)
	if !strings.Contains(refused.log.String(), want) {
		t.Errorf("the second says:\n%s\nwant %s", refused.log, want)
	}
	if s, err := first.status(); err != nil || s.PID != first.Process.Pid {
		t.Errorf("the first no longer answers: %+v, %v", s, err)
	}

	second := a.start(t, "two", file)
	second.awaitRole(t, "MASTER")
	a.holds(t, vip, true)
	a.holds(t, netip.MustParsePrefix("192.0.2.101/24"), true)
	first.stop(t)
	a.holds(t, vip, false)
	if !a.has(t, netip.MustParsePrefix("192.0.2.101/24")) {
		t.Error("the second lost its address when the first stopped")
	}
	second.stop(t)
}

// TestStopTwice holds that a second signal ends a hand-over at once, and that
// the addresses are given up all the same.
func TestStopTwice(t *testing.T) {
	a, _ := hosts(t)
	p := a.run(t, strings.ReplaceAll(conf(255, vip.String(), ""), "advert_int 0.1", "advert_int 10"))
	p.awaitRole(t, "MASTER")
	a.holds(t, vip, true)
	p.signal(t, syscall.SIGTERM)
	eventually(t, "handing over", func() bool { return strings.Contains(p.log.String(), "msg=stopping") }, p.log.String)
	p.signal(t, syscall.SIGINT)
	begin := time.Now()
	p.ended(t, 0)
	// The wait for a successor is two seconds here; a program built with the
	// race detector takes one to exit.
	if took := time.Since(begin); took > 1800*time.Millisecond {
		t.Errorf("the second signal took %v", took)
	}
	if a.has(t, vip) {
		t.Error("the address is left behind")
	}
}

// TestStopAtOnce holds that a third signal ends the daemon also while it waits for a
// program that is told of the stop, with a status that is not that of an orderly one.
func TestStopAtOnce(t *testing.T) {
	t.Parallel()
	a, _ := hosts(t)
	begun := filepath.Join(a.dir, "begun")
	program := a.write(t, "stop.sh", "#!/bin/sh\ntouch "+begun+"\nexec sleep 20\n", 0o755)
	p := a.run(t, conf(100, vip.String(), "\tnotify_stop "+program))
	p.awaitRole(t, "MASTER")
	for _, said := range []string{"msg=stopping signal", "msg=\"stopping without waiting"} {
		p.signal(t, syscall.SIGTERM)
		eventually(t, said, func() bool { return strings.Contains(p.log.String(), said) }, p.log.String)
	}
	eventually(t, "the program that is told of the stop", func() bool { _, err := os.Stat(begun); return err == nil }, p.log.String)
	p.signal(t, syscall.SIGTERM)
	begin := time.Now()
	p.ended(t, 1)
	// It would wait five seconds for the program.
	if took := time.Since(begin); took > 2500*time.Millisecond {
		t.Errorf("the third signal took %v", took)
	}
	if !strings.Contains(p.log.String(), "level=WARN msg=\"stopping at once") {
		t.Errorf("it does not say what it leaves behind:\n%s", p.log)
	}
}

// TestOwnersAddress holds that an owner's address which is the host's own stays
// when the daemon stops, and when it starts after a kill -9.
func TestOwnersAddress(t *testing.T) {
	t.Parallel()
	a, _ := hosts(t)
	own := netip.MustParsePrefix("192.0.2.1/24")
	for range 2 {
		p := a.run(t, conf(255, own.String(), ""))
		p.awaitRole(t, "MASTER")
		p.kill(t)
		p = a.run(t, conf(255, own.String(), ""))
		p.awaitRole(t, "MASTER")
		// Whatever is told of the link, it goes on sending from its address.
		other := netspec.Address{Prefix: netip.MustParsePrefix("192.0.2.77/32"), Device: "eth0"}
		_, err := a.Link.Add(other)
		netnstest.Must(t, err)
		netnstest.Must(t, a.Link.Remove(other))
		time.Sleep(50 * time.Millisecond)
		if s, err := p.status(); err != nil || s.Instances[0].Role != "MASTER" || !s.Instances[0].Addresses[0].Kept {
			t.Fatalf("the owner is %+v, %v", s.Instances, err)
		}
		p.stop(t)
		if !a.has(t, own) {
			t.Fatal("the host lost its own address")
		}
	}
	for _, length := range []string{"24", "32"} {
		p := a.run(t, conf(100, "192.0.2.1/"+length, ""))
		p.ended(t, 1)
		if want := "the virtual address 192.0.2.1/" + length + " is the only address of eth0"; !strings.Contains(p.log.String(), want) {
			t.Errorf("it says:\n%s\nwant %s", p.log, want)
		}
	}
	if !a.has(t, own) {
		t.Error("the host lost its own address")
	}
}

// TestOwnersAddressReloaded holds the same of an owner that a reload adds, and that a
// reload which makes the owner another ends it.
func TestOwnersAddressReloaded(t *testing.T) {
	t.Parallel()
	a, _ := hosts(t)
	own := netip.MustParsePrefix("192.0.2.1/24")
	first := conf(100, vip.String(), "")
	p := a.run(t, first)
	p.awaitRole(t, "MASTER")
	owner := strings.NewReplacer("VI_1", "VI_2", "virtual_router_id 51", "virtual_router_id 52").Replace(conf(255, own.String(), ""))
	owner = owner[strings.Index(owner, "vrrp_instance"):]
	reload := func(p *process, text string, done func(control.Status) bool) {
		t.Helper()
		a.write(t, "moonkeep.conf", text, 0o644)
		p.signal(t, syscall.SIGHUP)
		eventually(t, "the reload", func() bool {
			s, err := p.status()
			return err == nil && s.ReloadError == "" && done(s)
		}, p.log.String)
	}
	added := func(s control.Status) bool { return len(s.Instances) == 2 && s.Instances[1].Role == "MASTER" }
	reload(p, first+owner, added)
	p.kill(t)
	p = a.run(t, first) // whose journal must not have it
	p.awaitRole(t, "MASTER")
	if !a.has(t, own) {
		t.Fatal("the host lost its own address after a kill -9")
	}
	reload(p, first+owner, added)
	reload(p, first, func(s control.Status) bool { return len(s.Instances) == 1 })
	if !a.has(t, own) {
		t.Fatal("the host lost its own address when the owner was removed")
	}
	reload(p, first+owner, added)
	p.stop(t)
	if !a.has(t, own) {
		t.Fatal("the host lost its own address when the daemon stopped")
	}

	_, err := a.Link.Add(netspec.Address{Prefix: vip, Device: "eth0"})
	netnstest.Must(t, err)
	p = a.run(t, conf(255, vip.String(), ""))
	p.awaitRole(t, "MASTER")
	reload(p, conf(150, vip.String(), ""), func(s control.Status) bool { return s.Instances[0].Base == 150 })
	p.stop(t)
	if a.has(t, vip) {
		t.Error("the virtual address stays, although this node is no owner any more")
	}
}

// TestReloadKeepsTheHostsAddress: a reload is refused that would make the only
// address that is not virtual a virtual one; a backup would take it from the host.
func TestReloadKeepsTheHostsAddress(t *testing.T) {
	t.Parallel()
	a, _ := hosts(t)
	p := a.run(t, conf(100, vip.String(), ""))
	p.awaitRole(t, "MASTER")
	a.holds(t, vip, true)
	a.write(t, "moonkeep.conf", conf(100, "192.0.2.1/24\n"+vip.String(), ""), 0o644)
	p.signal(t, syscall.SIGHUP)
	eventually(t, "the reload is refused", func() bool {
		s, err := p.status()
		return err == nil && strings.Contains(s.ReloadError, "192.0.2.1/24 is the only address of eth0, other virtual ones aside")
	}, p.log.String)
	if own := netip.MustParsePrefix("192.0.2.1/24"); !a.has(t, own) {
		t.Error("the host lost its address")
	}
	p.awaitRole(t, "MASTER")
	p.stop(t)
}

// receive is the next packet of such a socket. A socket with a time limit is not asked
// again by itself when a signal came, as of a child that ended.
func receive(fd int, packet []byte) (n int, from unix.Sockaddr, err error) {
	for {
		if n, from, err = unix.Recvfrom(fd, packet, 0); !errors.Is(err, unix.EINTR) {
			return n, from, err
		}
	}
}

// listen returns a raw socket that hears the adverts which reach the host.
func listen(t *testing.T, h *host) int {
	t.Helper()
	fd := -1
	h.Run(t, func() (err error) {
		if fd, err = unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 112); err != nil {
			return err
		}
		link, err := h.Link.Interface("eth0")
		if err != nil {
			return err
		}
		member := unix.IPMreqn{Multiaddr: [4]byte{224, 0, 0, 18}, Ifindex: int32(link.Index)}
		timeout := unix.NsecToTimeval(patience.Nanoseconds())
		if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout); err != nil {
			return err
		}
		return unix.SetsockoptIPMreqn(fd, unix.IPPROTO_IP, unix.IP_ADD_MEMBERSHIP, &member)
	})
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}

// TestFootprint measures what users notice: how soon the first advert of an
// address owner leaves, and what an idle daemon costs.
func TestFootprint(t *testing.T) {
	t.Parallel()
	a, b := hosts(t)
	fd := listen(t, b)
	file := a.write(t, "moonkeep.conf", strings.ReplaceAll(conf(255, vip.String(), ""), "advert_int 0.1", "advert_int 1"), 0o644)
	var p *process
	first := patience
	for i := range 3 {
		begin := time.Now()
		p = a.start(t, fmt.Sprint("run", i), file)
		for packet := make([]byte, 2048); ; {
			n, _, err := receive(fd, packet)
			if err != nil {
				t.Fatalf("no advert: %v\n%s", err, p.log)
			}
			if n > 22 && packet[22] > 0 { // the priority, behind an IPv4 header
				break
			}
		}
		first = min(first, time.Since(begin))
		if i < 2 {
			p.stop(t)
			_, _, err := receive(fd, make([]byte, 2048)) // priority 0
			netnstest.Must(t, err)
			for err == nil { // a busy machine has several before it
				_, _, err = unix.Recvfrom(fd, make([]byte, 2048), unix.MSG_DONTWAIT)
			}
		}
	}
	t.Logf("first advert %v after the process was started", first)
	if limit := 150 * time.Millisecond * slack; first > limit {
		t.Errorf("the first advert left after %v, want %v at most", first, limit)
	}

	p.awaitRole(t, "MASTER")
	time.Sleep(daemon.TrimAfter + 500*time.Millisecond) // the work of the start, and what follows it
	const watch = 4 * time.Second
	before := cpu(t, p.Process.Pid)
	time.Sleep(watch)
	share := 100 * (cpu(t, p.Process.Pid) - before).Seconds() / watch.Seconds()
	rss := memory(t, p.Process.Pid)
	t.Logf("resident %.1f MiB, %.2f %% of a core", rss, share)
	// Most of it is the program itself, whose pages the kernel shares and may drop.
	if limit := 36.0 * slack; rss > limit {
		t.Errorf("%.1f MiB resident, want %.0f at most", rss, limit)
	}
	// The kernel counts in steps of 10 ms, which are 0.25 % here.
	if limit := 0.5*slack + 0.25; share > limit {
		t.Errorf("%.2f %% of a core, want %.2f at most", share, limit)
	}
	p.stop(t)
}

// cpu is the processor time that a process has used (proc_pid_stat(5)).
func cpu(t *testing.T, pid int) time.Duration {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	netnstest.Must(t, err)
	_, rest, _ := strings.Cut(string(text), ") ") // the name may hold blanks
	fields := strings.Fields(rest)
	var ticks int
	for _, f := range fields[11:13] { // utime, stime
		n, err := strconv.Atoi(f)
		netnstest.Must(t, err)
		ticks += n
	}
	return time.Duration(ticks) * time.Second / 100 // USER_HZ
}

// memory is the resident memory of a process, in MiB.
func memory(t *testing.T, pid int) float64 {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	netnstest.Must(t, err)
	var kib float64
	for line := range strings.Lines(string(text)) {
		if n, err := fmt.Sscanf(line, "VmRSS: %f kB", &kib); n == 1 && err == nil {
			return kib / 1024
		}
	}
	t.Fatal("no VmRSS")
	return 0
}
