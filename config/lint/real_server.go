package lint

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/moonkeep/moonkeep/config"
)

// The findings that many real servers of one virtual server have in common.
// Each is told once, with their number.
const (
	manyUnchecked = iota
	manyPinged
	manySlow
	manyMisc
	manySilent
	manyNameless
	manyOtherProtocol
	manyNowhere
	manySlowly
	manyKinds
)

// repeated is the first of the real servers with a finding, and how many
// have it.
type repeated struct {
	at    config.Position
	count int
	last  *config.RealServer
	text  string
}

// many notes one real server; text is made for the first one only.
func (l *service) many(kind int, r *config.RealServer, at config.Position, text func() string) {
	t := &l.said[kind]
	if t.last == r {
		return // for another of its checks
	}
	t.last = r
	if t.count++; t.count == 1 {
		t.at, t.text = at, text()
	}
}

// realServers looks at the real servers and their checks.
func (l *service) realServers() {
	v := l.v
	clear(l.seen)
	l.said = [manyKinds]repeated{}
	repeats := v.Repeats()
	for i := range v.RealServers {
		r := &v.RealServers[i]
		if k, again := repeats[i]; again {
			l.report(r.At, "real-server-twice", "real_server %s is there twice, first on line %d, with another lvs_method: keepalived drops the second, and so does this; take one out", r.Address, v.RealServers[k].At.Line())
			continue
		}
		e := r.Endpoint(v).AddrPort
		if !v.Address.IsValid() && r.Method(v).Kind != config.NAT {
			e = netip.AddrPortFrom(e.Addr(), 0) // the port is the packet's
		}
		if j, twice := l.seen[e]; twice {
			first := &v.RealServers[j]
			what, theirs := "is there twice, first", "keepalived drops the second"
			if r.Address != first.Address {
				what = "is the same server in IPVS as " + first.Address.String()
				theirs = "keepalived tries to set both, of which the first that is set counts"
			}
			l.report(r.At, "real-server-twice", "real_server %s %s on line %d: IPVS has each once, and %s; take one out, and raise the weight if it shall get more", r.Address, what, first.At.Line(), theirs)
			continue
		}
		l.seen[e] = i
		if r.LThreshold > r.UThreshold {
			l.report(r.At, "thresholds", "real_server %s: lthreshold %d is above uthreshold %d: the kernel refuses the server, and keepalived goes on without it; raise uthreshold, or lower lthreshold", r.Address, r.LThreshold, r.UThreshold)
		}
		l.loop(r, e)
		l.checks(r)
	}
	l.tell()
}

// loop reports a real server that is the virtual server itself.
func (l *service) loop(r *config.RealServer, e netip.AddrPort) {
	v := l.v
	if e.Addr() != v.Address.Addr() || !v.Address.IsValid() {
		return
	}
	switch kind := r.Method(v).Kind; {
	case kind != config.NAT:
		l.report(r.At, "real-server-virtual", "real_server %s has the virtual address itself, and %s leaves the address of a packet as it is: the packet comes back to the balancer; write the server's own address", r.Address, kind)
	case e.Port() == v.Address.Port():
		l.report(r.At, "real-server-virtual", "real_server %s is the virtual server itself: packets would go round in a circle; write the server's own address", r.Address)
	}
}

// checks looks at the checks of one real server.
func (l *service) checks(r *config.RealServer) {
	v := l.v
	if len(r.Checks) == 0 {
		l.many(manyUnchecked, r, r.At, nothing)
		return
	}
	pings := 0
	for i := range r.Checks {
		c := &r.Checks[i]
		at := checkAt(c, r)
		switch {
		case c.Ping != nil:
			pings++
		case c.Misc != nil:
			l.misc(c.Misc, r, at)
		case c.UDP != nil && !c.UDP.RequireReply.Required:
			l.many(manySilent, r, at, nothing)
		case c.SSL != nil && c.SSL.EnableSNI && c.SSL.SNIName == "" && nameless(c.SSL, v, r):
			l.many(manyNameless, r, c.SSL.Written.At("enable_sni", at), nothing)
		case c.TCP != nil && v.Protocol == "UDP" && v.Address.IsValid() && c.TCP.ConnectPort == 0 && v.Address.Port() != dns:
			l.many(manyOtherProtocol, r, at, nothing)
		}
		if needsPort(c) && portless(c, v, r) {
			l.many(manyNowhere, r, at, nothing)
		}
		if c.Misc == nil && c.Target() != nil {
			l.slow(c, r, at)
		}
		l.recovery(c, r, at)
	}
	if pings == len(r.Checks) && v.Fwmark == 0 && v.Group == "" && v.Protocol == "TCP" {
		l.many(manyPinged, r, checkAt(&r.Checks[0], r), nothing)
	}
}

// needsPort reports whether a check is one that asks at a port and fails without.
func needsPort(c *config.Check) bool {
	return c.TCP != nil || c.HTTP != nil || c.SSL != nil || c.DNS != nil || c.UDP != nil || c.SMTP != nil
}

// portless reports whether a check has nothing to connect to, or one of its hosts has
// not.
func portless(c *config.Check, v *config.VirtualServer, r *config.RealServer) bool {
	if c.SMTP == nil {
		return c.Target().Connect(v, r).Port() == 0
	}
	return slices.ContainsFunc(c.SMTP.Places(), func(p *config.SMTPCheck) bool { return p.Connect(v, r).Port() == 0 })
}

func nothing() string { return "" }

// dns is the port of a service that is there by TCP as well as by UDP.
const dns = 53

// nameless reports whether a URL has no host to name in the handshake.
func nameless(c *config.SSLCheck, v *config.VirtualServer, r *config.RealServer) bool {
	for i := range c.URLs {
		if c.Host(&c.URLs[i].URL, v, r) == "" {
			return true
		}
	}
	return false
}

// misc looks at how long a MISC_CHECK may hang.
func (l *service) misc(m *config.MiscCheck, r *config.RealServer, at config.Position) {
	v := l.v
	loop := (&config.Check{Misc: m}).Timers(v, r).DelayLoop
	switch {
	case m.MiscTimeout == nil || *m.MiscTimeout == 0:
		l.many(manyMisc, r, at, func() string {
			return "MISC_CHECK without misc_timeout: a program that hangs is ended after delay_loop (" + loop.String() + "), and the server serves until then; write a misc_timeout of what the program takes at most"
		})
	case *m.MiscTimeout > loop:
		timeout := *m.MiscTimeout
		l.many(manyMisc, r, m.Written.At("misc_timeout", at), func() string {
			return "misc_timeout " + timeout.String() + " is longer than delay_loop " + loop.String() + ": while a program hangs, the runs that are due are left out; make it shorter"
		})
	}
}

// recovery looks at a fast_recovery that a rise leaves without effect.
func (l *service) recovery(c *config.Check, r *config.RealServer, at config.Position) {
	var fast bool
	var written config.Keys
	switch {
	case c.HTTP != nil:
		fast, written = c.HTTP.FastRecovery, c.HTTP.Written
	case c.SSL != nil:
		fast, written = c.SSL.FastRecovery, c.SSL.Written
	}
	if rise := c.Timers(l.v, r).Rise; fast && rise > 1 {
		l.many(manySlowly, r, written.At("fast_recovery", at), func() string {
			return "fast_recovery asks for one run that is right, and rise for more in a row, which counts; take one of them out"
		})
	}
}

// muchSlower is how many times delay_loop a silent server may take until it
// is found out: the waiting is then most of it, which delay_loop hides.
const muchSlower = 3

// slow compares how often a check runs with how long it waits for a server
// that is silent.
func (l *service) slow(c *config.Check, r *config.RealServer, at config.Position) {
	t := c.Timers(l.v, r)
	waits := t.ConnectTimeout * time.Duration(t.Retry+1)
	pauses := t.DelayBeforeRetry * time.Duration(t.Retry)
	total := t.DelayLoop + waits + pauses
	if waits <= t.DelayLoop || total < muchSlower*t.DelayLoop {
		return
	}
	l.many(manySlow, r, at, func() string {
		return "a server that does not answer is found out after up to " + total.String() + ", not after delay_loop " + t.DelayLoop.String() +
			" (connect_timeout " + t.ConnectTimeout.String() + " times retry " + strconv.Itoa(t.Retry) + " + 1, " + pauses.String() + " between them, and delay_loop before); lower connect_timeout or retry"
	})
}

// tell gives the findings that real servers have in common.
func (l *service) tell() {
	l.common(manyUnchecked, "no-check", "a real server has no check: it keeps its connections when it fails, and clients with it; add a check, TCP_CHECK at least")
	l.common(manyPinged, "ping-only", "PING_CHECK alone is answered by the host's kernel whether the service runs or not; add a TCP_CHECK or one that speaks the protocol")
	l.common(manySlow, "slow-removal", "%s", l.said[manySlow].text)
	l.common(manyMisc, "misc-timeout", "%s", l.said[manyMisc].text)
	l.common(manySilent, "silent-success", "UDP_CHECK without require_reply takes silence for success: a service that hangs, or a firewall that drops the packet, passes; add require_reply if the service answers")
	l.common(manyNameless, "no-server-name", "enable_sni and no name to send: neither sni_name nor virtualhost is written; add sni_name")
	l.common(manyOtherProtocol, "check-protocol", "the service is UDP, and TCP_CHECK asks the same port by TCP, where something else answers or nothing; use UDP_CHECK, or connect_port")
	l.common(manySlowly, "fast-recovery-rise", "%s", l.said[manySlowly].text)
	l.common(manyNowhere, "check-no-port", "a check has no port to connect to and always fails, as with keepalived; give the real server its port, or the check a connect_port")
}

// common gives a finding once for all real servers that have it.
func (l *service) common(kind int, name, format string, args ...any) {
	r := &l.said[kind]
	if r.count == 0 {
		return
	}
	more := ""
	if r.count > 1 {
		more = fmt.Sprintf("; so it is with %d of %d real servers", r.count, len(l.v.RealServers))
	}
	l.report(r.at, name, "%s%s", fmt.Sprintf(format, args...), more)
}

// checkAt is where a check stands.
func checkAt(c *config.Check, r *config.RealServer) config.Position {
	at := c.At()
	if at.Line() == 0 {
		return r.At
	}
	return at
}
