//go:build linux

package host

import (
	"testing"

	"github.com/moonkeep/moonkeep/core/node"
)

// TestTellKeepsItsRoom: what is told thousands of times a second grows no new list each
// time, and keeps nothing of what was told.
func TestTellKeepsItsRoom(t *testing.T) {
	told := 0
	a := &Set{tell: func(_ uint32, answers []node.Answer) { told += len(answers) }}
	b := &Set{tell: a.tell}
	g := &group{}
	allocs := testing.AllocsPerRun(50, func() {
		for i := range 100 {
			of := a
			if i >= 60 {
				of = b
			}
			g.answers = append(g.answers, answer{of, 1, node.Answer{Message: "connected"}})
		}
		g.tell()
	})
	if allocs > 2 { // the lists of the two sets, which are theirs
		t.Errorf("%v allocations, want 2", allocs)
	}
	if told != 51*100 || len(g.answers) != 0 {
		t.Errorf("%d were told, %d are left", told, len(g.answers))
	}
	for _, x := range g.answers[:cap(g.answers)] {
		if x.set != nil || x.Message != "" {
			t.Fatalf("%+v is kept", x)
		}
	}
}
