package keepalived

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/core/netspec"
)

// addressWords are the options of an address whose tags do not say everything.
// There may be tens of thousands of addresses.
func addressWords(word string) option {
	switch word {
	case "dev":
		return (*reader).interfaceOption
	case "label":
		return (*reader).addressLabel
	case "scope":
		return (*reader).addressScope
	case "brd", "broadcast":
		return (*reader).addressBroadcast
	case "peer":
		return (*reader).addressPeer
	case "use_vmac":
		return (*reader).addressVMAC
	}
	return nil
}

// virtualAddress reads a line of virtual_ipaddress: it settles the family of
// the instance.
func (r *reader) virtualAddress(s *statement) {
	r.addressLine(s, "virtual_ipaddress", func(w token, a netip.Addr) { r.inst.claim(r, w, a) })
}

func (r *reader) excludedAddress(s *statement) {
	r.addressLine(s, "virtual_ipaddress_excluded", func(token, netip.Addr) {})
}

func (r *reader) staticAddress(s *statement) {
	r.addressLine(s, "static_ipaddress", func(token, netip.Addr) {})
}

// addressLine reads ADDR[/LEN] and its options. keepalived takes one address
// from a line; a second one is read here too, with a warning, since there is
// no doubt that it is meant.
func (r *reader) addressLine(s *statement, keyword string, seen func(token, netip.Addr)) {
	l := &optionLine{words: s.words, what: "an address", own: addressWords}
	l.mild = func(word string) bool { return l.more() && (word == "peer" || word == "preferred_lft") }
	begin := func(w token) bool {
		p, ok := r.address(w, keyword)
		if !ok {
			r.damaged = true
			return false
		}
		top[config.Address](r).Prefix = p
		r.wrote("address", w.at, false)
		seen(w, p.Addr())
		return true
	}
	if !begin(l.take()) {
		return
	}
	r.options(l, func(w token) bool {
		if _, is := prefix(w.text); !is {
			r.strangeOption(l, w)
			return true
		}
		r.out.warn(w.at, "one-line-block", "%s takes one address on each line: keepalived loses %s; here it is read as if it stood on its own line", keyword, printable(w.text))
		r.onward(s, w.at)
		return begin(w)
	})
}

// address reads the address itself.
func (r *reader) address(w token, keyword string) (netip.Prefix, bool) {
	p, ok := prefix(w.text)
	if host, length, cut := strings.Cut(w.text, "/"); !ok && cut {
		whole, is := prefix(host)
		if n, err := strconv.Atoi(leading(length, false)); is && err == nil && (n < 0 || n > whole.Bits()) {
			p, ok = whole, true
			r.out.lose(w.at, "bad-address", "%s: %s is not the length of a prefix: %s is taken, as by keepalived", keyword, quoted(length), p)
		}
	}
	switch a := p.Addr(); {
	case !ok:
		r.out.error(w.at, "bad-address", "%s: %s is not an address; write ADDRESS/LENGTH first, options behind it", keyword, quoted(w.text))
	case a.IsUnspecified() || a.IsMulticast() || a.IsLoopback():
		ok = false
		r.out.error(w.at, "bad-address", "%s: %s cannot be an interface's address on a network", keyword, a)
	}
	return p, ok
}

func (r *reader) addressLabel(l *optionLine, w token) bool {
	v, ok := l.value(r, w)
	if !ok {
		return false
	}
	if len(v.text) > 15 {
		r.out.error(v.at, "bad-label", "label %s has more than the 15 bytes that the kernel keeps", quoted(v.text))
		return false
	}
	top[config.Address](r).Label = v.text
	return true
}

func (r *reader) addressScope(l *optionLine, w token) bool {
	v, ok := l.value(r, w)
	if !ok {
		return false
	}
	if top[config.Address](r).Scope.UnmarshalText([]byte(v.text)) == nil {
		return true
	}
	var names []string
	for _, s := range []netspec.Scope{netspec.ScopeGlobal, netspec.ScopeSite, netspec.ScopeLink, netspec.ScopeHost, netspec.ScopeNowhere} {
		names = append(names, s.String())
	}
	hint := ""
	if guess := config.Nearest(v.text, names); guess != "" {
		hint = ": did you mean " + guess + "?"
	}
	r.out.warn(v.at, "bad-scope", "scope takes global, site, link, host, nowhere or 0..255, not %s%s", quoted(v.text), hinted(hint, "the address has the usual one, as in keepalived"))
	return true
}

// addressBroadcast reads ADDR, + (host bits set) or - (host bits clear).
func (r *reader) addressBroadcast(l *optionLine, w token) bool {
	v, ok := l.value(r, w)
	if !ok {
		return false
	}
	a := top[config.Address](r)
	if v.text == "+" || v.text == "-" {
		if !a.Addr().Is4() || a.Prefix.Bits() > 30 {
			r.out.warn(v.at, "no-broadcast", "brd %s: a prefix of length %d has no broadcast address; none is set, as by keepalived", v.text, a.Prefix.Bits())
			return true
		}
		b := a.Prefix.Masked().Addr().As4()
		if v.text == "+" {
			for i := a.Prefix.Bits(); i < 32; i++ {
				b[i/8] |= 0x80 >> (i % 8)
			}
		}
		a.Broadcast = netip.AddrFrom4(b)
		return true
	}
	addr, err := netip.ParseAddr(v.text)
	if err != nil || !addr.Is4() || !a.Addr().Is4() {
		r.out.error(v.at, "bad-address", "brd takes an IPv4 address, + or -, with an IPv4 address, not %s", quoted(v.text))
		return false
	}
	a.Broadcast = addr
	return true
}

// addressPeer reads the other end. As in ip(8) the prefix length then belongs
// to the peer.
func (r *reader) addressPeer(l *optionLine, w token) bool {
	v, ok := l.value(r, w)
	if !ok {
		return false
	}
	a := top[config.Address](r)
	p, ok := prefix(v.text)
	if !ok || p.Addr().Is4() != a.Addr().Is4() {
		r.out.error(v.at, "bad-address", "peer takes an address of the same family, not %s", quoted(v.text))
		return false
	}
	if bits := a.Addr().BitLen(); a.Prefix.Bits() != bits {
		r.out.warn(v.at, "peer-prefix", "an address with a peer has no prefix length of its own: /%d is ignored, as by keepalived", a.Prefix.Bits())
		a.Prefix = netip.PrefixFrom(a.Addr(), bits)
	}
	a.Peer = p
	return true
}

// addressVMAC reads [IFNAME] [MAC] behind use_vmac.
func (r *reader) addressVMAC(l *optionLine, w token) bool {
	ok := true
	r.inner(r.here("use_vmac"), w.at, func() {
		v := top[config.AddressVMAC](r)
		block := r.schema.Of(config.Address{})
		for l.more() && block.Word(l.peek()) == nil && ok {
			word := l.take()
			switch {
			case isMAC(word.text):
				v.MAC, ok = r.mac(word)
				r.wrote("mac", word.at, false)
			default:
				v.Name, ok = r.interfaceName(word, "use_vmac")
				r.wrote("name", word.at, false)
			}
		}
	})
	return ok
}
