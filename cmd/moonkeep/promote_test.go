package main

import (
	"testing"

	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
	"github.com/moonkeep/moonkeep/core/kernel/sysctl"
)

// TestPromoteIsPutBack holds that a setting which a killed run changed is put
// back by the next, which no longer asks for it; and by an orderly stop.
func TestPromoteIsPutBack(t *testing.T) {
	t.Parallel()
	a, _ := hosts(t)
	settings := sysctl.New(a.NS, nil)
	is := func(what, want string) {
		t.Helper()
		got := ""
		eventually(t, what, func() bool {
			var err error
			got, err = settings.Read("ipv4/conf/eth0/promote_secondaries")
			netnstest.Must(t, err)
			return got == want
		}, func() string { return got })
	}
	is("at first", "0")
	const promoting = "\tpromote_secondaries\n"
	p := a.run(t, conf(150, vip.String(), promoting))
	p.awaitRole(t, "MASTER")
	is("asked for", "1")
	p.kill(t)
	is("after a kill -9", "1")

	p = a.run(t, conf(150, vip.String(), promoting))
	p.awaitRole(t, "MASTER")
	is("asked for again", "1")
	p.kill(t)

	p = a.run(t, conf(150, vip.String(), ""))
	p.awaitRole(t, "MASTER")
	is("no longer asked for", "0")
	p.stop(t)
	is("after the stop", "0")

	p = a.run(t, conf(150, vip.String(), promoting))
	p.awaitRole(t, "MASTER")
	is("asked for once more", "1")
	p.stop(t)
	is("after an orderly stop", "0")
}
