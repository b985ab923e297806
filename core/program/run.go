package program

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"
)

// run is one program from enter to its end. Its keeper goroutine starts, waits
// and reaps; others tell it to end.
type run struct {
	starter *Starter
	spec    Spec

	done   chan struct{} // closed when over: reaped, or never started
	abort  chan struct{} // closed at the first tell
	forked chan error    // the thread's answer; buffered, so it never waits

	// What the thread needs and answers; the keeper's before and after.
	attr  syscall.ProcAttr
	pid   int
	pidfd int
	cell  Cell // nil for none

	out *output // nil when nothing is kept

	mu     sync.Mutex // guards what follows
	path   string
	leader int  // the process while it may be signalled, else 0
	begun  int  // the process once it was started, for ever
	told   bool // it was told to end
	lost   bool // Close gave up waiting for it
	waiter *os.File
	status syscall.WaitStatus
	err    error // why it was not started, or could not be signalled
}

// Run runs a program and returns when it ended, when it was told to end and
// did, or soon after the latter; never later than some 100 ms after Timeout,
// the context's end or Close, whatever the program does. The end of ctx by
// its deadline is TimedOut, by cancellation Canceled. The doc of the package
// says what the program gets and how it is told.
func (s *Starter) Run(ctx context.Context, spec Spec) Outcome {
	begin := time.Now()
	if len(spec.Argv) == 0 || spec.Argv[0] == "" {
		return Outcome{Err: errors.New("no program is named")}
	}
	r := &run{
		starter: s,
		spec:    spec,
		done:    make(chan struct{}),
		abort:   make(chan struct{}),
		forked:  make(chan error, 1),
		path:    spec.Argv[0],
	}
	if spec.OutputCap >= 0 {
		r.out = newOutput(spec.OutputCap)
	}
	if ctx.Err() != nil {
		return Outcome{Kind: endOf(ctx), Path: r.path, Took: time.Since(begin)}
	}
	if err := s.enter(r); err != nil {
		return Outcome{Path: r.path, Err: fmt.Errorf("start %s: %w", r.path, err), Took: time.Since(begin)}
	}
	var expired <-chan time.Time
	if spec.Timeout > 0 {
		t := time.NewTimer(spec.Timeout)
		defer t.Stop()
		expired = t.C
	}
	var kind Kind
	select {
	case <-r.done:
		return r.outcome(begin, Exited)
	case <-expired:
		kind = TimedOut
	case <-ctx.Done():
		kind = endOf(ctx)
	case <-s.closing:
		kind = Canceled
	}
	if kind == TimedOut && r.ended() {
		// Who stood still finds both, the program's end and that of its time.
		kind = Exited
	} else {
		r.tell(syscall.SIGTERM)
	}
	t := time.NewTimer(settle)
	defer t.Stop()
	select {
	case <-r.done:
	case <-t.C:
		if kind == Exited { // what it left behind keeps its end from being known
			kind = TimedOut
			r.tell(syscall.SIGTERM)
		}
		s.pursue(r)
	}
	return r.outcome(begin, kind)
}

// endOf says which end of ctx it was.
func endOf(ctx context.Context) Kind {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return TimedOut
	}
	return Canceled
}

// outcome is the run as it stands. kind is what ended it; Exited when it
// ended by itself, however.
func (r *run) outcome(begin time.Time, kind Kind) Outcome {
	r.mu.Lock()
	defer r.mu.Unlock()
	o := Outcome{Kind: kind, Path: r.path, Pid: r.begun, Err: r.err, Took: time.Since(begin)}
	if r.begun > 0 {
		o.Gone = r.done
	}
	if r.out != nil {
		o.Output, o.Truncated = r.out.snapshot()
	}
	switch {
	case kind != Exited:
		if r.begun == 0 && r.err == nil {
			o.Err = fmt.Errorf("%s was not started in time: looking at the file, its user or its file system took too long", r.path)
		}
	case r.begun == 0:
		o.Kind = NotStarted
	case r.lost:
		o.Kind = Canceled
	case r.status.Signaled():
		o.Kind, o.Signal = Signaled, r.status.Signal()
	case r.err != nil:
		o.Code = -1
	default:
		o.Code = r.status.ExitStatus()
	}
	return o
}

// keep is the keeper: it starts the program, waits for its end and reaps it.
func (r *run) keep() {
	defer r.starter.leave(r)
	defer close(r.done)
	defer func() {
		if r.cell != nil {
			r.mu.Lock()
			told := r.told
			r.mu.Unlock()
			r.cell.End(told)
		}
	}()
	reader, err := r.start()
	if err != nil {
		r.mu.Lock()
		r.err = err
		r.mu.Unlock()
		return
	}
	r.await()
	if reader != nil {
		r.finishOutput(reader)
	}
	r.reap()
}

// start prepares the program and has the thread start it. The reader is the
// end of the pipe that r.out is being filled from.
func (r *run) start() (reader *os.File, err error) {
	if err := r.prepare(); err != nil {
		return nil, err
	}
	null := r.starter.devNull.Fd()
	r.attr.Files = []uintptr{null, null, null}
	if r.starter.cell != nil {
		r.cell = r.starter.cell()
		r.attr.Sys.CgroupFD = r.cell.FD()
		r.attr.Sys.UseCgroupFD = r.attr.Sys.CgroupFD != 0
	}
	writer := -1
	if r.out != nil {
		if reader, writer, err = pipe(); err != nil {
			return nil, fmt.Errorf("start %s: make a pipe for its output: %w", r.path, err)
		}
		r.attr.Files[1], r.attr.Files[2] = uintptr(writer), uintptr(writer)
	}
	err = r.launch()
	if writer >= 0 {
		syscall.Close(writer)
	}
	if err != nil {
		if reader != nil {
			reader.Close()
		}
		return nil, err
	}
	if reader != nil {
		r.out.follow(reader)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.leader, r.begun = r.pid, r.pid
	if r.pidfd >= 0 && syscall.SetNonblock(r.pidfd, true) == nil {
		r.waiter = os.NewFile(uintptr(r.pidfd), "pidfd")
	} else if r.pidfd >= 0 {
		syscall.Close(r.pidfd)
	}
	if r.told { // while it was being started
		r.signal(syscall.SIGKILL)
	}
	return reader, nil
}

// prepare finds the file, the user and the environment. It may hang with the
// file system that it looks at.
func (r *run) prepare() error {
	path, err := Resolve(r.spec.Argv[0])
	if err != nil {
		return err
	}
	r.mu.Lock()
	r.path = path
	r.mu.Unlock()
	who, err := identify(r.spec.User, r.spec.Group)
	if err != nil {
		return fmt.Errorf("start %s: %w", path, err)
	}
	if r.spec.Secure && who.uid == 0 {
		if err := TrustedCommand(r.spec.Argv, "", ""); err != nil {
			return fmt.Errorf("start %s: %w", path, err)
		}
	}
	// For the wait only; what is wrong with the file, execve tells.
	_, _ = head(path)
	r.attr.Dir = r.spec.Dir
	r.attr.Env = environment(who, r.spec.Env)
	r.attr.Sys = &syscall.SysProcAttr{
		Setsid:     true, // one share of the processors for all that it forks (sched_autogroup)
		Pdeathsig:  syscall.SIGTERM,
		Credential: who.credential(),
		PidFD:      &r.pidfd,
	}
	return nil
}

// launch has the thread start the program. A file that someone is just
// writing is waited for a little: scripts get replaced while checks run.
func (r *run) launch() error {
	const attempts = 5
	for i := 1; ; i++ {
		select {
		case r.starter.starts <- r:
		case <-r.abort:
			return fmt.Errorf("%s was not started in time: other programs were being started", r.path)
		}
		err := <-r.forked
		if err == nil {
			return nil
		}
		if err != syscall.ETXTBSY || i == attempts {
			return diagnose(r.path, r.spec, err)
		}
		select {
		case <-time.After(time.Duration(i) * 5 * time.Millisecond):
		case <-r.abort:
			return fmt.Errorf("%s was not started in time: it is open for writing", r.path)
		}
	}
}

// fork starts the program. It is called on the thread only.
func (r *run) fork() error {
	r.pidfd = -1
	// The arguments are the program's own copy from here on.
	pid, _, err := syscall.StartProcess(r.path, slices.Clone(r.spec.Argv), &r.attr)
	r.pid = pid
	if err == nil && r.starter.spared {
		Unprotect(fmt.Sprintf("/proc/%d/oom_score_adj", pid)) // before it does much
	}
	return err
}

// ended reports whether the program was started and has ended.
func (r *run) ended() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.begun > 0 && (r.leader == 0 || ended(r.leader, wNoHang))
}

// tell signals the group, or makes sure that nothing will be started.
func (r *run) tell(sig syscall.Signal) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.told {
		r.told = true
		close(r.abort)
	}
	r.signal(sig)
}

// signal signals the group; r.mu is held. A leader that made another group
// its own gets the signal by itself.
func (r *run) signal(sig syscall.Signal) {
	if r.leader == 0 {
		return
	}
	err := syscall.Kill(-r.leader, sig)
	if pgid, perr := syscall.Getpgid(r.leader); perr == nil && pgid != r.leader {
		err = syscall.Kill(r.leader, sig)
	}
	r.err = nil
	if err != nil && err != syscall.ESRCH {
		r.err = fmt.Errorf("send %s to process %d: %w", sig, r.leader, err)
	}
}

// reap takes the status of a program that has ended. What is left of a group
// that was told to end is killed before: until then the group's number cannot
// be anyone else's.
func (r *run) reap() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.waiter != nil {
		r.waiter.Close()
	}
	if r.told {
		r.signal(syscall.SIGKILL)
	}
	options := 0
	if r.lost {
		options = syscall.WNOHANG
	}
	for {
		_, err := syscall.Wait4(r.leader, &r.status, options, nil)
		if err == syscall.EINTR {
			continue
		}
		if err != nil {
			// Someone waited for just any child, which no code of ours may do.
			r.err = fmt.Errorf("wait for process %d: %w", r.leader, err)
		}
		break
	}
	r.leader = 0
}

// forsake makes the keeper stop waiting for the end.
func (r *run) forsake() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lost = true
	if r.waiter != nil {
		r.waiter.Close()
	}
}

// name tells people which run it is.
func (r *run) name() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.begun == 0 {
		return r.path + " (not started yet)"
	}
	return fmt.Sprintf("%s (process %d)", r.path, r.begun)
}
