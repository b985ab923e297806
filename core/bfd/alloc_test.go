package bfd

import (
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/mono"
)

// TestNoAllocation: packets cost nothing in steady state, nor do those that
// are rejected.
func TestNoAllocation(t *testing.T) {
	d := drive(t, config()).up()
	up, polling, broken := reply(Up), reply(Up, poll), reply(Up, func(c *Control) { c.Mult = 0 })
	out := make([]Action, 0, 4)
	for _, tt := range []struct {
		name string
		do   func()
	}{
		{"send", func() {
			d.now = d.now.Add(d.s.interval())
			d.s.detect = mono.Never
			if out = d.s.Tick(d.now, out[:0]); len(out) != 1 {
				t.Fatalf("%d actions, want 1", len(out))
			}
		}},
		{"receive", d.receives(t, up, out, Accepted, 0)},
		{"answer a Poll", d.receives(t, polling, out, Accepted, 1)},
		{"reject", d.receives(t, broken, out, RejectMult, 0)},
	} {
		if n := testing.AllocsPerRun(1000, tt.do); n != 0 {
			t.Errorf("%s: %v allocations", tt.name, n)
		}
	}
}

func (d *driver) receives(t *testing.T, c Control, out []Action, want Rejection, sends int) func() {
	p := Packet{Source: peer, Destination: local, TTL: 255, Payload: c.Append(nil)}
	return func() {
		d.now = d.now.Add(time.Millisecond)
		var rule Rejection
		if _, out, rule = d.table.Receive(d.now, &p, out[:0]); rule != want || len(out) != sends {
			t.Fatalf("%v with %d actions, want %v with %d", rule, len(out), want, sends)
		}
	}
}
