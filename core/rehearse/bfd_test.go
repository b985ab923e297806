package rehearse

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/bfd"
	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

// meet gives every node a session with every other, named after its neighbor.
func meet(c *Cluster, timers bfd.Config) {
	for _, n := range c.Nodes {
		for _, other := range c.Nodes {
			if n != other {
				s := node.Session{Name: other.Name, BFD: timers}
				s.BFD.Neighbor = other.source
				n.Config.Sessions = append(n.Config.Sessions, s)
			}
		}
		n.Config.Seed = uint64(n.Index)
	}
}

// session returns what a node says of its session with another.
func (n *Node) session(name string) node.SessionStatus {
	if s := n.Status(); s != nil {
		for _, x := range s.Sessions {
			if x.Name == name {
				return x
			}
		}
	}
	return node.SessionStatus{Tracked: "not there"}
}

// TestBFDFailover: a master that tracks its gateway makes room when only the
// gateway is gone, within the detection time and what VRRP needs.
func TestBFDFailover(t *testing.T) {
	r := rhythm{vrrp.V3, 10 * time.Millisecond}
	configs := append(r.plain(150, 100), node.Config{}) // the last is the gateway
	c := New(1, Network{Delay: oneWay}, configs...)
	meet(c, bfd.Defaults())
	a, b, gateway := c.Nodes[0], c.Nodes[1], c.Nodes[2]
	for _, n := range c.Nodes[:2] {
		n.Config.Instances[0].Sessions = []node.TrackSession{{Name: "c"}}
	}
	for _, n := range c.Nodes {
		n.Start()
	}
	c.Run(3 * time.Second)
	if a.Role("V") != vrrp.Master || gateway.session("a").Tracked != "up" {
		t.Fatalf("at first %v, the gateway's session is %+v", c, gateway.session("a"))
	}
	changed := map[*Node]time.Duration{}
	cut := c.Now()
	c.Observe = func(h *Happening) {
		if h.Before("V") != h.After("V") {
			changed[h.Node] = h.At.Sub(cut)
		}
	}
	c.Cut(a.Index, gateway.Index)
	c.Cut(gateway.Index, a.Index)
	c.Run(time.Second)
	if a.Role("V") != vrrp.Fault || b.Role("V") != vrrp.Master {
		t.Errorf("after the cut %v", c)
	}
	// The last packet may have come just before the cut, or 10 ms earlier.
	if d := changed[a]; d < 39*time.Millisecond || d > 51*time.Millisecond {
		t.Errorf("a gave up after %v, want 40 to 50 ms", d)
	}
	if d := changed[b] - changed[a]; d > 8*time.Millisecond {
		t.Errorf("b took over %v after that, want its skew of 6.1 ms and a packet's way", d)
	}
	c.Heal()
	c.Run(5 * time.Second)
	if a.Role("V") != vrrp.Master || b.Role("V") != vrrp.Backup {
		t.Errorf("after the heal %v", c)
	}
}

// TestBFDSeeds hurts clusters whose nodes track each other, and when that is
// over each session is what it must be, and each priority what it makes of it.
func TestBFDSeeds(t *testing.T) {
	count := *seedsFlag / 10
	if testing.Short() {
		count = min(count, 20)
	}
	first := uint64(1)
	if *seedFlag > 0 {
		first, count = *seedFlag, 1
	}
	for seed := first; seed < first+count; seed++ {
		var last timeline
		if problem := runBFDSeed(seed, &last); problem != "" {
			t.Fatalf("%s\n%srerun: go test ./core/rehearse -run TestBFDSeeds -seed %d", problem, &last, seed)
		}
	}
}

func runBFDSeed(seed uint64, last *timeline) string {
	rng := rand.New(rand.NewPCG(seed, 0x626664))
	r := rhythm{vrrp.V3, pick[time.Duration](rng, 50, 100, 1000) * time.Millisecond}
	var priorities []uint8
	for range 2 + rng.IntN(3) {
		priorities = append(priorities, uint8(50+rng.IntN(150)))
	}
	c := New(seed, Network{Delay: time.Millisecond, Jitter: time.Millisecond}, r.plain(priorities...)...)
	timers := bfd.Defaults()
	timers.MinTx = pick[time.Duration](rng, 20, 50, 100) * time.Millisecond
	timers.MinRx = pick[time.Duration](rng, 20, 50, 100) * time.Millisecond
	timers.Mult = uint8(3 + rng.IntN(3))
	meet(c, timers)
	for _, n := range c.Nodes {
		for i := range n.Config.Sessions {
			// Two passive ends would never speak.
			n.Config.Sessions[i].BFD.Passive = n.Index == 0 && chance(rng, 50)
			if weight := pick(rng, 30, -30, 100); chance(rng, 60) {
				n.Config.Instances[0].Sessions = append(n.Config.Instances[0].Sessions,
					node.TrackSession{Name: n.Config.Sessions[i].Name, Weight: weight, Reverse: chance(rng, 50)})
			}
		}
	}
	c.Observe = last.happening
	for _, n := range c.Nodes {
		n.Start()
	}
	for range 12 {
		c.Run(time.Duration(rng.Int64N(int64(3 * time.Second))))
		n := c.Nodes[rng.IntN(len(c.Nodes))]
		switch rng.IntN(8) {
		case 0:
			n.Crash()
		case 1:
			n.Stop()
		case 2:
			n.Start()
		case 3:
			n.Pause()
		case 4:
			n.Resume()
		case 5:
			c.Cut(n.Index, rng.IntN(len(c.Nodes)))
		case 6:
			c.Heal()
		case 7:
			cfg := n.Config
			cfg.Sessions = append([]node.Session(nil), cfg.Sessions...)
			for i := range cfg.Sessions {
				cfg.Sessions[i].BFD.MinTx = pick[time.Duration](rng, 20, 50, 100) * time.Millisecond
			}
			n.Reload(cfg)
		}
		c.Net.Loss = pick(rng, 0, 0, 0.1, 0.5)
	}
	c.Net.Loss = 0
	c.Heal()
	for _, n := range c.Nodes {
		n.Resume()
	}
	c.Run(12*time.Second + 8*r.interval)
	running := 0
	for _, n := range c.Nodes {
		if !n.Running() {
			continue
		}
		running++
		want := int(n.Config.Instances[0].Router.Priority)
		for _, other := range c.Nodes {
			if other == n {
				continue
			}
			s := n.session(other.Name)
			if up := other.Running(); (s.State == bfd.Up) != up || (s.Tracked == "up") != up {
				return fmt.Sprintf("%s: session with %s, which runs: %v, is %v and tracked as %s", n.Name, other.Name, up, s.State, s.Tracked)
			}
		}
		for _, t := range n.Config.Instances[0].Sessions {
			if up := n.session(t.Name).State == bfd.Up; (up != t.Reverse) == (t.Weight > 0) {
				want += t.Weight
			}
		}
		if got := n.Status().Instances[0].Effective; int(got) != min(254, max(1, want)) {
			return fmt.Sprintf("%s has priority %d, want %d: %+v", n.Name, got, want, n.Status().Instances[0].Terms)
		}
	}
	if m := c.Masters("V"); len(m) != min(1, running) {
		return fmt.Sprintf("%d masters among %d nodes: %v", len(m), running, c)
	}
	return ""
}
