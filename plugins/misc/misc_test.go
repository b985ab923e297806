package misc

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/moonkeep/moonkeep/plugins/checker"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func prepare(t *testing.T, options any) checker.Probe {
	t.Helper()
	b, err := json.Marshal(options)
	if err != nil {
		t.Fatal(err)
	}
	o, err := checker.NewOptions(b)
	if err != nil {
		t.Fatal(err)
	}
	c := New()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := c.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	p, err := c.Prepare(checker.Target{Timeout: 20 * time.Second}, o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

type object = map[string]any

func sh(script string) []string { return []string{"/bin/sh", "-c", script} }

// TestVerdicts is the table of what MISC_CHECK calls ok and failed: keepalived's
// exit statuses.
func TestVerdicts(t *testing.T) {
	none := -1
	for _, test := range []struct {
		name    string
		options object
		want    checker.Verdict
		weight  int
		message string
	}{
		{"0", object{"misc_path": sh("exit 0")}, checker.OK, none, "exit status 0"},
		{"1", object{"misc_path": sh("echo no disk; exit 1")}, checker.Failed, none, "exit status 1: no disk"},
		{"3", object{"misc_path": sh("exit 3")}, checker.Failed, none, "exit status 3"},
		{"dynamic 0", object{"misc_path": sh("exit 0"), "misc_dynamic": true}, checker.OK, none, "exit status 0"},
		{"dynamic 1", object{"misc_path": sh("exit 1"), "misc_dynamic": true}, checker.Failed, none, "exit status 1"},
		{"dynamic 2", object{"misc_path": sh("exit 2"), "misc_dynamic": true}, checker.OK, 0, "weight 0"},
		{"dynamic 12", object{"misc_path": sh("exit 12"), "misc_dynamic": true}, checker.OK, 10, "weight 10"},
		{"dynamic 255", object{"misc_path": sh("exit 255"), "misc_dynamic": true}, checker.OK, 253, "weight 253"},
		{"a signal", object{"misc_path": sh("kill -9 $$"), "misc_dynamic": true}, checker.Failed, none, "signal 9"},
		{"words", object{"misc_path": "/bin/false and words"}, checker.Failed, none, "exit status 1"},
		{"time is up", object{"misc_path": sh("sleep 60"), "misc_timeout": "100ms", "misc_dynamic": true}, checker.Failed, none, "timed out after"},
		{"no such program", object{"misc_path": "/no/such/program"}, checker.Unknown, none, "could not run"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := prepare(t, test.options).Probe(t.Context())
			weight := none
			if r.Weight != nil {
				weight = *r.Weight
			}
			if r.Verdict != test.want || weight != test.weight || !strings.Contains(r.Message, test.message) {
				t.Errorf("%v (weight %d); want %v (%d), %q", r, weight, test.want, test.weight, test.message)
			}
		})
	}
}

// TestGroupIsKilled holds that a program that does not end, and does not want
// to, is gone two seconds later with what it started; until then it does not
// run again.
func TestGroupIsKilled(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := prepare(t, object{
		"misc_path":    sh("trap '' TERM; sleep 300 & echo $! >" + filepath.Join(dir, "child") + "; while :; do wait; done"),
		"misc_timeout": "500ms",
	})
	if r := p.Probe(t.Context()); r.Verdict != checker.Failed || !strings.HasPrefix(r.Message, "timed out") {
		t.Fatal(r)
	}
	soon, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if r := p.Probe(soon); r.Verdict != checker.Unknown || !strings.Contains(r.Message, "still runs") {
		t.Error(r)
	}
	b, err := os.ReadFile(filepath.Join(dir, "child"))
	if err != nil {
		t.Fatal(err)
	}
	child, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(20 * time.Second); !gone(child); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the program's child still runs")
		}
	}
}

// TestOneHangIsOneFailure holds that the run after one that had to be killed
// waits for that and tells of the server as it is then: else each retry within
// the two seconds would count as a failure of its own.
func TestOneHangIsOneFailure(t *testing.T) {
	t.Parallel()
	flag := filepath.Join(t.TempDir(), "hangs")
	if err := os.WriteFile(flag, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	p := prepare(t, object{"misc_path": sh("trap '' TERM; [ -e " + flag + " ] && while :; do sleep 1; done; exit 0"), "misc_timeout": "2200ms"})
	if r := p.Probe(t.Context()); r.Verdict != checker.Failed || !r.TimedOut || !strings.HasPrefix(r.Message, "timed out") {
		t.Fatal(r)
	}
	// As the daemon runs it, with as much time as the program may take: a run that
	// waited has too little of it, and one that did not hangs as the first.
	within := func() checker.Result {
		ctx, cancel := context.WithTimeout(t.Context(), 2200*time.Millisecond)
		defer cancel()
		return p.Probe(ctx)
	}
	if r := within(); r.Verdict != checker.Unknown || !strings.Contains(r.Message, "too late to leave") {
		t.Error(r)
	}
	if r := within(); r.Verdict != checker.Failed || !strings.HasPrefix(r.Message, "timed out") {
		t.Error(r)
	}
	if err := os.Remove(flag); err != nil {
		t.Fatal(err)
	}
	if r := p.Probe(t.Context()); r.Verdict != checker.OK {
		t.Error(r)
	}
}

// TestLateRunRuns holds that a run which has less time than the program may take runs
// it all the same, if it need not wait for the one before: an answer is better than
// none.
func TestLateRunRuns(t *testing.T) {
	t.Parallel()
	p := prepare(t, object{"misc_path": sh("exit 0"), "misc_timeout": "1h"})
	for n := range 3 {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		if r := p.Probe(ctx); r.Verdict != checker.OK {
			t.Errorf("run %d: %v", n, r)
		}
		cancel()
	}
}

// TestUnkillable holds that a program which SIGKILL does not end has failed, once it
// had the time to be killed.
func TestUnkillable(t *testing.T) {
	t.Parallel()
	p := prepare(t, object{"misc_path": sh("exit 0")}).(*probe)
	for ago, want := range map[time.Duration]checker.Verdict{0: checker.Unknown, time.Minute: checker.Failed} {
		gone := make(chan struct{})
		p.last = run{gone: gone, pid: 7, told: time.Now().Add(-ago)}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		if r := p.Probe(ctx); r.Verdict != want || r.TimedOut != (want == checker.Failed) || !strings.Contains(r.Message, "still runs") {
			t.Errorf("told %s ago: %v, want %v", ago, r, want)
		}
		cancel()
		close(gone)
		if r := p.Probe(t.Context()); r.Verdict != checker.OK {
			t.Errorf("once it is gone: %v", r)
		}
	}
}

// gone reports whether a process has ended; one that nobody has waited for has.
func gone(pid int) bool {
	if syscall.Kill(pid, 0) == syscall.ESRCH {
		return true
	}
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	return err == nil && strings.Contains(string(b), ") Z ")
}

func TestFaults(t *testing.T) {
	for options, want := range map[string]string{
		`{}`:                                  "misc_path is missing",
		`{"misc_path":""}`:                    "misc_path is missing",
		`{"misc_path":"a 'b c'"}`:             "has to be a list",
		`{"misc_path":3}`:                     "must be a program",
		`{"misc_path":"a","misc_timeout":-1}`: "cannot be negative",
		`{"misc_path":"a","misc_dynamics":1}`: "no option",
	} {
		o, err := checker.NewOptions([]byte(options))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := New().Prepare(checker.Target{}, o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", options, err, want)
		}
	}
}
