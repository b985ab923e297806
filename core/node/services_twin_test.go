package node

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/balance"
	"github.com/moonkeep/moonkeep/core/health"
	"github.com/moonkeep/moonkeep/core/mono"
)

// drawnServices returns services drawn at random, with names and identities
// from so few that reloads keep some.
func drawnServices(r *rand.Rand) []Service {
	var all []Service
	for i := range 1 + r.IntN(3) {
		v := Service{Name: fmt.Sprint("v", i), Tuple: "<v>", Quorum: r.Int64N(6), Hysteresis: r.Int64N(3)}
		for k := range 1 + r.IntN(4) {
			if r.IntN(4) == 0 {
				continue
			}
			b := backend(fmt.Sprint("s", k))
			b.Weight = r.IntN(4)
			for range r.IntN(4) {
				c := tcp(fmt.Sprint(r.IntN(4)))
				*c.Life = health.Config{
					Interval: second, Doubt: second / 2, Warmup: second, Patience: 2 * second, Rise: 1 + r.IntN(2), Fall: 1 + r.IntN(3),
					Alpha: r.IntN(3) == 0, Grace: 3 * second, OnUnknown: health.Policy(r.IntN(3)),
				}
				if r.IntN(5) == 0 {
					c = Check{Kind: "FILE_CHECK", Identity: "f" + c.Identity, Life: c.Life, File: "f", Weight: r.IntN(3) - 1}
				}
				b.Checks = append(b.Checks, c)
			}
			v.Servers = append(v.Servers, b)
		}
		all = append(all, v)
	}
	return all
}

// agree compares how services stand with what their checks say, worked out
// from nothing; has is what each service had before.
func agree(n *Node, has map[string]bool) error {
	first := 0
	for i, v := range n.Services(0).Services {
		cfg := n.services[i].cfg
		var sum, all int64
		for x, st := range n.Servers(nil, v.First, v.Servers) {
			up := true
			weight := int64(cfg.Servers[x].Weight)
			all += weight
			for k, c := range st.Checks {
				up = up && c.Up
				if c.Weighs && c.Up {
					weight += int64(c.Weight - cfg.Servers[x].Weight)
				}
				if f := n.files["f"]; c.Follows != "" && c.Up && c.Decided {
					added, _ := balance.FileEffect(f.read.Value, cfg.Servers[x].Checks[k].Weight, false)
					weight += added
				}
			}
			if st.Up != up || int64(st.Weight) != max(0, weight) {
				return fmt.Errorf("%s of %s: %+v, want up %v and weight %d", st.Name, v.Name, st, up, max(0, weight))
			}
			if up {
				sum += int64(st.Weight)
			}
		}
		if v.Weight != sum || v.First != first {
			return fmt.Errorf("%s: weight %d from %d on, want %d from %d on", v.Name, v.Weight, v.First, sum, first)
		}
		q := balance.NewQuorum(cfg.Quorum, cfg.Hysteresis, all)
		before, known := has[v.Name]
		want := q.Holds(false, sum)
		if known {
			want = q.Holds(before, sum)
		}
		if v.Quorum != want {
			return fmt.Errorf("%s: quorum %v with %d of %+v, before %v (known %v)", v.Name, v.Quorum, sum, q, before, known)
		}
		has[v.Name] = v.Quorum
		first += v.Servers
	}
	return nil
}

// play drives a node at random: probes are answered in any order, and time passes.
type play struct {
	r    *rand.Rand
	node *Node
	now  mono.Instant
	// open are the probes without an answer.
	open []asked
	// has is the quorum that each service had.
	has map[string]bool
	// seen is told what was done, and what the node asks for then.
	seen func(what string, actions []Action)
}

// asked is a probe, and of which configuration.
type asked struct {
	Ask
	generation uint32
}

func (p *play) take(what string, actions []Action) {
	for _, a := range actions {
		if a.Kind == Probe {
			for _, x := range a.Asks {
				p.open = append(p.open, asked{x, a.Generation})
			}
		}
	}
	p.seen(what, actions)
}

// answer answers one of the probes, if there is any; what it comes to is drawn.
func (p *play) answer() bool {
	if len(p.open) == 0 {
		return false
	}
	i := p.r.IntN(len(p.open))
	a := p.open[i]
	p.open[i] = p.open[len(p.open)-1]
	p.open = p.open[:len(p.open)-1]
	answer := Answer{Check: a.Check, Seq: a.Seq, Verdict: health.Verdict(p.r.IntN(3)), Weighs: p.r.IntN(3) == 0, Weight: int32(p.r.IntN(5))}
	p.take("an answer", p.node.Step(p.now, &Probed{Generation: a.generation, Answers: []Answer{answer}}))
	return true
}

// pass lets time pass until something is due, or a little longer.
func (p *play) pass() {
	if at := p.node.Deadline(); at != mono.Never {
		p.now = max(p.now, at).Add(time.Duration(p.r.IntN(2)) * time.Duration(p.r.Int64N(int64(second))))
	}
	p.take("a tick", p.node.Tick(p.now))
}

// drawn returns these services, of which some have not changed: they have the same servers
// then.
func (p *play) drawn(list []Service) []Service {
	for i := range list {
		v := &list[i]
		at := slices.IndexFunc(p.node.services, func(s service) bool { return s.cfg.Name == v.Name && !s.cfg.Shares && !v.Shares })
		if at >= 0 && p.r.IntN(2) == 0 {
			*v = *p.node.services[at].cfg
		}
	}
	return list
}

// reload gives the node another configuration.
func (p *play) reload(cfg Config) {
	maps.DeleteFunc(p.has, func(name string, _ bool) bool {
		return !slices.ContainsFunc(cfg.Services, func(v Service) bool { return v.Name == name })
	})
	p.take("a reload", p.node.Reconfigure(p.now, cfg))
}

// playServices drives services through a history drawn at random, with reloads.
func playServices(t *testing.T, seed uint64, steps int) (told int) {
	r := rand.New(rand.NewPCG(seed, 3))
	cfg := Config{Services: drawnServices(r), Files: []File{{Name: "f"}}, Seed: seed}
	p := &play{r: r, node: New(0, cfg), has: map[string]bool{}}
	hears := map[string]bool{} // the quorum that each service has, for one who knows only what is told
	p.seen = func(what string, actions []Action) {
		t.Helper()
		for _, a := range actions {
			if a.Kind != Told {
				continue
			}
			told++
			switch c := a.Change; {
			case c.Occasion == QuorumWon && !hears[c.Name]:
				hears[c.Name] = true
			case c.Occasion == QuorumLost && (hears[c.Name] || c.Start):
				delete(hears, c.Name)
			case c.Occasion == QuorumWon, c.Occasion == QuorumLost:
				t.Fatalf("seed %d, after %s: told again: %+v", seed, what, c)
			}
		}
		for _, v := range p.node.Services(0).Services {
			if hears[v.Name] != v.Quorum {
				t.Fatalf("seed %d, after %s: %s has its quorum: %v, and what was told says %v", seed, what, v.Name, v.Quorum, hears[v.Name])
			}
		}
		if len(hears) > len(p.node.services) {
			t.Fatalf("seed %d, after %s: nobody is told of what is gone: %v", seed, what, hears)
		}
		if err := agree(p.node, p.has); err != nil {
			t.Fatalf("seed %d, after %s: %v", seed, what, err)
		}
	}
	p.take("the beginning", p.node.Tick(0))
	for range steps {
		switch x := r.IntN(20); {
		case x < 10 && p.answer():
		case x == 10:
			p.take("a file", p.node.Step(p.now, &FileRead{File: "f", Value: int64(r.IntN(5) - 2)}))
		case x == 11:
			cfg.Services = p.drawn(drawnServices(r))
			p.reload(cfg)
		default:
			p.pass()
		}
	}
	return told
}

func TestServicesTwin(t *testing.T) {
	told := 0
	for seed := range uint64(400) {
		told += playServices(t, seed, 150)
	}
	if told < 2000 {
		t.Errorf("only %d changes were seen", told)
	}
}

func FuzzServices(f *testing.F) {
	f.Add(uint64(1))
	f.Fuzz(func(t *testing.T, seed uint64) { playServices(t, seed, 200) })
}

// crowd returns a node with so many servers, each with one check a second.
func crowd(servers int) *Node { return crowdEach(second, servers) }

// crowdEach is crowd with another interval.
func crowdEach(interval time.Duration, servers int) *Node {
	shared := &health.Config{Interval: interval, Doubt: interval, Warmup: interval, Patience: 5 * second, Rise: 1, Fall: 2, Grace: 3 * second}
	var cfg Config
	for i := range servers / 10 {
		v := Service{Name: fmt.Sprint("v", i), Tuple: "<v>", Quorum: 1}
		for k := range 10 {
			v.Servers = append(v.Servers, Server{Name: fmt.Sprint(k), Tuple: "<s>", Weight: 1, Checks: []Check{{Kind: "TCP_CHECK", Identity: "1", Life: shared}}})
		}
		cfg.Services = append(cfg.Services, v)
	}
	return New(0, cfg)
}

// beat drives a node for a time, in steps of a millisecond as a busy loop
// would, and answers each probe in the step behind it.
func beat(n *Node, from mono.Instant, ms int, seen func(now mono.Instant, asks int)) (probes int) {
	var e Probed
	for i := range ms {
		now := from.Add(time.Duration(i) * time.Millisecond)
		if len(e.Answers) > 0 {
			n.Step(now, &e)
			e.Answers = e.Answers[:0]
		}
		for n.Deadline().Reached(now) {
			for _, a := range n.Tick(now) {
				e.Generation = a.Generation
				for _, x := range a.Asks {
					e.Answers = append(e.Answers, Answer{Check: x.Check, Seq: x.Seq, Verdict: health.OK, Message: "connected", Took: time.Millisecond})
				}
				probes += len(a.Asks)
				if seen != nil {
					seen(now, len(a.Asks))
				}
			}
		}
	}
	return probes
}

// TestSpread: 40,000 checks are made each second, evenly over it, and stay so
// over a reload.
func TestSpread(t *testing.T) {
	const servers = 40_000
	n := crowd(servers)
	slots := make([]int, 20) // as many as there are places on the grid
	count := func(now mono.Instant, asks int) { slots[int64(now)/int64(second/20)%20] += asks }
	beat(n, 0, 1000, nil)
	for _, from := range []time.Duration{second, 2 * second} {
		clear(slots)
		if got := beat(n, mono.Instant(from), 1000, count); got < servers*995/1000 || got > servers*1005/1000 {
			t.Errorf("%d probes in a second, want %d", got, servers)
		}
		for i, got := range slots {
			if got < servers/20*9/10 || got > servers/20*11/10 {
				t.Errorf("%d probes in part %d of the second, want %d", got, i, servers/20)
			}
		}
		var cfg Config
		for i := range n.services {
			cfg.Services = append(cfg.Services, *n.services[i].cfg)
		}
		n.Reconfigure(mono.Instant(from+999*time.Millisecond), cfg)
	}
	p := n.Services(0).Probes
	if p.MostLate >= second/20+time.Millisecond {
		t.Errorf("lateness %+v", p)
	}
	if n.queue.grid != second/20 {
		t.Errorf("a grid of %v for an interval of a second", n.queue.grid)
	}
}

// TestLate: who wakes the node late has late checks, and who wakes it in time has none,
// however wide the grid is.
func TestLate(t *testing.T) {
	for _, c := range []struct {
		interval, grid time.Duration
	}{{second, 50 * time.Millisecond}, {2500 * time.Millisecond, 100 * time.Millisecond}, {60 * second, 100 * time.Millisecond}} {
		n := crowdEach(c.interval, 1000)
		beat(n, 0, int(c.interval/time.Millisecond), nil)
		if n.queue.grid != c.grid {
			t.Errorf("a grid of %v for an interval of %v, want %v", n.queue.grid, c.interval, c.grid)
		}
		p := n.Services(0).Probes
		if p.MostLate >= 2*time.Millisecond || p.Begun < 900 {
			t.Errorf("each %v: %d began, the latest late by %v", c.interval, p.Begun, p.MostLate)
		}
		for _, x := range n.Servers(nil, 0, 1000) {
			if most := x.Checks[0].Late.Most; most >= 2*time.Millisecond {
				t.Errorf("each %v: of one check the latest was late by %v, of all by %v", c.interval, most, p.MostLate)
			}
		}
		const stood = 300 * time.Millisecond
		beat(n, mono.Instant(c.interval+stood), 1, nil)
		if p := n.Services(0).Probes; p.MostLate < stood-c.grid || p.MostLate > stood+c.grid {
			t.Errorf("each %v: the latest was late by %v after the node stood still for %v", c.interval, p.MostLate, stood)
		}
	}
}

// TestQuickRetriesKeepTime: the grid is as fine as the shortest time between runs asks,
// and no finer where nothing is tried again.
func TestQuickRetriesKeepTime(t *testing.T) {
	for _, c := range []struct {
		doubt      time.Duration
		rise, fall int
		want       time.Duration
	}{
		{0, 1, 3, coarsest}, {5 * second, 1, 3, coarsest}, {50 * time.Millisecond, 1, 3, 5 * time.Millisecond}, {time.Millisecond, 1, 3, finest},
		{50 * time.Millisecond, 2, 1, 5 * time.Millisecond}, {50 * time.Millisecond, 1, 1, coarsest}, {time.Millisecond, 0, 0, coarsest},
	} {
		life := &health.Config{Interval: 5 * second, Doubt: c.doubt, Warmup: second, Patience: 5 * second, Rise: c.rise, Fall: c.fall, Grace: 3 * second}
		v := web(backend("a", Check{Kind: "TCP_CHECK", Identity: "1", Life: life}))
		if got := New(0, Config{Services: []Service{v}}).queue.grid; got != c.want {
			t.Errorf("again after %v, with a rise of %d and a fall of %d: a grid of %v, want %v", c.doubt, c.rise, c.fall, got, c.want)
		}
	}
}

// TestBatches: whoever wakes the node, probes begin on the grid only.
func TestBatches(t *testing.T) {
	n := crowd(1000)
	beat(n, 0, 3000, nil)
	grid := n.queue.grid
	last := n.queue.next()
	for now := last; now < last.Add(second); now = now.Add(time.Millisecond) {
		begins := false
		for _, a := range n.Tick(now) {
			begins = begins || a.Kind == Probe
		}
		if begins && int64(now)%int64(grid) != 0 {
			t.Fatalf("probes begin at %v, with a grid of %v", now, grid)
		}
	}
}

// TestChecksAllocateNothing: a check that goes on as it was makes no garbage.
func TestChecksAllocateNothing(t *testing.T) {
	n := crowd(1000)
	beat(n, 0, 3000, nil)
	now, probes := mono.Instant(3*second), 0
	allocs := testing.AllocsPerRun(5, func() {
		probes += beat(n, now, 1000, nil)
		now = now.Add(second)
	})
	// The driver's own list grows.
	if perProbe := allocs / 1000; perProbe > 0.05 || probes < 5900 {
		t.Errorf("%v allocations for each of 1000 probes, %d probes in all", perProbe, probes)
	}
}

// BenchmarkChecks is what one check costs: its start and its answer, among so
// many.
func BenchmarkChecks(b *testing.B) {
	for _, servers := range []int{1000, 10_000, 40_000} {
		b.Run(fmt.Sprint(servers), func(b *testing.B) {
			n := crowd(servers)
			beat(n, 0, 2000, nil)
			now, probes := mono.Instant(2*second), 0
			b.ReportAllocs()
			b.ResetTimer()
			for probes < b.N {
				probes += beat(n, now, 10, nil)
				now = now.Add(10 * time.Millisecond)
			}
		})
	}
}
