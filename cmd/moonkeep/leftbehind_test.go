package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// crash kills a master of the address that has so many routes and rules.
func crash(t *testing.T, h *host, text string, routes, rules int) {
	t.Helper()
	p := h.run(t, text)
	p.awaitRole(t, "MASTER")
	h.holds(t, vip, true)
	h.owns(t, "all is set", routes, rules)
	p.journalled(t, vip.String())
	p.kill(t)
	if !h.has(t, vip) {
		t.Fatal("the killed daemon took its address away: nothing is tested below")
	}
}

// journalled waits until the address is in the journal, which nothing waits for.
func (p *process) journalled(t *testing.T, address string) {
	t.Helper()
	eventually(t, "the journal", func() bool {
		text, err := os.ReadFile(filepath.Join(p.dir, "owned.json"))
		return err == nil && strings.Contains(string(text), address)
	}, nothing)
}

// TestSweptBeforeStartupScript: what a crash left is removed before startup_script
// runs, also if the daemon is told to stop meanwhile.
func TestSweptBeforeStartupScript(t *testing.T) {
	t.Parallel()
	a, _ := hosts(t)
	crash(t, a, conf(150, vip.String(), ""), 0, 0)
	p := a.run(t, "global_defs {\n\tstartup_script \"/bin/sleep 60\"\n}\n"+conf(150, vip.String(), ""))
	a.holds(t, vip, false)
	if text := p.log.String(); strings.Contains(text, "moonkeep  runs") || strings.Contains(text, "startup_script") {
		t.Errorf("it went only after the script:\n%s", text)
	}
	p.stop(t)
	a.holds(t, vip, false)
}

// TestSweptWhenRefused: a start that is refused removes what a crash left, nothing
// that somebody set since then, and nothing while another daemon has the run directory.
func TestSweptWhenRefused(t *testing.T) {
	t.Parallel()
	a, _ := hosts(t)
	broken := a.write(t, "broken.conf", "vrrp_instance VI_1 {\n\tinterface\n", 0o644)
	crash(t, a, conf(150, vip.String(), routing), 2, 1)
	p := a.start(t, "run", broken)
	p.ended(t, 1)
	if a.has(t, vip) {
		t.Errorf("the address stands after the start that was refused:\n%s", p.log)
	}
	a.owns(t, "no route that is left", 0, 0)
	mentions(t, "the log", p.log.String(), "broken.conf", "removing 192.0.2.100/24 from eth0: an earlier run left it behind")

	a.give(t, vip.String())
	a.start(t, "run", broken).ended(t, 1)
	if !a.has(t, vip) {
		t.Error("the second start removed what was set by hand")
	}
	p = a.run(t, conf(150, vip.String(), ""))
	p.awaitRole(t, "MASTER")
	a.holds(t, vip, true)
	refused := a.start(t, "run", broken)
	refused.ended(t, 1)
	if text := refused.log.String(); !a.has(t, vip) || strings.Contains(text, "removing") {
		t.Errorf("an address of a daemon that runs was removed:\n%s", text)
	}
	p.stop(t)
}

// TestRefusedBesideAnother: a start that is refused leaves alone what another daemon has
// taken over since the crash.
func TestRefusedBesideAnother(t *testing.T) {
	t.Parallel()
	a, _ := hosts(t)
	broken := a.write(t, "broken.conf", "vrrp_instance VI_1 {\n\tinterface\n", 0o644)
	crash(t, a, conf(150, vip.String(), routing), 2, 1)
	second := a.start(t, "second", a.write(t, "second.conf", conf(150, vip.String(), ""), 0o644))
	second.awaitRole(t, "MASTER")
	a.holds(t, vip, true)
	for range 2 {
		p := a.start(t, "run", broken)
		p.ended(t, 1)
		mentions(t, "the log", p.log.String(), "left behind is not removed", "speaks VRRP here")
		if !a.has(t, vip) {
			t.Fatalf("the address of the daemon that runs is gone:\n%s", p.log)
		}
	}
	second.stop(t)
	a.start(t, "run", broken).ended(t, 1)
	a.owns(t, "no route that is left", 0, 0)
}

// TestSweptInTheNamespaceLeft: what a daemon left in the network namespace that
// net_namespace named is removed there by one that works elsewhere, where nothing is
// changed.
func TestSweptInTheNamespaceLeft(t *testing.T) {
	t.Parallel()
	blue, _ := hosts(t)
	here, _ := hosts(t)
	name := blue.named(t, "blue")
	setting := func(h *host) (value string) {
		h.Run(t, func() error {
			data, err := os.ReadFile("/proc/sys/net/ipv4/conf/eth0/promote_secondaries")
			value = strings.TrimSpace(string(data))
			return err
		})
		return value
	}
	here.Run(t, func() error {
		return os.WriteFile("/proc/sys/net/ipv4/conf/eth0/promote_secondaries", []byte("1"), 0)
	})
	text := conf(150, vip.String(), "\tpromote_secondaries\n")
	p := here.run(t, "net_namespace "+name+"\n"+text)
	p.awaitRole(t, "MASTER")
	blue.holds(t, vip, true)
	p.journalled(t, vip.String())
	p.kill(t)
	if got := setting(blue); got != "1" {
		t.Fatalf("promote_secondaries is %s in the namespace, want 1: nothing is tested below", got)
	}
	p = here.run(t, conf(150, vip.String(), ""))
	p.awaitRole(t, "MASTER")
	here.holds(t, vip, true)
	blue.holds(t, vip, false)
	if is, was := setting(here), setting(blue); is != "1" || was != "0" {
		t.Errorf("promote_secondaries is %s here and %s in the namespace that was left, want 1 and 0", is, was)
	}
	p.stop(t)
}
