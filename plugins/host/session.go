//go:build linux

package host

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// A confined plugin begins in a session of its own. Where it may start processes, these
// are in its pid namespace, whose first it is, or, where there is none, may not leave the
// session: so who belongs to it can be told, and be ended with it.

// Confined reports whether a process of this user is one of a confined plugin, also one that
// another process has started, or may have been, for it is gone or hidden. The number is as
// the daemon sees it; 0 is that of one in a pid namespace which is not below the daemon's, as
// plugins' are.
func (h *Host) Confined(uid uint32, pid int) bool { return h.spawner.confines(uid, pid) }

func (s *spawner) confines(uid uint32, pid int) bool {
	if pid <= 0 {
		return false
	}
	marked, err := confined(pid)
	if err != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.users[uid]
	}
	if marked {
		s.meddles(pid)
	}
	return marked
}

// mostMeddling is how often a process, with what it started, may be cut off before it is
// ended: to cut off takes the daemon's time.
const mostMeddling = 16

// deepest is how many ancestors of a process are looked at.
const deepest = 64

// meddles counts a process for the plugin that it is one of, if this host runs that, and ends
// the plugin that has had enough. Orphans are below the first of their pid namespace, and where
// there is none nobody leaves the session.
func (s *spawner) meddles(pid int) {
	for range deepest {
		session, err := unix.Getsid(pid)
		if err != nil {
			return
		}
		s.mu.Lock()
		p := s.running[session]
		if p == nil {
			p = s.running[pid]
		}
		s.mu.Unlock()
		if p != nil {
			if p.meddled.Add(1) > mostMeddling {
				p.kill()
			}
			return
		}
		k, err := kinOf(pid)
		if err != nil || k.parent <= 1 {
			return
		}
		pid = k.parent
	}
}

// confined reports whether a process has what every confined one has, and what they start,
// and none can get rid of: files that it makes have to stay empty, and it gains no privileges.
// Anybody may read that of any process, unless these are hidden.
func confined(pid int) (bool, error) {
	limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", pid))
	if err != nil {
		return false, fmt.Errorf("see whether process %d is confined: %w", pid, err)
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return false, fmt.Errorf("see whether process %d is confined: %w", pid, err)
	}
	_, size, ok := strings.Cut(string(limits), "\nMax file size ")
	if !ok {
		return false, fmt.Errorf("see whether process %d is confined: it has ended", pid)
	}
	size, _, _ = strings.Cut(size, "\n")
	f := strings.Fields(size) // soft, hard, unit
	return len(f) > 1 && f[1] == "0" && strings.Contains(string(status), "\nNoNewPrivs:\t1\n"), nil
}

// kin is what the kernel tells of a process.
type kin struct {
	parent int
	ended  bool   // it only waits to be reaped
	began  string // a number of the kernel's
}

func kinOf(pid int) (k kin, err error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return k, fmt.Errorf("look at process %d: %w", pid, err)
	}
	// Its name comes before, in parentheses, and may have any character.
	f := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	if len(f) < 20 {
		return k, fmt.Errorf("look at process %d: %q", pid, b)
	}
	k.parent, err = strconv.Atoi(f[1])
	k.ended, k.began = f[0] == "Z" || f[0] == "X", f[19]
	return k, err
}

// sessionEnds is for how long the processes of a session are ended that go on making more.
const sessionEnds = time.Second

// quiet is how often in a row nothing has to be seen of a session that is taken for ended:
// what starts another, and ends, may be between two looks.
const quiet = 5

// endSession ends all processes of a session but its first, which has ended and was not
// reaped: until then nobody else has the number. It returns how many it left.
func endSession(first int) int {
	return endAll(first, func(pid int) bool { return pid != first })
}

// endAll ends those processes of a session that are meant, and returns how many it last saw
// if it had to give up.
func endAll(session int, meant func(pid int) bool) (n int) {
	known := make(map[int]bool)
	for end, none := time.Now().Add(sessionEnds), 0; none < quiet; none++ {
		if time.Now().After(end) {
			return n
		}
		saw, more := endSome(session, meant, known)
		if saw == 0 {
			continue
		}
		if n, none = saw, -1; !more { // they were killed, and take their time
			time.Sleep(time.Millisecond)
		}
	}
	return 0
}

// endSome ends those that it sees, and returns how many, and whether one was not known.
func endSome(session int, meant func(pid int) bool, known map[int]bool) (n int, more bool) {
	look := func(pid int) {
		if has, err := unix.Getsid(pid); err != nil || has != session || !meant(pid) {
			return
		}
		_ = unix.Kill(pid, unix.SIGKILL)
		if k, err := kinOf(pid); err == nil && k.ended {
			return
		}
		n, more = n+1, more || !known[pid]
		known[pid] = true
	}
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return 0, false
	}
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			look(pid)
		}
	}
	// What goes on forking has another number by the time that the list is read: one of the
	// last that the kernel gave.
	last := lastPid()
	for pid := max(last-newest, 2); pid <= last+newest; pid++ {
		look(pid)
	}
	return n, more
}

// newest is how many numbers below and above the last are looked at.
const newest = 64

// lastPid is the number that was given last, 0 where that is not told.
func lastPid() int {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0
	}
	f := strings.Fields(string(b))
	n, err := strconv.Atoi(f[len(f)-1])
	if err != nil {
		return 0
	}
	return n
}

// leftSession begins the name of a file that says which session there may be something
// left of, should the daemon be killed, and what follows is its number. In the file are the
// user, when the first of the session began, and where the number means it.
const leftSession = "session-"

// noteSize is more than a note has.
const noteSize = 512

// numbered says where process numbers mean what they mean to this process: a start of the
// machine, and a pid namespace.
func numbered() (string, error) {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", fmt.Errorf("tell this start of the machine from others: %w", err)
	}
	space, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return "", fmt.Errorf("tell this pid namespace from others: %w", err)
	}
	return strings.TrimSpace(string(boot)) + " " + space, nil
}

// note has a later daemon find the session of a process, if it can: a plugin is not to be
// without its checks for that.
func (s *spawner) note(p *process) {
	k, err := kinOf(p.pid)
	where, e := numbered()
	if err == nil && e == nil {
		_ = os.WriteFile(s.noteOf(p), fmt.Appendln(nil, p.uid, k.began, where), 0o600)
	}
}

// forget removes what note made, if anything.
func (s *spawner) forget(p *process) { _ = os.Remove(s.noteOf(p)) }

func (s *spawner) noteOf(p *process) string {
	return filepath.Join(s.dir, leftSession+strconv.Itoa(p.pid))
}

// endLeft ends what is left of the session that a file of a daemon tells of which was killed.
// The file is removed first, so that no later start meets it again.
func endLeft(path string) error {
	b, err := readNote(path)
	if err = errors.Join(err, os.Remove(path)); err != nil {
		return fmt.Errorf("look for leftovers of plugins: %w", err)
	}
	first, err := strconv.Atoi(strings.TrimPrefix(filepath.Base(path), leftSession))
	f := strings.SplitN(strings.TrimSpace(string(b)), " ", 3)
	if err != nil || first <= 1 || len(f) != 3 {
		return nil // not a note
	}
	where, err := numbered()
	if err != nil {
		return err
	}
	if own, err := unix.Getsid(0); err != nil || own == first || where != f[2] {
		return nil
	}
	// As long as one of the session lives no other process gets its number.
	if k, err := kinOf(first); err == nil && k.began != f[1] {
		return nil
	}
	if n := endAll(first, func(pid int) bool { return confinedAs(pid, f[0]) }); n > 0 {
		return fmt.Errorf("%d processes of plugins are left from a daemon that was killed", n)
	}
	return nil
}

// readNote reads a file, and nothing else that may have its name.
func readNote(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	return io.ReadAll(io.LimitReader(f, noteSize))
}

// confinedAs reports whether a process has this user and is confined.
func confinedAs(pid int, user string) bool {
	in, err := confined(pid)
	b, e := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	return err == nil && e == nil && in && strings.Contains(string(b), "\nUid:\t"+user+"\t")
}
