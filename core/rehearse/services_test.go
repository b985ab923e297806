package rehearse

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/moonkeep/moonkeep/core/balance"
	"github.com/moonkeep/moonkeep/core/health"
	"github.com/moonkeep/moonkeep/core/mono"
	"github.com/moonkeep/moonkeep/core/node"
)

// patience is how long the answer of a probe is waited for. The edge takes a
// few milliseconds.
const probePatience = 50 * time.Millisecond

// drawServices gives every node of every sixth world real servers, by chances of
// their own.
func (w *world) drawServices(seed uint64) {
	if seed%6 != 0 {
		return
	}
	w.servers = rand.New(rand.NewPCG(seed, 0x73657276))
	for i := range w.configs {
		w.configs[i].Services = drawnServices(w.servers)
	}
}

// drawnServices draws services from so few names and identities that a reload
// keeps some of them.
func drawnServices(r *rand.Rand) []node.Service {
	var all []node.Service
	for i := range 1 + r.IntN(2) {
		v := node.Service{Name: fmt.Sprint("web", i), Tuple: "<web>", Quorum: int64(r.IntN(5)), Hysteresis: int64(r.IntN(3)), Omega: chance(r, 30)}
		for k := range 1 + r.IntN(3) {
			s := node.Server{Name: fmt.Sprint("s", k), Tuple: "<s>", Weight: 1 + r.IntN(3)}
			for x := range 1 + r.IntN(2) {
				s.Checks = append(s.Checks, node.Check{
					Kind: "TCP_CHECK", Identity: fmt.Sprint(v.Name, s.Name, "c", x, r.IntN(2)),
					Life: &health.Config{
						Interval: time.Duration(200+r.IntN(800)) * time.Millisecond, Doubt: time.Duration(50+r.IntN(300)) * time.Millisecond,
						Warmup: time.Second, Patience: probePatience, Rise: 1 + r.IntN(2), Fall: 1 + r.IntN(3), Alpha: chance(r, 20),
						Grace: time.Duration(500+r.IntN(2000)) * time.Millisecond, OnUnknown: health.Policy(r.IntN(3)),
					},
				})
			}
			v.Servers = append(v.Servers, s)
		}
		all = append(all, v)
	}
	return all
}

// hurtServices lets some checks find something else, or the edge fall silent.
func (w *world) hurtServices(c *Cluster) {
	if w.servers == nil {
		return
	}
	n := c.Nodes[w.servers.IntN(len(c.Nodes))]
	for _, k := range checksOf(&n.Config) {
		if chance(w.servers, 40) {
			n.Verdicts[k.Identity] = health.Verdict(w.servers.IntN(3))
		}
	}
	n.Mute = chance(w.servers, 20)
}

// serviceReferee holds what goes for real servers, of what nodes were answered
// and told alone: none goes down without as many failures in a row as it takes
// or a grace that is over, none comes up without as many successes, and the
// quorum follows the weights.
type serviceReferee struct{ lives map[*daemon]*serviceLife }

func newServiceReferee() *serviceReferee { return &serviceReferee{map[*daemon]*serviceLife{}} }

// serviceLife is what is known of one daemon.
type serviceLife struct {
	// configs are its configurations by generation, from 1.
	configs []*node.Config
	checks  map[string]*seenCheck
	up      map[string]bool // by service and server
	has     map[string]bool // the quorum
	// quiet are servers that began as not working, of which nothing was told.
	quiet map[string]bool
	// gone are servers that were up, and services that had their quorum, without
	// which the configuration is now, which is to be told.
	gone map[string]bool
}

// seenCheck is what one check was answered.
type seenCheck struct {
	life *health.Config
	// row counts failures, and good successes, since the last answer that says
	// the contrary and was surely taken. One that came late may not have been.
	row, good int
	// sure counts the answers that surely made a state since none of its own did.
	sure  int
	asked map[uint32]mono.Instant
	// definite is when an answer came last that is not unknown.
	definite mono.Instant
}

func (r *serviceReferee) observe(h *Happening) string {
	d := h.Node.daemon
	if d == nil || len(d.config.Services) == 0 && r.lives[d] == nil {
		return ""
	}
	l := r.lives[d]
	if l == nil {
		l = &serviceLife{checks: map[string]*seenCheck{}, up: map[string]bool{}, has: map[string]bool{}}
		r.lives[d] = l
		l.adopt(h.At, d)
	} else if h.Cause == "reload" {
		l.adopt(h.At, d)
	}
	if e, ok := h.Event.(*node.Probed); ok {
		l.answered(h.At, e)
	}
	return l.told(h)
}

// adopt takes the configuration that is in force from now on.
func (l *serviceLife) adopt(now mono.Instant, d *daemon) {
	cfg := d.config
	l.configs = append(l.configs, &cfg)
	checks, up, has, quiet := l.checks, l.up, l.has, l.quiet
	l.checks, l.up, l.has, l.quiet, l.gone = map[string]*seenCheck{}, map[string]bool{}, map[string]bool{}, map[string]bool{}, map[string]bool{}
	for i := range cfg.Services {
		v := &cfg.Services[i]
		for k := range v.Servers {
			s := &v.Servers[k]
			all := true
			for x := range s.Checks {
				c := &s.Checks[x]
				seen := checks[c.Identity]
				if seen == nil {
					seen = &seenCheck{asked: map[uint32]mono.Instant{}, definite: now}
				}
				seen.life = c.Life
				l.checks[c.Identity] = seen
				all = all && !c.Life.Alpha
			}
			key := v.Name + " " + s.Name
			was, known := up[key]
			l.up[key] = known && was || !known && all
			l.quiet[key] = known && quiet[key] || !known && !all
		}
		l.has[v.Name] = has[v.Name] // of a new one nothing was told yet
	}
	for key, was := range up {
		if _, stays := l.up[key]; was && !stays {
			l.gone[key] = true
		}
	}
	for name, had := range has {
		if _, stays := l.has[name]; had && !stays {
			l.gone[name] = true
		}
	}
}

func (l *serviceLife) sum(v *node.Service) (sum int64) {
	for k := range v.Servers {
		if l.up[v.Name+" "+v.Servers[k].Name] {
			sum += int64(v.Servers[k].Weight)
		}
	}
	return sum
}

func quorumOf(v *node.Service) balance.Quorum {
	var all int64
	for k := range v.Servers {
		all += int64(v.Servers[k].Weight)
	}
	return balance.NewQuorum(v.Quorum, v.Hysteresis, all)
}

// answered takes answers that came.
func (l *serviceLife) answered(now mono.Instant, e *node.Probed) {
	checks := checksOf(l.configs[e.Generation-1])
	for _, a := range e.Answers {
		c := l.checks[checks[a.Check].Identity]
		if c == nil {
			continue
		}
		at, known := c.asked[a.Seq]
		delete(c.asked, a.Seq)
		if !known || a.Verdict == health.Unknown {
			continue
		}
		sure := now.Sub(at) < probePatience && e.Generation == uint32(len(l.configs))
		if sure {
			c.sure++
		}
		if a.Verdict == health.Failed {
			c.row++
			if sure {
				c.good = 0
			}
		} else {
			c.good++
			if sure {
				c.row = 0
			}
		}
		c.definite = now
	}
}

// told holds what a daemon tells against what it was answered.
func (l *serviceLife) told(h *Happening) string {
	cfg := l.configs[len(l.configs)-1]
	for i := range h.Actions {
		a := &h.Actions[i]
		if a.Kind == node.Probe {
			checks := checksOf(cfg)
			for _, x := range a.Asks {
				l.checks[checks[x.Check].Identity].asked[x.Seq] = h.At
			}
		}
		c := a.Change
		if a.Kind != node.Told || !c.Occasion.OfService() || c.Stop {
			continue
		}
		if c.Deleted {
			of := strings.TrimSpace(c.Name + " " + c.ServerName)
			if !l.gone[of] || h.Cause != "reload" || c.Occasion != node.ServerDown && c.Occasion != node.QuorumLost {
				return fmt.Sprintf("%s: %s is told to be gone", h.Node.Name, of)
			}
			delete(l.gone, of)
			continue
		}
		v := &cfg.Services[slices.IndexFunc(cfg.Services, func(v node.Service) bool { return v.Name == c.Name })]
		key := c.Name + " " + c.ServerName
		switch c.Occasion {
		case node.ServerUp, node.ServerDown:
			up := c.Occasion == node.ServerUp
			if l.up[key] == up && !(c.Start && !up && l.quiet[key]) {
				return fmt.Sprintf("%s: %s is told twice to be up=%v", h.Node.Name, key, up)
			}
			l.up[key], l.quiet[key] = up, false
			s := &v.Servers[slices.IndexFunc(v.Servers, func(s node.Server) bool { return s.Name == c.ServerName })]
			explained := false
			for _, k := range s.Checks {
				// All are asked: each notes what made its state.
				seen := l.checks[k.Identity]
				explained = seen.explains(h.At, up) || c.Start && k.Life.Alpha && seen.row > 0 || explained
			}
			if h.Cause != "reload" && !explained {
				return fmt.Sprintf("%s: %s is up=%v for no reason: %s", h.Node.Name, key, up, c.Why)
			}
		case node.QuorumWon, node.QuorumLost:
			has := c.Occasion == node.QuorumWon
			if l.has[c.Name] == has && !c.Start || quorumOf(v).Holds(!has, l.sum(v)) != has {
				return fmt.Sprintf("%s: the quorum of %s is %v with %d of %+v", h.Node.Name, c.Name, has, l.sum(v), quorumOf(v))
			}
			l.has[c.Name] = has
		}
	}
	if h.Cause == "start" { // what it tells of the beginning comes with its first event
		return ""
	}
	// What was to be told is told by now.
	for of := range l.gone {
		return fmt.Sprintf("%s: nobody is told that %s is gone", h.Node.Name, of)
	}
	for i := range cfg.Services {
		v := &cfg.Services[i]
		if want := quorumOf(v).Holds(l.has[v.Name], l.sum(v)); want != l.has[v.Name] && !h.Node.stopping() {
			return fmt.Sprintf("%s: nobody is told that the quorum of %s is %v", h.Node.Name, v.Name, want)
		}
	}
	return ""
}

func (n *Node) stopping() bool { return n.daemon == nil || n.daemon.stopping }

// explains reports whether a check may have changed its server so at that
// moment.
func (c *seenCheck) explains(now mono.Instant, up bool) bool {
	policy, row, need := health.Fail, c.row, c.life.Fall
	if up {
		policy, row, need = health.Pass, c.good, c.life.Rise
	}
	if c.life.OnUnknown == policy && now.Sub(c.definite) >= c.life.Grace {
		c.sure = 0
		return true
	}
	// One result decides alone where none of its own made the state before.
	return row >= need || row > 0 && c.sure <= 1
}
