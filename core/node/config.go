package node

import (
	"net/netip"
	"time"

	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/track"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

// Config is one node: its virtual routers, sync groups and trackers. Names
// are unique within their kind and references resolve; config/build is
// answerable for that.
type Config struct {
	// Instances are not changed while the node has them.
	Instances []Instance
	Groups    []Group
	Scripts   []Script
	Sessions  []Session
	Static    []Static
	Files     []File
	Processes []Process
	// Readings are of files, read before: what follows one that was not known begins
	// with it, so that nobody is told of a state that never was.
	Readings []FileRead
	// Services are not changed while the node has them.
	Services []Service
	// Hands are real servers that people have taken a hand in, before New;
	// Reconfigure does not look at them.
	Hands []Hand
	// Delays are of interfaces, at most one for each.
	Delays []InterfaceDelay
	// TellStrangers has virtual routers noted that are heard and not configured,
	// each once an hour.
	TellStrangers bool
	// TellStanding has every instance and group tell how it stands after each
	// later Reconfigure.
	TellStanding bool
	// StartDelay is how long after New the instances wait before they take
	// part: they neither send nor listen to adverts. Reconfigure does not look
	// at it.
	StartDelay time.Duration
	// Maintenance is what is in maintenance after New. Reconfigure does not look
	// at it.
	Maintenance Maintenance
	// Seed is where New begins to draw the discriminators of BFD sessions, their
	// jitter, and when checks run for the first time. It should not be guessable.
	Seed uint64
}

// Instance is one virtual router on one interface.
type Instance struct {
	Name string
	// Interface carries the adverts and, unless an address says otherwise,
	// the addresses.
	Interface string
	Router    vrrp.Config
	// Source is the configured source address of adverts (mcast_src_ip); the
	// zero value means the interface's primary address.
	Source netip.Addr
	// TrackSource faults the instance while Source, which must be set, is not on
	// the interface.
	TrackSource bool
	// Addresses are advertised and owned while MASTER; Excluded are owned
	// only.
	Addresses []netspec.Address
	Excluded  []netspec.Address
	// Routing stands while MASTER, behind the addresses.
	Routing netspec.Routing
	// Extra is announced while MASTER.
	Extra Extra
	// IgnorePrimary is dont_track_primary: the interface going down does not
	// fault the instance.
	IgnorePrimary bool
	// Interfaces are further tracked interfaces, those of Addresses on other
	// devices among them (weight 0).
	Interfaces []TrackInterface
	Scripts    []TrackScript
	Sessions   []TrackSession
	Files      []TrackFile
	Processes  []TrackProcess
	// TellPriority has it tell of each change of its effective priority, and
	// TellLower of other masters of lower priority, a few a second at most.
	TellPriority, TellLower bool
}

// Extra are announcements of a master beside those of its router, which what
// has a virtual hardware address needs: switches must learn where that is, and
// not forget it.
type Extra struct {
	// Soon announces all addresses three times more soon after it became MASTER. The
	// master before it may have answered the first announcement, with the same
	// hardware address, by which switches took it for the master again.
	Soon bool
	// Interval is the time between announcements of Addresses, which stand on
	// interfaces that carry no adverts; 0 means none.
	Interval time.Duration
	// Addresses are among those that the instance owns.
	Addresses []netspec.Address
}

// TrackInterface makes an instance's fate depend on an interface. Weight 0
// faults the instance while the interface is down (or up, with Reverse);
// otherwise Weight is added to the priority while up (positive) or down
// (negative).
type TrackInterface struct {
	Name    string
	Weight  int
	Reverse bool
}

// TrackScript makes an instance's fate depend on a check, as TrackInterface.
type TrackScript struct {
	Name    string
	Weight  int
	Reverse bool
}

// Group is a sync group: its members change role together.
type Group struct {
	Name    string
	Members []string
	// These are tracked for all members.
	Interfaces []TrackInterface
	Scripts    []TrackScript
	Sessions   []TrackSession
	Files      []TrackFile
	Processes  []TrackProcess
	// KeepWeights lets the members' own weighted trackers count
	// (sync_group_tracking_weight). Otherwise they are not used, as in
	// keepalived.
	KeepWeights bool
}

// Script is one vrrp_script: a check that is run at an interval. How it runs
// is the edge's business; the node sees only results.
type Script struct {
	Name string
	// Interval is from start to start; a slot in which the last run has not
	// ended is skipped.
	Interval time.Duration
	// Rise successes in a row make it up, Fall failures in a row down; 1.
	Rise, Fall int
	// InitFail makes it down, not unknown, until its first success.
	InitFail bool
	// Identity changes when what is run changes; a reload keeps the state of
	// a script whose name and identity are the same.
	Identity string
	// WeightOnly is for a script that measures a weight and checks nothing:
	// when it fails it adds nothing to the priority, and is no fault.
	WeightOnly bool
	// Smoothing says how the weights that it measures count.
	Smoothing track.Smoothing
}
