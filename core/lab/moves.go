package lab

import "time"

// Mark is a step that was carried out and can have caused a move.
type Mark struct {
	At   time.Duration
	Step Step
	// Node is the step's node by index, Nobody for a heal of all.
	Node int
}

// Move is a Change of one address with the step that it follows from.
type Move struct {
	Change
	// Target is the address, by index in the plan.
	Target int
	// Cause is the latest step before it; nil when there was none, as at the
	// first election.
	Cause *Mark
}

// lead is how long before a step a lost probe can have been sent and still be
// the step's doing: it, or its answer, was on its way, which on a busy machine
// takes longer than on the network.
const lead = 100 * time.Millisecond

// Attribute finds the step that the change follows from: the latest one that
// began before the client noticed. Marks are in order of time.
func Attribute(marks []Mark, target int, c Change) Move {
	m := Move{Change: c, Target: target}
	for i := len(marks) - 1; i >= 0; i-- {
		if marks[i].At-lead <= c.Lost {
			cause := marks[i]
			m.Cause = &cause
			break
		}
	}
	return m
}

// Moved reports whether another node answers than before. Otherwise the same
// one answers again after a gap. The first answer is no move.
func (m Move) Moved() bool { return m.From != m.To && m.From != Nobody }

// TakeOver is the time from the step to the first probe that another node
// answered. It is known for a move with a cause only.
func (m Move) TakeOver() (time.Duration, bool) {
	if m.Cause == nil || !m.Moved() {
		return 0, false
	}
	return max(0, m.Next-m.Cause.At), true
}
