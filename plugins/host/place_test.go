//go:build linux

package host

import (
	"bytes"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/moonkeep/moonkeep/core/health"
	"github.com/moonkeep/moonkeep/plugins/checker"
)

// TestNeeded: a check has what the kernel asks for to do as its target says, and no
// more.
func TestNeeded(t *testing.T) {
	const old, middle, recent = "5.4.0-150-generic", "5.10.0-21-amd64", "6.1.0-9-amd64"
	for _, test := range []struct {
		release string
		check   Subject
		want    []string
	}{
		{recent, Subject{}, nil},
		{recent, Subject{Target: checker.Target{BindIf: "eth0"}}, nil},
		{middle, Subject{Target: checker.Target{BindIf: "eth0"}}, nil},
		{old, Subject{Target: checker.Target{BindIf: "eth0"}}, []string{"net_raw"}},
		{old, Subject{Binds: true}, []string{"net_raw"}},
		{"", Subject{Target: checker.Target{BindIf: "eth0"}}, []string{"net_raw"}},
		{recent, Subject{Target: checker.Target{Fwmark: 1, BindIf: "eth0"}}, []string{"net_raw"}},
		{middle, Subject{Marks: true}, []string{"net_admin"}},
		{old, Subject{Target: checker.Target{BindPort: 99}}, []string{"net_bind_service"}},
	} {
		o := Options{release: test.release, mark: markCapability(test.release)}
		if _, p := o.place(&test.check, nil); !slices.Equal(p.Allow, test.want) {
			t.Errorf("%s, %+v: %v, want %v", test.release, test.check, p.Allow, test.want)
		}
	}
	o := Options{}
	o.defaults()
	if !since(o.release, 3, 0) {
		t.Errorf("the kernel calls itself %q", o.release)
	}
}

// TestShares: checks that are shared have a process each time the same, which others'
// fate is none of.
func TestShares(t *testing.T) {
	s := newSite(t, quick(t))
	const n = 20
	var p Plan
	for i := range uint32(n) {
		c := check(i, "GOOD", "ok")
		c.Identity, c.Share = fmt.Sprint("check ", i), i%2
		p.Checks = append(p.Checks, c)
	}
	all := func() []Status {
		t.Helper()
		for i := range uint32(len(p.Checks)) {
			if a := s.probe(p.Checks[i].Number); a.Verdict != health.OK {
				t.Fatalf("answered %+v", a)
			}
		}
		list := s.host.Status()
		if len(list) != 2 {
			t.Fatalf("%d processes: %+v", len(list), list)
		}
		for i, st := range list {
			if st.Nth != i+1 || st.Checks < n/5 || st.Starts != 1 {
				t.Errorf("process %d: %+v", i, st)
			}
		}
		if sum := list[0].Checks + list[1].Checks; sum != len(p.Checks) || list[0].Pid == list[1].Pid {
			t.Errorf("%d checks in processes %d and %d", sum, list[0].Pid, list[1].Pid)
		}
		return list
	}
	s.open(p)
	before := all()
	// The first one is not there any more, and the numbers of the others change.
	p.Checks = p.Checks[1:]
	for i := range p.Checks {
		p.Checks[i].Number = uint32(i)
	}
	s.open(p)
	after := all()
	for i := range before {
		if d := before[i].Checks - after[i].Checks; d < 0 || d > 1 {
			t.Errorf("process %d had %d checks and has %d", i, before[i].Checks, after[i].Checks)
		}
	}
	// They share no longer: one of the processes stays as it is.
	for i := range p.Checks {
		p.Checks[i].Share = 0
	}
	s.open(p)
	if a := s.probe(0); a.Verdict != health.OK {
		t.Fatalf("answered %+v", a)
	}
	s.eventually("one process", func() bool { return len(s.host.Status()) == 1 })
	if st := s.status(); st.Pid != after[0].Pid || st.Checks != len(p.Checks) {
		t.Errorf("process %d was started anew, or has not all: %+v", after[0].Pid, st)
	}
}

// lockedLog keeps what is logged.
type lockedLog struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lockedLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lockedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// TestNumberStays: a process has one number for as long as it is there, by which the log
// calls it as Status does, whoever else comes and goes.
func TestNumberStays(t *testing.T) {
	var log lockedLog
	o := quick(t)
	o.Log = slog.New(slog.NewTextHandler(&log, nil))
	s := newSite(t, o)
	plain, marks := check(0, "GOOD", "ok"), check(1, "GOOD", "processors")
	marks.Marks = true // so that it has a process of its own
	numbers := func(want map[string]int, checks ...Check) {
		t.Helper()
		s.open(Plan{Checks: checks})
		for _, c := range checks {
			if a := s.probe(c.Number); a.Verdict != health.OK {
				t.Fatalf("answered %+v", a)
			}
		}
		got := map[string]int{}
		s.eventually("as many processes as are needed", func() bool { return len(s.host.Status()) == len(want) })
		s.host.mu.Lock()
		for key, g := range s.host.groups {
			g.mu.Lock()
			got[key.allow] = g.status.Nth
			g.mu.Unlock()
		}
		s.host.mu.Unlock()
		if !maps.Equal(got, want) {
			t.Errorf("the numbers of processes by what is allowed are %v, want %v", got, want)
		}
	}
	mark := s.host.opts.mark
	numbers(map[string]int{mark: 1}, marks)
	numbers(map[string]int{mark: 1, "": 2}, marks, plain)
	numbers(map[string]int{"": 2}, plain)
	numbers(map[string]int{mark: 1, "": 2}, plain, marks)
	pids := map[int]string{}
	for _, st := range s.host.Status() {
		pids[st.Nth] = fmt.Sprintf("pid=%d ", st.Pid)
	}
	for line := range strings.Lines(log.String()) {
		if strings.Contains(line, pids[2]) && !strings.Contains(line, `plugin="GOOD as nobody (2)"`) {
			t.Errorf("of process 2 the log says %s", line)
		}
		if strings.Contains(line, pids[1]) && !strings.Contains(line, `plugin="GOOD as nobody"`) {
			t.Errorf("of process 1 the log says %s", line)
		}
	}
	if !strings.Contains(log.String(), pids[2]) {
		t.Errorf("the log says nothing of process 2: %s", &log)
	}
}
