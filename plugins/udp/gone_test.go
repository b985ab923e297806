package udp

import (
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/plugins/checker"
)

// TestGone: a host that does not answer for its address, and a router's or a
// firewall's word that it cannot be reached, are no silence.
func TestGone(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: a network namespace of its own")
	}
	if _, err := exec.LookPath("nft"); err != nil {
		t.Skip("needs nft: it makes the kernel say that a way is prohibited")
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and never unlocked: the thread ends with its namespace
		if err := syscall.Unshare(syscall.CLONE_NEWNET); err != nil {
			t.Errorf("make a network namespace: %v", err)
			return
		}
		for _, line := range []string{
			"ip link set lo up",
			"ip link add name va type veth peer name vb",
			"ip link set vb up",
			"ip addr add 192.0.2.1/24 dev va",
			"ip addr add 2001:db8::1/64 dev va nodad",
			// The kernel asks for an address once, and gives up after 50 ms.
			"ip ntable change name arp_cache dev va ucast_probes 0 mcast_probes 1 retrans 50",
			"ip ntable change name ndisc_cache dev va ucast_probes 0 mcast_probes 1 retrans 50",
			"ip link set va up",
			"nft add table inet f",
			"nft add chain inet f in { type filter hook input priority 0; }",
			"nft add rule inet f in udp dport 81 reject with icmpx type admin-prohibited",
			"nft add rule inet f in udp dport 82 reject with icmpx type host-unreachable",
			"nft add rule inet f in udp dport 83 drop",
		} {
			words := strings.Fields(line)
			if out, err := exec.Command(words[0], words[1:]...).CombinedOutput(); err != nil {
				t.Errorf("%s: %v: %s", line, err, out)
				return
			}
		}
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
	}()
	<-done
}
