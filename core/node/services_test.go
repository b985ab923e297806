package node

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/balance"
	"github.com/moonkeep/moonkeep/core/bfd"
	"github.com/moonkeep/moonkeep/core/health"
	"github.com/moonkeep/moonkeep/core/mono"
	"github.com/moonkeep/moonkeep/core/track"
)

// life is that of a TCP_CHECK with delay_loop 10 and retry 1.
func life() *health.Config {
	return &health.Config{Interval: 10 * second, Doubt: second, Patience: time.Hour, Rise: 1, Fall: 2, Grace: 30 * second}
}

func tcp(identity string) Check { return Check{Kind: "TCP_CHECK", Identity: identity, Life: life()} }

// backend returns a server of weight 1.
func backend(name string, checks ...Check) Server {
	return Server{Name: name, Tuple: "<" + name + ">", Weight: 1, Checks: checks}
}

// web returns a service with a quorum of 1.
func web(servers ...Server) Service {
	return Service{Name: "web", Tuple: "<web>", Quorum: 1, Servers: servers}
}

// site drives a node with services only and answers its probes by hand.
type site struct {
	t    *testing.T
	node *Node
	now  mono.Instant
	// asked are the probes without an answer, and told what happened, in words.
	asked []Ask
	gen   uint32
	told  []string
	notes []string
	// tables are the changes of IPVS that were asked for.
	tables []balance.Table
}

func newSite(t *testing.T, cfg Config) *site {
	t.Helper()
	s := &site{t: t, node: New(0, cfg)}
	s.take(s.node.Tick(0))
	return s
}

func (s *site) take(actions []Action) {
	s.t.Helper()
	for _, a := range actions {
		switch a.Kind {
		case Probe:
			s.asked, s.gen = append(s.asked, a.Asks...), a.Generation
		case Told, Changed:
			c := a.Change
			if c.Why == "" || c.Name == "" || c.Service == "" || !c.Occasion.OfService() || (c.Server == "") != (c.Occasion >= QuorumWon) {
				s.t.Errorf("%+v", c)
			}
			text := map[Occasion]string{ServerUp: "up", ServerDown: "down", ServerWeighed: "weighs", CheckTurned: "check", QuorumWon: "won", QuorumLost: "lost"}[c.Occasion]
			if c.Occasion == ServerWeighed {
				text += fmt.Sprint(" ", c.Weight)
			}
			for _, mark := range []struct {
				set  bool
				word string
			}{{c.Stop, " stop"}, {c.Deleted, " deleted"}, {c.Start, " start"}} {
				if mark.set {
					text += mark.word
				}
			}
			s.told = append(s.told, strings.TrimSpace(c.ServerName+" "+text))
		case Balance:
			s.tables = append(s.tables, a.Table)
		case Noted:
			s.notes = append(s.notes, a.Note.Text)
		default:
			s.t.Errorf("action %d", a.Kind)
		}
	}
}

// answer answers the probe of a check.
func (s *site) answer(check int, v health.Verdict, more ...func(*Answer)) {
	s.t.Helper()
	i := slices.IndexFunc(s.asked, func(a Ask) bool { return a.Check == uint32(check) })
	if i < 0 {
		s.t.Fatalf("check %d was not asked for", check)
	}
	a := Answer{Check: s.asked[i].Check, Seq: s.asked[i].Seq, Verdict: v, Message: "because", Took: time.Millisecond}
	s.asked = slices.Delete(s.asked, i, i+1)
	for _, f := range more {
		f(&a)
	}
	s.take(s.node.Step(s.now, &Probed{Generation: s.gen, Answers: []Answer{a}}))
}

// run lets time pass until the next probe of a check and answers it.
func (s *site) run(check int, v health.Verdict, more ...func(*Answer)) {
	s.t.Helper()
	for range 10_000 {
		if slices.ContainsFunc(s.asked, func(a Ask) bool { return a.Check == uint32(check) }) {
			s.answer(check, v, more...)
			return
		}
		s.now = max(s.now, s.node.Deadline())
		s.take(s.node.Tick(s.now))
	}
	s.t.Fatalf("check %d never runs", check)
}

// says compares what was told since the last call.
func (s *site) says(want ...string) {
	s.t.Helper()
	if !slices.Equal(s.told, want) {
		s.t.Errorf("told %q, want %q", s.told, want)
	}
	s.told = nil
}

func weighs(w int32) func(*Answer) { return func(a *Answer) { a.Weighs, a.Weight = true, w } }

// TestServerAndQuorum: a failed check takes its server down, the last server
// the quorum, and back.
func TestServerAndQuorum(t *testing.T) {
	s := newSite(t, Config{Services: []Service{web(backend("a", tcp("1")), backend("b", tcp("2"), tcp("3")))}})
	s.says("won start")
	s.run(0, health.OK)
	s.run(1, health.OK)
	s.run(2, health.OK)
	s.says()
	s.run(0, health.Failed)
	s.says()
	s.run(0, health.Failed)
	s.says("a down")
	s.run(2, health.Failed)
	s.run(2, health.Failed)
	s.says("b down", "lost")
	s.run(1, health.Failed)
	s.run(1, health.Failed)
	s.run(2, health.OK)
	s.says() // its other check is down
	s.run(1, health.OK)
	s.says("b up", "won")
	if got := s.node.Services(s.now).Services[0]; !got.Quorum || got.Weight != 1 || got.Need != 1 || got.Servers != 2 {
		t.Errorf("status %+v", got)
	}
	if !slices.ContainsFunc(s.notes, func(n string) bool {
		return n == "real server a of virtual server web is down: TCP_CHECK is down: because"
	}) {
		t.Errorf("notes %q", s.notes)
	}
}

// TestFirstFailureAlone: keepalived's rule, through to the quorum.
func TestFirstFailureAlone(t *testing.T) {
	s := newSite(t, Config{Services: []Service{web(backend("a", tcp("1")))}})
	s.says("won start")
	s.run(0, health.Failed)
	s.says("a down", "lost")
}

// TestAlpha: such a server works when its first check succeeded.
func TestAlpha(t *testing.T) {
	c := tcp("1")
	c.Life.Alpha = true
	s := newSite(t, Config{Services: []Service{web(backend("a", c))}})
	if got := s.node.Services(0).Services[0]; got.Quorum || got.Weight != 0 {
		t.Errorf("it counts before: %+v", got)
	}
	s.run(0, health.OK)
	s.says("a up", "won")
}

// TestServerWeights: they are absolute, add up, end with the check and count for the
// quorum.
func TestServerWeights(t *testing.T) {
	b := backend("a", tcp("1"), tcp("2"))
	b.Weight = 10
	v := web(b)
	v.Quorum = 8
	s := newSite(t, Config{Services: []Service{v}})
	s.says("won start")
	s.run(0, health.OK, weighs(12))
	s.says("a weighs 12")
	s.run(0, health.OK, weighs(12))
	s.says()
	s.run(1, health.OK, weighs(7))
	s.says("a weighs 9")
	s.run(0, health.OK, weighs(9))
	s.says("a weighs 6", "lost")
	s.run(0, health.OK) // none any more
	s.says("a weighs 7")
	s.run(0, health.OK, weighs(500))
	s.says("a weighs 497", "won")
	s.run(0, health.Unknown)
	s.says()
	s.run(0, health.Failed)
	s.says()
	s.run(0, health.Failed)
	s.says("a down", "lost")
	s.run(0, health.OK)
	// The other check still tells its 7.
	s.says("a up")
}

// TestSmoothedWeights: a weight that jumps about comes through slowly, in steps,
// within its bounds, and keeps what it came to over a reload.
func TestSmoothedWeights(t *testing.T) {
	k := tcp("1")
	k.Smoothing = &track.Smoothing{TimeConstant: 30 * second, Min: 1, Max: 50, Step: 5}
	b := backend("a", k)
	b.Weight = 10
	v := web(b)
	s := newSite(t, Config{Services: []Service{v}})
	s.says("won start")
	s.run(0, health.OK, weighs(40))
	s.says("a weighs 40")
	// Runs are ten seconds apart: 1 - exp(-1/3) of the jump.
	s.run(0, health.OK, weighs(0))
	s.says("a weighs 29")
	s.run(0, health.OK, weighs(27))
	s.says()
	s.run(0, health.OK, weighs(1000))
	s.says("a weighs 50")
	s.take(s.node.Reconfigure(s.now, Config{Services: []Service{v}}))
	s.run(0, health.OK, weighs(1000))
	s.says()
}

// TestUnknownServers: unknown takes no server down, is told once for all, and
// its end too.
func TestUnknownServers(t *testing.T) {
	const many = 300
	var servers []Server
	for i := range many {
		c := tcp(fmt.Sprint(i))
		c.Life.OnUnknown, c.Life.Patience = health.Fail, 7*second
		servers = append(servers, backend(fmt.Sprint("s", i), c))
	}
	s := newSite(t, Config{Services: []Service{web(servers...)}})
	s.says("won start")
	s.notes = nil
	for i := range many {
		s.run(i, health.Unknown)
	}
	s.says()
	if got := s.node.Services(s.now).Probes; got.Dark != many || got.Checks != many {
		t.Errorf("counts %+v", got)
	}
	if len(s.notes) != 1 || !strings.HasPrefix(s.notes[0], "checks have no result, the first of them TCP_CHECK of s0 of") {
		t.Errorf("notes %q", s.notes)
	}
	for i := range many {
		s.run(i, health.OK)
	}
	s.says()
	if len(s.notes) != 2 || s.node.Services(s.now).Probes.Dark != 0 {
		t.Errorf("notes %q", s.notes)
	}
	// Then nobody answers any more: the patience ends, and then the grace.
	at := s.now
	for s.now < at.Add(60*second) && len(s.told) < many {
		s.now = s.node.Deadline()
		s.take(s.node.Tick(s.now))
		s.asked = nil
		if len(s.told) > 0 && s.now < at.Add(30*second) {
			t.Fatalf("%q after %v", s.told, s.now.Sub(at))
		}
	}
	if len(s.told) != many+1 {
		t.Errorf("%d of %d servers went down", len(s.told)-1, many)
	}
}

// TestFollowing: FILE_CHECK and BFD_CHECK.
func TestFollowing(t *testing.T) {
	file := Check{Kind: "FILE_CHECK", Identity: "f", Life: life(), File: "load", Weight: 2}
	guard := Check{Kind: "FILE_CHECK", Identity: "g", Life: life(), File: "guard"}
	up := Check{Kind: "BFD_CHECK", Identity: "b", Life: &health.Config{}, Session: "peer"}
	b := backend("a", file, guard, up)
	b.Weight = 10
	cfg := Config{
		Services: []Service{web(b)}, Files: []File{{Name: "load"}, {Name: "guard"}},
		Sessions: []Session{{Name: "peer", BFD: bfd.Defaults()}},
	}
	cfg.Sessions[0].BFD.Path, cfg.Sessions[0].BFD.Passive = bfd.Path{Source: source, Neighbor: higher}, true
	s := newSite(t, cfg)
	s.says("won start")
	if len(s.asked) > 0 {
		t.Error("what follows is run")
	}
	read := func(name string, value int64, failure string) {
		s.take(s.node.Step(s.now, &FileRead{File: name, Value: value, Failure: failure}))
	}
	read("load", 3, "")
	s.says("a weighs 16")
	read("load", -20, "")
	s.says("a weighs 0", "lost")
	read("load", 0, "it is a directory")
	s.says()
	read("load", 1, "")
	s.says("a weighs 12", "won")
	read("guard", 1, "")
	s.says("a down", "lost")
	read("guard", 0, "")
	s.says("a up", "won")
	// The session was never up: it says nothing yet.
	session := s.node.sessions[0]
	c := s.node.queue.checks[2]
	if c.seeSession(session) || !c.working() {
		t.Error("a session that was never up takes a server down")
	}
	if got := s.node.Status(s.now); len(got.Files[0].Users) != 1 || got.Files[0].Users[0] != "real server a of web" || len(got.Sessions[0].Users) != 1 {
		t.Errorf("nobody is named who follows: %+v %+v", got.Files[0], got.Sessions[0])
	}
	st := s.node.Servers(nil, 0, 9)
	if len(st) != 1 || st[0].Checks[0].Follows != "file load" || st[0].Checks[2].Follows != "BFD session peer" || st[0].Checks[0].Message != "file load is 1" {
		t.Errorf("status %+v", st)
	}
}

// TestReloadKeepsChecks: the same check keeps state, timers and the probe that is
// under way; a changed one the state until its first result; and what is told
// is what changed.
func TestReloadKeepsChecks(t *testing.T) {
	s := newSite(t, Config{Services: []Service{web(backend("a", tcp("1")), backend("b", tcp("2")), backend("c", tcp("3")))}})
	s.says("won start")
	for i := range 3 {
		s.run(i, health.Failed)
	}
	s.says("a down", "b down", "c down", "lost")
	s.run(1, health.OK)
	s.says("b up", "won")
	s.run(0, health.Failed)
	for len(s.asked) < 3 {
		s.now = s.node.Deadline()
		s.take(s.node.Tick(s.now))
	}
	inFlight, gen := slices.Clone(s.asked), s.gen
	// c comes first now, b has another check, a is the same, d is new.
	second := web(backend("c", tcp("3")), backend("b", tcp("other")), backend("a", tcp("1")), backend("d", tcp("4")))
	s.take(s.node.Reconfigure(s.now, Config{Services: []Service{second}}))
	s.asked = nil
	s.says()
	states := func() (text string) {
		for _, x := range s.node.Servers(nil, 0, 9) {
			text += x.Name + map[bool]string{true: "+", false: "-"}[x.Up]
		}
		return text
	}
	if got := states(); got != "c-b+a-d+" {
		t.Errorf("after the reload %s", got)
	}
	// The answers that were under way count for those they are for.
	for _, a := range inFlight {
		s.take(s.node.Step(s.now, &Probed{Generation: gen, Answers: []Answer{{Check: a.Check, Seq: a.Seq, Verdict: health.OK}}}))
	}
	s.says("c up", "a up")
	if got := s.node.Services(s.now).Probes; got.Strange != 1 {
		t.Errorf("%d answers were for nobody, want that of b's old check", got.Strange)
	}
	// b's new check decides alone.
	s.run(1, health.Failed)
	s.says("b down")
	// An edge that knows the new number answers under that.
	for !slices.ContainsFunc(s.asked, func(a Ask) bool { return a.Check == 2 }) {
		s.now = s.node.Deadline()
		s.take(s.node.Tick(s.now))
	}
	third := web(backend("a", tcp("1")))
	ask := s.asked[slices.IndexFunc(s.asked, func(a Ask) bool { return a.Check == 2 })]
	s.take(s.node.Reconfigure(s.now, Config{Services: []Service{third}}))
	s.take(s.node.Step(s.now, &Probed{Generation: s.gen + 1, Answers: []Answer{{Check: 0, Seq: ask.Seq, Verdict: health.Failed}}}))
	if v := s.node.Servers(nil, 0, 1)[0].Checks[0].View; v.Verdict != health.Failed || v.Row != 1 {
		t.Errorf("the answer under the new number does not count: %+v", v)
	}
}

// TestReloadTells: what a reload itself changes is told.
func TestReloadTells(t *testing.T) {
	s := newSite(t, Config{Services: []Service{web(backend("a", tcp("1"), tcp("2")), backend("b", tcp("3")))}})
	s.says("won start")
	s.run(0, health.OK)
	s.run(1, health.Failed)
	s.says("a down")
	// The check that failed is gone.
	s.take(s.node.Reconfigure(s.now, Config{Services: []Service{web(backend("a", tcp("1")), backend("b", tcp("3")))}}))
	s.says("a up")
	// A server fewer, and a quorum that one alone does not have.
	v := web(backend("a", tcp("1")), backend("c", tcp("5")), backend("d", tcp("6")))
	v.Quorum = 3
	s.take(s.node.Reconfigure(s.now, Config{Services: []Service{v}}))
	s.says("b down deleted")
	s.run(0, health.Failed)
	s.run(0, health.Failed)
	s.says("a down", "lost")
	v.Quorum = 1
	s.take(s.node.Reconfigure(s.now, Config{Services: []Service{v}}))
	s.says("won")
}

// TestOmega: a stop is told to those who want it, and no probe begins after it.
func TestOmega(t *testing.T) {
	v, w, x := web(backend("a", tcp("1")), backend("b", tcp("2"))), web(backend("c", tcp("3"))), web(backend("d", tcp("4")))
	v.Omega, w.Name = true, "other"
	x.Omega, x.Name = true, "without quorum"
	s := newSite(t, Config{Services: []Service{v, w, x}})
	s.says("won start", "won start", "won start")
	s.run(1, health.Failed)
	s.says("b down")
	s.run(3, health.Failed)
	s.says("d down", "lost")
	s.take(s.node.Stop(s.now))
	s.says("a down stop", "lost stop", "lost stop")
	if s.node.Deadline() != mono.Never || !s.node.Stopped() {
		t.Error("there is something left to do")
	}
	s.take(s.node.Tick(s.now.Add(time.Hour)))
	s.take(s.node.Step(s.now, &Probed{Generation: s.gen, Answers: []Answer{{Check: 2, Seq: 1, Verdict: health.Failed}}}))
	s.says()
}

// TestStrangeAnswers: answers that nobody waits for, and of numbers that do not
// exist, change nothing.
func TestStrangeAnswers(t *testing.T) {
	s := newSite(t, Config{Services: []Service{web(backend("a", tcp("1"), Check{Kind: "FILE_CHECK", Life: life(), File: "f"}))}, Files: []File{{Name: "f"}}})
	s.says("won start")
	for _, e := range []Probed{
		{Generation: 0, Answers: []Answer{{Check: 0, Seq: 1, Verdict: health.Failed}}},
		{Generation: 1, Answers: []Answer{{Check: 0, Seq: 7, Verdict: health.Failed}, {Check: 1, Seq: 0, Verdict: health.Failed}, {Check: 99, Seq: 1, Verdict: health.Failed}}},
		{Generation: 2, Answers: []Answer{{Check: 0, Seq: 1, Verdict: health.Failed}}},
	} {
		s.take(s.node.Step(s.now, &e))
	}
	s.says()
	if got := s.node.Services(0).Probes.Strange; got != 5 {
		t.Errorf("%d strange answers counted, want 5", got)
	}
}

// TestNamesOfChecks: of several checks of one kind at one server each is told with its
// number, and one alone without.
func TestNamesOfChecks(t *testing.T) {
	script := func(identity string) Check {
		c := tcp(identity)
		c.Kind = "LUA_CHECK"
		return c
	}
	elsewhere := tcp("5")
	elsewhere.Place = "192.0.2.9:81"
	s := newSite(t, Config{Services: []Service{web(backend("a", tcp("1"), script("2"), script("3"), elsewhere), backend("b", script("4")))}})
	var names []string
	for _, server := range s.node.Servers(nil, 0, 2) {
		for _, c := range server.Checks {
			names = append(names, CheckName(c.Kind, c.Number, c.Place))
		}
	}
	if want := []string{"TCP_CHECK", "LUA_CHECK 2", "LUA_CHECK 3", "TCP_CHECK 192.0.2.9:81", "LUA_CHECK"}; !slices.Equal(names, want) {
		t.Errorf("names %q, want %q", names, want)
	}
	for i := range 5 {
		s.run(i, health.OK)
	}
	s.notes = nil
	for range 2 {
		s.run(2, health.Failed)
		s.run(1, health.Failed)
		s.run(3, health.Failed)
		s.run(4, health.Failed)
	}
	s.run(2, health.OK, weighs(5))
	for _, want := range []string{"a of virtual server web is down: LUA_CHECK 3 is down", "LUA_CHECK 2 is down: because; 2 of 4 checks are down", "TCP_CHECK 192.0.2.9:81 is down", "b of virtual server web is down: LUA_CHECK is down"} {
		if !slices.ContainsFunc(s.notes, func(n string) bool { return strings.Contains(n, want) }) {
			t.Errorf("notes %q, want one with %q", s.notes, want)
		}
	}
}
