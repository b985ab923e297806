package main

import (
	"maps"
	"math/rand/v2"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/build"
	"github.com/moonkeep/moonkeep/config/load"
	"github.com/moonkeep/moonkeep/core/balance"
	"github.com/moonkeep/moonkeep/core/health"
	"github.com/moonkeep/moonkeep/core/mono"
	"github.com/moonkeep/moonkeep/core/node"
)

// imagined is a node whose probes are answered at once, and the table that it
// asks for.
type imagined struct {
	node  *node.Node
	now   mono.Instant
	table balance.Table
	// server is that of each check, kind its kind.
	server, kind map[uint32]string
	// dead is the end of the addresses that do not answer.
	dead string
	// changed is how many services it asked for anew.
	changed int
}

func imagine(c *config.Config, dead string) *imagined {
	m := &imagined{node: node.New(0, build.Node(c)), table: balance.Table{}, dead: dead}
	m.learn(c)
	return m
}

func (m *imagined) learn(c *config.Config) {
	m.server, m.kind = map[uint32]string{}, map[uint32]string{}
	build.EachProbe(c, func(p *build.Probe) { m.server[p.Check], m.kind[p.Check] = p.Server(), p.Kind })
}

func (m *imagined) reload(c *config.Config, dead string) {
	m.learn(c)
	m.dead = dead
	m.take(m.node.Reconfigure(m.now, build.Node(c)))
}

func (m *imagined) take(actions []node.Action) {
	var answers []node.Probed
	for _, a := range actions {
		switch a.Kind {
		case node.Balance:
			m.changed += len(a.Table)
			for k, s := range a.Table {
				if s == nil {
					delete(m.table, k)
				} else {
					m.table[k] = s
				}
			}
		case node.Probe:
			p := node.Probed{Generation: a.Generation}
			for _, x := range a.Asks {
				answer := node.Answer{Check: x.Check, Seq: x.Seq, Verdict: health.OK, Message: "imagined"}
				if host, _, _ := strings.Cut(m.server[x.Check], "]:"); strings.HasSuffix(strings.Split(host, ":80")[0], m.dead) {
					answer.Verdict = health.Failed
				}
				p.Answers = append(p.Answers, answer)
			}
			answers = append(answers, p)
		}
	}
	for i := range answers {
		m.take(m.node.Step(m.now, &answers[i]))
	}
}

// pass has time pass.
func (m *imagined) pass(d time.Duration) {
	end := m.now.Add(d)
	for m.now < end {
		m.take(m.node.Tick(m.now))
		m.now = mono.Min(end, max(m.now.Add(time.Millisecond), m.node.Deadline()))
	}
	m.take(m.node.Tick(m.now))
}

// mutations change one thing of a site, as people do.
func mutations() map[string]func(*config.Config) {
	each := func(f func(v *config.VirtualServer)) func(*config.Config) {
		return func(c *config.Config) {
			for i := range c.VirtualServers {
				f(&c.VirtualServers[i])
			}
		}
	}
	return map[string]func(*config.Config){
		"scheduler": each(func(v *config.VirtualServer) { v.LBAlgo = map[bool]string{true: "lc", false: "rr"}[v.LBAlgo == "rr"] }),
		"protocol": each(func(v *config.VirtualServer) {
			if v.Fwmark == 0 && v.Protocol != "" {
				v.Protocol = map[bool]string{true: "UDP", false: "TCP"}[v.Protocol == "TCP"]
			}
		}),
		"method": each(func(v *config.VirtualServer) {
			v.LBKind.Kind = map[bool]string{true: "DR", false: "NAT"}[v.LBKind.Kind == "NAT"]
		}),
		"persistence":     each(func(v *config.VirtualServer) { v.PersistenceTimeout += 77 * time.Second }),
		"one packet":      each(func(v *config.VirtualServer) { v.OPS = !v.OPS }),
		"order":           each(func(v *config.VirtualServer) { slices.Reverse(v.RealServers) }),
		"services' order": func(c *config.Config) { slices.Reverse(c.VirtualServers) },
		"one server less": each(func(v *config.VirtualServer) { v.RealServers = v.RealServers[min(1, len(v.RealServers)):] }),
		"one more": each(func(v *config.VirtualServer) {
			if len(v.RealServers) > 0 {
				r := v.RealServers[0]
				r.Address = config.Endpoint{AddrPort: netip.AddrPortFrom(r.Address.Addr().Next().Next().Next().Next(), r.Address.Port())}
				v.RealServers = append([]config.RealServer{r}, v.RealServers...)
			}
		}),
		"inhibit":         each(func(v *config.VirtualServer) { v.InhibitOnFailure = !v.InhibitOnFailure }),
		"ha_suspend":      each(func(v *config.VirtualServer) { v.HASuspend = !v.HASuspend }),
		"no sorry server": each(func(v *config.VirtualServer) { v.SorryServer = nil }),
		"quorum":          each(func(v *config.VirtualServer) { v.Quorum += 2 }),
		"weights": each(func(v *config.VirtualServer) {
			for i := range v.RealServers {
				w := 3 + i
				v.RealServers[i].Weight = &w
			}
		}),
		"no checks": each(func(v *config.VirtualServer) {
			for i := range v.RealServers {
				v.RealServers[i].Checks = nil
			}
		}),
		"a service less": func(c *config.Config) { c.VirtualServers = c.VirtualServers[1:] },
		"servers of one go to another": func(c *config.Config) {
			if n := len(c.VirtualServers); n > 1 {
				c.VirtualServers[0].RealServers, c.VirtualServers[n-1].RealServers = c.VirtualServers[n-1].RealServers, c.VirtualServers[0].RealServers
			}
		},
		"a group changes": func(c *config.Config) {
			for i := range c.VirtualServerGroups {
				g := &c.VirtualServerGroups[i]
				g.Entries = g.Entries[min(1, len(g.Entries)):]
			}
		},
	}
}

// mutated is a copy of a site in which one thing is changed.
func mutated(c *config.Config, change func(*config.Config)) *config.Config {
	out := *c
	out.VirtualServers = slices.Clone(c.VirtualServers)
	for i := range out.VirtualServers {
		out.VirtualServers[i].RealServers = slices.Clone(out.VirtualServers[i].RealServers)
	}
	out.VirtualServerGroups = slices.Clone(c.VirtualServerGroups)
	change(&out)
	return &out
}

// TestReloadToAnySite: whatever virtual servers there were before, and whoever had
// failed, a reload leads to the table that a start leads to; and one without
// changes asks for nothing.
func TestReloadToAnySite(t *testing.T) {
	t.Parallel()
	names, err := filepath.Glob("testdata/ipvs/*.conf")
	if err != nil || len(names) < 40 {
		t.Fatalf("%d sites, %v", len(names), err)
	}
	sites := map[string]*config.Config{}
	for _, name := range names {
		c, found, err := load.File(name)
		if err != nil || found.Errors() {
			t.Fatalf("%s: %v, %v", name, err, found)
		}
		// With a hysteresis the quorum depends on what was, and is to.
		if !slices.ContainsFunc(c.VirtualServers, func(v config.VirtualServer) bool { return v.Hysteresis > 0 }) {
			sites[name] = c
		}
	}
	names = slices.Sorted(maps.Keys(sites))
	const settles = 2 * time.Minute
	fresh := map[string]balance.Table{}
	for _, name := range names {
		m := imagine(sites[name], ".2")
		m.pass(settles)
		fresh[name] = m.table
	}
	reached := func(what string, want balance.Table, m *imagined) {
		t.Helper()
		if diff := cmp.Diff(want, m.table, cmpopts.EquateEmpty(), cmpopts.EquateComparable(balance.Destination{})); diff != "" {
			t.Errorf("reload %s: after a start (-) and after the reload (+): %s", what, diff)
		}
	}
	const changes = 30 * time.Second
	for _, name := range names {
		for what, change := range mutations() {
			other := mutated(sites[name], change)
			start := imagine(other, ".2")
			start.pass(changes)
			m := imagine(sites[name], ".1")
			m.pass(changes)
			m.reload(other, ".2")
			m.pass(changes)
			reached(name+" with another "+what, start.table, m)
			m.reload(sites[name], ".2")
			m.pass(changes)
			reached(name+" back from another "+what, fresh[name], m)
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	for _, name := range names {
		m := imagine(sites[name], ".1")
		m.pass(settles)
		before := m.changed
		m.reload(sites[name], ".1")
		m.pass(time.Second)
		if m.changed != before {
			t.Errorf("%s: a reload without changes asks for %d services", name, m.changed-before)
		}
		from := name
		for range 4 {
			to := names[r.IntN(len(names))]
			m.reload(sites[to], ".2")
			m.pass(settles)
			reached("from "+from+" to "+to, fresh[to], m)
			from = to
		}
	}
}

// TestPanicOutlivesReload: the servers that a panic keeps are kept when a reload
// brings further ones or takes some away.
func TestPanicOutlivesReload(t *testing.T) {
	t.Parallel()
	site, found, err := load.File("testdata/ipvs/kind-nat.conf")
	if err != nil || found.Errors() {
		t.Fatal(err, found)
	}
	site = mutated(site, func(c *config.Config) {
		for i := range c.VirtualServers {
			c.VirtualServers[i].PanicThreshold = 60
		}
	})
	serving := func(m *imagined) (list []string) {
		for _, k := range m.table.Keys() {
			for _, d := range m.table[k].Destinations {
				list = append(list, k.String()+" "+d.Address.String())
			}
		}
		return list
	}
	m := imagine(site, "nobody")
	m.pass(time.Minute)
	all := serving(m)
	m.dead = "" // everybody
	m.pass(time.Minute)
	if diff := cmp.Diff(all, serving(m)); diff != "" || len(all) < 2 {
		t.Fatalf("in a panic: %s", diff)
	}
	m.reload(mutated(site, mutations()["one more"]), "")
	m.pass(time.Minute)
	for _, s := range all {
		if !slices.Contains(serving(m), s) {
			t.Errorf("after a reload with one more %s is gone; there are %q", s, serving(m))
		}
	}
	m.reload(mutated(site, mutations()["one server less"]), "")
	m.pass(time.Minute)
	if got := serving(m); len(got) == 0 || len(got) >= len(all) {
		t.Errorf("after a reload with one less: %q", got)
	}
}
