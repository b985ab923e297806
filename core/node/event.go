package node

import (
	"net/netip"
	"time"

	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

// Event is something that happened outside: one of the types below. Events
// are plain values, so that a test can write down a list of them and play it.
type Event interface{ event() }

// Received is a packet from a VRRP socket. The node reads Payload during Step
// only and keeps none of it, so that the caller may reuse the buffer.
type Received struct {
	Packet vrrp.Packet
	// Sample is how many packets it stands for: of virtual routers that are not
	// configured a socket need not hand on all. Zero counts as one.
	Sample int
}

// Link is the present state of one interface, whole: the edge sends it when
// anything of it changed, at start, and again on a slow tick. Repeats are
// harmless.
type Link struct {
	Name string
	// Exists is false when there is no such interface.
	Exists bool
	// Up is true when the interface is administratively up and has carrier.
	Up bool
	// Index is the kernel's interface index; another index under the same
	// name is another interface.
	Index int
	// Primary is the IPv4 source address for adverts: the first address of
	// the interface that is not one of ours. The zero value means none.
	Primary netip.Addr
	// Primary6 is the IPv6 source address for adverts: the first link-local
	// address of the interface that is not one of ours and that has passed
	// duplicate address detection. The zero value means none.
	Primary6 netip.Addr
	// Absent are those of the sources of channels on the interface that do not
	// stand there, or cannot be used yet, with a space between two. The event
	// stays comparable, and costs nothing while all do stand.
	Absent string
	// MTU is in octets, zero when not known.
	MTU int
	// PortOf is the bridge or bond that the interface is a part of and that
	// takes in whatever comes, so that nothing is heard on the interface itself;
	// empty for none.
	PortOf string
}

// HostHas says of the addresses that services with Awake name whether any interface of
// the host has them by itself, and not because an instance claims them, did a moment ago,
// or was to release them and could not. The edge sends it when that changed, and with the
// first look after a change of the configuration. The map is not changed afterwards.
type HostHas struct{ Here map[netip.Addr]bool }

// Checked is the result of one run of a script.
type Checked struct {
	Script string
	Result Result
	// Message says why, for people.
	Message string
	// Took is how long the run took.
	Took time.Duration
	// Weight is what the script adds to the priority by itself, nil when the
	// configured weight counts.
	Weight *float64
	// Unmeasured says that the check was good and its weight could not be
	// measured: it adds nothing then.
	Unmeasured bool
	// NoRun says that no run came to this, as when the result before stands for it: that
	// is no word on the weight, not even that there is none.
	NoRun bool
}

// PolicySaid answers an AskPolicy about an instance, and with it about its sync group.
type PolicySaid struct {
	Instance string
	// Objection is why it must not preempt now, empty when it may.
	Objection string
}

// CheckedMany is several of them, that came together.
type CheckedMany struct{ List []*Checked }

// Result is what one run of a check came to.
type Result uint8

// The results. All but OK are failures; they differ in what people are told.
const (
	OK      Result = iota
	Failed         // it ran and said no
	Timeout        // it did not end in time and was killed
	Broken         // it could not be run
)

// String returns the word that status and logs use.
func (r Result) String() string {
	switch r {
	case OK:
		return "ok"
	case Failed:
		return "failed"
	case Timeout:
		return "timed out"
	}
	return "could not run"
}

// Claimed says how a Claim came out. A nil-error claim carries an empty
// Failure.
type Claimed struct {
	Instance string
	// Failure is what the kernel said, empty when all addresses stand.
	Failure string
	// Refused is what the kernel said of routes and rules that do not stand.
	Refused string
}

// Vacated says that a Release with Tell was carried out, as far as it could be.
type Vacated struct{ Instance string }

// Gone says that addresses, routes or rules which an instance claimed do not
// stand in the kernel (any more), though nobody released them.
type Gone struct {
	Instance  string
	Addresses []netspec.Address
	Routing   netspec.Routing
	// Suspects says in half a sentence who may have removed them, for people:
	// "systemd-networkd (pid 312) configures eth0". Empty when nobody is known.
	Suspects string
	// Left is true when nobody removed them: the network namespace that they are in has
	// been left for another, where they are still to be set.
	Left bool
}

// SendFailed says that an instance's adverts to Destination cannot be sent
// (Failure says why), or, with an empty Failure, that they leave again.
type SendFailed struct {
	Instance    string
	Destination netip.Addr
	Failure     string
}

// Clock is the wall clock, which the time in an authentication trailer is
// compared with. The node extends it by its instants: it is wanted before the
// first Tick and whenever the wall clock was set. Without one, adverts that
// carry a time are neither accepted nor believed by others.
type Clock struct {
	// Wall is the wall clock at the instant of the Step that takes the event,
	// in nanoseconds since 1970 UTC.
	Wall int64
}

func (*Received) event()    {}
func (*Link) event()        {}
func (*HostHas) event()     {}
func (*Checked) event()     {}
func (*CheckedMany) event() {}
func (*PolicySaid) event()  {}
func (*Claimed) event()     {}
func (*Vacated) event()     {}
func (*Gone) event()        {}
func (*SendFailed) event()  {}
func (*Clock) event()       {}
