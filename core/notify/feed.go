package notify

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"syscall"
	"time"
)

const (
	// feedBound is how many lines wait for the goroutine that writes them. It
	// never waits for readers, so that they do not unless the machine is busy.
	feedBound = 1024
	// lastWords is how long a reader has to end by itself once its FIFO is
	// closed.
	lastWords = 300 * time.Millisecond
	// firstRest and maxRest are how long a reader that failed is not started
	// again, twice as long each time; one that ran for maxRest begins anew.
	firstRest = time.Second
	maxRest   = time.Minute
)

// feed is an open FIFO with the goroutine that writes it and its reader.
type feed struct {
	log  *slog.Logger
	pipe *pipe
	fifo FIFO
	book *book // shared with the feed of the next plan
	// wrote is closed when the goroutine has ended.
	wrote chan struct{}
}

// book is what waits to be written, and what was.
type book struct {
	mu     sync.Mutex
	wake   sync.Cond
	lines  []string
	busy   bool
	closed bool
	idle   []chan struct{}
	counts FIFOCounts
	full   bool // nobody reads, which was told
	missed uint64
	// reader is the one that runs; nil without one.
	reader *reader
}

// reader is a running Script.
type reader struct {
	cancel context.CancelFunc
	done   chan struct{}
}

// newFeed opens a FIFO and begins to write. The reader comes with restart.
func newFeed(x FIFO, log *slog.Logger) (*feed, error) {
	p, err := openPipe(x)
	if err != nil {
		return nil, err
	}
	f := &feed{log: log, pipe: p, fifo: x, book: &book{counts: FIFOCounts{Path: x.Path}}, wrote: make(chan struct{})}
	f.book.wake.L = &f.book.mu
	go func() {
		defer close(f.wrote)
		f.work()
	}()
	return f, nil
}

// with is the feed as another plan has it.
func (f *feed) with(x FIFO) *feed {
	g := *f
	g.fifo = x
	return &g
}

// push has a line written. It never blocks.
func (f *feed) push(line string) {
	b := f.book
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return
	}
	if len(b.lines) >= feedBound {
		b.counts.Dropped++
		b.missed++
		return
	}
	b.lines = append(b.lines, line)
	b.wake.Signal()
}

// work writes until close. A line that finds the pipe full is dropped.
func (f *feed) work() {
	b := f.book
	b.mu.Lock()
	defer b.mu.Unlock()
	for {
		for len(b.lines) == 0 {
			b.busy = false
			for _, c := range b.idle {
				close(c)
			}
			b.idle = nil
			if b.closed {
				return
			}
			b.wake.Wait()
		}
		line := b.lines[0]
		b.lines = b.lines[1:]
		b.busy = true
		b.mu.Unlock()
		err := f.pipe.write(line)
		b.mu.Lock()
		b.settle(f, err)
	}
}

// settle counts a line; b.mu is held. One log line says that lines are dropped,
// and one that they no longer are.
func (b *book) settle(f *feed, err error) {
	if err == nil {
		b.counts.Written++
		if b.full || b.missed > 0 {
			f.log.Warn("a FIFO has a reader again", "fifo", f.pipe.path, "dropped", b.missed)
		}
		b.full, b.missed = false, 0
		return
	}
	b.counts.Dropped++
	b.missed++
	if b.full {
		return
	}
	b.full = true
	why := err.Error()
	if err == syscall.EAGAIN {
		why = "it is full: nobody reads it"
	}
	f.log.Warn("lines to a FIFO are dropped", "fifo", f.pipe.path, "why", why)
}

func (f *feed) counts() FIFOCounts {
	f.book.mu.Lock()
	defer f.book.mu.Unlock()
	return f.book.counts
}

// drain waits until all is written and, where we started the reader, read.
func (f *feed) drain(ctx context.Context) error {
	b := f.book
	b.mu.Lock()
	c := make(chan struct{})
	if len(b.lines) == 0 && !b.busy {
		close(c)
	} else {
		b.idle = append(b.idle, c)
	}
	b.mu.Unlock()
	select {
	case <-c:
	case <-ctx.Done():
		return fmt.Errorf("write to FIFO %s: %w", f.pipe.path, ctx.Err())
	}
	r := f.reader()
	if r == nil {
		return nil
	}
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		left, err := f.pipe.unread()
		if err != nil || left == 0 {
			return err
		}
		select {
		case <-r.done: // nobody to wait for
			return nil
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("FIFO %s: %w; not read: %d bytes", f.pipe.path, ctx.Err(), left)
		}
	}
}

func (f *feed) reader() *reader {
	f.book.mu.Lock()
	defer f.book.mu.Unlock()
	return f.book.reader
}

// close closes the FIFO, whose reader sees the end. That is not waited for.
func (f *feed) close() {
	b := f.book
	b.mu.Lock()
	b.closed = true
	b.wake.Signal()
	b.mu.Unlock()
	select {
	case <-f.wrote:
		if err := f.pipe.close(); err != nil {
			f.log.Warn("a FIFO could not be closed in order", "fifo", f.pipe.path, "error", err)
		}
	case <-time.After(time.Second):
		// Its reader stopped in the middle of reading, in the kernel: the
		// descriptor must not be closed under the writer.
		f.log.Warn("a FIFO hangs in the kernel and is left behind", "fifo", f.pipe.path)
	}
}

// dismiss gives the readers of closed FIFOs time to end by themselves and then
// tells them to; n.ctx shortens that.
func (n *Notifier) dismiss(feeds []*feed) {
	t := time.NewTimer(lastWords)
	defer t.Stop()
	over := t.C
	for _, f := range feeds {
		r := f.reader()
		if r == nil {
			continue
		}
		select {
		case <-r.done:
		case <-over:
			over = closedTimer()
		case <-n.ctx.Done():
		}
		r.cancel()
	}
}

// closedTimer is a timer's channel once the timer is over.
func closedTimer() <-chan time.Time {
	c := make(chan time.Time)
	close(c)
	return c
}

// restart ends the reader of an earlier plan and starts that of this one
// behind it.
func (n *Notifier) restart(f *feed) {
	b := f.book
	b.mu.Lock()
	defer b.mu.Unlock()
	before := b.reader
	b.reader = nil
	if before != nil {
		before.cancel()
	}
	if f.fifo.Script == nil {
		return
	}
	ctx, cancel := context.WithCancel(n.ctx)
	r := &reader{cancel: cancel, done: make(chan struct{})}
	b.reader = r
	n.workers.Go(func() {
		defer cancel()
		defer close(r.done)
		if before != nil {
			<-before.done
		}
		n.read(ctx, f.fifo)
	})
}

// read runs the reader of a FIFO until ctx ends. One that failed is started
// again; one that ended with status 0 wanted no more until the next reload.
func (n *Notifier) read(ctx context.Context, x FIFO) {
	rest := firstRest
	for ctx.Err() == nil {
		spec := x.Script.spec(nil, x.Path)
		name := spec.Argv[0]
		begin := time.Now()
		o := n.run(ctx, spec)
		if o.Gone != nil {
			t := time.NewTimer(gonePatience)
			select {
			case <-o.Gone:
			case <-t.C:
				n.log.Warn("the reader of a FIFO does not end although it was told to", "fifo", x.Path, "program", name, "pid", o.Pid)
			}
			t.Stop()
		}
		switch {
		case ctx.Err() != nil:
			return
		case o.OK():
			n.log.Info("the reader of a FIFO has ended; it is started again at the next reload", "fifo", x.Path, "program", name)
			return
		case time.Since(begin) > maxRest:
			rest = firstRest
		}
		n.count(true)
		n.log.Warn("the reader of a FIFO failed and will be started again", "fifo", x.Path, "program", name, "result", o.String(), "after", rest)
		t := time.NewTimer(rest)
		select {
		case <-t.C:
		case <-ctx.Done():
		}
		t.Stop()
		rest = min(2*rest, maxRest)
	}
}
