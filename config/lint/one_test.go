package lint

import (
	"fmt"
	"strings"
	"testing"

	"github.com/moonkeep/moonkeep/config"
)

func TestTiming(t *testing.T) {
	script := func(keys, instance string) string {
		return "vrrp_scripts:\n  - {name: web, script: /bin/true, " + keys + "}\n" +
			"vrrp_instances:\n  - {name: V, interface: eth0, virtual_router_id: 1, virtual_ipaddresses: [192.0.2.1], track_scripts: [web]" + instance + "}\n"
	}
	for name, test := range map[string]struct {
		text string
		want []string
	}{
		"an ordinary check":             {script("interval: 2s, fall: 3", ""), nil},
		"as long as the failover":       {script("interval: 3600ms, fall: 1", ""), nil},
		"longer than the failover":      {script("interval: 3700ms, fall: 1", ""), []string{"a.yaml slow-check: a failure may go unnoticed for 7.4s (1 times interval 3.7s, and timeout 3.7s), while the loss of the whole node is noticed in 3.61s (vrrp_instance V: 3 times advert_int 1s, and 610ms of skew)"}},
		"a failover in version 3":       {script("interval: 500ms", ", version: 3, advert_int: 100ms, priority: 200"), []string{"a.yaml slow-check: noticed in 320ms (vrrp_instance V: 3 times advert_int 100ms, and 20ms of skew)"}},
		"slow with a slow failover":     {script("interval: 20s", ", advert_int: 20s"), nil},
		"many failures":                 {script("interval: 3s, fall: 10", ""), []string{"a.yaml slow-check: for 33s (10 times interval 3s, and timeout 3s)"}},
		"a timeout over the interval":   {script("interval: 1s, timeout: 2500ms, fall: 2", ""), []string{"a.yaml check-overlap: a hanging service is noticed after 6.5s only"}},
		"nobody tracks it":              {node("") + "# nothing\n", nil},
		"one advert":                    {node("down_timer_adverts: 1"), []string{"a.yaml one-lost-advert: a single lost or late advert"}},
		"two adverts":                   {node("down_timer_adverts: 2"), nil},
		"announced once":                {node("garp: {master_delay: 0s}"), []string{"a.yaml announced-once: garp_master_delay 0"}},
		"announced again and again":     {node("garp: {master_delay: 0s, master_refresh: 60s}"), nil},
		"many announcements":            {node("garp: {interval: 1s, master_repeat: 4}"), []string{"a.yaml slow-announcement: announcing takes 4s (garp_master_repeat 4 times 1 addresses, one every 1s), longer than the failover itself (3.61s)"}},
		"as long as the skew allows":    {node("garp: {interval: 800ms, master_repeat: 4}"), nil},
		"not so many":                   {node("garp: {interval: 1s, master_repeat: 3}"), nil},
		"the own link is not tracked":   {node("dont_track_primary: true"), []string{"a.yaml untracked-link: when eth0 fails here"}},
		"a script is tracked":           {node("dont_track_primary: true\ntrack_scripts: [web]"), nil},
		"an address elsewhere":          {node("dont_track_primary: true\nvirtual_ipaddresses: [192.0.2.1 dev eth1]"), nil},
		"an address elsewhere, ignored": {node("dont_track_primary: true\nvirtual_ipaddresses: [192.0.2.1 dev eth1 no_track]"), []string{"a.yaml untracked-link: dont_track_primary"}},
	} {
		t.Run(name, func(t *testing.T) { said(t, One(read(t, "a.yaml", test.text)), test.want...) })
	}
}

func TestNotifications(t *testing.T) {
	const member = "vrrp_sync_groups: [{name: G, group: [V], notify: {master: /bin/up m}}]\n"
	for name, test := range map[string]struct {
		text string
		want []string
	}{
		"each its own":         {node("notify: {master: /bin/x master, backup: /bin/x backup}"), nil},
		"two alike":            {node("notify: {master: /bin/x, fault: /bin/x}"), []string{"a.yaml notify-untold: vrrp_instance V: notify_master and notify_fault run the same program"}},
		"alike in a group":     {node("") + "vrrp_sync_groups: [{name: G, group: [V], notify: {backup: /bin/x, stop: /bin/x}}]\n", []string{"a.yaml notify-untold: vrrp_sync_group G: notify_backup and notify_stop"}},
		"notify is told":       {node("notify: {any: /bin/x, master: /bin/x}"), nil},
		"member and group":     {node("notify: {master: /bin/up m}") + member, []string{"a.yaml notified-twice: vrrp_instance V: notify_master runs what vrrp_sync_group G runs"}},
		"member and not group": {node("notify: {backup: /bin/up m}") + member, nil},
	} {
		t.Run(name, func(t *testing.T) { said(t, One(read(t, "a.yaml", test.text)), test.want...) })
	}
}

// TestAddressTwice takes configurations that no file gives: readers may
// refuse some of them.
func TestAddressTwice(t *testing.T) {
	two := func(a, b string) *config.Config {
		c := read(t, "a.yaml", ha("A 1 100", "B 2 100"))
		c.Instances[0].Addresses = read(t, "a.yaml", node("virtual_ipaddresses: ["+a+"]")).Instances[0].Addresses
		c.Instances[1].Excluded = read(t, "a.yaml", node("virtual_ipaddresses: ["+b+"]")).Instances[0].Addresses
		return c
	}
	said(t, One(two("192.0.2.9", "192.0.2.8")))
	said(t, One(two("192.0.2.9", "192.0.2.9 dev eth1")))
	said(t, One(two("192.0.2.9/24", "192.0.2.9/32")), "a.yaml address-twice: vrrp_instance B: 192.0.2.9 on eth0 is a virtual address of vrrp_instance A too")
	c := two("192.0.2.9", "192.0.2.8")
	c.Instances[0].Excluded = c.Instances[0].Addresses
	said(t, One(c), "a.yaml address-twice: vrrp_instance A: 192.0.2.9 is among its virtual addresses twice")
}

// TestSettle holds that a mistake of a template is not told for everything
// that it makes.
func TestSettle(t *testing.T) {
	var found config.Findings
	for i := range 5 {
		found.Add(config.NewPosition("a", 1, 0), config.Warning, "x", "%d", i)
	}
	for i := range mostOfAName + 3 {
		found.Add(config.NewPosition("b", i+1, 0), config.Warning, "x", "%d", i)
	}
	found.Add(config.NewPosition("b", 99, 0), config.Warning, "y", "y")
	got := settle(found)
	if len(got) != 2+mostOfAName+1 {
		t.Fatalf("got %d findings, want %d", len(got), 2+mostOfAName+1)
	}
	for i, want := range map[int]string{0: "0", 1: "1; and 3 more at this place", 2: "0", 1 + mostOfAName: fmt.Sprint(mostOfAName-1, "; and 3 more of this name in the file"), 2 + mostOfAName: "y"} {
		if got[i].Text != want {
			t.Errorf("finding %d: got %q, want %q", i, got[i].Text, want)
		}
	}
	if !strings.HasPrefix(got[2].At.File(), "b") {
		t.Errorf("finding 2 is of %s", got[2].At.File())
	}
}
