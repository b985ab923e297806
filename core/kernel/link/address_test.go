//go:build linux

package link_test

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink/nl"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/kernel/link"
	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
	"github.com/moonkeep/moonkeep/core/netspec"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func plain(prefix string) netspec.Address {
	return netspec.Address{Prefix: netip.MustParsePrefix(prefix), Device: "eth0"}
}

func with(a netspec.Address, change func(*netspec.Address)) netspec.Address {
	change(&a)
	return a
}

// list is what stands on eth0, without the link-local addresses that the
// kernel makes.
func list(t *testing.T, h *netnstest.Host) []netspec.Address {
	t.Helper()
	all, err := h.Link.List("eth0")
	netnstest.Must(t, err)
	return slices.DeleteFunc(all, func(a netspec.Address) bool { return a.Addr().IsLinkLocalUnicast() })
}

func TestAddListRemove(t *testing.T) {
	for _, c := range []struct {
		name string
		want netspec.Address
	}{
		{"no broadcast address is made up", plain("192.0.2.100/24")},
		{"broadcast", with(plain("192.0.2.100/24"), func(a *netspec.Address) { a.Broadcast = netip.MustParseAddr("192.0.2.255") })},
		{"host", plain("192.0.2.100/32")},
		{"label", with(plain("192.0.2.100/24"), func(a *netspec.Address) { a.Label = "eth0:vip" })},
		{"scope link", with(plain("192.0.2.100/24"), func(a *netspec.Address) { a.Scope = netspec.ScopeLink })},
		{"scope host", with(plain("192.0.2.100/24"), func(a *netspec.Address) { a.Scope = netspec.ScopeHost })},
		{"peer", with(plain("192.0.2.100/32"), func(a *netspec.Address) { a.Peer = netip.MustParsePrefix("203.0.113.9/32") })},
		{"peer with its network", with(plain("192.0.2.100/32"), func(a *netspec.Address) { a.Peer = netip.MustParsePrefix("203.0.113.9/24") })},
		{"everything", netspec.Address{Prefix: netip.MustParsePrefix("192.0.2.100/32"), Device: "eth0", Label: "eth0:1",
			Scope: netspec.ScopeSite, Broadcast: netip.MustParseAddr("203.0.113.255"), Peer: netip.MustParsePrefix("203.0.113.9/24")}},
		{"IPv6", plain("2001:db8::100/64")},
		{"no route", with(plain("192.0.2.100/24"), func(a *netspec.Address) { a.Flags = netspec.NoPrefixRoute })},
		{"joined group", with(plain("239.1.2.3/32"), func(a *netspec.Address) { a.Flags = netspec.AutoJoin })},
		{"IPv6 host", plain("2001:db8::100/128")},
		{"IPv6 never preferred", with(plain("2001:db8::100/128"), func(a *netspec.Address) { a.Limited = true })},
		{"IPv6 home without route", with(plain("2001:db8::100/64"), func(a *netspec.Address) { a.Flags = netspec.Home | netspec.NoPrefixRoute })},
		{"IPv6 with temporary addresses", with(plain("2001:db8::100/64"), func(a *netspec.Address) { a.Flags = netspec.ManageTemporary })},
		{"IPv6 peer", with(plain("2001:db8::100/128"), func(a *netspec.Address) { a.Peer = netip.MustParsePrefix("2001:db8:1::9/64") })},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, _ := netnstest.Pair(t, "eth0", "eth1")
			// Twice: an address that stands is no error.
			for range 2 {
				standing, err := h.Link.Add(c.want)
				netnstest.Must(t, err)
				if len(standing) != 1 || standing[0].Address != c.want || standing[0].Index != index(t, h, "eth0") {
					t.Fatalf("standing %v, want %v", standing, c.want)
				}
				if got := list(t, h); !slices.Equal(got, []netspec.Address{c.want}) {
					t.Fatalf("in the kernel: %v, want %v", got, c.want)
				}
			}
			state, err := h.Link.State()
			netnstest.Must(t, err)
			if !state.Stands(c.want) {
				t.Error("Stands does not see it")
			}
			if n := marked(t, h); n != 1 && marks(t) {
				t.Errorf("%d addresses are marked as ours, want 1", n)
			}
			for range 2 {
				netnstest.Must(t, h.Link.Remove(c.want))
				if got := list(t, h); len(got) != 0 {
					t.Fatalf("in the kernel after Remove: %v", got)
				}
			}
		})
	}
}

// marked counts the addresses whose IFA_PROTO is ours.
func marked(t *testing.T, h *netnstest.Host) (n int) {
	t.Helper()
	h.Run(t, func() error {
		ask := nl.NewNetlinkRequest(unix.RTM_GETADDR, unix.NLM_F_DUMP)
		ask.AddData(nl.NewIfAddrmsg(unix.AF_UNSPEC))
		data, err := ask.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWADDR)
		for _, d := range data {
			list, perr := nl.ParseRouteAttr(d[unix.SizeofIfAddrmsg:])
			err = errors.Join(err, perr)
			for _, a := range list {
				if a.Attr.Type == 11 && slices.Equal(a.Value, []byte{18}) {
					n++
				}
			}
		}
		return err
	})
	return n
}

// marks reports whether the kernel is one of those that know IFA_PROTO, 5.18 and later.
func marks(t *testing.T) bool {
	t.Helper()
	var u unix.Utsname
	var major, minor int
	netnstest.Must(t, unix.Uname(&u))
	if _, err := fmt.Sscanf(unix.ByteSliceToString(u.Release[:]), "%d.%d", &major, &minor); err != nil {
		t.Fatal(err)
	}
	return major > 5 || major == 5 && minor >= 18
}

func index(t *testing.T, h *netnstest.Host, name string) int {
	t.Helper()
	i, err := h.Link.Interface(name)
	netnstest.Must(t, err)
	return i.Index
}

func TestAddReplacesWhatDiffers(t *testing.T) {
	base := with(plain("192.0.2.100/32"), func(a *netspec.Address) { a.Label = "eth0:1" })
	for _, c := range []struct {
		name   string
		change func(*netspec.Address)
	}{
		{"label", func(a *netspec.Address) { a.Label = "eth0:2" }},
		{"no label", func(a *netspec.Address) { a.Label = "" }},
		{"scope", func(a *netspec.Address) { a.Scope = netspec.ScopeHost }},
		{"broadcast", func(a *netspec.Address) { a.Broadcast = netip.MustParseAddr("192.0.2.255") }},
		{"peer", func(a *netspec.Address) { a.Peer = netip.MustParsePrefix("203.0.113.9/32") }},
		{"flag", func(a *netspec.Address) { a.Flags = netspec.NoPrefixRoute }},
		{"lifetime", func(a *netspec.Address) { a.Limited = true }},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, _ := netnstest.Pair(t, "eth0", "eth1")
			changed := with(base, c.change)
			// There and back again, but not from a peer: to the kernel that is
			// another address, and whoever claimed it releases it.
			steps := []netspec.Address{base, changed, base}
			if changed.Peer.IsValid() {
				steps = steps[:2]
			}
			for _, want := range steps {
				_, err := h.Link.Add(want)
				netnstest.Must(t, err)
				if got := list(t, h); !slices.Equal(got, []netspec.Address{want}) {
					t.Fatalf("in the kernel: %v, want %v only", got, want)
				}
			}
		})
	}
}

func TestAnotherPrefixLengthIsAnotherAddress(t *testing.T) {
	h, _ := netnstest.Pair(t, "eth0", "eth1")
	both := []netspec.Address{plain("192.0.2.100/24"), plain("192.0.2.100/32")}
	_, err := h.Link.Add(both...)
	netnstest.Must(t, err)
	if got := list(t, h); !slices.Equal(got, both) && !slices.Equal(got, []netspec.Address{both[1], both[0]}) {
		t.Fatalf("in the kernel: %v, want %v", got, both)
	}
	netnstest.Must(t, h.Link.Remove(both[0]))
	if got := list(t, h); !slices.Equal(got, both[1:]) {
		t.Errorf("in the kernel after Remove: %v, want %v", got, both[1])
	}
}

// What an interface lost with IPv6 is not there.
func TestRemoveWithoutIPv6(t *testing.T) {
	h, _ := netnstest.Pair(t, "eth0", "eth1")
	netnstest.Must(t, h.Link.SetMTU("eth0", 1200))
	netnstest.Must(t, h.Link.Remove(netspec.Address{Prefix: netip.MustParsePrefix("fe80::1/64"), Device: "eth0"}))
}

func TestErrorsSayWhatAndWhere(t *testing.T) {
	h, _ := netnstest.Pair(t, "eth0", "eth1")
	good := plain("192.0.2.100/24")
	absent := with(good, func(a *netspec.Address) { a.Device = "eth9" })
	// A label that does not fit: the kernel says so in words.
	long := with(plain("192.0.2.101/24"), func(a *netspec.Address) { a.Label = strings.Repeat("x", 20) })
	standing, err := h.Link.Add(absent, long, good)
	if !slices.Equal(standing, []link.Placed{{Address: good, Index: index(t, h, "eth0")}}) {
		t.Errorf("standing %v, want %v", standing, good)
	}
	if !errors.Is(err, link.ErrNoInterface) || !errors.Is(err, unix.ERANGE) && !errors.Is(err, unix.EINVAL) {
		t.Fatalf("error %v, want ErrNoInterface and the kernel's", err)
	}
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != 2 || lines[0] != "add 192.0.2.100/24 dev eth9: no such interface eth9" ||
		!strings.HasPrefix(lines[1], "add 192.0.2.101/24 dev eth0 label xxxxxxxxxxxxxxxxxxxx: numerical result out of range: ") {
		t.Errorf("error text:\n%v", err)
	}
	netnstest.Must(t, h.Link.Remove(absent))
	if _, err := h.Link.List("eth9"); !errors.Is(err, link.ErrNoInterface) {
		t.Errorf("List: %v, want ErrNoInterface", err)
	}
	if err := h.Link.SetUp("eth9"); err == nil || err.Error() != "set up eth9: no such interface eth9" {
		t.Errorf("SetUp: %v", err)
	}
}

func TestInterfaceState(t *testing.T) {
	h, peer := netnstest.Pair(t, "eth0", "eth1")
	mac := []byte{2, 0, 0, 0, 0, 7}
	netnstest.Must(t, h.Link.SetMTU("eth0", 1400))
	netnstest.Must(t, h.Link.SetMAC("eth0", mac))
	netnstest.Must(t, h.Link.SetARP("eth0", false))
	check := func(up bool) {
		t.Helper()
		one, err := h.Link.Interface("eth0")
		netnstest.Must(t, err)
		state, err := h.Link.State()
		netnstest.Must(t, err)
		all, _ := state.Find("eth0")
		for _, i := range []link.Interface{one, all} {
			if i.Name != "eth0" || i.Index == 0 || i.MTU != 1400 || string(i.MAC) != string(mac) || !i.NoARP || i.Up != up {
				t.Errorf("interface %+v, want up %v", i, up)
			}
		}
	}
	check(true)
	netnstest.Must(t, peer.Link.SetDown("eth1"))
	check(false)
	lo, err := h.Link.Interface("lo")
	netnstest.Must(t, err)
	if !lo.Up || lo.Index != 1 || !lo.NoARP || lo.MAC != nil {
		t.Errorf("loopback %+v, want up, without ARP and hardware address", lo)
	}
}

func TestTopology(t *testing.T) {
	wall, a := netnstest.New(t), netnstest.New(t)
	b := netnstest.New(t)
	netnstest.Must(t, wall.Link.AddBridge("br0"))
	netnstest.Must(t, wall.Link.SetUp("br0"))
	for port, h := range map[string]*netnstest.Host{"a": a, "b": b} {
		netnstest.Connect(t, wall, port, h, "tmp")
		netnstest.Must(t, wall.Link.SetMaster(port, "br0"))
		netnstest.Must(t, h.Link.SetDown("tmp"))
		netnstest.Must(t, h.Link.Rename("tmp", "eth0"))
		netnstest.Must(t, h.Link.SetUp("eth0"))
		wall.AwaitUp(t, port)
		h.AwaitUp(t, "eth0")
	}
	wall.AwaitUp(t, "br0")
	heard := b.Capture(t, "eth0", 0x88b5)
	n := byte(0)
	try := func(what string, want bool) {
		t.Helper()
		n++
		frame := make([]byte, 60)
		copy(frame, []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 0x88, 0xb5, n})
		a.Inject(t, "eth0", frame)
		got := heard.Next(t, 50*time.Millisecond)
		if (got != nil) != want || want && got[14] != n {
			t.Errorf("%s: heard %v, want a frame: %v", what, got, want)
		}
	}
	try("connected", true)
	netnstest.Must(t, wall.Link.SetPortState("a", link.Disabled))
	try("disabled port", false)
	if i, _ := a.Link.Interface("eth0"); !i.Up {
		t.Error("the partition is not silent: the interface went down")
	}
	netnstest.Must(t, wall.Link.SetPortState("a", link.Forwarding))
	try("forwarding port", true)
	netnstest.Must(t, wall.Link.SetMaster("a", ""))
	try("no longer a port", false)
	netnstest.Must(t, wall.Link.Delete("br0"))
	if _, err := wall.Link.Interface("br0"); !errors.Is(err, link.ErrNoInterface) {
		t.Errorf("deleted bridge: %v, want ErrNoInterface", err)
	}
	netnstest.Must(t, wall.Link.Move("a", b.NS))
	if _, err := b.Link.Interface("a"); err != nil {
		t.Errorf("moved interface: %v", err)
	}
}

// A lifetime runs down; an address whose lifetime has begun to is as wanted.
func TestLifetime(t *testing.T) {
	h, _ := netnstest.Pair(t, "eth0", "eth1")
	want := with(plain("2001:db8::100/64"), func(a *netspec.Address) { a.Limited, a.Preferred = true, 100*time.Second })
	for range 2 {
		_, err := h.Link.Add(want)
		netnstest.Must(t, err)
		got := list(t, h)
		if len(got) != 1 || !got[0].Limited || got[0].Preferred > want.Preferred || got[0].Preferred < want.Preferred-5*time.Second {
			t.Fatalf("in the kernel: %v, want %v", got, want)
		}
	}
}

// An address of whose uniqueness nothing is known yet does not stand; one that
// is not to be looked for stands at once.
func TestDuplicateAddressDetection(t *testing.T) {
	h, peer := netnstest.Pair(t, "eth0", "eth1")
	stands := func(a netspec.Address) bool {
		state, err := h.Link.State()
		netnstest.Must(t, err)
		return state.Stands(a)
	}
	taken, free, at := plain("2001:db8::100/64"), plain("2001:db8::101/64"), plain("2001:db8::102/64")
	taken.DAD, free.DAD = true, true
	_, err := peer.Link.Add(netspec.Address{Prefix: taken.Prefix, Device: "eth1"})
	netnstest.Must(t, err)
	_, err = h.Link.Add(taken, free, at)
	netnstest.Must(t, err)
	if stands(taken) || stands(free) || !stands(at) {
		t.Errorf("at once the addresses stand %v, %v, %v, want the last only", stands(taken), stands(free), stands(at))
	}
	for end := time.Now().Add(5 * time.Second); !stands(free) && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	time.Sleep(100 * time.Millisecond)
	if stands(taken) || !stands(free) {
		t.Errorf("after detection the taken address stands %v, the free one %v", stands(taken), stands(free))
	}
	// Whoever adds it again insists.
	taken.DAD = false
	_, err = h.Link.Add(taken)
	netnstest.Must(t, err)
	if !stands(taken) {
		t.Error("an address that failed detection was not replaced")
	}
}
