package checker

import (
	"context"
	"fmt"
	"net/netip"
	"time"
)

// Verdict is what a probe found out.
type Verdict uint8

const (
	// Unknown says nothing: the probe could not find out, and what was known
	// before stands for a while. It never takes a server out of service by
	// itself.
	Unknown Verdict = iota
	// OK is a server that does what was asked for.
	OK
	// Failed is a server that does not.
	Failed
)

// String is the verdict in lower case.
func (v Verdict) String() string {
	switch v {
	case Unknown:
		return "unknown"
	case OK:
		return "ok"
	case Failed:
		return "failed"
	}
	return fmt.Sprintf("Verdict(%d)", uint8(v))
}

// Detail is one thing that `moonkeep probe` shows of a probe: what was sent,
// what came back, how long a step took.
type Detail struct{ Name, Text string }

// Result is how one probe came out.
type Result struct {
	Verdict Verdict
	// TimedOut says of Failed that it is the end of a time, such as that to connect
	// in, and nothing that the server did: a process that itself stood still for most
	// of the probe finds that of good servers too, and Unknown is sent in its place.
	// A probe whose context has reached its deadline need not say so. It does not
	// leave the process.
	TimedOut bool
	// Message is one line for people that says why. The host cuts it to 1 KiB.
	Message string
	// Latency is how long what matters took, such as the time to the answer;
	// zero makes it the time that Probe took.
	Latency time.Duration
	// Weight is the absolute weight that the real server asks for; nil says
	// nothing about its weight.
	Weight *int
	// Details are for people who look at one probe; see WantDetails.
	Details []Detail
	// State is what the check has to know of its past, at most 1 KiB of UTF-8; a
	// longer one is not kept. The daemon does not read it, and gives the last one
	// that is not empty to the check when it is prepared again: in the next process,
	// or because its options have changed. See Restorer.
	State string
}

// Target is where a check connects, and from where.
type Target struct {
	// Address is where to connect to. Port 0 is none, for what has no ports.
	Address netip.AddrPort
	// BindTo is the local address; the zero Addr leaves it to the kernel.
	BindTo netip.Addr
	// BindPort is the local port; 0 leaves it to the kernel.
	BindPort uint16
	// Fwmark is the firewall mark of what is sent; 0 is none.
	Fwmark uint32
	// BindIf is the interface to go through; empty leaves it to the routes.
	BindIf string
	// Timeout is connect_timeout: how long a connection, or one answer, may
	// take. The context of a probe ends when the whole of it has to be over.
	Timeout time.Duration
	// Weight is the one that the configuration gives the real server; nil where
	// there is none.
	Weight *int
}

// Option describes one option of a checker.
type Option struct {
	// Name is the key in the configuration, in lower case; that of an option
	// of a block has the block's name and a dot before it.
	Name string
	// Type is one of string, bool, int, duration, list, block.
	Type string
	// Unit is what a number counts, such as bytes; empty for none.
	Unit string
	// Default is what holds without the option, as it is written in a
	// configuration; empty for none.
	Default string
	// Doc is a sentence for people.
	Doc string
	// Required options must be given.
	Required bool
	// Secret values are shown to nobody.
	Secret bool
}

// Info is who a checker is.
type Info struct {
	// Name is the kind of check, such as HTTP_GET.
	Name string
	// Version is the checker's own.
	Version string
	// Doc says in a sentence what it finds out.
	Doc string
	// Options are all the options that Prepare knows.
	Options []Option
	// Needs are the capabilities without which it cannot work, such as
	// CAP_NET_RAW. They are given only to checkers that the configuration, or
	// moonkeep itself, trusts with them.
	Needs []string
}

// Checker makes probes of one kind. Its methods may be called at the same
// time by several goroutines.
//
// A Checker that also has a method Close(context.Context) error has it called
// before the process ends, when it does so in good order. One that is also a
// Runner has its probes run by it.
type Checker interface {
	// Info is constant while the process lives.
	Info() Info
	// Prepare does, once for a check, what need not be done for every probe,
	// such as compiling a pattern. It must not touch the network. Its error
	// says which option is wrong and what would be right.
	Prepare(Target, Options) (Probe, error)
}

// Probe is one check, prepared. It never runs twice at once.
//
// A Probe that also has a method Close, without results, has it called when
// the check is gone; no probe of it runs then.
type Probe interface {
	// Probe finds out once, and returns when ctx ends at the latest.
	Probe(ctx context.Context) Result
}

// Restorer is what a Probe may be beside whose checks have a past.
type Restorer interface {
	// Restore takes the last Result.State of this check, and is called once, before
	// the first Probe. It may be of other options, and of another version of the
	// checker: what it does not understand it leaves alone.
	Restore(state string)
}

// Turn is one run of a probe that is due.
type Turn struct {
	Probe Probe
	// Do calls the probe's method Probe, and takes what it returns.
	Do func()

	job job
}

// Runner is what a Checker may be beside, that runs its probes by something
// cheaper than a goroutine for each. Checkers need not: it pays for those that
// do next to nothing, thousands of times a second. Serve has the Go code of such a
// process run on one processor, until Run leaves a probe to a goroutine for the
// first time; from then on it has as many as Go gives others.
type Runner interface {
	// Light is constant, and reports whether the probes do next to nothing. With
	// false the checker is one that is no Runner: for a type that makes checkers of
	// both sorts.
	Light() bool
	// Run takes probes that begin together, and has each Do called once, soon;
	// several may run at the same time. It must not wait for what they wait for.
	// Those that it returns have a goroutine each: what may compute for long, and
	// would hold up the others. The list has at most some hundred.
	Run(list []Turn) (others []Turn)
}

// closer is what a Probe may be beside.
type closer interface{ Close() }
