package daemon

import (
	"context"
	"fmt"
	"time"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/build"
	"github.com/moonkeep/moonkeep/core/engine/turns"
	"github.com/moonkeep/moonkeep/core/health"
	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/lua"
	pluginhost "github.com/moonkeep/moonkeep/plugins/host"
)

// receiver takes answers; it waits for room.
type receiver func(generation uint32, answers []node.Answer)

// probes makes the probes of one configuration. It implements engine.Probes.
type probes struct {
	receiver receiver
	scripted luaChecks
	// set are checks, which are those of plugins; nil where nothing is run. scripts are the
	// numbers of those that are of a vrrp_script.
	set     *pluginhost.Set
	checks  []pluginhost.Check
	scripts map[string]uint32
	// identities are those of the checks of scripts, by their names.
	identities map[string]string
	// contents are those of the files of certificates and keys.
	contents contents
	// hosted and lua hold the asks of one Start; scratch, for one caller.
	hosted, lua []node.Ask
}

// newProbes makes ready what the checks of a configuration need: Lua files are
// compiled now, so that a mistake in one is found before the configuration is
// used.
//
// Processes of plugins are started here too, and do nothing before the first
// probe; Close gives them back.
func (e *edges) newProbes(c *config.Config, before knownChecks) (*probes, error) {
	p := &probes{scripted: luaChecks{pool: e.pool, checks: map[uint32]*luaCheck{}}}
	seen := map[string]bool{}
	files := hostedFiles{}
	plan, numbers, err := pluginPlanFrom(c, files, before, func(x *build.Probe) (err error) {
		p.scripted.checks[x.Check], err = e.luaCheck(x, seen)
		return err
	})
	if err != nil {
		return nil, err
	}
	if e.plugins == nil {
		return p, nil
	}
	p.checks, p.scripts, p.contents = plan.Checks, numbers, files.sums()
	if p.set, err = e.plugins.Open(plan); err != nil {
		return nil, err
	}
	p.identities = make(map[string]string, len(numbers))
	byNumber := make(map[uint32]string, len(numbers))
	for name, n := range numbers {
		byNumber[n] = name
	}
	for i := range plan.Checks {
		if name, ok := byNumber[plan.Checks[i].Number]; ok {
			p.identities[name] = plan.Checks[i].Identity
		}
	}
	return p, nil
}

// Begin implements engine.Probes.
func (p *probes) Begin(to func(uint32, []node.Answer)) {
	p.receiver = to
	if p.set != nil {
		p.set.Begin(to)
	}
}

// Start implements engine.Probes.
func (p *probes) Start(generation uint32, list []node.Ask) {
	if len(p.scripted.checks) == 0 && p.set != nil { // as in most configurations
		p.set.Start(generation, list)
		return
	}
	p.hosted, p.lua = p.hosted[:0], p.lua[:0]
	for _, a := range list {
		if p.scripted.checks[a.Check] != nil {
			p.lua = append(p.lua, a)
		} else {
			p.hosted = append(p.hosted, a)
		}
	}
	if len(p.lua) > 0 {
		p.scripted.start(p.receiver, generation, p.lua)
	}
	switch {
	case len(p.hosted) == 0:
	case p.set != nil:
		p.set.Start(generation, p.hosted)
	default:
		p.nobody(generation, p.hosted)
	}
}

// Close implements engine.Probes. What is under way belongs to what the
// configurations share, and ends with the daemon.
func (p *probes) Close() error {
	if p.set != nil {
		return p.set.Close()
	}
	return nil
}

// nobody answers for checks that nobody makes.
func (p *probes) nobody(generation uint32, list []node.Ask) {
	answers := make([]node.Answer, len(list))
	for i, a := range list {
		answers[i] = node.Answer{Check: a.Check, Seq: a.Seq, Verdict: health.Unknown, Message: "nobody makes this check"}
	}
	p.scripted.pool.submit(func() { p.receiver(generation, answers) })
}

// luaCheck is one LUA_CHECK.
type luaCheck struct {
	runner *lua.Runner
	about  lua.Subject
	limit  time.Duration
	// measures is for a weight_by.
	measures bool
	// quick says that it waits for nobody, so that it takes turns with others.
	quick bool
}

// luaChecks makes LUA_CHECKs.
type luaChecks struct {
	pool   *luaPool
	checks map[uint32]*luaCheck
}

// luaCheck compiles the file of a check, and makes sure, once for each file, that
// it has the function: seen are those that were looked at, and the names given.
func (e *edges) luaCheck(p *build.Probe, seen map[string]bool) (*luaCheck, error) {
	kind := p.Kind
	if p.Lua.Measures {
		kind = "weight_by"
	}
	at := fmt.Sprintf(" of %s of virtual server %s", p.Server(), p.Service)
	who := p.Name() + at // for the log
	fault := func(err error) error { return &luaFault{p.Lua.At, fmt.Errorf("%s: %w", who, err)} }
	function := "check"
	if p.Lua.Measures {
		function = "weight"
	}
	first := kind + at + ": " + p.Lua.Path // by which it keeps things over reloads: no place is in it
	name := first
	for n := 2; seen[name]; n++ {
		name = fmt.Sprintf("%s (%d)", first, n)
	}
	seen[name] = true
	r, err := e.runner(p.Lua.Path, p.Lua.Allow, p.Lua.Args, who, name)
	if err != nil {
		return nil, fault(err)
	}
	if key := function + " " + p.Lua.Path; !seen[key] {
		seen[key] = true
		// A state for each of ten thousand checks takes its time when the check
		// first runs, not before the daemon starts.
		if _, err := r.Has(context.Background(), function); err != nil {
			return nil, fault(err)
		}
	}
	k := &luaCheck{runner: r, about: lua.Subject{Server: p.Server()}, limit: p.Limit, measures: p.Lua.Measures, quick: r.Quick()}
	if p.Virtual.IsValid() {
		k.about.Service = p.Virtual.String()
	}
	return k, nil
}

func (l *luaChecks) start(to receiver, generation uint32, list []node.Ask) {
	now := time.Now()
	call := func(a node.Ask, told func(node.Answer)) {
		k := l.checks[a.Check]
		k.run(l.pool, now.Add(k.limit), func(ans node.Answer) {
			ans.Check, ans.Seq = a.Check, a.Seq
			told(ans)
		})
	}
	var quick []node.Ask
	for _, a := range list {
		if l.checks[a.Check].quick {
			quick = append(quick, a)
			continue
		}
		l.pool.submit(func() { call(a, func(ans node.Answer) { to(generation, []node.Answer{ans}) }) })
	}
	if len(quick) > 0 {
		turns.Run(len(quick), l.pool.submit, func(i int, told func(node.Answer)) { call(quick[i], told) },
			func(answers []node.Answer) { to(generation, answers) })
	}
}
