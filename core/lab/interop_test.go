//go:build linux

package lab

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/config/keepalived"
)

// dialect is a version of the protocol as both sides are told to speak it.
type dialect struct {
	text     string
	interval time.Duration
	// unit is what the skew counts in: version 2 has seconds, version 3 the
	// interval.
	unit time.Duration
	// addresses are the blocks of virtual addresses; empty for an IPv4 one.
	// 192.0.2.100, which the client probes, must be among them.
	addresses string
}

// probed is the block of the one address that most contests are about.
const probed = "virtual_ipaddress {\n\t\t192.0.2.100/24\n\t}"

var (
	v2pass = dialect{"version 2\n\tadvert_int 1\n\tauthentication {\n\t\tauth_type PASS\n\t\tauth_pass secret\n\t}", time.Second, time.Second, ""}
	v3     = dialect{"version 3\n\tadvert_int 0.1", 100 * ms, 100 * ms, ""}
)

func (d dialect) skew(priority int) time.Duration {
	return time.Duration(256-priority) * d.unit / 256
}

func (d dialect) down(priority int) time.Duration { return 3*d.interval + d.skew(priority) }

// side is what is particular to one node of a contest.
type side struct {
	priority int
	extra    string
}

func (d dialect) conf(s side) string {
	return fmt.Sprintf(`
global_defs {
	script_user root
}
vrrp_script dead {
	script "/nowhere/dead.sh"
	interval 1
	fall 1
	rise 1
}
vrrp_script heavy {
	script "/nowhere/heavy.sh"
	interval 1
	weight -100
	fall 1
	rise 1
}
vrrp_instance VI_1 {
	interface eth0
	virtual_router_id 51
	priority %d
	%s
	%s
	%s
	track_script {
		dead
		heavy
	}
}
`, s.priority, d.text, s.extra, cmp.Or(d.addresses, probed))
}

// act is a step and what the client shall see of it.
type act struct {
	do string
	// to answers in the end.
	to string
	// least and most bound the time from the step until to answers. When most
	// is zero no address may move for as long as a take-over could need.
	least, most time.Duration
	// boots adds the time that a program takes to start to most.
	boots bool
	// cut says whether the client may be without an answer for that time;
	// otherwise it must lose next to nothing.
	cut cut
	// forgotten replaces most when keepalived is what gives the address up:
	// it does so without a word, so the master that stays does not hear that
	// there were two, and the client asks for itself when its entry is old.
	forgotten time.Duration
}

// cut says when a step may cost the client answers.
type cut int

const (
	never cut = iota
	// byKeepalived is when the step is done to keepalived: it gives the
	// address up at once where moonkeep waits until the other has it.
	byKeepalived
	always
)

// boot is what a daemon may take from its start to its first advert.
const boot = 300 * ms

// gone is a node that is heard no more: the backup takes over when its down
// timer runs out, which began with an advert up to one interval ago.
func (d dialect) gone(do, to string, priority int, cut cut) act {
	return act{do: do, to: to, least: d.down(priority) - d.interval - 20*ms, most: d.down(priority), cut: cut}
}

// back is a node that preempts when it returns.
func (d dialect) back(do, to string, priority int) act {
	return act{do: do, to: to, least: d.down(priority) - 5*ms, most: d.down(priority), boots: true}
}

// said is a node that says it leaves: the backup waits for its skew time.
func (d dialect) said(do, to string, priority int) act {
	return act{do: do, to: to, least: d.skew(priority) - 5*ms, most: d.skew(priority), cut: byKeepalived}
}

// stays is a step that moves nothing.
func stays(do, to string) act { return act{do: do, to: to} }

// contests are played by moonkeep and keepalived, each in either place. Node a
// has the lower address.
func contests() []contest {
	high, low := side{priority: 150}, side{priority: 100}
	// After a partition the two masters hear each other within an interval.
	healed := func(d dialect, to string) act {
		return act{do: "heal", to: to, most: d.interval + 20*ms, cut: always, forgotten: 8 * time.Second}
	}
	return []contest{
		{"v3 silent", v3, [2]side{high, low}, "await a VI_1", []act{
			v3.gone("crash a", "b", 100, always), v3.back("start a", "a", 150),
			v3.gone("kill a", "b", 100, never), v3.back("start a", "a", 150),
			v3.gone("partition a", "b", 100, always), healed(v3, "a"),
			v3.gone("link down a eth0", "b", 100, always),
			// The kernel may hold back the news of a carrier for a second.
			{do: "link up a eth0", to: "a", most: v3.down(150) + time.Second},
		}},
		{"v3 said", v3, [2]side{high, low}, "await a VI_1", []act{
			v3.said("stop a", "b", 100), v3.back("start a", "a", 150),
			v3.said("stop a", "b", 100), v3.back("start a", "a", 150),
			{do: "fail a dead", to: "b", least: v3.skew(100) - 5*ms, most: time.Second + v3.skew(100), cut: always},
			{do: "pass a dead", to: "a", least: v3.down(150) - 5*ms, most: time.Second + v3.down(150)},
			{do: "fail a heavy", to: "b", most: time.Second + v3.down(100)},
			{do: "pass a heavy", to: "a", most: time.Second + v3.down(150)},
		}},
		{"v3 tie", v3, [2]side{low, low}, "partition a; await b VI_1; wait 500ms", []act{
			// Both are master until they hear each other; the higher address
			// wins, whoever was there first.
			stays("heal", "b"),
			v3.gone("crash b", "a", 100, always),
			stays("start b", "a"), // an equal is no reason to preempt
			{do: "partition b; wait 500ms", to: "a"},
			healed(v3, "b"),
			v3.said("stop b", "a", 100),
		}},
		{"v3 nopreempt", v3, [2]side{{150, "nopreempt"}, low}, "settle; stop b; await a VI_1; start b; wait 600ms; await a VI_1", []act{
			v3.gone("crash a", "b", 100, always), stays("start a", "b"),
			v3.gone("kill b", "a", 150, never), stays("start b", "a"),
			v3.said("stop a", "b", 100), stays("start a", "b"),
		}},
		{"v3 owner", v3, [2]side{{255, "state MASTER"}, low}, "await a VI_1; wait 500ms", []act{
			v3.gone("crash a", "b", 100, always),
			{do: "start a", to: "a", most: v3.interval, boots: true},
			v3.said("stop a", "b", 100),
			{do: "start a", to: "a", most: v3.interval, boots: true},
		}},
		// The backup's own interval is longer; it learns the master's.
		{"v3 learned interval", v3, [2]side{high, {100, "advert_int 1"}}, "await a VI_1; wait 1s", []act{
			v3.gone("crash a", "b", 100, always),
		}},
		{"v2 PASS silent", v2pass, [2]side{high, low}, "await a VI_1", []act{
			v2pass.gone("crash a", "b", 100, always), v2pass.back("start a", "a", 150),
			v2pass.gone("kill a", "b", 100, never), v2pass.back("start a", "a", 150),
		}},
		{"v2 PASS said", v2pass, [2]side{high, low}, "await a VI_1", []act{
			v2pass.said("stop a", "b", 100), v2pass.back("start a", "a", 150),
			v2pass.said("stop a", "b", 100), v2pass.back("start a", "a", 150),
		}},
		{"v2 PASS tie", v2pass, [2]side{low, low}, "settle; partition b; await a VI_1; wait 4s", []act{
			healed(v2pass, "b"), v2pass.said("stop b", "a", 100), stays("start b", "a"),
		}},
	}
}

type contest struct {
	name    string
	dialect dialect
	sides   [2]side
	// open leads to the state in which the acts begin.
	open string
	acts []act
}

func TestInterop(t *testing.T) {
	t.Parallel()
	for _, c := range contests() {
		for _, ours := range []string{"a", "b"} {
			t.Run(c.name+" moonkeep="+ours, func(t *testing.T) {
				t.Parallel()
				c.play(t, ours)
			})
		}
	}
}

// play plays the contest with moonkeep in the node ours and keepalived in the
// other.
func (c contest) play(t *testing.T, ours string) {
	plan := planOf(t, c.dialect.conf(c.sides[0]), c.dialect.conf(c.sides[1]))
	var daemons []Daemon
	for _, n := range plan.Nodes {
		var d Daemon = Keepalived{Binary: needKeepalived(t), Rewrite: keepalived.Rewrite}
		if n.Name == ours {
			d = Moonkeep{Binary: needMoonkeep(t)}
		}
		daemons = append(daemons, d)
	}
	compete(t, Options{Plan: plan, Daemons: daemons}, ours, c.dialect, c.open, c.acts)
}

// compete raises a lab, opens and plays the acts. Node ours is moonkeep's.
func compete(t *testing.T, o Options, ours string, d dialect, open string, acts []act) {
	l, _ := raise(t, o)
	perform(t, l, open)
	agree(t, l)
	for _, a := range acts {
		if a.forgotten > 0 && a.to == ours {
			a.most = a.forgotten
		}
		if a.cut == byKeepalived && strings.HasSuffix(a.do, " "+ours) {
			a.cut = never
		}
		a.play(t, l, d)
	}
}

func (a act) play(t *testing.T, l *Lab, d dialect) {
	t.Helper()
	before := l.Now()
	if a.most == 0 {
		perform(t, l, fmt.Sprintf("%s; wait %s; await %s VI_1", a.do, d.down(1)+boot, a.to))
		if m := moved(l, before); len(m) > 0 {
			t.Errorf("%s: the address moved: %+v; want it to stay with %s", a.do, m, a.to)
		}
	} else {
		perform(t, l, fmt.Sprintf("%s; await %s VI_1", a.do, a.to))
		moves := awaitMoves(t, l, before, len(l.Plan().Targets))
		if strings.Contains(d.text, "use_vmac") {
			time.Sleep(turning)
			moves = turned(moved(l, before), slack(l))
		}
		a.judge(t, l, moves)
	}
	agree(t, l)
}

// judge holds the moves that the step led to against what was expected.
func (a act) judge(t *testing.T, l *Lab, moves []Move) {
	t.Helper()
	to, _ := l.Plan().Node(a.to)
	// Each address moves once.
	var targets []int
	for _, m := range moves {
		targets = append(targets, m.Target)
		if m.To != to {
			t.Errorf("%s: a move to %d, want to %s: %+v", a.do, m.To, a.to, m)
		}
	}
	slices.Sort(targets)
	if want := len(l.Plan().Targets); len(moves) != want || len(slices.Compact(targets)) != want {
		t.Errorf("%s: moves %+v, want one for each of %d addresses, to %s", a.do, moves, want, a.to)
		return
	}
	// A last advert that was late makes the take-over early as seen from the
	// step.
	early, late := busy.times(50*ms)-50*ms, slack(l)
	if a.boots {
		late += busy.times(boot)
	}
	for _, m := range moves {
		took := m.Next - lastMark(l)
		t.Logf("%s: take-over %s of %s to %s, outage %s", a.do, took, a.least, a.most, m.Outage())
		if took < a.least-early || took > a.most+late {
			t.Errorf("%s: %s took over after %s, want %s to %s, and %s or %s more for a busy machine", a.do, a.to, took, a.least, a.most, -early, late)
		}
		if most := little(l); a.cut == never && m.Outage() > most {
			t.Errorf("%s: the client was without an answer for %s, want at most %s", a.do, m.Outage(), most)
		}
	}
}
