package bfd

import (
	"encoding/binary"
	"time"
)

// What a socket needs to know to speak BFD.
const (
	// Port receives the packets of single hop sessions, MultihopPort those of
	// multihop ones (RFC 5881 4, RFC 5883 5).
	Port         = 3784
	MultihopPort = 4784
	// FirstSourcePort is the least port that packets may leave from; the
	// greatest is 65535 (RFC 5881 4).
	FirstSourcePort = 49152
	// TTL is what a packet leaves with, so that the receiver can tell how far
	// it came (RFC 5881 5).
	TTL = 255
	// Len is the length of a packet without authentication, in octets.
	Len = 24
)

const (
	version = 1
	// authLen is the least length of a packet with an authentication section.
	authLen = 26

	flagPoll       = 0x20
	flagFinal      = 0x10
	flagAuth       = 0x04
	flagDemand     = 0x02
	flagMultipoint = 0x01
)

// State is the state of a session (RFC 5880 4.1).
type State uint8

// The states, with the numbers that they have in a packet.
const (
	AdminDown State = iota
	Down
	Init
	Up
)

// String returns the RFC's name.
func (s State) String() string {
	switch s {
	case AdminDown:
		return "AdminDown"
	case Down:
		return "Down"
	case Init:
		return "Init"
	case Up:
		return "Up"
	}
	return "?"
}

// Diag says why a session last left a state (RFC 5880 4.1).
type Diag uint8

// The diagnostics that a Session gives; a peer may send others.
const (
	DiagNone      Diag = 0
	DiagExpired   Diag = 1
	DiagNeighbor  Diag = 3
	DiagAdminDown Diag = 7
)

var diagTexts = [...]string{
	"no diagnostic", "control detection time expired", "echo function failed",
	"neighbor signaled session down", "forwarding plane reset", "path down",
	"concatenated path down", "administratively down", "reverse concatenated path down",
}

// String returns the RFC's name.
func (d Diag) String() string {
	if int(d) < len(diagTexts) {
		return diagTexts[d]
	}
	return "reserved diagnostic"
}

// Control is a BFD Control packet without authentication.
type Control struct {
	Diag   Diag
	State  State
	Poll   bool
	Final  bool
	Demand bool
	// Mult is the sender's detection multiplier, 1..255.
	Mult uint8
	// My is the sender's discriminator, not 0; Your is the receiver's as far
	// as the sender knows it, 0 otherwise.
	My   uint32
	Your uint32
	// MinTx is the least interval at which the sender would like to send,
	// MinRx the least at which it can receive; zero means that it wants no
	// periodic packets. Whole microseconds up to 2^32-1.
	MinTx time.Duration
	MinRx time.Duration
}

// Append appends the packet to b and returns the longer slice. It allocates
// only if b has no room for it. The bits for a control plane independent
// implementation, authentication and multipoint, and the echo interval, are
// zero.
func (c *Control) Append(b []byte) []byte {
	flags := uint8(c.State) << 6
	if c.Poll {
		flags |= flagPoll
	}
	if c.Final {
		flags |= flagFinal
	}
	if c.Demand {
		flags |= flagDemand
	}
	b = append(b, version<<5|uint8(c.Diag)&0x1f, flags, c.Mult, Len)
	b = binary.BigEndian.AppendUint32(b, c.My)
	b = binary.BigEndian.AppendUint32(b, c.Your)
	b = binary.BigEndian.AppendUint32(b, uint32(c.MinTx/time.Microsecond))
	b = binary.BigEndian.AppendUint32(b, uint32(c.MinRx/time.Microsecond))
	return append(b, 0, 0, 0, 0)
}

// Decode reads a packet and judges it by the rules of RFC 5880 6.8.6 that need
// no session, in the order in which they stand there. The Table has the others.
// Decode does not allocate and keeps nothing of b. The Control of a rejected
// packet holds what was read before the rule decided.
func Decode(b []byte) (Control, Rejection) {
	var c Control
	if len(b) < 4 {
		return c, RejectTruncated
	}
	c.Diag, c.State, c.Mult = Diag(b[0]&0x1f), State(b[1]>>6), b[2]
	c.Poll, c.Final, c.Demand = b[1]&flagPoll != 0, b[1]&flagFinal != 0, b[1]&flagDemand != 0
	least := Len
	if b[1]&flagAuth != 0 {
		least = authLen
	}
	switch {
	case b[0]>>5 != version:
		return c, RejectVersion
	case int(b[3]) < least:
		return c, RejectLength
	case int(b[3]) > len(b):
		return c, RejectTruncated
	case c.Mult == 0:
		return c, RejectMult
	case b[1]&flagMultipoint != 0:
		return c, RejectMultipoint
	}
	c.My, c.Your = binary.BigEndian.Uint32(b[4:]), binary.BigEndian.Uint32(b[8:])
	c.MinTx = time.Duration(binary.BigEndian.Uint32(b[12:])) * time.Microsecond
	c.MinRx = time.Duration(binary.BigEndian.Uint32(b[16:])) * time.Microsecond
	switch {
	case c.My == 0:
		return c, RejectMyDiscr
	case c.Your == 0 && c.State != Down && c.State != AdminDown:
		return c, RejectState
	case b[1]&flagAuth != 0:
		return c, RejectAuth
	}
	return c, Accepted
}
