package doctor

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// With use_vmac an interface sends and receives with a hardware address that is not its
// own, which ports of hypervisors drop unless told otherwise. Whether the port does is
// seen by asking hosts on the network twice: from the interface's own hardware address and
// from another. The virtual one would not do: while another node is master, switches would
// send its traffic here. So another is made up for this purpose, and the questions are ARP
// probes (RFC 5227 2.1.1), which leave nothing in the caches of those who answer.

const (
	// mostAsked is how many hosts are asked on an interface.
	mostAsked = 8
	// askRounds is how often those are asked who did not answer, each askWait long.
	askRounds = 3
	askWait   = 300 * time.Millisecond
)

// answers is which of the two hardware addresses a host answered.
type answers struct {
	host       netip.Addr
	own, other bool
}

// examinePassage asks, if it may, on each interface that has instances with use_vmac.
func examinePassage(n *needs, heard []heardAdvert, may bool) (list []Finding) {
	for _, l := range n.links {
		s := lookAt(l.device)
		if !l.vmac || s.err != nil || s.flags&net.FlagRunning == 0 {
			continue // it was said of the interface
		}
		what := "use_vmac on " + l.device
		if len(s.mac) != 6 {
			list = append(list, Finding{Problem, what, "the interface is no Ethernet, so that it can have no virtual hardware address", "leave use_vmac out"})
			continue
		}
		if !may {
			list = append(list, Finding{OK, what, "whether its hardware address passes the port was not tried; --probe-mac tries it with another", ""})
			continue
		}
		hosts := hostsToAsk(n, l, s, heard)
		if len(hosts) == 0 {
			list = append(list, unasked(what, "no host on it is known: no gateway, no unicast_peer, no neighbour of the kernel's, no master that was heard", wakeHost))
			continue
		}
		other := madeUp()
		got, err := ask(l.device, s.mac, other, hosts)
		if err != nil {
			list = append(list, unasked(what, err.Error(), "run doctor as root"))
			continue
		}
		list = append(list, judgePassage(what, other, got))
	}
	return list
}

// wakeHost is how there is somebody to ask.
const wakeHost = "ping a host on the network, or start the other node, and run doctor again"

func unasked(what, why, advice string) Finding {
	return Finding{Warning, what, "whether other hardware addresses pass could not be tried: " + why, advice}
}

// judgePassage says what the answers tell, and what they do not.
func judgePassage(what string, other net.HardwareAddr, got []answers) Finding {
	const limit = "that of the virtual router itself was not tried: while another node is master that would draw its traffic here"
	var both, lost, silent []netip.Addr
	for _, a := range got {
		switch {
		case a.other:
			both = append(both, a.host)
		case a.own:
			lost = append(lost, a.host)
		default:
			silent = append(silent, a.host)
		}
	}
	const advice = "let the port pass them: MAC address changes, forged transmits and promiscuous mode (VMware), MAC address spoofing (Hyper-V), " +
		"no port security or a pair in allowed_address_pairs (OpenStack), trust on and spoofchk off (a VF of SR-IOV); or leave use_vmac out"
	switch {
	case len(both) > 0 && len(lost) > 0:
		return Finding{Warning, what, fmt.Sprintf("%s answered another hardware address (%v), but %s only that of the interface: something between drops others; %s", joinAddrs(both), other, joinAddrs(lost), limit),
			"look at the ports on the way to those: on the way of the clients " + advice}
	case len(both) > 0:
		return Finding{OK, what, fmt.Sprintf("%s answered another hardware address (%v) than the interface's own: they pass; %s", joinAddrs(both), other, limit), ""}
	case len(lost) > 0:
		return Finding{Problem, what, fmt.Sprintf("%s answered the hardware address of the interface, and not another (%v): the port drops others, as hypervisors do, unless it knows those that it is to pass; %s", joinAddrs(lost), other, limit), advice}
	}
	return unasked(what, "nobody answered at all: asked were "+joinAddrs(silent), wakeHost)
}

// madeUp is a locally administered unicast address that nobody has.
func madeUp() net.HardwareAddr {
	mac := make(net.HardwareAddr, 6)
	rand.Read(mac) // it never fails
	mac[0] = mac[0]&^1 | 2
	return mac
}

// hostsToAsk are neighbours of IPv4, the most telling first: other nodes, gateways, and
// whom the kernel knows.
func hostsToAsk(n *needs, l linkNeeds, s linkState, heard []heardAdvert) (list []netip.Addr) {
	add := func(a netip.Addr) {
		if a.Is4() && !a.IsUnspecified() && len(list) < mostAsked && !slices.Contains(list, a) && !slices.Contains(s.addresses, a) && !slices.Contains(l.virtual, a) {
			list = append(list, a)
		}
	}
	for _, a := range heard {
		if a.device == l.device {
			add(a.source)
		}
	}
	for _, in := range n.instances {
		if in.Interface == l.device {
			for _, p := range in.UnicastPeers {
				add(p.Address)
			}
		}
	}
	for _, a := range gateways(table("route"), l.device) {
		add(a)
	}
	for _, a := range neighbours(table("arp"), l.device) {
		add(a)
	}
	return list
}

// table reads one of the tables below /proc/net of this thread's network namespace. What
// cannot be read has no lines.
func table(name string) string {
	text, _ := os.ReadFile("/proc/thread-self/net/" + name) // without it there are fewer hosts
	return string(text)
}

// gateways reads /proc/net/route: interface, destination, gateway, the latter two as the
// machine keeps four octets.
func gateways(text, device string) (list []netip.Addr) {
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 3 || f[0] != device {
			continue
		}
		if v, err := strconv.ParseUint(f[2], 16, 32); err == nil {
			var octets [4]byte
			binary.NativeEndian.PutUint32(octets[:], uint32(v))
			list = append(list, netip.AddrFrom4(octets))
		}
	}
	return list
}

// neighbours reads /proc/net/arp: address, type, flags, hardware address, mask, interface.
func neighbours(text, device string) (list []netip.Addr) {
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 6 || f[5] != device || f[3] == "00:00:00:00:00:00" {
			continue
		}
		if a, err := netip.ParseAddr(f[0]); err == nil {
			list = append(list, a)
		}
	}
	return list
}

// ask sends ARP probes for the hosts from both hardware addresses, and gathers who
// answers which. The interface takes frames to other as long as the socket is open, as it
// does for an interface with a virtual hardware address.
func ask(device string, own, other net.HardwareAddr, hosts []netip.Addr) (got []answers, err error) {
	i, err := net.InterfaceByName(device)
	if err != nil {
		return nil, err
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("open a packet socket: %w", err)
	}
	defer func() { err = errors.Join(err, unix.Close(fd)) }()
	at := unix.SockaddrLinklayer{Protocol: swapped(unix.ETH_P_ARP), Ifindex: i.Index}
	if err := unix.Bind(fd, &at); err != nil {
		return nil, fmt.Errorf("receive ARP on %s: %w", device, err)
	}
	member := unix.PacketMreq{Ifindex: int32(i.Index), Type: unix.PACKET_MR_UNICAST, Alen: 6}
	copy(member.Address[:], other)
	if err := unix.SetsockoptPacketMreq(fd, unix.SOL_PACKET, unix.PACKET_ADD_MEMBERSHIP, &member); err != nil {
		return nil, fmt.Errorf("have %s take frames to another hardware address: %w", device, err)
	}
	for _, h := range hosts {
		got = append(got, answers{host: h})
	}
	missing := func(a answers) bool { return !a.own || !a.other }
	for range askRounds {
		for _, a := range got {
			for _, mac := range []net.HardwareAddr{own, other} {
				if !missing(a) {
					continue
				}
				if err := unix.Sendto(fd, probe(mac, a.host), 0, &at); err != nil {
					return nil, fmt.Errorf("send ARP on %s: %w", device, err)
				}
			}
		}
		if err := gather(fd, own, other, got, time.Now().Add(askWait)); err != nil {
			return nil, fmt.Errorf("receive ARP on %s: %w", device, err)
		}
		if !slices.ContainsFunc(got, missing) {
			break
		}
	}
	return got, nil
}

// swapped is a number of 16 bits as the network has it.
func swapped(n uint16) uint16 {
	return binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, n))
}

// gather notes answers until then, or until all are there.
func gather(fd int, own, other net.HardwareAddr, got []answers, until time.Time) error {
	frame := make([]byte, 2048)
	for slices.ContainsFunc(got, func(a answers) bool { return !a.own || !a.other }) {
		left := time.Until(until)
		if left <= 0 {
			return nil
		}
		ready := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		if _, err := unix.Poll(ready, int(left/time.Millisecond)+1); err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
		size, _, err := unix.Recvfrom(fd, frame, 0)
		switch {
		case errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return err
		}
		to, from, ok := answer(frame[:size])
		for i := range got {
			if a := &got[i]; ok && a.host == from {
				a.own, a.other = a.own || bytes.Equal(to, own), a.other || bytes.Equal(to, other)
			}
		}
	}
	return nil
}

// probe is an ARP probe for a host from a hardware address: it says of nobody that he
// has an IP address.
func probe(from net.HardwareAddr, host netip.Addr) []byte {
	f := make([]byte, 60) // the least of Ethernet
	copy(f, []byte{255, 255, 255, 255, 255, 255})
	copy(f[6:], from)
	copy(f[12:], []byte{0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0, 1})
	copy(f[22:], from)
	target := host.As4()
	copy(f[38:], target[:])
	return f
}

// answer returns whom a frame, if it is an answer to an ARP probe, is sent to, and from
// whom it is. An answer to what this host itself asks, with its IP address, is none.
func answer(f []byte) (to net.HardwareAddr, from netip.Addr, ok bool) {
	if len(f) < 42 || !bytes.Equal(f[12:22], []byte{0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0, 2}) || !bytes.Equal(f[38:42], make([]byte, 4)) {
		return nil, netip.Addr{}, false
	}
	return f[:6], netip.AddrFrom4([4]byte(f[28:32])), true
}
