package node

import (
	"time"

	"github.com/moonkeep/moonkeep/core/mono"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

// A route whose gateway cannot be reached at the moment is no reason to give the
// addresses up: another node that has the same network would not have it either,
// and the clients of the addresses may do without. The instance serves, says what
// it lacks, and tries again.
const (
	// lackPause is until it is tried again: twice as long each time, up to
	// lackMax. A change of an interface that the instance watches does not wait.
	lackPause = time.Second
	lackMax   = 30 * time.Second
)

// lack is what of its routes and rules the kernel refuses a MASTER.
type lack struct {
	why  string // empty when all stand
	at   mono.Instant
	wait time.Duration
}

func (l *lack) due() mono.Instant {
	if l.why == "" {
		return mono.Never
	}
	return l.at
}

// lacks notes the answer to a claim.
func (n *Node) lacks(now mono.Instant, in *instance, why string) {
	l := &in.lack
	switch {
	case why == "" && l.why != "":
		n.note(Info, in.cfg.Name, "route", "all its routes and rules are set now")
	case why != "" && why != l.why:
		n.note(Warn, in.cfg.Name, "route", "serves without some of its routes or rules, trying again: "+why)
	}
	if why == "" {
		*l = lack{}
		return
	}
	l.why, l.wait = why, min(max(lackPause, 2*l.wait), lackMax)
	l.at = now.Add(l.wait)
	n.reschedule(in)
}

// supply claims again what is lacked, when that is due. One that hands over does
// not, but may stay MASTER.
func (n *Node) supply(now mono.Instant, in *instance) {
	if !in.lack.due().Reached(now) {
		return
	}
	in.lack.at = now.Add(lackMax)
	if in.router.Role() == vrrp.Master && !in.router.Leaving() {
		n.claim(in)
	}
}
