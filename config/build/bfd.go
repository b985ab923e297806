package build

import (
	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/core/bfd"
	"github.com/moonkeep/moonkeep/core/node"
)

// keepalivedHops6 is the hop limit that keepalived gives BFD packets over IPv6
// where no other is configured, against RFC 5881 5.
const keepalivedHops6 = 64

// session returns a BFD session. As in keepalived, max_hops counts down from
// the TTL or hop limit that is configured for both ends. Where none is, packets
// leave with 255, which every peer takes; over IPv6 those with keepalived's 64
// are taken, too.
func session(b *config.BFD) node.Session {
	sent, from := b.TTL, b.TTL
	if !b.Written.Has("ttl") { // what is there is keepalived's default
		sent, from = bfd.TTL, bfd.TTL
		if b.NeighborIP.Is6() {
			from = keepalivedHops6
		}
	}
	c := bfd.Config{
		// Where a link-local source is, the neighbor's zone says.
		Path:    bfd.Path{Source: b.SourceIP.WithZone(""), Neighbor: b.NeighborIP, Multihop: b.Multihop},
		MinTx:   b.MinTX,
		MinRx:   b.MinRX,
		IdleTx:  b.IdleTX,
		Mult:    uint8(b.Multiplier),
		Passive: b.Passive,
		TTL:     sent,
		MinTTL:  max(0, from-b.MaxHops),
	}
	if b.MaxHops < 0 {
		c.MinTTL = 0
	}
	return node.Session{Name: b.Name, BFD: c}
}

func sessions(tracks []config.Track) []node.TrackSession {
	var all []node.TrackSession
	for _, t := range tracks {
		all = append(all, node.TrackSession{Name: t.Name, Weight: t.Weight, Reverse: t.Reverse})
	}
	return all
}
