package daemon

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/config"
	pluginhost "github.com/moonkeep/moonkeep/plugins/host"
)

// TestRoomForChecks: a checker has a file for each of its checks, unless the
// configuration says how many it may have.
func TestRoomForChecks(t *testing.T) {
	timeout := 5 * time.Second
	with := func(checks int, plugins ...config.Plugin) *config.Config {
		v := config.VirtualServer{Address: config.Endpoint{AddrPort: netip.MustParseAddrPort("192.0.2.1:80")}, Protocol: "TCP", ConnectTimeout: timeout, DelayLoop: timeout}
		for i := range checks {
			at := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}), 80)
			v.RealServers = append(v.RealServers, config.RealServer{Address: config.Endpoint{AddrPort: at}, Checks: []config.Check{{TCP: &config.TCPCheck{}}}})
		}
		return &config.Config{VirtualServers: []config.VirtualServer{v}, Plugins: plugins}
	}
	programs := func(plugins ...config.Plugin) *config.Config {
		c := with(16000, plugins...)
		for i := range c.VirtualServers[0].RealServers {
			c.VirtualServers[0].RealServers[i].Checks = []config.Check{{Misc: &config.MiscCheck{MiscPath: &config.Program{Argv: []string{"/x"}}}}}
		}
		return c
	}
	for _, test := range []struct {
		c      *config.Config
		files  int
		memory int64
	}{
		{with(1), 16384, 256 << 20},
		{with(15360), 16384, 256 << 20},
		{with(15361), 32768, 512 << 20},
		{with(37000), 65536, 1 << 30},
		{with(37000, config.Plugin{Name: "TCP_CHECK", User: "daemon", Memory: 256, OpenFiles: 16384}), 65536, 1 << 30},
		{with(37000, config.Plugin{Name: "TCP_CHECK", Memory: 256, OpenFiles: 100, Written: config.Keys{{Name: "open_files"}}}), 100, 256 << 20},
		// Users' programs have the daemon's limits, whatever the number of the checks.
		{programs(), 0, 0},
		{programs(config.Plugin{Name: "MISC_CHECK", Memory: 64, OpenFiles: 16384, Written: config.Keys{{Name: "memory"}}}), 0, 0},
		{programs(config.Plugin{Name: "MISC_CHECK", Memory: 256, OpenFiles: 100, Written: config.Keys{{Name: "open_files"}}}), 100, 0},
	} {
		plan, _, err := pluginPlan(test.c)
		if err != nil || len(plan.Plugins) != 1 {
			t.Fatalf("%d plugins, %v", len(plan.Plugins), err)
		}
		if p := plan.Plugins[0]; p.OpenFiles != test.files || p.Memory != test.memory {
			t.Errorf("%d checks have %d files and %d bytes, want %d and %d", len(plan.Checks), p.OpenFiles, p.Memory, test.files, test.memory)
		}
	}
}

// TestSharedChecks: what is light has another process for each that is kept busy, in one
// place, and what goes to a goroutine each, or is somebody else's, has one.
func TestSharedChecks(t *testing.T) {
	for _, test := range []struct {
		p          pluginhost.Plugin
		rate       float64
		processors int
		want       int
	}{
		{pluginhost.Plugin{Name: "HTTP_GET"}, 5999, 8, 1},
		{pluginhost.Plugin{Name: "HTTP_GET"}, 10_000, 8, 2},
		{pluginhost.Plugin{Name: "TCP_CHECK"}, 37_000, 8, 7},
		{pluginhost.Plugin{Name: "TCP_CHECK"}, 37_000, 2, 2},
		{pluginhost.Plugin{Name: "TCP_CHECK"}, 37_000, 1, 1},
		{pluginhost.Plugin{Name: "SSL_GET"}, 37_000, 8, 1},
		{pluginhost.Plugin{Name: "MISC_CHECK"}, 37_000, 8, 1},
		{pluginhost.Plugin{Name: "HTTP_GET", Path: "/usr/lib/other"}, 37_000, 8, 1},
		{pluginhost.Plugin{Name: "OTHER", Path: "/usr/lib/other"}, 37_000, 8, 1},
	} {
		const n = 1000
		plan := pluginhost.Plan{Plugins: []pluginhost.Plugin{test.p}}
		for i := range n {
			plan.Checks = append(plan.Checks, pluginhost.Check{Subject: &pluginhost.Subject{Kind: test.p.Name, Identity: fmt.Sprint("TCP 192.0.2.1:", i)}})
		}
		// Those of another namespace are too few for two.
		plan.Checks = append(plan.Checks, pluginhost.Check{Subject: &pluginhost.Subject{Kind: test.p.Name, NetNS: "red", Identity: "red 0"}}, pluginhost.Check{Subject: &pluginhost.Subject{Kind: test.p.Name, NetNS: "red", Identity: "red 1"}})
		shareOut(&plan, map[seat]float64{seatOf(plan.Checks[0].Subject): test.rate, seatOf(plan.Checks[n].Subject): 5000}, test.processors)
		has := map[uint32]int{}
		for i := range plan.Checks[:n] {
			has[plan.Checks[i].Share]++
		}
		if len(has) != test.want || plan.Checks[n].Share != 0 || plan.Checks[n+1].Share != 0 {
			t.Errorf("%s at %v a second on %d processors is shared by %d, want %d", test.p.Name, test.rate, test.processors, len(has), test.want)
		}
		for which, checks := range has {
			if checks < n/test.want/2 {
				t.Errorf("%s: share %d of %d has %d checks of %d", test.p.Name, which, test.want, checks, n)
			}
		}
	}
}
