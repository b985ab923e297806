package node

import (
	"fmt"
	"time"

	"github.com/moonkeep/moonkeep/core/mono"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

// strangeAgain is how long a virtual router that is not configured is not noted
// again.
const strangeAgain = time.Hour

// stranger notes a packet of a virtual router that is not configured, when that
// is asked for (keepalived's log_unknown_vrids). There are 255 of each family
// on an interface at most, and they are forgotten at a reload.
func (n *Node) stranger(now mono.Instant, e *Received) {
	if !n.tellStrangers {
		return
	}
	p := &e.Packet
	_, vrid, ok := vrrp.Peek(p.Message())
	if !ok {
		return
	}
	k := key{p.Interface, vrid, p.Source.Is6()}
	if until, known := n.strange[k]; known && now < until {
		return
	}
	if n.strange == nil {
		n.strange = map[key]mono.Instant{}
	}
	n.strange[k] = now.Add(strangeAgain)
	n.note(Info, "", "stranger", fmt.Sprintf("interface %s: %v speaks for virtual router %d, which is not configured here", p.Interface, p.Source, vrid))
}
