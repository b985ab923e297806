package udp

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/plugins/checker"
	"github.com/moonkeep/moonkeep/plugins/dial/dialtest"
)

// TestGone: a host that does not answer for its address, and a router's or a
// firewall's word that it cannot be reached, are no silence.
func TestGone(t *testing.T) {
	dialtest.Refusing(t, []string{
		"ip link add name va type veth peer name vb",
		"ip link set vb up",
		"ip addr add 192.0.2.1/24 dev va",
		"ip addr add 2001:db8::1/64 dev va nodad",
		// The kernel asks for an address once, and gives up after 50 ms.
		"ip ntable change name arp_cache dev va ucast_probes 0 mcast_probes 1 retrans 50",
		"ip ntable change name ndisc_cache dev va ucast_probes 0 mcast_probes 1 retrans 50",
		"ip link set va up",
	}, []string{
		"udp dport 81 reject with icmpx type admin-prohibited",
		"udp dport 82 reject with icmpx type host-unreachable",
		"udp dport 83 drop",
	}, func() {
		for _, test := range []struct {
			at   string
			want checker.Verdict
			says string
		}{
			{"192.0.2.9:80", checker.Failed, "no route to host"},
			{"[2001:db8::9]:80", checker.Failed, "no route to host"},
			{"127.0.0.1:81", checker.Failed, "no route to host"},
			{"[::1]:81", checker.Failed, "permission denied"},
			{"127.0.0.1:82", checker.Failed, "no route to host"},
			{"[::1]:82", checker.Failed, "no route to host"},
			{"127.0.0.1:83", checker.OK, "no reply, and no error"},
			{"[::1]:83", checker.OK, "no reply, and no error"},
		} {
			target := checker.Target{Address: netip.MustParseAddrPort(test.at), Timeout: 10 * time.Second}
			if test.want == checker.OK {
				target.Timeout = 100 * time.Millisecond
			}
			if r := prepare(t, target, ``).Probe(t.Context()); r.Verdict != test.want || !strings.HasSuffix(r.Message, test.says) {
				t.Errorf("%s: %v %q, want %v, %q", test.at, r.Verdict, r.Message, test.want, test.says)
			}
		}
	})
}
