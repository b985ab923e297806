package ping

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/plugins/checker"
	"github.com/moonkeep/moonkeep/plugins/dial/dialtest"
)

// TestProhibited: a firewall's word that nothing goes through to a server says that
// the server cannot be reached.
func TestProhibited(t *testing.T) {
	dialtest.Refusing(t, nil, []string{
		"icmp type echo-request reject with icmp type admin-prohibited",
		"icmpv6 type echo-request reject with icmpv6 type admin-prohibited",
	}, func() {
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
	})
}
