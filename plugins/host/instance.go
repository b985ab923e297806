//go:build linux

package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/moonkeep/moonkeep/core/health"
	"github.com/moonkeep/moonkeep/plugins/checker"
	"github.com/moonkeep/moonkeep/plugins/checker/checkerpb"
)

// instance is one process of a group, from its start until nothing is left of
// it. Its fields are the group's goroutine's; three goroutines of its own -
// start and end, reader, writer - report to that by events.
type instance struct {
	group   *group
	starter *starter
	link    link
	number  uint32
	recheck bool // a reload came while it started
	pid     int  // once link is there
	begun   time.Time
	limit   time.Duration            // of its start, and then of its greeting
	out     chan *checkerpb.FromHost // to the writer; holds one
	quit    chan struct{}            // closed when it is to end
	dead    bool                     // quit is closed

	hello  *checkerpb.Hello
	sent   time.Time // when the last message was handed to it
	heard  time.Time // when the process last answered something
	asked  time.Time // when it was last asked for a sign of life
	ping   uint32    // to be sent
	pings  uint32
	ponged uint32    // the last ping that it answered
	idle   int       // messages since idling that answered nothing
	octets int       // of all messages since idling, beyond what answers may have
	idling time.Time // when these began to be counted; a second later it does anew
	under  int       // probes under way
	owed   int       // probes that it did not answer in time, and may yet
	asking int       // checks that it is to prepare, and has not said that it did

	fresh   []uint32 // checks to prepare
	release []uint32
	cancel  []uint32
	drained time.Time // when an old one ends at the latest
}

// event is what an instance's goroutines report.
type event struct {
	from *instance
	kind eventKind
	link link
	m    *checkerpb.FromPlugin
	err  error
	line string
}

type eventKind uint8

const (
	evConnected eventKind = iota // link is there
	evFailed                     // it could not be started, for err
	evMessage                    // m came
	evLost                       // the link broke, for err
	evSaid                       // line came on standard error
	evGone                       // nothing is left
)

// mostDoublings is how often the limits of a process double at most.
const mostDoublings = 3

// launch starts a process.
func (g *group) launch(now time.Time) {
	g.started++
	// On a machine that is too busy to start it in time, to begin again and again
	// would only make it busier.
	limit := g.host.opts.Start << min(g.failures, mostDoublings)
	i := &instance{
		group: g, number: g.started, begun: now, heard: now, limit: limit,
		out: make(chan *checkerpb.FromHost, 1), quit: make(chan struct{}),
	}
	// A line more or less is no reason to hold the plugin up for long: the
	// loop takes events at all times but while answers wait to be taken.
	said := func(line string) { g.events <- event{from: i, kind: evSaid, line: line} }
	i.starter = &starter{spawner: g.host.spawner, spec: g.host.spec(g.key, g.plugin), said: said}
	i.starter.relayed = func(line string) {
		if line == "" || !i.starter.last.add(line) {
			return
		}
		select {
		case g.events <- event{from: i, kind: evSaid, line: line}:
		case <-i.quit: // the loop may have ended
		}
	}
	g.next, g.upgrade, g.again = i, false, time.Time{}
	g.all = append(g.all, i)
	h := g.host
	g.helpers.Go(func() {
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		err := h.makeDir()
		var l link
		if err == nil {
			l, err = i.starter.start(ctx, h.opts.Dir, limit)
		}
		if err != nil {
			g.events <- event{from: i, kind: evFailed, err: err}
		} else {
			g.events <- event{from: i, kind: evConnected, link: l}
		}
		<-i.quit
		if l != nil {
			l.close()
		}
		i.starter.finish()
		g.events <- event{from: i, kind: evGone}
	})
}

// end has the process end: within polite if it likes, and then by force.
func (i *instance) end(polite time.Duration) {
	if i.dead {
		return
	}
	i.dead = true
	close(i.out)
	g := i.group
	if i.link == nil || polite <= 0 {
		i.starter.abort()
		close(i.quit)
		return
	}
	p := i.starter.proc
	g.helpers.Go(func() {
		p.farewell()
		t := time.NewTimer(polite)
		defer t.Stop()
		select {
		case <-p.done:
		case <-t.C:
			p.kill()
		}
		close(i.quit)
	})
}

// event takes what an instance reports.
func (g *group) event(e event) {
	i := e.from
	switch e.kind {
	case evGone:
		g.all = slices.DeleteFunc(g.all, func(x *instance) bool { return x == i })
		return
	case evSaid:
		g.said(i, e.line)
		return
	}
	if i.dead {
		return
	}
	switch e.kind {
	case evConnected:
		i.link, i.heard, i.pid = e.link, g.now, i.starter.proc.pid
		g.helpers.Go(i.reader)
		g.helpers.Go(i.writer)
	case evFailed:
		g.lose(i, e.err.Error())
	case evMessage:
		if err := g.message(i, e.m); err != nil {
			g.lose(i, err.Error())
		}
	case evLost:
		g.lose(i, i.lost(e.err))
	}
}

// reader hands on what the process says.
func (i *instance) reader() {
	for {
		m, err := i.link.recv()
		if err != nil {
			i.group.events <- event{from: i, kind: evLost, err: err}
			return
		}
		i.group.events <- event{from: i, kind: evMessage, m: m}
	}
}

// writer sends, one message at a time.
func (i *instance) writer() {
	for m := range i.out {
		if err := i.link.send(m); err != nil {
			// The reader knows better why.
			for range i.out {
			}
			return
		}
	}
}

// lost says why a link broke: most often the process ended.
func (i *instance) lost(err error) string {
	p := i.starter.proc
	select {
	case <-p.done:
	case <-time.After(50 * time.Millisecond): // the status comes a moment later
	}
	why := fmt.Sprintf("it broke the connection: %v", err)
	select {
	case <-p.done:
		why = fmt.Sprintf("process %d %s", p.pid, p.ended())
	default:
		if errors.Is(err, io.EOF) {
			why = "it ended the conversation"
		}
	}
	if words := i.starter.words(); words != "" {
		why += "; it said: " + words
	}
	return why
}

// message takes what a process says. The error is a breach of the protocol.
func (g *group) message(i *instance, m *checkerpb.FromPlugin) error {
	if i.hello == nil {
		return g.greet(i, m)
	}
	if m.GetHello() != nil {
		return errors.New("it greeted twice")
	}
	under, owed, answers, prepared := i.under, i.owed, false, 0
	if p := m.GetPong(); p > i.ponged && p <= i.pings {
		i.ponged, answers = p, true
	}
	for _, p := range m.GetPrepared() {
		if int(p.GetCheck()) >= len(g.slots) {
			return fmt.Errorf("it prepared check %d, which there is not", p.GetCheck())
		}
		if i.asking > 0 { // once each: who says the same again only talks
			i.asking--
			answers, prepared = true, prepared+1
		}
		s := &g.slots[p.GetCheck()]
		if s.refs > 0 && s.prepared == i.number {
			g.refuse(s, cut(p.GetError()))
		}
	}
	for _, r := range m.GetResults() {
		if err := g.result(i, r); err != nil {
			return err
		}
	}
	for _, l := range m.GetLogs() {
		g.logged(l)
	}
	answered := max(0, under-i.under) + max(0, owed-i.owed) + prepared
	return i.judge(g.now, answers || answered > 0, proto.Size(m)-answered*octetsAnswer)
}

// idleMost is how many messages that answer nothing may come in a second.
// Results and logs go together in messages, so that no checker needs as many.
// octetsMost is how long messages may be in a second, beyond octetsAnswer for
// each answer in them; one with details for people fits in.
const (
	idleMost     = 2000
	octetsMost   = 2 << 20
	octetsAnswer = 4 << 10
)

// judge tells a process that answers from one that only talks: what it says
// unasked is no sign that it still reads, and would keep the host busy.
func (i *instance) judge(now time.Time, answers bool, octets int) error {
	if now.Sub(i.idling) >= time.Second {
		i.idling, i.idle, i.octets = now, 0, 0
	}
	if i.octets += max(0, octets); i.octets > octetsMost {
		return fmt.Errorf("it sent more than %d MiB in a second beside its answers", octetsMost>>20)
	}
	if answers {
		i.heard = now
		return nil
	}
	if i.idle++; i.idle > idleMost {
		return fmt.Errorf("it sent more than %d messages in a second that answer nothing", idleMost)
	}
	return nil
}

// result takes the answer to a probe.
func (g *group) result(i *instance, r *checkerpb.Result) error {
	id := r.GetCheck()
	if int(id) >= len(g.slots) {
		return fmt.Errorf("it answered for check %d, which there is not", id)
	}
	s := &g.slots[id]
	if !s.asked || s.probe != r.GetProbe() || s.sent != i {
		// A process that is behind answers probes before the last one, too.
		if s.gone != 0 && int32(s.gone-r.GetProbe()) >= 0 {
			g.counts.Late++
			i.owed = max(0, i.owed-1) // once: who says the same again only talks
			return nil
		}
		return fmt.Errorf("it answered for probe %d of check %d, which it was not asked for", r.GetProbe(), id)
	}
	out := checker.Result{Message: cut(r.GetMessage()), Latency: time.Duration(min(r.GetLatencyUs(), uint64(s.check.Patience/time.Microsecond))) * time.Microsecond}
	switch r.GetVerdict() {
	case checkerpb.Verdict_OK:
		out.Verdict = checker.OK
	case checkerpb.Verdict_FAILED:
		out.Verdict = checker.Failed
	case checkerpb.Verdict_UNKNOWN:
		if s.refused != "" { // asked for before it had said so, it says that there is no such check
			out.Message = s.refused
		}
	default:
		return fmt.Errorf("it gave the verdict %d, which there is not", r.GetVerdict())
	}
	if r.Weight != nil {
		w := int(r.GetWeight())
		if w < 0 {
			g.warn("a checker asks for a weight below 0, which is taken for 0", "check", s.check.Label, "weight", w)
			w = 0
		}
		out.Weight = &w
	}
	if state := r.GetState(); state != "" && len(state) <= maxText {
		g.remember(i, s, state)
	}
	if s.details {
		for _, d := range r.GetDetails() {
			out.Details = append(out.Details, checker.Detail{Name: d.GetName(), Text: d.GetText()})
		}
	}
	g.complete(s, id, out)
	return nil
}

// greet makes an instance the current one.
func (g *group) greet(i *instance, m *checkerpb.FromPlugin) error {
	h := m.GetHello()
	if h == nil {
		return errors.New("it did not say who it is")
	}
	if g.plugin.Path == "" && h.GetName() != g.key.name {
		return fmt.Errorf("it says that it is %q", cut(h.GetName()))
	}
	// Nothing else of it is asked for later, and it may be long.
	i.hello = &checkerpb.Hello{Version: cut(h.GetVersion())}
	if before := g.current; before != nil {
		g.log.Info("a new process takes over, the old one finishes its probes", "pid", i.pid, "old", before.pid, "version", cut(h.GetVersion()))
		before.drained = g.awake.Add(before.longest(g))
	} else {
		g.log.Info("started", "pid", i.pid, "version", cut(h.GetVersion()))
	}
	if i.recheck && g.outdated(i) {
		g.upgrade = true
	}
	g.current, g.next, g.reason, g.missed = i, nil, "", 0
	i.heard = g.now
	// It knows nothing yet: what was released since it began may be in use again.
	i.release, i.fresh = nil, i.fresh[:0]
	for id := len(g.slots) - 1; id >= 0; id-- {
		if g.slots[id].refs > 0 {
			i.fresh = append(i.fresh, uint32(id))
		}
	}
	return nil
}

// longest is how long a probe that is under way may take at most.
func (i *instance) longest(g *group) time.Duration {
	most := time.Duration(0)
	for id := range g.slots {
		if s := &g.slots[id]; s.asked && s.sent == i {
			most = max(most, s.check.Patience)
		}
	}
	return most
}

// lose gives an instance up: its probes are answered, it is ended by force,
// and the next one is started after a while.
func (g *group) lose(i *instance, why string) {
	why = cut(why)
	for id := range g.slots {
		if s := &g.slots[id]; s.asked && s.sent == i {
			g.finish(s, uint32(id), health.Unknown, "the plugin failed: "+why)
		}
	}
	i.end(0)
	g.failure = why
	pid := i.pid
	switch i {
	case g.current:
		g.current = nil
	case g.next:
		g.next = nil
		if g.current != nil {
			g.fellBack(why)
			return
		}
	default: // an old one that was finishing its probes
		g.log.Warn("an old process failed while it finished its probes", "pid", pid, "why", why)
		return
	}
	if i.hello != nil && g.awake.Sub(i.begun) >= proven {
		g.failures = 0
	}
	delay := g.delay(g.failures)
	g.failures++
	g.counts.Failures++
	g.retry, g.reason = g.awake.Add(delay), why
	switch {
	case g.host.opts.Shown:
	case g.failures < tripped:
		g.log.Error("a plugin failed; its checks are unknown until it runs again", "pid", pid, "why", why, "checks", g.live, "again_in", delay.Round(time.Millisecond))
	case g.failures == tripped:
		g.log.Error("a plugin keeps failing; it is restarted less often", "pid", pid, "why", why, "checks", g.live, "again_in", delay.Round(time.Millisecond))
	}
}

// fellBack has the current process go on, as the one that was to take its place did not
// start. Where the network namespace is another by now it probes where nothing may be
// any more, so that is tried again; a file is only with the next reload.
func (g *group) fellBack(why string) {
	g.counts.Failures++
	const text = "the new process could not be started; the old one goes on"
	if !g.current.starter.proc.space.replaced(g.key.netns) {
		g.log.Error(text, "err", why)
		return
	}
	delay := g.delay(g.missed)
	g.upgrade, g.again = true, g.awake.Add(delay)
	if g.missed++; g.missed <= tripped {
		g.log.Error(text+" in the network namespace that had its name before", "err", why, "again_in", delay.Round(time.Millisecond))
	}
}

// delay is the time until the next start, after so many in a row that came to nothing
// before this one.
func (g *group) delay(before int) time.Duration {
	d := g.host.opts.RetryMost
	if before < 16 {
		d = min(d, g.host.opts.Retry<<before)
	}
	return jitter(d)
}

// supervise starts, pings and ends processes.
func (g *group) supervise(now time.Time) {
	if g.ending {
		return
	}
	switch {
	case g.next != nil:
		if i := g.next; i.link != nil && now.Sub(i.heard) > i.limit {
			g.lose(i, "it did not say who it is in time")
		}
	case g.current == nil && g.live > 0 && !now.Before(g.retry):
		g.launch(now)
	case g.current != nil && g.upgrade && !now.Before(g.again):
		g.launch(now)
	}
	if i := g.current; i != nil {
		switch {
		case now.Sub(i.heard) > g.silence(now):
			g.silences.another(now)
			g.lose(i, fmt.Sprintf("process %d has given no sign of life for %s", i.pid, now.Sub(i.heard).Round(time.Millisecond)))
		case now.Sub(i.asked) >= g.host.opts.Ping:
			i.pings++
			i.ping, i.asked = i.pings, now
		}
	}
	for _, i := range g.all {
		if i != g.current && i != g.next && !i.dead && i.hello != nil && (i.under == 0 || now.After(i.drained)) {
			i.end(g.host.opts.Farewell)
		}
	}
}

// wants reports whether there is something to tell the process.
func (i *instance) wants(g *group) bool {
	return len(g.queue) > 0 || len(i.fresh) > 0 || len(i.release) > 0 || len(i.cancel) > 0 || i.ping != 0
}
