package node

import (
	"net/netip"
	"time"

	"github.com/moonkeep/moonkeep/core/balance"
	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

// ActionKind says which fields of an Action count.
type ActionKind uint8

// The kinds of action, with the lane that carries each out and the fields
// that count beside Instance. Within a lane actions keep their order.
const (
	// Send (lane 1): send Payload from Source on Interface to Destination,
	// with exactly this TTL, Protocol and ID. There is one for each peer of a
	// unicast instance. Payload carries its checksum, over IPv6 too. It is good
	// until the next call of the node; whoever keeps it copies it.
	Send ActionKind = iota
	// SendBFD (lane 1): send Payload of Session from Source, which is invalid
	// when any address will do, to Destination, over several hops with
	// Multihop. It is good until the next call of the node.
	SendBFD
	// Claim (lane 1): make Addresses stand in the kernel, with NoAccept only
	// after packets to them are dropped, and then Routing in place of what the
	// instance had before. Answered by a Claimed event.
	Claim
	// Release (lane 1): have Routing stand in place of what the instance had
	// before, and then remove Addresses. With Tell it is answered by a Vacated
	// event.
	Release
	// Announce (lane 1): send Rounds rounds of gratuitous ARP or unsolicited
	// NA over Addresses. Dropped by the edge when a Release overtakes it, or
	// when the Claim before it failed.
	Announce
	// Run (lane 3): run Script once. Answered by exactly one Checked event.
	Run
	// Probe (after adverts): make the probes of Asks, which are good until the
	// next call of the node. Each is answered by exactly one Answer of a
	// Probed event with this Generation, at the latest when the check's Life
	// has no Patience left; Unknown is an answer, too.
	Probe
	// Balance (lane 2): have services of IPVS be what Table says; a nil one is
	// not to be. Services that it does not name stay as they are.
	Balance
	// Changed (lane 3): Change tells that an instance or a group changed
	// role: log it, notify.
	Changed
	// Told (lane 3): Change tells what happened to an instance or a group that
	// kept its role, or to a virtual server: notify.
	Told
	// Noted (lane 3): Note is something that people should read.
	Noted
	// AskPolicy (lane 3): may the instances of Preempt take the addresses from a
	// master of lower priority that is well? Answered by a PolicySaid event for
	// Instance, at best within 5 s; without one they do.
	AskPolicy
)

// Action is something to be done outside.
type Action struct {
	Kind     ActionKind
	Instance string

	Interface string
	Source    netip.Addr
	// Destination is the group or a peer. A link-local one has no zone: it is
	// on Interface.
	Destination netip.Addr
	// TTL is the TTL or hop limit.
	TTL uint8
	// Protocol is that of the IP header: vrrp.Protocol, or vrrp.ProtocolAH.
	Protocol uint8
	// ID is the identification of the IPv4 header; zero leaves the choice to
	// the kernel. An authentication header (AH) covers it.
	ID      uint16
	Payload []byte

	Addresses []netspec.Address
	// Routing are all the routes and rules that the instance holds from now
	// on.
	Routing netspec.Routing
	// NoAccept has packets to Addresses dropped while they are claimed, except
	// neighbour solicitations and advertisements (RFC 9568 6.4.3).
	NoAccept bool
	// Lasting is true for a Claim of what is the host's whatever the roles are
	// (Static).
	Lasting bool
	Tell    bool
	// Yields is true for a Release whose instance is MASTER no longer: from now on
	// nothing is announced of it.
	Yields bool
	// Grace is by how much a Release, and what is told after it, may wait for the
	// new master to claim the addresses.
	Grace  time.Duration
	Rounds int

	Session  string
	Multihop bool

	// Generation is which configuration the numbers of Asks are of.
	Generation uint32
	Asks       []Ask

	// Table is not changed afterwards.
	Table balance.Table

	Script string
	Change *Change
	Note   *Note

	Preempt []Preemption
}

// Preemption is what an AskPolicy is about.
type Preemption struct {
	Instance string
	Group    string // its sync group, if any
	Priority uint8
	// Master is who has the addresses, with MasterPriority, and MasterFor how
	// long it is known to. It is invalid for a member of a sync group that hears
	// nobody.
	Master         netip.Addr
	MasterPriority uint8
	MasterFor      time.Duration
}

// Occasion says what a Change tells.
type Occasion uint8

// The occasions. For all that are not of a virtual server but the first, Change.From
// and Change.To are both the role that it has.
const (
	// RoleChanged: a change of role, of Changed actions.
	RoleChanged Occasion = iota
	// PriorityChanged: Priority is another than before.
	PriorityChanged
	// LowerHeard: an instance that is MASTER heard another master, of lower
	// priority or, with the same one, of a lower address.
	LowerHeard
	// Standing: how it stands after a reload.
	Standing
	// ServerUp and ServerDown: a real server came up, or went down. Those from
	// here on are of a virtual server, which Name names, and have no roles.
	ServerUp
	ServerDown
	// ServerWeighed: Weight is another than before.
	ServerWeighed
	// CheckTurned: a check of a real server came up or went down, and the
	// server stays down.
	CheckTurned
	// QuorumWon and QuorumLost: the virtual server won or lost its quorum.
	QuorumWon
	QuorumLost
)

// OfService reports whether it is one of a virtual server.
func (o Occasion) OfService() bool { return o >= ServerUp }

// Change is a change of role of an instance or of a sync group, or what else
// its Occasion says.
type Change struct {
	Occasion Occasion
	// Group is true when Name names a sync group.
	Group bool
	Name  string
	From  vrrp.Role
	To    vrrp.Role
	// Stop marks the change to INIT of an orderly stop, and Deleted the one
	// of an instance that a reload removed, and of a virtual or a real server.
	Stop    bool
	Deleted bool
	// Start marks what tells how a virtual or a real server stands when it
	// begins, or a virtual server when a reload brings the sorry server that serves.
	Start bool
	// Why is one line for people, without the names of the roles.
	Why string
	// Priority is the effective priority at that moment; 0 for a group.
	Priority uint8
	// Peer is the other node that was heard last, the other master of LowerHeard,
	// and PeerPriority what it advertised; the zero Addr when none was heard, and
	// for what is not of an instance.
	Peer         netip.Addr
	PeerPriority uint8
	// Dual is for how long another master has been heard, of LowerHeard, and
	// DualTimes the how manieth time since the start that is, from 1.
	Dual      time.Duration
	DualTimes uint64
	// Seq numbers the changes of a node from 1.
	Seq uint64
	// Service is the virtual server as keepalived writes it, "[192.0.2.1]:tcp:80".
	// Server is the real server in the same way, ServerName its name for people,
	// and Weight the weight that it has, for the occasions of real servers.
	Service    string
	Server     string
	ServerName string
	Weight     int
}

// Level is how much a Note matters.
type Level uint8

// The levels of notes.
const (
	Info Level = iota
	Warn
)

// Note is something that happened which changes no role: a packet dropped for
// a reason, a checker's verdict, a priority that changed.
type Note struct {
	Level Level
	// Topic is a stable word for programs: "priority", "check", "reject",
	// "conflict", "address", "link", "stall", "send", "bfd"; of virtual servers
	// "server", "weight", "quorum".
	Topic string
	// Text is for people.
	Text string
}
