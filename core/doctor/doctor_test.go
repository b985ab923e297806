package doctor

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/load"
	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
)

func TestExamineLink(t *testing.T) {
	up := net.FlagUp | net.FlagRunning | net.FlagMulticast
	four, virtual, local := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.9"), netip.MustParseAddr("fe80::1")
	tests := []struct {
		name  string
		needs linkNeeds
		state linkState
		want  Level
		says  string
	}{
		{"fine", linkNeeds{multicast: true, source4: true}, linkState{flags: up, addresses: []netip.Addr{four}}, OK, "is up"},
		{"gone", linkNeeds{}, linkState{err: errors.New("gone")}, Problem, "gone"},
		{"down", linkNeeds{}, linkState{flags: net.FlagMulticast}, Problem, "is down"},
		{"no carrier", linkNeeds{}, linkState{flags: net.FlagUp}, Problem, "no carrier"},
		{"no multicast", linkNeeds{multicast: true}, linkState{flags: net.FlagUp | net.FlagRunning}, Problem, "knows no multicast"},
		{"unicast needs none", linkNeeds{}, linkState{flags: net.FlagUp | net.FlagRunning}, OK, "is up"},
		{"only the virtual address", linkNeeds{source4: true, virtual: []netip.Addr{virtual}}, linkState{flags: up, addresses: []netip.Addr{virtual}}, Problem, "no IPv4 address of its own"},
		{"no link-local address", linkNeeds{instance: true, vrids6: []uint8{1}}, linkState{flags: up, addresses: []netip.Addr{four, netip.MustParseAddr("2001:db8::1")}}, Problem, "no link-local IPv6 address"},
		{"InfiniBand", linkNeeds{instance: true}, linkState{flags: up, mac: make(net.HardwareAddr, 20)}, Warning, "no gratuitous ARP"},
		{"Ethernet", linkNeeds{instance: true}, linkState{flags: up, mac: make(net.HardwareAddr, 6)}, OK, "is up"},
		{"a link-local address", linkNeeds{instance: true, vrids6: []uint8{1}}, linkState{flags: up, addresses: []netip.Addr{local}}, OK, "is up"},
	}
	for _, tt := range tests {
		list := examineLink(tt.needs, tt.state)
		if len(list) != 1 || list[0].Level != tt.want || !strings.Contains(list[0].Text, tt.says) {
			t.Errorf("%s: %+v, want one %v that says %q", tt.name, list, tt.want, tt.says)
		}
	}
}

func TestExamineForwarding(t *testing.T) {
	is := map[string]string{"net/ipv4/ip_forward": "1", "net/ipv4/vs/expire_nodest_conn": "0", "net/ipv4/vs/expire_quiescent_template": "0"}
	read := func(name string) (string, error) {
		if v, ok := is[name]; ok {
			return v, nil
		}
		return "", fs.ErrNotExist
	}
	list := examineForwarding(&needs{nat: true, nat6: true, udp: true}, read)
	if len(list) != 3 || list[0].Level != OK || list[1].Level != Problem || list[1].Advice == "" || list[2].Level != Warning {
		t.Errorf("%+v", list)
	}
	if list := examineForwarding(&needs{persistent: true}, read); len(list) != 1 || list[0].Level != Warning || !strings.HasPrefix(list[0].Advice, "sysctl -w net.ipv4.vs.expire_quiescent_template=1 ") {
		t.Errorf("%+v", list)
	}
	if list := examineForwarding(&needs{}, read); len(list) > 0 {
		t.Errorf("of what nobody needs %+v", list)
	}
	delete(is, "net/ipv4/vs/expire_nodest_conn")
	if list := examineForwarding(&needs{udp: true}, read); len(list) > 0 {
		t.Errorf("without the module %+v", list)
	}
}

// written reads a configuration.
func written(t *testing.T, text string) *config.Config {
	t.Helper()
	file := filepath.Join(t.TempDir(), "k.conf")
	netnstest.Must(t, os.WriteFile(file, []byte(text), 0o600))
	c, found, err := load.FileAs(file, "")
	if err != nil || found.Errors() {
		t.Fatal(err, found)
	}
	return c
}

// TestHostInNamespaces: interfaces and settings are those of the network namespace that
// the daemon would enter, and of that in which the table of IPVS is to be.
func TestHostInNamespaces(t *testing.T) {
	const balanced = "virtual_server 192.0.2.1 80 {\nlb_kind NAT\nreal_server 10.0.0.1 80 { }\n}\n"
	of := func(text, what string) Finding {
		t.Helper()
		for _, x := range Host(written(t, text), t.TempDir()) {
			if strings.HasPrefix(x.What, what) {
				return x
			}
		}
		t.Fatalf("nothing is said of %s", what)
		return Finding{}
	}
	for _, keyword := range []string{"net_namespace", "net_namespace_ipvs"} {
		x := of(keyword+" /proc/thread-self/ns/none\n"+balanced, keyword)
		if x.Level != Problem || !strings.Contains(x.Text, "cannot be looked at") {
			t.Errorf("of one that is not there: %+v", x)
		}
	}
	host, _ := netnstest.Pair(t, "inside", "peer")
	host.AwaitUp(t, "inside")
	table := netnstest.New(t)
	path := func(h *netnstest.Host) string { return fmt.Sprintf("/proc/self/fd/%d", h.NS.FD()) }
	one, other := "net_namespace "+path(host)+"\n", "net_namespace_ipvs "+path(table)+"\n"
	const forwards = "net/ipv4/ip_forward"
	for text, h := range map[string]*netnstest.Host{one: host, other: table} {
		for _, value := range []string{"0", "1"} {
			h.Run(t, func() error { return os.WriteFile("/proc/sys/"+forwards, []byte(value), 0o644) })
			x, want := of(text+balanced, forwards), Finding{Level: OK}
			if value == "0" {
				want = Finding{Level: Problem, Advice: "nsenter --net=" + path(h) + " sysctl -w net.ipv4.ip_forward=1, each time that the namespace is made"}
			}
			if x.Level != want.Level || x.Advice != want.Advice {
				t.Errorf("%s with %s there: %+v", text, value, x)
			}
		}
	}
	x := of(one+"vrrp_instance V {\ninterface inside\nvirtual_router_id 1\nvirtual_ipaddress {\n192.0.2.1/24\n}\n}\n", "interface inside")
	if x.What != "interface inside in net_namespace "+path(host) || !strings.Contains(x.Text, "no IPv4 address of its own") || x.Advice != "give it one, or set mcast_src_ip or unicast_src_ip" {
		t.Errorf("of an interface: %+v", x)
	}
	if got := enters("blue"); got != "ip netns exec blue" {
		t.Error(got)
	}
}

// TestNeedsOfSorryServers: a sorry server by NAT needs what real servers do, unless it
// is the director itself.
func TestNeedsOfSorryServers(t *testing.T) {
	for sorry, want := range map[string]bool{"10.0.0.9": true, "127.0.0.1": false} {
		file := filepath.Join(t.TempDir(), "k.conf")
		text := "virtual_server 192.0.2.1 53 {\nlb_kind DR\nprotocol UDP\nsorry_server " + sorry + " 53\nsorry_server_lvs_method NAT\nreal_server 10.0.0.1 53 { }\n}\n"
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c, found, err := load.FileAs(file, "")
		if err != nil || found.Errors() {
			t.Fatal(err, found)
		}
		if n := needsOf(c); n.nat != want || !n.udp {
			t.Errorf("with %s: %+v", sorry, n)
		}
	}
}

func TestExamineClock(t *testing.T) {
	if x := examineClock(true, nil); x.Level != OK {
		t.Error(x)
	}
	if x := examineClock(false, nil); x.Level != Problem {
		t.Error(x)
	}
	if x := examineClock(false, fs.ErrPermission); x.Level != Warning {
		t.Error(x)
	}
}

// TestDeafToOne: an interface whose MTU is too small for IPv6 joins no group of that. What
// could be listened to is judged all the same, and of the other nothing is made up.
func TestDeafToOne(t *testing.T) {
	host, _ := netnstest.Pair(t, "eth0", "eth1")
	netnstest.Must(t, host.Link.SetMTU("eth0", 1000))
	const instance = "vrrp_instance V%s {\ninterface eth0\nvirtual_router_id 1\nvirtual_ipaddress {\n%s\n}\n}\n"
	c := written(t, fmt.Sprintf("net_namespace /proc/self/fd/%d\n"+instance+instance, host.NS.FD(), "4", "192.0.2.1/24", "6", "fe80::1/64"))
	list := Network(c, time.Millisecond, false)
	if len(list) != 2 || list[0].Level != Warning || list[0].What != "adverts on eth0" || !strings.Contains(list[0].Text, "IPv6") || list[0].Advice == "" {
		t.Errorf("%+v", list)
	}
	if last := list[len(list)-1]; last.What != "instance V4" || !strings.HasPrefix(last.Text, "no master was heard") {
		t.Errorf("%+v", last)
	}
	c = written(t, fmt.Sprintf(instance+instance, "4", "192.0.2.1/24", "6", "fe80::1/64"))
	var deaf []Finding
	netnstest.Must(t, withoutRights(host, func() { deaf = Network(c, time.Millisecond, false) }))
	if len(deaf) != 1 || deaf[0].What != "adverts" || strings.Contains(deaf[0].Text, "\n") || deaf[0].Advice != "run doctor as root" {
		t.Errorf("without rights: %+v", deaf)
	}
}

// TestExamineHeard judges adverts that no network of a test brings about.
func TestExamineHeard(t *testing.T) {
	file := filepath.Join(t.TempDir(), "k.conf")
	const text = `vrrp_instance VI_1 {
	interface eth0
	version 3
	virtual_router_id 51
	virtual_ipaddress {
		192.0.2.10/24
		192.0.2.9/24
	}
}
vrrp_instance VI_6 {
	interface eth0
	version 3
	virtual_router_id 51
	virtual_ipaddress {
		fe80::9/64
		2001:db8::9/64
	}
}
`
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	c, found, err := load.FileAs(file, "")
	if err != nil || found.Errors() {
		t.Fatal(err, found)
	}
	addrs := func(list ...string) (all []netip.Addr) {
		for _, a := range list {
			all = append(all, netip.MustParseAddr(a))
		}
		return all
	}
	four := heardAdvert{device: "eth0", source: netip.MustParseAddr("192.0.2.2"), version: 3, vrid: 51, addresses: addrs("192.0.2.9", "192.0.2.10")}
	six := heardAdvert{device: "eth0", source: netip.MustParseAddr("fe80::2"), six: true, version: 3, vrid: 51, addresses: addrs("fe80::9", "2001:db8::9")}
	with := func(a heardAdvert, change func(*heardAdvert)) heardAdvert { change(&a); return a }
	tests := []struct {
		name  string
		heard []heardAdvert
		want  string // of VI_1, or empty
		Level Level
	}{
		{"the same in another order", []heardAdvert{four, six}, "192.0.2.2 is its master", OK},
		{"another version", []heardAdvert{with(four, func(a *heardAdvert) { a.version = 2 })}, "of version 2, this file's of version 3", Problem},
		{"an address less", []heardAdvert{with(four, func(a *heardAdvert) { a.addresses = addrs("192.0.2.9") })}, "other addresses", Problem},
		{"two masters", []heardAdvert{four, with(four, func(a *heardAdvert) { a.source = netip.MustParseAddr("192.0.2.3") })}, "several masters: 192.0.2.2, 192.0.2.3", Problem},
		{"which are free", []heardAdvert{with(four, func(a *heardAdvert) { a.version = 2 }), with(four, func(a *heardAdvert) { a.vrid = 52 }),
			with(six, func(a *heardAdvert) { a.vrid = 53 })}, "such as 53, which nobody was heard to use", Problem},
		{"another interface", []heardAdvert{with(four, func(a *heardAdvert) { a.device = "eth9" })}, "", OK},
	}
	for _, tt := range tests {
		list := examineHeard(needsOf(c), tt.heard, nil, time.Second)
		ok := false
		for _, x := range list {
			if x.What == "instance VI_1" && tt.want != "" {
				ok = ok || x.Level == tt.Level && strings.Contains(x.Text+x.Advice, tt.want)
			} else if tt.want == "" {
				ok = true
			}
			if tt.want == "" && strings.Contains(x.Text, "192.0.2.2") {
				ok = false
			}
		}
		if !ok && (tt.want != "" || len(list) > 0) {
			t.Errorf("%s: %+v", tt.name, list)
		}
	}
}
