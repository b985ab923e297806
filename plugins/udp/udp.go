// Package udp is the check UDP_CHECK: a datagram is sent, and the server is
// well unless the network reports that it cannot be reached. With require_reply
// a reply must come, and may have to look as described.
//
// Without require_reply silence until connect_timeout is a success, as in
// keepalived; so is any reply, at once. That the host is gone the network reports
// after a while: three seconds, as a rule, on the network of this host.
package udp

import (
	"context"
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

type settings struct {
	Payload        hexText `json:"payload"`
	RequireReply   reply   `json:"require_reply"`
	MinReplyLength int     `json:"min_reply_length"`
	MaxReplyLength int     `json:"max_reply_length"`
}

// Checker is UDP_CHECK.
type Checker struct{}

// New is UDP_CHECK.
func New() *Checker { return &Checker{} }

// Info describes the checker.
func (*Checker) Info() checker.Info {
	return checker.Info{
		Name: "UDP_CHECK", Version: "1", Doc: "Sends a datagram and checks the reply, or the error that the network reports.",
		Options: []checker.Option{
			{Name: "payload", Type: "string", Doc: "The content of the datagram, in hexadecimal (default: 32 bytes of a text that says that it is a check)."},
			{Name: "require_reply", Type: "string", Default: "false", Doc: "true: require a reply. Hexadecimal digits: require a reply that begins with these bytes; a shorter reply is compared as far as it goes. An X stands for any digit."},
			{Name: "min_reply_length", Type: "int", Unit: "bytes", Default: "0", Doc: "The minimum length of a reply whose bytes are given."},
			{Name: "max_reply_length", Type: "int", Unit: "bytes", Default: "255", Doc: "The maximum length of a reply whose bytes are given."},
		},
	}
}

type probe struct {
	target  checker.Target
	dialer  *net.Dialer
	options settings
}

// maxDatagram is the longest that UDP has.
const maxDatagram = 65535

// defaultPayload is sent when nothing else is said: as long as keepalived's, and like
// that a text, which is no request of any protocol. Random bytes might be one.
const defaultPayload = "moonkeep check - moonkeep check "

// minBuffer is room for a reply whose length does not matter.
const minBuffer = 2048

// Prepare reads the digits.
func (*Checker) Prepare(t checker.Target, o checker.Options) (checker.Probe, error) {
	s := settings{MaxReplyLength: 255}
	if err := o.Decode(&s); err != nil {
		return nil, err
	}
	switch {
	case s.MinReplyLength < 0 || s.MaxReplyLength < 0 || s.MinReplyLength > maxDatagram || s.MaxReplyLength > maxDatagram:
		return nil, fmt.Errorf("min_reply_length and max_reply_length must be from 0 to %d", maxDatagram)
	case len(s.Payload.value) > maxDatagram-8-40:
		return nil, fmt.Errorf("payload has %d bytes, more than a datagram takes", len(s.Payload.value))
	}
	if t.Address.Port() == 0 {
		return dial.Nowhere("UDP_CHECK"), nil
	}
	t.Address = netip.AddrPortFrom(t.Address.Addr().Unmap(), t.Address.Port())
	return &probe{t, checker.Dialer(t), s}, nil
}

// hearErrors has the kernel tell of every ICMP error: without it only that nobody
// listens counts, and not that the host or the way to it is gone. Of a socket that is
// not connected yet these might be about another server.
func hearErrors(c net.Conn, six bool) error {
	level, option := syscall.IPPROTO_IP, syscall.IP_RECVERR
	if six {
		level, option = syscall.IPPROTO_IPV6, syscall.IPV6_RECVERR
	}
	var failed error
	err := control(c, func(fd uintptr) { failed = syscall.SetsockoptInt(int(fd), level, option, 1) })
	if err = errors.Join(err, os.NewSyscallError("setsockopt", failed)); err != nil {
		return &checker.LocalError{Err: fmt.Errorf("ask for the errors of the network: %w", err)}
	}
	return nil
}

// Probe sends one datagram.
func (p *probe) Probe(ctx context.Context) checker.Result {
	begin := time.Now()
	r := p.ask(ctx, begin)
	r.Latency = time.Since(begin)
	return r
}

func (p *probe) ask(ctx context.Context, begin time.Time) checker.Result {
	at := p.target.Address.String()
	c, err := p.dialer.DialContext(ctx, "udp", at)
	if err != nil {
		return checker.Failure(err, "send to "+at)
	}
	defer c.Close()
	if err := hearErrors(c, p.target.Address.Addr().Is6()); err != nil {
		return checker.Failure(err, "send to "+at)
	}
	end := dial.Deadline(ctx, p.target, begin)
	defer dial.Within(ctx, c, end)()
	payload := p.options.Payload.value
	if !p.options.Payload.given {
		payload = []byte(defaultPayload)
	}
	if _, err := c.Write(payload); err != nil {
		return checker.Failure(err, "send to "+at)
	}
	// One byte more than may come tells that more came.
	buf := make([]byte, max(minBuffer, p.options.MaxReplyLength+1))
	sent := time.Now()
	n, err := hear(c, buf)
	if errors.Is(err, os.ErrDeadlineExceeded) && !p.options.RequireReply.required && end.Sub(sent) < sent.Sub(begin) {
		return checker.Result{Message: "the checker's process stood still before it had sent anything"}
	}
	var details []checker.Detail
	if checker.WantDetails(ctx) {
		details = []checker.Detail{{Name: "sent", Text: fmt.Sprintf("%d bytes: %x", len(payload), payload)}}
		if err == nil {
			details = append(details, checker.Detail{Name: "received", Text: fmt.Sprintf("%d bytes after %v: %x", n, time.Since(begin).Round(time.Microsecond), buf[:min(n, 256)])})
		}
	}
	r := p.judge(buf[:n], err, ctx.Err() == context.Canceled)
	r.Details = details
	return r
}

// hear waits for a reply, or what the network reports. A process that stood still
// looks too late at what came in time.
func hear(c net.Conn, buf []byte) (n int, err error) {
	if n, err = c.Read(buf); errors.Is(err, os.ErrDeadlineExceeded) {
		return waiting(c, buf, err)
	}
	return n, err
}

// waiting reads what has come to a socket, or what the network has reported; late
// when that is nothing.
func waiting(c net.Conn, buf []byte, late error) (n int, err error) {
	failed := control(c, func(fd uintptr) {
		for err = syscall.EINTR; err == syscall.EINTR; {
			n, _, err = syscall.Recvfrom(int(fd), buf, syscall.MSG_DONTWAIT)
		}
	})
	switch {
	case failed != nil:
		return 0, failed
	case err == syscall.EAGAIN:
		return 0, late
	case err != nil:
		return 0, &net.OpError{Op: "read", Net: "udp", Err: os.NewSyscallError("recvfrom", err)}
	}
	return n, nil
}

// control has f look at the socket of a connection.
func control(c net.Conn, f func(fd uintptr)) error {
	s, ok := c.(syscall.Conn)
	if !ok {
		return fmt.Errorf("%T shows no socket", c)
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return err
	}
	return raw.Control(f)
}

// judge says what a reply, or the end of waiting for it, is worth.
func (p *probe) judge(got []byte, err error, off bool) checker.Result {
	want := &p.options.RequireReply
	switch {
	case off:
		return checker.Result{Message: "called off"}
	case errors.Is(err, os.ErrDeadlineExceeded) && !want.required:
		return checker.Result{Verdict: checker.OK, Message: "no reply, and no error"}
	case err != nil:
		return checker.Failure(err, "wait for a reply of "+p.target.Address.String())
	case len(want.value) == 0:
		return checker.Result{Verdict: checker.OK, Message: fmt.Sprintf("a reply of %d bytes", len(got))}
	case len(got) < p.options.MinReplyLength || len(got) > p.options.MaxReplyLength:
		return checker.Result{Verdict: checker.Failed, Message: fmt.Sprintf("a reply of %d bytes, expected %d to %d", len(got), p.options.MinReplyLength, p.options.MaxReplyLength)}
	}
	for i := range min(len(got), len(want.value)) {
		if (got[i]^want.value[i])&want.mask[i] != 0 {
			return checker.Result{Verdict: checker.Failed, Message: fmt.Sprintf("byte %d of the reply is %02x, expected %s", i, got[i], want.digits(i))}
		}
	}
	return checker.Result{Verdict: checker.OK, Message: fmt.Sprintf("a reply of %d bytes, as expected", len(got))}
}
