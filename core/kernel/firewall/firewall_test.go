//go:build linux

package firewall

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
	"github.com/moonkeep/moonkeep/core/netspec"
)

// at is an address on eth0.
func at(prefix string) netspec.Address {
	return netspec.Address{Prefix: netip.MustParsePrefix(prefix), Device: "eth0"}
}

// answers reports whether UDP to an address gets an answer, from left to right.
func answers(t *testing.T, left, right *netnstest.Host, address string) bool {
	t.Helper()
	// With the numbers of their interfaces, since package net remembers names.
	on := func(h *netnstest.Host, name string) string {
		if !strings.HasPrefix(address, "fe80:") {
			return net.JoinHostPort(address, "4321")
		}
		i, err := h.Link.Interface(name)
		netnstest.Must(t, err)
		return net.JoinHostPort(fmt.Sprintf("%s%%%d", address, i.Index), "4321")
	}
	var server net.PacketConn
	right.Run(t, func() (err error) {
		server, err = net.ListenPacket("udp", on(right, "eth0"))
		return err
	})
	defer server.Close()
	go func() {
		b := make([]byte, 16)
		for {
			n, from, err := server.ReadFrom(b)
			if err != nil {
				return
			}
			// A reply that does not leave is an answer that does not come.
			_, _ = server.WriteTo(b[:n], from)
		}
	}()
	var client net.Conn
	left.Run(t, func() (err error) {
		client, err = net.Dial("udp", on(left, "eth1"))
		return err
	})
	defer client.Close()
	for range 3 {
		if _, err := client.Write([]byte("?")); err != nil {
			t.Logf("write to %s: %v", address, err)
		}
		netnstest.Must(t, client.SetReadDeadline(time.Now().Add(100*time.Millisecond)))
		if _, err := client.Read(make([]byte, 16)); err == nil {
			return true
		}
	}
	return false
}

func newFirewall(t *testing.T, h *netnstest.Host) *Firewall {
	t.Helper()
	f := New(h.NS, "moonkeep")
	t.Cleanup(func() { netnstest.Must(t, f.Close()) })
	if err := f.Check(); errors.Is(err, ErrUnavailable) {
		t.Skipf("needs /proc/sys/net/netfilter to filter: %v", err)
	} else if err != nil {
		t.Fatal(err)
	}
	return f
}

// tables are the names of the tables of a host.
func tables(t *testing.T, f *Firewall) (names []string) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.do(f.remove); len(f.closed) == 0 && err != nil {
		t.Fatal(err)
	}
	list, err := f.conn.ListTables()
	netnstest.Must(t, err)
	for _, table := range list {
		names = append(names, table.Name)
	}
	return names
}

func TestDrop(t *testing.T) {
	left, right := netnstest.Pair(t, "eth1", "eth0")
	must := netnstest.Must
	_, err := left.Link.Add(netspec.Address{Prefix: netip.MustParsePrefix("192.0.2.1/24"), Device: "eth1"}, netspec.Address{Prefix: netip.MustParsePrefix("2001:db8::1/64"), Device: "eth1"})
	must(t, err)
	_, err = right.Link.Add(at("192.0.2.7/24"), at("192.0.2.8/24"), at("2001:db8::7/64"), at("2001:db8::8/64"), at("fe80::7/64"), at("fe80::8/64"))
	must(t, err)
	f := newFirewall(t, right)
	all := []string{"192.0.2.7", "192.0.2.8", "2001:db8::7", "2001:db8::8", "fe80::7", "fe80::8"}
	check := func(what string, closed ...string) {
		t.Helper()
		for _, address := range all {
			want := !strings.Contains(" "+strings.Join(closed, " ")+" ", " "+address+" ")
			if got := answers(t, left, right, address); got != want {
				t.Errorf("%s: got an answer from %s %v, want %v", what, address, got, want)
			}
		}
	}
	check("at first")
	seven := []Destination{To(netip.MustParseAddr("192.0.2.7"), "eth0"), To(netip.MustParseAddr("2001:db8::7"), "eth0"), To(netip.MustParseAddr("fe80::7"), "eth0")}
	must(t, f.Drop(seven...))
	check("closed", "192.0.2.7", "2001:db8::7", "fe80::7")
	must(t, f.Drop(To(netip.MustParseAddr("192.0.2.8"), "eth0"), To(netip.MustParseAddr("fe80::8"), "other0")))
	check("one more, and a link-local one elsewhere", "192.0.2.7", "192.0.2.8", "2001:db8::7", "fe80::7")
	must(t, f.Pass(seven[:2]...))
	check("two opened", "192.0.2.8", "fe80::7")
	must(t, f.Pass(seven[2], To(netip.MustParseAddr("192.0.2.8"), "eth0"), To(netip.MustParseAddr("fe80::8"), "other0")))
	check("all opened")
	if got := tables(t, f); len(got) != 0 {
		t.Errorf("got tables %v after all was opened, want none", got)
	}
}

// TestNeighbourDiscovery holds that a closed address is found on the link, also
// when the question is put to the address itself.
func TestNeighbourDiscovery(t *testing.T) {
	left, right := netnstest.Pair(t, "eth1", "eth0")
	must := netnstest.Must
	_, err := left.Link.Add(netspec.Address{Prefix: netip.MustParsePrefix("2001:db8::1/64"), Device: "eth1"})
	must(t, err)
	_, err = right.Link.Add(at("2001:db8::7/64"))
	must(t, err)
	f := newFirewall(t, right)
	must(t, f.Drop(To(netip.MustParseAddr("2001:db8::7"), "eth0")))
	var raw net.PacketConn
	left.Run(t, func() (err error) {
		raw, err = net.ListenPacket("ip6:ipv6-icmp", "2001:db8::1")
		return err
	})
	defer raw.Close()
	c, err := raw.(*net.IPConn).SyscallConn()
	must(t, err)
	must(t, c.Control(func(fd uintptr) {
		err = errors.Join(unix.SetsockoptInt(int(fd), unix.IPPROTO_IPV6, unix.IPV6_UNICAST_HOPS, 255))
	}))
	must(t, err)
	for _, test := range []struct {
		what    string
		message []byte
		reply   byte
		want    bool
	}{
		// First, so that the left host's own questions are answered before.
		{"an echo request", []byte{128, 0, 0, 0, 0, 1, 0, 1}, 129, false},
		{"a neighbour solicitation", append([]byte{135, 0, 0, 0, 0, 0, 0, 0}, netip.MustParseAddr("2001:db8::7").AsSlice()...), 136, true},
	} {
		if got := replied(t, raw, test.message, test.reply); got != test.want {
			t.Errorf("%s to the address: got an answer %v, want %v", test.what, got, test.want)
		}
	}
	must(t, f.Pass(To(netip.MustParseAddr("2001:db8::7"), "eth0")))
	if !replied(t, raw, []byte{128, 0, 0, 0, 0, 1, 0, 1}, 129) {
		t.Error("got no answer to an echo request of an open address")
	}
}

func replied(t *testing.T, raw net.PacketConn, message []byte, reply byte) bool {
	t.Helper()
	to := &net.IPAddr{IP: net.ParseIP("2001:db8::7")}
	for range 3 {
		_, err := raw.WriteTo(message, to)
		netnstest.Must(t, err)
		deadline := time.Now().Add(100 * time.Millisecond)
		for time.Now().Before(deadline) {
			netnstest.Must(t, raw.SetReadDeadline(deadline))
			b := make([]byte, 128)
			n, from, err := raw.ReadFrom(b)
			if err == nil && n > 0 && b[0] == reply && from.String() == "2001:db8::7" {
				return true
			}
		}
	}
	return false
}

// TestReset holds that a table outlives its maker, and that the next one finds
// and removes it.
func TestReset(t *testing.T) {
	h := netnstest.New(t)
	before := newFirewall(t, h)
	netnstest.Must(t, before.Drop(To(netip.MustParseAddr("192.0.2.7"), "")))
	netnstest.Must(t, before.Close())
	after := New(h.NS, "moonkeep")
	defer after.Close()
	after.closed[To(netip.MustParseAddr("192.0.2.7"), "")] = true
	opened := after.do(func(c *nftables.Conn) error { return nil })
	netnstest.Must(t, opened)
	if !after.whole() {
		t.Error("the table went with its maker, want it to stay")
	}
	netnstest.Must(t, after.Reset())
	if got := tables(t, after); len(got) != 0 {
		t.Errorf("got tables %v after Reset, want none", got)
	}
}

// TestRestore holds that what somebody else took away comes back.
func TestRestore(t *testing.T) {
	a, b := To(netip.MustParseAddr("192.0.2.7"), ""), To(netip.MustParseAddr("fe80::7"), "eth0")
	for _, test := range []struct {
		what string
		harm func(f *Firewall, c *nftables.Conn) error
	}{
		{"the whole ruleset", func(_ *Firewall, c *nftables.Conn) error { c.FlushRuleset(); return nil }},
		{"the rules", func(f *Firewall, c *nftables.Conn) error { c.FlushChain(f.layout().chain); return nil }},
		{"an element", func(f *Firewall, c *nftables.Conn) error {
			return f.change(c.SetDeleteElements, []Destination{b})
		}},
	} {
		t.Run(test.what, func(t *testing.T) {
			h := netnstest.New(t)
			f, other := newFirewall(t, h), New(h.NS, "moonkeep")
			defer other.Close()
			netnstest.Must(t, f.Drop(a, b))
			if restored, err := f.Restore(); restored || err != nil {
				t.Fatalf("unharmed: got restored %v, %v, want false, nil", restored, err)
			}
			netnstest.Must(t, other.do(func(c *nftables.Conn) error { return test.harm(other, c) }))
			if restored, err := f.Restore(); !restored || err != nil {
				t.Errorf("got restored %v, %v, want true, nil", restored, err)
			}
			if !f.whole() {
				t.Error("the table is not whole after Restore")
			}
			// Without Restore the next change does it.
			netnstest.Must(t, other.do(func(c *nftables.Conn) error { c.FlushRuleset(); return nil }))
			netnstest.Must(t, f.Drop(To(netip.MustParseAddr("192.0.2.8"), "")))
			if !f.whole() {
				t.Error("the table is not whole after Drop")
			}
			netnstest.Must(t, other.do(func(c *nftables.Conn) error { c.FlushRuleset(); return nil }))
			netnstest.Must(t, f.Pass(a))
			if !f.whole() {
				t.Error("the table is not whole after Pass")
			}
		})
	}
}

// TestMany holds that more elements than fit into a message are set.
func TestMany(t *testing.T) {
	h := netnstest.New(t)
	f := newFirewall(t, h)
	var all []Destination
	for i := range 3000 {
		all = append(all, To(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), ""), To(netip.MustParseAddr(fmt.Sprintf("fe80::%x", i+1)), "eth0"))
	}
	netnstest.Must(t, f.Drop(all...))
	if !f.whole() {
		t.Error("not all are in the table")
	}
	netnstest.Must(t, f.Pass(all[1:]...))
	if !f.whole() || len(f.closed) != 1 {
		t.Error("not all but one are gone from the table")
	}
}

// TestShown holds that nft prints the table as its documentation here says.
func TestShown(t *testing.T) {
	nft, err := exec.LookPath("nft")
	if err != nil {
		if nft, err = exec.LookPath("/usr/sbin/nft"); err != nil {
			t.Skip("needs nft")
		}
	}
	h := netnstest.New(t)
	f := newFirewall(t, h)
	netnstest.Must(t, f.Drop(To(netip.MustParseAddr("192.0.2.7"), ""), To(netip.MustParseAddr("2001:db8::7"), ""), To(netip.MustParseAddr("fe80::7"), "eth0")))
	var out []byte
	h.Run(t, func() (err error) {
		out, err = exec.Command(filepath.Clean(nft), "list", "ruleset").CombinedOutput()
		return err
	})
	for _, want := range []string{
		"table inet moonkeep {", "elements = { 192.0.2.7 }", "elements = { 2001:db8::7 }", `elements = { "eth0" . fe80::7 }`,
		"type filter hook input priority filter; policy accept;", "icmpv6 type nd-neighbor-solicit accept", "icmpv6 type nd-neighbor-advert accept",
		"ip daddr @ipv4 counter packets 0 bytes 0 drop", "ip6 daddr @ipv6 counter packets 0 bytes 0 drop", "iifname . ip6 daddr @link_local counter packets 0 bytes 0 drop",
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("nft list ruleset has no %q:\n%s", want, out)
		}
	}
}

// TestWithoutNetfilter: a kernel that knows no netfilter is told apart before the
// library is asked, which does not survive it.
func TestWithoutNetfilter(t *testing.T) {
	const nobodys = 31 // no protocol has this number
	if err := explain(spoken(nobodys)); !errors.Is(err, ErrUnavailable) {
		t.Errorf("a protocol that the kernel does not know: %v", err)
	}
	if err := spoken(unix.NETLINK_ROUTE); err != nil {
		t.Errorf("one that it knows: %v", err)
	}
}
