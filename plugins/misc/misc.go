// Package misc is the check MISC_CHECK: the exit status of a program says whether the
// server is healthy. 0 means healthy, anything else failed; with misc_dynamic only 1
// means failed, and 2 and above set the weight to the status minus 2.
//
// A program that does not end in time has failed: its process group gets SIGTERM, and
// SIGKILL two seconds later. It never runs twice at once: a run that finds the one
// before still running waits for its end, and is unknown if too little of its time is
// left then, so that one hang is one failure. What even SIGKILL does not end, as a
// program that waits for a dead disk, fails each time. A program that cannot be started
// says nothing about the server, so the check is unknown. All programs run as the user
// of this checker's process, which whoever starts it chooses.
package misc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/moonkeep/moonkeep/core/program"
	"github.com/moonkeep/moonkeep/plugins/checker"
)

type settings struct {
	MiscPath    command          `json:"misc_path"`
	MiscTimeout checker.Duration `json:"misc_timeout"`
	MiscDynamic bool             `json:"misc_dynamic"`
	Secure      bool             `json:"secure"`
}

// command is a program with its arguments: a list, or a text of words.
type command []string

// UnmarshalJSON reads either form.
func (c *command) UnmarshalJSON(b []byte) error {
	var text string
	if json.Unmarshal(b, &text) == nil {
		if strings.ContainsAny(text, `"'\`) {
			return errors.New("misc_path with quotes has to be a list: the program, and each of its arguments")
		}
		*c = strings.Fields(text)
		return nil
	}
	var list []string
	if err := json.Unmarshal(b, &list); err != nil {
		return errors.New("misc_path must be a program with its arguments")
	}
	*c = list
	return nil
}

// Checker is MISC_CHECK.
type Checker struct {
	mu      sync.Mutex
	starter *program.Starter
	closed  bool
}

// New is MISC_CHECK.
func New() *Checker { return &Checker{} }

// Info describes the checker.
func (*Checker) Info() checker.Info {
	return checker.Info{
		Name: "MISC_CHECK", Version: "1", Doc: "Runs a program and checks its exit status.",
		Options: []checker.Option{
			{Name: "misc_path", Type: "list", Required: true, Doc: "The program, with its arguments. No shell is involved."},
			{Name: "misc_timeout", Type: "duration", Doc: "The time limit for the program (default: the target's, for which moonkeep takes delay_loop)."},
			{Name: "misc_dynamic", Type: "bool", Default: "false", Doc: "An exit status from 2 to 255 means success and sets the weight to the status minus 2."},
			{Name: "secure", Type: "bool", Default: "false", Doc: "Do not run a program as root that others can change (enable_script_security)."},
		},
	}
}

type probe struct {
	checker *Checker
	target  checker.Target
	options settings
	last    run
}

// run is the run before, which may not have ended.
type run struct {
	gone <-chan struct{} // closed when nothing is left of it; nil is none
	pid  int
	told time.Time // when it ended, or was told to
}

// killed is how long after it was told to end a program is gone, if it can be
// killed: SIGKILL comes after two seconds, and a busy machine may be late.
const killed = 3 * time.Second

// Prepare takes the program. It need not be there yet.
func (c *Checker) Prepare(t checker.Target, o checker.Options) (checker.Probe, error) {
	var s settings
	if err := o.Decode(&s); err != nil {
		return nil, err
	}
	switch {
	case len(s.MiscPath) == 0 || s.MiscPath[0] == "":
		return nil, errors.New("misc_path is missing: there is no program to run")
	case s.MiscTimeout < 0:
		return nil, errors.New("misc_timeout cannot be negative")
	}
	return &probe{checker: c, target: t, options: s}, nil
}

// start returns what starts programs.
func (c *Checker) start() (*program.Starter, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nil, program.ErrClosed
	}
	if c.starter == nil {
		s, err := program.NewStarter(program.Options{})
		if err != nil {
			return nil, err
		}
		c.starter = s
	}
	return c.starter, nil
}

// Close ends all programs that run. What it returns is that they did not.
func (c *Checker) Close(ctx context.Context) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	if c.starter == nil {
		return nil
	}
	return c.starter.Close(ctx)
}

// Probe runs the program once.
func (p *probe) Probe(ctx context.Context) checker.Result {
	starter, err := p.checker.start()
	if err != nil {
		return checker.Result{Message: err.Error()}
	}
	timeout := time.Duration(p.options.MiscTimeout)
	if timeout == 0 {
		timeout = p.target.Timeout
	}
	if r, ok := p.await(ctx, timeout); !ok {
		return r
	}
	o := starter.Run(ctx, program.Spec{Argv: p.options.MiscPath, Timeout: timeout, Secure: p.options.Secure})
	p.last = run{gone: o.Gone, pid: o.Pid, told: time.Now()}
	r := p.judge(o)
	if checker.WantDetails(ctx) {
		r.Details = []checker.Detail{{Name: "program", Text: o.Path}, {Name: "pid", Text: fmt.Sprint(o.Pid)}, {Name: "output", Text: string(o.Output)}}
	}
	return r
}

// await waits until the run before this one is gone. If there is no run then, the
// result says why.
func (p *probe) await(ctx context.Context, timeout time.Duration) (r checker.Result, ok bool) {
	last := p.last
	if last.gone == nil {
		return r, true
	}
	select {
	case <-last.gone:
		return r, true // there was nothing to wait for
	default:
	}
	// What is told to end and does not has two seconds until it is killed. That
	// is no further failure: its run was one, and how the server is now only the
	// next run can tell, if it has its time.
	select {
	case <-last.gone:
	case <-ctx.Done():
		select {
		case <-last.gone: // in the very moment
			return tooLate(timeout), false
		default:
		}
		if since := time.Since(last.told); since > killed {
			return checker.Result{Verdict: checker.Failed, TimedOut: true, Latency: since,
				Message: fmt.Sprintf("process %d of the program cannot be killed, and still runs", last.pid)}, false
		}
		return checker.Result{Message: "the program still runs, though it was told to end"}, false
	}
	if end, limited := ctx.Deadline(); limited && time.Until(end) < timeout-timeout/10 {
		return tooLate(timeout), false
	}
	return r, true
}

// tooLate is that the run before has left too little of the time.
func tooLate(timeout time.Duration) checker.Result {
	return checker.Result{Message: fmt.Sprintf("the run before this one ended too late to leave %s to it", timeout)}
}

// judge says what a run is worth.
func (p *probe) judge(o program.Outcome) checker.Result {
	r := checker.Result{Verdict: checker.Failed, TimedOut: o.Kind == program.TimedOut, Message: o.String(), Latency: o.Took}
	switch {
	case o.Kind == program.NotStarted, o.Kind == program.Canceled, o.Kind == program.Exited && o.Err != nil:
		r.Verdict = checker.Unknown
	case o.OK():
		r.Verdict = checker.OK
	case o.Kind == program.Exited && p.options.MiscDynamic && o.Code >= 2:
		weight := o.Code - 2
		r.Verdict, r.Weight = checker.OK, &weight
		r.Message = fmt.Sprintf("exit status %d: weight %d", o.Code, weight)
	}
	return r
}
