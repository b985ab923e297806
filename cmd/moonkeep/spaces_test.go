package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/moonkeep/moonkeep/core/control"
	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
	"github.com/moonkeep/moonkeep/core/netspec"
)

// named gives a host's namespace a name for net_namespace.
func (h *host) named(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	netnstest.Must(t, os.Symlink(fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), h.FD()), path))
	return path
}

// in is an instance like that of conf with another name.
func in(name, extra string) string {
	text := strings.Replace(conf(150, vip.String(), extra), "VI_1", name, 1)
	return text[strings.Index(text, "vrrp_instance"):]
}

// awaitRoles waits until the daemon's instances are in these roles.
func (p *process) awaitRoles(t *testing.T, want map[string]string) control.Status {
	t.Helper()
	var s control.Status
	var err error
	eventually(t, fmt.Sprint(want), func() bool {
		s, err = p.status()
		return err == nil && len(s.Instances) == len(want) && !slices.ContainsFunc(s.Instances, func(i control.Instance) bool { return i.Role != want[i.Name] })
	}, func() string { return fmt.Sprintf("status %+v, %v\n%s", s, err, p.log) })
	return s
}

// TestInstanceNamespaces: one daemon has instances of one virtual_router_id on
// interfaces of one name in three network namespaces, against other nodes.
func TestInstanceNamespaces(t *testing.T) {
	t.Parallel()
	own, ownPeer := hosts(t)
	red, redPeer := hosts(t)
	blue, bluePeer := hosts(t)
	redName, blueName := red.named(t, "red"), blue.named(t, "blue")
	global := "global_defs {\n\tscript_user root\n}\n"
	ownText := in("OWN", "")
	redText := in("RED", "\tnet_namespace "+redName+"\n\tpromote_secondaries\n\ttrack_interface {\n\t\tlo weight 1\n\t}\n"+routing)
	blueText := in("BLUE", "\tnet_namespace "+blueName+"\n\tuse_vmac\n")
	layered := func(want bool) {
		t.Helper()
		eventually(t, fmt.Sprintf("the address on an interface of its own: %v", want), func() bool {
			list, err := blue.Link.List("vrrp.51")
			return want == (err == nil && slices.ContainsFunc(list, func(a netspec.Address) bool { return a.Prefix == vip }))
		}, nothing)
	}
	promoted := func(want string) {
		t.Helper()
		eventually(t, "promote_secondaries is "+want, func() (is bool) {
			red.Run(t, func() error {
				data, err := os.ReadFile("/proc/sys/net/ipv4/conf/eth0/promote_secondaries")
				is = strings.TrimSpace(string(data)) == want
				return err
			})
			return is
		}, nothing)
	}
	promoted("0")
	all := map[string]string{"OWN": "MASTER", "RED": "MASTER", "BLUE": "MASTER"}

	p := own.run(t, global+ownText+redText+blueText)
	s := p.awaitRoles(t, all)
	own.holds(t, vip, true)
	red.holds(t, vip, true)
	red.owns(t, "a master in another namespace", 2, 1)
	promoted("1")
	layered(true)
	for _, i := range s.Instances {
		if want := map[string]string{"OWN": "eth0", "RED": redName + "/eth0", "BLUE": blueName + "/vrrp.51"}[i.Name]; i.Interface != want {
			t.Errorf("%s is on %s, want %s", i.Name, i.Interface, want)
		}
	}
	hears := func(i *control.Instance) bool {
		return i.Role == "BACKUP" && i.HeardPriority != nil && *i.HeardPriority >= 150
	}
	ownPeer.run(t, conf(100, vip.String(), "")).await(t, "a backup of OWN", hears)
	backup := redPeer.run(t, conf(100, vip.String(), ""))
	backup.await(t, "a backup of RED", hears)

	// What others take away in a namespace comes back there.
	netnstest.Must(t, red.Link.Remove(netspec.Address{Prefix: vip, Device: "eth0"}))
	red.holds(t, vip, true)

	// A link that is lost counts in its namespace only.
	redPeer.ip(t, "link", "set", "eth0", "down")
	p.awaitRoles(t, map[string]string{"OWN": "MASTER", "RED": "FAULT", "BLUE": "MASTER"})
	red.holds(t, vip, false)
	redPeer.ip(t, "link", "set", "eth0", "up")
	p.awaitRoles(t, all)
	red.holds(t, vip, true)

	// After a kill -9 the next start clears each namespace.
	p.kill(t)
	redPeer.holds(t, vip, true)
	red.holds(t, vip, true)
	p = own.run(t, global+ownText+redText+blueText)
	eventually(t, "a line about the address left behind", func() bool {
		return strings.Contains(p.log.String(), "removing 192.0.2.100/24 from "+redName+"/eth0: an earlier run left it behind")
	}, p.log.String)
	p.awaitRoles(t, all)
	red.holds(t, vip, true)
	redPeer.holds(t, vip, false)
	layered(true)

	// Namespaces go and come with a reload.
	own.write(t, "moonkeep.conf", global+ownText+redText, 0o644)
	p.signal(t, syscall.SIGHUP)
	layered(false)
	p.awaitRoles(t, map[string]string{"OWN": "MASTER", "RED": "MASTER"})
	own.write(t, "moonkeep.conf", global+ownText+blueText, 0o644)
	p.signal(t, syscall.SIGHUP)
	layered(true)
	red.holds(t, vip, false)
	red.owns(t, "no instance any more", 0, 0)
	s = p.awaitRoles(t, map[string]string{"OWN": "MASTER", "BLUE": "MASTER"})
	for _, i := range s.Instances {
		if i.Name == "OWN" && i.Counters.LeftMaster != 0 {
			t.Error("the instance of the daemon's own namespace was disturbed")
		}
	}

	// What a killed run left in a namespace that is not configured any more is
	// cleared too.
	own.write(t, "moonkeep.conf", global+ownText+redText+blueText, 0o644)
	p.signal(t, syscall.SIGHUP)
	p.awaitRoles(t, all)
	red.holds(t, vip, true)
	p.kill(t)
	red.owns(t, "a killed daemon", 2, 1)
	p = own.run(t, global+ownText)
	p.awaitRoles(t, map[string]string{"OWN": "MASTER"})
	red.holds(t, vip, false)
	red.owns(t, "after the next start", 0, 0)
	promoted("0")
	layered(false)

	// Also the interface of a backup, which has set nothing else there.
	six := strings.NewReplacer("192.0.2.100/24", "fe80::100/64", "VI_1", "SIX", "version 3", "version 3\n\tuse_vmac six.51\n\tnet_namespace "+blueName).Replace(in("VI_1", ""))
	bluePeer.run(t, strings.NewReplacer("\tuse_vmac six.51\n\tnet_namespace "+blueName+"\n", "", "priority 150", "priority 200").Replace(global+six)).awaitRole(t, "MASTER")
	own.write(t, "moonkeep.conf", global+ownText+six, 0o644)
	p.signal(t, syscall.SIGHUP)
	p.awaitRoles(t, map[string]string{"OWN": "MASTER", "SIX": "BACKUP"})
	if _, err := blue.Link.Interface("six.51"); err != nil {
		t.Error(err)
	}
	p.kill(t)
	p = own.run(t, global+ownText)
	p.awaitRoles(t, map[string]string{"OWN": "MASTER"})
	if _, err := blue.Link.Interface("six.51"); err == nil {
		t.Error("the interface of a backup that was killed still stands")
	}
	p.stop(t)
	own.holds(t, vip, false)
}

// TestNamespaceRefused: a namespace that is not there, or is the daemon's own, is
// an error that names it, and so is an interface that is not in it.
func TestNamespaceRefused(t *testing.T) {
	t.Parallel()
	a, b := hosts(t)
	other, same := b.named(t, "other"), a.named(t, "same")
	checked := func(name, text string, want ...string) {
		t.Helper()
		var said strings.Builder
		run([]string{"check", a.write(t, name, text, 0o644)}, &said, &said)
		mentions(t, name, said.String(), append(want, "run would refuse to start")...)
	}
	checked("missing.conf", in("RED", "\tnet_namespace moonkeep-none\n"), "missing.conf:10:", "vrrp_instance RED", "network namespace moonkeep-none", "ip netns add")
	checked("interface.conf", strings.Replace(in("RED", "\tnet_namespace "+other+"\n"), "interface eth0", "interface eth7", 1),
		"the network namespace "+other+` has no interface "eth7"`, "eth0")

	p := a.start(t, "same", a.write(t, "same.conf", in("RED", "\tnet_namespace "+same+"\n"), 0o644))
	p.ended(t, 1)
	mentions(t, "its own", p.log.String(), same, "leave net_namespace out")
	twice := in("RED", "\tnet_namespace "+other+"\n") + in("BLUE", "\tnet_namespace "+b.named(t, "again")+"\n")
	p = a.start(t, "twice", a.write(t, "twice.conf", twice, 0o644))
	p.ended(t, 1)
	mentions(t, "two names", p.log.String(), "give it one name")

	// A reload that names one that is not there is refused.
	p = a.run(t, conf(150, vip.String(), ""))
	p.awaitRole(t, "MASTER")
	a.write(t, "moonkeep.conf", conf(150, vip.String(), "\tnet_namespace moonkeep-none\n"), 0o644)
	mentions(t, "reload", p.asks(t, 1, "reload"), "moonkeep-none")
	p.awaitRole(t, "MASTER")
	p.stop(t)
}
