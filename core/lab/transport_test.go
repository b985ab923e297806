//go:build linux

package lab

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/config/keepalived"
)

// The client probes an IPv4 address that goes with those of IPv6.
const (
	localFirst  = "virtual_ipaddress {\n\t\tfe80::100/64\n\t\t2001:db8::100/64\n\t}\n\tvirtual_ipaddress_excluded {\n\t\t192.0.2.100/24\n\t}"
	globalFirst = "virtual_ipaddress {\n\t\t2001:db8::100/64\n\t}\n\tvirtual_ipaddress_excluded {\n\t\t192.0.2.100/24\n\t}"
)

var (
	v3six    = dialect{"version 3\n\tadvert_int 0.1", 100 * ms, 100 * ms, localFirst}
	v3global = dialect{"version 3\n\tadvert_int 0.1", 100 * ms, 100 * ms, globalFirst}
	v2plain  = dialect{"version 2\n\tadvert_int 1", time.Second, time.Second, ""}
	v2ah     = dialect{"version 2\n\tadvert_int 1\n\tauthentication {\n\t\tauth_type AH\n\t\tauth_pass secret\n\t}", time.Second, time.Second, ""}
	v3own    = dialect{"version 3\n\tadvert_int 0.1\n\tmcast_dst_ip 224.0.0.77", 100 * ms, 100 * ms, ""}
)

// unicast are the lines of two nodes that know each other's addresses.
func unicast(a, b string) [2]string {
	one := func(own, other string) string {
		return "unicast_src_ip " + own + "\n\tunicast_peer {\n\t\t" + other + "\n\t}"
	}
	return [2]string{one(a, b), one(b, a)}
}

// transports are the contests over what is not IPv4 multicast, each an election,
// a crash, a stop and two preemptions.
func transports() []contest {
	play := func(name string, d dialect, extra [2]string) contest {
		return contest{name, d, [2]side{{150, extra[0]}, {100, extra[1]}}, "await a VI_1", []act{
			d.gone("crash a", "b", 100, always), d.back("start a", "a", 150),
			d.said("stop a", "b", 100), d.back("start a", "a", 150),
		}}
	}
	four, six := unicast("192.0.2.11", "192.0.2.12"), unicast("2001:db8::a", "2001:db8::b")
	return []contest{
		play("v3 IPv6", v3six, [2]string{}),
		play("v3 IPv6 without a link-local address", v3global, [2]string{}),
		play("v3 another group", v3own, [2]string{}),
		play("v3 unicast", v3, four),
		play("v2 unicast", v2plain, four),
		play("v2 AH", v2ah, [2]string{}),
		play("v2 AH unicast", v2ah, four),
		play("v3 IPv6 unicast", v3six, six),
		play("v3 IPv6 link-local unicast", v3six, unicast("fe80::a", "fe80::b")),
	}
}

func TestTransports(t *testing.T) {
	t.Parallel()
	for _, c := range transports() {
		for _, ours := range []string{"a", "b"} {
			t.Run(c.name+" moonkeep="+ours, func(t *testing.T) {
				t.Parallel()
				c.play(t, ours)
			})
		}
	}
}

// TestSix holds that the addresses of IPv6 stand on the master and on nobody
// else, whoever that is, and that what is not advertised goes with them.
func TestSix(t *testing.T) {
	t.Parallel()
	plan := planOf(t, v3six.conf(side{priority: 150}), v3six.conf(side{priority: 100}))
	l, _ := raise(t, Options{Plan: plan, Daemons: []Daemon{
		Moonkeep{Binary: needMoonkeep(t)}, Keepalived{Binary: needKeepalived(t), Rewrite: keepalived.Rewrite},
	}})
	stand := func(want string) {
		t.Helper()
		for _, text := range []string{"fe80::100", "2001:db8::100"} {
			var on []string
			for end := time.Now().Add(2 * time.Second); ; time.Sleep(10 * time.Millisecond) {
				on = nil
				for i, n := range plan.Nodes {
					has, err := l.nodes[i].host.has(netip.MustParseAddr(text), "eth0")
					if err != nil {
						t.Fatal(err)
					}
					if has {
						on = append(on, n.Name)
					}
				}
				if strings.Join(on, " ") == want || time.Now().After(end) {
					break
				}
			}
			if got := strings.Join(on, " "); got != want {
				t.Errorf("%s stands on %q, want %q", text, got, want)
			}
		}
	}
	perform(t, l, "await a VI_1")
	stand("a")
	perform(t, l, "stop a; await b VI_1")
	stand("b")
	perform(t, l, "start a; await a VI_1")
	stand("a")
}

// TestSources holds that nodes have the addresses that their files say adverts
// come from.
func TestSources(t *testing.T) {
	four, six := unicast("192.0.2.40", "192.0.2.30"), unicast("2001:db8::a", "fe80::b")
	for _, c := range []struct {
		name  string
		d     dialect
		extra [2]string
		want  [2]string
	}{
		{"IPv4", v3, four, [2]string{"192.0.2.40/24", "192.0.2.30/24"}},
		{"IPv6", v3six, six, [2]string{"192.0.2.11/24 2001:db8::a/64", "192.0.2.12/24 fe80::b/64"}},
		{"none", v3six, [2]string{}, [2]string{"192.0.2.11/24", "192.0.2.12/24"}},
	} {
		plan := planOf(t, c.d.conf(side{150, c.extra[0]}), c.d.conf(side{100, c.extra[1]}))
		for i, want := range c.want {
			var got []string
			for _, a := range plan.Nodes[i].Interfaces[0].Addresses {
				got = append(got, a.String())
			}
			if strings.Join(got, " ") != want {
				t.Errorf("%s: node %s has %v, want %s", c.name, plan.Nodes[i].Name, got, want)
			}
		}
	}
}
