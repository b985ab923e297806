package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/moonkeep/moonkeep/core/doctor"
	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
)

// TestVRIDs listens beside a master: from the other host, and from its own, where its
// adverts do not come in and the daemon is asked.
func TestVRIDs(t *testing.T) {
	t.Parallel()
	a, b := hosts(t)
	p := b.run(t, conf(100, "192.0.2.77/24", "	use_vmac\n"))
	p.awaitRole(t, "MASTER")
	list := func(h *host, dir string, args ...string) string {
		t.Helper()
		cmd := self(append([]string{"vrids", "--listen", "600ms", "--run-dir", dir}, args...)...)
		out, log := new(bytes.Buffer), new(bytes.Buffer)
		cmd.Stdout, cmd.Stderr = out, log
		netnstest.Must(t, h.Start(cmd))
		if err := cmd.Wait(); err != nil || log.Len() > 0 {
			t.Errorf("%v: %s", err, log)
		}
		return out.String()
	}
	var got []network
	netnstest.Must(t, json.Unmarshal([]byte(list(a, a.dir, "eth0", "--json")), &got))
	if len(got) != 1 || len(got[0].Speakers) != 1 || got[0].Speakers[0].Adverts < 2 {
		t.Fatalf("from the other host: %+v", got)
	}
	got[0].Speakers[0].Adverts = 0
	without := []doctor.Range{{From: 1, To: 50}, {From: 52, To: 255}}
	want := []network{{
		Interface: "eth0", Here: []ownRouter{}, Free4: without, Free6: []doctor.Range{{From: 1, To: 255}},
		Speakers: []doctor.Speaker{{Interface: "eth0", Address: netip.MustParseAddr("192.0.2.2"), Version: 3, VRID: 51, Priority: 100, Interval: 0.1, Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.77")}}},
	}}
	if d := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); d != "" {
		t.Error(d)
	}
	// The virtual router's own interface is no other network.
	if text := list(b, p.dir); text != "eth0\n  nobody was heard\n  here: 51 (IPv4), instance VI_1, MASTER\n  free: IPv4 1-50 52-255, IPv6 1-255\n" {
		t.Errorf("from its own host:\n%s", text)
	}
	a.Run(t, func() error {
		if _, _, err := doctor.Speakers([]string{strings.Repeat("x", 99)}, 0); err != nil {
			return fmt.Errorf("one that is gone is an error: %w", err)
		}
		return nil
	})
	cmd := self("vrids", "none", "--run-dir", a.dir)
	out := new(bytes.Buffer)
	cmd.Stderr = out
	netnstest.Must(t, a.Start(cmd))
	if _ = cmd.Wait(); cmd.ProcessState.ExitCode() != 2 || !strings.Contains(out.String(), "those to listen on are: eth0") {
		t.Errorf("of no interface: %v, %s", cmd.ProcessState, out)
	}
}

// TestVRIDsInNamespaces: of a daemon with instances in two network namespaces, those
// count where they are, wherever the daemon runs.
func TestVRIDsInNamespaces(t *testing.T) {
	t.Parallel()
	own, peer := hosts(t)
	red, _ := hosts(t)
	name := red.named(t, "red")
	p := own.run(t, "global_defs {\n\tscript_user root\n}\n"+in("OWN", "")+strings.Replace(in("RED", "\tnet_namespace "+name+"\n"), "virtual_router_id 51", "virtual_router_id 52", 1))
	p.awaitRoles(t, map[string]string{"OWN": "MASTER", "RED": "MASTER"})
	list := func(h *netnstest.Host, status int) string {
		t.Helper()
		cmd := self("vrids", "--listen", "300ms", "--run-dir", p.dir)
		out := new(bytes.Buffer)
		cmd.Stdout, cmd.Stderr = out, out
		netnstest.Must(t, h.Start(cmd))
		if _ = cmd.Wait(); cmd.ProcessState.ExitCode() != status {
			t.Errorf("%v: %s", cmd.ProcessState, out)
		}
		return out.String()
	}
	for x, want := range map[*host]string{
		own: "eth0\n  nobody was heard\n  here: 51 (IPv4), instance OWN, MASTER\n  free: IPv4 1-50 52-255, IPv6 1-255\n",
		red: "eth0\n  nobody was heard\n  here: 52 (IPv4), instance RED, MASTER\n  free: IPv4 1-51 53-255, IPv6 1-255\n",
	} {
		if text := list(x.Host, 0); text != want {
			t.Errorf("%s, want %s", text, want)
		}
	}
	if text := list(peer.Host, 0); strings.Contains(text, "here: ") || !strings.Contains(text, "\n  51    192.0.2.1 ") {
		t.Errorf("in a namespace without instances: %s", text)
	}
	netnstest.Must(t, os.Remove(name))
	if text := list(own.Host, 0); !strings.Contains(text, "moonkeep: the instances in net_namespace "+name+" are not counted: ") || !strings.Contains(text, "instance OWN") || strings.Contains(text, "instance RED") {
		t.Errorf("with a namespace that cannot be opened: %s", text)
	}
	if text := list(netnstest.New(t), 2); !strings.Contains(text, "there is nothing to listen on") {
		t.Errorf("without a network: %s", text)
	}
}

// TestPrintVRIDs: masters of both families, one of which is of a virtual router that is
// MASTER here, too.
func TestPrintVRIDs(t *testing.T) {
	four, six := netip.MustParseAddr("192.0.2.2"), netip.MustParseAddr("fe80::2")
	var out bytes.Buffer
	netnstest.Must(t, printVRIDs(&out, []network{
		{
			Interface: "eth0", Speakers: []doctor.Speaker{
				{Address: four, Version: 2, VRID: 7, Priority: 100, Interval: 1, Adverts: 4, Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.9")}},
				{Address: six, Version: 3, VRID: 7, Priority: 90, Interval: 0.25, Adverts: 12},
			},
			Here:  []ownRouter{{"A", 7, false, "MASTER"}, {"B", 7, true, "BACKUP"}},
			Free4: []doctor.Range{{From: 1, To: 6}, {From: 255, To: 255}},
		},
		{Interface: "eth1", Deaf: []string{"open it: no"}, Free4: []doctor.Range{{From: 1, To: 255}}, Free6: []doctor.Range{{From: 2, To: 2}}},
	}))
	const want = `eth0
  VRID  MASTER     VERSION  PRIORITY  EVERY  HEARD  ADDRESSES
  7     192.0.2.2  2        100       1s     4      192.0.2.9
  7     fe80::2    3        90        250ms  12     -
  here: 7 (IPv4), instance A, MASTER
    CLASH: 192.0.2.2 speaks for it, too
  here: 7 (IPv6), instance B, BACKUP
  free: IPv4 1-6 255, IPv6 none

eth1
  nobody was heard
  not listened to: open it: no
  free: IPv4 1-255, IPv6 2
`
	if d := cmp.Diff(want, out.String()); d != "" {
		t.Error(d)
	}
	all := make([]int, 255)
	for i := range all {
		all[i] = i + 1
	}
	if got := doctor.Free(all); len(got) > 0 {
		t.Errorf("free of none: %v", got)
	}
	if got := doctor.Free([]int{1, 3, 255}); !slices.Equal(got, []doctor.Range{{From: 2, To: 2}, {From: 4, To: 254}}) {
		t.Errorf("free: %v", got)
	}
}
