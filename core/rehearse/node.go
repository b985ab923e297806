package rehearse

import (
	"net/netip"
	"time"

	"github.com/moonkeep/moonkeep/core/mono"
	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

// Node is one machine of a Cluster: its kernel, and the daemon on it.
type Node struct {
	Index  int
	Name   string
	Config node.Config
	// KernelDelay is how long setting or removing addresses takes; drawn
	// between zero and it each time.
	KernelDelay time.Duration
	// CheckDelay is how long a run of a script takes, likewise.
	CheckDelay time.Duration
	// Checks says what each script finds; a script that is not named here
	// finds everything in order.
	Checks map[string]node.Result

	c       *Cluster
	node    *node.Node // nil while no daemon runs
	life    int        // counts daemons, so that an answer to a dead one is lost
	epoch   mono.Instant
	paused  bool
	waiting []func() // what came while paused
	down    map[string]bool
	held    map[netip.Addr]bool
	laneAt  mono.Instant // when the lane has done what was asked so far
	source  netip.Addr
}

func newNode(c *Cluster, i int, cfg node.Config) *Node {
	return &Node{
		Index: i, Name: string(rune('a' + i)), Config: cfg, c: c, Checks: map[string]node.Result{},
		KernelDelay: time.Millisecond, CheckDelay: 5 * time.Millisecond,
		down: map[string]bool{}, held: map[netip.Addr]bool{},
		source: netip.AddrFrom4([4]byte{192, 0, 2, byte(i + 1)}),
	}
}

// local and global convert between the cluster's clock and the daemon's, which
// begins when the daemon does.
func (n *Node) local(t mono.Instant) mono.Instant  { return mono.Instant(t - n.epoch) }
func (n *Node) global(t mono.Instant) mono.Instant { return t + n.epoch }

func (n *Node) awake() bool   { return n.node != nil && !n.paused }
func (n *Node) Running() bool { return n.node != nil }
func (n *Node) Paused() bool  { return n.paused }

func (n *Node) linkUp(iface string) bool { return !n.down[iface] }

// Start starts the daemon: like the real one it first clears its addresses.
func (n *Node) Start() {
	if n.node != nil {
		return
	}
	clear(n.held)
	n.life++
	n.epoch = n.c.now
	n.laneAt = n.c.now
	n.node = node.New(0, n.Config)
	n.observe("start")
	for _, name := range n.interfaces() {
		n.deliver(n.link(name))
	}
	n.tick()
}

func (n *Node) interfaces() []string {
	var all []string
	seen := map[string]bool{}
	add := func(name string) {
		if !seen[name] {
			seen[name] = true
			all = append(all, name)
		}
	}
	for _, in := range n.Config.Instances {
		add(in.Interface)
		for _, t := range in.Interfaces {
			add(t.Name)
		}
	}
	return all
}

func (n *Node) link(name string) *node.Link {
	return &node.Link{Name: name, Exists: true, Up: n.linkUp(name), Index: 2, Primary: n.source, MTU: 1500}
}

// Crash is the machine's death: the daemon and the addresses are gone.
func (n *Node) Crash() {
	n.Kill()
	clear(n.held)
	n.observe("crash")
}

// Kill is kill -9: the daemon is gone, the addresses stay in the kernel.
func (n *Node) Kill() {
	n.node, n.paused, n.waiting = nil, false, nil
	n.life++
	n.observe("kill")
}

// Stop begins an orderly stop; the daemon ends by itself.
func (n *Node) Stop() {
	if !n.awake() {
		return
	}
	n.observe("stop")
	n.call(func() []node.Action { return n.node.Stop(n.local(n.c.now)) })
}

// Pause stops the process (SIGSTOP); Resume lets it go on, with everything
// that came meanwhile waiting for it.
func (n *Node) Pause() {
	if n.node != nil && !n.paused {
		n.paused = true
		n.observe("pause")
	}
}

// Resume undoes Pause. The engine looks at its deadline before its inbox, the
// worse order of the two.
func (n *Node) Resume() {
	if !n.paused {
		return
	}
	n.paused = false
	n.observe("resume")
	n.tick()
	waiting := n.waiting
	n.waiting = nil
	for _, f := range waiting {
		f()
	}
}

// SetLink takes an interface's carrier away or gives it back.
func (n *Node) SetLink(name string, up bool) {
	n.down[name] = !up
	n.deliver(n.link(name))
}

// Remove takes an address away behind the daemon's back.
func (n *Node) Remove(a netip.Addr) {
	if !n.held[a] {
		return
	}
	delete(n.held, a)
	for _, in := range n.Config.Instances {
		for _, x := range in.Addresses {
			if x.Addr() == a {
				n.deliver(&node.Gone{Instance: in.Name, Addresses: in.Addresses})
			}
		}
	}
}

// deliver hands an event to the daemon, now or when it resumes.
func (n *Node) deliver(ev node.Event) {
	life := n.life
	n.whenAwake(func() {
		if n.life == life && n.node != nil {
			n.call(func() []node.Action { return n.node.Step(n.local(n.c.now), ev) })
		}
	})
}

func (n *Node) whenAwake(f func()) {
	switch {
	case n.node == nil:
	case n.paused:
		n.waiting = append(n.waiting, f)
	default:
		f()
	}
}

func (n *Node) tick() { n.call(func() []node.Action { return n.node.Tick(n.local(n.c.now)) }) }

// call makes the node decide and carries out what it asks for.
func (n *Node) call(f func() []node.Action) {
	if n.node == nil {
		return
	}
	before := n.roles()
	for _, a := range f() {
		if n.c.Observe != nil {
			n.c.Observe(Happening{At: n.c.now, Node: n, Action: &a, Before: before})
		}
		n.act(a)
	}
	if n.node.Stopped() {
		n.node = nil
		n.life++
		n.observe("stopped")
	}
}

func (n *Node) act(a node.Action) {
	switch a.Kind {
	case node.Send:
		n.c.send(n, &a)
	case node.Claim, node.Release:
		n.lane(a)
	case node.Run:
		life := n.life
		n.c.after(n.upTo(n.CheckDelay), func() {
			if n.life == life {
				n.deliver(&node.Checked{Script: a.Script, Result: n.Checks[a.Script]})
			}
		})
	}
}

// lane does address actions one after the other, as lane 1 does.
func (n *Node) lane(a node.Action) {
	n.laneAt = max(n.laneAt, n.c.now).Add(n.upTo(n.KernelDelay))
	life := n.life
	n.c.queue.push(n.laneAt, func() {
		// The lane of a daemon that has stopped still finishes; that of one
		// that was killed does not.
		if n.life != life && !(n.life == life+1 && a.Kind == node.Release) {
			return
		}
		for _, x := range a.Addresses {
			if a.Kind == node.Claim {
				n.held[x.Addr()] = true
			} else {
				delete(n.held, x.Addr())
			}
		}
		if a.Kind == node.Claim {
			n.deliver(&node.Claimed{Instance: a.Instance})
		}
	})
}

func (n *Node) upTo(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return time.Duration(n.c.rng.Int64N(int64(d)))
}

// roles returns the role of each instance, nil while no daemon runs.
func (n *Node) roles() map[string]vrrp.Role {
	if n.node == nil {
		return nil
	}
	roles := map[string]vrrp.Role{}
	for _, in := range n.node.Status(0).Instances {
		roles[in.Name] = in.Role
	}
	return roles
}

// Status asks the daemon, nil while none runs.
func (n *Node) Status() *node.Status {
	if n.node == nil {
		return nil
	}
	return n.node.Status(n.local(n.c.now))
}

func (n *Node) observe(event string) {
	if n.c.Observe != nil {
		n.c.Observe(Happening{At: n.c.now, Node: n, Event: event})
	}
}
