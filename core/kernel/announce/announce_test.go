//go:build linux

package announce_test

import (
	"bytes"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/kernel/announce"
	"github.com/moonkeep/moonkeep/core/kernel/link"
	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
	"github.com/moonkeep/moonkeep/core/netspec"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, h *netnstest.Host, gap time.Duration, log *bytes.Buffer) *announce.Announcer {
	t.Helper()
	logger := slog.New(slog.DiscardHandler)
	if log != nil {
		logger = slog.New(slog.NewTextHandler(log, nil))
	}
	var a *announce.Announcer
	h.Run(t, func() (err error) {
		a, err = announce.Open(h.Link.Interface, announce.Pace{Gaps: announce.Gaps{ARP: gap, NA: gap}}, nil, logger)
		return err
	})
	t.Cleanup(func() { netnstest.Must(t, a.Close()) })
	return a
}

func openGaps(t *testing.T, h *netnstest.Host, arp, na time.Duration) *announce.Announcer {
	t.Helper()
	var a *announce.Announcer
	h.Run(t, func() (err error) {
		a, err = announce.Open(h.Link.Interface, announce.Pace{Gaps: announce.Gaps{ARP: arp, NA: na}}, nil, slog.New(slog.DiscardHandler))
		return err
	})
	t.Cleanup(func() { netnstest.Must(t, a.Close()) })
	return a
}

// always is the answer of an instance that stays MASTER.
func always() bool { return true }

func on(device string, prefixes ...string) []netspec.Address {
	var list []netspec.Address
	for _, p := range prefixes {
		list = append(list, netspec.Address{Prefix: netip.MustParsePrefix(p), Device: device})
	}
	return list
}

func mac(t *testing.T, h *netnstest.Host, name string) net.HardwareAddr {
	t.Helper()
	i, err := h.Link.Interface(name)
	netnstest.Must(t, err)
	return i.MAC
}

// gratuitous is the whole frame, written out.
func gratuitous(mac net.HardwareAddr, ip string) []byte {
	address := netip.MustParseAddr(ip).AsSlice()
	broadcast := []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}
	return slices.Concat(
		broadcast, mac, []byte{0x08, 0x06},
		[]byte{0, 1, 0x08, 0, 6, 4, 0, 1},
		mac, address, broadcast, address)
}

// heard is the rest of what was announced, as addresses. It ends when nothing
// comes for a while.
func heard(t *testing.T, c *netnstest.Capture, silence time.Duration) []string {
	t.Helper()
	var list []string
	for {
		one := next(t, c, silence)
		if one == "" {
			return list
		}
		list = append(list, one)
	}
}

// next is what was announced next, as an address, empty when nothing comes for a while.
func next(t *testing.T, c *netnstest.Capture, silence time.Duration) string {
	t.Helper()
	frame := c.Next(t, silence)
	if frame == nil {
		return ""
	}
	if len(frame) != 42 {
		t.Fatalf("frame of %d octets, want 42", len(frame))
	}
	return netip.AddrFrom4([4]byte(frame[28:32])).String()
}

func TestRoundsInOrderByteForByte(t *testing.T) {
	h, peer := netnstest.Pair(t, "eth0", "eth1")
	netnstest.Connect(t, h, "eth2", peer, "eth3")
	first, second := peer.Capture(t, "eth1", unix.ETH_P_ARP), peer.Capture(t, "eth3", unix.ETH_P_ARP)
	a := open(t, h, 0, nil)
	list := slices.Concat(on("eth0", "192.0.2.100/24"), on("eth2", "198.51.100.1/32"), on("lo", "203.0.113.1/32"), on("eth0", "192.0.2.101/24"))
	netnstest.Must(t, a.Announce("VI_1", list, 3, always))
	for round := range 3 {
		for _, ip := range []string{"192.0.2.100", "192.0.2.101"} {
			if got, want := first.Next(t, time.Second), gratuitous(mac(t, h, "eth0"), ip); !bytes.Equal(got, want) {
				t.Fatalf("round %d on eth0:\n got % x\nwant % x", round, got, want)
			}
		}
		if got, want := second.Next(t, time.Second), gratuitous(mac(t, h, "eth2"), "198.51.100.1"); !bytes.Equal(got, want) {
			t.Fatalf("round %d on eth2:\n got % x\nwant % x", round, got, want)
		}
	}
	if more := append(heard(t, first, 20*time.Millisecond), heard(t, second, 0)...); len(more) != 0 {
		t.Errorf("announced beyond the rounds: %v", more)
	}

	// Another hardware address counts from the next call on.
	netnstest.Must(t, h.Link.SetMAC("eth0", net.HardwareAddr{2, 0, 0, 0, 0, 9}))
	netnstest.Must(t, a.Announce("VI_1", list[:1], 1, always))
	if got, want := first.Next(t, time.Second), gratuitous(net.HardwareAddr{2, 0, 0, 0, 0, 9}, "192.0.2.100"); !bytes.Equal(got, want) {
		t.Errorf("after a change of the hardware address:\n got % x\nwant % x", got, want)
	}
}

func TestInterfacesWithoutARPArePassedOver(t *testing.T) {
	h, peer := netnstest.Pair(t, "eth0", "eth1")
	c := peer.Capture(t, "eth1", unix.ETH_P_ARP)
	netnstest.Must(t, h.Link.SetARP("eth0", false))
	for _, gap := range []time.Duration{0, time.Millisecond} {
		var log bytes.Buffer
		a := open(t, h, gap, &log)
		netnstest.Must(t, a.Announce("VI_1", on("eth0", "192.0.2.100/24"), 2, always))
		if got := heard(t, c, 30*time.Millisecond); len(got) != 0 {
			t.Errorf("gap %v: announced %v", gap, got)
		}
		netnstest.Must(t, a.Close())
		if log.Len() != 0 {
			t.Errorf("gap %v: logged %s", gap, &log)
		}
	}
}

func TestOneFailureStopsNoOther(t *testing.T) {
	h, peer := netnstest.Pair(t, "eth0", "eth1")
	netnstest.Connect(t, h, "eth2", peer, "eth3")
	netnstest.Must(t, h.Link.SetDown("eth2"))
	c := peer.Capture(t, "eth1", unix.ETH_P_ARP)
	a := open(t, h, 0, nil)
	list := slices.Concat(on("eth9", "192.0.2.1/24"), on("eth2", "192.0.2.2/24", "2001:db8::2/64"), on("eth0", "192.0.2.3/24"))
	err := a.Announce("VI_1", list, 2, always)
	for _, want := range []error{link.ErrNoInterface, unix.ENETDOWN} {
		if !errors.Is(err, want) {
			t.Errorf("error %v, want %v among it", err, want)
		}
	}
	if err != nil {
		want := []string{
			"announce 192.0.2.1/24 dev eth9: no such interface eth9",
			"announce 192.0.2.2/24 dev eth2: network is down",
			"announce 2001:db8::2/64 dev eth2: network is down",
		}
		if got := strings.Split(err.Error(), "\n"); !slices.Equal(got, want) {
			t.Errorf("error texts %q, want %q", got, want)
		}
	}
	if got, want := heard(t, c, 20*time.Millisecond), []string{"192.0.2.3", "192.0.2.3"}; !slices.Equal(got, want) {
		t.Errorf("announced %v, want %v", got, want)
	}
}

// The interfaces of a group take turns, and share nothing with others; a reload
// can change that.
func TestGroupSharesAGap(t *testing.T) {
	h, peer := netnstest.Pair(t, "eth0", "eth1")
	netnstest.Connect(t, h, "eth2", peer, "eth3")
	netnstest.Connect(t, h, "eth4", peer, "eth5")
	captures := []*netnstest.Capture{peer.Capture(t, "eth1", unix.ETH_P_ARP), peer.Capture(t, "eth3", unix.ETH_P_ARP), peer.Capture(t, "eth5", unix.ETH_P_ARP)}
	const gap = 100 * time.Millisecond
	a := open(t, h, 0, nil)
	group := announce.Group{Gaps: announce.Gaps{ARP: gap}, Interfaces: []string{"eth0", "eth2"}}
	a.SetPace(announce.Pace{Groups: []announce.Group{group, {Gaps: announce.Gaps{ARP: time.Hour}, Interfaces: []string{"eth2"}}}})
	took := func() time.Duration {
		t.Helper()
		start := time.Now()
		list := slices.Concat(on("eth0", "192.0.2.1/24"), on("eth2", "192.0.2.2/24"), on("eth4", "192.0.2.3/24"))
		netnstest.Must(t, a.Announce("VI_1", list, 2, always))
		for _, c := range captures {
			for range 2 {
				c.Next(t, time.Second)
			}
		}
		return time.Since(start)
	}
	// Four are sent in the group, with three gaps between them; two apart would
	// need one.
	if d := took(); d < 3*gap-gap/2 {
		t.Errorf("two rounds on two interfaces of a group took %v, want %v", d, 3*gap)
	}
	time.Sleep(gap)
	a.SetPace(announce.Pace{Gaps: announce.Gaps{ARP: gap}})
	if d := took(); d < gap-gap/2 || d > 3*gap-gap/2 {
		t.Errorf("two rounds on two interfaces took %v, want %v", d, gap)
	}
}

func TestGapPacesEachInterfaceAndKeepsRounds(t *testing.T) {
	h, peer := netnstest.Pair(t, "eth0", "eth1")
	netnstest.Connect(t, h, "eth2", peer, "eth3")
	first, second := peer.Capture(t, "eth1", unix.ETH_P_ARP), peer.Capture(t, "eth3", unix.ETH_P_ARP)
	const gap = 20 * time.Millisecond
	a := open(t, h, gap, nil)
	start := time.Now()
	netnstest.Must(t, a.Announce("VI_1", slices.Concat(on("eth0", "192.0.2.1/24", "192.0.2.2/24"), on("eth2", "192.0.2.3/24")), 2, always))
	if took := time.Since(start); took > gap {
		t.Errorf("Announce took %v, want less than a gap", took)
	}
	want := []string{"192.0.2.1", "192.0.2.2", "192.0.2.1", "192.0.2.4", "192.0.2.2"}
	last := time.Time{}
	for n, ip := range want {
		got := first.Next(t, time.Second)
		now := time.Now()
		if !bytes.Equal(got, gratuitous(mac(t, h, "eth0"), ip)) {
			t.Fatalf("announcement %d: % x, want %s", n, got, ip)
		}
		if n == 0 {
			// The same again adds nothing; another instance has rounds of its
			// own, behind what is queued.
			netnstest.Must(t, a.Announce("VI_1", on("eth0", "192.0.2.2/24"), 2, always))
			netnstest.Must(t, a.Announce("VI_2", on("eth0", "192.0.2.4/24"), 1, always))
		}
		// Half of it: the capture reads a frame later than it came.
		if n > 1 && now.Sub(last) < gap/2 {
			t.Errorf("announcement %d came %v after the last, want %v", n, now.Sub(last), gap)
		}
		last = now
	}
	if took := time.Since(start); took < 4*gap {
		t.Errorf("five announcements took %v, want at least %v", took, 4*gap)
	}
	if got, want := heard(t, second, 0), []string{"192.0.2.3", "192.0.2.3"}; !slices.Equal(got, want) {
		t.Errorf("on the other interface: %v, want %v", got, want)
	}
	if got := heard(t, first, 3*gap); len(got) != 0 {
		t.Errorf("announced beyond the rounds: %v", got)
	}
}

func TestDropTakesOutWhatIsQueued(t *testing.T) {
	h, peer := netnstest.Pair(t, "eth0", "eth1")
	c := peer.Capture(t, "eth1", unix.ETH_P_ARP)
	a := open(t, h, 20*time.Millisecond, nil)
	both := on("eth0", "192.0.2.1/24", "192.0.2.2/24")
	netnstest.Must(t, a.Announce("VI_1", both, 5, always))
	netnstest.Must(t, a.Announce("VI_2", both[1:], 1, always))
	if c.Next(t, time.Second) == nil {
		t.Fatal("nothing was announced")
	}
	a.Drop("VI_1", both)
	// The other instance's stays.
	if got, want := heard(t, c, 100*time.Millisecond), []string{"192.0.2.2"}; !slices.Equal(got, want) {
		t.Errorf("announced after Drop: %v, want %v", got, want)
	}
}

// TestDropEndsWhatIsUnderWay: of an announcement that is being made nothing leaves any
// more, be it sent at once or queued; the other instances' does, and what is announced
// afterwards.
func TestDropEndsWhatIsUnderWay(t *testing.T) {
	for _, gap := range []time.Duration{0, time.Millisecond} {
		h, peer := netnstest.Pair(t, "eth0", "eth1")
		c := peer.Capture(t, "eth1", unix.ETH_P_ARP)
		var a *announce.Announcer
		list := on("eth0", "192.0.2.1/24", "192.0.2.2/24", "192.0.2.3/24")
		drop := func() {
			a.Drop("VI_1", list[:2])
			a.Drop("VI_2", list)
		}
		var dropping atomic.Bool
		lookup := func(name string) (link.Interface, error) {
			if dropping.CompareAndSwap(true, false) {
				drop()
			}
			return h.Link.Interface(name)
		}
		h.Run(t, func() (err error) {
			a, err = announce.Open(lookup, announce.Pace{Gaps: announce.Gaps{ARP: gap}}, nil, slog.New(slog.DiscardHandler))
			return err
		})
		t.Cleanup(func() { netnstest.Must(t, a.Close()) })
		check := func(what string, want ...string) {
			t.Helper()
			var got []string
			for range want {
				got = append(got, next(t, c, time.Second))
			}
			if got = append(got, heard(t, c, 30*time.Millisecond)...); !slices.Equal(got, want) {
				t.Errorf("gap %v: %s: announced %v, want %v", gap, what, got, want)
			}
		}
		dropping.Store(gap == 0)
		netnstest.Must(t, a.Announce("VI_1", list, 2, func() bool {
			if gap > 0 {
				drop()
			}
			return true
		}))
		check("dropped while it is made", "192.0.2.3", "192.0.2.3")
		netnstest.Must(t, a.Announce("VI_1", list, 1, func() bool { return false }))
		check("not wanted")
		netnstest.Must(t, a.Announce("VI_1", list, 1, always))
		check("afterwards", "192.0.2.1", "192.0.2.2", "192.0.2.3")
	}
}

func TestQueuedFailuresAreLoggedOnce(t *testing.T) {
	h, peer := netnstest.Pair(t, "eth0", "eth1")
	c := peer.Capture(t, "eth1", unix.ETH_P_ARP)
	var log bytes.Buffer
	a := open(t, h, time.Millisecond, &log)
	netnstest.Must(t, a.Announce("VI_1", slices.Concat(on("eth9", "192.0.2.1/24"), on("eth0", "192.0.2.2/24")), 5, always))
	if got := heard(t, c, 50*time.Millisecond); len(got) != 5 {
		t.Errorf("announced %v, want 5", got)
	}
	netnstest.Must(t, a.Close())
	const want = `instance=VI_1 err="announce 192.0.2.1/24 dev eth9: no such interface eth9"`
	if n := strings.Count(log.String(), "\n"); n != 1 || !strings.Contains(log.String(), want) {
		t.Errorf("logged %q, want one line with %s", log.String(), want)
	}
	if err := a.Announce("VI_1", on("eth0", "192.0.2.2/24"), 1, always); !errors.Is(err, net.ErrClosed) {
		t.Errorf("after Close: %v, want net.ErrClosed", err)
	}
}

// TestFailuresAreToldOnce: each is counted, and told when it begins, after it was
// over, or when the reason is another; at once and by the queue alike.
func TestFailuresAreToldOnce(t *testing.T) {
	for name, gap := range map[string]time.Duration{"at once": 0, "paced": time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, _ := netnstest.Pair(t, "eth0", "eth1")
			var log syncBuffer
			var failures atomic.Uint64
			var why atomic.Pointer[error]
			lookup := func(name string) (link.Interface, error) {
				if err := why.Load(); err != nil {
					return link.Interface{}, *err
				}
				return h.Link.Interface(name)
			}
			var a *announce.Announcer
			h.Run(t, func() (err error) {
				a, err = announce.Open(lookup, announce.Pace{Gaps: announce.Gaps{ARP: gap}}, &failures, slog.New(slog.NewTextHandler(&log, nil)))
				return err
			})
			defer func() { netnstest.Must(t, a.Close()) }()
			told, failed := 0, uint64(0)
			list := on("eth0", "192.0.2.1/24")
			step := func(what string, reason error, more, lines int) {
				t.Helper()
				why.Store(nil)
				if reason != nil {
					why.Store(&reason)
				}
				if err := a.Announce("VI_1", list, 1, always); err != nil {
					told += strings.Count(err.Error(), "announce 192.0.2.1")
				}
				failed += uint64(more)
				time.Sleep(20 * time.Millisecond)
				for begin := time.Now(); failures.Load() < failed && time.Since(begin) < 2*time.Second; {
					time.Sleep(time.Millisecond)
				}
				if got := told + strings.Count(log.String(), "192.0.2.1"); got != lines || failures.Load() != failed {
					t.Errorf("%s: %d lines and %d failures, want %d and %d:\n%s", what, got, failures.Load(), lines, failed, log.String())
				}
			}
			first, second := errors.New("it is not there"), errors.New("it is odd")
			step("it begins", first, 1, 1)
			step("it goes on", first, 1, 1)
			step("for another reason", second, 1, 2)
			step("and on", second, 1, 2)
			step("it is over", nil, 0, 2)
			step("it begins again", second, 1, 3)
			a.Drop("VI_1", list)
			step("after the address was given up", second, 1, 4)
		})
	}
}

// syncBuffer is a buffer for two goroutines.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}
