package lint

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/load"
	"github.com/moonkeep/moonkeep/config/source"
)

// read returns the configuration of a YAML text.
func read(t *testing.T, file, text string) *config.Config {
	t.Helper()
	c, findings := source.Read(file, []byte(text))
	if findings.Errors() {
		t.Fatalf("%s: %v", file, findings)
	}
	return c
}

func same(t *testing.T, got config.Findings, want []string) {
	t.Helper()
	var lines []string
	for _, f := range got {
		if f.Severity != config.Warning {
			t.Errorf("%v is no warning", f)
		}
		lines = append(lines, placeless(f))
	}
	if !slices.Equal(lines, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
}

// placeless is a finding with its file and without line and column, which
// TestPlaces is for.
func placeless(f config.Finding) string {
	f.At = config.NewPosition(f.At.File(), 0, 0)
	return f.String()
}

// TestRealPairs holds the arithmetic on two pairs of configurations as users
// published them. Neither can move its address by a failed check.
func TestRealPairs(t *testing.T) {
	for name, test := range map[string]struct {
		files []string
		want  []string
	}{
		"a negative weight that is too small": {
			[]string{"testdata/nginx-a.conf", "testdata/nginx-b.conf"},
			[]string{"testdata/nginx-a.conf: warning: vrrp_instance VI_1: when chk_http_port fails here, the priority is 95 (100 - 5), and nginx-b.conf has 90: the address never moves; use a weight of -11 or less, or weight 0, which faults the instance; and nginx-b.conf has nopreempt: it leaves a living master in office, so only weight 0 works as long as it has [weight-too-small]"},
		},
		"a positive weight that is too small, on both nodes": {
			[]string{"testdata/dual-1.conf", "testdata/dual-2.conf"},
			[]string{
				"testdata/dual-1.conf: warning: vrrp_instance VI_1: when chk_nginx fails here, the priority is 100 (102 - 2), and dual-2.conf has 92: the address never moves; use a weight of at least 11 on all nodes, or weight 0, which faults the instance; and dual-2.conf has nopreempt: it leaves a living master in office, so only weight 0 works as long as it has [weight-too-small]",
				"testdata/dual-2.conf: warning: vrrp_instance VI_2: when chk_nginx fails here, the priority is 100 (102 - 2), and dual-1.conf has 92: the address never moves; use a weight of at least 11 on all nodes, or weight 0, which faults the instance; and dual-1.conf has nopreempt: it leaves a living master in office, so only weight 0 works as long as it has [weight-too-small]",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var cs []*config.Config
			for _, f := range test.files {
				c, findings, err := load.File(f)
				if err != nil || findings.Errors() {
					t.Fatal(err, findings)
				}
				cs = append(cs, c)
			}
			same(t, Cluster(cs), test.want)
			slices.Reverse(cs)
			if got := Cluster(cs); len(got) != len(test.want) {
				t.Errorf("in the other order: %v", got)
			}
			if got := Cluster(cs[:1]); got != nil {
				t.Errorf("of one file alone: %v", got)
			}
		})
	}
}

// node is a configuration whose one instance has these keys beside those it
// must have; the instance is in line 4, its keys from line 7.
func node(keys string) string {
	if !strings.Contains(keys, "virtual_router_id") {
		keys = "virtual_router_id: 1\n" + keys
	}
	if !strings.Contains(keys, "virtual_ipaddresses") {
		keys += "\nvirtual_ipaddresses: [192.0.2.1/24]"
	}
	if !strings.Contains("\n"+keys, "\nname:") {
		keys = "name: V\n" + keys
	}
	return "vrrp_scripts:\n  - {name: web, script: /bin/true}\n" +
		"vrrp_instances:\n  - interface: eth0\n    " + strings.ReplaceAll(keys, "\n", "\n    ") + "\n"
}

func TestCluster(t *testing.T) {
	track := func(priority, weight int, more string) string {
		return node(fmt.Sprintf("priority: %d\ntrack_scripts: [{name: web, weight: %d}]%s", priority, weight, more))
	}
	for name, test := range map[string]struct {
		nodes []string
		want  []string
	}{
		"nothing to say":              {[]string{track(100, -20, ""), track(90, -20, "")}, nil},
		"a negative weight, just":     {[]string{track(100, -11, ""), track(90, -11, "")}, nil},
		"a positive weight, just":     {[]string{track(100, 11, ""), track(90, 11, "")}, nil},
		"weight 0":                    {[]string{track(100, 0, "\nnopreempt: true"), track(90, 0, "\nnopreempt: true")}, nil},
		"the owner is not judged":     {[]string{track(255, -1, "\nuse_vmac: true"), track(90, -1, "\nuse_vmac: true")}, nil},
		"the third node takes over":   {[]string{track(100, -20, ""), track(90, -20, "\nnopreempt: true"), track(85, -20, "")}, nil},
		"other names, same router":    {[]string{track(100, -20, "\nname: W"), track(90, -20, "")}, nil},
		"the order of addresses":      {[]string{node("priority: 2\nvirtual_ipaddresses: [192.0.2.1, 192.0.2.2]"), node("virtual_ipaddresses: [192.0.2.2, 192.0.2.1]")}, nil},
		"equal is not enough, minus":  {[]string{track(100, -10, ""), track(90, -10, "")}, []string{"a.yaml: warning: vrrp_instance V: when web fails here, the priority is 90 (100 - 10), and b.yaml has 90: the address never moves; use a weight of -11 or less, or weight 0, which faults the instance [weight-too-small]"}},
		"equal is not enough, plus":   {[]string{track(100, 10, ""), track(90, 10, "")}, []string{"a.yaml: warning: vrrp_instance V: when web fails here, the priority is 100 (110 - 10), and b.yaml has 100: the address never moves; use a weight of at least 11 on all nodes, or weight 0, which faults the instance [weight-too-small]"}},
		"a positive weight, one node": {[]string{track(100, 200, ""), node("priority: 90")}, []string{"a.yaml: warning: vrrp_instance V: when web fails here, the priority is 100 (300 - 200), and b.yaml has 90: the address never moves; use a weight of -11 or less, or weight 0, which faults the instance [weight-too-small]"}},
		"no weight would do":          {[]string{track(250, 1, ""), track(10, 1, "")}, []string{"a.yaml: warning: vrrp_instance V: when web fails here, the priority is 250 (251 - 1), and b.yaml has 11: the address never moves; use weight 0, which faults the instance [weight-too-small]"}},
		"an interface": {
			[]string{node("priority: 100\ntrack_interfaces: [{name: eth1, weight: -5}]"), node("priority: 90")},
			[]string{"a.yaml: warning: vrrp_instance V: when eth1 goes down here, the priority is 95 (100 - 5), and b.yaml has 90: the address never moves; use a weight of -11 or less, or weight 0, which faults the instance [weight-too-small]"},
		},
		"two checks that together would do": {
			[]string{node("priority: 100\ntrack_scripts: [{name: web, weight: -6}]\ntrack_interfaces: [{name: eth1, weight: -6, reverse: true}]"), node("priority: 90")},
			[]string{
				"a.yaml: warning: vrrp_instance V: when web fails here, the priority is 94 (100 - 6), and b.yaml has 90: the address never moves by this alone; use a weight of -11 or less, or weight 0, which faults the instance [weight-too-small]",
				"a.yaml: warning: vrrp_instance V: when eth1 comes up here, the priority is 94 (100 - 6), and b.yaml has 90: the address never moves by this alone; use a weight of -11 or less, or weight 0, which faults the instance [weight-too-small]",
			},
		},
		"nopreempt on the other node": {
			[]string{track(100, -20, ""), track(90, -20, "\nnopreempt: true")},
			[]string{"a.yaml: warning: vrrp_instance V: when web fails here, the priority is 80 (100 - 20), less than the 90 of b.yaml, which has nopreempt and leaves a living master in office: the address never moves; take nopreempt out there, or use weight 0, which faults the instance [nopreempt-stays]"},
		},
		"a weight that a group takes away": {
			[]string{track(100, -5, "") + "vrrp_sync_groups: [{name: G, group: [V]}]\n", node("priority: 90")}, nil,
		},
		"a group's own weight": {
			[]string{node("priority: 100") + "vrrp_sync_groups: [{name: G, group: [V], track_scripts: [{name: web, weight: -5}]}]\n", node("priority: 90")},
			[]string{"a.yaml: warning: vrrp_instance V: when web fails here, the priority is 95 (100 - 5), and b.yaml has 90: the address never moves; use a weight of -11 or less, or weight 0, which faults the instance [weight-too-small]"},
		},
		"versions": {
			[]string{node("priority: 100"), node("priority: 90\nversion: 3")},
			[]string{"b.yaml: warning: vrrp_instance V: version 3 here and 2 in a.yaml: the nodes do not hear each other and all become master [peers-version]"},
		},
		"intervals of version 2": {
			[]string{node("priority: 100"), node("priority: 90\nadvert_int: 2s")},
			[]string{"b.yaml: warning: vrrp_instance V: advert_int 2s here and 1s in a.yaml: version 2 discards the other's adverts, and both become master [peers-interval]"},
		},
		"intervals of version 3": {
			[]string{node("priority: 100\nversion: 3"), node("priority: 90\nversion: 3\nadvert_int: 2s")},
			[]string{"b.yaml: warning: vrrp_instance V: advert_int 2s here and 1s in a.yaml: a backup takes over the master's, so the time to fail over depends on who is master [peers-interval]"},
		},
		"authentication": {
			[]string{node("priority: 100"), node("priority: 90\nauthentication: {auth_type: PASS, auth_pass: hunter2}")},
			[]string{"b.yaml: warning: vrrp_instance V: authentication is PASS here and none in a.yaml: the nodes discard each other's adverts and all become master [peers-authentication]"},
		},
		"passwords": {
			[]string{node("priority: 100\nauthentication: {auth_type: PASS, auth_pass: hunter1}"), node("priority: 90\nauthentication: {auth_type: PASS, auth_pass: hunter2}")},
			[]string{"b.yaml: warning: vrrp_instance V: auth_pass is not the one of a.yaml: the nodes discard each other's adverts and all become master [peers-authentication]"},
		},
		"checksums": {
			[]string{node("priority: 100\nversion: 3"), node("priority: 90\nversion: 3\nv3_checksum: rfc9568")},
			[]string{"b.yaml: warning: vrrp_instance V: another form of checksum than in a.yaml: moonkeep accepts both, keepalived and others one only [peers-checksum]"},
		},
		"addresses": {
			[]string{node("priority: 100\nvirtual_ipaddresses: [192.0.2.1, 192.0.2.2]"), node("priority: 90\nvirtual_ipaddresses: [192.0.2.1, 192.0.2.3]\nvirtual_ipaddresses_excluded: [192.0.2.9]")},
			[]string{
				"b.yaml: warning: vrrp_instance V: virtual addresses: 192.0.2.3 is not in a.yaml, 192.0.2.2 of a.yaml is not here; a move would not take all addresses along [peers-addresses]",
				"b.yaml: warning: vrrp_instance V: excluded virtual addresses: 192.0.2.9 is not in a.yaml; a move would not take all addresses along [peers-addresses]",
			},
		},
		"prefix lengths": {
			[]string{node("priority: 100\nvirtual_ipaddresses: [192.0.2.1/24]"), node("priority: 90\nvirtual_ipaddresses: [192.0.2.1]")},
			[]string{"b.yaml: warning: vrrp_instance V: virtual addresses: 192.0.2.1 is /32 here and /24 in a.yaml; a move would not take all addresses along [peers-addresses]"},
		},
		"equal priorities": {
			[]string{node("priority: 100"), node("priority: 100")},
			[]string{"b.yaml: warning: vrrp_instance V: priority 100 is that of a.yaml too: of the two whoever has the higher address wins, which nobody wrote down; give different priorities [peers-priority]"},
		},
		"two masters": {
			[]string{node("priority: 90\nstate: MASTER"), node("priority: 100\nstate: MASTER")},
			[]string{"a.yaml: warning: vrrp_instance V: state MASTER here and in b.yaml: both claim the addresses when they start together; write state BACKUP here [two-masters]"},
		},
		"one source": {
			[]string{node("priority: 90\nmcast_src_ip: 192.0.2.9"), node("priority: 100\nmcast_src_ip: 192.0.2.9")},
			[]string{"b.yaml: warning: vrrp_instance V: mcast_src_ip 192.0.2.9 is that of a.yaml too: each takes the other's adverts for its own [peers-source]"},
		},
		"one number mistyped": {
			[]string{node("virtual_router_id: 15"), node("virtual_router_id: 51")},
			[]string{
				"a.yaml: warning: vrrp_instance V: no other file has virtual_router_id 15, and b.yaml has 51 for the same name: both would be master [no-peer]",
				"b.yaml: warning: vrrp_instance V: no other file has virtual_router_id 51, and a.yaml has 15 for the same name: both would be master [no-peer]",
			},
		},
		"alone": {
			[]string{node("priority: 90\nname: A\nvirtual_router_id: 15"), node("priority: 90\nname: B\nvirtual_router_id: 16\nvirtual_ipaddresses: [192.0.2.9]")},
			[]string{
				"a.yaml: warning: vrrp_instance A: no other file has virtual_router_id 15: nobody takes over when this node fails [no-peer]",
				"b.yaml: warning: vrrp_instance B: no other file has virtual_router_id 16: nobody takes over when this node fails [no-peer]",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var cs []*config.Config
			for i, text := range test.nodes {
				cs = append(cs, read(t, string(rune('a'+i))+".yaml", text))
			}
			got := Cluster(cs)
			for _, f := range got {
				if strings.Contains(f.Text, "hunter") {
					t.Errorf("a password is shown: %v", f)
				}
			}
			same(t, got, test.want)
		})
	}
}

func TestOne(t *testing.T) {
	for name, test := range map[string]struct {
		text string
		want []string
	}{
		"nothing to say": {node("track_scripts: [{name: web, weight: -20}]"), nil},
		"password": {node("authentication: {auth_type: PASS, auth_pass: hunter2}"), []string{
			"a.yaml: warning: vrrp_instance V: auth_type PASS sends the password in clear to everybody on the network: it prevents mistakes, not attacks; use it nowhere else [clear-password]",
		}},
		"a short silence": {node("version: 3\nadvert_int: 30ms"), []string{
			"a.yaml: warning: vrrp_instance V: a pause of 90ms of the master or of the network already moves the addresses (advert_int 30ms times down_timer_adverts 3) [short-silence]",
		}},
		"a silence long enough": {node("version: 3\nadvert_int: 40ms"), nil},
		"weights in a group": {node("track_scripts: [{name: web, weight: -20}]\ntrack_interfaces: [eth1]") + "vrrp_sync_groups: [{name: G, group: [V]}]\n", []string{
			"a.yaml: warning: vrrp_instance V: the weight -20 of web is not used, because the instance is in vrrp_sync_group G: track it in the group, or set sync_group_tracking_weight there [group-weight]",
		}},
		"weights kept in a group": {node("track_scripts: [{name: web, weight: -20}]") + "vrrp_sync_groups: [{name: G, group: [V], sync_group_tracking_weight: true}]\n", nil},
		"weight of an owner": {node("priority: 255\ntrack_scripts: [{name: web, weight: 20}]"), []string{
			"a.yaml: warning: vrrp_instance V: the weight 20 of web has no effect: priority 255 never changes; give another priority, or weight 0 [owner-weight]",
		}},
		"too high": {node("priority: 250\ntrack_scripts: [{name: web, weight: 5}]"), []string{
			"a.yaml: warning: vrrp_instance V: priority 250 and the positive weights add up to 255, but 254 is the most there is: what is above is lost; lower the priority on all nodes [weight-clamped]",
		}},
		"as high as it goes": {node("priority: 250\ntrack_scripts: [{name: web, weight: 4}]"), nil},
		"nopreempt and a weight": {node("nopreempt: true\ntrack_scripts: [{name: web, weight: -20}]"), []string{
			"a.yaml: warning: vrrp_instance V: with nopreempt this node leaves every living master in office, however low a weight makes its priority: a failed check there moves nothing; use weight 0, or take nopreempt out [nopreempt-weight]",
		}},
		"nopreempt and weight 0": {node("nopreempt: true\ntrack_scripts: [web]"), nil},
		"a slow check": {"vrrp_scripts:\n  - {name: web, script: /bin/true, interval: 10s, timeout: 5s, fall: 3}\nvrrp_instances:\n  - {name: V, interface: eth0, virtual_router_id: 1, virtual_ipaddresses: [192.0.2.1], track_scripts: [web]}\n", []string{
			"a.yaml: warning: vrrp_script web: a failure may go unnoticed for 35s (3 times interval 10s, and timeout 5s), while the loss of the whole node is noticed in 3.61s (vrrp_instance V: 3 times advert_int 1s, and 610ms of skew); run it more often, and give it less time [slow-check]",
		}},
	} {
		t.Run(name, func(t *testing.T) { same(t, One(read(t, "a.yaml", test.text)), test.want) })
	}
}
