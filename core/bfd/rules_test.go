package bfd

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/mono"
)

// rule is one sentence of an RFC and what shows that it is kept.
type rule struct {
	section string
	says    string
	show    func(t *testing.T)
}

func TestRules(t *testing.T) {
	seen := map[string]bool{}
	for _, list := range [][]rule{stateRules, timerRules, pollRules, demuxRules} {
		for _, r := range list {
			name := r.section + " " + r.says
			if seen[name] {
				t.Errorf("%s: twice", name)
			}
			seen[name] = true
			t.Run(name, r.show)
		}
	}
}

// TestStateTable is the state machine of RFC 5880 6.2 and 6.8.6, every cell.
func TestStateTable(t *testing.T) {
	stay := State(99)
	table := map[State][4]State{ // by what is received: AdminDown, Down, Init, Up
		AdminDown: {stay, stay, stay, stay},
		Down:      {stay, Init, Up, stay},
		Init:      {Down, stay, Up, Up},
		Up:        {Down, Down, stay, stay},
	}
	for from, row := range table {
		for got, want := range row {
			d := drive(t, config())
			switch from {
			case AdminDown:
				d.take(d.s.Stop(d.now, nil))
			case Init:
				d.hear(reply(Down))
			case Up:
				d.up()
			}
			d.want(from)
			d.hear(reply(State(got)))
			if want == stay {
				want = from
			}
			if d.s.State() != want {
				t.Errorf("%v receives %v: is %v, want %v", from, State(got), d.s.State(), want)
			}
			if changed := want != from; changed != (len(d.changes) == 1) || changed && (d.changes[0].From != from || d.changes[0].To != want) {
				t.Errorf("%v receives %v: told %+v", from, State(got), d.changes)
			}
			if want == Down && from != Down && d.s.View().Diag != DiagNeighbor {
				t.Errorf("%v receives %v: diagnostic %v, want %v", from, State(got), d.s.View().Diag, DiagNeighbor)
			}
		}
	}
}

var stateRules = []rule{
	{"5880 6.8.1", "a session begins Down, without diagnostic or remote discriminator", func(t *testing.T) {
		d := drive(t, config())
		_, sent := d.run(second + 3*second)
		d.want(Down)
		for _, c := range sent {
			if c.State != Down || c.Diag != DiagNone || c.Your != 0 || c.Poll || c.Final {
				t.Errorf("sent %s", text(&c))
			}
		}
		if len(sent) < 3 {
			t.Errorf("sent %d packets in 3 s, want at least 3", len(sent))
		}
	}},
	{"5880 6.8.6", "the remote discriminator is taken from every packet", func(t *testing.T) {
		d := drive(t, config())
		if c := d.hear(reply(Down)).only(); c.Your != theirs {
			t.Errorf("answers %s", text(&c))
		}
		d.hear(reply(Down, func(c *Control) { c.My = 99; c.Poll = true }))
		if c := d.only(); c.Your != 99 {
			t.Errorf("answers %s", text(&c))
		}
	}},
	{"5880 6.8.4", "silence of a detection time takes Up down with diagnostic 1", func(t *testing.T) {
		d := drive(t, config()).up()
		end := d.now + 90*ms // 3 x max(10 ms, 30 ms)
		d.run(end - 1)
		d.want(Up)
		_, sent := d.run(end)
		d.want(Down)
		if got := d.s.View().Diag; got != DiagExpired {
			t.Errorf("diagnostic %v", got)
		}
		if last := sent[len(sent)-1]; last.State != Down || last.Diag != DiagExpired {
			t.Errorf("sent %s when it expired", text(&last))
		}
		if !strings.Contains(d.changes[0].Why, "90ms") {
			t.Errorf("told %q", d.changes[0].Why)
		}
	}},
	{"5880 6.8.4", "silence takes Init down too", func(t *testing.T) {
		d := drive(t, config()).hear(reply(Down)).want(Init)
		d.run(d.now + 3*second - 1)
		d.want(Init)
		d.run(d.now + 1)
		d.want(Down)
	}},
	{"5880 6.8.1", "the remote discriminator is forgotten after a detection time", func(t *testing.T) {
		d := drive(t, config()).up()
		at := d.now
		_, sent := d.run(at + 5*second)
		if last := sent[len(sent)-1]; last.Your != 0 || d.s.View().Remote != 0 {
			t.Errorf("still sends %s", text(&last))
		}
		// In Down, where nothing else happens.
		d = drive(t, config()).hear(reply(Up)).want(Down)
		if d.s.View().Remote != theirs {
			t.Error("not known after its packet")
		}
		d.run(d.now + 90*ms - 1)
		if d.s.View().Remote != theirs {
			t.Error("forgotten early")
		}
		d.run(d.now + 1)
		if d.s.View().Remote != 0 || len(d.changes) != 0 {
			t.Errorf("remote discriminator %x, changes %v", d.s.View().Remote, d.changes)
		}
	}},
	{"5880 6.8.4", "a discarded packet does not put detection off", func(t *testing.T) {
		d := drive(t, config()).up()
		end := d.now + 90*ms
		d.run(end - 1)
		d.hear(reply(Up, func(c *Control) { c.Mult = 0 }))
		d.packet(Packet{Source: peer, TTL: 254, Payload: append([]byte(nil), (&Control{State: Up, Mult: 3, My: theirs, Your: ours}).Append(nil)...)})
		d.run(end)
		d.want(Down)
	}},
	{"5880 6.8.4", "a packet in the last instant does", func(t *testing.T) {
		d := drive(t, config()).up()
		end := d.now + 90*ms
		d.run(end - 1)
		d.hear(reply(Up))
		d.run(end + 89*ms)
		d.want(Up)
	}},
	{"5880 6.8.7", "a change of state is told at once", func(t *testing.T) {
		d := drive(t, config())
		if c := d.hear(reply(Down)).only(); c.State != Init {
			t.Errorf("sent %s", text(&c))
		}
		if c := d.hear(reply(Init)).only(); c.State != Up {
			t.Errorf("sent %s", text(&c))
		}
		if c := d.hear(reply(Down)).only(); c.State != Down || c.Diag != DiagNeighbor {
			t.Errorf("sent %s", text(&c))
		}
	}},
	{"5880 6.8.7", "a packet that changes nothing is not answered", func(t *testing.T) {
		d := drive(t, config()).up()
		for range 5 {
			d.now += 5 * ms
			d.hear(reply(Up)).quiet()
		}
	}},
	{"5880 6.8.16", "Stop tells the peer, with diagnostic 7, and nothing brings it back", func(t *testing.T) {
		d := drive(t, config()).up()
		d.take(d.s.Stop(d.now, nil))
		if c := d.only(); c.State != AdminDown || c.Diag != DiagAdminDown || c.Your != theirs || c.MinTx != time.Second {
			t.Errorf("sent %s", text(&c))
		}
		if got := states(d.changes); !slices.Equal(got, []State{AdminDown}) {
			t.Errorf("told %v", got)
		}
		d.hear(reply(Down)).want(AdminDown)
		if d.rule != RejectAdminDown {
			t.Errorf("rule %v", d.rule)
		}
		_, sent := d.run(d.now + 5*second)
		d.want(AdminDown)
		if len(sent) < 5 || sent[0].State != AdminDown {
			t.Errorf("goes on with %d packets", len(sent))
		}
		d.take(d.s.Stop(d.now, nil))
		if d.quiet(); len(d.changes) > 0 {
			t.Error("stopped twice")
		}
	}},
	{"5880 6.8.16", "a peer that is administratively down takes the session down", func(t *testing.T) {
		d := drive(t, config()).up().hear(reply(AdminDown)).want(Down)
		if !strings.Contains(d.changes[0].Why, "administratively") {
			t.Errorf("told %q", d.changes[0].Why)
		}
	}},
	{"5880 6.1", "a passive session does not speak first", func(t *testing.T) {
		cfg := config()
		cfg.Passive = true
		d := drive(t, cfg)
		if _, sent := d.run(d.now + 10*second); len(sent) != 0 {
			t.Errorf("sent %d packets", len(sent))
		}
		d.take(d.s.Stop(d.now, nil))
		d.quiet()
		d = drive(t, cfg)
		d.take(d.s.Reconfigure(d.now, func() Config { c := cfg; c.Mult = 9; return c }(), nil))
		d.quiet()
		if c := d.hear(reply(Down)).only(); c.State != Init {
			t.Errorf("answers %s", text(&c))
		}
		if _, sent := d.run(d.now + 2900*ms); len(sent) < 2 {
			t.Errorf("sent %d packets after it was spoken to", len(sent))
		}
	}},
	{"5880 6.1", "a passive session falls silent when its peer does, after telling it", func(t *testing.T) {
		cfg := config()
		cfg.Passive = true
		d := drive(t, cfg).up()
		_, sent := d.run(d.now + 90*ms)
		if last := sent[len(sent)-1]; last.State != Down || last.Your != theirs {
			t.Errorf("last sent %s", text(&last))
		}
		if _, sent = d.run(d.now + 10*second); len(sent) != 0 {
			t.Errorf("went on with %d packets", len(sent))
		}
	}},
	{"5880 6.6", "a peer in demand mode gets no periodic packets while both are Up", func(t *testing.T) {
		d := drive(t, config()).up().hear(reply(Up, demand))
		hear := func(until mono.Instant, mend ...func(*Control)) (n int) {
			for d.now < until {
				_, sent := d.run(d.now + 20*ms)
				n += len(sent)
				d.hear(reply(Up, mend...))
			}
			return n
		}
		if n := hear(d.now+200*ms, demand); n != 0 {
			t.Errorf("sent %d packets", n)
		}
		d.want(Up)
		if n := hear(d.now + 200*ms); n == 0 {
			t.Error("sends nothing after demand mode ended")
		}
		d.hear(reply(Init, demand)) // the peer is not Up
		if _, sent := d.run(d.now + 60*ms); len(sent) == 0 {
			t.Error("sends nothing although the peer is not Up")
		}
	}},
	{"5880 6.6", "a peer in demand mode is answered and polled all the same", func(t *testing.T) {
		d := drive(t, config()).up().hear(reply(Up, demand))
		if c := d.hear(reply(Up, demand, poll)).only(); !c.Final {
			t.Errorf("answers %s", text(&c))
		}
		cfg := config()
		cfg.MinTx = 80 * time.Millisecond
		d.take(d.s.Reconfigure(d.now, cfg, nil))
		if c := d.only(); !c.Poll {
			t.Errorf("sent %s", text(&c))
		}
		if _, sent := d.run(d.now + 70*ms); polls(sent) == 0 || polls(sent) != len(sent) {
			t.Errorf("%d of %d packets poll", polls(sent), len(sent))
		}
		d.hear(reply(Up, demand, final))
		if _, sent := d.run(d.now + 80*ms); len(sent) != 0 {
			t.Errorf("sent %d packets after the Poll Sequence", len(sent))
		}
	}},
}

var demuxRules = []rule{
	{"5880 6.3", "a packet with our discriminator is its session's, wherever it came from", func(t *testing.T) {
		d := drive(t, config()).up()
		c := reply(Up)
		d.packet(Packet{Source: netip.MustParseAddr("198.51.100.9"), TTL: 255, Payload: c.Append(nil)})
		if d.rule != Accepted {
			t.Errorf("rule %v", d.rule)
		}
	}},
	{"5880 6.8.6", "a discriminator of no session is discarded", func(t *testing.T) {
		d := drive(t, config()).up()
		d.hear(reply(Up, func(c *Control) { c.Your = 1 }))
		if d.rule != RejectSession || d.table.Rejected()[RejectSession] != 1 {
			t.Errorf("rule %v, counted %v", d.rule, d.table.Rejected())
		}
	}},
	{"5880 6.8.6", "without discriminator the address decides", func(t *testing.T) {
		d := drive(t, config())
		c := reply(Down, func(c *Control) { c.Your = 0 })
		d.packet(Packet{Source: netip.MustParseAddr("192.0.2.3"), TTL: 255, Payload: c.Append(nil)}).want(Down)
		if d.rule != RejectSession {
			t.Errorf("rule %v", d.rule)
		}
		d.packet(Packet{Source: netip.MustParseAddr("::ffff:192.0.2.2"), TTL: 255, Payload: c.Append(nil)}).want(Init)
	}},
	{"5881 4", "sessions with one neighbor differ in our address", func(t *testing.T) {
		d := drive(t, config())
		cfg := config()
		cfg.Source = netip.MustParseAddr("192.0.2.7")
		other := New(d.now, cfg, 77, 1)
		d.table.Add(other)
		c := reply(Down, func(c *Control) { c.Your = 0 })
		p := Packet{Source: peer, Destination: cfg.Source, TTL: 255, Payload: c.Append(nil)}
		if s, _, _ := d.table.Receive(d.now, &p, nil); s != other || other.State() != Init {
			t.Errorf("the other is %v", other.State())
		}
		d.want(Down)
		d.packet(Packet{Source: peer, Destination: local, TTL: 255, Payload: c.Append(nil)}).want(Init)
		d.table.Remove(other)
		if d.table.byPath[cfg.Path] != nil || d.table.byPath[d.s.cfg.Path] != d.s {
			t.Error("removed another one")
		}
	}},
	{"5881 5", "a single hop packet whose TTL is not 255 is discarded", func(t *testing.T) {
		d := drive(t, config())
		c := reply(Down)
		for ttl := range 256 {
			d.packet(Packet{Source: peer, TTL: ttl, Payload: c.Append(nil)})
			if (d.rule == RejectHops) != (ttl != 255) {
				t.Errorf("TTL %d: %v", ttl, d.rule)
			}
		}
		if got := d.s.View().Counts.Rejected[RejectHops]; got != 255 {
			t.Errorf("counted %d", got)
		}
	}},
	{"5883 5", "a multihop session takes what came as far as configured", func(t *testing.T) {
		cfg := config()
		cfg.Multihop, cfg.MinTTL = true, 252
		d := drive(t, cfg)
		c := reply(Down)
		d.packet(Packet{Source: peer, Multihop: true, TTL: 251, Payload: c.Append(nil)}).want(Down)
		d.packet(Packet{Source: peer, Multihop: true, TTL: 252, Payload: c.Append(nil)}).want(Init)
	}},
	{"5883 5", "the port is part of the session", func(t *testing.T) {
		for _, multihop := range []bool{false, true} {
			cfg := config()
			cfg.Multihop = multihop
			d := drive(t, cfg)
			for _, your := range []uint32{0, ours} {
				c := reply(Down, func(c *Control) { c.Your = your })
				d.packet(Packet{Source: peer, Multihop: !multihop, TTL: 255, Payload: c.Append(nil)}).want(Down)
				if d.rule != RejectSession {
					t.Errorf("multihop %v, your discriminator %x: %v", multihop, your, d.rule)
				}
			}
		}
	}},
	{"5880 6.8.1", "discriminators are not zero and not in use", func(t *testing.T) {
		table := NewTable()
		// The first number of this seed is taken, so the second must come.
		r := Random(5)
		first := r.Uint32()
		second := r.Uint32()
		table.Add(New(0, config(), first, 0))
		again := Random(5)
		if got := table.Draw(&again); got != second || got == 0 {
			t.Errorf("drew %x, want %x", got, second)
		}
		zero := Random(2419239980) // found by trying: its first number is 0
		if r = zero; r.Uint32() != 0 {
			t.Fatal("the first number is not 0")
		}
		if got := table.Draw(&zero); got == 0 {
			t.Error("drew 0")
		}
	}},
}
