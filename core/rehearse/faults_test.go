package rehearse

import (
	"fmt"
	"time"

	"github.com/moonkeep/moonkeep/core/node"
)

// hurt does something to the cluster, drawn by chance.
func (w *world) hurt(c *Cluster, span time.Duration, told *timeline) {
	r := w.rng
	say := func(format string, args ...any) {
		told.add(fmt.Sprintf("%-14v ", time.Duration(c.Now())) + fmt.Sprintf(format, args...))
	}
	n := c.Nodes[r.IntN(len(c.Nodes))]
	other := c.Nodes[r.IntN(len(c.Nodes))]
	if len(n.Config.Files) > 0 && chance(r, 30) {
		n.SetFile("f", int64(pick(r, 0, 0, 1, -20, 50, 254)))
		n.SetProcesses("p", pick(r, 0, 1, 2, 3, 4))
	}
	switch r.IntN(18) {
	case 0:
		n.Crash()
	case 1:
		n.Kill()
	case 2:
		n.Stop()
	case 3, 4:
		for _, n := range c.Nodes {
			n.Start()
		}
	case 5, 6:
		n.Pause()
		c.Run(time.Duration(r.Int64N(int64(2 * span))))
		n.Resume()
	case 7:
		n.Pause()
	case 8:
		for _, n := range c.Nodes {
			n.Resume()
		}
	case 9:
		say("partition %s", n.Name)
		c.Partition(n.Index)
	case 10:
		if n != other {
			say("cut %s from %s", other.Name, n.Name)
			c.Cut(n.Index, other.Index)
		}
	case 11:
		say("heal")
		c.Heal()
	case 12:
		n.SetLink(pick(r, "eth0", "eth0", "eth1"), chance(r, 50))
	case 13, 14:
		n.Checks[pick(r, "s0", "s1")] = pick(r, node.OK, node.Failed, node.Timeout, node.Broken)
	case 15:
		in := n.Config.Instances[r.IntN(len(n.Config.Instances))]
		n.Remove(in.Addresses[0].Addr())
	case 16:
		if chance(r, 50) {
			n.Refusal = pick(r, "", "operation not permitted")
			w.refused = true
			say("refusal at %s: %q", n.Name, n.Refusal)
		} else {
			c.Net.Loss = pick(r, 0, 0.05, 0.3, 1)
			c.Net.Jitter = pick(r, 0, c.Net.Delay, span/4)
			c.Net.Duplicate = pick(r, 0, 0.2)
			say("network %+v", c.Net)
		}
	case 17:
		n.Reload(w.reloaded(n.Config))
	}
}

// calm ends all hurt but what the draw leaves standing for good: failing
// scripts and the carrier of eth1. Every node runs the same address lists in
// the end.
func (w *world) calm(c *Cluster, span time.Duration) {
	c.Heal()
	c.Net.Loss, c.Net.Jitter, c.Net.Duplicate = 0, 0, 0
	for _, n := range c.Nodes {
		n.Refusal, n.Policy = "", nil
		n.Resume()
		n.SetLink("eth0", true)
	}
	w.calmMore(c)
	w.calmSettings(c)
	w.calmReloads(c)
	c.Run(span + 2*time.Second) // whoever is about to stop has stopped
	for _, n := range c.Nodes {
		n.Start()
		cfg := w.reloaded(n.Config)
		for i := range cfg.Instances {
			setAddresses(&cfg.Instances[i], 2, i == 1)
		}
		n.Reload(cfg)
	}
	c.Run(w.patienceMore())
}

// patience is how long the cluster may take to settle after calm: the rest
// after refused claims, the scripts' counting, a preempt_delay, and some
// master down intervals, as an election may follow each of them.
func (w *world) patience(c *Cluster, span time.Duration) time.Duration {
	var script, delay time.Duration
	asks := false
	for _, n := range c.Nodes {
		for _, s := range n.Config.Scripts {
			script = max(script, time.Duration(s.Rise+s.Fall+2)*s.Interval)
		}
		for _, in := range n.Config.Instances {
			delay = max(delay, in.Router.PreemptDelay)
			asks = asks || in.Router.AskPreempt
		}
	}
	rest := 300 * time.Millisecond
	if asks {
		rest += 10 * time.Second // a refusal holds for so long
	}
	if w.refused {
		rest += 10 * time.Second
	}
	return rest + script + delay + 4*span
}
