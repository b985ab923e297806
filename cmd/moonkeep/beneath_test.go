package main

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
	"github.com/moonkeep/moonkeep/core/netspec"
)

// TestGuardsBeneathVMAC: a backup with a virtual MAC has an address that somebody
// sets on the interface below removed, as it has one on its own interface.
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
			list, err := a.Link.List(device)
			if err != nil {
				t.Fatal(err)
			}
			for _, x := range list {
				if x.Prefix == vip {
					return false
				}
			}
			return true
		}, q.log.String)
	}
	// The others are the host's.
	if !a.has(t, netip.MustParsePrefix("192.0.2.1/24")) {
		t.Error("the host lost its own address")
	}
	q.stop(t)
	q = a.run(t, conf(100, "192.0.2.1/24", "\tuse_vmac v51\n"))
	q.ended(t, 1)
	if want := "the virtual address 192.0.2.1/24 is the only address of eth0, below"; !strings.Contains(q.log.String(), want) {
		t.Errorf("it says:\n%s\nwant %s", q.log, want)
	}
	if !a.has(t, netip.MustParsePrefix("192.0.2.1/24")) {
		t.Error("the host lost its own address at the start")
	}
	p.stop(t)
}
