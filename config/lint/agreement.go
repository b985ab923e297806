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
		destination(first, s, found)
		if a.Version != b.Version {
			s.warn(found, place(b, "version"), "peers-version", "version %d here and %d in %s: the nodes do not hear each other and all become master", b.Version, a.Version, first.node)
			continue
		}
		intervals(first, s, found)
		passwords(first, s, found)
		keys(first, s, found)
		behaviour(first, s, found)
		if b.Version == 3 && a.ChecksumMessage != b.ChecksumMessage {
			s.warn(found, place(b, "v3_checksum"), "peers-checksum", "another form of checksum than in %s: moonkeep accepts both, keepalived and others one only", first.node)
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

// keys compares the keys that sign adverts. No message shows one.
func keys(first, s *seat, found *config.Findings) {
	a, b := first.in.HMAC, s.in.HMAC
	at := place(s.in, "auth_hmac")
	strict := func(h *config.HMAC) bool { return h.Mode == "" || h.Mode == "enforce" }
	signs := func(h *config.HMAC) bool { return h != nil && h.Mode != "receive-only" }
	switch {
	case b != nil && strict(b) && !signs(a):
		s.warn(found, at, "peers-hmac", "only signed adverts are taken here, and %s does not sign: this node does not hear it and becomes master too; give %s the same auth_hmac, or write mode permissive here until it has", first.node, first.node)
	case a != nil && strict(a) && !signs(b):
		s.warn(found, at, "peers-hmac", "%s takes signed adverts only, and this node does not sign: %s does not hear it and becomes master too; write the same auth_hmac here, or mode permissive there until it is", first.node, first.node)
	}
	if a == nil || b == nil {
		return
	}
	known := func(h *config.HMAC, id int, secret string) string {
		for i := range h.Keys {
			if k := &h.Keys[i]; k.ID == id && k.Secret == secret {
				return ""
			} else if k.ID == id {
				return "is another one"
			}
		}
		return "is not known"
	}
	for _, pair := range [2]struct {
		by, of  *config.HMAC
		in, its string
	}{{a, b, "in " + first.node, "this node"}, {b, a, "here", first.node}} {
		for i := range pair.of.Keys {
			if k := &pair.of.Keys[i]; k.ID == pair.of.ActiveKey {
				if how := known(pair.by, k.ID, k.Secret); how != "" {
					s.warn(found, at, "peers-hmac", "key %d, with which %s signs, %s %s: its adverts are discarded there; add the key to all nodes before one makes it its active_key", k.ID, pair.its, how, pair.in)
				}
			}
		}
	}
}

// destination compares where adverts are sent.
func destination(first, s *seat, found *config.Findings) {
	a, b := first.in, s.in
	switch {
	case unicast(a) != unicast(b):
		words := map[bool]string{true: "unicast", false: "multicast"}
		s.warn(found, place(b, "unicast_peers"), "peers-unicast", "adverts are %s here and %s in %s: each discards the other's, and both become master; give both nodes the other as a unicast peer, or neither", words[unicast(b)], words[unicast(a)], first.node)
	case !unicast(a) && a.Destination != b.Destination:
		s.warn(found, place(b, "mcast_dst_ip"), "peers-group", "adverts go to %s here and to %s in %s: the nodes do not hear each other and all become master", group(b), group(a), first.node)
	}
}

func unicast(in *config.Instance) bool { return len(in.UnicastPeers) > 0 || in.UnicastFaultNoPeer }

// group is where multicast adverts go.
func group(in *config.Instance) string {
	if !in.Destination.IsValid() {
		return "the usual group"
	}
	return in.Destination.String()
}

// behaviour compares what clients see.
func behaviour(first, s *seat, found *config.Findings) {
	a, b := first.in, s.in
	words := map[bool]string{true: "has", false: "does not have"}
	if (a.UseVMAC != nil) != (b.UseVMAC != nil) {
		s.warn(found, place(b, "use_vmac"), "peers-vmac", "this file %s use_vmac and %s %s it: the MAC address of the virtual addresses changes when they move, which use_vmac is there to avoid", words[b.UseVMAC != nil], first.node, words[a.UseVMAC != nil])
	}
	if a.NoAccept != b.NoAccept {
		s.warn(found, place(b, "no_accept"), "peers-accept", "this file %s no_accept and %s %s it: whether the virtual addresses answer depends on who is master", words[b.NoAccept], first.node, words[a.NoAccept])
	}
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
