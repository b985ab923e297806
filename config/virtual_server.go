package config

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// VirtualServer is a virtual_server: one service of IPVS, or one for each entry
// of a group, with the real servers that it is balanced over.
type VirtualServer struct {
	At      Position `key:"-"`
	Written Keys     `key:"-"`

	// The address and port that clients connect to. Port 0, or none, means all
	// ports and makes connections persistent. One of address, fwmark and group
	// is given.
	Address Endpoint `key:"address" word:"-" tier:"1"`
	// The firewall mark of the packets that belong to the service.
	Fwmark uint32 `key:"fwmark" word:"-" range:"1..4294967295" tier:"1"`
	// The name of a virtual_server_group whose entries are services with the
	// same real servers and one quorum.
	Group string `key:"group" word:"-" tier:"1"`

	// The family of the addresses, when neither the address nor the group nor
	// the real servers tell it.
	IPFamily string `key:"ip_family" enum:"inet,inet6" tier:"2"`
	// The transport protocol. keepalived takes UDP, with a warning, when none
	// is written, and ignores it for a firewall mark.
	Protocol string `key:"protocol" enum:"TCP,UDP,SCTP" default:"UDP" tier:"1"`

	// How many failures in a row a check of this service tolerates before it
	// fails.
	Retry *int `key:"retry" range:"1..4294967295" unit:"count" inherits:"what the kind of check does: 1, MISC_CHECK 0, DNS_CHECK 3" tier:"2"`
	// How long after a failure the check is repeated.
	DelayBeforeRetry *time.Duration `key:"delay_before_retry" range:"0s.." inherits:"what the kind of check does: 1s, HTTP_GET and SSL_GET 3s, DNS_CHECK delay_loop" tier:"2"`
	// The longest random delay before the first check.
	Warmup *time.Duration `key:"warmup" range:"0s.." inherits:"delay_loop" tier:"2"`
	// The time that a connection or a reply may take.
	ConnectTimeout time.Duration `key:"connect_timeout" range:"1us..4294.967295s" default:"5s" tier:"2"`
	// The time between two checks.
	DelayLoop time.Duration `key:"delay_loop" range:"1us.." default:"60s" tier:"1"`
	// A real server that fails keeps its place in IPVS with the weight 0
	// instead of being removed.
	InhibitOnFailure bool `key:"inhibit_on_failure" form:"bare" tier:"1"`
	// Real servers count as failed until their first check succeeds.
	Alpha bool `key:"alpha" form:"bare" tier:"2"`
	// When the daemon stops, the programs of notify_down and quorum_down are
	// run.
	Omega bool `key:"omega" form:"bare" tier:"2"`

	Patience
	// The network namespace that checks connect from; the daemon's own when
	// left out.
	NetNamespace string `key:"net_namespace" own:"true" tier:"3"`

	// The scheduler of IPVS. keepalived leaves the kernel's default, wlc, with a
	// warning, when none is written.
	LBAlgo string `key:"lb_algo" word:"lb_algo,lvs_sched" enum:"rr,wrr,lc,wlc,lblc,sh,mh,dh,fo,ovf,lblcr,sed,nq,twos" default:"wlc" tier:"1"`
	LVSFlags
	// How packets reach the real servers.
	LBKind LVSMethod `key:"lb_kind" word:"lb_kind,lvs_method" form:"words" default:"NAT" tier:"1"`

	// The persistence engine of IPVS, for example sip.
	PersistenceEngine string `key:"persistence_engine" tier:"3"`
	// How long a client stays with its real server. When left out it does not, but
	// for 360s with persistence_granularity or when the service has all ports.
	PersistenceTimeout time.Duration `key:"persistence_timeout" form:"optional" bare:"360" range:"1s..2678400s" whole:"true" tier:"1"`
	// Which clients are taken for one: the mask of their IPv4 addresses, or the
	// length of the prefix of their IPv6 addresses.
	PersistenceGranularity Granularity `key:"persistence_granularity" tier:"2"`

	// Checks rest while no interface in the daemon's network namespace has the
	// address, whoever sets it, and no MASTER of the daemon's. With an address that
	// is only routed to the host they never run.
	HASuspend bool `key:"ha_suspend" form:"bare" tier:"2"`
	// A mail is sent when the quorum is won or lost, and by default for each
	// real server that changes.
	SMTPAlert *bool `key:"smtp_alert" inherits:"global smtp_alert_checker, else smtp_alert" tier:"2"`
	// The host that HTTP checks ask for, and the name sent in a TLS handshake.
	VirtualHost string `key:"virtualhost" tier:"1"`
	// A text shown in SNMP.
	SNMPName string `key:"snmp_name" idle:"SNMP is not spoken" tier:"3"`

	// Run when the quorum is won, also when the service begins with it.
	QuorumUp *Program `key:"quorum_up" form:"command" tier:"1"`
	// Run when the quorum is lost, also since a reload removes the service, and when
	// the service begins with its sorry server.
	QuorumDown *Program `key:"quorum_down" form:"command" tier:"1"`
	// The sum of the weights of working real servers that the service needs. It
	// is cut down to the sum of all weights.
	Quorum int `key:"quorum" range:"1..4294967295" unit:"weight" default:"1" tier:"1"`
	// How far below the quorum the sum may fall before it is lost, and how far
	// above it must rise before it is won. It stays below quorum.
	Hysteresis int `key:"hysteresis" range:"0..4294967295" unit:"weight" tier:"2"`
	// The weight of real servers that give none.
	Weight int `key:"weight" range:"1..2147483647" unit:"weight" default:"1" tier:"2"`

	// How long the weight of a real server that comes back rises to the full
	// one; 0 gives it at once. One that a panic kept was never away.
	SlowStart time.Duration `key:"slow_start" own:"true" range:"0s..24h" tier:"2"`
	// When fewer than this share of the real servers work, those that worked
	// last are kept rather than that all clients meet the few; 0 is never. Those
	// that are drained, in maintenance or down by hand do not count and are not
	// kept, nor are those without a result since their maintenance. A sorry
	// server goes before.
	PanicThreshold int `key:"panic_threshold" own:"true" range:"0..100" unit:"percent" tier:"2"`

	// The server that takes over while the quorum is lost.
	SorryServer *SorryServer `key:"sorry_server" flat:"sorry_server_" tier:"1"`
	// The servers that the service is balanced over.
	RealServers []RealServer `key:"real_servers" word:"real_server" form:"block" tier:"1"`
}

// LVSFlags are the flags of a service and of its scheduler.
type LVSFlags struct {
	// Sets the flag of IPVS of this name.
	Hashed bool `key:"hashed" form:"bare" idle:"the kernel sets this flag of every service by itself" tier:"3"`
	// Each packet of UDP is scheduled by itself.
	OPS bool `key:"ops" form:"bare" tier:"2"`
	// Sets the scheduler's first flag.
	Flag1 bool `key:"flag-1" form:"bare" tier:"3"`
	// Sets the scheduler's second flag.
	Flag2 bool `key:"flag-2" form:"bare" tier:"3"`
	// Sets the scheduler's third flag.
	Flag3 bool `key:"flag-3" form:"bare" tier:"3"`
	// The scheduler sh hashes the source port too.
	SHPort bool `key:"sh-port" form:"bare" tier:"3"`
	// The scheduler sh takes another server when the first is not available.
	SHFallback bool `key:"sh-fallback" form:"bare" tier:"3"`
	// The scheduler mh hashes the source port too.
	MHPort bool `key:"mh-port" form:"bare" tier:"3"`
	// The scheduler mh takes another server when the first is not available.
	MHFallback bool `key:"mh-fallback" form:"bare" tier:"3"`
}

// Identity names the service as IPVS tells it from others: two virtual servers
// with one identity are the same.
func (v *VirtualServer) Identity() string {
	switch {
	case v.Group != "" && v.Protocol != "" && v.Protocol != "TCP":
		return "group " + v.Group + " " + v.Protocol
	case v.Group != "":
		return "group " + v.Group
	case v.Fwmark != 0 && v.Family() == "inet6":
		return fmt.Sprintf("fwmark %d inet6", v.Fwmark)
	case v.Fwmark != 0:
		return fmt.Sprintf("fwmark %d", v.Fwmark)
	}
	return v.Protocol + " " + v.Address.String()
}

// Family is inet or inet6: that of the address, of ip_family, of
// persistence_granularity, of the first real server that is not reached by a
// tunnel, or, unless it is a group, of such a sorry server, else the one that all
// real servers have. It is "" when nothing tells it.
func (v *VirtualServer) Family() string {
	if v.Address.IsValid() {
		return v.Address.Family()
	}
	if v.IPFamily != "" {
		return v.IPFamily
	}
	switch g := v.PersistenceGranularity; {
	case g.Mask.Is4():
		return "inet"
	case g.Bits > 0:
		return "inet6"
	}
	for i := range v.RealServers {
		if v.RealServers[i].Method(v).Kind != TUN {
			return v.RealServers[i].Address.Family()
		}
	}
	if s := v.SorryServer; v.Group == "" && s != nil && v.SorryMethod().Kind != TUN {
		return s.Address.Family()
	}
	if v.Group != "" || len(v.RealServers) == 0 {
		return ""
	}
	family := v.RealServers[0].Address.Family()
	for i := range v.RealServers {
		if v.RealServers[i].Address.Family() != family {
			return ""
		}
	}
	return family
}

// SorryMethod is how packets reach the sorry server, which must be there.
func (v *VirtualServer) SorryMethod() LVSMethod {
	if m := v.SorryServer.LVSMethod; m != nil {
		return *m
	}
	return v.LBKind
}

// Persistence is how long a client stays with its real server. A service that has
// all ports, by itself or by an entry of its group, must be persistent, and one
// that says which clients are one means to be: it is so for 360 s if it does not
// say how long, as in keepalived.
func (c *Config) Persistence(v *VirtualServer) time.Duration {
	if v.PersistenceTimeout == 0 && (v.PersistenceGranularity != Granularity{} || c.AllPorts(v)) {
		return 360 * time.Second
	}
	return v.PersistenceTimeout
}

// AllPorts reports whether a virtual server, or an entry of its group, has an
// address and no port, which means all of them.
func (c *Config) AllPorts(v *VirtualServer) bool {
	if v.Address.IsValid() {
		return v.Address.Port() == 0
	}
	for i := range c.VirtualServerGroups {
		if g := &c.VirtualServerGroups[i]; v.Group != "" && g.Name == v.Group {
			return slices.ContainsFunc(g.Entries, func(e GroupEntry) bool { return e.Fwmark == 0 && e.Port == 0 })
		}
	}
	return false
}

// SorryServer is the server that takes over while the quorum is lost.
type SorryServer struct {
	At      Position `key:"-"`
	Written Keys     `key:"-"`
	// Its address, and its port if that is not the service's.
	Address Endpoint `key:"address" word:"=sorry_server" required:"true" tier:"1"`
	// It keeps its place in IPVS with the weight 0 instead of being removed
	// when the quorum is won.
	Inhibit bool `key:"inhibit" form:"bare" tier:"2"`
	// How packets reach it.
	LVSMethod *LVSMethod `key:"lvs_method" form:"words" inherits:"the virtual server's lb_kind" tier:"2"`
}

// VirtualServerGroup is a virtual_server_group: addresses and firewall marks
// that one virtual server serves.
type VirtualServerGroup struct {
	At      Position `key:"-"`
	Written Keys     `key:"-"`
	// The name by which virtual servers refer to it.
	Name string `key:"name" word:"-" required:"true" tier:"2"`
	// What belongs to it.
	Entries []GroupEntry `key:"entries" word:"-" form:"lines" tier:"1"`
}

// Families reports whether something of the group is of IPv4 and of IPv6: an address,
// or a mark with a family.
func (g *VirtualServerGroup) Families() (four, six bool) {
	for i := range g.Entries {
		e := &g.Entries[i]
		four = four || e.Address.Is4() || e.Family == "inet"
		six = six || e.Address.Is6() || e.Family == "inet6"
	}
	return four, six
}

// Undecided is a mark without a family in a group with something of both, or nil.
func (g *VirtualServerGroup) Undecided() *GroupEntry {
	if four, six := g.Families(); !four || !six {
		return nil
	}
	for i := range g.Entries {
		if e := &g.Entries[i]; e.Fwmark != 0 && e.Family == "" {
			return e
		}
	}
	return nil
}

// MarkFamily is inet or inet6 for a mark of the group in a virtual server: what
// stands behind it, or the family of all else in the group if that has one, or that
// of the virtual server.
func (g *VirtualServerGroup) MarkFamily(e *GroupEntry, v *VirtualServer) string {
	if e.Family != "" {
		return e.Family
	}
	switch four, six := g.Families(); {
	case four == six:
		return v.Family()
	case four:
		return "inet"
	}
	return "inet6"
}

// AnyMark reports whether a virtual server, or something of its group, has a mark.
func (c *Config) AnyMark(v *VirtualServer) bool {
	for i := range c.VirtualServerGroups {
		if g := &c.VirtualServerGroups[i]; v.Group != "" && g.Name == v.Group {
			return slices.ContainsFunc(g.Entries, func(e GroupEntry) bool { return e.Fwmark != 0 })
		}
	}
	return v.Fwmark != 0
}

// Marked reports whether firewall marks, and no addresses, say which packets
// belong to a virtual server, so that its protocol does not count.
func (c *Config) Marked(v *VirtualServer) bool {
	for i := range c.VirtualServerGroups {
		if g := &c.VirtualServerGroups[i]; v.Group != "" && g.Name == v.Group {
			return !slices.ContainsFunc(g.Entries, func(e GroupEntry) bool { return e.Fwmark == 0 })
		}
	}
	return v.Fwmark != 0
}

// GroupEntry is one line of a virtual_server_group.
type GroupEntry struct {
	At Position `key:"-"`
	// The address, or the first one of a range.
	Address netip.Addr `key:"address" word:"-" tier:"1"`
	// The last address of a range.
	Last netip.Addr `key:"last" word:"-" tier:"1"`
	// The port; 0 means all of them.
	Port int `key:"port" word:"-" range:"0..65535" tier:"1"`
	// A firewall mark instead of an address.
	Fwmark uint32 `key:"fwmark" range:"1..4294967295" tier:"1"`
	// The family of the mark, when all real servers are reached by tunnels.
	Family string `key:"family" word:"-" enum:"inet,inet6" tier:"1"`
}

// Endpoint is an address with a port, which is 0 when there is none.
type Endpoint struct{ netip.AddrPort }

// Family is inet or inet6, "" for no address.
func (e Endpoint) Family() string {
	switch a := e.Addr(); {
	case !a.IsValid():
		return ""
	case a.Is4():
		return "inet"
	}
	return "inet6"
}

// IsValid reports whether there is an address.
func (e Endpoint) IsValid() bool { return e.Addr().IsValid() }

// String renders ADDRESS:PORT, or the address alone when there is no port.
func (e Endpoint) String() string {
	var room [64]byte
	return string(e.AppendTo(room[:0]))
}

// AppendTo appends what String returns.
func (e Endpoint) AppendTo(b []byte) []byte {
	switch {
	case !e.IsValid():
		return b
	case e.Port() == 0:
		return e.Addr().AppendTo(b)
	}
	return e.AddrPort.AppendTo(b)
}

// MarshalText renders String.
func (e Endpoint) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// UnmarshalText reads ADDRESS, ADDRESS:PORT or [IPv6]:PORT.
func (e *Endpoint) UnmarshalText(text []byte) error {
	s := string(text)
	if strings.Contains(s, "%") {
		return fmt.Errorf("must be an address without a zone, which IPVS does not know, not %q", s)
	}
	if a, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]")); err == nil {
		e.AddrPort = netip.AddrPortFrom(a, 0)
		return nil
	}
	p, err := netip.ParseAddrPort(s)
	if err != nil {
		return fmt.Errorf("must be an address with a port, such as 192.0.2.1:80 or [2001:db8::1]:80, not %q", s)
	}
	e.AddrPort = p
	return nil
}
