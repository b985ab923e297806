package vrrp

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"
)

func shared(c *Config) { c.Shared = true }

func (d *driver) vacated() { d.t.Helper(); d.do(d.r.Vacated(d.at(), d.buf[:0])) }

// With a hardware address that all routers share, what the one that leaves
// answers after the new master's announcement turns the switches back to it. It
// says its last when its addresses are gone, with a priority by which the other
// wins and asserts itself.
func TestPartingOfAStop(t *testing.T) {
	d := master(t, V3, 100, shared)
	d.hear(peerLow, 50)
	d.run(500 * ms)
	d.lines = nil
	d.stop()
	d.want("500ms hasten, send 0")
	d.vacated() // nobody asked for it
	d.run(700 * ms)
	d.hear(peerLow, 50)
	d.tick()
	d.want("700ms release, MASTER->INIT stopped")
	d.run(705 * ms)
	d.hear(peerLow, 50)
	d.vacated()
	d.want("705ms send 1")
	d.vacated()
	d.run(time.Minute)
	d.want()
}

// The end does not depend on the news that the addresses are gone, and comes at
// once when it is pressed for.
func TestPartingIsNotWaitedForLong(t *testing.T) {
	for _, abandoned := range []bool{false, true} {
		d := master(t, V3, 100, shared)
		d.hear(peerLow, 50)
		d.lines = nil
		d.stop()
		d.want("0s hasten, send 0")
		d.run(20 * ms)
		d.hear(peerLow, 50)
		d.tick()
		d.want("20ms release, MASTER->INIT stopped")
		if abandoned {
			d.abandon()
			d.want("20ms send 1")
		}
		d.run(time.Minute)
		if !abandoned {
			d.want("120ms send 1")
		}
	}
}

// A master that yields says its last when its addresses are gone, not before as
// one with a hardware address of its own.
func TestPartingOfAYield(t *testing.T) {
	d := master(t, V3, 100, shared)
	d.lines = nil
	d.hear(peerHigh, 200)
	d.want("0s release, MASTER->BACKUP")
	d.vacated()
	d.want("0s send 1")
	d.vacated()
	d.want()

	d = master(t, V3, 100, shared, func(c *Config) { c.YieldSilently = true })
	d.lines = nil
	d.hear(peerHigh, 200)
	d.vacated()
	d.want("0s release, MASTER->BACKUP")
}

// One with a hardware address of its own answers for a while after it has heard the
// winner, which may have been master all along: it says when it answers no more, and
// the winner announces its addresses then, however soon that is after it did.
func TestPartingOfAHeal(t *testing.T) {
	loser, winner := master(t, V3, 100), master(t, V3, 200)
	loser.run(1500 * ms)
	winner.run(1500 * ms)
	winner.r.SetSource(peerHigh)
	loser.lines, winner.lines = nil, nil
	winner.hear(ownAddr, 100)
	loser.hear(peerHigh, 200)
	if !slices.ContainsFunc(loser.buf, func(a Action) bool { return a.Kind == DoRelease && a.Tell }) {
		t.Error("nobody is to tell that the addresses are gone")
	}
	loser.want("1.5s send 100, release in 10ms, MASTER->BACKUP")
	winner.hear(ownAddr, 100)
	winner.want("1.5s alarm conflict, send 200, defend 5")
	loser.run(1511 * ms)
	winner.run(1511 * ms)
	loser.vacated()
	loser.want("1.511s send 1")
	winner.hear(ownAddr, 1)
	winner.want("1.511s send 200, defend 5") // a third one is to have heard it last
	loser.vacated()
	loser.hear(peerHigh, 200)
	loser.run(1900 * ms)
	loser.want()
	winner.run(1900 * ms)
	winner.want()

	silent := master(t, V3, 100, func(c *Config) { c.YieldSilently = true })
	silent.hear(peerHigh, 200)
	silent.vacated()
	silent.want("0s release in 10ms, MASTER->BACKUP")
}

// Who takes the addresses over announces them as it does so, and when the one before
// it has given them up. That is no conflict, however short the interval.
func TestPartingOfAPreemption(t *testing.T) {
	for _, tt := range []time.Duration{10 * ms, time.Second} {
		d := master(t, V3, 200, interval(tt))
		d.r.t.advert = epoch.Add(time.Hour) // answers only
		d.hear(peerLow, 100)
		d.run(11 * ms)
		d.lines = nil
		d.hear(peerLow, 1)
		d.run(99 * ms)
		d.wantWhy("test")
		d.want("11ms send 200, defend 5")
		if v := d.r.View(); v.HeardPriority != 100 {
			t.Errorf("the one before it had priority %d", v.HeardPriority)
		}
	}
}

// The last word of one that was busy giving its addresses up is no conflict either, but
// one that says it again is a master of that priority.
func TestPartingLate(t *testing.T) {
	d := master(t, V3, 200, interval(100*ms))
	d.r.t.advert = epoch.Add(time.Hour) // answers only
	d.hear(peerLow, 100)
	d.run(250 * ms)
	d.lines = nil
	met := d.r.View().Counts.Conflicts
	d.hear(peerLow, 1)
	d.want("250ms send 200, defend 5")
	if v := d.r.View(); v.Dual.On || v.Dual.Times != 0 || v.Counts.Conflicts != met {
		t.Errorf("%+v, %d conflicts, want %d", v.Dual, v.Counts.Conflicts, met)
	}
	d.run(350 * ms)
	d.hear(peerLow, 1)
	d.want("350ms alarm conflict, send 200, defend 5")
	if v := d.r.View(); !v.Dual.On || v.Counts.Conflicts != met+1 {
		t.Errorf("%+v, %d conflicts, want %d", v.Dual, v.Counts.Conflicts, met+1)
	}
}

// One that was not heard for long was master on the other side of a partition. Where the
// hardware address is shared its last word is all that it says.
func TestPartingOfASide(t *testing.T) {
	d := master(t, V3, 200, shared)
	d.hear(peerLow, 100)
	d.run(time.Minute)
	d.lines = nil
	d.hear(peerLow, 1)
	d.want("1m0s alarm conflict, send 200, defend 5")
}

// A flood of last words is answered by a burst in 100 ms, as one of other adverts is.
func TestPartingFlood(t *testing.T) {
	d := master(t, V3, 100)
	bursts := 0
	for at := 2 * time.Second; at < 3*time.Second; at += ms {
		d.run(at)
		d.lines = nil
		d.hear(peerLow, 1)
		bursts += strings.Count(strings.Join(d.lines, ""), "defend")
	}
	if bursts < 10 || bursts > 20 {
		t.Errorf("%d bursts in a second, want 10 to 20", bursts)
	}
}

// A master that was there before its priority was the higher one has its addresses:
// nothing is answered beside it.
func TestYieldToAKnownMaster(t *testing.T) {
	d := master(t, V3, 100)
	d.run(1500 * ms)
	d.hear(peerHigh, 50)
	d.lines = nil
	d.hear(peerHigh, 150)
	d.want("1.5s send 100, release, note conflict, MASTER->BACKUP")

	d = master(t, V3, 100)
	d.run(1500 * ms)
	d.hear(peerHigh, 50)
	d.lines = nil
	d.hear(peerLow, 150) // another
	d.want("1.5s send 100, release in 10ms, note conflict, MASTER->BACKUP")
}

// Who gives its addresses up without having heard to whom tells the one that it
// hears, who may have been master on the other side of a partition and would
// announce nothing.
func TestPartingOfAGroup(t *testing.T) {
	for _, own := range []bool{false, true} {
		d := master(t, V3, 100, func(c *Config) { c.Shared = !own })
		d.lines = nil
		d.demote()
		d.want(map[bool]string{true: "0s release in 10ms, MASTER->BACKUP", false: "0s release, MASTER->BACKUP"}[own])
		d.run(5 * ms)
		d.vacated()
		d.run(10 * ms)
		d.hear(peerLow, 0) // one that resigns is no successor
		d.hear(peerLow, 50)
		d.hear(peerLow, 50)
		d.want("10ms send 1")
	}
}

// A master that slept learns afterwards who took over meanwhile.
func TestPartingAfterSleep(t *testing.T) {
	for _, own := range []bool{false, true} {
		d := master(t, V3, 100, func(c *Config) { c.Shared = !own })
		d.lines = nil
		d.jump(d.now + 10*time.Second)
		d.hear(peerHigh, 200)
		d.want("10s release, MASTER->BACKUP")
		d.vacated()
		d.want("10s send 1")
		d.hear(peerHigh, 200)
		d.want()

		d = master(t, V3, 100, func(c *Config) { c.Shared, c.YieldSilently = !own, true })
		d.lines = nil
		d.jump(d.now + 10*time.Second)
		d.hear(peerHigh, 200)
		d.want("10s release, MASTER->BACKUP")
		d.vacated()
		d.want()
	}
}

// What a master that slept reads first may be of one that has gone meanwhile. What
// it says then is heard by whoever is master now, whose priority may be lower than
// ours: that one must not yield to a BACKUP.
func TestPartingMovesNoOtherMaster(t *testing.T) {
	for _, own := range []bool{false, true} {
		d := master(t, V3, 100, func(c *Config) { c.Shared = !own })
		d.lines = nil
		d.jump(d.now + 10*time.Second)
		d.hear(peerHigh, 200) // all three waited to be read
		d.hear(peerHigh, 0)
		d.hear(peerLow, 50)
		d.want("10s release, MASTER->BACKUP")
		d.vacated()
		d.want("10s send 1")
	}
	d := master(t, V3, 100, shared)
	d.lines = nil
	d.hear(peerHigh, 200)
	d.hear(peerHigh, 0)
	d.hear(peerLow, 50)
	d.want("0s release, MASTER->BACKUP")
	d.vacated()
	d.want("0s send 1")
}

// keepalived yields without a word: what it answered before it did so has turned
// the switches to it.
func TestAnnouncesWhenARivalFallsSilent(t *testing.T) {
	for _, own := range []bool{false, true} {
		d := master(t, V3, 100, announces(AnnounceConfig{Repeat: 1, LowerPrioRepeat: 2}), interval(100*ms))
		d.r.cfg.Shared = !own
		d.run(time.Second)
		d.hear(peerLow, 50)
		d.lines = nil
		d.run(d.now + time.Second)
		got := slices.ContainsFunc(d.lines, func(l string) bool { return strings.Contains(l, "announce 2") })
		if got == own {
			t.Errorf("own hardware address %v: did %q, announcing when the rival is silent is %v", own, d.lines, got)
		}
	}
}

// Nothing of priority 1 must come from one that is MASTER again.
func TestPartingIsForgotten(t *testing.T) {
	d := master(t, V3, 100, shared)
	d.hear(peerHigh, 200)
	d.promote()
	d.lines = nil
	d.vacated()
	d.want()
}

// An heir of priority 1 with the lower address would yield to any advert.
func TestPartingWithoutALowerPriority(t *testing.T) {
	for _, tt := range []struct {
		heir uint8
		from string
		want []string
	}{
		{1, "low", []string{"20ms release, MASTER->INIT stopped"}},
		{1, "high", []string{"20ms release, MASTER->INIT stopped", "20ms send 1"}},
	} {
		d := master(t, V3, 100, shared)
		from := map[string]func(){
			"low":  func() { d.hear(peerLow, tt.heir) },
			"high": func() { d.hear(peerHigh, tt.heir) },
		}[tt.from]
		d.run(10 * ms)
		d.stop()
		d.run(20 * ms)
		d.lines = nil
		from()
		d.tick()
		d.vacated()
		d.want(tt.want...)
	}
}

// The last advert of one that slept is like any other of its: the heir takes it,
// signed or not, asserts itself, and takes it once where it is signed.
func TestPartingIsTaken(t *testing.T) {
	six := func(c *Config) { c.Addresses = parseAddrs("fe80::51:1") }
	peer := func(c *Config) {
		c.Unicast = Unicast{On: true, Peers: []Peer{{Addr: peerLow}, {Addr: ownAddr}}}
	}
	peer6 := func(c *Config) {
		six(c)
		c.Unicast = Unicast{On: true, Peers: []Peer{{Addr: netip.MustParseAddr("fe80::1")}, {Addr: ownAddr6}}}
	}
	for name, tt := range map[string]struct {
		version Version
		opts    []func(*Config)
		once    bool
	}{
		"v2": {V2, nil, false}, "v2 AH": {V2, []func(*Config){withAH}, true},
		"v3": {V3, nil, false}, "v3 six": {V3, []func(*Config){six}, false},
		"v3 HMAC": {V3, []func(*Config){hmacs(HMACEnforce)}, true}, "v3 six HMAC": {V3, []func(*Config){six, hmacs(HMACEnforce)}, true},
		"v3 unicast HMAC": {V3, []func(*Config){peer, hmacs(HMACEnforce)}, true}, "v3 six unicast HMAC": {V3, []func(*Config){peer6, hmacs(HMACEnforce)}, true},
	} {
		t.Run(name, func(t *testing.T) {
			at := epoch
			a, b := made(t, tt.version, 100, tt.opts...).r, made(t, tt.version, 50, tt.opts...).r
			if b.Source().Is6() {
				b.SetSource(netip.MustParseAddr("fe80::1"))
			} else {
				b.SetSource(peerLow)
			}
			// deliver gives the packets of a list to a router, and returns what that wants.
			deliver := func(list []Action, from, to *Router) (out []Action) {
				for i := range list {
					if k := &list[i]; k.Kind == DoSend && (k.Destination.IsMulticast() || k.Destination == to.Source()) {
						p := sentPacket(from.Source(), k)
						out = to.Receive(at, &p, out)
					}
				}
				return out
			}
			for _, r := range []*Router{a, b} {
				r.SetWall(wallOf(1 << 40))
				r.Start(at, "", nil)
			}
			deliver(a.Promote(at, "", nil), a, b)
			at = at.Add(10 * time.Second)
			first := b.Promote(at, "", nil) // while a slept
			if got := deliver(first, b, a); len(got) == 0 || a.Role() != Backup {
				t.Fatalf("the sleeper is %v after %v", a.Role(), got)
			}
			at = at.Add(5 * ms)
			last := a.Vacated(at, nil)
			if len(last) == 0 {
				t.Fatal("no last advert")
			}
			at = at.Add(time.Second)
			answer := deliver(last, a, b)
			if b.Role() != Master || !slices.ContainsFunc(answer, func(x Action) bool { return x.Kind == DoAnnounce }) || !slices.ContainsFunc(answer, func(x Action) bool { return x.Kind == DoSend }) {
				t.Errorf("the heir is %v and did %v", b.Role(), answer)
			}
			if a.Role() != Backup {
				t.Errorf("the sleeper is %v", a.Role())
			}
			deliver(answer, b, a)
			before := b.View().Counts.Received
			deliver(last, a, b)
			if taken := b.View().Counts.Received > before; taken == tt.once {
				t.Errorf("the last advert was taken twice: %v", taken)
			}
		})
	}
}
