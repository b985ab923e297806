//go:build linux

package wire

import (
	"bytes"
	"encoding/binary"
	"log/slog"
	"net/netip"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
	"github.com/moonkeep/moonkeep/core/node"
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
func (p *pool) Packet(e *node.Received)   { p.full <- e }
func (p *pool) recycle(e *node.Received)  { p.free <- e }
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

func open(t testing.TB, h *netnstest.Host, name string) (*Socket, *pool) {
	t.Helper()
	i, err := h.Link.Interface(name)
	netnstest.Must(t, err)
	p := newPool()
	var s *Socket
	h.Run(t, func() (err error) {
		s, err = Open(name, i.Index, p, slog.New(slog.DiscardHandler))
		return err
	})
	t.Cleanup(func() { netnstest.Must(t, s.Close()) })
	return s, p
}

func TestWhatIsSent(t *testing.T) {
	a, b := netnstest.Pair(t, "eth0", "eth1")
	s, _ := open(t, a, "eth0")
	mac, err := a.Link.Interface("eth0")
	netnstest.Must(t, err)
	capture := b.Capture(t, "eth1", unix.ETH_P_IP)
	// The longer payload first: nothing of it may be left in the second.
	for _, payload := range [][]byte{bytes.Repeat([]byte{0xa5}, 300), {0x31, 51, 100, 1, 0, 100, 0, 0}, {}} {
		netnstest.Must(t, s.Send(left, Group, payload))
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
	netnstest.Must(t, s.Send(left, Group, payload))
	p := other.next(t).Packet
	if p.Interface != "eth1" || p.Source != left || p.Destination != Group || p.TTL != 255 || !bytes.Equal(p.Payload, payload) {
		t.Errorf("received %+v", p)
	}
}

func TestOwnPacketsAreNotLoopedBack(t *testing.T) {
	a, b := netnstest.Pair(t, "eth0", "eth1")
	s, own := open(t, a, "eth0")
	_, beside := open(t, a, "eth0")
	far, _ := open(t, b, "eth1")
	netnstest.Must(t, s.Send(left, Group, []byte("own")))
	netnstest.Must(t, far.Send(right, Group, []byte("far")))
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
	netnstest.Must(t, toFirst.Send(right, Group, []byte("1")))
	netnstest.Must(t, toSecond.Send(right, Group, []byte("2")))
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

func TestUnicastIsReceived(t *testing.T) {
	a, b := netnstest.Pair(t, "eth0", "eth1")
	for h, what := range map[*netnstest.Host][2]string{a: {"192.0.2.1/24", "eth0"}, b: {"192.0.2.2/24", "eth1"}} {
		_, err := h.Link.Add(address(what[0], what[1]))
		netnstest.Must(t, err)
	}
	netnstest.Connect(t, a, "eth2", b, "eth3")
	s, _ := open(t, a, "eth0")
	_, p := open(t, b, "eth1")
	beside, other := open(t, b, "eth3")
	netnstest.Must(t, s.Send(left, right, []byte("to you")))
	if got := p.next(t).Packet; got.Destination != right || string(got.Payload) != "to you" {
		t.Errorf("received %+v", got)
	}
	// It is for the interface that it came in on only, wherever the address
	// stands. Close waits for the receiver.
	netnstest.Must(t, beside.Close())
	if len(other.full) != 0 {
		t.Errorf("received on eth3: %+v", (<-other.full).Packet)
	}
}

func TestSendErrors(t *testing.T) {
	a, _ := netnstest.Pair(t, "eth0", "eth1")
	s, _ := open(t, a, "eth0")
	if err := s.Send(netip.Addr{}, Group, nil); err == nil || err.Error() != "send on eth0 from invalid IP to 224.0.0.18: not two IPv4 addresses" {
		t.Errorf("without a source: %v", err)
	}
	netnstest.Must(t, a.Link.SetDown("eth0"))
	if err := s.Send(left, Group, []byte("x")); err == nil {
		t.Error("sent on an interface that is down")
	} else {
		t.Log(err)
	}
	netnstest.Must(t, s.Close())
	if err := s.Send(left, Group, nil); err == nil || err.Error() != "send on eth0: socket is closed" {
		t.Errorf("after Close: %v", err)
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
		netnstest.Must(t, s.Send(left, Group, []byte(name)))
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
				if s.Send(left, Group, []byte(name)) != nil {
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
		fd, err = unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, protocol)
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
	s, _ := open(t, a, "eth0")
	_, p := open(t, b, "eth1")
	payload := make([]byte, 40)
	// Every event of the pool gets its buffer first.
	for range cap(p.free) {
		netnstest.Must(t, s.Send(left, Group, payload))
		p.recycle(p.next(t))
	}
	if n := testing.AllocsPerRun(500, func() {
		if err := s.Send(left, Group, payload); err != nil {
			t.Fatal(err)
		}
		p.recycle(<-p.full)
	}); n != 0 {
		t.Errorf("%v allocations to send and receive a packet, want 0", n)
	}
}

func BenchmarkSend(b *testing.B) {
	x, _ := netnstest.Pair(b, "eth0", "eth1")
	s, _ := open(b, x, "eth0")
	payload := make([]byte, 20)
	b.ReportAllocs()
	for b.Loop() {
		if err := s.Send(left, Group, payload); err != nil {
			b.Fatal(err)
		}
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
