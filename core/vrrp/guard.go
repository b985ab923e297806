package vrrp

import "net/netip"

// guard is what a router with HMAC or AH keeps from advert to advert: keys, the
// last number sent, and the highest number of each sender. One of ring and
// sealer is nil.
type guard struct {
	ring   *ring
	sealer *sealer
	marks  marks
}

// newGuard returns the guard of a configuration, nil when it needs none. What
// was sent and heard before a reload still counts after it.
func newGuard(c *Config, old *guard) *guard {
	if c.HMAC.Mode == HMACOff && !c.ah() {
		return nil
	}
	g := &guard{}
	if c.HMAC.Mode != HMACOff {
		g.ring = newRing(c)
		if old != nil && old.ring != nil {
			g.ring.last, g.ring.signed = old.ring.last, old.ring.signed
			g.marks = old.marks
		}
	} else {
		g.sealer = newSealer(c)
		if old != nil && old.sealer != nil {
			g.sealer.sequence, g.sealer.id = old.sealer.sequence, old.sealer.id
			g.marks = old.marks
		}
	}
	g.marks.room = max(multicastMarks, len(c.Unicast.Peers), len(g.marks.list))
	return g
}

// signs reports whether adverts carry a trailer.
func (g *guard) signs() bool { return g != nil && g.ring != nil && g.ring.signs }

// seals reports whether adverts carry an authentication header.
func (g *guard) seals() bool { return g != nil && g.sealer != nil }

// admit takes the number of an advert that nothing else speaks against, or
// refuses it as one that was used before. Nothing but this remembers a number:
// an advert that is refused for any other reason must not spoil the next.
func (g *guard) admit(a *Advert, from netip.Addr, wall int64) Rejection {
	switch {
	case g == nil || !a.Signed:
		return Accepted
	case g.sealer != nil:
		if g.sealer.replayed(g.marks.of(from), uint32(a.sequence)) {
			return RejectAHReplay
		}
		if n := uint32(a.sequence); int32(n-g.sealer.sequence) > 0 {
			g.sealer.sequence = n
		}
	case g.ring.replayed(g.marks.of(from), a.sequence, wall):
		return RejectExtReplay
	}
	g.marks.store(from, a.sequence)
	return Accepted
}
