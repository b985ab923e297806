package lab

import "time"

// Kind says what an Event is about.
type Kind string

// The kinds of events, with the fields that each fills besides At.
const (
	// Noted is something that the user should know: Text.
	Noted Kind = "note"
	// Began is a step that is being carried out: Step.
	Began Kind = "step"
	// Changed is a move, or the end of a gap with the same node: Move.
	Changed Kind = "move"
	// Lost is an address that nobody has answered for during a second: Target,
	// Since.
	Lost Kind = "lost"
	// Held is who answers for what: Holdings.
	Held Kind = "holds"
	// Judged is the outcome of expect, await or settle: Step, OK, Text, which
	// says what was found.
	Judged Kind = "judged"
	// Ended is a daemon that ended though no step said so: Node, Text, which
	// is how it ended and the end of its log.
	Ended Kind = "ended"
)

// Event is one thing that happened in a lab.
type Event struct {
	// At is the time since the lab's start. A change is told some 20 ms after
	// it, and at most a second.
	At       time.Duration
	Kind     Kind
	Text     string
	Step     *Step
	Move     *Move
	Node     int
	Target   int
	Since    time.Duration
	OK       bool
	Holdings []Holding
}

// Holding is one virtual address at one moment.
type Holding struct {
	Target int
	// Answers is the node that answers the client, Nobody for none.
	Answers int
	// Stands are the nodes in whose kernels the address stands.
	Stands []int
}
