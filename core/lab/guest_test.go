//go:build linux

package lab

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/config/keepalived"
	"github.com/moonkeep/moonkeep/core/kernel/link"
)

// The tests in this file need more of a kernel than many machines have; where
// it is missing they run in a guest (contrib/uml).

// needKernel skips the test unless the kernel has the modules.
func needKernel(t *testing.T, modules ...string) {
	t.Helper()
	for _, m := range modules {
		if path := "/sys/module/" + m; !exists(path) {
			t.Skipf("needs %s: the kernel has no %s", path, m)
		}
	}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// returns is a node that preempts when it returns. In a guest a program takes
// seconds to start, so when that is counts little.
func returns(do, to string) act {
	return act{do: do, to: to, most: 30 * time.Second, cut: always}
}

// needTC skips the test without iproute2's tc.
func needTC(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("tc"); err != nil {
		t.Skip("needs tc: (Debian: apt-get install iproute2)")
	}
}

// TestKernelWithAH holds that version 2 with AH works where the kernel handles
// that protocol itself, too: it then takes a part in what arrives.
func TestKernelWithAH(t *testing.T) {
	needKernel(t, "ah4", "xfrm_user")
	for _, ours := range []string{"a", "b"} {
		t.Run("moonkeep="+ours, func(t *testing.T) {
			plan := planOf(t, v2ah.conf(side{priority: 150}), v2ah.conf(side{priority: 100}))
			daemons := moonkeeps(t, plan)
			for i, n := range plan.Nodes {
				if n.Name != ours {
					daemons[i] = Keepalived{Binary: needKeepalived(t), Rewrite: keepalived.Rewrite}
				}
			}
			compete(t, Options{Plan: plan, Daemons: daemons, Probe: 20 * ms}, ours, v2ah, "await a VI_1", []act{
				v2ah.gone("crash a", "b", 100, always), returns("start a", "a"),
			})
		})
	}
}

// weather is what a network does to packets, as tc's netem has it.
type weather struct {
	name, netem string
	// storm is whether adverts may be lost three times in a row: then roles
	// may change, and are right only afterwards.
	storm bool
}

func weathers() []weather {
	return []weather{
		// The chance of a flap within the test: 1e-6 for each advert.
		{"loss 1%", "loss 1%", false},
		{"late and out of order", "delay 80ms 30ms distribution normal reorder 40%", false},
		{"all of it", "delay 30ms 20ms loss 1% duplicate 20% reorder 20% corrupt 1%", false},
		{"loss 60%", "delay 20ms 20ms loss 60% duplicate 20%", true},
	}
}

// blow sets what the network does to all that a node sends and hears.
func blow(t *testing.T, l *Lab, node int, netem string) {
	t.Helper()
	port := l.net.port(node, "eth0")
	tc := func(h *host, dev string) {
		t.Helper()
		args := append([]string{"qdisc", "replace", "dev", dev, "root", "netem"}, strings.Fields(netem)...)
		if netem == "" {
			args = []string{"qdisc", "del", "dev", dev, "root"}
		}
		err := h.ns.Do(func() error {
			if out, err := exec.Command("tc", args...).CombinedOutput(); err != nil {
				return fmt.Errorf("tc %s: %w: %s", strings.Join(args, " "), err, out)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	tc(l.nodes[node].host, "eth0")
	tc(l.net.fabric, port)
}

// TestWeather holds that nothing that a network does to adverts within the
// protocol's bounds moves an address, that a storm ends in the right roles, and
// that a crash in bad weather is found in the time that the protocol gives.
func TestWeather(t *testing.T) {
	needKernel(t, "sch_netem")
	needTC(t)
	plan := planOf(t, v3.conf(side{priority: 150}), v3.conf(side{priority: 100}))
	l, _ := raise(t, Options{Plan: plan, Daemons: moonkeeps(t, plan), Probe: 20 * ms})
	perform(t, l, "settle; await a VI_1")
	for _, w := range weathers() {
		t.Run(w.name, func(t *testing.T) {
			masters := func() (n uint64) {
				for _, m := range l.nodes {
					s, err := status(m)
					if err != nil {
						t.Fatal(err)
					}
					n += s.Instances[0].Counters.BecameMaster
				}
				return n
			}
			before := masters()
			blow(t, l, 0, w.netem)
			time.Sleep(3 * time.Second)
			// A daemon that gets no processor for long flaps in any weather.
			if n := masters() - before; n > 0 && !w.storm && busy.factor() < 4 {
				t.Errorf("%s: the routers became master %d times, want never", w.netem, n)
			} else if n > 0 {
				t.Logf("%s: the routers became master %d times; the machine was %.1f times as slow as alone", w.netem, n, busy.factor())
			}
			if w.storm {
				blow(t, l, 0, "")
				perform(t, l, "settle; await a VI_1")
				agree(t, l)
				return
			}
			// What is on its way when the node dies arrives later, by the delay.
			const longest = 250 * ms
			at := l.Now()
			perform(t, l, "crash a; await b VI_1")
			for _, m := range awaitMove(t, l, at) {
				took := m.Next - lastMark(l)
				t.Logf("%s: take-over %s", w.netem, took)
				if least, most := v3.down(100)-v3.interval-20*ms, v3.down(100)+longest+slack(l); took < least-busy.times(50*ms) || took > most {
					t.Errorf("%s: b took over after %s, want %s to %s", w.netem, took, least, most)
				}
			}
			blow(t, l, 0, "")
			perform(t, l, "start a; settle; await a VI_1")
		})
	}
}

// enslave puts eth0 of each node into a VRF, in which sockets of the lab that
// are bound to no VRF answer too.
func enslave(t *testing.T, l *Lab) {
	t.Helper()
	for i, n := range l.nodes {
		h := n.host
		err := h.conn.AddVRF("red", 10)
		if err == nil {
			err = h.conn.SetUp("red")
		}
		if err == nil {
			err = h.conn.SetMaster("eth0", "red")
		}
		if err == nil {
			err = h.ns.Do(func() error { return os.WriteFile("/proc/sys/net/ipv4/udp_l3mdev_accept", []byte("1"), 0) })
		}
		if err != nil {
			t.Fatalf("node %d: %v", i, err)
		}
	}
}

// TestVRF holds that an instance whose interface is in a VRF moves its address
// as any other, with and without a hardware address of its own.
func TestVRF(t *testing.T) {
	needKernel(t, "vrf", "macvlan")
	for _, d := range []struct {
		name string
		dialect
	}{{"plain", v3}, {"use_vmac", v3vmac}, {"IPv6", v3six}} {
		t.Run(d.name, func(t *testing.T) {
			plan := planOf(t, d.conf(side{priority: 150}), d.conf(side{priority: 100}))
			l, _ := prepare(t, Options{Plan: plan, Daemons: moonkeeps(t, plan), Probe: 20 * ms})
			enslave(t, l)
			if err := l.Boot(); err != nil {
				t.Fatal(err)
			}
			perform(t, l, "await a VI_1")
			agree(t, l)
			d.gone("crash a", "b", 100, always).play(t, l, d.dialect)
			returns("start a", "a").play(t, l, d.dialect)
			if d.name != "use_vmac" {
				// With one hardware address for both the client may go back
				// and forth until a slow processor has let go.
				d.said("stop a", "b", 100).play(t, l, d.dialect)
				return
			}
			host := l.nodes[0].host
			own, err := host.conn.Interface("vrrp.51")
			if err != nil {
				t.Fatal(err)
			}
			red, err := host.conn.Interface("red")
			if err != nil || own.Master != red.Index {
				t.Errorf("vrrp.51 has the master %d, want red, %d (%v)", own.Master, red.Index, err)
			}
		})
	}
}

// TestIPVLANMoves holds that an address on an ipvlan interface moves and that
// what is announced for it is the interface's hardware address.
func TestIPVLANMoves(t *testing.T) {
	needKernel(t, "ipvlan")
	d := v3
	plan := planOf(t, d.conf(side{150, "use_ipvlan 192.0.2.21/24"}), d.conf(side{100, "use_ipvlan 192.0.2.22/24"}))
	l, _ := raise(t, Options{Plan: plan, Daemons: moonkeeps(t, plan), Probe: 20 * ms})
	perform(t, l, "await a VI_1")
	agree(t, l)
	vip := netip.MustParseAddr("192.0.2.100")
	for i, a := range []act{
		d.gone("crash a", "b", 100, always), returns("start a", "a"),
		d.said("stop a", "b", 100),
	} {
		a.play(t, l, d)
		host := l.nodes[(i+1)%2].host
		state, err := host.conn.State()
		if err != nil {
			t.Fatal(err)
		}
		parent, _ := state.Find("eth0")
		found := false
		for x := range state.All() {
			for _, have := range state.Addresses(x.Index) {
				if have.Addr() == vip {
					found = true
					if x.Kind != link.IPVLAN || x.Parent != parent.Index {
						t.Errorf("%s: the address stands on %+v, want an ipvlan on eth0", a.do, x)
					}
				}
			}
		}
		if !found {
			t.Errorf("%s: the address stands nowhere on node %s", a.do, a.to)
		}
		if mac, err := l.client.conn.Neighbour("eth0", vip); err != nil || mac.String() != parent.MAC.String() {
			t.Errorf("%s: the client has %s (%v), want %s", a.do, mac, err, parent.MAC)
		}
	}
}
