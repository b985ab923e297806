package ping

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"github.com/moonkeep/moonkeep/plugins/checker"
	"github.com/moonkeep/moonkeep/plugins/dial"
)

// Checker is PING_CHECK.
type Checker struct {
	// rawOnly is for tests: ping sockets are passed over.
	rawOnly bool
}

// New is PING_CHECK.
func New() *Checker { return &Checker{} }

// Info describes the checker.
func (*Checker) Info() checker.Info {
	return checker.Info{Name: "PING_CHECK", Version: "1", Doc: "Sends an ICMP echo request and waits for the reply.", Needs: []string{"CAP_NET_RAW"}}
}

type probe struct {
	target  checker.Target
	rawOnly bool
	// id is that of a raw socket's echoes; the kernel gives a ping socket its
	// own.
	id, seq uint16
}

// Prepare takes the target.
func (c *Checker) Prepare(t checker.Target, o checker.Options) (checker.Probe, error) {
	if err := o.Decode(&struct{}{}); err != nil {
		return nil, err
	}
	if !t.Address.Addr().IsValid() {
		return nil, errors.New("PING_CHECK needs an address")
	}
	t.Address = netip.AddrPortFrom(t.Address.Addr().Unmap(), 0)
	t.BindPort = 0
	var id [2]byte
	if _, err := rand.Read(id[:]); err != nil {
		return nil, fmt.Errorf("make up an id: %w", err)
	}
	return &probe{target: t, rawOnly: c.rawOnly, id: binary.BigEndian.Uint16(id[:])}, nil
}

// Probe sends one echo.
func (p *probe) Probe(ctx context.Context) checker.Result {
	begin := time.Now()
	r := p.ask(ctx, begin)
	r.Latency = time.Since(begin)
	if r.Verdict == checker.OK && checker.WantDetails(ctx) {
		r.Details = []checker.Detail{{Name: "reply", Text: "after " + r.Latency.Round(time.Microsecond).String()}}
	}
	return r
}

// socket opens a ping socket, or where that is not allowed a raw one.
func (p *probe) socket(six bool) (fd int, raw bool, err error) {
	family, proto := syscall.AF_INET, syscall.IPPROTO_ICMP
	if six {
		family, proto = syscall.AF_INET6, syscall.IPPROTO_ICMPV6
	}
	const flags = syscall.SOCK_NONBLOCK | syscall.SOCK_CLOEXEC
	if !p.rawOnly {
		fd, err = syscall.Socket(family, syscall.SOCK_DGRAM|flags, proto)
		if err == nil || err != syscall.EACCES && err != syscall.EPERM {
			return fd, false, os.NewSyscallError("socket", err)
		}
	}
	fd, err = syscall.Socket(family, syscall.SOCK_RAW|flags, proto)
	if err == syscall.EACCES || err == syscall.EPERM {
		return fd, true, errors.New("this process may not send an ICMP echo: it needs a group in the sysctl net.ipv4.ping_group_range, or CAP_NET_RAW")
	}
	return fd, true, os.NewSyscallError("socket", err)
}

func (p *probe) ask(ctx context.Context, begin time.Time) checker.Result {
	sa, six, err := dial.Sockaddr(p.target)
	if err != nil {
		return checker.Failure(err, "ping")
	}
	fd, raw, err := p.socket(six)
	if err != nil {
		return checker.Result{Message: err.Error()}
	}
	network := "ip4"
	if six {
		network = "ip6"
	}
	if err := dial.Bind(p.target, network, fd); err != nil {
		syscall.Close(fd)
		return checker.Failure(err, "ping")
	}
	at := p.target.Address.Addr().String()
	if err := syscall.Connect(fd, sa); err != nil {
		syscall.Close(fd)
		return checker.Failure(err, "ping "+at)
	}
	f := os.NewFile(uintptr(fd), "")
	defer f.Close()
	defer dial.Within(ctx, f, dial.Deadline(ctx, p.target, begin))()
	p.seq++
	var token [16]byte
	if _, err := rand.Read(token[:]); err != nil {
		return checker.Result{Message: "make up what is sent: " + err.Error()}
	}
	if _, err := f.Write(echo(six, p.id, p.seq, token[:])); err != nil {
		return checker.Failure(err, "ping "+at)
	}
	for buf := make([]byte, 2048); ; {
		n, err := f.Read(buf)
		if err != nil {
			if ctx.Err() == context.Canceled {
				return checker.Result{Message: "called off"}
			}
			// As of a connection: what is read is what the network says, too.
			return checker.Failure(&net.OpError{Op: "read", Net: network, Err: err}, "wait for the reply of "+at)
		}
		if answers(buf[:n], six, raw, p.id, p.seq, token[:]) {
			return checker.Result{Verdict: checker.OK, Message: "replied"}
		}
	}
}

// The types of RFC 792 and RFC 4443 section 4.
const (
	echoRequest4, echoReply4 = 8, 0
	echoRequest6, echoReply6 = 128, 129
	headLen                  = 8
)

// echo is the message. The kernel sums up those of IPv6, and puts its own id
// into those of ping sockets.
func echo(six bool, id, seq uint16, token []byte) []byte {
	b := make([]byte, headLen, 64)
	b[0] = echoRequest4
	if six {
		b[0] = echoRequest6
	}
	binary.BigEndian.PutUint16(b[4:], id)
	binary.BigEndian.PutUint16(b[6:], seq)
	b = append(b, token...)
	b = b[:cap(b)] // 56 bytes of data, as ping sends
	if !six {
		binary.BigEndian.PutUint16(b[2:], checksum(b))
	}
	return b
}

// checksum is that of RFC 1071.
func checksum(b []byte) uint16 {
	var sum uint32
	for i := 0; i+1 < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

// answers reports whether a packet is the reply. A raw socket gets the header
// of IPv4 too, and what is meant for others.
func answers(b []byte, six, raw bool, id, seq uint16, token []byte) bool {
	if raw && !six {
		if len(b) < 20 || int(b[0]&0xf)*4 > len(b) {
			return false
		}
		b = b[b[0]&0xf*4:]
	}
	kind := byte(echoReply4)
	if six {
		kind = echoReply6
	}
	return len(b) >= headLen+len(token) && b[0] == kind && b[1] == 0 &&
		(!raw || binary.BigEndian.Uint16(b[4:]) == id) &&
		binary.BigEndian.Uint16(b[6:]) == seq && bytes.Equal(b[headLen:headLen+len(token)], token)
}
