package node

import (
	"net/netip"
	"time"

	"github.com/moonkeep/moonkeep/core/mono"
	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

// Status is everything that people may ask a node, copied out: it shares
// nothing with the node and may be read by any goroutine.
type Status struct {
	At        mono.Instant
	Instances []InstanceStatus
	Groups    []GroupStatus
	Scripts   []ScriptStatus
	Sessions  []SessionStatus
	Statics   []StaticStatus
	Files     []FileStatus
	Processes []ProcessStatus
	// Strangers counts packets of virtual routers that are not configured on
	// the interface they came from.
	Strangers uint64
	// Maintenance is true when the node as a whole is in maintenance.
	Maintenance bool
	// Seq is that of the last Change that was told before.
	Seq uint64
}

// InstanceStatus is one virtual router.
type InstanceStatus struct {
	Name      string
	Interface string
	Group     string
	Version   vrrp.Version
	VRID      uint8
	Role      vrrp.Role
	// Since is when the role began and Why how it came about.
	Since mono.Instant
	Why   string
	// Base is the configured priority, Effective what adverts carry; the
	// difference is the sum of Terms, clamped to 1..254.
	Base      uint8
	Effective uint8
	Terms     []Term
	// Faults names what keeps the instance in FAULT, empty otherwise.
	Faults []string
	// Waiting names what keeps it from leaving INIT.
	Waiting  []string
	Interval time.Duration
	// MasterInterval is the interval in force, learned in version 3.
	MasterInterval time.Duration
	// MasterDown is when the present master will be given up (BACKUP), and
	// NextAdvert when the next advert leaves (MASTER); Never otherwise.
	MasterDown mono.Instant
	NextAdvert mono.Instant
	// Source is the address that adverts are sent from.
	Source netip.Addr
	// Auth and HMAC say how adverts are authenticated, and Key the number of the
	// key that signs, zero without HMAC.
	Auth vrrp.AuthType
	HMAC vrrp.HMACMode
	Key  uint8
	// Peers are those of a unicast instance.
	Peers []netip.Addr
	// LastSent and LastHeard are of the last advert; Never before the first.
	LastSent  mono.Instant
	LastHeard mono.Instant
	// HeardFrom and HeardPriority are of the last advert heard.
	HeardFrom     netip.Addr
	HeardPriority uint8
	// Addresses are those that the instance owns while MASTER; Claimed is
	// true when the kernel confirmed them all.
	Addresses []netspec.Address
	// Routing are the routes and rules that it owns with them.
	Routing netspec.Routing
	Claimed bool
	// Lacks is why not all of Routing stands while it is MASTER; empty when it
	// does.
	Lacks string
	// Repaired counts how often somebody removed some of it.
	Repaired uint64
	// Leaving is true while it hands over after an orderly stop.
	Leaving bool
	// Maintenance is true when it must not be MASTER. Resting is true after a
	// planned move while it obeys a master of lower priority: until RestEnd, or
	// until that one fails when RestEnd is Never.
	Maintenance bool
	Resting     bool
	RestEnd     mono.Instant
	// Dual is how it stands with other masters.
	Dual   vrrp.DualView
	Counts vrrp.Counters
}

// Term is one addend of an effective priority.
type Term struct {
	// Tracker is "script nginx", "interface eth1", "file load".
	Tracker string
	// Weight is the configured weight, Value what it adds now.
	Weight int
	Value  int
	// State is "up", "down", "unknown"; of a file what is in it.
	State string
}

// GroupStatus is one sync group.
type GroupStatus struct {
	Name    string
	Role    vrrp.Role
	Since   mono.Instant
	Members []string
}

// ScriptStatus is one check.
type ScriptStatus struct {
	Name string
	// State is "up", "down", "unknown".
	State string
	Since mono.Instant
	// Used is false when nothing tracks the script, which is then not run.
	Used bool
	// Result and Message are of the last run, which ended at Last and took
	// Took. Last is Never before the first.
	Result  Result
	Message string
	Last    mono.Instant
	Took    time.Duration
	// InARow counts results that contradict State: rising or falling.
	InARow int
	Rise   int
	Fall   int
	// Weight is what the script measured for the priority, nil when it measures
	// none.
	Weight *int
}

// StaticStatus is what is held statically under one name.
type StaticStatus struct {
	Name      string
	Addresses []netspec.Address
	Routing   netspec.Routing
	// Members are the instances that depend on it.
	Members []string
	// Failure says why not all of it stands; empty when it does.
	Failure string
}
