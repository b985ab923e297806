package node

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/moonkeep/moonkeep/core/balance"
	"github.com/moonkeep/moonkeep/core/mono"
)

// servingTwin says what the table should be from how the servers stand, from
// nothing but what was seen of them.
type servingTwin struct {
	node  *Node
	table balance.Table
	// hands and out are by service and server, as are came, when a server came
	// back last, up, how it stood last, kept, whether a panic keeps it, and
	// served, whether it had clients as far as checks and quorum go.
	hands    map[serverName]Hand
	out      map[serverName]bool
	came     map[serverName]mono.Instant
	up, kept map[serverName]bool
	served   map[serverName]bool
	// stood says that it had a place, or would have but for the sorry server;
	// unproven that its checks have no result since its maintenance, and absent
	// that it had no place at its end.
	stood, unproven, absent map[serverName]bool
	has                     map[string]bool // the quorum, by service
	slow, slim              int             // tables in which a weight rose, and panics
	// proved and refuted are maintenances after which a server worked, or did not,
	// dozed those that ended or were not proved yet while the service slept.
	proved, refuted, dozed int
}

// want is the table now, after it took note of what changed.
func (w *servingTwin) want(now mono.Instant) balance.Table {
	t := balance.Table{}
	up, kept, served, stood := map[serverName]bool{}, map[serverName]bool{}, map[serverName]bool{}, map[serverName]bool{}
	for i, v := range w.node.Services(now).Services {
		cfg := w.node.services[i].cfg
		states := w.node.Servers(nil, v.First, v.Servers)
		var sum, all int64
		working, free := 0, 0
		for x := range states {
			name := serverName{v.Name, states[x].Name}
			up[name] = states[x].Up
			was, known := w.up[name]
			switch {
			case !known:
				delete(w.came, name)
				delete(w.unproven, name)
			case states[x].Up && !was && !w.served[name]: // it had no clients, and has some
				w.came[name] = now
			}
			if w.unproven[name] && v.Asleep { // nothing would prove it
				delete(w.unproven, name)
				w.dozed++
				if states[x].Up {
					w.came[name] = now
				}
			}
			if w.unproven[name] && !slices.ContainsFunc(w.tested(i, x), func(c *checker) bool { return !c.life.Settled() }) {
				delete(w.unproven, name)
				if states[x].Up {
					w.came[name] = now
					w.proved++
				} else {
					w.refuted++
				}
			}
			all += int64(cfg.Servers[x].Weight)
			if w.hands[name].Wish == WishAuto && !w.unproven[name] {
				free++
				if states[x].Up {
					working++
					sum += w.weight(name, states[x].Weight)
				}
			}
		}
		q := balance.NewQuorum(cfg.Quorum, cfg.Hysteresis, all)
		if had, known := w.has[v.Name]; known {
			w.has[v.Name] = q.Holds(had, sum)
		} else {
			w.has[v.Name] = q.Holds(false, sum)
		}
		instead := cfg.Sorry.Present && !w.has[v.Name]
		panics := cfg.Panic.Percent > 0 && working*100 < cfg.Panic.Percent*free
		s := balance.Service{Options: cfg.Layout.Options}
		place := func(d balance.Destination, weight int64) {
			d.Weight = int32(weight)
			s.Destinations = append(s.Destinations, d)
		}
		for x := range states {
			name := serverName{v.Name, states[x].Name}
			serves := states[x].Up
			if cfg.Panic.Percent > 0 {
				if instead { // nobody is kept for it, nor forgotten
					kept[name] = w.kept[name]
				} else {
					// Out of hands, that it worked before they took it says nothing.
					free := w.hands[name].Wish == WishAuto && !w.unproven[name]
					serves = free && (serves || panics && w.kept[name])
					kept[name] = serves
				}
			}
			if panics && serves && !states[x].Up {
				w.slim++
			}
			h := w.hands[name]
			weight := w.weight(name, states[x].Weight)
			if from, came := w.came[name]; came && now.Sub(from) >= cfg.SlowStart.Over {
				delete(w.came, name) // it has come, or there is no slow start any more
			} else if came && serves { // whether it works or is kept
				rising, _ := cfg.SlowStart.At(int(weight), now.Sub(from))
				if int64(rising) < weight {
					w.slow++
				}
				weight = int64(rising)
			}
			served[name] = serves && !instead
			if h.Wish == WishAuto && !w.unproven[name] {
				stood[name] = serves || cfg.Servers[x].Inhibits
			}
			switch {
			case w.out[name]:
			case h.Wish == WishAuto && w.unproven[name] && w.absent[name]:
			case h.Wish != WishAuto || w.unproven[name]:
				stood[name] = true
				place(cfg.Layout.Servers[x], 0)
			case serves && !instead:
				place(cfg.Layout.Servers[x], weight)
			case cfg.Servers[x].Inhibits:
				place(cfg.Layout.Servers[x], 0)
			}
		}
		if instead {
			place(cfg.Layout.Sorry, 1)
		} else if cfg.Sorry.Present && cfg.Sorry.Inhibits {
			place(cfg.Layout.Sorry, 0)
		}
		for _, k := range cfg.Layout.Keys {
			whole := s
			if first := t[k]; first != nil {
				whole.Options = first.Options
				whole.Destinations = append(slices.Clone(s.Destinations), first.Destinations...)
			}
			t[k] = whole.Normal(k)
		}
	}
	w.up, w.kept, w.served, w.stood = up, kept, served, stood
	return t
}

// tested are the checks of a server that run.
func (w *servingTwin) tested(service, server int) (list []*checker) {
	s := &w.node.services[service].servers[server]
	for i := range s.checks {
		if c := &s.checks[i]; !c.follows() {
			list = append(list, c)
		}
	}
	return list
}

// weight is that of a server with what people want, without slow start.
func (w *servingTwin) weight(name serverName, weight int) int64 {
	if h, has := w.hands[name]; has && h.Weight >= 0 {
		return int64(h.Weight)
	}
	return int64(weight)
}

// handle takes note of what people want.
func (w *servingTwin) handle(now mono.Instant, h Hand) {
	name := serverName{h.Service, h.Server}
	if w.hands[name].Wish == WishMaintenance && h.Wish != WishMaintenance {
		for i := range w.node.services {
			v := &w.node.services[i]
			for x := range v.servers {
				if v.cfg.Name == h.Service && v.servers[x].cfg.Name == h.Server && len(w.tested(i, x)) > 0 {
					if w.unproven[name] = !w.node.Services(now).Services[i].Asleep; !w.unproven[name] {
						w.dozed++
					}
				}
			}
		}
	}
	if h.Wish == WishAuto && w.unproven[name] {
		w.absent[name] = !w.stood[name]
	}
	if h.Wish == WishAuto && w.hands[name].Wish != WishAuto && !w.unproven[name] {
		w.came[name] = now
	}
	w.out[name] = h.Wish == WishDown || h.Wish != WishAuto && !w.stood[name]
	w.hands[name] = h
	if h.Wish == WishAuto && h.Weight < 0 {
		delete(w.hands, name)
	}
}

// spread takes note of what people want of servers wherever they are, in the
// order of Hands: the last counts.
func (w *servingTwin) spread(services []Service) {
	names := slices.SortedFunc(maps.Keys(w.hands), func(a, b serverName) int {
		return cmp.Or(strings.Compare(a.service, b.service), strings.Compare(a.server, b.server))
	})
	for _, v := range services {
		for _, s := range v.Servers {
			if _, has := w.hands[serverName{v.Name, s.Name}]; has {
				continue
			}
			for _, from := range slices.Backward(names) {
				if h := w.hands[from]; h.Everywhere == s.Name {
					h.Service = v.Name
					w.hands[serverName{v.Name, s.Name}] = h
					w.out[serverName{v.Name, s.Name}] = h.Wish == WishDown
					break
				}
			}
		}
	}
}

// drained takes note of a server without connections.
func (w *servingTwin) drained(name serverName) {
	wish := w.hands[name].Wish
	if wish == WishDrain || wish == WishMaintenance {
		w.out[name] = true
	}
}

// placedServices are drawn services with places in the table.
func placedServices(r *rand.Rand) []Service {
	all := drawnServices(r)
	step := []int{1, 10}[r.IntN(2)] // with steps of one services share keys
	for i := range all {
		v := &all[i]
		v.Sorry = balance.Sorry{Present: r.IntN(2) == 0, Inhibits: r.IntN(2) == 0}
		v.SlowStart.Over = time.Duration(r.IntN(3)) * 4 * second
		v.Panic.Percent = r.IntN(3) * 30
		if r.IntN(3) == 0 {
			v.Awake = netip.MustParseAddr("10.0.1.1") // of an instance that is drawn
		}
		*v = laid(*v, vip(byte(step*i+1)), vip(byte(step*i+2)))
		v.Layout.Keys = v.Layout.Keys[r.IntN(2):]
		v.Layout.Options.Scheduler = []string{"rr", "wrr"}[r.IntN(2)]
		for k := range v.Servers {
			s := &v.Servers[k]
			s.Inhibits, s.Weight = r.IntN(4) == 0, []int{0, 1, 2, 9}[r.IntN(4)]
			// The address goes with the name.
			v.Layout.Servers[k] = balance.Destination{Address: vip(s.Name[1]).Address, Upper: uint32(r.IntN(8) / 7)}
		}
	}
	for i := range all {
		for k := range all {
			both := func(key balance.Key) bool { return slices.Contains(all[k].Layout.Keys, key) }
			all[i].Shares = all[i].Shares || k != i && slices.ContainsFunc(all[i].Layout.Keys, both)
		}
	}
	return all
}

// playServing drives services, their hands and reloads at random, and compares
// the table with the twin's after each step.
func playServing(t *testing.T, seed uint64, steps int) *servingTwin {
	r := rand.New(rand.NewPCG(seed, 4))
	cfg := Config{Services: placedServices(r), Seed: seed, Instances: []Instance{instance3("V", 1, 100)}}
	p := &play{r: r, node: New(0, cfg), has: map[string]bool{}}
	w := &servingTwin{
		node: p.node, table: balance.Table{}, hands: map[serverName]Hand{}, out: map[serverName]bool{}, came: map[serverName]mono.Instant{},
		up: map[serverName]bool{}, kept: map[serverName]bool{}, served: map[serverName]bool{}, has: p.has,
		stood: map[serverName]bool{}, unproven: map[serverName]bool{}, absent: map[serverName]bool{},
	}
	trace := []string{}
	p.seen = func(what string, actions []Action) {
		t.Helper()
		trace = append(trace, fmt.Sprintf("%v %s", time.Duration(p.now), what))
		for _, a := range actions {
			if a.Kind != Balance {
				continue
			}
			for k, s := range a.Table {
				if s == nil {
					delete(w.table, k)
				} else {
					w.table[k] = s
				}
			}
		}
		want := w.want(p.now)
		if maps.EqualFunc(want, w.table, func(a, b *balance.Service) bool {
			return a.Options == b.Options && slices.Equal(a.Destinations, b.Destinations)
		}) {
			return
		}
		if diff := gocmp.Diff(want, w.table, cmpopts.EquateEmpty(), cmpopts.EquateComparable(balance.Destination{}), cmpopts.EquateComparable(balance.Key{})); diff != "" {
			t.Fatalf("seed %d: the twin (-) and the table (+): %s\n%q", seed, diff, trace[max(0, len(trace)-12):])
		}
	}
	p.take("the beginning", p.node.Tick(p.now))
	name := func() serverName {
		v := &cfg.Services[r.IntN(len(cfg.Services))]
		if len(v.Servers) == 0 {
			return serverName{v.Name, "s9"}
		}
		return serverName{v.Name, v.Servers[r.IntN(len(v.Servers))].Name}
	}
	linked := false
	for range steps {
		switch x := r.IntN(25); {
		case x < 10 && p.answer():
		case x == 10:
			cfg.Services = p.drawn(placedServices(r))
			w.spread(cfg.Services)
			p.reload(cfg)
		case x == 11 || x == 12:
			at := name()
			h := Hand{Service: at.service, Server: at.server, Wish: Wish(r.IntN(4)), Weight: []int{-1, -1, 0, 1, 20}[r.IntN(5)]}
			if r.IntN(2) == 0 {
				h.Wish = WishAuto
			}
			if r.IntN(3) == 0 {
				h.Everywhere = at.server
			}
			w.handle(p.now, h)
			p.take(fmt.Sprint("a hand ", h), p.node.Step(p.now, &Handle{[]Hand{h}}))
		case x == 13:
			at := name()
			w.drained(at)
			p.take(fmt.Sprint("drained ", at), p.node.Step(p.now, emptied(at.service, at.server)))
		case x == 14: // the instance becomes master in time, or is none
			linked = !linked
			p.take(fmt.Sprint("a link ", linked), p.node.Step(p.now, &Link{Name: "eth0", Exists: true, Up: linked, Index: 1, Primary: source}))
		default:
			p.pass()
		}
	}
	return w
}

// TestServingTwin: whatever checks and people say, in whatever order, and
// whatever is loaded, the table is what follows from how things stand.
func TestServingTwin(t *testing.T) {
	var slow, slim, proved, refuted, dozed int
	for seed := range uint64(300) {
		w := playServing(t, seed, 150)
		slow, slim, proved, refuted, dozed = slow+w.slow, slim+w.slim, proved+w.proved, refuted+w.refuted, dozed+w.dozed
	}
	if slow < 100 || slim < 100 || proved < 20 || refuted < 20 || dozed < 20 {
		t.Errorf("weights rose %d times, %d servers were kept in a panic, %d worked and %d did not after a maintenance, %d rested then: nothing is shown", slow, slim, proved, refuted, dozed)
	}
}

func FuzzServing(f *testing.F) {
	f.Add(uint64(1))
	f.Fuzz(func(t *testing.T, seed uint64) { playServing(t, seed, 200) })
}
