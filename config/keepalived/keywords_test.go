package keepalived

import (
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/moonkeep/moonkeep/config"
)

// TestKeywordsAreAllThere holds Keywords against testdata/keywords.txt, which
// lists block and keyword of everything that keepalived 2.4.3 understands.
func TestKeywordsAreAllThere(t *testing.T) {
	data, err := os.ReadFile("testdata/keywords.txt")
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
	if len(want) != 666 {
		t.Errorf("testdata/keywords.txt has %d lines, want 666", len(want))
	}
	var got []string
	for _, k := range Keywords() {
		line := k.Block + "\t" + k.Keyword
		if slices.Contains(got, line) {
			t.Errorf("%s is there twice", line)
		}
		if !slices.Contains(want, line) {
			t.Errorf("%s is no keyword of keepalived", line)
		}
		if !slices.Contains([]string{"acts", "warns", "refuses"}, k.Status) {
			t.Errorf("%s has the status %q", line, k.Status)
		}
		got = append(got, line)
	}
	for _, line := range want {
		if !slices.Contains(got, line) {
			t.Errorf("%s is missing", line)
		}
	}
	if !slices.IsSortedFunc(Keywords(), func(a, b Keyword) int {
		return slices.Compare([]string{a.Block, a.Keyword}, []string{b.Block, b.Keyword})
	}) {
		t.Error("the keywords are not in order")
	}
}

// TestKeywordStatus holds that a keyword's status is the row's, and that it
// does no more than the blocks that it stands in.
func TestKeywordStatus(t *testing.T) {
	status := map[string]string{}
	for _, k := range Keywords() {
		status[k.Block+" "+k.Keyword] = k.Status
	}
	for key, want := range map[string]string{
		"vrrp_instance priority":                    "acts",
		"vrrp_instance/authentication auth_pass":    "acts",
		"vrrp_sync_group group":                     "acts",
		"vrrp_script script":                        "acts",
		"(root) global_defs":                        "acts",
		"(root) net_namespace":                      "acts",
		"(types) BOOL":                              "acts",
		"virtual_server snmp_name":                  "warns",
		"vrrp_instance unknown":                     "",
		"vrrp_instance/authentication auth_unknown": "",
	} {
		if status[key] != want {
			t.Errorf("%s %q, want %q", key, status[key], want)
		}
	}
	l := languageOf()
	l[""].find("vrrp_instance").status = refuses
	for _, k := range keywordsOf(l) {
		inside := strings.HasPrefix(k.Block, "vrrp_instance/") || k.Block == "vrrp_instance"
		if inside && k.Status != "refuses" {
			t.Errorf("%s %s %s in a block that is refused", k.Block, k.Keyword, k.Status)
		}
	}
}

// TestEntriesAct holds that the words of lines which are said to act are
// taken without a finding.
func TestEntriesAct(t *testing.T) {
	samples := map[string]string{
		"virtual_ipaddress ADDR[/LEN]": "10.7.0.1", "virtual_ipaddress dev": "10.7.0.1 dev eth1",
		"virtual_ipaddress scope": "10.7.0.1 scope link", "virtual_ipaddress brd": "10.7.0.1/24 brd +",
		"virtual_ipaddress broadcast": "10.7.0.1/24 broadcast 10.7.0.255", "virtual_ipaddress label": "10.7.0.1 label eth0:1",
		"virtual_ipaddress peer": "10.7.0.1 peer 10.7.0.2", "unicast_peer ADDR": "10.0.0.9", "unicast_peer min_ttl": "10.0.0.9 min_ttl 250", "unicast_peer max_ttl": "10.0.0.9 max_ttl 254 min_ttl 3",
		"virtual_ipaddress use_vmac": "10.7.0.1 use_vmac own 02:00:00:00:00:01",
		"virtual_ipaddress no_track": "10.7.0.1 no_track", "virtual_ipaddress track_group": "10.7.0.1 track_group G",
		"virtual_ipaddress home": "10.7.0.1 home", "virtual_ipaddress mngtmpaddr": "10.7.0.1 mngtmpaddr",
		"virtual_ipaddress noprefixroute": "10.7.0.1 noprefixroute", "virtual_ipaddress autojoin": "10.7.0.1 autojoin",
		"virtual_ipaddress preferred_lft": "10.7.0.1 preferred_lft 7",
		"interface_up_down_delays IFNAME": "eth0 1 2",
		"track_script weight":             "chk weight 5", "track_script reverse": "chk weight 5 reverse", "track_script noreverse": "chk weight 5 noreverse",
	}
	for _, word := range []string{"inst V", "id 7", "maxlen 1400", "port 8849", "ttl 3", "group 224.0.0.82"} {
		name, _, _ := strings.Cut(word, " ")
		samples["lvs_sync_daemon "+name] = "whole global_defs {\nlvs_sync_daemon eth0 " + word + "\n}\nvrrp_instance V {\ninterface eth0\nvirtual_router_id 1\nvirtual_ipaddress {\n10.7.0.1\n}\n}\n"
	}
	for name, line := range map[string]string{"ADDR[/RANGE] [PORT]": "10.7.0.1-9 80", "fwmark": "fwmark 7"} {
		samples["virtual_server_group "+name] = "whole virtual_server_group g {\n" + line + "\n}\nvirtual_server group g {\nlb_algo rr\nlb_kind NAT\nprotocol TCP\nreal_server 10.0.0.1 80 {\n}\n}\n"
	}
	for word, value := range routeSamples() {
		samples["virtual_routes "+word] = strings.TrimSpace("10.9.0.0/24 " + word + " " + value)
	}
	samples["virtual_routes DEST"], samples["virtual_routes to"] = "10.9.0.0/24", "to 10.9.0.0/24"
	for _, word := range []string{"inet6", "from", "expires", "pref"} {
		samples["virtual_routes "+word] = strings.Replace(samples["virtual_routes "+word], "10.9.0.0/24", "2001:db8::/64", 1)
	}
	for word, value := range ruleSamples() {
		samples["virtual_rules "+word] = strings.TrimSpace("table 7 preference 9 " + word + " " + value)
	}
	for word, line := range map[string]string{
		"table": "table 7 preference 9", "lookup": "lookup 7 preference 9", "preference": "table 7 preference 9",
		"order": "table 7 order 9", "priority": "table 7 priority 9", "goto": "goto 20 preference 9",
		"blackhole": "from 10.0.0.0/8 blackhole preference 9", "nop": "nop preference 9", "type": "type prohibit preference 9", "l3mdev": "l3mdev preference 9",
	} {
		samples["virtual_rules "+word] = line
	}
	l := tables()
	for _, e := range entryBlocks() {
		above := l[e.block].find(e.keyword)
		if above == nil {
			t.Errorf("%s: there is no %s in %q", e.path, e.keyword, e.block)
			continue
		}
		for _, w := range e.words {
			if max(above.status, w.status) != acts {
				continue
			}
			line, ok := samples[e.keyword+" "+w.name]
			if !ok {
				t.Errorf("%s %s acts and has no sample here", e.path, w.name)
				continue
			}
			text := within(e.block, e.keyword+" {\n"+line+"\n}")
			if whole, is := strings.CutPrefix(line, "whole "); is {
				text = whole
			}
			if _, findings := Read("f", []byte(text)); len(findings) > 0 {
				t.Errorf("%s: %v", line, findings)
			}
		}
	}
}

// routeSamples are the words of a route with a value for each.
func routeSamples() map[string]string {
	return map[string]string{
		"inet": "", "inet6": "", "src": "10.0.0.1", "via": "10.0.0.9", "gw": "10.0.0.9", "or": "10.0.0.8", "from": "2001:db8:1::/64", "dev": "eth1",
		"oif": "eth1", "tos": "4", "dsfield": "4", "table": "7", "protocol": "bird", "scope": "link", "metric": "5",
		"priority": "5", "preference": "5", "onlink": "", "expires": "30", "mtu": "1400", "hoplimit": "9", "advmss": "1300",
		"rtt": "30", "rttvar": "20", "reordering": "4", "window": "5", "cwnd": "lock 9", "ssthresh": "lock 7", "realms": "3/4",
		"rto_min": "40", "initcwnd": "11", "initrwnd": "12", "features": "ecn", "quickack": "1", "congctl": "cubic",
		"pref": "high", "ttl-propagate": "enabled", "fastopen_no_cookie": "1", "nexthop": "via 10.0.0.8 weight 2",
		"add": "", "prepend": "", "append": "", "no_track": "", "track_group": "G",
	}
}

// ruleSamples are the words of a rule with a value for each.
func ruleSamples() map[string]string {
	return map[string]string{
		"from": "10.0.0.0/8", "to": "10.0.0.0/8", "not": "from 10.0.0.0/8", "tos": "4", "dsfield": "4", "fwmark": "1/3",
		"realms": "3/4", "suppress_prefixlength": "0", "sup_pl": "0", "suppress_ifgroup": "3", "sup_group": "3", "iif": "eth0",
		"dev": "eth0", "oif": "eth0", "tunnel-id": "5", "uidrange": "1-9", "protocol": "bird", "ipproto": "tcp",
		"sport": "1-9", "dport": "1-9", "no_track": "", "track_group": "G", "inet": "", "inet6": "",
	}
}

// TestTextWordsAct holds that each word of the text itself has its effect: the
// instance that it is about gets the priority that only it can give.
func TestTextWordsAct(t *testing.T) {
	samples := map[string]string{
		"#": "priority 7 # 8", "@ID": "@here priority 7\n@there priority 8", "@^ID": "@^here priority 8\n@^there priority 7",
		"$NAME=": "$P=7\npriority $P", "${_RANDOM}": "priority ${_RANDOM 7 9}", "${_ENV}": "priority ${_ENV PRIORITY}",
		"~SEQ": "~SEQ(P, 7, 7) priority $P", "~SEQx": "~SEQx(P, 7, 7) priority $P", "~LST": "~LST(P, 7) priority $P",
		"${_PWD}": "include ${_PWD}/seven", "${_INSTANCE}": "include ${_INSTANCE}",
		"${_HASH}": "include a${_HASH}b", "${_BANG}": "include a${_BANG}b",
	}
	for _, word := range strings.Fields("include includer includem includew includeb includea") {
		samples[word] = word + " seven"
	}
	files := Files{
		Read: func(path string) (string, error) {
			if slices.Contains([]string{"/etc/seven", "/etc/here", "/etc/a#b", "/etc/a!b"}, path) {
				return "priority 7\n", nil
			}
			return "", fmt.Errorf("%s: %w", path, fs.ErrNotExist)
		},
		List: func(string) ([]string, error) { return nil, nil },
	}
	opts := Options{ConfigID: "here", WorkDir: "/etc", Getenv: func(name string) (string, bool) { return "7", name == "PRIORITY" }}
	for _, w := range textWords() {
		text, ok := samples[w.name]
		if !ok || w.status != acts {
			t.Errorf("%s has no sample here, or does not act", w.name)
			continue
		}
		whole := within("vrrp_instance", text)
		main := files
		main.Read = func(path string) (string, error) {
			if path == "/etc/f" {
				return whole, nil
			}
			return files.Read(path)
		}
		cfg, findings, err := ReadFiles("/etc/f", main, opts)
		if err != nil || len(findings) > 0 {
			t.Errorf("%s: %v, %v", text, findings, err)
			continue
		}
		if i := slices.IndexFunc(cfg.Instances, func(i config.Instance) bool { return i.Name == "A" }); cfg.Instances[i].Priority != 7 {
			t.Errorf("%s: the priority is %d, want 7", text, cfg.Instances[i].Priority)
		}
	}
}
