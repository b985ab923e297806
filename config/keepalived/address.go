package keepalived

import (
	"net/netip"
	"strconv"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/core/netspec"
)

// addressWord is an option of an address line: whether it takes a value, and
// what is done with it.
type addressWord struct {
	name   string
	value  bool
	status status
	set    func(r *reader, a *config.Address, w token) bool
	note   string
}

// addressWords are the options of a line of virtual_ipaddress.
func addressWords() []addressWord {
	return []addressWord{
		{name: "dev", value: true, set: (*reader).addressDevice},
		{name: "label", value: true, set: (*reader).addressLabel},
		{name: "scope", value: true, set: (*reader).addressScope},
		{name: "brd", value: true, set: (*reader).addressBroadcast},
		{name: "broadcast", value: true, set: (*reader).addressBroadcast},
		{name: "peer", value: true, set: (*reader).addressPeer},
		{name: "no_track", set: func(_ *reader, a *config.Address, _ token) bool { a.NoTrack = true; return true }},
		{name: "home", status: warns},
		{name: "-nodad", status: warns},
		{name: "mngtmpaddr", status: warns},
		{name: "noprefixroute", status: warns, note: ": the kernel adds its route for the prefix"},
		{name: "autojoin", status: warns},
		{name: "preferred_lft", value: true, status: warns},
		{name: "use_vmac", status: refuses, note: ": the address would have the interface's own MAC; remove it"},
		{name: "track_group", value: true, status: warns},
	}
}

func (r *reader) virtualAddress(s *statement) {
	r.inst.Addresses = r.addressLine(s, "virtual_ipaddress", r.inst.Addresses)
}

func (r *reader) excludedAddress(s *statement) {
	r.inst.Excluded = r.addressLine(s, "virtual_ipaddress_excluded", r.inst.Excluded)
}

// addressLine reads ADDR[/LEN] and its options. keepalived takes one address
// from a line; a second one is read here too, with a warning, since there is
// no doubt that it is meant.
func (r *reader) addressLine(s *statement, keyword string, to []config.Address) []config.Address {
	a, ok := r.address(s.words[0], keyword)
	if !ok {
		r.damaged = true
		return to
	}
	known := addressWords()
	for i := 1; i < len(s.words); i++ {
		w := s.words[i]
		word := findAddressWord(known, w.text)
		if word == nil {
			if _, is := prefix(w.text); is {
				r.out.warn(w.at, "one-line-block", "%s takes one address on each line: keepalived loses %s; here it is read as if it stood on its own line", keyword, printable(w.text))
				to = append(to, a)
				if a, ok = r.address(w, keyword); !ok {
					r.damaged = true
					return to
				}
				continue
			}
			if guess := r.addressOption(known, w); guess != nil && guess.value {
				i++
			}
			continue
		}
		if word.value {
			if i++; i == len(s.words) {
				r.damaged = true
				r.out.error(w.at, "missing-argument", "%s takes a value, and there is none", word.name)
				return to
			}
		}
		switch {
		case word.status == warns:
			r.out.warn(w.at, "not-acted-on", "%s is not acted on yet%s", word.name, word.note)
		case word.status == refuses:
			r.damaged = true
			r.out.error(w.at, "not-supported", "%s is not supported yet%s", word.name, word.note)
		case !word.set(r, &a, s.words[i]):
			r.damaged = true
			return to
		}
	}
	return append(to, a)
}

// findAddressWord returns the option that word names, or nil.
func findAddressWord(known []addressWord, word string) *addressWord {
	for i := range known {
		if known[i].name == word {
			return &known[i]
		}
	}
	return nil
}

// addressOption reports a word that an address does not take, and returns the
// option that is likely meant, or nil.
func (r *reader) addressOption(known []addressWord, w token) *addressWord {
	names := make([]string, len(known))
	for i := range known {
		names[i] = known[i].name
	}
	if guess := nearest(w.text, names); guess != "" {
		r.out.warn(w.at, "unknown-option", "unknown option %s of an address: did you mean %s? It is ignored, as by keepalived", quoted(w.text), guess)
		return findAddressWord(known, guess)
	}
	r.out.warn(w.at, "unknown-option", "unknown option %s of an address; it is ignored, as by keepalived", quoted(w.text))
	return nil
}

// address reads the address itself.
func (r *reader) address(w token, keyword string) (config.Address, bool) {
	p, ok := prefix(w.text)
	switch {
	case !ok:
		r.out.error(w.at, "bad-address", "%s: %s is not an address; write ADDRESS/LENGTH first, options behind it", keyword, quoted(w.text))
	case !p.Addr().Is4():
		ok = false
		r.out.error(w.at, "not-supported", "%s %s: IPv6 addresses are not supported yet; remove the line", keyword, p.Addr())
	case !p.Addr().IsValid() || p.Addr().IsUnspecified() || p.Addr().IsMulticast() || p.Addr().IsLoopback():
		ok = false
		r.out.error(w.at, "bad-address", "%s: %s cannot be an interface's address on a network", keyword, p.Addr())
	}
	return config.Address{Prefix: p, At: r.src.position(w.at)}, ok
}

func (r *reader) addressDevice(a *config.Address, w token) bool {
	name, ok := r.interfaceName(w, "dev")
	a.Device = name
	return ok
}

func (r *reader) addressLabel(a *config.Address, w token) bool {
	if len(w.text) > 15 {
		r.out.error(w.at, "bad-label", "label %s has more than the 15 bytes that the kernel keeps", quoted(w.text))
		return false
	}
	a.Label = w.text
	return true
}

// scopes returns those that have names.
func scopes() []netspec.Scope {
	return []netspec.Scope{netspec.ScopeGlobal, netspec.ScopeSite, netspec.ScopeLink, netspec.ScopeHost, netspec.ScopeNowhere}
}

func (r *reader) addressScope(a *config.Address, w token) bool {
	names := make([]string, len(scopes()))
	for i, s := range scopes() {
		if names[i] = s.String(); names[i] == w.text {
			a.Scope = s
			return true
		}
	}
	if n, err := strconv.ParseUint(w.text, 0, 8); err == nil {
		a.Scope = netspec.Scope(n)
		return true
	}
	hint := ""
	if guess := nearest(w.text, names); guess != "" {
		hint = ": did you mean " + guess + "?"
	}
	r.out.error(w.at, "bad-scope", "scope takes global, site, link, host, nowhere or 0..255, not %s%s", quoted(w.text), hint)
	return false
}

// addressBroadcast reads ADDR, + (host bits set) or - (host bits clear).
func (r *reader) addressBroadcast(a *config.Address, w token) bool {
	if w.text == "+" || w.text == "-" {
		if a.Prefix.Bits() > 30 {
			r.out.warn(w.at, "no-broadcast", "brd %s: a prefix of length %d has no broadcast address; none is set, as by keepalived", w.text, a.Prefix.Bits())
			return true
		}
		b := a.Prefix.Masked().Addr().As4()
		if w.text == "+" {
			for i := a.Prefix.Bits(); i < 32; i++ {
				b[i/8] |= 0x80 >> (i % 8)
			}
		}
		a.Broadcast = netip.AddrFrom4(b)
		return true
	}
	addr, err := netip.ParseAddr(w.text)
	if err != nil || !addr.Is4() {
		r.out.error(w.at, "bad-address", "brd takes an IPv4 address, + or -, not %s", quoted(w.text))
		return false
	}
	a.Broadcast = addr
	return true
}

// addressPeer reads the other end. As in ip(8) the prefix length then belongs
// to the peer.
func (r *reader) addressPeer(a *config.Address, w token) bool {
	p, ok := prefix(w.text)
	if !ok || !p.Addr().Is4() {
		r.out.error(w.at, "bad-address", "peer takes an IPv4 address, not %s", quoted(w.text))
		return false
	}
	if a.Prefix.Bits() != 32 {
		r.out.warn(w.at, "peer-prefix", "an address with a peer has no prefix length of its own: /%d is ignored, as by keepalived", a.Prefix.Bits())
		a.Prefix = netip.PrefixFrom(a.Prefix.Addr(), 32)
	}
	a.Peer = p
	return true
}
