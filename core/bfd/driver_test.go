package bfd

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/mono"
)

const (
	ms     = mono.Instant(time.Millisecond)
	second = mono.Instant(time.Second)
	// ours and theirs are the discriminators of the tests.
	ours   = 0x0a0a0a0a
	theirs = 0x0b0b0b0b
)

var (
	local = netip.MustParseAddr("192.0.2.1")
	peer  = netip.MustParseAddr("192.0.2.2")
)

// driver drives one session and plays its peer.
type driver struct {
	t     *testing.T
	now   mono.Instant
	s     *Session
	table *Table
	// sent and changes are what the last call wanted.
	sent    []Control
	changes []Action
	// rule is how the last packet came out.
	rule Rejection
}

func config() Config {
	c := Defaults()
	c.Path = Path{Neighbor: peer}
	return c
}

func drive(t *testing.T, cfg Config) *driver {
	t.Helper()
	d := &driver{t: t, table: NewTable(), now: second, s: New(second, cfg, ours, 1)}
	d.table.Add(d.s)
	return d
}

// take sorts the actions of a call.
func (d *driver) take(actions []Action) {
	d.t.Helper()
	d.sent, d.changes = nil, nil
	for _, a := range actions {
		if a.Kind == DoChange {
			d.changes = append(d.changes, a)
			continue
		}
		c, rule := Decode(a.Payload)
		if rule != Accepted && rule != RejectState {
			d.t.Fatalf("sends % x: %v", a.Payload, rule)
		}
		if c.My != ours || c.Demand || c.Poll && c.Final {
			d.t.Fatalf("sends %s", text(&c))
		}
		d.sent = append(d.sent, c)
	}
}

// reply is a packet of the peer.
func reply(state State, mend ...func(*Control)) Control {
	c := Control{State: state, Mult: 3, My: theirs, Your: ours, MinTx: time.Second, MinRx: 20 * time.Millisecond}
	if state == Up {
		c.MinTx = 30 * time.Millisecond
	}
	for _, f := range mend {
		f(&c)
	}
	return c
}

// hear delivers a packet of the peer, from its address and with TTL 255.
func (d *driver) hear(c Control) *driver {
	d.t.Helper()
	return d.packet(Packet{Source: peer, Destination: local, TTL: 255, Payload: c.Append(nil)})
}

func (d *driver) packet(p Packet) *driver {
	d.t.Helper()
	_, actions, rule := d.table.Receive(d.now, &p, nil)
	d.take(actions)
	d.rule = rule
	return d
}

// run lets time pass and returns every packet that was sent with its instant.
func (d *driver) run(until mono.Instant) (at []mono.Instant, sent []Control) {
	d.t.Helper()
	var changes []Action
	for d.s.Deadline().Reached(until) {
		d.now = max(d.now, d.s.Deadline())
		d.take(d.s.Tick(d.now, nil))
		for range d.sent {
			at = append(at, d.now)
		}
		sent = append(sent, d.sent...)
		changes = append(changes, d.changes...)
	}
	d.now, d.changes = until, changes
	return at, sent
}

// up brings the session up, the Poll Sequence included.
func (d *driver) up() *driver {
	d.t.Helper()
	d.hear(reply(Down)).want(Init)
	d.hear(reply(Up)).want(Up)
	d.hear(reply(Up, final)).want(Up)
	if d.s.polling {
		d.t.Fatal("polls although its Poll was answered")
	}
	d.beat(max(d.now+100*ms, d.s.apart)) // a next Poll Sequence need not wait
	return d
}

func (d *driver) want(s State) *driver {
	d.t.Helper()
	if d.s.State() != s {
		d.t.Fatalf("state %v, want %v (rule: %v)", d.s.State(), s, d.rule)
	}
	return d
}

// only returns the one packet that the last call sent.
func (d *driver) only() Control {
	d.t.Helper()
	if len(d.sent) != 1 {
		d.t.Fatalf("sent %d packets, want 1", len(d.sent))
	}
	return d.sent[0]
}

func (d *driver) quiet() {
	d.t.Helper()
	if len(d.sent) > 0 {
		d.t.Fatalf("sent %s", text(&d.sent[0]))
	}
}

func poll(c *Control)   { c.Poll = true }
func final(c *Control)  { c.Final = true }
func demand(c *Control) { c.Demand = true }

func minRx(d time.Duration) func(*Control) { return func(c *Control) { c.MinRx = d } }
func minTx(d time.Duration) func(*Control) { return func(c *Control) { c.MinTx = d } }

// gaps are the times between instants.
func gaps(at []mono.Instant) (least, most time.Duration) {
	least = time.Hour
	for i := 1; i < len(at); i++ {
		d := at[i].Sub(at[i-1])
		least, most = min(least, d), max(most, d)
	}
	return least, most
}

func polls(sent []Control) int {
	n := 0
	for _, c := range sent {
		if c.Poll {
			n++
		}
	}
	return n
}

func states(changes []Action) []State {
	var all []State
	for _, a := range changes {
		all = append(all, a.To)
	}
	return slices.Clip(all)
}
