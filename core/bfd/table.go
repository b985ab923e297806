package bfd

import (
	"net/netip"

	"github.com/moonkeep/moonkeep/core/mono"
)

// Packet is what came from a BFD socket.
type Packet struct {
	Source      netip.Addr
	Destination netip.Addr
	// Multihop is true for what came to MultihopPort.
	Multihop bool
	// TTL is the TTL or hop limit that it came with.
	TTL     int
	Payload []byte
}

// Table is the sessions of one host.
type Table struct {
	byDiscr map[uint32]*Session
	byPath  map[Path]*Session
	// rejected counts packets of no session.
	rejected [rejections]uint64
}

// NewTable returns a table without sessions.
func NewTable() *Table {
	return &Table{byDiscr: map[uint32]*Session{}, byPath: map[Path]*Session{}}
}

// Draw returns a discriminator that is free (RFC 5880 6.8.1).
func (t *Table) Draw(r *Random) uint32 {
	for {
		d := r.Uint32()
		if d != 0 && t.byDiscr[d] == nil {
			return d
		}
	}
}

// Add adds a session. Neither its discriminator nor its path may be there.
func (t *Table) Add(s *Session) {
	t.byDiscr[s.local] = s
	t.byPath[s.cfg.Path] = s
}

// Remove removes a session.
func (t *Table) Remove(s *Session) {
	delete(t.byDiscr, s.local)
	delete(t.byPath, s.cfg.Path)
}

// Rejected returns how many packets of no session were discarded, by rule.
func (t *Table) Rejected() [rejections]uint64 { return t.rejected }

// Receive takes a packet: it verifies it, finds its session and lets that do
// what the state machine says (RFC 5880 6.8.6). The session is nil when there
// is none. Nothing of p is kept. A packet that changes nothing costs no
// allocation.
func (t *Table) Receive(now mono.Instant, p *Packet, out []Action) (*Session, []Action, Rejection) {
	c, rule := Decode(p.Payload)
	// A rejected packet is counted with its session only where it would have
	// been the session's: what Decode rejects may not even say that.
	if rule != Accepted {
		t.rejected[rule]++
		return nil, out, rule
	}
	s := t.find(&c, p)
	if s == nil {
		t.rejected[RejectSession]++
		return nil, out, RejectSession
	}
	if p.TTL < s.cfg.MinTTL {
		s.counts.Rejected[RejectHops]++
		return s, out, RejectHops
	}
	out, rule = s.receive(now, &c, out)
	return s, out, rule
}

// find selects the session (RFC 5880 6.3): by our discriminator, wherever the
// packet came from, or else by the addresses. Over several hops or one is part
// of the session, so that the port cannot be used to pass a check of hops.
func (t *Table) find(c *Control, p *Packet) *Session {
	if c.Your != 0 {
		if s := t.byDiscr[c.Your]; s != nil && s.cfg.Multihop == p.Multihop {
			return s
		}
		return nil
	}
	neighbor := p.Source.Unmap()
	if s := t.byPath[Path{Source: p.Destination.Unmap(), Neighbor: neighbor, Multihop: p.Multihop}]; s != nil {
		return s
	}
	return t.byPath[Path{Neighbor: neighbor, Multihop: p.Multihop}]
}
