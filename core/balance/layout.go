package balance

import (
	"net/netip"
	"slices"
)

// Layout is how a virtual server stands in the table: which services it is, and
// what its servers are there.
type Layout struct {
	// Keys are its services, one for each address and mark of a group. They
	// share the servers.
	Keys []Key
	// Options are those of each service; of Mask and Bits the one counts that
	// fits its family.
	Options Options
	// Servers are in the order of the real servers. Their weights do not count.
	Servers []Destination
	// Doubles says that two of Servers have one address and other ports, and not
	// both keep theirs, so that they may be one in a service; then the first
	// counts.
	Doubles bool
	// Sorry is the sorry server, if there is one.
	Sorry Destination
}

// Table adds to t what its services should be when servers have these places.
// Where a service is in t before, it keeps its options and its destinations,
// and gets those that it lacks. The places are in the order of Serving: that of
// the sorry server is the last.
func (l *Layout) Table(t Table, places []Place) {
	for _, k := range l.Keys {
		first := t[k]
		s := Service{Options: l.Options, Destinations: make([]Destination, 0, len(places))}
		ordered := true
		for _, p := range places {
			s.Destinations = append(s.Destinations, Destination{})
			d := &s.Destinations[len(s.Destinations)-1]
			if *d = l.Sorry; p.Server != SorryServer {
				*d = l.Servers[p.Server]
			}
			d.Weight = int32(min(max(0, p.Weight), MostWeight))
			if d.Forward != Masq {
				d.Address = d.In(k)
			}
			*d = d.normal()
			// One that is a real server, too, and rests leaves it its weight.
			n := len(s.Destinations) - 1
			if p.Server == SorryServer && p.Weight == 0 && among(s.Destinations[:n], d.Address) {
				s.Destinations = s.Destinations[:n]
				continue
			}
			ordered = ordered && (n == 0 || s.Destinations[n-1].Address.Compare(d.Address) < 0)
		}
		// They are in order as a rule, and tens of thousands take long to look at again.
		if ordered && first == nil {
			s.Options = s.Options.normal(k)
			t[k] = &s
			continue
		}
		if n := len(places); l.Doubles && n > 0 {
			if places[n-1].Server == SorryServer {
				n--
			}
			s.Destinations = slices.Delete(s.Destinations, firsts(s.Destinations[:n]), n)
		}
		if first != nil {
			s.Options = first.Options
			s.Destinations = append(s.Destinations, first.Destinations...) // of two the last counts
		}
		t[k] = s.normal(k)
	}
}

// In is the address and port that a real server has in a service. Packets keep
// their port on the way, unless they are rewritten: it is that of the service,
// and none where a mark stands for any.
func (d Destination) In(k Key) netip.AddrPort {
	if d.Forward == Masq {
		return d.Address
	}
	return netip.AddrPortFrom(d.Address.Addr(), k.Address.Port())
}

// Reached are the servers that packets leave the director for: those of Servers and
// the sorry server, unless that is the director itself.
func (l *Layout) Reached() []Destination {
	if a := l.Sorry.Address.Addr(); !a.IsValid() || a.IsLoopback() {
		return l.Servers
	}
	return append(l.Servers[:len(l.Servers):len(l.Servers)], l.Sorry)
}

// firsts sorts destinations, leaves of those with one address the first, and
// returns how many are left.
func firsts(list []Destination) int {
	slices.SortStableFunc(list, func(a, b Destination) int { return a.Address.Compare(b.Address) })
	return len(slices.CompactFunc(list, func(a, b Destination) bool { return a.Address == b.Address }))
}

// among reports whether there is a destination with this address.
func among(list []Destination, a netip.AddrPort) bool {
	return slices.ContainsFunc(list, func(d Destination) bool { return d.Address == a })
}
