//go:build linux

package processes

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/track"
)

const (
	// settleLooks is for how many looks after it was seen first a process is read
	// at each: most run another program soon after they were forked, and never
	// again.
	settleLooks = 3
	// everyLooks is at which looks one that has settled is read again: it may run
	// another program, or have changed its command line. A few are read at each
	// look, in place of all at every fifth.
	everyLooks = 5
)

// entry is what is known of a process.
type entry struct {
	// dir is the number of its directory in /proc, which another process of the
	// same number does not have; 0 when only an event told of it.
	dir uint64
	// comm is its name, of one that counts.
	comm string
	// first and last are the looks that listed it first and last.
	first, last int
	means       []int // the patterns that mean it
	// failed is at how many looks in a row it was there and could not be read.
	failed int
}

// gone reports whether reading a file of a process failed because that has ended,
// and hidden whether this process may not. Anything else, such as too many open
// files, tells nothing of the process.
func gone(err error) bool   { return errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ESRCH) }
func hidden(err error) bool { return errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM) }

// lookAround looks through /proc: it lists all, and reads what may have changed.
func (w *Watcher) lookAround() error { return w.scan(false) }

// lookThrough reads everything in /proc again.
func (w *Watcher) lookThrough() error { return w.scan(true) }

func (w *Watcher) scan(all bool) error {
	self, err := os.Readlink(w.root + "/self")
	if err != nil {
		return fmt.Errorf("%s shows no processes: %w", w.root, err)
	}
	me, err := strconv.Atoi(self)
	if err != nil {
		return fmt.Errorf("%s shows no processes: self is %q", w.root, self)
	}
	w.looks++
	missing := map[int]bool{me: true, 1: true}
	var unread error
	err = w.list(func(pid int, dir uint64) {
		delete(missing, pid)
		if err := w.visit(pid, dir, all); err != nil && unread == nil {
			unread = err
		}
	})
	if err != nil {
		return fmt.Errorf("look through %s: %w", w.root, err)
	}
	// Where others are hidden (hidepid), what runs would seem not to.
	_, err = w.read("1/stat")
	if err != nil && !gone(err) && !hidden(err) {
		return fmt.Errorf("look through %s: read 1/stat: %w", w.root, err)
	}
	if err != nil || len(missing) > 0 {
		return fmt.Errorf("%s does not show all processes: it may be mounted with hidepid, and this process lack CAP_SYS_PTRACE", w.root)
	}
	for pid, e := range w.known {
		if e.last != w.looks {
			w.forget(pid, e)
		}
	}
	return unread
}

// forget ends what is known of a process.
func (w *Watcher) forget(pid int, e *entry) {
	w.note(e, nil)
	delete(w.known, pid)
	delete(w.unread, pid)
	delete(w.headless, pid)
}

// visit takes a process that is listed. It fails as inspect does.
func (w *Watcher) visit(pid int, dir uint64, all bool) error {
	e := w.known[pid]
	if e == nil {
		e = &entry{}
		w.known[pid] = e
	}
	if e.dir != dir {
		if e.dir != 0 { // another process
			w.note(e, nil)
			e.failed = 0
		}
		e.dir, e.first = dir, w.looks
	}
	e.last = w.looks
	switch {
	case all, e.failed > 0, w.looks-e.first < settleLooks, (w.looks+pid)%everyLooks == 0:
		return w.inspect(pid, e)
	case len(e.means) > 0:
		// Whether it still runs, under the name that it counts by.
		stat, err := w.read(strconv.Itoa(pid) + "/stat")
		if gone(err) {
			w.note(e, nil)
			return nil
		}
		if comm, runs := parseStat(string(stat)); err != nil || !runs || comm != e.comm {
			return w.inspect(pid, e)
		}
	}
	return nil
}

// list lists the processes with the numbers of their directories.
func (w *Watcher) list(each func(pid int, dir uint64)) error {
	fd, err := unix.Open(w.root, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if w.entries == nil {
		w.entries = make([]byte, 32<<10)
	}
	for {
		n, err := unix.Getdents(fd, w.entries)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if n <= 0 || err != nil {
			return err
		}
		eachEntry(w.entries[:n], func(name []byte, dir uint64) {
			if pid, ok := number(name); ok {
				each(pid, dir)
			}
		})
	}
}

// eachEntry goes through what getdents64(2) returned.
func eachEntry(b []byte, each func(name []byte, inode uint64)) {
	const head = 8 + 8 + 2 + 1 // d_ino, d_off, d_reclen, d_type
	for len(b) > head {
		size := int(binary.NativeEndian.Uint16(b[16:]))
		if size <= head || size > len(b) {
			return
		}
		name := b[head:size]
		for i, c := range name {
			if c == 0 {
				name = name[:i]
				break
			}
		}
		each(name, binary.NativeEndian.Uint64(b))
		b = b[size:]
	}
}

// number reads a process's number, and reports false for any other name.
func number(name []byte) (n int, ok bool) {
	for _, c := range name {
		if c < '0' || c > '9' || n > 1<<30 {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, len(name) > 0 && name[0] != '0'
}

// errHeadless says that only another thread of a process has what was to be read.
var errHeadless = errors.New("its first thread has ended")

// update looks at some processes again; those with false have ended, or their first
// thread has. So it does at those that could not be read last, or lost that. It fails
// as inspect does.
func (w *Watcher) update(changed map[int]bool) (unread error) {
	inspect := func(pid int, e *entry) {
		if err := w.inspect(pid, e); err != nil && unread == nil {
			unread = err
		}
	}
	for pid := range w.unread {
		if _, told := changed[pid]; !told {
			inspect(pid, w.known[pid])
		}
	}
	// One of which nobody counts is gone for all that it matters.
	ends := func(pid int, e *entry) {
		if len(e.means) > 0 {
			inspect(pid, e)
		}
		if len(e.means) == 0 {
			w.forget(pid, e)
		}
	}
	for pid := range w.headless {
		if _, told := changed[pid]; !told && !w.unread[pid] {
			ends(pid, w.known[pid])
		}
	}
	for pid, alive := range changed {
		e := w.known[pid]
		switch {
		case alive:
			delete(w.headless, pid)
			if e == nil {
				e = &entry{last: w.looks}
				w.known[pid] = e
			}
			inspect(pid, e)
		case e != nil:
			if ends(pid, e); w.known[pid] == e {
				w.headless[pid] = time.Now().Add(often)
			}
		}
	}
	return unread
}

// note keeps which patterns mean a process.
func (w *Watcher) note(e *entry, means []int) {
	for _, i := range e.means {
		w.counts[i]--
	}
	for _, i := range means {
		w.counts[i]++
	}
	e.means = means
}

// inspect finds out which patterns mean a process: none when it is gone, or when
// this process may not look at it. When it cannot be read for another reason,
// what is known of it stands until it is tried again, which is soon; the second
// time in a row that is an error.
func (w *Watcher) inspect(number int, e *entry) error {
	pid := strconv.Itoa(number)
	var x track.Process
	means, err := w.meaning(pid, &x)
	if errors.Is(err, errHeadless) {
		if err = nil; x.Comm == e.comm {
			means = e.means // as what it was known
		}
	}
	if err != nil && !gone(err) {
		e.failed++
		if !hidden(err) {
			w.unread[number] = true
			if e.failed > 1 {
				return fmt.Errorf("look at process %d in %s: %w", number, w.root, err)
			}
			return nil
		}
	} else {
		e.failed = 0
	}
	delete(w.unread, number)
	e.comm = ""
	if len(means) > 0 {
		e.comm = x.Comm
	}
	w.note(e, means)
	return nil
}

// meaning reads a process, and returns the patterns that mean it.
func (w *Watcher) meaning(pid string, x *track.Process) (means []int, err error) {
	stat, err := w.read(pid + "/stat")
	if err != nil {
		return nil, err
	}
	var runs bool
	if x.Comm, runs = parseStat(string(stat)); !runs {
		return nil, nil
	}
	if w.command && headless(string(stat)) {
		return nil, errHeadless
	}
	if w.command {
		line, err := w.read(pid + "/cmdline")
		if err != nil {
			return nil, err
		}
		x.Command = parseCommand(string(line))
	}
	if w.exe && len(x.Command) > 0 {
		// It may be hidden from us, deleted, or of too long a name; then the command
		// line must do.
		exe, err := os.Readlink(w.root + "/" + pid + "/exe")
		switch {
		case err == nil:
			x.Exe = strings.TrimSuffix(exe, " (deleted)")
		case errors.Is(err, unix.ENOMEM):
			return nil, err
		}
	}
	for i, p := range w.patterns {
		if p.Matches(x) {
			means = append(means, i)
		}
	}
	return means, nil
}
