package node

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/mono"
	"github.com/moonkeep/moonkeep/core/track"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

func (d *driver) read(value int64) {
	d.t.Helper()
	d.step(&FileRead{File: "f", Value: value})
}

func (d *driver) count(n int) {
	d.t.Helper()
	d.step(&ProcessesCounted{Process: "p", Count: n, Method: "m"})
}

// withFile returns an instance that tracks file f.
func withFile(weight int, reverse bool) Config {
	in := instance3("V", 1, 100)
	in.Files = []TrackFile{{Name: "f", Weight: weight, Reverse: reverse}}
	return Config{Instances: []Instance{in}, Files: []File{{Name: "f"}}}
}

// withProcess returns an instance that tracks process p.
func withProcess(weight int, reverse bool, p Process) Config {
	in := instance3("V", 1, 100)
	in.Processes = []TrackProcess{{Name: "p", Weight: weight, Reverse: reverse}}
	p.Name = "p"
	return Config{Instances: []Instance{in}, Processes: []Process{p}}
}

var one = track.Quorum{Least: 1, Most: track.NoMost}

// TestFile: what the number in a file makes of an instance.
func TestFile(t *testing.T) {
	tests := []struct {
		weight   int
		reverse  bool
		value    int64
		priority uint8
		fault    bool
	}{
		{1, false, 0, 100, false},
		{1, false, 20, 120, false},
		{1, false, -20, 80, false},
		{2, true, 20, 60, false},
		{2, false, 1000, 254, false},
		{1, false, -253, 1, false},
		{1, false, -254, 100, true},
		{0, false, 0, 100, false},
		{0, false, 1, 100, true},
		{0, true, 1, 100, false},
		{0, true, 0, 100, true},
	}
	for _, tt := range tests {
		d := drive(t, withFile(tt.weight, tt.reverse))
		d.role("V", vrrp.Init)
		if w := d.status("V").Waiting; !slices.Equal(w, []string{"the first look at file f"}) {
			t.Errorf("before the first look it waits for %q", w)
		}
		d.read(tt.value)
		d.priority("V", tt.priority)
		want := vrrp.Backup
		if tt.fault {
			want = vrrp.Fault
		}
		d.role("V", want)
		if f := d.status("V").Faults; tt.fault && (len(f) != 1 || !strings.HasPrefix(f[0], "file f is ")) {
			t.Errorf("%+v: faults %q", tt, f)
		}
		if term := d.status("V").Terms[0]; term.Tracker != "file f" || term.Weight != tt.weight {
			t.Errorf("%+v: term %+v", tt, term)
		}
	}
}

// TestFileLife: a file goes wrong and comes back, whatever its weight.
func TestFileLife(t *testing.T) {
	for _, weight := range []int{0, 1, -3} {
		d := drive(t, withFile(weight, false))
		d.step(&FileRead{File: "f", Missing: true})
		d.pass(4 * second)
		d.role("V", vrrp.Master)
		d.forget()
		d.step(&FileRead{File: "f", Missing: true})
		d.step(&FileRead{File: "another"})
		d.want()
		d.step(&FileRead{File: "f", Failure: "it is on fire"})
		d.role("V", vrrp.Fault)
		if f := d.status("V").Faults; len(f) != 1 || f[0] != "file f is unusable: it is on fire" {
			t.Errorf("weight %d: faults %q", weight, f)
		}
		d.want("note check", "V sends 0", "V releases 10.0.1.1", "V MASTER>FAULT")
		d.pass(60 * second)
		d.want()
		d.read(0)
		d.want("note check", "V FAULT>BACKUP")
	}
}

// TestFileNotes: a number that changes all the time does not fill the log.
func TestFileNotes(t *testing.T) {
	d := drive(t, withFile(1, false))
	d.read(0)
	d.forget()
	for i := range 100 {
		d.read(int64(i + 1))
		d.pass(500 * time.Millisecond)
	}
	notes := 0
	for _, l := range d.log {
		if l == "note check" {
			notes++
		}
	}
	if notes < 3 || notes > 6 {
		t.Errorf("%d notes in 50s", notes)
	}
}

// TestProcess: what the number of processes makes of an instance.
func TestProcess(t *testing.T) {
	some := track.Quorum{Least: 2, Most: 3}
	tests := []struct {
		weight   int
		reverse  bool
		quorum   track.Quorum
		count    int
		priority uint8
		fault    bool
	}{
		{0, false, one, 1, 100, false},
		{0, false, one, 0, 100, true},
		{0, true, one, 1, 100, true},
		{0, true, one, 0, 100, false},
		{20, false, one, 5, 120, false},
		{20, false, one, 0, 100, false},
		{-20, false, one, 0, 80, false},
		{-20, true, one, 1, 80, false},
		{0, false, some, 1, 100, true},
		{0, false, some, 2, 100, false},
		{0, false, some, 3, 100, false},
		{0, false, some, 4, 100, true},
	}
	for _, tt := range tests {
		d := drive(t, withProcess(tt.weight, tt.reverse, Process{Quorum: tt.quorum}))
		d.role("V", vrrp.Init)
		d.count(tt.count)
		d.priority("V", tt.priority)
		want := vrrp.Backup
		if tt.fault {
			want = vrrp.Fault
		}
		d.role("V", want)
	}
}

// TestProcessDelays: which change waits for which delay.
func TestProcessDelays(t *testing.T) {
	p := Process{Quorum: track.Quorum{Least: 1, Most: 2}, ForkDelay: 2 * second, TerminateDelay: 5 * second}
	d := drive(t, withProcess(-20, false, p))
	d.count(0) // the first counts at once
	d.priority("V", 80)
	after := func(what string, wait time.Duration, before, then uint8) {
		t.Helper()
		d.pass(wait - cs)
		if p := d.node.Status(d.now).Processes[0]; p.Fewer != (wait == 5*second) {
			t.Errorf("%s: fewer is %v", what, p.Fewer)
		}
		if got := d.status("V").Effective; got != before {
			t.Errorf("%s: priority %d before its time, want %d", what, got, before)
		}
		if at := d.node.Status(d.now).Processes[0].Changes; at != d.now.Add(cs) {
			t.Errorf("%s: it changes at %d, want %d", what, at, d.now.Add(cs))
		}
		d.pass(cs)
		if got := d.status("V").Effective; got != then {
			t.Errorf("%s: priority %d, want %d", what, got, then)
		}
	}
	d.count(1)
	after("enough begin", 2*second, 80, 100)
	d.count(0)
	d.pass(4 * second)
	d.count(1) // back in time
	d.pass(9 * second)
	d.priority("V", 100)
	d.count(0)
	after("too few are left", 5*second, 100, 80)
	d.count(2)
	after("enough again", 2*second, 80, 100)
	d.count(3)
	after("too many begin", 2*second, 100, 80)
	d.count(2)
	after("one of too many ends", 5*second, 80, 100)
}

// TestProcessFailure: where processes cannot be counted, whoever tracks them is
// at fault.
func TestProcessFailure(t *testing.T) {
	for _, weight := range []int{0, 20, -20} {
		d := drive(t, withProcess(weight, false, Process{Quorum: one, TerminateDelay: second}))
		d.count(1)
		d.pass(4 * second)
		d.role("V", vrrp.Master)
		d.count(0)
		d.forget()
		d.step(&ProcessesCounted{Process: "p", Method: "m", Failure: "there is no /proc"})
		d.log = slices.DeleteFunc(d.log, func(l string) bool { return l == "note priority" })
		d.want("note check", "V sends 0", "V releases 10.0.1.1", "V MASTER>FAULT")
		d.priority("V", 100)
		d.pass(9 * second)
		if f := d.status("V").Faults; len(f) != 1 || f[0] != "process p cannot be counted: there is no /proc" {
			t.Errorf("faults %q", f)
		}
		d.count(1)
		d.role("V", vrrp.Backup)
	}
	d := drive(t, withProcess(0, false, Process{Quorum: one}))
	d.step(&ProcessesCounted{Process: "p", Failure: "never could"})
	d.role("V", vrrp.Fault)
}

// TestGroupWatch: a group's trackers count for all members, and a member's own
// weights only if the group says so.
func TestGroupWatch(t *testing.T) {
	build := func(keep bool, weight int) *driver {
		cfg := grouped(instance3("A", 1, 100), instance3("B", 2, 100))
		cfg.Files, cfg.Processes = []File{{Name: "f"}, {Name: "g"}}, []Process{{Name: "p", Quorum: one}, {Name: "q", Quorum: one}}
		cfg.Instances[0].Files = []TrackFile{{Name: "f", Weight: weight}}
		cfg.Instances[0].Processes = []TrackProcess{{Name: "p", Weight: -10}}
		cfg.Groups[0].Files = []TrackFile{{Name: "g", Weight: 2}}
		cfg.Groups[0].Processes = []TrackProcess{{Name: "q", Weight: -7}}
		cfg.Groups[0].KeepWeights = keep
		d := drive(t, cfg)
		for _, name := range []string{"f", "g"} {
			d.step(&FileRead{File: name})
		}
		for _, name := range []string{"p", "q"} {
			d.step(&ProcessesCounted{Process: name, Count: 1})
		}
		d.role("A", vrrp.Backup)
		return d
	}
	for _, keep := range []bool{false, true} {
		d := build(keep, 3)
		d.step(&FileRead{File: "g", Value: 5})
		d.step(&ProcessesCounted{Process: "q"})
		d.priority("A", 103)
		d.priority("B", 103)
		d.step(&FileRead{File: "f", Value: -4})
		d.step(&ProcessesCounted{Process: "p"})
		want := uint8(103)
		if keep {
			want -= 22
		}
		d.priority("A", want)
		d.priority("B", 103)
		d.role("A", vrrp.Backup)
	}
	d := build(false, 1) // the default weight only faults
	d.step(&FileRead{File: "f", Value: -4})
	d.role("A", vrrp.Fault)
	d.role("B", vrrp.Fault)
	d = build(true, 1)
	d.step(&FileRead{File: "f", Value: -4})
	d.role("A", vrrp.Backup)
	d.priority("A", 96)
}

// TestWatchReload: what is known stays over a reload, and what is new moves no
// master before it was looked at.
func TestWatchReload(t *testing.T) {
	cfg := withProcess(0, false, Process{Quorum: one, TerminateDelay: second})
	d := drive(t, cfg)
	d.count(2)
	d.pass(4 * second)
	d.role("V", vrrp.Master)
	d.forget()
	cfg.Files = []File{{Name: "f"}}
	cfg.Instances = slices.Clone(cfg.Instances)
	cfg.Instances[0].Files = []TrackFile{{Name: "f"}}
	d.take(d.node.Reconfigure(d.now, cfg))
	d.want()
	d.role("V", vrrp.Master)
	d.read(0)
	d.want("note check")
	d.count(2)
	d.want()

	cfg.Processes = []Process{{Name: "p", Quorum: track.Quorum{Least: 3, Most: track.NoMost}}}
	d.take(d.node.Reconfigure(d.now, cfg))
	d.pass(second)
	d.role("V", vrrp.Fault)

	st := d.node.Status(d.now)
	if f, p := st.Files[0], st.Processes[0]; !f.Known || !slices.Equal(f.Users, []string{"V"}) || p.Count != 2 || p.State != "down" || p.Method != "m" || !slices.Equal(p.Users, []string{"V"}) {
		t.Errorf("status %+v %+v", f, p)
	}
	cfg.Files, cfg.Processes = nil, nil
	cfg.Instances = slices.Clone(cfg.Instances)
	cfg.Instances[0].Files, cfg.Instances[0].Processes = nil, nil
	d.take(d.node.Reconfigure(d.now, cfg))
	d.role("V", vrrp.Backup)
	d.forget()
	d.count(0)
	d.want()
}

// TestWatchReloadMoved: a file that a reload has elsewhere is another file, whose number
// counts at once.
func TestWatchReloadMoved(t *testing.T) {
	cfg := withFile(1, false)
	cfg.Files[0].Path = "/run/a"
	d := drive(t, cfg)
	d.read(5)
	d.priority("V", 105)
	cfg.Files, cfg.Readings = []File{{Name: "f", Path: "/run/b"}}, []FileRead{{File: "f", Value: 7}}
	d.take(d.node.Reconfigure(d.now, cfg))
	d.priority("V", 107)
	// A reading is older than what is told since.
	d.read(9)
	d.take(d.node.Reconfigure(d.now, cfg))
	d.priority("V", 109)
}

// TestWatchReloadQuorum: another quorum counts at once, whatever began or ended last;
// the delays of the same one go on.
func TestWatchReloadQuorum(t *testing.T) {
	p := Process{Name: "p", Quorum: one, ForkDelay: 4 * second, TerminateDelay: 8 * second}
	cfg := withProcess(-20, false, p)
	d := drive(t, cfg)
	d.count(3)
	d.count(2)
	state := func(want string, changes mono.Instant) {
		t.Helper()
		if st := d.node.Status(d.now).Processes[0]; st.State != want || st.Changes != changes {
			t.Errorf("the process is %s until %v, want %s until %v", st.State, st.Changes, want, changes)
		}
	}
	reload := func(quorum int) {
		p.Quorum.Least = quorum
		cfg.Processes = []Process{p}
		d.take(d.node.Reconfigure(d.now, cfg))
	}
	state("up", mono.Never)
	reload(3)
	state("down", mono.Never)
	d.priority("V", 80)
	reload(2)
	state("up", mono.Never)
	d.count(1)
	state("up", d.now.Add(8*second))
	due := d.now.Add(8 * second)
	d.now = d.now.Add(second)
	reload(2)
	state("up", due)
	reload(4)
	state("down", mono.Never)
}

// TestWatchedFirst: when a process is due to count together with an advert, as
// after a stall, no advert leaves that does not know of it.
func TestWatchedFirst(t *testing.T) {
	d := drive(t, withProcess(-20, false, Process{Quorum: one, TerminateDelay: 11 * second / 10}))
	d.count(1)
	d.pass(4 * second)
	d.role("V", vrrp.Master)
	d.count(0)
	d.now = d.now.Add(12 * second / 10)
	d.forget()
	d.take(d.node.Tick(d.now))
	d.priority("V", 80)
	if slices.Contains(d.log, "V sends 100") {
		t.Errorf("the node asked for %q", d.log)
	}
}
