package main

import (
	"flag"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/control"
	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

var floodFlag = flag.Int("flood", 100_000, "so many mutated adverts are sent to a running master")

// TestMutatedFlood sends a master adverts of another router that are mutated so
// that none is valid: it stays master, goes on advertising, counts them by
// reason, says little, and needs no memory for them.
func TestMutatedFlood(t *testing.T) {
	t.Parallel()
	a, b := hosts(t)
	hears := listen(t, b)
	p := a.run(t, conf(150, vip.String(), ""))
	p.awaitRole(t, "MASTER")
	before, rss, spoken := p.await(t, "MASTER", func(*control.Instance) bool { return true }), memory(t, p.Process.Pid), len(p.log.String())

	cfg := vrrp.Defaults()
	cfg.Version, cfg.VRID, cfg.Priority, cfg.Interval, cfg.Addresses = vrrp.V3, 51, 150, 100*time.Millisecond, []netip.Addr{vip.Addr()}
	fd := speaker(t, b)
	group := netip.MustParseAddr("224.0.0.18")
	to := &unix.SockaddrInet4{Addr: group.As4()}
	source := netip.MustParseAddr("192.0.2.2")
	good := []byte{0x31, 51, 200, 1, 0, 10, 0, 0, 192, 0, 2, 100}
	r := rand.New(rand.NewPCG(1, 2))
	// next sends one that is not valid; with ours one that names the virtual router: of
	// others the kernel passes on a part.
	next := func(ours bool) {
		for {
			bad := append([]byte(nil), good...)
			for range 1 + r.IntN(4) {
				switch r.IntN(4) {
				case 0:
					bad = bad[:r.IntN(len(bad)+1)]
				case 1:
					bad = append(bad, make([]byte, r.IntN(40))...)
				default:
					if len(bad) > 0 {
						bad[r.IntN(len(bad))] = byte(r.Uint32())
					}
				}
			}
			packet := vrrp.Packet{Source: source, Destination: group, TTL: 255, Protocol: vrrp.Protocol, Payload: bad}
			if _, rule := cfg.Verify(&packet); rule == vrrp.Accepted {
				continue // it may do what it says
			}
			if ours && (len(bad) < 2 || bad[1] != good[1]) {
				continue
			}
			if err := unix.Sendto(fd, bad, 0, to); err != nil && err != unix.ENOBUFS {
				t.Fatal(err)
			}
			return
		}
	}
	sent, began := 0, time.Now()
	for ; sent < *floodFlag; sent++ {
		next(false)
	}
	took := time.Since(began)

	// What is heard from now on was sent after the flood.
	for {
		if _, _, err := unix.Recvfrom(hears, make([]byte, 2048), unix.MSG_DONTWAIT); err != nil {
			break
		}
	}
	text := make([]byte, 2048)
	n, _, err := receive(hears, text)
	netnstest.Must(t, err)
	if n < 28 || text[20] != 0x31 || text[22] != 150 {
		t.Errorf("after the flood it sends %x", text[:n])
	}
	after := p.await(t, "MASTER", func(i *control.Instance) bool { return i.Role == "MASTER" })
	was, is := before.Instances[0].Counters, after.Instances[0].Counters
	if is.BecameMaster != was.BecameMaster || is.LeftMaster != was.LeftMaster || is.Received != was.Received || is.Conflicts != was.Conflicts {
		t.Errorf("counters went from %+v to %+v", was, is)
	}
	refused := counted(&after)
	// What found buffers full is lost to a reader that is slower than this.
	if refused < uint64(sent)/20 || len(is.Rejected) < 3 {
		t.Errorf("%d of %d were counted as refused, for the reasons %v", refused, sent, is.Rejected)
	}
	// No more at a time than the buffers hold: each is counted.
	settled := func() (n uint64) {
		eventually(t, "nothing waits", func() bool {
			before := n
			s, err := p.status()
			if err != nil {
				return false
			}
			n = counted(&s)
			return n == before
		}, p.log.String)
		return n
	}
	from := settled()
	for batch := uint64(1); batch <= 20; batch++ {
		for range 50 {
			next(true)
		}
		eventually(t, "all are counted", func() bool {
			s, err := p.status()
			return err == nil && counted(&s) >= from+50*batch
		}, p.log.String)
	}
	if n := settled() - from; n != 1000 {
		t.Errorf("of 1000 that came slowly %d were counted", n)
	}
	if lines := strings.Count(p.log.String()[spoken:], "\n"); lines > 100 {
		t.Errorf("the flood made %d lines of log", lines)
	}
	if grown := memory(t, p.Process.Pid) - rss; grown > 24*slack {
		t.Errorf("it needs %.1f MiB more than before the flood", grown)
	}
	t.Logf("%d in %v, %d of them refused for %d reasons", sent, took, refused, len(is.Rejected))
}

// counted is how many adverts the only instance refused.
func counted(s *control.Status) (n uint64) {
	for _, refused := range s.Instances[0].Counters.Rejected {
		n += refused
	}
	return n
}

// speaker returns a raw socket that sends VRRP by the host's eth0.
func speaker(t *testing.T, h *host) int {
	t.Helper()
	fd := -1
	h.Run(t, func() (err error) {
		if fd, err = unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, vrrp.Protocol); err != nil {
			return err
		}
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MULTICAST_TTL, 255); err != nil {
			return err
		}
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_MULTICAST_LOOP, 0); err != nil {
			return err
		}
		return unix.BindToDevice(fd, "eth0")
	})
	t.Cleanup(func() { unix.Close(fd) })
	return fd
}
