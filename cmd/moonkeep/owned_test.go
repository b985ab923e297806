package main

import (
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
	"github.com/moonkeep/moonkeep/core/netspec"
)

const routing = `
	virtual_routes {
		203.0.113.0/24 via 192.0.2.2
		198.51.100.0/24 dev eth0 src 192.0.2.100 table 100
	}
	virtual_rules {
		from 192.0.2.100 table 100 preference 500
	}
`

const statics = `
static_ipaddress {
	10.77.0.1/24 dev eth0
}
static_routes {
	10.78.0.0/24 via 10.77.0.2 dev eth0
}
static_rules {
	to 10.78.0.0/24 table main preference 600
}
`

// ip runs ip(8) in the host.
func (h *host) ip(t *testing.T, args ...string) {
	t.Helper()
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("needs ip")
	}
	cmd := exec.Command("ip", args...)
	netnstest.Must(t, h.Start(cmd))
	netnstest.Must(t, cmd.Wait())
}

// directions counts the routes and rules that stand under keepalived's number.
func (h *host) directions(t *testing.T) (routes, rules int) {
	t.Helper()
	list, err := h.Link.Routes(netspec.Keepalived)
	netnstest.Must(t, err)
	all, err := h.Link.Rules()
	netnstest.Must(t, err)
	for _, r := range all {
		if r.Protocol == netspec.Keepalived {
			rules++
		}
	}
	return len(list), rules
}

func (h *host) owns(t *testing.T, what string, routes, rules int) {
	t.Helper()
	took := eventually(t, what, func() bool {
		n, m := h.directions(t)
		return n == routes && m == rules
	}, nothing)
	t.Logf("%s after %v", what, took)
}

// TestRoutesAndRules: they come with the role and go with it, come back when
// somebody removes them, and are cleared after a kill -9.
func TestRoutesAndRules(t *testing.T) {
	t.Parallel()
	a, _ := hosts(t)
	p := a.run(t, statics+conf(150, vip.String(), routing))
	p.awaitRole(t, "MASTER")
	static := netip.MustParsePrefix("10.77.0.1/24")
	a.holds(t, static, true)
	a.owns(t, "all is set", 3, 2)

	a.ip(t, "route", "del", "203.0.113.0/24")
	a.owns(t, "a removed route is back", 3, 2)
	a.ip(t, "rule", "del", "preference", "500")
	a.owns(t, "a removed rule is back", 3, 2)
	a.ip(t, "route", "del", "10.78.0.0/24")
	a.owns(t, "a removed static route is back", 3, 2)
	a.ip(t, "address", "del", "10.77.0.1/24", "dev", "eth0")
	a.holds(t, static, true)
	a.owns(t, "the route by a removed static address is back", 3, 2)
	s, err := p.status()
	netnstest.Must(t, err)
	if in := s.Instances[0]; in.Repaired < 2 || len(in.Directions) != 3 || !in.Directions[0].Held || !in.Directions[2].Held {
		t.Errorf("status shows %+v, want three held and two repairs", in)
	}
	if len(s.Static) != 1 || s.Static[0].Failure != "" || len(s.Static[0].Addresses) != 1 || !s.Static[0].Addresses[0].Held {
		t.Errorf("status shows static %+v", s.Static)
	}

	// The next configuration knows nothing of the routes: the journal does.
	p.kill(t)
	a.owns(t, "all is left behind", 3, 2)
	p = a.run(t, statics+conf(150, vip.String(), ""))
	p.awaitRole(t, "MASTER")
	a.owns(t, "the static ones are left", 1, 1)
	if text := p.log.String(); strings.Count(text, "an earlier run left it behind") != 4 {
		t.Errorf("the log does not tell of an address, two routes and a rule:\n%s", text)
	}
	p.stop(t)
	a.owns(t, "all is removed", 0, 0)
	a.holds(t, static, false)
}

// TestFightsEnd: who removes an address again and again gets the instance into
// FAULT, with a reason.
func TestFightsEnd(t *testing.T) {
	t.Parallel()
	a, _ := hosts(t)
	p := a.run(t, conf(150, vip.String(), ""))
	p.awaitRole(t, "MASTER")
	for range 5 {
		a.holds(t, vip, true)
		// Removed once it was confirmed.
		eventually(t, "confirmed", func() bool {
			s, err := p.status()
			return err == nil && s.Instances[0].Addresses[0].Held
		}, nothing)
		netnstest.Must(t, a.Link.Remove(netspec.Address{Prefix: vip, Device: "eth0"}))
	}
	p.awaitRole(t, "FAULT")
	s, err := p.status()
	netnstest.Must(t, err)
	if f := s.Instances[0].Faults; len(f) != 1 || !strings.Contains(f[0], "somebody removed what it holds 5 times within 10s, 192.0.2.100/24 dev eth0") {
		t.Errorf("got faults %q", f)
	}
	time.Sleep(9 * time.Second) // most of its rest
	p.awaitRole(t, "MASTER")
	a.holds(t, vip, true)
	p.stop(t)
}

// TestBackupGuards: an address of ours that somebody sets on a backup goes.
func TestBackupGuards(t *testing.T) {
	t.Parallel()
	a, b := hosts(t)
	p, q := a.run(t, conf(150, vip.String(), "")), b.run(t, conf(100, vip.String(), ""))
	p.awaitRole(t, "MASTER")
	q.awaitRole(t, "BACKUP")
	b.give(t, vip.String())
	b.holds(t, vip, false)
	a.holds(t, vip, true)
	eventually(t, "told", func() bool {
		return strings.Contains(q.log.String(), "removed 192.0.2.100/24 from eth0: somebody or an earlier run set it while this node is not its master")
	}, q.log.String)
	// Who sets it again and again does not fill the log.
	for range 5 {
		b.give(t, vip.String())
		b.holds(t, vip, false)
	}
	if n := strings.Count(q.log.String(), "somebody or an earlier run set it"); n != 1 {
		t.Errorf("it was told %d times within seconds, want once:\n%s", n, q.log)
	}
	q.stop(t)
	p.stop(t)
}

// TestServesWithoutARoute: a gateway that cannot be reached costs the clients of
// the address nothing; the route is set when it can be.
func TestServesWithoutARoute(t *testing.T) {
	t.Parallel()
	a, _ := hosts(t)
	p := a.run(t, conf(150, vip.String(), "virtual_routes {\n203.0.113.0/24 via 172.31.0.9\n}"))
	p.awaitRole(t, "MASTER")
	a.holds(t, vip, true)
	lacks := func() string {
		s, err := p.status()
		netnstest.Must(t, err)
		return s.Instances[0].Lacks
	}
	eventually(t, "it says what it lacks", func() bool { return strings.Contains(lacks(), "203.0.113.0/24") }, nothing)
	time.Sleep(time.Second) // three refusals were a fault
	s, err := p.status()
	netnstest.Must(t, err)
	if in := s.Instances[0]; in.Role != "MASTER" || in.Counters.BecameMaster != 1 {
		t.Errorf("role %s, %d times MASTER", in.Role, in.Counters.BecameMaster)
	}
	a.ip(t, "address", "add", "172.31.0.1/24", "dev", "eth0")
	a.owns(t, "the route is set when its gateway can be reached", 1, 0)
	eventually(t, "it lacks nothing", func() bool { return lacks() == "" }, nothing)
}

// TestPeerLeftBehind: an address with a peer that a killed daemon left goes at the
// next start, whether it is in the file still, with another peer, or not at all.
func TestPeerLeftBehind(t *testing.T) {
	t.Parallel()
	a, _ := hosts(t)
	const with = "192.0.2.50/32 peer 192.0.2.99/32"
	standing := func() (peers []string) {
		list, err := a.Link.List("eth0")
		netnstest.Must(t, err)
		for _, x := range list {
			if x.Addr().String() == "192.0.2.50" {
				peers = append(peers, x.Peer.String())
			}
		}
		return peers
	}
	for _, next := range []string{with, "192.0.2.50/32 peer 192.0.2.98/32", "192.0.2.51/32"} {
		p := a.run(t, conf(150, with, ""))
		p.awaitRole(t, "MASTER")
		eventually(t, "it stands", func() bool { return slices.Equal(standing(), []string{"192.0.2.99/32"}) }, nothing)
		p.journalled(t, "192.0.2.50")
		p.kill(t)
		p = a.run(t, conf(150, next, ""))
		p.awaitRole(t, "MASTER")
		want := "removing 192.0.2.50/32 from eth0: an earlier run left it behind"
		if !strings.Contains(p.log.String(), want) || strings.Contains(p.log.String(), "somebody") {
			t.Errorf("then %s: the log does not say %q:\n%s", next, want, p.log)
		}
		p.stop(t)
		if got := standing(); len(got) > 0 {
			t.Errorf("then %s: it stands with the peers %v", next, got)
		}
	}
}
