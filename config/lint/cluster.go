package lint

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moonkeep/moonkeep/config"
)

// Cluster returns what is to be said about configurations that are the nodes
// of one cluster. Instances with the same virtual_router_id are taken for one
// virtual router, whatever their names and interfaces. A single
// configuration is no cluster: nothing is said about it.
func Cluster(cs []*config.Config) config.Findings {
	var found config.Findings
	if len(cs) < 2 {
		return nil
	}
	names := nodeNames(cs)
	routers := make(map[int][]seat)
	var vrids []int
	for i, c := range cs {
		groups := memberships(c)
		for k := range c.Instances {
			in := &c.Instances[k]
			if _, known := routers[in.VRID]; !known {
				vrids = append(vrids, in.VRID)
			}
			routers[in.VRID] = append(routers[in.VRID], newSeat(i, names[i], c, in, groups[in.Name]))
		}
	}
	for _, vrid := range vrids {
		seats := routers[vrid]
		if sameNode(seats) {
			lonely(seats, routers, &found)
			continue
		}
		agreement(seats, &found)
		election(seats, &found)
		movement(seats, &found)
	}
	found.Sort()
	return found
}

// seat is one node's part in one virtual router.
type seat struct {
	of       int    // the place of the node's configuration
	node     string // for messages: the file, as short as it is unique
	in       *config.Instance
	trackers []tracker
	// healthy is the effective priority while nothing that is tracked fails.
	healthy int
}

// warn adds a finding at a place of the seat's file.
func (s *seat) warn(found *config.Findings, at config.Position, name, format string, args ...any) {
	found.Add(at, config.Warning, name, "vrrp_instance "+s.in.Name+": "+format, args...)
}

// nodeNames returns the files' names, with as much of the path as tells them
// apart.
func nodeNames(cs []*config.Config) []string {
	names := make([]string, len(cs))
	seen := make(map[string]int)
	for i, c := range cs {
		if len(c.Files) > 0 {
			names[i] = filepath.Base(c.Files[0])
		}
		seen[names[i]]++
	}
	for i, c := range cs {
		if seen[names[i]] > 1 && len(c.Files) > 0 {
			names[i] = c.Files[0]
		}
	}
	return names
}

// sameNode reports whether all seats are of one node.
func sameNode(seats []seat) bool {
	return !slices.ContainsFunc(seats, func(s seat) bool { return s.of != seats[0].of })
}

// lonely reports a virtual router that no other file has. When another file
// has an instance of the same name under another number, that is the likely
// mistake.
func lonely(seats []seat, routers map[int][]seat, found *config.Findings) {
	s := seats[0]
	for _, others := range routers {
		for _, o := range others {
			if o.of != s.of && o.in.Name == s.in.Name {
				s.warn(found, s.in.At, "no-peer", "no other file has virtual_router_id %d, and %s has %d for the same name: both would be master",
					s.in.VRID, o.node, o.in.VRID)
				return
			}
		}
	}
	s.warn(found, s.in.At, "no-peer", "no other file has virtual_router_id %d: nobody takes over when this node fails", s.in.VRID)
}

// agreement compares what all nodes of a virtual router must have alike with
// the first node.
func agreement(seats []seat, found *config.Findings) {
	a := seats[0].in
	for i := range seats[1:] {
		s := &seats[i+1]
		b, first := s.in, seats[0].node
		if a.Version != b.Version {
			s.warn(found, b.At, "peers-version", "version %d here and %d in %s: the nodes do not hear each other and all become master", b.Version, a.Version, first)
			continue
		}
		switch {
		case a.AdvertInt == b.AdvertInt:
		case b.Version == 2:
			s.warn(found, b.At, "peers-interval", "advert_int %v here and %v in %s: version 2 discards the other's adverts, and both become master", b.AdvertInt, a.AdvertInt, first)
		default:
			s.warn(found, b.At, "peers-interval", "advert_int %v here and %v in %s: a backup takes over the master's, so the time to fail over depends on who is master", b.AdvertInt, a.AdvertInt, first)
		}
		switch {
		case a.AuthType != b.AuthType:
			s.warn(found, b.At, "peers-authentication", "authentication is %s here and %s in %s: the nodes discard each other's adverts and all become master", auth(b), auth(a), first)
		case a.AuthPass != b.AuthPass:
			s.warn(found, b.At, "peers-authentication", "auth_pass is not the one of %s: the nodes discard each other's adverts and all become master", first)
		}
		if b.Version == 3 && a.ChecksumMessage != b.ChecksumMessage {
			s.warn(found, b.At, "peers-checksum", "another form of checksum than in %s: moonkeep accepts both, keepalived and others one only", first)
		}
		if text := differ(a.Addresses, b.Addresses, first); text != "" {
			s.warn(found, b.At, "peers-addresses", "virtual addresses: %s; a move would not take all addresses along", text)
		}
		if text := differ(a.Excluded, b.Excluded, first); text != "" {
			s.warn(found, b.At, "peers-addresses", "excluded virtual addresses: %s; a move would not take all addresses along", text)
		}
	}
}

func auth(in *config.Instance) string {
	if in.AuthType == "" {
		return "none"
	}
	return in.AuthType
}

// differ says which addresses only one of two lists has, or returns "".
func differ(a, b []config.Address, first string) string {
	missing := func(from, in []config.Address) []string {
		var out []string
		for _, x := range from {
			if !slices.ContainsFunc(in, func(y config.Address) bool { return y.Addr() == x.Addr() }) {
				out = append(out, x.Addr().String())
			}
		}
		return out
	}
	var parts []string
	if only := missing(b, a); len(only) > 0 {
		parts = append(parts, fmt.Sprintf("%s is not in %s", list(only), first))
	}
	if only := missing(a, b); len(only) > 0 {
		parts = append(parts, fmt.Sprintf("%s of %s is not here", list(only), first))
	}
	if len(parts) == 0 {
		for _, x := range a {
			for _, y := range b {
				if x.Addr() == y.Addr() && x.Prefix != y.Prefix {
					return fmt.Sprintf("%s is /%d here and /%d in %s", x.Addr(), y.Prefix.Bits(), x.Prefix.Bits(), first)
				}
			}
		}
	}
	return strings.Join(parts, ", ")
}

func list(words []string) string {
	const most = 4
	if len(words) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(words[:most], ", "), len(words)-most)
	}
	return strings.Join(words, ", ")
}

// election looks at who becomes master when all is well.
func election(seats []seat, found *config.Findings) {
	best := seats[0]
	for _, s := range seats[1:] {
		if s.healthy > best.healthy {
			best = s
		}
	}
	for i := range seats {
		s := &seats[i]
		if s.of != best.of && s.healthy == best.healthy {
			s.warn(found, s.in.At, "peers-priority", "priority %d is that of %s too: of the two whoever has the higher address wins, which nobody wrote down; give different priorities",
				s.healthy, best.node)
		}
		if s.of != best.of && s.in.Master && best.in.Master {
			s.warn(found, s.in.At, "two-masters", "state MASTER here and in %s: both claim the addresses when they start together; write state BACKUP here", best.node)
		}
	}
	sources := make(map[netip.Addr]*seat)
	for i := range seats {
		s := &seats[i]
		if !s.in.Source.IsValid() {
			continue
		}
		if other := sources[s.in.Source]; other != nil && other.of != s.of {
			s.warn(found, s.in.At, "peers-source", "mcast_src_ip %s is that of %s too: each takes the other's adverts for its own", s.in.Source, other.node)
		}
		sources[s.in.Source] = s
	}
}
