//go:build linux

package lab

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/control"
	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
)

// ip runs commands of ip, of iproute2, on a host.
func ip(t *testing.T, h *host, lines ...string) {
	t.Helper()
	for _, line := range lines {
		run(t, h, "ip "+line)
	}
}

// run runs a command of iproute2 on a host.
func run(t *testing.T, h *host, line string) {
	t.Helper()
	words := strings.Fields(line)
	if _, err := exec.LookPath(words[0]); err != nil {
		t.Skipf("needs %s: (Debian: apt-get install iproute2)", words[0])
	}
	err := h.ns.Do(func() error {
		if out, err := exec.Command(words[0], words[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", line, err, out)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestStackedInterface holds that an instance works on a VLAN, and with -matrix on a
// bond, as on any interface: its address moves, and it hears its peer again after the
// carrier below was away.
func TestStackedInterface(t *testing.T) {
	needKernel(t, "8021q", "bonding")
	for _, kind := range []string{"VLAN", "bond"} {
		if kind == "bond" && !*matrixFlag {
			continue // half a minute for much the same
		}
		t.Run(kind, func(t *testing.T) {
			d := v3
			plan := planOf(t, d.conf(side{priority: 150}), d.conf(side{priority: 100}))
			l, _ := prepare(t, Options{Plan: plan, Daemons: moonkeeps(t, plan), Probe: 20 * ms})
			stack := func(h *host, own []Interface) {
				ip(t, h, "link set eth0 down", "link set eth0 name port0")
				if kind == "VLAN" {
					ip(t, h, "link set port0 up", "link add link port0 name eth0 type vlan id 7")
				} else {
					ip(t, h, "link add eth0 type bond mode active-backup miimon 20", "link set port0 master eth0")
				}
				ip(t, h, "link set eth0 up")
				for _, p := range own[0].Addresses {
					ip(t, h, "address flush dev port0", fmt.Sprintf("address replace %v dev eth0", p))
				}
			}
			for i, n := range l.nodes {
				stack(n.host, plan.Nodes[i].Interfaces)
			}
			if kind == "VLAN" {
				// The client is on the VLAN without knowing.
				ip(t, l.net.fabric, "link set "+bridge(0)+" type bridge vlan_filtering 1 vlan_default_pvid 7")
				for i := range l.nodes {
					run(t, l.net.fabric, "bridge vlan add vid 7 dev "+l.net.port(i, "eth0")) // tagged
				}
			}
			if err := l.Boot(); err != nil {
				t.Fatal(err)
			}
			perform(t, l, "await a VI_1")
			agree(t, l)
			d.gone("crash a", "b", 100, always).play(t, l, d)
			returns("start a", "a").play(t, l, d)
			for range 2 {
				ip(t, l.net.fabric, "link set "+l.net.port(0, "eth0")+" down")
				perform(t, l, "await b VI_1")
				ip(t, l.net.fabric, "link set "+l.net.port(0, "eth0")+" up")
				perform(t, l, "await a VI_1; wait 500ms; await a VI_1")
			}
			agree(t, l)
			if kind == "bond" {
				return
			}
			// A VLAN is made again, as by a network manager that restarts.
			h := l.nodes[0].host
			ip(t, h, "link delete eth0")
			perform(t, l, "await b VI_1")
			again := []string{"link add link port0 name eth0 type vlan id 7", "link set eth0 up"}
			for _, p := range plan.Nodes[0].Interfaces[0].Addresses {
				again = append(again, fmt.Sprintf("address add %v dev eth0", p))
			}
			ip(t, h, again...)
			perform(t, l, "await a VI_1; wait 500ms; await a VI_1")
			agree(t, l)
		})
	}
}

// countersOf are those of a node's first instance.
func countersOf(t *testing.T, l *Lab, node int) control.Counters {
	t.Helper()
	s, err := status(l.nodes[node])
	if err != nil {
		t.Fatal(err)
	}
	return s.Instances[0].Counters
}

// TestLoss holds that a fifth of all packets lost moves the addresses as often as
// the protocol says: each time that a backup hears nothing for three adverts and
// its skew, and at no other.
func TestLoss(t *testing.T) {
	needKernel(t, "sch_netem")
	needTC(t)
	plan := planOf(t, v3.conf(side{priority: 150}), v3.conf(side{priority: 100}))
	l, _ := raise(t, Options{Plan: plan, Daemons: moonkeeps(t, plan), Probe: 20 * ms})
	perform(t, l, "settle; await a VI_1")
	long := 8 * time.Second
	if *matrixFlag {
		long = 20 * time.Second
	}
	became := func() uint64 { return countersOf(t, l, 1).BecameMaster }
	from := plan.Nodes[0].Interfaces[0].Addresses[0].Addr().As4()
	heard := (&netnstest.Host{NS: l.nodes[1].host.ns, Link: l.nodes[1].host.conn}).Capture(t, "eth0", 0x0800)
	var times []time.Time // of adverts, the first before anything is lost
	slow := time.Duration(0)
	hear := func(limit time.Duration) bool {
		f, at := heard.NextAt(t, limit)
		if f != nil && f[23] == 112 && string(f[26:30]) == string(from[:]) {
			times = append(times, at)
		}
		slow = max(slow, busy.times(30*ms)) // at any time of it
		return f != nil
	}
	before, sent := became(), countersOf(t, l, 0).Sent
	for len(times) == 0 {
		hear(time.Second)
	}
	blow(t, l, 0, "loss 20%")
	for begin := time.Now(); time.Since(begin) < long; {
		hear(50 * ms)
	}
	asked := time.Now()
	after := became()
	told := time.Now()
	for hear(time.Microsecond) {
	}
	blow(t, l, 0, "")
	times = slices.DeleteFunc(times, func(at time.Time) bool { return at.After(told) })
	// What is near the edge may go either way.
	least, most := 0, 0
	for i, at := range times {
		next, sure := told, asked // of the last gap it is not known how far b had come
		if i < len(times)-1 {
			next = times[i+1]
			sure = next
		}
		if sure.Sub(at) > v3.down(100)+slow {
			least++
		}
		if next.Sub(at) > 5*v3.interval/2 { // two were lost, and a third late
			most++
		}
	}
	n := int(after - before)
	all := int(countersOf(t, l, 0).Sent - sent)
	t.Logf("%d of some %d adverts of a came to b within %v, which became master %d times; %d to %d gaps were long enough",
		len(times), all, told.Sub(times[0]), n, least, most)
	if len(times) < all/2 {
		t.Errorf("the network lost more than a fifth")
	}
	if n < least || n > most {
		t.Errorf("b became master %d times, want %d to %d", n, least, most)
	}
	perform(t, l, "settle; await a VI_1")
	agree(t, l)
}
