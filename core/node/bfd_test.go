package node

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/bfd"
	"github.com/moonkeep/moonkeep/core/health"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

// bfdSent is a BFD packet that the node sent.
type bfdSent struct {
	session     string
	destination netip.Addr
	bfd.Control
}

func sentBFD(t *testing.T, a *Action) bfdSent {
	t.Helper()
	c, rule := bfd.Decode(a.Payload)
	if rule != bfd.Accepted || a.TTL != 255 || a.Instance != "" {
		t.Errorf("sends %+v: %v", a, rule)
	}
	return bfdSent{a.Session, a.Destination, c}
}

// gateway and spine are what sessions are with.
var (
	gateway = netip.MustParseAddr("192.0.2.254")
	spine   = netip.MustParseAddr("192.0.2.253")
)

func session1(name string, neighbor netip.Addr) Session {
	s := Session{Name: name, BFD: bfd.Defaults()}
	s.BFD.Neighbor = neighbor
	return s
}

// tracking returns V, which tracks session S to the gateway.
func tracking(t TrackSession) Config {
	v := instance3("V", 1, 100)
	t.Name = "S"
	v.Sessions = []TrackSession{t}
	return Config{Instances: []Instance{v}, Sessions: []Session{session1("S", gateway)}, Seed: 7}
}

// peer says something as the neighbor of a session.
func (d *driver) peer(from netip.Addr, state bfd.State) {
	d.t.Helper()
	c := bfd.Control{State: state, Mult: 5, My: 99, MinTx: 10 * time.Millisecond, MinRx: 10 * time.Millisecond, Final: state == bfd.Up}
	for _, s := range d.node.sessions {
		if s.cfg.BFD.Neighbor == from {
			c.Your = s.life.Discriminator()
		}
	}
	d.step(&BFDReceived{Packet: bfd.Packet{Source: from, Destination: source, TTL: 255, Payload: c.Append(nil)}})
}

// bfdUp brings a session up.
func (d *driver) bfdUp(from netip.Addr) {
	d.t.Helper()
	d.peer(from, bfd.Down)
	d.peer(from, bfd.Up)
}

// beat lets time go on while the neighbors stay up.
func (d *driver) beat(by time.Duration, neighbors ...netip.Addr) {
	d.t.Helper()
	for end := d.now.Add(by); d.now < end; {
		d.pass(min(40*time.Millisecond, end.Sub(d.now)))
		for _, n := range neighbors {
			d.peer(n, bfd.Up)
		}
	}
}

func (d *driver) session(name string) SessionStatus {
	d.t.Helper()
	for _, s := range d.node.Status(d.now).Sessions {
		if s.Name == name {
			return s
		}
	}
	d.t.Fatalf("no session %s", name)
	return SessionStatus{}
}

// TestTrackBFD: what a session does to those who track it is what any tracker
// does, and it is down until it comes up.
func TestTrackBFD(t *testing.T) {
	for _, tt := range []struct {
		name         string
		track        TrackSession
		down, up     vrrp.Role
		lower, upper uint8
	}{
		{"no weight", TrackSession{}, vrrp.Fault, vrrp.Backup, 100, 100},
		{"no weight, reverse", TrackSession{Reverse: true}, vrrp.Backup, vrrp.Fault, 100, 100},
		{"positive", TrackSession{Weight: 20}, vrrp.Backup, vrrp.Backup, 100, 120},
		{"negative", TrackSession{Weight: -20}, vrrp.Backup, vrrp.Backup, 80, 100},
		{"positive, reverse", TrackSession{Weight: 20, Reverse: true}, vrrp.Backup, vrrp.Backup, 120, 100},
		{"negative, reverse", TrackSession{Weight: -20, Reverse: true}, vrrp.Backup, vrrp.Backup, 100, 80},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := drive(t, tracking(tt.track))
			look := func(role vrrp.Role, priority uint8, state string) {
				t.Helper()
				d.role("V", role)
				d.priority("V", priority)
				if got := d.status("V").Terms; len(got) != 1 || got[0].Tracker != "BFD session S" || got[0].State != state {
					t.Errorf("terms %+v, want state %s", got, state)
				}
				if got := d.session("S"); got.Tracked != state || !slices.Equal(got.Users, []string{"V"}) {
					t.Errorf("session %+v, want %s", got, state)
				}
			}
			look(tt.down, tt.lower, "down")
			d.bfdUp(gateway)
			look(tt.up, tt.upper, "up")
			d.pass(51 * time.Millisecond)
			look(tt.down, tt.lower, "down")
			d.bfdUp(gateway)
			look(tt.up, tt.upper, "up")
			d.peer(gateway, bfd.AdminDown)
			look(tt.down, tt.lower, "down")
		})
	}
}

// TestBFDFailover: within the detection time and not before it, a master whose
// gateway is gone resigns, in the very call that finds it out.
func TestBFDFailover(t *testing.T) {
	d := drive(t, tracking(TrackSession{}))
	d.bfdUp(gateway)
	d.beat(4*second, gateway)
	d.role("V", vrrp.Master)
	d.forget()
	d.pass(49 * time.Millisecond)
	d.role("V", vrrp.Master)
	d.forget()
	d.pass(time.Millisecond)
	d.want("note bfd", "V sends 0", "V releases 10.0.1.1", "V MASTER>FAULT")
	if got := d.status("V").Faults; len(got) != 1 || got[0] != "BFD session S is down" {
		t.Errorf("faults %q", got)
	}
	d.bfdUp(gateway)
	d.role("V", vrrp.Backup)
}

// TestBFDGroup: a session tracked by the group counts for all members, and a
// weighted one of a member does not, unless the group keeps weights.
func TestBFDGroup(t *testing.T) {
	for _, keep := range []bool{false, true} {
		v, w := instance3("V", 1, 100), instance3("W", 2, 100)
		v.Sessions = []TrackSession{{Name: "S", Weight: -20}}
		cfg := grouped(v, w)
		cfg.Groups[0].Sessions = []TrackSession{{Name: "T", Weight: -30}}
		cfg.Groups[0].KeepWeights = keep
		cfg.Sessions = []Session{session1("S", gateway), session1("T", spine)}
		d := drive(t, cfg)
		want := uint8(70)
		if keep {
			want = 50
		}
		d.priority("V", want)
		d.priority("W", 70)
		d.bfdUp(spine)
		d.priority("V", want+30)
		d.priority("W", 100)
		d.bfdUp(gateway)
		d.priority("V", 100)
		d.pass(51 * time.Millisecond)
		d.priority("V", want)
	}
}

// TestBFDStop: peers are told of an orderly stop at once.
func TestBFDStop(t *testing.T) {
	d := drive(t, tracking(TrackSession{Weight: -20}))
	d.bfdUp(gateway)
	d.bfd, d.log = nil, nil
	d.take(d.node.Stop(d.now))
	if len(d.bfd) != 1 || d.bfd[0].State != bfd.AdminDown || d.bfd[0].destination != gateway || d.bfd[0].Diag != bfd.DiagAdminDown {
		t.Errorf("sent %+v", d.bfd)
	}
	d.want("V BACKUP>INIT stop", "note bfd")
	if !d.node.Stopped() {
		t.Error("not stopped")
	}
}

// TestBFDReload: a session with the same path stays as it is, whatever its
// name, and tells its peer of other timers; one that goes says so; one that
// comes has time to come up before it counts as down.
func TestBFDReload(t *testing.T) {
	cfg := tracking(TrackSession{})
	d := drive(t, cfg)
	d.bfdUp(gateway)
	d.beat(4*second, gateway)
	d.role("V", vrrp.Master)
	before := d.session("S")

	// The name and the timers.
	next := tracking(TrackSession{})
	next.Instances[0].Sessions[0].Name = "R"
	next.Sessions = []Session{session1("R", gateway)}
	next.Sessions[0].BFD.MinTx = 100 * time.Millisecond
	d.bfd, d.log = nil, nil
	d.take(d.node.Reconfigure(d.now, next))
	d.want()
	if len(d.bfd) != 1 || d.bfd[0].session != "R" || !d.bfd[0].Poll || d.bfd[0].MinTx != 100*time.Millisecond {
		t.Errorf("sent %+v", d.bfd)
	}
	if after := d.session("R"); after.Local != before.Local || after.Since != before.Since || after.State != bfd.Up {
		t.Errorf("was %+v, is %+v", before, after)
	}
	d.beat(second, gateway)
	d.role("V", vrrp.Master)

	// Another neighbor.
	last := tracking(TrackSession{})
	last.Sessions = []Session{session1("S", spine)}
	d.bfd, d.log = nil, nil
	d.take(d.node.Reconfigure(d.now, last))
	if len(d.bfd) != 1 || d.bfd[0].destination != gateway || d.bfd[0].State != bfd.AdminDown {
		t.Errorf("sent %+v", d.bfd)
	}
	if got := d.session("S"); got.Tracked != "unknown" || got.Local == before.Local {
		t.Errorf("the new session: %+v", got)
	}
	d.role("V", vrrp.Master)
	d.bfd = nil
	d.peer(gateway, bfd.Down) // of nobody now
	if got := d.node.bfd.Rejected()[bfd.RejectSession]; got != 1 {
		t.Errorf("%d packets of no session, want 1", got)
	}
	d.pass(2999 * time.Millisecond)
	d.role("V", vrrp.Master)
	for _, p := range d.bfd {
		if p.destination != spine {
			t.Errorf("sent to %v, whose session is gone", p.destination)
		}
	}
	d.pass(time.Millisecond)
	d.role("V", vrrp.Fault)
	d.bfdUp(spine)
	d.role("V", vrrp.Backup)

	// Known at once when it comes up within the time.
	d = drive(t, Config{Instances: []Instance{instance3("V", 1, 100)}})
	d.pass(4 * second)
	d.take(d.node.Reconfigure(d.now, tracking(TrackSession{Weight: 20})))
	d.priority("V", 100)
	d.bfdUp(gateway)
	d.priority("V", 120)
	d.pass(51 * time.Millisecond)
	if got := d.session("S").Tracked; got != "down" {
		t.Errorf("after it was up and fell it is %s", got)
	}
}

// TestBFDNotes: what breaks a rule is told once until a session comes up, and
// the packets of strangers are not.
func TestBFDNotes(t *testing.T) {
	d := drive(t, tracking(TrackSession{}))
	far := bfd.Packet{Source: gateway, TTL: 254, Payload: (&bfd.Control{State: bfd.Down, Mult: 5, My: 9}).Append(nil)}
	var texts []string
	say := func(p bfd.Packet) {
		for _, a := range d.node.Step(d.now, &BFDReceived{Packet: p}) {
			texts = append(texts, a.Note.Text)
		}
	}
	for range 3 {
		say(far)
		d.pass(20 * second)
	}
	if len(texts) != 1 || !strings.Contains(texts[0], "192.0.2.254") || !strings.Contains(texts[0], "TTL 254, at least 255") {
		t.Errorf("told %q", texts)
	}
	d.bfdUp(gateway)
	say(far)
	if len(texts) != 1 {
		t.Errorf("at once after it came up told %q", texts)
	}
	d.pass(11 * second)
	say(far)
	if len(texts) != 2 {
		t.Errorf("after it came up told %q", texts)
	}
	stranger := far
	stranger.Source, stranger.TTL = spine, 255
	say(stranger)
	say(bfd.Packet{Source: gateway, TTL: 255, Payload: []byte{1, 2, 3}})
	say(bfd.Packet{Source: gateway, TTL: 255})
	if len(texts) != 3 || !strings.Contains(texts[2], "shorter than its length field") {
		t.Errorf("told %q", texts)
	}
}

// TestBFDSendFailed: told when it begins and when it ends.
func TestBFDSendFailed(t *testing.T) {
	d := drive(t, tracking(TrackSession{}))
	d.forget()
	for _, failure := range []string{"no route", "no route", "", ""} {
		d.step(&BFDSendFailed{Session: "S", Failure: failure})
		if got := d.session("S").Failure; got != failure {
			t.Errorf("failure %q, want %q", got, failure)
		}
	}
	d.step(&BFDSendFailed{Session: "other", Failure: "no route"})
	d.want("note send", "note send")
}

// TestBFDRepeats: the same seed draws the same discriminators and jitter,
// another one others.
func TestBFDRepeats(t *testing.T) {
	run := func(seed uint64) (all []bfdSent) {
		cfg := tracking(TrackSession{})
		cfg.Seed = seed
		d := drive(t, cfg)
		d.pass(20 * second)
		return d.bfd
	}
	first := run(1)
	if len(first) < 20 || !slices.Equal(first, run(1)) {
		t.Errorf("%d packets, or others at the second run", len(first))
	}
	if first[0].My == run(2)[0].My {
		t.Error("another seed draws the same discriminator")
	}
}

// TestBFDNoAllocation: packets come and go without garbage.
func TestBFDNoAllocation(t *testing.T) {
	d := drive(t, tracking(TrackSession{}))
	d.bfdUp(gateway)
	c := bfd.Control{State: bfd.Up, Mult: 5, My: 99, Your: d.session("S").Local, MinTx: 10 * time.Millisecond, MinRx: 10 * time.Millisecond}
	ev := &BFDReceived{Packet: bfd.Packet{Source: gateway, Destination: source, TTL: 255, Payload: c.Append(nil)}}
	sent := 0
	beat := func() {
		d.now = d.now.Add(10 * time.Millisecond)
		d.node.Step(d.now, ev)
		for _, a := range d.node.Tick(d.now) {
			if a.Kind == SendBFD {
				sent++
			}
		}
	}
	beat()
	if n := testing.AllocsPerRun(80, beat); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if got := d.session("S"); sent < 80 || got.Counts.Received < 80 || got.State != bfd.Up {
		t.Errorf("sent %d, received %d, %v", sent, got.Counts.Received, got.State)
	}
}

// TestBFDCheckReload: a reload that ends a session tells nothing to the checks that
// followed it. Where another takes its place, they stay as they are until that one
// has come up or had its time to.
func TestBFDCheckReload(t *testing.T) {
	peer := Check{Kind: "BFD_CHECK", Identity: "b", Life: &health.Config{}, Session: "S"}
	with := func(neighbor netip.Addr, checks ...Check) Config {
		return Config{Services: []Service{web(backend("a", checks...))}, Sessions: []Session{session1("S", neighbor)}, Seed: 7}
	}
	begin := func() *driver {
		d := drive(t, with(gateway, peer))
		d.bfdUp(gateway)
		d.beat(second, gateway)
		d.forget()
		return d
	}
	told := func(d *driver) (list []string) {
		for _, line := range d.log {
			if strings.HasPrefix(line, "web") {
				list = append(list, line)
			}
		}
		d.forget()
		return list
	}
	says := func(what string, d *driver, want ...string) {
		t.Helper()
		if got := told(d); !slices.Equal(got, want) {
			t.Errorf("%s: told %q, want %q", what, got, want)
		}
	}

	d := begin()
	d.reload(with(spine, peer))
	says("another path", d)
	d.pass(2999 * time.Millisecond)
	says("before its time is over", d)
	d.reload(with(spine, peer)) // which changes nothing of that
	d.pass(time.Millisecond)
	says("when it is over", d, "web a down", "web lost")
	d.bfdUp(spine)
	says("when it comes up", d, "web a up", "web won")

	d = begin()
	d.reload(with(spine, peer))
	d.bfdUp(spine)
	d.beat(10*second, spine)
	says("when it comes up in time", d)
	d.pass(second)
	says("when that goes down", d, "web a down", "web lost")

	other := peer
	other.Identity = "c"
	d = begin()
	d.reload(with(spine, other))
	d.pass(2999 * time.Millisecond)
	says("another check of another path", d)
	d.pass(time.Millisecond)
	says("when its time is over", d, "web a down", "web lost")

	d = begin()
	d.reload(Config{Services: []Service{web(backend("a"))}})
	says("neither session nor check", d)

	d = drive(t, with(gateway, peer)) // never up
	d.forget()
	d.reload(with(spine, peer))
	d.pass(10 * second)
	says("none was ever up", d)
}
