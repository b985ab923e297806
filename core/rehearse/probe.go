package rehearse

import (
	"github.com/moonkeep/moonkeep/core/health"
	"github.com/moonkeep/moonkeep/core/node"
)

// probe answers what a daemon asks of real servers: all of one asking together,
// after a while, unless nobody answers.
func (n *Node) probe(d *daemon, a *node.Action) {
	if n.Mute {
		return
	}
	checks := checksOf(&d.config)
	ev := &node.Probed{Generation: a.Generation}
	for _, x := range a.Asks {
		v, known := n.Verdicts[checks[x.Check].Identity]
		if !known {
			v = health.OK
		}
		ev.Answers = append(ev.Answers, node.Answer{Check: x.Check, Seq: x.Seq, Verdict: v})
	}
	n.c.after(n.c.upTo(n.CheckDelay), func() {
		if n.daemon == d {
			n.deliver("probed", ev)
		}
	})
}

// checksOf are the checks of a configuration by their numbers.
func checksOf(cfg *node.Config) []*node.Check {
	var all []*node.Check
	for i := range cfg.Services {
		for k := range cfg.Services[i].Servers {
			for x := range cfg.Services[i].Servers[k].Checks {
				all = append(all, &cfg.Services[i].Servers[k].Checks[x])
			}
		}
	}
	return all
}
