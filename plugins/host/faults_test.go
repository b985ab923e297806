//go:build linux

package host

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/moonkeep/moonkeep/core/health"
)

// recovery is how long a plugin may take to be there again after it is seen
// to be lost: the pause before the first new start is 100 ms, the rest is the
// start of a process on a machine that is busy with other tests.
const recovery = 3 * time.Second

// nothingLeft holds that nothing is left of the site and the plugins of this test when it
// has ended: no process, file or goroutine. It is for tests beside which no other runs, and
// called before the site is made.
func nothingLeft(t *testing.T) {
	files, running := openFiles(t), goleak.IgnoreCurrent()
	t.Cleanup(func() {
		s := &site{t: t}
		s.eventually("the end of all processes", func() bool {
			return len(children()) == 0 && len(processesWith(sleepTime)) == 0
		})
		if n := openFiles(t); n > files {
			t.Errorf("%d files are open, before it were %d", n, files)
		}
		goleak.VerifyNone(t, running)
	})
}

// children are the processes that this one started, zombies too.
func children() (pids []string) {
	tasks, _ := filepath.Glob("/proc/self/task/*/children")
	for _, f := range tasks {
		if b, err := os.ReadFile(f); err == nil {
			pids = append(pids, strings.Fields(string(b))...)
		}
	}
	return pids
}

// processesWith are those with a word on their command line.
func processesWith(word string) (pids []string) {
	all, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, f := range all {
		if b, err := os.ReadFile(f); err == nil && strings.Contains(string(b), word) {
			pids = append(pids, f)
		}
	}
	return pids
}

// openFiles counts this process's.
func openFiles(t testing.TB) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// pending starts n probes that take long, and returns a function that holds
// each to having been answered, with Unknown.
func pending(s *site, first, n int) func(why string) {
	numbers := make([]uint32, n)
	for i := range numbers {
		numbers[i] = uint32(first + i)
	}
	channels := s.start(numbers...)
	s.eventually("probes under way", func() bool { return s.status().Under >= n && s.status().Queued == 0 })
	time.Sleep(5 * pace) // and sent, behind what was said before
	return func(why string) {
		s.t.Helper()
		for _, c := range channels {
			if a := s.wait(c); a.Verdict != health.Unknown || !strings.Contains(a.Message, why) {
				s.t.Fatalf("a probe under way was answered %v %q, want unknown, %q", a.Verdict, a.Message, why)
			}
		}
	}
}

// TestFaults are the ways in which a plugin that served well stops to: probes
// under way become unknown, none fails, and soon all is well again.
func TestFaults(t *testing.T) {
	signal := func(sig syscall.Signal) func(*site) {
		return func(s *site) {
			if err := syscall.Kill(s.status().Pid, sig); err != nil {
				s.t.Error(err)
			}
		}
	}
	does := func(do string) func(*site) { return func(s *site) { s.start(1) } }
	tests := []struct {
		name  string
		do    string // what check 1 does
		fault func(*site)
		why   string
	}{
		{"killed", "ok", signal(syscall.SIGKILL), "was killed by SIGKILL"},
		{"terminated", "ok", signal(syscall.SIGSEGV), "it said: "},
		{"stopped", "ok", signal(syscall.SIGSTOP), "no sign of life"},
		{"exit", "exit", does("exit"), "ended with status 3"},
		{"panic beside a probe", "panic-beside", does("panic-beside"), "panic: boom beside the probe"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			nothingLeft(t)
			s := newSite(t, quick(t))
			p := Plan{Checks: []Check{check(0, "GOOD", "ok"), check(1, "GOOD", test.do)}}
			for i := range 20 {
				p.Checks = append(p.Checks, check(uint32(2+i), "GOOD", "wait"))
			}
			s.open(p)
			if a := s.probe(0); a.Verdict != health.OK {
				t.Fatal(a.Message)
			}
			unanswered := pending(s, 2, 20)
			test.fault(s)
			unanswered(test.why)
			took := s.recovers(0)
			t.Logf("recovered in %s", took)
			if took > recovery {
				t.Errorf("recovered in %s, more than %s", took, recovery)
			}
			if st := s.status(); st.Starts != 2 || st.Failures != 1 || st.State != Running {
				t.Errorf("status %+v", st)
			}
		})
	}
}

// TestHarmless are things that a process survives.
func TestHarmless(t *testing.T) {
	nothingLeft(t)
	s := newSite(t, quick(t))
	never := check(2, "GOOD", "never")
	never.Limit, never.Patience = 100*time.Millisecond, 300*time.Millisecond
	late := check(3, "GOOD", "late")
	late.Limit, late.Patience = 100*time.Millisecond, 300*time.Millisecond
	s.open(Plan{Checks: []Check{check(0, "GOOD", "ok"), check(1, "GOOD", "panic"), never, late, check(4, "GOOD", "print"), check(5, "GOOD", "fork")}})
	for _, test := range []struct {
		check   uint32
		verdict health.Verdict
		message string
	}{
		{1, health.Unknown, "the checker panicked: boom in the probe"},
		{2, health.Unknown, "did not answer in time"},
		{2, health.Unknown, "the probe before this one has not returned"},
		{3, health.Unknown, "did not answer in time"},
		{4, health.OK, "nil"},
		{5, health.Failed, "operation not permitted"}, // it may start no processes
		{0, health.OK, "192.0.2.1"},
	} {
		if a := s.probe(test.check); a.Verdict != test.verdict || !strings.Contains(a.Message, test.message) {
			t.Errorf("check %d: %v %q, want %v %q", test.check, a.Verdict, a.Message, test.verdict, test.message)
		}
	}
	// The late answer comes, is counted, and changes nothing.
	s.eventually("a late answer", func() bool { return s.status().Late == 1 })
	if st := s.status(); st.Starts != 1 || st.Failures != 0 || st.Printed == 0 {
		t.Errorf("status %+v", st)
	}
}

// TestShouts holds that who prints without an end is read slowly, so that it
// waits, and the daemon has its processor for other things.
func TestShouts(t *testing.T) {
	s := newSite(t, quick(t))
	s.open(Plan{Checks: []Check{check(0, "GOOD", "shout")}})
	a := s.probe(0)
	var out, errs int
	if _, err := fmt.Sscanf(a.Message, "%d and %d", &out, &errs); err != nil {
		t.Fatal(a.Message)
	}
	t.Log(out, errs)
	for _, n := range []int{out, errs} {
		if n < pacedOctets || n > 16<<20 {
			t.Errorf("%d bytes went out in a second", n)
		}
	}
}

// TestLies are breaches of the protocol: who commits one is ended, and no
// check fails by it.
func TestLies(t *testing.T) {
	for _, test := range []struct{ do, why string }{
		{"wrong-probe", "which it was not asked for"},
		{"wrong-check", "which there is not"},
		{"other-check", "which it was not asked for"},
		{"wrong-verdict", "the verdict 9"},
		{"huge", "larger than max"},
		{"hello", "it greeted twice"},
		{"deaf", "no sign of life"},
		{"flood", "messages in a second that answer nothing"},
		{"prepares", "messages in a second that answer nothing"},
		{"large", "MiB in a second beside its answers"},
	} {
		t.Run(test.do, func(t *testing.T) {
			nothingLeft(t)
			s := newSite(t, quick(t))
			s.open(Plan{Checks: []Check{check(0, "HOSTILE", "ok"), check(1, "HOSTILE", test.do), check(2, "HOSTILE", "silent")}})
			if a := s.probe(0); a.Verdict != health.OK {
				t.Fatal(a.Message)
			}
			unanswered := pending(s, 2, 1)
			lie := s.start(1)[0]
			if test.do == "hello" || test.do == "huge" {
				<-lie
			} else if a := s.wait(lie); a.Verdict != health.Unknown || !strings.Contains(a.Message, test.why) {
				t.Errorf("answered %v %q, want %q", a.Verdict, a.Message, test.why)
			}
			unanswered(test.why)
			if took := s.recovers(0); took > recovery {
				t.Errorf("recovered in %s", took)
			}
		})
	}
	t.Run("twice", func(t *testing.T) {
		s := newSite(t, quick(t))
		s.open(Plan{Checks: []Check{check(0, "HOSTILE", "twice")}})
		for range 3 {
			if a := s.probe(0); a.Verdict != health.OK {
				t.Fatal(a.Message)
			}
		}
		s.eventually("what is said twice is counted", func() bool { return s.status().Late == 3 })
	})
}

// TestNeverServes are programs that are no plugins: probes are answered at
// their deadlines, and the reason says what is wrong.
func TestNeverServes(t *testing.T) {
	for _, test := range []struct{ kind, why string }{
		{"MUTE", "it said nothing in time"},
		{"CHATTY", `it did not greet but printed "xxxx`},
		{"HELLO", `it did not greet but printed "hello world"; a plugin's first line is that of go-plugin, or an object of JSON`},
		{"FORKER", "Cannot fork (it may start no process; processes of plugins, or --processes, allows some)"},
		{"EMPTY", "ended with status 3 before it greeted; it said: I cannot go on"},
		{"FUTURE", "incompatible API version with plugin. Plugin version: 7, Client versions: [1]"},
		{"NAMELESS", "it did not say who it is"},
		{"IMPOSTOR", `it says that it is "ANOTHER"`},
		{"NOISE", "error reading server preface"},
		{"ELSEWHERE", "control.sock"},
	} {
		t.Run(test.kind, func(t *testing.T) {
			t.Parallel()
			o := quick(t)
			o.Start, o.Retry = 1500*time.Millisecond, time.Minute
			s := newSite(t, o)
			c := check(0, test.kind, "ok")
			c.Limit, c.Patience = 100*time.Millisecond, 200*time.Millisecond
			s.open(Plan{Checks: []Check{c}})
			begin := time.Now()
			if a := s.probe(0); a.Verdict != health.Unknown {
				t.Errorf("answered %+v", a)
			}
			if took := time.Since(begin); took > 2*time.Second {
				t.Errorf("answered after %s", took)
			}
			s.eventually("why it does not run", func() bool { return strings.Contains(s.status().Reason, test.why) })
			if st := s.status(); st.State != Waiting || st.Pid != 0 || st.Failures != 1 {
				t.Errorf("status %+v", st)
			}
		})
	}
}

// TestSlowStart: a plugin that takes longer to greet than it may at first, as on a
// machine that is too busy, runs in the end; also when it is slow only after it is
// connected.
func TestSlowStart(t *testing.T) {
	for _, kind := range []string{"LATE", "SHY"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			o := quick(t)
			o.Start = 500 * time.Millisecond
			s := newSite(t, o)
			s.open(Plan{Checks: []Check{check(0, kind, "ok")}})
			s.recovers(0)
			if st := s.status(); st.Failures == 0 {
				t.Errorf("status %+v", st)
			}
		})
	}
}

// TestTripped is a plugin that fails again and again: it is tried less often,
// and probes are answered at once instead of at their deadlines.
func TestTripped(t *testing.T) {
	o := quick(t)
	o.Retry, o.RetryMost = 10*time.Millisecond, time.Hour
	s := newSite(t, o)
	s.open(Plan{Checks: []Check{check(0, "EMPTY", "ok")}})
	s.probe(0) // answered when it has tripped; else it would take 12 s
	s.eventually("it trips", func() bool { return s.status().State == Tripped })
	begin := time.Now()
	a := s.probe(0)
	if a.Verdict != health.Unknown || !strings.Contains(a.Message, "I cannot go on") || time.Since(begin) > 5*time.Second {
		t.Errorf("answered %+v after %s", a, time.Since(begin))
	}
	if n := s.status().Starts; n < tripped {
		t.Errorf("tripped after %d starts", n)
	}
}

// TestRefusesToDie is a plugin that ignores every way of being asked to end.
func TestRefusesToDie(t *testing.T) {
	nothingLeft(t)
	s := newSite(t, quick(t))
	s.open(Plan{Checks: []Check{check(0, "STUBBORN", "ok")}})
	if a := s.probe(0); a.Verdict != health.OK {
		t.Fatal(a.Message)
	}
	// Stopped, it cannot even be asked.
	if err := syscall.Kill(s.status().Pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	s.close()
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("closing took %s", took)
	}
}

// TestLeak is a plugin that takes memory until it gets none. With the race
// detector in it, this program itself cannot be limited; Python can.
func TestLeak(t *testing.T) {
	p := Plugin{Name: "GOOD", Memory: 48 << 20}
	said := "out of memory"
	if raceDetector {
		if _, err := os.Stat("/usr/bin/python3"); err != nil {
			t.Skip("needs /usr/bin/python3: something that can be limited with the race detector in this program")
		}
		p.Path, said = filepath.Join(openDir(t), "LEAK"), "MemoryError"
		if err := os.WriteFile(p.Path, []byte(leaking), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	nothingLeft(t)
	s := newSite(t, quick(t))
	s.open(Plan{
		Checks:  []Check{check(0, "GOOD", "ok"), check(1, "GOOD", "leak"), check(2, "GOOD", "wait")},
		Plugins: []Plugin{p},
	})
	if a := s.probe(0); a.Verdict != health.OK {
		t.Fatal(a.Message)
	}
	unanswered := pending(s, 2, 1)
	time.Sleep(2 * pace)
	if a := s.probe(1); a.Verdict != health.Unknown || !strings.Contains(a.Message, said) {
		t.Errorf("answered %v %q", a.Verdict, a.Message)
	}
	unanswered(said)
	if took := s.recovers(0); took > recovery {
		t.Errorf("recovered in %s", took)
	}
}

// leaking is a plugin that does what TestLeak needs of good.
const leaking = `#!/usr/bin/python3
import json, sys
def send(m): print(json.dumps(m), flush=True)
send({"hello": {"protocol": 1, "name": "GOOD"}})
do = {}
for line in sys.stdin:
    m = json.loads(line)
    for p in m.get("prepare", []):
        do[p["check"]] = p["options"]["do"]
    if "ping" in m: send({"pong": m["ping"]})
    for s in m.get("start", []):
        if do[s["check"]] == "leak":
            kept = []
            while True: kept.append(bytearray(1 << 20))
        if do[s["check"]] == "ok":
            send({"results": [{"check": s["check"], "probe": s["probe"], "verdict": "ok"}]})
`

// waiting are a check that answers, and n behind it that do not.
func waiting(n int) Plan {
	p := Plan{Checks: []Check{check(0, "GOOD", "ok")}}
	for i := range n {
		c := check(uint32(1+i), "GOOD", "wait")
		c.Limit, c.Patience = time.Minute, 2*time.Minute
		c.Identity = fmt.Sprint(i)
		p.Checks = append(p.Checks, c)
	}
	return p
}

// TestTenThousandPending is a plugin that dies with that many probes.
func TestTenThousandPending(t *testing.T) {
	nothingLeft(t)
	s := newSite(t, quick(t))
	const n = 10000
	p := waiting(n)
	s.open(p)
	s.probe(0)
	unanswered := pending(s, 1, n)
	s.eventually("probes are sent", func() bool { return s.status().Under >= n })
	begin := time.Now()
	if err := syscall.Kill(s.status().Pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	unanswered("")
	took := s.recovers(0)
	t.Logf("answered and recovered in %s", time.Since(begin))
	if took > recovery {
		t.Errorf("recovered in %s", took)
	}
}

// TestWipedDirectory is somebody who removes the directory for sockets.
func TestWipedDirectory(t *testing.T) {
	nothingLeft(t)
	o := quick(t)
	s := newSite(t, o)
	s.open(Plan{Checks: []Check{check(0, "GOOD", "ok")}})
	s.probe(0)
	if err := os.RemoveAll(o.Dir); err != nil {
		t.Fatal(err)
	}
	if a := s.probe(0); a.Verdict != health.OK {
		t.Errorf("a process that runs needs the directory: %s", a.Message)
	}
	if err := syscall.Kill(s.status().Pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if took := s.recovers(0); took > recovery {
		t.Errorf("recovered in %s", took)
	}
}
