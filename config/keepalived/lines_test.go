package keepalived

import (
	"net/netip"
	"reflect"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/schema"
)

// unplaced zeroes everything in v that says where something was written.
func unplaced(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			unplaced(v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			unplaced(v.Index(i))
		}
	case reflect.Struct:
		for i := range v.NumField() {
			switch f := v.Type().Field(i); {
			case f.Name == "At" || f.Name == "Written":
				v.Field(i).SetZero()
			case f.IsExported():
				unplaced(v.Field(i))
			}
		}
	}
}

// fresh returns a T as a line without options makes it.
func fresh[T any](change func(*T)) T {
	var v T
	schema.New().SetDefaults(&v)
	change(&v)
	return v
}

// lineCase is a line that means want, or one that yields a finding.
type lineCase[T any] struct {
	line string
	want func(*T)
	// found is the only finding of a line, "error NAME".
	found string
}

// holdLines reads each line in a block of an instance.
func holdLines[T any](t *testing.T, block string, of func(*config.Instance) []T, cases []lineCase[T]) {
	t.Helper()
	for _, c := range cases {
		cfg, findings := Read("f", []byte(instanceText(oneAddress, block+" {\n"+c.line+"\n}")))
		findings = unlike(findings, "not-acted-on", "not-built")
		if c.found != "" {
			if got := names(findings); len(got) != 1 || got[0] != c.found {
				t.Errorf("%s { %s }: found %v, want %s", block, c.line, findings, c.found)
			}
		}
		if c.found != "" && c.want == nil {
			if findings.Errors() && len(cfg.Instances) > 0 {
				t.Errorf("%s { %s }: the instance is in the configuration", block, c.line)
			}
			continue
		}
		if len(findings) > 0 && c.found == "" || len(cfg.Instances) != 1 {
			t.Errorf("%s { %s }: %v", block, c.line, findings)
			continue
		}
		list := of(&cfg.Instances[0])
		if len(list) != 1 {
			t.Errorf("%s { %s }: %d items, want 1", block, c.line, len(list))
			continue
		}
		unplaced(reflect.ValueOf(&list[0]).Elem())
		if want := fresh(c.want); !reflect.DeepEqual(list[0], want) {
			t.Errorf("%s { %s }:\n got %+v\nwant %+v", block, c.line, list[0], want)
		}
	}
}

func number[T any](n T) *T { return &n }

func TestRoutes(t *testing.T) {
	type route = config.Route
	to := netip.MustParsePrefix("10.9.0.0/16")
	gateway := netip.MustParseAddr("10.0.0.254")
	// by reads options behind a destination and a gateway.
	by := func(options string, change func(*route)) lineCase[route] {
		return lineCase[route]{line: "10.9.0.0/16 via 10.0.0.254 " + options, want: func(r *route) {
			r.Destination, r.Via = to, gateway
			change(r)
		}}
	}
	wrong := func(line, found string) lineCase[route] { return lineCase[route]{line: line, found: found} }
	cases := []lineCase[route]{
		by("", func(*route) {}),
		{line: "10.9.0.0/16", want: func(r *route) { r.Destination, r.Device = to, "eth0" }},
		{line: "default gw 10.0.0.254", want: func(r *route) { r.Destination, r.Via = netip.MustParsePrefix("0.0.0.0/0"), gateway }},
		{line: "default6 via fe80::1 dev eth1", want: func(r *route) {
			r.Destination, r.Via, r.Device = netip.MustParsePrefix("::/0"), netip.MustParseAddr("fe80::1"), "eth1"
		}},
		{line: "inet6 default via inet6 fe80::1", want: func(r *route) {
			r.Destination, r.Via, r.Family = netip.MustParsePrefix("::/0"), netip.MustParseAddr("fe80::1"), "inet6"
		}},
		{line: "inet to 10.9.0.0/16 oif eth1", want: func(r *route) { r.Destination, r.Device, r.Family = to, "eth1", "inet" }},
		{line: "blackhole 10.9.0.0/16", want: func(r *route) { r.Destination, r.Type = to, "blackhole" }},
		by("or 10.0.0.253", func(r *route) { r.Or = netip.MustParseAddr("10.0.0.253") }),
		by("from 2001:db8::/32", func(r *route) { r.From = netip.MustParsePrefix("2001:db8::/32") }),
		by("src 10.0.0.1", func(r *route) { r.Source = netip.MustParseAddr("10.0.0.1") }),
		by("tos 16", func(r *route) { r.TOS = 16 }),
		by("dsfield 0x10", func(r *route) { r.TOS = 16 }),
		by("table web", func(r *route) { r.Table = "web" }),
		by("vrf red", func(r *route) { r.VRF = "red" }),
		by("protocol 18", func(r *route) { r.Protocol = "18" }),
		by("scope link", func(r *route) { r.Scope = "link" }),
		by("metric 7", func(r *route) { r.Metric = number(uint32(7)) }),
		by("priority 8", func(r *route) { r.Metric = number(uint32(8)) }),
		by("preference 4294967295", func(r *route) { r.Metric = number(uint32(4294967295)) }),
		by("onlink", func(r *route) { r.OnLink = true }),
		by("expires 60", func(r *route) { r.Expires = time.Minute }),
		by("mtu lock 1400", func(r *route) { r.MTU = config.Metric{Value: 1400, Lock: true} }),
		by("hoplimit 64", func(r *route) { r.HopLimit = 64 }),
		by("advmss 1360", func(r *route) { r.AdvMSS.Value = 1360 }),
		by("rtt 30ms", func(r *route) { r.RTT.Value = 30 * time.Millisecond }),
		by("rttvar lock 2s", func(r *route) { r.RTTVar = config.TimeMetric{Value: 2 * time.Second, Lock: true} }),
		by("rto_min 40", func(r *route) { r.RTOMin.Value = 40 * time.Millisecond }),
		by("reordering 3", func(r *route) { r.Reordering.Value = 3 }),
		by("window 65535", func(r *route) { r.Window = number(uint32(65535)) }),
		by("cwnd lock 9", func(r *route) { r.CWnd = config.Metric{Value: 9, Lock: true} }),
		by("ssthresh 12", func(r *route) { r.SSThresh.Value = 12 }),
		by("realms 3/4", func(r *route) { r.Realms = "3/4" }),
		by("initcwnd 20", func(r *route) { r.InitCWnd = number(uint32(20)) }),
		by("initrwnd 21", func(r *route) { r.InitRWnd = number(uint32(21)) }),
		by("features ecn", func(r *route) { r.Features = "ecn" }),
		by("quickack 0", func(r *route) { r.QuickAck = number(0) }),
		by("congctl lock bbr", func(r *route) { r.CongCtl = "lock bbr" }),
		by("pref high", func(r *route) { r.Pref = "high" }),
		by("ttl-propagate disabled", func(r *route) { r.TTLPropagate = "disabled" }),
		by("fastopen_no_cookie 1", func(r *route) { r.FastOpenNoCookie = number(1) }),
		by("as to 10.1.1.1", func(r *route) { r.As = netip.MustParseAddr("10.1.1.1") }),
		by("add", func(r *route) { r.Mode = "add" }),
		by("prepend", func(*route) {}),
		by("append", func(r *route) { r.Mode = "append" }),
		by("no_track", func(r *route) { r.NoTrack = true }),
		by("track_group g", func(r *route) { r.TrackGroup = "g" }),
		by("encap mpls 16/17", func(r *route) { r.Encap = &config.Encap{Type: "mpls", Labels: "16/17"} }),
		by("encap ila 1:2:3:4", func(r *route) { r.Encap = &config.Encap{Type: "ila", Locator: "1:2:3:4"} }),
		by("encap ip id 5 dst 10.1.1.1 src 10.1.1.2 tos 4 ttl 9 flags 1 metric 3", func(r *route) {
			r.Encap = &config.Encap{Type: "ip", ID: 5, Destination: netip.MustParseAddr("10.1.1.1"), Source: netip.MustParseAddr("10.1.1.2"), TOS: 4, TTL: 9, Flags: 1}
			r.Metric = number(uint32(3))
		}),
		{line: "10.9.0.0/16 metric 2 nexthop via 10.0.0.254 dev eth1 weight 3 onlink nexthop via 10.0.0.253 realms 5", want: func(r *route) {
			r.Destination, r.Metric = to, number(uint32(2))
			r.NextHops = []config.NextHop{
				{Via: gateway, Device: "eth1", Weight: 3, OnLink: true}, {Via: netip.MustParseAddr("10.0.0.253"), Weight: 1, Realms: "5"},
			}
		}},

		wrong("10.9.0.0/33", "warning bad-address"), wrong("via 10.0.0.254", "warning missing-argument"), wrong("10.9.0.0/16 via", "warning missing-argument"),
		wrong("10.9.0.0/16 via ten", "warning bad-address"), wrong("10.9.0.0/16 via inet6 10.0.0.1", "warning wrong-family"),
		wrong("inet6 10.9.0.0/16", "warning wrong-family"), wrong("10.9.0.0/16 dev a/b", "warning bad-interface"), wrong("10.9.0.0/16 src x", "warning bad-address"),
		wrong("10.9.0.0/16 tos 256", "warning out-of-range"), wrong("10.9.0.0/16 metric -1", "warning out-of-range"), wrong("10.9.0.0/16 mtu lock", "warning missing-argument"),
		wrong("10.9.0.0/16 mtu x", "warning bad-value"), wrong("10.9.0.0/16 rtt soon", "warning bad-value"), wrong("10.9.0.0/16 hoplimit 256", "warning out-of-range"),
		wrong("10.9.0.0/16 quickack 2", "warning out-of-range"), wrong("10.9.0.0/16 pref middle", "warning bad-value"), wrong("10.9.0.0/16 features ecm", "warning bad-value"),
		wrong("10.9.0.0/16 encap gre", "warning bad-value"), wrong("10.9.0.0/16 encap mpls 16/", "warning bad-value"), wrong("10.9.0.0/16 encap ila 1:2", "warning bad-value"),
		wrong("10.9.0.0/16 nexthop weight 3", "warning missing-argument"), wrong("10.9.0.0/16 nexthop via 10.0.0.254 weight 257", "warning out-of-range"),
		wrong("10.9.0.0/16 via 10.0.0.254 metrik 5", "warning unknown-option"), wrong("10.9.0.0/16 via 10.0.0.254 nonsense", "warning unknown-option"),
		wrong("10.9.0.0/16 as x", "warning bad-address"), wrong("10.9.0.0/16 from x", "warning bad-address"), wrong("10.9.0.0/16 window x", "warning not-a-number"),
	}
	holdLines(t, "virtual_routes", func(i *config.Instance) []route { return i.Routes }, cases)
}

func TestPolicyRules(t *testing.T) {
	type rule = config.Rule
	from := netip.MustParsePrefix("10.9.0.0/16")
	by := func(options string, change func(*rule)) lineCase[rule] {
		return lineCase[rule]{line: "from 10.9.0.0/16 table web preference 7 " + options, want: func(r *rule) {
			r.From, r.Table, r.Preference = from, "web", number(uint32(7))
			change(r)
		}}
	}
	wrong := func(line, found string) lineCase[rule] { return lineCase[rule]{line: line, found: found} }
	cases := []lineCase[rule]{
		by("", func(*rule) {}),
		by("to 10.8.0.1", func(r *rule) { r.To = netip.MustParsePrefix("10.8.0.1/32") }),
		by("to all", func(*rule) {}),
		by("not", func(r *rule) { r.Not = true }),
		by("lookup 66", func(r *rule) { r.Table = "66" }),
		by("order 8", func(r *rule) { r.Preference = number(uint32(8)) }),
		by("priority 0x10", func(r *rule) { r.Preference = number(uint32(16)) }),
		by("tos 16", func(r *rule) { r.TOS = 16 }),
		by("dsfield 8", func(r *rule) { r.TOS = 8 }),
		by("fwmark 0x10/0xff", func(r *rule) { r.Mark = config.Mark{Value: 16, Mask: 255} }),
		by("fwmark 3", func(r *rule) { r.Mark = config.Mark{Value: 3, Mask: 1<<32 - 1} }),
		by("realms 3", func(r *rule) { r.Realms = "3" }),
		by("suppress_prefixlength 0", func(r *rule) { r.SuppressPrefixLength = number(0) }),
		by("sup_pl 24", func(r *rule) { r.SuppressPrefixLength = number(24) }),
		by("suppress_ifgroup lan", func(r *rule) { r.SuppressIfGroup = "lan" }),
		by("sup_group 3", func(r *rule) { r.SuppressIfGroup = "3" }),
		by("iif eth1", func(r *rule) { r.In = "eth1" }),
		by("dev eth1", func(r *rule) { r.In = "eth1" }),
		by("oif eth2", func(r *rule) { r.Out = "eth2" }),
		by("tunnel-id 9", func(r *rule) { r.TunnelID = number(uint32(9)) }),
		by("uidrange 1000-1999", func(r *rule) { r.UIDs = config.Span{Low: 1000, High: 1999} }),
		by("protocol 18", func(r *rule) { r.Protocol = "18" }),
		by("ipproto tcp", func(r *rule) { r.IPProto = "tcp" }),
		by("sport 1024-65535", func(r *rule) { r.SourcePorts = config.Span{Low: 1024, High: 65535} }),
		by("dport 80-80", func(r *rule) { r.DestinationPorts = config.Span{Low: 80, High: 80} }),
		by("type prohibit", func(r *rule) { r.Type = "prohibit" }),
		by("blackhole", func(r *rule) { r.Type = "blackhole" }),
		by("nop", func(r *rule) { r.Type = "nop" }),
		by("goto 9", func(r *rule) { r.Goto = number(uint32(9)) }),
		by("l3mdev", func(r *rule) { r.L3MDev = true }),
		by("no_track", func(r *rule) { r.NoTrack = true }),
		by("track_group g", func(r *rule) { r.TrackGroup = "g" }),
		by("inet", func(r *rule) { r.Family = "inet" }),
		{line: "inet6 table web preference 7", want: func(r *rule) { r.Family, r.Table, r.Preference = "inet6", "web", number(uint32(7)) }},

		wrong("from 10.9.0.0/16 table web", "warning no-preference"), wrong("from 10.9.0.0/16 preference 7", "warning missing-argument"),
		wrong("from x table web preference 7", "warning bad-address"), wrong("from 10.0.0.1 to 2001:db8::1 table 1 preference 7", "warning wrong-family"),
		wrong("table 1 preference x", "warning not-a-number"), wrong("table 1 preference 7 sport 80", "warning bad-value"), wrong("table 1 preference 7 dport 90-80", "warning bad-value"),
		wrong("table 1 preference 7 fwmark 1/0", "warning bad-value"), wrong("table 1 preference 7 uidrange 5", "warning bad-value"), wrong("table 1 preference 7 tos 300", "warning out-of-range"),
		wrong("table 1 preference 7 sup_pl 129", "warning out-of-range"), wrong("table 1 preference 7 iif a/b", "warning bad-interface"), wrong("table 1 preference 7 type drop", "warning bad-value"),
		wrong("table 1 preference 7 goto x", "warning not-a-number"), wrong("table 1 preference 7 nonsense", "warning unknown-option"), wrong("table 1 preference", "warning missing-argument"),
	}
	holdLines(t, "virtual_rules", func(i *config.Instance) []rule { return i.Rules }, cases)
}

// TestTails holds which numbers may have something behind their digits, as in a
// keepalived that runs: keepalived -t ignores all such lines, so that
// testdata/outcomes.txt does not tell them apart.
func TestTails(t *testing.T) {
	instance := func(lines string) string { return instanceText(lines, oneAddress) }
	script := func(line string) string {
		return "vrrp_script s {\nscript /bin/x\n" + line + "\n}\n" + instance("track_script {\ns\n}")
	}
	service := func(line string) string {
		return "virtual_server 10.0.0.1 80 {\nprotocol TCP\nlb_algo rr\nlb_kind NAT\n" + line + "\n}\n"
	}
	server := "real_server 10.0.0.2 80 {\nweight 7x\n}"
	first := func(c *config.Config) *config.Instance { return &c.Instances[0] }
	for name, c := range map[string]struct {
		text string
		read func(*config.Config) any
		want any
		says string
	}{
		"version":             {instance("version 3x"), func(c *config.Config) any { return first(c).Version }, 3, "surplus-characters"},
		"vrrp_version":        {"global_defs {\nvrrp_version 3x\n}\n" + instance(""), func(c *config.Config) any { return first(c).Version }, 3, "surplus-characters"},
		"down_timer_adverts":  {instance("down_timer_adverts 7x"), func(c *config.Config) any { return first(c).DownTimerAdverts }, 7, "surplus-characters"},
		"garp_master_delay":   {instance("garp_master_delay 7s"), func(c *config.Config) any { return first(c).Garp.MasterDelay }, 7 * time.Second, "surplus-characters"},
		"garp_master_repeat":  {instance("garp_master_repeat 7x"), func(c *config.Config) any { return first(c).Garp.MasterRepeat }, 7, "surplus-characters"},
		"fall":                {script("fall 7x"), func(c *config.Config) any { return c.Scripts[0].Fall }, 7, "surplus-characters"},
		"weight of a script":  {script("weight -7x"), func(c *config.Config) any { return first(c).TrackScripts[0].Weight }, -7, "surplus-characters"},
		"weight of a line":    {instance("track_interface {\neth5 weight -7x\n}"), func(c *config.Config) any { return first(c).TrackInterfaces[0].Weight }, -7, "surplus-characters"},
		"weight of a server":  {service(server), func(c *config.Config) any { return c.VirtualServers[0].RealServers[0].Weight }, number(7), "surplus-characters"},
		"quorum":              {service("quorum 7x\nreal_server 10.0.0.2 80 {\n}"), func(c *config.Config) any { return c.VirtualServers[0].Quorum }, 7, "surplus-characters"},
		"priority":            {instance("priority 7x"), func(c *config.Config) any { return first(c).Priority }, 100, "not-a-number"},
		"unicast_ttl":         {instance("unicast_ttl 7x"), func(c *config.Config) any { return first(c).UnicastTTL }, 255, "not-a-number"},
		"persistence_timeout": {service("persistence_timeout 7x\nreal_server 10.0.0.2 80 {\n}"), func(c *config.Config) any { return c.VirtualServers[0].PersistenceTimeout }, time.Duration(0), "not-a-number"},
		"advert_int":          {instance("advert_int 2s"), func(c *config.Config) any { return first(c).AdvertInt }, time.Second, "not-a-number"},
	} {
		cfg, found := Read("f", []byte(c.text))
		found = unlike(found, "not-acted-on", "not-built")
		if got := names(found); len(got) != 1 || got[0] != "warning "+c.says {
			t.Errorf("%s: %v, want %s", name, found, c.says)
			continue
		}
		if got := c.read(cfg); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}
