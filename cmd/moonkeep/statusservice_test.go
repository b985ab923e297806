package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/moonkeep/moonkeep/core/control"
)

// TestPrintServices holds what people see of real servers.
func TestPrintServices(t *testing.T) {
	fine := control.Check{Kind: "TCP_CHECK", State: "up", SinceAge: 90, Verdict: "ok", Message: "connected", VerdictAge: number(0.5), Took: 0.002, DueIn: number(0.5)}
	bad := fine
	bad.State, bad.Verdict, bad.Message, bad.Running = "down", "failed", "refused", true
	bad.Place = "192.0.2.12:81"
	server := func(name string, c control.Check) control.RealServer {
		return control.RealServer{Name: name, State: c.State, SinceAge: 90, Weight: 3, Configured: 3, Checks: []control.Check{c}}
	}
	s := control.Status{
		Services: []control.Service{
			{Name: "TCP 192.0.2.1:80", HasQuorum: true, QuorumAge: 90, Weight: 3, Quorum: 1, Servers: []control.RealServer{server("192.0.2.11:80", fine), server("192.0.2.12:80", bad)}},
			{Name: "fwmark 3", Sorry: true, Quorum: 4, Hysteresis: 1, Asleep: true, Servers: []control.RealServer{server("192.0.2.13", bad)}},
		},
		Probes: &control.Probes{Checks: 3, Begun: 10, MostLate: 0.003, Late: []control.LateBucket{{Within: number(0.001), Count: 10}, {}}},
	}
	var b strings.Builder
	printServices(&b, &s)
	want := `
virtual server TCP 192.0.2.1:80: has its quorum for 1m30s: 1 of 2 servers work, weight 3, quorum 1
  192.0.2.11:80              up for 1m30s, weight 3
    TCP_CHECK                up for 1m30s: ok: connected (500ms ago, took 2ms), next in 500ms
  192.0.2.12:80              DOWN for 1m30s, weight 3
    TCP_CHECK 192.0.2.12:81  down for 1m30s: failed: refused (500ms ago, took 2ms), runs now

virtual server fwmark 3: LOST ITS QUORUM, the sorry server serves for 0s: 0 of 1 servers work, weight 0, quorum 4, hysteresis 1
  checks are paused: its address is not on this node
  192.0.2.13                 DOWN for 1m30s, weight 3
    TCP_CHECK 192.0.2.12:81  down for 1m30s: failed: refused (500ms ago, took 2ms), runs now

checks of real servers
  3 checks, 0 without a result; 10 probes, none began more than 64ms late, the latest by 3ms
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
	// Few work, and one comes back slowly.
	now := 1
	s.Services = s.Services[:1]
	s.Services[0].Panic, s.Services[0].Servers[0].Rising, s.Services[0].Servers[1].Kept = true, &now, true
	b.Reset()
	printServices(&b, &s)
	for _, part := range []string{
		"\n  PANIC: too few servers work, so failed ones are kept in service\n",
		"  192.0.2.11:80              up for 1m30s, weight 3, 1 now (slow_start)\n", "  192.0.2.12:80              DOWN for 1m30s, kept in service by the panic, weight 3\n",
	} {
		if !strings.Contains(b.String(), part) {
			t.Errorf("got\n%s\nwhich lacks %q", b.String(), part)
		}
	}
	// A check that tells a weight, with it in its message or not.
	weight := 30
	fine.Weight = &weight
	s.Services[0].Servers[0].Checks[0] = fine
	fine.Message = "exit status 32: weight 30"
	s.Services[0].Servers[1].Checks[0] = fine
	b.Reset()
	printServices(&b, &s)
	for _, part := range []string{": ok: connected, tells weight 30 (500ms ago", ": ok: exit status 32: weight 30 (500ms ago"} {
		if !strings.Contains(b.String(), part) {
			t.Errorf("got\n%s\nwhich lacks %q", b.String(), part)
		}
	}
	s.Services[0].Servers[1].Checks[0] = bad
	fine.Weight = nil
	// People have a hand in it.
	s.Services[0].Servers[0].Rising, s.Services[0].Servers[0].Wish = nil, "drain"
	s.Services[0].Servers[1].Kept, s.Services[0].Servers[1].Wish, s.Services[0].Servers[1].Drained = false, "down", true
	b.Reset()
	printServices(&b, &s)
	for _, part := range []string{
		" up for 1m30s, drain by hand: until its connections end it has weight 0, weight 3 after that\n",
		": 1 of 2 servers work (1 of them out of service by hand), weight 3, quorum 1\n",
		" DOWN for 1m30s, down by hand: out of the table, weight 3 after that\n",
	} {
		if !strings.Contains(b.String(), part) {
			t.Errorf("got\n%s\nwhich lacks %q", b.String(), part)
		}
	}
	// One that was taken back waits for a result: no hand keeps it out.
	two := s.Services[0].Servers
	for name, servers := range map[string][]control.RealServer{
		": 1 of 1 servers work (1 of them without a result since their maintenance), weight": {{State: "up", Unproven: true}},
		": 3 of 3 servers work (1 of them out of service by hand, and 2 without a result since their maintenance), weight": {
			{State: "up", Wish: "drain"}, {State: "up", Unproven: true}, {State: "up", Unproven: true}},
	} {
		s.Services[0].Servers = servers
		b.Reset()
		printServices(&b, &s)
		if !strings.Contains(b.String(), name) {
			t.Errorf("got\n%s\nwhich lacks %q", b.String(), name)
		}
	}
	s.Services[0].Servers = two
	// Of thousands those are listed that are not well.
	for i := range 2000 {
		s.Services[0].Servers = append(s.Services[0].Servers, server(fmt.Sprint("s", i), fine))
	}
	b.Reset()
	printServices(&b, &s)
	if text := b.String(); strings.Count(text, "\n") > 15 || !strings.Contains(text, "192.0.2.12:80") || strings.Contains(text, "192.0.2.11:80") {
		t.Errorf("got\n%s", text)
	}
}

// TestPrintNamesOfChecks: of checks of one kind at a server each has its number.
func TestPrintNamesOfChecks(t *testing.T) {
	checks := []control.Check{{Kind: "LUA_CHECK", Number: 1}, {Kind: "LUA_CHECK", Number: 2}, {Kind: "TCP_CHECK"}}
	s := control.Status{Services: []control.Service{{Name: "w", Servers: []control.RealServer{{Name: "a", Checks: checks}}}}}
	var b strings.Builder
	printServices(&b, &s)
	for _, name := range []string{"LUA_CHECK 1 ", "LUA_CHECK 2 ", "TCP_CHECK "} {
		if !strings.Contains(b.String(), "\n    "+name) {
			t.Errorf("got\n%s\nwhich lacks %q", b.String(), name)
		}
	}
}
