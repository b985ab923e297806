package load

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// machine is what Host asks about the network of the machine that it looks
// at.
type machine interface {
	// names returns those of the interfaces.
	names() ([]string, error)
	links() ([]link, error)
	// routes returns the destinations that are reached through each
	// interface, default routes left out; ok is false when they are not all
	// known.
	routes() (through map[string]map[netip.Prefix]bool, ok bool)
}

// link is an interface with its addresses and their subnets.
type link struct {
	name     string
	prefixes []netip.Prefix
}

// kernel is the machine that this process runs on.
type kernel struct{}

func (kernel) names() ([]string, error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	names := make([]string, len(all))
	for i := range all {
		names[i] = all[i].Name
	}
	return names, nil
}

func (kernel) links() ([]link, error) {
	all, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	// Interface.Addrs reads those of all interfaces, too, each time.
	on, err := prefixes()
	if err != nil {
		return nil, fmt.Errorf("list the addresses of interfaces: %w", err)
	}
	out := make([]link, 0, len(all))
	for _, i := range all {
		out = append(out, link{name: i.Name, prefixes: on[i.Index]})
	}
	return out, nil
}

// prefixes returns the addresses of all interfaces with their subnets, by the
// interface's index.
func prefixes() (map[int][]netip.Prefix, error) {
	dump, err := syscall.NetlinkRIB(syscall.RTM_GETADDR, syscall.AF_UNSPEC)
	if err != nil {
		return nil, err
	}
	messages, err := syscall.ParseNetlinkMessage(dump)
	if err != nil {
		return nil, err
	}
	on := make(map[int][]netip.Prefix)
	for i := range messages {
		m := &messages[i]
		if m.Header.Type != syscall.RTM_NEWADDR || len(m.Data) < syscall.SizeofIfAddrmsg {
			continue
		}
		attributes, err := syscall.ParseNetlinkRouteAttr(m)
		if err != nil {
			return nil, err
		}
		var addr netip.Addr
		for _, a := range attributes {
			// Where there is a peer, IFA_ADDRESS is that.
			local := a.Attr.Type == syscall.IFA_LOCAL
			if local || a.Attr.Type == syscall.IFA_ADDRESS && !addr.IsValid() {
				addr, _ = netip.AddrFromSlice(a.Value)
			}
		}
		// The header is family, length of the prefix, flags, scope, index.
		if p := netip.PrefixFrom(addr, int(m.Data[1])); p.IsValid() {
			index := int(binary.NativeEndian.Uint32(m.Data[4:8]))
			on[index] = append(on[index], p)
		}
	}
	return on, nil
}

// mostRoutes is how much of a table of routes is read; a router with all of
// the Internet's has more, and is then not judged.
const mostRoutes = 4 << 20

func (kernel) routes() (map[string]map[netip.Prefix]bool, bool) {
	through := make(map[string]map[netip.Prefix]bool)
	ok := true
	for _, table := range []struct {
		path  string
		parse func(fields []string) (string, netip.Prefix, bool)
	}{{"/proc/thread-self/net/route", route4}, {"/proc/thread-self/net/ipv6_route", route6}} {
		f, err := os.Open(table.path)
		if err != nil {
			continue // a kernel without this family has no routes of it
		}
		limited := &io.LimitedReader{R: f, N: mostRoutes}
		lines := bufio.NewScanner(limited)
		for lines.Scan() {
			if device, to, known := table.parse(strings.Fields(lines.Text())); known && to.Bits() > 0 {
				if through[device] == nil {
					through[device] = make(map[netip.Prefix]bool)
				}
				through[device][to] = true
			}
		}
		ok = ok && lines.Err() == nil && limited.N > 0
		f.Close()
	}
	return through, ok
}

// route4 reads a line of /proc/net/route: Iface Destination Gateway Flags
// RefCnt Use Metric Mask. Addresses are numbers of the machine's own order.
func route4(fields []string) (device string, to netip.Prefix, ok bool) {
	if len(fields) < 8 {
		return "", to, false
	}
	address, mask := number4(fields[1]), number4(fields[7])
	if address == nil || mask == nil {
		return "", to, false // the heading
	}
	bits, size := net.IPMask(mask).Size()
	return fields[0], netip.PrefixFrom(netip.AddrFrom4([4]byte(address)), bits), size == 32
}

func number4(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != 4 {
		return nil
	}
	// The number is written with its highest digit first, so its bytes in
	// memory, which are the address, are those of the machine's order.
	return binary.NativeEndian.AppendUint32(nil, binary.BigEndian.Uint32(b))
}

// route6 reads a line of /proc/net/ipv6_route: destination and its length,
// source and its length, next hop, metric, count, use, flags, device.
func route6(fields []string) (device string, to netip.Prefix, ok bool) {
	if len(fields) < 10 {
		return "", to, false
	}
	b, err := hex.DecodeString(fields[0])
	bits, lerr := strconv.ParseUint(fields[1], 16, 8)
	if err != nil || lerr != nil || len(b) != 16 || bits > 128 {
		return "", to, false
	}
	return fields[9], netip.PrefixFrom(netip.AddrFrom16([16]byte(b)), int(bits)), true
}
