package rehearse

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/mono"
	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

// TestDeterminism: the same seed gives the same run, happening by happening,
// and another seed another.
func TestDeterminism(t *testing.T) {
	hash := func(seed uint64) (sum [32]byte) {
		w := drawWorld(seed)
		w.drawMore(seed)
		c := w.cluster(seed)
		log := sha256.New()
		c.Observe = func(h *Happening) { fmt.Fprintln(log, h) }
		for _, n := range c.Nodes {
			n.Start()
		}
		for range 12 {
			c.Run(w.span() / 2)
			w.hurt(c, w.span(), nil)
			w.hurtMore(c, nil)
		}
		w.calm(c, w.span())
		c.Run(3 * w.span())
		return [32]byte(log.Sum(nil))
	}
	seen := map[[32]byte]uint64{}
	for seed := uint64(1); seed <= 20; seed++ {
		first := hash(seed)
		if hash(seed) != first {
			t.Errorf("seed %d: two runs differ", seed)
		}
		if other := seen[first]; other != 0 {
			t.Errorf("seeds %d and %d give the same run", other, seed)
		}
		seen[first] = seed
	}
}

// TestAgenda compares the heap with sorting.
func TestAgenda(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		type item struct {
			at  mono.Instant
			seq int
		}
		var a agenda
		var want, got []item
		if a.next() != mono.Never || a.pop(1<<40) != nil {
			t.Fatal("an empty agenda has something")
		}
		for i := range r.IntN(50) {
			it := item{mono.Instant(r.IntN(10)), i}
			want = append(want, it)
			a.push(it.at, func() { got = append(got, it) })
		}
		slices.SortStableFunc(want, func(a, b item) int { return int(a.at - b.at) })
		for now := mono.Instant(0); now < 10; now++ {
			for do := a.pop(now); do != nil; do = a.pop(now) {
				do()
				if at := got[len(got)-1].at; at != now {
					t.Fatalf("an entry for %d is done at %d", at, now)
				}
			}
		}
		if !slices.Equal(got, want) {
			t.Fatalf("order %v, want %v", got, want)
		}
	}
}

// TestNetwork: what is sent arrives as the network says.
func TestNetwork(t *testing.T) {
	r := rhythms[2]
	tests := []struct {
		name       string
		net        Network
		prepare    func(*Cluster)
		least      int // packets of 100 that arrive
		most       int
		earliest   time.Duration
		latest     time.Duration
		disordered bool
	}{
		{name: "sound", net: Network{Delay: time.Millisecond}, least: 100, most: 100, earliest: time.Millisecond, latest: time.Millisecond},
		{name: "loss", net: Network{Loss: 0.5}, least: 30, most: 70},
		{name: "all lost", net: Network{Loss: 1}},
		{name: "duplicates", net: Network{Duplicate: 0.5}, least: 130, most: 170},
		{name: "jitter reorders", net: Network{Delay: time.Millisecond, Jitter: time.Second}, least: 80, most: 100, earliest: time.Millisecond, latest: 1001 * time.Millisecond, disordered: true},
		{name: "cut", prepare: func(c *Cluster) { c.Cut(0, 1) }},
		{name: "cut the other way", prepare: func(c *Cluster) { c.Cut(1, 0) }, least: 100, most: 100},
		{name: "partition", prepare: func(c *Cluster) { c.Partition(1) }},
		{name: "healed", prepare: func(c *Cluster) { c.Partition(1); c.Heal() }, least: 100, most: 100},
		{name: "sender's link down", prepare: func(c *Cluster) { c.Nodes[0].down["eth0"] = true }},
		{name: "receiver's link down", prepare: func(c *Cluster) { c.Nodes[1].down["eth0"] = true }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := New(7, tt.net, r.plain(255, 100)...)
			var sent []mono.Instant
			var order []int
			c.Observe = func(h *Happening) {
				if e, ok := h.Event.(*node.Received); ok && h.Node.Index == 1 {
					if e.Packet.Source != c.Nodes[0].source || e.Packet.TTL != vrrp.TTL {
						t.Errorf("a packet from %v with TTL %d", e.Packet.Source, e.Packet.TTL)
					}
					at := slices.IndexFunc(sent, func(at mono.Instant) bool { return h.At.Sub(at) <= max(tt.latest, 0) })
					if travelled := h.At.Sub(sent[at]); travelled < tt.earliest {
						t.Errorf("a packet travelled %v", travelled)
					}
					order = append(order, int(e.Packet.Payload[2]))
				}
			}
			c.Nodes[1].Start()
			if tt.prepare != nil {
				tt.prepare(c)
			}
			for i := range 100 {
				payload := c.Nodes[0].Config.Instances[0].Router.Append(nil, uint8(i+1), c.Nodes[0].source, vrrp.Group(false))
				sent = append(sent, c.Now())
				c.send(c.Nodes[0], &node.Action{Interface: "eth0", Source: c.Nodes[0].source, Destination: vrrp.Group(false), TTL: vrrp.TTL, Payload: payload})
				c.Run(10 * time.Millisecond)
			}
			c.Run(tt.latest)
			if len(order) < tt.least || len(order) > tt.most {
				t.Errorf("%d packets arrive, want %d to %d", len(order), tt.least, tt.most)
			}
			if got := !slices.IsSorted(order); got != tt.disordered {
				t.Errorf("out of order is %v, want %v", got, tt.disordered)
			}
		})
	}
}

// handOver is longer than a stop at 100 ms waits for a backup to take over.
const handOver = 160 * time.Millisecond

// TestProcess: what becomes of the addresses when the daemon ends in each way.
func TestProcess(t *testing.T) {
	r := rhythms[2]
	tests := []struct {
		name  string
		do    func(*Node)
		holds bool
		runs  bool
	}{
		{"crash", (*Node).Crash, false, false},
		{"kill", (*Node).Kill, true, false},
		{"kill and start", func(n *Node) { n.Kill(); n.Start() }, false, true},
		{"stop", (*Node).Stop, false, false},
		{"stop, and start when it ended", func(n *Node) { n.Stop(); n.c.Run(handOver); n.Start() }, false, true},
		{"pause", (*Node).Pause, true, true},
		{"stop while paused", func(n *Node) { n.Pause(); n.Stop() }, true, true},
		{"stop while paused, then resume", func(n *Node) { n.Pause(); n.Stop(); n.Resume() }, false, false},
		{"removed by somebody", func(n *Node) { n.Remove(virtual) }, true, true},
		{"removed and put back refused", func(n *Node) { n.Refusal = "no"; n.Remove(virtual) }, false, true},
		{"link down", func(n *Node) { n.SetLink("eth0", false) }, false, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := begin(t, r, r.plain(100))
			n := s.Nodes[0]
			tt.do(n)
			wait := 2 * n.KernelDelay
			if s := n.Status(); s != nil && s.Instances[0].Leaving {
				wait += handOver
			}
			s.Run(wait)
			if n.Holds(virtual) != tt.holds || n.Running() != tt.runs {
				t.Errorf("holds %v, runs %v; want %v, %v", n.Holds(virtual), n.Running(), tt.holds, tt.runs)
			}
		})
	}
}

// TestClient: the client follows the last announcement that reaches it.
func TestClient(t *testing.T) {
	r := rhythms[2]
	s := begin(t, r, r.plain(100, 200))
	if s.Cached(virtual) != s.Nodes[1] {
		t.Fatal("the client does not look at the master")
	}
	s.Cut(0, Client)
	s.Nodes[1].Crash()
	s.Run(r.down(1))
	if s.master() != s.Nodes[0] || s.Cached(virtual) != s.Nodes[1] {
		t.Error("the client heard an announcement through a cut")
	}
	s.Heal()
	s.Nodes[0].Remove(virtual) // put back and announced again
	s.Run(2 * s.Nodes[0].KernelDelay)
	if s.Cached(virtual) != s.Nodes[0] {
		t.Error("the client did not hear an announcement")
	}
}

// TestClockOfDaemon: the daemon's clock begins when it does.
func TestClockOfDaemon(t *testing.T) {
	r := rhythms[2]
	s := begin(t, r, r.plain(100))
	s.Run(time.Hour)
	s.Nodes[0].Crash()
	s.Nodes[0].Start()
	s.Run(time.Second)
	if at := s.Nodes[0].Status().At; at != mono.Instant(time.Second) {
		t.Errorf("a second after its start its clock shows %v", time.Duration(at))
	}
	if s.master() != s.Nodes[0] {
		t.Error("it is not master again")
	}
}
