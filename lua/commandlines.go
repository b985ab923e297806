package lua

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"syscall"
	"time"
)

// To read /proc/PID/cmdline takes a lock of the process's memory, which a process
// that hangs in the kernel, in a dead network file system for example, may hold for
// ever. So it is done on goroutines of its own, and nobody who asks holds the table.
const (
	// linePatience is how long one command line is waited for. Then the old text
	// counts until the process answers. Where several hang, it is half of that for the
	// next each time, down to leastPatience, for who asks has a deadline.
	linePatience  = 250 * time.Millisecond
	leastPatience = linePatience / 8
	// maxHung is how many goroutines may hang while lines are read; each keeps a
	// thread.
	maxHung = 64
)

// hung are the processes whose command line is being read in vain.
type hung struct {
	mu   sync.Mutex
	pids map[int]int // how many goroutines read it
	n    int         // all of them
}

func (h *hung) has(pid int) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.pids[pid] > 0
}

func (h *hung) set(pid int, hangs bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.pids == nil {
		h.pids = map[int]int{}
	}
	if hangs {
		h.pids[pid]++
		h.n++
		return
	}
	h.n--
	if h.pids[pid]--; h.pids[pid] == 0 {
		delete(h.pids, pid)
	}
}

// room reports whether one more may hang.
func (h *hung) room() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.n < maxHung
}

// errHung says that the command line of a process is not known because too many hang.
var errHung = fmt.Errorf("look at processes: %d of them hang so that their command lines cannot be read, and no more are tried", maxHung)

// learn reads those command lines that are not known or too old. The table, which
// the caller has, is free meanwhile: what was in it may have gone. The error is
// errHung, or that ctx ended.
func (p *Processes) learn(ctx context.Context, candidates []*process, now time.Time) error {
	var stale []*process
	for _, x := range candidates {
		if now.Sub(x.commandAt) >= resync && !p.hung.has(x.pid) {
			stale = append(stale, x)
		}
	}
	if len(stale) == 0 {
		return nil
	}
	pids := make([]int, len(stale))
	for i, x := range stale {
		pids[i] = x.pid
	}
	p.release()
	lines := p.readLines(ctx, pids)
	p.turn <- struct{}{} // whoever has it looks at the clock
	for i, line := range lines {
		if line.read {
			stale[i].command, stale[i].commandAt = line.text, now
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if p.hung.room() {
		return nil
	}
	for _, x := range stale {
		if x.commandAt.IsZero() && x.command == "" && !p.hung.has(x.pid) {
			return errHung
		}
	}
	return nil
}

// line is a command line that was read, or could not be.
type line struct {
	text string
	read bool
}

// readLines reads the command lines of processes, in order, as far as there is time
// and room for those that hang.
func (p *Processes) readLines(ctx context.Context, pids []int) []line {
	lines := make([]line, len(pids))
	patience := linePatience
	for at := 0; at < len(pids) && ctx.Err() == nil && p.hung.room(); patience = max(patience/2, leastPatience) {
		r := &reading{p: p, pids: pids[at:], got: make(chan line, len(pids)-at)}
		go r.run()
		at += r.collect(ctx, patience, lines[at:])
	}
	return lines
}

// reading is a goroutine that reads command lines. It ends when all are read; or,
// when it was left, with the one that it reads.
type reading struct {
	p    *Processes
	pids []int
	got  chan line // with room for all

	mu   sync.Mutex
	at   int // of pids, which is being read
	left bool
}

func (r *reading) run() {
	var buf [maxCommand]byte
	for i := range r.pids {
		l := readLine(r.p.root, r.pids[i], buf[:])
		r.mu.Lock()
		r.at = i + 1
		if r.left {
			r.p.hung.set(r.pids[i], false)
			r.mu.Unlock()
			return
		}
		r.got <- l
		r.mu.Unlock()
	}
}

// collect takes what is read, and returns how many are done with: it leaves one that
// does not answer.
func (r *reading) collect(ctx context.Context, patience time.Duration, lines []line) (n int) {
	over := time.NewTimer(patience)
	defer over.Stop()
	for n < len(lines) {
		select {
		case lines[n] = <-r.got:
			n++
			over.Reset(patience)
			continue
		case <-over.C:
		case <-ctx.Done():
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		for ; n < r.at; n++ {
			lines[n] = <-r.got
		}
		if n < len(lines) {
			r.left = true
			r.p.hung.set(r.pids[n], true)
			n++
		}
		return n
	}
	return n
}

// readLine reads a process's arguments, joined by spaces.
func readLine(root string, pid int, buf []byte) line {
	n, _, err := readOf(root, pid, "/cmdline", buf)
	if err != nil {
		return line{}
	}
	text := bytes.TrimRight(buf[:n], "\x00")
	return line{strings.TrimRight(string(bytes.ReplaceAll(text, []byte{0}, []byte{' '})), " "), true}
}

// readOf reads the beginning of a file of a process into buf, and returns who owns
// it: the process's effective user.
func readOf(root string, pid int, name string, buf []byte) (n, uid int, err error) {
	var path [64]byte
	fd, err := syscall.Open(string(appendPath(path[:0], root, pid, name)), syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return 0, 0, err
	}
	defer syscall.Close(fd)
	var st syscall.Stat_t
	if err := syscall.Fstat(fd, &st); err != nil {
		return 0, 0, err
	}
	for {
		n, err = syscall.Read(fd, buf)
		if err != syscall.EINTR {
			return n, int(st.Uid), err
		}
	}
}
