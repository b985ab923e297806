package keepalived

import (
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/config"
)

func TestAddressOptions(t *testing.T) {
	type address = config.Address
	by := func(options string, change func(*address)) lineCase[address] {
		return lineCase[address]{line: "10.7.0.1/24 " + options, want: func(a *address) {
			a.Prefix, a.Device = netip.MustParsePrefix("10.7.0.1/24"), "eth0"
			change(a)
		}}
	}
	wrong := func(line, found string) lineCase[address] { return lineCase[address]{line: line, found: found} }
	// mild is a line of which keepalived leaves out what is wrong.
	mild := func(options, found string) lineCase[address] {
		c := by(options, func(*address) {})
		c.found = found
		return c
	}
	holdLines(t, "virtual_ipaddress_excluded", func(i *config.Instance) []address { return i.Excluded }, []lineCase[address]{
		by("", func(*address) {}),
		by("dev eth5", func(a *address) { a.Device = "eth5" }),
		by("label eth0:1", func(a *address) { a.Label = "eth0:1" }),
		by("scope 253", func(a *address) { a.Scope = 253 }),
		by("brd -", func(a *address) { a.Broadcast = netip.MustParseAddr("10.7.0.0") }),
		by("broadcast +", func(a *address) { a.Broadcast = netip.MustParseAddr("10.7.0.255") }),
		by("no_track", func(a *address) { a.NoTrack = true }),
		by("home", func(a *address) { a.Home = true }),
		by("-nodad", func(a *address) { a.NoDAD = true }),
		by("mngtmpaddr", func(a *address) { a.ManageTemporary = true }),
		by("noprefixroute", func(a *address) { a.NoPrefixRoute = true }),
		by("autojoin", func(a *address) { a.AutoJoin = true }),
		by("preferred_lft 60", func(a *address) { a.PreferredLft = number(config.Lifetime(60)) }),
		by("preferred_lft forever", func(a *address) { a.PreferredLft = number(config.Forever) }),
		by("use_vmac", func(a *address) { a.UseVMAC = &config.AddressVMAC{} }),
		by("use_vmac own 02:00:00:00:00:01 no_track", func(a *address) {
			a.UseVMAC, a.NoTrack = &config.AddressVMAC{Name: "own", MAC: "02:00:00:00:00:01"}, true
		}),
		{line: "2001:db8::7/64 peer 2001:db8::8", want: func(a *address) {
			a.Prefix, a.Device, a.Peer = netip.MustParsePrefix("2001:db8::7/128"), "eth0", netip.MustParsePrefix("2001:db8::8/128")
		}, found: "warning peer-prefix"},
		wrong("10.7.0.1 dev a/b", "warning bad-interface"), wrong("10.7.0.1 label a_label_of_seventeen", "warning bad-label"), wrong("10.7.0.1 scope nowhre", "warning bad-scope"),
		wrong("10.7.0.1 brd ten", "warning bad-address"), wrong("2001:db8::1 brd 10.0.0.1", "warning bad-address"), mild("peer 2001:db8::1", "warning bad-address"), mild("peer 10.0.0.999", "warning bad-address"),
		mild("preferred_lft soon", "warning bad-value"), wrong("10.7.0.1 preferred_lft", "warning missing-argument"), wrong("10.7.0.1 use_vmac 01:00:00:00:00:01", "warning bad-value"), wrong("10.7.0.1 dev", "warning missing-argument"),
		wrong("224.0.0.1", "warning bad-address"), wrong("::", "warning bad-address"), wrong("10.7.0.1 devv eth5", "warning unknown-option"),
	})
}

func TestPeers(t *testing.T) {
	type peer = config.Peer
	at := netip.MustParseAddr("10.0.0.9")
	wrong := func(line, found string) lineCase[peer] { return lineCase[peer]{line: line, found: found} }
	holdLines(t, "unicast_peer", func(i *config.Instance) []peer { return i.UnicastPeers }, []lineCase[peer]{
		{line: "10.0.0.9", want: func(p *peer) { p.Address = at }},
		{line: "10.0.0.9 min_ttl 254 max_ttl 255", want: func(p *peer) { p.Address, p.MinTTL, p.MaxTTL = at, number(254), number(255) }},
		wrong("10.0.0.9 10.0.0.10", "warning one-line-block"),
		{line: "10.0.0.9 min_ttl 300 max_ttl 254", want: func(p *peer) { p.Address, p.MaxTTL = at, number(254) }, found: "warning out-of-range"},
		{line: "10.0.0.9 max_ttl", want: func(p *peer) { p.Address = at }, found: "warning missing-argument"},
		{line: "10.0.0.9 min_ttl 9 max_ttl 8", want: func(p *peer) { p.Address, p.MinTTL, p.MaxTTL = at, number(9), number(8) }, found: "warning out-of-range"},
		{line: "10.0.0.9 min_tll 3", want: func(p *peer) { p.Address = at }, found: "warning unknown-option"},
	})
	for _, line := range []string{"host", "127.0.0.1", "2001:db8::9"} {
		cfg, found := Read("f", []byte(instanceText(oneAddress, "unicast_peer {\n"+line+"\n}")))
		if len(cfg.Instances) != 1 || len(found) != 2 || !strings.Contains(found[0].Text, "it speaks multicast") || found.Errors() {
			t.Errorf("only the peer %s: %v", line, found)
		}
	}
}

// TestBeyondBounds holds what becomes of numbers that keepalived takes and that
// are more than there is here.
func TestBeyondBounds(t *testing.T) {
	cfg, found := Read("f", []byte("vrrp_script s {\nscript /bin/x\nweight -300\nrise 1048577\n}\n"+
		instanceText("garp_master_repeat 65536", "garp_lower_prio_repeat 70000", "track_script {\ns\n}", oneAddress)))
	in := cfg.Instances[0]
	if got := fmt.Sprint(cfg.Scripts[0].Rise, in.TrackScripts[0].Weight, in.Garp.MasterRepeat, in.Garp.LowerPrioRepeat); got != "1048576 -253 65535 65535" {
		t.Errorf("got %s", got)
	}
	if got := strings.Join(names(found), " "); got != "warning weight-cut warning out-of-range warning out-of-range warning out-of-range" || strings.Contains(fmt.Sprint(found), "ignored") {
		t.Errorf("found %v", found)
	}
}

// TestQuorumOrder holds that of quorum and quorum_max, which exclude each other,
// the later is ignored.
func TestQuorumOrder(t *testing.T) {
	for lines, want := range map[string]string{"quorum 3\nquorum_max 2": "3 false", "quorum_max 2\nquorum 3": "1 true", "quorum_max 0\nquorum 3": "0 true"} {
		cfg, found := Read("f", []byte("vrrp_track_process p {\nprocess nginx\n"+lines+"\n}\n"+instanceText(oneAddress)))
		found = unlike(found, "not-acted-on", "not-built")
		p := cfg.TrackProcesses[0]
		if got := fmt.Sprint(p.Quorum, p.QuorumMax != nil); got != want || len(found) != 1 || found[0].Name != "out-of-range" {
			t.Errorf("%q: got %s, %v, want %s", lines, got, found, want)
		}
	}
}

func TestTracks(t *testing.T) {
	const defined = "track_file f {\nfile /f\nweight 3 reverse\n}\nvrrp_track_process p {\nprocess nginx\nweight 254\n}\nbfd_instance b {\nneighbor_ip 10.0.0.9\n}\n"
	for line, want := range map[string]struct {
		weight  int
		reverse bool
		found   string
	}{
		"track_file f":                            {3, true, ""},
		"track_file f weight 254 noreverse":       {254, false, ""},
		"track_process p":                         {254, false, ""},
		"track_process p weight -7 reverse":       {-7, true, ""},
		"track_bfd b weight 253":                  {253, false, ""},
		"track_bfd b weight 254":                  {253, false, "warning weight-cut"},
		"track_interface eth5 weight 254":         {253, false, "warning weight-cut"},
		"track_interface eth5 weight 5 reverse":   {5, true, ""},
		"track_interface eth5 weight 5 noreverse": {5, false, "warning surplus-words"},
		"track_file f weight 255":                 {3, true, "warning out-of-range"},
		"track_file ff":                           {0, false, "warning unknown-track-file"},
		"track_process pp":                        {0, false, "warning unknown-process"},
		"track_bfd bb":                            {0, false, "warning unknown-bfd"},
		"track_interface a/b":                     {0, false, "warning bad-interface"},
	} {
		block, rest, _ := cutWord(line)
		cfg, findings := Read("f", []byte(defined+instanceText(oneAddress, block+" {\n"+rest+"\n}")))
		findings = unlike(findings, "not-acted-on", "not-built")
		if got := names(findings); len(got) > 1 || len(got) == 1 && got[0] != want.found || len(got) == 0 && want.found != "" {
			t.Errorf("%s: found %v, want %q", line, findings, want.found)
		}
		if strings.Contains(want.found, " unknown-") || strings.Contains(want.found, "bad-interface") {
			want.weight = -1 // it is not there
		}
		in := &cfg.Instances[0]
		list := map[string][]config.Track{
			"track_interface": in.TrackInterfaces, "track_file": in.TrackFiles, "track_process": in.TrackProcesses, "track_bfd": in.TrackBFDs,
		}[block]
		if want.weight == -1 && len(list) == 0 {
			continue
		}
		if len(list) != 1 || list[0].Weight != want.weight || list[0].Reverse != want.reverse {
			t.Errorf("%s: got %+v, want weight %d, reverse %v", line, list, want.weight, want.reverse)
		}
	}
}

// cutWord cuts a text behind its first word.
func cutWord(s string) (word, rest string, ok bool) {
	for i := range s {
		if s[i] == ' ' {
			return s[:i], s[i+1:], true
		}
	}
	return s, "", false
}

// TestSyncDaemonForms: the name of the instance needs no word before it.
func TestSyncDaemonForms(t *testing.T) {
	for line, want := range map[string]string{
		"eth0": " -1", "eth0 id 7": " 7", "eth0 inst V": "V -1", "eth0 V": "V -1", "eth0 V id 7": "V 7", "eth0 V 7 ttl 3": "V 7", "eth0 ttl 3 inst V": "V -1",
	} {
		c, _ := Read("f", []byte("global_defs {\nlvs_sync_daemon "+line+"\n}\n"+instanceText(oneAddress)))
		d := c.Global.SyncDaemon
		if d == nil {
			t.Errorf("%s: nothing is read", line)
			continue
		}
		id := -1
		if d.ID != nil {
			id = *d.ID
		}
		if got := fmt.Sprint(d.Instance, " ", id); got != want || strings.Contains(line, "ttl 3") != (d.TTL == 3) {
			t.Errorf("%s: %s, ttl %d; want %s", line, got, d.TTL, want)
		}
	}
}

func TestTopLevelLines(t *testing.T) {
	for text, want := range map[string]string{
		"interface_up_down_delays {\neth0 0.5 2\n}": "", "interface_up_down_delays {\neth0 255\n}": "",
		"interface_up_down_delays {\neth0\n}": "warning missing-argument", "interface_up_down_delays {\neth0 256\n}": "warning out-of-range",
		"interface_up_down_delays {\neth0 1 x\n}": "warning not-a-number", "interface_up_down_delays {\neth0 1 2 3\n}": "warning surplus-words",
		"linkbeat_interfaces {\neth0 MII\neth1\n}": "", "linkbeat_interfaces {\neth0 mii\n}": "warning bad-value",
		"track_group g {\ngroup {\nV\n}\n}\nstatic_ipaddress {\n10.7.0.1 track_group g\n}": "",
		"track_group g {\ngroup {\nW\n}\n}":                                                "warning unknown-instance",
		"static_routes {\n10.9.0.0/16 track_group g\n}":                                    "warning unknown-track-group",
		"static_rules {\ntable 1 preference 7 track_group g\n}":                            "warning unknown-track-group",
		"static_ipaddress {\n10.7.0.x\n}":                                                  "warning bad-address",
		"garp_group {\ngarp_interval 0.5\ninterfaces {\neth0 eth1\n}\n}":                   "",
		"global_defs {\nlvs_sync_daemon eth0 inst W\n}":                                    "warning unknown-instance",
		"global_defs {\nlvs_sync_daemon eth0 W id 3\n}":                                    "warning unknown-instance",
		"global_defs {\nlvs_sync_daemon eth0 V 3\n}":                                       "warning bare-id",
		"global_defs {\nlvs_sync_daemon eth0 V 256\n}":                                     "warning out-of-range",
		"global_defs {\nlvs_timeouts tcp 7\n}":                                             "",
		"vrrp_track_process p {\nprocess nginx\nquorum 3\nquorum_max 2\n}":                 "warning out-of-range",
		"bfd_instance b {\nmin_rx 10\n}":                                                   "warning missing-keyword",
		"track_file f {\nweight 2\n}":                                                      "warning missing-keyword",
	} {
		_, findings := Read("f", []byte(text+"\n"+instanceText(oneAddress)))
		got := names(unlike(findings, "not-acted-on", "not-built"))
		if want == "" && len(got) > 0 || want != "" && (len(got) != 1 || got[0] != want) {
			t.Errorf("%s: found %v, want %q", text, findings, want)
		}
	}
	cfg, _ := Read("f", []byte("interface_up_down_delays {\neth0 0.5\n}\nstatic_ipaddress {\n10.7.0.1\n}\n"+
		"vrrp_track_process p {\nprocess nginx -g x\ndelay 2\nfork_delay 1\nquorum_max 0\nparam_match\n}\n"+instanceText(oneAddress)))
	unplaced(reflect.ValueOf(cfg).Elem())
	if got, want := cfg.InterfaceDelays, []config.InterfaceDelay{{Interface: "eth0", Down: 500 * time.Millisecond}}; !reflect.DeepEqual(got, want) {
		t.Errorf("delays: got %+v, want %+v", got, want)
	}
	if got := cfg.StaticAddresses[0].Device; got != "eth0" {
		t.Errorf("a static address without dev is on %q, want eth0", got)
	}
	want := fresh(func(p *config.TrackProcess) {
		p.Name, p.Process, p.ParamMatch, p.QuorumMax, p.Quorum = "p", []string{"nginx", "-g", "x"}, "exact", number(0), 0
		p.Delay, p.TerminateDelay, p.ForkDelay = 2*time.Second, 2*time.Second, time.Second
	})
	if !reflect.DeepEqual(cfg.TrackProcesses[0], want) {
		t.Errorf("process: got %+v, want %+v", cfg.TrackProcesses[0], want)
	}
}

// TestStrays: what to do about addresses of the other family is said once.
func TestStrays(t *testing.T) {
	_, found := Read("f", []byte(instanceText("virtual_ipaddress {\n10.0.0.9\n2001:db8::9\n2001:db8::10\n}")))
	found = unlike(found, "not-acted-on", "not-built")
	if len(found) != 2 || !strings.Contains(found[0].Text, "write a second instance") || !strings.HasPrefix(found[1].Text, "2001:db8::10: this is an IPv6 address, too") {
		t.Errorf("%v", found)
	}
}

func TestFamiliesAndClashes(t *testing.T) {
	second := func(lines string) string {
		return instanceText(oneAddress) + "\nvrrp_instance W {\ninterface eth0\n" + lines + "\n}\n"
	}
	for name, c := range map[string]struct {
		text  string
		found []string
	}{
		"IPv6 beside IPv4":         {instanceText("virtual_ipaddress {\n10.0.0.9\n2001:db8::9\n}"), []string{"warning wrong-family"}},
		"IPv4 behind a source":     {instanceText("mcast_src_ip fe80::1", oneAddress), []string{"error no-address", "warning wrong-family"}},
		"version 2 and IPv6":       {instanceText("version 2", "virtual_ipaddress {\n2001:db8::9\n}"), []string{"warning as-keepalived"}},
		"excluded of both":         {instanceText(oneAddress, "virtual_ipaddress_excluded {\n2001:db8::9\n}"), nil},
		"native_ipv6 comes late":   {instanceText(oneAddress, "native_ipv6"), []string{"warning wrong-family"}},
		"one VRID, two families":   {second("virtual_router_id 1\nvirtual_ipaddress {\n2001:db8::9\n}"), nil},
		"one VRID, two namespaces": {second("net_namespace red\nvirtual_router_id 1\nvirtual_ipaddress {\n10.0.0.8\n}"), nil},
		"namespace, no interface":  {strings.Replace(instanceText("net_namespace red", "unicast_peer {\n10.0.0.3\n}", oneAddress), "interface", "#", 1), []string{"error own-interface"}},
		"prefix too long":          {"global_defs {\nvmac_prefix fourteen_bytes\n}\n" + instanceText("use_vmac", oneAddress), []string{"error own-interface"}},
		"prefix of none":           {"global_defs {\nvmac_prefix fourteen_bytes\n}\n" + instanceText("use_vmac v", "use_vmac_addr", oneAddress), nil},
		"prefix of addresses":      {"global_defs {\nvmac_addr_prefix fourteen_bytes\n}\n" + instanceText("use_vmac", "use_vmac_addr", oneAddress, "virtual_ipaddress_excluded {\n10.0.0.7 dev eth1\n}"), []string{"error own-interface"}},
		"prefix of one address":    {"global_defs {\nvmac_prefix fourteen_bytes\n}\n" + instanceText("virtual_ipaddress {\n10.0.0.7 use_vmac\n}"), []string{"error own-interface"}},
		"prefix of a named one":    {"global_defs {\nvmac_prefix fourteen_bytes\n}\n" + instanceText("virtual_ipaddress {\n10.0.0.7 use_vmac v\n}"), nil},
		"one VRID, one family":     {second("virtual_router_id 1\nvirtual_ipaddress {\n10.0.0.8\n}"), []string{"error vrid-clash"}},
		"unicast beside the group": {second("virtual_router_id 1\nunicast_peer {\n10.0.0.3\n}\nvirtual_ipaddress {\n10.0.0.8\n}"), nil},
		"strict and unicast":       {instanceText("strict_mode", "unicast_peer {\n10.0.0.3\n}", oneAddress), []string{"error strict"}},
		"HMAC displaces PASS": {instanceText("auth_hmac {\nkey 1 0123456789abcdef0123456789abcdef\nactive_key 1\n}", "authentication {\nauth_type PASS\nauth_pass hidden\n}", oneAddress),
			[]string{"warning authentication-dropped"}},
		"an owner ignores adverts": {instanceText("priority 255", "owner_ignore_adverts off", oneAddress), []string{"warning as-keepalived"}},
	} {
		cfg, findings := Read("f", []byte(c.text))
		got := names(unlike(findings, "not-acted-on", "not-built"))
		if len(got) != len(c.found) || len(got) > 0 && !reflect.DeepEqual(got, c.found) {
			t.Errorf("%s: found %v, want %v", name, findings, c.found)
		}
		for _, in := range cfg.Instances {
			if len(in.Addresses) > 0 && in.Addresses[0].Addr().Is6() && in.Version != 3 {
				t.Errorf("%s: an IPv6 instance of version %d, want 3", name, in.Version)
			}
		}
	}
}
