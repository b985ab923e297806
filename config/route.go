package config

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Route is a virtual or static route, one line of keepalived's
// virtual_routes. It is what ip(8) calls a route, with ip's words.
type Route struct {
	At      Position `key:"-"`
	Written Keys     `key:"-"`
	// Destination is where the route leads to; 0.0.0.0/0 or ::/0 is the
	// default route.
	Destination netip.Prefix `key:"to" required:"true" tier:"1"`
	// Type is the kind of route.
	Type string `key:"type" word:"-" default:"unicast" enum:"unicast,local,broadcast,multicast,throw,unreachable,prohibit,blackhole,nat,xresolve" tier:"1"`
	// Family is inet or inet6; left out it is that of the destination.
	Family string `key:"family" word:"-" enum:"inet,inet6" tier:"3"`
	// Source is the preferred source address.
	Source netip.Addr `key:"src" tier:"1"`
	// Via is the gateway.
	Via netip.Addr `key:"via" word:"via,gw" tier:"1"`
	// Or is a second gateway, keepalived's old way of writing two next hops.
	Or netip.Addr `key:"or" tier:"3"`
	// From takes packets from this source only (IPv6).
	From netip.Prefix `key:"from" tier:"3"`
	// Device is the interface that packets leave by. A virtual route without
	// dev and via takes the instance's.
	Device string `key:"dev" word:"dev,oif" tier:"1"`
	// TOS is the type of service that the route is for.
	TOS int `key:"tos" word:"tos,dsfield" range:"0..255" tier:"3"`
	// Table is the routing table, by name or number; main when left out.
	Table string `key:"table" tier:"1"`
	// VRF puts the route into the table of a VRF.
	VRF string `key:"vrf" unbuilt:"the route would be in the main table; name the table of the VRF instead" tier:"3"`
	// Protocol says who set the route, by name or number.
	Protocol string `key:"protocol" default:"keepalived" tier:"3"`
	// Scope is a name or a number; the kernel's choice for the type when left
	// out.
	Scope string `key:"scope" tier:"1"`
	// Metric is the route's preference; the lowest wins.
	Metric *uint32 `key:"metric" word:"metric,priority,preference" tier:"1"`
	// OnLink takes the gateway as reachable by the interface.
	OnLink bool `key:"onlink" form:"bare" tier:"2"`
	// Encap puts packets into a tunnel.
	Encap *Encap `key:"encap" form:"special" unbuilt:"packets would leave without the tunnel; remove it" tier:"3"`
	// Expires is how long an IPv6 route stays.
	Expires time.Duration `key:"expires" range:"0s..4294967295s" whole:"true" tier:"3"`
	// MTU is the path's; lock keeps the kernel from changing it.
	MTU Metric `key:"mtu" form:"special" unit:"bytes" tier:"2"`
	// HopLimit is that of packets.
	HopLimit int `key:"hoplimit" range:"0..255" unit:"hops" tier:"3"`
	// AdvMSS is the segment size told to peers.
	AdvMSS Metric `key:"advmss" form:"special" unit:"bytes" tier:"3"`
	// RTT is the first estimate of the round trip.
	RTT TimeMetric `key:"rtt" form:"special" unit:"ms" tier:"3"`
	// RTTVar is the first estimate of its variance.
	RTTVar TimeMetric `key:"rttvar" form:"special" unit:"ms" tier:"3"`
	// Reordering is how far packets may come out of order.
	Reordering Metric `key:"reordering" form:"special" tier:"3"`
	// Window is the largest window.
	Window *uint32 `key:"window" unit:"bytes" tier:"3"`
	// CWnd is the congestion window.
	CWnd Metric `key:"cwnd" form:"special" tier:"3"`
	// SSThresh is the slow start threshold.
	SSThresh Metric `key:"ssthresh" form:"special" tier:"3"`
	// Realms are [SRC/]DST, by names or numbers.
	Realms string `key:"realms" tier:"3"`
	// RTOMin is the shortest time before a segment is sent again.
	RTOMin TimeMetric `key:"rto_min" form:"special" unit:"ms" tier:"3"`
	// InitCWnd is the first congestion window.
	InitCWnd *uint32 `key:"initcwnd" unit:"packets" tier:"3"`
	// InitRWnd is the first receive window.
	InitRWnd *uint32 `key:"initrwnd" unit:"packets" tier:"3"`
	// Features are what the path can do.
	Features string `key:"features" enum:"ecn" tier:"3"`
	// QuickAck acknowledges at once.
	QuickAck *int `key:"quickack" range:"0..1" tier:"3"`
	// CongCtl is the congestion control; with lock before the name it cannot
	// be changed.
	CongCtl string `key:"congctl" form:"special" tier:"3"`
	// Pref is the preference among routers (RFC 4191).
	Pref string `key:"pref" enum:"low,medium,high" tier:"3"`
	// TTLPropagate says whether MPLS carries the TTL.
	TTLPropagate string `key:"ttl_propagate" word:"ttl-propagate" enum:"enabled,disabled" tier:"3"`
	// FastOpenNoCookie allows TCP fast open without a cookie.
	FastOpenNoCookie *int `key:"fastopen_no_cookie" range:"0..1" tier:"3"`
	// As is the new destination of an MPLS packet.
	As netip.Addr `key:"as" form:"special" unbuilt:"MPLS packets would keep their destination; remove it" tier:"3"`
	// Mode is how the route is added: prepend and append set it before or
	// behind others of its destination, add fails when there is one.
	Mode string `key:"mode" word:"-" default:"prepend" enum:"prepend,append,add" tier:"3"`
	// NoTrack leaves the route alone when somebody removes it, and its
	// interface untracked.
	NoTrack bool `key:"no_track" form:"bare" tier:"2"`
	// TrackGroup is the track_group whose instances are in FAULT while a static
	// route cannot be held.
	TrackGroup string `key:"track_group" tier:"3"`
	// NextHops are several gateways that share the traffic.
	NextHops []NextHop `key:"nexthops" word:"nexthop" form:"special" tier:"2"`
}

// NextHop is one of several gateways of a route.
type NextHop struct {
	At      Position `key:"-"`
	Written Keys     `key:"-"`
	// Via is the gateway.
	Via netip.Addr `key:"via" tier:"2"`
	// Device is the interface that packets leave by.
	Device string `key:"dev" word:"dev,oif" tier:"2"`
	// Weight is the share of this gateway.
	Weight int `key:"weight" default:"1" range:"1..256" unit:"weight" tier:"2"`
	// OnLink takes the gateway as reachable by the interface.
	OnLink bool `key:"onlink" form:"bare" tier:"3"`
	// Encap puts packets into a tunnel.
	Encap *Encap `key:"encap" form:"special" unbuilt:"packets would leave without the tunnel; remove it" tier:"3"`
	// Realms are [SRC/]DST, by names or numbers.
	Realms string `key:"realms" tier:"3"`
	// As is the new destination of an MPLS packet.
	As netip.Addr `key:"as" form:"special" unbuilt:"MPLS packets would keep their destination; remove it" tier:"3"`
}

// Encap is a lightweight tunnel of a route.
type Encap struct {
	At      Position `key:"-"`
	Written Keys     `key:"-"`
	// Type is the kind of tunnel.
	Type string `key:"type" word:"-" enum:"mpls,ip,ip6,ila" required:"true" tier:"3"`
	// Labels are MPLS labels with slashes between them: 16/17.
	Labels string `key:"labels" word:"-" tier:"3"`
	// ID is the tunnel's number (ip, ip6).
	ID uint32 `key:"id" tier:"3"`
	// Destination is the tunnel's other end (ip, ip6).
	Destination netip.Addr `key:"dst" tier:"3"`
	// Source is the tunnel's own end (ip, ip6).
	Source netip.Addr `key:"src" tier:"3"`
	// TOS is the type of service, or traffic class, outside (ip, ip6).
	TOS int `key:"tos" word:"tos,tc" range:"0..255" tier:"3"`
	// TTL is the TTL, or hop limit, outside (ip, ip6).
	TTL int `key:"ttl" word:"ttl,hoplimit" range:"0..255" unit:"hops" tier:"3"`
	// Flags are the tunnel's flags (ip, ip6).
	Flags int `key:"flags" range:"0..65535" tier:"3"`
	// Locator is the new upper half of the address (ila), four groups of
	// hexadecimal digits.
	Locator string `key:"locator" word:"-" tier:"3"`
}

// Rule is a virtual or static policy rule, one line of keepalived's
// virtual_rules.
type Rule struct {
	At      Position `key:"-"`
	Written Keys     `key:"-"`
	// Family is inet or inet6; left out it is that of the addresses.
	Family string `key:"family" word:"-" enum:"inet,inet6" tier:"3"`
	// From is the source that it matches; all when left out.
	From netip.Prefix `key:"from" form:"special" tier:"1"`
	// To is the destination that it matches; all when left out.
	To netip.Prefix `key:"to" form:"special" tier:"1"`
	// Not inverts the match.
	Not bool `key:"not" form:"bare" tier:"3"`
	// Preference is the rule's place; the lowest is asked first. keepalived
	// complains when there is none.
	Preference *uint32 `key:"preference" word:"preference,order,priority" tier:"1"`
	// Table is the routing table to look into, by name or number.
	Table string `key:"table" word:"table,lookup" tier:"1"`
	// TOS is the type of service that it matches.
	TOS int `key:"tos" word:"tos,dsfield" range:"0..255" tier:"3"`
	// Mark is the firewall mark that it matches: MARK[/MASK].
	Mark Mark `key:"fwmark" tier:"2"`
	// Realms are [SRC/]DST, by names or numbers.
	Realms string `key:"realms" tier:"3"`
	// SuppressPrefixLength rejects routes with a prefix of this length or a
	// shorter one.
	SuppressPrefixLength *int `key:"suppress_prefixlength" word:"suppress_prefixlength,sup_pl" range:"0..128" unit:"bits" tier:"3"`
	// SuppressIfGroup rejects routes by interfaces of this group, by name or
	// number.
	SuppressIfGroup string `key:"suppress_ifgroup" word:"suppress_ifgroup,sup_group" tier:"3"`
	// In is the interface that packets come in by.
	In string `key:"iif" word:"iif,dev" tier:"2"`
	// Out is the interface that packets of the node itself leave by.
	Out string `key:"oif" tier:"3"`
	// TunnelID is the tunnel that it matches.
	TunnelID *uint32 `key:"tunnel_id" word:"tunnel-id" tier:"3"`
	// UIDs are the users whose packets it matches.
	UIDs Span `key:"uidrange" tier:"3"`
	// L3MDev looks into the table of the VRF that the packet belongs to.
	L3MDev bool `key:"l3mdev" form:"bare" tier:"3"`
	// Protocol says who set the rule, by name or number.
	Protocol string `key:"protocol" default:"keepalived" tier:"3"`
	// IPProto is the protocol of IP that it matches, by name or number.
	IPProto string `key:"ipproto" tier:"3"`
	// SourcePorts are the ports that it matches: LOW-HIGH.
	SourcePorts Span `key:"sport" tier:"3"`
	// DestinationPorts are the ports that it matches: LOW-HIGH.
	DestinationPorts Span `key:"dport" tier:"3"`
	// Type is what is done with a packet that matches.
	Type string `key:"type" word:"type,blackhole,unreachable,prohibit,nop" form:"special" default:"unicast" enum:"unicast,blackhole,unreachable,prohibit,nat,nop" tier:"3"`
	// Goto is the preference of the rule to go on with.
	Goto *uint32 `key:"goto" tier:"3"`
	// NoTrack leaves the rule alone when somebody removes it, and its interfaces
	// untracked.
	NoTrack bool `key:"no_track" form:"bare" tier:"2"`
	// TrackGroup is the track_group whose instances are in FAULT while a static
	// rule cannot be held.
	TrackGroup string `key:"track_group" tier:"3"`
}

// Metric is a number of a route that the kernel may change unless it is
// locked. Zero is none.
type Metric struct {
	Value uint32
	Lock  bool
}

// MarshalText renders "1400" or "lock 1400".
func (m Metric) MarshalText() ([]byte, error) {
	if m.Lock {
		return fmt.Appendf(nil, "lock %d", m.Value), nil
	}
	return fmt.Appendf(nil, "%d", m.Value), nil
}

// UnmarshalText reads "1400" or "lock 1400".
func (m *Metric) UnmarshalText(text []byte) error {
	number, lock := unlocked(string(text))
	n, err := strconv.ParseUint(number, 10, 32)
	if err != nil {
		return fmt.Errorf("must be a number, or lock and a number, not %q", text)
	}
	m.Value, m.Lock = uint32(n), lock
	return nil
}

// TimeMetric is a time of a route that the kernel may change unless it is
// locked. Zero is none.
type TimeMetric struct {
	Value time.Duration
	Lock  bool
}

// MarshalText renders "30ms" or "lock 30ms".
func (m TimeMetric) MarshalText() ([]byte, error) {
	if m.Lock {
		return []byte("lock " + m.Value.String()), nil
	}
	return []byte(m.Value.String()), nil
}

// UnmarshalText reads "30ms" or "lock 30ms"; a bare number is in
// milliseconds, as with ip(8).
func (m *TimeMetric) UnmarshalText(text []byte) error {
	number, lock := unlocked(string(text))
	if strings.Trim(number, "0123456789.") == "" {
		number += "ms"
	}
	d, err := time.ParseDuration(number)
	if err != nil || d < 0 || d > 1<<32*time.Millisecond {
		return fmt.Errorf("must be a time such as 30ms, or lock and a time, not %q", text)
	}
	m.Value, m.Lock = d, lock
	return nil
}

// unlocked takes the word lock from the front of s.
func unlocked(s string) (rest string, lock bool) {
	rest, lock = strings.CutPrefix(s, "lock")
	if trimmed := strings.TrimLeft(rest, " \t"); lock && trimmed != rest {
		return trimmed, true
	}
	return s, false
}

// Mark is a firewall mark and the bits of it that count. A zero mask is no
// mark at all.
type Mark struct{ Value, Mask uint32 }

// MarshalText renders MARK[/MASK]; nothing for no mark.
func (m Mark) MarshalText() ([]byte, error) {
	switch m.Mask {
	case 0:
		return nil, nil
	case 1<<32 - 1:
		return fmt.Appendf(nil, "0x%x", m.Value), nil
	}
	return fmt.Appendf(nil, "0x%x/0x%x", m.Value, m.Mask), nil
}

// UnmarshalText reads MARK[/MASK], decimal, 0x hexadecimal or 0 octal.
func (m *Mark) UnmarshalText(text []byte) error {
	value, mask, cut := strings.Cut(string(text), "/")
	v, err := strconv.ParseUint(value, 0, 32)
	k := uint64(1<<32 - 1)
	if err == nil && cut {
		k, err = strconv.ParseUint(mask, 0, 32)
	}
	if err != nil || k == 0 {
		return fmt.Errorf("must be MARK or MARK/MASK, not %q", text)
	}
	m.Value, m.Mask = uint32(v), uint32(k)
	return nil
}

// Span is a range of numbers, both ends in it. The zero value matches
// everything.
type Span struct{ Low, High uint32 }

// MarshalText renders LOW-HIGH; nothing for the zero value.
func (s Span) MarshalText() ([]byte, error) {
	if s == (Span{}) {
		return nil, nil
	}
	return fmt.Appendf(nil, "%d-%d", s.Low, s.High), nil
}

// UnmarshalText reads LOW-HIGH.
func (s *Span) UnmarshalText(text []byte) error {
	low, high, cut := strings.Cut(string(text), "-")
	l, err := strconv.ParseUint(low, 10, 32)
	var h uint64
	if err == nil {
		h, err = strconv.ParseUint(high, 10, 32)
	}
	if !cut || err != nil || l > h {
		return fmt.Errorf("must be two numbers LOW-HIGH, not %q", text)
	}
	s.Low, s.High = uint32(l), uint32(h)
	return nil
}
