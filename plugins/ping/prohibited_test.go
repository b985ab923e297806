package ping

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

// TestProhibited: a firewall's word that nothing goes through to a server says that
// the server cannot be reached.
func TestProhibited(t *testing.T) {
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
			"nft add table inet f",
			"nft add chain inet f in { type filter hook input priority 0; }",
			"nft add rule inet f in icmp type echo-request reject with icmp type admin-prohibited",
			"nft add rule inet f in icmpv6 type echo-request reject with icmpv6 type admin-prohibited",
		} {
			words := strings.Fields(line)
			if out, err := exec.Command(words[0], words[1:]...).CombinedOutput(); err != nil {
				t.Errorf("%s: %v: %s", line, err, out)
				return
			}
		}
		for _, rawOnly := range []bool{false, true} {
			for at, reason := range map[string]string{"127.0.0.1": "no route to host", "::1": "permission denied"} {
				target := checker.Target{Address: netip.AddrPortFrom(netip.MustParseAddr(at), 0), Timeout: 10 * time.Second}
				p, err := (&Checker{rawOnly: rawOnly}).Prepare(target, checker.Options{})
				if err != nil {
					t.Errorf("%s: %v", at, err)
					continue
				}
				if r := p.Probe(t.Context()); r.Verdict != checker.Failed || !strings.HasSuffix(r.Message, ": "+reason) {
					t.Errorf("%s (raw: %v): %v %q, want failed, %q", at, rawOnly, r.Verdict, r.Message, reason)
				}
			}
		}
	}()
	<-done
}
