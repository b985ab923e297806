//go:build linux

package firewall_test

import (
	"bytes"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/kernel/firewall"
	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
	"github.com/moonkeep/moonkeep/core/netspec"
)

// TestSilence holds that an interface with a virtual hardware address says
// nothing of the groups that it joins and gives no answer to another node with
// that address, and that it does both without the tables.
func TestSilence(t *testing.T) {
	left, right := netnstest.Pair(t, "a", "b")
	mac := [6]byte{0, 0, 0x5e, 0, 1, 9}
	netnstest.Must(t, left.Link.AddMACVLAN("vrrp.9", "a", mac[:]))
	netnstest.Must(t, left.Link.SetUp("vrrp.9"))
	left.AwaitUp(t, "vrrp.9")
	// As a virtual router needs it: the kernel hears what has its own address.
	left.Run(t, func() error { return os.WriteFile("/proc/sys/net/ipv4/conf/vrrp.9/accept_local", []byte("1"), 0) })
	vip := netip.MustParsePrefix("192.0.2.9/24")
	_, err := left.Link.Add(netspec.Address{Prefix: vip, Device: "vrrp.9"})
	netnstest.Must(t, err)
	s := firewall.NewSilence(left.NS, "moonkeep_test")
	defer s.Close()

	// spoken has the other side send a gratuitous ARP with the address, and the
	// interface join a group, and returns how many frames came of each.
	spoken := func() (reports, answers int) {
		capture := right.Capture(t, "b", unix.ETH_P_ALL)
		var fd int
		left.Run(t, func() (err error) {
			fd, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
			return err
		})
		defer unix.Close(fd)
		i, err := left.Link.Interface("vrrp.9")
		netnstest.Must(t, err)
		netnstest.Must(t, unix.SetsockoptIPMreqn(fd, unix.IPPROTO_IP, unix.IP_ADD_MEMBERSHIP,
			&unix.IPMreqn{Multiaddr: [4]byte{224, 0, 0, 99}, Ifindex: int32(i.Index)}))
		arp := append(append(bytes.Repeat([]byte{0xff}, 6), mac[:]...), 8, 6, 0, 1, 8, 0, 6, 4, 0, 1)
		arp = append(append(arp, mac[:]...), 192, 0, 2, 9)
		arp = append(append(arp, bytes.Repeat([]byte{0xff}, 6)...), 192, 0, 2, 9)
		right.Inject(t, "b", arp)
		for {
			f := capture.Next(t, 300*time.Millisecond)
			switch {
			case f == nil:
				return reports, answers
			case len(f) < 34 || !bytes.Equal(f[6:12], mac[:]):
			case f[12] == 8 && f[13] == 0 && f[23] == unix.IPPROTO_IGMP:
				reports++
			case f[12] == 8 && f[13] == 6 && f[21] == 2:
				answers++
			}
		}
	}
	if reports, answers := spoken(); reports == 0 || answers == 0 {
		t.Fatalf("without tables: got %d reports and %d answers, want some of both", reports, answers)
	}
	netnstest.Must(t, s.Set([]firewall.Source{{Device: "vrrp.9", MAC: mac}}))
	if reports, answers := spoken(); reports+answers > 0 {
		t.Errorf("silenced: got %d reports and %d answers, want none", reports, answers)
	}
	netnstest.Must(t, s.Restore())
	netnstest.Must(t, firewall.NewSilence(left.NS, "moonkeep_test").Set(nil)) // somebody removes them
	netnstest.Must(t, s.Restore())
	if reports, answers := spoken(); reports+answers > 0 {
		t.Errorf("restored: got %d reports and %d answers, want none", reports, answers)
	}
	// Somebody empties the sets.
	var c *nftables.Conn
	left.Run(t, func() (err error) {
		c, err = nftables.New(nftables.AsLasting())
		return err
	})
	defer c.CloseLasting()
	for _, family := range []nftables.TableFamily{nftables.TableFamilyINet, nftables.TableFamilyARP} {
		c.FlushSet(&nftables.Set{Table: &nftables.Table{Family: family, Name: "moonkeep_test"}, Name: "sources"})
	}
	netnstest.Must(t, c.Flush())
	if reports, answers := spoken(); reports == 0 || answers == 0 {
		t.Fatalf("with empty sets: got %d reports and %d answers, want some of both", reports, answers)
	}
	netnstest.Must(t, s.Restore())
	if reports, answers := spoken(); reports+answers > 0 {
		t.Errorf("restored after the sets were emptied: got %d reports and %d answers, want none", reports, answers)
	}
	netnstest.Must(t, s.Set(nil))
	if reports, answers := spoken(); reports == 0 || answers == 0 {
		t.Errorf("ended: got %d reports and %d answers, want some of both", reports, answers)
	}
}
