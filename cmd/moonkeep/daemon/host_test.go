package daemon

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
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
	if got, err := addressesOf(space + "/eth0"); err != nil || !slices.Equal(got, []netip.Prefix{netip.MustParsePrefix("192.0.2.2/24")}) {
		t.Errorf("the addresses of an interface in another namespace are %v", got)
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
		_, err := hostsOwn(n, nil)
		for what, err := range map[string]error{"the host's own": err, "another daemon's": heldByOthers(n, nil)} {
			if (err == nil) != known {
				t.Errorf("%s in %s: %v, want it known: %v", what, space, err, known)
			}
		}
	}
}
