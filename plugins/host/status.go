//go:build linux

package host

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/moonkeep/moonkeep/plugins/checker"
	"github.com/moonkeep/moonkeep/plugins/checker/checkerpb"
)

// State is how the process of a group is.
type State string

// The states.
const (
	Starting State = "starting" // and not for the first time, when Failures is not 0
	Running  State = "running"
	Waiting  State = "waiting" // it failed, and is started again soon
	Tripped  State = "tripped" // it fails again and again, and is tried less often
)

// Counts are of a group since it was made.
type Counts struct {
	// Begun counts probes; Answered those with a verdict of the plugin, and
	// Unknown those without one.
	Begun, Answered, Unknown uint64
	// Late counts answers that came too late to be of use.
	Late uint64
	// Failures counts processes that could not be started, ended, hung or
	// broke the protocol.
	Failures uint64
}

// Status is a process as it stands.
type Status struct {
	// Name is the kind; NetNS and User are where and as who it runs. Nth is its number
	// among those that have all three, from 1: they differ in what they are allowed, or
	// share the checks. It keeps its number, by which the log calls it, too.
	Name, NetNS, User string
	Nth               int
	// Path is its file; empty for this program's own.
	Path    string
	Version string
	State   State
	// Pid is 0 when there is none.
	Pid int
	// Since is when the process was started.
	Since time.Time
	// Starts counts processes; more than one means restarts or upgrades.
	Starts int
	// Checks is how many it has, Under how many of their probes are under way, and
	// Queued how many of these have not been sent.
	Checks, Under, Queued int
	// Refused is how many of Checks the plugin refuses to make, and Refusal one of them
	// with the reason.
	Refused int
	Refusal string
	// Old counts processes that finish their probes after an upgrade.
	Old int
	Counts
	// Printed is how many bytes the process wrote to its standard output that
	// nobody reads.
	Printed int64
	// Silence is how long a process may give no sign of life.
	Silence time.Duration
	// Reason is why it does not run; empty when it does.
	Reason string
	// Failure is why the last of Failures was one.
	Failure string
	// Retry is when it is started again; zero when it runs.
	Retry time.Time
}

// Status is all processes, by name.
func (h *Host) Status() []Status {
	h.mu.Lock()
	groups := make([]*group, 0, len(h.groups))
	for _, g := range h.groups {
		groups = append(groups, g)
	}
	h.mu.Unlock()
	slices.SortFunc(groups, func(a, b *group) int { return cmp.Or(a.key.who().compare(b.key.who()), a.nth-b.nth) })
	list := make([]Status, len(groups))
	for i, g := range groups {
		g.mu.Lock()
		list[i] = g.status
		g.mu.Unlock()
	}
	return list
}

// publish has Status see how the group is.
func (g *group) publish() {
	s := Status{
		Name: g.key.name, NetNS: g.key.netns, User: g.key.user, Nth: g.nth, Path: g.plugin.Path,
		Starts: int(g.started), Checks: g.live, Under: len(g.under.ids), Queued: len(g.queue), Counts: g.counts, Reason: g.reason, Failure: g.failure, State: Starting,
		Silence: g.silence(g.awake), Refused: g.refused, Refusal: g.example(),
	}
	for _, i := range g.all {
		if !i.dead && i != g.current && i != g.next {
			s.Old++
		}
	}
	switch i := g.current; {
	case i != nil:
		s.State, s.Pid, s.Since, s.Version = Running, i.pid, i.begun, i.hello.GetVersion()
		s.Printed = i.starter.printed.Load()
	case g.next == nil && g.failures >= tripped:
		s.State, s.Retry = Tripped, g.retry
	case g.next == nil && g.failures > 0:
		s.State, s.Retry = Waiting, g.retry
	}
	g.mu.Lock()
	g.status = s
	g.mu.Unlock()
}

// infoOf is who a plugin says it is, safe to print.
func infoOf(h *checkerpb.Hello) checker.Info {
	info := checker.Info{Name: cut(h.GetName()), Version: cut(h.GetVersion()), Doc: printable(h.GetDoc())}
	for _, need := range h.GetNeeds() {
		info.Needs = append(info.Needs, cut(need))
	}
	for _, o := range h.GetOptions() {
		info.Options = append(info.Options, checker.Option{
			Name: cut(o.GetName()), Type: cut(o.GetType()), Unit: cut(o.GetUnit()), Default: cut(o.GetDefault()), Doc: cut(o.GetDoc()),
			Required: o.GetRequired(), Secret: o.GetSecret(),
		})
	}
	return info
}

// limiter lets a few lines of a plugin pass each second, fewer when it goes on, and
// counts others.
type limiter struct {
	second, minute time.Time
	lines, all     int // in these
	dropped        int
}

// perSecond and perMinute are how many lines of one plugin the log takes.
const (
	perSecond = 20
	perMinute = 300
)

func (l *limiter) pass(now time.Time) (dropped int, ok bool) {
	if now.Sub(l.second) >= time.Second {
		l.second, l.lines = now, 0
	}
	if now.Sub(l.minute) >= time.Minute {
		l.minute, l.all = now, 0
	}
	if l.lines >= perSecond || l.all >= perMinute {
		l.dropped++
		return 0, false
	}
	l.lines++
	l.all++
	dropped, l.dropped = l.dropped, 0
	return dropped, true
}

// warn logs what concerns one of thousands of checks.
func (g *group) warn(text string, args ...any) { g.write(slog.LevelWarn, text, args...) }

func (g *group) write(level slog.Level, text string, args ...any) {
	dropped, ok := g.told.pass(g.awake)
	if !ok {
		return
	}
	if dropped > 0 {
		args = append(args, "dropped_before", dropped)
	}
	g.log.Log(context.Background(), level, text, args...)
}

// said logs a line of a process's standard error.
func (g *group) said(i *instance, line string) {
	g.write(slog.LevelWarn, "said on standard error: "+cut(line), "pid", i.pid)
}

// logged logs a line that came by the protocol.
func (g *group) logged(l *checkerpb.Log) {
	var args []any
	if l.GetHasCheck() && int(l.GetCheck()) < len(g.slots) && g.slots[l.GetCheck()].refs > 0 {
		args = append(args, "check", g.slots[l.GetCheck()].check.Label)
	}
	room := maxAttributes
	for k := 0; k+1 < min(len(l.GetAttributes()), 32) && room > 0; k += 2 {
		name, value := cut(l.GetAttributes()[k]), cut(l.GetAttributes()[k+1])
		room -= len(name) + len(value)
		args = append(args, name, value)
	}
	g.write(slog.Level(max(-4, min(8, l.GetLevel()))), cut(l.GetMessage()), args...)
}

// maxText bounds what is kept of a plugin's text, in bytes; with maxAttributes of them a
// line of its log has no further ones.
const (
	maxText       = 1 << 10
	maxAttributes = 2 << 10
)

// cut makes a text of a plugin one line that is safe to print.
func cut(text string) string {
	if len(text) > maxText {
		n := maxText
		for n > 0 && !utf8.RuneStart(text[n]) {
			n--
		}
		text = text[:n] + fmt.Sprintf("... (%d bytes)", len(text))
	}
	return printable(strings.ReplaceAll(text, "\n", " / "))
}

// printable is a text of a plugin that steers no terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' || r == utf8.RuneError {
			return '?'
		}
		return r
	}, text)
}
