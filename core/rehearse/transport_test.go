package rehearse

import (
	"bytes"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

// trio returns three nodes of one instance each, with priorities 150, 100 and
// 50, and lets them elect a.
func trio(t *testing.T, change func(i int, r *vrrp.Config)) (*Cluster, func(i int, change func(*vrrp.Config))) {
	t.Helper()
	var configs []node.Config
	for i := range 3 {
		in := node.Instance{Name: "V", Interface: "eth0", Router: vrrp.Defaults()}
		in.Router.Version, in.Router.VRID, in.Router.Priority = vrrp.V3, 51, uint8(150-50*i)
		in.Router.Addresses = []netip.Addr{netip.MustParseAddr("192.0.2.100")}
		in.Addresses = []netspec.Address{{Prefix: netip.MustParsePrefix("192.0.2.100/24"), Device: "eth0"}}
		change(i, &in.Router)
		configs = append(configs, node.Config{Instances: []node.Instance{in}})
	}
	c := New(1, Network{Delay: time.Millisecond}, configs...)
	for _, n := range c.Nodes {
		n.Start()
	}
	c.Run(10 * time.Second)
	wantRoles(t, c, vrrp.Master, vrrp.Backup, vrrp.Backup)
	return c, func(i int, change func(*vrrp.Config)) {
		cfg := c.Nodes[i].Config
		cfg.Instances = []node.Instance{cfg.Instances[0]}
		change(&cfg.Instances[0].Router)
		c.Nodes[i].Reload(cfg)
	}
}

func wantRoles(t *testing.T, c *Cluster, want ...vrrp.Role) {
	t.Helper()
	for i, n := range c.Nodes {
		if got := n.Role("V"); got != want[i] {
			t.Errorf("at %v node %s is %v, want %v: %+v", time.Duration(c.now), n.Name, got, want[i], n.Status().Instances[0].Counts)
		}
	}
}

func plain(int, *vrrp.Config) {}

func keys(ids ...uint8) (list []vrrp.Key) {
	for _, id := range ids {
		list = append(list, vrrp.Key{ID: id, Secret: bytes.Repeat([]byte{id}, 32)})
	}
	return list
}

// TestH35Migration: three nodes are moved to HMAC and to another key, one after
// the other, and no role changes.
func TestH35Migration(t *testing.T) {
	steps := []struct {
		name string
		hmac vrrp.HMAC
	}{
		{"receive-only", vrrp.HMAC{Mode: vrrp.HMACReceiveOnly, Keys: keys(1), Active: 1}},
		{"permissive", vrrp.HMAC{Mode: vrrp.HMACPermissive, Keys: keys(1), Active: 1}},
		{"enforce", vrrp.HMAC{Mode: vrrp.HMACEnforce, Keys: keys(1), Active: 1}},
		{"a second key", vrrp.HMAC{Mode: vrrp.HMACEnforce, Keys: keys(1, 2), Active: 1}},
		{"sign with it", vrrp.HMAC{Mode: vrrp.HMACEnforce, Keys: keys(1, 2), Active: 2}},
		{"without the first", vrrp.HMAC{Mode: vrrp.HMACEnforce, Keys: keys(2), Active: 2}},
		{"back to permissive", vrrp.HMAC{Mode: vrrp.HMACPermissive, Keys: keys(2), Active: 2}},
		{"back to receive-only", vrrp.HMAC{Mode: vrrp.HMACReceiveOnly, Keys: keys(2), Active: 2}},
		{"off", vrrp.HMAC{}},
	}
	for first := range 3 {
		t.Run(fmt.Sprint("node ", first, " first"), func(t *testing.T) {
			c, reload := trio(t, plain)
			c.Observe = func(h *Happening) {
				if changes(h.Actions) {
					t.Fatalf("%v", h)
				}
			}
			for _, s := range steps {
				for k := range 3 {
					reload((first+k)%3, func(r *vrrp.Config) { r.HMAC = s.hmac })
					c.Run(7 * time.Second)
				}
				for _, n := range c.Nodes[1:] {
					if v := n.Status().Instances[0]; s.hmac.Mode == vrrp.HMACEnforce && v.Counts.Rejected[vrrp.RejectExtMissing] != 0 {
						t.Fatalf("%s: %v", s.name, v.Counts.Rejected)
					}
				}
			}
		})
	}
	t.Run("enforced at once it is not", func(t *testing.T) {
		c, reload := trio(t, plain)
		reload(1, func(r *vrrp.Config) { r.HMAC = steps[2].hmac })
		c.Run(7 * time.Second)
		wantRoles(t, c, vrrp.Master, vrrp.Master, vrrp.Backup)
	})
}

// TestH16H21Clocks: what a wall clock that is set does with HMAC, and that all
// is well once it is right again.
func TestH16H21Clocks(t *testing.T) {
	enforce := func(monotonic bool) func(int, *vrrp.Config) {
		return func(_ int, r *vrrp.Config) {
			r.HMAC = vrrp.HMAC{Mode: vrrp.HMACEnforce, Keys: keys(1), Active: 1, Monotonic: monotonic}
		}
	}
	for _, by := range []time.Duration{time.Hour, -time.Hour} {
		t.Run(fmt.Sprint("master by ", by), func(t *testing.T) {
			c, _ := trio(t, enforce(false))
			c.Nodes[0].SetClock(by)
			c.Run(10 * time.Second)
			wantRoles(t, c, vrrp.Master, vrrp.Master, vrrp.Backup) // nobody believes a, which believes nobody
			c.Nodes[0].SetClock(0)
			c.Run(10 * time.Second)
			wantRoles(t, c, vrrp.Master, vrrp.Backup, vrrp.Backup)
		})
		t.Run(fmt.Sprint("monotonic, master by ", by), func(t *testing.T) {
			c, _ := trio(t, enforce(true))
			c.Nodes[0].SetClock(by)
			c.Run(10 * time.Second)
			wantRoles(t, c, vrrp.Master, vrrp.Backup, vrrp.Backup)
			c.Nodes[0].SetClock(0)
			c.Run(10 * time.Second)
			wantRoles(t, c, vrrp.Master, vrrp.Backup, vrrp.Backup)
		})
	}
	t.Run("less than the window", func(t *testing.T) {
		c, _ := trio(t, enforce(false))
		for _, by := range []time.Duration{4 * time.Second, -1 * time.Second, 3 * time.Second} {
			c.Nodes[0].SetClock(by)
			c.Run(5 * time.Second)
			wantRoles(t, c, vrrp.Master, vrrp.Backup, vrrp.Backup)
		}
	})
	t.Run("H-17 a master that restarts", func(t *testing.T) {
		c, _ := trio(t, enforce(false))
		c.Nodes[0].Crash()
		c.Run(5 * time.Second)
		if got := c.Nodes[1].Role("V"); got != vrrp.Master {
			t.Errorf("b is %v, want MASTER", got)
		}
		c.Nodes[0].Start()
		c.Run(10 * time.Second)
		wantRoles(t, c, vrrp.Master, vrrp.Backup, vrrp.Backup)
	})
}

// TestTransports: crash, return and orderly stop over each transport.
func TestTransports(t *testing.T) {
	peers := func(i int, r *vrrp.Config) {
		r.Unicast.On = true
		for j := range 3 {
			if j != i {
				r.Unicast.Peers = append(r.Unicast.Peers, vrrp.Peer{Addr: netip.AddrFrom4([4]byte{192, 0, 2, byte(j + 1)})})
			}
		}
	}
	ah := func(_ int, r *vrrp.Config) {
		r.Version, r.Auth = vrrp.V2, vrrp.AuthAH
		copy(r.Password[:], "secret")
	}
	both := func(f, g func(int, *vrrp.Config)) func(int, *vrrp.Config) {
		return func(i int, r *vrrp.Config) { f(i, r); g(i, r) }
	}
	for _, tt := range []struct {
		rule   string
		change func(int, *vrrp.Config)
	}{
		{"U-1 unicast", peers},
		{"F2-10 AH", ah},
		{"F2-10 AH in unicast", both(ah, peers)},
		{"H-12 HMAC in unicast", both(peers, func(_ int, r *vrrp.Config) {
			r.HMAC = vrrp.HMAC{Mode: vrrp.HMACEnforce, Keys: keys(1), Active: 1}
		})},
		{"V-8 adverts without an address", func(_ int, r *vrrp.Config) { r.Addresses = nil }},
		{"V-8 adverts without an address in version 2", func(_ int, r *vrrp.Config) { r.Version, r.Addresses = vrrp.V2, nil }},
		{"X-1 both versions", func(_ int, r *vrrp.Config) { r.Interop = true }},
		{"X-1 one of both versions", func(i int, r *vrrp.Config) {
			if r.Interop = i == 1; i == 0 {
				r.Version = vrrp.V2
			}
			if i == 2 {
				r.Version = vrrp.V2
			}
		}},
	} {
		t.Run(tt.rule, func(t *testing.T) {
			c, _ := trio(t, tt.change)
			c.Nodes[0].Crash()
			c.Run(5 * time.Second)
			if got := c.Nodes[1].Role("V"); got != vrrp.Master {
				t.Errorf("b is %v after the crash, want MASTER", got)
			}
			c.Nodes[0].Start()
			c.Run(10 * time.Second)
			wantRoles(t, c, vrrp.Master, vrrp.Backup, vrrp.Backup)
			c.Nodes[0].Stop()
			c.Run(3 * time.Second)
			if got := c.Nodes[1].Role("V"); got != vrrp.Master {
				t.Errorf("b is %v after the stop, want MASTER", got)
			}
			c.Nodes[0].Start()
			c.Run(10 * time.Second)
			wantRoles(t, c, vrrp.Master, vrrp.Backup, vrrp.Backup)
			if n := c.Nodes[2].Status().Instances[0].Counts.BecameMaster; n != 0 {
				t.Errorf("c was master %d times, want never", n)
			}
		})
	}
}
