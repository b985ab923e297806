package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/moonkeep/moonkeep/config/plan"
	"github.com/moonkeep/moonkeep/core/control"
	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
)

// TestReloadWithSlips: a mistake that a start passes over, as keepalived does,
// takes nothing from a node that runs, unless the reload is forced; what was there
// before is no news.
func TestReloadWithSlips(t *testing.T) {
	t.Parallel()
	a, _ := hosts(t)
	more := a.write(t, "more.inc", "\tgarp_preset quiet\n\tgarp_master_delay 1\n", 0o644)
	netnstest.Must(t, os.Mkdir(filepath.Join(a.dir, "conf.d"), 0o755))
	other := a.write(t, "conf.d/other.conf", "vrrp_script other {\n\tscript /bin/true\n\tinterval 60\n}\n", 0o644)
	pattern := filepath.Join(a.dir, "conf.d", "*.conf")
	sound := "include " + pattern + "\nvrrp_script up {\n\tscript /bin/true\n\tinterval 60\n}\n" + conf(150, vip.String()+"\n\t\t192.0.2.101/24",
		"\tinclude "+more+"\n\tauthentication {\n\t\tauth_type PASS\n\t\tauth_pass secret\n\t}\n"+
			"\tunicast_src_ip 192.0.2.1\n\tunicast_peer {\n\t\t192.0.2.2\n\t}\n\ttrack_script {\n\t\tup\n\t}\n")
	p := a.run(t, sound)
	p.awaitRole(t, "MASTER")
	a.holds(t, vip, true)
	s, err := p.status()
	if want := (control.Announcing{Preset: "quiet", Repeat: 1, Delay: 1, RefreshRepeat: 1, LowerPrioRepeat: 1, LowerPrioDelay: 1}); err != nil || s.Instances[0].Announcing == nil || *s.Instances[0].Announcing != want {
		t.Errorf("announcing: %+v, %v, want %+v", s.Instances, err, want)
	}
	stays := func(what string) {
		t.Helper()
		s, err := p.status()
		if err != nil || len(s.Instances) != 1 || s.Instances[0].Counters.LeftMaster != 0 || len(s.Instances[0].Addresses) != 2 || !strings.Contains(s.ReloadError, "--force") || !a.has(t, vip) {
			t.Errorf("%s: %+v, %v", what, s, err)
		}
	}
	for _, tt := range []struct{ what, old, new, says string }{
		{"instance", "vrrp_instance VI_1", "vrrp_instanze VI_1", "vrrp_instanze"},
		{"addresses", "virtual_ipaddress {", "virtual_ipadress {", "virtual_ipadress"},
		{"peers", "unicast_peer {", "unicast_pear {", "unicast_pear"},
		{"track_script", "track_script {", "track_skript {", "track_skript"},
		{"authentication", "authentication {", "autentication {", "autentication"},
		{"end", "\t}\n\n}\n", "\t}\n\n", "never closed"},
		{"named include", "include " + more, "include " + more + "x", "more.incx"},
		{"address", "192.0.2.101", "192.0.2.501", "192.0.2.501"},
		{"length", "192.0.2.101/24", "192.0.2.101/240", "/32 is taken"},
	} {
		text := strings.Replace(sound, tt.old, tt.new, 1)
		if text == sound {
			t.Fatalf("%s: nothing is replaced", tt.what)
		}
		path := a.write(t, "moonkeep.conf", text, 0o644)
		refused := p.asks(t, 1, "reload")
		_, why, _ := strings.Cut(refused, "refused, the earlier configuration runs on: ")
		if tt.what == "addresses" { // version 3 needs some, and says so
			mentions(t, tt.what, refused, "refused", "moonkeep.conf:", tt.says)
			continue
		}
		mentions(t, tt.what, why, "moonkeep.conf:", tt.says, "moonkeep reload --force")
		stays(tt.what)
		mentions(t, tt.what, p.asks(t, 0, "plan", path), "A RELOAD IS REFUSED: ", tt.says)
	}

	// A pattern that matches nothing any more.
	a.write(t, "moonkeep.conf", sound, 0o644)
	text, err := os.ReadFile(other)
	netnstest.Must(t, err)
	netnstest.Must(t, os.Remove(other))
	mentions(t, "pattern", p.asks(t, 1, "reload"), "moonkeep.conf:1:", "no file matches ", "--force")
	stays("pattern")
	netnstest.Must(t, os.WriteFile(other, text, 0o644))
	mentions(t, "mended", p.asks(t, 0, "reload"), "reloaded, nothing changed")
	// A pattern for files to come takes nothing; one with a slip does.
	path := a.write(t, "moonkeep.conf", sound+"include "+filepath.Join(a.dir, "conf.d", "*.later")+"\n", 0o644)
	if text := p.asks(t, 0, "plan", path); strings.Contains(text, "REFUSED") {
		t.Errorf("a new include: %s", text)
	}
	mentions(t, "a new include", p.asks(t, 0, "reload"), "reloaded, nothing changed")
	path = a.write(t, "moonkeep.conf", strings.Replace(sound, "*.conf", "*.cnof", 1), 0o644)
	mentions(t, "include with a slip", p.asks(t, 1, "reload"), "no file matches ", "*.cnof", "--force")
	mentions(t, "plan of it", p.asks(t, 0, "plan", path), "A RELOAD IS REFUSED: ", "*.cnof")
	stays("include with a slip")

	// A signal forces nothing.
	slip := strings.Replace(sound, "192.0.2.101", "192.0.2.501", 1)
	a.write(t, "moonkeep.conf", slip, 0o644)
	p.signal(t, syscall.SIGHUP)
	eventually(t, "the refusal in the log", func() bool {
		return strings.Count(p.log.String(), "reload refused") == 12
	}, p.log.String)
	line := p.log.String()[strings.LastIndex(p.log.String(), "reload refused"):]
	mentions(t, "log", line, "moonkeep.conf:", "192.0.2.501", "--force")
	stays("signal")

	// What was forced is accepted, wherever it stands; one more is not.
	mentions(t, "forced", p.asks(t, 0, "reload", "--force"), "192.0.2.501", "reloaded")
	slip = "# one line more\n" + slip
	path = a.write(t, "moonkeep.conf", strings.Replace(slip, "priority 150", "priority 140", 1), 0o644)
	mentions(t, "again", p.asks(t, 0, "reload"), "priority: 150 -> 140", "reloaded")
	if text := p.asks(t, 0, "plan", path); strings.Contains(text, "REFUSED") {
		t.Errorf("a plan of what runs: %s", text)
	}
	path = a.write(t, "moonkeep.conf", strings.Replace(slip, "192.0.2.501/24", "192.0.2.501/24\n\t\t192.0.2.502/24", 1), 0o644)
	refused := p.asks(t, 1, "reload")
	_, why, _ := strings.Cut(refused, "runs on: ")
	mentions(t, "one more", why, "192.0.2.502")
	if strings.Contains(why, "192.0.2.501") {
		t.Errorf("what was accepted is told as new: %s", why)
	}
	var report plan.Report
	netnstest.Must(t, json.Unmarshal([]byte(p.asks(t, 0, "plan", "--json", path)), &report))
	if len(report.Refused) != 1 || !strings.Contains(report.Refused[0], "192.0.2.502") {
		t.Errorf("plan: %q", report.Refused)
	}

	// A daemon that was started with a mistake goes on with it.
	p.stop(t)
	p = a.run(t, slip)
	p.awaitRole(t, "MASTER")
	mentions(t, "after a start", p.asks(t, 0, "reload"), "nothing changed")
	if s, err := p.status(); err != nil || len(s.Lost) != 1 || !strings.Contains(s.Lost[0].Text, "192.0.2.501") {
		t.Errorf("%+v, %v", s.Lost, err)
	}
	a.write(t, "moonkeep.conf", sound, 0o644)
	p.asks(t, 0, "reload")
	a.write(t, "moonkeep.conf", slip, 0o644)
	mentions(t, "a mistake that was mended", p.asks(t, 1, "reload"), "192.0.2.501", "--force")
	p.stop(t)
}
