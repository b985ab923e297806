package daemon

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/plan"
	"github.com/moonkeep/moonkeep/config/source"
	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
	pluginhost "github.com/moonkeep/moonkeep/plugins/host"
)

// TestPlanStartsNothing: who is neither root nor the daemon's user has nothing started
// by a plan, whose configuration names the files and under whom they run.
func TestPlanStartsNothing(t *testing.T) {
	t.Parallel()
	e := hostedEdges(t)
	began := filepath.Join(t.TempDir(), "began")
	file := filepath.Join("/usr/lib", "moonkeep-test-planned-"+strconv.Itoa(os.Getpid()))
	netnstest.Must(t, os.WriteFile(file, []byte("#!/bin/sh\n: > "+began+"\n"), 0o755))
	t.Cleanup(func() { os.Remove(file) })
	const site = `{"vrrp_instances": [{"name": "VI_1", "interface": "eth0", "virtual_router_id": 51, "virtual_ipaddresses": ["192.0.2.1/32"]}]`
	running, found := source.Read("a.json", []byte(site+"}"))
	if found.Errors() {
		t.Fatal(found)
	}
	netnstest.Must(t, complete(running, source.NewSettings(nil)))
	d := &daemon{opts: &Options{}, config: running, edges: e, asking: make(chan struct{}, 1)}
	pipe := filepath.Join(t.TempDir(), "pipe") // to open it waits for who writes
	netnstest.Must(t, syscall.Mkfifo(pipe, 0o600))
	answer, err := d.Plan(t.Context(), []byte(site+`, "global": {"net_namespace_ipvs": "`+pipe+`"}, "plugins": [{"name": "PLANNED", "path": "`+file+`", "user": "root", "processes": 8}],
"virtual_servers": [{"address": "192.0.2.1:80", "protocol": "TCP", "lb_algo": "rr", "lb_kind": "NAT",
	"real_servers": [{"address": "192.0.2.7:80", "checks": [{"plugin": {"name": "PLANNED"}}]}]}]}`))
	netnstest.Must(t, err)
	var p plan.Report
	netnstest.Must(t, json.Unmarshal(answer, &p))
	if len(p.Warnings) != 1 || !strings.Contains(p.Warnings[0], "were not asked") || len(p.Refused) > 0 {
		t.Errorf("%s", answer)
	}
	if _, err := os.Stat(began); !os.IsNotExist(err) {
		t.Errorf("it was started: %v", err)
	}
}

// TestUnanswered: plugins that do not answer are told of once for each reason, with the
// network namespaces in which they were asked.
func TestUnanswered(t *testing.T) {
	a := &asked{config: &config.Config{}, silent: config.Error}
	var failed []error
	ask := func(plugin, netns string, err error) {
		a.turns = append(a.turns, turn{plugin: pluginhost.Plugin{Name: plugin}, checks: []pluginhost.Check{{Subject: &pluginhost.Subject{Kind: plugin, NetNS: netns}}}})
		failed = append(failed, err)
	}
	hangs, dies := errors.New("hangs"), errors.New("dies")
	for _, netns := range []string{"", "n1", "n2", "n3", "n4"} {
		ask("A", netns, hangs)
	}
	ask("A", "n5", nil)
	ask("A", "n6", dies)
	ask("B", "n1", hangs)
	ask("B", "n2", hangs)
	ask("C", "", dies)
	var got []string
	for _, f := range a.unanswered(failed) {
		got = append(got, f.Text)
	}
	want := []string{
		"hangs (network namespaces the daemon's, n1, n2 and 2 more)", "dies (network namespace n6)",
		"hangs (network namespaces n1, n2)", "dies",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}
