//go:build linux

package link

import (
	"errors"
	"log/slog"
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/kernel/netns"
	"github.com/moonkeep/moonkeep/core/netspec"
)

// host is a namespace with a pair of interfaces. netnstest cannot be used
// here: it imports this package.
func host(t *testing.T) (*netns.NS, *Conn) {
	t.Helper()
	ns, err := netns.New()
	if errors.Is(err, unix.EPERM) {
		t.Skipf("needs root (CAP_SYS_ADMIN and CAP_NET_ADMIN) to make network namespaces: %v", err)
	}
	must(t, err)
	t.Cleanup(func() { ns.Close() })
	var c *Conn
	must(t, ns.Do(func() (err error) {
		c, err = Open()
		return err
	}))
	t.Cleanup(func() { c.Close() })
	must(t, c.AddVeth("eth0", "eth1", nil))
	must(t, c.SetUp("eth0"))
	must(t, c.SetUp("eth1"))
	return ns, c
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// watcher keeps the state that it read last.
type watcher struct {
	conn  *Conn
	looks atomic.Int64
	mu    sync.Mutex
	last  *State
}

func (w *watcher) look(bool) error {
	w.looks.Add(1)
	state, err := w.conn.State()
	if err != nil {
		return err
	}
	w.mu.Lock()
	w.last = state
	w.mu.Unlock()
	return nil
}

// await waits until the last state is as wanted.
func (w *watcher) await(t *testing.T, limit time.Duration, what string, ok func(*State) bool) {
	t.Helper()
	for start := time.Now(); ; time.Sleep(200 * time.Microsecond) {
		w.mu.Lock()
		done := w.last != nil && ok(w.last)
		w.mu.Unlock()
		if done {
			return
		}
		if time.Since(start) > limit {
			t.Fatalf("%s was not seen within %v", what, limit)
		}
	}
}

func newMonitor(ns *netns.NS, look func(bool) error, buffer int) *Monitor {
	return &Monitor{ns: ns, look: look, log: slog.New(slog.DiscardHandler), buffer: buffer,
		dirty: make(chan struct{}, 1), done: make(chan struct{})}
}

func vip() netspec.Address {
	return netspec.Address{Prefix: netip.MustParsePrefix("192.0.2.100/32"), Device: "eth0"}
}

func stands(s *State) bool { return s.Stands(vip()) }
func isUp(s *State) bool   { i, _ := s.Find("eth0"); return i.Up }

func TestBurstsCostFewLooksAndNoMemory(t *testing.T) {
	ns, c := host(t)
	w := &watcher{conn: c}
	// The smallest buffer there is: most messages are dropped.
	m, err := watch(ns, slog.New(slog.DiscardHandler), w.look, 1)
	must(t, err)
	defer m.Close()
	i, err := c.Interface("eth0")
	must(t, err)
	heap := func() uint64 {
		runtime.GC()
		var s runtime.MemStats
		runtime.ReadMemStats(&s)
		return s.HeapAlloc
	}
	before, start := heap(), time.Now()
	for range 5000 {
		must(t, c.set(unix.RTM_NEWADDR, unix.NLM_F_CREATE, i.Index, vip()))
		must(t, c.set(unix.RTM_DELADDR, 0, i.Index, vip()))
	}
	must(t, c.set(unix.RTM_NEWADDR, unix.NLM_F_CREATE, i.Index, vip()))
	w.await(t, 250*time.Millisecond, "the address that was added last", stands)
	for range 1000 {
		must(t, c.SetDown("eth1"))
		must(t, c.SetUp("eth1"))
	}
	must(t, c.SetDown("eth1"))
	w.await(t, 1500*time.Millisecond, "the carrier loss that came last", func(s *State) bool { return !isUp(s) })
	took := time.Since(start)
	if most := int64(took/(5*time.Millisecond)) + 2; w.looks.Load() > most {
		t.Errorf("%d looks in %v, want at most %d", w.looks.Load(), took, most)
	}
	t.Logf("%d looks in %v", w.looks.Load(), took)
	if after := heap(); after > before+1<<20 {
		t.Errorf("the heap grew from %d to %d octets", before, after)
	}
}

func TestDroppedMessagesAreAChange(t *testing.T) {
	ns, c := host(t)
	w := &watcher{conn: c}
	m := newMonitor(ns, w.look, 1)
	must(t, m.subscribe())
	// Nobody reads: the kernel must drop messages.
	for range 200 {
		_, err := c.Add(vip())
		must(t, err)
		must(t, c.Remove(vip()))
	}
	_, err := c.Add(vip())
	must(t, err)
	m.wg.Add(2)
	go m.read()
	go m.run()
	defer m.Close()
	w.await(t, 50*time.Millisecond, "the address", stands)
	// And the subscription goes on.
	must(t, c.Remove(vip()))
	w.await(t, 50*time.Millisecond, "its removal", func(s *State) bool { return !stands(s) })
	if n, err := unix.GetsockoptInt(fdOf(t, m), unix.SOL_SOCKET, unix.SO_RCVBUF); err != nil || n > 8192 {
		t.Errorf("the receive buffer has %d octets, %v: nothing was dropped", n, err)
	}
}

func fdOf(t *testing.T, m *Monitor) int {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	raw, err := m.socket.SyscallConn()
	must(t, err)
	var n int
	must(t, raw.Control(func(fd uintptr) { n = int(fd) }))
	return n
}

func TestALostSubscriptionIsOpenedAgain(t *testing.T) {
	ns, c := host(t)
	w := &watcher{conn: c}
	m, err := watch(ns, slog.New(slog.DiscardHandler), w.look, monitorBuffer)
	must(t, err)
	defer m.Close()
	m.mu.Lock()
	m.socket.Close()
	m.mu.Unlock()
	_, err = c.Add(vip())
	must(t, err)
	// What was missed is seen when there is a subscription again.
	w.await(t, retryGap+100*time.Millisecond, "the address", stands)
	must(t, c.Remove(vip()))
	w.await(t, 50*time.Millisecond, "its removal", func(s *State) bool { return !stands(s) })
}

func TestAFailedLookIsRepeated(t *testing.T) {
	ns, _ := host(t)
	var looks atomic.Int64
	m, err := Watch(ns, slog.New(slog.DiscardHandler), func(bool) error {
		if looks.Add(1) < 3 {
			return errors.New("boom")
		}
		return nil
	})
	must(t, err)
	defer m.Close()
	m.Poke()
	for start := time.Now(); looks.Load() < 3; time.Sleep(time.Millisecond) {
		if time.Since(start) > Tick-200*time.Millisecond {
			t.Fatalf("%d looks, want 3", looks.Load())
		}
	}
}

func TestTick(t *testing.T) {
	ns, _ := host(t)
	ticks := make(chan bool, 100)
	m, err := Watch(ns, slog.New(slog.DiscardHandler), func(tick bool) error {
		ticks <- tick
		return nil
	})
	must(t, err)
	defer m.Close()
	timeout := time.After(Tick + time.Second)
	for {
		select {
		case tick := <-ticks:
			if tick {
				return
			}
		case <-timeout:
			t.Fatal("no tick")
		}
	}
}

// The rows as the library reads them, and as this package does.
func TestParsersAgreeWithTheLibrary(t *testing.T) {
	_, c := host(t)
	peer := netspec.Address{Prefix: netip.MustParsePrefix("198.51.100.1/32"), Device: "eth1", Label: "eth1:x",
		Peer: netip.MustParsePrefix("198.51.100.9/24"), Broadcast: netip.MustParseAddr("198.51.100.255"), Scope: netspec.ScopeSite}
	second := netspec.Address{Prefix: netip.MustParsePrefix("192.0.2.2/24"), Device: "eth0"}
	first := netspec.Address{Prefix: netip.MustParsePrefix("192.0.2.1/24"), Device: "eth0"}
	v6 := netspec.Address{Prefix: netip.MustParsePrefix("2001:db8::1/64"), Device: "eth0"}
	_, err := c.Add(peer, first, second, v6)
	must(t, err)
	state, err := c.State()
	must(t, err)
	theirs, err := c.handle.LinkList()
	must(t, err)
	if len(state.interfaces) != len(theirs) {
		t.Errorf("%d interfaces, the library has %d", len(state.interfaces), len(theirs))
	}
	for _, l := range theirs {
		a := l.Attrs()
		i, ok := state.Find(a.Name)
		if !ok || i.Index != a.Index || i.MTU != a.MTU || i.MAC.String() != a.HardwareAddr.String() {
			t.Errorf("interface %+v, the library has %+v", i, a)
		}
		list, err := c.handle.AddrList(l, 0)
		must(t, err)
		// The kernel adds link-local addresses when it gets to it.
		list = slices.DeleteFunc(list, func(a netlink.Addr) bool { return a.IP.IsLinkLocalUnicast() })
		rows := slices.DeleteFunc(slices.Concat(state.on(a.Index)[0], state.on(a.Index)[1]), func(r row) bool { return r.address.Addr().IsLinkLocalUnicast() })
		if len(rows) != len(list) {
			t.Fatalf("%d addresses on %s, the library has %d", len(rows), a.Name, len(list))
		}
		for n, their := range list {
			r := rows[n]
			label := r.address.Label
			if label == "" && r.address.Addr().Is4() {
				label = a.Name
			}
			brd := ""
			if r.address.Broadcast.IsValid() {
				brd = r.address.Broadcast.String()
			}
			theirBrd := ""
			if their.Broadcast != nil {
				theirBrd = their.Broadcast.String()
			}
			if r.address.Prefix.String() != their.IPNet.String() || int(r.address.Scope) != their.Scope || label != their.Label ||
				brd != theirBrd || r.address.Peer.IsValid() != (their.Peer != nil) ||
				their.Peer != nil && their.Peer.String() != r.address.Peer.String() ||
				r.secondary != (r.address.Addr().Is4() && their.Flags&unix.IFA_F_SECONDARY != 0) {
				t.Errorf("address %+v, the library has %+v", r, their)
			}
		}
	}
}
