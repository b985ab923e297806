//go:build linux

package bfdwire

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/bfd"
	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/node"
)

var (
	left4, right4 = netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	left6, right6 = netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2")
)

// packets is a Sink.
type packets chan *node.BFDReceived

func (p packets) NewBFD() *node.BFDReceived { return new(node.BFDReceived) }
func (p packets) BFD(e *node.BFDReceived)   { p <- e }

func (p packets) next(t testing.TB) bfd.Packet {
	t.Helper()
	select {
	case e := <-p:
		return e.Packet
	case <-time.After(5 * time.Second):
		t.Fatal("no packet came")
		return bfd.Packet{}
	}
}

func (p packets) none(t testing.TB) {
	t.Helper()
	select {
	case e := <-p:
		t.Fatalf("received %+v", e.Packet)
	case <-time.After(50 * time.Millisecond):
	}
}

// pair makes two hosts with addresses of both families that stand, or of IPv4
// alone, which takes less time.
func pair(t testing.TB, six bool) (a, b *netnstest.Host) {
	t.Helper()
	a, b = netnstest.Pair(t, "eth0", "eth1")
	for _, x := range []struct {
		host   *netnstest.Host
		device string
		prefix string
	}{
		{a, "eth0", "192.0.2.1/24"}, {a, "eth0", "2001:db8::1/64"},
		{b, "eth1", "192.0.2.2/24"}, {b, "eth1", "2001:db8::2/64"},
	} {
		if !six && strings.Contains(x.prefix, ":") {
			continue
		}
		_, err := x.host.Link.Add(netspec.Address{Prefix: netip.MustParsePrefix(x.prefix), Device: x.device})
		netnstest.Must(t, err)
	}
	if six {
		linkLocal(t, a, "eth0")
		linkLocal(t, b, "eth1")
	}
	return a, b
}

// linkLocal waits for the interface's link-local address to be of use.
func linkLocal(t testing.TB, h *netnstest.Host, device string) netip.Addr {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		list, err := h.Link.List(device)
		netnstest.Must(t, err)
		state, err := h.Link.State()
		netnstest.Must(t, err)
		for _, a := range list {
			if a.Addr().Is6() && a.Addr().IsLinkLocalUnicast() && state.Stands(a) {
				return a.Addr()
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s has no link-local address", device)
		}
	}
}

func session(source, neighbor netip.Addr) bfd.Config {
	c := bfd.Defaults()
	c.Source, c.Neighbor = source, neighbor
	return c
}

// wired opens a wire in a host.
func wired(t testing.TB, h *netnstest.Host, sessions ...bfd.Config) (*Wire, packets) {
	t.Helper()
	p := make(packets, 1024)
	w := Open(p, slog.New(slog.DiscardHandler))
	t.Cleanup(func() { netnstest.Must(t, w.Close()) })
	h.Run(t, func() error { return w.Set(sessions, interfaces(h)) })
	return w, p
}

// interfaces are those of a host now.
func interfaces(h *netnstest.Host) func(string) int {
	return func(name string) int {
		i, _ := h.Link.Interface(name)
		return i.Index
	}
}

func packet(c bfd.Config, payload []byte) *node.Action {
	return &node.Action{Kind: node.SendBFD, Source: c.Source, Destination: c.Neighbor, Multihop: c.Multihop, Payload: payload}
}

// TestPaths: what is sent arrives, with the TTL it was sent with, for each
// family, over one hop and several, with and without a source.
func TestPaths(t *testing.T) {
	a, b := pair(t, true)
	fe1, fe2 := linkLocal(t, a, "eth0"), linkLocal(t, b, "eth1")
	for _, tt := range []struct {
		name             string
		source, neighbor netip.Addr
		from             netip.Addr // as b sees it
		multihop         bool
		ttl              int
	}{
		{"IPv4", left4, right4, left4, false, 255},
		{"IPv4 without source", netip.Addr{}, right4, left4, false, 255},
		{"IPv4 multihop", left4, right4, left4, true, 64},
		{"IPv6", left6, right6, left6, false, 255},
		{"IPv6 without source", netip.Addr{}, right6, left6, false, 64},
		{"IPv6 multihop", left6, right6, left6, true, 255},
		{"link-local", fe1, fe2.WithZone("eth0"), fe1.WithZone("eth1"), false, 255},
		{"link-local without source", netip.Addr{}, fe2.WithZone("eth0"), fe1.WithZone("eth1"), false, 255},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := session(tt.source, tt.neighbor)
			c.Multihop, c.TTL = tt.multihop, tt.ttl
			w, _ := wired(t, a, c)
			back := session(netip.Addr{}, tt.from)
			back.Multihop = tt.multihop
			_, heard := wired(t, b, back)
			payload := bytes.Repeat([]byte{0x5a}, bfd.Len)
			netnstest.Must(t, w.Send(packet(c, payload)))
			got := heard.next(t)
			if got.Source != tt.from || got.Destination != tt.neighbor.WithZone("") || got.Multihop != tt.multihop || got.TTL != tt.ttl || !bytes.Equal(got.Payload, payload) {
				t.Errorf("received %+v", got)
			}
		})
	}
}

// TestOnTheWire looks at the datagrams: ports, traffic class, TTL (RFC 5881 4
// and 5).
func TestOnTheWire(t *testing.T) {
	a, b := pair(t, true)
	four, six, multi := session(left4, right4), session(left6, right6), session(left4, right4)
	multi.Multihop = true
	w, _ := wired(t, a, four, six, multi)
	capture4, capture6 := b.Capture(t, "eth1", unix.ETH_P_IP), b.Capture(t, "eth1", unix.ETH_P_IPV6)
	udp := func(c *netnstest.Capture, protocolAt, headerLen int) []byte {
		t.Helper()
		for {
			frame := c.Next(t, 2*time.Second)
			if frame == nil {
				t.Fatal("nothing on the wire")
			}
			if frame[14+protocolAt] == unix.IPPROTO_UDP {
				return frame[14:]
			}
		}
	}
	sources := map[uint16]bool{}
	ports := func(b []byte, want uint16) {
		t.Helper()
		from, to := binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])
		if from < 49152 || to != want || sources[from] {
			t.Errorf("from port %d to %d (want %d), seen before: %v", from, to, want, sources[from])
		}
		sources[from] = true
	}
	netnstest.Must(t, w.Send(packet(four, make([]byte, bfd.Len))))
	ip := udp(capture4, 9, 20)
	if ip[1] != 0xc0 || ip[8] != 255 {
		t.Errorf("TOS %#x, TTL %d", ip[1], ip[8])
	}
	ports(ip[20:], 3784)
	netnstest.Must(t, w.Send(packet(multi, make([]byte, bfd.Len))))
	ports(udp(capture4, 9, 20)[20:], 4784)
	netnstest.Must(t, w.Send(packet(six, make([]byte, bfd.Len))))
	ip = udp(capture6, 6, 40)
	if class := ip[0]<<4 | ip[1]>>4; class != 0xc0 || ip[7] != 255 {
		t.Errorf("traffic class %#x, hop limit %d", class, ip[7])
	}
	ports(ip[40:], 3784)
}

// TestSet: sockets that fit stay, with their source port; others go.
func TestSet(t *testing.T) {
	a, b := pair(t, false)
	one, two := session(left4, right4), session(left6, right6)
	w, _ := wired(t, a, one, two)
	_, heard := wired(t, b, session(netip.Addr{}, left4), session(netip.Addr{}, left6))
	before := (*w.senders.Load())[one.Path]
	one.TTL = 100
	a.Run(t, func() error { return w.Set([]bfd.Config{one}, interfaces(a)) })
	if (*w.senders.Load())[one.Path] != before {
		t.Error("the session that stays has another socket")
	}
	netnstest.Must(t, w.Send(packet(one, []byte("x"))))
	if got := heard.next(t); got.TTL != 100 {
		t.Errorf("TTL %d, want 100", got.TTL)
	}
	if err := w.Send(packet(two, []byte("x"))); err == nil || !strings.Contains(err.Error(), "no BFD socket is open") {
		t.Errorf("a session that is gone: %v", err)
	}
	if len(w.receivers) != 1 {
		t.Errorf("%d sockets receive, want 1", len(w.receivers))
	}
	netnstest.Must(t, w.Close())
	if err := w.Send(packet(one, []byte("x"))); err == nil {
		t.Error("sent after Close")
	}
}

// TestPortInUse names the port and what to do; what could be opened works.
func TestPortInUse(t *testing.T) {
	a, b := pair(t, true)
	_, _ = wired(t, a, session(left4, right4))
	w := Open(make(packets, 1), slog.New(slog.DiscardHandler))
	t.Cleanup(func() { netnstest.Must(t, w.Close()) })
	err := a.Do(func() error {
		return w.Set([]bfd.Config{session(left4, right4), session(netip.Addr{}, right4), session(left6, right6)}, interfaces(a))
	})
	if err == nil || strings.Count(err.Error(), "UDP port 3784") != 1 || !strings.Contains(err.Error(), "another program has it") {
		t.Errorf("got %v", err)
	}
	_, heard := wired(t, b, session(netip.Addr{}, left6))
	netnstest.Must(t, w.Send(packet(session(left6, right6), []byte("x"))))
	heard.next(t)
}

// TestAddressToCome: a session may be configured before its source is there.
func TestAddressToCome(t *testing.T) {
	a, b := pair(t, false)
	to := netip.MustParseAddr("192.0.2.9")
	c := session(to, right4)
	w, _ := wired(t, a, c)
	_, heard := wired(t, b, session(netip.Addr{}, to))
	if err := w.Send(packet(c, []byte("x"))); err == nil {
		t.Error("sent from an address that is not there")
	}
	_, err := a.Link.Add(netspec.Address{Prefix: netip.PrefixFrom(to, 24), Device: "eth0"})
	netnstest.Must(t, err)
	netnstest.Must(t, w.Send(packet(c, []byte("x"))))
	if got := heard.next(t); got.Source != to {
		t.Errorf("from %v, want %v", got.Source, to)
	}
}

// TestInterfaceComesAnew: a link-local neighbor is found again on an interface
// that was made anew.
func TestInterfaceComesAnew(t *testing.T) {
	a, b := pair(t, true)
	fe2 := linkLocal(t, b, "eth1")
	c := session(netip.Addr{}, fe2.WithZone("eth0"))
	w, _ := wired(t, a, c)
	netnstest.Must(t, w.Send(packet(c, []byte("x"))))
	netnstest.Must(t, a.Link.Delete("eth0"))
	if err := w.Send(packet(c, []byte("x"))); err == nil {
		t.Error("sent without an interface")
	}
	netnstest.Connect(t, a, "eth0", b, "eth1")
	linkLocal(t, a, "eth0")
	_, heard := wired(t, b, session(netip.Addr{}, netip.MustParseAddr("fe80::1%eth1")))
	c.Neighbor = linkLocal(t, b, "eth1").WithZone("eth0")
	a.Run(t, func() error { return w.Set([]bfd.Config{c}, interfaces(a)) })
	netnstest.Must(t, w.Send(packet(c, []byte("x"))))
	heard.next(t)
}

// TestSendLooksForNoInterface: a packet to a neighbor on an interface goes where Place
// said, and nowhere before that, whatever interfaces there are.
func TestSendLooksForNoInterface(t *testing.T) {
	a, b := pair(t, true)
	fe1, fe2 := linkLocal(t, a, "eth0"), linkLocal(t, b, "eth1")
	_, heard := wired(t, b, session(netip.Addr{}, fe1.WithZone("eth1")))
	for _, source := range []netip.Addr{{}, fe1} {
		c := session(source, fe2.WithZone("eth0"))
		w := Open(make(packets, 1), slog.New(slog.DiscardHandler))
		t.Cleanup(func() { netnstest.Must(t, w.Close()) })
		asked := 0
		none := func(string) int { asked++; return 0 }
		a.Run(t, func() error { return w.Set([]bfd.Config{c}, none) })
		for range 100 {
			if err := w.Send(packet(c, []byte("x"))); err == nil || !strings.Contains(err.Error(), "no interface eth0") {
				t.Fatalf("sent without an interface that was told: %v", err)
			}
		}
		if asked != 1 {
			t.Errorf("was asked for an interface %d times, want once", asked)
		}
		w.Place(interfaces(a))
		netnstest.Must(t, w.Send(packet(c, []byte("x"))))
		heard.next(t)
		w.Place(none)
		if err := w.Send(packet(c, []byte("x"))); err == nil {
			t.Error("sent by an interface that is gone")
		}
		netnstest.Must(t, w.Close())
	}
}

// TestManySessions: each of them sends, nothing is lost, and Close is the end.
func TestManySessions(t *testing.T) {
	a, b := pair(t, false)
	var sessions []bfd.Config
	for i := range 200 {
		sessions = append(sessions, session(netip.Addr{}, netip.AddrFrom4([4]byte{192, 0, 2, byte(i + 10)})))
		prefix := netip.PrefixFrom(sessions[i].Neighbor, 24)
		_, err := b.Link.Add(netspec.Address{Prefix: prefix, Device: "eth1"})
		netnstest.Must(t, err)
	}
	w, _ := wired(t, a, sessions...)
	other, heard := wired(t, b, session(netip.Addr{}, left4))
	seen := map[string]bool{}
	for round := range 3 {
		for i, c := range sessions {
			netnstest.Must(t, w.Send(packet(c, fmt.Appendf(nil, "%d.%d", round, i))))
		}
		for range sessions {
			seen[string(heard.next(t).Payload)] = true
		}
	}
	if len(seen) != 600 {
		t.Errorf("%d packets, want 600", len(seen))
	}
	netnstest.Must(t, other.Close())
	netnstest.Must(t, w.Send(packet(sessions[0], []byte("late"))))
	heard.none(t)
}

// TestSendNoAllocation: a packet leaves without garbage.
func TestSendNoAllocation(t *testing.T) {
	a, _ := pair(t, true)
	for _, c := range []bfd.Config{session(left4, right4), session(left6, right6)} {
		w, _ := wired(t, a, c)
		p := packet(c, make([]byte, bfd.Len))
		netnstest.Must(t, w.Send(p))
		if n := testing.AllocsPerRun(100, func() { netnstest.Must(t, w.Send(p)) }); n != 0 {
			t.Errorf("%v: %v allocations", c.Path, n)
		}
	}
}

// TestReceiveNoAllocation: reading a batch makes no garbage beyond the sink's.
func TestReceiveNoAllocation(t *testing.T) {
	a, b := pair(t, true)
	fe1, fe2 := linkLocal(t, a, "eth0"), linkLocal(t, b, "eth1")
	for _, c := range []bfd.Config{session(left4, right4), session(left6, right6), session(fe1, fe2.WithZone("eth0"))} {
		t.Run(c.Path.String(), func(t *testing.T) {
			w, _ := wired(t, a, c)
			var r *receiver
			b.Run(t, func() (err error) {
				r, err = receive(outlet{six: c.Neighbor.Is6()}, make(packets, 1), slog.New(slog.DiscardHandler))
				return err
			})
			// Only the goroutine is ended: the socket is read here.
			fd, err := unix.Dup(r.fd)
			netnstest.Must(t, err)
			t.Cleanup(func() { netnstest.Must(t, unix.Close(fd)) })
			netnstest.Must(t, r.close())
			r.fd = fd
			p := packet(c, make([]byte, bfd.Len))
			e := &node.BFDReceived{}
			got := 0
			exchange := func() {
				netnstest.Must(t, w.Send(p))
				n, err := r.take()
				for err == unix.EAGAIN {
					n, err = r.take()
				}
				netnstest.Must(t, err)
				for i := range n {
					r.parse(i, e)
				}
				got += n
			}
			exchange()
			if n := testing.AllocsPerRun(100, exchange); n != 0 {
				t.Errorf("%v allocations", n)
			}
			if got != 102 || e.Packet.TTL != 255 {
				t.Errorf("got %d packets, the last %+v", got, e.Packet)
			}
		})
	}
}
