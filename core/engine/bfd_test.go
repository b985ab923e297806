package engine

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/moonkeep/moonkeep/core/bfd"
	"github.com/moonkeep/moonkeep/core/node"
)

// sessionWith is a session of that name with 192.0.2.last.
func sessionWith(name string, last byte) node.Session {
	s := node.Session{Name: name, BFD: bfd.Defaults()}
	s.BFD.Neighbor = netip.AddrFrom4([4]byte{192, 0, 2, last})
	return s
}

// say has the engine receive a packet of the neighbor.
func (r *running) say(from netip.Addr, c bfd.Control) {
	p := r.NewBFD()
	p.Packet = bfd.Packet{Source: from, TTL: 255, Payload: c.Append(p.Packet.Payload[:0])}
	r.BFD(p)
}

// TestBFD: sockets are there before the first packet, packets come in and go
// out, what is tracked follows, and the peer is told of a stop.
func TestBFD(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := instance("A", 1, 255, "192.0.2.101/24")
		in.Sessions = []node.TrackSession{{Name: "S"}}
		plan := planOf(in)
		plan.Node.Sessions = []node.Session{sessionWith("S", 9)}
		r := prepare(plan, Options{})
		r.begin()
		after(0)
		if made := r.kernel.made("sessions", "bfd"); len(made) < 2 || made[0] != "sessions 192.0.2.9" || made[1] != "bfd S Down" {
			t.Errorf("at first %q", made)
		}
		if got := roles(t, r); got != "A FAULT" {
			t.Errorf("roles %s", got)
		}
		peer := bfd.Control{State: bfd.Down, Mult: 3, My: 5, MinTx: time.Second, MinRx: 10 * time.Millisecond}
		from := plan.Node.Sessions[0].BFD.Neighbor
		r.say(from, peer)
		after(0)
		s, _, err := r.Status(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		peer.State, peer.Your, peer.MinTx = bfd.Up, s.Sessions[0].Local, 10*time.Millisecond
		for range 100 { // 1 s
			r.say(from, peer)
			after(10 * time.Millisecond)
		}
		if got := roles(t, r); got != "A MASTER" {
			t.Errorf("roles %s", got)
		}
		sent := len(r.kernel.made("bfd S Up"))
		if sent < 100 || sent > 140 {
			t.Errorf("sent %d packets in a second at 7.5 to 10 ms", sent)
		}
		silent := time.Now()
		for roles(t, r) == "A MASTER" {
			after(time.Millisecond)
		}
		if took := time.Since(silent); took < 15*time.Millisecond || took > 30*time.Millisecond {
			t.Errorf("noticed after %v, want 20 ms (10 had passed)", took)
		}
		r.say(from, bfd.Control{State: bfd.Down, Mult: 3, My: 6, MinTx: time.Second, MinRx: time.Second})
		after(0)
		before := len(r.kernel.made())
		r.stop(t)
		if rest := strings.Join(r.kernel.made()[before:], "\n"); !strings.Contains(rest, "bfd S AdminDown") {
			t.Errorf("the stop did %q", rest)
		}
	})
}

// TestBFDRefused: without its sockets the engine does not begin.
func TestBFDRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		plan := one()
		plan.Node.Sessions = []node.Session{sessionWith("S", 9)}
		r := prepare(plan, Options{})
		r.kernel.on("sessions", func() error { return errors.New("port in use") })
		r.begin()
		if err := <-r.err; err == nil || err.Error() != "begin BFD: port in use" {
			t.Errorf("error %v", err)
		}
		if made := r.kernel.made("send", "bfd", "close"); len(made) != 1 || made[0] != "close" {
			t.Errorf("did %q", made)
		}
		r.cancel()
	})
}

// TestBFDReload: new sockets come before the node knows, old ones go after the
// peer was told; a refused plan leaves what was.
func TestBFDReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		plan := one()
		plan.Node.Sessions = []node.Session{sessionWith("S", 9), sessionWith("T", 10)}
		r := prepare(plan, Options{})
		r.begin()
		after(interval / 2)
		next := one()
		next.Node.Sessions = []node.Session{sessionWith("T", 10), sessionWith("U", 11)}
		next.Node.Sessions[0].BFD.TTL = 64
		reload := func() ([]string, error) {
			before := len(r.kernel.made("sessions", "bfd"))
			err := r.Reload(context.Background(), next)
			after(0)
			return r.kernel.made("sessions", "bfd")[before:], err
		}
		r.kernel.on("sessions 192.0.2.9,192.0.2.10,192.0.2.11", func() error { return errors.New("port in use") })
		made, err := reload()
		if err == nil || err.Error() != "begin the new configuration's BFD: port in use" {
			t.Errorf("error %v", err)
		}
		equal(t, "refused", made, "sessions 192.0.2.9,192.0.2.10,192.0.2.11", "sessions 192.0.2.9,192.0.2.10")
		r.kernel.on("sessions", func() error { return nil })
		if made, err = reload(); err != nil {
			t.Fatal(err)
		}
		slices.Sort(made[2:]) // the first packet of the new one may leave before or after
		equal(t, "reloaded", made, "sessions 192.0.2.9,192.0.2.10,192.0.2.11", "bfd S AdminDown", "bfd U Down", "sessions 192.0.2.10,192.0.2.11")
		if list := sessions(&plan, &next); len(list) != 3 || list[1].TTL != 64 {
			t.Errorf("the plans together have %+v", list)
		}
		r.stop(t)
	})
}

// TestBFDSendFailure: told each time that packets cease to leave, and each time
// that they leave again.
func TestBFDSendFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		plan := one()
		plan.Node.Sessions = []node.Session{sessionWith("S", 9)}
		r := prepare(plan, Options{})
		var broken atomic.Bool
		broken.Store(true)
		r.kernel.on("bfd", func() error {
			if broken.Load() {
				return errors.New("network is unreachable")
			}
			return nil
		})
		r.begin()
		after(5 * time.Second)
		broken.Store(false)
		after(5 * time.Second)
		broken.Store(true)
		after(5 * time.Second)
		for text, want := range map[string]int{"packets of BFD session S cannot be sent: network is unreachable": 2, "packets of BFD session S leave again": 1} {
			if got := r.log.count(text); got != want {
				t.Errorf("%q is told %d times, want %d", text, got, want)
			}
		}
		r.stop(t)
	})
}

// TestBFDFlood: packets that find the inbox full are dropped and counted.
func TestBFDFlood(t *testing.T) {
	e := New(planOf(instance("A", 1, 100, "192.0.2.101/24")), Options{Log: nil})
	for range inboxLen + 7 {
		e.BFD(e.NewBFD())
	}
	if got := e.Dropped(); got != 7 {
		t.Errorf("dropped %d, want 7", got)
	}
}
