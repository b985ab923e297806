package keepalived

import (
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/moonkeep/moonkeep/config"
)

// groupEntry reads a line of a virtual_server_group: ADDR [PORT], a range of
// addresses for ADDR, or fwmark N [inet|inet6].
func (r *reader) groupEntry(s *statement) {
	e := config.GroupEntry{At: r.src.position(s.at())}
	var ok bool
	if s.words[0].text == "fwmark" {
		ok = r.groupMark(&e, s)
	} else {
		ok = r.groupRange(&e, s)
	}
	if !ok {
		r.damaged = true
		return
	}
	g := top[config.VirtualServerGroup](r)
	g.Entries = append(g.Entries, e)
}

func (r *reader) groupMark(e *config.GroupEntry, s *statement) bool {
	if len(s.words) < 2 {
		r.out.error(s.at(), "missing-argument", "fwmark takes one value, and there is none")
		return false
	}
	n, ok := r.mark(s.words[1], "fwmark", "the line is left out; keepalived 2.2.7 makes a service of 0.0.0.0 with all ports of it")
	e.Fwmark = n
	if len(s.words) > 2 {
		w := s.words[2]
		if w.text != "inet" && w.text != "inet6" {
			r.out.error(w.at, "bad-value", "fwmark %d %s: the family must be inet or inet6", n, quoted(w.text))
			return false
		}
		e.Family = w.text
	}
	if len(s.words) > 3 {
		r.out.warn(s.words[3].at, "surplus-words", "fwmark takes a number and a family; the rest of the line is ignored")
	}
	return ok
}

func (r *reader) groupRange(e *config.GroupEntry, s *statement) bool {
	w := s.words[0]
	first, last, err := addressRange(w.text)
	if err != "" {
		r.out.error(w.at, "bad-address", "%s is no address of a virtual_server_group: %s", quoted(w.text), err)
		return false
	}
	if cut, cuts := walked(first, last); cuts {
		r.out.warn(w.at, "range-cut", "%s: keepalived 2.2.7 counts the last 16 bits of a range only, and makes services of %s to %s, as is done here; write that, or a fwmark for the whole network", quoted(w.text), first, cut)
		last = cut
	}
	e.Address = first
	if last != first {
		e.Last = last
	}
	if len(s.words) > 1 {
		port, ok := r.integer(s.words[1], "the port of an address", 0, math.MaxUint16)
		if !ok {
			return false
		}
		e.Port = port
	}
	if len(s.words) > 2 {
		r.out.warn(s.words[2].at, "surplus-words", "a line of virtual_server_group takes an address and a port; the rest of the line is ignored")
	}
	return true
}

// addressRange reads an address, ADDR-LAST, where LAST is an address or its
// last part (decimal for IPv4, hexadecimal for IPv6), or ADDR/LEN. The text
// says what is wrong with it.
func addressRange(text string) (first, last netip.Addr, wrong string) {
	if host, length, cut := strings.Cut(text, "/"); cut {
		a, err := netip.ParseAddr(host)
		n, err2 := strconv.Atoi(length)
		if err != nil || err2 != nil || n < 1 || n > a.BitLen() {
			return first, last, "ADDR/LEN takes the length of a prefix"
		}
		p := netip.PrefixFrom(a, n)
		if p.Masked().Addr() != a {
			return first, last, "the bits behind the prefix must be 0"
		}
		return a, lastOf(p), ""
	}
	if strings.Contains(text, "%") {
		return first, last, "IPVS knows no zones"
	}
	from, to, cut := strings.Cut(text, "-")
	first, err := netip.ParseAddr(from)
	if err != nil {
		return first, last, "write ADDR, ADDR-LAST or ADDR/LEN"
	}
	if !cut {
		return first, first, ""
	}
	if last, err = netip.ParseAddr(to); err != nil {
		bytes := first.AsSlice()
		base, bits := 10, 8
		if first.Is6() {
			base, bits = 16, 16
		}
		n, err := strconv.ParseUint(to, base, bits)
		if err != nil {
			return first, last, "the end of the range is neither an address nor its last part"
		}
		bytes[len(bytes)-1] = byte(n)
		if bits == 16 {
			bytes[len(bytes)-2] = byte(n >> 8)
		}
		last, _ = netip.AddrFromSlice(bytes)
	}
	if last.BitLen() != first.BitLen() || !first.Less(last) {
		return first, last, "the end of the range is not behind its beginning"
	}
	return first, last, ""
}

// walked is where keepalived ends on its way from first to last, and whether that
// is not last. It counts the last 16 bits of IPv6, up to those of last; where that
// goes on for ever the range is left as it is, and is too long.
func walked(first, last netip.Addr) (end netip.Addr, cuts bool) {
	if !first.Is6() {
		return last, false
	}
	from, to := first.As16(), last.As16()
	to = [16]byte(append(from[:14:14], to[14:]...))
	end = netip.AddrFrom16(to)
	return end, end != last && !end.Less(first)
}

// lastOf is the last address of a prefix.
func lastOf(p netip.Prefix) netip.Addr {
	bytes := p.Addr().AsSlice()
	for i := p.Bits(); i < len(bytes)*8; i++ {
		bytes[i/8] |= 0x80 >> (i % 8)
	}
	last, _ := netip.AddrFromSlice(bytes)
	return last
}

// endServerGroup leaves out a group that has nothing in it, or something of both
// families and a mark that has none, or a name that was taken.
func (r *reader) endServerGroup(*statement) {
	g := top[config.VirtualServerGroup](r)
	if len(g.Entries) == 0 && !r.damaged {
		r.out.addAt(g.At, config.Warning, "empty-group", "virtual_server_group %s has no addresses: it is left out, as by keepalived", printable(g.Name))
		r.drop()
		return
	}
	if e := g.Undecided(); e != nil {
		r.out.addAt(e.At, config.Warning, "family-mismatch", "virtual_server_group %s is left out, as by keepalived: it has something of IPv4 and of IPv6, and fwmark %d has no family; write fwmark %d inet, or inet6", printable(g.Name), e.Fwmark, e.Fwmark)
		r.skipped[g.Name] = g.At
		r.drop()
		return
	}
	groups := r.cfg.VirtualServerGroups
	for i := range groups[:len(groups)-1] {
		if groups[i].Name == g.Name {
			r.drop()
			r.out.addAt(g.At, config.Warning, "duplicate-name", "virtual_server_group %s is defined twice, first on %s: this one is left out", printable(g.Name), lineOf(groups[i].At, g.At.File()))
			return
		}
	}
}

// resolveGroups finds the groups that virtual servers name.
func (r *reader) resolveGroups() {
	var names []string
	for i := range r.cfg.VirtualServerGroups {
		names = append(names, r.cfg.VirtualServerGroups[i].Name)
	}
	r.cfg.GroupFaults(func(at config.Position, g *config.VirtualServerGroup, text string) {
		r.out.addAt(at, config.Error, "group-range", "virtual_server_group %s: %s", printable(g.Name), text)
	})
	known := make(map[string]bool, len(names))
	for _, name := range names {
		known[name] = true
	}
	for i := range r.cfg.VirtualServers {
		v := &r.cfg.VirtualServers[i]
		if v.Group == "" || known[v.Group] {
			continue
		}
		hint := r.leftOut(v.Group, v.At.File())
		if hint != "" {
			hint += "."
		} else if guess := r.nearestName(v.Group, "unknown-group", func() []string { return names }); guess != "" {
			hint = ": did you mean " + printable(guess) + "?"
		}
		r.out.addAt(v.At, config.Warning, "unknown-group", "no virtual_server_group with an address is named %s%s", quoted(v.Group), aside(hinted(hint, "the virtual_server is left out, as by keepalived")))
	}
	r.cfg.VirtualServers = slices.DeleteFunc(r.cfg.VirtualServers, func(v config.VirtualServer) bool { return v.Group != "" && !known[v.Group] || r.strange(&v) })
	for i := range r.cfg.VirtualServers {
		if v := &r.cfg.VirtualServers[i]; v.Group != "" && r.cfg.AllPorts(v) {
			r.portZero(v, serviceName(v))
		}
	}
}

// strange reports whether a virtual server is of one address family and its
// group has something of another one, and says so.
func (r *reader) strange(v *config.VirtualServer) bool {
	family := v.Family()
	if v.Group == "" || family == "" {
		return false
	}
	for i := range r.cfg.VirtualServerGroups {
		g := &r.cfg.VirtualServerGroups[i]
		if g.Name != v.Group {
			continue
		}
		for _, e := range g.Entries {
			has := e.Family
			if e.Address.Is4() {
				has = "inet"
			} else if e.Address.Is6() {
				has = "inet6"
			}
			if has != "" && has != family {
				r.out.addAt(v.At, config.Warning, "family-mismatch", "virtual_server group %s is left out, as by keepalived: it is %s, and its group has something of %s on line %d; write a group and a virtual_server for each family", printable(v.Group), familyName(family), familyName(has), e.At.Line())
				return true
			}
		}
	}
	return false
}
