package main

import (
	"net/netip"
	"os"
	"path/filepath"
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
		{"all", nil, true, realserver.Plan{Direct: []netip.Addr{a("192.0.2.100"), a("192.0.2.102"), a("192.0.2.103")}, Tunnelled: []netip.Addr{a("192.0.2.101")}}},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, serverPlan(c, tt.own, tt.all), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
			t.Errorf("%s: %s", tt.name, diff)
		}
	}
}
