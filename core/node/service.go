package node

import (
	"net/netip"
	"time"

	"github.com/moonkeep/moonkeep/core/balance"
	"github.com/moonkeep/moonkeep/core/health"
	"github.com/moonkeep/moonkeep/core/track"
)

// Service is one virtual server: real servers that are checked, and a quorum of
// them.
type Service struct {
	// Name is for people and tells it from others, also over a reload:
	// "TCP 192.0.2.1:80", "fwmark 3".
	Name string
	// Tuple is how keepalived writes it: "[192.0.2.1]:tcp:80", "FWM 3".
	Tuple string
	// Quorum and Hysteresis are sums of weights, as configured; see
	// balance.NewQuorum.
	Quorum, Hysteresis int64
	Sorry              balance.Sorry
	// Layout is how it stands in the table of IPVS; its servers are those of
	// Servers. Without keys it does not stand there.
	Layout balance.Layout
	// Shares says that another service has one of its keys. In the table they are
	// one, with the options of the first and the places of all.
	Shares bool
	// SlowStart is how the weight of a server that came back rises, and Panic
	// when servers that fail are kept.
	SlowStart balance.Ramp
	Panic     balance.Panic
	// Omega has an orderly stop told as the loss of servers and quorum.
	Omega bool
	// TellFirst has it told of each new server that counts as working from the
	// start (rs_init_notifies).
	TellFirst bool
	// TellChecks has each change of a check told, also when its server stays
	// down.
	TellChecks bool
	// Awake, when it is valid, has checks run only while an instance that has this
	// address is master, or the host has it (ha_suspend).
	Awake   netip.Addr
	Servers []Server
}

// Server is one real server.
type Server struct {
	// Name is for people and tells it from others of the service:
	// "192.0.2.11:80".
	Name string
	// Tuple is how keepalived writes it.
	Tuple  string
	Weight int
	// Inhibits has it keep its place with weight 0 while it is down.
	Inhibits bool
	// Checks must all be up for it to be up. Without any it always is.
	Checks []Check
}

// Check is one check of a real server. It is known to the edge by its number:
// checks are counted from 0 in the order of the configuration, those of File
// and Session with them.
type Check struct {
	// Kind is its keyword, for people.
	Kind string
	// Place is where it connects to, for people; empty for the real server's own address
	// and port, and of a check that does not connect.
	Place string
	// Identity changes when what is checked, or how, changes; a reload keeps
	// the state of a check of a server with the same identity.
	Identity string
	// Life is shared by checks that run alike. Of those that follow something
	// Alpha counts only.
	Life *health.Config
	// File, when not empty, names a tracked file that the check follows instead
	// of running (FILE_CHECK), with a weight and a sign as
	// balance.FileEffect has them: Weight and Reverse.
	File   string
	Weight int
	// Smoothing, when not nil, says how the weights that it tells count.
	Smoothing *track.Smoothing
	// Session, when not empty, names a BFD session that it follows (BFD_CHECK).
	Session string
	// Reverse turns the sign of what is in File.
	Reverse bool
	// LogAll has each failure told, not only changes.
	LogAll bool
}

// Ask is a probe that is to be made.
type Ask struct {
	// Check is the number of the check, and Seq that of the run, which the
	// answer repeats.
	Check, Seq uint32
}

// Answer is what a probe came to.
type Answer struct {
	Check, Seq uint32
	Verdict    health.Verdict
	// Weighs says that Weight is the absolute weight that the server should
	// have.
	Weighs bool
	Weight int32
	// Message says why, for people, in one line.
	Message string
	// Took is how long the probe took.
	Took time.Duration
}

// Probed are answers to Probe actions.
type Probed struct {
	// Generation is that of the Probe action.
	Generation uint32
	// Answers are read during Step only.
	Answers []Answer
}

func (*Probed) event() {}

// ProbedMany is several of them, that came together: what their answers change is judged,
// and asked of the table, once.
type ProbedMany struct{ List []*Probed }

func (*ProbedMany) event() {}
