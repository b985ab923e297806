package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
)

// TestNetNamespace: the daemon works in the namespace that the configuration
// names, wherever it was started, answers outside of it, and stays there.
func TestNetNamespace(t *testing.T) {
	t.Parallel()
	a, b := hosts(t)
	elsewhere := netnstest.New(t)
	file := fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), a.FD())
	text := "net_namespace " + file + "\n" + conf(150, vip.String(), "")
	path := a.write(t, "named.conf", text, 0o644)
	p := &process{dir: filepath.Join(a.dir, "run"), log: new(output), done: make(chan struct{})}
	p.Cmd = self("run", "-c", path, "--run-dir", p.dir)
	p.Stderr = p.log
	p.begin(t, &host{Host: elsewhere, dir: a.dir})
	p.awaitRole(t, "MASTER")
	a.holds(t, vip, true)
	peer := b.run(t, conf(100, vip.String(), ""))
	peer.awaitRole(t, "BACKUP")

	// check looks at the interfaces of that namespace, too.
	var said strings.Builder
	if run([]string{"check", path}, &said, &said) != 0 || strings.Contains(said.String(), "no-interface") {
		t.Errorf("check says %s", &said)
	}
	a.write(t, "named.conf", strings.Replace(text, file, "another", 1), 0o644)
	mentions(t, "another namespace", p.asks(t, 1, "reload"), "net_namespace cannot change")
	p.stop(t)
	a.holds(t, vip, false)

	missing := a.start(t, "missing", a.write(t, "missing.conf", "net_namespace moonkeep-none\n"+conf(150, vip.String(), ""), 0o644))
	missing.ended(t, 1)
	mentions(t, "missing", missing.log.String(), "net_namespace: open the network namespace moonkeep-none", "ip netns add")
}

// TestDisableLocalIGMP: the kernel's setting is changed while the daemon runs,
// and is what it was afterwards, after a kill -9 too.
func TestDisableLocalIGMP(t *testing.T) {
	t.Parallel()
	a, _ := hosts(t)
	reports := func() (value string) {
		a.Host.Run(t, func() error {
			data, err := os.ReadFile("/proc/sys/net/ipv4/igmp_link_local_mcast_reports")
			value = strings.TrimSpace(string(data))
			return err
		})
		return value
	}
	before := reports()
	text := "global_defs {\n\tdisable_local_igmp\n}\n" + conf(150, vip.String(), "")
	p := a.run(t, text)
	p.awaitRole(t, "MASTER")
	if got := reports(); got != "0" || before == "0" {
		t.Errorf("the setting is %s and was %s, want 0 and another", got, before)
	}
	p.kill(t)
	p = a.run(t, conf(150, vip.String(), ""))
	p.awaitRole(t, "MASTER")
	if got := reports(); got != before {
		t.Errorf("after a kill -9 and a start without it the setting is %s, want %s", got, before)
	}
	p.stop(t)
	p = a.run(t, text)
	p.awaitRole(t, "MASTER")
	p.stop(t)
	if got := reports(); got != before {
		t.Errorf("after a stop the setting is %s, want %s", got, before)
	}
}
