package vrrp

import "github.com/moonkeep/moonkeep/core/mono"

// Counters counts what a virtual router sent, received and rejected since it
// was made. The rejections are those of RFC 9568 7.1, one counter a rule.
type Counters struct {
	Tally
	Rejected [rejections]uint64
}

// Tally is Counters without the rejections.
type Tally struct {
	Sent         uint64
	SentZero     uint64 // with priority 0
	Received     uint64 // valid adverts
	ReceivedZero uint64
	BecameMaster uint64
	LeftMaster   uint64
	Announced    uint64 // bursts
	Conflicts    uint64 // adverts of another master heard while MASTER, but for last words
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

// discarded is what a router remembers of the packets that it discarded, by
// rule. Most never discard one, so that it is made for the first.
type discarded struct {
	counts [rejections]uint64
	// quiet is until when another one is not noted, and noted says that one was
	// since the master was another.
	quiet [rejections]mono.Instant
	noted [rejections]bool
}

// discards counts a packet and reports whether it is to be noted: once for each
// rule until another master is accepted, and not again for a while even then, so
// that strangers on the link cannot fill the log.
func (r *Router) discards(now mono.Instant, rule Rejection) (note bool) {
	if r.discarded == nil {
		r.discarded = new(discarded)
		for i := range r.discarded.quiet {
			r.discarded.quiet[i] = long
		}
	}
	d := r.discarded
	if d.counts[rule]++; d.noted[rule] || now < d.quiet[rule] {
		return false
	}
	d.noted[rule], d.quiet[rule] = true, now.Add(notePause)
	return true
}

// counters are those of a View.
func (r *Router) counters() Counters {
	c := Counters{Tally: r.counts}
	if r.discarded != nil {
		c.Rejected = r.discarded.counts
	}
	return c
}
