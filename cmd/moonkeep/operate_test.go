package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/control"
	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
)

// asks runs a command that asks the daemon and returns what it printed.
func (p *process) asks(t *testing.T, status int, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	if got := run(append(args, "--run-dir", p.dir), &out, &out); got != status {
		t.Errorf("%q: exit status %d, want %d: %s\n%s", args, got, status, &out, p.log)
	}
	return out.String()
}

func mentions(t *testing.T, what, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%s: no %q in:\n%s", what, part, text)
		}
	}
}

// TestOperate asks a pair for what an operator does in a day.
func TestOperate(t *testing.T) {
	t.Parallel()
	a, b := hosts(t)
	extra := "vrrp_sync_group G {\n group { VI_1 }\n}"
	master := a.run(t, conf(150, vip.String(), "")+extra)
	master.awaitRole(t, "MASTER")

	// Nobody is there to take the address.
	mentions(t, "failover to nobody", master.asks(t, 1, "failover"), "VI_1: still MASTER", "no other node took the addresses", "--force")
	mentions(t, "unknown", master.asks(t, 1, "failover", "VI_2"), `no instance and no sync group "VI_2"; did you mean VI_1?`)

	backup := b.run(t, conf(100, vip.String(), ""))
	backup.await(t, "backup that hears its master", func(i *control.Instance) bool {
		return i.Role == "BACKUP" && i.HeardPriority != nil && *i.HeardPriority == 150
	})
	mentions(t, "nothing to move", backup.asks(t, 1, "failover"), "no instance is MASTER here")
	mentions(t, "nothing to move", backup.asks(t, 1, "failover", "VI_1"), "VI_1: it is BACKUP here")
	mentions(t, "failover of a group", master.asks(t, 0, "failover", "G", "--for", "1h"), "VI_1: ", "has the addresses now, with priority 100")
	b.holds(t, vip, true)
	s := master.await(t, "BACKUP", func(i *control.Instance) bool { return i.Role == "BACKUP" && i.Resting && i.RestEnd != nil })
	var text bytes.Buffer
	netnstest.Must(t, printStatus(&text, &s))
	mentions(t, "status", text.String(), "no preempt after a failover, for ", ", or until `moonkeep failover --cancel`")
	master.asks(t, 0, "failover", "--cancel")
	master.awaitRole(t, "MASTER")
	mentions(t, "log", master.log.String(), "failover requested", "(pid ")

	var moves control.Moves
	netnstest.Must(t, json.Unmarshal([]byte(master.asks(t, 0, "maintenance", "on", "--json")), &moves))
	if m := moves.Instances; !moves.Maintenance || len(m) != 1 || !m[0].Moved || !m[0].Maintenance || m[0].ToPriority != 100 || m[0].To == "" {
		t.Errorf("%+v", moves)
	}
	// It outlives the daemon, and nobody becomes MASTER while the other is away.
	master.stop(t)
	backup.stop(t)
	master = a.run(t, conf(150, vip.String(), "")+extra)
	eventually(t, "a line about nobody being master", func() bool {
		return strings.Contains(master.log.String(), "in maintenance, not taking over although no master heard since start")
	}, master.log.String)
	s = master.await(t, "BACKUP", func(i *control.Instance) bool { return i.Role == "BACKUP" && i.Maintenance })
	text.Reset()
	netnstest.Must(t, printStatus(&text, &s))
	mentions(t, "status", text.String(), "IN MAINTENANCE", "maintenance: never MASTER")
	mentions(t, "off", master.asks(t, 0, "maintenance", "off", "VI_1"), "VI_1: takes part again")
	master.awaitRole(t, "MASTER")
	if _, err := os.Stat(filepath.Join(master.dir, "maintenance.json")); !os.IsNotExist(err) {
		t.Errorf("the file of what is in maintenance: %v", err)
	}
	mentions(t, "forced", master.asks(t, 0, "maintenance", "on", "G", "--force"), "VI_1: given up after", "no other node was heard", "in maintenance, BACKUP")
	// By whatever name.
	a.write(t, "moonkeep.conf", strings.ReplaceAll(conf(150, vip.String(), "")+extra, "VI_1", "VI_9"), 0o644)
	master.asks(t, 0, "reload")
	if file, err := os.ReadFile(filepath.Join(master.dir, "maintenance.json")); err != nil || !strings.Contains(string(file), `["VI_9"]`) {
		t.Errorf("the next start reads that in maintenance are %s, %v", file, err)
	}
}

// TestReloadCommand: it tells what changed, and why it was refused.
func TestReloadCommand(t *testing.T) {
	t.Parallel()
	a, _ := hosts(t)
	p := a.run(t, conf(150, vip.String(), ""))
	p.awaitRole(t, "MASTER")
	mentions(t, "no change", p.asks(t, 0, "reload"), "reloaded, nothing changed")
	a.write(t, "moonkeep.conf", conf(140, vip.String(), "\tauthentication {\n\t\tauth_type PASS\n\t\tauth_pass secret\n\t}\n"), 0o644)
	mentions(t, "change", p.asks(t, 0, "reload"), "moonkeep.conf:", "warning:", "priority: 150 -> 140", "reloaded")
	p.await(t, "140", func(i *control.Instance) bool { return i.Base == 140 })
	a.write(t, "moonkeep.conf", strings.Replace(conf(100, vip.String(), ""), "priority 100", "priority", 1), 0o644)
	mentions(t, "refused", p.asks(t, 1, "reload"), "moonkeep.conf:9:", "error:", "refused, the earlier configuration runs on")
	var r control.Reloaded
	netnstest.Must(t, json.Unmarshal([]byte(p.asks(t, 1, "reload", "--json")), &r))
	if r.Error == "" || len(r.Findings) == 0 || r.Findings[0].Line != 9 || string(r.Plan) != "null" {
		t.Errorf("%+v", r)
	}
	if s, err := p.status(); err != nil || s.Instances[0].Base != 140 || s.ReloadError == "" {
		t.Errorf("%+v, %v", s, err)
	}
}

// TestOperateNobody: what the commands say when there is nobody to ask, or
// nothing is meant.
func TestOperateNobody(t *testing.T) {
	t.Parallel()
	p := &process{dir: filepath.Join(t.TempDir(), "none"), log: new(output)}
	for _, args := range [][]string{{"failover"}, {"maintenance", "on"}, {"reload"}, {"status"}, {"metrics"}, {"top"}, {"up", "192.0.2.1"}, {"server", "weight", "192.0.2.1", "5"}} {
		mentions(t, args[0], p.asks(t, 2, args...), "no daemon answers in "+p.dir)
	}
	for _, args := range [][]string{{"maintenance"}, {"maintenance", "maybe"}, {"failover", "--for", "-1s"}, {"reload", "x"}} {
		p.asks(t, 2, args...)
	}
}

// TestStopAlone: a master that never heard another router does not keep who
// stops it waiting, whatever the interval, in version 3: a backup that it cannot
// know of is hastened.
func TestStopAlone(t *testing.T) {
	t.Parallel()
	a, _ := hosts(t)
	slow := strings.Replace(conf(255, vip.String(), ""), "advert_int 0.1", "advert_int 1", 1)
	p := a.run(t, slow)
	p.awaitRole(t, "MASTER")
	var took []time.Duration
	for range 3 {
		begin := time.Now()
		p.stop(t)
		took = append(took, time.Since(begin))
		a.holds(t, vip, false)
		p = a.run(t, slow)
		p.awaitRole(t, "MASTER")
	}
	// One of three at least finds the machine idle enough.
	if best := slices.Min(took); best > 300*time.Millisecond+exitSlack {
		t.Errorf("stops took %v, want %v at most once", took, 300*time.Millisecond+exitSlack)
	}
	t.Logf("stops took %v", took)
}

// TestReloadToNothing: a file that is sound and has no instance is no mistake, and
// a daemon starts with it. A reload gives up what was held only by force, and a
// later one takes it again; an empty file is a mistake, and changes nothing.
func TestReloadToNothing(t *testing.T) {
	t.Parallel()
	a, _ := hosts(t)
	const nothing = "global_defs {\n\trouter_id a\n}\n"
	p := a.run(t, nothing)
	eventually(t, "a daemon without instances", func() bool { _, err := p.status(); return err == nil }, p.log.String)
	write := func(text string) { a.write(t, "moonkeep.conf", text, 0o644) }
	write(conf(150, vip.String(), ""))
	p.asks(t, 0, "reload")
	a.holds(t, vip, true)
	write("\n")
	mentions(t, "empty", p.asks(t, 1, "reload"), "refused, the earlier configuration runs on")
	a.holds(t, vip, true)
	write(nothing)
	mentions(t, "nothing", p.asks(t, 1, "reload"), "no vrrp_instance and no virtual_server", "--force")
	mentions(t, "plan", p.asks(t, 0, "plan", filepath.Join(a.dir, "moonkeep.conf")), "A RELOAD IS REFUSED", "no vrrp_instance")
	a.holds(t, vip, true)
	p.asks(t, 0, "reload", "--force")
	a.holds(t, vip, false)
	p.asks(t, 0, "reload")
	write(conf(150, vip.String(), ""))
	p.asks(t, 0, "reload")
	a.holds(t, vip, true)
}
