package node

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/balance"
	"github.com/moonkeep/moonkeep/core/health"
)

// TestFirstTold: rs_init_notifies.
func TestFirstTold(t *testing.T) {
	v := web(backend("a", tcp("1"), tcp("2")))
	v.TellFirst = true
	s := newSite(t, Config{Services: []Service{v}})
	s.says("a up start", "won start")
	s.run(0, health.OK)
	s.run(1, health.OK)
	s.says()
	// Also of one that a reload adds, and not of the others; in alpha mode there is
	// something to tell with the first result only.
	alpha := tcp("4")
	alpha.Life = &health.Config{Interval: second, Doubt: second, Patience: time.Hour, Rise: 1, Fall: 1, Alpha: true}
	v.Servers = append(v.Servers, backend("b", tcp("3")), backend("c", alpha), backend("d"))
	s.take(s.node.Reconfigure(s.now, Config{Services: []Service{v}}))
	s.says("b up start", "d up start")
	s.asked = nil
	s.run(3, health.OK)
	s.says("c up")
}

// TestFirstOfAlpha: a server in alpha mode whose first check fails did not work
// before, and is told to be down, once; a reload in between makes no difference.
func TestFirstOfAlpha(t *testing.T) {
	one, two := tcp("1"), tcp("2")
	one.Life = &health.Config{Interval: 10 * second, Doubt: second, Patience: time.Hour, Rise: 1, Fall: 3, Alpha: true}
	two.Life = one.Life
	cfg := Config{Services: []Service{web(backend("a", one, two), backend("b", tcp("3")))}}
	s := newSite(t, cfg)
	s.says("won start")
	s.run(1, health.OK)
	s.says()
	s.take(s.node.Reconfigure(s.now, cfg))
	s.asked = nil
	s.run(0, health.Failed)
	s.says("a down start")
	s.run(0, health.Failed)
	s.run(1, health.Failed)
	s.take(s.node.Reconfigure(s.now, cfg))
	s.asked = nil
	s.says()
	s.run(0, health.OK)
	s.run(1, health.OK)
	s.says("a up")
}

// TestFirstOfFile: what is in a file is known when what follows it begins: nobody is
// told of a state that never was, at the start and when a reload adds it.
func TestFirstOfFile(t *testing.T) {
	file := Check{Kind: "FILE_CHECK", Identity: "f", Life: &health.Config{}, File: "load"}
	plain := web(backend("a", file))
	sorry, first := plain, plain
	sorry.Sorry, first.TellFirst = balance.Sorry{Present: true}, true
	for _, c := range []struct {
		v     Service
		value int64
		told  []string
		later []string // when the file says the contrary
	}{
		{plain, 0, []string{"won start"}, []string{"a down", "lost"}},
		{plain, 1, nil, []string{"a up", "won"}},
		{sorry, 0, []string{"won start"}, []string{"a down", "lost"}},
		{sorry, 1, []string{"lost start"}, []string{"a up", "won"}},
		{first, 0, []string{"a up start", "won start"}, []string{"a down", "lost"}},
		{first, 1, nil, []string{"a up", "won"}},
	} {
		is := FileRead{File: "load", Value: c.value}
		cfg := Config{Services: []Service{c.v}, Files: []File{{Name: "load"}}, Readings: []FileRead{is}}
		s := newSite(t, cfg)
		s.says(c.told...)
		for range 2 {
			s.take(s.node.Step(s.now, &is))
			s.says()
		}
		s.take(s.node.Step(s.now, &FileRead{File: "load", Value: 1 - c.value}))
		s.says(c.later...)
		// What is known since is newer than a reading.
		s.take(s.node.Reconfigure(s.now, cfg))
		s.says()
		s = newSite(t, Config{})
		s.take(s.node.Reconfigure(s.now, cfg))
		s.says(c.told...)
		// Of a file that the same reload has elsewhere the number there counts.
		s = newSite(t, Config{Files: []File{{Name: "load", Path: "before"}}})
		s.take(s.node.Step(s.now, &FileRead{File: "load", Value: 1 - c.value}))
		s.take(s.node.Reconfigure(s.now, cfg))
		s.says(c.told...)
	}
}

// TestBegins: what is told of the quorum when a service begins, at the start and
// when a reload adds it.
func TestBegins(t *testing.T) {
	alpha := tcp("1")
	alpha.Life = &health.Config{Interval: second, Doubt: second, Patience: time.Hour, Rise: 1, Fall: 1, Alpha: true}
	sorry := func(v Service) Service {
		v.Sorry = balance.Sorry{Present: true}
		return v
	}
	for what, c := range map[string]struct {
		v    Service
		told []string
	}{
		"with quorum":                       {web(backend("a", tcp("1"))), []string{"won start"}},
		"with quorum and a sorry server":    {sorry(web(backend("a", tcp("1")))), []string{"won start"}},
		"without quorum":                    {web(backend("a", alpha)), nil},
		"without quorum and a sorry server": {sorry(web(backend("a", alpha))), []string{"lost start"}},
		"with a sorry server alone":         {sorry(web()), []string{"lost start"}},
	} {
		t.Run(what, func(t *testing.T) {
			s := newSite(t, Config{Services: []Service{c.v}})
			s.says(c.told...)
			s = newSite(t, Config{})
			s.take(s.node.Reconfigure(s.now, Config{Services: []Service{c.v}}))
			s.says(c.told...)
			s.take(s.node.Reconfigure(s.now, Config{Services: []Service{c.v}}))
			s.says()
		})
	}
}

// TestSorryComes: a reload that gives a sorry server, or another one, to a service
// without quorum has clients served by it from then on, which is told once.
func TestSorryComes(t *testing.T) {
	v := web(backend("a", tcp("1")))
	s := newSite(t, Config{Services: []Service{v}})
	s.says("won start")
	sorry := v
	sorry.Sorry = balance.Sorry{Present: true}
	s.take(s.node.Reconfigure(s.now, Config{Services: []Service{sorry}}))
	s.says() // it has its quorum
	s.take(s.node.Reconfigure(s.now, Config{Services: []Service{v}}))
	s.run(0, health.Failed)
	s.says("a down", "lost")
	for _, told := range [][]string{{"lost start"}, nil} {
		s.take(s.node.Reconfigure(s.now, Config{Services: []Service{sorry}}))
		s.says(told...)
	}
	sorry.Layout.Sorry.Address = netip.MustParseAddrPort("192.0.2.9:80")
	for _, told := range [][]string{{"lost start"}, nil} {
		s.take(s.node.Reconfigure(s.now, Config{Services: []Service{sorry}}))
		s.says(told...)
	}
	// The quorum is won by the reload itself.
	s.take(s.node.Reconfigure(s.now, Config{Services: []Service{v}}))
	sorry.Servers = append(slices.Clip(sorry.Servers), backend("b", tcp("2")))
	s.take(s.node.Reconfigure(s.now, Config{Services: []Service{sorry}}))
	s.says("won")
}

// TestRemovedTold: what a reload removes is told to be down, whatever omega says,
// if it was up.
func TestRemovedTold(t *testing.T) {
	v, w := web(backend("a", tcp("1")), backend("b", tcp("2")), backend("c", tcp("3"))), web(backend("d", tcp("4")), backend("e", tcp("5")))
	w.Name = "other"
	s := newSite(t, Config{Services: []Service{v, w}})
	s.says("won start", "won start")
	s.run(1, health.Failed)
	s.run(4, health.Failed)
	s.says("b down", "e down")
	less := web(backend("c", tcp("3")), backend("f", tcp("6")))
	s.take(s.node.Reconfigure(s.now, Config{Services: []Service{less}}))
	s.says("a down deleted", "d down deleted", "lost deleted")
	// They are others when they are there again.
	s.take(s.node.Reconfigure(s.now, Config{Services: []Service{v, w}}))
	s.says("f down deleted", "won start")
	// Without its last server a service has no quorum.
	s.take(s.node.Reconfigure(s.now, Config{Services: []Service{web(), w}}))
	s.says("a down deleted", "b down deleted", "c down deleted", "lost")
	s.take(s.node.Reconfigure(s.now, Config{}))
	s.says("d down deleted", "e down deleted", "lost deleted")
}

// TestChecksTold: who is to be told of every check is told of those that leave
// their server down, too.
func TestChecksTold(t *testing.T) {
	v := web(backend("a", tcp("1"), tcp("2")))
	for _, tells := range []bool{true, false} {
		v.TellChecks = tells
		s := newSite(t, Config{Services: []Service{v}})
		s.says("won start")
		want := func(with ...string) {
			t.Helper()
			if !tells {
				with = slices.DeleteFunc(with, func(w string) bool { return w == "a check" })
			}
			s.says(with...)
		}
		s.run(0, health.Failed)
		want("a down", "lost")
		s.run(1, health.Failed)
		want("a check")
		s.run(0, health.OK)
		want("a check")
		s.run(0, health.OK)
		want()
		s.run(1, health.OK)
		want("a up", "won")
	}
	// What is first found in a file is no change.
	file := Check{Kind: "FILE_CHECK", Identity: "f", Life: &health.Config{Alpha: true}, File: "load"}
	v = web(backend("a", tcp("1"), file))
	v.TellChecks = true
	s := newSite(t, Config{Services: []Service{v}, Files: []File{{Name: "load"}}})
	s.run(0, health.Failed)
	s.says("a check") // the file is down, too
	for _, change := range []struct {
		value int64
		told  []string
	}{{0, nil}, {0, nil}, {1, []string{"a check"}}, {2, nil}, {0, []string{"a check"}}} {
		s.take(s.node.Step(s.now, &FileRead{File: "load", Value: change.value}))
		s.says(change.told...)
	}
}

// TestLogAll: each failure of what works is logged, and none of what is down already,
// which fails at every run.
func TestLogAll(t *testing.T) {
	loud := tcp("1")
	loud.LogAll = true
	loud.Life = &health.Config{Interval: 10 * second, Doubt: second, Patience: time.Hour, Rise: 2, Fall: 3}
	s := newSite(t, Config{Services: []Service{web(backend("a", loud))}})
	notes := func() (n int) {
		for _, note := range s.notes {
			if strings.Contains(note, ", still up") {
				n++
			}
		}
		return n
	}
	s.run(0, health.OK)
	for i, v := range []health.Verdict{health.Failed, health.Failed, health.Failed, health.Failed, health.OK, health.Failed} {
		s.run(0, v)
		if got, want := notes(), min(i+1, 2); got != want {
			t.Errorf("%d notes after %d verdicts, want %d", got, i+1, want)
		}
	}
}
