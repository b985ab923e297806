//go:build linux

package announce_test

import (
	"bytes"
	"net"
	"net/netip"
	"os"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
)

// advertisement is the whole frame, written out, without its checksum.
func advertisement(mac net.HardwareAddr, ip string, flags byte) []byte {
	address := netip.MustParseAddr(ip).AsSlice()
	allNodes := netip.MustParseAddr("ff02::1").AsSlice()
	return slices.Concat(
		[]byte{0x33, 0x33, 0, 0, 0, 1}, mac, []byte{0x86, 0xdd},
		[]byte{0x60, 0, 0, 0, 0, 32, 58, 255}, address, allNodes,
		[]byte{136, 0, 0, 0, flags, 0, 0, 0}, address,
		[]byte{2, 1}, mac)
}

// nextAdvertisement returns the next unsolicited one, its checksum set to zero
// after it was found right.
func nextAdvertisement(t *testing.T, c *netnstest.Capture, limit time.Duration) []byte {
	t.Helper()
	for end := time.Now().Add(limit); ; {
		frame := c.Next(t, time.Until(end))
		if frame == nil {
			return nil
		}
		if len(frame) < 78 || frame[20] != 58 || frame[54] != 136 || frame[58]&0x40 != 0 {
			continue // the kernel's own neighbour discovery
		}
		// Without an extension header the pseudo header is the IPv6 header
		// with the length moved and the hop limit as the next header.
		sum := uint32(len(frame)-54) + 58
		for n := 22; n < len(frame); n += 2 {
			sum += uint32(frame[n])<<8 | uint32(frame[n+1])
		}
		for sum > 0xffff {
			sum = sum>>16 + sum&0xffff
		}
		if sum != 0xffff {
			t.Errorf("the ICMPv6 checksum is wrong in % x", frame)
		}
		frame[56], frame[57] = 0, 0
		return frame
	}
}

func TestAdvertisementByteForByte(t *testing.T) {
	h, peer := netnstest.Pair(t, "eth0", "eth1")
	a := open(t, h, 0, nil)
	list := on("eth0", "2001:db8::100/64", "fe80::100/64")
	c := peer.Capture(t, "eth1", unix.ETH_P_IPV6)
	const host, router = 0x20, 0xa0
	for forwards, flags := range map[string]byte{"0": host, "1": router} {
		h.Run(t, func() error { return os.WriteFile("/proc/sys/net/ipv6/conf/eth0/forwarding", []byte(forwards), 0) })
		netnstest.Must(t, a.Announce("VI_1", list, 2, always))
		for round := range 2 {
			for _, ip := range []string{"2001:db8::100", "fe80::100"} {
				if got, want := nextAdvertisement(t, c, time.Second), advertisement(mac(t, h, "eth0"), ip, flags); !bytes.Equal(got, want) {
					t.Fatalf("round %d, forwarding %s:\n got % x\nwant % x", round, forwards, got, want)
				}
			}
		}
	}
	netnstest.Must(t, h.Link.SetARP("eth0", false))
	netnstest.Must(t, a.Announce("VI_1", list, 1, always))
	if got := nextAdvertisement(t, c, 50*time.Millisecond); got != nil {
		t.Errorf("announced without ARP: % x", got)
	}
}

// A neighbour that knew another hardware address uses the new one.
func TestAdvertisementMovesTheAddress(t *testing.T) {
	h, peer := netnstest.Pair(t, "eth0", "eth1")
	for device, host := range map[string]*netnstest.Host{"eth0": h, "eth1": peer} {
		own := map[string]string{"eth0": "2001:db8::1/64", "eth1": "2001:db8::2/64"}[device]
		_, err := host.Link.Add(on(device, own)...)
		netnstest.Must(t, err)
	}
	vip := netip.MustParseAddr("2001:db8::100")
	stale := net.HardwareAddr{2, 0, 0, 0, 0, 9}
	netnstest.Must(t, peer.Link.SetNeighbour("eth1", vip, stale))
	a := open(t, h, 0, nil)
	netnstest.Must(t, a.Announce("VI_1", on("eth0", "2001:db8::100/64"), 1, always))
	want := mac(t, h, "eth0")
	var got net.HardwareAddr
	for end := time.Now().Add(2 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		var err error
		got, err = peer.Link.Neighbour("eth1", vip)
		netnstest.Must(t, err)
		if bytes.Equal(got, want) {
			return
		}
	}
	t.Errorf("the neighbour has %s at %s, want %s", vip, got, want)
}

// Each kind has a pace of its own, and Drop takes both out.
func TestAdvertisementsArePacedByThemselves(t *testing.T) {
	h, peer := netnstest.Pair(t, "eth0", "eth1")
	four, six := peer.Capture(t, "eth1", unix.ETH_P_ARP), peer.Capture(t, "eth1", unix.ETH_P_IPV6)
	a := openGaps(t, h, 0, 30*time.Millisecond)
	list := on("eth0", "192.0.2.100/24", "2001:db8::100/64", "2001:db8::101/64")
	start := time.Now()
	netnstest.Must(t, a.Announce("VI_1", list, 2, always))
	if got, want := heard(t, four, 10*time.Millisecond), []string{"192.0.2.100", "192.0.2.100"}; !slices.Equal(got, want) {
		t.Errorf("at once announced %v, want %v", got, want)
	}
	for _, ip := range []string{"2001:db8::100", "2001:db8::101", "2001:db8::100"} {
		if got, want := nextAdvertisement(t, six, time.Second), advertisement(mac(t, h, "eth0"), ip, 0x20); !bytes.Equal(got, want) {
			t.Fatalf("got % x, want %s", got, ip)
		}
	}
	if took := time.Since(start); took < 60*time.Millisecond {
		t.Errorf("three announcements took %v, want at least two gaps", took)
	}
	a.Drop("VI_1", list)
	if got := nextAdvertisement(t, six, 60*time.Millisecond); got != nil {
		t.Errorf("announced after Drop: % x", got)
	}
}
