package vrrp

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/mono"
)

const ms = time.Millisecond

// Our own address and those of peers below and above it.
var (
	peerLow  = netip.MustParseAddr("192.0.2.1")
	ownAddr  = netip.MustParseAddr("192.0.2.2")
	peerHigh = netip.MustParseAddr("192.0.2.3")
	ownAddr6 = netip.MustParseAddr("fe80::2")
)

// epoch is the instant that the tests call 0: no timer may depend on where
// the clock's zero is.
const epoch = mono.Instant(90 * time.Minute)

// driver drives a Router like an engine and writes down what it wants done,
// a line for each call that returned actions:
//
//	3.609375s send 100, claim, announce 5, BACKUP->MASTER
//
// An announcement that another master caused reads "defend".
// Every advert is decoded and compared with the configuration in force, and
// after every call exactly the timers of the role must run.
type driver struct {
	t     testing.TB
	r     *Router
	now   time.Duration // since epoch
	buf   []Action
	lines []string
	why   string // of the last change or note
	calls int
}

// made returns a router in INIT with a second's interval and one address.
func made(t testing.TB, v Version, priority uint8, opts ...func(*Config)) *driver {
	t.Helper()
	c := Defaults()
	c.Version, c.VRID, c.Priority, c.Addresses = v, 51, priority, parseAddrs("192.0.2.100")
	for _, o := range opts {
		o(&c)
	}
	d := &driver{t: t, r: New(epoch, new(c))}
	if c.Addresses[0].Is6() {
		d.r.SetSource(ownAddr6)
	} else {
		d.r.SetSource(ownAddr)
	}
	return d
}

// backup returns a router that entered BACKUP at 0.
func backup(t testing.TB, v Version, priority uint8, opts ...func(*Config)) *driver {
	t.Helper()
	d := made(t, v, priority, opts...)
	d.start()
	d.want("0s INIT->BACKUP")
	return d
}

// master returns a router that became MASTER at 0 and announces no more.
func master(t testing.TB, v Version, priority uint8, opts ...func(*Config)) *driver {
	t.Helper()
	d := made(t, v, priority, append([]func(*Config){func(c *Config) { c.Announce.Delay = 0 }}, opts...)...)
	d.start()
	d.do(d.r.Promote(d.at(), "test", d.buf[:0]))
	d.lines = nil
	if d.r.Role() != Master {
		t.Fatalf("role is %v, want MASTER", d.r.Role())
	}
	return d
}

// Options of a router or of a peer's advert.
func interval(i time.Duration) func(*Config) { return func(c *Config) { c.Interval = i } }
func noPreempt(c *Config)                    { c.NoPreempt = true }
func preemptDelay(i time.Duration) func(*Config) {
	return func(c *Config) { c.PreemptDelay = i }
}
func hold(c *Config) { c.Hold = true }
func addresses(s string) func(*Config) {
	return func(c *Config) { c.Addresses = parseAddrs(s) }
}

func (d *driver) at() mono.Instant { return epoch.Add(d.now) }

// do writes actions down and checks what holds after every call.
func (d *driver) do(out []Action) {
	d.t.Helper()
	d.buf = out
	if len(out) > 0 {
		words := make([]string, len(out))
		for i := range out {
			words[i] = d.text(&out[i])
		}
		d.lines = append(d.lines, fmt.Sprintf("%v %s", d.now, strings.Join(words, ", ")))
	}
	d.armed()
}

func (d *driver) text(a *Action) string {
	d.t.Helper()
	switch a.Kind {
	case DoSend:
		priority := d.advert(a)
		if priority > 0 && d.hastens(a) {
			return "hasten"
		}
		return fmt.Sprintf("send %d", priority)
	case DoClaim:
		return "claim"
	case DoRelease:
		if a.Grace > 0 {
			return "release in " + a.Grace.String()
		}
		return "release"
	case DoAnnounce:
		if a.Conflict {
			return fmt.Sprintf("defend %d", a.Rounds)
		}
		return fmt.Sprintf("announce %d", a.Rounds)
	case DoChange:
		d.why = a.Why
		if a.Stopped {
			return fmt.Sprintf("%v->%v stopped", a.From, a.To)
		}
		return fmt.Sprintf("%v->%v", a.From, a.To)
	case DoStay:
		d.why = a.Why
		return "stay"
	case DoAsk:
		d.why = a.Why
		return fmt.Sprintf("%v ask", a.From)
	}
	d.why = a.Why
	if a.Alarm {
		return "alarm " + a.Topic
	}
	return "note " + a.Topic
}

// advert returns the priority of an advert that we sent. A peer of the same
// configuration must accept it and find nothing that differs.
func (d *driver) advert(a *Action) uint8 {
	d.t.Helper()
	c := *d.r.Config()
	c.Unicast.Peers = []Peer{{Addr: d.r.Source()}}
	p := sentPacket(d.r.Source(), a)
	got, rule := c.Verify(&p)
	interval := c.Interval
	if got.Version == V2 { // which with Interop has to round
		interval = time.Duration(seconds(interval)) * time.Second
	}
	if got.Interval == hastened && d.r.hastens() {
		interval = hastened
	}
	if rule != Accepted || got.Interval != interval || !got.SameAddresses(c.Addresses) {
		d.t.Fatalf("at %v we sent %x: %v, interval %v, %d addresses", d.now, a.Payload, rule, got.Interval, got.Count)
	}
	return got.Priority
}

// hastens reports whether an advert tells of another interval than the router's
// own, so that a BACKUP takes over sooner.
func (d *driver) hastens(a *Action) bool {
	c := *d.r.Config()
	c.Unicast.Peers = []Peer{{Addr: d.r.Source()}}
	p := sentPacket(d.r.Source(), a)
	got, _ := c.Verify(&p)
	return d.r.hastens() && got.Interval == hastened
}

// sentPacket is an advert as it arrives.
func sentPacket(from netip.Addr, a *Action) Packet {
	p := Packet{Source: from, Destination: a.Destination, TTL: int(a.TTL), Protocol: a.Protocol, Payload: slices.Clone(a.Payload)}
	if a.Protocol == ProtocolAH {
		p.Header = AppendIPv4Header(nil, from, a.Destination, a.Protocol, a.TTL, a.ID, len(a.Payload))
	}
	return p
}

// armed checks that MASTER waits for the next advert or the end of the
// hand-over, BACKUP for the master's silence unless its sync group has it
// wait, and that INIT and FAULT wait for nothing.
func (d *driver) armed() {
	d.t.Helper()
	t := d.r.t
	advert, down, release := t.advert != mono.Never, t.down != mono.Never, t.release != mono.Never
	ok := false
	switch d.r.Role() {
	case Master:
		ok = !down && advert == !d.r.Leaving() && release == d.r.Leaving()
	case Backup:
		ok = !advert && !release && down == !d.r.Wanting()
	default:
		ok = (d.r.Deadline() == mono.Never) == !d.r.Parting()
	}
	if !ok {
		d.t.Fatalf("at %v in %v the timers are %+v", d.now, d.r.Role(), t)
	}
}

// Calls of the router at the present instant.
func (d *driver) start()   { d.t.Helper(); d.do(d.r.Start(d.at(), "started", d.buf[:0])) }
func (d *driver) fault()   { d.t.Helper(); d.do(d.r.Fault(d.at(), "eth0 is down", d.buf[:0])) }
func (d *driver) clear()   { d.t.Helper(); d.do(d.r.Clear(d.at(), "eth0 is up", d.buf[:0])) }
func (d *driver) stop()    { d.t.Helper(); d.do(d.r.Stop(d.at(), "stopping", d.buf[:0])) }
func (d *driver) abandon() { d.t.Helper(); d.do(d.r.Abandon(d.at(), d.buf[:0])) }
func (d *driver) promote() { d.t.Helper(); d.do(d.r.Promote(d.at(), "group ready", d.buf[:0])) }
func (d *driver) demote()  { d.t.Helper(); d.do(d.r.Demote(d.at(), "group yielded", d.buf[:0])) }
func (d *driver) tick()    { d.t.Helper(); d.do(d.r.Tick(d.at(), d.buf[:0])) }

// hear delivers the advert of a peer that is configured like us but for opts.
func (d *driver) hear(from netip.Addr, priority uint8, opts ...func(*Config)) {
	d.t.Helper()
	c := *d.r.Config()
	for _, o := range opts {
		o(&c)
	}
	group := Group(from.Is6())
	d.receive(Packet{Source: from, Destination: group, TTL: 255, Payload: c.Append(nil, priority, from, group)})
}

func (d *driver) receive(p Packet) {
	d.t.Helper()
	d.do(d.r.Receive(d.at(), &p, d.buf[:0]))
}

// jump lets time pass without a call, as when the process sleeps.
func (d *driver) jump(to time.Duration) { d.now = to }

// run ticks at every deadline up to and including an instant.
func (d *driver) run(until time.Duration) {
	d.t.Helper()
	for {
		at := d.r.Deadline()
		if at == mono.Never || at > epoch.Add(until) {
			break
		}
		d.now = max(d.now, at.Sub(epoch))
		d.tick()
		if d.calls++; d.calls > 100_000 {
			d.t.Fatalf("at %v the router is due again and again: %+v", d.now, d.r.t)
		}
	}
	d.now = until
}

// want compares the lines since the last want.
func (d *driver) want(lines ...string) {
	d.t.Helper()
	if !slices.Equal(d.lines, lines) {
		d.t.Fatalf("got\n\t%s\nwant\n\t%s", strings.Join(d.lines, "\n\t"), strings.Join(lines, "\n\t"))
	}
	d.lines = nil
}

// wantDown checks the instant at which the master is given up.
func (d *driver) wantDown(at time.Duration) {
	d.t.Helper()
	if got := d.r.View().MasterDown; got != epoch.Add(at) {
		d.t.Fatalf("the master is given up at %v, want %v", got.Sub(epoch), at)
	}
}

// wantWhy checks the reason of the last change or note.
func (d *driver) wantWhy(part string) {
	d.t.Helper()
	if !strings.Contains(d.why, part) {
		d.t.Fatalf("the reason is %q, want %q in it", d.why, part)
	}
}
