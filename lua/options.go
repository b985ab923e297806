package lua

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// The grants: what a configuration may allow a script beyond reading files,
// looking at processes, connecting to sockets, and asking by HTTP and DNS.
const (
	// GrantExec allows to run programs, to have systemd start and stop units, and to
	// speak to the sockets over which others run programs.
	GrantExec = "exec"
	// GrantNet allows what asks another machine to change something: HTTP
	// with another method than GET, HEAD or OPTIONS, webhooks, mail.
	GrantNet = "net"
	// GrantWrite allows to change files.
	GrantWrite = "write"
	// GrantListen allows to wait on a port of this host for others.
	GrantListen = "listen"
	// GrantControl allows to steer this node: maintenance, failover, weights.
	GrantControl = "control"
)

// Grants returns the known grants, sorted.
func Grants() []string {
	return []string{GrantControl, GrantExec, GrantListen, GrantNet, GrantWrite}
}

// The defaults of Limits, and the deadline of a call whose context has none.
const (
	DefaultInstructions = 2_000_000
	DefaultMemory       = 16 << 20
	DefaultTimeout      = 10 * time.Second
)

// giveUpAfter is how long past its deadline a call is waited for. A call ends
// by itself within a few milliseconds; what does not is stuck in one library
// call or one system call.
const giveUpAfter = 40 * time.Millisecond

// Limits bound one call.
type Limits struct {
	// Instructions of the virtual machine, some 50 ns each. 0 means
	// DefaultInstructions.
	Instructions int
	// Memory is the octets that a call may allocate, by estimate; what it
	// frees again counts too. 0 means DefaultMemory.
	Memory int
}

// Options are what a runner gives to its script. The zero value is a script
// without arguments or grants, whose log goes nowhere.
type Options struct {
	// Allow lists the grants.
	Allow []string
	// Args are the script's arguments: ctx.args of a check, event.args of a
	// notify function. A value is a string, a float64 or a bool.
	Args map[string]any
	// Log takes what the script logs; nil discards it. It is called on a
	// goroutine of the runner's, and must not call the runner.
	Log func(level slog.Level, text string)
	// Limits bound each call.
	Limits Limits
	// Name says who uses the script, for example "vrrp_script nginx". What the
	// store keeps and what is published as metrics is its own.
	Name string
	// Host is what the scripts of one daemon share; nil means nothing.
	Host *Host
	// Lost counts the calls that were given up. Runners that share one are
	// bounded together; nil means one for this runner alone.
	Lost *Lost
	// stubbed makes it a test: see stubs.
	stubbed bool
}

// complete fills in the defaults.
func (o Options) complete() (Options, error) {
	for _, grant := range o.Allow {
		if !slices.Contains(Grants(), grant) {
			return o, fmt.Errorf("allow: there is no grant %q; the grants are %s", grant, strings.Join(Grants(), ", "))
		}
	}
	for name, value := range o.Args {
		switch value.(type) {
		case string, float64, bool:
		default:
			return o, fmt.Errorf("args: %s is a %T; it must be a string, a float64 or a bool", name, value)
		}
	}
	o.Host = o.Host.complete()
	if o.Log == nil {
		o.Log = func(slog.Level, string) {}
	}
	if o.Limits.Instructions == 0 {
		o.Limits.Instructions = DefaultInstructions
	}
	if o.Limits.Memory == 0 {
		o.Limits.Memory = DefaultMemory
	}
	if o.Lost == nil {
		o.Lost = &Lost{}
	}
	return o, nil
}

// How many calls may be stuck: of one runner, of all runners of one file, and of
// all that share a Lost, before those with a stuck call of their own make another. Each
// may keep a thread, and the memory of its state. One file counts no further towards
// all than it may have, though more of its calls were given up at once: a script that
// is used a thousand times and reads a dead network file system keeps no other from
// running.
const (
	maxOwn      = 2
	maxOfScript = 4
	maxLost     = 16
)

// maxFirstOfScript and maxFirst are the same for a runner of whose own calls none is
// stuck, which makes one to find out: most of these end.
const (
	maxFirstOfScript = 64
	maxFirst         = 256
)

// stuckAfter is how long after it was given up a call counts as stuck. On a
// host that is busy with other things a call may well be given up, and end by
// itself as soon as it gets a processor.
const stuckAfter = time.Second

// Lost counts the calls that were given up while their goroutine still runs,
// and bounds how many compute at a time. It is safe for concurrent use; the
// zero value is ready.
type Lost struct {
	n     atomic.Int32
	slots slots
	watch watch

	stuck  atomic.Int32 // the sum of counts
	mu     sync.Mutex
	counts map[string]int // those that are stuck, by the path of the script
}

// count adds n calls of a script that are stuck, or takes them off.
func (l *Lost) count(path string, n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.counts == nil {
		l.counts = map[string]int{}
	}
	if l.counts[path] += n; l.counts[path] == 0 {
		delete(l.counts, path)
	}
	l.stuck.Add(int32(n))
}

// full returns how many calls are stuck, and of what, when there is no room for another
// call of a script: so many of its own are, or of all, to which each script counts up to
// ofScript.
func (l *Lost) full(path string, ofScript, inAll int) (n int, of string) {
	if int(l.stuck.Load()) < min(ofScript, inAll) {
		return 0, ""
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := l.counts[path]; n >= ofScript {
		return n, "this file"
	}
	sum := 0
	for _, n := range l.counts {
		sum += min(n, ofScript)
	}
	if sum < inAll {
		return 0, ""
	}
	return int(l.stuck.Load()), "Lua scripts"
}
