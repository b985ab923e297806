//go:build linux

package host

import (
	"fmt"
	"slices"
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
		check   Check
		want    []string
	}{
		{recent, Check{}, nil},
		{recent, Check{Target: checker.Target{BindIf: "eth0"}}, nil},
		{middle, Check{Target: checker.Target{BindIf: "eth0"}}, nil},
		{old, Check{Target: checker.Target{BindIf: "eth0"}}, []string{"net_raw"}},
		{old, Check{Binds: true}, []string{"net_raw"}},
		{"", Check{Target: checker.Target{BindIf: "eth0"}}, []string{"net_raw"}},
		{recent, Check{Target: checker.Target{Fwmark: 1, BindIf: "eth0"}}, []string{"net_raw"}},
		{middle, Check{Marks: true}, []string{"net_admin"}},
		{old, Check{Target: checker.Target{BindPort: 99}}, []string{"net_bind_service"}},
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
