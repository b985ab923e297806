package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/control"
	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
)

// TestPolicyHoldsPreemption: a daemon of higher priority leaves the master alone
// while its policy objects, takes over at once when that one is killed all the
// same, and preempts it when the policy agrees.
func TestPolicyHoldsPreemption(t *testing.T) {
	t.Parallel()
	a, b := hosts(t)
	flag := filepath.Join(a.dir, "allowed")
	a.write(t, "policy.lua", `local file = require "file"
return {accept_failover = function(ctx)
  if ctx.cause ~= "preemption" or ctx.master ~= "192.0.2.2" or ctx.master_priority ~= 50 then error("odd: " .. ctx.cause) end
  return file.exists(ctx.args.flag), "not before it is allowed"
end}`, 0o644)
	text := conf(150, vip.String(), "\tnotify \"lua:"+a.dir+"/policy.lua flag="+flag+"\"")
	low := b.run(t, conf(50, vip.String(), ""))
	low.awaitRole(t, "MASTER")
	high := a.run(t, text)
	said := func(what string) {
		t.Helper()
		eventually(t, what, func() bool { return strings.Contains(high.log.String(), what) }, high.log.String)
	}
	said("not preempting 192.0.2.2: not before it is allowed")
	time.Sleep(time.Second) // ten adverts
	high.await(t, "BACKUP", func(i *control.Instance) bool { return i.Role == "BACKUP" })
	killed := time.Now()
	low.kill(t)
	high.awaitRole(t, "MASTER")
	if took := time.Since(killed); took > 5*time.Second {
		t.Errorf("the take-over from the dead took %v: its policy was waited for", took)
	}
	high.stop(t)

	low = b.run(t, conf(50, vip.String(), ""))
	low.awaitRole(t, "MASTER")
	netnstest.Must(t, os.WriteFile(flag, nil, 0o644))
	high = a.run(t, text)
	high.awaitRole(t, "MASTER")
	said("preempting 192.0.2.2: its priority is 50, ours 150")
	high.stop(t)
	low.stop(t)
}
