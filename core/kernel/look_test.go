//go:build linux

package kernel_test

import (
	"testing"

	"github.com/moonkeep/moonkeep/core/kernel"
	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
	"github.com/moonkeep/moonkeep/core/node"
)

// Nothing is heard on a port of a bridge.
func TestWhatTheInterfaceIsAPortOf(t *testing.T) {
	h, _ := netnstest.Pair(t, "eth0", "eth1")
	netnstest.Must(t, h.Link.AddBridge("br0"))
	k, s := open(t, h, kernel.Options{})
	netnstest.Must(t, k.Watch([]string{"eth0", "br0"}, nil))
	is := func(what, of string) {
		t.Helper()
		s.awaitLink(t, soon, what, "eth0", func(l *node.Link) bool { return l.PortOf == of })
	}
	is("alone", "")
	netnstest.Must(t, h.Link.SetMaster("eth0", "br0"))
	is("in a bridge", "br0")
	s.awaitLink(t, soon, "the bridge itself", "br0", func(l *node.Link) bool { return l.PortOf == "" })
	netnstest.Must(t, h.Link.SetMaster("eth0", ""))
	is("out of it", "")
}
