//go:build linux

package lab

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// DefaultProbe is how often each virtual address is probed.
const DefaultProbe = 2 * time.Millisecond

// movesBound is how many changes Moves keeps, the first ones; all are told.
const movesBound = 1 << 16

// Options say what a lab is made of.
type Options struct {
	Plan *Plan
	// Daemons has one entry for each node of the plan.
	Daemons []Daemon
	// Probe is the time between two probes of an address; DefaultProbe when
	// zero.
	Probe time.Duration
	// LogDir is where the daemons' logs are kept, NODE.log each; empty means
	// with the lab, where they are removed with it.
	LogDir string
	// Tell is called for everything that happens, by one goroutine at a time.
	// It must not call the lab. Nil means that nobody wants to know.
	Tell func(Event)
}

// Lab is a running lab. Do, Boot and Close are called by one goroutine; the
// other methods may be called by any.
type Lab struct {
	plan   *Plan
	tell   func(Event)
	began  time.Time
	dir    *runDir
	net    *network
	client *host
	nodes  []*machine
	prober *prober
	pump   chan struct{} // closed when all changes were told

	mu    sync.Mutex // guards what follows, and the order of what is told
	marks []Mark
	moves []Move
	// disturbed is when the last step was that can make an address move, and
	// by what it did.
	disturbed time.Duration
	by        Verb
}

// machine is one running node.
type machine struct {
	Node
	number    int
	daemon    Daemon
	site      Site
	logPath   string
	host      *host
	launcher  *launcher
	responder *responder
	service   *service
	proc      *process
	// crashed is from crash until start.
	crashed bool
}

// New builds the network, and starts the responders, the web servers and the
// client's probes. No daemon runs before Boot. On an error nothing is left.
func New(o Options) (_ *Lab, err error) {
	if len(o.Daemons) != len(o.Plan.Nodes) {
		return nil, fmt.Errorf("the lab has %d nodes and %d daemons", len(o.Plan.Nodes), len(o.Daemons))
	}
	l := &Lab{plan: o.Plan, began: time.Now(), tell: func(Event) {}, pump: make(chan struct{})}
	if o.Tell != nil {
		l.tell = o.Tell
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.Close())
		}
	}()
	if l.dir, err = newRunDir(os.TempDir()); err != nil {
		return nil, err
	}
	if l.net, err = newNetwork(o.Plan.Links); err != nil {
		return nil, err
	}
	if l.client, err = newHost(); err != nil {
		return nil, err
	}
	if err = l.net.plug(client, l.client, o.Plan.Client); err != nil {
		return nil, err
	}
	if err = setUpClient(l.client, o.Plan.Client); err != nil {
		return nil, err
	}
	for i := range o.Plan.Nodes {
		n := &machine{Node: o.Plan.Nodes[i], number: i, daemon: o.Daemons[i]}
		l.nodes = append(l.nodes, n)
		if err = l.build(n, o.LogDir); err != nil {
			return nil, fmt.Errorf("build node %s: %w", n.Name, err)
		}
	}
	l.prober, err = newProber(l.client.ns, o.Plan.Targets, cmp.Or(o.Probe, DefaultProbe), l.Now)
	if err != nil {
		return nil, err
	}
	go l.prober.run()
	go l.follow()
	for _, note := range o.Plan.Notes {
		l.note("%s", note)
	}
	return l, nil
}

// build makes one node, all but its daemon.
func (l *Lab) build(n *machine, logDir string) (err error) {
	if err := checkNames(n.Config); err != nil {
		return err
	}
	dir := filepath.Join(l.dir.path, fmt.Sprint(n.number))
	n.site = Site{Node: n.Node, Dir: dir, RunDir: filepath.Join(dir, "run"), CheckDir: filepath.Join(dir, "checks")}
	for _, d := range []string{dir, n.site.RunDir, n.site.CheckDir} {
		if err := os.Mkdir(d, 0o755); err != nil {
			return err
		}
	}
	n.logPath = filepath.Join(cmp.Or(logDir, dir), n.Name+".log")
	if n.host, err = newHost(); err != nil {
		return err
	}
	if err := l.net.plug(n.number, n.host, n.Interfaces); err != nil {
		return err
	}
	if n.launcher, err = newLauncher(n.host.ns); err != nil {
		return err
	}
	if n.responder, err = startResponder(n.host.ns, n.number); err != nil {
		return err
	}
	if n.service, err = startService(n.host.ns, n.Name); err != nil {
		return err
	}
	notes, err := n.daemon.Prepare(n.site)
	for _, note := range notes {
		l.note("%s", note)
	}
	return err
}

// Boot starts every daemon. It is no step: the first answers have no cause.
func (l *Lab) Boot() error {
	l.mu.Lock()
	l.disturbed, l.by = l.Now(), Start
	l.mu.Unlock()
	for _, n := range l.nodes {
		if err := l.launch(n); err != nil {
			return err
		}
	}
	return nil
}

func (l *Lab) launch(n *machine) error {
	log, err := os.OpenFile(n.logPath, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return fmt.Errorf("open the log of node %s: %w", n.Name, err)
	}
	defer log.Close() // the daemon has its own
	cmd := n.daemon.Command(n.site)
	cmd.Stdout, cmd.Stderr = log, log
	n.proc, err = launch(n.launcher, cmd, func(how error) {
		text := "exit status 0"
		if how != nil {
			text = how.Error()
		}
		l.emit(Event{Kind: Ended, Node: n.number, Text: strings.TrimSpace(text + "\n" + tail(n.logPath, 3))})
	})
	if err != nil {
		return fmt.Errorf("node %s: %w", n.Name, err)
	}
	return nil
}

// tail is the end of a log.
func tail(path string, lines int) string {
	const most = 4096
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.Size() > most {
		_, _ = f.Seek(-most, 2) // from the start is as good
	}
	b := make([]byte, most)
	k, _ := f.Read(b)
	all := strings.Split(strings.TrimSpace(string(b[:k])), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// follow tells the prober's changes until it stops.
func (l *Lab) follow() {
	defer close(l.pump)
	for c := range l.prober.changes {
		if c.silent {
			l.emit(Event{Kind: Lost, Target: c.target, Since: c.change.Lost})
			continue
		}
		l.mu.Lock()
		m := Attribute(l.marks, c.target, c.change)
		if len(l.moves) < movesBound {
			l.moves = append(l.moves, m)
		}
		l.tell(Event{At: m.Next, Kind: Changed, Move: &m, Target: c.target})
		l.mu.Unlock()
	}
}

// Now is the time since the lab's start.
func (l *Lab) Now() time.Duration { return time.Since(l.began) }

// Plan is the plan that the lab was built from.
func (l *Lab) Plan() *Plan { return l.plan }

func (l *Lab) emit(e Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e.At = l.Now()
	l.tell(e)
}

func (l *Lab) note(format string, args ...any) {
	l.emit(Event{Kind: Noted, Text: fmt.Sprintf(format, args...)})
}

// mark records that a step is being carried out now.
func (l *Lab) mark(s Step, node int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	m := Mark{At: l.Now(), Step: s, Node: node}
	l.marks = append(l.marks, m)
	l.disturbed, l.by = m.At, s.Verb
}

// Moves are the changes that the client saw so far, the first 65536 of them.
func (l *Lab) Moves() []Move {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]Move(nil), l.moves...)
}

// Probing is how well the client kept its rhythm: what a measured outage is
// worth.
type Probing struct {
	// Sent counts probes; Slowest is the longest time between two of one
	// address.
	Sent    uint64
	Slowest time.Duration
	// Dropped counts changes that were not told because too many waited.
	Dropped uint64
}

// Probing returns the client's record so far.
func (l *Lab) Probing() Probing {
	return Probing{
		Sent:    l.prober.sent.Load(),
		Slowest: time.Duration(l.prober.slow.Load()),
		Dropped: l.prober.dropped.Load(),
	}
}

// Log is the path of the node's log.
func (l *Lab) Log(node int) string { return l.nodes[node].logPath }

// Close ends all daemons at once and takes everything down. It may be called
// after a New that failed half-way, and leaves nothing behind but logs in a
// LogDir. An error says what could not be removed.
func (l *Lab) Close() error {
	var errs []error
	if l.prober != nil {
		errs = append(errs, l.prober.stop())
		<-l.pump
	}
	for _, n := range l.nodes {
		errs = append(errs, n.close())
	}
	if l.client != nil {
		errs = append(errs, l.client.close())
	}
	if l.net != nil {
		errs = append(errs, l.net.fabric.close())
	}
	if l.dir != nil {
		errs = append(errs, l.dir.close())
	}
	return errors.Join(errs...)
}

func (n *machine) close() error {
	var errs []error
	if n.proc != nil {
		n.proc.expected.Store(true)
	}
	if n.host != nil {
		errs = append(errs, killAll(n.host.ns, func() {}))
	}
	if n.proc != nil {
		<-n.proc.done
	}
	if n.service != nil {
		errs = append(errs, n.service.close())
	}
	if n.responder != nil {
		n.responder.close()
	}
	if n.launcher != nil {
		n.launcher.close()
	}
	if n.host != nil {
		errs = append(errs, n.host.close())
	}
	return errors.Join(errs...)
}
