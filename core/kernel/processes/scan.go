//go:build linux

package processes

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

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
}

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
	err = w.list(func(pid int, dir uint64) {
		delete(missing, pid)
		w.visit(pid, dir, all)
	})
	if err != nil {
		return fmt.Errorf("look through %s: %w", w.root, err)
	}
	// Where others are hidden (hidepid), what runs would seem not to.
	if _, err := w.read("1/stat"); err != nil || len(missing) > 0 {
		return fmt.Errorf("%s does not show all processes: it may be mounted with hidepid, and this process lack CAP_SYS_PTRACE", w.root)
	}
	for pid, e := range w.known {
		if e.last != w.looks {
			w.note(e, nil)
			delete(w.known, pid)
		}
	}
	return nil
}

// visit takes a process that is listed.
func (w *Watcher) visit(pid int, dir uint64, all bool) {
	e := w.known[pid]
	if e == nil {
		e = &entry{}
		w.known[pid] = e
	}
	if e.dir != dir {
		e.dir, e.first = dir, w.looks
	}
	e.last = w.looks
	switch {
	case all, w.looks-e.first < settleLooks, (w.looks+pid)%everyLooks == 0:
		w.inspect(pid, e)
	case len(e.means) > 0:
		// Whether it still runs, under the name that it counts by.
		stat, err := w.read(strconv.Itoa(pid) + "/stat")
		if err != nil {
			w.note(e, nil) // gone
		} else if comm, runs := parseStat(string(stat)); !runs || comm != e.comm {
			w.inspect(pid, e)
		}
	}
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

// update looks at some processes again; those with false are gone.
func (w *Watcher) update(changed map[int]bool) {
	for pid, alive := range changed {
		e := w.known[pid]
		switch {
		case alive:
			if e == nil {
				e = &entry{last: w.looks}
				w.known[pid] = e
			}
			w.inspect(pid, e)
		case e != nil:
			w.note(e, nil)
			delete(w.known, pid)
		}
	}
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

// inspect finds out which patterns mean a process: none when it is gone.
func (w *Watcher) inspect(number int, e *entry) {
	pid := strconv.Itoa(number)
	var x track.Process
	x.Comm, e.comm = "", ""
	means := w.meaning(pid, &x)
	if len(means) > 0 {
		e.comm = x.Comm
	}
	w.note(e, means)
}

func (w *Watcher) meaning(pid string, x *track.Process) (means []int) {
	stat, err := w.read(pid + "/stat")
	if err != nil {
		return nil // gone
	}
	var runs bool
	if x.Comm, runs = parseStat(string(stat)); !runs {
		return nil
	}
	if w.command {
		line, err := w.read(pid + "/cmdline")
		if err != nil {
			return nil
		}
		x.Command = parseCommand(string(line))
	}
	if w.exe && len(x.Command) > 0 {
		// It may be hidden from us, or deleted; then the command line must do.
		if exe, err := os.Readlink(w.root + "/" + pid + "/exe"); err == nil {
			x.Exe = strings.TrimSuffix(exe, " (deleted)")
		}
	}
	for i, p := range w.patterns {
		if p.Matches(x) {
			means = append(means, i)
		}
	}
	return means
}
