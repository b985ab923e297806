package vrrp

// Rejection is the rule by which a received packet was discarded (RFC 9568 7.1
// with its errata, RFC 3768 7.1, keepalived's auth_hmac).
type Rejection uint8

// The rejections. Accepted is none.
const (
	Accepted           Rejection = iota
	RejectShort                  // less than 8 octets
	RejectTTL                    // TTL or hop limit is not 255, or not within the peer's limits
	RejectMode                   // unicast to a multicast router or the reverse
	RejectVersion                // another protocol version
	RejectType                   // not an ADVERTISEMENT
	RejectVRID                   // another virtual router, or of another family
	RejectLength                 // length does not fit the address count
	RejectCount                  // no address
	RejectChecksum               // no accepted form verifies
	RejectInterval0              // v3: Max Advertise Interval is zero
	RejectLinkLocal              // v3 over IPv6: first address is not link-local
	RejectAuthType               // v2: another authentication type
	RejectAuth                   // v2: wrong password, or wrong ICV in the authentication header
	RejectInterval               // v2: another interval
	RejectSource                 // unicast: not from a peer
	RejectAHMissing              // AH: no authentication header
	RejectAHMalformed            // AH: a header that no VRRP router sends
	RejectAHReplay               // AH: sequence number is not higher than the last
	RejectExtMissing             // HMAC: no trailer
	RejectExtMalformed           // HMAC: type is not 1, or reserved octets are not zero
	RejectExtStale               // HMAC: time stamp outside the window
	RejectExtKey                 // HMAC: key that we do not have
	RejectExtHMAC                // HMAC: does not verify
	RejectExtReplay              // HMAC: sequence is not higher than the last
	RejectSelf                   // from an address of our own
	RejectOwner                  // we own the addresses and hear nobody
	rejections
)

// rejection is how a rule is called: name for programs, which never changes;
// key for those that know keepalived's statistics, empty where it has none;
// text for people.
type rejection struct{ name, key, text string }

var rejectionNames = [rejections]rejection{
	Accepted:           {"accepted", "", "accepted"},
	RejectShort:        {"short", "packet_len_err", "shorter than a VRRP header"},
	RejectTTL:          {"ttl", "ip_ttl_err", "TTL is not 255"},
	RejectMode:         {"mode", "", "not sent to the VRRP group"},
	RejectVersion:      {"version", "", "another VRRP version"},
	RejectType:         {"type", "invalid_type_rcvd", "not an advertisement"},
	RejectVRID:         {"vrid", "", "another virtual router"},
	RejectLength:       {"length", "packet_len_err", "length does not fit the number of addresses"},
	RejectCount:        {"count", "packet_len_err", "carries no address"},
	RejectChecksum:     {"checksum", "", "wrong checksum"},
	RejectInterval0:    {"interval_zero", "advert_interval_err", "advertisement interval is zero"},
	RejectLinkLocal:    {"link_local", "addr_list_err", "first IPv6 address is not link-local"},
	RejectAuthType:     {"auth_type", "authtype_mismatch", "another authentication type"},
	RejectAuth:         {"auth", "auth_failure", "wrong password"},
	RejectInterval:     {"interval", "advert_interval_err", "another advertisement interval"},
	RejectSource:       {"source", "", "sender is not one of the unicast peers"},
	RejectAHMissing:    {"ah_missing", "authtype_mismatch", "has no authentication header (AH)"},
	RejectAHMalformed:  {"ah_malformed", "auth_failure", "malformed authentication header (AH)"},
	RejectAHReplay:     {"ah_replay", "auth_failure", "sequence number of the authentication header (AH) was used before"},
	RejectExtMissing:   {"auth_ext_missing", "auth_ext_missing", "has no HMAC"},
	RejectExtMalformed: {"auth_ext_malformed", "auth_ext_malformed", "malformed HMAC trailer"},
	RejectExtStale:     {"auth_ext_stale", "auth_ext_stale", "time stamp of the HMAC is too far from our clock"},
	RejectExtKey:       {"auth_ext_unknown_key", "auth_ext_unknown_key", "HMAC with a key that is not configured"},
	RejectExtHMAC:      {"auth_ext_invalid_hmac", "auth_ext_invalid_hmac", "wrong HMAC"},
	RejectExtReplay:    {"auth_ext_replay", "auth_ext_replay", "HMAC sequence was used before"},
	RejectSelf:         {"self", "", "sent from our own address"},
	RejectOwner:        {"owner", "", "we own the addresses and listen to nobody"},
}

// String says it in words.
func (r Rejection) String() string {
	if r < rejections {
		return rejectionNames[r].text
	}
	return "?"
}

// Name returns a word for programs; it never changes.
func (r Rejection) Name() string {
	if r < rejections {
		return rejectionNames[r].name
	}
	return "?"
}

// Key returns under which key keepalived's statistics count such a packet,
// empty where they do not. Several rejections may share one.
func (r Rejection) Key() string {
	if r < rejections {
		return rejectionNames[r].key
	}
	return ""
}
