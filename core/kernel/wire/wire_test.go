//go:build linux

package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"log/slog"
	"net/netip"
	"strconv"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	left  = netip.MustParseAddr("192.0.2.1")
	right = netip.MustParseAddr("192.0.2.2")
)

// pool is a sink with a fixed number of events, as the engine has.
type pool struct {
	free chan *node.Received
	full chan *node.Received
}

func newPool() *pool {
	p := &pool{free: make(chan *node.Received, 64), full: make(chan *node.Received, 64)}
	for range cap(p.free) {
		p.free <- &node.Received{}
	}
	return p
}

func (p *pool) NewPacket() *node.Received { return <-p.free }
func (p *pool) Packets(list ...*node.Received) {
	for _, e := range list {
		p.full <- e
	}
}
func (p *pool) recycle(e *node.Received) { p.free <- e }
func (p *pool) next(t testing.TB) *node.Received {
	t.Helper()
	select {
	case e := <-p.full:
		return e
	case <-time.After(2 * time.Second):
		t.Fatal("no packet was received")
		return nil
	}
}

// listen opens a socket for the spec, with the index filled in.
func listen(t testing.TB, h *netnstest.Host, spec Spec) (*Socket, *pool) {
	t.Helper()
	if spec.Interface != "" {
		i, err := h.Link.Interface(spec.Interface)
		netnstest.Must(t, err)
		spec.Index = i.Index
	}
	p := newPool()
	w, err := Open(p, slog.New(slog.DiscardHandler))
	netnstest.Must(t, err)
	t.Cleanup(func() { netnstest.Must(t, w.Close()) })
	var s *Socket
	h.Run(t, func() (err error) {
		s, err = w.Listen(spec)
		return err
	})
	return s, p
}

// on is a spec for the usual group of a family.
func on(name string, six bool) Spec {
	return Spec{Interface: name, Six: six, Groups: []netip.Addr{vrrp.Group(six)}}
}

func open(t testing.TB, h *netnstest.Host, name string) (*Socket, *pool) {
	t.Helper()
	return listen(t, h, on(name, false))
}

// advert is what Send is asked for.
func advert(from, to netip.Addr, payload []byte) *node.Action {
	return &node.Action{Source: from, Destination: to, TTL: vrrp.TTL, Protocol: vrrp.Protocol, Payload: payload}
}

func TestWhatIsSent(t *testing.T) {
	a, b := netnstest.Pair(t, "eth0", "eth1")
	s, _ := open(t, a, "eth0")
	mac, err := a.Link.Interface("eth0")
	netnstest.Must(t, err)
	capture := b.Capture(t, "eth1", unix.ETH_P_IP)
	// The longer payload first: nothing of it may be left in the second.
	for _, payload := range [][]byte{bytes.Repeat([]byte{0xa5}, 300), {0x31, 51, 100, 1, 0, 100, 0, 0}, {}} {
		netnstest.Must(t, send(s, advert(left, vrrp.Group(false), payload)))
		frame := capture.Next(t, time.Second)
		if len(frame) != 14+20+len(payload) {
			t.Fatalf("frame of %d octets, want %d", len(frame), 14+20+len(payload))
		}
		if got, want := frame[:14], append(append([]byte{1, 0, 0x5e, 0, 0, 18}, mac.MAC...), 8, 0); !bytes.Equal(got, want) {
			t.Errorf("Ethernet header % x, want % x", got, want)
		}
		ip := frame[14:34]
		if sum := checksum(ip); sum != 0xffff {
			t.Errorf("IP checksum is wrong: % x", ip)
		}
		// Identification and checksum are the kernel's.
		got := bytes.Clone(ip)
		clear(got[4:6])
		clear(got[10:12])
		want := []byte{0x45, 0xc0, 0, 0, 0, 0, 0, 0, 255, 112, 0, 0, 192, 0, 2, 1, 224, 0, 0, 18}
		binary.BigEndian.PutUint16(want[2:], uint16(20+len(payload)))
		if !bytes.Equal(got, want) {
			t.Errorf("IP header % x, want % x", got, want)
		}
		if !bytes.Equal(frame[34:], payload) {
			t.Errorf("payload % x, want % x", frame[34:], payload)
		}
	}
}

func TestWhatIsReceived(t *testing.T) {
	a, b := netnstest.Pair(t, "eth0", "eth1")
	s, _ := open(t, a, "eth0")
	_, other := open(t, b, "eth1")
	payload := []byte("an advert")
	netnstest.Must(t, send(s, advert(left, vrrp.Group(false), payload)))
	p := other.next(t).Packet
	if p.Interface != "eth1" || p.Source != left || p.Destination != vrrp.Group(false) || p.TTL != 255 || !bytes.Equal(p.Payload, payload) {
		t.Errorf("received %+v", p)
	}
}

func TestOwnPacketsAreNotLoopedBack(t *testing.T) {
	a, b := netnstest.Pair(t, "eth0", "eth1")
	s, own := open(t, a, "eth0")
	_, beside := open(t, a, "eth0")
	far, _ := open(t, b, "eth1")
	netnstest.Must(t, send(s, advert(left, vrrp.Group(false), []byte("own"))))
	netnstest.Must(t, send(far, advert(right, vrrp.Group(false), []byte("far"))))
	for _, p := range []*pool{own, beside} {
		if got := p.next(t).Packet; string(got.Payload) != "far" {
			t.Errorf("received %q from %s, want only the other host's packet", got.Payload, got.Source)
		}
	}
}

func TestASocketHearsItsInterfaceOnly(t *testing.T) {
	a, b := netnstest.Pair(t, "eth0", "eth1")
	netnstest.Connect(t, a, "eth2", b, "eth3")
	_, first := open(t, a, "eth0")
	_, second := open(t, a, "eth2")
	toFirst, _ := open(t, b, "eth1")
	toSecond, _ := open(t, b, "eth3")
	netnstest.Must(t, send(toFirst, advert(right, vrrp.Group(false), []byte("1"))))
	netnstest.Must(t, send(toSecond, advert(right, vrrp.Group(false), []byte("2"))))
	for _, c := range []struct {
		pool       *pool
		name, want string
	}{{first, "eth0", "1"}, {second, "eth2", "2"}} {
		p := c.pool.next(t).Packet
		if p.Interface != c.name || string(p.Payload) != c.want {
			t.Errorf("on %s: %q of interface %s, want %q", c.name, p.Payload, p.Interface, c.want)
		}
		if len(c.pool.full) != 0 {
			t.Errorf("on %s: one more packet: %+v", c.name, (<-c.pool.full).Packet)
		}
	}
}

// A frame as another implementation may send it: IP options, and padding up
// to the least length of an Ethernet frame.
func TestOptionsAndPaddingAreNoPayload(t *testing.T) {
	a, b := netnstest.Pair(t, "eth0", "eth1")
	_, p := open(t, a, "eth0")
	ip := []byte{0x46, 0xc0, 0, 24 + 8, 0, 1, 0, 0, 255, 112, 0, 0, 192, 0, 2, 2, 224, 0, 0, 18, 0x94, 4, 0, 0}
	binary.BigEndian.PutUint16(ip[10:], ^checksum(ip))
	payload := []byte{0x31, 51, 100, 1, 0, 100, 0xbe, 0xef}
	frame := append([]byte{1, 0, 0x5e, 0, 0, 18, 2, 0, 0, 0, 0, 1, 8, 0}, ip...)
	frame = append(frame, payload...)
	frame = append(frame, bytes.Repeat([]byte{0xee}, 60-len(frame))...)
	b.Inject(t, "eth1", frame)
	if got := p.next(t).Packet; !bytes.Equal(got.Payload, payload) || got.Source != right || got.TTL != 255 {
		t.Errorf("received %+v, want payload % x", got, payload)
	}
}

func TestSendErrors(t *testing.T) {
	a, _ := netnstest.Pair(t, "eth0", "eth1")
	s, _ := open(t, a, "eth0")
	for _, c := range []struct {
		from, to netip.Addr
		want     string
	}{
		{netip.Addr{}, vrrp.Group(false), "send from invalid IP to 224.0.0.18: not two addresses of the family of the VRRP socket for IPv4 on eth0"},
		{left, vrrp.Group(true), "send from 192.0.2.1 to ff02::12: not two addresses of the family of the VRRP socket for IPv4 on eth0"},
	} {
		if err := send(s, advert(c.from, c.to, nil)); err == nil || err.Error() != c.want {
			t.Errorf("got %v, want %s", err, c.want)
		}
	}
	netnstest.Must(t, a.Link.SetDown("eth0"))
	err := send(s, advert(left, vrrp.Group(false), []byte("x")))
	if want := "send on eth0 from 192.0.2.1 to 224.0.0.18: network is unreachable"; err == nil || err.Error() != want && !errors.Is(err, unix.ENETDOWN) {
		t.Errorf("on an interface that is down: got %v, want %s", err, want)
	}
	netnstest.Must(t, s.Close())
	netnstest.Must(t, s.Close())
	if err, want := send(s, advert(left, vrrp.Group(false), nil)), "send to 224.0.0.18: the VRRP socket for IPv4 on eth0 is closed"; err == nil || err.Error() != want {
		t.Errorf("after Close: got %v, want %s", err, want)
	}
}

// More interfaces than one socket may join groups, and a close under load.
func TestManySocketsAndCloseUnderLoad(t *testing.T) {
	a, b := netnstest.New(t), netnstest.New(t)
	names := []string{"e0", "e1", "e2", "e3", "e4", "e5", "e6", "e7", "e8", "e9", "f0", "f1", "f2", "f3", "f4", "f5", "f6", "f7", "f8", "f9", "g0", "g1", "g2"}
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for _, name := range names {
		netnstest.Connect(t, a, name, b, name)
		s, _ := open(t, a, name)
		far, p := open(t, b, name)
		netnstest.Must(t, send(s, advert(left, vrrp.Group(false), []byte(name))))
		if got := string(p.next(t).Packet.Payload); got != name {
			t.Errorf("on %s: received %q", name, got)
		}
		wg.Add(2)
		go func() {
			defer wg.Done()
			for {
				select {
				case e := <-p.full:
					p.recycle(e)
				case <-stop:
					return
				}
			}
		}()
		go func() {
			defer wg.Done()
			for range 200 {
				if send(s, advert(left, vrrp.Group(false), []byte(name))) != nil {
					return
				}
			}
		}()
		if name[0] != 'e' {
			netnstest.Must(t, s.Close())
			netnstest.Must(t, far.Close())
		}
	}
	time.Sleep(20 * time.Millisecond)
	close(stop)
	wg.Wait()
}

func TestDiscardEmptiesTheQueue(t *testing.T) {
	h := netnstest.New(t)
	var fd int
	h.Run(t, func() (err error) {
		fd, err = unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, vrrp.Protocol)
		return err
	})
	defer unix.Close(fd)
	for range 3 {
		netnstest.Must(t, unix.Sendto(fd, []byte("x"), 0, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	}
	netnstest.Must(t, discard(fd))
	if n, err := unix.Read(fd, make([]byte, 100)); err != unix.EAGAIN {
		t.Errorf("after discard there are %d octets, %v", n, err)
	}
}

func TestSteadyStateDoesNotAllocate(t *testing.T) {
	a, b := netnstest.Pair(t, "eth0", "eth1")
	fe1, fe2 := linkLocal(t, a, "eth0"), linkLocal(t, b, "eth1")
	for _, c := range []struct {
		name     string
		spec     Spec
		from, to netip.Addr
	}{
		{"IPv4", on("", false), left, vrrp.Group(false)},
		{"IPv6", on("", true), fe1, vrrp.Group(true)},
		{"IPv6 to a peer", on("", true), fe1, fe2},
		{"AH", Spec{AH: true, Groups: []netip.Addr{vrrp.Group(false)}}, left, vrrp.Group(false)},
		{"with a filter", Spec{Six: true, Groups: []netip.Addr{vrrp.Group(true)}, VRIDs: []uint8{51}}, fe1, vrrp.Group(true)},
	} {
		t.Run(c.name, func(t *testing.T) {
			spec := c.spec
			spec.Interface = "eth0"
			s, _ := listen(t, a, spec)
			spec.Interface = "eth1"
			_, p := listen(t, b, spec)
			act := advert(c.from, c.to, make([]byte, 40))
			act.Protocol = uint8(spec.protocol())
			act.Payload[0], act.Payload[1] = vrrp.Protocol, 51
			// Every event of the pool gets its buffer first.
			for range cap(p.free) {
				netnstest.Must(t, send(s, act))
				p.recycle(p.next(t))
			}
			var x Sender
			var err error
			adverts, errs := []*node.Action{act}, []*error{&err}
			if n := testing.AllocsPerRun(500, func() {
				if x.Send(s, adverts, errs); err != nil {
					t.Fatal(err)
				}
				p.recycle(<-p.full)
			}); n != 0 {
				t.Errorf("%v allocations to send and receive a packet, want 0", n)
			}
		})
	}
}

func BenchmarkSend(b *testing.B) {
	x, _ := netnstest.Pair(b, "eth0", "eth1")
	s, _ := open(b, x, "eth0")
	act := advert(left, vrrp.Group(false), make([]byte, 20))
	for _, n := range []int{1, 16} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			var x Sender
			adverts, errs, results := make([]*node.Action, n), make([]*error, n), make([]error, n)
			for i := range n {
				adverts[i], errs[i] = act, &results[i]
			}
			b.ReportAllocs()
			for b.Loop() {
				if x.Send(s, adverts, errs); results[n-1] != nil {
					b.Fatal(results[n-1])
				}
			}
		})
	}
}

// checksum is the ones' complement sum, 0xffff over a header whose checksum is
// right.
func checksum(b []byte) uint16 {
	var sum uint32
	for ; len(b) >= 2; b = b[2:] {
		sum += uint32(binary.BigEndian.Uint16(b))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return uint16(sum)
}

// send sends one advert.
func send(s *Socket, a *node.Action) error {
	var err error
	new(Sender).Send(s, []*node.Action{a}, []*error{&err})
	return err
}
