package vrrp

import "net/netip"

// marks remember the highest sequence of each sender. Of a router of multicast
// four are kept, as in keepalived, and the sender heard longest ago makes room.
// Only a verified sequence gets in, so that nobody without the key can push
// another out.
type marks struct {
	list []mark
	room int
	turn uint64
}

type mark struct {
	from  netip.Addr
	value uint64
	used  uint64 // marks.turn of its last advert
}

// multicastMarks is how many senders of a router of multicast are remembered.
const multicastMarks = 4

func (m *marks) of(from netip.Addr) *mark {
	for i := range m.list {
		if m.list[i].from == from {
			return &m.list[i]
		}
	}
	return nil
}

// store takes the sequence of an accepted advert.
func (m *marks) store(from netip.Addr, value uint64) {
	m.turn++
	at := m.of(from)
	switch {
	case at != nil:
	case len(m.list) < m.room:
		m.list = append(m.list, mark{})
		at = &m.list[len(m.list)-1]
	default:
		at = &m.list[0]
		for i := range m.list {
			if m.list[i].used < at.used {
				at = &m.list[i]
			}
		}
	}
	*at = mark{from, value, m.turn}
}
