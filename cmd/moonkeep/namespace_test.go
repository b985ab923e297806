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
