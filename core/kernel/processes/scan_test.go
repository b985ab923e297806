//go:build linux

package processes

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/track"
)

// proc is a /proc of the test's own, with the processes 1 and 7, which is us.
type proc struct {
	t    *testing.T
	root string
	w    *Watcher
}

func newProc(t *testing.T, wanted string) *proc {
	p := &proc{t, t.TempDir(), New(map[string]track.Pattern{"p": {Name: wanted}}, new(Feed))}
	p.w.root = p.root
	must(t, os.Symlink("7", filepath.Join(p.root, "self")))
	p.run(1, "init")
	p.run(7, "us")
	return p
}

// run has a process run a program of this name.
func (p *proc) run(pid int, comm string) { p.t.Helper(); p.is(pid, comm, "S", 1) }

// is has a process be in a state, of its first thread, with so many threads.
func (p *proc) is(pid int, comm, state string, threads int) {
	p.t.Helper()
	dir := filepath.Join(p.root, fmt.Sprint(pid))
	must(p.t, os.MkdirAll(dir, 0o755))
	text := fmt.Sprintf("%d (%s) %s%s %d%s", pid, comm, state, strings.Repeat(" 1", 16), threads, strings.Repeat(" 1", 13))
	must(p.t, os.WriteFile(filepath.Join(dir, "stat"), []byte(text), 0o644))
}

// replace puts another process in the place of one: its directory is another.
func (p *proc) replace(pid int, comm string) {
	p.t.Helper()
	dir := filepath.Join(p.root, fmt.Sprint(pid))
	must(p.t, os.Rename(dir, fmt.Sprintf("%s-gone-%d", dir, p.w.looks))) // kept, so that its number is not used again
	p.run(pid, comm)
}

func (p *proc) want(what string, n int) {
	p.t.Helper()
	must(p.t, p.w.lookAround())
	if got := p.w.counts[0]; got != n {
		p.t.Errorf("%s: %d counted, want %d", what, got, n)
	}
}

// What begins, ends, or counts is seen at the next look; what has settled is read
// each fifth time.
func TestRhythm(t *testing.T) {
	p := newProc(t, "web")
	p.run(10, "shell")
	p.want("before", 0)
	p.run(10, "web")
	p.want("one that has just begun runs another program", 1)
	p.run(11, "web")
	p.want("another begins", 2)
	for range settleLooks + everyLooks {
		p.want("nothing happens", 2)
	}
	p.run(10, "shell")
	p.want("one that counts runs another program", 1)
	p.run(10, "web")
	looks := 1
	for must(t, p.w.lookAround()); p.w.counts[0] != 2 && looks < 2*everyLooks; looks++ {
		must(t, p.w.lookAround())
	}
	if looks > everyLooks {
		t.Errorf("one that had settled was read after %d looks, want %d at most", looks, everyLooks)
	}
	for range everyLooks {
		p.want("nothing happens", 2)
	}
	p.replace(11, "shell")
	p.want("another process has the number of one that counts", 1)
	for range settleLooks + everyLooks {
		p.want("nothing happens", 1)
	}
	p.replace(11, "web")
	p.want("and one that counts has it", 2)
	must(t, os.RemoveAll(filepath.Join(p.root, "10")))
	p.want("one ends", 1)
	must(t, os.Remove(filepath.Join(p.root, "11", "stat")))
	p.want("another ends while it is looked at", 0)
	if len(p.w.known) != 3 {
		t.Errorf("%d processes are known, want 1, 7 and 11", len(p.w.known))
	}
}

// A look at processes that have settled and do not count reads none but each fifth.
func TestSettledAreNotRead(t *testing.T) {
	p := newProc(t, "web")
	const n = 100
	for pid := 100; pid < 100+n; pid++ {
		p.run(pid, "shell")
	}
	for range settleLooks {
		p.want("nothing counts", 0)
	}
	for pid := 100; pid < 100+n; pid++ {
		p.run(pid, "web") // what is read counts from now on
	}
	must(t, p.w.lookAround())
	if read := p.w.counts[0]; read != n/everyLooks {
		t.Errorf("%d of %d were read, want %d", read, n, n/everyLooks)
	}
	must(t, p.w.lookThrough())
	if read := p.w.counts[0]; read != n {
		t.Errorf("%d of %d were read, want all", read, n)
	}
}

// The end of a first thread is the end of the process when no other goes on, which
// is looked at until that is known; the kernel tells of no other thread.
func TestFirstThreadEnds(t *testing.T) {
	p := newProc(t, "web")
	for _, pid := range []int{10, 11, 12} {
		p.run(pid, "web")
	}
	ends := func(pid int) { t.Helper(); must(t, p.w.update(map[int]bool{pid: false})) }
	want := func(what string, n, watched int) {
		t.Helper()
		if p.w.counts[0] != n || len(p.w.headless) != watched {
			t.Errorf("%s: %d counted and %v looked at, want %d and %d", what, p.w.counts[0], p.w.headless, n, watched)
		}
	}
	must(t, p.w.lookThrough())
	want("before", 3, 0)
	p.is(10, "web", "Z", 1)
	ends(10)
	want("one is a zombie", 2, 0)
	must(t, os.RemoveAll(filepath.Join(p.root, "11")))
	ends(11)
	want("one is gone", 1, 0)
	p.is(12, "web", "Z", 3)
	ends(12)
	want("other threads go on", 1, 1)
	must(t, p.w.update(nil))
	want("and still do", 1, 1)
	must(t, p.w.lookThrough())
	want("also where all is read", 1, 1)
	p.is(12, "web", "Z", 1)
	must(t, p.w.update(nil))
	want("until the last has ended", 0, 0)
	p.run(13, "web")
	must(t, p.w.update(map[int]bool{13: true}))
	p.is(13, "web", "Z", 2)
	ends(13)
	want("another goes on", 1, 1)
	p.run(13, "web")
	must(t, p.w.update(map[int]bool{13: true}))
	want("another process has its number", 1, 0)
}

// What cannot be read of a process without its first thread is what it was: the
// command line is gone with that.
func TestFirstThreadHadTheCommand(t *testing.T) {
	p := newProc(t, "web")
	p.w = New(map[string]track.Pattern{"p": {Name: "web", Match: track.ExactArgs, Args: []string{"-d"}}}, new(Feed))
	p.w.root = p.root
	p.run(10, "web")
	line := filepath.Join(p.root, "10", "cmdline")
	must(t, os.WriteFile(filepath.Join(p.root, "1", "cmdline"), nil, 0o644))
	must(t, os.WriteFile(filepath.Join(p.root, "7", "cmdline"), nil, 0o644))
	must(t, os.WriteFile(line, []byte("web\x00-d\x00"), 0o644))
	p.want("before", 1)
	p.is(10, "web", "Z", 2)
	must(t, os.WriteFile(line, nil, 0o644))
	must(t, p.w.update(map[int]bool{10: false}))
	for range settleLooks + everyLooks {
		p.want("its first thread has ended", 1)
	}
	p.is(10, "web", "Z", 1)
	p.want("the last has ended", 0)
}

// One that is there and cannot be read counts as it did, and is read again at the
// next look; the second time in a row the look has failed. Only one that is not
// there has ended.
func TestUnreadIsNotGone(t *testing.T) {
	p := newProc(t, "web")
	p.run(10, "web")
	p.run(11, "shell")
	for range settleLooks + everyLooks {
		p.want("before", 1)
	}
	spoil := func(pid int) { // to read a directory is an error of no process
		t.Helper()
		stat := filepath.Join(p.root, fmt.Sprint(pid), "stat")
		must(t, os.Remove(stat))
		must(t, os.Mkdir(stat, 0o755))
	}
	mend := func(pid int, comm string) {
		t.Helper()
		must(t, os.Remove(filepath.Join(p.root, fmt.Sprint(pid), "stat")))
		p.run(pid, comm)
	}
	spoil(10)
	p.want("one that counts cannot be read", 1)
	if err := p.w.lookAround(); !errors.Is(err, unix.EISDIR) || !strings.Contains(err.Error(), "process 10") {
		t.Errorf("it cannot be read again: %v", err)
	}
	if err := p.w.update(map[int]bool{11: true}); !errors.Is(err, unix.EISDIR) {
		t.Errorf("another has changed: %v", err)
	}
	mend(10, "shell")
	p.want("it is another program by now", 0)
	mend(10, "web")
	must(t, p.w.lookThrough())
	spoil(10)
	must(t, p.w.update(map[int]bool{10: true}))
	mend(10, "shell")
	must(t, p.w.update(map[int]bool{11: true}))
	if p.w.counts[0] != 0 || len(p.w.unread) != 0 {
		t.Errorf("%d counted and %v not read, want none: it is read again with the next event", p.w.counts[0], p.w.unread)
	}
	// Another process in its place has nothing of it.
	mend(10, "web")
	must(t, p.w.lookThrough())
	p.replace(10, "web")
	spoil(10)
	p.want("another that cannot be read has its number", 0)
	must(t, os.RemoveAll(filepath.Join(p.root, "10")))
	p.want("it ends", 0)
	if len(p.w.unread) != 0 {
		t.Errorf("%v are to be read", p.w.unread)
	}
}

// Without a file descriptor left nothing is said of hidden processes.
func TestFailureIsNotHidepid(t *testing.T) {
	p := newProc(t, "web")
	must(t, os.Remove(filepath.Join(p.root, "1", "stat")))
	must(t, os.Mkdir(filepath.Join(p.root, "1", "stat"), 0o755))
	if err := p.w.lookAround(); !errors.Is(err, unix.EISDIR) || strings.Contains(err.Error(), "hidepid") {
		t.Errorf("it says: %v", err)
	}
}

// The kernel gives the directory of a process another number than that of an
// earlier one with the same pid.
func TestSameNumber(t *testing.T) {
	const last = "/proc/sys/kernel/ns_last_pid"
	if unix.Access(last, unix.W_OK) != nil {
		t.Skip("needs " + last + ": to choose the number of a process")
	}
	path, other := program(t, "mk-number-1"), program(t, "mk-number-2")
	w := New(map[string]track.Pattern{"p": {Name: "mk-number-2"}}, new(Feed))
	defer func() { must(t, w.Close()) }()
	for range 50 {
		a := start(t, path, "wait")
		pid := a.cmd.Process.Pid
		for range settleLooks + everyLooks {
			must(t, w.lookAround())
		}
		a.end()
		must(t, os.WriteFile(last, fmt.Append(nil, pid-1), 0))
		b := start(t, other, "wait")
		if b.cmd.Process.Pid != pid {
			b.end() // somebody was faster
			continue
		}
		must(t, w.lookAround())
		if w.counts[0] != 1 {
			t.Errorf("process %d is another one now, and was not read", pid)
		}
		return
	}
	t.Skip("needs " + last + ": others begin processes all the time here")
}

// FuzzEntries reads what a file system may say of a directory.
func FuzzEntries(f *testing.F) {
	f.Add([]byte{7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 24, 0, 4, '1', '2', 0, 0, 0})
	f.Add([]byte{7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, '1', '2', 0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		size := 0
		eachEntry(b, func(name []byte, _ uint64) {
			if size += len(name); slices.Contains(name, 0) {
				t.Errorf("the name %q", name)
			}
			if n, ok := number(name); ok && fmt.Sprint(n) != string(name) {
				t.Errorf("%q is the number %d", name, n)
			}
		})
		if size > len(b) {
			t.Errorf("names of %d octets in %d", size, len(b))
		}
	})
}
