package vrrp

import (
	"net/netip"
	"time"
)

// ActionKind says what an Action asks for.
type ActionKind uint8

// The kinds of action, in the sense of core/node.
const (
	// DoSend: send Payload to Destination. An advert is one DoSend for each
	// peer and version. A call makes one advert at most. Payload is never
	// changed afterwards, unless Router.Rewrites says otherwise.
	DoSend ActionKind = iota
	// DoClaim and DoRelease: set or remove the addresses.
	DoClaim
	DoRelease
	// DoAnnounce: announce the addresses Rounds times, which may be none where others
	// are to because of a Conflict.
	DoAnnounce
	// DoChange: the role changed From To because of Why.
	DoChange
	// DoNote: people should read Why, filed under Topic; Alarm when it is
	// more than news.
	DoNote
	// DoStay: nobody took the addresses over that were to be handed over as
	// planned, says Why: the router stays MASTER.
	DoStay
	// DoAsk: may this BACKUP preempt, as Why says? Answered by Consent.
	DoAsk
)

// Action is something that a Router wants done. Actions are to be carried out
// in the order in which they were returned: an advert of priority 0 leaves
// before the addresses go, an announcement after they came.
type Action struct {
	Kind    ActionKind
	Payload []byte
	// Destination, TTL, Protocol and ID are those of the IP header, as in
	// core/node.
	Destination netip.Addr
	TTL         uint8
	Protocol    uint8
	ID          uint16

	Rounds   int
	From, To Role
	Topic    string
	Why      string
	Alarm    bool
	// Conflict marks the announcement that another master's advert caused: the
	// other members of a sync group make theirs too.
	Conflict bool
	// Tell asks for a call of Vacated when the kernel has removed the addresses,
	// for DoRelease.
	Tell bool
	// Grace is how long the addresses may go on answering, for DoRelease: the new
	// master claims and announces them just after the advert that was heard.
	Grace time.Duration
	// Stopped marks the change to INIT of an orderly Stop.
	Stopped bool
}
