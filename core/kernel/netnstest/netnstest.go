//go:build linux

// Package netnstest gives tests network namespaces of their own, so that they
// touch no interface of the machine. It is imported by tests only.
package netnstest

import (
	"errors"
	"testing"

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

// Connect adds an interface to each of two hosts, connected and up.
func Connect(t testing.TB, left *Host, a string, right *Host, b string) {
	t.Helper()
	Must(t, left.Link.AddVeth(a, b, right.NS))
	Must(t, left.Link.SetUp(a))
	Must(t, right.Link.SetUp(b))
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
