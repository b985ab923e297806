package main

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/moonkeep/moonkeep/config/load"
	"github.com/moonkeep/moonkeep/core/kernel/realserver"
)

func TestServerPlan(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keepalived.conf")
	text := `
virtual_server 192.0.2.100 80 {
    lb_kind DR
    protocol TCP
    real_server 10.0.0.1 80 { }
    real_server 10.0.0.2 80 { lvs_method NAT }
}
virtual_server 192.0.2.101 80 {
    lb_kind TUN
    protocol TCP
    real_server 10.0.0.1 80 { }
}
virtual_server 192.0.2.100 443 {
    lb_kind DR
    protocol TCP
    real_server 10.0.0.1 443 { }
    real_server 10.0.0.3 443 { }
}
virtual_server 192.0.2.102 80 {
    lb_kind NAT
    protocol TCP
    sorry_server 10.0.0.4 80
    sorry_server_lvs_method DR
    real_server 10.0.0.2 80 { }
}
virtual_server 192.0.2.103 80 {
    lb_kind DR
    protocol TCP
    sorry_server 127.0.0.1 80
    real_server 10.0.0.3 80 { }
}
virtual_server 192.0.2.104 80 {
    lb_kind TUN
    protocol TCP
    real_server 10.0.0.5 80 { lvs_method TUN type gue port 6080 }
    real_server 10.0.0.6 80 { lvs_method TUN type gre }
    real_server 2001:db8::7 80 { }
    real_server 10.0.0.8 80 { }
}
virtual_server 2001:db8::104 80 {
    lb_kind TUN
    protocol TCP
    real_server 10.0.0.8 80 { }
    real_server 2001:db8::7 80 { }
}
virtual_server fwmark 7 {
    lb_kind DR
    real_server 10.0.0.7 { }
}
virtual_server fwmark 8 {
    ip_family inet6
    lb_kind TUN
    real_server 10.0.0.7 { }
}
virtual_server fwmark 9 {
    lb_kind NAT
    real_server 10.0.0.7 { }
}
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, found, err := load.FileAs(file, "")
	if err != nil || found.Errors() {
		t.Fatal(found, err)
	}
	a := netip.MustParseAddr
	tests := []struct {
		name string
		own  []netip.Addr
		all  bool
		want realserver.Plan
	}{
		{"both ways", []netip.Addr{a("10.0.0.1")}, false, realserver.Plan{Direct: []netip.Addr{a("192.0.2.100")}, Tunnelled: []netip.Addr{a("192.0.2.101")}}},
		{"rewritten packets need nothing", []netip.Addr{a("10.0.0.2")}, false, realserver.Plan{}},
		{"two services", []netip.Addr{a("10.0.0.3")}, false, realserver.Plan{Direct: []netip.Addr{a("192.0.2.100"), a("192.0.2.103")}}},
		{"a sorry server", []netip.Addr{a("10.0.0.4")}, false, realserver.Plan{Direct: []netip.Addr{a("192.0.2.102")}}},
		{"the director is its own", []netip.Addr{a("127.0.0.1")}, false, realserver.Plan{}},
		{"a stranger", []netip.Addr{a("10.0.0.9")}, false, realserver.Plan{}},
		{"by GUE", []netip.Addr{a("10.0.0.5")}, false, realserver.Plan{Others: []realserver.Other{{Address: a("192.0.2.104"),
			Needs: "its packets come as IPv4 within IPv4 by GUE to UDP port 6080; set up a receiver (ip fou add port 6080 gue, with -6 for IPv6), the tunnel that takes what it delivers, and the address on that"}}}},
		{"by GRE", []netip.Addr{a("10.0.0.6")}, false, realserver.Plan{Others: []realserver.Other{{Address: a("192.0.2.104"),
			Needs: "its packets come as IPv4 within IPv4 by GRE; set up a tunnel (ip link add NAME type gre, or ip6gre for IPv6) with the address"}}}},
		{"of the other family, and of its own", []netip.Addr{a("2001:db8::7")}, false, realserver.Plan{Tunnelled: []netip.Addr{a("2001:db8::104")}, Others: []realserver.Other{{Address: a("192.0.2.104"),
			Needs: "its packets come as IPv4 within IPv6; set up a tunnel (ip link add NAME type ip6tnl mode ipip6) with the address"}}}},
		{"of its own family, and the other", []netip.Addr{a("10.0.0.8")}, false, realserver.Plan{Tunnelled: []netip.Addr{a("192.0.2.104")}, Others: []realserver.Other{{Address: a("2001:db8::104"),
			Needs: "its packets come as IPv6 within IPv4; set up a tunnel (ip link add NAME type sit) with the address"}}}},
	}
	every, marks := serverPlan(c, nil, true)
	for i, want := range []string{"fwmark 7 comes by DR", "fwmark 8 inet6 comes by TUN"} {
		if len(marks) != 2 || !strings.HasPrefix(marks[i], want) {
			t.Errorf("marks %q", marks)
		}
	}
	for own, want := range map[string]int{"10.0.0.1": 0, "10.0.0.7": 2} {
		if p, marks := serverPlan(c, []netip.Addr{a(own)}, false); len(marks) != want || want > 0 && len(p.Direct) > 0 {
			t.Errorf("%s: %+v and the marks %q", own, p, marks)
		}
	}
	if got, want := fmt.Sprint(every.Direct, every.Tunnelled, len(every.Others)), "[192.0.2.100 192.0.2.102 192.0.2.103] [192.0.2.101 192.0.2.104 2001:db8::104] 4"; got != want {
		t.Errorf("all: %s, want %s", got, want)
	}
	for _, tt := range tests {
		got, _ := serverPlan(c, tt.own, tt.all)
		if diff := cmp.Diff(tt.want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
	}
}
