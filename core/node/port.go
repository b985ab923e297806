package node

import (
	"fmt"
	"time"

	"github.com/moonkeep/moonkeep/core/mono"
	"github.com/moonkeep/moonkeep/core/track"
)

// InterfaceDelay is how long an interface must be down, or up again, before
// that counts (interface_up_down_delays).
type InterfaceDelay struct {
	Interface string
	Up, Down  time.Duration
}

// port is an interface whose changes count late.
type port struct {
	cfg   InterfaceDelay
	known bool
	seen  Link // as it is, unlike Node.links
	life  track.Debounce
	timer *timed
}

// link takes the present state of an interface.
func (n *Node) link(now mono.Instant, e *Link) {
	p := n.ports[e.Name]
	if p == nil {
		n.adopt(now, *e, false)
		return
	}
	before, known := p.seen, p.known
	p.seen, p.known = *e, true
	switch {
	case !e.Exists:
		p.life.Force(now, track.Down)
	case before.Exists && before.Index != e.Index:
		p.life.Force(now, track.Of(e.Up)) // it is another
	default:
		p.life.See(now, track.Of(e.Up))
	}
	if next, pending := p.life.Pending(); pending && before.Up != e.Up {
		n.note(Info, "", "link", fmt.Sprintf("interface %s is %v, which counts in %v", e.Name, next, p.life.Deadline().Sub(now)))
	}
	n.sched.set(p.timer, p.life.Deadline())
	n.adopt(now, p.link(), known && e.Up && !before.Up)
}

// link is the interface as it counts.
func (p *port) link() Link {
	l := p.seen
	state, _ := p.life.State()
	l.Up = l.Exists && state == track.Up
	return l
}

// down says why an interface does not count as up.
func (n *Node) down(name string) string {
	if p := n.ports[name]; p != nil && p.seen.Up {
		return "is up again, but not yet for as long as interface_up_down_delays asks"
	}
	return "is down"
}

// runPort does what is due for an interface.
func (n *Node) runPort(now mono.Instant, p *port) {
	p.life.Tick(now)
	n.sched.set(p.timer, p.life.Deadline())
	n.adopt(now, p.link(), false)
}

// redelay replaces the delays of interfaces. What is known of an interface
// stays; one that has no delay any more is as it is at once.
func (n *Node) redelay(now mono.Instant, cfg []InterfaceDelay) {
	old := n.ports
	n.ports = map[string]*port{}
	for _, c := range cfg {
		p := old[c.Interface]
		if p == nil {
			p = &port{}
			p.timer = &timed{at: mono.Never, run: func(now mono.Instant) { n.runPort(now, p) }}
			n.sched.add(p.timer)
			if l, known := n.links[c.Interface]; known {
				p.seen, p.known = l, true
				p.life.Force(now, track.Of(l.Exists && l.Up))
			}
		}
		p.cfg = c
		p.life.Delay(c.Up, c.Down)
		n.ports[c.Interface] = p
		n.watched = append(n.watched, p.timer)
	}
	for name, p := range old {
		if n.ports[name] != nil {
			continue
		}
		n.sched.remove(p.timer)
		if p.known {
			n.links[name] = p.seen // the instances are judged anew after this
		}
	}
}
