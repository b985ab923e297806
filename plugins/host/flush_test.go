//go:build linux

package host

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/moonkeep/moonkeep/core/health"
	"github.com/moonkeep/moonkeep/plugins/checker/checkerpb"
	"github.com/moonkeep/moonkeep/plugins/clock"
)

// TestLargeMessages: what is to be said to a process at once may be more than a
// message holds, as after a restart. Each part of it leaves once, in messages that
// every checker takes.
func TestLargeMessages(t *testing.T) {
	const key = 8 << 10 // the key of a certificate, say
	options, err := json.Marshal(map[string]string{"do": strings.Repeat("k", key)})
	if err != nil {
		t.Fatal(err)
	}
	g := newGroup(&Host{opts: Options{Log: slog.New(slog.DiscardHandler)}}, groupKey{name: "GOOD"}, 1)
	i := &instance{group: g, number: 1, out: make(chan *checkerpb.FromHost, 1)}
	g.current, g.started, g.all = i, 1, []*instance{i}
	const n = 4000
	set := new(Set)
	now := clock.Now()
	for id := range uint32(n) {
		c := check(id, "GOOD", "ok")
		c.Options = options
		g.take(slotKey{fmt.Sprint(id), 0}, c.Subject)
		g.begin(&ask{set: set, slot: id, check: c.Subject, number: id, seq: 1, at: now})
	}
	for id := range uint32(200_000) { // gone, and not used again
		i.release = append(i.release, n+id)
	}
	for range 200_000 {
		g.slots = append(g.slots, slot{check: g.nothing})
	}
	prepared, started, released := map[uint32]bool{}, map[uint32]bool{}, map[uint32]bool{}
	messages := 0
	for ; i.wants(g); messages++ {
		now = now.Add(pace)
		g.flush(now)
		m := <-i.out
		line, err := encodeLine(m)
		if err != nil {
			t.Fatal(err)
		}
		if size := max(len(line), proto.Size(m)); size > maxOctets {
			t.Fatalf("message %d has %d bytes", messages, size)
		}
		for _, p := range m.GetPrepare() {
			if prepared[p.GetCheck()] {
				t.Fatalf("check %d is prepared twice", p.GetCheck())
			}
			prepared[p.GetCheck()] = true
		}
		for _, s := range m.GetStart() {
			if !prepared[s.GetCheck()] || started[s.GetCheck()] {
				t.Fatalf("check %d is started before it is prepared, or twice", s.GetCheck())
			}
			started[s.GetCheck()] = true
		}
		for _, id := range m.GetRelease() {
			released[id] = true
		}
		if messages > 1000 {
			t.Fatal("there is no end of messages")
		}
	}
	if len(prepared) != n || len(started) != n || len(released) != 200_000 {
		t.Errorf("%d checks were prepared, %d started, %d released", len(prepared), len(started), len(released))
	}
	if least := n * key / maxOctets; messages > 2*least {
		t.Errorf("%d messages, where %d would do", messages, least)
	}
	huge := check(0, "GOOD", "ok")
	huge.Options = json.RawMessage(`{"do":"` + strings.Repeat("k", maxOptions) + `"}`)
	err = (Options{}).Check(Plan{Checks: []Check{huge, huge, huge}})
	var about *Error
	if err == nil || strings.Count(err.Error(), "its options have") != 1 || !errors.As(err, &about) || about.Plugin != "GOOD" {
		t.Errorf("options larger than a message: %v", err)
	}
}

// TestFullTime: a probe that waited for its process has all of its time from when
// it is sent: with what is left of it a server that needs more would fail, and a
// failure may decide alone.
func TestFullTime(t *testing.T) {
	o := quick(t)
	o.Hold = 400 * time.Millisecond
	s := newSite(t, o)
	c := check(0, "GOOD", "left")
	c.Limit, c.Patience = 20*time.Second, 20*time.Second+50*time.Millisecond
	s.open(Plan{Checks: []Check{c}})
	begin := time.Now()
	a := s.probe(0)
	if waited := time.Since(begin); waited < 370*time.Millisecond {
		t.Fatalf("it waited only %s for its process", waited)
	}
	if left, err := time.ParseDuration(a.Message); a.Verdict != health.OK || err != nil || left < c.Limit-300*time.Millisecond {
		t.Errorf("%v: it had %s, %v", a.Verdict, a.Message, err)
	}
}

// TestLast: a probe that waited for its process has its time anew, and is answered
// before nobody waits for it any more.
func TestLast(t *testing.T) {
	const s = time.Second
	for _, test := range []struct{ waited, last, until time.Duration }{
		{s / 4, 0, 6 * s}, {3 * s, 0, 9 * s}, {s / 4, 7 * s, 6 * s}, {3 * s / 4, 7 * s, 27 * s / 4}, {3 * s, 7 * s, 7 * s}, {3 * s, 6 * s, 6 * s},
	} {
		g := newGroup(&Host{opts: Options{Log: slog.New(slog.DiscardHandler)}}, groupKey{name: "GOOD"}, 1)
		i := &instance{group: g, number: 1, out: make(chan *checkerpb.FromHost, 1)}
		g.current = i
		c := check(0, "GOOD", "ok")
		c.Limit, c.Patience, c.Last = 5*s, 6*s, test.last
		id := g.take(slotKey{}, c.Subject)
		at := clock.Now()
		g.begin(&ask{set: new(Set), slot: id, check: c.Subject, at: at})
		g.flush(at.Add(test.waited))
		m := <-i.out
		if got := g.slots[id].until.Sub(at); got != test.until || m.GetStart()[0].GetTimeoutUs() != uint64(c.Limit/time.Microsecond) {
			t.Errorf("%+v: until %s, %v", test, got, m)
		}
		if first, _, _ := g.under.first(); first != &g.slots[id] {
			t.Errorf("%+v: it is not waited for", test)
		}
	}
}
