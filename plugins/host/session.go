//go:build linux

package host

import (
	"errors"
	"fmt"
	"os"
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
	ended           bool // it only waits to be reaped
}

func kinOf(pid int) (k kin, err error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return k, fmt.Errorf("see whose process %d is: %w", pid, err)
	}
	// Its name comes before, in parentheses, and may have any character.
	state, group := "", 0
	if _, err := fmt.Sscan(string(b[strings.LastIndexByte(string(b), ')')+1:]), &state, &k.parent, &group, &k.session); err != nil {
		return k, fmt.Errorf("see whose process %d is: %w", pid, err)
	}
	k.ended = state == "Z" || state == "X"
	return k, nil
}

// sessionEnds is for how long the processes of a session are ended that go on making more.
const sessionEnds = time.Second

// endSession ends all processes of a session but its first, which has ended and was not
// reaped: until then nobody else has the number.
func endSession(first int) {
	for end := time.Now().Add(sessionEnds); ; time.Sleep(5 * time.Millisecond) {
		if endSome(first) == 0 || time.Now().After(end) {
			return
		}
	}
}

// endSome ends those that it sees, and returns how many it saw.
func endSome(first int) (n int) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return 0
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == first {
			continue
		}
		if k, err := kinOf(pid); err == nil && k.session == first && !k.ended {
			n++
			_ = unix.Kill(pid, unix.SIGKILL)
		}
	}
	return n
}
