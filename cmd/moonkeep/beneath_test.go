package main

import (
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
	"github.com/moonkeep/moonkeep/core/netspec"
)

// TestGuardsBeneathVMAC: a node with a virtual MAC has an address that somebody sets
// on the interface below removed, and a backup one on its own interface too.
func TestGuardsBeneathVMAC(t *testing.T) {
	t.Parallel()
	a, b := hosts(t)
	text := func(priority int) string { return conf(priority, vip.String(), "\tuse_vmac v51\n") }
	p := b.run(t, text(200))
	p.awaitRole(t, "MASTER")
	q := a.run(t, text(100))
	q.awaitRole(t, "BACKUP")
	for _, device := range []string{"v51", "eth0"} {
		_, err := a.Link.Add(netspec.Address{Prefix: vip, Device: device})
		netnstest.Must(t, err)
		eventually(t, "the address goes from "+device, func() bool {
			return !on(t, a, device, vip)
		}, q.log.String)
	}
	_, err := b.Link.Add(netspec.Address{Prefix: vip, Device: "eth0"})
	netnstest.Must(t, err)
	eventually(t, "the address goes from below the master's", func() bool { return !b.has(t, vip) }, p.log.String)
	eventually(t, "told", func() bool {
		return strings.Contains(p.log.String(), "removed 192.0.2.100/24 from eth0: somebody or an earlier run set it below the interface that it is to be on")
	}, p.log.String)
	if !on(t, b, "v51", vip) {
		t.Error("the master does not hold its address any more")
	}
	// The others are the host's.
	if !a.has(t, netip.MustParsePrefix("192.0.2.1/24")) {
		t.Error("the host lost its own address")
	}
	q.stop(t)
	q = a.run(t, conf(100, "192.0.2.1/24", "\tuse_vmac v51\n"))
	q.ended(t, 1)
	if want := "the virtual address 192.0.2.1/24 is the only address of eth0, other virtual ones aside, below"; !strings.Contains(q.log.String(), want) {
		t.Errorf("it says:\n%s\nwant %s", q.log, want)
	}
	if !a.has(t, netip.MustParsePrefix("192.0.2.1/24")) {
		t.Error("the host lost its own address at the start")
	}
	p.stop(t)
}

// on reports whether an address stands on an interface, which is there.
func on(t *testing.T, h *host, device string, p netip.Prefix) bool {
	t.Helper()
	list, err := h.Link.List(device)
	netnstest.Must(t, err)
	return slices.ContainsFunc(list, func(a netspec.Address) bool { return a.Prefix == p })
}

// TestBeneathIsOurs: what the node itself set on an interface that has nothing else is
// not the host's when it is to stand above, after a reload and after a crash.
func TestBeneathIsOurs(t *testing.T) {
	t.Parallel()
	a, _ := hosts(t)
	netnstest.Must(t, a.Link.AddBridge("eth1"))
	netnstest.Must(t, a.Link.SetUp("eth1"))
	far := netip.MustParsePrefix("10.0.0.1/24")
	plain, above := conf(100, "10.0.0.1/24 dev eth1", ""), conf(100, "10.0.0.1/24 dev eth1 use_vmac v51", "")
	moved := func(p *process) {
		t.Helper()
		p.awaitRole(t, "MASTER")
		eventually(t, "the address stands above", func() bool { return on(t, a, "v51", far) && !on(t, a, "eth1", far) }, p.log.String)
		if strings.Contains(p.log.String(), "somebody or an earlier run set it") {
			t.Errorf("it takes itself for somebody else:\n%s", p.log)
		}
	}
	p := a.run(t, plain)
	p.awaitRole(t, "MASTER")
	eventually(t, "the address stands", func() bool { return on(t, a, "eth1", far) }, p.log.String)
	p.reload(t, a, above)
	moved(p)
	p.reload(t, a, plain)
	eventually(t, "the address is back", func() bool { return on(t, a, "eth1", far) }, p.log.String)
	p.kill(t)
	p = a.run(t, above)
	moved(p)
	p.stop(t)
}

// TestAllBeneathIsVirtual: two virtual addresses that are all the interface below has
// refuse the start: both would be removed from there.
func TestAllBeneathIsVirtual(t *testing.T) {
	t.Parallel()
	a, _ := hosts(t)
	a.give(t, vip.String())
	own := netip.MustParsePrefix("192.0.2.1/24")
	p := a.run(t, conf(100, own.String()+"\n"+vip.String(), "\tuse_vmac v51\n"))
	p.ended(t, 1)
	if want := "is the only address of eth0, other virtual ones aside, below"; !strings.Contains(p.log.String(), want) {
		t.Errorf("it says:\n%s\nwant %s", p.log, want)
	}
	if !a.has(t, own) || !a.has(t, vip) {
		t.Error("the host lost an address")
	}
}

// TestOwnerNoMore: what stood at the start is the host's, though the node held it: a
// reload by which it would be an owner's no more is refused, with a virtual MAC too.
func TestOwnerNoMore(t *testing.T) {
	t.Parallel()
	a, _ := hosts(t)
	own := netip.MustParsePrefix("192.0.2.1/24")
	p := a.run(t, conf(255, own.String(), ""))
	p.awaitRole(t, "MASTER")
	for _, extra := range []string{"", "\tuse_vmac v51\n"} {
		before := strings.Count(p.log.String(), "reload refused")
		a.write(t, "moonkeep.conf", conf(100, own.String(), extra), 0o644)
		p.signal(t, syscall.SIGHUP)
		eventually(t, "the reload is refused", func() bool {
			s, err := p.status()
			return err == nil && strings.Count(p.log.String(), "reload refused") > before && strings.Contains(s.ReloadError, "192.0.2.1/24 is the only address of eth0")
		}, p.log.String)
	}
	if !a.has(t, own) {
		t.Error("the host lost its address")
	}
	p.stop(t)
}

// TestOwnerLeaves: a reload that takes an owner away leaves its interface the address,
// from which the others there go on sending.
func TestOwnerLeaves(t *testing.T) {
	t.Parallel()
	a, _ := hosts(t)
	own := netip.MustParsePrefix("192.0.2.1/24")
	other := strings.Replace(in("VI_2", ""), "virtual_router_id 51", "virtual_router_id 52", 1)
	p := a.run(t, conf(255, own.String(), "")+other)
	p.awaitRoles(t, map[string]string{"VI_1": "MASTER", "VI_2": "MASTER"})
	for range 2 { // the second goes by what the first has kept
		p.reload(t, a, other)
		for _, i := range p.awaitRoles(t, map[string]string{"VI_2": "MASTER"}).Instances {
			if i.Counters.LeftMaster != 0 {
				t.Errorf("it left MASTER when the owner was removed:\n%s", p.log)
			}
		}
	}
	p.stop(t)
	if !a.has(t, own) {
		t.Error("the host lost its address")
	}
}
