package source

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/moonkeep/moonkeep/config"
)

// The options of an address stand in a table, or behind it in one text as in
// keepalived's virtual_ipaddress. The text is made a table first.

// addressLine makes a table of "192.0.2.1/24 dev eth0 label eth0:1 scope
// global brd +". It returns nil after an error.
func (r *reader) addressLine(v *value, what string) *value {
	words := strings.Fields(v.text)
	if len(words) == 0 {
		r.error(v.at, "bad-address", "%s is empty", what)
		return nil
	}
	part := func(text string) *value {
		return &value{at: v.at, kind: kindText, text: text, reference: v.reference, loose: v.loose}
	}
	out := &value{at: v.at, kind: kindTable, fields: []field{{key: "address", at: v.at, value: part(words[0])}}}
	b := r.schema.Block(addressType)
	for i := 1; i < len(words); i++ {
		sf := b.Word(words[i])
		switch {
		case sf == nil:
			meant := hint(words[i], b.Spelled())
			if v.reference != "" {
				meant = ""
			}
			r.error(v.at, "unknown-option", "%s: an address has no option %s%s", what, v.shown(words[i]), meant)
			return nil
		case out.get(sf.Key) != nil:
			r.error(v.at, "given-twice", "%s: %s is given twice", what, sf.Key)
			return nil
		case sf.Form == "bare":
			out.fields = append(out.fields, field{key: sf.Key, at: v.at, value: &value{at: v.at, kind: kindBool, text: "true"}})
			continue
		}
		if i++; i == len(words) {
			r.error(v.at, "missing-value", "%s: a value must follow %s", what, sf.Key)
			return nil
		}
		out.fields = append(out.fields, field{key: sf.Key, at: v.at, value: part(words[i])})
	}
	return out
}

// addressOptions reads those keys of an address that depend on each other.
func (r *reader) addressOptions(t *table, a *config.Address) {
	f := t.v.get("address")
	if f == nil {
		return // that has been said
	}
	text, ok := r.asText(f.value, t.what+": address")
	if !ok || !r.address(a, f.value, t.what, text) {
		return
	}
	for _, word := range [...]string{"dev", "label", "scope", "brd", "peer"} {
		f := t.v.get(word)
		if f == nil {
			continue
		}
		text, ok := f.value.text, word == "scope" && f.value.kind == kindInt
		if !ok {
			if text, ok = r.asText(f.value, t.what+": "+word); !ok {
				return
			}
		}
		if !r.option(a, f.value, t.what, word, text) {
			return
		}
	}
}

// option reads one option of an address.
func (r *reader) option(a *config.Address, v *value, what, word, s string) bool {
	switch word {
	case "dev":
		a.Device = s
		return r.interfaceName(v, s, what+": dev")
	case "label":
		a.Label = s
		if len(s) > 15 {
			r.error(v.at, "bad-label", "%s: label %s has more than the 15 bytes that the kernel keeps", what, v.shown(s))
			return false
		}
	case "scope":
		if err := a.Scope.UnmarshalText([]byte(s)); err != nil {
			r.error(v.at, "bad-scope", "%s: scope must be global, site, link, host, nowhere or a number from 0 to 255, not %s", what, v.shown(s))
			return false
		}
	case "brd":
		return r.broadcast(a, v, what, s)
	case "peer":
		p, err := parsePrefix(s)
		if err != nil || p.Addr().Is4() != a.Addr().Is4() {
			r.error(v.at, "bad-address", "%s: peer must be an address of the same family, not %s", what, v.shown(s))
			return false
		}
		if a.Prefix.Bits() != a.Addr().BitLen() {
			r.error(v.at, "peer-prefix", "%s: with a peer the length belongs to the peer: write the address without /%d", what, a.Prefix.Bits())
			return false
		}
		a.Peer = p
	}
	return true
}

func (r *reader) address(a *config.Address, v *value, what, s string) bool {
	p, err := parsePrefix(s)
	switch {
	case err != nil:
		r.error(v.at, "bad-address", "%s: %s is not an address such as 192.0.2.1/24", what, v.shown(s))
		return false
	case p.Addr().Is4In6():
		r.error(v.at, "bad-address", "%s: %s is an IPv4 address within an IPv6 one; write %s", what, v.plain(p.Addr()), p.Addr().Unmap())
		return false
	case p.Addr().IsUnspecified() || p.Addr().IsMulticast() || p.Addr().IsLoopback() || p.Bits() == 0:
		r.error(v.at, "bad-address", "%s: %s cannot be an interface's address on a network", what, v.plain(p))
		return false
	}
	a.Prefix = p
	return true
}

// plain shows what was read from a value.
func (v *value) plain(x fmt.Stringer) string {
	if v.reference != "" {
		return v.describe()
	}
	return x.String()
}

// broadcast reads an address, + for the prefix with all host bits set, or -
// for them clear, as ip(8) does.
func (r *reader) broadcast(a *config.Address, v *value, what, s string) bool {
	if s != "+" && s != "-" {
		addr, err := netip.ParseAddr(s)
		if err != nil || !addr.Is4() {
			r.error(v.at, "bad-address", "%s: brd must be an IPv4 address, + or -, not %s", what, v.shown(s))
			return false
		}
		a.Broadcast = addr
		return true
	}
	if !a.Addr().Is4() || a.Prefix.Bits() > 30 {
		r.error(v.at, "no-broadcast", "%s: brd %s: an address of length /%d has no broadcast address: write the length of its network", what, s, a.Prefix.Bits())
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

// interfaceName checks the name of a network interface (IFNAMSIZ and what
// the kernel's dev_valid_name refuses).
func (r *reader) interfaceName(v *value, name, what string) bool {
	if name == "." || name == ".." || len(name) > 15 || strings.ContainsAny(name, "/: \t") {
		r.error(v.at, "bad-interface", "%s: %s cannot be an interface's name: at most 15 characters, no blank, slash or colon", what, v.shown(name))
		return false
	}
	return true
}
