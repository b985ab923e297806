package keepalived

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/config"
)

// instanceText is a whole file of one instance with the lines in it.
func instanceText(lines ...string) string {
	return "vrrp_instance V {\ninterface eth0\nvirtual_router_id 1\n" + strings.Join(lines, "\n") + "\n}\n"
}

const oneAddress = "virtual_ipaddress {\n10.0.0.1\n}"

// names renders findings as "severity name", in order.
func names(findings config.Findings) []string {
	var out []string
	for _, f := range findings {
		out = append(out, fmt.Sprintf("%v %s", f.Severity, f.Name))
	}
	return out
}

// TestRules holds what several keywords make of each other.
func TestRules(t *testing.T) {
	auth := "authentication {\nauth_type PASS\nauth_pass hidden\n}"
	for _, c := range []struct {
		name  string
		text  string
		found []string
		check func(config.Instance) any
		want  any
	}{
		{"priority is 100", instanceText(oneAddress), nil,
			func(i config.Instance) any { return []any{i.Priority, bool(i.Master), i.Version} }, []any{100, false, 2}},
		{"priority is 255 for a MASTER", instanceText("state MASTER", oneAddress), []string{"warning no-priority"},
			func(i config.Instance) any { return []any{i.Priority, bool(i.Master)} }, []any{255, true}},
		{"priority 255 is MASTER", instanceText("priority 255", oneAddress), nil,
			func(i config.Instance) any { return bool(i.Master) }, true},
		{"an unknown state is BACKUP", instanceText("state master", oneAddress), []string{"warning bad-state"},
			func(i config.Instance) any { return bool(i.Master) }, false},
		{"MASTER stays", instanceText("state MASTER", "state BACKUP", "priority 9", oneAddress), []string{"warning state-master-stays"},
			func(i config.Instance) any { return bool(i.Master) }, true},
		{"nopreempt with MASTER is cleared", instanceText("state MASTER", "priority 9", "nopreempt", oneAddress), []string{"warning nopreempt-master"},
			func(i config.Instance) any { return i.NoPreempt }, false},
		{"preempt undoes nopreempt", instanceText("nopreempt", "preempt", oneAddress), nil,
			func(i config.Instance) any { return i.NoPreempt }, false},
		{"preempt_delay with nopreempt", instanceText("nopreempt", "preempt_delay 5", oneAddress), []string{"warning preempt-delay-unused"},
			func(i config.Instance) any { return i.PreemptDelay }, time.Duration(0)},
		{"preempt_delay with MASTER", instanceText("state MASTER", "priority 9", "preempt_delay 5", oneAddress), []string{"warning preempt-delay-unused"},
			func(i config.Instance) any { return i.PreemptDelay }, time.Duration(0)},
		{"version 2 has whole seconds", instanceText("advert_int 0.3", oneAddress), []string{"warning advert-interval-rounded"},
			func(i config.Instance) any { return i.AdvertInt }, time.Second},
		{"version 3 has centiseconds", instanceText("version 3", "advert_int 0.128", oneAddress), []string{"warning advert-interval-rounded"},
			func(i config.Instance) any { return i.AdvertInt }, 130 * time.Millisecond},
		{"version 3 ends at 40.95", instanceText("version 3", "advert_int 50", oneAddress), []string{"warning advert-interval-rounded"},
			func(i config.Instance) any { return i.AdvertInt }, 40950 * time.Millisecond},
		{"a decimal is exact", instanceText("version 3", "advert_int 0.07", oneAddress), nil,
			func(i config.Instance) any { return i.AdvertInt }, 70 * time.Millisecond},
		{"the last of two counts", instanceText("priority 1", "priority 2", oneAddress), []string{"warning given-twice"},
			func(i config.Instance) any { return i.Priority }, 2},
		{"a number with a tail", instanceText("priority 7x", oneAddress), []string{"warning not-a-number"},
			func(i config.Instance) any { return i.Priority }, 100},
		{"strict", "global_defs {\nvrrp_strict\n}\n" + instanceText("state MASTER", "priority 9", "preempt_delay 3", auth, oneAddress),
			[]string{"warning strict", "warning strict", "warning authentication-dropped"},
			func(i config.Instance) any {
				return []any{i.Strict, bool(i.Master), i.PreemptDelay, i.AuthType, i.LowerPrioNoAdvert, *i.HigherPrioSendAdvert}
			}, []any{true, false, time.Duration(0), "", true, false}},
		{"strict says what it ignores", "global_defs {\nvrrp_strict\n}\n" + instanceText("lower_prio_no_advert off", "higher_prio_send_advert on", oneAddress),
			[]string{"warning strict", "warning strict"},
			func(i config.Instance) any { return []any{i.LowerPrioNoAdvert, *i.HigherPrioSendAdvert} }, []any{true, false}},
		{"strict keeps the owner", "global_defs {\nvrrp_strict\n}\n" + instanceText("priority 255", oneAddress), nil,
			func(i config.Instance) any { return bool(i.Master) }, true},
		{"strict has no owner that begins as a backup", "global_defs {\nvrrp_strict\n}\n" + instanceText("state BACKUP", "priority 255", oneAddress), []string{"warning strict"},
			func(i config.Instance) any { return bool(i.Master) }, true},
		{"strict needs an address", instanceText("strict_mode", "no_virtual_ipaddress"), []string{"error no-address"}, nil, nil},
		{"an instance may leave strict mode", "global_defs {\nvrrp_strict\n}\n" + instanceText("strict_mode off", auth, oneAddress), nil,
			func(i config.Instance) any { return []any{i.Strict, i.AuthType, i.AuthPass} }, []any{false, "PASS", "hidden"}},
		{"version 3 drops authentication", instanceText("version 3", auth, oneAddress), []string{"warning authentication-dropped"},
			func(i config.Instance) any { return i.AuthType + i.AuthPass }, ""},
		{"a password of more than 8", instanceText("authentication {\nauth_type PASS\nauth_pass hiddenhidden\n}", oneAddress), []string{"warning password-cut"},
			func(i config.Instance) any { return i.AuthPass }, "hiddenhi"},
		{"no auth_type", instanceText("authentication {\nauth_pass hidden\n}", oneAddress), []string{"warning no-authentication"},
			func(i config.Instance) any { return i.AuthType + i.AuthPass }, ""},
		{"AH is read", instanceText("authentication {\nauth_type AH\nauth_pass hidden\n}", oneAddress), nil,
			func(i config.Instance) any { return []any{i.AuthType, i.AuthPass} }, []any{"AH", "hidden"}},
		{"AH starts as BACKUP", instanceText("state MASTER\npriority 200\nauthentication {\nauth_type AH\nauth_pass hidden\n}", oneAddress), []string{"warning ah-master"},
			func(i config.Instance) any { return []any{i.AuthType, i.Master} }, []any{"AH", config.State(false)}},
		{"AH of an owner", instanceText("state MASTER\npriority 255\nauthentication {\nauth_type AH\nauth_pass hidden\n}", oneAddress), nil,
			func(i config.Instance) any { return []any{i.AuthType, i.Master} }, []any{"AH", config.State(true)}},
		{"track_src_ip without interface", "vrrp_instance A {\nvirtual_router_id 1\nunicast_src_ip 192.0.2.1\nunicast_peer {\n192.0.2.2\n}\ntrack_src_ip\nvirtual_ipaddress {\n192.0.2.9/24 dev eth0\n}\n}", []string{"error missing-key"}, nil, nil},
		{"accept, then no_accept", instanceText("accept\nno_accept", oneAddress), []string{"warning given-twice"},
			func(i config.Instance) any { return []any{i.Accept, i.NoAccept} }, []any{false, true}},
		{"no_accept, then accept", instanceText("no_accept\naccept", oneAddress), []string{"warning given-twice"},
			func(i config.Instance) any { return []any{i.Accept, i.NoAccept} }, []any{true, false}},
		{"a key for a credential", instanceText("version 3\nauth_hmac {\nkey 1 credential:0123456789012345678901234567890123\nactive_key 1\n}", oneAddress), []string{"error bad-value"}, nil, nil},
		{"another auth_type is none", instanceText("authentication {\nauth_type hidden\nauth_pass x\n}", oneAddress), []string{"warning no-authentication", "warning bad-auth-type"},
			func(i config.Instance) any { return i.Authentication.AuthPass }, ""},
		{"version 3 needs an address", instanceText("version 3"), []string{"error no-address"}, nil, nil},
		{"version 3 without addresses on purpose", instanceText("version 3", "no_virtual_ipaddress"), nil,
			func(i config.Instance) any { return len(i.Addresses) }, 0},
		{"version 2 warns without addresses", instanceText(), []string{"warning no-address"},
			func(i config.Instance) any { return len(i.Addresses) }, 0},
		{"an address twice", instanceText("virtual_ipaddress {\n10.0.0.1\n10.0.0.1/24\n}"), []string{"warning given-twice"},
			func(i config.Instance) any { return len(i.Addresses) }, 1},
		{"brd + of a host", instanceText("virtual_ipaddress {\n10.0.0.1 brd +\n}"), []string{"warning no-broadcast"},
			func(i config.Instance) any { return i.Addresses[0].Broadcast.IsValid() }, false},
		{"the own interface is not tracked twice", instanceText("track_interface {\neth0\neth1\n}", oneAddress), []string{"warning own-interface"},
			func(i config.Instance) any { return len(i.TrackInterfaces) }, 1},
		{"a script defined later", instanceText("track_script {\nlater\n}", oneAddress) + "vrrp_script later {\nscript /bin/x\nweight 3\n}\n", []string{"warning defined-later"},
			func(i config.Instance) any { return i.TrackScripts[0].Weight }, 3},
		{"min_garp fills what is not said", "global_defs {\nvrrp_min_garp\n}\n" + instanceText("garp_master_delay 2", oneAddress), nil,
			func(i config.Instance) any {
				return []any{i.Garp.MasterRepeat, i.Garp.MasterDelay, i.Garp.LowerPrioRepeat}
			}, []any{1, 2 * time.Second, 1}},
		{"254 becomes 253", "vrrp_script s {\nscript /bin/x\nweight -254\n}\n" + instanceText("track_script {\ns\n}", oneAddress), []string{"warning weight-cut"},
			func(i config.Instance) any { return i.TrackScripts[0].Weight }, -253},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg, findings := Read("f", []byte(c.text))
			if got := names(findings); !reflect.DeepEqual(got, c.found) {
				t.Errorf("found %v, want %v:\n%v", got, c.found, findings)
			}
			checkFindings(t, []byte(c.text), findings)
			if c.check == nil {
				if len(cfg.Instances) > 0 {
					t.Error("an instance that cannot run is in the configuration")
				}
				return
			}
			if len(cfg.Instances) != 1 {
				t.Fatalf("%d instances", len(cfg.Instances))
			}
			if got := c.check(cfg.Instances[0]); !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

// TestOneMistake holds that one mistake gives one finding, which says this, and
// that what is left out for it is said where it is missed.
func TestOneMistake(t *testing.T) {
	script := "vrrp_script chk_nginx {\nscript /bin/x\n}\n"
	tracked := instanceText("track_script {\nchk_nginx\n}", oneAddress)
	for _, c := range []struct {
		text, found, says string
	}{
		{instanceText("authentication {\nauth_type PASS\nautp_pass hidden\n}", oneAddress), "warning no-authentication,warning unknown-keyword", "without a password"},
		{instanceText("authentication {\nauth_type PASS\nauth_passhidden\n}", oneAddress), "warning no-authentication,warning unknown-keyword", "without a password"},
		{instanceText("authentication {\nauth_type PASS\nauth_pass=hidden\n}", oneAddress), "warning no-authentication,warning unknown-keyword", "without a password"},
		{instanceText("authentication {\nauth_type PASS\nauth_pass\nhidden\n}", oneAddress), "error missing-argument,warning unknown-keyword", "auth_pass"},
		{instanceText("authentication {\nauth_type PASS\nauth_pass some hidden\n}", oneAddress), "warning surplus-words", "auth_pass"},
		{instanceText("authentication { auth_type PASS auth_pass hidden }", oneAddress), "warning no-authentication,warning one-line-block", "without a password"},
		{instanceText("auth_passhidden", oneAddress), "warning unknown-keyword", "auth_pass..."},
		{instanceText("preemtp_delay 300", oneAddress), "warning unknown-keyword", "preempt_delay"},
		{"global_defs {\nroute_id x\n}\n" + instanceText(oneAddress), "warning unknown-keyword", "router_id"},
		{strings.Replace(instanceText(oneAddress), "vrrp_instance V", "vrrp_instanceV", 1), "warning missing-blank", "vrrp_instance V"},
		{strings.Replace(instanceText(oneAddress), "vrrp_instance V {", "vrrp_instance_V{", 1), "warning missing-blank", "vrrp_instance V"},
		{strings.Replace(instanceText(oneAddress), "s {", "s{", 1), "warning missing-blank", "virtual_ipaddress"},
		{strings.Replace(script, "script /bin/x", `script"/bin/x"`, 1) + tracked, "warning missing-blank", "script"},
		{strings.Replace(script, "vrrp_script c", "vrrp_script_c", 1) + tracked, "warning missing-blank", "vrrp_script chk_nginx"},
		{strings.Replace(script, "vrrp_script", "vrrp_scrpit", 1) + tracked, "warning unknown-keyword,warning unknown-script", "vrrp_script"},
		{script + strings.Replace(tracked, "chk_nginx", "chk_ngnix", 1), "warning unknown-script", "chk_nginx"},
		{script + strings.Replace(tracked, "track_script", "track_scirpt", 1), "warning unused-script,warning unknown-keyword", "chk_nginx"},
		{script + strings.Replace(tracked, "chk_nginx", "chk_nginx\nweight -5", 1), "warning missing-argument", "NAME weight -5"},
		{script + strings.Replace(tracked, "chk_nginx", "chk_nginx wieght -5", 1), "warning unknown-option", "weight"},
		{strings.Replace(instanceText(oneAddress), "virtual_ipaddress", "virtual_ipadress", 1), "warning no-address,warning unknown-keyword", "virtual_ipaddress"},
		{strings.Replace(instanceText(oneAddress), "interface", "interfaec", 1), "error missing-keyword,warning unknown-keyword", "interface"},
		{strings.Replace(instanceText(oneAddress), "virtual_router_id 1", "", 1), "error missing-keyword", "virtual_router_id"},
		{instanceText("priority300", oneAddress), "warning unknown-keyword", "priority"},
		{instanceText("state MASTER\nprioirty 100", oneAddress), "warning no-priority,warning unknown-keyword", "255, the owner"},
		{instanceText("state MASTER\npriority 300", oneAddress), "warning out-of-range", "100 is taken, as by keepalived"},
		{strings.Replace(script, "script /bin/x", "scirpt /bin/x", 1) + tracked, "warning missing-keyword,warning unknown-keyword,warning unknown-script", "no script"},
		{"bfd_instance b {\nneigbor_ip 10.0.0.9\n}\n" + instanceText("track_bfd {\nb\n}", oneAddress), "warning missing-keyword,warning unknown-keyword,warning unknown-bfd", "no neighbor_ip"},
		{"virtual_server_gruop g {\n10.0.0.1 80\n}\nvirtual_server group g {\nprotocol TCP\nlb_algo rr\nlb_kind NAT\nreal_server 10.0.0.2 80 {\n}\n}\n" + instanceText(oneAddress), "warning unknown-keyword,warning unknown-group", "virtual_server_group"},
		{"vrrp_instnace W {\n}\nglobal_defs {\nlvs_sync_daemon eth0 W\n}\n" + instanceText(oneAddress), "warning unknown-keyword,warning unknown-instance", "vrrp_instance"},
		{instanceText("version 3\nauth_hmca {\nkey 1 0123456789abcdef0123456789abcdef\nactive_key 1\n}", oneAddress), "error unknown-keyword", "auth_hmac"},
		{instanceText("version 3\nauth_hmac {\nkey 1 0123456789abcdef0123456789abcdef\nactive_kye 1\n}", oneAddress), "error missing-keyword,warning unknown-keyword", "active_key"},
		{instanceText("interval 3", oneAddress), "warning wrong-block", "vrrp_script"},
		{instanceText("nonsense {\npriority 300\nmore {\n}\n}", oneAddress), "warning unknown-keyword", "nonsense"},
		{instanceText("priority 300 {\n1\n}", oneAddress), "warning out-of-range,warning unexpected-brace", "priority"},
		{instanceText("virtual_ipaddress {\n10.0.0.1 lable x\n}"), "warning unknown-option", "label"},
		{script + script + tracked, "warning duplicate-name", "line 1"},
		{instanceText(oneAddress) + instanceText(oneAddress), "warning duplicate-name", "line 1"},
		{instanceText(oneAddress) + strings.Replace(instanceText(oneAddress), "V", "W", 1), "error vrid-clash", "f:3:19"},
		{instanceText(oneAddress) + "vrrp_sync_group G {\ngroup {\nV\nWW\n}\n}\n", "warning unknown-instance", "WW"},
		{instanceText(oneAddress) + "vrrp_sync_group G {\ngroup {\nV\n}\n}\n", "warning single-member-group", "G"},
		{instanceText("notify \"lua:/a\"", "notify \"lua:/b\"", oneAddress), "warning given-twice", "line 4"},
		{instanceText("notify_master \"lua:/a\"", "notify \"lua:/b\"", oneAddress), "", ""},
		{instanceText("notify_fault \"lua:/a x\"", oneAddress), "error bad-lua", "NAME=VALUE"},
		{instanceText("notify_fault \"lua:/a =x\"", oneAddress), "error bad-lua", "NAME=VALUE"},
		{instanceText("notify_fault \"lua:/a x=1 x=2\"", oneAddress), "error bad-lua", "twice"},
		{instanceText("notify_fault \"lua:/a allow=exec,wirte\"", oneAddress), "error bad-lua", "is write meant?"},
		{instanceText("notify_fault \"lua:/a allow=exec allow=exec\"", oneAddress), "error bad-lua", "twice"},
		{strings.Replace(script, "/bin/x", "\"lua:/x\"\nuser nobody", 1) + tracked, "warning surplus-words", "runs inside the daemon"},
		{strings.Replace(script, "script /bin/x", "user nobody nogroup\nscript \"lua:/x\"", 1) + tracked, "warning surplus-words", "takes no account"},
		{strings.Replace(script, "/bin/x", "\"/bin/x\"\nsmoothing {\nmin 1\nmax 2\n}", 1) + tracked, "error bad-smoothing", "goes with lua only"},
		{strings.Replace(script, "/bin/x", "\"lua:/x\"\nsmoothing {\nmin 2\nmax 2\n}", 1) + tracked, "error bad-smoothing", "less than its max"},
		{strings.Replace(script, "/bin/x", "\"lua:/x\"\nsmoothing {\nmin -2\nmax 0\n}", 1) + tracked, "", ""},
		{"global_defs {\nstartup_script \"lua:/a\"\n}\n" + instanceText(oneAddress), "error bad-lua", "name a program"},
		{"", "error no-instance", "vrrp_instance"},
		{"\n# nothing\n", "error no-instance", "vrrp_instance"},
		{"wrod\n", "warning unknown-keyword,error no-instance", "wrod"},
		{"global_defs {\nrouter_id x\n}\n", "warning no-instance", "reload"},
		{"\x00\x01\x02\x03\x04", "error not-text", "text"},
		{instanceText(oneAddress) + "# a NUL in a comment is none \x00\nrouter\x00id x\n", "error nul-byte", "1 line"},
		{instanceText(oneAddress) + strings.Repeat("x", 2000), "error line-too-long", "2000"},
		{instanceText(oneAddress) + "# " + strings.Repeat("x", 2000), "", ""},
		{instanceText(`notify "/bin/x`, oneAddress), "error unterminated-quote", "quote"},
		{strings.Replace(script, "/bin/x", "/bin/x -v", 1) + tracked, "warning surplus-words", "double quotes"},
		{strings.Replace(script, "/bin/x", `'/bin/x "p q" r\ s'`, 1) + tracked, "", ""},
		{instanceText(`notify '/bin/x "p q" r s t u' root wheel`, oneAddress), "", ""},
		{instanceText("notify /bin/x a b c", oneAddress), "warning surplus-words", "double quotes"},
		{strings.TrimSuffix(instanceText(oneAddress), "}\n"), "warning missing-brace", "1 } missing"},
		{strings.TrimSuffix(instanceText(oneAddress), "}\n}\n"), "error missing-brace", "2 } missing"},
		{instanceText(oneAddress) + "}\n", "warning surplus-brace", "1 }"},
		{"{\n}\n" + instanceText(oneAddress), "error stray-brace", "no keyword"},
		{strings.ReplaceAll(instanceText(oneAddress), "\n", "\r\n"), "", ""},
		{"\ufeff" + instanceText(oneAddress), "", ""},
		{"vrrp_instance V\n{\ninterface eth0\nvirtual_router_id 1\nvirtual_ipaddress\n\n{\n10.0.0.1 }\n}", "", ""},
	} {
		cfg, findings := Read("f", []byte(c.text))
		if strings.Contains(c.text, "priority 300") && (len(cfg.Instances) != 1 || cfg.Instances[0].Priority != 100) {
			t.Errorf("%s\nit does not have priority 100", c.text)
		}
		if got := strings.Join(names(findings), ","); got != c.found {
			t.Errorf("%s\nfound %v, want %s", c.text, findings, c.found)
		} else if len(findings) > 0 && !strings.Contains(findings[0].Text, c.says) {
			t.Errorf("%s\nsays %q, want %q in it", c.text, findings[0].Text, c.says)
		}
		checkFindings(t, []byte(c.text), findings)
	}
}

// TestServers holds that what stands in a virtual_server is known, and said
// once for each to be unused.
func TestServers(t *testing.T) {
	text := instanceText(oneAddress) + `
virtual_server 10.0.0.1 80 {
    lb_algo rr
    delay_lop 3
    real_server 10.0.0.2 80 {
        HTTP_GET {
            url {
                path /
                status_cod 200
            }
        }
    }
}
virtual_server fwmark 1 {
}
`
	_, findings := Read("f", []byte(text))
	want := []string{"warning lvs-default", "warning unknown-keyword", "warning unknown-keyword", "warning no-real-server"}
	if got := names(findings); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", findings, want)
	}
}

// TestBounds holds that any number of mistakes gives a bounded report, that
// no error is lost behind warnings, and that it takes no time.
func TestBounds(t *testing.T) {
	for name, text := range map[string]string{
		"unknown words":   strings.Repeat("wrod 1\n", 200_000),
		"open braces":     strings.Repeat("vrrp_instance a {\n", 100_000),
		"unnamed braces":  strings.Repeat("{\n", 200_000),
		"closing braces":  strings.Repeat("}\n", 200_000),
		"on one line":     strings.Repeat("{ } ", 250),
		"one long line":   strings.Repeat("x", 60<<20),
		"100 MiB":         strings.Repeat("x\n", 50<<20),
		"many lines":      instanceText(oneAddress) + strings.Repeat("\n", 8<<20),
		"too many lines":  strings.Repeat("a\n", 2_100_000),
		"quotes":          strings.Repeat("\"\n", 200_000),
		"many names":      manyNames(),
		"bad numbers":     instanceText(strings.Repeat("priority x\n", 100_000)),
		"bad addresses":   instanceText("virtual_ipaddress {\n" + strings.Repeat("x\n", 100_000) + "}"),
		"many addresses":  instanceText("virtual_ipaddress_excluded {\n" + numbered(60_000, "10.%[2]d.%[3]d.1\n") + "}"),
		"unknown members": instanceText(oneAddress) + "vrrp_sync_group g {\ngroup {\n" + strings.Repeat("xx yy zz\n", 50_000) + "}\n}\n",
		"unknown scripts": instanceText("track_script {\n" + strings.Repeat("a b c d\n", 50_000) + "}"),
	} {
		t.Run(name, func(t *testing.T) {
			start := worked()
			_, findings := Read("f", []byte(text))
			if d := worked() - start; d > slowness*5*time.Second {
				t.Errorf("took %v of the processor", d)
			}
			if len(findings) > 3*maxPerSeverity { // with those that tell of what is not shown, one for a name
				t.Errorf("%d findings", len(findings))
			}
			// What stands in one line, and what names nothing, are warnings.
			if want := !strings.HasPrefix(name, "many") && !strings.HasPrefix(name, "bad") && name != "unknown members" && name != "unknown scripts"; findings.Errors() != want {
				t.Errorf("errors: %v, want %v: %v", !want, want, findings[:min(len(findings), 3)])
			}
			if len(text) < 16<<20 {
				checkFindings(t, []byte(text), findings)
			}
		})
	}
}

// TestManyOfAKind holds that one kind of mistake does not crowd out others.
func TestManyOfAKind(t *testing.T) {
	text := instanceText(oneAddress) + strings.Repeat("wrod\n", 1000) + "virtual_server fwmark 1 {\n}\n"
	_, findings := Read("f", []byte(text))
	count := map[string]int{}
	for _, f := range findings {
		if count[f.Name]++; f.Unseen > 0 {
			count["unseen "+f.Name] += f.Unseen
		}
	}
	want := map[string]int{"unknown-keyword": maxPerName + 1, "unseen unknown-keyword": 1000 - maxPerName, "no-real-server": 1, "more-findings": 1}
	if !reflect.DeepEqual(count, want) {
		t.Errorf("got %v, want %v", count, want)
	}
	last := findings[len(findings)-1].Text
	if want := fmt.Sprintf("0 more errors and %d more warnings", 1000-maxPerName); !strings.Contains(last, want) {
		t.Errorf("got %q, want %q in it", last, want)
	}
}

// numbered repeats a format with a number and its two bytes.
func numbered(n int, format string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i, i>>8&255, i&255)
	}
	return b.String()
}

// manyNames is a file that would betray a search in a list.
func manyNames() string {
	const n = 30_000
	return numbered(n, "vrrp_script s%[1]d { script /bin/x\n}\n") +
		numbered(n, "vrrp_instance V%[1]d {\ninterface eth%[1]d\nvirtual_router_id 1\n"+oneAddress+"\ntrack_script {\ns%[1]d\n}\n}\n") +
		"vrrp_sync_group g {\ngroup {\n" + numbered(n, "V%[1]d\n") + "}\ntrack_script {\n" + numbered(n, "s%[1]d\n") + "}\n}\n"
}
