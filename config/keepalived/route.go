package keepalived

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/moonkeep/moonkeep/config"
)

// routeWords are the options of a route whose tags do not say everything.
func routeWords() map[string]option {
	words := gatewayWords()
	for _, mode := range []string{"prepend", "append", "add"} {
		words[mode] = (*reader).routeMode
	}
	for _, metric := range []string{"mtu", "advmss", "reordering", "cwnd", "ssthresh", "rtt", "rttvar", "rto_min"} {
		words[metric] = (*reader).lockable
	}
	words["inet"], words["inet6"] = (*reader).routeFamily, (*reader).routeFamily
	words["from"] = func(r *reader, l *optionLine, w token) bool {
		v, ok := l.value(r, w)
		return ok && r.network(v, "from", &top[config.Route](r).From)
	}
	words["or"] = func(r *reader, l *optionLine, w token) bool {
		v, ok := l.value(r, w)
		return ok && r.gateway(v, "or", &top[config.Route](r).Or)
	}
	words["congctl"] = (*reader).congestionControl
	words["nexthop"] = (*reader).nextHop
	return words
}

// gatewayWords are those that a route and each of its next hops take.
func gatewayWords() map[string]option {
	return map[string]option{
		"dev": (*reader).interfaceOption, "oif": (*reader).interfaceOption, "via": (*reader).viaGateway, "gw": (*reader).viaGateway, "encap": (*reader).encapsulation, "as": (*reader).newDestination,
	}
}

// routeLine reads one line of virtual_routes or static_routes.
func (r *reader) routeLine(s *statement) {
	words, leads := routeWords(), ""
	words["to"] = func(r *reader, l *optionLine, w token) bool {
		v, ok := l.value(r, w)
		leads = v.text
		return ok && r.destination(v)
	}
	l := &optionLine{words: s.words, what: "a route", own: among(words)}
	route := top[config.Route](r)
	types := r.here("type").Enum
	r.options(l, func(w token) bool {
		switch {
		case slices.Contains(types, w.text):
			route.Type = w.text
			r.wrote("type", w.at, false)
		case !route.Destination.IsValid() && !r.given("to"):
			leads = w.text
			if !r.destination(w) {
				r.damaged = true
				return false
			}
			r.wrote("to", w.at, false)
		default:
			r.strangeOption(l, w)
		}
		return true
	})
	if !route.Destination.IsValid() && !r.damaged {
		r.damaged = true
		r.out.error(s.at(), "missing-argument", "a route needs a destination: ADDRESS/LENGTH, default or default6")
	}
	if route.Destination.IsValid() {
		r.routeFamilies(route, s, leads)
	}
}

// routeFamilies holds what a route says about its family together. Leads is its
// destination as written. A word for all addresses is of the family of the
// gateway, as in keepalived, which knows no route of one family by a gateway of
// the other.
func (r *reader) routeFamilies(route *config.Route, s *statement, leads string) {
	six := func(a netip.Addr) bool { return a.IsValid() && !a.Is4() }
	others := []netip.Addr{route.Via, route.Source}
	for i := range route.NextHops {
		others = append(others, route.NextHops[i].Via)
	}
	byWord := leads == "default" || leads == "any" || leads == "all"
	if byWord && route.Destination.Addr().Is4() && route.Family != "inet" && (route.Family == "inet6" || slices.ContainsFunc(others, six)) {
		route.Destination = netip.PrefixFrom(netip.IPv6Unspecified(), 0)
	}
	v4 := route.Destination.Addr().Is4()
	if route.Family == "inet" && !v4 || route.Family == "inet6" && v4 {
		r.damaged = true
		r.out.error(s.at(), "wrong-family", "the route to %s is not one of %s", route.Destination, route.Family)
		return
	}
	for _, a := range others {
		if a.IsValid() && a.Is4() != v4 {
			r.damaged = true
			r.out.error(s.at(), "wrong-family", "the route to %s and %s are not of one family", route.Destination, a)
			return
		}
	}
}

// destination reads where a route leads to.
func (r *reader) destination(w token) bool {
	return r.network(w, "a route", &top[config.Route](r).Destination)
}

// network reads ADDR[/LEN] or a word for all addresses.
func (r *reader) network(w token, keyword string, to *netip.Prefix) bool {
	switch w.text {
	case "default", "any", "all":
		*to = netip.PrefixFrom(netip.IPv4Unspecified(), 0)
		return true
	case "default6":
		*to = netip.PrefixFrom(netip.IPv6Unspecified(), 0)
		return true
	}
	p, ok := prefix(w.text)
	if !ok {
		r.out.error(w.at, "bad-address", "%s: %s is no ADDRESS/LENGTH, default or default6", keyword, quoted(w.text))
		return false
	}
	*to = p
	return true
}

// gateway reads a bare address.
func (r *reader) gateway(w token, keyword string, to *netip.Addr) bool {
	a, err := netip.ParseAddr(w.text)
	if err != nil {
		r.out.error(w.at, "bad-address", "%s takes an address, not %s", keyword, quoted(w.text))
		return false
	}
	*to = a
	return true
}

// via reads [inet|inet6] ADDR.
func (r *reader) viaGateway(l *optionLine, w token) bool {
	family := ""
	if l.peek() == "inet" || l.peek() == "inet6" {
		family = l.take().text
	}
	v, ok := l.value(r, w)
	if !ok {
		return false
	}
	to := r.here("via").In(r.frames[len(r.frames)-1].value).Addr().Interface().(*netip.Addr)
	if !r.gateway(v, w.text, to) {
		return false
	}
	if family == "inet" && !to.Is4() || family == "inet6" && to.Is4() {
		r.out.error(v.at, "wrong-family", "%s is no address of %s", to, family)
		return false
	}
	return true
}

// newDestination reads [to] ADDR.
func (r *reader) newDestination(l *optionLine, w token) bool {
	l.skip("to")
	v, ok := l.value(r, w)
	return ok && r.setOption(r.here("as"), "as", v)
}

func (r *reader) routeMode(_ *optionLine, w token) bool {
	top[config.Route](r).Mode = w.text
	r.wrote("mode", w.at, false)
	return true
}

func (r *reader) routeFamily(_ *optionLine, w token) bool {
	r.here("family").In(r.frames[len(r.frames)-1].value).SetString(w.text)
	r.wrote("family", w.at, false)
	return true
}

// lockable reads [lock] VALUE.
func (r *reader) lockable(l *optionLine, w token) bool {
	lock := l.skip("lock")
	v, ok := l.value(r, w)
	if !ok {
		return false
	}
	if lock {
		v.text = "lock " + v.text
	}
	return r.setOption(r.here(w.text), w.text, v)
}

// congestionControl reads [lock] NAME.
func (r *reader) congestionControl(l *optionLine, w token) bool {
	lock := l.skip("lock")
	v, ok := l.value(r, w)
	if !ok {
		return false
	}
	route := top[config.Route](r)
	if route.CongCtl = v.text; lock {
		route.CongCtl = "lock " + v.text
	}
	return true
}

// nextHop reads one next hop, up to the word before another.
func (r *reader) nextHop(l *optionLine, w token) bool {
	r.inner(r.here("nexthops"), w.at, func() {
		hop := &optionLine{words: l.words, next: l.next, what: "a next hop", own: among(gatewayWords())}
		r.options(hop, func(w token) bool {
			if w.text == "nexthop" {
				hop.next--
				return false
			}
			r.strangeOption(hop, w)
			return true
		})
		l.next = hop.next
		if h := top[config.NextHop](r); !h.Via.IsValid() && h.Device == "" && !r.damaged {
			r.damaged = true
			r.out.error(w.at, "missing-argument", "a next hop needs via ADDRESS, or dev INTERFACE")
		}
	})
	return !r.damaged
}

// encapsulation reads encap TYPE and what belongs to it.
func (r *reader) encapsulation(l *optionLine, w token) bool {
	kind, ok := l.value(r, w)
	if !ok {
		return false
	}
	whole := true
	r.inner(r.here("encap"), w.at, func() {
		e := top[config.Encap](r)
		if text, known := r.oneOf(r.here("type"), "encap", kind); known {
			e.Type = text
			r.wrote("type", kind.at, false)
		} else {
			whole = false
			return
		}
		switch e.Type {
		case "mpls", "ila":
			var v token
			if v, whole = l.value(r, kind); whole {
				whole = r.tunnelLabel(e, v)
			}
		default:
			whole = r.tunnel(l)
		}
	})
	return whole
}

// tunnelLabel reads the one value of the tunnels mpls and ila.
func (r *reader) tunnelLabel(e *config.Encap, w token) bool {
	if e.Type == "ila" {
		e.Locator = w.text
		r.wrote("locator", w.at, false)
		groups := strings.Split(w.text, ":")
		ok := len(groups) == 4
		for _, g := range groups {
			ok = ok && len(g) > 0 && len(g) <= 4 && strings.Trim(g, "0123456789abcdefABCDEF") == ""
		}
		if !ok {
			r.out.error(w.at, "bad-value", "encap ila takes four groups of hexadecimal digits with colons between them, not %s", quoted(w.text))
		}
		return ok
	}
	e.Labels = w.text
	r.wrote("labels", w.at, false)
	for label := range strings.SplitSeq(w.text, "/") {
		if label == "" || strings.Trim(label, "0123456789") != "" {
			r.out.error(w.at, "bad-value", "encap mpls takes labels with slashes between them, as 16/17, not %s", quoted(w.text))
			return false
		}
	}
	return true
}

// tunnel reads the options of the tunnels ip and ip6, up to the first word
// that is none.
func (r *reader) tunnel(l *optionLine) bool {
	inner := &optionLine{words: l.words, next: l.next, what: "encap"}
	r.options(inner, func(token) bool {
		inner.next--
		return false
	})
	l.next = inner.next
	return !r.damaged
}
