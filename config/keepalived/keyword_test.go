package keepalived

import (
	"reflect"
	"strings"
	"testing"

	"github.com/moonkeep/moonkeep/config"
)

// keywordCase is a keyword that acts, by "block/keyword".
type keywordCase struct {
	key string
	// valid changes the configuration and yields no finding.
	valid string
	// invalid yields exactly one finding of this severity and name.
	invalid  string
	severity config.Severity
	name     string
	// same says that valid changes nothing: it is the default.
	same bool
}

func keywordCases() []keywordCase {
	e, w := config.Error, config.Warning
	return []keywordCase{
		{"/global_defs", "global_defs { router_id x\n }", "global_defs", e, "missing-brace", false},
		{"/vrrp_script", "vrrp_script more { script /bin/x\n }\nvrrp_instance U { interface eth9\n virtual_router_id 9\n virtual_ipaddress { 10.9.0.9\n }\n track_script { more\n }\n }", "vrrp_script { script /bin/x\n }", e, "missing-argument", false},
		{"/vrrp_instance", "vrrp_instance U { interface eth9\n virtual_router_id 9\n virtual_ipaddress { 10.9.0.9\n }\n }", "vrrp_instance U { interface eth9\n virtual_ipaddress { 10.9.0.9\n }\n }", e, "missing-keyword", false},
		{"/vrrp_sync_group", "vrrp_instance U { interface eth9\n virtual_router_id 9\n virtual_ipaddress { 10.9.0.9\n }\n }\nvrrp_instance W { interface eth9\n virtual_router_id 8\n virtual_ipaddress { 10.9.0.8\n }\n }\nvrrp_sync_group H { group { U W\n }\n }", "vrrp_sync_group H { group { }\n }", w, "empty-group", false},

		{"global_defs/router_id", "router_id x", "router_id", w, "missing-argument", false},
		{"global_defs/script_user", "script_user u g", "script_user u g h", w, "surplus-words", false},
		{"global_defs/vrrp_version", "vrrp_version 3", "vrrp_version 4", w, "out-of-range", false},
		{"global_defs/vrrp_skip_check_adv_addr", "vrrp_skip_check_adv_addr", "vrrp_skip_check_adv_addr True", w, "not-a-boolean", false},
		{"global_defs/vrrp_lower_prio_no_advert", "vrrp_lower_prio_no_advert on", "vrrp_lower_prio_no_advert maybe", w, "not-a-boolean", false},
		{"global_defs/vrrp_higher_prio_send_advert", "vrrp_higher_prio_send_advert yes", "vrrp_higher_prio_send_advert 1", w, "not-a-boolean", false},
		{"global_defs/v3_checksum_as_v2", "v3_checksum_as_v2", "v3_checksum_as_2", w, "unknown-keyword", false},
		{"global_defs/vrrp_min_garp", "vrrp_min_garp", "vrrp_min_garp x", w, "not-a-boolean", false},
		{"global_defs/vrrp_down_timer_adverts", "vrrp_down_timer_adverts 100", "vrrp_down_timer_adverts 101", w, "out-of-range", false},
		{"global_defs/vrrp_garp_interval", "vrrp_garp_interval 0.001", "vrrp_garp_interval -1", w, "out-of-range", false},
		{"global_defs/vrrp_garp_master_delay", "vrrp_garp_master_delay 0", "vrrp_garp_master_delay soon", w, "not-a-number", false},
		{"global_defs/vrrp_garp_master_repeat", "vrrp_garp_master_repeat 1", "vrrp_garp_master_repeat 65536", w, "out-of-range", false},
		{"global_defs/vrrp_garp_master_refresh", "vrrp_garp_master_refresh 30", "vrrp_garp_master_refresh 30s", w, "surplus-characters", false},
		{"global_defs/vrrp_garp_master_refresh_repeat", "vrrp_garp_master_refresh_repeat 2", "vrrp_garp_master_refresh_repeat", e, "missing-argument", false},
		{"global_defs/vrrp_garp_lower_prio_delay", "vrrp_garp_lower_prio_delay 1", "vrrp_garp_lower_prio_delay .", w, "not-a-number", false},
		{"global_defs/vrrp_garp_lower_prio_repeat", "vrrp_garp_lower_prio_repeat 1", "vrrp_garp_lower_prio_repeat -1", w, "out-of-range", false},
		{"global_defs/include_check", "include_check +match", "include_check +matches", w, "unknown-option", true},
		{"global_defs/vrrp_mcast_group4", "vrrp_mcast_group4 224.0.0.19", "vrrp_mcast_group4 ff02::12", w, "wrong-family", false},

		{"vrrp_script/script", `script "/bin/other x"`, `script "/bin/other 'x"`, w, "unterminated-quote", false},
		{"vrrp_script/interval", "interval 0.1", "interval 0", w, "zero-interval", false},
		{"vrrp_script/timeout", "timeout 2.5", "timeout 100000", w, "out-of-range", false},
		{"vrrp_script/weight", "weight -253 reverse", "weight 255", w, "weight-cut", false},
		{"vrrp_script/rise", "rise 2", "rise 0", w, "out-of-range", false},
		{"vrrp_script/fall", "fall 2", "fall two", w, "not-a-number", false},
		{"vrrp_script/user", "user u g", "user", e, "missing-argument", false},
		{"vrrp_script/init_fail", "init_fail", "init_fail yes", w, "surplus-words", false},

		{"vrrp_instance/state", "state MASTER\npriority 10", "state MASTRE", w, "bad-state", false},
		{"vrrp_instance/interface", "interface eth7", "interface a_name_that_is_long", e, "bad-interface", false},
		{"vrrp_instance/virtual_router_id", "virtual_router_id 255", "virtual_router_id 256", e, "out-of-range", false},
		{"vrrp_instance/priority", "priority 1", "priority 300", w, "out-of-range", false},
		{"vrrp_instance/version", "version 3", "version 1", w, "out-of-range", false},
		{"vrrp_instance/advert_int", "advert_int 2", "advert_int 1.6", w, "advert-interval-rounded", false},
		{"vrrp_instance/nopreempt", "nopreempt", "nopreempt yes", w, "surplus-words", false},
		{"vrrp_instance/preempt", "preempt", "preempt 1", w, "surplus-words", true},
		{"vrrp_instance/preempt_delay", "preempt_delay 0.5", "preempt_delay 1001", w, "out-of-range", false},
		{"vrrp_instance/mcast_src_ip", "mcast_src_ip 10.0.0.9", "mcast_src_ip 10.0.0.256", w, "bad-address", false},
		{"vrrp_instance/dont_track_primary", "dont_track_primary on", "dont_track_primary x", w, "not-a-boolean", false},
		{"vrrp_instance/down_timer_adverts", "down_timer_adverts 1", "down_timer_adverts 0", w, "out-of-range", false},
		{"vrrp_instance/strict_mode", "strict_mode off", "strict_mode x", w, "not-a-boolean", true},
		{"vrrp_instance/v3_checksum_as_v2", "v3_checksum_as_v2", "v3_checksum_as_v2 x", w, "not-a-boolean", false},
		{"vrrp_instance/skip_check_adv_addr", "skip_check_adv_addr", "skip_check_adv_addr x", w, "not-a-boolean", false},
		{"vrrp_instance/lower_prio_no_advert", "lower_prio_no_advert", "lower_prio_no_advert x", w, "not-a-boolean", false},
		{"vrrp_instance/higher_prio_send_advert", "higher_prio_send_advert", "higher_prio_send_advert x", w, "not-a-boolean", false},
		{"vrrp_instance/no_virtual_ipaddress", "no_virtual_ipaddress", "no_virtual_ipaddress x", w, "surplus-words", false},
		{"vrrp_instance/virtual_ipaddress", "virtual_ipaddress { 10.7.0.1/24 dev eth1\n }", "virtual_ipaddress { 10.7.0.300\n }", w, "bad-address", false},
		{"vrrp_instance/virtual_ipaddress_excluded", "virtual_ipaddress_excluded { 10.7.0.1/24\n }", "virtual_ipaddress_excluded { ff02::1\n }", w, "bad-address", false},
		{"vrrp_instance/authentication", "authentication { auth_type PASS\n auth_pass x\n }", "authentication { auth_type PASS\n }", w, "no-authentication", false},
		{"vrrp_instance/garp_master_delay", "garp_master_delay 0", "garp_master_delay x", w, "not-a-number", false},
		{"vrrp_instance/garp_master_repeat", "garp_master_repeat 1", "garp_master_repeat x", w, "not-a-number", false},
		{"vrrp_instance/garp_master_refresh", "garp_master_refresh 1", "garp_master_refresh x", w, "not-a-number", false},
		{"vrrp_instance/garp_master_refresh_repeat", "garp_master_refresh_repeat 2", "garp_master_refresh_repeat x", w, "not-a-number", false},
		{"vrrp_instance/garp_lower_prio_delay", "garp_lower_prio_delay 0", "garp_lower_prio_delay x", w, "not-a-number", false},
		{"vrrp_instance/garp_lower_prio_repeat", "garp_lower_prio_repeat 1", "garp_lower_prio_repeat x", w, "not-a-number", false},
		{"vrrp_instance/track_interface", "track_interface { eth5 weight 5\n }", "track_interface { eth5 weight 300\n }", w, "out-of-range", false},
		{"vrrp_instance/track_script", "track_script { chk weight 5 reverse\n }", "track_script { chck\n }", w, "unknown-script", false},
		{"vrrp_instance/notify_master", "notify_master /bin/x", "notify_master", e, "missing-argument", false},
		{"vrrp_instance/notify_backup", "notify_backup /bin/x user", `notify_backup ""`, w, "missing-argument", false},
		{"vrrp_instance/notify_fault", "notify_fault '/bin/x y'", "notify_fault '/bin/x y", w, "unterminated-quote", false},
		{"vrrp_instance/notify_stop", `notify_stop "/bin/x y"`, `notify_stop "/bin/x y`, e, "unterminated-quote", false},
		{"vrrp_instance/notify", `notify "lua:/x.lua"`, `notify "lua:"`, e, "bad-lua", false},

		{"authentication/auth_type", "auth_type PASS\nauth_pass x", "auth_type MD5\nauth_pass x", w, "bad-auth-type", false},
		{"authentication/auth_pass", "auth_pass x\nauth_type PASS", "auth_pass 123456789\nauth_type PASS", w, "password-cut", false},

		{"vrrp_sync_group/group", "group { A B\n }", "group { A B C\n }", w, "unknown-instance", true},
		{"vrrp_sync_group/sync_group_tracking_weight", "sync_group_tracking_weight", "sync_group_tracking_weight 1", w, "surplus-words", false},
		{"vrrp_sync_group/global_tracking", "sync_group_tracking_weight", "global_tracking", w, "deprecated", false},
		{"vrrp_sync_group/track_interface", "track_interface { eth5\n }", "track_interface { eth5 wieght 5\n }", w, "unknown-option", false},
		{"vrrp_sync_group/track_script", "track_script { chk\n }", "track_script { chk reverse\n }", w, "surplus-words", false},
		{"vrrp_sync_group/notify_master", "notify_master /bin/x", "notify_master", e, "missing-argument", false},
		{"vrrp_sync_group/notify_backup", "notify_backup /bin/x", "notify_backup", e, "missing-argument", false},
		{"vrrp_sync_group/notify_fault", "notify_fault /bin/x", "notify_fault", e, "missing-argument", false},
		{"vrrp_sync_group/notify_stop", "notify_stop /bin/x", "notify_stop", e, "missing-argument", false},
		{"vrrp_sync_group/notify", "notify /bin/x a b", "notify /bin/x a b c", w, "surplus-words", false},
	}
}

// within returns a sound file with lines put into a block of the given kind.
// The lines stand first, so that what the file says itself is given twice
// only where that is what is tested.
func within(block, lines string) string {
	at := map[string]string{block: lines}
	defaults := func(b string, statements ...string) string {
		for _, s := range statements {
			word, _, _ := strings.Cut(s, " ")
			if !strings.HasPrefix(at[b], word+" ") && at[b] != word {
				at[b] += "\n" + s
			}
		}
		return at[b]
	}
	return at[""] + "\nglobal_defs {\n" + at["global_defs"] + "\n}\n" +
		"vrrp_script chk {\n" + defaults("vrrp_script", "script /bin/chk") + "\n}\n" +
		"vrrp_instance A {\n" + defaults("vrrp_instance", "interface eth0", "virtual_router_id 1", "virtual_ipaddress { 10.0.0.1\n}") +
		authenticated(at["authentication"]) + "\n}\n" +
		"vrrp_instance B {\ninterface eth0\nvirtual_router_id 2\nvirtual_ipaddress { 10.0.0.2\n}\ntrack_script { chk\n}\n}\n" +
		"vrrp_sync_group G {\n" + defaults("vrrp_sync_group", "group { A B\n}") + "\n}\n"
}

func authenticated(lines string) string {
	if lines == "" {
		return ""
	}
	return "\nauthentication {\n" + lines + "\n}"
}

func dumped(cfg *config.Config) string {
	var b strings.Builder
	cfg.Files = nil
	dump(&b, "", reflect.ValueOf(cfg))
	lines := strings.Split(b.String(), "\n")
	kept := lines[:0]
	for _, line := range lines {
		if !strings.Contains(line, ".At = ") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "\n")
}

// TestKeywords holds that each keyword that acts changes the configuration
// when it is right and yields one finding when it is not, beside those of what
// follows from it.
func TestKeywords(t *testing.T) {
	// vrrp_strict always has something to say; TestRules holds it.
	seen := map[string]bool{"global_defs/vrrp_strict": true}
	for _, c := range keywordCases() {
		seen[c.key] = true
		block, _, _ := strings.Cut(c.key, "/")
		t.Run(c.key, func(t *testing.T) {
			base, findings := Read("f", []byte(within(block, "")))
			if len(findings) > 0 {
				t.Fatalf("the file itself is not sound: %v", findings)
			}
			text := within(block, c.valid)
			cfg, findings := Read("f", []byte(text))
			if len(findings) > 0 {
				t.Fatalf("%s: %v", c.valid, findings)
			}
			if same := dumped(cfg) == dumped(base); same != c.same {
				t.Errorf("%s: configuration is the same: %v, want %v", c.valid, same, c.same)
			}
			text = within(block, c.invalid)
			_, findings = Read("f", []byte(text))
			for _, follows := range []string{"no-address", "no-authentication", "missing-keyword", "unknown-script"} {
				if follows != c.name {
					findings = unlike(findings, follows)
				}
			}
			if len(findings) != 1 || findings[0].Name != c.name || findings[0].Severity != c.severity {
				t.Errorf("%s: got %v, want one %v %s", c.invalid, findings, c.severity, c.name)
			}
			checkFindings(t, []byte(text), findings)
		})
	}
	for name, b := range tables() {
		for _, k := range b.keywords {
			// TestBoundKeywords holds those that are bound to a field.
			if k.status == acts && k.bound == nil && !seen[name+"/"+k.name] {
				t.Errorf("%s/%s acts and has no case here", name, k.name)
			}
		}
	}
}
