package rehearse

import (
	"maps"
	"net/netip"
	"time"

	"github.com/moonkeep/moonkeep/core/health"
	"github.com/moonkeep/moonkeep/core/mono"
	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

// Node is one machine of a Cluster: its interfaces, its kernel, and the daemon
// on it.
type Node struct {
	Index int
	Name  string
	// Config is what the daemon reads when it starts; Reload replaces it.
	Config node.Config
	// KernelDelay is how long setting, removing or announcing addresses
	// takes; drawn between zero and it each time.
	KernelDelay time.Duration
	// Maintenance is what is in maintenance, which outlives the daemon. Maintain
	// changes it.
	Maintenance node.Maintenance
	// Clock is how far the wall clock is from the cluster's, which began in 2026;
	// SetClock changes it.
	Clock time.Duration
	// Refusal is why the kernel refuses to set addresses; empty when it does
	// not.
	Refusal string
	// CheckDelay is how long a run of a script takes, drawn likewise.
	CheckDelay time.Duration
	// Policy says why the node must not preempt now, "" when it may, and whether
	// it says anything at all. Nil lets it. It takes CheckDelay at most.
	Policy func() (objection string, answers bool)
	// Checks says what each script finds; a script that is not named here
	// finds everything in order.
	Checks map[string]node.Result
	// Files says what is in each tracked file, and Processes how many run of
	// each tracked process; what is not named here is 0, or runs once.
	// SetFile and SetProcesses change them.
	Files     map[string]int64
	Processes map[string]int
	// Verdicts says what checks of real servers find, by their identities; what
	// is not named here finds all well. With Mute nobody answers. A probe takes
	// CheckDelay at most.
	Verdicts map[string]health.Verdict
	Mute     bool

	c      *Cluster
	daemon *daemon // nil while none runs
	ending *daemon // one that has stopped, and whose lane may have work left
	kernel kernel
	down   map[string]bool // interfaces without carrier
	source netip.Addr
}

// daemon is one life of the process.
type daemon struct {
	node   *node.Node
	config node.Config
	// epoch is when it started: its clock's zero.
	epoch    mono.Instant
	stopping bool
	paused   bool
	dead     bool // nothing that it asked for happens any more
	waiting  []func()
	lane     lane
	// roles are its instances'; the map is replaced, never changed.
	roles map[string]vrrp.Role
	// here is what tellHost told last, nil before and after a reload.
	here map[netip.Addr]bool
}

func newNode(c *Cluster, i int, cfg node.Config) *Node {
	return &Node{
		Index: i, Name: string(rune('a' + i)), Config: cfg, c: c, Checks: map[string]node.Result{},
		Files: map[string]int64{}, Processes: map[string]int{}, Verdicts: map[string]health.Verdict{},
		KernelDelay: time.Millisecond, CheckDelay: 5 * time.Millisecond,
		kernel: newKernel(), down: map[string]bool{},
		source: netip.AddrFrom4([4]byte{192, 0, 2, byte(i + 1)}),
	}
}

func (n *Node) awake() bool { return n.daemon != nil && !n.daemon.paused }

// Running reports whether a daemon runs, be it paused.
func (n *Node) Running() bool { return n.daemon != nil }

// Paused reports whether a daemon runs that is paused.
func (n *Node) Paused() bool { return n.daemon != nil && n.daemon.paused }

// Role returns the role of an instance, INIT while no daemon runs.
func (n *Node) Role(instance string) vrrp.Role {
	if n.daemon == nil {
		return vrrp.Init
	}
	return n.daemon.roles[instance]
}

// Status asks the daemon, nil while none runs. Its instants are of the
// daemon's own clock, which began when it did.
func (n *Node) Status() *node.Status {
	if n.daemon == nil {
		return nil
	}
	return n.daemon.node.Status(n.local())
}

// local returns the present instant on the clock of the daemon that runs.
func (n *Node) local() mono.Instant { return n.c.now - n.daemon.epoch }

// deadline returns when the daemon wants its next tick, on the cluster's
// clock.
func (n *Node) deadline() mono.Instant {
	return n.daemon.node.Deadline().Add(time.Duration(n.daemon.epoch))
}

func (n *Node) linkUp(iface string) bool { return !n.down[iface] }

// Start starts the daemon: like the real one it first removes what an earlier
// one left behind, and it waits for one that is about to end.
func (n *Node) Start() {
	if n.daemon != nil {
		return
	}
	n.finish()
	n.kernel = newKernel()
	cfg := n.Config
	cfg.Seed += uint64(n.c.now) // another life draws others
	cfg.Maintenance = n.Maintenance
	d := &daemon{epoch: n.c.now, config: n.Config, node: node.New(0, cfg)}
	d.lane.refused = map[string]bool{}
	n.daemon = d
	n.decide("start", nil, nil)
	n.tellClock()
	n.tick()
	n.tellLinks()
	n.tellHost()
	n.tellWatched()
}

// tellLinks delivers the state of every interface that the daemon watches.
func (n *Node) tellLinks() {
	seen := map[string]bool{}
	tell := func(name string) {
		if !seen[name] {
			seen[name] = true
			n.deliver("link", n.link(name))
		}
	}
	for _, in := range n.daemon.config.Instances {
		tell(in.Interface)
		for _, t := range in.Interfaces {
			tell(t.Name)
		}
	}
	for _, g := range n.daemon.config.Groups {
		for _, t := range g.Interfaces {
			tell(t.Name)
		}
	}
}

// tellHost says of the addresses that services wait for whether the machine has them by
// itself, if that is not what was told last.
func (n *Node) tellHost() {
	d := n.daemon
	if d == nil {
		return
	}
	here := map[netip.Addr]bool{}
	for i := range d.config.Services {
		if a := d.config.Services[i].Awake; a.IsValid() {
			here[a] = n.kernel.hosts(a) || n.has(a)
		}
	}
	if len(here) > 0 && (d.here == nil || !maps.Equal(here, d.here)) {
		d.here = here
		n.deliver("host", &node.HostHas{Here: here})
	}
}

func (n *Node) link(name string) *node.Link {
	return &node.Link{
		Name: name, Exists: true, Up: n.linkUp(name), Index: 2, MTU: 1500, Primary: n.source, Primary6: n.source6(),
	}
}

// source6 is the link-local address of every interface.
func (n *Node) source6() netip.Addr {
	return netip.AddrFrom16([16]byte{0xfe, 0x80, 15: byte(n.Index + 1)})
}

// has reports whether an address is the node's own.
func (n *Node) has(a netip.Addr) bool { return a == n.source || a == n.source6() }

// began is what the cluster's wall clock shows at instant zero.
func began() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) }

// SetClock sets the wall clock.
func (n *Node) SetClock(d time.Duration) {
	n.Clock = d
	n.tellClock()
}

// tellClock has the daemon learn what its wall clock shows, when it is awake.
func (n *Node) tellClock() {
	if d := n.daemon; d != nil {
		n.whenAwake(d, func() {
			ev := &node.Clock{Wall: began().UnixNano() + int64(n.c.now) + int64(n.Clock)}
			n.decide("clock", ev, func(now mono.Instant) []node.Action { return d.node.Step(now, ev) })
		})
	}
}

// Crash is the machine's death: the daemon and the addresses are gone.
func (n *Node) Crash() {
	n.end()
	n.kernel = newKernel()
	n.tell("crash")
}

// Kill is kill -9: the daemon is gone, the addresses stay in the kernel.
func (n *Node) Kill() {
	n.end()
	n.tell("kill")
}

// end takes the daemon's life, and that of one that was about to end.
func (n *Node) end() {
	for _, d := range []*daemon{n.daemon, n.ending} {
		if d != nil {
			d.dead = true
		}
	}
	n.daemon, n.ending = nil, nil
}

// Stop begins an orderly stop; the daemon ends by itself.
func (n *Node) Stop() {
	if d := n.daemon; d != nil {
		n.whenAwake(d, func() {
			d.stopping = true
			n.decide("stop", nil, d.node.Stop)
		})
	}
}

// Reload makes the daemon take another configuration; without a daemon the
// next one starts with it.
func (n *Node) Reload(cfg node.Config) {
	n.Config = cfg
	if d := n.daemon; d != nil {
		n.whenAwake(d, func() {
			if d.stopping {
				return
			}
			d.config = cfg
			n.hurry(d)
			n.decide("reload", nil, func(now mono.Instant) []node.Action { return d.node.Reconfigure(now, cfg) })
			n.tellLinks()
			d.here = nil
			n.tellHost()
			n.tellWatched()
		})
	}
}

// Pause stops the process (SIGSTOP); Resume lets it go on, with everything
// that came meanwhile waiting for it.
func (n *Node) Pause() {
	if n.awake() {
		n.daemon.paused = true
		n.tell("pause")
	}
}

// Resume undoes Pause. Whether the daemon first looks at its clock or at what
// waits is chance, as it is when a process with several threads wakes up.
func (n *Node) Resume() {
	d := n.daemon
	if d == nil || !d.paused {
		return
	}
	d.paused = false
	n.tell("resume")
	if n.c.rng.IntN(2) == 0 {
		n.tick()
	}
	waiting := d.waiting
	d.waiting = nil
	for _, f := range waiting {
		n.whenAwake(d, f)
	}
}

// SetLink takes an interface's carrier away or gives it back.
func (n *Node) SetLink(name string, up bool) {
	if n.linkUp(name) == up {
		return
	}
	n.down[name] = !up
	n.deliver("link", n.link(name))
}

// Remove takes an address away behind the daemon's back.
func (n *Node) Remove(a netip.Addr) {
	for _, gone := range n.kernel.remove(a) {
		n.deliver("gone", gone)
	}
	n.tellHost()
}

// Holds reports whether the kernel has the address.
func (n *Node) Holds(a netip.Addr) bool { return n.kernel.stands[a] }

// deliver hands an event to the daemon, now or when it resumes.
func (n *Node) deliver(cause string, ev node.Event) {
	if d := n.daemon; d != nil {
		n.whenAwake(d, func() {
			n.decide(cause, ev, func(now mono.Instant) []node.Action { return d.node.Step(now, ev) })
		})
	}
}

// whenAwake has f called now, or when the paused daemon d resumes, or never
// when d ends before.
func (n *Node) whenAwake(d *daemon, f func()) {
	switch {
	case n.daemon != d:
	case d.paused:
		d.waiting = append(d.waiting, f)
	default:
		f()
	}
}

func (n *Node) tick() {
	if n.awake() {
		n.decide("tick", nil, n.daemon.node.Tick)
	}
}

// tell lets the observer know of what makes no daemon decide.
func (n *Node) tell(cause string, done ...node.Action) {
	if n.c.Observe != nil {
		h := Happening{At: n.c.now, Node: n, Cause: cause, Actions: done}
		if n.daemon != nil {
			h.before, h.after = n.daemon.roles, n.daemon.roles
		}
		n.c.Observe(&h)
	}
}

// decide makes the daemon decide and carries out what it asks for. A nil f
// stands for the daemon's making, which asks for nothing.
func (n *Node) decide(cause string, ev node.Event, f func(mono.Instant) []node.Action) {
	d := n.daemon
	h := Happening{At: n.c.now, Node: n, Cause: cause, Event: ev, before: d.roles}
	if f != nil {
		h.Actions = f(n.local())
	}
	if f == nil || cause == "reload" || changes(h.Actions) {
		d.roles = map[string]vrrp.Role{}
		for _, in := range h.Status().Instances {
			d.roles[in.Name] = in.Role
		}
	}
	h.after = d.roles
	n.Maintenance = d.node.Maintenance()
	if n.c.Observe != nil {
		n.c.Observe(&h)
	}
	for i := range h.Actions {
		n.act(d, &h.Actions[i])
	}
	if d.node.Stopped() {
		n.daemon, n.ending = nil, d
		n.hurry(d)
		n.tell("stopped")
	}
}

// changes reports whether an instance changes its role.
func changes(actions []node.Action) bool {
	for i := range actions {
		if c := actions[i].Change; c != nil && !c.Group && !c.Occasion.OfService() {
			return true
		}
	}
	return false
}

func (n *Node) act(d *daemon, a *node.Action) {
	switch a.Kind {
	case node.Send:
		n.c.send(n, a)
	case node.SendBFD:
		n.c.sendBFD(n, a)
	case node.Claim, node.Release, node.Announce:
		n.enqueue(d, *a)
	case node.Probe:
		n.probe(d, a)
	case node.AskPolicy:
		instance := a.Instance
		n.c.after(n.c.upTo(n.CheckDelay), func() {
			objection, answers := "", true
			if n.Policy != nil {
				objection, answers = n.Policy()
			}
			if n.daemon == d && answers {
				n.deliver("policy", &node.PolicySaid{Instance: instance, Objection: objection})
			}
		})
	case node.Run:
		name := a.Script
		n.c.after(n.c.upTo(n.CheckDelay), func() {
			if n.daemon == d {
				n.deliver("checked", &node.Checked{Script: name, Result: n.Checks[name]})
			}
		})
	}
}
