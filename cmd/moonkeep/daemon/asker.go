package daemon

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// asker finds out whose names are that somebody else has. It has patience with all of them
// together, and looks at the processes of the host for all of them at once.
type asker struct {
	until  time.Time
	looked time.Time
	// holders are the processes that have a socket open, by its inode.
	holders map[string][]int32
}

// lookPause is how long what is known of processes is good enough: a name may have been
// taken since.
const lookPause = 200 * time.Millisecond

func newAsker() *asker { return &asker{until: time.Now().Add(namePatience)} }

// owner returns whose the socket of a name is that nobody can ask: it does not listen, or
// too many ask it. Whether that is settled is known too: a moonkeep that begins has a name
// a moment before it listens. It is nil when nobody can be seen to have it.
func (a *asker) owner(name string) (who *unix.Ucred, settled bool) {
	inode, listens := socketOf(name)
	if inode == "" {
		return nil, false
	}
	if _, known := a.holders[inode]; !known && (a.looked.IsZero() || time.Since(a.looked) > lookPause && time.Now().Before(a.until)) {
		a.look()
	}
	for _, pid := range a.holders[inode] {
		uid, parent, err := userOf(pid)
		if err != nil {
			continue // it has ended
		}
		if x := (&unix.Ucred{Pid: pid, Uid: uid}); trusted(x) {
			who = x
		} else if !slices.Contains(a.holders[inode], parent) { // else it began just now, and closes it
			return x, listens // whoever else was given it
		}
	}
	return who, who != nil && listens
}

func (a *asker) look() {
	a.holders = map[string][]int32{}
	dirs, _ := filepath.Glob("/proc/[0-9]*") // the pattern is right
	for _, dir := range dirs {
		has, _ := socketsOf(dir + "/fd") // it may have ended, or be none of our business
		pid, err := strconv.ParseInt(filepath.Base(dir), 10, 32)
		if err != nil {
			continue
		}
		for inode := range has {
			a.holders[inode] = append(a.holders[inode], int32(pid))
		}
	}
	a.looked = time.Now()
}

// socketOf returns the inode of the socket that has an abstract name in the calling
// thread's network namespace, and whether it listens; empty when there is none, or it is
// not known which: the kernel writes names as they are, and one may have lines in it that
// look like another's.
func socketOf(name string) (inode string, listens bool) {
	const (
		listening = 0x10000 // __SO_ACCEPTCON
		stream    = "0001"  // SOCK_STREAM; names of other types are others
		free      = "01"    // SS_UNCONNECTED; those who were answered have the same name
	)
	list, _ := os.ReadFile("/proc/thread-self/net/unix") // else it is not known
	for line := range strings.Lines(string(list)) {
		line, is := strings.CutSuffix(strings.TrimRight(line, "\n"), " @"+name)
		f := strings.Fields(line)
		if !is || len(f) != 7 || f[4] != stream || f[5] != free {
			continue
		}
		if inode != "" {
			return "", false
		}
		flags, _ := strconv.ParseUint(f[3], 16, 32) // else it does not listen
		inode, listens = f[6], flags&listening != 0
	}
	return inode, listens
}

// userOf returns the real user of a process, who remains the same where somebody has a
// program of root's take over his sockets, and its parent.
func userOf(pid int32) (uid uint32, parent int32, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0, err
	}
	number := func(key string, at int) (n uint64) {
		_, rest, _ := strings.Cut(string(text), "\n"+key+":")
		line, _, _ := strings.Cut(rest, "\n")
		f := strings.Fields(line)
		if at >= len(f) {
			err = fmt.Errorf("process %d has no %s", pid, key)
			return 0
		}
		n, err = strconv.ParseUint(f[at], 10, 32)
		return n
	}
	parent = int32(number("PPid", 0))
	if err == nil {
		uid = uint32(number("Uid", 0))
	}
	return uid, parent, err
}
