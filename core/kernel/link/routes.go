//go:build linux

package link

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/netspec"
)

// Routes are routes that stood in the kernel's tables when they were read.
type Routes []netspec.Route

// Routes reads the routes of both families and all tables that were set under
// the protocols. The kernel sorts them out, so that a table of a million routes
// of others costs nothing; one of before 4.20 gives all.
func (c *Conn) Routes(protocols ...uint8) (Routes, error) {
	state, err := c.State()
	if err != nil {
		return nil, err
	}
	var list Routes
	for _, protocol := range protocols {
		for _, six := range [2]bool{false, true} {
			begun := len(list)
			err := c.reads.read(unix.RTM_GETROUTE, unix.NLM_F_DUMP, routeMessage(unix.RtMsg{Family: family(six), Protocol: protocol}), unix.RTM_NEWROUTE,
				func() { list = list[:begun] },
				func(data []byte) error {
					r, err := state.parseRoute(data)
					if r.Protocol == protocol {
						list = append(list, r)
					}
					return err
				})
			if err != nil {
				return nil, fmt.Errorf("list routes: %w", err)
			}
		}
	}
	return list, nil
}

// routeMessage builds what a request for routes or rules has behind its head.
func routeMessage(m unix.RtMsg) func([]byte) []byte {
	return func(b []byte) []byte { return append(b, (&nl.RtMsg{RtMsg: m}).Serialize()...) }
}

// Stands reports whether the route is there: of the same identity, leading the
// same way, with the metrics that are asked for. A next hop that names no
// device may be by any.
func (all Routes) Stands(want netspec.Route) bool {
	n := want.Normal()
	return slices.ContainsFunc(all, func(r netspec.Route) bool { return leads(&r, &n) })
}

func leads(r, want *netspec.Route) bool {
	if r.Destination != want.Destination || r.From != want.From || r.Type != want.Type || r.TOS != want.TOS || r.Table != want.Table ||
		r.Protocol != want.Protocol || r.Scope != want.Scope || r.Metric != want.Metric || r.Source != want.Source ||
		r.Realms != want.Realms || r.Preference != want.Preference {
		return false
	}
	if !sameHop(r.Hop, want.Hop) || len(r.NextHops) != len(want.NextHops) {
		return false
	}
	for _, h := range want.NextHops {
		if !slices.ContainsFunc(r.NextHops, func(x netspec.NextHop) bool { return sameHop(x, h) }) {
			return false
		}
	}
	m, asked := &r.Metrics, &want.Metrics
	for i := range asked.Values {
		if asked.Has&(1<<i) != 0 && (m.Has&(1<<i) == 0 || m.Values[i] != asked.Values[i]) {
			return false
		}
	}
	return m.Locked&asked.Locked == asked.Locked && (asked.Congestion == "" || m.Congestion == asked.Congestion)
}

func sameHop(h, want netspec.NextHop) bool {
	return h.Via == want.Via && (want.Device == "" || h.Device == want.Device) && h.OnLink == want.OnLink &&
		h.Weight == want.Weight && h.Realms == want.Realms
}

// parseRoute reads one route as the kernel shows it.
func (s *State) parseRoute(data []byte) (netspec.Route, error) {
	var r netspec.Route
	if len(data) < unix.SizeofRtMsg {
		return r, fmt.Errorf("short message of %d octets", len(data))
	}
	msg := nl.DeserializeRtMsg(data)
	r.Type, r.TOS, r.Table, r.Protocol = netspec.RouteType(msg.Type), msg.Tos, uint32(msg.Table), msg.Protocol
	r.Scope, r.HasScope = netspec.Scope(msg.Scope), true
	r.Hop.OnLink = msg.Flags&unix.RTNH_F_ONLINK != 0
	all := netip.IPv4Unspecified()
	if msg.Family == unix.AF_INET6 {
		all = netip.IPv6Unspecified()
	}
	r.Destination = netip.PrefixFrom(all, int(msg.Dst_len))
	a := attrs{rest: data[unix.SizeofRtMsg:]}
	for a.next() {
		var err error
		switch a.kind &^ unix.NLA_F_NESTED {
		case unix.RTA_DST:
			if ip, ok := netip.AddrFromSlice(a.value); ok {
				r.Destination = netip.PrefixFrom(ip, int(msg.Dst_len))
			}
		case unix.RTA_SRC:
			if ip, ok := netip.AddrFromSlice(a.value); ok {
				r.From = netip.PrefixFrom(ip, int(msg.Src_len))
			}
		case unix.RTA_TABLE:
			r.Table = attrNumber(a.value)
		case unix.RTA_PRIORITY:
			r.Metric = attrNumber(a.value)
		case unix.RTA_PREFSRC:
			r.Source, _ = netip.AddrFromSlice(a.value)
		case unix.RTA_FLOW:
			r.Realms = attrNumber(a.value)
		case unix.RTA_PREF:
			if len(a.value) > 0 {
				r.Preference = a.value[0]
			}
		case unix.RTA_CACHEINFO:
			// The first of its numbers in hundredths of a second is left of the
			// lifetime, behind references and use.
			if info := a.value; len(info) >= 12 {
				r.Expires = time.Duration(int32(binary.NativeEndian.Uint32(info[8:]))) * 10 * time.Millisecond
			}
		case unix.RTA_OIF:
			r.Hop.Device = s.names[int(attrNumber(a.value))]
		case unix.RTA_GATEWAY, unix.RTA_VIA:
			r.Hop.Via = attrGateway(a.kind, a.value)
		case unix.RTA_MULTIPATH:
			r.NextHops, err = s.parseNextHops(a.value)
		case unix.RTA_METRICS:
			r.Metrics, err = parseMetrics(a.value)
		}
		if err != nil {
			return r, err
		}
	}
	return r, a.err()
}

func (s *State) parseNextHops(data []byte) (list []netspec.NextHop, err error) {
	for len(data) >= unix.SizeofRtNexthop {
		hop := nl.DeserializeRtNexthop(data)
		length := int(hop.RtNexthop.Len)
		if length < unix.SizeofRtNexthop || length > len(data) {
			return nil, fmt.Errorf("next hop of %d octets", length)
		}
		h := netspec.NextHop{
			Device: s.names[int(hop.Ifindex)], Weight: int(hop.Hops) + 1, OnLink: hop.Flags&unix.RTNH_F_ONLINK != 0,
		}
		a := attrs{rest: data[unix.SizeofRtNexthop:length]}
		for a.next() {
			switch a.kind {
			case unix.RTA_GATEWAY, unix.RTA_VIA:
				h.Via = attrGateway(a.kind, a.value)
			case unix.RTA_FLOW:
				h.Realms = attrNumber(a.value)
			}
		}
		if err := a.err(); err != nil {
			return nil, err
		}
		list = append(list, h)
		data = data[min((length+3)&^3, len(data)):]
	}
	return list, nil
}

func parseMetrics(data []byte) (m netspec.RouteMetrics, err error) {
	a := attrs{rest: data}
	for a.next() {
		switch kind := int(a.kind); {
		case kind == unix.RTAX_LOCK:
			m.Locked = attrNumber(a.value)
		case kind == unix.RTAX_CC_ALGO:
			m.Congestion = text(a.value)
		case kind < len(m.Values):
			m.Set(netspec.RouteMetric(kind), attrNumber(a.value), false)
		}
	}
	return m, a.err()
}

// attrNumber is a 32 bit attribute; 0 for one that is none.
func attrNumber(value []byte) uint32 {
	if len(value) < 4 {
		return 0
	}
	return binary.NativeEndian.Uint32(value)
}

// attrGateway is a gateway, in the attribute for one of either family.
func attrGateway(kind uint16, value []byte) netip.Addr {
	if kind == unix.RTA_VIA && len(value) >= 2 {
		value = value[2:] // the family
	}
	a, _ := netip.AddrFromSlice(value)
	return a
}
