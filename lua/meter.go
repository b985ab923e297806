package lua

import (
	"context"
	"errors"
	"fmt"
	"time"

	lua "github.com/yuin/gopher-lua"
)

// The sizes that no call may pass, whatever its budget.
const (
	// maxString is the length of the longest string a script can make or
	// read.
	maxString = 1 << 20
	// maxValues bounds the values that one call can spread out
	// (unpack, string.byte).
	maxValues = 1000
	// maxArray is the index from which on a table keeps integer keys in its
	// hash. It bounds what one assignment to a high index allocates.
	maxArray = 1 << 16
)

// checkEvery is after how many instructions the meter looks at the clock. One
// instruction takes some 50 ns, at worst (arithmetic on a text of a million
// digits) some milliseconds: after a look that shows such ones, the meter looks
// after each of the next closely ones.
const (
	checkEvery = 32
	closely    = 4 * checkEvery
	// slow is how long instructions between two looks take of which one is such.
	slow = time.Millisecond
)

// A call lets others compute after sliceOf looks at the clock, or steps in Go that
// take as long, some milliseconds together, and at the first look after sliceTime. From
// one look to the next a call has computed for pauseTime at most: longer than that it
// was the process that stood still, or had no processor.
const (
	sliceOf   = 512
	sliceTime = 5 * time.Millisecond
	pauseTime = sliceTime / 2
)

// largeCharge is the charge from which on an instruction is no longer cheap,
// so that the clock is looked at before it.
const largeCharge = 8 << 10

// gopher-lua keeps the bound of a table's array part in a package variable,
// so it is set once for the process, before any state exists. Its default
// lets t[67108863] = 1 allocate a gigabyte.
func init() { lua.MaxArrayIndex = maxArray }

// meter holds the budget of one call. It is handed to the virtual machine as
// its context, because that calls Done before each instruction: the one hook
// there is. It is no general context: Done counts, so only the machine may
// call it. Functions that wait use ctx, the caller's.
type meter struct {
	ctx          context.Context
	instructions int
	memory       int
	limits       Limits
	// over is why the call must end, nil while it may go on. It stays set
	// for the rest of the call, so that a script's pcall cannot swallow it.
	over error
	// slice counts down the looks at the clock until yield is called, which
	// lets other calls compute.
	slice int
	yield func()
	// born is the zero of looked, the last look at the clock; 0 before the first of a
	// slice, which has taken took so far. fine is how many instructions more are looked
	// at one by one.
	born         time.Time
	looked, took time.Duration
	fine         int
	// ended is a closed channel.
	ended chan struct{}
}

func newMeter() *meter {
	m := &meter{ended: make(chan struct{}), slice: sliceOf, yield: func() {}, born: time.Now()}
	close(m.ended)
	return m
}

// begin starts the budget of a call.
func (m *meter) begin(ctx context.Context, limits Limits) {
	m.ctx = ctx
	m.limits = limits
	m.instructions = limits.Instructions
	m.memory = limits.Memory
	m.over = nil
	m.fine = 0
	m.resume()
}

// resume begins a slice: the call has a slot again, or has let others compute.
func (m *meter) resume() { m.looked, m.took = 0, 0 }

// Done counts one instruction. It returns nil, on which nothing can be
// received, while the call may go on.
func (m *meter) Done() <-chan struct{} {
	m.instructions--
	counts := 1
	if m.instructions%checkEvery != 0 {
		if m.fine == 0 && m.over == nil {
			return nil
		}
		counts = 0
	}
	if m.look(counts) == nil {
		return nil
	}
	return m.ended
}

// Err returns why the call must end, for the virtual machine's message.
func (m *meter) Err() error { return m.over }

// Deadline and Value make up a context; the virtual machine calls neither.
func (m *meter) Deadline() (time.Time, bool) { return m.ctx.Deadline() }
func (m *meter) Value(key any) any           { return m.ctx.Value(key) }

// check returns why the call must end, or nil.
func (m *meter) check() error { return m.look(1) }

// look is check for a look of which so many make a slice: closer ones, which only the
// clock calls for, do not make it shorter.
func (m *meter) look(counts int) error {
	if m.over != nil {
		return m.over
	}
	if m.slice -= counts; m.slice <= 0 || m.late() {
		m.slice = sliceOf
		m.resume()
		m.yield()
	}
	if err := m.ctx.Err(); err != nil {
		m.over = endOf(err)
	} else if m.instructions < 0 {
		m.over = fmt.Errorf("%w: %d instructions in one call", ErrLimit, m.limits.Instructions)
	}
	return m.over
}

// late looks at the clock and reports whether the slice has taken too long. What
// took long since the last look may have been one instruction or few, so that the
// next ones are looked at one by one.
func (m *meter) late() bool {
	now := time.Since(m.born)
	if m.looked == 0 {
		m.looked = now
		return false
	}
	if now-m.looked > slow {
		m.fine = closely
	} else if m.fine > 0 {
		m.fine--
	}
	m.took += min(now-m.looked, pauseTime)
	m.looked = now
	return m.took > sliceTime
}

// endOf turns a context's error into the kind that callers see.
func endOf(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return ErrTimeout
	}
	return err
}

// live raises a Lua error when the call must end. Every function of ours
// that acts calls it first, so that an abandoned call does nothing more.
func (m *meter) live(l *lua.LState) {
	if err := m.check(); err != nil {
		l.RaiseError("%s", err.Error())
	}
}

// expired notes that the deadline has passed, which the context says only a
// moment later than the operations that have the same deadline.
func (m *meter) expired() {
	if deadline, ok := m.ctx.Deadline(); ok && m.over == nil && !time.Now().Before(deadline) {
		m.over = ErrTimeout
	}
}

// charge takes n octets from the memory budget, and raises a Lua error when
// it is used up.
func (m *meter) charge(l *lua.LState, n int) {
	if n >= largeCharge {
		m.live(l)
	}
	m.memory -= n
	if m.memory < 0 && m.over == nil {
		m.over = fmt.Errorf("%w: %d KiB of memory in one call", ErrLimit, m.limits.Memory>>10)
	}
	if m.over != nil {
		l.RaiseError("%s", m.over.Error())
	}
}

// chargeString charges for a string about to be made. It raises a Lua error
// when that would be longer than any string may be.
func (m *meter) chargeString(l *lua.LState, n int) { m.chargeCopies(l, n, 1) }

// chargeCopies is chargeString for one of which there are copies while it is made.
func (m *meter) chargeCopies(l *lua.LState, n, copies int) {
	if n > maxString || n < 0 {
		m.stop(l, "a string longer than %d KiB", maxString>>10)
	}
	m.charge(l, copies*n+16)
}

// work takes the cost of n steps of a loop in Go from the instructions, eight
// steps for one, and raises a Lua error when the call must end.
func (m *meter) work(l *lua.LState, n int) {
	m.instructions -= n / 8
	m.slice -= n / 8 / checkEvery
	m.live(l)
}

// stop ends the call because of a limit.
func (m *meter) stop(l *lua.LState, format string, args ...any) {
	if m.over == nil {
		m.over = fmt.Errorf("%w: %s", ErrLimit, fmt.Sprintf(format, args...))
	}
	l.RaiseError("%s", m.over.Error())
}
