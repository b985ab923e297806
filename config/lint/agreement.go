package lint

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/moonkeep/moonkeep/config"
)

// agreement compares what all nodes of a virtual router must have alike with
// the first node.
func agreement(seats []*seat, found *config.Findings) {
	first := seats[0]
	for _, s := range seats[1:] {
		a, b := first.in, s.in
		if a.Version != b.Version {
			s.warn(found, place(b, "version"), "peers-version", "version %d here and %d in %s: the nodes do not hear each other and all become master", b.Version, a.Version, first.node)
			continue
		}
		intervals(first, s, found)
		passwords(first, s, found)
		if b.Version == 3 && a.ChecksumMessage != b.ChecksumMessage {
			s.warn(found, place(b, "v3_checksum_as_v2"), "peers-checksum", "another form of checksum than in %s: moonkeep accepts both, keepalived and others one only", first.node)
		}
		if text := differ(a.Addresses, b.Addresses, first.node); text != "" {
			s.warn(found, place(b, "virtual_ipaddresses"), "peers-addresses", "virtual addresses: %s; a move would not take all addresses along", text)
		}
		if text := differ(a.Excluded, b.Excluded, first.node); text != "" {
			s.warn(found, place(b, "virtual_ipaddresses_excluded"), "peers-addresses", "excluded virtual addresses: %s; a move would not take all addresses along", text)
		}
	}
}

func intervals(first, s *seat, found *config.Findings) {
	a, b := first.in, s.in
	switch {
	case a.AdvertInt == b.AdvertInt:
	case b.Version == 2:
		s.warn(found, place(b, "advert_int"), "peers-interval", "advert_int %v here and %v in %s: version 2 discards the other's adverts, and both become master", b.AdvertInt, a.AdvertInt, first.node)
	default:
		s.warn(found, place(b, "advert_int"), "peers-interval", "advert_int %v here and %v in %s: a backup takes over the master's, so the time to fail over depends on who is master", b.AdvertInt, a.AdvertInt, first.node)
	}
}

// passwords compares the authentication. No message shows a password.
func passwords(first, s *seat, found *config.Findings) {
	a, b := first.in, s.in
	at := place(b, "authentication")
	switch {
	case a.AuthType != b.AuthType:
		s.warn(found, at, "peers-authentication", "authentication is %s here and %s in %s: the nodes discard each other's adverts and all become master", auth(b), auth(a), first.node)
	case a.AuthPass != b.AuthPass:
		s.warn(found, at, "peers-authentication", "auth_pass is not the one of %s: the nodes discard each other's adverts and all become master", first.node)
	}
}

func auth(in *config.Instance) string {
	if in.AuthType == "" {
		return "none"
	}
	return in.AuthType
}

// differ says which addresses only one of two lists has, or in which one
// stands with another prefix length, or returns "".
func differ(a, b []config.Address, first string) string {
	lengths := make(map[netip.Addr]netip.Prefix, len(a))
	for i := range a {
		lengths[a[i].Addr()] = a[i].Prefix
	}
	var here, there, other []string
	common := make(map[netip.Addr]bool, len(b))
	for i := range b {
		addr := b[i].Addr()
		p, known := lengths[addr]
		common[addr] = known
		switch {
		case !known:
			here = append(here, addr.String())
		case p != b[i].Prefix:
			other = append(other, fmt.Sprintf("%s is /%d here and /%d in %s", addr, b[i].Prefix.Bits(), p.Bits(), first))
		}
	}
	for i := range a {
		if !common[a[i].Addr()] {
			there = append(there, a[i].Addr().String())
		}
	}
	var texts []string
	if len(here) > 0 {
		texts = append(texts, fmt.Sprintf("%s is not in %s", list(here), first))
	}
	if len(there) > 0 {
		texts = append(texts, fmt.Sprintf("%s of %s is not here", list(there), first))
	}
	if len(other) > 0 {
		texts = append(texts, list(other))
	}
	return strings.Join(texts, ", ")
}
