package dial

import (
	"iter"
	"syscall"
	"time"
	"unsafe"

	"github.com/moonkeep/moonkeep/plugins/clock"
)

// Task is a function that a Dialer runs without a goroutine of the scheduler's:
// it reads like one that blocks, and where it waits for a connection it steps
// aside until the Dialer knows more. That spares what a goroutine costs which
// waits twice in its life of a millisecond: where reading the clock is a system
// call, the scheduler alone makes as many as the check.
//
// Only one task of a Dialer runs at a time. It must not wait for anything but
// connections that it opened by itself, nor compute for long.
type Task struct {
	poll  *poller
	do    func(*Task) // what it runs; nil when it rests
	now   time.Time   // when it was last resumed, or few before it were
	many  bool        // few or more began together
	next  func() (struct{}, bool)
	stop  func()
	yield func(struct{}) bool
}

const (
	// resting is how many tasks are kept that have nothing to do: their stacks
	// have grown to what a probe needs.
	resting = 64
	// few is how many tasks begin before those are looked after that have begun: on
	// a machine that has too much to do, more would be under way with each that
	// begins, until none ends in time.
	few = 16
	// greed is how often in a row a task may read or write what is there before
	// others have their turn.
	greed = 16
	// patience is how long those that began together are left alone after they have
	// asked, so that most answers are there then and are taken together. Each that is
	// waited for alone costs a change of processes, and most come a moment after
	// each other.
	patience = time.Millisecond
)

// Now is when the task was last resumed, which costs no reading of the clock, or
// when it began, or one that began just before it; without a task it is the time.
func (t *Task) Now() time.Time {
	if t == nil {
		return clock.Now()
	}
	return t.now
}

// Run runs functions as tasks. It returns when each of them has ended or waits.
func (d *Dialer) Run(list []func(*Task)) {
	p, err := d.poller()
	if err != nil {
		for _, do := range list {
			do(nil) // it can open no connection, and is told why
		}
		return
	}
	p.turn.Lock()
	defer p.turn.Unlock()
	// Where reading the clock is a system call, it were one of four of a check.
	var now time.Time
	for i, do := range list {
		if i > 0 && i%few == 0 {
			p.advance()
			p.heed() // or those that wait for an answer would be as many as the list
			if p.some() {
				p.look()
				p.advance()
			}
		}
		if i%few == 0 { // a few begin within a moment
			now = clock.Now()
		}
		t := p.task()
		t.do, t.now, t.many = do, now, len(list) >= few
		t.resume()
	}
	p.use()
	p.advance()
	p.heed()
}

// task is one that rests, or a new one. It is called with the turn.
func (p *poller) task() *Task {
	if last := len(p.rest) - 1; last >= 0 {
		t := p.rest[last]
		p.rest = p.rest[:last]
		return t
	}
	t := &Task{poll: p}
	t.next, t.stop = iter.Pull(func(yield func(struct{}) bool) {
		t.yield = yield
		for more := true; more; more = yield(struct{}{}) {
			t.do(t)
			t.do = nil
		}
	})
	return t
}

// resume has a task go on until it waits or has ended. It is called with the
// turn.
func (t *Task) resume() {
	t.next()
	if t.do != nil {
		return
	}
	if len(t.poll.rest) < resting {
		t.poll.rest = append(t.poll.rest, t)
	} else {
		t.stop()
	}
}

// wait steps aside.
func (t *Task) wait() { t.yield(struct{}{}) }

// ready has a task resumed at the next advance.
func (p *poller) ready(t *Task) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.woken = append(p.woken, t)
}

// advance resumes the tasks that are ready, each once. Those that are ready again
// have their turn after others: whoever waits for the processor, and what came on
// other connections. It is called with the turn.
func (p *poller) advance() {
	p.sweep()
	p.mu.Lock()
	list := p.woken
	p.woken = p.spare
	p.mu.Unlock()
	if len(list) == 0 {
		p.spare = list
		return
	}
	now := clock.Now()
	for i, t := range list {
		t.now = now
		t.resume()
		list[i] = nil
	}
	p.spare = list[:0]
	p.mu.Lock()
	more := len(p.woken)+len(p.young) > 0
	p.mu.Unlock()
	if more {
		go p.kick()
	}
}

// kick gives tasks that are ready their turn. It must not be called by a task.
func (p *poller) kick() {
	p.turn.Lock()
	defer p.turn.Unlock()
	p.advance()
	p.heed()
}

// dismiss ends the tasks that rest. It is called with the turn.
func (p *poller) dismiss() {
	for _, t := range p.rest {
		t.stop()
	}
	p.rest = nil
}

// pollFD is the kernel's struct pollfd.
type pollFD struct {
	fd      int32
	events  int16
	revents int16
}

// The events of poll(2) that are asked for and told. Their numbers are those of
// epoll.
const (
	wantOut = syscall.EPOLLOUT
	wantIn  = syscall.EPOLLIN | syscall.EPOLLRDHUP
)

// sweep asks about all connections that were begun since the last time, in one
// system call: in a network that is near they stand by now. So it does about those
// whose answers are due. It is called with the turn.
func (p *poller) sweep() {
	if len(p.young) > 0 {
		p.inquire(p.young, wantOut)
		p.young = p.young[:0]
	}
	p.mu.Lock()
	due := !p.hears.IsZero() && !clock.Now().Before(p.hears)
	if due {
		p.hears = time.Time{}
	}
	p.mu.Unlock()
	if due {
		p.inquire(p.quiet, wantIn)
		p.quiet = p.quiet[:0]
	}
}

// inquire asks about connections. Those of which something is known need no place in
// the epoll; the others get one. It clears the list, and is called with the turn.
func (p *poller) inquire(list []*Conn, events int16) {
	asked := p.asked[:0]
	for _, c := range list {
		asked = append(asked, pollFD{fd: c.file(), events: events})
	}
	p.asked = asked
	var none syscall.Timespec
	// When it fails nothing is known of any, and the epoll tells.
	_, _, _ = syscall.RawSyscall6(syscall.SYS_PPOLL, uintptr(unsafe.Pointer(&asked[0])), uintptr(len(asked)), uintptr(unsafe.Pointer(&none)), 0, 0, 0)
	for i, c := range list {
		list[i] = nil
		switch got := asked[i].revents; {
		case asked[i].fd == nobody: // called off meanwhile
		case got != 0:
			c.happened(uint32(got))
		default:
			c.enrol()
		}
	}
}

// nobody is what poll(2) passes over in place of a file.
const nobody = -1

// file is the connection's file, nobody when it is closed.
func (c *Conn) file() int32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return nobody
	}
	return int32(c.fd)
}

// heed has run ask for the answers in a while. It is called with the turn, by who is
// about to give it up: what has been asked since is left alone for as long.
func (p *poller) heed() {
	if len(p.quiet) == 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.begin() // who looks at hears
	if p.hears.IsZero() {
		p.hears = clock.Now().Add(patience)
		if p.hears.Before(p.looks) {
			p.lookAt(p.hears)
		}
	}
}

// stepAside has the task of a connection wait. It is called with the lock of the
// connection, which it gives up meanwhile.
func (c *Conn) stepAside() error {
	c.greed = 0
	switch {
	case c.young:
		c.poll.young = append(c.poll.young, c)
	case c.listed:
	case c.task.many && c.in.waiting && !c.heeded:
		c.heeded = true // once: it is listed when there is no answer
		c.poll.quiet = append(c.poll.quiet, c)
	default:
		if err := c.poll.add(c); err != nil {
			return err
		}
	}
	c.young = false
	c.mu.Unlock()
	c.task.wait()
	c.mu.Lock()
	return nil
}

// share lets others have their turn when a task has read for long. It is called
// with the lock of the connection, which it gives up meanwhile.
func (c *Conn) share() {
	if c.task == nil {
		return
	}
	if c.greed++; c.greed <= greed {
		return
	}
	c.greed = 0
	c.poll.ready(c.task)
	c.mu.Unlock()
	c.task.wait()
	c.mu.Lock()
}

// enrol gives a connection a place in the epoll. An error ends whatever waits for
// it.
func (c *Conn) enrol() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.broken = c.poll.add(c); c.broken != nil {
		c.poke(&c.in)
		c.poke(&c.out)
	}
}
