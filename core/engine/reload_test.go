package engine

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

func roles(t *testing.T, r *running) string {
	t.Helper()
	s, _, err := r.Status(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, in := range s.Instances {
		all = append(all, in.Name+" "+in.Role.String())
	}
	return strings.Join(all, ", ")
}

func TestReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, c := instance("A", 1, 255, "192.0.2.101/24"), instance("B", 2, 255, "192.0.2.102/24"), instance("C", 3, 255, "192.0.2.103/24")
		c.Interface = "eth1"
		r := prepare(planOf(a, b), Options{Notifier: &fakeNotifier{}})
		r.begin()
		after(interval / 2)
		before := len(r.kernel.made())
		next := planOf(b, c)
		next.Interfaces = []string{"eth0", "eth1"}
		if err := r.Reload(context.Background(), next); err != nil {
			t.Fatal(err)
		}
		after(0)
		if got := roles(t, r); got != "B MASTER, C MASTER" {
			t.Errorf("roles %s", got)
		}
		made := r.kernel.made()[before:]
		var watches, rest []string
		for _, what := range made {
			if strings.HasPrefix(what, "watch") {
				watches = append(watches, what)
			} else {
				rest = append(rest, what)
			}
		}
		equal(t, "watched", watches, "watch eth0,eth0,eth1 eth0,eth1", "watch eth0,eth1 eth0,eth1")
		for _, what := range rest {
			if strings.Contains(what, " B ") && !strings.HasPrefix(what, "send B 255") {
				t.Errorf("B, which did not change, was touched: %s", what)
			}
		}
		for _, want := range []string{"send A 0", "release A 192.0.2.101", "notify A INIT", "send C 255", "claim C 192.0.2.103"} {
			if !strings.Contains(strings.Join(rest, "\n"), want) {
				t.Errorf("the reload did not %s: %q", want, rest)
			}
		}
		r.stop(t)
	})
}

// TestReloadRefused holds that a plan which cannot be watched changes nothing.
func TestReloadRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := prepare(one(), Options{})
		r.begin()
		after(interval / 2)
		r.kernel.on("watch eth0,eth1", func() error { return errors.New("open VRRP socket on eth1: permission denied") })
		next := planOf(instance("B", 2, 255, "192.0.2.102/24"))
		next.Interfaces = []string{"eth1"}
		err := r.Reload(context.Background(), next)
		if err == nil || err.Error() != "watch the new configuration's interfaces: open VRRP socket on eth1: permission denied" {
			t.Errorf("error %v", err)
		}
		after(interval)
		if got := roles(t, r); got != "VI_1 MASTER" {
			t.Errorf("roles %s", got)
		}
		watches := r.kernel.made("watch")
		equal(t, "watched", watches, "watch eth0 eth0", "watch eth0,eth1 eth0", "watch eth0 eth0")
		r.stop(t)
	})
}

// TestReloadNarrows holds that trouble with what is watched already is told
// and refuses no plan that is in force.
func TestReloadNarrows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := prepare(one(), Options{})
		r.begin()
		after(interval / 2)
		watches := 0
		r.kernel.on("watch", func() error {
			if watches++; watches == 2 {
				return errors.New("no buffer space")
			}
			return nil
		})
		if err := r.Reload(context.Background(), planOf(instance("VI_2", 2, 100, "192.0.2.102/24"))); err != nil {
			t.Errorf("error %v", err)
		}
		after(0)
		if got := roles(t, r); !strings.HasPrefix(got, "VI_2") || r.log.count("no buffer space") != 1 {
			t.Errorf("roles %s, told %d times", got, r.log.count("no buffer space"))
		}
		r.stop(t)
	})
}

// TestReloadAnyTime holds that a reload may come before the start and after
// the end.
func TestReloadAnyTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := prepare(one(), Options{})
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		if err := r.Reload(ctx, one()); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("before the start: %v, want that the deadline passed", err)
		}
		reloaded := make(chan error, 1)
		go func() {
			reloaded <- r.Reload(context.Background(), planOf(instance("VI_2", 2, 255, "192.0.2.102/24")))
		}()
		synctest.Wait()
		r.begin()
		if err := <-reloaded; err != nil {
			t.Errorf("a reload that waited for the start: %v", err)
		}
		after(0)
		if got := roles(t, r); !strings.HasPrefix(got, "VI_2") {
			t.Errorf("roles %s", got)
		}
		r.stop(t)
		if err := r.Reload(context.Background(), one()); !errors.Is(err, ErrStopped) {
			t.Errorf("after the end: %v, want ErrStopped", err)
		}
	})
}

// TestReloadKeepsMaster holds that a list of addresses changes under a master
// without an advert missing.
func TestReloadKeepsMaster(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := prepare(planOf(instance("VI_1", 1, 255, "192.0.2.101/24", "192.0.2.102/24")), Options{})
		r.begin()
		after(interval / 2)
		before := len(r.kernel.made())
		if err := r.Reload(context.Background(), planOf(instance("VI_1", 1, 255, "192.0.2.102/24", "192.0.2.103/24"))); err != nil {
			t.Fatal(err)
		}
		after(0)
		var got []string
		for _, what := range r.kernel.made()[before:] {
			if !strings.HasPrefix(what, "watch") {
				got = append(got, what)
			}
		}
		equal(t, "calls of the reload", got,
			"claim VI_1 192.0.2.103", "release VI_1 192.0.2.101", "announce VI_1 192.0.2.103 5")
		after(time.Second)
		sent := r.kernel.timed("send")
		for i := range sent {
			if want := time.Duration(i) * interval; sent[i].at != want || sent[i].what != "send VI_1 255" {
				t.Fatalf("advert %d: %v, want VI_1's at %v", i, sent[i], want)
			}
		}
		if s, _, err := r.Status(context.Background()); err != nil || s.Instances[0].Role != vrrp.Master || s.Instances[0].Counts.BecameMaster != 1 {
			t.Errorf("status %+v, %v, want the same master all the time", s, err)
		}
		r.stop(t)
	})
}

// TestReloadSetsAddressesFirst holds that what a reload reads of the host does not
// keep the kernel from the address that it adds.
func TestReloadSetsAddressesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := prepare(planOf(instance("VI_1", 1, 255, "192.0.2.101/24")), Options{})
		r.begin()
		after(interval / 2)
		var claimed, watched time.Time
		r.kernel.on("claim", func() error {
			time.Sleep(addressesFirst / 2)
			claimed = time.Now()
			return nil
		})
		r.kernel.on("watch", func() error {
			watched = time.Now()
			return nil
		})
		if err := r.Reload(context.Background(), planOf(instance("VI_1", 1, 255, "192.0.2.101/24", "192.0.2.102/24"))); err != nil {
			t.Fatal(err)
		}
		if claimed.IsZero() || watched.Before(claimed) {
			t.Errorf("the host was read %v after the address stood", watched.Sub(claimed))
		}
		r.stop(t)
	})
}

// TestRemovedCheckEnds holds that a result for a check that a reload removed
// does no harm.
func TestRemovedCheckEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		plan := one()
		plan.Node.Scripts = []node.Script{{Name: "slow", Interval: time.Second, Rise: 1, Fall: 1}}
		plan.Node.Instances[0].Scripts = []node.TrackScript{{Name: "slow", Weight: -20}}
		plan.Checks = fakeChecks(func(context.Context, string) node.Checked {
			time.Sleep(3 * time.Second)
			return node.Checked{Result: node.Failed}
		})
		r := prepare(plan, Options{})
		r.begin()
		after(time.Second)
		if err := r.Reload(context.Background(), one()); err != nil {
			t.Fatal(err)
		}
		after(5 * time.Second)
		if got := roles(t, r); got != "VI_1 MASTER" {
			t.Errorf("roles %s", got)
		}
		r.stop(t)
	})
}
