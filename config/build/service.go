package build

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/core/balance"
	"github.com/moonkeep/moonkeep/core/health"
	"github.com/moonkeep/moonkeep/core/node"
)

// services returns the virtual servers of c. The numbers of their checks are
// those of Probes.
func services(c *config.Config, kept *Kept) []node.Service {
	b := lives{made: map[health.Config]*health.Config{}}
	all := slices.Grow([]node.Service(nil), len(c.VirtualServers))
	files := make(map[string]*config.TrackFile, len(c.TrackFiles))
	for i := range c.TrackFiles {
		files[c.TrackFiles[i].Name] = &c.TrackFiles[i]
	}
	members, places := map[string]int{}, map[*config.VirtualServer]int{}
	for i := range c.VirtualServers {
		if v := &c.VirtualServers[i]; v.Group != "" {
			places[v] = members[v.Group]
			members[v.Group]++
		}
	}
	number := uint32(0)
	var one Probe
	var last texts
	servers(c, func(v *config.VirtualServer, name string, list []member) {
		if was, _ := kept.service(v, list); was != nil {
			s := *was
			s.Tuple, s.Shares = serviceTuple(v, places[v]), false // others decide these
			all = append(all, s)
			number += size(was)
			return
		}
		s := node.Service{
			Name: name, Tuple: serviceTuple(v, places[v]), Quorum: int64(v.Quorum), Hysteresis: int64(v.Hysteresis),
			Layout: laid(c, v, list), SlowStart: balance.Ramp{Over: v.SlowStart}, Panic: balance.Panic{Percent: v.PanicThreshold}, Omega: v.Omega, TellFirst: c.Global.RSInitNotifies, Servers: make([]node.Server, 0, len(list)),
		}
		s.TellChecks = c.Global.SMTPServer != nil && len(c.Global.Email) > 0 && !c.Global.NoCheckerEmails
		if v.SorryServer != nil {
			s.Sorry = balance.Sorry{Present: true, Inhibits: v.SorryServer.Inhibit}
		}
		protocol := v.Protocol
		if c.Marked(v) {
			protocol = "none"
		}
		if v.HASuspend {
			s.Awake = v.Address.Addr()
		}
		most := 0
		for _, r := range list {
			most += len(r.Checks)
		}
		checks := make([]node.Check, 0, most) // of all its servers
		lower := strings.ToLower(protocol)
		for _, r := range list {
			if v.SorryServer != nil && r.Address == v.SorryServer.Address {
				s.Sorry.Inhibits = r.Inhibits(r.of) // of the two settings this one counts, as with keepalived
			}
			x := node.Server{
				Name: r.endpoint().String(), Tuple: serverTuple(r.of, r.RealServer, lower), Weight: r.IPVSWeight(r.of), Inhibits: r.Inhibits(r.of),
			}
			list, first := checksOf(r.RealServer), len(checks)
			for i := range list {
				k := &list[i]
				var p *Probe
				if probed(k) {
					one = probe(c, r.of, r.RealServer, k, number, &last)
					one.server = r.endpoint()
					p = &one
				}
				number++
				checks = append(checks, b.check(r.of, r.RealServer, k, p, files))
			}
			x.Checks = checks[first:len(checks):len(checks)]
			s.Servers = append(s.Servers, x)
		}
		all = append(all, s)
	})
	if len(c.VirtualServerGroups) > 0 { // without groups keys are told apart by names
		share(all)
	}
	return all
}

// share marks services that have a key which another one has, too.
func share(all []node.Service) {
	owners := make(map[balance.Key]int, len(all))
	for i := range all {
		for _, k := range all[i].Layout.Keys {
			if first, there := owners[k]; !there {
				owners[k] = i
			} else if first != i {
				all[first].Shares, all[i].Shares = true, true
			}
		}
	}
}

// lives are the timings of checks, each once: tens of thousands share one.
type lives struct {
	made map[health.Config]*health.Config
}

func (b *lives) check(v *config.VirtualServer, r *config.RealServer, k *config.Check, p *Probe, files map[string]*config.TrackFile) node.Check {
	t := k.Timers(v, r)
	life := health.Config{
		Interval: t.DelayLoop, Doubt: t.FastInterval, Warmup: t.Warmup, Rise: t.Rise, Fall: t.Fall, Alpha: t.Alpha, Grace: t.UnknownGrace,
		OnUnknown: policy(t.OnUnknown),
	}
	switch {
	case t.Alpha && t.FirstWorks:
		life.First = health.Alone
	case !t.Alpha && !t.FirstFails:
		life.First = health.Counted
	}
	out := node.Check{Kind: kindOf(k)}
	life.FromStart = k.Misc != nil
	switch {
	case k.File != nil:
		out.File, out.Identity = k.File.TrackFile, k.File.TrackFile
		life.Alpha = false // as by keepalived: what is in the file is known at once
		if f := files[k.File.TrackFile]; f != nil {
			out.Weight, out.Reverse = f.Weight, f.Reverse
		}
		if k.File.Weight != nil {
			out.Weight, out.Reverse = *k.File.Weight, false
		}
		if k.File.Reverse != nil {
			out.Reverse = *k.File.Reverse
		}
	case k.BFD != nil:
		out.Session, out.Identity = k.BFD.Name, k.BFD.Name
	case p != nil:
		life.Patience = p.Patience
		out.Identity, out.LogAll = p.Identity(), p.LogAll
		out.Place = p.Place()
		if r.Smoothing != nil {
			smoothing := Smoothing(r.Smoothing)
			out.Smoothing = &smoothing
		}
		if p.Lua != nil && p.Lua.Measures {
			life.Alpha, life.OnUnknown = false, health.Keep
		}
	}
	out.Life = b.shared(life)
	return out
}

// shared is the one that is used for all that are the same.
func (b *lives) shared(life health.Config) *health.Config {
	made := b.made[life]
	if made == nil {
		made = new(health.Config) // not &life, for which each call would take memory
		*made = life
		b.made[life] = made
	}
	return made
}

// policy is what is made of an unknown verdict.
func policy(word string) health.Policy {
	switch word {
	case "fail":
		return health.Fail
	case "ok":
		return health.Pass
	}
	return health.Keep
}

// serviceTuple is how keepalived writes a virtual server into FIFOs and mails. place
// is how many virtual servers of its group are before it.
func serviceTuple(v *config.VirtualServer, place int) string {
	switch {
	case v.Group != "":
		return fmt.Sprintf("[%s]:%d", v.Group, place)
	case v.Fwmark != 0:
		return fmt.Sprintf("FWM %d", v.Fwmark)
	}
	return tuple(v.Address, strings.ToLower(v.Protocol))
}

// serverTuple does so with a real server. By the mark of a virtual server packets that
// are not rewritten come to any port, which is 0 then. The protocol is in small letters.
func serverTuple(v *config.VirtualServer, r *config.RealServer, protocol string) string {
	e := r.Endpoint(v)
	if v.Fwmark != 0 && r.Method(v).Kind != config.NAT {
		e.AddrPort = netip.AddrPortFrom(e.Addr(), 0)
	}
	return tuple(e, protocol)
}

func tuple(e config.Endpoint, protocol string) string {
	var room [96]byte
	b := append(room[:0], '[')
	if e.IsValid() {
		b = e.Addr().AppendTo(b)
	} else {
		b = append(b, e.Addr().String()...)
	}
	b = append(b, "]:"...)
	b = append(b, protocol...)
	return string(strconv.AppendUint(append(b, ':'), uint64(e.Port()), 10))
}

// MailsService reports whether a mail is sent when the quorum of a virtual
// server is won or lost.
func MailsService(c *config.Config, v *config.VirtualServer) bool {
	return first(false, v.SMTPAlert, c.Global.SMTPAlertChecker, c.Global.SMTPAlert)
}

// MailsServer reports whether one is sent when a real server changes.
func MailsServer(c *config.Config, v *config.VirtualServer, r *config.RealServer) bool {
	return first(true, r.SMTPAlert, v.SMTPAlert, c.Global.SMTPAlertChecker, c.Global.SMTPAlert)
}

// first returns what was written first, or otherwise.
func first(otherwise bool, written ...*bool) bool {
	for _, p := range written {
		if p != nil {
			return *p
		}
	}
	return otherwise
}
