package dial

import (
	"net/netip"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/plugins/checker"
	"github.com/moonkeep/moonkeep/plugins/dial/dialtest"
)

// TestProhibited: a firewall's word that nothing goes through to a server says that
// the server cannot be reached, whatever the kernel makes of it.
func TestProhibited(t *testing.T) {
	dialtest.Refusing(t, nil, []string{
		"ip daddr 127.0.0.1 tcp dport 81 reject with icmp type admin-prohibited",
		"ip6 daddr ::1 tcp dport 81 reject with icmpv6 type admin-prohibited",
	}, func() {
		for at, reason := range map[string]string{
			"127.0.0.1:81": "no route to host",
			"[::1]:81":     "no route to host",
		} {
			_, err := TCP(t.Context(), checker.Target{Address: netip.MustParseAddrPort(at), Timeout: 10 * time.Second})
			if err == nil {
				t.Errorf("%s: connected", at)
				continue
			}
			if r := checker.Failure(err, "connect"); r.Verdict != checker.Failed || r.Message != "connect: "+reason {
				t.Errorf("%s: %v %q, want failed, %q", at, r.Verdict, r.Message, reason)
			}
		}
	})
}
