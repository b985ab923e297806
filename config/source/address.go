package source

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/core/netspec"
)

// addresses reads a list of addresses: texts in the way of keepalived's
// virtual_ipaddress, or tables with a key for each option.
func (r *reader) addresses(t *table, key, device string) []config.Address {
	var all []config.Address
	for i, item := range t.list(key) {
		what := fmt.Sprintf("%s: %s: item %d", t.what, key, i+1)
		a := config.Address{At: item.at}
		var ok bool
		switch item.kind {
		case kindText:
			ok = r.addressText(item, what, &a)
		case kindTable:
			ok = r.addressTable(r.table(item, what), &a)
		default:
			r.error(item.at, "wrong-type", "%s must be an address, or a table with address and its options, not %s", what, item.describe())
		}
		if !ok {
			continue
		}
		if a.Device == "" {
			a.Device = device
		}
		all = append(all, a)
	}
	return all
}

// options are the words that follow an address, with the setters of both
// notations.
func (r *reader) option(a *config.Address, at config.Position, what, word, s string) bool {
	switch word {
	case "dev":
		a.Device = s
		return r.interfaceName(at, s, what+": dev")
	case "label":
		a.Label = s
		if len(s) > 15 {
			r.error(at, "bad-label", "%s: label %s has more than the 15 bytes that the kernel keeps", what, quoted(s))
			return false
		}
		return true
	case "scope":
		return r.scope(a, at, what, s)
	case "brd":
		return r.broadcast(a, at, what, s)
	case "peer":
		p, err := parsePrefix(s)
		if err != nil || !p.Addr().Is4() {
			r.error(at, "bad-address", "%s: peer must be an IPv4 address, not %s", what, quoted(s))
			return false
		}
		if a.Prefix.Bits() != 32 {
			r.error(at, "peer-prefix", "%s: with a peer the length belongs to the peer: write the address without /%d", what, a.Prefix.Bits())
			return false
		}
		a.Peer = p
		return true
	}
	return false
}

// addressText reads "192.0.2.1/24 dev eth0 label eth0:1 scope global brd +".
func (r *reader) addressText(v *value, what string, a *config.Address) bool {
	words := strings.Fields(v.text)
	if len(words) == 0 {
		r.error(v.at, "bad-address", "%s is empty", what)
		return false
	}
	if !r.address(a, v.at, what, words[0]) {
		return false
	}
	known := []string{"dev", "label", "scope", "brd", "broadcast", "peer", "no_track"}
	given := make(map[string]bool)
	for i := 1; i < len(words); i++ {
		word := words[i]
		if word == "broadcast" {
			word = "brd"
		}
		if given[word] {
			r.error(v.at, "given-twice", "%s: %s is given twice", what, word)
			return false
		}
		given[word] = true
		switch word {
		case "no_track":
			a.NoTrack = true
			continue
		case "dev", "label", "scope", "brd", "peer":
		default:
			hint := ""
			if near := config.Nearest(word, known); near != "" {
				hint = fmt.Sprintf("; is %q meant?", near)
			}
			r.error(v.at, "unknown-option", "%s: an address has no option %s%s", what, quoted(word), hint)
			return false
		}
		if i++; i == len(words) {
			r.error(v.at, "missing-value", "%s: a value must follow %s", what, word)
			return false
		}
		if !r.option(a, v.at, what, word, words[i]) {
			return false
		}
	}
	return true
}

// addressTable reads {address: 192.0.2.1/24, dev: eth0, ...}.
func (r *reader) addressTable(t *table, a *config.Address) bool {
	var s string
	f := t.text("address", &s)
	if f == nil && !t.has("address") {
		t.error(t.v.at, "missing-key", "%s needs an address", t.what)
	}
	ok := f != nil && r.address(a, f.value.at, t.what, s)
	for _, word := range [...]string{"dev", "label", "scope", "brd", "peer"} {
		if word == "scope" {
			if f := t.v.get(word); f != nil && f.value.kind == kindInt {
				t.take(word)
				ok = ok && r.option(a, f.value.at, t.what, word, f.value.text)
				continue
			}
		}
		if f := t.text(word, &s); f != nil {
			ok = ok && r.option(a, f.value.at, t.what, word, s)
		} else {
			ok = ok && !t.has(word)
		}
	}
	t.flag("no_track", &a.NoTrack)
	t.done()
	return ok
}

func (r *reader) address(a *config.Address, at config.Position, what, s string) bool {
	p, err := parsePrefix(s)
	switch {
	case err != nil:
		r.error(at, "bad-address", "%s: %s is not an address such as 192.0.2.1/24", what, quoted(s))
		return false
	case !p.Addr().Is4():
		r.error(at, "not-supported", "%s: %s: IPv6 addresses are not supported by this version", what, p.Addr())
		return false
	case p.Addr().IsUnspecified() || p.Addr().IsMulticast() || p.Addr().IsLoopback() || p.Bits() == 0:
		r.error(at, "bad-address", "%s: %s cannot be an interface's address on a network", what, p)
		return false
	}
	a.Prefix = p
	return true
}

// parsePrefix reads an address with or without a length.
func parsePrefix(s string) (netip.Prefix, error) {
	if strings.Contains(s, "/") {
		return netip.ParsePrefix(s)
	}
	addr, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Prefix{}, err
	}
	if addr.Zone() != "" {
		return netip.Prefix{}, fmt.Errorf("%s has a zone", addr)
	}
	return netip.PrefixFrom(addr, addr.BitLen()), nil
}

func (r *reader) scope(a *config.Address, at config.Position, what, s string) bool {
	for _, known := range [...]netspec.Scope{netspec.ScopeGlobal, netspec.ScopeSite, netspec.ScopeLink, netspec.ScopeHost, netspec.ScopeNowhere} {
		if s == known.String() {
			a.Scope = known
			return true
		}
	}
	n, err := strconv.ParseUint(s, 10, 8)
	if err != nil {
		r.error(at, "bad-scope", "%s: scope must be global, site, link, host, nowhere or a number from 0 to 255, not %s", what, quoted(s))
		return false
	}
	a.Scope = netspec.Scope(n)
	return true
}

// broadcast reads an address, + for the prefix with all host bits set, or -
// for them clear, as ip(8) does.
func (r *reader) broadcast(a *config.Address, at config.Position, what, s string) bool {
	if s != "+" && s != "-" {
		addr, err := netip.ParseAddr(s)
		if err != nil || !addr.Is4() {
			r.error(at, "bad-address", "%s: brd must be an IPv4 address, + or -, not %s", what, quoted(s))
			return false
		}
		a.Broadcast = addr
		return true
	}
	if a.Prefix.Bits() > 30 {
		r.error(at, "no-broadcast", "%s: brd %s: an address of length /%d has no broadcast address: write the length of its network", what, s, a.Prefix.Bits())
		return false
	}
	octets := a.Prefix.Masked().Addr().As4()
	if s == "+" {
		for bit := a.Prefix.Bits(); bit < 32; bit++ {
			octets[bit/8] |= 0x80 >> (bit % 8)
		}
	}
	a.Broadcast = netip.AddrFrom4(octets)
	return true
}
