package lint

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/config"
)

// peer returns a node of priority p that speaks from src to these peers.
func peer(t *testing.T, file string, p int, src string, peers ...string) *config.Config {
	t.Helper()
	c := read(t, file+".yaml", ha("A 1 100"))
	in := &c.Instances[0]
	in.Priority = p
	if src != "" {
		in.UnicastSource = netip.MustParseAddr(src)
	}
	for _, p := range peers {
		in.UnicastPeers = append(in.UnicastPeers, config.Peer{At: in.At, Address: netip.MustParseAddr(p)})
	}
	return c
}

func TestUnicast(t *testing.T) {
	const a, b, c = "192.0.2.10", "192.0.2.11", "192.0.2.12"
	for name, test := range map[string]struct {
		nodes []*config.Config
		want  []string
	}{
		"two":              {[]*config.Config{peer(t, "a", 3, a, b), peer(t, "b", 2, b, a)}, nil},
		"three":            {[]*config.Config{peer(t, "a", 3, a, b, c), peer(t, "b", 2, b, a, c), peer(t, "c", 1, c, a, b)}, nil},
		"without a source": {[]*config.Config{peer(t, "a", 3, "", b), peer(t, "b", 2, "", a)}, nil},
		"one is missing": {
			[]*config.Config{peer(t, "a", 3, a, b), peer(t, "b", 2, b, a, c), peer(t, "c", 1, c, a, b)},
			[]string{"a.yaml missing-peer: 192.0.2.12 of c.yaml (unicast_src_ip) is no unicast peer here: when this node is master, c.yaml hears nothing and becomes master too"},
		},
		"one has another address": {
			[]*config.Config{peer(t, "a", 3, a, b), peer(t, "b", 2, c, a)},
			[]string{"a.yaml unknown-peer: 192.0.2.11 is the unicast_src_ip of none of these nodes", "a.yaml missing-peer: 192.0.2.12 of b.yaml"},
		},
		"one file is not given": {[]*config.Config{peer(t, "a", 3, a, b, c), peer(t, "b", 2, b, a, c)}, []string{"a.yaml unknown-peer: 192.0.2.12", "b.yaml unknown-peer: 192.0.2.12"}},
		"one source":            {[]*config.Config{peer(t, "a", 3, a, b), peer(t, "b", 2, a, b)}, []string{"b.yaml peers-source: unicast_src_ip 192.0.2.10 is that of a.yaml too"}},
		"unicast and multicast": {[]*config.Config{peer(t, "a", 3, a, b), peer(t, "b", 2, "")}, []string{"b.yaml peers-unicast: adverts are multicast here and unicast in a.yaml"}},
		"one number, two unicast clusters": {
			[]*config.Config{peer(t, "a", 3, a, b), peer(t, "b", 2, b, a), read(t, "c.yaml", ha("X 1 100 \"virtual_ipaddresses: [192.0.2.9/24]\""))},
			[]string{"c.yaml no-peer: no other file has virtual_router_id 1 with one of these addresses"},
		},
	} {
		t.Run(name, func(t *testing.T) { said(t, Cluster(test.nodes), test.want...) })
	}
	said(t, One(peer(t, "a", 3, a, b)))
	said(t, One(peer(t, "a", 3, a, a)), "a.yaml unicast-self: 192.0.2.10 is this node's own source address")
}

// TestVirtualSources holds that adverts neither come from a virtual address
// nor go to one.
func TestVirtualSources(t *testing.T) {
	const virtual = "192.0.2.1"
	said(t, One(peer(t, "a", 100, virtual, "192.0.2.11")), "a.yaml virtual-source: unicast_src_ip 192.0.2.1 is a virtual address")
	said(t, One(peer(t, "a", 255, virtual, "192.0.2.11")))
	said(t, One(peer(t, "a", 100, "192.0.2.10", virtual)), "a.yaml virtual-peer: the unicast peer 192.0.2.1 is a virtual address")
	c := read(t, "a.yaml", ha("A 1 100"))
	c.Instances[0].Source = netip.MustParseAddr(virtual)
	said(t, One(c), "a.yaml virtual-source: mcast_src_ip 192.0.2.1 is a virtual address")
}

// TestFamilies holds that a number stands for one virtual router of each
// family.
func TestFamilies(t *testing.T) {
	for _, change := range []func(*config.Instance){
		func(in *config.Instance) { in.NativeIPv6 = true },
		func(in *config.Instance) { in.Source = netip.MustParseAddr("fe80::1") },
		func(in *config.Instance) { in.UnicastSource = netip.MustParseAddr("fe80::1") },
		func(in *config.Instance) { in.Destination = netip.MustParseAddr("ff02::12") },
		func(in *config.Instance) { in.UnicastPeers = []config.Peer{{Address: netip.MustParseAddr("fe80::1")}} },
		func(in *config.Instance) {
			in.Addresses = []config.Address{{Prefix: netip.MustParsePrefix("2001:db8::1/64")}}
		},
	} {
		in := config.Instance{VRID: 1}
		if six(&in) {
			t.Error("an instance without addresses speaks IPv6")
		}
		if change(&in); !six(&in) {
			t.Errorf("%+v speaks IPv4", in)
		}
	}
}

// TestOneNumberOfEachFamily holds that the other family's instance is not
// called one of another number.
func TestOneNumberOfEachFamily(t *testing.T) {
	got := Cluster(pair(t, nil, func(_ *config.Config, in *config.Instance) {
		in.NativeIPv6, in.Addresses = true, nil
	}))
	said(t, got, "a.yaml no-peer: nobody takes over", "b.yaml no-peer: nobody takes over")
}

// pair returns two nodes that agree, the second one changed.
func pair(t *testing.T, both, second func(*config.Config, *config.Instance)) []*config.Config {
	t.Helper()
	cs := nodes(t, ha("A 1 100"), ha("A 1 90"))
	for _, c := range cs {
		if both != nil {
			both(c, &c.Instances[0])
		}
	}
	second(cs[1], &cs[1].Instances[0])
	return cs
}

func TestPeers(t *testing.T) {
	hmac := func(mode string, active int, keys ...string) *config.HMAC {
		h := &config.HMAC{ActiveKey: active, Mode: mode}
		for i, k := range keys {
			h.Keys = append(h.Keys, config.HMACKey{ID: i + 1, Secret: k})
		}
		return h
	}
	type change = func(*config.Config, *config.Instance)
	one := 1
	signed := func(_ *config.Config, in *config.Instance) { in.HMAC = hmac("", 1, "hunter1", "hunter2") }
	for name, test := range map[string]struct {
		both, second change
		want         []string
	}{
		"another group":       {nil, func(_ *config.Config, in *config.Instance) { in.Destination = netip.MustParseAddr("224.0.0.19") }, []string{"b.yaml peers-group: adverts go to 224.0.0.19 here and to the usual group in a.yaml"}},
		"use_vmac":            {nil, func(_ *config.Config, in *config.Instance) { in.UseVMAC = &config.VMAC{} }, []string{"b.yaml peers-vmac: this file has use_vmac and a.yaml does not have it"}},
		"no_accept":           {func(_ *config.Config, in *config.Instance) { in.NoAccept = true }, func(_ *config.Config, in *config.Instance) { in.NoAccept = false }, []string{"b.yaml peers-accept: this file does not have no_accept and a.yaml has it"}},
		"the same keys":       {signed, func(*config.Config, *config.Instance) {}, nil},
		"another active key":  {signed, func(_ *config.Config, in *config.Instance) { in.HMAC.ActiveKey = 2 }, nil},
		"a key for later":     {signed, func(_ *config.Config, in *config.Instance) { in.HMAC = hmac("", 1, "hunter1", "hunter2", "hunter3") }, nil},
		"another secret":      {signed, func(_ *config.Config, in *config.Instance) { in.HMAC = hmac("", 1, "hunter3", "hunter2") }, []string{"b.yaml peers-hmac: key 1, with which this node signs, is another one in a.yaml", "b.yaml peers-hmac: key 1, with which a.yaml signs, is another one here"}},
		"an unknown key":      {signed, func(_ *config.Config, in *config.Instance) { in.HMAC = hmac("", 3, "hunter1", "hunter2", "hunter3") }, []string{"b.yaml peers-hmac: key 3, with which this node signs, is not known in a.yaml"}},
		"unsigned here":       {signed, func(_ *config.Config, in *config.Instance) { in.HMAC = nil }, []string{"b.yaml peers-hmac: a.yaml takes signed adverts only, and this node does not sign"}},
		"unsigned there":      {nil, signed, []string{"b.yaml peers-hmac: only signed adverts are taken here, and a.yaml does not sign"}},
		"unsigned for a time": {nil, func(_ *config.Config, in *config.Instance) { in.HMAC = hmac("permissive", 1, "hunter1") }, nil},
		"names of their own": {
			func(c *config.Config, _ *config.Instance) {
				c.Global.RouterID, c.Global.Written = "LVS", config.Keys{{Name: "router_id", At: config.NewPosition("x", 7, 0)}}
			},
			func(c *config.Config, _ *config.Instance) { c.Global.RouterID = "LVS2" }, nil,
		},
		"one name": {
			func(c *config.Config, _ *config.Instance) {
				c.Global.RouterID, c.Global.Written = "LVS", config.Keys{{Name: "router_id", At: config.NewPosition("x", 7, 0)}}
			},
			func(*config.Config, *config.Instance) {}, []string{"x same-router-id: router_id LVS is that of a.yaml too"},
		},
		"a sync daemon on one": {nil, func(c *config.Config, _ *config.Instance) { c.Global.SyncDaemon = &config.SyncDaemon{} }, nil},
		"the same sync daemon": {
			func(c *config.Config, _ *config.Instance) { c.Global.SyncDaemon = &config.SyncDaemon{Instance: "A"} },
			func(c *config.Config, _ *config.Instance) { c.Global.SyncDaemon.ID = &one }, nil,
		},
		"another sync id": {
			func(c *config.Config, in *config.Instance) {
				c.Global.SyncDaemon = &config.SyncDaemon{At: in.At, Instance: "A"}
			},
			func(c *config.Config, _ *config.Instance) { c.Global.SyncDaemon.Instance = "" }, []string{"b.yaml peers-sync-daemon: id 0 here and 1 in a.yaml"},
		},
		"another sync port": {
			func(c *config.Config, in *config.Instance) { c.Global.SyncDaemon = &config.SyncDaemon{At: in.At} },
			func(c *config.Config, _ *config.Instance) { c.Global.SyncDaemon.Port = 9 }, []string{"b.yaml peers-sync-daemon: another port or group than in a.yaml"},
		},
		"the host's name": {func(c *config.Config, _ *config.Instance) { c.Global.RouterID = "host" }, func(*config.Config, *config.Instance) {}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			got := Cluster(pair(t, test.both, test.second))
			for _, f := range got {
				if f.Text != hidden(f.Text) {
					t.Errorf("a secret is shown: %v", f)
				}
			}
			said(t, got, test.want...)
		})
	}
}

func TestInstanceAlone(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*config.Instance)
		want   []string
	}{
		"strict":            {func(in *config.Instance) { in.Strict = true }, []string{"a.yaml strict-silent: 192.0.2.1 does not even answer a ping"}},
		"strict, accepting": {func(in *config.Instance) { in.Strict, in.Accept = true, true }, nil},
		"strict owner":      {func(in *config.Instance) { in.Strict, in.Priority = true, 255 }, nil},
		"strict on the base interface": {func(in *config.Instance) {
			in.Strict, in.Accept, in.VMACXmitBase, in.UseVMAC = true, true, true, &config.VMAC{}
		}, []string{"a.yaml strict-vmac: keepalived clears vmac_xmit_base"}},
		"stalled and preempting": {func(in *config.Instance) { in.TimerExpiredBackup = 254 }, []string{"a.yaml timer-expired-unused: timer_expired_backup is for a node with nopreempt"}},
		"stalled":                {func(in *config.Instance) { in.TimerExpiredBackup, in.NoPreempt = 254, true }, nil},
		"signed":                 {func(in *config.Instance) { in.HMAC = &config.HMAC{Mode: "enforce"} }, nil},
		"unsigned accepted":      {func(in *config.Instance) { in.HMAC = &config.HMAC{Mode: "permissive"} }, []string{"a.yaml unsigned-accepted: mode permissive"}},
		"xmit base of nothing":   {func(in *config.Instance) { in.VMACXmitBase = true }, []string{"a.yaml own-interface-unused: vmac_xmit_base is about"}},
		"xmit base":              {func(in *config.Instance) { in.VMACXmitBase, in.UseVMAC = true, &config.VMAC{} }, nil},
		"extra for nothing": {func(in *config.Instance) {
			in.GarpExtraIF, in.UseVMAC, in.Written = &config.ExtraIF{Interval: time.Second}, &config.VMAC{}, config.Keys{{Name: "garp_extra_if", At: in.At}}
		}, []string{"a.yaml own-interface-unused: garp_extra_if is about"}},
		"extra": {func(in *config.Instance) {
			in.GarpExtraIF, in.UseVMACAddr, in.Written = &config.ExtraIF{Interval: time.Second}, true, config.Keys{{Name: "garp_extra_if", At: in.At}}
		}, nil},
		"a short window": {func(in *config.Instance) {
			in.HMAC, in.AdvertInt = &config.HMAC{TimeWindow: time.Second}, 2*time.Second
		}, []string{"a.yaml short-window: time_window 1s is less than advert_int 2s"}},
		"a counter": {func(in *config.Instance) {
			in.HMAC, in.AdvertInt = &config.HMAC{TimeWindow: time.Second, AntiReplay: "monotonic"}, 2*time.Second
		}, nil},
		"a process is tracked":           {func(in *config.Instance) { in.IgnorePrimary, in.TrackProcesses = true, make([]config.Track, 1) }, nil},
		"a file's weight with nopreempt": {func(in *config.Instance) { in.NoPreempt, in.TrackFiles = true, []config.Track{{Weight: 1}} }, []string{"a.yaml nopreempt-weight: leaves every living master"}},
		"a file's weight is no surplus":  {func(in *config.Instance) { in.Priority, in.TrackFiles = 250, []config.Track{{Weight: 100}} }, nil},
		"a process' weight":              {func(in *config.Instance) { in.Priority, in.TrackProcesses = 250, []config.Track{{Weight: 100}} }, []string{"a.yaml weight-clamped: add up to 350"}},
	} {
		t.Run(name, func(t *testing.T) {
			c := read(t, "a.yaml", ha("A 1 100"))
			test.change(&c.Instances[0])
			said(t, One(c), test.want...)
		})
	}
}

// TestPlaces holds that a finding points at the key, or at the tracker, and at
// the block where the key was not written.
func TestPlaces(t *testing.T) {
	at := func(line int) config.Position { return config.NewPosition("a.yaml", line, 0) }
	c := read(t, "a.yaml", ha("A 1 100"))
	in := &c.Instances[0]
	in.At, in.AuthType, in.DownTimerAdverts, in.NoPreempt = at(10), "PASS", 1, true
	in.TrackScripts = []config.Track{{Name: "web", At: at(30), Weight: 20}, {Name: "db", At: at(31), Weight: 150}}
	in.Written = config.Keys{{Name: "priority", At: at(20)}, {Name: "down_timer_adverts", At: at(21)}, {Name: "priority", At: at(22)}}
	got := make(map[string]int)
	for _, f := range One(c) {
		got[f.Name] = f.At.Line()
	}
	for name, line := range map[string]int{"clear-password": 10, "one-lost-advert": 21, "weight-clamped": 22, "nopreempt-weight": 10} {
		if got[name] != line {
			t.Errorf("%s: got line %d, want %d", name, got[name], line)
		}
	}
	in.Priority = 255
	for _, f := range One(c) {
		if want := map[string]int{"web": 30, "db": 31}; f.Name == "owner-weight" && f.At.Line() != want["web"] && f.At.Line() != want["db"] {
			t.Errorf("got %v, want it at the tracker", f)
		}
	}
}

// TestPlacesOfFiles holds that the names by which keys are looked up are those
// that the reader writes down.
func TestPlacesOfFiles(t *testing.T) {
	keys := "virtual_router_id: 1\nstate: BACKUP\npriority: 250\nnopreempt: true\ndown_timer_adverts: 1\ndont_track_primary: true\n" +
		"authentication: {auth_type: PASS, auth_pass: hunter2}\ngarp:\n  master_delay: 0s\nvirtual_ipaddresses: [192.0.2.1/24]\nmcast_src_ip: 192.0.2.1"
	got := make(map[string]int)
	for _, f := range One(read(t, "a.yaml", node(keys))) {
		got[f.Name] = f.At.Line()
	}
	first := node("priority: 3\nversion: 3\nv3_checksum: rfc9568\nadvert_int: 2s\nmcast_src_ip: 192.0.2.9\nvirtual_ipaddresses: [192.0.2.1/24]\nvirtual_ipaddresses_excluded: [192.0.2.8]")
	for _, f := range Cluster([]*config.Config{read(t, "b.yaml", first), read(t, "a.yaml", strings.NewReplacer("rfc9568", "rfc5798", "2s", "3s", ".1/24", ".2/24", ".8", ".7").Replace(first))}) {
		got[f.Name] = f.At.Line()
	}
	for name, line := range map[string]int{
		"one-lost-advert": 10, "untracked-link": 11, "clear-password": 12, "announced-once": 14, "virtual-source": 16,
		"peers-priority": 7, "peers-checksum": 9, "peers-interval": 10, "peers-source": 11, "peers-addresses": 13,
	} {
		if got[name] != line {
			t.Errorf("%s: got line %d, want %d", name, got[name], line)
		}
	}
}
