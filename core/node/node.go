package node

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/moonkeep/moonkeep/core/bfd"
	"github.com/moonkeep/moonkeep/core/mono"
	"github.com/moonkeep/moonkeep/core/track"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

// Node is one node. Its methods take the present instant, which must not run
// backwards, and return what is to be done, in order. The returned slice is
// valid until the next call.
type Node struct {
	// delayed says that the time of Config.StartDelay is not over.
	delayed   bool
	instances []*instance
	byName    map[string]*instance
	// byKey finds the instances that share a key: of one VRID those of
	// different groups, and those of unicast whose peers differ.
	byKey  map[key][]*instance
	groups []*group
	pass   uint64 // of settleAll
	// groupsByName finds a group again after a reload.
	groupsByName map[string]*group
	scripts      map[string]*script
	order        []*script // in configuration order
	bfd          *bfd.Table
	byLife       map[*bfd.Session]*session
	sessions     []*session // in configuration order
	// sessionsByName finds what is tracked.
	sessionsByName map[string]*session
	bfdActs        []bfd.Action // scratch
	statics        []*static    // in configuration order
	// bfdQuiet is until when a further packet that breaks the rule is not
	// told; Never means until a session comes up.
	bfdQuiet map[bfd.Rejection]mono.Instant
	random   bfd.Random
	// files and processes by name, and in configuration order.
	files        map[string]*file
	fileOrder    []*file
	processes    map[string]*process
	processOrder []*process
	// watched are the timers of processes and ports, in configuration order.
	watched []*timed
	// links are interfaces as they count; ports those whose changes count late.
	links map[string]Link
	ports map[string]*port
	sched schedule
	// services are in configuration order, and servers all of theirs, one after
	// the other.
	services []service
	servers  []*server
	// queue has all checks, and when they are due.
	queue checkQueue
	// generation is that of the numbers of checks. carried finds the check
	// whose probe was asked for under an earlier one, by the number then.
	generation uint32
	carried    map[uint64]uint32
	probing    ProbeCounts
	asks       []Ask // scratch
	// darkQuiet is until when no further loss of results is told, and darkTold
	// says that the last one was.
	darkQuiet mono.Instant
	darkTold  bool
	// touched are services whose sum of weights changed in this call.
	touched   []*service
	balancing balancing
	hands     map[serverName]*hand
	// stirred says that services may have to wake or to rest, and standing whether
	// the host has their addresses by itself, as far as that is told.
	stirred  bool
	standing map[netip.Addr]bool
	out      []Action
	spare    []vrrp.Action // see room
	small    int           // calls in a row that used little of out
	// scratch holds the payloads of this call that their router will write
	// into again.
	scratch []byte
	seq     uint64
	// wall is the wall clock at instant zero, in nanoseconds since 1970 UTC.
	wall     int64
	stopping bool
	// maintenance is which instances must not be MASTER.
	maintenance Maintenance
	// left is true when what is held statically was given up for the end.
	left bool
	// fresh is true until the first call after New, which also returns what
	// New asked for.
	fresh  bool
	looked mono.Instant // last, whether anybody stood still for too long
	// patience is how late a turn may be without that.
	patience time.Duration
	// running is true after the first configuration.
	running bool
	// orphans counts, by name, runs of scripts that a reload replaced or
	// removed, and whose results are still to come.
	orphans map[string]int
	// strangers counts packets whose virtual router is not configured on
	// their interface.
	strangers uint64
	// tellStrangers is Config.TellStrangers, and strange until when each of them
	// is not noted again.
	tellStrangers bool
	strange       map[key]mono.Instant
}

// instance is a virtual router with what surrounds it.
type instance struct {
	cfg    *Instance // shared with its author
	router *vrrp.Router
	group  *group
	timer  *timed
	acts   []vrrp.Action // what emit is to carry out

	faults  []string
	waiting []string
	terms   []Term

	// claimed is true when the kernel confirmed the addresses.
	claimed bool
	// refusals counts claims in a row that failed; retry is when to claim
	// again, Never when nothing is to be retried.
	refusals int
	retry    mono.Instant
	// refused is why claims failed too often to stay MASTER.
	refused string
	lack    lack
	extra   extra
	// rest is how long the last rest after refusals was.
	rest time.Duration
	// strife remembers removals by others; repaired counts them.
	strife   strife
	repaired uint64
	// statics are those whose loss is a fault of the instance.
	statics []*static
	// quiet holds back repeated notes about the same trouble.
	quiet mono.Instant
	// known is the effective priority that was told last, and lowerQuiet until
	// when no further master of lower priority is told.
	known      uint8
	lowerQuiet mono.Instant
	// unadvertised is how many addresses do not fit into an advert.
	unadvertised int
	// unsent are the destinations that adverts cannot be sent to.
	unsent []netip.Addr
}

// script is a check with what its last run said.
type script struct {
	cfg     Script
	life    *track.Script
	timer   *timed
	result  Result
	message string
	last    mono.Instant
	took    time.Duration
	quiet   mono.Instant // until when another message alone is not told
	users   []*instance
	// weight is what it measures, not known for one that measures none.
	weight *track.Weight
	// lent is true while that, and lacks, are those of another script, which a reload
	// replaced.
	lent bool
	// lacks is how many times its check was good and the weight could not be measured,
	// since it was last. It adds nothing once they are as many as make a check fail.
	lacks int
}

// New returns a node whose instances wait in INIT for the state of their
// interfaces and for the first results of their scripts. Scripts that nothing
// tracks are not run. Call Tick to begin.
func New(now mono.Instant, cfg Config) *Node {
	n := &Node{
		links: map[string]Link{}, orphans: map[string]int{}, random: bfd.Random(cfg.Seed),
		bfd: bfd.NewTable(), byLife: map[*bfd.Session]*session{}, bfdQuiet: map[bfd.Rejection]mono.Instant{},
	}
	n.maintenance = Maintenance{All: cfg.Maintenance.All, Instances: slices.Clone(cfg.Maintenance.Instances)}
	n.delay(now, cfg.StartDelay)
	n.handle(now, cfg.Hands)
	n.Reconfigure(now, cfg)
	n.fresh = true
	return n
}

// A burst, such as a thousand virtual routers that become MASTER together, makes
// room for many actions. More than for roomy, some 100 KiB, is given back when so
// many calls in a row have used less than a quarter of it: a hundred scripts that
// are due together each second do not make theirs anew each time.
const (
	roomy     = 256
	smallCall = 32
)

// begin makes room for the actions of a call.
func (n *Node) begin() {
	if !n.fresh {
		if n.small++; len(n.out) > cap(n.out)/4 {
			n.small = 0
		}
		if n.small > smallCall && cap(n.out) > roomy {
			n.out, n.small = nil, 0
		}
		clear(n.out) // or it holds what was told long after: all of a table that is gone
		n.out, n.scratch = n.out[:0], n.scratch[:0]
	}
	n.fresh = false
}

// Step takes one event.
func (n *Node) Step(now mono.Instant, ev Event) []Action {
	n.begin()
	n.awake(now)
	switch e := ev.(type) {
	case *Received:
		n.received(now, e)
	case *Link:
		n.link(now, e)
	case *HostHas:
		if !maps.Equal(n.standing, e.Here) { // it is told again now and then
			n.stirred, n.standing = true, e.Here
		}
	case *Checked:
		n.checked(now, e)
	case *PolicySaid:
		n.policySaid(now, e)
	case *CheckedMany:
		for _, c := range e.List {
			n.checked(now, c)
		}
	case *Claimed:
		n.claimResult(now, e)
	case *Vacated:
		n.vacated(now, e)
	case *Gone:
		n.gone(now, e)
	case *SendFailed:
		n.sendResult(e)
	case *BFDReceived:
		n.heard(now, e)
	case *BFDSendFailed:
		n.bfdSendResult(e)
	case *FileRead:
		n.fileRead(now, e)
	case *ProcessesCounted:
		n.counted(now, e)
	case *Probed:
		n.probed(now, e)
	case *ProbedMany:
		for _, p := range e.List {
			n.probed(now, p)
		}
	case *Clock:
		n.wall = e.Wall - int64(now)
		for _, in := range n.instances {
			in.router.SetWall(n.wall)
		}
	case *Failover:
		n.failover(now, e)
	case *Return:
		n.comeBack(e)
	case *Maintain:
		n.maintain(now, e)
	case *Handle:
		n.handle(now, e.List)
	case *Drained:
		n.drained(e.List)
	default:
		// A type added to Event without a case here is a bug of ours.
		panic(fmt.Sprintf("node: event %T has no case in Step", ev))
	}
	n.rouse(now)
	n.requorums(now)
	n.rebalance(now)
	n.farewell()
	return n.out
}

// Tick does what is due. Early or repeated calls are harmless.
func (n *Node) Tick(now mono.Instant) []Action {
	n.begin()
	n.awake(now)
	// After a stall both may be due: no advert must leave with a priority, or
	// in a role, that what is tracked has ended.
	for _, t := range n.watched {
		if t.at.Reached(now) {
			t.run(now)
		}
	}
	for n.sched.next().Reached(now) {
		t := n.sched.heap[0]
		t.run(now)
		if t.at.Reached(now) && n.sched.heap[0] == t {
			panic("node: a timer that is due did not move")
		}
	}
	n.rouse(now)
	if !n.stopping {
		n.runChecks(now)
		n.requorums(now)
		n.rebalance(now)
	}
	n.farewell()
	return n.out
}

// Deadline returns when Tick is due next, Never when nothing is scheduled.
func (n *Node) Deadline() mono.Instant {
	if n.stopping {
		return n.sched.next()
	}
	return mono.Min(n.sched.next(), n.queue.next())
}

// Urgent is Deadline without the checks of real servers, which can wait.
func (n *Node) Urgent() mono.Instant { return n.sched.next() }

// Stop leaves in an orderly way: masters resign, and keep their addresses
// until a peer took over or must have. Drive the node with Tick and Step
// until Stopped.
func (n *Node) Stop(now mono.Instant) []Action {
	n.begin()
	n.awake(now)
	n.stopping = true
	n.stopServices()
	for _, s := range n.order {
		if s.timer != nil {
			n.sched.set(s.timer, mono.Never)
		}
	}
	n.handing(now, n.instances, func(in *instance) {
		in.acts = in.router.Stop(now, "stopping", n.room())
		n.emit(now, in)
	})
	n.stopSessions(now)
	n.farewell()
	return n.out
}

// Abandon ends what Stop began at once: addresses that were kept for a
// hand-over are released.
func (n *Node) Abandon(now mono.Instant) []Action {
	n.begin()
	for _, in := range n.instances {
		in.acts = in.router.Abandon(now, n.room())
		n.emit(now, in)
	}
	n.farewell()
	return n.out
}

// Stopped reports whether every instance has ended in INIT after Stop, and has
// nothing to say any more.
func (n *Node) Stopped() bool {
	for _, in := range n.instances {
		if in.router.Role() != vrrp.Init || in.router.Parting() {
			return false
		}
	}
	return n.stopping
}

func (n *Node) received(now mono.Instant, e *Received) {
	in := n.addressee(&e.Packet)
	if in == nil {
		n.strangers += uint64(max(1, e.Sample))
		n.stranger(now, e)
		return
	}
	master := in.cfg.TellLower && in.router.Role() == vrrp.Master
	var before uint64
	if master {
		before = in.router.View().Counts.Conflicts
	}
	in.acts = in.router.Receive(now, &e.Packet, n.room())
	n.emit(now, in)
	if master {
		n.tellLower(now, in, before)
	}
}

// run does what is due for an instance.
func (n *Node) run(now mono.Instant, in *instance) {
	in.acts = in.router.Tick(now, n.room())
	n.supply(now, in)
	n.emit(now, in)
	if !in.retry.Reached(now) {
		return // not due, or given up with the addresses
	}
	in.retry = mono.Never
	switch {
	case in.refused != "":
		in.refused = ""
		n.settle(now, in)
		in.acts = in.router.Tick(now, n.room()) // an owner is due at once
		n.emit(now, in)
	case in.router.Role() == vrrp.Master && !in.router.Leaving():
		n.claim(in)
		n.announce(in, in.cfg.Router.Announce.Repeat)
	}
	n.reschedule(in)
}

// room returns where a router writes its actions to, which emit then carries
// out. All share it, but for those that change role within the emit of another.
func (n *Node) room() []vrrp.Action {
	r := n.spare
	n.spare = nil
	return r
}

// emit turns what a router wants into the node's actions and lets its sync
// group follow.
func (n *Node) emit(now mono.Instant, in *instance) {
	conflict, moved, stayed := false, false, ""
	for i := range in.acts {
		a := &in.acts[i]
		switch a.Kind {
		case vrrp.DoSend:
			n.out = append(n.out, Action{
				Kind: Send, Instance: in.cfg.Name, Interface: in.cfg.Interface,
				Source: in.router.Source(), Destination: a.Destination, TTL: a.TTL, Protocol: a.Protocol, ID: a.ID,
				Payload: n.payload(in, a.Payload),
			})
		case vrrp.DoClaim:
			n.claim(in)
		case vrrp.DoRelease:
			in.claimed, in.refusals, in.retry, in.lack = false, 0, mono.Never, lack{}
			n.out = append(n.out, Action{Kind: Release, Instance: in.cfg.Name, Addresses: in.addresses(), Tell: a.Tell, Yields: true, Grace: a.Grace})
		case vrrp.DoAnnounce:
			if a.Rounds > 0 {
				n.announce(in, a.Rounds)
			}
			conflict = conflict || a.Conflict
		case vrrp.DoChange:
			n.changed(in, a)
			moved = true
		case vrrp.DoNote:
			level := Info
			if a.Alarm {
				level = Warn
			}
			n.note(level, in.cfg.Name, a.Topic, a.Why)
		case vrrp.DoStay:
			stayed = a.Why
		case vrrp.DoAsk:
			n.ask(now, in)
		}
	}
	if cap(in.acts) > 0 {
		clear(in.acts)
		n.spare, in.acts = in.acts[:0], nil
	}
	if stayed != "" {
		n.stayed(now, in, stayed)
	}
	n.announceExtra(now, in)
	n.reschedule(in)
	if in.group == nil {
		return
	}
	if conflict {
		n.defend(now, in)
	}
	// What a MASTER does that stays one, and does not begin to stay one, moves no other.
	if moved || stayed != "" || in.router.Role() != vrrp.Master {
		n.regroup(now, in.group)
	}
}

func (n *Node) changed(in *instance, a *vrrp.Action) {
	n.stirred = true
	n.seq++
	v := in.router.View()
	n.out = append(n.out, Action{Kind: Changed, Instance: in.cfg.Name, Change: &Change{
		Name: in.cfg.Name, From: a.From, To: a.To, Stop: a.Stopped, Why: a.Why,
		Priority: v.Effective, Peer: v.HeardFrom, PeerPriority: v.HeardPriority, Seq: n.seq,
	}})
	if g := in.group; g != nil {
		g.roles[a.From]--
		g.roles[a.To]++
		if a.Stopped {
			g.stops++
		}
		if a.From == vrrp.Master && a.To == vrrp.Backup {
			g.yielded = in.cfg.Name
		}
	}
}
