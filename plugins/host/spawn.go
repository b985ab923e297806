//go:build linux

package host

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/program"
)

// spawner starts processes from one thread that lives as long as it: the
// signal that a process gets when its parent ends is sent when the thread
// that started it does. close ends it.
type spawner struct {
	starts chan func()
	// turns holds one: who puts it there may start a process, and takes it out then.
	turns chan struct{}
	quit  chan struct{}
	over  chan struct{}
	cell  func() (int, func(bool)) // see Options.Cell; nil for none
	dir   string                   // where it notes what a daemon that is killed leaves
	log   *slog.Logger

	mu sync.Mutex // guards what follows; held while a process starts
	// running are the processes that are not Plain, until they are reaped, and users
	// those as whom there were any.
	running map[int]*process
	users   map[uint32]bool
}

// newSpawner begins the thread with prepare, unless that is nil.
func newSpawner(prepare func() error, cell func() (int, func(bool)), dir string, log *slog.Logger) (*spawner, error) {
	s := &spawner{
		starts: make(chan func()), turns: make(chan struct{}, 1), quit: make(chan struct{}), over: make(chan struct{}), cell: cell, dir: dir,
		running: make(map[int]*process), users: make(map[uint32]bool), log: log,
	}
	begun := make(chan error)
	go func() {
		defer close(s.over)
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		if prepare != nil {
			if err := prepare(); err != nil {
				begun <- err
				return
			}
		}
		close(begun)
		for {
			select {
			case f := <-s.starts:
				f()
			case <-s.quit:
				return
			}
		}
	}()
	if err := <-begun; err != nil {
		<-s.over
		return nil, fmt.Errorf("prepare to start plugins: %w", err)
	}
	return s, nil
}

func (s *spawner) close() {
	close(s.quit)
	<-s.over
}

// process is one started process, from start to the end of everything in it.
type process struct {
	pid    int
	uid    uint32 // of what it runs as
	space  spaceID
	stdin  *os.File
	stdout *os.File
	stderr *os.File
	alive  *os.File // the daemon's end of the liveness pipe
	dir    *os.File // where its socket is
	given  bool     // dir is the process's user's
	plain  bool
	// leaves says that what it started is in no pid namespace of its own, and has to be
	// looked for when it has ended.
	leaves bool
	// survivors is how many of these could not be ended; set before done.
	survivors int
	// meddled is how often it, or what it started, was cut off the control socket.
	meddled atomic.Int32

	done chan struct{} // closed when it has ended and was reaped
	// left is called then; nil when nothing is.
	left func(kill bool)

	mu     sync.Mutex // guards what follows
	reaped bool
	status syscall.WaitStatus
}

// spec says what is to be started.
type spec struct {
	plugin Plugin
	netns  string
	args   []string
	env    []string
	// dir is the directory for sockets; the plugin's user will own it.
	dir string
}

// spawn starts a plugin by way of the launcher. file is its program.
func (s *spawner) spawn(sp spec, file *os.File) (_ *process, err error) {
	l, uid, err := sp.launch(file)
	if err != nil {
		return nil, err
	}
	var pipes [6][2]*os.File
	var inherit []*os.File
	defer func() {
		for _, f := range inherit {
			f.Close() // the process has its own
		}
		if err != nil {
			for _, p := range pipes {
				for _, f := range p {
					if f != nil {
						f.Close()
					}
				}
			}
		}
	}()
	for i := range pipes {
		if pipes[i][0], pipes[i][1], err = os.Pipe(); err != nil {
			return nil, fmt.Errorf("make a pipe: %w", err)
		}
	}
	// What the daemon keeps is its own; what the process gets must block.
	in, out, errs, alive, told, ready := pipes[0], pipes[1], pipes[2], pipes[3], pipes[4], pipes[5]
	dir, err := ownDir(sp.dir, l)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			dir.Close()
		}
	}()
	inherit = []*os.File{in[0], out[1], errs[1], alive[0], told[0], ready[1]}
	files := []*os.File{in[0], out[1], errs[1], alive[0], dir, told[0], file, ready[1]}
	var space spaceID
	if sp.netns != "" {
		ns, err := openNetNS(sp.netns)
		if err != nil {
			return nil, err
		}
		inherit = append(inherit, ns)
		if space, err = spaceOf(ns); err != nil {
			return nil, err
		}
		files = append(files, ns)
		l.NetNS = true
	}
	raw, err := json.Marshal(l)
	if err != nil {
		return nil, fmt.Errorf("write what to launch: %w", err)
	}
	// A pipe holds 64 KiB without a reader, and this is some hundred bytes.
	if len(raw) > 32<<10 {
		return nil, fmt.Errorf("the arguments and the environment of %s are too long", sp.plugin)
	}
	if _, err = told[1].Write(raw); err != nil {
		return nil, fmt.Errorf("write what to launch: %w", err)
	}
	if err = told[1].Close(); err != nil {
		return nil, fmt.Errorf("write what to launch: %w", err)
	}
	attr := &syscall.ProcAttr{Env: append(raceEnv(), "GOMAXPROCS=1", "GOTRACEBACK=none"), Files: make([]uintptr, len(files))}
	for i, f := range files {
		attr.Files[i] = f.Fd()
	}
	p := &process{uid: uid, space: space, stdin: in[1], stdout: out[0], stderr: errs[0], alive: alive[1], dir: dir, given: l.Switch, plain: l.Plain, done: make(chan struct{})}
	if err = s.fork(p, attr, ready, !sp.plugin.Plain); err != nil {
		if p.left != nil {
			p.left(false)
		}
		return nil, fmt.Errorf("start %s: %w", sp.plugin, err)
	}
	if p.leaves = p.leaves && l.Fork; p.leaves {
		s.note(p)
	}
	go func() {
		p.wait()
		if p.leaves {
			s.forget(p)
		}
		if p.survivors > 0 {
			s.log.Warn("what a plugin started outlives it, and could not be ended", "pid", p.pid, "processes", p.survivors)
		}
		s.mu.Lock()
		if s.running[p.pid] == p {
			delete(s.running, p.pid)
		}
		s.mu.Unlock()
		close(p.done)
	}()
	return p, nil
}

// fork starts the launcher on the thread: in a session of its own (so that
// all that it forks have one share of the processors, by sched_autogroup) and,
// where the daemon may make one, in a pid namespace of its own, so that
// whatever it starts ends with it; else in a cell. The thread takes the next only when the
// launcher has closed its end of ready: until then that runs beside the daemon, as urgent as it.
func (s *spawner) fork(p *process, attr *syscall.ProcAttr, ready [2]*os.File, namespace bool) error {
	attr.Sys = &syscall.SysProcAttr{Setsid: true}
	if namespace {
		attr.Sys.Cloneflags = unix.CLONE_NEWPID
	} else if s.cell != nil {
		fd, end := s.cell()
		attr.Sys.UseCgroupFD, attr.Sys.CgroupFD = fd != 0, fd
		p.left = end
	}
	p.leaves = !namespace && !p.plain
	answer := make(chan error, 1)
	start := func() {
		s.mu.Lock()
		pid, _, err := syscall.StartProcess("/proc/self/exe", []string{launchName}, attr)
		if p.pid = pid; err == nil && !p.plain {
			s.running[pid], s.users[p.uid] = p, true
		}
		s.mu.Unlock()
		answer <- err
		if err == nil {
			await(ready)
		}
	}
	select {
	case s.starts <- start:
	case <-s.quit:
		return ErrClosed
	}
	err := <-answer
	if namespace && (errors.Is(err, unix.EPERM) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSPC)) {
		return s.fork(p, attr, ready, false)
	}
	return err
}

// launching is how long a launcher is waited for before the next is started. It takes
// some 20 ms of the processor.
const launching = 200 * time.Millisecond

// await waits until the launcher has closed its end of a pipe, or has ended, and closes
// the daemon's.
func await(ready [2]*os.File) {
	defer ready[0].Close()
	ready[1].Close()
	// What goes wrong here only starts the next one sooner.
	if ready[0].SetReadDeadline(time.Now().Add(launching)) == nil {
		_, _ = ready[0].Read(make([]byte, 1))
	}
}

// launch is what the launcher is told.
func (sp *spec) launch(file *os.File) (launchSpec, uint32, error) {
	p := sp.plugin
	l := launchSpec{
		Args: sp.args, Env: sp.env, Script: isScript(file), Fork: p.Processes > 0 || p.Plain, Plain: p.Plain,
		OpenFiles: uint64(p.OpenFiles), Nice: p.Nice,
	}
	if p.Memory > 0 && !(raceDetector && p.Path == "") {
		l.Memory = uint64(p.Memory) + reserved
	}
	who, err := program.Who(p.User, p.Group)
	if err != nil {
		return l, 0, fmt.Errorf("%s: %w", p, err)
	}
	l.UID, l.GID = int(who.UID), int(who.GID)
	for _, g := range who.Groups {
		l.Groups = append(l.Groups, int(g))
	}
	if !p.Plain {
		l.Groups = []int{l.GID} // further groups are further files
	}
	l.Switch = os.Geteuid() == 0
	if !l.Switch && l.UID != os.Geteuid() {
		return l, 0, fmt.Errorf("%s: the daemon (uid %d) may not become user %s; run it as root", p, os.Geteuid(), p.User)
	}
	for _, c := range p.Allow {
		l.Caps = append(l.Caps, capabilities[c])
	}
	if seesAll("/proc/self/ns/pid") {
		l.Processes = mostProcesses(p, tasksOf(l.UID))
	}
	if p.Plain {
		l.Env = append(l.Env, "HOME="+who.Home, "USER="+who.Name, "LOGNAME="+who.Name)
	}
	return l, uint32(l.UID), nil
}

// reserved is what the runtime of a program in Go, and the stacks of threads,
// ask the kernel for and do not use, in bytes. The kernel counts it.
const reserved = 96 << 20

// mostProcesses is the limit of a plugin as a user who has so many tasks. The kernel counts
// all of these, threads too, and not those of root. It does so across containers, of which
// one sees its own: there no number leaves enough room.
func mostProcesses(p Plugin, tasks int) uint64 {
	if p.Plain && p.Processes == 0 {
		return 0
	}
	return uint64(p.Processes + mostTasks + tasks)
}

// mostTasks is room for the threads of a plugin itself, and for what else the user starts
// later.
const mostTasks = 1024

// seesAll is whether the daemon's pid namespace is the machine's first, which sees the
// processes of all others. Its number is fixed in the kernel.
func seesAll(link string) bool {
	name, err := os.Readlink(link)
	return err == nil && name == "pid:[4026531836]"
}

// tasksOf counts the tasks of a user. Who ends meanwhile is not counted.
func tasksOf(uid int) int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return 0
	}
	n := 0
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !info.IsDir() || strings.Trim(e.Name(), "0123456789") != "" {
			continue
		}
		if st, ok := info.Sys().(*syscall.Stat_t); !ok || int(st.Uid) != uid {
			continue
		}
		tasks, err := os.ReadDir("/proc/" + e.Name() + "/task")
		if err == nil {
			n += len(tasks)
		}
	}
	return n
}

// ownDir gives a directory to a plugin's user, and opens it for him.
func ownDir(path string, l launchSpec) (*os.File, error) {
	fd, err := unix.Open(path, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, fmt.Errorf("open the directory for sockets %s: %w", path, err)
	}
	f := os.NewFile(uintptr(fd), path)
	if !l.Switch {
		return f, nil
	}
	if err := os.Lchown(path, l.UID, l.GID); err != nil {
		f.Close()
		return nil, fmt.Errorf("give the directory for sockets away: %w", err)
	}
	return f, nil
}

// wait reaps the process. It is the only one who does.
func (p *process) wait() {
	for {
		// Not to reap yet: until then nobody else can have the number.
		err := unix.Waitid(unix.P_PID, p.pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if err != unix.EINTR {
			break
		}
	}
	// What is left of its group, where there is no pid namespace, and of its session.
	_ = syscall.Kill(-p.pid, syscall.SIGKILL)
	if p.leaves {
		p.survivors = endSession(p.pid)
	}
	p.mu.Lock()
	for {
		_, err := syscall.Wait4(p.pid, &p.status, 0, nil)
		if err != syscall.EINTR {
			break
		}
	}
	p.reaped = true
	p.mu.Unlock()
	if p.left != nil {
		p.left(!p.plain)
	}
}

// kill ends the process and its group at once.
func (p *process) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reaped {
		return
	}
	// The group may be gone, or the process may have left it; both are tried.
	_ = syscall.Kill(-p.pid, syscall.SIGKILL)
	_ = syscall.Kill(p.pid, syscall.SIGKILL)
}

// ended says how the process came to its end, after done.
func (p *process) ended() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.meddled.Load() > mostMeddling:
		return "was ended, for it went on connecting to the control socket"
	case p.status.Signaled():
		return "was killed by " + unix.SignalName(p.status.Signal())
	case p.status.Exited():
		return fmt.Sprintf("ended with status %d", p.status.ExitStatus())
	}
	return "ended"
}

// close lets go of the daemon's ends of the pipes, after done: what still
// reads them ends.
func (p *process) close() {
	p.farewell()
	p.stdout.Close()
	p.stderr.Close()
	p.dir.Close()
}

// farewell asks the process to end: it sees its input and the liveness pipe
// closed. It may be called again.
func (p *process) farewell() {
	p.stdin.Close()
	p.alive.Close()
}
