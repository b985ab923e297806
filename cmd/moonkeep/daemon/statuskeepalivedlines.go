package daemon

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/core/netspec"
)

// kaPrefix is a prefix as keepalived prints it: a host's without its length.
func kaPrefix(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}

// kaDevice is an interface as keepalived prints it: one of the node's own with the
// one below, and without the network namespace. parents has those below, by name.
func kaDevice(name string, parents map[string]string) string {
	_, text := netspec.Split(name)
	if p := parents[name]; p != "" {
		text += "@" + p
	}
	return text
}

// kaAddress is an address as keepalived prints it: from is what the configuration
// says of a.
func kaAddress(from *config.Address, a *netspec.Address, parents map[string]string, held, dropped bool) string {
	var b strings.Builder
	b.WriteString(kaPrefix(a.Prefix))
	if a.Broadcast.IsValid() {
		fmt.Fprintf(&b, " brd %s", a.Broadcast)
	}
	fmt.Fprintf(&b, " dev %s", kaDevice(a.Device, parents))
	if from.UseVMAC != nil {
		b.WriteString(" use_vmac")
	}
	fmt.Fprintf(&b, " scope %s", a.Scope)
	if a.Label != "" {
		fmt.Fprintf(&b, " label %s", a.Label)
	}
	if a.Peer.IsValid() {
		fmt.Fprintf(&b, " peer %s", a.Peer)
	}
	for _, word := range []struct {
		on   bool
		text string
	}{
		{from.Home, " home"}, {from.NoDAD, " -nodad"}, {from.ManageTemporary, " mngtmpaddr"}, {from.NoPrefixRoute, " noprefixroute"},
		{from.AutoJoin, " autojoin"}, {a.NoTrack, " no_track"},
	} {
		if word.on {
			b.WriteString(word.text)
		}
	}
	switch {
	case !a.Addr().Is6():
	case !a.Limited:
		b.WriteString(" preferred_lft forever")
	case a.Preferred == 0:
		b.WriteString(" deprecated")
	default:
		fmt.Fprintf(&b, " preferred_lft %d", a.Preferred/time.Second)
	}
	if held {
		b.WriteString(" set")
	}
	if held && dropped {
		b.WriteString(" nftable_set")
	}
	return b.String()
}

// kaMetrics are the metrics of routes in the order in which keepalived prints them,
// with what the kernel's unit is divided by.
var kaMetrics = [...]struct {
	metric netspec.RouteMetric
	word   string
	by     uint32
	unit   string
}{
	{netspec.MetricRTT, "rtt", 8, "ms"}, {netspec.MetricRTTVar, "rttvar", 4, "ms"}, {netspec.MetricRTOMin, "rto_min", 1, "ms"},
	{netspec.MetricFeatures, "features", 1, ""}, {netspec.MetricMTU, "mtu", 1, ""}, {netspec.MetricWindow, "window", 1, ""},
	{netspec.MetricSSThresh, "ssthresh", 1, ""}, {netspec.MetricCWnd, "cwnd", 1, ""}, {netspec.MetricAdvMSS, "advmss", 1, ""},
	{netspec.MetricReordering, "reordering", 1, ""}, {netspec.MetricHopLimit, "hoplimit", 1, ""}, {netspec.MetricInitCWnd, "initcwnd", 1, ""},
	{netspec.MetricInitRWnd, "initrwnd", 1, ""}, {netspec.MetricQuickAck, "quickack", 1, ""}, {netspec.MetricFastOpenNoCookie, "fastopen_no_cookie", 1, ""},
}

// kaRoute is a route as keepalived prints it.
func kaRoute(r *netspec.Route, parents map[string]string) string {
	var b strings.Builder
	n := r.Normal()
	switch {
	case r.Mode == netspec.AppendRoute:
		b.WriteString("append ")
	case r.Mode == netspec.ReplaceRoute:
		b.WriteString("replace ")
	case r.Mode == netspec.ExclusiveRoute || n.Type != netspec.UnicastRoute:
		b.WriteString("add ")
	default:
		b.WriteString("prepend ")
	}
	if n.Type != netspec.UnicastRoute {
		b.WriteString(n.Type.String() + " ")
	}
	b.WriteString(kaPrefix(r.Destination))
	if r.From.IsValid() {
		b.WriteString(" from " + kaPrefix(r.From))
	}
	if r.Source.IsValid() {
		fmt.Fprintf(&b, " src %s", r.Source)
	}
	if r.TOS != 0 {
		fmt.Fprintf(&b, " tos %d", r.TOS)
	}
	b.WriteString(kaHop(&r.Hop, parents))
	if n.Table != netspec.MainTable {
		fmt.Fprintf(&b, " table %d", n.Table)
	}
	fmt.Fprintf(&b, " proto %d", n.Protocol)
	if r.HasScope {
		fmt.Fprintf(&b, " scope %d", r.Scope)
	}
	if r.Metric != 0 {
		fmt.Fprintf(&b, " metric %d", r.Metric)
	}
	if r.Hop.OnLink {
		b.WriteString(" onlink")
	}
	if r.Realms != 0 {
		b.WriteString(" realms " + kaRealms(r.Realms))
	}
	if c := r.Metrics.Congestion; c != "" {
		b.WriteString(" congctl " + kaLocked(r, netspec.MetricCongestion) + c)
	}
	for _, m := range kaMetrics {
		if r.Metrics.Has&(1<<m.metric) == 0 {
			continue
		}
		value := fmt.Sprint(r.Metrics.Values[m.metric] / m.by)
		if m.metric == netspec.MetricFeatures && value == "1" {
			value = "ecn"
		}
		fmt.Fprintf(&b, " %s %s%s%s", m.word, kaLocked(r, m.metric), value, m.unit)
	}
	if r.Expires != 0 {
		fmt.Fprintf(&b, " expires %dsec", r.Expires/time.Second)
	}
	if r.Preference != 0 {
		b.WriteString(" pref " + map[uint8]string{1: "high", 3: "low"}[r.Preference])
	}
	if r.TTLPropagate != 0 {
		b.WriteString(" ttl-propagate " + map[uint8]string{1: "disabled", 2: "enabled"}[r.TTLPropagate])
	}
	for i := range r.NextHops {
		h := &r.NextHops[i]
		b.WriteString(" nexthop" + kaHop(h, parents))
		fmt.Fprintf(&b, " weight %d", max(1, h.Weight))
		if h.OnLink {
			b.WriteString(" onlink")
		}
		if h.Realms != 0 {
			b.WriteString(" realms " + kaRealms(h.Realms))
		}
	}
	if r.NoTrack {
		b.WriteString(" no_track")
	}
	return b.String()
}

// kaHop is the way of a route, with a space before it.
func kaHop(h *netspec.NextHop, parents map[string]string) (text string) {
	if h.Via.IsValid() {
		family := "inet"
		if h.Via.Is6() {
			family = "inet6"
		}
		text = fmt.Sprintf(" via %s %s", family, h.Via)
	}
	if h.Device != "" {
		text += " dev " + kaDevice(h.Device, parents)
	}
	return text
}

func kaLocked(r *netspec.Route, m netspec.RouteMetric) string {
	if r.Metrics.Locked&(1<<m) != 0 {
		return "lock "
	}
	return ""
}

func kaRealms(r uint32) string { return fmt.Sprintf("%d/%d", r>>16, r&0xffff) }

// kaRule is a rule as keepalived prints it.
func kaRule(r *netspec.Rule) string {
	var b strings.Builder
	if r.Six && !r.From.IsValid() && !r.To.IsValid() {
		b.WriteString("inet6 ")
	}
	if r.Not {
		b.WriteString("not ")
	}
	if r.From.IsValid() {
		b.WriteString("from " + kaPrefix(r.From))
	} else {
		b.WriteString("from all")
	}
	if r.To.IsValid() {
		b.WriteString(" to " + kaPrefix(r.To))
	}
	fmt.Fprintf(&b, " priority %d tos %#x", r.Preference, r.TOS)
	if r.Mask != 0 {
		fmt.Fprintf(&b, " fwmark %#x", r.Mark)
		if r.Mask != 1<<32-1 {
			fmt.Fprintf(&b, "/%#x", r.Mask)
		}
	}
	for _, device := range []struct{ word, name string }{{"iif", r.In}, {"oif", r.Out}} {
		if device.name != "" {
			fmt.Fprintf(&b, " %s %s", device.word, kaDevice(device.name, nil))
		}
	}
	if n := r.SuppressPrefixLength; n.Has {
		fmt.Fprintf(&b, " suppress_prefixlen %d", n.Value)
	}
	if n := r.SuppressGroup; n.Has {
		fmt.Fprintf(&b, " suppress_ifgroup %d", n.Value)
	}
	if r.TunnelID != 0 {
		fmt.Fprintf(&b, " tunnel-id %d", r.TunnelID)
	}
	if r.HasUIDs {
		fmt.Fprintf(&b, " uidrange %d-%d", r.UIDs.Low, r.UIDs.High)
	}
	if r.L3MDev {
		b.WriteString(" l3mdev")
	}
	n := r.Normal()
	fmt.Fprintf(&b, " protocol %d", n.Protocol)
	if r.IPProto != 0 {
		fmt.Fprintf(&b, " ipproto %d", r.IPProto)
	}
	for _, ports := range []struct {
		word string
		span netspec.Span
	}{{"sport", r.SourcePorts}, {"dport", r.DestinationPorts}} {
		if ports.span != (netspec.Span{}) {
			fmt.Fprintf(&b, " %s %d-%d", ports.word, ports.span.Low, ports.span.High)
		}
	}
	if r.Realms != 0 {
		b.WriteString(" realms " + kaRealms(r.Realms))
	}
	switch n.Action {
	case netspec.RuleGoto:
		fmt.Fprintf(&b, " goto %d", r.Goto)
	case netspec.RuleNop:
		b.WriteString(" nop")
	case netspec.RuleBlackhole:
		b.WriteString(" type blackhole")
	case netspec.RuleUnreachable:
		b.WriteString(" type unreachable")
	case netspec.RuleProhibit:
		b.WriteString(" type prohibit")
	default:
		fmt.Fprintf(&b, " lookup %d", n.Table)
	}
	if r.NoTrack {
		b.WriteString(" no_track")
	}
	return b.String()
}
