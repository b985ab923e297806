package node

import (
	"time"

	"github.com/moonkeep/moonkeep/core/mono"
)

// delay has every instance wait in INIT for a time after the start, as
// keepalived's vrrp_startup_delay: adverts are ignored and none is sent, so
// that a host that boots does not take addresses before its services run.
func (n *Node) delay(now mono.Instant, d time.Duration) {
	if d <= 0 {
		return
	}
	n.delayed = true
	t := &timed{at: now.Add(d)}
	t.run = func(now mono.Instant) {
		n.sched.set(t, mono.Never)
		n.delayed = false
		n.settleAll(now, n.instances)
		for _, in := range n.instances {
			n.reschedule(in)
		}
	}
	n.sched.add(t)
}
