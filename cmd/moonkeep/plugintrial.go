package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// mute is a server that takes everything, and says nothing: the kernel takes
// connections and datagrams for it.
type mute struct {
	address netip.AddrPort
	tcp     net.Listener
	udp     net.PacketConn
}

func newMute() (*mute, error) {
	// The same port of both.
	for range 20 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("make a server that says nothing: %w", err)
		}
		p, err := net.ListenPacket("udp", l.Addr().String())
		if err != nil {
			l.Close()
			continue
		}
		return &mute{l.Addr().(*net.TCPAddr).AddrPort(), l, p}, nil
	}
	return nil, errors.New("make a server that says nothing: no port is free for TCP and UDP")
}

func (s *mute) close() {
	s.tcp.Close()
	s.udp.Close()
}

// relative is a process that another one started.
type relative struct {
	pid   int
	name  string
	born  string // with pid, who it is
	state string
}

func (r relative) String() string {
	if r.state == "Z" {
		return fmt.Sprintf("%s (process %d, which ended and was not waited for)", r.name, r.pid)
	}
	return fmt.Sprintf("%s (process %d)", r.name, r.pid)
}

// alive reports whether the process is still that one.
func (r relative) alive() bool {
	now, _, ok := readStat(r.pid)
	return ok && now.born == r.born
}

// readStat is a process and its parent.
func readStat(pid int) (r relative, parent int, ok bool) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return r, 0, false // it is gone
	}
	// pid (name) state parent ... the 22nd is when it began
	open, end := strings.IndexByte(string(b), '('), strings.LastIndexByte(string(b), ')')
	if open < 0 || end < open {
		return r, 0, false
	}
	f := strings.Fields(string(b[end+1:]))
	if len(f) < 20 {
		return r, 0, false
	}
	parent, err = strconv.Atoi(f[1])
	return relative{pid, string(b[open+1 : end]), f[19], f[0]}, parent, err == nil
}

// offspring is what a process started, and what that started.
func offspring(pid int) (list []relative) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	children := map[int][]relative{}
	for _, e := range entries {
		if n, err := strconv.Atoi(e.Name()); err == nil {
			if r, parent, ok := readStat(n); ok {
				children[parent] = append(children[parent], r)
			}
		}
	}
	for look := []int{pid}; len(look) > 0; look = look[1:] {
		for _, r := range children[look[0]] {
			list, look = append(list, r), append(look, r.pid)
		}
	}
	return list
}

// leaves has a plugin probe some times, and finds what of the probes is left:
// one helper may stay, one for each probe may not.
func leaves(probe func(), pid int) error {
	before := len(offspring(pid))
	const times = 2
	for range times {
		probe()
	}
	for begin := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		now := offspring(pid)
		if len(now) < before+times {
			return nil
		}
		if time.Since(begin) > trialLimit {
			slices.SortFunc(now, func(a, b relative) int { return a.pid - b.pid })
			return fmt.Errorf("after %d probes %d processes more are there than before, such as %v; it has to wait for what it starts, and to end it with the probe", times, len(now)-before, now[len(now)-1])
		}
	}
}

// ends waits for the end of a process that was told to, and of those that it
// started. The host gives it longer than it has here, so that who is still there
// is seen.
func ends(pid int, started []relative) error {
	for begin := time.Now(); syscall.Kill(pid, 0) != syscall.ESRCH; time.Sleep(5 * time.Millisecond) {
		if time.Since(begin) > endLimit {
			return fmt.Errorf("process %d still ran %s after its input had ended; the daemon ends it by force", pid, endLimit)
		}
	}
	time.Sleep(50 * time.Millisecond) // the kernel ends the others after it
	for _, r := range started {
		if r.alive() {
			return fmt.Errorf("%v, which it had started, still runs", r)
		}
	}
	return nil
}

// endLimit is how long a plugin may take to end that is told to.
const endLimit = 2 * time.Second
