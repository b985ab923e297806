package netspec

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Keepalived is the protocol number under which routes and rules are set, and by
// which `ip route` shows whose they are: the one that rtnetlink gives to
// keepalived.
const Keepalived = 18

// MainTable is the routing table that is used when none is named.
const MainTable = 254

// RouteType is what is done with a packet that a route matches.
type RouteType uint8

// The route types of rtnetlink(7). The zero value of RouteType means
// UnicastRoute.
const (
	UnicastRoute     RouteType = 1
	LocalRoute       RouteType = 2
	BroadcastRoute   RouteType = 3
	MulticastRoute   RouteType = 5
	BlackholeRoute   RouteType = 6
	UnreachableRoute RouteType = 7
	ProhibitRoute    RouteType = 8
	ThrowRoute       RouteType = 9
)

// String is ip(8)'s word for the type.
func (t RouteType) String() string {
	switch t {
	case LocalRoute:
		return "local"
	case BroadcastRoute:
		return "broadcast"
	case MulticastRoute:
		return "multicast"
	case BlackholeRoute:
		return "blackhole"
	case UnreachableRoute:
		return "unreachable"
	case ProhibitRoute:
		return "prohibit"
	case ThrowRoute:
		return "throw"
	}
	return "unicast"
}

// RouteMode says how a route is added.
type RouteMode uint8

// The modes: before or behind others of the same destination, in place of
// them, or only when there is none. An IPv6 route is always behind the others
// of its metric.
const (
	PrependRoute RouteMode = iota
	AppendRoute
	ReplaceRoute
	ExclusiveRoute
)

// Route is one route as it should stand. Compare it with Equal.
type Route struct {
	// Destination is where it leads to; 0.0.0.0/0 or ::/0 is the default
	// route. It gives the family, and must be valid.
	Destination netip.Prefix
	// From takes packets of this source only (IPv6); the zero value takes all.
	From netip.Prefix
	Type RouteType
	// TOS is the type of service that it is for; 0 is any.
	TOS uint8
	// Table is the routing table; 0 means MainTable.
	Table uint32
	// Protocol says who set it; 0 means Keepalived.
	Protocol uint8
	// Scope counts if HasScope; otherwise the scope follows from the rest, as
	// with ip(8). IPv6 has none.
	Scope    Scope
	HasScope bool
	// Metric is its preference, the lowest wins; 0 is the kernel's default,
	// which is 1024 for IPv6.
	Metric uint32
	// Source is the preferred source address; the zero value is none.
	Source netip.Addr
	// Hop is the way, when there is one only; NextHops are several that share
	// the traffic.
	Hop      NextHop
	NextHops []NextHop
	Metrics  RouteMetrics
	// Realms are SOURCE<<16 | DESTINATION.
	Realms uint32
	// Expires is how long it stays (IPv6), in whole seconds; 0 is for ever.
	Expires time.Duration
	// Preference is that among routers (RFC 4191, IPv6): 0 is medium, 1 high,
	// 3 low.
	Preference uint8
	// TTLPropagate says whether MPLS carries the TTL: 0 is the kernel's
	// default, 1 no, 2 yes.
	TTLPropagate uint8
	Mode         RouteMode
	// NoTrack leaves it alone when somebody removes it, and takes none amiss
	// that cannot be set (keepalived's no_track). It is nothing to the kernel.
	NoTrack bool
	// Space is the network namespace that it is in; empty is the daemon's own.
	Space string `json:",omitempty"`
}

// NextHop is a way that packets take.
type NextHop struct {
	// Via is the gateway, of either family; the zero value is none.
	Via netip.Addr
	// Device is the interface that packets leave by; empty leaves that to the
	// gateway.
	Device string
	// Weight is its share among several, 1..256; 0 means 1.
	Weight int
	// OnLink takes the gateway to be reachable by the interface.
	OnLink bool
	// Realms are as in Route.
	Realms uint32
}

// RouteMetric is a property of a path, by its number in rtnetlink (RTAX_*).
type RouteMetric uint8

// The metrics, in the kernel's units: octets, packets, hops, or milliseconds
// (RTT in eighths, its variance in quarters).
const (
	MetricMTU              RouteMetric = 2
	MetricWindow           RouteMetric = 3
	MetricRTT              RouteMetric = 4
	MetricRTTVar           RouteMetric = 5
	MetricSSThresh         RouteMetric = 6
	MetricCWnd             RouteMetric = 7
	MetricAdvMSS           RouteMetric = 8
	MetricReordering       RouteMetric = 9
	MetricHopLimit         RouteMetric = 10
	MetricInitCWnd         RouteMetric = 11
	MetricFeatures         RouteMetric = 12
	MetricRTOMin           RouteMetric = 13
	MetricInitRWnd         RouteMetric = 14
	MetricQuickAck         RouteMetric = 15
	MetricCongestion       RouteMetric = 16
	MetricFastOpenNoCookie RouteMetric = 17
)

// RouteMetrics are the metrics that a route sets. They are comparable.
type RouteMetrics struct {
	// Values are by metric; those count whose bit 1<<metric is in Has.
	Values [MetricFastOpenNoCookie + 1]uint32
	Has    uint32
	// Locked has a bit for each metric that the kernel must not change.
	Locked uint32
	// Congestion is the name of the congestion control, empty for none.
	Congestion string
}

// Set sets a metric.
func (m *RouteMetrics) Set(metric RouteMetric, value uint32, lock bool) {
	m.Values[metric] = value
	m.Has |= 1 << metric
	if lock {
		m.Locked |= 1 << metric
	}
}

// Six reports whether the route is one of IPv6.
func (r *Route) Six() bool { return r.Destination.Addr().Is6() }

// Equal reports whether r and s are the same in every respect.
func (r Route) Equal(s Route) bool {
	return slices.Equal(r.NextHops, s.NextHops) && r.Destination == s.Destination && r.From == s.From && r.Type == s.Type &&
		r.TOS == s.TOS && r.Table == s.Table && r.Protocol == s.Protocol && r.Scope == s.Scope && r.HasScope == s.HasScope &&
		r.Metric == s.Metric && r.Source == s.Source && r.Hop == s.Hop && r.Metrics == s.Metrics && r.Realms == s.Realms &&
		r.Expires == s.Expires && r.Preference == s.Preference && r.TTLPropagate == s.TTLPropagate && r.Mode == s.Mode && r.NoTrack == s.NoTrack && r.Space == s.Space
}

// Normal returns the route with the defaults of the kernel filled in, as the
// kernel shows it.
func (r Route) Normal() Route {
	r.Destination = r.Destination.Masked()
	if r.From.IsValid() {
		r.From = r.From.Masked()
	}
	if r.Type == 0 {
		r.Type = UnicastRoute
	}
	if r.Table == 0 {
		r.Table = MainTable
	}
	if r.Protocol == 0 {
		r.Protocol = Keepalived
	}
	if r.Metric == 0 && r.Six() {
		r.Metric = 1024
	}
	if !r.HasScope {
		r.Scope, r.HasScope = r.scope(), true
	}
	if r.Six() {
		r.Scope = ScopeGlobal
	}
	r.NextHops = slices.Clone(r.NextHops)
	for i := range r.NextHops {
		r.NextHops[i].Weight = max(1, r.NextHops[i].Weight)
	}
	return r
}

// scope is ip's choice of a scope: how far the destination is.
func (r *Route) scope() Scope {
	switch {
	case r.Type == LocalRoute:
		return ScopeHost
	case r.Type == BroadcastRoute || r.Type == MulticastRoute:
		return ScopeLink
	case r.Type == UnicastRoute && !r.Hop.Via.IsValid() && len(r.NextHops) == 0:
		return ScopeLink
	}
	return ScopeGlobal
}

// String renders the route in the way of ip(8), without what is seldom set.
func (r Route) String() string {
	var b strings.Builder
	if r.Type != 0 && r.Type != UnicastRoute {
		b.WriteString(r.Type.String() + " ")
	}
	b.WriteString(r.Destination.String())
	if r.From.IsValid() {
		b.WriteString(" from " + r.From.String())
	}
	b.WriteString(r.Hop.String())
	for _, h := range r.NextHops {
		b.WriteString(" nexthop" + h.String())
	}
	if r.Source.IsValid() {
		b.WriteString(" src " + r.Source.String())
	}
	if r.Table != 0 && r.Table != MainTable {
		fmt.Fprintf(&b, " table %d", r.Table)
	}
	if r.Metric != 0 {
		fmt.Fprintf(&b, " metric %d", r.Metric)
	}
	return b.String()
}

// String renders the way with a space in front of each part.
func (h NextHop) String() string {
	text := ""
	if h.Via.IsValid() {
		text += " via " + h.Via.String()
	}
	if h.Device != "" {
		text += " dev " + h.Device
	}
	return text
}
