//go:build linux

package numfile

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// tick is how often a file is read without an event.
	tick = time.Second
	// settle is how long a file that is being written is let alone: whoever
	// truncates it and then writes must not be read in between.
	settle = 20 * time.Millisecond
	// hung is how long reading may take before the file is of no use, as on a
	// network file system whose server is gone.
	hung = 5 * time.Second
	// closeLimit is how long Close waits for a read that hangs.
	closeLimit = time.Second
)

// Watcher follows some files. Its goroutines are one for inotify and one for
// each file.
type Watcher struct {
	files []*follower
	tell  func(name string, r Reading)
	ends  chan struct{}
	once  sync.Once
	wg    sync.WaitGroup
	// inotify is nil where there is none: the ticks must do.
	inotify *os.File

	mu sync.Mutex // guards what follows
	// spots says who looks at which names in a watched folder; the name of a
	// watched file is "".
	spots map[int]map[string][]*follower
}

// follower follows one file.
type follower struct {
	w          *Watcher
	name, path string
	now, soon  chan struct{}    // one wake may wait in each
	spots      map[int][]string // its part of Watcher.spots, guarded by its mutex

	mu      sync.Mutex // guards what follows
	reading bool
	told    bool
	last    Reading
	closed  bool
}

// New returns a watcher of the files with these paths, by name. It touches
// nothing before Start.
func New(paths map[string]string) *Watcher {
	w := &Watcher{ends: make(chan struct{}), spots: map[int]map[string][]*follower{}}
	for name, path := range paths {
		if abs, err := filepath.Abs(path); err == nil {
			path = abs
		}
		w.files = append(w.files, &follower{w: w, name: name, path: path, now: make(chan struct{}, 1), soon: make(chan struct{}, 1)})
	}
	return w
}

// Start begins: each file is told once, and again whenever what is in it
// changed. Tell is called by one goroutine at a time for each file. Start is
// called once at most.
func (w *Watcher) Start(tell func(name string, r Reading)) {
	w.tell = tell
	if len(w.files) == 0 {
		return
	}
	// Without inotify, of which a user may have some 100 only, files are read
	// each second all the same.
	if fd, err := unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC); err == nil {
		w.inotify = os.NewFile(uintptr(fd), "inotify")
		w.wg.Go(w.listen)
	}
	for _, f := range w.files {
		w.wg.Go(f.follow)
	}
}

// Close ends it. Nothing is told afterwards. The error names a file that hangs.
func (w *Watcher) Close() error {
	var stuck []string
	w.once.Do(func() {
		close(w.ends)
		for _, f := range w.files {
			f.mu.Lock()
			f.closed = true
			f.mu.Unlock()
		}
		if w.inotify != nil {
			w.inotify.Close() // a descriptor of inotify has nothing to lose
		}
		done := make(chan struct{})
		go func() { w.wg.Wait(); close(done) }()
		select {
		case <-done:
		case <-time.After(closeLimit):
			for _, f := range w.files {
				f.mu.Lock()
				if f.reading {
					stuck = append(stuck, f.path)
				}
				f.mu.Unlock()
			}
		}
	})
	if len(stuck) > 0 {
		return fmt.Errorf("reading does not end: %s", strings.Join(stuck, ", "))
	}
	return nil
}

// follow reads the file whenever there is reason to.
func (f *follower) follow() {
	timer := time.NewTicker(tick)
	defer timer.Stop()
	for sure := true; ; {
		r := f.look()
		if !sure && f.differs(r) {
			if f.pause() {
				return
			}
			r = f.look()
		}
		f.report(r, false)
		select {
		case <-f.now:
			sure = true
		case <-f.soon:
			if f.pause() {
				return
			}
			sure = true
		case <-timer.C:
			sure = false // nobody knows who is writing
		case <-f.w.ends:
			return
		}
	}
}

// pause lets a writer finish, and reports whether the watcher ends.
func (f *follower) pause() (ends bool) {
	select {
	case <-time.After(settle):
	case <-f.now:
	case <-f.w.ends:
		return true
	}
	return false
}

// look watches the way to the file, then reads it. When that hangs the file is
// told to be of no use.
func (f *follower) look() Reading {
	f.mu.Lock()
	f.reading = true
	f.mu.Unlock()
	alarm := time.AfterFunc(hung, func() {
		f.report(Reading{Failure: fmt.Sprintf("reading it takes longer than %v", hung)}, true)
	})
	f.w.watch(f, way(f.path))
	r := Read(f.path)
	alarm.Stop()
	f.mu.Lock()
	f.reading = false
	f.mu.Unlock()
	return r
}

func (f *follower) differs(r Reading) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.told && f.last != r
}

// report tells what is new. With late it is told only while reading goes on.
func (f *follower) report(r Reading, late bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed || late && !f.reading || f.told && f.last == r {
		return
	}
	f.told, f.last = true, r
	f.w.tell(f.name, r)
}

const (
	folderMask = unix.IN_CREATE | unix.IN_DELETE | unix.IN_MOVED_FROM | unix.IN_MOVED_TO | unix.IN_ATTRIB |
		unix.IN_DELETE_SELF | unix.IN_MOVE_SELF | unix.IN_ONLYDIR
	fileMask = unix.IN_MODIFY | unix.IN_CLOSE_WRITE | unix.IN_ATTRIB | unix.IN_DELETE_SELF | unix.IN_MOVE_SELF
)

// watch has the follower woken by changes on the way to its file, and by no
// others any more. What cannot be watched is left to the ticks.
func (w *Watcher) watch(f *follower, steps []step) {
	if w.inotify == nil {
		return
	}
	wanted := map[int][]string{}
	for _, s := range steps {
		mask := uint32(folderMask)
		if s.name == "" {
			mask = fileMask
		}
		w.control(func(fd int) {
			if wd, err := unix.InotifyAddWatch(fd, s.path, mask); err == nil {
				wanted[wd] = append(wanted[wd], s.name)
			}
		})
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for wd, names := range f.spots {
		for _, name := range names {
			who := w.spots[wd][name]
			if i := slices.Index(who, f); i >= 0 && !slices.Contains(wanted[wd], name) {
				w.leave(wd, name, slices.Delete(who, i, i+1))
			}
		}
	}
	f.spots = wanted
	for wd, names := range wanted {
		if w.spots[wd] == nil {
			w.spots[wd] = map[string][]*follower{}
		}
		for _, name := range names {
			if who := w.spots[wd][name]; !slices.Contains(who, f) {
				w.spots[wd][name] = append(who, f)
			}
		}
	}
}

// leave notes who still looks at a name, and ends a watch that nobody needs.
// Another who asks for it at this moment asks again with the next tick.
func (w *Watcher) leave(wd int, name string, who []*follower) {
	if len(who) > 0 {
		w.spots[wd][name] = who
		return
	}
	delete(w.spots[wd], name)
	if len(w.spots[wd]) > 0 {
		return
	}
	delete(w.spots, wd)
	w.control(func(fd int) {
		// It may be gone already, and then there is nothing to remove.
		_, _ = unix.InotifyRmWatch(fd, uint32(wd))
	})
}

// control calls f with the descriptor of inotify, unless it is closed.
func (w *Watcher) control(f func(fd int)) {
	if c, err := w.inotify.SyscallConn(); err == nil {
		_ = c.Control(func(fd uintptr) { f(int(fd)) }) // it fails when closed
	}
}

// listen wakes followers until the inotify descriptor is closed.
func (w *Watcher) listen() {
	buf := make([]byte, 64<<10)
	for {
		n, err := w.inotify.Read(buf)
		if err != nil {
			return // closed: the descriptor has no other error
		}
		for b := buf[:n]; len(b) >= unix.SizeofInotifyEvent; {
			wd := int(int32(binary.NativeEndian.Uint32(b)))
			mask := binary.NativeEndian.Uint32(b[4:])
			end := unix.SizeofInotifyEvent + int(binary.NativeEndian.Uint32(b[12:]))
			name, _, _ := strings.Cut(string(b[unix.SizeofInotifyEvent:end]), "\x00")
			b = b[end:]
			w.dispatch(wd, mask, name)
		}
	}
}

// dispatch wakes who looks at the name, or everybody when the kernel lost
// events or what they look at is gone.
func (w *Watcher) dispatch(wd int, mask uint32, name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if mask&unix.IN_Q_OVERFLOW != 0 {
		for _, f := range w.files {
			poke(f.now)
		}
		return
	}
	gone := mask&(unix.IN_IGNORED|unix.IN_DELETE_SELF|unix.IN_MOVE_SELF|unix.IN_UNMOUNT) != 0
	for at, who := range w.spots[wd] {
		if at != name && !gone {
			continue
		}
		for _, f := range who {
			if mask&unix.IN_MODIFY != 0 {
				poke(f.soon)
			} else {
				poke(f.now)
			}
		}
	}
	if mask&unix.IN_IGNORED != 0 {
		delete(w.spots, wd)
	}
}

// poke wakes who listens to c, once.
func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// step is a folder on the way to a file, with the name that matters there, or,
// with the name "", the file itself.
type step struct{ path, name string }

// mostLinks is how many symbolic links may be on the way, as in the kernel.
const mostLinks = 40

// way returns the steps from the root to the file, through all symbolic links,
// as far as they exist.
func way(path string) []step {
	var steps []step
	at, links := "/", 0
	for rest := split(path); len(rest) > 0; {
		name := rest[0]
		rest = rest[1:]
		if name == ".." {
			at = at[:max(1, strings.LastIndexByte(at, '/'))]
			continue
		}
		steps = append(steps, step{at, name})
		next := strings.TrimSuffix(at, "/") + "/" + name
		info, err := os.Lstat(next)
		switch {
		case err != nil:
			return steps
		case info.Mode()&os.ModeSymlink != 0:
			to, err := os.Readlink(next)
			if links++; err != nil || links > mostLinks {
				return steps
			}
			if strings.HasPrefix(to, "/") {
				at = "/"
			}
			rest = append(split(to), rest...)
		case len(rest) == 0:
			return append(steps, step{next, ""})
		default:
			at = next
		}
	}
	return steps
}

func split(path string) []string {
	return slices.DeleteFunc(strings.Split(path, "/"), func(s string) bool { return s == "" || s == "." })
}
