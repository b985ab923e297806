package node

import (
	"slices"
	"testing"

	"github.com/moonkeep/moonkeep/core/health"
)

// TestFirstTold: rs_init_notifies.
func TestFirstTold(t *testing.T) {
	v := web(backend("a", tcp("1"), tcp("2")))
	v.TellFirst = true
	s := newSite(t, Config{Services: []Service{v}})
	s.run(0, health.OK)
	s.says()
	s.run(1, health.OK)
	s.says("a up")
	s.run(0, health.OK)
	s.says()
}

// TestChecksTold: who is to be told of every check is told of those that leave
// their server down, too.
func TestChecksTold(t *testing.T) {
	v := web(backend("a", tcp("1"), tcp("2")))
	for _, tells := range []bool{true, false} {
		v.TellChecks = tells
		s := newSite(t, Config{Services: []Service{v}})
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
