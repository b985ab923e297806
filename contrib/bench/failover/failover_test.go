//go:build linux

package main

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/lab"
)

const millisecond = time.Millisecond

func TestParseFlags(t *testing.T) {
	s, err := parseFlags([]string{"-modes", "v2:1s,v3:10ms", "-events", "term,crash", "-trials", "3"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.modes) != 2 || s.modes[0] != (mode{2, time.Second}) || s.modes[1] != (mode{3, 10 * millisecond}) {
		t.Errorf("modes = %v", s.modes)
	}
	if len(s.events) != 2 || s.events[0].name != "term" || s.events[1].name != "crash" || s.trials != 3 {
		t.Errorf("events = %v, trials = %d", s.events, s.trials)
	}
	for _, args := range [][]string{
		{"-modes", "v4:1s"}, {"-modes", "v2"}, {"-modes", "v2:100ms"}, {"-modes", "v3:0s"}, {"-modes", ""},
		{"-events", "fire"}, {"-trials", "0"}, {"-probe", "0s"}, {"more"},
	} {
		var said strings.Builder
		if _, err := parseFlags(args, &said); err == nil || said.Len() == 0 {
			t.Errorf("parseFlags(%q) = %v and said %q, want an error and a word", args, err, &said)
		}
	}
}

func TestText(t *testing.T) {
	got := text(configuration("a.conf", mode{3, 10 * millisecond}, a))
	for _, line := range []string{"vrrp_version 3", "state MASTER", "priority 150", "advert_int 0.01", "10.0.0.100/24 dev eth0"} {
		if !strings.Contains(got, line+"\n") {
			t.Errorf("%q is missing in:\n%s", line, got)
		}
	}
	got = text(configuration("b.conf", mode{2, time.Second}, b))
	for _, line := range []string{"vrrp_version 2", "state BACKUP", "priority 100", "advert_int 1"} {
		if !strings.Contains(got, line+"\n") {
			t.Errorf("%q is missing in:\n%s", line, got)
		}
	}
}

func move(lost, next time.Duration, cause time.Duration) lab.Move {
	return lab.Move{Change: lab.Change{From: a, To: b, Lost: lost, Next: next}, Cause: &lab.Mark{At: cause}}
}

func TestFigures(t *testing.T) {
	// A clean take-over, then a gap of 7 ms that ends 57 ms after the step.
	moves := []lab.Move{move(130*millisecond, 130*millisecond, 100*millisecond), move(150*millisecond, 157*millisecond, 100*millisecond)}
	if got := outage(moves); got != 7*millisecond {
		t.Errorf("outage = %s, want 7ms", got)
	}
	if got := last(moves); got != 57*millisecond {
		t.Errorf("last = %s, want 57ms", got)
	}
	if outage(nil) != 0 || last(nil) != 0 {
		t.Error("without moves the figures are not zero")
	}
}

func TestTable(t *testing.T) {
	tbl := &table{}
	r := row{"v3:10ms", "crash", "outage"}
	for _, d := range []time.Duration{30, 10, 20, 15} {
		tbl.add(r, ours, d*millisecond)
	}
	for _, d := range []time.Duration{35, 5500, 35} {
		tbl.add(r, theirs, d*millisecond)
	}
	tbl.add(row{"v3:10ms", "kill9", "outage"}, ours, 0)
	tbl.add(row{"v3:10ms", "kill9", "outage"}, theirs, 0)
	var out strings.Builder
	tbl.print(&out, true)
	want := `| mode | event | figure | moonkeep | keepalived | ratio of medians | moonkeep beside keepalived |
|---|---|---|---|---|---|---|
| v3:10ms | crash | outage | 10 / 17.5 / 30 | 35 / 35 / 5500 | 0.50 | - |
| v3:10ms | kill9 | outage | 0 | 0 | - | - |
`
	if out.String() != want {
		t.Errorf("markdown is\n%swant\n%s", &out, want)
	}
	out.Reset()
	tbl.print(&out, false)
	if first, _, _ := strings.Cut(out.String(), "\n"); first != "mode     event  figure  moonkeep        keepalived      ratio of medians  moonkeep beside keepalived" {
		t.Errorf("the plain table begins with %q", first)
	}
}
