package rehearse

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/mono"
	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

// rhythm is a version with an interval.
type rhythm struct {
	version  vrrp.Version
	interval time.Duration
}

var rhythms = []rhythm{{vrrp.V2, time.Second}, {vrrp.V3, time.Second}, {vrrp.V3, 100 * time.Millisecond}, {vrrp.V3, 10 * time.Millisecond}}

func (r rhythm) String() string { return fmt.Sprintf("v%d-%v", r.version, r.interval) }

// oneWay is how long a packet travels in the tests of this file.
const oneWay = 500 * time.Microsecond

var virtual = netip.MustParseAddr("10.0.1.1")

// plain returns nodes with one instance V of these priorities.
func (r rhythm) plain(priorities ...uint8) []node.Config {
	var all []node.Config
	for _, p := range priorities {
		in := node.Instance{Name: "V", Interface: "eth0", Router: vrrp.Defaults()}
		in.Router.Version, in.Router.Interval, in.Router.VRID, in.Router.Priority = r.version, r.interval, 1, p
		setAddresses(&in, 1, false)
		all = append(all, node.Config{Instances: []node.Instance{in}})
	}
	return all
}

// script is a cluster with a log of what it did.
type script struct {
	*Cluster
	t *testing.T
	r rhythm
	// sent, became and left are when each node last advertised with a
	// priority above 0, and when V last became and ceased to be MASTER there.
	sent, became, left map[*Node]mono.Instant
	announced          map[*Node]mono.Instant
	// adverts counts those above priority 0.
	adverts map[*Node]int
	ref     *referee
	last    timeline
}

// begin starts the nodes and waits until one is master.
func begin(t *testing.T, r rhythm, configs []node.Config) *script {
	t.Helper()
	s := &script{
		Cluster: New(1, Network{Delay: oneWay}, configs...), t: t, r: r, ref: newReferee(),
		sent: map[*Node]mono.Instant{}, became: map[*Node]mono.Instant{}, left: map[*Node]mono.Instant{},
		announced: map[*Node]mono.Instant{}, adverts: map[*Node]int{},
	}
	s.Observe = func(h *Happening) {
		s.last.happening(h)
		s.ref.observe(h)
		s.note(h)
	}
	t.Cleanup(func() {
		if s.ref.problem != "" {
			t.Error(s.ref.problem)
		}
		if t.Failed() {
			t.Logf("the last happenings:\n%s", &s.last)
		}
	})
	for _, n := range s.Nodes {
		n.Start()
	}
	s.Run(r.down(1) + 2*r.interval)
	if m := s.Masters("V"); len(m) != 1 {
		t.Fatalf("masters %v after start: %v", m, s.Cluster)
	}
	return s
}

func (s *script) note(h *Happening) {
	for i := range h.Actions {
		a := &h.Actions[i]
		switch {
		case a.Kind == node.Send && a.Payload[2] > 0:
			s.sent[h.Node] = h.At
			s.adverts[h.Node]++
		case a.Kind == node.Announce && h.Cause == "kernel":
			s.announced[h.Node] = h.At
		case a.Change != nil && a.Change.To == vrrp.Master:
			s.became[h.Node] = h.At
		case a.Change != nil && a.Change.From == vrrp.Master:
			s.left[h.Node] = h.At
		}
	}
}

// down is the master down interval of a priority.
func (r rhythm) down(priority uint8) time.Duration {
	return r.version.MasterDown(priority, r.interval, 3)
}

func (s *script) master() *Node {
	m := s.Masters("V")
	if len(m) != 1 {
		s.t.Fatalf("masters %v: %v", m, s.Cluster)
	}
	return s.Nodes[m[0]]
}

// phases are offsets within an interval.
func (r rhythm) phases(f func(time.Duration)) {
	for i := range 16 {
		f(r.interval * time.Duration(i) / 16)
	}
}

// each runs a test at every rhythm and phase.
func each(t *testing.T, f func(t *testing.T, r rhythm, phase time.Duration)) {
	for _, r := range rhythms {
		t.Run(r.String(), func(t *testing.T) {
			t.Parallel()
			r.phases(func(phase time.Duration) { f(t, r, phase) })
		})
	}
}

// TestElection: on a sound segment one node is master within the master down
// interval and two intervals, and it is the greatest by priority and address.
func TestElection(t *testing.T) {
	tests := []struct {
		name       string
		priorities []uint8
		want       int
	}{
		{"the highest priority", []uint8{100, 200, 150}, 1},
		{"an owner", []uint8{254, 100, 255}, 2},
		{"the highest address among equals", []uint8{100, 100, 100, 100, 100}, 4},
		{"two owners", []uint8{255, 255, 100}, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for _, r := range rhythms {
				s := begin(t, r, r.plain(tt.priorities...))
				if got := s.master().Index; got != tt.want {
					t.Errorf("%v: node %d is master, want %d", r, got, tt.want)
				}
				s.ref.stable = true
				s.Run(20 * r.interval)
			}
		})
	}
}

// TestCrash: the best backup takes over exactly one master down interval after
// it heard the last advert, with whatever phase the master died.
func TestCrash(t *testing.T) {
	each(t, func(t *testing.T, r rhythm, phase time.Duration) {
		s := begin(t, r, r.plain(200, 100, 150, 50))
		s.Run(phase)
		old := s.Nodes[0]
		last := s.sent[old]
		old.Crash()
		s.Run(r.down(1) + r.interval)
		best := s.Nodes[2]
		if s.master() != best {
			t.Fatalf("%s is master, want %s", s.master().Name, best.Name)
		}
		if got, want := s.became[best].Sub(last), oneWay+r.down(150); got != want {
			t.Errorf("phase %v: takes over %v after the last advert, want %v", phase, got, want)
		}
		if got := s.Cached(virtual); got != best {
			t.Errorf("phase %v: the client looks at %v", phase, got)
		}
	})
}

// TestStop: a stop is heard, the best backup takes over after its skew, and
// until then the address is held and answered for.
func TestStop(t *testing.T) {
	each(t, func(t *testing.T, r rhythm, phase time.Duration) {
		configs := r.plain(100, 200, 150)
		s := begin(t, r, configs)
		old, best := s.Nodes[1], s.Nodes[2]
		if s.master() != old {
			t.Fatal("another master")
		}
		s.hearPeer(old)
		s.Run(phase)
		at := s.Now()
		old.Stop()
		for s.became[best] <= at {
			if !old.Holds(virtual) {
				t.Fatalf("phase %v: the address is gone %v after the stop, before anyone took over", phase, s.Now().Sub(at))
			}
			s.Run(100 * time.Microsecond)
			if s.Now().Sub(at) > 3*r.interval {
				t.Fatalf("phase %v: nobody took over", phase)
			}
		}
		if got, most := s.became[best].Sub(at), r.version.Skew(150, r.interval)+oneWay; got > most {
			t.Errorf("phase %v: taken over after %v, want at most %v", phase, got, most)
		}
		s.Run(oneWay + 10*time.Millisecond + old.KernelDelay)
		if h := s.Holders(virtual); len(h) != 1 || h[0] != best.Index {
			t.Errorf("phase %v: held by %v after the hand-over", phase, h)
		}
	})
}

// hearPeer makes a master meet a peer, so that it knows that it is not alone.
func (s *script) hearPeer(n *Node) {
	other := s.Nodes[(n.Index+1)%len(s.Nodes)]
	s.Cut(n.Index, other.Index)
	s.Run(s.r.down(1) + s.r.interval)
	s.Heal()
	s.Run(2 * s.r.interval)
	if s.master() != n {
		s.t.Fatal("the lower peer won")
	}
}

// TestStopUnheard: when the resignation is lost, the address is kept for as
// long as a successor could have needed and no longer.
func TestStopUnheard(t *testing.T) {
	each(t, func(t *testing.T, r rhythm, phase time.Duration) {
		s := begin(t, r, r.plain(100, 200))
		old := s.Nodes[1]
		s.hearPeer(old)
		s.Run(phase)
		s.Partition(old.Index)
		at := s.Now()
		old.Stop()
		limit := r.version.Skew(1, r.interval) + 50*time.Millisecond
		s.Run(limit - time.Microsecond)
		if !old.Holds(virtual) {
			t.Errorf("phase %v: the address is gone before a successor was due", phase)
		}
		s.Run(time.Microsecond + old.KernelDelay)
		if old.Holds(virtual) || old.Running() {
			t.Errorf("phase %v: %v after the stop: held %v, running %v", phase, s.Now().Sub(at), old.Holds(virtual), old.Running())
		}
	})
}

// TestStopAlone: a master whose backups were never heard waits as long as the
// slowest of them could take, and no longer.
func TestStopAlone(t *testing.T) {
	r := rhythms[0]
	s := begin(t, r, r.plain(100))
	s.Nodes[0].Stop()
	s.Run(time.Second)
	if !s.Nodes[0].Holds(virtual) {
		t.Error("it gave the address up before a backup could take it")
	}
	s.Run(100*time.Millisecond + s.Nodes[0].KernelDelay)
	if s.Nodes[0].Holds(virtual) || s.Nodes[0].Running() {
		t.Error("it still holds the address")
	}
}

// TestHeal: after a partition one master is left within an interval, and the
// client finds it at once, whoever of the two announced last and whatever the
// phase of their adverts.
func TestHeal(t *testing.T) {
	tests := []struct {
		name       string
		priorities []uint8
		apart      []int // cut off from all others
		winner     int
		// late is how much longer than an interval and 20 ms the client may
		// look at the wrong node.
		late time.Duration
	}{
		{"the old master wins", []uint8{200, 100, 50}, []int{0}, 0, 0},
		{"the new master wins", []uint8{100, 100, 50}, []int{1}, 1, 0},
		{"two equals", []uint8{100, 100}, []int{0}, 1, 0},
		// A loser may meet another loser, and announce, after the winner did.
		// The winner then waits out the gap between two bursts.
		{"each alone", []uint8{10, 20, 30, 40, 50}, []int{0, 1, 2, 3, 4}, 4, 100 * time.Millisecond},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			each(t, func(t *testing.T, r rhythm, phase time.Duration) {
				s := begin(t, r, r.plain(tt.priorities...))
				winner := s.Nodes[tt.winner]
				for _, i := range tt.apart {
					s.Partition(i)
				}
				s.Run(2*r.down(1) + 200*time.Millisecond + phase)
				if len(s.Masters("V")) != max(2, len(tt.apart)) {
					t.Fatalf("phase %v: the partition has masters %v", phase, s.Masters("V"))
				}
				at := s.Now()
				s.Heal()
				s.Run(r.interval + 2*oneWay)
				if m := s.Masters("V"); len(m) != 1 || m[0] != tt.winner {
					t.Fatalf("phase %v: masters %v an interval after the heal", phase, m)
				}
				s.Run(20*time.Millisecond - 2*oneWay + tt.late)
				if s.announced[winner] <= at || s.Cached(virtual) != winner {
					t.Errorf("phase %v: %v after the heal the client looks at %s", phase, s.Now().Sub(at), s.Cached(virtual).Name)
				}
				s.ref.stable = true
				s.Run(3 * r.down(1))
			})
		})
	}
}

// TestHealGroup: the winner announces the addresses of all members, also of
// those whose rival yielded without a word because another member met it.
func TestHealGroup(t *testing.T) {
	each(t, func(t *testing.T, r rhythm, phase time.Duration) {
		configs := r.plain(200, 100)
		for i := range configs {
			second := configs[i].Instances[0]
			second.Name, second.Router.VRID = "W", 2
			setAddresses(&second, 1, false)
			configs[i].Instances = append(configs[i].Instances, second)
			for j := range configs[i].Instances {
				configs[i].Instances[j].Router.Hold = true
			}
			configs[i].Groups = []node.Group{{Name: "G", Members: []string{"V", "W"}}}
		}
		s := begin(t, r, configs)
		s.Partition(0)
		s.Run(2*r.down(1) + 200*time.Millisecond + phase)
		s.Heal()
		s.Run(r.interval + 20*time.Millisecond)
		for _, a := range []string{"10.0.1.1", "10.0.2.1"} {
			addr := netip.MustParseAddr(a)
			if h := s.Holders(addr); len(h) != 1 || h[0] != 0 || s.Cached(addr) != s.Nodes[0] {
				t.Errorf("phase %v: %s is held by %v, the client looks at %s", phase, a, h, s.Cached(addr).Name)
			}
		}
	})
}

// TestPause: a master that was stopped for longer than its backups wait and
// goes on does not make two masters for more than an interval.
func TestPause(t *testing.T) {
	for _, priorities := range [][]uint8{{200, 100}, {100, 100}, {200, 150, 100}, {255, 100}} {
		t.Run(fmt.Sprint(priorities), func(t *testing.T) {
			each(t, func(t *testing.T, r rhythm, phase time.Duration) {
				for _, nopreempt := range []bool{false, true} {
					configs := r.plain(priorities...)
					for i := range configs {
						configs[i].Instances[0].Router.NoPreempt = nopreempt && priorities[i] < 255
					}
					s := begin(t, r, configs)
					old := s.master()
					for _, pause := range []time.Duration{r.down(1), 4 * r.interval, 4*r.interval + 3*time.Second, 30 * r.interval} {
						s.Run(phase)
						old.Pause()
						s.Run(pause)
						old.Resume()
						s.Run(r.interval + 2*oneWay)
						if m := s.Masters("V"); len(m) != 1 {
							t.Fatalf("paused %v, phase %v: masters %v an interval after", pause, phase, m)
						}
						s.Run(3 * r.down(1))
						if s.Cached(virtual) != s.master() {
							t.Fatalf("paused %v, phase %v: the client looks at %s, the master is %s", pause, phase, s.Cached(virtual).Name, s.master().Name)
						}
						if nopreempt && pause > 5*r.interval && priorities[0] < 255 && s.master() == old {
							t.Fatalf("paused %v, phase %v: it took the address back", pause, phase)
						}
						old = s.master()
					}
				}
			})
		})
	}
}

// TestReturn: a node that comes back preempts only if it may, and the address
// is held by somebody all the time.
func TestReturn(t *testing.T) {
	for _, nopreempt := range []bool{false, true} {
		t.Run(fmt.Sprintf("nopreempt=%v", nopreempt), func(t *testing.T) {
			each(t, func(t *testing.T, r rhythm, phase time.Duration) {
				configs := r.plain(200, 100)
				configs[0].Instances[0].Router.NoPreempt = nopreempt
				s := begin(t, r, configs)
				s.Nodes[0].Crash()
				s.Run(r.down(1) + r.interval + phase)
				at := s.Now()
				s.Nodes[0].Start()
				for s.Now().Sub(at) < 3*r.down(1) {
					s.Run(r.interval / 50)
					if len(s.Holders(virtual)) == 0 {
						t.Fatalf("phase %v: nobody holds the address %v after the return", phase, s.Now().Sub(at))
					}
				}
				if want := map[bool]int{false: 0, true: 1}[nopreempt]; s.master().Index != want {
					t.Errorf("phase %v: node %d is master, want %d", phase, s.master().Index, want)
				}
				if got, want := s.became[s.Nodes[0]].Sub(at), r.down(200); !nopreempt && got != want {
					t.Errorf("phase %v: preempts %v after its start, want %v", phase, got, want)
				}
			})
		})
	}
}

// TestAssert: a master answers a lower one at once, and not only with its next
// advert (RFC 9568 6.4.3), so that the shorter of two intervals decides how
// long there are two.
func TestAssert(t *testing.T) {
	r := rhythm{vrrp.V3, 10 * time.Millisecond}
	configs := r.plain(200, 100)
	configs[0].Instances[0].Router.Interval = time.Second
	s := begin(t, rhythm{vrrp.V3, time.Second}, configs)
	s.Partition(0)
	s.Run(4 * time.Second)
	s.Run(time.Second - s.Now().Sub(s.sent[s.Nodes[0]]) + 20*time.Millisecond) // its next is far
	s.Heal()
	s.Run(r.interval + 2*oneWay)
	if m := s.Masters("V"); len(m) != 1 || m[0] != 0 {
		t.Errorf("masters %v an interval of the lower one after the heal", m)
	}
}

// TestRivalStops: a master that hears another resign says at once that it is
// there (RFC 9568 6.4.3): the backups would take over else.
func TestRivalStops(t *testing.T) {
	each(t, func(t *testing.T, r rhythm, phase time.Duration) {
		s := begin(t, r, r.plain(100, 200, 50))
		s.Partition(1)
		s.Run(r.down(1) + r.interval + phase)
		s.Heal()
		if len(s.Masters("V")) != 2 {
			t.Fatalf("masters %v before the stop", s.Masters("V"))
		}
		s.Nodes[0].Stop()
		s.Run(2 * r.down(1))
		if _, took := s.became[s.Nodes[2]]; took || s.master() != s.Nodes[1] {
			t.Errorf("phase %v: the backup took over from a living master: %v", phase, s.Cluster)
		}
	})
}

// TestLoserLast: a yielding master's last advert arrives after the first of
// the winner. When its interval is the shorter one, the backups must not
// measure the winner by it, even if that one says no word in reply.
func TestLoserLast(t *testing.T) {
	configs := rhythm{vrrp.V3, time.Second}.plain(200, 150, 100)
	configs[1].Instances[0].Router.Interval = 10 * time.Millisecond
	configs[0].Instances[0].Router.LowerPrioNoAdvert = true
	s := begin(t, rhythm{vrrp.V3, time.Second}, configs)
	s.Nodes[0].Crash()
	s.Run(4 * time.Second)
	if s.master() != s.Nodes[1] {
		t.Fatal("the second did not take over")
	}
	s.Nodes[0].Start()
	s.Run(10 * time.Second)
	if _, took := s.became[s.Nodes[2]]; took || s.master() != s.Nodes[0] {
		t.Errorf("the third took over at %v", time.Duration(s.became[s.Nodes[2]]))
	}
}
