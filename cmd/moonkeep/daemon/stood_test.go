package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/core/health"
	"github.com/moonkeep/moonkeep/core/node"
	programs "github.com/moonkeep/moonkeep/core/program"
	"github.com/moonkeep/moonkeep/lua"
	"github.com/moonkeep/moonkeep/plugins/checker"
)

// TestStoodStill: what ran out of time while the daemon itself stood still has no
// result.
func TestStoodStill(t *testing.T) {
	t.Parallel()
	p := newLuaPool()
	k := &luaCheck{}
	for _, test := range []struct {
		ok   bool
		err  error
		took time.Duration
		want health.Verdict
	}{
		{false, lua.ErrTimeout, time.Second, health.Failed},
		{false, lua.ErrTimeout, 2 * time.Second, health.Unknown},
		{false, nil, 2 * time.Second, health.Unknown},
		{false, nil, time.Second, health.Failed},
		{true, nil, 2 * time.Second, health.OK},
	} {
		if a := k.answer(p, lua.Verdict{OK: test.ok}, test.err, test.took, time.Second); a.Verdict != test.want {
			t.Errorf("%+v: %v %q", test, a.Verdict, a.Message)
		}
	}
}

// TestVerdictsStand: what has no result has the one before for a while, in which
// the time that the daemon stood still does not count.
func TestVerdictsStand(t *testing.T) {
	t.Parallel()
	s := &config.Script{Name: "lua", Interval: time.Second, Timeout: time.Second}
	late := func(took time.Duration) node.Checked {
		return node.Checked{Result: node.Timeout, Message: "late", Took: took}
	}
	for name, test := range map[string]struct {
		ago  time.Duration // when there was a result; 0 for never
		took []time.Duration
		want node.Result
	}{
		"never before":                     {0, []time.Duration{10 * time.Second}, node.Timeout},
		"in its time":                      {time.Second, []time.Duration{time.Second}, node.Timeout},
		"a short one":                      {2 * time.Second, []time.Duration{2 * time.Second}, node.OK},
		"a long one":                       {11 * time.Second, []time.Duration{10 * time.Second}, node.OK},
		"a long one after a long one":      {21 * time.Second, []time.Duration{10 * time.Second, 10 * time.Second}, node.OK},
		"what was too old before":          {14500 * time.Millisecond, []time.Duration{10 * time.Second}, node.Timeout},
		"again and again, and little work": {10 * time.Second, []time.Duration{2 * time.Second, 2 * time.Second, 2 * time.Second, 2 * time.Second, 2 * time.Second}, node.Timeout},
	} {
		x := &checks{verdicts: map[string]scriptVerdict{}}
		if test.ago != 0 {
			x.stood(s, node.Checked{Result: node.OK}, false)
			was := x.verdicts[s.Name]
			was.at = time.Now().Add(-test.ago)
			x.verdicts[s.Name] = was
		}
		var got node.Checked
		for _, took := range test.took {
			got = x.stood(s, late(took), true)
		}
		last := test.took[len(test.took)-1]
		if got.Result != test.want || got.Took != last || (got.Result == node.OK) != strings.HasPrefix(got.Message, "as before") || !strings.Contains(got.Message, "late") {
			t.Errorf("%s: %+v", name, got)
		}
	}
	// A plugin's answer that did not come took no time itself.
	for waited, want := range map[time.Duration]node.Result{10 * time.Second: node.OK, 2 * time.Second: node.Broken} {
		x := &checks{verdicts: map[string]scriptVerdict{s.Name: {node.Checked{Result: node.OK}, time.Now().Add(-11 * time.Second)}}}
		if got := x.ofPlugin(s, checker.Result{}, waited); got.Result != want {
			t.Errorf("a plugin that was waited for for %v: %+v", waited, got)
		}
	}
}

// TestScriptOnUnknown: what a script comes to whose plugin gives no result, and
// after how long. However short the interval, a plugin has the time to start again.
func TestScriptOnUnknown(t *testing.T) {
	t.Parallel()
	of := func(onUnknown string, grace time.Duration) *config.Script {
		k := &config.HTTPCheck{}
		k.OnUnknown = onUnknown
		if grace > 0 {
			k.UnknownGrace = &grace
		}
		return &config.Script{Name: "web", Interval: 50 * time.Millisecond, Timeout: 50 * time.Millisecond, Plugin: &config.Check{HTTP: k}}
	}
	const s = time.Second
	for _, test := range []struct {
		onUnknown string
		grace     time.Duration
		ago       time.Duration // when there was a result; 0 for never
		want      node.Result
	}{
		{"", 0, 0, node.Broken}, {"", 0, s, node.OK}, {"", 0, 3 * s, node.OK}, {"", 0, 5 * s, node.Broken},
		{"fail", s / 2, s, node.Broken}, {"fail", time.Minute, 5 * s, node.OK},
		{"keep", s / 2, time.Hour, node.OK}, {"keep", 0, 0, node.Broken},
		{"ok", 0, 0, node.OK}, {"ok", s, 5 * s, node.OK},
	} {
		x := &checks{verdicts: map[string]scriptVerdict{}}
		if test.ago != 0 {
			x.verdicts["web"] = scriptVerdict{node.Checked{Result: node.OK}, time.Now().Add(-test.ago)}
		}
		got := x.ofPlugin(of(test.onUnknown, test.grace), checker.Result{Message: "gone"}, 0)
		if got.Result != test.want || !strings.Contains(got.Message, "gone") {
			t.Errorf("%+v: %+v", test, got)
		}
	}
	// One that may be silent for longer has the time of that.
	if grace, _ := graceOf(of("", 0), 16*s); grace < 18*s {
		t.Errorf("a plugin that may be silent for 16 s: %s", grace)
	}
	failed := &checks{verdicts: map[string]scriptVerdict{"web": {node.Checked{Result: node.Failed}, time.Now().Add(-5 * s)}}}
	if got := failed.ofPlugin(of("ok", s), checker.Result{}, 0); got.Result != node.OK {
		t.Errorf("on_unknown ok after a failure: %+v", got)
	}
	if got := failed.ofPlugin(of("keep", s), checker.Result{}, 0); got.Result != node.Failed {
		t.Errorf("on_unknown keep after a failure: %+v", got)
	}
}

// TestVerdictsOutliveReload: a script that checks the same after a reload has its
// last verdict, with its age; one that checks something else has none.
func TestVerdictsOutliveReload(t *testing.T) {
	t.Parallel()
	of := func(identity, program string) *checks {
		return &checks{verdicts: map[string]scriptVerdict{}, probes: &probes{identities: map[string]string{"web": identity}}, scripts: map[string]*config.Script{
			"web":     {Name: "web", Interval: time.Second, Timeout: time.Second, Plugin: &config.Check{HTTP: &config.HTTPCheck{}}},
			"program": {Name: "program", Interval: time.Second, Timeout: time.Second, Argv: []string{program}},
		}}
	}
	before := of("1", "/bin/a")
	at := time.Now().Add(-time.Second)
	for name := range before.scripts {
		before.verdicts[name] = scriptVerdict{node.Checked{Result: node.OK}, at}
	}
	before.verdicts["gone"] = scriptVerdict{node.Checked{Result: node.OK}, at}
	for _, test := range []struct {
		x            *checks
		web, program bool
	}{{of("1", "/bin/a"), true, true}, {of("2", "/bin/a"), false, true}, {of("1", "/bin/b"), true, false}} {
		test.x.inherit(before)
		web, ok := test.x.verdicts["web"]
		_, program := test.x.verdicts["program"]
		if ok != test.web || program != test.program || ok && web.at != at || len(test.x.verdicts) > 2 {
			t.Errorf("%v %v: %+v", test.web, test.program, test.x.verdicts)
		}
		if got := test.x.ofPlugin(test.x.scripts["web"], checker.Result{Message: "gone"}, 0); (got.Result == node.OK) != test.web {
			t.Errorf("without a result: %+v, want that from before the reload: %t", got, test.web)
		}
	}
	// A reload does so; at the start there is nothing before.
	d := &daemon{edges: &edges{log: slog.New(slog.DiscardHandler), lost: new(lua.Lost)}}
	for _, d.checks = range []*checks{nil, before} {
		p, err := d.plan(&config.Config{Scripts: []config.Script{*before.scripts["program"]}})
		if err != nil {
			t.Fatal(err)
		}
		if got := p.Checks.(*checks).verdicts; len(got) == 1 != (d.checks != nil) {
			t.Errorf("the plan has %+v", got)
		}
	}
}

// stoppedEnv makes a test binary run scripts during which it is stopped.
const stoppedEnv = "MOONKEEP_TEST_STOPPED"

// stopped is a log whose lines stop the process.
type stopped struct{ slog.Handler }

func (stopped) Enabled(context.Context, slog.Level) bool { return true }

func (stopped) Handle(context.Context, slog.Record) error {
	return syscall.Kill(os.Getpid(), syscall.SIGSTOP)
}

// TestStopped: a Lua script, quick or not, and a program during whose run the daemon
// is stopped for longer than results stand have the result from before.
func TestStopped(t *testing.T) {
	t.Parallel()
	if os.Getenv(stoppedEnv) == "" {
		// It stops itself, which must not stop the other tests.
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestStopped$", "-test.v")
		cmd.Env = append(os.Environ(), stoppedEnv+"=1")
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "--- PASS: TestStopped ") {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	const script = ` local n = 0 return function() n = n + 1 if n == 2 then require("log").info("stop") while true do end end return true end`
	dir := luaDir(t, map[string]string{"quick.lua": script, "waits.lua": `local http = require "http"` + script})
	mark := filepath.Join(dir, "mark")
	program := fmt.Sprintf("test -e %[1]s || { : >%[1]s; exit 0; }; kill -STOP $PPID; sleep 1.5; kill -CONT $PPID; exec sleep 60", mark)
	all := []config.Script{
		{Name: "quick", Lua: filepath.Join(dir, "quick.lua")}, {Name: "waits", Lua: filepath.Join(dir, "waits.lua")},
		{Name: "program", Argv: []string{"/bin/sh", "-c", program}},
	}
	for i := range all {
		all[i].Interval, all[i].Timeout = 300*time.Millisecond, 200*time.Millisecond
	}
	starter, err := programs.NewStarter(programs.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer starter.Close(context.Background())
	e := &edges{starter: starter, log: slog.New(stopped{}), lost: new(lua.Lost)}
	x, err := e.newChecks(&config.Config{Scripts: all})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range all {
		if x.IsQuick(s.Name) != (s.Name == "quick") {
			t.Fatalf("%s: quick is %t", s.Name, x.IsQuick(s.Name))
		}
		run := func() node.Checked {
			if s.Name != "quick" {
				return x.Run(t.Context(), s.Name)
			}
			told := make(chan node.Checked, 1) // whoever gives it up may tell
			x.Quick(t.Context(), s.Name, func(c node.Checked) { told <- c })
			return <-told
		}
		if c := run(); c.Result != node.OK {
			t.Fatalf("%s at first: %+v", s.Name, c)
		}
		if s.Name != "program" { // which does so itself
			wake := exec.Command("/bin/sh", "-c", fmt.Sprintf("sleep 1.5; kill -CONT %d", os.Getpid()))
			if err := wake.Start(); err != nil {
				t.Fatal(err)
			}
			defer wake.Wait()
		}
		if c := run(); c.Result != node.OK || c.Took < time.Second || !strings.HasPrefix(c.Message, "as before, for there is no result: ") || strings.HasSuffix(c.Message, ": ") {
			t.Errorf("%s: %+v", s.Name, c)
		}
	}
}

// stuckLog is a log whose lines are never written, until it is closed.
type stuckLog struct {
	slog.Handler
	closed chan struct{}
}

func (stuckLog) Enabled(context.Context, slog.Level) bool { return true }

func (l stuckLog) Handle(context.Context, slog.Record) error {
	<-l.closed
	return nil
}

// TestStuckScriptsAreNoFaultOfOthers: a script is run, and has its own results, while
// calls of others are stuck; those have failed.
func TestStuckScriptsAreNoFaultOfOthers(t *testing.T) {
	t.Parallel()
	const most = 16 // calls that may be stuck
	files := map[string]string{
		"well.lua":  `return function() return true, "it is well" end`,
		"waits.lua": `local http = require "http" return function() return true, "it is well" end`,
	}
	for i := range most {
		files[fmt.Sprintf("stuck%d.lua", i)] = `return function() require("log").info("x") return true end`
	}
	dir := luaDir(t, files)
	var all []config.Script
	for name := range files {
		all = append(all, config.Script{Name: name, Lua: filepath.Join(dir, name), Interval: 10 * time.Millisecond, Timeout: 50 * time.Millisecond})
	}
	l := stuckLog{closed: make(chan struct{})}
	x, err := (&edges{log: slog.New(l), lost: new(lua.Lost)}).newChecks(&config.Config{Scripts: all})
	if err != nil {
		t.Fatal(err)
	}
	run := func(name string) node.Checked {
		if name != "well.lua" {
			return x.Run(t.Context(), name)
		}
		told := make(chan node.Checked, 1)
		x.Quick(t.Context(), name, func(c node.Checked) { told <- c })
		return <-told
	}
	well := []string{"well.lua", "waits.lua"}
	for _, name := range well {
		x.scripts[name].Timeout = 10 * time.Second // on a busy host too
		if c := run(name); c.Result != node.OK {
			t.Fatalf("%s at first: %+v", name, c)
		}
		x.scripts[name].Timeout = 50 * time.Millisecond
	}
	for i := range most {
		if c := run(fmt.Sprintf("stuck%d.lua", i)); c.Result != node.Timeout {
			t.Errorf("one that is stuck: %+v", c)
		}
	}
	// They count as such a second after they were given up.
	for i := 0; ; i++ {
		if i == most {
			t.Fatal("they do not count as stuck")
		}
		if c := run(fmt.Sprintf("stuck%d.lua", i)); strings.Contains(c.Message, "earlier calls of Lua scripts") {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	for _, name := range well {
		x.scripts[name].Timeout = 10 * time.Second
		if c := run(name); c.Result != node.OK || c.Message != "it is well" {
			t.Errorf("%s while others are stuck: %+v", name, c)
		}
	}
	close(l.closed)
	for _, name := range well {
		x.scripts[name].Timeout = 10 * time.Second
		var c node.Checked
		for until := time.Now().Add(10 * time.Second); c.Message != "it is well" && time.Now().Before(until); time.Sleep(10 * time.Millisecond) {
			c = run(name)
		}
		if c.Message != "it is well" {
			t.Errorf("%s afterwards: %+v", name, c)
		}
	}
}

// TestNotRun: the result of a script that is not run because too many calls are stuck
// stands for a while and no longer, and the log says so once.
func TestNotRun(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	x := &checks{edges: &edges{log: slog.New(slog.NewTextHandler(&log, nil))}, verdicts: map[string]scriptVerdict{}}
	s := &config.Script{Name: "web", Interval: time.Second, Timeout: time.Second}
	stuck := func(ago time.Duration) node.Result {
		x.verdicts["web"] = scriptVerdict{node.Checked{Result: node.OK}, time.Now().Add(-ago)}
		x.luaStood(s, node.Checked{Result: node.Broken}, lua.ErrStuck)
		return x.luaStood(s, node.Checked{Result: node.Broken, Message: "stuck"}, lua.ErrStuck).Result
	}
	if r := stuck(2 * time.Second); r != node.OK {
		t.Errorf("soon: %v", r)
	}
	if r := stuck(5 * time.Second); r != node.Broken {
		t.Errorf("later: %v", r)
	}
	if n := strings.Count(log.String(), "level=WARN"); n != 1 || !strings.Contains(log.String(), "script=web") {
		t.Errorf("the log:\n%s", log.String())
	}
	// Of a weight that was not asked for, too.
	measured := -2.0
	for _, last := range []node.Checked{{Weight: &measured}, {Unmeasured: true}} {
		x.verdicts["web"] = scriptVerdict{last, time.Now()}
		err := fmt.Errorf("not run: %w", lua.ErrStuck)
		if c := x.luaStood(s, unmeasured(node.Checked{}, err), notAsked(err)); c.Unmeasured || c.Weight != nil || !c.NoRun {
			t.Errorf("a weight that was not asked for, after %+v: %+v", last, c)
		}
	}
	x.luaStood(s, node.Checked{Result: node.OK}, nil)
	if stuck(0); strings.Count(log.String(), "level=WARN") != 2 {
		t.Errorf("when it ran meanwhile:\n%s", log.String())
	}
}
