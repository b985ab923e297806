//go:build linux

package lab

import (
	"encoding/binary"
	"net"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
)

// TestHardwareSources holds from which hardware addresses a master's frames
// come (RFC 9568 7.2, 7.3, 8.1.2, 8.2.2): the virtual one with use_vmac, that
// of the interface without, and with vmac_xmit_base for adverts only.
func TestHardwareSources(t *testing.T) {
	t.Parallel()
	six := net.HardwareAddr{0, 0, 0x5e, 0, 2, 51}
	for _, c := range []struct {
		name             string
		d                dialect
		advert, announce net.HardwareAddr // nil for the interface's own
		advertKind       uint16
	}{
		{"version 3", v3vmac, virtual, virtual, 0x0800},
		{"version 2", v2vmac, virtual, virtual, 0x0800},
		{"IPv6", v6vmac, six, six, 0x86dd},
		{"vmac_xmit_base", v3xmit, nil, virtual, 0x0800},
		{"no use_vmac", v3, nil, nil, 0x0800},
	} {
		if c.name == "IPv6" && !*matrixFlag {
			continue // it needs a machine without other work
		}
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			plan := planOf(t, c.d.conf(side{priority: 150}))
			l, _ := prepare(t, Options{Plan: plan, Daemons: moonkeeps(t, plan), Probe: 50 * ms})
			base, err := l.nodes[0].host.conn.Interface("eth0")
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range []*net.HardwareAddr{&c.advert, &c.announce} {
				if *want == nil {
					*want = base.MAC
				}
			}
			host := &netnstest.Host{NS: l.client.ns, Link: l.client.conn}
			capture := host.Capture(t, "eth0", 3) // ETH_P_ALL
			if err := l.Boot(); err != nil {
				t.Fatal(err)
			}
			perform(t, l, "await a VI_1; stop a")
			adverts, announcements := 0, 0
			for {
				f := capture.Next(t, 200*time.Millisecond)
				if f == nil {
					break
				}
				kind, from := binary.BigEndian.Uint16(f[12:]), net.HardwareAddr(f[6:12])
				arp := kind == 0x0806 && f[21] == 1 && string(f[28:32]) == string(f[38:42])
				switch {
				case kind == c.advertKind && (kind == 0x0800 && f[23] == 112 || kind == 0x86dd && f[20] == 112):
					adverts++
					if from.String() != c.advert.String() {
						t.Errorf("advert from %v, want %v", from, c.advert)
					}
				case c.advertKind == 0x0800 && arp && f[31] == 100:
					announcements++
					if sender := net.HardwareAddr(f[22:28]); from.String() != c.announce.String() || sender.String() != c.announce.String() {
						t.Errorf("gratuitous ARP from %v that says %v, want %v", from, sender, c.announce)
					}
				case c.advertKind == 0x86dd && kind == 0x86dd && len(f) >= 86 && f[20] == 58 && f[54] == 136 && f[58]&0x20 != 0 && f[58]&0x40 == 0:
					announcements++
					if target := net.HardwareAddr(f[80:86]); from.String() != c.announce.String() || target.String() != c.announce.String() {
						t.Errorf("neighbour advertisement from %v that says %v, want %v", from, target, c.announce)
					}
				}
			}
			if adverts < 2 || announcements < 1 {
				t.Errorf("captured %d adverts and %d announcements, want two of the former and one of the latter at least", adverts, announcements)
			}
		})
	}
}
