package doctor

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

// TestEar: the last advert of a sender counts, and of one who speaks both versions the
// later version.
func TestEar(t *testing.T) {
	advert := func(source string, payload ...byte) *node.Received {
		return &node.Received{Packet: vrrp.Packet{Interface: "eth0", Source: netip.MustParseAddr(source), Payload: append(payload, 192, 0, 2, 9)}}
	}
	two := func(priority byte) *node.Received { return advert("192.0.2.2", 0x21, 7, priority, 1, 0, 3, 0, 0) }
	three := advert("192.0.2.3", 0x31, 7, 100, 1, 0x01, 0x90, 0, 0)
	lesser := advert("192.0.2.3", 0x21, 7, 100, 1, 0, 4, 0, 0)
	e := &ear{}
	e.Packets(two(100), three, lesser, advert("192.0.2.4", 0x21))
	e.Packets(two(90))
	want := []heardAdvert{
		{device: "eth0", source: netip.MustParseAddr("192.0.2.2"), version: 2, vrid: 7, priority: 90, interval: 3 * time.Second, count: 2},
		{device: "eth0", source: netip.MustParseAddr("192.0.2.3"), version: 3, vrid: 7, priority: 100, interval: 4 * time.Second, count: 2},
	}
	if len(e.list) != len(want) {
		t.Fatalf("%+v", e.list)
	}
	for i, a := range e.list {
		if !slices.Equal(a.addresses, []netip.Addr{netip.MustParseAddr("192.0.2.9")}) {
			t.Errorf("addresses %v", a.addresses)
		}
		a.addresses = nil
		if w := want[i]; a.device != w.device || a.source != w.source || a.version != w.version || a.vrid != w.vrid || a.priority != w.priority || a.interval != w.interval || a.count != w.count {
			t.Errorf("%+v, want %+v", a, w)
		}
	}
}

// TestBelow: an interface of use_vmac is known by the one below it, unless that is in
// another network namespace, whatever has its number in this one.
func TestBelow(t *testing.T) {
	host, _ := netnstest.Pair(t, "eth0", "eth1")
	netnstest.Must(t, host.Link.AddMACVLAN("upper", "eth0", net.HardwareAddr{2, 0, 0, 0, 0, 1}))
	is := func(h *netnstest.Host, want map[string]string) {
		t.Helper()
		h.Run(t, func() error {
			got, err := Below([]string{"eth0", "upper", "none"})
			if !maps.Equal(got, want) {
				t.Errorf("%v, want %v", got, want)
			}
			return err
		})
	}
	is(host, map[string]string{"upper": "eth0"})
	parent, err := host.Link.Interface("eth0")
	netnstest.Must(t, err)
	container := netnstest.New(t)
	for i := range 20 {
		if _, err := container.Link.InterfaceAt(parent.Index); err == nil {
			break
		}
		netnstest.Must(t, container.Link.AddBridge(fmt.Sprint("br", i)))
	}
	_, err = container.Link.InterfaceAt(parent.Index)
	netnstest.Must(t, err)
	netnstest.Must(t, host.Link.Move("upper", container.NS))
	is(container, map[string]string{})
}

// withoutRights runs f in a host's network namespace, by a thread that has no capability.
func withoutRights(host *netnstest.Host, f func()) (err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		// The thread cannot leave the namespace without its rights, and ends with it.
		_ = host.Do(func() error {
			var none [2]unix.CapUserData
			if err = unix.Capset(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &none[0]); err == nil {
				f()
			}
			return nil
		})
	}()
	<-done
	return err
}

// TestKernelWithoutRights: what could not be tried is not what the kernel cannot do.
func TestKernelWithoutRights(t *testing.T) {
	var list []Finding
	netnstest.Must(t, withoutRights(netnstest.New(t), func() { list = examineKernel(&needs{macvlan: true}) }))
	if len(list) != 1 || list[0].Level != Warning || !strings.Contains(list[0].Text, "not tried") || list[0].Advice != "run doctor as root" {
		t.Errorf("%+v", list)
	}
}

// TestSpeakersWithoutRights: to hear nobody because nothing could be listened to is an
// error, not an empty network.
func TestSpeakersWithoutRights(t *testing.T) {
	host, _ := netnstest.Pair(t, "eth0", "eth1")
	var list []Speaker
	var err error
	netnstest.Must(t, withoutRights(host, func() { list, _, err = Speakers([]string{"eth0"}, 0) }))
	if !errors.Is(err, unix.EPERM) {
		t.Errorf("%+v, %v", list, err)
	}
}
