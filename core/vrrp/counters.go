package vrrp

// Counters counts what a virtual router sent, received and rejected since it
// was made. The rejections are those of RFC 9568 7.1, one counter a rule.
type Counters struct {
	Sent         uint64
	SentZero     uint64 // with priority 0
	Received     uint64 // valid adverts
	ReceivedZero uint64
	BecameMaster uint64
	LeftMaster   uint64
	Announced    uint64 // bursts
	Conflicts    uint64 // adverts of another master heard while MASTER
	Rejected     [rejections]uint64
	// AddressLists counts accepted adverts whose address list is not ours.
	AddressLists uint64
	// Intervals counts accepted v3 adverts whose interval is not ours.
	Intervals uint64
	// ChecksumMessage and ChecksumPseudo count the forms of v3 over IPv4.
	ChecksumMessage uint64
	ChecksumPseudo  uint64
	ChecksumGroup   uint64
	// Unsigned counts adverts that were accepted without HMAC although there
	// are keys: while it grows, HMAC must not be enforced yet.
	Unsigned uint64
	// Echoes counts adverts of version 2 from a master that is heard in
	// version 3 too.
	Echoes uint64
}
