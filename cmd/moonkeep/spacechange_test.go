package main

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
)

// sockets counts those in the host's namespace by which interfaces are followed and
// adverts sent and received.
func (h *host) sockets(t *testing.T) (n int) {
	t.Helper()
	h.Run(t, func() error {
		for _, name := range []string{"netlink", "packet", "raw", "raw6"} {
			data, err := os.ReadFile("/proc/thread-self/net/" + name)
			if err != nil {
				return err
			}
			n += bytes.Count(data, []byte("\n"))
		}
		return nil
	})
	return n
}

// opens reports whether the daemon has a descriptor of the host's namespace.
func (p *process) opens(t *testing.T, h *host) bool {
	t.Helper()
	dir := fmt.Sprintf("/proc/%d/fd", p.Process.Pid)
	list, err := os.ReadDir(dir)
	netnstest.Must(t, err)
	for _, e := range list {
		// One that was closed meanwhile is none.
		if to, _ := os.Readlink(filepath.Join(dir, e.Name())); to == fmt.Sprintf("net:[%d]", h.Inode()) {
			return true
		}
	}
	return false
}

// left waits until nothing of the daemon is in the host's namespace, which had so
// many sockets before.
func (p *process) left(t *testing.T, h *host, before int) {
	t.Helper()
	h.holds(t, vip, false)
	h.owns(t, "no routes and rules", 0, 0)
	eventually(t, "nothing of the daemon in the namespace", func() bool { return h.sockets(t) == before && !p.opens(t, h) }, func() string {
		return fmt.Sprintf("%d sockets, %d before; opened: %v\n%s", h.sockets(t), before, p.opens(t, h), p.log)
	})
}

// TestNamespaceReplaced: a namespace that is made anew under its name is taken with the
// next reload, and one that is named no more is let go of. Nothing stays in either.
func TestNamespaceReplaced(t *testing.T) {
	t.Parallel()
	own, _ := hosts(t)
	first, _ := hosts(t)
	second, peer := hosts(t)
	name := filepath.Join(t.TempDir(), "red")
	become := func(h *host) {
		t.Helper()
		if err := os.Remove(name); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		netnstest.Must(t, os.Symlink(fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), h.FD()), name))
	}
	become(first)
	global := "global_defs {\n\tscript_user root\n}\n"
	text := global + in("OWN", "") + in("RED", "\tnet_namespace "+name+"\n\tpromote_secondaries\n"+routing) + strings.NewReplacer("192.0.2.100", "192.0.2.101", "virtual_router_id 51", "virtual_router_id 52").Replace(in("MAC", "\tnet_namespace "+name+"\n\tuse_vmac\n"))

	// The host's own address in both.
	hosts := netip.MustParsePrefix("192.0.2.1/24")
	text += strings.NewReplacer(vip.String(), hosts.String(), "virtual_router_id 51", "virtual_router_id 53", "priority 150", "priority 255").Replace(in("OWNER", "\tnet_namespace "+name+"\n"))
	both := map[string]string{"OWN": "MASTER", "RED": "MASTER", "MAC": "MASTER", "OWNER": "MASTER"}
	before, unused := first.sockets(t), second.sockets(t)

	p := own.run(t, text)
	p.awaitRoles(t, both)
	first.holds(t, vip, true)
	first.owns(t, "a master", 2, 1)

	// A reload that is refused leaves the one before as it is.
	become(second)
	own.write(t, "moonkeep.conf", strings.ReplaceAll(text, "interface eth0", "interface eth7"), 0o644)
	p.asks(t, 1, "reload")
	p.awaitRoles(t, both)
	first.holds(t, vip, true)
	second.holds(t, vip, false)

	own.write(t, "moonkeep.conf", text, 0o644)
	p.signal(t, syscall.SIGHUP)
	second.holds(t, vip, true)
	second.owns(t, "a master in the new namespace", 2, 1)
	p.left(t, first, before)
	first.holds(t, hosts, true)
	if _, err := first.Link.Interface("vrrp.52"); err == nil {
		t.Error("the interface of a virtual router stands in the namespace that was left")
	}
	s := p.awaitRoles(t, both)
	for _, i := range s.Instances {
		if i.Name == "OWN" && i.Counters.LeftMaster != 0 {
			t.Error("the instance of the daemon's own namespace was disturbed")
		}
	}
	// It is heard and hears there: the address moves to a better node and back.
	better := peer.run(t, conf(200, vip.String(), ""))
	peer.holds(t, vip, true)
	second.holds(t, vip, false)
	better.stop(t)
	second.holds(t, vip, true)

	// Named no more, and named again.
	own.write(t, "moonkeep.conf", global+in("OWN", ""), 0o644)
	p.signal(t, syscall.SIGHUP)
	p.left(t, second, unused)
	second.holds(t, hosts, true)
	become(first)
	own.write(t, "moonkeep.conf", text, 0o644)
	p.signal(t, syscall.SIGHUP)
	p.awaitRoles(t, both)
	first.holds(t, vip, true)
	p.kill(t)

	// What a start has opened only to clear it is let go of, too.
	p = own.run(t, global+in("OWN", ""))
	p.left(t, first, before)
	p.stop(t)
}
