//go:build linux

package lab

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/netspec"
)

// pair is a lab of two moonkeeps at 100 ms, of which a is preferred.
func pair(t *testing.T) *Lab {
	t.Helper()
	plan := planOf(t, v3.conf(side{priority: 150}), v3.conf(side{priority: 100}))
	l, _ := raise(t, Options{Plan: plan, Daemons: moonkeeps(t, plan)})
	perform(t, l, "settle; await a VI_1")
	return l
}

// When a partition heals there are two masters and the client is with the
// wrong one. Whichever is heard first, the client must find the right one
// within an interval: the one that stays may never hear the other, so the
// other has to make it speak up.
func TestHeal(t *testing.T) {
	t.Parallel()
	const trials = 20
	l := pair(t)
	var times []time.Duration
	for i := range trials {
		perform(t, l, "partition a; await b VI_1")
		time.Sleep(rand.N(2 * v3.interval))
		before := l.Now()
		perform(t, l, "heal; await a VI_1")
		healed := lastMark(l)
		moves := awaitMove(t, l, before)
		if len(moves) == 0 {
			t.Fatalf("trial %d: a answers, and no move was told", i)
		}
		// A client that goes back and forth has not found the right one before
		// the last move.
		last := moves[len(moves)-1]
		took := last.Next - healed
		times = append(times, took)
		if late := slack(l); last.To != 0 || took > v3.interval+20*ms+late {
			t.Errorf("trial %d: client found node %d %s after the heal; want a after %s at most and %s for a busy machine", i, last.To, took, v3.interval+20*ms, late)
		}
	}
	slices.Sort(times)
	median, worst := times[trials/2], times[trials-1]
	t.Logf("%d heals: median %s, worst %s; the machine was %.1f times as slow as alone", trials, median, worst, busy.factor())
	if limit := v3.interval + busy.times(20*ms); median > limit {
		t.Errorf("the median heal took %s, want %s at most", median, limit)
	}
	agree(t, l)
}

// An address that somebody deletes is put back before anybody takes over.
func TestDeletedAddressComesBack(t *testing.T) {
	t.Parallel()
	l := pair(t)
	host := l.nodes[0].host
	var vip netspec.Address
	have, err := host.conn.List("eth0")
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range have {
		if a.Addr() == l.plan.Targets[0].Addr {
			vip = a
		}
	}
	var worst time.Duration
	const trials = 4 // a fifth within 10 s is a fight, which ends in FAULT
	before := l.Now()
	for range trials {
		began := time.Now()
		if err := host.conn.Remove(vip); err != nil {
			t.Fatal(err)
		}
		for {
			there, err := host.has(vip.Addr(), "eth0")
			if err != nil {
				t.Fatal(err)
			}
			if there {
				break
			}
			if time.Since(began) > 5*time.Second {
				t.Fatal("the address did not come back in 5 s")
			}
		}
		worst = max(worst, time.Since(began))
		time.Sleep(20 * ms)
	}
	t.Logf("%d deletions: back after %s at worst; the machine was %.1f times as slow as alone", trials, worst, busy.factor())
	if limit := slack(l); worst > limit {
		t.Errorf("the address was back after %s, want %s at most", worst, limit)
	}
	perform(t, l, "wait 100ms; await a VI_1")
	if m := moved(l, before); len(m) > 0 {
		t.Errorf("the address moved: %+v", m)
	}
	agree(t, l)
}

// An interface that is removed faults the instance, and one of the same name
// that appears later is as good as the first.
func TestInterfaceVanishesAndReturns(t *testing.T) {
	t.Parallel()
	l := pair(t)
	a := l.nodes[0]
	for i := range 2 {
		before := l.Now()
		if err := a.host.conn.Delete("eth0"); err != nil {
			t.Fatal(err)
		}
		// The kernel may take long, and nobody else can change an address
		// meanwhile.
		gone := l.Now()
		perform(t, l, "await b VI_1")
		if moves := awaitMove(t, l, before); len(moves) != 1 || moves[0].Next-gone > v3.down(100)+slack(l) {
			t.Errorf("round %d: gone at %s, moves %+v; want one within %s", i, gone, moves, v3.down(100))
		}
		s, err := status(a)
		if err != nil {
			t.Fatal(err)
		}
		if x := s.Instances[0]; x.Role != "FAULT" || !strings.Contains(fmt.Sprint(x.Faults), "eth0") || x.Addresses[0].Held {
			t.Errorf("round %d: status says %s because of %q, held: %t; want FAULT because of eth0", i, x.Role, x.Faults, x.Addresses[0].Held)
		}
		back := l.Now()
		l.net.ports[0] = nil // plug adds them again
		if err := l.net.plug(0, a.host, a.Interfaces); err != nil {
			t.Fatal(err)
		}
		perform(t, l, "await a VI_1")
		// The kernel may hold back the news of a carrier for a second.
		if moves := awaitMove(t, l, back); len(moves) != 1 || moves[0].Next-back > time.Second+v3.down(150)+slack(l) {
			t.Errorf("round %d: back at %s, moves %+v; want one within %s", i, back, moves, time.Second+v3.down(150))
		}
		agree(t, l)
	}
	// It is the new interface that adverts leave and arrive on.
	perform(t, l, "crash b; wait 500ms; start b; wait 500ms; await a VI_1; crash a; await b VI_1; start a; await a VI_1")
	agree(t, l)
}

// A cable that comes and goes ends in the state of its last change.
func TestFlaps(t *testing.T) {
	t.Parallel()
	l := pair(t)
	for _, pace := range []time.Duration{time.Millisecond, 20 * ms, 150 * ms} {
		for range 10 {
			perform(t, l, fmt.Sprintf("link down a eth0; wait %s; link up a eth0; wait %s", pace, pace))
		}
		perform(t, l, "settle; await a VI_1")
		agree(t, l)
		perform(t, l, "link down a eth0; await b VI_1; link up a eth0; await a VI_1")
	}
}

// After a kill -9 status says that nothing answers, however the addresses
// stand, and the next run starts from a clean slate.
func TestKilledDaemon(t *testing.T) {
	t.Parallel()
	l := pair(t)
	perform(t, l, "kill a; await b VI_1")
	agree(t, l)
	out, err := exec.Command(needMoonkeep(t), "status", "--run-dir", l.nodes[0].site.RunDir).CombinedOutput()
	if code := exitCode(err); code != 2 || !strings.Contains(string(out), "no daemon answers in "+l.nodes[0].site.RunDir) {
		t.Errorf("status of a killed daemon: exit status %d, %q", code, out)
	}
	// The next run removes what was left, and says so once.
	perform(t, l, "start a; await a VI_1")
	text, err := os.ReadFile(l.Log(0))
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(text), "removing 192.0.2.100/24 from eth0: an earlier run left it behind"); n != 1 {
		t.Errorf("the log says %d times that the address was left behind, want once:\n%s", n, text)
	}
	agree(t, l)
}

func exitCode(err error) int {
	if e, ok := err.(*exec.ExitError); ok {
		return e.ExitCode()
	}
	return 0
}
