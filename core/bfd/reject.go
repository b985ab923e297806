package bfd

// Rejection is the rule by which a received packet was discarded (RFC 5880
// 6.8.6, RFC 5881 5).
type Rejection uint8

// The rejections. Accepted is none.
const (
	Accepted         Rejection = iota
	RejectVersion              // another protocol version
	RejectLength               // the length field is less than a packet has
	RejectTruncated            // the length field is more than there is
	RejectMult                 // the detection multiplier is zero
	RejectMultipoint           // the multipoint bit is set
	RejectMyDiscr              // the sender's discriminator is zero
	RejectState                // names no session, yet is in Init or Up
	RejectAuth                 // is authenticated, and we share no key
	RejectSession              // of no session that is configured
	RejectHops                 // came from too far away
	RejectAdminDown            // the session is administratively down
	rejections
)

var rejectionTexts = [rejections]string{
	Accepted:         "accepted",
	RejectVersion:    "another BFD version",
	RejectLength:     "length field is too small",
	RejectTruncated:  "shorter than its length field",
	RejectMult:       "detection multiplier is zero",
	RejectMultipoint: "multipoint bit is set",
	RejectMyDiscr:    "sender's discriminator is zero",
	RejectState:      "names no session although it is in Init or Up",
	RejectAuth:       "is authenticated, which is not supported",
	RejectSession:    "of no configured session",
	RejectHops:       "came over too many hops",
	RejectAdminDown:  "the session is administratively down",
}

// String says it in words.
func (r Rejection) String() string {
	if r < rejections {
		return rejectionTexts[r]
	}
	return "?"
}
