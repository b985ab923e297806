package build

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/core/netspec"
)

// firstPreference is that of the first rule of a family that has none; each
// further one has the next lower, as with keepalived.
const firstPreference = 16384

// tables, protocols and ipProtocols are the numbers of names that every host
// has. Others become numbers where the configuration is held against the host.
func tables() map[string]uint32 {
	return map[string]uint32{"unspec": 0, "default": 253, "main": 254, "local": 255}
}

func protocols() map[string]uint32 {
	return map[string]uint32{
		"unspec": 0, "redirect": 1, "kernel": 2, "boot": 3, "static": 4, "gated": 8, "ra": 9, "mrt": 10, "zebra": 11, "bird": 12,
		"dnrouted": 13, "xorp": 14, "ntk": 15, "dhcp": 16, "keepalived": netspec.Keepalived, "babel": 42, "bgp": 186, "isis": 187,
		"ospf": 188, "rip": 189, "eigrp": 192,
	}
}

func ipProtocols() map[string]uint32 {
	return map[string]uint32{
		"icmp": 1, "igmp": 2, "ipip": 4, "tcp": 6, "udp": 17, "dccp": 33, "gre": 47, "esp": 50, "ah": 51, "ipv6-icmp": 58,
		"ospf": 89, "vrrp": 112, "sctp": 132, "udplite": 136,
	}
}

// number is a name's number, or the number that it is. Empty is otherwise.
func number(what, text string, names map[string]uint32, most, otherwise uint32) (uint32, error) {
	if text == "" {
		return otherwise, nil
	}
	if n, known := names[strings.ToLower(text)]; known {
		return n, nil
	}
	n, err := strconv.ParseUint(text, 0, 32)
	if err != nil || uint32(n) > most {
		return 0, fmt.Errorf("%s %s: neither a name that this host knows nor a number up to %d", what, text, most)
	}
	return uint32(n), nil
}

// realms reads [SOURCE/]DESTINATION.
func realms(text string) (uint32, error) {
	if text == "" {
		return 0, nil
	}
	from, to, both := strings.Cut(text, "/")
	if !both {
		from, to = "0", text
	}
	f, err := number("realms", from, map[string]uint32{"cosmos": 0}, math.MaxUint16, 0)
	t, terr := number("realms", to, map[string]uint32{"cosmos": 0}, math.MaxUint16, 0)
	return f<<16 | t, errors.Join(err, terr)
}

// route returns what is to stand for a route; device is the interface of one
// that names neither an interface nor a gateway.
func route(c *config.Route, device string) (r netspec.Route, err error) {
	var failed []error
	check := func(n uint32, err error) uint32 {
		if err != nil {
			failed = append(failed, err)
		}
		return n
	}
	types := map[string]netspec.RouteType{
		"unicast": netspec.UnicastRoute, "local": netspec.LocalRoute, "broadcast": netspec.BroadcastRoute, "multicast": netspec.MulticastRoute,
		"throw": netspec.ThrowRoute, "unreachable": netspec.UnreachableRoute, "prohibit": netspec.ProhibitRoute, "blackhole": netspec.BlackholeRoute,
	}
	kind := c.Type
	if kind == "" {
		kind = "unicast"
	}
	if _, known := types[kind]; !known {
		failed = append(failed, fmt.Errorf("type %s: the kernel has no such routes", kind))
	}
	r = netspec.Route{
		Destination: c.Destination, From: c.From, Type: types[kind], TOS: uint8(c.TOS),
		Table:    check(number("table", c.Table, tables(), math.MaxUint32, netspec.MainTable)),
		Protocol: uint8(check(number("protocol", c.Protocol, protocols(), math.MaxUint8, netspec.Keepalived))),
		Source:   c.Source,
		Hop:      netspec.NextHop{Via: c.Via, Device: c.Device, OnLink: c.OnLink},
		Realms:   check(realms(c.Realms)),
		Expires:  c.Expires,
		Metrics:  metrics(c),
		// One that expires is gone in the end, and nobody has removed it.
		NoTrack: c.NoTrack || c.Expires > 0,
	}
	if c.Family == "inet6" && !r.Destination.IsValid() {
		r.Destination = netip.PrefixFrom(netip.IPv6Unspecified(), 0)
	}
	if c.Scope != "" {
		if err := r.Scope.UnmarshalText([]byte(c.Scope)); err != nil {
			failed = append(failed, fmt.Errorf("scope: %w", err))
		}
		r.HasScope = true
	}
	if c.Metric != nil {
		r.Metric = *c.Metric
	}
	switch c.Pref {
	case "high":
		r.Preference = 1
	case "low":
		r.Preference = 3
	}
	switch c.TTLPropagate {
	case "disabled":
		r.TTLPropagate = 1
	case "enabled":
		r.TTLPropagate = 2
	}
	switch c.Mode {
	case "append":
		r.Mode = netspec.AppendRoute
	case "add":
		r.Mode = netspec.ExclusiveRoute
	}
	for i := range c.NextHops {
		h := &c.NextHops[i]
		r.NextHops = append(r.NextHops, netspec.NextHop{
			Via: h.Via, Device: h.Device, Weight: h.Weight, OnLink: h.OnLink, Realms: check(realms(h.Realms)),
		})
	}
	if c.Or.IsValid() { // keepalived's old way of writing two next hops
		first := r.Hop
		first.Weight = 1
		r.NextHops, r.Hop = []netspec.NextHop{first, {Via: c.Or, Device: c.Device, Weight: 1}}, netspec.NextHop{}
	}
	leads := slices.Contains([]netspec.RouteType{netspec.UnicastRoute, netspec.LocalRoute, netspec.BroadcastRoute, netspec.MulticastRoute}, r.Type)
	if leads && r.Hop == (netspec.NextHop{}) && len(r.NextHops) == 0 {
		r.Hop.Device = device
	}
	if len(failed) > 0 {
		return r, fmt.Errorf("route %s: %w", c.Destination, errors.Join(failed...))
	}
	return r, nil
}

// metrics are the properties of the path in the kernel's units: the round trip
// in eighths of a millisecond, its variance in quarters.
func metrics(c *config.Route) (m netspec.RouteMetrics) {
	for _, x := range []struct {
		kind  netspec.RouteMetric
		value config.Metric
	}{
		{netspec.MetricMTU, c.MTU}, {netspec.MetricAdvMSS, c.AdvMSS}, {netspec.MetricReordering, c.Reordering},
		{netspec.MetricCWnd, c.CWnd}, {netspec.MetricSSThresh, c.SSThresh},
		{netspec.MetricRTT, inParts(c.RTT, 8)}, {netspec.MetricRTTVar, inParts(c.RTTVar, 4)}, {netspec.MetricRTOMin, inParts(c.RTOMin, 1)},
		{netspec.MetricHopLimit, config.Metric{Value: uint32(c.HopLimit)}},
	} {
		if x.value.Value != 0 {
			m.Set(x.kind, x.value.Value, x.value.Lock)
		}
	}
	for _, x := range []struct {
		kind  netspec.RouteMetric
		value *uint32
	}{{netspec.MetricWindow, c.Window}, {netspec.MetricInitCWnd, c.InitCWnd}, {netspec.MetricInitRWnd, c.InitRWnd}} {
		if x.value != nil {
			m.Set(x.kind, *x.value, false)
		}
	}
	for _, x := range []struct {
		kind  netspec.RouteMetric
		value *int
	}{{netspec.MetricQuickAck, c.QuickAck}, {netspec.MetricFastOpenNoCookie, c.FastOpenNoCookie}} {
		if x.value != nil {
			m.Set(x.kind, uint32(*x.value), false)
		}
	}
	if c.Features == "ecn" {
		m.Set(netspec.MetricFeatures, 1, false) // RTAX_FEATURE_ECN
	}
	var lock bool
	if m.Congestion, lock = strings.CutPrefix(c.CongCtl, "lock "); lock {
		m.Locked |= 1 << netspec.MetricCongestion
	}
	return m
}

func inParts(t config.TimeMetric, parts time.Duration) config.Metric {
	return config.Metric{Value: uint32(t.Value * parts / time.Millisecond), Lock: t.Lock}
}

// rule returns what is to stand for a rule; otherwise is the preference of one
// that has none.
func rule(c *config.Rule, otherwise uint32) (r netspec.Rule, err error) {
	var failed []error
	check := func(n uint32, err error) uint32 {
		if err != nil {
			failed = append(failed, err)
		}
		return n
	}
	r = netspec.Rule{
		Six: ruleSix(c), From: c.From, To: c.To, Not: c.Not, Preference: otherwise,
		Table:  check(number("table", c.Table, tables(), math.MaxUint32, 0)),
		TOS:    uint8(c.TOS),
		Mark:   c.Mark.Value,
		Mask:   c.Mark.Mask,
		Realms: check(realms(c.Realms)),
		In:     c.In, Out: c.Out,
		L3MDev:   c.L3MDev,
		Protocol: uint8(check(number("protocol", c.Protocol, protocols(), math.MaxUint8, netspec.Keepalived))),
		IPProto:  uint8(check(number("ipproto", c.IPProto, ipProtocols(), math.MaxUint8, 0))),
		UIDs:     netspec.Span(c.UIDs), HasUIDs: c.UIDs != (config.Span{}),
		SourcePorts: netspec.Span(c.SourcePorts), DestinationPorts: netspec.Span(c.DestinationPorts),
		NoTrack: c.NoTrack,
	}
	if c.Preference != nil {
		r.Preference = *c.Preference
	}
	if c.SuppressPrefixLength != nil {
		r.SuppressPrefixLength = netspec.Number{Has: true, Value: uint32(*c.SuppressPrefixLength)}
	}
	if c.SuppressIfGroup != "" {
		r.SuppressGroup = netspec.Number{Has: true, Value: check(number("suppress_ifgroup", c.SuppressIfGroup, map[string]uint32{"default": 0}, math.MaxUint32, 0))}
	}
	if c.TunnelID != nil {
		r.TunnelID = uint64(*c.TunnelID)
	}
	switch c.Type {
	case "", "unicast":
	case "blackhole":
		r.Action = netspec.RuleBlackhole
	case "unreachable":
		r.Action = netspec.RuleUnreachable
	case "prohibit":
		r.Action = netspec.RuleProhibit
	case "nop":
		r.Action = netspec.RuleNop
	default:
		failed = append(failed, fmt.Errorf("type %s: the kernel has no such rules", c.Type))
	}
	if c.Goto != nil {
		r.Action, r.Goto = netspec.RuleGoto, *c.Goto
		if r.Goto <= r.Preference {
			failed = append(failed, fmt.Errorf("goto %d: the kernel goes forward only, to a preference above its own", r.Goto))
		}
	}
	if len(failed) > 0 {
		return r, fmt.Errorf("rule %s: %w", r, errors.Join(failed...))
	}
	return r, nil
}

func ruleSix(c *config.Rule) bool {
	return c.Family == "inet6" || c.From.IsValid() && c.From.Addr().Is6() || c.To.IsValid() && c.To.Addr().Is6()
}

// preferences hands out those of rules that have none, for each family.
type preferences struct{ four, six uint32 }

func newPreferences() *preferences { return &preferences{firstPreference, firstPreference} }

func (p *preferences) next(c *config.Rule) uint32 {
	if c.Preference != nil {
		return 0
	}
	at := &p.four
	if ruleSix(c) {
		at = &p.six
	}
	*at--
	return *at + 1
}

// routing returns routes and rules as they are to stand, and says which cannot
// be said to the kernel.
func routing(routes []config.Route, rules []config.Rule, device string, p *preferences) (all netspec.Routing, err error) {
	var failed []error
	for i := range routes {
		r, err := route(&routes[i], device)
		if err != nil {
			failed = append(failed, err)
			continue
		}
		all.Routes = append(all.Routes, r)
	}
	for i := range rules {
		r, err := rule(&rules[i], p.next(&rules[i]))
		if err != nil {
			failed = append(failed, err)
			continue
		}
		all.Rules = append(all.Rules, r)
	}
	return all, errors.Join(failed...)
}
