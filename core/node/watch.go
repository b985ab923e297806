package node

import (
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/moonkeep/moonkeep/core/mono"
	"github.com/moonkeep/moonkeep/core/track"
)

// File is one track_file: a file that holds a number. Where it is, is the
// edge's business; another Path in a later configuration means another file.
type File struct{ Name, Path string }

// Process is one vrrp_track_process: how many processes must run. Which they
// are is the edge's business.
type Process struct {
	Name   string
	Quorum track.Quorum
	// ForkDelay is how long more processes, and TerminateDelay how long fewer,
	// must be there before that counts.
	ForkDelay, TerminateDelay time.Duration
}

// TrackFile makes an instance's fate depend on the number in a file
// (track.FileEffect).
type TrackFile struct {
	Name    string
	Weight  int
	Reverse bool
}

// TrackProcess makes an instance's fate depend on processes, as
// TrackInterface.
type TrackProcess struct {
	Name    string
	Weight  int
	Reverse bool
}

// FileRead says what is in a file, whole: the edge sends it for each file at
// start and whenever that changed. Repeats are harmless.
type FileRead struct {
	File string
	// Value is the number; 0 when there is no file, or nothing in it.
	Value int64
	// Missing is true when there is no file.
	Missing bool
	// Failure is why the file is of no use, empty when it is. Whoever tracks
	// it is then at fault: the number might be any.
	Failure string
}

// ProcessesCounted says how many processes run, as FileRead says what is in a
// file.
type ProcessesCounted struct {
	Process string
	Count   int
	// Method is how they are counted, for people.
	Method string
	// Failure is why they cannot be counted, empty when they can. Whoever
	// tracks them is then at fault.
	Failure string
}

func (*FileRead) event()         {}
func (*ProcessesCounted) event() {}

// file is a tracked file with what was last read.
type file struct {
	cfg   File
	known bool
	read  FileRead
	since mono.Instant // of what was read
	quiet mono.Instant // until when another number alone is not told
	users []*instance
	// checks are the numbers of those that follow it.
	checks []uint32
}

// process is a tracked process with what was last counted.
type process struct {
	cfg   Process
	known bool
	seen  ProcessesCounted
	life  track.Debounce
	// fewer says that the change under way is one to fewer of them.
	fewer bool
	timer *timed
	users []*instance
}

func (n *Node) fileRead(now mono.Instant, e *FileRead) {
	f := n.files[e.File]
	if f == nil || f.known && f.read == *e {
		return
	}
	n.learn(now, f, e)
	n.settleAll(now, f.users)
	n.fileTold(now, f)
}

// learn takes what is in a file, which nobody has looked at yet.
func (n *Node) learn(now mono.Instant, f *file, e *FileRead) {
	before, known := f.read, f.known
	f.read, f.known, f.since = *e, true, now
	switch {
	case e.Failure != "" && before.Failure != e.Failure:
		n.note(Warn, "", "check", fmt.Sprintf("file %s is unusable: %s", e.File, e.Failure))
	case e.Failure == "" && (before.Failure != "" || !known || now >= f.quiet):
		f.quiet = now.Add(quietFor)
		n.note(Info, "", "check", fmt.Sprintf("file %s is %s", e.File, f.text()))
	}
}

// text is what is in a file, for people.
func (f *file) text() string {
	switch {
	case !f.known:
		return track.Unknown.String()
	case f.read.Failure != "":
		return "of no use"
	case f.read.Missing:
		return "missing, which counts as 0"
	}
	return strconv.FormatInt(f.read.Value, 10)
}

func (n *Node) counted(now mono.Instant, e *ProcessesCounted) {
	p := n.processes[e.Process]
	if p == nil || p.known && p.seen == *e {
		return
	}
	before, known := p.seen, p.known
	p.seen, p.known = *e, true
	if e.Method != before.Method && e.Method != "" {
		n.note(Info, "", "check", fmt.Sprintf("process %s is counted by %s", e.Process, e.Method))
	}
	changed := e.Failure != before.Failure
	if e.Failure != "" {
		state, _ := p.life.State()
		p.life.Force(now, state) // what was under way is not seen through
		if changed {
			n.note(Warn, "", "check", fmt.Sprintf("process %s cannot be counted: %s", e.Process, e.Failure))
		}
	} else {
		if !known || e.Count != before.Count {
			p.delay(e.Count > before.Count)
		}
		changed = n.judgeProcess(now, p) || changed
	}
	n.sched.set(p.timer, p.life.Deadline())
	if changed {
		n.settleAll(now, p.users)
	}
}

// delay sets how long it takes until a change counts: of more processes the
// fork_delay, of fewer the terminate_delay, whatever the quorum makes of it.
func (p *process) delay(more bool) {
	if _, pending := p.life.Pending(); !pending { // else that keeps the time it has
		p.fewer = !more
	}
	wait := p.cfg.TerminateDelay
	if more {
		wait = p.cfg.ForkDelay
	}
	p.life.Delay(wait, wait)
}

// judgeProcess lets a count count, and reports whether the state changed.
func (n *Node) judgeProcess(now mono.Instant, p *process) bool {
	if !p.life.See(now, p.cfg.Quorum.State(p.seen.Count)) {
		return false
	}
	n.tellProcess(p)
	return true
}

func (n *Node) tellProcess(p *process) {
	state, _ := p.life.State()
	l := Info
	if state == track.Down {
		l = Warn
	}
	n.note(l, "", "check", fmt.Sprintf("process %s is %v: %d run, %s", p.cfg.Name, state, p.seen.Count, wanted(p.cfg.Quorum)))
}

func wanted(q track.Quorum) string {
	switch {
	case q.Most == track.NoMost:
		return fmt.Sprintf("at least %d must", q.Least)
	case q.Most == q.Least:
		return fmt.Sprintf("%d must", q.Least)
	}
	return fmt.Sprintf("%d to %d must", q.Least, q.Most)
}

// runProcess does what is due for a process.
func (n *Node) runProcess(now mono.Instant, p *process) {
	changed := p.life.Tick(now)
	n.sched.set(p.timer, p.life.Deadline())
	if changed {
		n.tellProcess(p)
		n.settleAll(now, p.users)
	}
}

// weighFiles adds up tracked files. With weights false, as for a member of a
// sync group, one with the default weight of 1 only faults and any other
// weighted one is not used, as in keepalived.
func (n *Node) weighFiles(in *instance, files []TrackFile, weights bool) (sum int) {
	for _, t := range files {
		weight := t.Weight
		if !weights && weight != 0 {
			if weight != 1 {
				continue
			}
			weight = 0
		}
		f := n.files[t.Name]
		name := "file " + t.Name
		term := Term{Tracker: name, Weight: weight, State: f.text()}
		switch {
		case !f.known:
			in.waiting = append(in.waiting, "the first look at "+name)
		case f.read.Failure != "":
			in.faults = append(in.faults, fmt.Sprintf("%s is unusable: %s", name, f.read.Failure))
		default:
			var fault bool
			if term.Value, fault = track.FileEffect(f.read.Value, weight, t.Reverse); fault {
				in.faults = append(in.faults, fmt.Sprintf("%s is %s", name, f.text()))
			}
		}
		in.terms = append(in.terms, term)
		sum += term.Value
	}
	return sum
}

// weighProcesses adds up tracked processes, as weigh does.
func (n *Node) weighProcesses(in *instance, processes []TrackProcess, weights bool) (sum int) {
	for _, t := range processes {
		if !weights && t.Weight != 0 {
			continue
		}
		p := n.processes[t.Name]
		name := "process " + t.Name
		state, _ := p.life.State()
		switch {
		case p.seen.Failure != "":
			in.faults = append(in.faults, fmt.Sprintf("%s cannot be counted: %s", name, p.seen.Failure))
		case !p.known:
			in.waiting = append(in.waiting, "the first count of "+name)
		default:
			sum += n.term(in, name, state, t.Weight, t.Reverse)
			continue
		}
		in.terms = append(in.terms, Term{Tracker: name, Weight: t.Weight, State: track.Unknown.String()})
	}
	return sum
}

// rewatch replaces the tracked files and processes. One whose name stays, and the path
// of a file, keeps what is known of it until the edge looks again, so that a reload
// disturbs no instance.
func (n *Node) rewatch(now mono.Instant, cfg *Config) {
	files, processes := n.files, n.processes
	n.files, n.fileOrder = map[string]*file{}, nil
	for _, c := range cfg.Files {
		f := files[c.Name]
		if f == nil || f.cfg.Path != c.Path {
			f = &file{}
		}
		f.cfg, f.users = c, nil
		n.files[c.Name] = f
		n.fileOrder = append(n.fileOrder, f)
	}
	for i := range cfg.Readings {
		e := &cfg.Readings[i]
		if f := n.files[e.File]; f != nil && !f.known {
			n.learn(now, f, e)
		}
	}
	n.processes, n.processOrder, n.watched = map[string]*process{}, nil, nil
	for _, c := range cfg.Processes {
		p := processes[c.Name]
		if p == nil {
			p = &process{}
			p.timer = &timed{at: mono.Never, run: func(now mono.Instant) { n.runProcess(now, p) }}
			n.sched.add(p.timer)
		}
		another := p.cfg.Quorum != c.Quorum
		p.cfg, p.users = c, nil
		if p.known && p.seen.Failure == "" {
			// No process began or ended: the delays of that are not this change's. As in
			// keepalived another quorum counts at once.
			if state := c.Quorum.State(p.seen.Count); !another {
				n.judgeProcess(now, p)
			} else if p.life.Force(now, state) {
				n.tellProcess(p)
			}
			n.sched.set(p.timer, p.life.Deadline())
		}
		n.processes[c.Name] = p
		n.processOrder = append(n.processOrder, p)
		n.watched = append(n.watched, p.timer)
	}
	for name, p := range processes {
		if n.processes[name] == nil {
			n.sched.remove(p.timer)
		}
	}
}

// attachWatched finds out who tracks each file and process.
func (n *Node) attachWatched() {
	for _, in := range n.instances {
		files, processes := in.cfg.Files, in.cfg.Processes
		if in.group != nil {
			files = slices.Concat(files, in.group.cfg.Files)
			processes = slices.Concat(processes, in.group.cfg.Processes)
		}
		for _, t := range files {
			if f := n.files[t.Name]; !slices.Contains(f.users, in) {
				f.users = append(f.users, in)
			}
		}
		for _, t := range processes {
			if p := n.processes[t.Name]; !slices.Contains(p.users, in) {
				p.users = append(p.users, in)
			}
		}
	}
}

// FileStatus is one tracked file.
type FileStatus struct {
	Name string
	// Known is false before the first look. Value, Missing and Failure are
	// those of the last FileRead, and Since when it came.
	Known   bool
	Value   int64
	Missing bool
	Failure string
	Since   mono.Instant
	// Users are the instances that track it, and the real servers whose checks
	// follow it.
	Users []string
}

// ProcessStatus is one tracked process.
type ProcessStatus struct {
	Name string
	// State is "up", "down", "unknown", and Since when it began.
	State string
	Since mono.Instant
	// Count is how many run, Quorum how many must.
	Count  int
	Quorum track.Quorum
	// Changes is when the state will change if the count stays; Never when it
	// will not.
	Changes mono.Instant
	// Fewer says that what will change it is that some ended: it waits for the
	// terminate_delay, and not for the fork_delay.
	Fewer bool
	// Method and Failure are those of the last ProcessesCounted.
	Method  string
	Failure string
	Users   []string
}

func (f *file) status() FileStatus {
	st := FileStatus{Name: f.cfg.Name, Known: f.known, Value: f.read.Value, Missing: f.read.Missing, Failure: f.read.Failure, Since: f.since}
	for _, in := range f.users {
		st.Users = append(st.Users, in.cfg.Name)
	}
	return st
}

func (p *process) status() ProcessStatus {
	state, since := p.life.State()
	st := ProcessStatus{
		Name: p.cfg.Name, State: state.String(), Since: since, Count: p.seen.Count, Quorum: p.cfg.Quorum,
		Changes: p.life.Deadline(), Fewer: p.fewer, Method: p.seen.Method, Failure: p.seen.Failure,
	}
	for _, in := range p.users {
		st.Users = append(st.Users, in.cfg.Name)
	}
	return st
}
