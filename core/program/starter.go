package program

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"time"
)

// Options are the limits of a Starter. The zero value is the defaults.
type Options struct {
	// Grace is the time from SIGTERM to SIGKILL; 2 s.
	Grace time.Duration
	// OnThread, unless nil, is called on the thread that starts programs, which
	// inherit from it how the kernel runs them. Its error is that of NewStarter.
	OnThread func() error
	// Cell makes the control group of one run; nil leaves programs in the daemon's.
	Cell func() Cell
	// MaxUnended bounds the runs that have returned while their program has
	// not ended; 128.
	MaxUnended int
}

// Cell is the control group of one run.
type Cell interface {
	// FD is its descriptor, 0 for the group of the daemon.
	FD() int
	// End is called once, when the program has ended or was not started. kill ends
	// what is left of it.
	End(kill bool)
}

const (
	defaultGrace      = 2 * time.Second
	defaultMaxUnended = 128
	// settle is how long Run waits after SIGTERM for an ordinary program's
	// end, so that most time-outs return with nothing left behind.
	settle = 50 * time.Millisecond
	// rekill is the time between further SIGKILLs, as in keepalived.
	rekill = 10 * time.Second
	// maxLingering bounds the pipes that programs left behind hold open.
	maxLingering = 32
)

// Starter starts programs from one thread that lives as long as it, which
// gives their parent-death signal its meaning. It is safe for use by several
// goroutines. Close ends it.
type Starter struct {
	grace      time.Duration
	maxUnended int
	cell       func() Cell
	devNull    *os.File
	// spared says that the daemon is one of the last to end when memory is short, which
	// its programs would be with it.
	spared bool

	starts  chan *run     // to the thread
	closing chan struct{} // closed by Close first: every Run gives up
	quit    chan struct{} // closed by Close last: the thread ends
	thread  chan struct{} // closed when the thread has ended
	keepers sync.WaitGroup

	mu        sync.Mutex // guards what follows
	closed    bool
	runs      map[*run]struct{} // from enter to the end
	unended   int               // of runs, those whose Run has returned
	lingering []*os.File        // oldest first
}

// NewStarter makes a Starter and its thread.
func NewStarter(o Options) (*Starter, error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("open the standard input of programs: %w", err)
	}
	s := &Starter{
		grace:      o.Grace,
		maxUnended: o.MaxUnended,
		cell:       o.Cell,
		devNull:    null,
		spared:     spared("/proc/self/oom_score_adj"),
		starts:     make(chan *run),
		closing:    make(chan struct{}),
		quit:       make(chan struct{}),
		thread:     make(chan struct{}),
		runs:       make(map[*run]struct{}),
	}
	if s.grace <= 0 {
		s.grace = defaultGrace
	}
	if s.maxUnended <= 0 {
		s.maxUnended = defaultMaxUnended
	}
	begun := make(chan error)
	go s.serve(o.OnThread, begun)
	if err := <-begun; err != nil {
		<-s.thread
		return nil, errors.Join(fmt.Errorf("prepare to start programs: %w", err), null.Close())
	}
	return s, nil
}

// serve is the thread. It never unlocks: the runtime keeps a locked thread
// until its goroutine ends, and then ends it, too.
func (s *Starter) serve(prepare func() error, begun chan<- error) {
	runtime.LockOSThread()
	defer close(s.thread)
	if prepare != nil {
		if err := prepare(); err != nil {
			begun <- err
			return
		}
	}
	close(begun)
	for {
		select {
		case r := <-s.starts:
			r.forked <- r.fork()
		case <-s.quit:
			return
		}
	}
}

// Close tells every program to end at once (SIGKILL to the group), waits for
// that until ctx ends, and ends the thread and all goroutines. The error
// names the programs that did not end; the kernel gives them to init. Runs in
// progress return Canceled. A second Close does nothing.
func (s *Starter) Close(ctx context.Context) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	runs := slices.Collect(maps.Keys(s.runs))
	s.mu.Unlock()

	close(s.closing)
	for _, r := range runs {
		r.tell(syscall.SIGKILL)
	}
	var left []string
	for _, r := range runs {
		select {
		case <-r.done:
			continue
		case <-ctx.Done():
		}
		select {
		case <-r.done:
		default:
			left = append(left, r.name())
			r.forsake()
		}
	}
	close(s.quit)
	s.closeLingering()
	if len(left) > 0 {
		// A keeper that waits for a hung file system, or the thread in a hung
		// execve, ends when the kernel lets it.
		slices.Sort(left)
		return fmt.Errorf("wait for programs to end: %w; left behind: %q", ctx.Err(), left)
	}
	<-s.thread
	s.keepers.Wait()
	return s.devNull.Close()
}

// enter admits a run.
func (s *Starter) enter(r *run) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return ErrClosed
	case s.unended >= s.maxUnended:
		return fmt.Errorf("%w: %d were told to end and have not; the next starts when one of them has", ErrTooMany, s.unended)
	}
	s.runs[r] = struct{}{}
	s.keepers.Go(r.keep)
	return nil
}

// leave forgets a run that is over.
func (s *Starter) leave(r *run) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.runs, r)
}

// pursue kills what did not end at SIGTERM, in the background. After Close it
// is Close that kills.
func (s *Starter) pursue(r *run) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.unended++
	s.keepers.Go(func() {
		defer func() {
			s.mu.Lock()
			s.unended--
			s.mu.Unlock()
		}()
		t := time.NewTimer(max(s.grace-settle, 0))
		defer t.Stop()
		for {
			select {
			case <-r.done:
				return
			case <-s.closing:
				return
			case <-t.C:
				r.tell(syscall.SIGKILL)
				t.Reset(rekill)
			}
		}
	})
}

// linger goes on emptying the pipe of a program that ended and left others
// holding it, so that these neither block nor die of SIGPIPE. When there are
// too many, the oldest is given up.
func (s *Starter) linger(f *os.File) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		f.Close() // nothing was written by us: no error to tell of
		return
	}
	if len(s.lingering) >= maxLingering {
		s.lingering[0].Close()
		s.lingering = slices.Delete(s.lingering, 0, 1)
	}
	s.lingering = append(s.lingering, f)
	s.keepers.Go(func() {
		discard(f)
		s.mu.Lock()
		defer s.mu.Unlock()
		if i := slices.Index(s.lingering, f); i >= 0 {
			s.lingering = slices.Delete(s.lingering, i, i+1)
			f.Close()
		}
	})
}

// closeLingering ends the goroutines of linger.
func (s *Starter) closeLingering() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.lingering {
		f.Close()
	}
	s.lingering = nil
}
