package lua

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strconv"
	"sync"
	"syscall"
	"time"
)

const (
	// fresh is how old what is known of processes may be when a script asks:
	// within it, any number of calls cost one look at /proc.
	fresh = 200 * time.Millisecond
	// resync is how often everything is read again. A process that is known
	// runs another program only if it was missed: see settle. It is also how
	// old a known command line may be: a process can change its own at any time,
	// and no event tells that.
	resync = 5 * time.Second
	// resyncTold is how often everything is read again where changes are told.
	// It should find nothing.
	resyncTold = time.Minute
	// idle is how long changes are told after the last question.
	idle = time.Minute
	// maxTold is how many processes may have changed since somebody asked
	// last; when there are more, all are read again.
	maxTold = 16 << 10
	// settle is how long after it was seen first a process is read at each
	// look: most run another program soon after they were forked, and never
	// again.
	settle = 3 * time.Second
	// maxComm is the length that the kernel cuts a process's name to.
	maxComm = 15
	// maxCommand is how much of a command line is known.
	maxCommand = 4096
	// clockTick is how many ticks /proc counts in a second, on every
	// architecture that Go knows.
	clockTick = 100
)

// Processes is a table of this host's processes, read from /proc when somebody
// asks and what is known is too old. It is safe for concurrent use; the zero
// value is ready.
//
// Where the kernel tells of changes (Follow), nothing is read but those, when
// somebody asks, and everything now and then. Elsewhere a look lists /proc, reads what
// is new, and forgets what is gone. A process that was found is looked at again before
// it counts, unless that was done a moment ago; so that one that ended is not
// reported for longer than fresh after the question began; who waits for processes that
// hang may hear of it as it was then. One that starts is found within fresh, and one that
// turns into another program late in its life within resync.
type Processes struct {
	// Follow has tell called from a moment after on, with the processes that
	// something happened to; those with false have ended. missed says that some
	// may be missing, as at the first time, and ended that nothing is told any
	// more. Tell returns false when nobody needs it: then it is not called again,
	// until the next Follow. Follow is called when somebody asks, returns at
	// once and may call tell. Nil means that nobody tells.
	Follow func(tell func(changed map[int]bool, missed, ended bool) (more bool))
	root   string // empty: /proc
	self   int    // this process, which does not count; to ask is a system call

	// turn has one token while somebody has the table, which is what follows.
	turn   chan struct{}
	once   sync.Once // makes turn
	at     time.Time // the last look
	full   time.Time // the last one that read everything
	known  map[int]*process
	byName map[string]map[int]*process
	buf    [maxCommand]byte
	boot   time.Time
	uids   map[int]string
	looks  int // how often /proc was listed
	told   told
	hung   hung // not of the table
	// events is whether changes are told, as this question knows.
	events bool
}

// told is what changed since somebody asked last.
type told struct {
	mu      sync.Mutex
	on      bool
	missed  bool
	tried   time.Time // when it was asked for
	asked   time.Time // the last question
	changed map[int]bool
}

// process is what is known of one.
type process struct {
	pid   int
	comm  string
	start uint64 // in ticks after boot
	uid   int
	seen  time.Time // first
	read  time.Time // last
	// command is the command line, its words joined by spaces; read when
	// somebody asks for it: see learn.
	command   string
	commandAt time.Time // when it was read; zero: it is to be read again
	alive     bool
	turn      int // the look that listed it last
}

// take is told what changed.
func (t *told) take(changed map[int]bool, missed, ended bool) (more bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.on = !ended && time.Since(t.asked) < idle
	if t.missed = t.missed || missed || !t.on; t.missed {
		t.changed = nil
		return t.on
	}
	if t.changed == nil {
		t.changed = map[int]bool{}
	}
	for pid, alive := range changed {
		t.changed[pid] = alive
	}
	if len(t.changed) > maxTold {
		t.missed, t.changed = true, nil
	}
	return true
}

// listen brings in what was told since the last question, and has it told when
// it is not.
func (p *Processes) listen(now time.Time) {
	t := &p.told
	t.mu.Lock()
	t.asked = now
	p.events = t.on
	changed := t.changed
	t.changed = nil
	if t.on && t.missed {
		t.missed = false
		p.full, changed = time.Time{}, nil
	}
	follow := !t.on && p.Follow != nil && now.Sub(t.tried) >= idle
	if follow {
		t.tried = now
	}
	t.mu.Unlock()
	for pid, alive := range changed {
		// One that has just ended may seem to run for a moment.
		if alive {
			if x := p.note(pid, now); x != nil {
				x.commandAt = time.Time{} // another program may have the same name
			}
		} else {
			p.forget(pid)
		}
	}
	if follow {
		p.Follow(t.take)
	}
}

// acquire takes the table, release gives it back.
func (p *Processes) acquire(ctx context.Context) error {
	p.once.Do(func() { p.turn = make(chan struct{}, 1) })
	select {
	case p.turn <- struct{}{}:
		return nil
	default:
	}
	select {
	case p.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *Processes) release() { <-p.turn }

// search counts the processes that are wanted, limit of them at most, and adds
// them to found, unless that is nil.
func (p *Processes) search(ctx context.Context, w *wantedProcess, limit int, found *[]process) (n int, err error) {
	if err := p.acquire(ctx); err != nil {
		return 0, err
	}
	defer p.release()
	if p.root == "" {
		p.root = "/proc"
	}
	if p.self == 0 {
		p.self = os.Getpid()
	}
	q := &question{p: p, wantedProcess: w, limit: limit, found: found, now: time.Now()}
	p.listen(q.now)
	if w.pid != 0 {
		// A pid file names the one; nothing else is looked at.
		x := p.known[w.pid]
		if x == nil {
			x = &process{pid: w.pid, seen: q.now}
		}
		if w.pid != p.self && p.confirm(x, q.now) {
			err = q.consider(ctx, map[int]*process{x.pid: x})
		}
		return q.n, err
	}
	name := w.name[:min(len(w.name), maxComm)]
	// Whether something runs is answered by one that still does; nobody needs
	// to look for others.
	if w.name != "" && limit == 1 && !(p.events && p.full.IsZero()) {
		if err := q.consider(ctx, p.byName[name]); err != nil || q.n == 1 {
			return q.n, err
		}
	}
	if err := p.look(ctx, q.now); err != nil {
		return 0, err
	}
	if w.name != "" {
		err = q.consider(ctx, p.byName[name])
	} else {
		err = q.consider(ctx, p.known)
	}
	return q.n, err
}

// look brings the table up to date.
func (p *Processes) look(ctx context.Context, now time.Time) error {
	age := now.Sub(p.full)
	all := age >= resyncTold || age >= resync && !p.events
	if !all && (p.events || now.Sub(p.at) < fresh) {
		return nil
	}
	dir, err := os.Open(p.root)
	if err != nil {
		return fmt.Errorf("look at processes: %w", err)
	}
	defer dir.Close()
	p.looks++
	for {
		// In pieces, so that a table of 100,000 processes is read neither at
		// once nor past the deadline.
		names, err := dir.Readdirnames(256)
		for _, name := range names {
			pid, bad := strconv.Atoi(name)
			if bad != nil {
				continue
			}
			x := p.known[pid]
			if x == nil || all || now.Sub(x.seen) < settle {
				x = p.note(pid, now)
			}
			if x != nil {
				x.turn = p.looks
			}
		}
		if len(names) == 0 || err != nil {
			break // io.EOF; after any other error what was listed stands
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	for pid, x := range p.known {
		if x.turn != p.looks {
			p.forget(pid)
		}
	}
	p.at = now
	if all {
		p.full = now
		clear(p.uids) // an account may have got another name
	}
	return nil
}

// note reads a process and puts it into the table; nil when it is gone or does
// not run.
func (p *Processes) note(pid int, now time.Time) *process {
	x := p.known[pid]
	if x == nil {
		x = &process{pid: pid, seen: now}
	}
	if !p.readStat(x, now) {
		p.forget(pid)
		return nil
	}
	return x
}

func (p *Processes) forget(pid int) {
	if x := p.known[pid]; x != nil {
		delete(p.known, pid)
		p.unname(x)
	}
}

func (p *Processes) unname(x *process) {
	delete(p.byName[x.comm], x.pid)
	if len(p.byName[x.comm]) == 0 {
		delete(p.byName, x.comm)
	}
}

// confirm makes sure that a process still is what is known of it.
func (p *Processes) confirm(x *process, now time.Time) bool {
	if p.events && !p.full.IsZero() && p.known[x.pid] == x || now.Sub(x.read) < fresh && x.alive {
		return true
	}
	if !p.readStat(x, now) {
		p.forget(x.pid)
		return false
	}
	return true
}

// readStat reads what is known of a process, and whether it runs.
func (p *Processes) readStat(x *process, now time.Time) bool {
	n, uid, err := readOf(p.root, x.pid, "/stat", p.buf[:])
	if err != nil {
		return false
	}
	comm, start, ok := parseStat(p.buf[:n])
	if !ok {
		return false
	}
	if p.known == nil {
		p.known, p.byName = map[int]*process{}, map[string]map[int]*process{}
	}
	if x.start != start || x.comm != string(comm) || x.uid != uid {
		if p.known[x.pid] != nil {
			p.unname(x)
		}
		if x.start != start {
			x.seen = now
		}
		if x.start != start || x.comm != string(comm) {
			x.command = "" // of another program
		}
		x.comm, x.start, x.commandAt = string(comm), start, time.Time{}
	} else if now.Sub(x.seen) < settle {
		x.commandAt = time.Time{} // another program of the same name
	}
	x.read, x.alive, x.uid = now, true, uid
	p.known[x.pid] = x
	if p.byName[x.comm] == nil {
		p.byName[x.comm] = map[int]*process{}
	}
	p.byName[x.comm][x.pid] = x
	return true
}

// parseStat reads /proc/PID/stat: "123 (name) S ...", where the name may hold
// spaces and parentheses. ok is false for what does not run: zombies.
func parseStat(stat []byte) (comm []byte, start uint64, ok bool) {
	open, shut := bytes.IndexByte(stat, '('), bytes.LastIndexByte(stat, ')')
	if open < 0 || shut < open || shut+2 >= len(stat) {
		return nil, 0, false
	}
	switch stat[shut+2] {
	case 'Z', 'X', 'x':
		return nil, 0, false
	}
	// The start is field 22; behind the name comes field 3.
	rest := stat[shut+2:]
	for range 19 {
		i := bytes.IndexByte(rest, ' ')
		if i < 0 {
			return nil, 0, false
		}
		rest = rest[i+1:]
	}
	for _, c := range rest {
		if c < '0' || c > '9' {
			break
		}
		start = start*10 + uint64(c-'0')
	}
	return stat[open+1 : shut], start, true
}

// appendPath appends the path of a file of a process.
func appendPath(b []byte, root string, pid int, name string) []byte {
	b = append(b, root...)
	b = append(b, '/')
	b = strconv.AppendInt(b, int64(pid), 10)
	return append(b, name...)
}

// details returns what lists show of a process beside its number, name and
// command line.
func (p *Processes) details(ctx context.Context, x *process) (name string, age time.Duration, err error) {
	if err := p.acquire(ctx); err != nil {
		return "", 0, err
	}
	defer p.release()
	if name = p.user(x.uid); name == "" {
		name = strconv.Itoa(x.uid)
	}
	return name, p.age(x, time.Now()), nil
}

// age is how long a process has been there.
func (p *Processes) age(x *process, now time.Time) time.Duration {
	if p.boot.IsZero() {
		var info syscall.Sysinfo_t
		if err := syscall.Sysinfo(&info); err != nil {
			return 0
		}
		// Whole seconds; /proc counts from the same instant.
		p.boot = now.Add(-time.Duration(info.Uptime) * time.Second)
	}
	return max(0, now.Sub(p.boot)-time.Duration(x.start)*(time.Second/clockTick))
}

// user returns the name of a user, "" when it has none.
func (p *Processes) user(uid int) string {
	if name, ok := p.uids[uid]; ok {
		return name
	}
	if p.uids == nil {
		p.uids = map[int]string{}
	}
	name := userName(uid)
	p.uids[uid] = name
	return name
}
