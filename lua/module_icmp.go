package lua

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"time"

	lua "github.com/yuin/gopher-lua"
	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

func icmpModule() Module {
	return Module{
		Name: "icmp",
		Doc:  "Echo requests, as ping sends them.",
		Functions: []Function{{
			Name: "ping", Doc: "sends echo requests and waits for the answers; fails when none comes", Params: []Value{arg("host", "string", "an address or a name")},
			Options: []Value{
				timeoutOption(),
				opt("count", "integer", "how many, 1 unless given, at most 20").between(1, 20),
				opt("interval", "number", "the time from one to the next, 0.2 unless given").in("s"),
				opt("size", "integer", "what each carries, 56 unless given, at most 8,000").in("octets").between(16, 8000),
				opt("source", "string", "the address to send from"),
			},
			Returns: []Value{ret("icmp.Result", "the answers")}, Fails: true, Acts: true, call: icmpPing,
		}},
		Classes: []Class{{Name: "icmp.Result", Doc: "The answers to echo requests.", Fields: []Value{
			arg("address", "string", "who was asked"),
			arg("sent", "integer", "how many were sent"),
			arg("received", "integer", "how many were answered"),
			arg("min", "number", "the shortest time to an answer").in("s"),
			arg("avg", "number", "the mean of them").in("s"),
			arg("max", "number", "the longest").in("s"),
		}}},
	}
}

// pinger is one call of icmp.ping.
type pinger struct {
	conn     *icmp.PacketConn
	to       net.Addr
	v6       bool
	raw      bool // the kernel does not tell our answers from others'
	id       int
	payload  []byte
	sent     []time.Time
	answered []time.Duration // 0: not yet
}

// icmpPing is icmp.ping(host [, options]).
func icmpPing(c call) int {
	host, opts := c.l.CheckString(1), c.options()
	count, size := opts.integer("count", 1), opts.integer("size", 56)
	interval := opts.seconds("interval")
	if interval == 0 {
		interval = 200 * time.Millisecond
	}
	ctx, cancel := c.within(opts)
	defer cancel()
	c.s.meter.charge(c.l, 16<<10+2*size)
	addrs, err := resolver().LookupNetIP(ctx, "ip", host)
	if err != nil {
		return c.fail("%s", netReason(err))
	}
	to := addrs[0].Unmap()
	p, err := openPinger(to, opts.text("source"), size)
	if err != nil {
		return c.fail("%s", err.Error())
	}
	defer p.conn.Close()
	defer context.AfterFunc(ctx, func() { _ = p.conn.SetDeadline(time.Unix(1, 0)) })()
	if err := p.run(ctx, count, interval); err != nil {
		return c.fail("%s", netReason(err))
	}
	return c.pingResult(p, to)
}

// openPinger opens a socket for echo requests: one of the kernel's own kind,
// or a raw one where that is not allowed.
func openPinger(to netip.Addr, source string, size int) (*pinger, error) {
	p := &pinger{v6: to.Is6(), id: int(rand.Uint32() & 0xffff), payload: make([]byte, size)}
	binary.BigEndian.PutUint64(p.payload, rand.Uint64())
	networks := []string{"udp4", "ip4:icmp"}
	if p.v6 {
		networks = []string{"udp6", "ip6:ipv6-icmp"}
	}
	if source == "" {
		source = "0.0.0.0"
		if p.v6 {
			source = "::"
		}
	}
	var errs []error
	for i, network := range networks {
		conn, err := icmp.ListenPacket(network, source)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		p.conn, p.raw = conn, i == 1
		if p.to = (&net.UDPAddr{IP: to.AsSlice(), Zone: to.Zone()}); p.raw {
			p.to = &net.IPAddr{IP: to.AsSlice(), Zone: to.Zone()}
		}
		return p, nil
	}
	return nil, fmt.Errorf("open a socket for echo requests: %w", errors.Join(errs...))
}

// run sends the requests and takes the answers.
func (p *pinger) run(ctx context.Context, count int, interval time.Duration) error {
	p.answered = make([]time.Duration, count)
	open := count
	buf := make([]byte, 9000)
	for open > 0 {
		now := time.Now()
		if n := len(p.sent); n < count && (n == 0 || now.Sub(p.sent[n-1]) >= interval) {
			if err := p.send(n); err != nil {
				return err
			}
			p.sent = append(p.sent, now)
		}
		until, _ := ctx.Deadline()
		if n := len(p.sent); n < count {
			if next := p.sent[n-1].Add(interval); next.Before(until) {
				until = next
			}
		}
		_ = p.conn.SetReadDeadline(until)
		if ctx.Err() != nil {
			return nil // what has come counts
		}
		n, from, err := p.conn.ReadFrom(buf)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			continue
		}
		if err != nil {
			return err
		}
		if seq, ok := p.answer(buf[:n], from); ok && p.answered[seq] == 0 {
			p.answered[seq] = max(time.Since(p.sent[seq]), 1)
			open--
		}
	}
	return nil
}

func (p *pinger) send(seq int) error {
	m := icmp.Message{Type: ipv4.ICMPTypeEcho, Body: &icmp.Echo{ID: p.id, Seq: seq, Data: p.payload}}
	if p.v6 {
		m.Type = ipv6.ICMPTypeEchoRequest // the kernel fills in the checksum
	}
	packet, err := m.Marshal(nil)
	if err != nil {
		return err
	}
	_, err = p.conn.WriteTo(packet, p.to)
	return err
}

// answer returns the number of the request that a packet answers.
func (p *pinger) answer(packet []byte, from net.Addr) (int, bool) {
	protocol, kind := 1, icmp.Type(ipv4.ICMPTypeEchoReply)
	if p.v6 {
		protocol, kind = 58, ipv6.ICMPTypeEchoReply
	}
	m, err := icmp.ParseMessage(protocol, packet)
	if err != nil || m.Type != kind {
		return 0, false
	}
	echo, ok := m.Body.(*icmp.Echo)
	if !ok || p.raw && echo.ID != p.id || echo.Seq < 0 || echo.Seq >= len(p.sent) || !bytes.Equal(echo.Data, p.payload) {
		return 0, false
	}
	return echo.Seq, hostOf(from).Equal(hostOf(p.to))
}

func hostOf(a net.Addr) net.IP {
	switch a := a.(type) {
	case *net.UDPAddr:
		return a.IP
	case *net.IPAddr:
		return a.IP
	}
	return nil
}

func (c call) pingResult(p *pinger, to netip.Addr) int {
	var least, most, sum time.Duration
	received := 0
	for _, d := range p.answered {
		if d == 0 {
			continue
		}
		if received++; received == 1 || d < least {
			least = d
		}
		most, sum = max(most, d), sum+d
	}
	if received == 0 {
		return c.fail("%s does not answer in time", to)
	}
	tb := c.l.NewTable()
	tb.RawSetString("address", lua.LString(to.String()))
	tb.RawSetString("sent", lua.LNumber(len(p.sent)))
	tb.RawSetString("received", lua.LNumber(received))
	tb.RawSetString("min", lua.LNumber(least.Seconds()))
	tb.RawSetString("avg", lua.LNumber(sum.Seconds()/float64(received)))
	tb.RawSetString("max", lua.LNumber(most.Seconds()))
	return c.push(tb)
}
