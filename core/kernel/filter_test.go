//go:build linux

package kernel

import (
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/kernel/firewall"
	"github.com/moonkeep/moonkeep/core/kernel/netns"
	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
	"github.com/moonkeep/moonkeep/core/netspec"
)

// reaches reports whether the address on the other host takes packets: a port
// that nobody listens on refuses, and says nothing when packets are dropped.
func reaches(t *testing.T, from *netnstest.Host, address netspec.Address) bool {
	t.Helper()
	var err error
	from.Run(t, func() error {
		var c net.Conn
		if c, err = net.DialTimeout("tcp", net.JoinHostPort(address.Addr().String(), "9"), 300*time.Millisecond); err == nil {
			return errors.Join(c.Close(), errors.New("somebody listens on port 9"))
		}
		return nil
	})
	return errors.Is(err, unix.ECONNREFUSED)
}

// filtering are two hosts and a Kernel on the first that can drop packets.
func filtering(t *testing.T) (h, other *netnstest.Host, k *Kernel, told *strings.Builder) {
	t.Helper()
	h, other = netnstest.Pair(t, "eth0", "eth1")
	_, err := other.Link.Add(netspec.Address{Prefix: netip.MustParsePrefix("192.0.2.1/24"), Device: "eth1"})
	netnstest.Must(t, err)
	k, told = quiet(t, h)
	if err := k.CheckFilter(); errors.Is(err, firewall.ErrUnavailable) {
		t.Skipf("needs /proc/sys/net/netfilter to filter: %v", err)
	} else if err != nil {
		t.Fatal(err)
	}
	return h, other, k, told
}

func TestNoAccept(t *testing.T) {
	_, other, k, _ := filtering(t)
	must := netnstest.Must
	a, b := vip("192.0.2.100/24"), vip("192.0.2.101/24")
	check := func(what string, address netspec.Address, want bool) {
		t.Helper()
		if got := reaches(t, other, address); got != want {
			t.Errorf("%s: packets to %s reach it: got %v, want %v", what, address.Addr(), got, want)
		}
	}
	must(t, Take(k, "VI_1", []netspec.Address{a}, true))
	must(t, Take(k, "VI_2", []netspec.Address{b}, false))
	check("claimed with noAccept", a, false)
	check("claimed without", b, true)
	must(t, Take(k, "VI_2", []netspec.Address{a, b}, false))
	check("claimed with and without", a, false)
	must(t, Drop(k, "VI_1", []netspec.Address{a}))
	check("claimed without any more", a, true)
	must(t, Take(k, "VI_2", []netspec.Address{a, b}, true))
	check("closed while it stands", b, false)
	must(t, Take(k, "VI_2", []netspec.Address{a, b}, false))
	check("opened while it stands", b, true)
	must(t, Take(k, "VI_2", []netspec.Address{a, b}, true))
	must(t, Drop(k, "VI_2", []netspec.Address{a, b}))
	must(t, Take(k, "VI_3", []netspec.Address{a}, false))
	check("another's after a release", a, true)
	must(t, Drop(k, "VI_3", []netspec.Address{a}))
	if n := len(k.claims.closed) + len(k.claims.all); n != 0 {
		t.Errorf("something is left: %+v", k.claims)
	}
}

// An address that cannot be closed is not set: better nobody holds it than that
// it answers.
func TestNeverOpen(t *testing.T) {
	h, _, k, _ := filtering(t)
	a := vip("192.0.2.100/24")
	whole := k.firewall
	gone, err := netns.New()
	netnstest.Must(t, err)
	netnstest.Must(t, gone.Close())
	k.firewall = firewall.New(gone, "moonkeep")
	if err := Take(k, "VI_1", []netspec.Address{a}, true); err == nil || !strings.Contains(err.Error(), "VI_1") || !strings.Contains(err.Error(), "nftables") {
		t.Errorf("got %v, want an error that names the instance and nftables", err)
	}
	if stands(t, h, "eth0", a) {
		t.Error("the address was set though packets to it are not dropped")
	}
	netnstest.Must(t, Drop(k, "VI_1", []netspec.Address{a}))
	netnstest.Must(t, k.tables.watcher.Close()) // it uses the other
	k.firewall = whole
	netnstest.Must(t, Take(k, "VI_1", []netspec.Address{a}, true))
	if !stands(t, h, "eth0", a) {
		t.Error("the address was not set though packets to it are dropped")
	}
}

// An address that cannot be removed stays closed until it is.
func TestClosedWhileDue(t *testing.T) {
	h, other, k, told := filtering(t)
	a := vip("192.0.2.100/24")
	netnstest.Must(t, Take(k, "VI_1", []netspec.Address{a}, true))
	powerless(t, func() {
		if err := Drop(k, "VI_1", []netspec.Address{a}); err == nil {
			t.Error("released without the right to")
		}
	})
	if !stands(t, h, "eth0", a) || reaches(t, other, a) {
		t.Error("an address that still stands was opened")
	}
	k.retry()
	if stands(t, h, "eth0", a) {
		t.Fatalf("the address was not removed:\n%s", told)
	}
	_, err := h.Link.Add(a)
	netnstest.Must(t, err)
	if !reaches(t, other, a) {
		t.Error("an address that is no longer ours is still closed")
	}
}

// Also to enter the network namespace that one is in takes CAP_SYS_ADMIN, which the
// daemon need not have. All threads must lack it: so does a process of its own.
func TestFilterNeedsNoMoreThanTheDaemonHas(t *testing.T) {
	a := vip("192.0.2.100/24")
	if os.Getenv(bounded) != "" {
		here, err := netns.Current()
		netnstest.Must(t, err)
		if err := unix.Setns(here.FD(), unix.CLONE_NEWNET); !errors.Is(err, unix.EPERM) {
			t.Fatalf("enter the namespace: got %v, want that it is not permitted", err)
		}
		told := &strings.Builder{}
		k, err := Open(make(packets, 10), Options{Log: slog.New(slog.NewTextHandler(told, nil))})
		netnstest.Must(t, err)
		defer k.Close()
		netnstest.Must(t, errors.Join(k.monitor.Close(), k.CheckFilter(),
			k.Devices([]netspec.Device{{Name: "vrrp.51", Parent: "eth0", MAC: [6]byte{0, 0, 0x5e, 0, 1, 51}}}),
			k.Watch(nil, nil), Take(k, "VI_1", []netspec.Address{a}, true)))
		if told.Len() > 0 {
			t.Errorf("told: %s", told)
		}
		return
	}
	h, other, _, _ := filtering(t)
	cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), bounded+"=1")
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		done <- h.Do(func() error {
			if err := unix.Prctl(unix.PR_CAPBSET_DROP, unix.CAP_SYS_ADMIN, 0, 0, 0); err != nil {
				return err
			}
			return cmd.Run()
		})
	}()
	if err := <-done; err != nil {
		t.Fatalf("%v:\n%s", err, &out)
	}
	if !stands(t, h, "eth0", a) || reaches(t, other, a) {
		t.Error("the address does not stand, or packets to it are not dropped")
	}
}

// bounded tells a test that it runs in a process of its own, which lacks
// capabilities.
const bounded = "MOONKEEP_TEST_BOUNDED"

// A filter of an earlier run that cannot be removed is no reason not to run, and
// goes as soon as it can.
func TestFilterThatStays(t *testing.T) {
	h, other, k, _ := filtering(t)
	a := vip("192.0.2.100/24")
	netnstest.Must(t, Take(k, "VI_1", []netspec.Address{a}, true))
	netnstest.Must(t, k.Close())
	next, told := quiet(t, h)
	powerless(t, func() {
		for range 2 {
			if err := next.Watch(nil, nil); err != nil {
				t.Errorf("Watch: %v", err)
			}
		}
	})
	if reaches(t, other, a) || strings.Count(told.String(), "cannot remove the packet filter of an earlier run") != 1 {
		t.Fatalf("the filter went without the right to, or not told once: %s", told)
	}
	told.Reset()
	powerless(t, func() {
		for range 3 { // as each tick does
			next.restoreFilter()
		}
	})
	if strings.Contains(told.String(), "may be answered") || strings.Count(told.String(), "stays dropped") > 1 {
		t.Errorf("what stays dropped was told to be answered, or again and again: %s", told)
	}
	told.Reset()
	next.restoreFilter()
	if !reaches(t, other, a) || told.Len() > 0 {
		t.Errorf("the filter of the earlier run is still there, or was told as another program's: %s", told)
	}
}

// What a killed run closed stays closed until the first Watch; then it is open.
func TestFilterOfAnEarlierRun(t *testing.T) {
	h, other, k, _ := filtering(t)
	a := vip("192.0.2.100/24")
	netnstest.Must(t, Take(k, "VI_1", []netspec.Address{a}, true))
	netnstest.Must(t, k.Close()) // which releases nothing
	next, _ := quiet(t, h)
	if reaches(t, other, a) {
		t.Error("before Watch: got an open address, want it closed")
	}
	netnstest.Must(t, next.Watch(nil, nil))
	if !reaches(t, other, a) {
		t.Error("after Watch: got a closed address, want it open")
	}
	// A later Watch, as a reload makes it, opens nothing.
	netnstest.Must(t, Take(next, "VI_1", []netspec.Address{a}, true))
	netnstest.Must(t, next.Watch(nil, nil))
	if reaches(t, other, a) {
		t.Error("after another Watch: got an open address, want it closed")
	}
}

// A filter that another program removes is back without any tick, again and
// again.
func TestFilterComesBackAtOnce(t *testing.T) {
	h, other, k, told := filtering(t) // whose monitor is closed
	a := vip("192.0.2.100/24")
	netnstest.Must(t, Take(k, "VI_1", []netspec.Address{a}, true))
	for round := range 4 {
		netnstest.Must(t, firewall.New(h.NS, "moonkeep").Reset())
		for end := time.Now().Add(10 * time.Second); reaches(t, other, a); {
			if time.Now().After(end) {
				t.Fatalf("round %d: the filter did not come back", round)
			}
		}
	}
	netnstest.Must(t, k.tables.watcher.Close())
	if got := strings.Count(told.String(), "put it back"); got < 1 || got > 4 {
		t.Errorf("the log tells %d times, want 1 to 4:\n%s", got, told)
	}
}

// What another program takes from the filter comes back, and is told.
func TestFilterComesBack(t *testing.T) {
	h, other, k, told := filtering(t)
	a := vip("192.0.2.100/24")
	netnstest.Must(t, Take(k, "VI_1", []netspec.Address{a}, true))
	netnstest.Must(t, k.tables.watcher.Close()) // the tick does it, too
	k.restoreFilter()
	if told.Len() > 0 {
		t.Errorf("an unharmed filter was told: %s", told)
	}
	netnstest.Must(t, firewall.New(h.NS, "moonkeep").Reset())
	if !reaches(t, other, a) {
		t.Fatal("the filter is still there")
	}
	powerless(t, func() {
		for range 3 { // as each tick does
			k.restoreFilter()
		}
	})
	if strings.Count(told.String(), "may be answered") != 1 {
		t.Errorf("that the filter cannot be put back was not told once: %s", told)
	}
	k.restoreFilter()
	if reaches(t, other, a) || !strings.Contains(told.String(), "put it back") {
		t.Errorf("the filter did not come back, or nothing was told: %s", told)
	}
}
