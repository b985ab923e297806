package daemon

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/convert"
	"github.com/moonkeep/moonkeep/config/keepalived"
	"github.com/moonkeep/moonkeep/config/load"
	"github.com/moonkeep/moonkeep/config/plan"
	"github.com/moonkeep/moonkeep/config/source"
)

// TestPlanReadsWhatAReloadTakes: what keepalived's language takes is compared,
// also where moonkeep's own languages refuse it, and what runs differs in nothing
// from itself.
func TestPlanReadsWhatAReloadTakes(t *testing.T) {
	t.Parallel()
	const router = "vrrp_instance V {\n\tinterface eth0\n\tvirtual_router_id 1\n\tvirtual_ipaddress {\n\t\t192.0.2.9\n\t}\n"
	nameless := strings.Replace(router, "\tinterface eth0\n", "", 1)
	for what, text := range map[string]string{
		"master without priority":       router + "\tstate MASTER\n}\n",
		"unicast without interface":     nameless + "\tunicast_src_ip 192.0.2.1\n\tunicast_peer {\n\t\t192.0.2.2\n\t}\n}\n",
		"VRF without interface":         nameless + "\tvrf red\n\tunicast_src_ip 192.0.2.1\n\tunicast_peer {\n\t\t192.0.2.2\n\t}\n}\n",
		"track_group of nobody":         router + "}\ntrack_group g {\n\tgroup {\n\t\tW\n\t}\n}\nstatic_routes {\n\t198.51.100.0/24 via 192.0.2.254 dev eth0 track_group g\n}\n",
		"one address twice":             router + "}\n" + strings.NewReplacer("_instance V", "_instance W", "router_id 1", "router_id 2").Replace(router) + "}\n",
		"nothing to run":                "global_defs {\n\trouter_id a\n}\n",
		"authentication in version 3":   router + "\tversion 3\n\tauthentication {\n\t\tauth_type PASS\n\t\tauth_pass abc\n\t}\n}\n",
		"nopreempt with MASTER":         router + "\tstate MASTER\n\tpriority 200\n\tnopreempt\n}\n",
		"preempt_delay with MASTER":     router + "\tstate MASTER\n\tpriority 200\n\tpreempt_delay 5\n}\n",
		"strict with other timers":      router + "\tstrict_mode on\n\tdown_timer_adverts 5\n\tpreempt_delay 5\n}\n",
		"strict and MASTER":             router + "\tstrict_mode on\n\tstate MASTER\n\tpriority 150\n}\n",
		"no address":                    "vrrp_instance V {\n\tinterface eth0\n\tvirtual_router_id 1\n\tversion 2\n}\n",
		"version 2 and IPv6":            strings.Replace(router, "192.0.2.9", "fe80::9\n\t\t2001:db8::9", 1) + "\tversion 2\n}\n",
		"interval of version 2":         router + "\tversion 2\n\tadvert_int 1.4\n}\n",
		"password too long":             router + "\tversion 2\n\tauthentication {\n\t\tauth_type PASS\n\t\tauth_pass abcdefghijklm\n\t}\n}\n",
		"no auth_type":                  router + "\tversion 2\n\tauthentication {\n\t\tauth_pass abc\n\t}\n}\n",
		"group of nobody":               router + "}\nvrrp_sync_group G {\n\tgroup {\n\t\tW\n\t}\n}\n",
		"two groups":                    router + "}\nvrrp_sync_group G {\n\tgroup {\n\t\tV\n\t}\n}\nvrrp_sync_group H {\n\tgroup {\n\t\tV\n\t}\n}\n",
		"owner among others":            router + "\tpriority 255\n}\n" + strings.NewReplacer("_instance V", "_instance W", "router_id 1", "router_id 2", "2.9", "2.8").Replace(router) + "}\nvrrp_sync_group G {\n\tgroup {\n\t\tV\n\t\tW\n\t}\n}\n",
		"own interface tracked":         router + "\ttrack_interface {\n\t\teth0\n\t}\n}\n",
		"quorum of processes":           router + "\ttrack_process {\n\t\tp\n\t}\n}\nvrrp_track_process p {\n\tprocess nginx\n\tquorum 3\n\tquorum_max 2\n}\n",
		"persistent by a granularity":   "virtual_server 192.0.2.1 80 {\n\tlb_algo rr\n\tlb_kind NAT\n\tprotocol TCP\n\tpersistence_granularity 255.255.255.0\n\treal_server 192.0.2.2 80 {\n\t}\n}\n",
		"a service of all ports":        "virtual_server 192.0.2.1 {\n\tlb_algo rr\n\tlb_kind DR\n\tprotocol TCP\n\treal_server 192.0.2.2 {\n\t}\n}\n",
		"reply length":                  "virtual_server 192.0.2.1 53 {\n\tlb_algo rr\n\tlb_kind NAT\n\tprotocol UDP\n\treal_server 192.0.2.2 53 {\n\t\tUDP_CHECK {\n\t\t\tmin_reply_length 9\n\t\t\tmax_reply_length 8\n\t\t}\n\t}\n}\n",
		"peer of no TTL":                router + "\tunicast_src_ip 192.0.2.1\n\tunicast_peer {\n\t\t192.0.2.2 min_ttl 9 max_ttl 8\n\t}\n}\n",
		"scripts without a user or use": "vrrp_script s {\n\tscript /bin/true\n\tinterval 3\n\ttimeout 9\n}\n" + router + "\ttrack_script {\n\t\ts weight 5\n\t}\n}\n",
		"script of a group of nobody":   "vrrp_script s {\n\tscript /bin/true\n}\n" + router + "}\nvrrp_sync_group G {\n\tgroup {\n\t\tW\n\t}\n\ttrack_script {\n\t\ts\n\t}\n}\n",
		"no priority to lose":           "vrrp_script s {\n\tscript /bin/true\n\tweight -254\n}\n" + router + "\tpriority 255\n\ttrack_script {\n\t\ts\n\t}\n}\n",
	} {
		c, found := keepalived.Read("a", []byte(text))
		if found.Errors() {
			t.Errorf("%s: %v", what, found)
			continue
		}
		sent, _, err := convert.To(convert.JSON, c, nil, true)
		if err != nil {
			t.Fatal(err)
		}
		if err := complete(c, source.NewSettings(nil)); err != nil {
			t.Fatal(err)
		}
		answer, err := (&daemon{opts: &Options{}, config: c}).Plan(t.Context(), sent)
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		var p plan.Report
		if err := json.Unmarshal(answer, &p); err != nil {
			t.Fatal(err)
		}
		if len(p.Changes) > 0 || len(p.Refused) > 0 {
			t.Errorf("%s: %+v", what, p)
		}
	}
	if _, err := (&daemon{opts: &Options{}, config: &config.Config{}}).Plan(t.Context(), []byte(`{"vrrp_instances": [{"name": "V", "priorty": 5}]}`)); err == nil || !strings.Contains(err.Error(), "priority") {
		t.Errorf("a word that is none: %v", err)
	}
}

// TestPlanUnderSettings: what stands above the files of the daemon stands above those
// that it plans for.
func TestPlanUnderSettings(t *testing.T) {
	t.Setenv("MOONKEEP_VRRP_VERSION", "2")
	path := filepath.Join(t.TempDir(), "a.yaml")
	if err := os.WriteFile(path, []byte("vrrp_instances: [{name: A, interface: eth0, virtual_router_id: 1, virtual_ipaddresses: [192.0.2.1]}]\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	set := []string{"router_id=flag"}
	running, found, err := openLayers([]string{path}, "", set, nil)
	if err != nil || found.Errors() {
		t.Fatalf("%v, %v", found, err)
	}
	if p := planned(t, path, set, running); len(p.Changes) > 0 || len(p.Refused) > 0 {
		t.Errorf("%+v", p)
	}
}

// TestPlanRefusesWhatSettingsSpoil: a file that is sound by itself is refused by a reload
// of a daemon whose flags or environment make it none, and plan says so.
func TestPlanRefusesWhatSettingsSpoil(t *testing.T) {
	t.Parallel()
	const one = "global: {vrrp_version: 3}\nvrrp_instances:\n  - {name: A, interface: eth0, virtual_router_id: 1, virtual_ipaddresses: [192.0.2.1]}\n"
	for _, tt := range []struct{ set, added, says string }{
		{"vrrp_version=2", "advert_int: 500ms", "must be whole seconds in version 2"},
		{"vrrp_strict=true", "unicast_peers: [192.0.2.7]", "remove the unicast peers"},
		{"vrrp_version=2", "advert_int: 2s", ""},
	} {
		dir, set := t.TempDir(), []string{tt.set}
		write := func(name, text string) string {
			path := filepath.Join(dir, name)
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			return path
		}
		running, found, err := openLayers([]string{write("a.yaml", one)}, "", set, nil)
		if err != nil || found.Errors() {
			t.Fatalf("%v, %v", found, err)
		}
		path := write("b.yaml", one+"  - {name: B, interface: eth0, virtual_router_id: 2, "+tt.added+", virtual_ipaddresses: [192.0.2.2]}\n")
		if _, found, err := openLayers([]string{path}, "", set, nil); err != nil || found.Errors() != (tt.says != "") {
			t.Errorf("%s: a reload: %v, %v", tt.added, found, err)
		}
		p := planned(t, path, set, running)
		if text := strings.Join(p.Refused, "; "); (text != "") != (tt.says != "") || !strings.Contains(text, tt.says) {
			t.Errorf("%s: %q, want that %q", tt.added, text, tt.says)
		}
	}
}

// planned is what the daemon answers when the command asks it for the plan of a file.
func planned(t *testing.T, path string, set []string, running *config.Config) (p plan.Report) {
	t.Helper()
	written, found, err := load.FileAs(path, "") // as the command sends it
	if err != nil || found.Errors() {
		t.Fatalf("%v, %v", found, err)
	}
	sent, _, err := convert.To(convert.JSON, written, nil, true)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := (&daemon{opts: &Options{Set: set}, config: running}).Plan(t.Context(), sent)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(answer, &p); err != nil {
		t.Fatal(err)
	}
	return p
}
