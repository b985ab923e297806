package vrrp

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"testing"
	"time"
)

// capturedAH returns the packets of testdata/ah.txt as a socket delivers them.
func capturedAH(t testing.TB) (rows []captured, whole [][]byte) {
	t.Helper()
	for _, fields := range readFields(t, "testdata/ah.txt", 2) {
		b := hexBytes(t, fields[1])
		rows = append(rows, captured{fields[0], Packet{
			Source: netip.AddrFrom4([4]byte(b[12:])), Destination: netip.AddrFrom4([4]byte(b[16:])),
			TTL: int(b[8]), Protocol: b[9], Header: b[:20], Payload: b[20:],
		}})
		whole = append(whole, b)
	}
	return rows, whole
}

func ahConfig() Config {
	return Config{
		Version: V2, VRID: 51, Priority: 150, Interval: time.Second, DownAdverts: 3,
		Auth: AuthAH, Password: password("1234"), Addresses: parseAddrs("10.0.0.100"),
	}
}

func withAH(c *Config) { c.Auth, c.Password = AuthAH, password("1234") }

// TestF2_10CapturedAH: what keepalived sends is accepted, and a router that has
// just started sends the same from the same configuration.
func TestF2_10CapturedAH(t *testing.T) {
	rows, whole := capturedAH(t)
	if len(rows) != 6 {
		t.Fatalf("%d packets, want 6", len(rows))
	}
	var sender, receiver *Router
	for i, row := range rows {
		if i%3 == 0 {
			sender, receiver = New(epoch, new(ahConfig())), New(epoch, new(ahConfig()))
			sender.SetSource(row.Source)
			receiver.SetSource(row.Source.Next())
		}
		receiver.Receive(epoch, &row.Packet, nil)
		if got := receiver.View().Counts; got.Received != uint64(i%3+1) {
			t.Errorf("packet %d is not accepted: %v", i, got.Rejected)
		}
		out := sender.transmit(epoch, sender.advert, nil)
		a := &out[0]
		sent := AppendIPv4Header(nil, row.Source, a.Destination, a.Protocol, a.TTL, a.ID, len(a.Payload))
		sent[1] = whole[i][1]              // TOS, which the socket sets
		copy(sent[10:12], whole[i][10:12]) // and the checksum of the IP header
		if sent = append(sent, a.Payload...); !bytes.Equal(sent, whole[i]) {
			t.Errorf("packet %d: sent\n%x, want\n%x", i, sent, whole[i])
		}
	}
}

// TestF2_10AH: each rule of the authentication header.
func TestF2_10AH(t *testing.T) {
	flip := func(at int) func(*Config, *Packet) { return func(_ *Config, p *Packet) { p.Payload[at] ^= 1 } }
	head := func(at int) func(*Config, *Packet) { return func(_ *Config, p *Packet) { p.Header[at] ^= 1 } }
	cut := func(n int) func(*Config, *Packet) { return func(_ *Config, p *Packet) { p.Payload = p.Payload[:n] } }
	for _, tt := range []struct {
		name   string
		change func(*Config, *Packet)
		want   Rejection
	}{
		{"unchanged", func(*Config, *Packet) {}, Accepted},
		{"next header", flip(0), RejectAHMalformed},
		{"length", flip(1), RejectAHMalformed},
		{"reserved", flip(3), RejectAuth},
		{"SPI", flip(7), RejectAHMalformed},
		{"sequence", flip(11), RejectAuth},
		{"first octet of the ICV", flip(12), RejectAuth},
		{"last octet of the ICV", flip(23), RejectAuth},
		{"message with a right checksum", func(_ *Config, p *Packet) { p.Payload[24+2]--; p.Payload[24+6]++ }, RejectAuth},
		{"password", func(c *Config, _ *Packet) { c.Password = password("1235") }, RejectAuth},
		{"cut in the header", cut(23), RejectAHMalformed},
		{"nothing after the header", cut(24), RejectShort},
		{"cut in the message", cut(43), RejectLength},
		{"without the header", func(_ *Config, p *Packet) { p.Payload, p.Protocol = p.Payload[24:], Protocol }, RejectAHMissing},
		{"at a router with password", func(c *Config, _ *Packet) { c.Auth = AuthPass }, RejectAuthType},
		{"at a router without authentication", func(c *Config, _ *Packet) { c.Auth = AuthNone }, RejectAuthType},
		{"unauthenticated message at a router without authentication", func(c *Config, p *Packet) {
			c.Auth = AuthNone
			c.Append(p.Payload[:24], 150, p.Source, p.Destination)
		}, RejectAuthType},
		{"at a router of version 3", func(c *Config, _ *Packet) { c.Version = V3 }, RejectVersion},
		{"IP header is missing", func(_ *Config, p *Packet) { p.Header = nil }, RejectAHMalformed},
		{"IP header with options", func(_ *Config, p *Packet) { p.Header = append(p.Header, 1, 1, 1, 1) }, RejectAHMalformed},
		{"identification", head(5), RejectAuth},
		{"total length", head(3), RejectAuth},
		{"TTL in the header", head(8), RejectAuth},
		{"source in the header", head(15), RejectAuth},
		{"destination in the header", head(19), RejectAuth},
		{"TOS may change", head(1), Accepted},
		{"fragment field may change", head(6), Accepted},
		{"IP checksum may change", head(10), Accepted},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rows, _ := capturedAH(t)
			c, p := ahConfig(), rows[0].Packet
			p.Header = bytes.Clone(p.Header)
			tt.change(&c, &p)
			a, rule := c.Verify(&p)
			if rule != tt.want {
				t.Errorf("Verify = %v, want %v", rule, tt.want)
			}
			if rule == Accepted && (!a.Signed || a.Priority != 150 || a.Auth != AuthAH || a.Count != 1) {
				t.Errorf("read %+v", a)
			}
		})
	}
}

// TestH31Exclusive: HMAC and AH together are no configuration that config/build
// makes; whatever comes is refused.
func TestH31Exclusive(t *testing.T) {
	rows, _ := capturedAH(t)
	d := backup(t, V2, 100, withAH)
	peer := signedBy(d, peerHigh, 200, year26)
	both := backup(t, V2, 100, withAH, hmacs(HMACPermissive))
	both.r.SetWall(year26 - int64(epoch))
	for _, p := range []Packet{rows[0].Packet, peer, signedBy(both, peerHigh, 200, year26)} {
		both.receive(p)
	}
	if v := both.r.View().Counts; v.Received != 0 || v.Rejected[RejectAuthType] != 3 {
		t.Errorf("%d accepted, refused %v", v.Received, v.Rejected)
	}
}

// TestF2_10UnicastTTL: in unicast the TTL is not covered, and may shrink.
func TestF2_10UnicastTTL(t *testing.T) {
	d := backup(t, V2, 100, withAH, func(c *Config) { c.Unicast = Unicast{On: true, Peers: []Peer{{Addr: peerHigh}}} })
	p := signedBy(d, peerHigh, 200, 0)
	p.TTL -= 3
	p.Header[8] -= 3
	d.receive(p)
	if got := d.r.View().Counts; got.Received != 1 {
		t.Errorf("not accepted: %v", got.Rejected)
	}
}

// TestF2_10Sequence: the number of each sender must grow; what we send is higher
// than all that we heard, as keepalived counts all senders as one; the number
// wraps.
func TestF2_10Sequence(t *testing.T) {
	d := backup(t, V2, 100, withAH)
	number := func(from netip.Addr, n uint32) Packet {
		c := *d.r.Config()
		s := New(0, new(c))
		s.SetSource(from)
		s.guard.sealer.sequence = n - 1
		out := s.transmit(0, s.advert, nil)
		return sentPacket(from, &out[0])
	}
	for i, s := range []struct {
		from netip.Addr
		n    uint32
		want bool
	}{
		{peerHigh, 500, true},
		{peerHigh, 500, false},
		{peerHigh, 499, false},
		{peerHigh, 501, true},
		{peerLow, 3, true}, // a neighbour that restarted has a lower one
		{peerLow, 2, false},
		{peerHigh, 0xffffffff, false}, // older by half of all numbers
		{peerHigh, 0x7fffffff, true},
		{peerHigh, 0xfffffffe, true},
		{peerHigh, 5, true},
		{peerHigh, 0xfffffffe, false},
		{peerLow, 4, true}, // does not lower what we send
	} {
		before := d.r.View().Counts
		d.receive(number(s.from, s.n))
		after := d.r.View().Counts
		if got := after.Received > before.Received; got != s.want || !got && after.Rejected[RejectAHReplay] != before.Rejected[RejectAHReplay]+1 {
			t.Fatalf("step %d: accepted %v, want %v: %v", i, got, s.want, after.Rejected)
		}
	}
	d.promote()
	if got := binary.BigEndian.Uint32(d.buf[0].Payload[8:]); got != 6 {
		t.Errorf("sent number %d after hearing 5, want 6", got)
	}
	d.reconfigure(addresses("192.0.2.7"))
	out := d.r.transmit(d.at(), d.r.advert, nil)
	if got := binary.BigEndian.Uint32(out[0].Payload[8:]); got != 7 || out[0].ID != 2 {
		t.Errorf("after a reload number %d and identification %d, want 7 and 2", got, out[0].ID)
	}
	d.r.guard.sealer.id = 0xffff
	if out = d.r.transmit(d.at(), d.r.advert, nil); out[0].ID != 1 {
		t.Errorf("identification %d after 65535, want 1: the kernel replaces zero", out[0].ID)
	}
}

// TestF2_10Peers: each peer has a packet of its own, numbered on.
func TestF2_10Peers(t *testing.T) {
	d := backup(t, V2, 100, withAH, func(c *Config) {
		c.Unicast = Unicast{On: true, TTL: 64, Peers: []Peer{{Addr: peerLow}, {Addr: peerHigh}}}
	})
	d.promote()
	for i, want := range []netip.Addr{peerLow, peerHigh} {
		a := &d.buf[i]
		if n := binary.BigEndian.Uint32(a.Payload[8:]); a.Destination != want || n != uint32(i+1) || a.ID != uint16(i+1) || a.TTL != 64 || a.Protocol != ProtocolAH {
			t.Errorf("packet %d: number %d, %+v", i, n, a)
		}
		c := *d.r.Config()
		c.Unicast.Peers = []Peer{{Addr: ownAddr}}
		p := sentPacket(ownAddr, a)
		if _, rule := c.Verify(&p); rule != Accepted {
			t.Errorf("packet %d: %v", i, rule)
		}
	}
}

// TestF2_10Start: an owner that restarts begins at 1, which a neighbour that
// knows its old number refuses; hearing the neighbour mends that.
func TestF2_10Start(t *testing.T) {
	old := backup(t, V2, 100, withAH)
	fresh := made(t, V2, 255, withAH)
	fresh.r.SetSource(peerHigh)
	old.r.guard.sealer.sequence = 900
	old.r.guard.marks.store(peerHigh, 900)
	fresh.do(fresh.r.Start(fresh.at(), "", nil))
	old.receive(sentPacket(peerHigh, &fresh.buf[0]))
	old.promote()
	fresh.receive(sentPacket(ownAddr, &old.buf[0]))
	if len(fresh.buf) == 0 || fresh.buf[0].Kind != DoSend {
		t.Fatalf("the owner does not assert itself: %v", fresh.lines)
	}
	reply := sentPacket(peerHigh, &fresh.buf[0])
	old.receive(reply)
	if old.r.Role() != Backup {
		t.Errorf("role is %v, want BACKUP: %v", old.r.Role(), old.r.View().Counts.Rejected)
	}
	if got := fmt.Sprint(old.r.View().Counts.Rejected[RejectAHReplay]); got != "1" {
		t.Errorf("%s replays, want 1", got)
	}
}
