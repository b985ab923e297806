//go:build linux

package host

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/health"
	"github.com/moonkeep/moonkeep/core/program"
	"github.com/moonkeep/moonkeep/plugins/checker"
	"github.com/moonkeep/moonkeep/plugins/checker/checkerpb"
	"github.com/moonkeep/moonkeep/plugins/clock"
)

// script writes a plugin in sh that speaks lines: it answers each probe ok
// with a word, and after a pause when it is told to.
func script(t testing.TB, path, word string) {
	t.Helper()
	text := `#!/bin/sh
echo '{"hello":{"protocol":1,"name":"SH","version":"` + word + `","doc":"answers"}}'
while read -r line; do
	case $line in *'"ping":'*) n=${line##*'"ping":'}; echo "{\"pong\":${n%%[,\}]*}}" ;; esac
	case $line in *'"start":'*)
		rest=${line#*'"start":[{"check":'}
		check=${rest%%,*}
		rest=${rest#*'"probe":'}
		probe=${rest%%,*}
		slow=0; [ "$check" = 1 ] && slow=0.7
		(sleep $slow; echo "{\"results\":[{\"check\":$check,\"probe\":$probe,\"verdict\":\"ok\",\"message\":\"` + word + `\"}]}") &
	esac
done
`
	// A file that runs is replaced, not written.
	if err := os.WriteFile(path+".new", []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

func sum(t testing.TB, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

// TestReplaced is a plugin whose file is replaced: what runs goes on until a
// reload, which starts the new one; a probe that is under way is still
// answered by the old one.
func TestReplaced(t *testing.T) {
	nothingLeft(t)
	needRoot(t)
	path := filepath.Join(openDir(t), "SH")
	script(t, path, "first")
	plan := Plan{
		Checks:  []Check{check(0, "SH", "a"), check(1, "SH", "b")},
		Plugins: []Plugin{{Name: "SH", Path: path, Processes: 20}},
	}
	s := newSite(t, quick(t))
	s.open(plan)
	if a := s.probe(0); a.Verdict != health.OK || a.Message != "first" {
		t.Fatalf("answered %+v", a)
	}
	script(t, path, "second")
	if a := s.probe(0); a.Message != "first" {
		t.Errorf("before the reload %q answered", a.Message)
	}
	slow := s.start(1)[0]
	s.eventually("the slow probe is sent", func() bool { return s.status().Under == 1 })
	time.Sleep(2 * pace)
	s.open(plan)
	s.eventually("the new process", func() bool { return s.status().Version == "second" })
	if a := s.probe(0); a.Verdict != health.OK || a.Message != "second" {
		t.Errorf("after the reload: %+v", a)
	}
	if a := s.wait(slow); a.Verdict != health.OK || a.Message != "first" {
		t.Errorf("the probe that was under way: %v %q, want ok, first", a.Verdict, a.Message)
	}
	s.eventually("the old process ends", func() bool { return s.status().Old == 0 && len(children()) == 1 })
	if st := s.status(); st.Starts != 2 || st.Failures != 0 {
		t.Errorf("status %+v", st)
	}
	// The same file again is no upgrade.
	s.open(plan)
	s.probe(0)
	if st := s.status(); st.Starts != 2 {
		t.Errorf("a reload without a change started a process: %+v", st)
	}
	// One that does not work leaves the old one alone.
	if err := os.WriteFile(path+".new", []byte("#!/bin/sh\nexit 4\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	s.open(plan)
	s.eventually("the upgrade fails", func() bool { return s.status().Failures == 1 })
	if a := s.probe(0); a.Verdict != health.OK || a.Message != "second" {
		t.Errorf("after an upgrade that failed: %+v", a)
	}
}

// TestRefusedReload: a set that comes to nothing, because something else of its
// configuration is refused, leaves the program that runs alone.
func TestRefusedReload(t *testing.T) {
	needRoot(t)
	dir := openDir(t)
	script(t, filepath.Join(dir, "first"), "first")
	script(t, filepath.Join(dir, "second"), "second")
	plan := func(name string) Plan {
		return Plan{Checks: []Check{check(0, "SH", "a")}, Plugins: []Plugin{{Name: "SH", Path: filepath.Join(dir, name), Processes: 20}}}
	}
	s := newSite(t, quick(t))
	s.open(plan("first"))
	if a := s.probe(0); a.Message != "first" {
		t.Fatalf("answered %+v", a)
	}
	refused, err := s.host.Open(plan("second"))
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(20 * pace)
	if st := s.status(); st.Starts != 1 || st.Path != filepath.Join(dir, "first") {
		t.Errorf("before the set began: %+v", st)
	}
	refused.Close()
	time.Sleep(20 * pace)
	if a := s.probe(0); a.Verdict != health.OK || a.Message != "first" {
		t.Errorf("after the set was closed: %+v", a)
	}
	// What ends is started as the set in force has it.
	if out, err := exec.Command("kill", "-9", children()[0]).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	s.eventually("another process", func() bool { return s.status().Starts == 2 && s.status().Version != "" })
	if a := s.probe(0); a.Message != "first" {
		t.Errorf("after its process was killed: %+v", a)
	}
	s.open(plan("second"))
	s.eventually("the new program", func() bool { return s.status().Version == "second" })
}

// TestPinned is a plugin with a sum: another file is refused, at the start and
// at a restart.
func TestPinned(t *testing.T) {
	needRoot(t)
	path := filepath.Join(openDir(t), "SH")
	script(t, path, "first")
	plan := Plan{
		Checks:  []Check{check(0, "SH", "a")},
		Plugins: []Plugin{{Name: "SH", Path: path, SHA256: strings.ToUpper(sum(t, path)), Processes: 20}},
	}
	o := quick(t)
	s := newSite(t, o)
	s.open(plan)
	if a := s.probe(0); a.Verdict != health.OK {
		t.Fatal(a.Message)
	}
	script(t, path, "evil")
	if _, err := s.host.Open(plan); !errors.Is(err, ErrChecksum) {
		t.Errorf("a set with a file of another sum: %v", err)
	}
	if err := o.Check(plan); !errors.Is(err, ErrChecksum) {
		t.Errorf("check of a file of another sum: %v", err)
	}
	if a := s.probe(0); a.Verdict != health.OK || a.Message != "first" {
		t.Errorf("what runs goes on: %+v", a)
	}
	if out, err := exec.Command("kill", "-9", children()[0]).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	s.eventually("it is not started", func() bool { return strings.Contains(s.status().Reason, "has another checksum") })
	script(t, path, "first")
	s.recovers(0)
}

// TestVerify is what files are not started, and that the message names what is
// at fault.
func TestVerify(t *testing.T) {
	needRoot(t)
	dir := openDir(t)
	good := filepath.Join(dir, "good")
	script(t, good, "x")
	at := func(name string, mode os.FileMode, change func(path string)) string {
		path := filepath.Join(dir, name)
		script(t, path, "x")
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if change != nil {
			change(path)
		}
		return path
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	open := filepath.Join(dir, "open")
	must(os.Mkdir(open, 0o755))
	must(os.Chmod(open, 0o777))
	script(t, filepath.Join(open, "x"), "x")
	for _, test := range []struct {
		plugin Plugin
		is     error
		want   string
	}{
		{Plugin{Path: good}, nil, ""},
		{Plugin{Path: at("writable", 0o757, nil)}, program.ErrUntrusted, "writable can be written by everyone"},
		{Plugin{Path: at("foreign", 0o755, func(p string) { must(os.Chown(p, 1, 1)) })}, program.ErrUntrusted, "foreign is not root's"},
		{Plugin{Path: filepath.Join(open, "x")}, program.ErrUntrusted, open + " can be written by everyone"},
		{Plugin{Path: at("private", 0o700, nil)}, program.ErrPermission, "private"},
		{Plugin{Path: at("data", 0o644, nil)}, program.ErrNotExecutable, "data"},
		{Plugin{Path: filepath.Join(dir, "none")}, program.ErrMissing, "none"},
		{Plugin{Path: "good"}, nil, "must be absolute"},
		{Plugin{Path: good, SHA256: strings.Repeat("ab", 32)}, ErrChecksum, sum(t, good)},
		{Plugin{Path: good, SHA256: "abc"}, nil, "is no SHA-256 sum"},
		{Plugin{Path: good, Allow: []string{"sys_admin"}}, nil, `no capability "sys_admin"`},
		{Plugin{Path: good, User: "no-such-user"}, program.ErrUser, "no-such-user"},
		{Plugin{Path: good, Memory: -1}, nil, "negative"},
	} {
		test.plugin.Name = "P"
		if test.plugin.User == "" {
			test.plugin.User = "nobody"
		}
		err := Verify(test.plugin)
		if test.want == "" {
			if err != nil {
				t.Errorf("%+v: %v", test.plugin, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), test.want) || test.is != nil && !errors.Is(err, test.is) {
			t.Errorf("%+v: %v, want %q", test.plugin, err, test.want)
		}
	}
}

// remembers is a probe with a past.
type remembers struct {
	weight int
	past   string
	badly  bool
}

func (p *remembers) Restore(state string) {
	if p.past = state; p.badly {
		panic("boom")
	}
}

func (p *remembers) Probe(context.Context) checker.Result {
	p.past += "+"
	return checker.Result{Verdict: checker.OK, Message: fmt.Sprint(p.past, p.weight), State: p.past}
}

// TestPast: what a check has to know of its past outlives its process, another
// weight and other options; a check of another server has none of it.
func TestPast(t *testing.T) {
	s := newSite(t, quick(t))
	plan := func(weight int, do string) Plan {
		a, b := check(0, "GOOD", do), check(1, "GOOD", "remember nothing")
		b.Target.Address = netip.MustParseAddrPort("192.0.2.2:80")
		a.Target.Weight, b.Target.Weight = &weight, &weight
		return Plan{Checks: []Check{a, b, check(2, "GOOD", "ok")}}
	}
	hold := func(want string) {
		t.Helper()
		if a := s.probe(0); a.Message != want {
			t.Errorf("%v %q, want %q", a.Verdict, a.Message, want)
		}
	}
	s.open(plan(1, "remember"))
	hold("+1")
	hold("++1")
	if err := syscall.Kill(s.status().Pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	s.recovers(2)
	hold("+++1")
	s.open(plan(2, "remember"))
	hold("++++2")
	s.open(plan(2, "remember more"))
	hold("+++++2")
	if a := s.probe(1); a.Message != "+2" {
		t.Errorf("another server's: %q", a.Message)
	}
}

// TestInherits: only what takes a check's place has its past: not another check of the
// same server, nor one of nobody, nor one of two that might.
func TestInherits(t *testing.T) {
	t.Parallel()
	s := newSite(t, quick(t))
	of := func(number uint32, label, do string) Check {
		c := check(number, "GOOD", "remember "+do)
		c.Label = label
		if strings.HasPrefix(label, "nobody") {
			c.Target.Address = netip.AddrPort{}
		}
		return c
	}
	s.open(Plan{Checks: []Check{
		of(0, "changed", "a"), of(1, "stays", "b"), of(2, "nobody", "c"), of(3, "twice", "d"), of(4, "twice", "e"), of(5, "parted", "f"), of(6, "gone", "g"),
	}})
	for range 2 {
		for n := range uint32(7) {
			s.probe(n)
		}
	}
	s.open(Plan{Checks: []Check{
		of(0, "changed", "A"), of(1, "stays", "b"), of(2, "nobody", "C"), of(3, "twice", "D"), of(4, "parted", "F"), of(5, "parted", "FF"), of(6, "stays", "B"), of(7, "new", "G"),
	}})
	for n, want := range []string{"+++0", "+++0", "+0", "+0", "+0", "+0", "+0", "+0"} {
		if a := s.probe(uint32(n)); a.Message != want {
			t.Errorf("check %d: %q, want %q", n, a.Message, want)
		}
	}
}

// TestRestorePanics: a state that a checker cannot bear costs a check its past, and
// nothing else.
func TestRestorePanics(t *testing.T) {
	t.Parallel()
	s := newSite(t, quick(t))
	s.open(Plan{Checks: []Check{check(0, "GOOD", "remember badly"), check(1, "GOOD", "ok")}})
	for range 2 {
		s.recovers(1)
		if a := s.probe(0); a.Verdict != health.OK || a.Message != "+0" {
			t.Errorf("%v %q", a.Verdict, a.Message)
		}
		if err := syscall.Kill(s.status().Pid, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
}

// TestPastComesLate: a state that a result brings after the next process, or the check
// that takes its place, was told of the one before, is told anew.
func TestPastComesLate(t *testing.T) {
	t.Parallel()
	g := newGroup(&Host{opts: Options{Log: slog.New(slog.DiscardHandler)}}, groupKey{name: "GOOD"}, 1)
	old := &instance{group: g, number: 1, out: make(chan *checkerpb.FromHost, 1)}
	next := &instance{group: g, number: 2, out: make(chan *checkerpb.FromHost, 1)}
	c, changed := check(0, "GOOD", "a"), check(0, "GOOD", "b")
	id := g.take(slotKey{"a", 0}, c.Subject)
	now, set := clock.Now(), new(Set)
	says := func(i *instance, state string) {
		t.Helper()
		s := &g.slots[id]
		g.begin(&ask{set: set, slot: id, check: c.Subject, at: now})
		g.queue, s.queued, s.sent = g.queue[:0], false, i
		if err := g.result(i, &checkerpb.Result{Check: id, Probe: s.probe, Verdict: checkerpb.Verdict_OK, State: state}); err != nil {
			t.Fatal(err)
		}
	}
	told := func(i *instance, id uint32) string {
		var m checkerpb.FromHost
		i.prepare(&m, &g.slots[id], id)
		if len(m.GetPrepare()) == 0 {
			return "nothing"
		}
		return m.GetPrepare()[0].GetState()
	}
	says(old, "one")
	g.slots[id].prepared = old.number
	if got := told(next, id); got != "one" {
		t.Errorf("the next process is told of %q", got)
	}
	says(old, "two")
	if got := told(next, id); got != "two" {
		t.Errorf("the next process is told of %q afterwards", got)
	}
	says(next, "three")
	if got := told(next, id); got != "nothing" {
		t.Errorf("the process is told of its own: %q", got)
	}
	heir := g.take(slotKey{"b", 0}, changed.Subject)
	g.bequeath([]uint32{heir}, []uint32{heir})
	if got := told(next, heir); got != "three" {
		t.Errorf("the check with other options is told of %q", got)
	}
	says(next, "four")
	if got := told(next, heir); got != "four" {
		t.Errorf("the check with other options is told of %q afterwards", got)
	}
	g.begin(&ask{set: set, slot: heir, check: changed.Subject, at: now})
	says(next, "five")
	if got := told(next, heir); got != "nothing" {
		t.Errorf("a check that has a present is told of another's: %q", got)
	}
	// What ends each process may be its past.
	g.failures = tripped
	third := &instance{group: g, number: 3}
	if got := told(third, id); got != "" {
		t.Errorf("a process after %d that failed is told of %q", tripped, got)
	}
	if g.slots[id].state != "five" {
		t.Errorf("and it is forgotten: %q", g.slots[id].state)
	}
}

// TestInForce: of the set before the one in force nothing is held, whose checks may be tens
// of thousands and not be probed for minutes, but for what is under way.
func TestInForce(t *testing.T) {
	t.Parallel()
	g := newGroup(&Host{opts: Options{Log: slog.New(slog.DiscardHandler)}}, groupKey{name: "GOOD"}, 0)
	old := []Check{check(0, "GOOD", "a"), check(1, "GOOD", "b")}
	now := []Check{check(0, "GOOD", "a"), check(1, "GOOD", "b")}
	s := &Set{}
	for i := range old {
		s.places = append(s.places, place{g, g.take(slotKey{old[i].Identity, 0}, old[i].Subject), now[i].Subject})
	}
	g.begin(&ask{set: new(Set), slot: 1, check: old[1].Subject, at: clock.Now()})
	g.use(s, g.plugin)
	g.read()
	for i, want := range []*Subject{now[0].Subject, old[1].Subject} {
		if g.slots[i].check != want {
			t.Errorf("slot %d has the check of another set", i)
		}
	}
}
