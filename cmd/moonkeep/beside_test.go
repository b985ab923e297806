package main

import (
	"fmt"
	"net/netip"
	"strings"
	"syscall"
	"testing"
)

// TestBeside: a daemon does not begin, nor goes over to a configuration, that
// would take an address from another VRRP daemon of the host; and begins with what
// its own earlier run left behind, whoever else is there.
func TestBeside(t *testing.T) {
	t.Parallel()
	a, _ := hosts(t)
	file := func(name, vip, vrid string) string {
		text := strings.ReplaceAll(conf(150, vip, ""), "virtual_router_id 51", "virtual_router_id "+vrid)
		return a.write(t, name+".conf", text, 0o644)
	}
	other := netip.MustParsePrefix("192.0.2.101/24")
	first := a.start(t, "first", file("first", vip.String(), "51"))
	first.awaitRole(t, "MASTER")
	a.holds(t, vip, true)

	who := fmt.Sprintf("another moonkeep of this host (pid %d, run directory %s) has virtual router ", first.Process.Pid, first.dir)
	for vrid, wants := range map[string][]string{
		"51": {who + "51 on eth0 (VI_1) already"},
		"53": {"VI_1: " + vip.Addr().String() + " stands on this host already", "(pid ", "stop it first"},
	} {
		refused := a.start(t, "second", file("second", vip.String(), vrid))
		refused.ended(t, 1)
		for _, want := range wants {
			if !strings.Contains(refused.log.String(), want) {
				t.Errorf("a second daemon with VRID %s says %q, want %q in it", vrid, refused.log, want)
			}
		}
	}

	second := a.start(t, "second", file("second", other.String(), "52"))
	second.awaitRole(t, "MASTER")
	a.holds(t, other, true)
	// The test's own program goes by another name than moonkeep.
	if want := "speaks VRRP on this host too"; !strings.Contains(second.log.String(), want) {
		t.Errorf("the second daemon says %q, want %q in it", second.log, want)
	}
	file("second", vip.String(), "52")
	second.signal(t, syscall.SIGHUP)
	eventually(t, "the reload is refused", func() bool {
		s, err := second.status()
		return err == nil && strings.Contains(s.ReloadError, "stands on this host already")
	}, second.log.String)

	// What the first gives up the second may have from then on.
	next := file("second", other.String(), "51")
	mentions(t, "the plan", second.asks(t, 0, "plan", next), "A RELOAD IS REFUSED: "+who+"51 on eth0 (VI_1) already")
	second.signal(t, syscall.SIGHUP)
	eventually(t, "the reload is refused", func() bool {
		s, err := second.status()
		return err == nil && strings.Contains(s.ReloadError, who+"51 on eth0 (VI_1) already")
	}, second.log.String)
	file("first", vip.String(), "54")
	first.signal(t, syscall.SIGHUP)
	eventually(t, "the reload", func() bool { return strings.Contains(first.log.String(), "msg=reloaded") }, first.log.String)
	if text := second.asks(t, 0, "plan", next); strings.Contains(text, "REFUSED") {
		t.Errorf("the plan for what nobody has:\n%s", text)
	}
	second.signal(t, syscall.SIGHUP)
	eventually(t, "the reload", func() bool {
		s, err := second.status()
		return err == nil && s.ReloadError == "" && s.Instances[0].VRID == 51
	}, second.log.String)
	second.awaitRole(t, "MASTER")

	second.kill(t)
	if !a.has(t, other) {
		t.Fatal("the address went with the daemon that was killed")
	}
	file("second", other.String(), "52")
	second = a.start(t, "second", a.dir+"/second.conf")
	second.awaitRole(t, "MASTER")
	first.stop(t)
	second.stop(t)
}
