package vrrp

// Rejection is the rule by which a received packet was discarded, in the
// order of the checks (RFC 9568 7.1 with its errata, RFC 3768 7.1).
type Rejection uint8

// The rejections. Accepted is none.
const (
	Accepted        Rejection = iota
	RejectShort               // less than 8 octets
	RejectTTL                 // TTL or hop limit is not 255
	RejectMode                // unicast to a multicast router or the reverse
	RejectVersion             // another protocol version
	RejectType                // not an ADVERTISEMENT
	RejectVRID                // another virtual router, or of another family
	RejectLength              // length does not fit the address count
	RejectCount               // no address
	RejectChecksum            // no accepted form verifies
	RejectInterval0           // v3: Max Advertise Interval is zero
	RejectLinkLocal           // v3 over IPv6: first address is not link-local
	RejectAuthType            // v2: another authentication type
	RejectAuth                // v2: wrong password
	RejectInterval            // v2: another interval
	RejectSelf                // from an address of our own
	rejections
)

var rejectionTexts = [rejections]string{
	Accepted:        "accepted",
	RejectShort:     "shorter than a VRRP header",
	RejectTTL:       "TTL is not 255",
	RejectMode:      "not sent to the VRRP group",
	RejectVersion:   "another VRRP version",
	RejectType:      "not an advertisement",
	RejectVRID:      "another virtual router",
	RejectLength:    "length does not fit the number of addresses",
	RejectCount:     "carries no address",
	RejectChecksum:  "wrong checksum",
	RejectInterval0: "advertisement interval is zero",
	RejectLinkLocal: "first IPv6 address is not link-local",
	RejectAuthType:  "another authentication type",
	RejectAuth:      "wrong password",
	RejectInterval:  "another advertisement interval",
	RejectSelf:      "sent from our own address",
}

// String says it in words.
func (r Rejection) String() string {
	if r < rejections {
		return rejectionTexts[r]
	}
	return "?"
}
