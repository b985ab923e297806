package vrrp

import (
	"net/netip"
	"slices"

	"github.com/moonkeep/moonkeep/core/mono"
)

// frame is one packet of an advert: one for each destination, and with Interop
// for each version, which stand together.
type frame struct {
	version     Version
	destination netip.Addr
	// packet is what follows the IP header. Without HMAC and AH it is replaced
	// and never changed, so that whoever was handed it may keep it; with them
	// each advert writes its number into it.
	packet []byte
}

// frames makes the packets of an advert of a priority.
func (r *Router) frames(priority uint8) []frame {
	if !r.source.IsValid() {
		return nil
	}
	c := r.cfg
	if list := r.Advertised(); len(list) < len(c.Addresses) {
		short := *c
		short.Addresses, c = list, &short
	}
	front, back := 0, 0
	if r.guard.seals() {
		front = ahLen
	}
	if r.guard.signs() {
		back = trailerLen
	}
	add := func(list []frame, v Version, dst netip.Addr, form ChecksumForm) []frame {
		size := front + messageLen(v, r.source.Is6(), len(c.Addresses)) + back
		packet := c.appendVersion(make([]byte, front, size), v, priority, r.source, dst, form)
		return append(list, frame{v, dst, append(packet, make([]byte, back)...)})
	}
	var list []frame
	for _, v := range [2]Version{V3, V2} {
		if v != c.Version && !(c.Interop && v == V2) {
			continue
		}
		if !c.Unicast.On {
			list = add(list, v, c.group(r.source.Is6()), c.Checksum)
			continue
		}
		for i := range c.Unicast.Peers {
			peer := c.Unicast.Peers[i].Addr.Unmap()
			form := c.Checksum
			if form == ChecksumPseudo && (c.Unicast.OldChecksum == OldChecksumSend || slices.Contains(r.oldSums, peer)) {
				form = ChecksumGroup
			}
			list = add(list, v, peer, form)
		}
	}
	return list
}

// transmit sends frames, signed anew where they are.
func (r *Router) transmit(now mono.Instant, list []frame, out []Action) []Action {
	ttl := uint8(TTL)
	if r.cfg.Unicast.On && r.cfg.Unicast.TTL != 0 {
		ttl = r.cfg.Unicast.TTL
	}
	for i := range list {
		f := &list[i]
		a := Action{Kind: DoSend, Payload: f.packet, Destination: f.destination, TTL: ttl, Protocol: Protocol}
		switch {
		case r.guard.seals():
			a.Protocol = ProtocolAH
			a.ID = r.guard.sealer.seal(f.packet, r.source, f.destination, ttl)
		case !r.guard.signs():
		case i == 0 || list[i-1].version != f.version:
			r.guard.ring.sign(f.packet, r.source, r.guard.ring.next(r.wallAt(now)))
			r.resum(f)
		default:
			// One signature for all peers: the destination is not covered.
			copy(f.packet[len(f.packet)-trailerLen:], list[i-1].packet[len(f.packet)-trailerLen:])
			r.resum(f)
		}
		out = append(out, a)
	}
	return out
}

// resum makes the IPv6 checksum right, which covers the trailer.
func (r *Router) resum(f *frame) {
	if r.source.Is6() {
		r.cfg.sum(f.packet, f.version, r.source, f.destination, r.cfg.Checksum)
	}
}

// detectOldSum has adverts to a peer summed as its own are.
func (r *Router) detectOldSum(from netip.Addr) {
	u := &r.cfg.Unicast
	if u.OldChecksum == OldChecksumDetect && u.Peer(from) != nil && !slices.Contains(r.oldSums, from) {
		r.oldSums = append(r.oldSums, from)
		r.build()
	}
}

// SetWall tells the wall clock at the instant zero, in nanoseconds since 1970
// UTC. HMAC alone asks for it.
func (r *Router) SetWall(atZero int64) { r.wall = atZero }

// Rewrites reports whether the payload of a DoSend is good until the next call
// of the router only, because HMAC or AH write into it.
func (r *Router) Rewrites() bool { return r.guard != nil }

func (r *Router) wallAt(now mono.Instant) int64 { return r.wall + int64(now) }
