package engine

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

// journalled keeps what the journal says last.
type journalled struct {
	mu   sync.Mutex
	last string
}

func (j *journalled) write(all []netspec.Address, _ netspec.Routing) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.last = words(all)
	return nil
}

func (j *journalled) want(t *testing.T, what, want string) {
	t.Helper()
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.last != want {
		t.Errorf("%s: the journal has %q, want %q", what, j.last, want)
	}
}

func withKeep(p Plan, keep ...string) Plan {
	for _, k := range keep {
		p.Keep = append(p.Keep, address(k))
	}
	return p
}

// TestReloadKeeps holds that what a plan keeps stays and is in no journal, from the
// moment that a reload adds it to that at which a reload takes it away.
func TestReloadKeeps(t *testing.T) {
	owner, other := instance("A", 1, 255, "192.0.2.101/24"), instance("B", 2, 255, "192.0.2.102/24")
	lower := instance("A", 1, 150, "192.0.2.101/24")
	for _, tt := range []struct {
		name     string
		from, to Plan
		aside    bool // A is moved before
		journal  [2]string
		reload   string // what is released by it
		stop     string
	}{
		{"an owner's address is added", planOf(owner), withKeep(planOf(owner, other), "192.0.2.102/24"), false,
			[2]string{"192.0.2.101", "192.0.2.101"}, "", "release A 192.0.2.101;release B "},
		{"the owner is removed", withKeep(planOf(owner, other), "192.0.2.102/24"), withKeep(planOf(owner), "192.0.2.102/24"), false,
			[2]string{"192.0.2.101", "192.0.2.101"}, "release B ", "release A 192.0.2.101"},
		{"the owner is one no more", withKeep(planOf(owner), "192.0.2.101/24"), planOf(lower), false,
			[2]string{"", "192.0.2.101"}, "", "release A 192.0.2.101"},
		{"the owner, which another stands in for, is one no more", withKeep(planOf(owner), "192.0.2.101/24"), planOf(lower), true,
			[2]string{"", ""}, "release A 192.0.2.101", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				j := new(journalled)
				r := prepare(tt.from, Options{Journal: j.write})
				r.begin()
				after(interval / 2)
				if tt.aside {
					r.Event(&node.Failover{Instances: []string{"A"}, Force: true})
					after(3 * interval)
					equal(t, "released by the move", r.kernel.made("release"), "release A ")
				}
				j.want(t, "before", tt.journal[0])
				before := len(r.kernel.made("release"))
				if err := r.Reload(context.Background(), tt.to); err != nil {
					t.Fatal(err)
				}
				after(0)
				released := r.kernel.made("release")[before:]
				if got := strings.Join(released, ";"); got != tt.reload {
					t.Errorf("the reload releases %q, want %q", got, tt.reload)
				}
				j.want(t, "after", tt.journal[1])
				before += len(released)
				r.stop(t)
				if got := strings.Join(r.kernel.made("release")[before:], ";"); got != tt.stop {
					t.Errorf("the stop releases %q, want %q", got, tt.stop)
				}
			})
		})
	}
}

// TestWithheld holds that what is withheld is forgotten by the claim of it, and by no
// other.
func TestWithheld(t *testing.T) {
	var k keeping
	k.withhold("A", []netspec.Address{address("192.0.2.101/24")})
	k.withhold("A", []netspec.Address{address("192.0.2.102/24"), address("192.0.2.103/24")})
	k.withhold("A", []netspec.Address{address("192.0.2.103/24")})
	equal(t, "withheld", []string{words(k.withheld["A"])}, "192.0.2.101,192.0.2.102,192.0.2.103")
	k.claimed("A", []netspec.Address{address("192.0.2.102/24")})
	equal(t, "after a claim", []string{words(k.withheld["A"])}, "192.0.2.101,192.0.2.103")
	k.claimed("A", []netspec.Address{address("192.0.2.101/24"), address("192.0.2.103/24")})
	if len(k.withheld) > 0 {
		t.Errorf("withheld are %v", k.withheld)
	}
}

// TestReloadPanics holds that a node which breaks while it takes another plan gives
// up what it held by the one before.
func TestReloadPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := prepare(one(), Options{})
		r.begin()
		after(interval / 2)
		broken := instance("B", 2, 255, "192.0.2.102/24")
		broken.Scripts = []node.TrackScript{{Name: "there is none"}}
		if err := r.Reload(context.Background(), planOf(broken)); err == nil {
			t.Error("the plan was taken")
		}
		if err := <-r.err; err == nil || !strings.Contains(err.Error(), "internal error") {
			t.Errorf("it ended with %v", err)
		}
		if got := strings.Join(r.kernel.made("release"), ";"); !strings.Contains(got, "release VI_1 192.0.2.100") {
			t.Errorf("released %q", got)
		}
	})
}

// TestForgetIsQuick holds that the loop does not stand still in a reload because
// nothing leaves for many: it looks each one up, and does not search for it.
func TestForgetIsQuick(t *testing.T) {
	const many, allowed = 3000, 300 * time.Millisecond // searching takes seconds
	var plan Plan
	e := New(plan, Options{})
	for i := range many {
		in := instance(fmt.Sprintf("V%d", i), uint8(i%255+1), 100, "192.0.2.101/24")
		in.Router.Unicast = vrrp.Unicast{On: true, Peers: []vrrp.Peer{{Addr: peer}}}
		plan.Node.Instances = append(plan.Node.Instances, in)
		s := node.Session{Name: in.Name}
		s.BFD.Neighbor = peer
		plan.Node.Sessions = append(plan.Node.Sessions, s)
		e.failed[recipient{in.Name, peer}] = true
		e.bfdFailed[in.Name] = true
	}
	e.plan = plan
	next := plan.Node
	next.Instances, next.Sessions = slices.Clone(next.Instances), slices.Clone(next.Sessions)
	next.Instances[5].Router.Unicast.Peers = nil
	next.Instances[6].Name = "another"
	next.Sessions[7].BFD.Neighbor = netip.MustParseAddr("192.0.2.77")
	next.Sessions[8].Name = "another"
	start := time.Now()
	e.forget(&next)
	if took := time.Since(start); took > allowed {
		t.Errorf("it took %v, want at most %v", took, allowed)
	}
	for name, left := range map[string]bool{"V4": true, "V5": false, "V6": false, "V7": true} {
		if e.failed[recipient{name, peer}] != left {
			t.Errorf("adverts of %s: %v is known, want %v", name, !left, left)
		}
	}
	for name, left := range map[string]bool{"V6": true, "V7": false, "V8": false, "V9": true} {
		if e.bfdFailed[name] != left {
			t.Errorf("BFD of %s: %v is known, want %v", name, !left, left)
		}
	}
}
