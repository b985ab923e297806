package rehearse

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

var (
	seedFlag  = flag.Uint64("seed", 0, "run the simulation of this seed only")
	seedsFlag = flag.Uint64("seeds", 1000, "run the simulations of so many seeds")
	fromFlag  = flag.Uint64("from", 1, "the first of these seeds")
)

// TestSeeds hurts a drawn cluster by drawn faults, for each seed, and holds
// the invariants of the protocol against all that happens; then it lets the
// cluster settle and looks who is left as master.
func TestSeeds(t *testing.T) {
	first, count := *fromFlag, *seedsFlag
	if testing.Short() {
		count = min(count, 200)
	}
	if *seedFlag > 0 {
		first, count = *seedFlag, 1
	}
	var all tally
	t.Cleanup(func() { all.judge(t) })
	one := func(seed uint64) func(*testing.T) {
		return func(t *testing.T) {
			r := runSeed(seed, drawnSettings, nil)
			if r.problem != "" {
				var last timeline
				runSeed(seed, drawnSettings, &last)
				t.Errorf("%s\n%srerun: go test ./core/rehearse -run 'TestSeeds/seed=%d' -seed %d", r.problem, &last, seed, seed)
			}
			all.add(&r.seen)
		}
	}
	// The heap stays small; collecting it less often saves a third of the time.
	defer debug.SetGCPercent(debug.SetGCPercent(800))
	// As many seeds at once as there are processors. With t.Parallel thousands
	// of goroutines would wait, which the race detector makes dear.
	var workers sync.WaitGroup
	var next atomic.Uint64
	next.Store(first)
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			for seed := next.Add(1) - 1; seed < first+count; seed = next.Add(1) - 1 {
				t.Run(fmt.Sprintf("seed=%d", seed), one(seed))
			}
		})
	}
	workers.Wait()
}

// cluster makes the cluster that was drawn.
func (w *world) cluster(seed uint64) *Cluster {
	c := New(seed, w.net, w.configs...)
	if w.more.bfd {
		meet(c, w.sessionTimers())
	}
	return c
}

// drawn is how much of a world is drawn.
type drawn int

const (
	drawnPlain    drawn = iota
	drawnMore           // and drawMore and drawServices
	drawnReloads        // and drawReloads
	drawnSettings       // and drawSettings
)

// runSeed runs the simulation of a seed until the first breach. The timeline, when
// there is one, is told what happens before the referee is.
func runSeed(seed uint64, much drawn, told *timeline) (r *referee) {
	w := drawWorld(seed)
	if much >= drawnMore {
		w.drawMore(seed)
		w.drawServices(seed)
	}
	if much >= drawnReloads {
		w.drawReloads(seed)
	}
	if much >= drawnSettings {
		w.drawSettings(seed)
	}
	c := w.cluster(seed)
	r = newReferee()
	judge := newServiceReferee()
	defer func() {
		if p := recover(); p != nil {
			r.problem = fmt.Sprintf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	c.Observe = func(h *Happening) {
		if told != nil && r.problem == "" {
			told.happening(h)
		}
		r.observe(h)
		if problem := judge.observe(h); problem != "" && r.problem == "" {
			r.problem = problem
		}
	}
	span := w.span()
	r.span, r.distrust, r.versions = span, w.more.steps, w.reloads.versions
	r.differ = w.settings.auth || w.settings.ways || w.settings.intervals && w.version == vrrp.V2
	for i, n := range c.Nodes {
		n.Clock = w.clocks[i]
		n.Policy = drawPolicy(rand.New(rand.NewPCG(seed, uint64(i))))
		n.KernelDelay = pick(w.rng, 0, time.Millisecond, 5*time.Millisecond)
		if chance(w.rng, 80) {
			n.Start()
		}
	}
	for range 6 + w.rng.IntN(15) {
		c.Run(time.Duration(w.rng.Int64N(int64(3 * span / 2))))
		w.hurt(c, span, told)
		w.hurtMore(c, told)
		w.hurtServices(c)
		w.hurtReloads(c)
		w.hurtSettings(c)
		if r.problem != "" {
			return r
		}
	}
	w.calm(c, span)
	r.calm = c.Now()
	told.add(fmt.Sprintf("%-14v calm", time.Duration(c.Now())))
	c.Run(w.patience(c, span))
	if r.problem == "" {
		r.problem = w.settled(c, r)
	}
	r.stable = true
	c.Run(3 * span)
	if r.problem == "" {
		r.problem = w.settled(c, r)
	}
	return r
}

// settled says what is wrong with a cluster that nothing hurts any more.
func (w *world) settled(c *Cluster, r *referee) string {
	for i := range w.configs[0].Instances {
		vrid := w.configs[0].Instances[i].Router.VRID
		best, eligible, preempt := uint8(0), 0, true
		var masters []*Node
		for _, n := range c.Nodes {
			in := instanceOf(n, vrid)
			effective, fault := n.expect(in)
			role := n.Role(in.Name)
			if fault != (role == vrrp.Fault) || role == vrrp.Init {
				return fmt.Sprintf("%s: %s is %v, its trackers say fault=%v: %v", n.Name, in.Name, role, fault, c)
			}
			if role == vrrp.Master {
				masters = append(masters, n)
			}
			if !fault {
				eligible++
				best = max(best, effective)
				preempt = preempt && !in.Router.NoPreempt
			}
		}
		if len(masters) != min(1, eligible) {
			return fmt.Sprintf("virtual router %d has %d masters among %d nodes that may be: %v", vrid, len(masters), eligible, c)
		}
		if eligible == 0 {
			continue
		}
		in := instanceOf(masters[0], vrid)
		if p, _ := masters[0].expect(in); preempt && p < best {
			return fmt.Sprintf("virtual router %d: %s with priority %d is master, another has %d: %v", vrid, masters[0].Name, p, best, c)
		}
		for _, a := range in.Addresses {
			if h := c.Holders(a.Addr()); len(h) != 1 || h[0] != masters[0].Index {
				return fmt.Sprintf("%v is held by %v, the master is %d", a, h, masters[0].Index)
			}
			if at := c.Cached(a.Addr()); !w.quiet && !r.stranded[a.Addr()] && at != masters[0] {
				return fmt.Sprintf("the client looks for %v at %s, the master is %s", a, at.Name, masters[0].Name)
			}
		}
	}
	for _, n := range c.Nodes {
		for _, g := range n.Config.Groups {
			for _, m := range g.Members {
				if n.Role(m) != n.Role(g.Members[0]) {
					return fmt.Sprintf("the members of sync group %s differ: %v", g.Name, c)
				}
			}
		}
	}
	return ""
}

func instanceOf(n *Node, vrid uint8) *node.Instance { return instanceIn(&n.Config, vrid) }

func instanceIn(cfg *node.Config, vrid uint8) *node.Instance {
	for i := range cfg.Instances {
		if cfg.Instances[i].Router.VRID == vrid {
			return &cfg.Instances[i]
		}
	}
	return nil
}

// expect works out, from what the scripts find and the links are, what the
// node must have made of it.
func (n *Node) expect(in *node.Instance) (effective uint8, fault bool) {
	sum := 0
	add := func(up bool, weight int, reverse bool) {
		if reverse {
			up = !up
		}
		switch {
		case weight == 0 && !up:
			fault = true
		case weight > 0 && up, weight < 0 && !up:
			sum += weight
		}
	}
	grouped := in.Router.Hold
	own := !grouped || n.Config.Groups[0].KeepWeights
	for _, t := range in.Scripts {
		if own || t.Weight == 0 {
			add(n.Checks[t.Name] == node.OK, t.Weight, t.Reverse)
		}
	}
	for _, t := range in.Interfaces {
		weight := t.Weight
		if !own {
			weight = 0
		}
		add(n.linkUp(t.Name), weight, t.Reverse)
	}
	for _, t := range in.Sessions {
		if own || t.Weight == 0 {
			add(n.sees(t.Name), t.Weight, t.Reverse)
		}
	}
	watch := func(files []node.TrackFile, processes []node.TrackProcess) {
		more, bad := n.watched(files, processes, add)
		sum += more
		fault = fault || bad
	}
	if !grouped {
		watch(in.Files, in.Processes)
	}
	if grouped {
		g := &n.Config.Groups[0]
		watch(g.Files, g.Processes)
		for _, t := range g.Sessions {
			add(n.sees(t.Name), t.Weight, t.Reverse)
		}
		for _, t := range g.Scripts {
			add(n.Checks[t.Name] == node.OK, t.Weight, t.Reverse)
		}
		for _, t := range g.Interfaces {
			add(n.linkUp(t.Name), t.Weight, t.Reverse)
		}
		for _, m := range g.Members {
			for _, other := range n.Config.Instances {
				if other.Name == m {
					fault = fault || n.faulted(&other)
				}
			}
		}
	}
	if in.Router.Priority == 255 {
		return 255, fault
	}
	return uint8(max(1, min(254, int(in.Router.Priority)+sum))), fault
}

// sees reports whether a session with the node of that name must be up: both
// run, and their uplinks are.
func (n *Node) sees(name string) bool {
	other := n.c.Nodes[name[0]-'a']
	return other.Running() && n.linkUp(n.uplink()) && other.linkUp(other.uplink())
}

// faulted reports whether a member of a sync group has a fault of its own.
func (n *Node) faulted(in *node.Instance) bool {
	alone := *in
	alone.Router.Hold = false
	alone.Scripts = nil
	for _, t := range in.Scripts {
		if t.Weight == 0 {
			alone.Scripts = append(alone.Scripts, t)
		}
	}
	alone.Interfaces = nil
	for _, t := range in.Interfaces {
		// One with a weight faults only a member whose weights do not count.
		if t.Weight == 0 || !n.Config.Groups[0].KeepWeights {
			alone.Interfaces = append(alone.Interfaces, node.TrackInterface{Name: t.Name, Reverse: t.Reverse})
		}
	}
	alone.Sessions = slices.DeleteFunc(slices.Clone(in.Sessions), func(t node.TrackSession) bool { return t.Weight != 0 })
	_, fault := n.expect(&alone)
	return fault
}

// timeline keeps the last happenings that are worth reading: what was done to
// nodes and to the network, changes of roles, and where addresses went. A nil
// timeline keeps nothing.
type timeline struct{ lines []string }

func (t *timeline) happening(h *Happening) {
	switch h.Cause {
	case "tick", "packet", "bfd", "checked", "probed", "claimed", "link":
		told := func(a node.Action) bool {
			return a.Kind != node.Send && a.Kind != node.SendBFD && a.Kind != node.Run && a.Kind != node.Probe && a.Kind != node.Noted
		}
		if !slices.ContainsFunc(h.Actions, told) {
			return
		}
	}
	t.add(h.String())
}

func (t *timeline) add(line string) {
	if t == nil {
		return
	}
	if len(t.lines) == 30 {
		t.lines = append(t.lines[:0], t.lines[1:]...)
	}
	t.lines = append(t.lines, line)
}

func (t *timeline) String() string { return strings.Join(t.lines, "\n") + "\n" }
