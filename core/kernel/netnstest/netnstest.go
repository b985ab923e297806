//go:build linux

// Package netnstest gives tests network namespaces of their own, so that they
// touch no interface of the machine. It is imported by tests only.
package netnstest

import (
	"errors"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/kernel/link"
	"github.com/moonkeep/moonkeep/core/kernel/netns"
)

// Host is a namespace and a connection to its tables. Both are closed when the
// test ends.
type Host struct {
	*netns.NS
	Link *link.Conn
}

// New makes a host whose loopback interface is up. It skips the test when the
// machine does not let it.
func New(t testing.TB) *Host {
	t.Helper()
	ns, err := netns.New()
	if errors.Is(err, unix.EPERM) {
		t.Skipf("needs root (CAP_SYS_ADMIN and CAP_NET_ADMIN) to make network namespaces: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ns.Close() })
	h := &Host{NS: ns}
	h.Run(t, func() error {
		// A new namespace has these as the host's first one has them.
		for _, name := range []string{"promote_secondaries", "arp_ignore", "arp_filter"} {
			for _, of := range []string{"all", "default"} {
				if err := os.WriteFile("/proc/sys/net/ipv4/conf/"+of+"/"+name, []byte("0"), 0); err != nil {
					return err
				}
			}
		}
		h.Link, err = link.Open()
		return err
	})
	t.Cleanup(func() { h.Link.Close() })
	Must(t, h.Link.SetUp("lo"))
	return h
}

// Pair makes two hosts whose interfaces, named a and b, are connected and up.
func Pair(t testing.TB, a, b string) (*Host, *Host) {
	t.Helper()
	left, right := New(t), New(t)
	Connect(t, left, a, right, b)
	return left, right
}

// Connect adds an interface to each of two hosts, and returns when they are
// connected and up.
//
// Their indexes are different. Of interfaces with the same index the kernel
// takes the carrier for that of hardware, and tells of its changes at most once
// a second for the whole machine.
func Connect(t testing.TB, left *Host, a string, right *Host, b string) {
	t.Helper()
	Must(t, left.Link.AddVeth(a, b, right.NS))
	if left.index(t, a) == right.index(t, b) {
		Must(t, left.Link.Delete(a))
		Must(t, left.Link.AddBridge(a))
		Must(t, left.Link.Delete(a))
		Must(t, left.Link.AddVeth(a, b, right.NS))
	}
	Must(t, left.Link.SetUp(a))
	Must(t, right.Link.SetUp(b))
	left.AwaitUp(t, a)
	right.AwaitUp(t, b)
}

// AwaitUp waits until the kernel says that the interface is up.
func (h *Host) AwaitUp(t testing.TB, name string) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		i, err := h.Link.Interface(name)
		Must(t, err)
		if i.Up {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("interface %s did not come up", name)
		}
	}
}

func (h *Host) index(t testing.TB, name string) int {
	t.Helper()
	i, err := h.Link.Interface(name)
	Must(t, err)
	return i.Index
}

// Run runs f inside the host and ends the test if it fails.
func (h *Host) Run(t testing.TB, f func() error) {
	t.Helper()
	Must(t, h.Do(f))
}

// Must ends the test if err is not nil.
func Must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
