package daemon

import (
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/load"
	"github.com/moonkeep/moonkeep/core/balance"
	"github.com/moonkeep/moonkeep/core/kernel/ipvs"
	"github.com/moonkeep/moonkeep/core/node"
)

func TestMeant(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keepalived.conf")
	text := `
virtual_server 192.0.2.100 80 {
    protocol TCP
    real_server 10.0.0.1 80 { }
    real_server 10.0.0.2 80 { }
}
virtual_server fwmark 7 {
    protocol TCP
    real_server 10.0.0.1 81 { }
}
virtual_server fd00:9::1 80 {
    protocol TCP
    real_server fd00::1 80 { }
}
virtual_server 192.0.2.7 {
    protocol TCP
    real_server 10.0.0.7 { }
}
virtual_server 192.0.2.7 53 {
    protocol UDP
    real_server 10.0.0.7 53 { }
}
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c, found, err := load.FileAs(file, "")
	if err != nil || found.Errors() {
		t.Fatal(found, err)
	}
	tests := []struct{ service, server, want string }{
		{"", "10.0.0.1", "TCP 192.0.2.100:80 10.0.0.1:80, fwmark 7 10.0.0.1:81"},
		{"", "10.0.0.1:81", "fwmark 7 10.0.0.1:81"},
		{"192.0.2.100:80", "10.0.0.1", "TCP 192.0.2.100:80 10.0.0.1:80"},
		{"192.0.2.100", "10.0.0.1", "TCP 192.0.2.100:80 10.0.0.1:80"},
		{"fd00:9:0::1", "fd00::1", "TCP [fd00:9::1]:80 [fd00::1]:80"},
		{"192.0.2.9", "10.0.0.1", `there is no virtual server "192.0.2.9"; there are TCP 192.0.2.100:80, TCP 192.0.2.7, TCP [fd00:9::1]:80, UDP 192.0.2.7:53, fwmark 7`},
		{"192.0.2.7", "10.0.0.7", "TCP 192.0.2.7 10.0.0.7"},
		{"192.0.2.7:53", "10.0.0.7", "UDP 192.0.2.7:53 10.0.0.7:53"},
		{"fwmark 7", "10.0.0.1", "fwmark 7 10.0.0.1:81"},
		{"FWM 7", "10.0.0.1", "fwmark 7 10.0.0.1:81"},
		{"FWM  7", "10.0.0.1", "fwmark 7 10.0.0.1:81"},
		{"FWM  7 IPv6", "10.0.0.1", `there is no virtual server "fwmark 7 inet6"`},
		{"FWM 7 IPv6", "10.0.0.1", `there is no virtual server "fwmark 7 inet6"`},
		{"", "[fd00::1]:80", "TCP [fd00:9::1]:80 [fd00::1]:80"},
		{"", "fd00::1", "TCP [fd00:9::1]:80 [fd00::1]:80"},
		{"", "10.0.0.3", "there is no real server 10.0.0.3"},
		{"192.0.2.100:81", "10.0.0.1", `there is no virtual server "192.0.2.100:81"`},
		{"", "web1", `"web1" is no real server: give its ADDRESS or ADDRESS:PORT`},
	}
	for _, tt := range tests {
		list, err := newKnown(c, tt.service).meant(tt.server)
		var words []string
		for _, h := range list {
			words = append(words, h.Service+" "+h.Server)
		}
		slices.Sort(words)
		got := strings.Join(words, ", ")
		if err != nil {
			got = err.Error()
		}
		if got != tt.want && (err == nil || !strings.HasPrefix(got, tt.want)) {
			t.Errorf("%s of %s: %s, want %s", tt.server, tt.service, got, tt.want)
		}
	}
}

// TestBusy: a server is busy by its own connections, not by those of another one
// that has its address and another port.
func TestBusy(t *testing.T) {
	at := netip.MustParseAddrPort
	web := balance.Key{Protocol: balance.TCP, Address: at("192.0.2.1:80")}
	mark := balance.Key{Fwmark: 5}
	drains := func(forward balance.Forward, address string, keys ...balance.Key) []node.Draining {
		return []node.Draining{{Service: "v", Server: "s", Keys: keys, Address: balance.Destination{Address: at(address), Forward: forward}}}
	}
	has := func(k balance.Key, address string, active, inactive uint32) ipvs.Usage {
		d := ipvs.DestinationState{Destination: balance.Destination{Address: at(address)}, Active: active, Inactive: inactive}
		return ipvs.Usage{ServiceState: ipvs.ServiceState{Key: k}, Destinations: []ipvs.DestinationState{d}}
	}
	weighs := has(web, "10.0.0.1:80", 0, 0)
	weighs.Destinations[0].Weight = 1
	for what, tt := range map[string]struct {
		list  []node.Draining
		usage ipvs.Usage
		want  bool
	}{
		"NAT, its port":                     {drains(balance.Masq, "10.0.0.1:8080", web), has(web, "10.0.0.1:8080", 1, 0), true},
		"NAT, another port":                 {drains(balance.Masq, "10.0.0.1:8080", web), has(web, "10.0.0.1:8081", 1, 0), false},
		"DR has the service's port":         {drains(balance.Direct, "10.0.0.1:8080", web), has(web, "10.0.0.1:80", 1, 0), true},
		"TUN by a mark has none":            {drains(balance.Tunnel, "10.0.0.1:80", mark), has(mark, "10.0.0.1:0", 0, 1), true},
		"of TCP what has ended is no more":  {drains(balance.Direct, "10.0.0.1:80", web), has(web, "10.0.0.1:80", 0, 1), false},
		"its weight is not yet 0":           {drains(balance.Direct, "10.0.0.1:80", web), weighs, true},
		"of another service":                {drains(balance.Direct, "10.0.0.1:80", web), has(mark, "10.0.0.1:80", 1, 0), false},
		"NAT by a mark, all ports":          {drains(balance.Masq, "10.0.0.1:0", mark), has(mark, "10.0.0.1:0", 1, 0), true},
		"NAT by a mark, another one's port": {drains(balance.Masq, "10.0.0.1:80", mark), has(mark, "10.0.0.1:0", 1, 0), false},
	} {
		if got := busyOf(tt.list, []ipvs.Usage{tt.usage})["v s"]; got != tt.want {
			t.Errorf("%s: busy is %v", what, got)
		}
	}
}

func TestHandsFile(t *testing.T) {
	f := newHandsFile(filepath.Join(t.TempDir(), "state"))
	if list, err := f.read(); len(list) > 0 || err != nil {
		t.Errorf("without a file: %v, %v", list, err)
	}
	want := []node.Hand{
		{Service: "a", Server: "b", Wish: node.WishDrain, Limit: 90 * time.Second, Weight: -1},
		{Service: "a", Server: "c", Wish: node.WishAuto, Weight: 0},
		{Service: "a", Server: "d", Wish: node.WishDrain, Left: -1, Weight: -1},
	}
	if err := f.write(want); err != nil {
		t.Fatal(err)
	}
	got, err := f.read()
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v, %s", err, diff)
	}
	// What is left of a limit goes on while nobody runs.
	over := []node.Hand{
		{Service: "a", Server: "b", Wish: node.WishDrain, Limit: time.Hour, Left: time.Nanosecond, Weight: -1},
		{Service: "a", Server: "c", Wish: node.WishDrain, Limit: time.Hour, Left: time.Minute, Weight: -1},
		{Service: "a", Server: "d", Wish: node.WishDrain, Limit: time.Second, Left: time.Minute, Weight: -1},
	}
	if err := f.write(over); err != nil {
		t.Fatal(err)
	}
	got, err = f.read()
	if err != nil || got[0].Left != -1 || got[1].Left <= 0 || got[1].Left >= time.Minute || got[2].Left != time.Second {
		t.Errorf("%v, %+v", err, got)
	}
	if err := os.WriteFile(f.path, []byte(`[{"wish":"sleep"}]`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := f.read(); err == nil {
		t.Error("a file that nobody understands is taken for an empty one")
	}
	for range 2 {
		if err := f.write(nil); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(f.path); !os.IsNotExist(err) {
		t.Errorf("a file is left: %v", err)
	}
}

// TestHandsFileAgain: what could not be written is written once that can be done.
func TestHandsFileAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "later")
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	f := newHandsFile(dir)
	want := []node.Hand{{Service: "v", Server: "s", Wish: node.WishDrain, Weight: -1}}
	all := func() ([]node.Hand, error) { return want, nil }
	if f.again(all) {
		t.Error("written again although nothing failed")
	}
	if err := f.write(want); err == nil {
		t.Fatal("written where a file is in the way")
	}
	if f.again(all) {
		t.Error("written again where a file is in the way")
	}
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	if !f.again(all) || f.again(all) {
		t.Error("not written once when it could be")
	}
	if got, err := f.read(); err != nil || !slices.Equal(got, want) {
		t.Errorf("read %v, %v", got, err)
	}
}

// TestNoVirtualServers: where there are none, none are listed.
func TestNoVirtualServers(t *testing.T) {
	_, err := newKnown(&config.Config{}, "192.0.2.1").meant("10.0.0.1")
	if want := `there is no virtual server "192.0.2.1"; there are none`; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}
