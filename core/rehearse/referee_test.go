package rehearse

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/moonkeep/moonkeep/core/mono"
	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

// referee holds the invariants of the protocol against everything that
// happens. It knows the nodes' configurations and what they do, and works out
// the rest by itself.
type referee struct {
	lives map[*Node]*life
	// stable is set when no instance may change its role any more.
	stable bool
	// calm is when the cluster was last hurt, Never before, and span the
	// longest time that a node waits for a master.
	calm mono.Instant
	span time.Duration
	// problem is the first breach.
	problem string
	// stranded holds the addresses that a node gave up in such a way that no
	// master can have known that clients looked for them there.
	stranded map[netip.Addr]bool
	// distrust is set when clocks are set: a master may then not believe the
	// last advert of one that yields.
	distrust bool
	// versions is set when nodes may speak different ones.
	versions bool
	// differ is set when nodes may differ in what makes them refuse each other's
	// adverts.
	differ bool
	seen   seen
}

// life is what the referee keeps of one daemon.
type life struct {
	config   node.Config // in force before the present happening
	leaving  map[string]bool
	running  map[string]bool // scripts
	heard    map[string]acceptance
	counts   map[uint8]vrrp.Counters // by VRID
	priority map[string]uint8        // effective
	previous map[string]uint8        // effective before the present happening
	master   map[string]mono.Instant // since when
	due      map[string]mono.Instant // the advert after the last one
	refused  map[string]int          // claims in a row that failed
	parted   partings
	allowed  map[uint8]bool // to preempt, by VRID, since it is not MASTER
	seq      uint64
	ticks    int
	since    mono.Instant
	clock    time.Duration // Node.Clock
}

// acceptance is the last advert of a live master that a BACKUP obeyed.
type acceptance struct {
	at       mono.Instant
	interval time.Duration
}

func newReferee() *referee {
	return &referee{calm: mono.Never, lives: map[*Node]*life{}, stranded: map[netip.Addr]bool{}}
}

func (r *referee) blame(h *Happening, format string, args ...any) {
	if r.problem == "" {
		r.problem = fmt.Sprintf("%v: ", h) + fmt.Sprintf(format, args...)
	}
}

func (r *referee) observe(h *Happening) {
	switch h.Cause {
	case "crash", "kill", "stopped":
		for i := range h.Node.Config.Instances {
			r.strand(owned(&h.Node.Config.Instances[i]))
		}
		delete(r.lives, h.Node)
		return
	case "start":
		r.lives[h.Node] = &life{
			leaving: map[string]bool{}, running: map[string]bool{}, heard: map[string]acceptance{}, counts: map[uint8]vrrp.Counters{},
			priority: map[string]uint8{}, previous: map[string]uint8{}, master: map[string]mono.Instant{}, due: map[string]mono.Instant{}, refused: map[string]int{}, allowed: map[uint8]bool{}, since: h.At, config: h.Node.daemon.config, clock: h.Node.Clock,
		}
	case "pause", "resume":
		return
	case "kernel":
		r.kernel(h)
		return
	}
	l := r.lives[h.Node]
	clear(l.previous)
	r.slept(h, l)
	if h.Cause == "reload" {
		l.rename(h)
	}
	if h.Cause == "stop" {
		for name, role := range h.after {
			l.leaving[name] = role == vrrp.Master
		}
	}
	r.moves(h, l)
	if h.Cause == "reload" {
		l.otherwise(h)
		r.reloaded(h, l)
		l.ticks, l.since = 0, h.At // intervals may be others
	}
	if h.Cause == "clock" && l.clock != h.Node.Clock {
		l.clock = h.Node.Clock
		r.seen[clockSteps]++
	}
	if e, ok := h.Event.(*node.Checked); ok {
		l.running[e.Script] = false
	}
	if e, ok := h.Event.(*node.PolicySaid); ok && e.Objection == "" {
		l.allow(h, e.Instance)
	}
	if e, ok := h.Event.(*node.Claimed); ok {
		l.refused[e.Instance]++
		if e.Failure == "" || h.After(e.Instance) != vrrp.Master {
			l.refused[e.Instance] = 0
		}
		if l.refused[e.Instance] > 2 && !l.leaving[e.Instance] {
			r.blame(h, "%s stays MASTER without its addresses", e.Instance)
		}
	}
	if h.Cause == "tick" {
		r.tick(h, l)
	}
	if e, ok := h.Event.(*node.Received); ok {
		r.listen(h, l, e)
	}
	other := func(a node.Action) bool { return a.Kind != node.Send && a.Kind != node.SendBFD }
	if slices.ContainsFunc(h.Actions, other) || h.Cause == "reload" || h.Cause == "tick" && l.ticks%32 == 0 {
		r.status(h, l) // costs most of the test's time when done each time
	}
	for i := range h.Actions {
		r.action(h, l, i)
	}
	l.parted.end(h, l)
	l.config = h.Node.daemon.config
}

func (r *referee) strand(addresses []netspec.Address) {
	for _, a := range addresses {
		r.stranded[a.Addr()] = true
	}
}

// tick: a call leaves nothing that is due, and the calls are not too many.
func (r *referee) tick(h *Happening, l *life) {
	if h.Node.deadline().Reached(h.At) {
		r.blame(h, "the deadline %v has passed after Tick", h.Node.deadline())
	}
	l.ticks++
	if h.At.Sub(l.since) < time.Second {
		return
	}
	allowed := 60
	for _, in := range h.Node.daemon.config.Instances {
		allowed += int(4*time.Second/in.Router.Interval) + 20
	}
	for _, s := range h.Node.daemon.config.Scripts {
		allowed += int(2*time.Second/s.Interval) + 2
	}
	for _, s := range h.Node.daemon.config.Sessions {
		allowed += int(4*time.Second/s.BFD.MinTx) + 20
	}
	for _, k := range checksOf(&h.Node.daemon.config) {
		allowed += int(2*time.Second/min(k.Life.Interval, k.Life.Doubt)) + 4
	}
	if l.ticks > allowed {
		r.blame(h, "%d calls of Tick within %v", l.ticks, h.At.Sub(l.since))
	}
	l.ticks, l.since = 0, h.At
}

// find returns the configuration of an instance, as it is now or, for one
// that a reload removed, was before.
func find(h *Happening, l *life, name string) *node.Instance {
	if in := named(&h.Node.daemon.config, name); in != nil {
		return in
	}
	return named(&l.config, name)
}

func named(cfg *node.Config, name string) *node.Instance {
	if i := slices.IndexFunc(cfg.Instances, func(in node.Instance) bool { return in.Name == name }); i >= 0 {
		return &cfg.Instances[i]
	}
	return nil
}

// listen notes which adverts a BACKUP must obey.
func (r *referee) listen(h *Happening, l *life, e *node.Received) {
	for _, in := range h.Node.daemon.config.Instances {
		if in.Router.VRID != e.Packet.Message()[1] {
			continue
		}
		r.unheard(h, &in, e)
		counted := true
		if in.Router.Interop || in.Router.HMAC.Mode != vrrp.HMACOff || in.Router.Auth == vrrp.AuthAH {
			// One that is old, came twice, or repeats in another version does
			// not count. Only the router's own counts tell.
			now := counts(h, in.Name)
			before := l.counts[in.Router.VRID]
			counted = now.Received > before.Received && now.Echoes == before.Echoes
			r.seen[stale] += int(now.Rejected[vrrp.RejectExtStale] - before.Rejected[vrrp.RejectExtStale])
			r.seen[replayed] += int(now.Rejected[vrrp.RejectExtReplay] - before.Rejected[vrrp.RejectExtReplay])
			l.counts[in.Router.VRID] = now
		}
		if !counted || h.After(in.Name) != vrrp.Backup {
			continue
		}
		a, rule := in.Router.Verify(&e.Packet)
		switch {
		case r.differ && rule != vrrp.Accepted:
		case r.versions && (rule == vrrp.RejectVersion || rule == vrrp.RejectInterval):
		case rule != vrrp.Accepted:
			r.blame(h, "a peer rejects the advert: %v", rule)
		case a.Priority == 0:
			delete(l.heard, in.Name)
		case a.Priority >= l.priority[in.Name] || in.Router.NoPreempt && in.Router.Priority < 255:
			l.heard[in.Name] = acceptance{h.At, a.Interval}
		case in.Router.PreemptDelay > 0 || in.Router.AskPreempt || leavesAlone(h, in.Name):
			// Obeyed or not, depending on since when it is heard; or obeyed,
			// after a planned move or in maintenance.
			delete(l.heard, in.Name)
		}
	}
}

func counts(h *Happening, name string) vrrp.Counters {
	for _, in := range h.Status().Instances {
		if in.Name == name {
			return in.Counts
		}
	}
	return vrrp.Counters{}
}

func (r *referee) action(h *Happening, l *life, i int) {
	a := &h.Actions[i]
	in := find(h, l, a.Instance)
	before, after := h.Before(a.Instance), h.After(a.Instance)
	holding := after == vrrp.Master && !l.leaving[a.Instance]
	switch a.Kind {
	case node.Send:
		r.send(h, l, a, in)
	case node.Claim, node.Announce:
		if strings.HasPrefix(a.Instance, static) {
			return // whatever the roles
		}
		// One that hands over may be renamed, or get other addresses.
		if !holding && !(h.Cause == "reload" && a.Kind == node.Claim && after == vrrp.Master) {
			r.blame(h, "%s claims or announces as %v", a.Instance, after)
		}
	case node.Release:
		if strings.HasPrefix(a.Instance, static) {
			return
		}
		kept := h.Node.daemon.config.Instances
		still := slices.ContainsFunc(kept, func(in node.Instance) bool {
			return in.Name == a.Instance && slices.ContainsFunc(a.Addresses, func(x netspec.Address) bool { return slices.Contains(owned(&in), x) })
		})
		left := slices.ContainsFunc(h.Actions, func(b node.Action) bool {
			return b.Change != nil && b.Change.Name == a.Instance && b.Change.From == vrrp.Master
		})
		if h.Cause != "reload" && before != vrrp.Master || still && after == vrrp.Master && !left {
			r.blame(h, "%s releases its addresses going from %v to %v", a.Instance, before, after)
		}
	case node.Run:
		if l.running[a.Script] {
			r.blame(h, "script %s is run while it runs", a.Script)
		}
		l.running[a.Script] = true
	case node.Told:
		if c := a.Change; c.Occasion.OfService() {
			if c.Seq != l.seq+1 {
				r.blame(h, "change %d follows change %d", c.Seq, l.seq)
			}
			l.seq = c.Seq
		}
	case node.Changed:
		r.change(h, l, i, in)
	case node.Noted:
		r.noted(a.Note)
		if a.Note.Topic == "policy" && a.Note.Level == node.Warn {
			l.allowed[find(h, l, a.Instance).Router.VRID] = true // nobody answered
		}
	}
}

// send: only a master advertises, and it says priority 0 only when it leaves.
func (r *referee) send(h *Happening, l *life, a *node.Action, in *node.Instance) {
	advert, rule := verify(a, in)
	if was := named(&l.config, a.Instance); h.Cause == "reload" && rule != vrrp.Accepted && was != nil {
		advert, rule = verify(a, was) // one that ends is what it was
	}
	before, after := h.Before(in.Name), h.After(in.Name)
	if hastens(h, a, &advert, in) {
		advert.Priority = 0 // it belongs to the one of priority 0
	}
	switch {
	case rule != vrrp.Accepted:
		r.blame(h, "%s sends what no peer accepts: %v", in.Name, rule)
	case advert.Priority == 0 && (before != vrrp.Master || after == vrrp.Backup && !planned(h) && !cedes(h, in.Name) || after == vrrp.Master && h.Cause != "stop" && !planned(h)):
		r.blame(h, "%s resigns going from %v to %v", in.Name, before, after)
	case advert.Priority == 0 && after == vrrp.Backup:
		l.parted.ceded[in.Name] = true
	case advert.Priority == 0 && after == vrrp.Master:
		r.seen[handovers]++
	case r.parts(h, l, &advert, in.Name):
	case advert.Priority > 0 && before != vrrp.Master && after != vrrp.Master:
		r.blame(h, "%s advertises as %v", in.Name, after)
	case advert.Priority > 0 && l.leaving[in.Name]:
		r.blame(h, "%s advertises after it resigned", in.Name)
	case advert.Priority > 0 && advert.Priority != l.priority[in.Name] && !(h.Cause == "tick" && advert.Priority == l.previous[in.Name]):
		// One call of Tick may send an advert and then see a session go down.
		r.blame(h, "%s advertises priority %d, its effective one is %d", in.Name, advert.Priority, l.priority[in.Name])
	}
}

// verify judges an advert as a peer of the same configuration does.
func verify(a *node.Action, in *node.Instance) (vrrp.Advert, vrrp.Rejection) {
	peer := in.Router
	if peer.Unicast.On {
		peer.Unicast.Peers = []vrrp.Peer{{Addr: a.Source}}
	}
	p := vrrp.Packet{Source: a.Source, Destination: a.Destination, TTL: int(a.TTL), Protocol: a.Protocol, Payload: a.Payload}
	if a.Protocol == vrrp.ProtocolAH {
		p.Header = vrrp.AppendIPv4Header(nil, a.Source, a.Destination, a.Protocol, a.TTL, a.ID, len(a.Payload))
	}
	return peer.Verify(&p)
}

// change: what belongs to a change of role happens with it.
func (r *referee) change(h *Happening, l *life, i int, in *node.Instance) {
	c := h.Actions[i].Change
	if c.Seq != l.seq+1 {
		r.blame(h, "change %d follows change %d", c.Seq, l.seq)
	}
	l.seq = c.Seq
	if r.stable {
		r.blame(h, "%s changes its role for no reason", c.Name)
	}
	if c.Group {
		switch {
		case c.To == vrrp.Master:
			r.seen[promotedGroups]++
		case c.From == vrrp.Master && c.To == vrrp.Backup:
			r.seen[yieldingGroups]++
		}
		return
	}
	index := func(k node.ActionKind, list []node.Action) int {
		return slices.IndexFunc(list, func(a node.Action) bool { return a.Kind == k && a.Instance == c.Name })
	}
	if h.Cause != "reload" && !h.Node.daemon.stopping {
		r.together(h, c)
	}
	earlier := h.Actions[:i]
	if c.From == vrrp.Master {
		l.refused[c.Name] = 0
		at := index(node.Release, earlier)
		if at < 0 || len(earlier[at].Addresses) == 0 {
			r.blame(h, "%s leaves MASTER and keeps its addresses", c.Name)
		} else if net := &h.Node.c.Net; h.Cause != "packet" || c.To != vrrp.Backup || net.Loss > 0 || len(h.Node.c.cut) > 0 || r.distrust {
			r.strand(h.Actions[at].Addresses)
		}
		if c.To == vrrp.Backup {
			r.seen[yields]++
		}
	}
	switch c.To {
	case vrrp.Master:
		send, claim, announce := index(node.Send, earlier), index(node.Claim, earlier), index(node.Announce, earlier)
		if send < 0 || claim < send || announce < claim {
			r.blame(h, "%s becomes MASTER and does not advertise, claim and announce in this order", c.Name)
		}
		if last, ok := l.heard[c.Name]; ok && h.Cause == "tick" {
			if silence := h.At.Sub(last.at); silence < time.Duration(in.Router.DownAdverts)*last.interval {
				r.blame(h, "%s takes over %v after the advert of a live master", c.Name, silence)
			}
		}
		if h.At.Sub(r.calm) > r.span {
			r.rival(h, l, in)
		}
		if in.Router.AskPreempt && !in.Router.Hold && in.Router.Priority < 255 && strings.HasPrefix(c.Why, "preempting ") {
			if !l.allowed[in.Router.VRID] {
				r.blame(h, "%s preempts and was not allowed to", c.Name)
			}
			r.seen[permitted]++
		}
		delete(l.allowed, in.Router.VRID)
		l.master[c.Name] = h.At
		r.seen[takeovers]++
	case vrrp.Fault:
		r.seen[faults]++
	}
	if c.To != vrrp.Backup {
		delete(l.heard, c.Name)
	}
}

// rival: on an unhurt network nobody takes over from a better master.
func (r *referee) rival(h *Happening, l *life, in *node.Instance) {
	for _, n := range h.Node.c.Nodes {
		other := instanceOf(n, in.Router.VRID)
		if n == h.Node || n.Role(other.Name) != vrrp.Master {
			continue
		}
		its := r.lives[n]
		if h.At.Sub(its.master[other.Name]) <= h.Node.c.Net.Delay {
			continue // nobody has heard of it yet
		}
		if p := its.priority[other.Name]; p > l.priority[in.Name] {
			r.blame(h, "%s takes over from %s, whose priority is %d", in.Name, n.Name, p)
		}
	}
}
