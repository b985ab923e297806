//go:build linux

package realserver_test

import (
	"bytes"
	"errors"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/moonkeep/moonkeep/core/kernel/netns"
	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
	"github.com/moonkeep/moonkeep/core/kernel/realserver"
	"github.com/moonkeep/moonkeep/core/kernel/sysctl"
	"github.com/moonkeep/moonkeep/core/netspec"
)

// use opens the host, does something with it, and returns what was told.
func use(t *testing.T, ns *netns.NS, file string, do func(*realserver.Host, func(string)) error) (told []string) {
	t.Helper()
	err := ns.Do(func() error {
		h, err := realserver.Open(file)
		if err != nil {
			return err
		}
		return errors.Join(do(h, func(s string) { told = append(told, s) }), h.Close())
	})
	netnstest.Must(t, err)
	return told
}

func up(p realserver.Plan) func(*realserver.Host, func(string)) error {
	return func(h *realserver.Host, tell func(string)) error { return h.Up(p, tell) }
}

func down(h *realserver.Host, tell func(string)) error { return h.Down(tell) }

func missing(t *testing.T, ns *netns.NS, file string, p realserver.Plan) (list []string) {
	t.Helper()
	use(t, ns, file, func(h *realserver.Host, _ func(string)) (err error) {
		list, err = h.Missing(p)
		return err
	})
	return list
}

func addresses(texts ...string) (list []netip.Addr) {
	for _, s := range texts {
		list = append(list, netip.MustParseAddr(s))
	}
	return list
}

// TestDirect: two hosts; the real server has the address and does not answer
// ARP for it, and is as it was afterwards, though another process ends it.
func TestDirect(t *testing.T) {
	server, client := netnstest.Pair(t, "eth0", "eth1")
	file := filepath.Join(t.TempDir(), "run", "realserver.json")
	ask := func(address string) bool {
		t.Helper()
		if _, err := exec.LookPath("arping"); err != nil {
			t.Skip("needs arping: an independent program that asks by ARP")
		}
		cmd := exec.Command("arping", "-f", "-w", "1", "-I", "eth1", "-s", "192.0.2.1", address)
		err := client.NS.Start(cmd)
		netnstest.Must(t, err)
		return cmd.Wait() == nil
	}
	for host, address := range map[*netnstest.Host]string{server: "192.0.2.2/24", client: "192.0.2.1/24"} {
		device := map[bool]string{true: "eth0", false: "eth1"}[host == server]
		_, err := host.Link.Add(netspec.Address{Prefix: netip.MustParsePrefix(address), Device: device})
		netnstest.Must(t, err)
	}
	p := realserver.Plan{Direct: addresses("192.0.2.100", "2001:db8::100")}
	if got := missing(t, server.NS, file, p); len(got) != 6 {
		t.Errorf("missing before: %q", got)
	}
	told := use(t, server.NS, file, up(p))
	if len(told) < 6 || !slices.Contains(told, "192.0.2.100/32: added to lo") {
		t.Errorf("told: %q", told)
	}
	if got := missing(t, server.NS, file, p); len(got) != 0 {
		t.Errorf("missing: %q", got)
	}
	if told := use(t, server.NS, file, up(p)); len(told) != 0 {
		t.Errorf("the second time: %q", told)
	}
	if !ask("192.0.2.2") {
		t.Error("the host's own address is not told")
	}
	if ask("192.0.2.100") {
		t.Error("the address is told to whom asks by ARP")
	}
	// Another configuration: what is not asked for goes.
	p2 := realserver.Plan{Direct: addresses("192.0.2.101")}
	told = use(t, server.NS, file, up(p2))
	want := []string{"192.0.2.100/32: removed from lo", "2001:db8::100/128: removed from lo", "192.0.2.101/32: added to lo"}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Error(diff)
	}
	use(t, server.NS, file, down)
	if got := missing(t, server.NS, file, p2); len(got) != 5 {
		t.Errorf("missing after the end: %q", got)
	}
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file is left: %v", err)
	}
	if told := use(t, server.NS, file, down); len(told) != 0 {
		t.Errorf("the second end: %q", told)
	}
}

// TestInterrupted: an address that was written down and not added, because the
// process was killed or somebody removed it, is added and removed once.
func TestInterrupted(t *testing.T) {
	server := netnstest.New(t)
	file := filepath.Join(t.TempDir(), "realserver.json")
	p := realserver.Plan{Direct: addresses("192.0.2.100")}
	use(t, server.NS, file, up(p))
	for range 2 {
		netnstest.Must(t, server.Link.Remove(netspec.Address{Prefix: netip.MustParsePrefix("192.0.2.100/32"), Device: "lo"}))
		if told := use(t, server.NS, file, up(p)); !slices.Equal(told, []string{"192.0.2.100/32: added to lo"}) {
			t.Errorf("told %q", told)
		}
	}
	told := use(t, server.NS, file, down)
	if n := slices.Index(told, "192.0.2.100/32: removed from lo"); n != 0 || slices.Contains(told[1:], told[0]) {
		t.Errorf("at the end: %q", told)
	}
}

// TestReboot: nothing is left of what was changed in an earlier boot. What stands since
// is the administrator's, and an index is another interface's.
func TestReboot(t *testing.T) {
	server := netnstest.New(t)
	file := filepath.Join(t.TempDir(), "realserver.json")
	p := realserver.Plan{Direct: addresses("192.0.2.100")}
	use(t, server.NS, file, up(p))
	text, err := os.ReadFile(file)
	netnstest.Must(t, err)
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	netnstest.Must(t, err)
	earlier := bytes.Replace(text, bytes.TrimSpace(boot), []byte("another"), 1)
	if bytes.Equal(text, earlier) {
		t.Fatalf("the boot is not written down: %s", text)
	}
	netnstest.Must(t, os.WriteFile(file, earlier, 0o600))
	use(t, server.NS, file, func(h *realserver.Host, _ func(string)) error {
		if own, err := h.Own(); err != nil || !slices.Contains(own, p.Direct[0]) {
			t.Errorf("own addresses: %v, %v", own, err)
		}
		return nil
	})
	if told := use(t, server.NS, file, down); len(told) != 0 {
		t.Errorf("told at the end: %q", told)
	}
	if got := missing(t, server.NS, file, p); len(got) != 0 {
		t.Errorf("missing: %q", got)
	}
	if _, err := os.Stat(file); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file is left: %v", err)
	}
}

// TestAdministratorsAddress: what was there before stays.
func TestAdministratorsAddress(t *testing.T) {
	server := netnstest.New(t)
	file, other := filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "b")
	p := realserver.Plan{Direct: addresses("192.0.2.100")}
	use(t, server.NS, other, up(p))
	if told := use(t, server.NS, file, up(p)); len(told) != 0 {
		t.Errorf("told %q", told)
	}
	use(t, server.NS, file, down)
	if got := missing(t, server.NS, file, p); len(got) != 0 {
		t.Errorf("taken away: %q", got)
	}
	use(t, server.NS, other, func(h *realserver.Host, _ func(string)) error {
		own, err := h.Own()
		if slices.Contains(own, p.Direct[0]) {
			t.Errorf("an address of a service is taken for the host's own: %v", own)
		}
		return err
	})
}

func TestTunnel(t *testing.T) {
	if _, err := os.Stat("/sys/module/ipip"); err != nil {
		t.Skip("needs /sys/module/ipip: the kernel has no tunnels")
	}
	server := netnstest.New(t)
	before, err := sysctl.New(server.NS, nil).Read("ipv4/conf/tunl0/rp_filter")
	netnstest.Must(t, err)
	file := filepath.Join(t.TempDir(), "realserver.json")
	p := realserver.Plan{Tunnelled: addresses("192.0.2.100", "2001:db8::100")}
	use(t, server.NS, file, up(p))
	if got := missing(t, server.NS, file, p); len(got) != 0 {
		t.Errorf("missing: %q", got)
	}
	// Whoever takes the tunnel down takes it from the services.
	netnstest.Must(t, server.Link.SetDown("tunl0"))
	if got := missing(t, server.NS, file, p); !slices.Equal(got, []string{"tunl0 is down"}) {
		t.Errorf("missing with the tunnel down: %q", got)
	}
	use(t, server.NS, file, up(p))
	if got := missing(t, server.NS, file, p); len(got) != 0 {
		t.Errorf("missing: %q", got)
	}
	// Another configuration: of a tunnel that nothing comes through any more
	// nothing is left, and the settings that both need stay.
	told := use(t, server.NS, file, up(realserver.Plan{Direct: addresses("192.0.2.101")}))
	for _, line := range []string{"tunl0: set down", "ip6tnl0: set down", "192.0.2.100/32: removed from tunl0"} {
		if !slices.Contains(told, line) {
			t.Errorf("told without %q: %q", line, told)
		}
	}
	if s := strings.Join(told, "\n"); strings.Contains(s, "arp_ignore") || strings.Contains(s, "tunl0/rp_filter") != (before != "0") {
		t.Errorf("with tunl0/rp_filter %s before, told: %q", before, told)
	}
	use(t, server.NS, file, up(p))
	told = use(t, server.NS, file, down)
	if !slices.Contains(told, "tunl0: set down") || !slices.Contains(told, "ip6tnl0: set down") {
		t.Errorf("told at the end: %q", told)
	}
	if got := missing(t, server.NS, file, p); len(got) < 4 {
		t.Errorf("missing after the end: %q", got)
	}
}

// TestByHand: what is to be set up by hand is asked for before anything is
// changed, and taken as it is when the address stands.
func TestByHand(t *testing.T) {
	server := netnstest.New(t)
	netnstest.Must(t, server.Link.SetUp("lo"))
	file := filepath.Join(t.TempDir(), "realserver")
	p := realserver.Plan{Direct: addresses("192.0.2.100"), Others: []realserver.Other{{Address: netip.MustParseAddr("192.0.2.101"), Needs: "it comes by GUE"}}}
	err := server.NS.Do(func() error {
		h, err := realserver.Open(file)
		if err != nil {
			return err
		}
		defer h.Close()
		return h.Up(p, func(line string) { t.Errorf("changed: %s", line) })
	})
	const asks = "192.0.2.101 is on no interface: it comes by GUE"
	if err == nil || err.Error() != "nothing was changed, since this is to be set up by hand first: "+asks {
		t.Errorf("%v", err)
	}
	if got := missing(t, server.NS, file, p); !slices.Contains(got, asks) || len(got) < 2 {
		t.Errorf("missing %q", got)
	}
	_, err = server.Link.Add(netspec.Address{Prefix: netip.MustParsePrefix("192.0.2.101/32"), Device: "lo"})
	netnstest.Must(t, err)
	use(t, server.NS, file, up(p))
	if got := missing(t, server.NS, file, p); len(got) > 0 {
		t.Errorf("missing after it was set up: %q", got)
	}
}

// TestOtherWay: where a service's address stands since an earlier up, for a tunnel
// that is another since, is not where it is to be set up by hand.
func TestOtherWay(t *testing.T) {
	server := netnstest.New(t)
	netnstest.Must(t, server.Link.SetUp("lo"))
	file := filepath.Join(t.TempDir(), "realserver")
	const address = "192.0.2.100"
	use(t, server.NS, file, up(realserver.Plan{Direct: addresses(address)}))
	p := realserver.Plan{Others: []realserver.Other{{Address: netip.MustParseAddr(address), Needs: "it comes by GUE"}}}
	const asks = address + " is on lo only, where an earlier up put it: it comes by GUE"
	if got := missing(t, server.NS, file, p); !slices.Contains(got, asks) {
		t.Errorf("missing %q", got)
	}
	err := server.NS.Do(func() error {
		h, err := realserver.Open(file)
		if err != nil {
			return err
		}
		defer h.Close()
		return h.Up(p, func(line string) { t.Errorf("changed: %s", line) })
	})
	if err == nil || !strings.Contains(err.Error(), asks) {
		t.Errorf("%v", err)
	}
	// Where another service needs it there, it stays.
	both := realserver.Plan{Direct: addresses(address), Others: p.Others}
	if got := missing(t, server.NS, file, both); len(got) > 0 {
		t.Errorf("missing with both %q", got)
	}
	_, err = server.Link.Add(netspec.Address{Prefix: netip.MustParsePrefix(address + "/24"), Device: "lo"})
	netnstest.Must(t, err)
	use(t, server.NS, file, up(p))
	if got := missing(t, server.NS, file, p); len(got) > 0 {
		t.Errorf("missing after it was set up: %q", got)
	}
}

// TestNoTunnel: on a kernel without tunnels it is said what to do, and nothing is changed.
func TestNoTunnel(t *testing.T) {
	if _, err := os.Stat("/sys/module/ipip"); err == nil {
		return // TestTunnel runs here
	}
	server := netnstest.New(t)
	err := server.NS.Do(func() error {
		h, err := realserver.Open(filepath.Join(t.TempDir(), "x"))
		if err != nil {
			return err
		}
		defer h.Close()
		p := realserver.Plan{Direct: addresses("192.0.2.99"), Tunnelled: addresses("192.0.2.100")}
		return h.Up(p, func(told string) { t.Errorf("changed: %s", told) })
	})
	if err == nil || !slices.Contains([]string{"there is no interface tunl0, which services by TUN need: load the module ipip (modprobe ipip)"}, err.Error()) {
		t.Errorf("%v", err)
	}
}
