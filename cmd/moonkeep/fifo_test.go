package main

import (
	"bufio"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/cmd/moonkeep/daemon"
	"github.com/moonkeep/moonkeep/config/build"
	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

// fifoConf is an instance by itself with a check that weighs, one that a reload
// takes away, and two in a sync group.
func fifoConf(fifo, lever string, deleted bool) string {
	in := func(name string, vrid int, extra string) string {
		return fmt.Sprintf(`vrrp_instance %s {
	interface eth0
	version 3
	virtual_router_id %d
	priority 100
	advert_int 0.1
	virtual_ipaddress {
		192.0.2.%d/24
	}
	%s
}
`, name, vrid, 50+vrid, extra)
	}
	text := fmt.Sprintf(`global_defs {
	script_user root
	notify_fifo %s
	vrrp_notify_priority_changes
}
vrrp_script lever {
	script "/usr/bin/test -e %s"
	interval 1
	weight -20
}
vrrp_sync_group G {
	group {
		A
		B
	}
}
`, fifo, lever) + in("S", 51, "track_script {\n\t\tlever\n\t}") + in("A", 52, "") + in("B", 53, "")
	if deleted {
		return text
	}
	return text + in("D", 54, "notify_deleted")
}

// tape is what was read from a FIFO.
type tape struct {
	mu    sync.Mutex
	lines []string
}

// listen reads a FIFO from now on until the test ends.
func (tp *tape) listen(t *testing.T, path string) {
	t.Helper()
	netnstest.Must(t, syscall.Mkfifo(path, 0o600))
	f, err := os.OpenFile(path, os.O_RDWR, 0) // sees no end when a writer closes it
	netnstest.Must(t, err)
	t.Cleanup(func() { f.Close() })
	go func() {
		in := bufio.NewScanner(f)
		for in.Scan() {
			tp.mu.Lock()
			tp.lines = append(tp.lines, in.Text())
			tp.mu.Unlock()
		}
	}()
}

// of returns the lines about a name, without it.
func (tp *tape) of(name string) (lines []string) {
	tp.mu.Lock()
	defer tp.mu.Unlock()
	for _, l := range tp.lines {
		for _, kind := range []string{"INSTANCE", "GROUP"} {
			if rest, ok := strings.CutPrefix(l, kind+` "`+name+`" `); ok {
				lines = append(lines, kind+" "+rest)
			}
		}
	}
	return lines
}

func (tp *tape) await(t *testing.T, name, last string) {
	t.Helper()
	eventually(t, name+" "+last, func() bool {
		lines := tp.of(name)
		return len(lines) > 0 && strings.HasSuffix(lines[len(lines)-1], last)
	}, func() string { return strings.Join(tp.lines, "\n") })
}

// TestFIFOAsKeepalived plays the same to a keepalived and to moonkeep and
// compares what each writes to its FIFO, name by name and line by line.
func TestFIFOAsKeepalived(t *testing.T) {
	t.Parallel()
	keepalived, err := exec.LookPath("keepalived")
	if err != nil {
		t.Skip("needs keepalived (Debian: apt-get install keepalived)")
	}
	names := []string{"S", "A", "B", "G", "D"}
	peer := netip.MustParseAddr("192.0.2.2")
	play := func(t *testing.T, start func(h *host, file string) *process) map[string][]string {
		a, b := hosts(t)
		fifo, lever := filepath.Join(a.dir, "fifo"), a.write(t, "lever", "", 0o644)
		var tp tape
		tp.listen(t, fifo)
		file := a.write(t, "node.conf", fifoConf(fifo, lever, false), 0o644)
		p := start(a, file)
		for _, name := range names {
			tp.await(t, name, " MASTER "+map[bool]string{true: "0", false: "100"}[name == "G"])
		}
		netnstest.Must(t, os.Remove(lever))
		tp.await(t, "S", "MASTER_PRIORITY 80")
		c, findings, err := daemon.OpenConfig(file, "")
		if err != nil || findings.Errors() {
			t.Fatal(findings, err)
		}
		advert := build.Node(c).Instances[0].Router.Append(nil, 50, peer, vrrp.Group(false))
		for range 2 {
			speak(t, b, peer, advert)
			time.Sleep(300 * time.Millisecond)
		}
		tp.await(t, "S", "MASTER_RX_LOWER_PRI 80")
		a.write(t, "lever", "", 0o644)
		tp.await(t, "S", "MASTER_PRIORITY 100")
		netnstest.Must(t, a.Link.SetDown("eth0"))
		for _, name := range names {
			tp.await(t, name, map[bool]string{true: "FAULT 0", false: "FAULT 100"}[name == "G"])
		}
		netnstest.Must(t, a.Link.SetUp("eth0"))
		for _, name := range names {
			tp.await(t, name, " MASTER "+map[bool]string{true: "0", false: "100"}[name == "G"])
		}
		a.write(t, "node.conf", fifoConf(fifo, lever, true), 0o644)
		p.signal(t, syscall.SIGHUP)
		tp.await(t, "D", "DELETED 100")
		p.signal(t, syscall.SIGTERM)
		<-p.done
		tp.await(t, "S", "STOP 100")
		tp.await(t, "B", "STOP 100")
		tp.await(t, "G", "STOP 0")
		out := map[string][]string{}
		for _, name := range names {
			out[name] = tp.of(name)
		}
		return out
	}
	var theirs, ours map[string][]string
	t.Run("keepalived", func(t *testing.T) {
		theirs = play(t, func(h *host, file string) *process {
			pid := func(name string) string { return filepath.Join(h.dir, name+".pid") }
			p := &process{log: new(output), done: make(chan struct{})}
			p.Cmd = exec.Command(keepalived, "-n", "-l", "-P", "-D", "-f", file, "-p", pid("p"), "-r", pid("r"))
			p.Stdout, p.Stderr = p.log, p.log
			p.begin(t, h)
			return p
		})
	})
	t.Run("moonkeep", func(t *testing.T) {
		ours = play(t, func(h *host, file string) *process { return h.start(t, "run", file) })
	})
	if t.Failed() {
		return
	}
	if diff := cmp.Diff(theirs, ours); diff != "" {
		t.Errorf("the lines differ (-keepalived +moonkeep):\n%s", diff)
	}
	if s := ours["S"]; !slices.Contains(s, "INSTANCE MASTER_RX_LOWER_PRI 80") {
		t.Errorf("got %q of S", s)
	}
}

// speak sends one advert from the host.
func speak(t *testing.T, h *host, from netip.Addr, payload []byte) {
	t.Helper()
	h.Run(t, func() error {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, vrrp.Protocol)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		if err := unix.SetsockoptInet4Addr(fd, unix.IPPROTO_IP, unix.IP_MULTICAST_IF, from.As4()); err != nil {
			return err
		}
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MULTICAST_TTL, vrrp.TTL); err != nil {
			return err
		}
		return unix.Sendto(fd, payload, 0, &unix.SockaddrInet4{Addr: vrrp.Group(false).As4()})
	})
}
