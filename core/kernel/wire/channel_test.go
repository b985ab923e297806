//go:build linux

package wire

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
	"github.com/moonkeep/moonkeep/core/kernel/sysctl"
	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

// assign adds an address to an interface.
func assign(t testing.TB, h *netnstest.Host, device string, prefixes ...string) {
	t.Helper()
	for _, p := range prefixes {
		_, err := h.Link.Add(netspec.Address{Prefix: netip.MustParsePrefix(p), Device: device})
		netnstest.Must(t, err)
	}
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
			if a.Addr().IsLinkLocalUnicast() && a.Addr().Is6() && state.Stands(a) {
				return a.Addr()
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s has no link-local address", device)
		}
	}
}

func TestWhatIsSentOverIPv6(t *testing.T) {
	a, b := netnstest.Pair(t, "eth0", "eth1")
	s, _ := listen(t, a, on("eth0", true))
	from := linkLocal(t, a, "eth0")
	mac, err := a.Link.Interface("eth0")
	netnstest.Must(t, err)
	_, p := listen(t, b, on("eth1", true))
	capture := b.Capture(t, "eth1", unix.ETH_P_IPV6)
	for _, payload := range [][]byte{bytes.Repeat([]byte{0xa5}, 300), {0x31, 51, 100, 1, 0, 100, 0xbe, 0xef}, {}} {
		netnstest.Must(t, send(s, advert(from, vrrp.Group(true), payload)))
		frame := capture.Next(t, time.Second)
		for frame != nil && frame[14+6] != vrrp.Protocol {
			frame = capture.Next(t, time.Second) // the kernel's own neighbour discovery
		}
		if len(frame) != 14+40+len(payload) {
			t.Fatalf("frame of %d octets, want %d", len(frame), 14+40+len(payload))
		}
		if got, want := frame[:14], append(append([]byte{0x33, 0x33, 0, 0, 0, 0x12}, mac.MAC...), 0x86, 0xdd); !bytes.Equal(got, want) {
			t.Errorf("Ethernet header % x, want % x", got, want)
		}
		to := vrrp.Group(true)
		want := []byte{0x6c, 0, 0, 0, 0, 0, 112, 255}
		binary.BigEndian.PutUint16(want[4:], uint16(len(payload)))
		want = append(append(want, from.AsSlice()...), to.AsSlice()...)
		if got := frame[14:54]; !bytes.Equal(got, want) {
			t.Errorf("IP header % x, want % x", got, want)
		}
		if !bytes.Equal(frame[54:], payload) {
			t.Errorf("payload % x, want % x: the checksum is not the kernel's", frame[54:], payload)
		}
		got := p.next(t).Packet
		if got.Interface != "eth1" || got.Source != from || got.Destination != to || got.TTL != 255 || got.Protocol != 112 || !bytes.Equal(got.Payload, payload) {
			t.Errorf("received %+v", got)
		}
	}
}

// The first advert of an IPv6 router with a virtual MAC goes before its interface
// has an address.
func TestAnInterfaceWithoutAddress(t *testing.T) {
	a, b := netnstest.Pair(t, "eth0", "eth1")
	from := linkLocal(t, a, "eth0")
	mac := netspec.VirtualMAC(51, true)
	netnstest.Must(t, a.Link.AddMACVLAN("vrrp.51", "eth0", mac[:]))
	netnstest.Must(t, sysctl.New(a.NS, nil).Put("ipv6/conf/vrrp.51/addr_gen_mode", "1"))
	netnstest.Must(t, a.Link.SetUp("vrrp.51"))
	below, err := a.Link.Interface("eth0")
	netnstest.Must(t, err)
	_, p := listen(t, b, on("eth1", true))
	s, _ := listen(t, a, Spec{Interface: "vrrp.51", Six: true, Below: below.Index, Groups: []netip.Addr{vrrp.Group(true)}})
	payload := []byte{0x31, 51, 100, 1, 0, 100, 0xbe, 0xef}
	netnstest.Must(t, send(s, advert(from, vrrp.Group(true), payload)))
	if got := p.next(t).Packet; got.Source != from || !bytes.Equal(got.Payload, payload) {
		t.Errorf("received %+v", got)
	}
}

// A source may be any address: an advert leaves from mcast_src_ip, and a last
// one from an address that has just gone.
func TestTheSourceNeedNotStand(t *testing.T) {
	a, b := netnstest.Pair(t, "eth0", "eth1")
	linkLocal(t, a, "eth0")
	for _, six := range []bool{false, true} {
		s, _ := listen(t, a, on("eth0", six))
		_, p := listen(t, b, on("eth1", six))
		from := netip.MustParseAddr("203.0.113.7")
		if six {
			from = netip.MustParseAddr("fe80::7")
		}
		netnstest.Must(t, send(s, advert(from, vrrp.Group(six), []byte("x"))))
		if got := p.next(t).Packet; got.Source != from {
			t.Errorf("from %s, want %s", got.Source, from)
		}
	}
}

// TTL, destination and source of a unicast packet arrive as they were sent, on
// the interface that it came in on, and on a socket that is bound to none.
func TestUnicast(t *testing.T) {
	a, b := netnstest.Pair(t, "eth0", "eth1")
	netnstest.Connect(t, a, "eth2", b, "eth3")
	assign(t, a, "eth0", "192.0.2.1/24", "2001:db8::1/64")
	assign(t, b, "eth1", "192.0.2.2/24", "2001:db8::2/64")
	fe1, fe2 := linkLocal(t, a, "eth0"), linkLocal(t, b, "eth1")
	for _, c := range []struct {
		name, device string
		from, to     netip.Addr
		ttl          uint8
	}{
		{"IPv4", "eth1", left, right, 255},
		{"IPv4 over routers", "eth1", left, right, 7},
		{"IPv4 on no interface", "", left, right, 64},
		{"IPv6", "eth1", netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2"), 255},
		{"IPv6 over routers", "eth1", netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2"), 3},
		{"IPv6 on no interface", "", netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2"), 64},
		{"IPv6 link-local", "eth1", fe1, fe2, 255},
	} {
		t.Run(c.name, func(t *testing.T) {
			six := c.from.Is6()
			mine := ""
			if c.device != "" {
				mine = "eth0"
			}
			s, _ := listen(t, a, Spec{Interface: mine, Six: six})
			_, p := listen(t, b, Spec{Interface: c.device, Six: six})
			_, other := listen(t, b, Spec{Interface: "eth3", Six: six})
			act := advert(c.from, c.to, []byte("to you"))
			act.TTL = c.ttl
			netnstest.Must(t, send(s, act))
			got := p.next(t).Packet
			if got.Source != c.from || got.Destination != c.to || got.TTL != int(c.ttl) || got.Interface != c.device || string(got.Payload) != "to you" {
				t.Errorf("received %+v, want what was sent: %+v", got, act)
			}
			if len(other.full) != 0 {
				t.Errorf("received on eth3: %+v", (<-other.full).Packet)
			}
		})
	}
}

// A socket of unicast instances hears no group, whoever joined it.
func TestUnicastSocketsHearNoGroup(t *testing.T) {
	a, b := netnstest.Pair(t, "eth0", "eth1")
	from := linkLocal(t, a, "eth0")
	for _, six := range []bool{false, true} {
		for _, device := range []string{"eth1", ""} {
			s, _ := listen(t, a, on("eth0", six))
			_, joined := listen(t, b, on("eth1", six))
			_, p := listen(t, b, Spec{Interface: device, Six: six})
			source := left
			if six {
				source = from
			}
			netnstest.Must(t, send(s, advert(source, vrrp.Group(six), []byte("x"))))
			joined.next(t)
			time.Sleep(10 * time.Millisecond)
			if len(p.full) != 0 {
				t.Errorf("IPv6 %v on %q: received %+v", six, device, (<-p.full).Packet)
			}
		}
	}
}

func TestOwnPacketsAreNotLoopedBackOverIPv6(t *testing.T) {
	a, b := netnstest.Pair(t, "eth0", "eth1")
	fe1, fe2 := linkLocal(t, a, "eth0"), linkLocal(t, b, "eth1")
	s, own := listen(t, a, on("eth0", true))
	far, _ := listen(t, b, on("eth1", true))
	netnstest.Must(t, send(s, advert(fe1, vrrp.Group(true), []byte("own"))))
	netnstest.Must(t, send(far, advert(fe2, vrrp.Group(true), []byte("far"))))
	if got := own.next(t).Packet; string(got.Payload) != "far" {
		t.Errorf("received %q from %s, want only the other host's packet", got.Payload, got.Source)
	}
}

// Groups and virtual routers can change under an open socket.
func TestTune(t *testing.T) {
	a, b := netnstest.Pair(t, "eth0", "eth1")
	from := linkLocal(t, a, "eth0")
	linkLocal(t, b, "eth1")
	for _, c := range []struct {
		six         bool
		source      netip.Addr
		first, next netip.Addr
	}{
		{false, left, netip.MustParseAddr("224.0.0.18"), netip.MustParseAddr("224.0.0.77")},
		{true, from, netip.MustParseAddr("ff02::12"), netip.MustParseAddr("ff02::77")},
	} {
		s, _ := listen(t, a, Spec{Interface: "eth0", Six: c.six})
		r, p := listen(t, b, Spec{Interface: "eth1", Six: c.six, Groups: []netip.Addr{c.first}})
		send := func(to netip.Addr, text string) {
			t.Helper()
			netnstest.Must(t, send(s, advert(c.source, to, []byte(text))))
		}
		want := func(text string) {
			t.Helper()
			if got := string(p.next(t).Packet.Payload); got != text {
				t.Errorf("received %q, want %q", got, text)
			}
		}
		send(c.next, "too early")
		send(c.first, "first")
		want("first")
		netnstest.Must(t, r.Tune([]netip.Addr{c.first, c.next}, nil))
		send(c.next, "second")
		want("second")
		send(c.first, "still")
		want("still")
		netnstest.Must(t, r.Tune([]netip.Addr{c.next}, nil))
		send(c.first, "too late")
		send(c.next, "third")
		want("third")
		netnstest.Must(t, r.Tune([]netip.Addr{c.next}, []uint8{'x'}))
		for range 3 {
			send(c.next, "-x-")
		}
		for range 3 {
			want("-x-")
		}
		if got := r.Spec(); !got.Equal(Spec{Interface: "eth1", Index: got.Index, Six: c.six, Groups: []netip.Addr{c.next}, VRIDs: []uint8{'x'}}) {
			t.Errorf("the socket is for %+v", got)
		}
		if err := r.Tune([]netip.Addr{netip.MustParseAddr("192.0.2.1")}, nil); err == nil {
			t.Error("joined a group that is none")
		}
	}
}

// A join waits for as long as somebody configures interfaces; adverts do not wait for it.
func TestSendDoesNotWaitForAJoin(t *testing.T) {
	a, _ := netnstest.Pair(t, "eth0", "eth1")
	s, _ := listen(t, a, Spec{Interface: "eth0", Groups: []netip.Addr{netip.MustParseAddr("224.0.0.18")}})
	joins := s.wire.member
	for name, change := range map[string]func() error{
		"tune":   func() error { return s.Tune([]netip.Addr{netip.MustParseAddr("224.0.0.77")}, nil) },
		"rejoin": s.Rejoin,
	} {
		begun, end := make(chan struct{}, 4), make(chan struct{})
		s.wire.member = func(s *Socket, index int, group netip.Addr, join bool) error {
			begun <- struct{}{}
			<-end
			return joins(s, index, group, join)
		}
		changed, sent := make(chan error, 1), make(chan error, 1)
		go func() { changed <- change() }()
		<-begun
		go func() { sent <- send(s, advert(left, netip.MustParseAddr("224.0.0.18"), []byte("x"))) }()
		select {
		case err := <-sent:
			netnstest.Must(t, err)
		case <-time.After(5 * time.Second):
			t.Errorf("%s: an advert waits for it", name)
		}
		close(end)
		netnstest.Must(t, <-changed)
	}
}

// A socket lets its own virtual routers' packets pass, all of them, and of the
// others' a sample.
func TestFilter(t *testing.T) {
	a, b := netnstest.Pair(t, "eth0", "eth1")
	from := linkLocal(t, a, "eth0")
	ah := make([]byte, ahLen)
	ah[0] = vrrp.Protocol
	for _, c := range []struct {
		name   string
		spec   Spec
		source netip.Addr
		before []byte
	}{
		{"IPv4", Spec{}, left, nil},
		{"IPv6", Spec{Six: true}, from, nil},
		{"AH", Spec{AH: true}, left, ah},
	} {
		t.Run(c.name, func(t *testing.T) {
			spec := c.spec
			spec.Groups = []netip.Addr{vrrp.Group(spec.Six)}
			spec.Interface = "eth0"
			s, _ := listen(t, a, spec)
			spec.Interface = "eth1"
			spec.VRIDs = []uint8{1, 31, 32, 64, 200, 255}
			_, p := listen(t, b, spec)
			send := func(vrid int) {
				act := advert(c.source, vrrp.Group(spec.Six), append(bytes.Clone(c.before), 0x31, byte(vrid), 100))
				act.Protocol = uint8(spec.protocol())
				netnstest.Must(t, send(s, act))
			}
			got, foreign := map[byte]int{}, 0
			take := func() {
				for len(p.full) > 0 {
					e := p.next(t)
					v := e.Packet.Payload[spec.vridAt()]
					got[v]++
					want := 1
					if !bytes.Contains(spec.VRIDs, []byte{v}) {
						want = Sample
						foreign += e.Sample
					}
					if e.Sample != want {
						t.Fatalf("a packet of router %d stands for %d, want %d", v, e.Sample, want)
					}
					p.recycle(e)
				}
			}
			const rounds = 40
			for range rounds {
				for vrid := 1; vrid <= 255; vrid++ {
					send(vrid)
					if vrid%16 == 0 {
						time.Sleep(100 * time.Microsecond)
						take()
					}
				}
			}
			deadline := time.Now().Add(2 * time.Second)
			for got[255] < rounds && time.Now().Before(deadline) {
				time.Sleep(time.Millisecond)
				take()
			}
			for _, v := range spec.VRIDs {
				if got[v] != rounds {
					t.Errorf("received %d of router %d, want %d", got[v], v, rounds)
				}
			}
			// 9960 trials at 1/16: 623, and 24 for a standard deviation.
			if all := rounds * (255 - len(spec.VRIDs)); foreign < all*3/4 || foreign > all*5/4 {
				t.Errorf("the sample of others stands for %d, want about %d", foreign, all)
			}
		})
	}
}

// What is in an authentication header but no VRRP does not come.
func TestForeignAH(t *testing.T) {
	a, b := netnstest.Pair(t, "eth0", "eth1")
	spec := Spec{Interface: "eth0", AH: true, Groups: []netip.Addr{vrrp.Group(false)}}
	s, _ := listen(t, a, spec)
	spec.Interface = "eth1"
	_, p := listen(t, b, spec)
	for _, next := range []byte{6, vrrp.Protocol} {
		payload := append([]byte{next}, bytes.Repeat([]byte{7}, 40)...)
		act := advert(left, vrrp.Group(false), payload)
		act.Protocol, act.ID = vrrp.ProtocolAH, 0x1234
		netnstest.Must(t, send(s, act))
	}
	got := p.next(t).Packet
	if got.Protocol != vrrp.ProtocolAH || got.Payload[0] != vrrp.Protocol || len(got.Payload) != 41 {
		t.Errorf("received %+v, want the VRRP packet only", got)
	}
	if len(got.Header) != 20 || binary.BigEndian.Uint16(got.Header[4:]) != 0x1234 || got.Header[9] != vrrp.ProtocolAH {
		t.Errorf("header % x, want one of 20 octets with identification 1234", got.Header)
	}
}

// One receiver serves many sockets, and one that is closed under load hands on
// nothing any more.
func TestOneReceiverForMany(t *testing.T) {
	a, b := netnstest.New(t), netnstest.New(t)
	p := newPool()
	w, err := Open(p, slog.New(slog.DiscardHandler))
	netnstest.Must(t, err)
	var from, to []*Socket
	for i := range 12 {
		name := fmt.Sprintf("e%d", i)
		netnstest.Connect(t, a, name, b, name)
		s, _ := open(t, a, name)
		i, err := b.Link.Interface(name)
		netnstest.Must(t, err)
		b.Run(t, func() error {
			spec := on(name, false)
			spec.Index = i.Index
			r, err := w.Listen(spec)
			from, to = append(from, s), append(to, r)
			return err
		})
	}
	for round := range 3 {
		for i, s := range from {
			netnstest.Must(t, send(s, advert(left, vrrp.Group(false), []byte{byte(round), byte(i)})))
		}
		seen := map[string]bool{}
		for range from {
			e := p.next(t)
			if e.Packet.Interface != fmt.Sprintf("e%d", e.Packet.Payload[1]) || int(e.Packet.Payload[0]) != round {
				t.Errorf("on %s: received % x in round %d", e.Packet.Interface, e.Packet.Payload, round)
			}
			seen[e.Packet.Interface] = true
			p.recycle(e)
		}
		if len(seen) != len(from) {
			t.Errorf("received on %d interfaces, want %d", len(seen), len(from))
		}
	}
	netnstest.Must(t, to[0].Close())
	netnstest.Must(t, send(from[0], advert(left, vrrp.Group(false), []byte("x"))))
	netnstest.Must(t, send(from[1], advert(left, vrrp.Group(false), []byte{0, 1})))
	if got := p.next(t).Packet.Interface; got != "e1" {
		t.Errorf("received on %s, which is closed", got)
	}
	netnstest.Must(t, w.Close())
	netnstest.Must(t, w.Close())
	b.Run(t, func() error {
		if _, err := w.Listen(on("e3", false)); err == nil {
			t.Error("opened a socket for a receiver that is closed")
		}
		return nil
	})
}
