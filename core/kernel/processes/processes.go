//go:build linux

// Package processes counts the running processes that patterns mean.
//
// What runs is what /proc shows. A Watcher looks through all of it at start
// and again every few seconds; in between the kernel's process connector tells
// which processes to look at again. Where that is not to be had, as in a
// network or PID namespace other than the first, it lists /proc each second, and
// says so: what is new, or counts, is read then, and what neither is each fifth
// time. So a process that turns into another program three seconds after it began,
// or later, counts five seconds after that at the latest; one that begins or ends
// within a second. Zombies do not run; threads of the kernel do. One that is there and
// cannot be read, as without a file descriptor left, counts as it did before, and is
// read again within a second; then that is a failure.
//
// How many processes are enough is core/track's business; cmd/moonkeep/daemon
// drives it.
package processes

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/track"
)

const (
	// tick is how often /proc is listed without the process connector, and resync
	// how often all of it is read with it.
	tick   = time.Second
	resync = 5 * time.Second
	// hung is how long a look may take before the counts are of no use. The
	// kernel may keep a reader of a stuck process' command line waiting.
	hung = 5 * time.Second
	// soon is how often a process whose first thread has ended is looked at, for a
	// while (often) after that: most others end with it. Later it is at each tick.
	soon  = 10 * time.Millisecond
	often = 200 * time.Millisecond
	// closeLimit is how long Close waits for a look that hangs.
	closeLimit = time.Second
)

// Count is how many processes a pattern means.
type Count struct {
	Count int
	// Method is how they are counted, for people.
	Method string
	// Failure is why they cannot be counted, empty when they can.
	Failure string
}

// Watcher counts processes. It has one goroutine.
type Watcher struct {
	names    []string
	patterns []*track.Pattern
	command  bool // some pattern looks at the command line
	exe      bool // some pattern names a file
	root     string
	listen   func() (*follower, error)
	tell     func(name string, c Count)
	ends     chan struct{}
	once     sync.Once
	wg       sync.WaitGroup

	// Of the goroutine only: what is known of each process, which of them could not
	// be read last, which have lost their first thread and until when they are looked
	// at often, how many looks there were, the sums, and what files and the list of
	// processes are read into.
	known        map[int]*entry
	unread       map[int]bool
	headless     map[int]time.Time
	looks        int
	counts       []int
	buf, entries []byte

	mu      sync.Mutex // guards what follows
	events  *follower
	method  string
	looking bool
	closed  bool
	last    []Count
	told    bool
}

// New returns a watcher of the patterns, by name, that follows the feed. It
// touches nothing before Start.
func New(patterns map[string]track.Pattern, feed *Feed) *Watcher {
	follow := func() (*follower, error) { return feed.follow(nil, listen) }
	w := &Watcher{root: "/proc", listen: follow, ends: make(chan struct{}), known: map[int]*entry{}, unread: map[int]bool{}, headless: map[int]time.Time{}, buf: make([]byte, 64<<10)}
	for name := range patterns {
		w.names = append(w.names, name)
	}
	slices.Sort(w.names)
	for _, name := range w.names {
		p := patterns[name]
		w.patterns = append(w.patterns, &p)
		w.command = w.command || p.NeedsCommand()
		w.exe = w.exe || p.Path()
	}
	w.counts, w.last = make([]int, len(w.names)), make([]Count, len(w.names))
	return w
}

// Start begins: each count is told once, and again whenever it changed. Tell is
// called by one goroutine at a time. Start is called once at most.
func (w *Watcher) Start(tell func(name string, c Count)) {
	w.tell = tell
	if len(w.names) > 0 {
		w.wg.Go(w.run)
	}
}

// Close ends it. Nothing is told afterwards.
func (w *Watcher) Close() (err error) {
	w.once.Do(func() {
		close(w.ends)
		w.mu.Lock()
		w.closed = true
		if w.events != nil {
			w.events.close()
		}
		w.mu.Unlock()
		done := make(chan struct{})
		go func() { w.wg.Wait(); close(done) }()
		select {
		case <-done:
		case <-time.After(closeLimit):
			err = errors.New("looking at processes in /proc does not end")
		}
	})
	return err
}

func (w *Watcher) run() {
	// Before the first look, so that nothing can happen in between.
	events, err := w.listen()
	w.mu.Lock()
	if w.closed && events != nil {
		events.close()
	}
	w.events = events
	w.method = "a look at /proc every second (" + reason(err) + ")"
	if events != nil {
		w.method = "the kernel's process events"
	}
	w.mu.Unlock()
	w.look(w.lookThrough)
	timer := time.NewTicker(tick)
	defer timer.Stop()
	for due := time.Now().Add(resync); ; {
		if events == nil {
			select {
			case <-timer.C:
				w.look(w.lookAround)
			case <-w.ends:
				return
			}
			continue
		}
		if soon := time.Now().Add(tick); len(w.unread) > 0 && due.After(soon) {
			due = soon
		}
		changed, err := events.next(w.wait(time.Now(), due))
		switch {
		case w.ended():
			return
		case errors.Is(err, os.ErrDeadlineExceeded) && time.Now().Before(due):
			w.look(func() error { return w.update(nil) })
		case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, unix.ENOBUFS):
			w.look(w.lookThrough)
			due = time.Now().Add(resync)
		case err != nil:
			events.close()
			events = nil
			w.mu.Lock()
			w.events, w.method = nil, "a look at /proc every second ("+reason(err)+")"
			w.mu.Unlock()
		default:
			w.look(func() error { return w.update(changed) })
		}
	}
}

// wait returns until when events are waited for: those who lost their first thread
// have no more of them.
func (w *Watcher) wait(now, due time.Time) time.Time {
	for _, until := range w.headless {
		next := now.Add(tick)
		if now.Before(until) {
			next = now.Add(soon)
		}
		if next.Before(due) {
			due = next
		}
	}
	return due
}

func (w *Watcher) ended() bool {
	select {
	case <-w.ends:
		return true
	default:
		return false
	}
}

// look calls one of the ways to look and tells what came of it. When it hangs
// that is told.
func (w *Watcher) look(f func() error) {
	w.mu.Lock()
	w.looking = true
	w.mu.Unlock()
	alarm := time.AfterFunc(hung, func() {
		w.report(nil, fmt.Sprintf("looking at processes in %s takes longer than %v", w.root, hung), true)
	})
	err := f()
	alarm.Stop()
	w.mu.Lock()
	w.looking = false
	w.mu.Unlock()
	if err != nil {
		w.report(nil, err.Error(), false)
	} else {
		w.report(w.counts, "", false)
	}
}

// report tells what is new. With late it is told only while a look goes on.
func (w *Watcher) report(counts []int, failure string, late bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed || late && !w.looking {
		return
	}
	for i, name := range w.names {
		c := Count{Method: w.method, Failure: failure}
		if counts != nil {
			c.Count = counts[i]
		}
		if !w.told || w.last[i] != c {
			w.last[i] = c
			w.tell(name, c)
		}
	}
	w.told = true
}

// read reads the beginning of a file below the root. What it returns is good
// until the next call.
func (w *Watcher) read(path string) ([]byte, error) {
	fd, err := unix.Open(w.root+"/"+path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	for n := 0; ; {
		m, err := unix.Read(fd, w.buf[n:])
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return nil, err
		default:
			if n += m; m == 0 || n == len(w.buf) {
				return w.buf[:n], nil
			}
		}
	}
}

// parseStat returns the name in the text of a stat file, and whether the
// process runs: a zombie does not, unless it is the first thread of a process
// whose others go on.
func parseStat(text string) (comm string, runs bool) {
	// The name may hold any character, parentheses and blanks too.
	begin, end := strings.IndexByte(text, '('), strings.LastIndexByte(text, ')')
	if begin < 0 || end < begin {
		return "", false
	}
	fields := strings.Fields(text[end+1:])
	const state, threads = 0, 17 // fields 3 and 20 of proc(5)
	if len(fields) <= threads {
		return "", false
	}
	switch fields[state] {
	case "X", "x":
		return "", false
	case "Z":
		if n, err := strconv.Atoi(fields[threads]); err != nil || n < 2 {
			return "", false
		}
	}
	return text[begin+1 : end], true
}

// headless reports whether a process that runs has lost its first thread, and with
// it what only that has, such as the command line.
func headless(text string) bool {
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	return len(fields) > 0 && fields[0] == "Z"
}

// parseCommand splits the text of a cmdline file.
func parseCommand(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(text, "\x00"), "\x00")
}
