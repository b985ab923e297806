package keepalived

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/config"
)

// serviceWith is a configuration of one virtual_server with lines in the url of
// its check.
func serviceWith(lines ...string) string {
	return "virtual_server 10.0.0.1 80 {\nlb_algo rr\nlb_kind NAT\nprotocol TCP\nreal_server 10.0.0.2 80 {\nHTTP_GET {\nurl {\npath /\n" +
		strings.Join(lines, "\n") + "\n}\n}\n}\n}\n"
}

func readURL(t *testing.T, lines ...string) (config.URL, config.Findings) {
	t.Helper()
	cfg, found := Read("f", []byte(serviceWith(lines...)))
	if len(cfg.VirtualServers) != 1 || len(cfg.VirtualServers[0].RealServers[0].Checks) != 1 {
		t.Fatalf("%v: %v", lines, found)
	}
	return cfg.VirtualServers[0].RealServers[0].Checks[0].HTTP.URLs[0], found
}

// TestRegexTokens holds that a pattern is one word of keepalived's second
// tokenizer: in single or double quotes, with a backslash before what is meant
// by itself.
func TestRegexTokens(t *testing.T) {
	for written, want := range map[string]string{
		`"status: \\d+ OK\\."`:  `status: \d+ OK\.`,
		`'all systems go'`:      `all systems go`,
		`all\ systems`:          `all systems`,
		`^OK$`:                  `^OK$`,
		`"a\x22b" rest ignored`: `a"b`,
	} {
		u, found := readURL(t, "regex "+written)
		if u.Regex != want {
			t.Errorf("regex %s: got %q, want %q", written, u.Regex, want)
		}
		if got := len(found) > 0; got != strings.Contains(written, "ignored") {
			t.Errorf("regex %s: %v", written, found)
		}
	}
}

// TestRepeatsAdd holds what several lines of one keyword come to together.
func TestRepeatsAdd(t *testing.T) {
	u, found := readURL(t, "status_code 200 301-303", "status_code 404", "regex x", "regex_options caseless", "regex_options dotall")
	text, err := u.StatusCode.MarshalText()
	if err != nil || string(text) != "200 301-303 404" || fmt.Sprint(u.RegexOptions) != "[caseless dotall]" || len(found) > 0 {
		t.Errorf("got %s, %v, %v", text, u.RegexOptions, found)
	}
	u, found = readURL(t, "status_code 200,302 404 99")
	if text, err := u.StatusCode.MarshalText(); err != nil || string(text) != "404" || len(found) != 2 || found.Errors() {
		t.Errorf("got %s, %v, want 404 and two warnings", text, found)
	}
	u, found = readURL(t, "status_code 200,302")
	if text, err := u.StatusCode.MarshalText(); err != nil || string(text) != "200-299" || found.Errors() {
		t.Errorf("got %s, %v, want the default", text, found)
	}
	cfg, found := Read("f", []byte("global_defs {\nlvs_timeouts tcp 900\nlvs_timeouts udp 300\nlvs_timeouts tcpfin x\n}\n"+instanceText(oneAddress)))
	if got := cfg.Global.LVSTimeouts; got == nil || got.TCP != 900*time.Second || got.UDP != 300*time.Second || got.TCPFin != 0 || len(found) != 1 {
		t.Errorf("got %+v, %v", got, found)
	}
}

// TestBareNamespace: net_namespace_ipvs alone is the network namespace of the first
// process, wherever the daemon is.
func TestBareNamespace(t *testing.T) {
	for text, want := range map[string]string{"net_namespace_ipvs\n": "/proc/1/ns/net", "net_namespace a\nnet_namespace_ipvs\n": "/proc/1/ns/net", "net_namespace a\nnet_namespace_ipvs b\n": "b"} {
		if cfg, found := Read("f", []byte(text+instanceText(oneAddress))); cfg.Global.NetNamespaceIPVS != want || found.Errors() {
			t.Errorf("%q: %q, want %q; %v", text, cfg.Global.NetNamespaceIPVS, want, found)
		}
	}
}

// TestFirstCounts holds that of the keywords of which keepalived keeps the first
// so does this package, and says so.
func TestFirstCounts(t *testing.T) {
	l := tables()
	n := 0
	for name, b := range l {
		for i := range b.keywords {
			k := &b.keywords[i]
			if !k.first || k.line != nil || k.bound.field.Form == "list" {
				continue
			}
			n++
			key := b.title + "/" + k.name
			good, _, _ := sampleOf(key, k.bound.field)
			other := map[string]string{"digest": strings.Repeat("0", 32), "use_ipvlan": "name other.1 10.9.9.8/24", "weight": "9", "lvs_sync_daemon": "eth7", "notify_fifo": "/run/other"}[k.name]
			if other == "" {
				other = "/bin/other"
			}
			one, _ := Read("f", []byte(inBlock(l, name, before(key), k.name+" "+good)))
			two, found := Read("f", []byte(inBlock(l, name, before(key), k.name+" "+good+"\n"+k.name+" "+other)))
			if dumped(one) != dumped(two) {
				t.Errorf("%s: a second one changes the configuration", key)
			}
			said := false
			for _, f := range found {
				said = said || f.Name == "given-twice" && strings.Contains(f.Text, "the first one counts")
			}
			if !said {
				t.Errorf("%s twice: %v", key, found)
			}
		}
	}
	if u, _ := readURL(t, "digest 9b", "digest "+strings.Repeat("11", 16)); string(u.Digest) != strings.Repeat("\x11", 16) {
		t.Errorf("a digest behind one that is none: %q", u.Digest)
	}
	if n < 25 {
		t.Errorf("%d keywords of which the first counts", n)
	}
	text := instanceText(oneAddress) + strings.ReplaceAll(strings.Replace(instanceText(oneAddress), "V", "W", 1), "_id 1", "_id 2")
	text += strings.ReplaceAll(strings.Replace(instanceText(oneAddress), "V", "X", 1), "_id 1", "_id 3")
	cfg, found := Read("f", []byte(text+"vrrp_sync_group G {\ngroup {\nV\nW\n}\ngroup {\nX\n}\n}\n"))
	if got := cfg.Groups[0].Members; fmt.Sprint(got) != "[V W]" || len(found) != 1 || found[0].Name != "given-twice" {
		t.Errorf("a second group: got %v, %v", got, found)
	}
}

// TestQuotedBackslash holds that a backslash in double quotes is one, which both
// ends of a password must agree about.
func TestQuotedBackslash(t *testing.T) {
	for written, want := range map[string]string{`"ab\#cd"`: `ab\#cd`, `"a\!b"`: `a\!b`, `ab\#cd`: `ab#cd`} {
		cfg, found := Read("f", []byte(instanceText("authentication {\nauth_type PASS\nauth_pass "+written+"\n}", oneAddress)))
		if got := cfg.Instances[0].Authentication.AuthPass; got != want || len(found) > 0 {
			t.Errorf("auth_pass %s: got %q, %v", written, got, found)
		}
	}
}

// TestGatewayFamily holds that a word for all addresses is of the family of the
// gateway, and that no route mixes families.
func TestGatewayFamily(t *testing.T) {
	for line, want := range map[string]string{
		"default via 2001:db8::1 dev eth0": "::/0", "any src 2001:db8::3 dev eth0": "::/0", "default dev eth0": "0.0.0.0/0", "default via 10.0.0.7": "0.0.0.0/0",
		"default nexthop via 2001:db8::1 dev eth0 nexthop via 2001:db8::2 dev eth0": "::/0", "10.5.0.0/16 via inet6 2001:db8::2 dev eth0": "",
		"2001:db8:1::/48 via 10.0.0.7": "", "0.0.0.0/0 via 2001:db8::1 dev eth0": "", "0.0.0.0/0 via 2001:db8::1 table default": "", "to default via 2001:db8::1 table 7": "::/0", "default via 10.0.0.7 src 2001:db8::3 dev eth0": "", "inet default via 2001:db8::1 dev eth0": "",
	} {
		cfg, found := Read("f", []byte(instanceText("virtual_routes {\n"+line+"\n}", oneAddress)))
		got := ""
		if routes := cfg.Instances[0].Routes; len(routes) > 0 {
			got = routes[0].Destination.String()
		}
		if got != want || found.Errors() || want == "" && (len(found) != 1 || found[0].Name != "wrong-family") {
			t.Errorf("%s: got %q, %v, want %q", line, got, found, want)
		}
	}
}

// TestPersistenceTaken holds that a service which has all ports is persistent,
// also by one entry of its group, and so is one that only says which clients are
// one.
func TestPersistenceTaken(t *testing.T) {
	service := func(head string, lines ...string) string {
		return "virtual_server_group all {\n10.5.5.5\n10.5.5.6 80\n}\nvirtual_server_group one {\n10.5.5.7 80\nfwmark 3\n}\nvirtual_server " + head +
			" {\nlb_algo rr\nlb_kind NAT\nprotocol TCP\n" + strings.Join(lines, "\n") + "\nreal_server 10.0.0.2 80 {\n}\n}\n"
	}
	for text, want := range map[string]struct {
		lasts time.Duration
		found string
	}{
		service("group all"):                                            {360 * time.Second, "[warning port-zero]"},
		service("group all", "persistence_timeout 50"):                  {50 * time.Second, "[]"},
		service("group one"):                                            {0, "[]"},
		service("10.0.0.1"):                                             {360 * time.Second, "[warning port-zero]"},
		service("10.0.0.1 80"):                                          {0, "[]"},
		service("10.0.0.1 80", "persistence_timeout 0"):                 {0, "[warning out-of-range]"},
		service("10.0.0.1 80", "persistence_granularity 24"):            {360 * time.Second, "[warning as-keepalived warning as-keepalived]"},
		service("10.0.0.1 80", "persistence_granularity 0"):             {360 * time.Second, "[warning as-keepalived warning as-keepalived]"},
		service("10.0.0.1 80", "persistence_granularity 255.255.255.0"): {360 * time.Second, "[warning as-keepalived]"},
		service("10.0.0.1 80", "persistence_granularity 255.255.255.0", "persistence_timeout 50"): {50 * time.Second, "[]"},
	} {
		cfg, found := Read("f", []byte(text))
		if got := cfg.Persistence(&cfg.VirtualServers[0]); got != want.lasts || fmt.Sprint(names(found)) != want.found {
			t.Errorf("%s: got %v, %v, want %v, %s", text, got, found, want.lasts, want.found)
		}
	}
}

// TestGranularityByFamily holds that what tells the family first decides how
// persistence_granularity is read: for IPv4 as inet_aton reads an address, for IPv6 as
// a length. What is no such thing changes nothing.
func TestGranularityByFamily(t *testing.T) {
	service := func(head string, lines ...string) string {
		return "virtual_server " + head + " {\nlb_algo rr\nlb_kind NAT\nprotocol TCP\npersistence_timeout 50\n" + strings.Join(lines, "\n") + "\n}\n"
	}
	const four, six = "real_server 10.0.0.2 80 {\n}", "real_server fd00::2 80 {\n}"
	for text, want := range map[string]string{
		service("10.0.0.1 80", "persistence_granularity 129", four):                                               "0.0.0.129",
		service("10.0.0.1 80", "persistence_granularity 65536", four):                                             "0.1.0.0",
		service("10.0.0.1 80", "persistence_granularity 0xffffff00", four):                                        "255.255.255.0",
		service("10.0.0.1 80", "persistence_granularity 255.0", four):                                             "255.0.0.0",
		service("10.0.0.1 80", "persistence_granularity 255.255.65535", four):                                     "255.255.255.255",
		service("10.0.0.1 80", "persistence_granularity 0377.0377.0.0", four):                                     "255.255.0.0",
		service("10.0.0.1 80", "persistence_granularity 24", "persistence_granularity 255.256.0.0", four):         "0.0.0.24",
		service("10.0.0.1 80", "persistence_granularity 255.255.0.0", "persistence_granularity 08", four):         "255.255.0.0",
		service("10.0.0.1 80", "persistence_granularity 255.255.0.0", "persistence_granularity 4294967296", four): "255.255.0.0",
		service("fwmark 2", "persistence_granularity 255.255.0.0", "persistence_granularity 129", four):           "0.0.0.129",
		service("fwmark 2", "persistence_granularity 255.255.0.0", "persistence_granularity 0", four):             "0.0.0.0",
		service("fwmark 2", "persistence_granularity 0377.0377.0.0", four):                                        "255.255.0.0",
		service("fwmark 2", "persistence_granularity 255.0", four):                                                "255.0.0.0",
		service("fwmark 2", "ip_family inet", "persistence_granularity 200", four):                                "0.0.0.200",
		service("fwmark 2", four, "persistence_granularity 200"):                                                  "0.0.0.200",
		service("fwmark 2", "persistence_granularity 200", four):                                                  "",
		service("fwmark 2", "persistence_granularity 64", "persistence_granularity 255.255.0.0", six):             "64",
		service("fd00::1 80", "persistence_granularity 64", "persistence_granularity 255.255.0.0", six):           "64",
		service("fd00::1 80", "persistence_granularity 64", "persistence_granularity 129", six):                   "64",
		service("fd00::1 80", "persistence_granularity 0", six):                                                   "",
	} {
		cfg, found := Read("f", []byte(text))
		got, err := cfg.VirtualServers[0].PersistenceGranularity.MarshalText()
		if err != nil || string(got) != want || found.Errors() {
			t.Errorf("%s: got %q, %v, %v, want %q", text, got, err, found, want)
		}
	}
}

// TestUnicastWithoutInterface holds that the addresses of an instance without an
// interface are on default_interface, and that it then needs an address to send
// from.
func TestUnicastWithoutInterface(t *testing.T) {
	text := "global_defs {\ndefault_interface eth7\n}\nvrrp_instance V {\nvirtual_router_id 1\nunicast_src_ip 10.0.0.5\nunicast_peer {\n10.0.0.6\n}\n" + oneAddress + "\n}\n"
	cfg, found := Read("f", []byte(text))
	if len(found) > 0 || cfg.Instances[0].Addresses[0].Device != "eth7" {
		t.Errorf("got %+v, %v", cfg.Instances, found)
	}
	_, found = Read("f", []byte(strings.Replace(text, "unicast_src_ip 10.0.0.5\n", "", 1)))
	if fmt.Sprint(names(found)) != "[error missing-keyword]" {
		t.Errorf("without an address: %v", found)
	}
}

// TestLaterDelay holds that of delay and of what is about one of its two halves
// the later counts.
func TestLaterDelay(t *testing.T) {
	cfg, _ := Read("f", []byte("vrrp_track_process p {\nprocess a\nfork_delay 1\ndelay 5\n}\nvrrp_track_process q {\nprocess a\ndelay 5\nfork_delay 1\n}\n"+instanceText(oneAddress)))
	p, q := cfg.TrackProcesses[0], cfg.TrackProcesses[1]
	if p.ForkDelay != 5*time.Second || p.TerminateDelay != 5*time.Second || q.ForkDelay != time.Second || q.TerminateDelay != 5*time.Second {
		t.Errorf("got %v %v, %v %v", p.ForkDelay, p.TerminateDelay, q.ForkDelay, q.TerminateDelay)
	}
}
