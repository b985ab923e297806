package lint

import (
	"fmt"
	"testing"
)

// ha is a configuration with these instances, "NAME VRID PRIORITY KEYS" each.
func ha(instances ...string) string {
	text := "vrrp_scripts:\n  - {name: web, script: /bin/true}\n  - {name: db, script: /bin/true}\nvrrp_instances:\n"
	for _, in := range instances {
		var name, keys string
		var vrid, priority int
		if n, err := fmt.Sscanf(in, "%s %d %d %q", &name, &vrid, &priority, &keys); n < 3 {
			panic(fmt.Sprint(in, err))
		}
		if keys == "" {
			keys = fmt.Sprintf("virtual_ipaddresses: [192.0.2.%d/24]", vrid)
		}
		text += fmt.Sprintf("  - {name: %s, interface: eth0, virtual_router_id: %d, priority: %d, %s}\n", name, vrid, priority, keys)
	}
	return text
}

func TestRouters(t *testing.T) {
	for name, test := range map[string]struct {
		nodes []string
		want  []string
	}{
		"several routers": {[]string{ha("A 1 100", "B 2 90"), ha("A 1 90", "B 2 100")}, nil},
		"one number on two links": {
			[]string{
				ha("A 1 100 \"virtual_ipaddresses: [192.0.2.1/24]\"") + "  - {name: B, interface: eth1, virtual_router_id: 1, priority: 90, virtual_ipaddresses: [198.51.100.1/24]}\n",
				ha("A 1 90 \"virtual_ipaddresses: [192.0.2.1/24]\"") + "  - {name: B, interface: ens9, virtual_router_id: 1, priority: 100, virtual_ipaddresses: [198.51.100.1/24]}\n",
			}, nil,
		},
		"two clusters with one number": {
			[]string{
				ha("A 1 100"), ha("A 1 90"),
				ha("X 1 100 \"virtual_ipaddresses: [192.0.2.9/24]\""), ha("X 1 90 \"virtual_ipaddresses: [192.0.2.9/24]\""),
			},
			[]string{"c.yaml shared-number: virtual_router_id 1 is that of vrrp_instance A of a.yaml too"},
		},
		"two clusters with one number and one name, one of them at odds": {
			[]string{
				ha("A 1 100"), ha("A 1 90"),
				ha("A 1 100 \"virtual_ipaddresses: [192.0.2.9/24]\""), ha("A 1 90 \"virtual_ipaddresses: [192.0.2.9/25]\""),
			},
			[]string{
				"c.yaml shared-number: virtual_router_id 1 is that of vrrp_instance A of a.yaml too",
				"d.yaml peers-addresses: 192.0.2.9 is /25 here and /24 in c.yaml",
			},
		},
		"two files that share nothing but the number": {
			[]string{ha("A 1 100"), ha("X 1 90 \"virtual_ipaddresses: [192.0.2.9/24]\"")},
			[]string{"b.yaml shared-number: vrrp_instance A of a.yaml too"},
		},
		"the number is on another link": {
			[]string{ha("A 1 100"), "vrrp_instances:\n  - {name: B, interface: eth7, virtual_router_id: 1, priority: 90, virtual_ipaddresses: [198.51.100.1/24]}\n"},
			[]string{
				"a.yaml no-peer: no other file has virtual_router_id 1 with one of these addresses (b.yaml has it on eth7)",
				"b.yaml no-peer: no other file has virtual_router_id 1 with one of these addresses (a.yaml has it on eth0)",
			},
		},
		"one address, two numbers": {
			[]string{ha("A 1 100"), ha("B 2 90 \"virtual_ipaddresses: [192.0.2.1/24]\"")},
			[]string{
				"a.yaml no-peer: no other file has virtual_router_id 1, and b.yaml has 192.0.2.1 under 2: both would be master",
				"b.yaml no-peer: no other file has virtual_router_id 2, and a.yaml has 192.0.2.1 under 1: both would be master",
			},
		},
		"one name, other addresses": {
			[]string{ha("A 1 100"), ha("A 1 90 \"virtual_ipaddresses: [192.0.2.9/24]\"")},
			[]string{"b.yaml peers-addresses: virtual addresses: 192.0.2.9 is not in a.yaml, 192.0.2.1 of a.yaml is not here"},
		},
		"another name without addresses": {
			[]string{ha("A 1 100"), ha("B 1 90 \"virtual_ipaddresses: []\"")},
			[]string{"b.yaml peers-addresses: 192.0.2.1 of a.yaml is not here"},
		},
	} {
		t.Run(name, func(t *testing.T) { said(t, Cluster(nodes(t, test.nodes...)), test.want...) })
	}
}

func TestElection(t *testing.T) {
	for name, test := range map[string]struct {
		nodes []string
		want  []string
	}{
		"the last two are equal": {
			[]string{ha("A 1 100"), ha("A 1 90"), ha("A 1 90")},
			[]string{"c.yaml peers-priority: priority 90 is that of b.yaml too"},
		},
		"two owners": {
			[]string{ha("A 1 255"), ha("A 1 255")},
			[]string{"b.yaml two-owners: priority 255 here and in a.yaml"},
		},
		"one owner":                    {[]string{ha("A 1 255"), ha("A 1 254")}, []string{"b.yaml owner-unheard: a.yaml owns the addresses (priority 255): its adverts come from an address that this node holds"}},
		"one owner, and a virtual MAC": {[]string{ha("A 1 255 \"use_vmac: true, virtual_ipaddresses: [192.0.2.1/24]\""), ha("A 1 254 \"use_vmac: true, virtual_ipaddresses: [192.0.2.1/24]\"")}, nil},
		"MASTER where the priority is lower": {
			[]string{ha("A 1 100"), ha("A 1 90 \"state: MASTER, virtual_ipaddresses: [192.0.2.1/24]\"")},
			[]string{"b.yaml master-not-best: state MASTER and priority 90 here, but a.yaml has priority 100"},
		},
		"MASTER where the priority is lower and stays": {
			[]string{ha("A 1 100 \"nopreempt: true, virtual_ipaddresses: [192.0.2.1/24]\""), ha("A 1 90 \"state: MASTER, virtual_ipaddresses: [192.0.2.1/24]\"")}, nil,
		},
		"nopreempt on the wrong node": {
			[]string{ha("A 1 100"), ha("A 1 90 \"nopreempt: true, virtual_ipaddresses: [192.0.2.1/24]\"")},
			[]string{"a.yaml nopreempt-missing: every other node has nopreempt, and this one with the highest priority (100) does not"},
		},
		"nopreempt on some nodes": {
			[]string{ha("A 1 100"), ha("A 1 90 \"nopreempt: true, virtual_ipaddresses: [192.0.2.1/24]\""), ha("A 1 80")}, nil,
		},
		"nopreempt beside an owner": {
			[]string{ha("A 1 255"), ha("A 1 90 \"nopreempt: true, virtual_ipaddresses: [192.0.2.1/24]\"")}, []string{"b.yaml owner-unheard: "},
		},
		"MASTER where the priority is higher": {
			[]string{ha("A 1 90"), ha("A 1 100 \"state: MASTER, virtual_ipaddresses: [192.0.2.1/24]\"")}, nil,
		},
	} {
		t.Run(name, func(t *testing.T) { said(t, Cluster(nodes(t, test.nodes...)), test.want...) })
	}
}

func TestMovementOfThree(t *testing.T) {
	weighted := func(priority, weight int, more string) string {
		return ha(fmt.Sprintf("A 1 %d \"virtual_ipaddresses: [192.0.2.1/24], track_scripts: [{name: web, weight: %d}]%s\"", priority, weight, more))
	}
	for name, test := range map[string]struct {
		nodes []string
		want  []string
	}{
		"enough for the worst case":   {[]string{weighted(100, -21, ""), weighted(90, -11, ""), weighted(80, -1, "")}, nil},
		"positive, enough":            {[]string{weighted(100, 21, ""), weighted(90, 21, ""), weighted(80, 21, "")}, nil},
		"the last node has no weight": {[]string{weighted(100, -30, ""), weighted(90, -30, ""), ha("A 1 80")}, nil},
		"the second to the third": {
			[]string{weighted(100, -30, ""), weighted(90, -5, ""), weighted(80, -30, "")},
			[]string{"b.yaml weight-too-small: when a.yaml is down and web fails here, the priority is 85 (90 - 5), and c.yaml has 80: the address never moves; use a weight of -11 or less"},
		},
		"a failing node before one that is well": {
			[]string{weighted(100, -15, ""), weighted(90, -30, ""), weighted(80, -30, "")},
			[]string{"a.yaml weight-second-failure: when web fails here, the priority is 85 (100 - 15), less than the 90 of b.yaml but not than the 80 of c.yaml: if b.yaml is down as well, the address stays on this node although c.yaml is well; use a weight of -21 or less"},
		},
		"positive, not enough for the third": {
			[]string{weighted(100, 15, ""), weighted(90, 15, ""), weighted(80, 15, "")},
			[]string{"a.yaml weight-second-failure: the priority is 100 (115 - 15), less than the 105 of b.yaml but not than the 95 of c.yaml…use a weight of at least 21 on all nodes"},
		},
		"a weight that is cut at 1": {[]string{weighted(3, -253, ""), weighted(2, -253, ""), ha("A 1 1")}, []string{
			"a.yaml weight-second-failure: the priority is 1 (3 - 253), less than the 2 of b.yaml but not than the 1 of c.yaml…use weight 0",
			"b.yaml weight-too-small: when a.yaml is down and web fails here, the priority is 1 (2 - 253), and c.yaml has 1: the address never moves",
		}},
		"one check tracked by instance and group": {
			[]string{
				weighted(100, -6, "") + "vrrp_sync_groups: [{name: G, group: [A], sync_group_tracking_weight: true, track_scripts: [{name: web, weight: -6}]}]\n",
				ha("A 1 90"),
			}, nil,
		},
	} {
		t.Run(name, func(t *testing.T) { said(t, Cluster(nodes(t, test.nodes...)), test.want...) })
	}
}

func TestClusterGroups(t *testing.T) {
	group := func(members string) string {
		return "vrrp_sync_groups: [{name: G, group: [" + members + "]}]\n"
	}
	for name, test := range map[string]struct {
		nodes []string
		want  []string
	}{
		"in step": {[]string{ha("A 1 100", "B 2 100") + group("A, B"), ha("A 1 90", "B 2 90") + group("A, B")}, nil},
		"other names, in step": {[]string{
			ha("A 1 100", "B 2 100") + group("A, B"),
			ha("X 1 90", "Y 2 90") + group("X, Y"),
		}, nil},
		"each the best for one": {
			[]string{ha("A 1 100", "B 2 90") + group("A, B"), ha("A 1 90", "B 2 100") + group("A, B")},
			[]string{"a.yaml group-order: vrrp_sync_group G: a.yaml is the best for A (priority 100), but b.yaml for B (100)"},
		},
		"no group on the other node": {
			[]string{ha("A 1 100", "B 2 100") + group("A, B"), ha("A 1 90", "B 2 90")},
			[]string{"b.yaml group-members: vrrp_instance A: a.yaml keeps it in step with B (vrrp_sync_group G), this file does not: when"},
		},
		"one is not in the group": {
			[]string{ha("A 1 100", "B 2 100", "C 3 100") + group("A, B, C"), ha("A 1 90", "B 2 90", "C 3 90") + group("A, B")},
			[]string{"b.yaml group-members: a.yaml keeps it in step with C (vrrp_sync_group G), this file does not (C is in no group)"},
		},
		"the other node has only one of them": {
			[]string{ha("A 1 100", "B 2 100") + group("A, B"), ha("A 1 90")},
			[]string{"a.yaml no-peer: virtual_router_id 2"},
		},
	} {
		t.Run(name, func(t *testing.T) { said(t, Cluster(nodes(t, test.nodes...)), test.want...) })
	}
}
