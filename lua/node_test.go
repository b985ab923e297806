package lua

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// largeStatus is that of a node with so many instances and real servers, as the daemon
// tells it.
func largeStatus(t *testing.T, instances, servers int) []byte {
	t.Helper()
	fill := map[string]any{}
	for i := range 60 {
		fill[fmt.Sprintf("field_%d", i)] = map[string]any{"value": i, "text": "some words"}
	}
	var all struct {
		Instances []map[string]any `json:"instances"`
		Groups    []map[string]any `json:"sync_groups"`
		Scripts   []map[string]any `json:"scripts"`
		Virtual   []map[string]any `json:"virtual_servers"`
	}
	for i := range instances {
		in := map[string]any{"name": fmt.Sprintf("VI_%d", i), "role": "MASTER", "more": fill, "last_advert_heard_priority": nil, "last_advert_heard_age_s": nil}
		if i == 1 {
			in["unicast_peers"] = []string{"192.0.2.2", "192.0.2.3"}
			in["last_advert_heard_from"], in["last_advert_heard_priority"], in["last_advert_heard_age_s"] = "192.0.2.3", 90, 1.5
		}
		if i == 2 {
			in["last_advert_heard_from"], in["last_advert_heard_priority"], in["last_advert_heard_age_s"] = "192.0.2.4", 91, 2.5
		}
		all.Instances = append(all.Instances, in)
	}
	all.Groups = append(all.Groups, map[string]any{"name": "G"})
	all.Scripts = append(all.Scripts, map[string]any{"name": "s"})
	v := map[string]any{"name": "TCP 192.0.2.1:80", "more": fill}
	var list []map[string]any
	for i := range servers {
		list = append(list, map[string]any{"name": fmt.Sprintf("192.0.2.%d", i)})
	}
	v["real_servers"] = list
	all.Virtual = append(all.Virtual, v)
	text, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestNodeOfALargeNode: what is asked for costs a script, not what there is beside it.
func TestNodeOfALargeNode(t *testing.T) {
	text := largeStatus(t, 600, 20)
	host := &Host{Status: func(context.Context) ([]byte, error) { return text, nil }}
	for body, want := range map[string]string{
		`local i = node.instance("VI_550") return true, i.name .. i.role .. i.more.field_3.value`:                                                                                     "VI_550MASTER3",
		`local i, why = node.instance("VI_600") return true, why`:                                                                                                                     "there is no instance VI_600",
		`local l = node.sync_groups() return true, #l .. l[1].name`:                                                                                                                   "1G",
		`local l = node.trackers() return true, #l .. l[1].kind .. l[1].name`:                                                                                                         "1scripts",
		`local l = node.real_servers() return true, #l .. l[20].virtual_server .. " " .. l[20].name`:                                                                                  "20TCP 192.0.2.1:80 192.0.2.19",
		`local l = {} for _, p in ipairs(node.peers()) do l[#l + 1] = p.instance .. p.address .. tostring(p.priority) .. tostring(p.heard_age) end return true, table.concat(l, " ")`: "VI_1192.0.2.2nilnil VI_1192.0.2.3901.5 VI_2192.0.2.4912.5",
	} {
		script, err := Compile(write(t, map[string]string{"s.lua": `local node = require "node" return function() ` + body + " end"}) + "/s.lua")
		if err != nil {
			t.Fatal(err)
		}
		r, err := script.NewRunner(Options{Host: host})
		if err != nil {
			t.Fatal(err)
		}
		_, got, err := r.Check(within(t, 20*time.Second))
		if got != want || err != nil {
			t.Errorf("%s: %q, %v, want %q", body, got, err, want)
		}
	}
	host.Status = func(context.Context) ([]byte, error) { return []byte(`{"instances": null}`), nil }
	got, err := says(t, `local node = require "node" local i, why = node.instance("A") return true, tostring(i) .. why .. #node.instances() .. #node.peers() .. #node.real_servers() .. #node.trackers()`, Options{Host: host})
	if got != "nilthere is no instance A0000" || err != nil {
		t.Errorf("a node that has nothing: %q, %v", got, err)
	}
	host.Status = func(context.Context) ([]byte, error) { return text, nil }
	// All of it is as large as it is.
	r := runner(t, `local node = require "node" return function() return #node.instances() > 0 end`, Options{Host: host})
	if _, _, err := r.Check(within(t, 20*time.Second)); err == nil || !strings.Contains(err.Error(), "of memory in one call") {
		t.Errorf("all instances of a node of 600: %v", err)
	}
}
