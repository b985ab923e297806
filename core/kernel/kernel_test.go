//go:build linux

package kernel_test

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/moonkeep/moonkeep/core/kernel"
	"github.com/moonkeep/moonkeep/core/kernel/link"
	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// soon is the longest that the kernel's news may take.
const soon = 500 * time.Millisecond

// sink records what the kernel reports.
type sink struct {
	mu      sync.Mutex
	events  []node.Event
	packets []node.Received
	removed []netspec.Address
	rid     netspec.Routing // routes and rules that were removed late
	news    chan struct{}
}

func newSink() *sink { return &sink{news: make(chan struct{}, 1)} }

func (s *sink) NewPacket() *node.Received { return &node.Received{} }

func (s *sink) Packets(list ...*node.Received) {
	s.mu.Lock()
	for _, p := range list {
		s.packets = append(s.packets, *p)
	}
	s.mu.Unlock()
	s.wake()
}

func (s *sink) Event(e node.Event) {
	s.mu.Lock()
	s.events = append(s.events, e)
	s.mu.Unlock()
	s.wake()
}

func (s *sink) Removed(addresses []netspec.Address, r netspec.Routing) {
	s.mu.Lock()
	s.removed, s.rid = append(s.removed, addresses...), s.rid.With(r)
	s.mu.Unlock()
	s.wake()
}

func (s *sink) wake() {
	select {
	case s.news <- struct{}{}:
	default:
	}
}

// channels are those of routers whose numbers are the second octet of the
// packets that the tests send.
func channels(device string) []netspec.Channel {
	var all []netspec.Channel
	for _, packet := range []string{"first", "second", "third"} {
		all = append(all, netspec.Channel{Interface: device, Group: vrrp.Group(false), VRID: packet[1]})
	}
	return all
}

// forget drops what was recorded.
func (s *sink) forget() {
	s.mu.Lock()
	s.events, s.packets = nil, nil
	s.mu.Unlock()
}

// await waits until found says that what was recorded is enough. It returns
// how long that took and ends the test after the time given.
func (s *sink) await(t *testing.T, limit time.Duration, what string, found func(events []node.Event, packets []node.Received) bool) time.Duration {
	t.Helper()
	start := time.Now()
	timeout := time.After(limit)
	for {
		s.mu.Lock()
		ok := found(s.events, s.packets)
		s.mu.Unlock()
		if ok {
			return time.Since(start)
		}
		select {
		case <-s.news:
		case <-timeout:
			s.mu.Lock()
			defer s.mu.Unlock()
			for _, e := range s.events {
				t.Logf("event: %#v", e)
			}
			t.Fatalf("no %s within %v", what, limit)
		}
	}
}

// awaitLink waits for a report of the interface for which ok holds, and
// returns it.
func (s *sink) awaitLink(t *testing.T, limit time.Duration, what, name string, ok func(*node.Link) bool) *node.Link {
	t.Helper()
	var last *node.Link
	took := s.await(t, limit, what, func(events []node.Event, _ []node.Received) bool {
		last = lastLink(events, name)
		return last != nil && ok(last)
	})
	t.Logf("%s after %v", what, took)
	return last
}

func (s *sink) awaitGone(t *testing.T, limit time.Duration, instance string, want ...netspec.Address) {
	t.Helper()
	took := s.await(t, limit, "loss of "+instance, func(events []node.Event, _ []node.Received) bool {
		return slices.ContainsFunc(events, func(e node.Event) bool {
			g, ok := e.(*node.Gone)
			return ok && g.Instance == instance && slices.Equal(g.Addresses, want)
		})
	})
	t.Logf("loss reported after %v", took)
}

func (s *sink) gone() []*node.Gone {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []*node.Gone
	for _, e := range s.events {
		if g, ok := e.(*node.Gone); ok {
			list = append(list, g)
		}
	}
	return list
}

func lastLink(events []node.Event, name string) *node.Link {
	for _, e := range slices.Backward(events) {
		if l, ok := e.(*node.Link); ok && l.Name == name {
			return l
		}
	}
	return nil
}

func open(t *testing.T, h *netnstest.Host, opts kernel.Options) (*kernel.Kernel, *sink) {
	t.Helper()
	s := newSink()
	var k *kernel.Kernel
	h.Run(t, func() (err error) {
		k, err = kernel.Open(s, opts)
		return err
	})
	t.Cleanup(func() {
		if err := k.Close(); err != nil {
			t.Error(err)
		}
	})
	return k, s
}

func addr(prefix, device string) netspec.Address {
	return netspec.Address{Prefix: netip.MustParsePrefix(prefix), Device: device}
}

func must[T any](t *testing.T) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func add(t *testing.T, h *netnstest.Host, list ...netspec.Address) {
	t.Helper()
	_, err := h.Link.Add(list...)
	netnstest.Must(t, err)
}

func TestWatchDeliversThePresentStateBeforeItReturns(t *testing.T) {
	h, _ := netnstest.Pair(t, "eth0", "eth1")
	add(t, h, addr("192.0.2.1/24", "eth0"))
	k, s := open(t, h, kernel.Options{})
	if len(s.events) != 0 {
		t.Fatalf("events before Watch: %v", s.events)
	}
	netnstest.Must(t, k.Watch([]string{"lo", "none0"}, channels("eth0")))
	i := must[link.Interface](t)(h.Link.Interface("eth0"))
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, want := range []node.Link{
		{Name: "eth0", Exists: true, Up: true, Index: i.Index, MTU: 1500, Primary: netip.MustParseAddr("192.0.2.1")},
		{Name: "lo", Exists: true, Up: true, Index: 1, MTU: 65536},
		{Name: "none0"},
	} {
		if got := lastLink(s.events, want.Name); got == nil || *got != want {
			t.Errorf("%s: got %+v, want %+v", want.Name, got, want)
		}
	}
}

// What a channel names as its source is told of when it is not there, also when
// it is virtual for all that is known, and at once.
func TestTrackedSourceIsReported(t *testing.T) {
	h, _ := netnstest.Pair(t, "eth0", "eth1")
	a, b, c := addr("192.0.2.1/24", "eth0"), addr("192.0.2.2/24", "eth0"), addr("192.0.2.3/24", "lo")
	add(t, h, a)
	add(t, h, b)
	add(t, h, c)
	k, s := open(t, h, kernel.Options{Virtual: []netip.Addr{b.Addr()}})
	list := channels("eth0")
	for i, x := range []netspec.Address{a, b, c} {
		list[i].Source = x.Addr()
	}
	netnstest.Must(t, k.Watch(nil, append(list, list[0])))
	is := func(what, absent string) {
		t.Helper()
		s.awaitLink(t, soon, what, "eth0", func(l *node.Link) bool { return l.Absent == absent })
	}
	is("one on another interface", "192.0.2.3")
	netnstest.Must(t, h.Link.Remove(b))
	is("one removed", "192.0.2.2 192.0.2.3")
	add(t, h, b)
	is("it is back", "192.0.2.3")
	netnstest.Must(t, k.Watch([]string{"eth0"}, nil))
	is("none is tracked any more", "")
}

func TestLossOfAClaimedAddressIsReported(t *testing.T) {
	h, _ := netnstest.Pair(t, "eth0", "eth1")
	k, s := open(t, h, kernel.Options{})
	netnstest.Must(t, k.Watch(nil, channels("eth0")))
	a, b := addr("192.0.2.100/24", "eth0"), addr("198.51.100.1/32", "eth0")
	netnstest.Must(t, kernel.Take(k, "VI_1", []netspec.Address{a, b}, false))
	if held := must[[]netspec.Address](t)(k.Held([]netspec.Address{a, addr("192.0.2.9/24", "eth0"), b})); !slices.Equal(held, []netspec.Address{a, b}) {
		t.Errorf("held: %v, want both", held)
	}
	netnstest.Must(t, h.Link.Remove(b))
	s.awaitGone(t, soon, "VI_1", b)
	if held := must[[]netspec.Address](t)(k.Held([]netspec.Address{a, b})); !slices.Equal(held, []netspec.Address{a}) {
		t.Errorf("held after the loss: %v, want %v", held, a)
	}

	// It is told again on the tick as long as nothing is done about it, and so
	// is the interface, though nothing of it changed.
	s.forget()
	s.awaitGone(t, link.Tick+time.Second, "VI_1", b)
	s.awaitLink(t, 0, "link on the tick", "eth0", func(l *node.Link) bool { return l.Up })

	// A claim makes it stand again, and its next loss is news again.
	netnstest.Must(t, kernel.Take(k, "VI_1", []netspec.Address{b}, false))
	time.Sleep(soon)
	s.forget()
	netnstest.Must(t, h.Link.Remove(b))
	s.awaitGone(t, soon, "VI_1", b)

	// What was released is not missed, nor was what never stood.
	netnstest.Must(t, kernel.Drop(k, "VI_1", []netspec.Address{a, b}))
	if err := kernel.Take(k, "VI_2", []netspec.Address{addr("192.0.2.7/24", "none0")}, false); !errors.Is(err, link.ErrNoInterface) {
		t.Errorf("claim on an interface that is not there: %v, want ErrNoInterface", err)
	}
	s.forget()
	time.Sleep(link.Tick + soon)
	if g := s.gone(); len(g) != 0 {
		t.Errorf("reported as lost: %v, want nothing", g[0])
	}
}

func TestAnAddressOfTwoInstancesStaysUntilBothReleasedIt(t *testing.T) {
	h, _ := netnstest.Pair(t, "eth0", "eth1")
	k, _ := open(t, h, kernel.Options{})
	shared := []netspec.Address{addr("192.0.2.100/24", "eth0")}
	netnstest.Must(t, kernel.Take(k, "VI_1", shared, false))
	netnstest.Must(t, kernel.Take(k, "VI_2", shared, false))
	netnstest.Must(t, kernel.Drop(k, "VI_1", shared))
	if held := must[[]netspec.Address](t)(k.Held(shared)); len(held) != 1 {
		t.Error("the first release removed the address")
	}
	netnstest.Must(t, kernel.Drop(k, "VI_2", shared))
	if held := must[[]netspec.Address](t)(k.Held(shared)); len(held) != 0 {
		t.Error("the last release left the address")
	}
}

func TestClaimNamesWhatFailedAndDoesTheRest(t *testing.T) {
	h, _ := netnstest.Pair(t, "eth0", "eth1")
	k, s := open(t, h, kernel.Options{})
	good, bad := addr("192.0.2.100/24", "eth0"), addr("192.0.2.101/24", "eth9")
	err := kernel.Take(k, "VI_1", []netspec.Address{bad, good}, false)
	const want = "claim addresses of VI_1: add 192.0.2.101/24 dev eth9: no such interface eth9"
	if err == nil || err.Error() != want {
		t.Errorf("error %q, want %q", err, want)
	}
	netnstest.Must(t, h.Link.Remove(good))
	s.awaitGone(t, soon, "VI_1", good)
}

func TestCarrierAndAdministrativeState(t *testing.T) {
	h, peer := netnstest.Pair(t, "eth0", "eth1")
	k, s := open(t, h, kernel.Options{})
	netnstest.Must(t, k.Watch([]string{"eth0"}, nil))
	up := func(l *node.Link) bool { return l.Up }
	down := func(l *node.Link) bool { return l.Exists && !l.Up }
	netnstest.Must(t, peer.Link.SetDown("eth1"))
	s.awaitLink(t, soon, "carrier loss", "eth0", down)
	netnstest.Must(t, peer.Link.SetUp("eth1"))
	s.awaitLink(t, 2*time.Second, "carrier", "eth0", up)
	netnstest.Must(t, h.Link.SetDown("eth0"))
	s.awaitLink(t, soon, "link down", "eth0", down)
	netnstest.Must(t, h.Link.SetUp("eth0"))
	s.awaitLink(t, 2*time.Second, "link up", "eth0", up)
}

func TestPrimaryIsNeverAVirtualAddress(t *testing.T) {
	h, _ := netnstest.Pair(t, "eth0", "eth1")
	own, left := addr("192.0.2.1/24", "eth0"), addr("192.0.2.50/24", "eth0")
	claimed := addr("203.0.113.1/24", "eth0")
	// A predecessor left its address; the host's own came after it and so is
	// secondary to it.
	add(t, h, left, own)
	k, s := open(t, h, kernel.Options{Virtual: []netip.Addr{left.Addr()}})
	netnstest.Must(t, k.Watch([]string{"eth0"}, nil))
	primary := func(want string) func(*node.Link) bool {
		return func(l *node.Link) bool {
			return l.Primary == netip.MustParseAddr(want)
		}
	}
	s.awaitLink(t, 0, "own address", "eth0", primary("192.0.2.1"))
	netnstest.Must(t, kernel.Take(k, "VI_1", []netspec.Address{claimed}, false))
	netnstest.Must(t, h.Link.Remove(own))
	s.awaitLink(t, soon, "no address", "eth0", func(l *node.Link) bool { return !l.Primary.IsValid() })
	k.SetVirtual(nil, nil)
	k.Guard(nil, nil)
	s.awaitLink(t, soon, "address that is no longer virtual", "eth0", primary("192.0.2.50"))
	add(t, h, netspec.Address{Prefix: netip.MustParsePrefix("10.0.0.1/8"), Device: "eth0", Scope: netspec.ScopeLink})
	netnstest.Must(t, h.Link.Remove(left))
	s.awaitLink(t, soon, "no global address", "eth0", func(l *node.Link) bool { return !l.Primary.IsValid() })
}

func TestAnInterfaceThatComesBackIsUsedAgain(t *testing.T) {
	h, peer := netnstest.Pair(t, "eth0", "eth1")
	k, s := open(t, h, kernel.Options{})
	netnstest.Must(t, k.Watch(nil, channels("eth0")))
	far, farSink := open(t, peer, kernel.Options{})
	netnstest.Must(t, far.Watch(nil, channels("eth1")))
	old := lastLink(s.events, "eth0").Index

	advert := func(text string) *node.Action {
		return &node.Action{Kind: node.Send, Instance: "VI_1", Interface: "eth1",
			Source: netip.MustParseAddr("192.0.2.2"), Destination: vrrp.Group(false), TTL: vrrp.TTL, Protocol: vrrp.Protocol, Payload: []byte(text)}
	}
	received := func(text string) func([]node.Event, []node.Received) bool {
		return func(_ []node.Event, packets []node.Received) bool {
			return slices.ContainsFunc(packets, func(p node.Received) bool { return string(p.Packet.Payload) == text })
		}
	}
	netnstest.Must(t, send(far, advert("first")))
	s.await(t, time.Second, "packet on the first interface", received("first"))

	s.forget()
	farSink.forget()
	netnstest.Must(t, h.Link.Delete("eth0"))
	s.awaitLink(t, soon, "interface gone", "eth0", func(l *node.Link) bool { return *l == node.Link{Name: "eth0"} })
	farSink.awaitLink(t, soon, "interface gone", "eth1", func(l *node.Link) bool { return !l.Exists })
	err := send(far, advert("none"))
	if err == nil || err.Error() != "send to 224.0.0.18: no VRRP socket is open on eth1" {
		t.Errorf("send on an interface that is gone: %v", err)
	}

	netnstest.Connect(t, h, "eth0", peer, "eth1")
	up := func(l *node.Link) bool { return l.Up }
	if now := s.awaitLink(t, 2*time.Second, "interface back", "eth0", up).Index; now == old {
		t.Fatalf("the new interface has the old index %d", old)
	}
	farSink.awaitLink(t, 2*time.Second, "interface back", "eth1", up)
	netnstest.Must(t, send(far, advert("second")))
	s.await(t, time.Second, "packet on the second interface", received("second"))

	// Down and up again keeps the socket and its membership.
	s.forget()
	netnstest.Must(t, h.Link.SetDown("eth0"))
	s.awaitLink(t, soon, "link down", "eth0", func(l *node.Link) bool { return !l.Up })
	netnstest.Must(t, h.Link.SetUp("eth0"))
	s.awaitLink(t, 2*time.Second, "link up", "eth0", up)
	farSink.awaitLink(t, 2*time.Second, "link up", "eth1", up)
	netnstest.Must(t, send(far, advert("third")))
	s.await(t, time.Second, "packet after down and up", received("third"))

	// What is no longer named is closed.
	netnstest.Must(t, far.Watch([]string{"eth1"}, nil))
	if err := send(far, advert("none")); err == nil {
		t.Error("sent on an interface that is no longer watched")
	}
}

func TestSendDoesNotAllocate(t *testing.T) {
	h, _ := netnstest.Pair(t, "eth0", "eth1")
	k, _ := open(t, h, kernel.Options{})
	netnstest.Must(t, k.Watch(nil, channels("eth0")))
	a := &node.Action{Interface: "eth0", Source: netip.MustParseAddr("192.0.2.1"),
		Destination: vrrp.Group(false), TTL: vrrp.TTL, Protocol: vrrp.Protocol, Payload: make([]byte, 20)}
	adverts, errs := []node.Action{*a, *a, *a}, make([]error, 3)
	if n := testing.AllocsPerRun(1000, func() {
		if k.Send(adverts, errs); errs[2] != nil {
			t.Fatal(errs[2])
		}
	}); n != 0 {
		t.Errorf("%v allocations for three packets, want 0", n)
	}
}

func TestCloseLeavesAddressesAndMayBeRepeated(t *testing.T) {
	h, _ := netnstest.Pair(t, "eth0", "eth1")
	k, _ := open(t, h, kernel.Options{})
	netnstest.Must(t, k.Watch(nil, channels("eth0")))
	a := addr("192.0.2.100/24", "eth0")
	netnstest.Must(t, kernel.Take(k, "VI_1", []netspec.Address{a}, false))
	netnstest.Must(t, k.Close())
	netnstest.Must(t, k.Close())
	if list := must[[]netspec.Address](t)(h.Link.List("eth0")); !slices.Contains(list, a) {
		t.Errorf("addresses after Close: %v, want %v among them", list, a)
	}
}

// send sends one advert.
func send(k *kernel.Kernel, a *node.Action) error {
	errs := make([]error, 1)
	k.Send([]node.Action{*a}, errs)
	return errs[0]
}

// Adverts that are sent together leave in order on each interface, and one
// that cannot be sent holds none back.
func TestSendsTogether(t *testing.T) {
	h, far := netnstest.Pair(t, "eth0", "eth1")
	k, _ := open(t, h, kernel.Options{})
	farKernel, sink := open(t, far, kernel.Options{})
	netnstest.Must(t, k.Watch(nil, channels("eth0")))
	netnstest.Must(t, farKernel.Watch(nil, channels("eth1")))
	const n = 150 // more than leave in one system call
	var adverts []node.Action
	for i := range n {
		a := node.Action{Interface: "eth0", Source: netip.MustParseAddr("192.0.2.1"),
			Destination: vrrp.Group(false), TTL: vrrp.TTL, Protocol: vrrp.Protocol, Payload: []byte(fmt.Sprintf("first %03d", i))}
		switch i {
		case 3:
			a.Interface = "eth7" // there is none
		case 70:
			a.Payload = make([]byte, 1<<17) // no packet is that long
		}
		adverts = append(adverts, a)
	}
	errs := make([]error, n)
	errs[5] = errors.New("of an earlier call")
	k.Send(adverts, errs)
	for i, err := range errs {
		if (err != nil) != (i == 3 || i == 70) {
			t.Errorf("advert %d: %v", i, err)
		}
	}
	var got []string
	sink.await(t, 2*time.Second, "the last advert", func(_ []node.Event, packets []node.Received) bool {
		got = nil
		for _, p := range packets {
			got = append(got, string(p.Packet.Payload))
		}
		return slices.Contains(got, string(adverts[n-1].Payload))
	})
	if len(got) != n-2 || !slices.IsSorted(got) {
		t.Errorf("%d adverts arrived, want %d in order: %q", len(got), n-2, got)
	}
}
