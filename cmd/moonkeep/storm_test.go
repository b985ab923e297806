package main

import (
	"net/netip"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/control"
	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
	"github.com/moonkeep/moonkeep/core/netspec"
)

// TestStormOfTheLink takes the interface of a running master down and up again a
// thousand times, while addresses of another one come and go ten thousand times: the
// daemon then has its address, its route and its rule, puts the address back when
// somebody removes it, is heard by its backup, and needs no more memory than before.
func TestStormOfTheLink(t *testing.T) {
	t.Parallel()
	a, b := hosts(t)
	netnstest.Must(t, a.Link.AddBridge("br0"))
	netnstest.Must(t, a.Link.SetUp("br0"))
	const routed = `	virtual_routes {
		198.51.100.0/24 via 192.0.2.2 dev eth0
	}
	virtual_rules {
		from 198.51.100.0/24 table 100 preference 3000
	}`
	p, peer := a.run(t, conf(150, vip.String(), routed)), b.run(t, conf(100, vip.String(), ""))
	p.awaitRole(t, "MASTER")
	other := netspec.Address{Prefix: netip.MustParsePrefix("203.0.113.7/24"), Device: "br0"}
	storm := func(flaps int) {
		for range flaps {
			netnstest.Must(t, a.Link.SetDown("eth0"))
			netnstest.Must(t, a.Link.SetUp("eth0"))
			for range 5 {
				_, err := a.Link.Add(other)
				netnstest.Must(t, err)
				netnstest.Must(t, a.Link.Remove(other))
			}
		}
	}
	storm(100) // for what it needs once
	p.awaitRole(t, "MASTER")
	rss, said, began := memory(t, p.Process.Pid), len(p.log.String()), time.Now()
	storm(1000)
	took := time.Since(began)

	settled := eventually(t, "right after the storm", func() bool {
		s, err := p.status()
		if err != nil {
			return false
		}
		i := &s.Instances[0]
		return i.Role == "MASTER" && len(i.Faults) == 0 && i.Addresses[0].Held && i.Lacks == "" && a.has(t, vip) && !b.has(t, vip)
	}, p.log.String)
	// At the fifth time within ten seconds it would give up, and let its backup serve.
	for range 3 {
		a.holds(t, vip, true)
		netnstest.Must(t, a.Link.Remove(netspec.Address{Prefix: vip, Device: "eth0"}))
		_, err := a.Link.Add(other)
		netnstest.Must(t, err)
		netnstest.Must(t, a.Link.Remove(other))
	}
	a.holds(t, vip, true)
	peer.await(t, "BACKUP", func(i *control.Instance) bool { return i.HeardAge != nil && *i.HeardAge < 1 })
	for what, command := range map[string]string{"from 198.51.100.0/24 lookup 100": "ip rule list", "via 192.0.2.2": "ip route show 198.51.100.0/24"} {
		var text []byte
		a.Run(t, func() (err error) {
			text, err = exec.Command("sh", "-c", command).CombinedOutput()
			return err
		})
		if strings.Count(string(text), what) != 1 {
			t.Errorf("%s has not %q once:\n%s", command, what, text)
		}
	}
	if grown := memory(t, p.Process.Pid) - rss; grown > 6*slack {
		t.Errorf("it needs %.1f MiB more than before the storm", grown)
	}
	t.Logf("the storm took %v, right %v later, %d octets of log, memory %.1f MiB and %.1f MiB", took, settled, len(p.log.String())-said, rss, memory(t, p.Process.Pid))
}
