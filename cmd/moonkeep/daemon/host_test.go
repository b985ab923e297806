package daemon

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/node"
)

// TestMayStand holds that an address of this host is seen unless it is ours,
// and that one of nobody has the reload list nothing.
func TestMayStand(t *testing.T) {
	list := func(texts ...string) (all []netspec.Address) {
		for _, text := range texts {
			all = append(all, netspec.Address{Prefix: netip.MustParsePrefix(text), Device: "lo"})
		}
		return all
	}
	var many []netspec.Address
	for i := range fewAddresses + 1 {
		many = append(many, list(fmt.Sprintf("203.0.113.%d/32", i))...)
	}
	for _, tt := range []struct {
		addresses, excluded, ours []netspec.Address
		want                      bool
	}{
		{list("127.0.0.1/8"), nil, nil, true},
		{nil, list("203.0.113.1/24", "127.0.0.1/8"), nil, true},
		{list("127.0.0.1/8"), nil, list("127.0.0.1/8"), false},
		{list("203.0.113.1/24"), list("203.0.113.2/32", "2001:db8::1/64"), nil, false},
		{list("::1/128"), nil, nil, true},
		{list("::1/128"), nil, list("::1/128"), false},
		{many, nil, nil, true},
		{many, nil, many, false},
	} {
		n := &node.Config{Instances: []node.Instance{{Addresses: tt.addresses, Excluded: tt.excluded}}}
		if got := mayStand(n, tt.ours); got != tt.want {
			t.Errorf("%v, %v besides %v: %v, want %v", tt.addresses, tt.excluded, tt.ours, got, tt.want)
		}
	}
}

func TestLacks(t *testing.T) {
	const both = 1<<unix.CAP_NET_ADMIN | 1<<unix.CAP_NET_RAW
	for _, tt := range []struct {
		effective uint64
		want      string
	}{
		{both, ""},
		{^uint64(0), ""},
		{1 << unix.CAP_NET_RAW, "this process lacks CAP_NET_ADMIN (to set addresses): run it as root, or give it these capabilities"},
		{^uint64(both), "this process lacks CAP_NET_ADMIN (to set addresses) and CAP_NET_RAW (to speak VRRP): run it as root, or give it these capabilities"},
	} {
		got := ""
		if err := lacks(tt.effective); err != nil {
			got = err.Error()
		}
		if got != tt.want {
			t.Errorf("capabilities %x: %q, want %q", tt.effective, got, tt.want)
		}
	}
}

// TestAddressesElsewhere: an interface in another network namespace has the
// addresses that it has there.
func TestAddressesElsewhere(t *testing.T) {
	t.Parallel()
	_, b := netnstest.Pair(t, "eth0", "eth0")
	_, err := b.Link.Add(netspec.Address{Prefix: netip.MustParsePrefix("192.0.2.2/24"), Device: "eth0"})
	netnstest.Must(t, err)
	space := filepath.Join(t.TempDir(), "other")
	netnstest.Must(t, os.Symlink(fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), b.FD()), space))
	got, err := addressesOf(space + "/eth0")
	got = slices.DeleteFunc(got, func(p netip.Prefix) bool { return linkLocal(p.Addr()) })
	if err != nil || !slices.Equal(got, []netip.Prefix{netip.MustParsePrefix("192.0.2.2/24")}) {
		t.Errorf("the addresses of an interface in another namespace are %v", got)
	}
}

// TestHostsOwn: an address that the host would lose is refused beside other virtual
// ones and with whatever length, in each family; an owner's is the host's own.
func TestHostsOwn(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		stands, journal, virtual string
		priority                 uint8
		start                    string // what hostsOwn says at a start
		reload                   string // and at a reload
		own                      string
	}{
		"other length beside a virtual one of this run": {
			"10.0.0.5/24 10.0.0.100/24", "10.0.0.100/24", "10.0.0.5/32 10.0.0.100/24", 100, "which has it as 10.0.0.5/24", "which has it as 10.0.0.5/24", ""},
		"other length beside a virtual one that nobody remembers": {
			"10.0.0.5/24 10.0.0.100/24", "", "10.0.0.5/32 10.0.0.100/24", 100, "which has it as 10.0.0.5/24", "which has it as 10.0.0.5/24", ""},
		"beside a virtual one of another length": {
			"10.0.0.5/24 10.0.0.100/24", "", "10.0.0.5/24 10.0.0.100/32", 100, "10.0.0.5/24 is the only address", "10.0.0.5/24 is the only address", ""},
		"other length beside one of the host": {
			"10.0.0.5/24 10.0.0.6/24", "", "10.0.0.5/32", 100, "", "", ""},
		"other length of an earlier run": {
			"10.0.0.5/24", "10.0.0.5/24", "10.0.0.5/32", 100, "", "", ""},
		"IPv6, other length": {
			"10.0.0.5/24 2001:db8::5/64", "", "2001:db8::5/128", 100, "only IPv6 address", "only IPv6 address", ""},
		"IPv6 as configured": {
			"10.0.0.5/24 2001:db8::5/64", "", "2001:db8::5/64", 100, "", "only IPv6 address", ""},
		"IPv6 beside one of the host": {
			"2001:db8::5/64 2001:db8::6/64", "", "2001:db8::5/128", 100, "", "", ""},
		"IPv6 does not stand for IPv4": {
			"10.0.0.5/24 2001:db8::5/64", "", "10.0.0.5/32", 100, "which has it as 10.0.0.5/24", "which has it as 10.0.0.5/24", ""},
		"an owner's": {
			"10.0.0.5/24 2001:db8::5/64", "", "10.0.0.5/24 2001:db8::5/64", 255, "", "", "10.0.0.5/24 2001:db8::5/64"},
		"an owner's of an earlier run": {
			"2001:db8::5/64", "2001:db8::5/64", "2001:db8::5/64", 255, "", "", ""},
		"with a peer, of an earlier run": {
			"10.0.0.5>10.0.0.6/24", "10.0.0.5>10.0.0.6/24", "10.0.0.5>10.0.0.6/24", 100, "", "", ""},
		"with a peer, of the host": {
			"10.0.0.5>10.0.0.6/24", "", "10.0.0.5>10.0.0.6/24", 100, "which has it as 10.0.0.5/24", "which has it as 10.0.0.5/24", ""},
		"with a peer, as another length": {
			"10.0.0.5/25", "10.0.0.5>10.0.0.6/24", "10.0.0.5>10.0.0.6/24", 100, "which has it as 10.0.0.5/25", "which has it as 10.0.0.5/25", ""},
		"IPv6 with a peer, of an earlier run": {
			"2001:db8::5>2001:db8::6/64", "2001:db8::5>2001:db8::6/64", "2001:db8::5>2001:db8::6/64", 100, "", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, b := netnstest.Pair(t, "eth0", "eth0")
			space := filepath.Join(t.TempDir(), "other")
			netnstest.Must(t, os.Symlink(fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), b.FD()), space))
			list := func(texts, device string) (all []netspec.Address) {
				for text := range strings.FieldsSeq(texts) {
					own, peer, peered := strings.Cut(text, ">")
					a := netspec.Address{Device: device}
					if peered {
						addr := netip.MustParseAddr(own)
						a.Prefix, a.Peer = netip.PrefixFrom(addr, addr.BitLen()), netip.MustParsePrefix(peer)
					} else {
						a.Prefix = netip.MustParsePrefix(own)
					}
					all = append(all, a)
				}
				return all
			}
			_, err := b.Link.Add(list(tt.stands, "eth0")...)
			netnstest.Must(t, err)
			device := netspec.Within(space, "eth0")
			n := &node.Config{Instances: []node.Instance{{Name: "VI_1", Interface: device, Addresses: list(tt.virtual, device)}}}
			n.Instances[0].Router.Priority = tt.priority
			for _, start := range []bool{true, false} {
				want := tt.reload
				if start {
					want = tt.start
				}
				own, err := hostsOwn(n, list(tt.journal, device), start)
				if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
					t.Errorf("start %v: %v, want %q", start, err, want)
				}
				if !slices.Equal(own, list(tt.own, device)) {
					t.Errorf("start %v: the host's own are %v, want %s", start, own, tt.own)
				}
			}
		})
	}
}

// TestWhatCannotBeRead: where nothing can be known of the addresses of an interface
// nothing is taken for safe; a namespace that is not there has none.
func TestWhatCannotBeRead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "none")
	netnstest.Must(t, os.WriteFile(file, nil, 0o644)) // no namespace can be entered by it
	for space, known := range map[string]bool{file: false, filepath.Join(dir, "gone"): true} {
		n := &node.Config{Instances: []node.Instance{{Name: "VI_1", Interface: netspec.Within(space, "eth0"), Addresses: []netspec.Address{
			{Prefix: netip.MustParsePrefix("192.0.2.100/24"), Device: netspec.Within(space, "eth0")},
		}}}}
		_, err := hostsOwn(n, nil, true)
		for what, err := range map[string]error{"the host's own": err, "another daemon's": heldByOthers(n, nil)} {
			if (err == nil) != known {
				t.Errorf("%s in %s: %v, want it known: %v", what, space, err, known)
			}
		}
	}
}
