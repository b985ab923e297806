//go:build linux

package link

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/netspec"
)

// AddRoute makes the route stand as its Mode says. One that stands already as
// wanted is no error. The error names the route and what the kernel said; it
// wraps ErrNoInterface when a device is not there.
func (c *Conn) AddRoute(r netspec.Route) error {
	err := c.setRoute(unix.RTM_NEWROUTE, unix.NLM_F_CREATE|routeFlags(r.Mode), r)
	if errors.Is(err, unix.EEXIST) {
		// Somebody set one of the same identity: is it ours in all but that?
		routes, lerr := c.Routes(r.Normal().Protocol)
		if lerr == nil && routes.Stands(r) {
			return nil
		}
		err = errors.Join(err, lerr)
	}
	if err != nil {
		return fmt.Errorf("add route %s: %w", r, err)
	}
	return nil
}

func routeFlags(m netspec.RouteMode) int {
	switch m {
	case netspec.AppendRoute:
		return unix.NLM_F_APPEND
	case netspec.ReplaceRoute:
		return unix.NLM_F_REPLACE
	case netspec.ExclusiveRoute:
		return unix.NLM_F_EXCL
	}
	return 0
}

// DeleteRoute removes the route. One that is not there is no error.
func (c *Conn) DeleteRoute(r netspec.Route) error {
	err := c.setRoute(unix.RTM_DELROUTE, 0, r)
	if err != nil && !absent(err) && !errors.Is(err, ErrNoInterface) {
		return fmt.Errorf("remove route %s: %w", r, err)
	}
	return nil
}

// setRoute adds or deletes one route. The request is built here: the library
// does not know all attributes, and has no socket that says in words what was
// wrong.
func (c *Conn) setRoute(kind, flags int, r netspec.Route) error {
	n := r.Normal()
	msg := &nl.RtMsg{RtMsg: unix.RtMsg{
		Family:   family(n.Six()),
		Dst_len:  uint8(n.Destination.Bits()),
		Tos:      n.TOS,
		Protocol: n.Protocol,
		Scope:    uint8(n.Scope),
		Type:     uint8(n.Type),
		Table:    unix.RT_TABLE_UNSPEC,
	}}
	if n.Table < 256 {
		msg.Table = uint8(n.Table)
	}
	if n.Hop.OnLink {
		msg.Flags |= unix.RTNH_F_ONLINK
	}
	var attrs []*nl.RtAttr
	add := func(kind int, value []byte) { attrs = append(attrs, nl.NewRtAttr(kind, value)) }
	number := func(kind int, value uint32) { add(kind, nl.Uint32Attr(value)) }
	add(unix.RTA_DST, n.Destination.Addr().AsSlice())
	if n.From.IsValid() {
		msg.Src_len = uint8(n.From.Bits())
		add(unix.RTA_SRC, n.From.Addr().AsSlice())
	}
	number(unix.RTA_TABLE, n.Table)
	if n.Metric != 0 {
		number(unix.RTA_PRIORITY, n.Metric)
	}
	if n.Source.IsValid() {
		add(unix.RTA_PREFSRC, n.Source.AsSlice())
	}
	if n.Realms != 0 {
		number(unix.RTA_FLOW, n.Realms)
	}
	if n.Expires != 0 {
		number(unix.RTA_EXPIRES, uint32(n.Expires/time.Second))
	}
	if n.Preference != 0 {
		add(unix.RTA_PREF, []byte{n.Preference})
	}
	if n.TTLPropagate != 0 {
		add(unix.RTA_TTL_PROPAGATE, []byte{n.TTLPropagate - 1})
	}
	index, err := c.deviceIndex(n.Hop.Device)
	if err != nil {
		return err
	}
	if index != 0 {
		number(unix.RTA_OIF, uint32(index))
	}
	if n.Hop.Via.IsValid() {
		attrs = append(attrs, via(n.Six(), n.Hop.Via))
	}
	if len(n.NextHops) > 0 {
		hops, err := c.nextHops(&n)
		if err != nil {
			return err
		}
		add(unix.RTA_MULTIPATH, hops)
	}
	if m := metrics(&n.Metrics); m != nil && kind == unix.RTM_NEWROUTE {
		attrs = append(attrs, m)
	}
	req := &request{kind: kind, flags: flags}
	req.add(msg)
	for _, a := range attrs {
		req.add(a)
	}
	return c.execute(req)
}

func family(six bool) uint8 {
	if six {
		return unix.AF_INET6
	}
	return unix.AF_INET
}

// deviceIndex is the index of the device; 0 for none.
func (c *Conn) deviceIndex(device string) (int, error) {
	if device == "" {
		return 0, nil
	}
	i, err := c.Interface(device)
	return i.Index, err
}

// via is a gateway. One of the other family has an attribute of its own
// (RFC 5549).
func via(six bool, gateway netip.Addr) *nl.RtAttr {
	if gateway.Is6() == six {
		return nl.NewRtAttr(unix.RTA_GATEWAY, gateway.AsSlice())
	}
	value := binary.NativeEndian.AppendUint16(nil, uint16(family(gateway.Is6())))
	return nl.NewRtAttr(unix.RTA_VIA, append(value, gateway.AsSlice()...))
}

func (c *Conn) nextHops(r *netspec.Route) ([]byte, error) {
	var all []byte
	for _, h := range r.NextHops {
		index, err := c.deviceIndex(h.Device)
		if err != nil {
			return nil, err
		}
		hop := &nl.RtNexthop{RtNexthop: unix.RtNexthop{Hops: uint8(h.Weight - 1), Ifindex: int32(index)}}
		if h.OnLink {
			hop.Flags |= unix.RTNH_F_ONLINK
		}
		if h.Via.IsValid() {
			hop.Children = append(hop.Children, via(r.Six(), h.Via))
		}
		if h.Realms != 0 {
			hop.Children = append(hop.Children, nl.NewRtAttr(unix.RTA_FLOW, nl.Uint32Attr(h.Realms)))
		}
		all = append(all, hop.Serialize()...)
	}
	return all, nil
}

// metrics is the nested attribute of the metrics, nil when none is set.
func metrics(m *netspec.RouteMetrics) *nl.RtAttr {
	if m.Has == 0 && m.Congestion == "" {
		return nil
	}
	attr := nl.NewRtAttr(unix.RTA_METRICS, nil)
	for i := range m.Values {
		if m.Has&(1<<i) != 0 {
			attr.AddRtAttr(i, nl.Uint32Attr(m.Values[i]))
		}
	}
	if m.Congestion != "" {
		attr.AddRtAttr(unix.RTAX_CC_ALGO, nl.ZeroTerminated(m.Congestion))
	}
	if m.Locked != 0 {
		attr.AddRtAttr(unix.RTAX_LOCK, nl.Uint32Attr(m.Locked))
	}
	return attr
}
