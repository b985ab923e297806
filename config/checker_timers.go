package config

import (
	"cmp"
	"net/netip"
	"time"
)

// Timers is when a check runs, with everything inherited.
type Timers struct {
	DelayLoop        time.Duration
	Retry            int
	DelayBeforeRetry time.Duration
	// Warmup bounds the random delay before the first run.
	Warmup         time.Duration
	ConnectTimeout time.Duration
	Alpha          bool
	// Rise and Fall are how many results in a row change the state; at least 1.
	Rise, Fall int
	// FirstFails says that the first result decides alone where it is a failure, and
	// FirstWorks that it does where it is a success that Alpha waits for.
	FirstFails, FirstWorks bool
	// FastInterval is until the next run while results contradict the state.
	FastInterval time.Duration
	// OnUnknown is keep, fail or ok.
	OnUnknown    string
	UnknownGrace time.Duration
}

// timing returns the check's own words; nil for one that follows something
// else and has no rhythm of its own.
func (c *Check) timing() *Timing {
	switch {
	case c.HTTP != nil:
		return &c.HTTP.Timing
	case c.SSL != nil:
		return &c.SSL.Timing
	case c.TCP != nil:
		return &c.TCP.Timing
	case c.SMTP != nil:
		return &c.SMTP.Timing
	case c.DNS != nil:
		return &c.DNS.Timing
	case c.UDP != nil:
		return &c.UDP.Timing
	case c.Ping != nil:
		return &c.Ping.Timing
	case c.Misc != nil:
		return &c.Misc.Timing
	case c.Lua != nil:
		return &c.Lua.Timing
	case c.GRPC != nil:
		return &c.GRPC.Timing
	case c.Agent != nil:
		return &c.Agent.Timing
	case c.Plugin != nil:
		return &c.Plugin.Timing
	}
	return nil
}

// Target returns where the check connects to; nil for one that does not.
func (c *Check) Target() *Target {
	switch {
	case c.HTTP != nil:
		return &c.HTTP.Target
	case c.SSL != nil:
		return &c.SSL.Target
	case c.TCP != nil:
		return &c.TCP.Target
	case c.SMTP != nil:
		return &c.SMTP.Target
	case c.DNS != nil:
		return &c.DNS.Target
	case c.UDP != nil:
		return &c.UDP.Target
	case c.Ping != nil:
		return &c.Ping.Target
	case c.GRPC != nil:
		return &c.GRPC.Target
	case c.Agent != nil:
		return &c.Agent.Target
	case c.Plugin != nil:
		return &c.Plugin.Target
	}
	return nil
}

// Timers resolves what the check inherits: its own words, the real server's,
// the virtual server's, and the defaults of its kind.
func (c *Check) Timers(v *VirtualServer, r *RealServer) Timers {
	t := c.timing()
	if t == nil {
		t = &Timing{}
	}
	var connect *time.Duration
	if to := c.Target(); to != nil {
		connect = to.ConnectTimeout
	}
	return timers(c, t, connect, v, r)
}

// Timers is Check.Timers for one host of an SMTP_CHECK.
func (h *SMTPHost) Timers(c *SMTPCheck, v *VirtualServer, r *RealServer) Timers {
	return (&Check{SMTP: h.Alone(c)}).Timers(v, r)
}

// Itself reports whether an SMTP_CHECK tests the real server. With hosts it does only where
// it says where or how to connect, as by keepalived; of the namespace that knows nothing.
func (c *SMTPCheck) Itself() bool {
	to := c.Target
	to.NetNamespace = ""
	return len(c.Hosts) == 0 || to != Target{}
}

// Places are an SMTP_CHECK as the checks that it stands for, none of which has hosts: that
// of the real server itself, and one for each host.
func (c *SMTPCheck) Places() (all []*SMTPCheck) {
	if c.Itself() {
		own := *c
		own.Hosts = nil
		all = append(all, &own)
	}
	for i := range c.Hosts {
		all = append(all, c.Hosts[i].Alone(c))
	}
	return all
}

// Alone is one host of an SMTP_CHECK as a check of its own: where and how it connects is
// what the host says, and what it does not say of the rest is the check's.
func (h *SMTPHost) Alone(c *SMTPCheck) *SMTPCheck {
	out := *c
	out.At, out.Written, out.Hosts = h.At, h.Written, nil
	out.Target = h.Target
	out.ConnectTimeout = firstOf(h.ConnectTimeout, c.ConnectTimeout)
	out.NetNamespace = cmp.Or(h.NetNamespace, c.NetNamespace)
	t := &out.Timing
	t.Retry, t.DelayBeforeRetry = firstOf(h.Retry, c.Retry), firstOf(h.DelayBeforeRetry, c.DelayBeforeRetry)
	t.Warmup, t.DelayLoop = firstOf(h.Warmup, c.Warmup), firstOf(h.DelayLoop, c.DelayLoop)
	t.Alpha, t.LogAllFailures = firstOf(h.Alpha, c.Alpha), firstOf(h.LogAllFailures, c.LogAllFailures)
	t.Rise, t.Fall = firstOf(h.Rise, c.Rise), firstOf(h.Fall, c.Fall)
	t.FastInterval, t.UnknownGrace = firstOf(h.FastInterval, c.FastInterval), firstOf(h.UnknownGrace, c.UnknownGrace)
	t.OnUnknown = cmp.Or(h.OnUnknown, c.OnUnknown)
	return &out
}

func timers(c *Check, t *Timing, connect *time.Duration, v *VirtualServer, r *RealServer) Timers {
	out := Timers{
		DelayLoop:      inherited(v.DelayLoop, t.DelayLoop, r.DelayLoop),
		ConnectTimeout: inherited(v.ConnectTimeout, connect, r.ConnectTimeout),
		Alpha:          inherited(v.Alpha, t.Alpha, r.Alpha),
	}
	if c.BFD != nil {
		out.Alpha = inherited(v.Alpha, c.BFD.Alpha, r.Alpha)
	}
	retry, delay := 1, time.Second
	switch {
	case c.Misc != nil:
		retry = 0
	case c.DNS != nil:
		retry, delay = 3, out.DelayLoop
	case c.HTTP != nil, c.SSL != nil:
		delay = 3 * time.Second
	}
	out.Retry = inherited(retry, t.Retry, r.Retry, v.Retry)
	out.DelayBeforeRetry = inherited(delay, t.DelayBeforeRetry, r.DelayBeforeRetry, v.DelayBeforeRetry)
	out.Warmup = inherited(out.DelayLoop, t.Warmup, r.Warmup, v.Warmup)
	out.patience(t, r, v)
	out.FirstFails = c.SMTP == nil
	if web := c.web(); web != nil && !web.FastRecovery && t.Rise == nil && r.Rise == nil && v.Rise == nil {
		out.Rise, out.FirstWorks = 2, true
	}
	return out
}

// web is what HTTP_GET and SSL_GET have in common; nil for others.
func (c *Check) web() *Web {
	switch {
	case c.HTTP != nil:
		return &c.HTTP.Web
	case c.SSL != nil:
		return &c.SSL.Web
	}
	return nil
}

// patience resolves what results come to that are not clear. A retry that
// stands nearer to the check than a fall counts instead of it.
func (out *Timers) patience(t *Timing, r *RealServer, v *VirtualServer) {
	out.Rise = inherited(1, t.Rise, r.Rise, v.Rise)
	out.Fall = out.Retry + 1
	for _, level := range []struct{ fall, retry *int }{{t.Fall, t.Retry}, {r.Fall, r.Retry}, {v.Fall, v.Retry}} {
		if level.fall != nil {
			out.Fall = *level.fall
			break
		}
		if level.retry != nil {
			break
		}
	}
	out.FastInterval = inherited(out.DelayBeforeRetry, t.FastInterval, r.FastInterval, v.FastInterval)
	out.UnknownGrace = inherited(3*out.DelayLoop, t.UnknownGrace, r.UnknownGrace, v.UnknownGrace)
	out.OnUnknown = cmp.Or(t.OnUnknown, r.OnUnknown, v.OnUnknown, "keep")
}

// Namespace is the network namespace that the check connects from; empty is the
// daemon's own.
func (c *Check) Namespace(v *VirtualServer) string {
	if t := c.Target(); t != nil && t.NetNamespace != "" {
		return t.NetNamespace
	}
	return v.NetNamespace
}

// LogsAll reports whether each failure is logged; global is what
// checker_log_all_failures says.
func (c *Check) LogsAll(global bool) bool {
	if t := c.timing(); t != nil {
		return inherited(global, t.LogAllFailures)
	}
	return global
}

// Timeout is how long the program may run.
func (m *MiscCheck) Timeout(v *VirtualServer, r *RealServer) time.Duration {
	if m.MiscTimeout != nil && *m.MiscTimeout > 0 {
		return *m.MiscTimeout
	}
	return (&Check{Misc: m}).Timers(v, r).DelayLoop
}

// Host is what a URL is asked for: the URL's virtualhost, the check's, the
// real server's or the virtual server's; "" when none is written, which means
// the address.
func (w *Web) Host(u *URL, v *VirtualServer, r *RealServer) string {
	for _, host := range []string{u.VirtualHost, w.VirtualHost, r.VirtualHost, v.VirtualHost} {
		if host != "" {
			return host
		}
	}
	return ""
}

// Connect is where a check connects to: its own address and port, else those
// of the real server. What is written of these counts, also where packets keep
// the virtual server's port on the way (DR, TUN): somebody who writes another
// port there means the checks.
func (t *Target) Connect(v *VirtualServer, r *RealServer) Endpoint {
	addr, port := r.Address.Addr(), r.Address.Port()
	if port == 0 {
		port = r.Endpoint(v).Port()
	}
	if t.ConnectIP.IsValid() {
		addr = t.ConnectIP
	}
	if t.ConnectPort != 0 {
		port = uint16(t.ConnectPort)
	}
	return Endpoint{netip.AddrPortFrom(addr, port)}
}

// Unbound reports whether an address is one that every network may have, and nothing
// says on which it is: the kernel connects to none.
func Unbound(a netip.Addr, bindIf string) bool {
	return a.Is6() && a.IsLinkLocalUnicast() && a.Zone() == "" && bindIf == ""
}

// firstOf returns the first that is not nil, or nil.
func firstOf[T any](ps ...*T) *T {
	for _, p := range ps {
		if p != nil {
			return p
		}
	}
	return nil
}
