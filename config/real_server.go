package config

import (
	"net/netip"
	"time"
)

// RealServer is a real_server: one of those that a virtual server is balanced
// over. A site may have tens of thousands.
type RealServer struct {
	At      Position `key:"-"`
	Written Keys     `key:"-"`
	// Its address, and its port if that is not the virtual server's.
	Address Endpoint `key:"address" word:"-" required:"true" tier:"1"`
	// Its weight; 0 keeps it in IPVS without new connections.
	Weight *int `key:"weight" range:"0..2147483647" unit:"weight" inherits:"the virtual server's weight" tier:"1"`
	// How packets reach it.
	LVSMethod *LVSMethod `key:"lvs_method" form:"words" inherits:"the virtual server's lb_kind" tier:"2"`
	// The number of connections above which it gets no new ones; 0 is no bound.
	UThreshold uint32 `key:"uthreshold" range:"0..4294967295" unit:"connections" tier:"3"`
	// The number of connections below which it gets new ones again.
	LThreshold uint32 `key:"lthreshold" range:"0..4294967295" unit:"connections" tier:"3"`
	// When it fails, it keeps its place in IPVS with the weight 0.
	InhibitOnFailure *bool `key:"inhibit_on_failure" inherits:"the virtual server's inhibit_on_failure" tier:"1"`
	// Run when it works again.
	NotifyUp *Program `key:"notify_up" form:"command" tier:"1"`
	// Run when it fails.
	NotifyDown *Program `key:"notify_down" form:"command" tier:"1"`
	// It counts as failed until its first check succeeds.
	Alpha *bool `key:"alpha" inherits:"the virtual server's alpha" tier:"2"`
	// How many failures in a row its checks tolerate.
	Retry *int `key:"retry" range:"1..4294967295" unit:"count" inherits:"the virtual server's retry" tier:"2"`
	// How long after a failure its checks are repeated.
	DelayBeforeRetry *time.Duration `key:"delay_before_retry" range:"0s.." inherits:"the virtual server's delay_before_retry" tier:"2"`
	// The longest random delay before its first check.
	Warmup *time.Duration `key:"warmup" range:"0s.." inherits:"the virtual server's warmup" tier:"2"`
	// The time that a connection to it or its reply may take.
	ConnectTimeout *time.Duration `key:"connect_timeout" range:"1us..4294.967295s" inherits:"the virtual server's connect_timeout" tier:"2"`
	// The time between two checks of it.
	DelayLoop *time.Duration `key:"delay_loop" range:"1us.." inherits:"the virtual server's delay_loop" tier:"2"`
	Patience
	// A mail is sent when it changes.
	SMTPAlert *bool `key:"smtp_alert" inherits:"the virtual server's smtp_alert, else the global one, else on" tier:"2"`
	// The host that HTTP checks ask it for.
	VirtualHost string `key:"virtualhost" inherits:"the virtual server's virtualhost" tier:"2"`
	// A Lua file whose weight function measures its weight, which counts in
	// place of the one above. One that fails to measure leaves the weight as it
	// was, and is no failure of the server.
	WeightBy *Program `key:"weight_by" form:"command" own:"true" tier:"2"`
	// How the weight follows what is measured.
	Smoothing *Smoothing `key:"smoothing" form:"block" own:"true" tier:"3"`
	// A text shown in SNMP.
	SNMPName string `key:"snmp_name" idle:"SNMP is not spoken" tier:"3"`
	// Its checks: it works as long as none of them fails.
	Checks []Check `key:"checks" word:"-" flat:"" tier:"1"`
}

// Endpoint is where a virtual server's packets go: its own address with the
// virtual server's port if it gives none, or if packets are not rewritten
// on the way (DR, TUN).
func (r *RealServer) Endpoint(v *VirtualServer) Endpoint {
	port := v.Address.Port()
	if v.Address.IsValid() && (r.Address.Port() == 0 || r.Method(v).Kind != NAT) {
		return Endpoint{netip.AddrPortFrom(r.Address.Addr(), port)}
	}
	return r.Address
}

// Repeats returns the real servers, by their places, that are written with the address
// and port of another one before them, and the place of that. Where both are reached the
// same way they are one in IPVS, too, and are not among these: it is for those who rewrite
// ports and those who do not.
func (v *VirtualServer) Repeats() (repeats map[int]int) {
	mixed := false // by their places, for they are large
	for i := range v.RealServers {
		r := &v.RealServers[i]
		mixed = mixed || r.Address.Port() != 0 && r.Endpoint(v) != r.Address
	}
	if !mixed {
		return nil
	}
	first := make(map[Endpoint]int, len(v.RealServers))
	for i := range v.RealServers {
		r := &v.RealServers[i]
		k, there := first[r.Address]
		switch {
		case !there:
			first[r.Address] = i
		case r.Endpoint(v) != v.RealServers[k].Endpoint(v):
			if repeats == nil {
				repeats = map[int]int{}
			}
			repeats[i] = k
		}
	}
	return repeats
}

// Method is how packets reach it; its Kind is not empty.
func (r *RealServer) Method(v *VirtualServer) LVSMethod {
	m := v.LBKind
	if r.LVSMethod != nil {
		m = *r.LVSMethod
	}
	if m.Kind == "" {
		m.Kind = NAT
	}
	return m
}

// IPVSWeight is its configured weight.
func (r *RealServer) IPVSWeight(v *VirtualServer) int { return inherited(v.Weight, r.Weight) }

// Inhibits reports whether it stays in IPVS when it fails.
func (r *RealServer) Inhibits(v *VirtualServer) bool {
	return inherited(v.InhibitOnFailure, r.InhibitOnFailure)
}

// inherited returns the first that was written, or otherwise.
func inherited[T any](otherwise T, written ...*T) T {
	for _, p := range written {
		if p != nil {
			return *p
		}
	}
	return otherwise
}
