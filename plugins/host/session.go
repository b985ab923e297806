//go:build linux

package host

import (
	"errors"
	"fmt"
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

// deepest is how many ancestors of a process are looked at.
const deepest = 256

// Confined reports whether a process of this user is one of a confined plugin, or may have
// been, for it is gone. The number is as the daemon sees it; 0 is that of one in a pid
// namespace which is not below the daemon's, as plugins' are.
func (h *Host) Confined(uid uint32, pid int) bool { return h.spawner.confines(uid, pid) }

func (s *spawner) confines(uid uint32, pid int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.users[uid] || pid <= 0 {
		return false
	}
	for range 3 { // an ancestor may end meanwhile, and another take its place
		if errors.Is(unix.Kill(pid, 0), unix.ESRCH) {
			return true
		}
		if in, err := s.reaches(pid); err == nil {
			return in
		}
	}
	return true
}

// reaches reports whether a process, or an ancestor, is a confined plugin or in its session.
func (s *spawner) reaches(pid int) (bool, error) {
	for range deepest {
		if s.confined[pid] {
			return true, nil
		}
		if pid <= 1 || pid == os.Getpid() {
			return false, nil
		}
		k, err := kinOf(pid)
		if err != nil {
			return false, err
		}
		if s.confined[k.session] {
			return true, nil
		}
		pid = k.parent
	}
	return true, nil
}

// kin is to whom a process belongs.
type kin struct {
	parent, session int
	ended           bool   // it only waits to be reaped
	began           string // a number of the kernel's
}

func kinOf(pid int) (k kin, err error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return k, fmt.Errorf("see whose process %d is: %w", pid, err)
	}
	// Its name comes before, in parentheses, and may have any character.
	f := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	if len(f) < 20 {
		return k, fmt.Errorf("see whose process %d is: %q", pid, b)
	}
	var errs [2]error
	k.parent, errs[0] = strconv.Atoi(f[1])
	k.session, errs[1] = strconv.Atoi(f[3])
	k.ended, k.began = f[0] == "Z" || f[0] == "X", f[19]
	return k, errors.Join(errs[:]...)
}

// sessionEnds is for how long the processes of a session are ended that go on making more.
const sessionEnds = time.Second

// endSession ends all processes of a session but its first, which has ended and was not
// reaped: until then nobody else has the number.
func endSession(first int) {
	endAll(first, func(pid int) bool { return pid != first })
}

// endAll ends those processes of a session that are meant.
func endAll(session int, meant func(pid int) bool) {
	for end := time.Now().Add(sessionEnds); ; time.Sleep(5 * time.Millisecond) {
		if endSome(session, meant) == 0 || time.Now().After(end) {
			return
		}
	}
}

// endSome ends those that it sees, and returns how many it saw.
func endSome(session int, meant func(pid int) bool) (n int) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return 0
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if k, err := kinOf(pid); err == nil && k.session == session && !k.ended && meant(pid) {
			n++
			_ = unix.Kill(pid, unix.SIGKILL)
		}
	}
	return n
}

// leftSession begins the name of a file that says which session there may be something
// left of, should the daemon be killed, and what follows is its number. In the file are the
// user, and when the first of the session began.
const leftSession = "session-"

// note has a later daemon find the session of a process, if it can: a plugin is not to be
// without its checks for that.
func (s *spawner) note(p *process) {
	if k, err := kinOf(p.pid); err == nil {
		_ = os.WriteFile(s.noteOf(p), fmt.Appendln(nil, p.uid, k.began), 0o600)
	}
}

// forget removes what note made, if anything.
func (s *spawner) forget(p *process) { _ = os.Remove(s.noteOf(p)) }

func (s *spawner) noteOf(p *process) string {
	return filepath.Join(s.dir, leftSession+strconv.Itoa(p.pid))
}

// endLeft ends what is left of the session that a file of a daemon tells of which was killed.
func endLeft(path string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("look for leftovers of plugins: %w", err)
	}
	first, err := strconv.Atoi(strings.TrimPrefix(filepath.Base(path), leftSession))
	user, began, ok := strings.Cut(strings.TrimSpace(string(b)), " ")
	// As long as one of the session lives no other process gets its number.
	if k, e := kinOf(first); err == nil && ok && first > 1 && (e != nil || k.began == began) {
		endAll(first, func(pid int) bool { return confinedAs(pid, user) })
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("remove a leftover of a plugin: %w", err)
	}
	return nil
}

// confinedAs reports whether a process has this user and can gain no privileges, as those
// of plugins.
func confinedAs(pid int, user string) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	return err == nil && strings.Contains(string(b), "\nUid:\t"+user+"\t") && strings.Contains(string(b), "\nNoNewPrivs:\t1\n")
}
