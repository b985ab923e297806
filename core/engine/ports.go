package engine

import (
	"context"
	"time"

	"github.com/moonkeep/moonkeep/core/balance"
	"github.com/moonkeep/moonkeep/core/bfd"
	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/node"
)

// Kernel is what the engine needs of the operating system. core/kernel
// implements it on Linux. Its methods are called from lane 1 only, except Send,
// SendBFD and Hush, which the loop calls itself, or inside Packets the goroutine that
// called that, and Held and HeldRouting, which any goroutine may call.
type Kernel interface {
	// Watch names the interfaces whose Link events are wanted, and the channels
	// on which VRRP packets are received; their interfaces are wanted, too. It
	// may be called again; what is no longer named is closed. It returns after
	// the present state of each interface was delivered to the sink once.
	Watch(interfaces []string, channels []netspec.Channel) error
	// Send sends the adverts now or not at all, and sets errs, which is as
	// long, to what came of each. It never blocks and allocates for errors
	// only. Those of one channel leave in order.
	Send(adverts []node.Action, errs []error)
	// Sessions names the BFD sessions that packets are sent and received for.
	// It may be called again; what is no longer named is closed. The error
	// names each socket that could not be opened.
	Sessions(list []bfd.Config) error
	// SendBFD sends one BFD packet as Send does an advert.
	SendBFD(a *node.Action) error
	// Claim makes the addresses of each holding stand and from then on reports
	// their loss to the sink as Gone, and sets errs, which is as long, to what
	// came of each. It may keep the lists of addresses, which are not changed
	// afterwards. With NoAccept packets to them are dropped before they stand
	// and for as long as they do, except neighbour solicitations and
	// advertisements; without it no longer. The error names each address that
	// could not be set; none is when packets to them cannot be dropped.
	Claim(list []Holding, errs []error)
	// Release removes the addresses and forgets them, and sets errs as Claim. An
	// address that is not there is no error.
	Release(list []Holding, errs []error)
	// SetRouting makes the routes and rules stand in place of those that the
	// instance had before, and from then on reports their loss to the sink as
	// Gone. The error names each that could not be set, and each of before that
	// could not be removed and is tried again.
	SetRouting(instance string, want netspec.Routing) error
	// ClearRouting removes routes and rules that no instance has. One that is
	// not there is no error.
	ClearRouting(netspec.Routing) error
	// HeldRouting is Held for routes and rules.
	HeldRouting(netspec.Routing) (netspec.Routing, error)
	// Announce sends rounds of gratuitous ARP, or of unsolicited neighbour
	// advertisements, for the addresses. It asks may once a Hush finds what it is
	// about to announce, and announces nothing when that says no.
	Announce(instance string, addresses []netspec.Address, rounds int, may func() bool) error
	// Hush forgets what an instance has still to announce for the addresses, as
	// Release does, which comes later, and ends the Announce that is under way with
	// them. It does not wait for lane 1.
	Hush(instance string, addresses []netspec.Address)
	// Held returns which of the addresses stand in the kernel now, read from
	// the kernel at the call.
	Held(addresses []netspec.Address) ([]netspec.Address, error)
	// Close releases nothing; it ends the goroutines and closes the sockets.
	Close() error
}

// Holding is addresses that an instance has, or is to have.
type Holding struct {
	Instance  string
	Addresses []netspec.Address
	// NoAccept has packets to them dropped.
	NoAccept bool
	// Lasting says of those that it is to have that they are the host's, and no
	// master's.
	Lasting bool
}

// Sink takes what the kernel reports. Packets may call back Send, SendBFD and Hush.
// Its methods never block for long:
// packets are dropped and counted when too many wait, everything else
// waits for room.
type Sink interface {
	// Packets takes ownership of the events, not of the list, until Step has
	// consumed them, then returns them to the pool that NewPacket takes from.
	Packets(...*node.Received)
	NewPacket() *node.Received
	// BFD and NewBFD are the same for BFD packets.
	BFD(*node.BFDReceived)
	NewBFD() *node.BFDReceived
	// Removed says that what a Release or SetRouting could not remove is gone
	// now. It is no event for the node.
	Removed([]netspec.Address, netspec.Routing)
	// Event takes any other event.
	Event(node.Event)
}

// Alarm wakes the loop. core/kernel/alarm implements it with the kernel's
// resolution.
type Alarm interface {
	// Set has the alarm go off after d, instead of when it was set to before;
	// never, when d is negative. It and Wait are called by the loop only.
	Set(d time.Duration) error
	// Wait waits until the alarm goes off, and reports whether it did, or until
	// somebody rang since Wait returned last. It may return for nothing.
	Wait() (off bool, err error)
	// Ring has Wait return. Whoever leaves something for the loop rings
	// afterwards. Any goroutine may call it, also after the end.
	Ring()
}

// Checks runs scripts. Each Run ends in exactly one result, at the latest
// some moments after the context's end. It is called from a goroutine of its
// own for each run.
type Checks interface {
	Run(ctx context.Context, script string) node.Checked
}

// QuickChecks is a Checks that makes some checks without waiting for anybody.
type QuickChecks interface {
	Checks
	// IsQuick reports whether a script waits for nobody. It is always the same.
	IsQuick(script string) bool
	// Quick runs such a script as Run does. The result goes to tell, once: before
	// Quick returns, or from another goroutine when the script does not end in
	// time.
	Quick(ctx context.Context, script string, tell func(node.Checked))
}

// Probes makes the probes of a node's checks of real servers, which it knows by
// their numbers in the configuration of its plan.
type Probes interface {
	// Begin says where answers go. It is called once, before the first Start,
	// and returns at once; while a reload is under way another Probes still
	// serves. tell may be called by any goroutine, with any number of answers,
	// which it keeps; it waits for room, so that it must not be called from
	// Start.
	Begin(tell func(generation uint32, answers []node.Answer))
	// Start begins probes and never blocks; list is the caller's. Each is
	// answered once, with this generation and its numbers, or, after a reload
	// that kept the check, with those that it has now. What cannot be done is
	// answered as health.Unknown.
	Start(generation uint32, list []node.Ask)
	// Close says that there will be no further Start. It returns soon; what is
	// under way may still be answered.
	Close() error
}

// Watcher looks at the files and processes that a node tracks.
type Watcher interface {
	// Start looks at all of them and hands on what it sees, as FileRead and
	// ProcessesCounted, once and whenever that changes. What cannot be looked
	// at is told as a Failure. It returns at once and is called once.
	Start(tell func(node.Event))
	// Close ends it. Nothing is told afterwards.
	Close() error
}

// Balancer makes the table of IPVS what the node says, and keeps it so. Set
// never blocks; of several changes of one service that were not carried out yet
// the last counts. It is called by the loop only, and keeps the table.
type Balancer interface {
	Set(balance.Table)
}

// Notifier tells the outside about changes. Notify never blocks: it puts the
// change into the queue of its instance or group.
type Notifier interface {
	Notify(node.Change)
	// Drain waits until everything queued was delivered, or ctx ends.
	Drain(ctx context.Context) error
}
