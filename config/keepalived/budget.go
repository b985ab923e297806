package keepalived

import "github.com/moonkeep/moonkeep/config"

// The bounds of what is made of a configuration, two to five times those of
// the largest that are known: 37,000 servers with two blocks each for their
// checks, the 65,024 instances that keepalived's manual makes of one line.
const (
	mostBlocks    = 500_000
	mostInstances = 150_000
	mostEntries   = 250_000
	// mostErrors is how many errors a file may have until it is not one that
	// somebody wrote by hand, and nothing of it can run.
	mostErrors = 20_000
)

// budget counts what was made of a configuration, so that a text of some
// megabytes does not become gigabytes.
type budget struct {
	blocks, instances, entries int
	// spent says that a bound was met, which has been reported: the rest is
	// not looked at.
	spent bool
}

// affords counts one more statement, the block of k or, without k, an entry
// of a list, and reports whether it may be read.
func (r *reader) affords(k *keyword, s *statement) bool {
	b := &r.budget
	switch {
	case b.spent:
		return false
	case k == nil:
		b.entries++
	case s.hasBody:
		b.blocks++
		if k.body == "vrrp_instance" {
			b.instances++
		}
	}
	switch {
	case b.blocks > mostBlocks:
		r.spend(s, "too-large", "the configuration has more than %d blocks", mostBlocks)
	case b.instances > mostInstances:
		r.spend(s, "too-large", "the configuration has more than %d instances", mostInstances)
	case b.entries > mostEntries:
		r.spend(s, "too-large", "the lists of the configuration have more than %d lines", mostEntries)
	case r.out.hopeless():
		r.spend(s, "too-many-errors", "the configuration has more than %d errors", mostErrors)
	}
	return !b.spent
}

// spend ends the reading because a bound is met.
func (r *reader) spend(s *statement, name, format string, most int) {
	r.budget.spent, r.cut = true, true
	r.out.addAt(r.src.position(s.at()), config.Error, name, format+"; what follows is not looked at", most)
}

// hopeless reports whether there are more errors than anybody puts right.
func (r *report) hopeless() bool { return r.dropped[config.Error] > mostErrors }
