package main

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/moonkeep/moonkeep/core/control"
	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
	"github.com/moonkeep/moonkeep/core/netspec"
)

// onto is an instance with a virtual MAC on an interface, of the one virtual_router_id
// that all have.
func onto(name, device, vip string, priority int) string {
	return fmt.Sprintf("vrrp_instance %s {\n\tinterface %s\n\tversion 3\n\tvirtual_router_id 51\n\tpriority %d\n\tadvert_int 0.1\n\tuse_vmac\n\tvirtual_ipaddress {\n\t\t%s\n\t}\n}\n",
		name, device, priority, vip)
}

// TestVMACsKeepTheirNames: instances of one virtual_router_id on several interfaces,
// whose virtual MAC interfaces have names that are made up, come and go by reloads. The
// others keep their interface, their role and their address, and who is new begins as
// a backup.
func TestVMACsKeepTheirNames(t *testing.T) {
	t.Parallel()
	a, b := hosts(t)
	netnstest.Connect(t, a.Host, "eth1", b.Host, "eth1")
	netnstest.Connect(t, a.Host, "eth2", b.Host, "eth2")
	for device, own := range map[string]string{"eth1": "10.1.0.1/24", "eth2": "10.2.0.1/24"} {
		_, err := a.Link.Add(netspec.Address{Prefix: netip.MustParsePrefix(own), Device: device})
		netnstest.Must(t, err)
	}
	zero, one, two := onto("V0", "eth0", vip.String(), 100), onto("V1", "eth1", "10.1.0.100/24", 100), onto("V2", "eth2", "10.2.0.100/24", 100)
	// Who is preferred on eth0 is another node.
	q := b.run(t, onto("V0", "eth0", vip.String(), 200))
	q.awaitRole(t, "MASTER")

	p := a.run(t, one)
	p.awaitRole(t, "MASTER")
	alike := func(when string, s control.Status, name, own string, index int) {
		t.Helper()
		for i := range s.Instances {
			in := &s.Instances[i]
			if in.Name != name {
				continue
			}
			if in.Interface != own || in.Counters.BecameMaster != 1 && name == "V1" || name != "V1" && in.Counters.BecameMaster > 0 {
				t.Errorf("%s: %s is on %s and was master %d times: %s", when, name, in.Interface, in.Counters.BecameMaster, in.Why)
			}
		}
		if i, err := a.Link.Interface(own); err != nil || index != 0 && i.Index != index {
			t.Errorf("%s: %s is %+v, error %v, want the one of before, %d", when, own, i, err, index)
		}
	}
	parent := func(name string) string {
		t.Helper()
		state, err := a.Link.State()
		netnstest.Must(t, err)
		i, _ := state.Find(name)
		return state.Name(i.Parent)
	}
	far := netip.MustParsePrefix("10.1.0.100/24")
	first, err := a.Link.Interface("vrrp.51")
	netnstest.Must(t, err)

	// V0 would have the name if all began now.
	p.reload(t, a, zero+one)
	s := p.awaitRoles(t, map[string]string{"V0": "BACKUP", "V1": "MASTER"})
	alike("V0 added", s, "V1", "vrrp.51", first.Index)
	alike("V0 added", s, "V0", "vrrp1.51", 0)
	if !on(t, a, "vrrp.51", far) || parent("vrrp.51") != "eth1" || parent("vrrp1.51") != "eth0" {
		t.Errorf("V0 added: vrrp.51 is on %s, vrrp1.51 on %s, and V1's address stands: %v", parent("vrrp.51"), parent("vrrp1.51"), on(t, a, "vrrp.51", far))
	}

	// After a crash they are as at any start, whatever stands.
	p.kill(t)
	p = a.run(t, zero+one)
	s = p.awaitRoles(t, map[string]string{"V0": "BACKUP", "V1": "MASTER"})
	alike("after a crash", s, "V0", "vrrp.51", 0)
	alike("after a crash", s, "V1", "vrrp1.51", 0)
	if parent("vrrp.51") != "eth0" || parent("vrrp1.51") != "eth1" || !on(t, a, "vrrp1.51", far) {
		t.Errorf("after a crash: vrrp.51 is on %s, vrrp1.51 on %s", parent("vrrp.51"), parent("vrrp1.51"))
	}
	second, err := a.Link.Interface("vrrp1.51")
	netnstest.Must(t, err)

	// Who comes does not get the name, and with it the role, of who goes.
	p.reload(t, a, one+two)
	s = p.awaitRoles(t, map[string]string{"V1": "MASTER", "V2": "MASTER"})
	alike("V2 for V0", s, "V1", "vrrp1.51", second.Index)
	if i := s.Instances[1]; i.Interface != "vrrp2.51" {
		t.Errorf("V2 for V0: V2 is on %s", i.Interface)
	}
	if _, err := a.Link.Interface("vrrp.51"); err == nil {
		t.Error("the interface of who has gone still stands")
	}
	// An address of the other family comes to an interface that had none of it.
	six := netip.MustParsePrefix("2001:db8::7/64")
	p.reload(t, a, strings.Replace(one, "\tvirtual_ipaddress {", "\tvirtual_ipaddress_excluded {\n\t\t"+six.String()+"\n\t}\n\tvirtual_ipaddress {", 1))
	eventually(t, "the IPv6 address", func() bool { return on(t, a, "vrrp1.51", six) }, p.log.String)
	s = p.awaitRoles(t, map[string]string{"V1": "MASTER"})
	alike("alone", s, "V1", "vrrp1.51", second.Index)
	if !on(t, a, "vrrp1.51", far) {
		t.Error("V1 lost its address")
	}
	p.stop(t)
}
