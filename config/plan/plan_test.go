package plan

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/keepalived"
	"github.com/moonkeep/moonkeep/config/schema"
)

// base is what the tests change.
const base = `
global_defs {
    router_id a
}
vrrp_script web {
    script "/usr/bin/true"
    interval 2
}
vrrp_instance ONE {
    interface eth0
    virtual_router_id 51
    priority 100
    advert_int 1
    authentication {
        auth_type PASS
        auth_pass abcd
    }
    virtual_ipaddress {
        192.0.2.1/24
        192.0.2.2/24
    }
    track_script {
        web
    }
}
vrrp_instance TWO {
    interface eth0
    virtual_router_id 52
    version 3
    advert_int 0.1
    virtual_ipaddress {
        192.0.2.3/24
    }
}
vrrp_sync_group G {
    group {
        ONE
        TWO
    }
}
`

func read(t *testing.T, text string) *config.Config {
	t.Helper()
	c, found := keepalived.Read("test.conf", []byte(text))
	if found.Errors() {
		t.Fatalf("the text has errors: %v", found)
	}
	return c
}

func TestCompare(t *testing.T) {
	type want struct {
		path   string
		effect Effect
		outage time.Duration
		why    string
	}
	for name, test := range map[string]struct {
		// replace is pairs of what is replaced in base.
		replace []string
		want    []want
	}{
		"nothing": {nil, nil},
		"the priority": {[]string{"priority 100", "priority 90"},
			[]want{{"vrrp_instances ONE: priority", Moves, 0, "yields to a backup"}}},
		"an owner": {[]string{"priority 100", "priority 255"},
			[]want{{"vrrp_instances ONE: priority", Moves, 0, "owns the addresses"}, {"vrrp_instances ONE: state", Nothing, 0, "election"}}},
		"another virtual router": {[]string{"virtual_router_id 51", "virtual_router_id 53"},
			[]want{{"vrrp_instances ONE: virtual_router_id", Interrupts, 3609 * time.Millisecond, "resigns"}}},
		"version 2's interval": {[]string{"advert_int 1\n", "advert_int 2\n"},
			[]want{{"vrrp_instances ONE: advert_int", Divides, 0, "within 3s"}}},
		"version 3's interval": {[]string{"advert_int 0.1", "advert_int 0.2"},
			[]want{{"vrrp_instances TWO: advert_int", Nothing, 0, "learn"}}},
		"a password": {[]string{"abcd", "efgh"},
			[]want{{"vrrp_instances ONE: authentication: auth_pass", Divides, 0, "refuse its adverts"}}},
		"an address more": {[]string{"192.0.2.2/24\n", "192.0.2.2/24\n192.0.2.9/24\n"},
			[]want{{"vrrp_instances ONE: virtual_ipaddresses 192.0.2.9/24", Nothing, 0, "announces"}}},
		"an address less": {[]string{"192.0.2.2/24\n", "\n"},
			[]want{{"vrrp_instances ONE: virtual_ipaddresses 192.0.2.2/24", Interrupts, 0, "takes it from the interface"}}},
		"a renamed instance": {[]string{"TWO", "DEUX"},
			[]want{{"vrrp_instances TWO: name", Nothing, 0, "keeps its role"}}},
		"the router id": {[]string{"router_id a", "router_id b"},
			[]want{{"global: router_id", Restart, 0, "until it is restarted"}}},
		"a script's interval": {[]string{"interval 2", "interval 3"},
			[]want{{"vrrp_scripts web: interval", Nothing, 0, "keeps its state"}, {"vrrp_scripts web: timeout", Nothing, 0, "keeps its state"}}},
		"another program": {[]string{"/usr/bin/true", "/usr/bin/false"},
			[]want{{"vrrp_scripts web: script", Nothing, 0, "last state stands"}}},
		"a tracker less": {[]string{"track_script {\n        web\n    }", ""},
			[]want{{"vrrp_scripts web", Nothing, 0, "not run any more"}, {"vrrp_instances ONE: track_scripts web", Moves, 0, "anew"}}},
	} {
		t.Run(name, func(t *testing.T) {
			got := Compare(schema.New(), read(t, base), read(t, strings.NewReplacer(test.replace...).Replace(base)))
			got = slices.DeleteFunc(got, func(i Item) bool { return i.Effect == Ignored })
			if len(got) != len(test.want) {
				t.Fatalf("got %d changes, want %d: %+v", len(got), len(test.want), got)
			}
			for i, w := range test.want {
				if g := got[i]; !strings.HasPrefix(g.Path, w.path) || g.Effect != w.effect || g.Outage != w.outage || !strings.Contains(g.Why, w.why) {
					t.Errorf("got %+v, want %+v", g, w)
				}
			}
		})
	}
}

func TestWholeInstances(t *testing.T) {
	less := base[:strings.Index(base, "vrrp_instance TWO")]
	alone := strings.Replace(base[:strings.Index(base, "vrrp_sync_group")], "nothing", "", 1)
	got := Compare(schema.New(), read(t, less), read(t, alone))
	if len(got) != 1 || got[0].What != "added" || got[0].Effect != Nothing || !strings.Contains(got[0].Why, "its 1 addresses after 361ms") {
		t.Errorf("added: got %+v", got)
	}
	got = Compare(schema.New(), read(t, alone), read(t, less))
	if len(got) != 1 || got[0].What != "removed" || got[0].Effect != Interrupts || got[0].Outage != 100*time.Millisecond {
		t.Errorf("removed: got %+v", got)
	}
	effect, outage := Worst(got)
	if effect != Interrupts || outage != 100*time.Millisecond {
		t.Errorf("Worst is %v and %v", effect, outage)
	}
}

// TestSecrets holds that no item shows one.
func TestSecrets(t *testing.T) {
	for _, i := range Compare(schema.New(), read(t, base), read(t, strings.ReplaceAll(base, "abcd", "efgh"))) {
		if text := strings.Join([]string{i.Path, i.Old, i.New, i.Why}, " "); strings.Contains(text, "abcd") || strings.Contains(text, "efgh") {
			t.Errorf("an item shows the password: %q", text)
		}
	}
}

// TestEveryKeyIsJudged holds that whoever lets a key of an instance act says
// here what changing it does.
func TestEveryKeyIsJudged(t *testing.T) {
	judged := strings.Fields(`name interface net_namespace virtual_router_id state version priority advert_int nopreempt preempt_delay mcast_src_ip
		authentication v3_checksum strict_mode lower_prio_no_advert higher_prio_send_advert skip_check_adv_addr down_timer_adverts garp
		virtual_ipaddresses virtual_ipaddresses_excluded virtual_routes virtual_rules no_virtual_ipaddress dont_track_primary track_interfaces track_scripts notify
		notify_deleted notify_deleted_program notify_master_rx_lower_pri notify_priority_changes smtp_alert
		unicast_peers unicast_src_ip unicast_ttl unicast_fault_no_peer mcast_dst_ip native_ipv6 old_unicast_checksum promote_secondaries auth_hmac track_files track_processes track_bfds track_src_ip interop_v2 accept no_accept check_unicast_src owner_ignore_adverts timer_expired_backup
		lvs_sync_daemon_interface vrf use_vmac use_vmac_addr vmac_xmit_base use_ipvlan garp_extra_if`)
	b := schema.New().Block(reflect.TypeFor[config.Instance]())
	for i := range b.Fields {
		f := &b.Fields[i]
		if f.Idle == "" && f.Unbuilt == "" && !slices.Contains(judged, f.Key) {
			t.Errorf("%s acts; say in judgeInstance what a change of it does", f.Key)
		}
	}
}
