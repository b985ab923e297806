//go:build linux

package sysctl_test

import (
	"errors"
	"io/fs"
	"os"
	"testing"

	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
	"github.com/moonkeep/moonkeep/core/kernel/sysctl"
)

const (
	promote = "ipv4/conf/eth0/promote_secondaries"
	ignore  = "ipv4/conf/eth0/arp_ignore"
)

func value(t *testing.T, s *sysctl.Settings, name string) string {
	t.Helper()
	v, err := s.Read(name)
	netnstest.Must(t, err)
	return v
}

func want(t *testing.T, s *sysctl.Settings, name, want string) {
	t.Helper()
	if got := value(t, s, name); got != want {
		t.Errorf("%s is %q, want %q", name, got, want)
	}
}

func TestSetAndPutBack(t *testing.T) {
	h, _ := netnstest.Pair(t, "eth0", "eth1")
	s, other := sysctl.New(h.NS, nil), sysctl.New(h.NS, nil)
	netnstest.Must(t, s.Set(promote, "1"))
	netnstest.Must(t, s.Set(ignore, "1"))
	netnstest.Must(t, s.Set(ignore, "2"))
	netnstest.Must(t, s.Set(ignore, "2"))
	want(t, s, promote, "1")
	want(t, s, ignore, "2")
	// It is this namespace's setting, not the caller's.
	if data, err := os.ReadFile("/proc/sys/net/ipv4/conf/eth0/arp_ignore"); err == nil && string(data) == "2\n" {
		t.Error("the machine's own setting was changed")
	}
	netnstest.Must(t, s.Restore(promote))
	want(t, s, promote, "0")
	want(t, s, ignore, "2")
	netnstest.Must(t, s.Close())
	want(t, s, ignore, "0")

	// What somebody else wants since stays.
	netnstest.Must(t, s.Set(ignore, "1"))
	netnstest.Must(t, other.Set(ignore, "8"))
	netnstest.Must(t, s.Close())
	want(t, s, ignore, "8")

	// What is as wanted was not changed, and is not put back.
	netnstest.Must(t, s.Set(ignore, "8"))
	netnstest.Must(t, s.Close())
	want(t, s, ignore, "8")
}

func TestInterfacesComeAndGo(t *testing.T) {
	h, peer := netnstest.Pair(t, "eth0", "eth1")
	s := sysctl.New(h.NS, nil)
	netnstest.Must(t, s.Set(promote, "1"))
	netnstest.Must(t, h.Link.Delete("eth0"))
	if err := s.Set(promote, "1"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("of an interface that is gone: %v", err)
	}
	netnstest.Must(t, s.Close())
	netnstest.Connect(t, h, "eth0", peer, "eth1")
	want(t, s, promote, "0")
}

func TestErrors(t *testing.T) {
	h, _ := netnstest.Pair(t, "eth0", "eth1")
	s := sysctl.New(h.NS, nil)
	for _, name := range []string{"../kernel/panic", "ipv4//ip_forward", "", "ipv4/conf/../ip_forward"} {
		if _, err := s.Read(name); err == nil {
			t.Errorf("read %q", name)
		}
	}
	if err := s.Set(promote, "no number"); err == nil {
		t.Error("set a number to a word")
	}
	netnstest.Must(t, s.Close())
	want(t, s, promote, "0")
}

// rename gives an interface another name.
func rename(t *testing.T, h *netnstest.Host, from, to string) {
	t.Helper()
	netnstest.Must(t, h.Link.SetDown(from))
	netnstest.Must(t, h.Link.Rename(from, to))
	netnstest.Must(t, h.Link.SetUp(to))
}

// TestRename holds that a setting is put back on the interface on which it was made, by
// this run or the next one, and that another one which has the name by then is left alone.
func TestRename(t *testing.T) {
	const renamed = "ipv4/conf/lan0/arp_ignore"
	for name, adopt := range map[string]bool{"this run": false, "the next one": true} {
		t.Run(name, func(t *testing.T) {
			h, peer := netnstest.Pair(t, "eth0", "eth1")
			var journal []sysctl.Change
			s, other := sysctl.New(h.NS, func(list []sysctl.Change) error { journal = list; return nil }), sysctl.New(h.NS, nil)
			netnstest.Must(t, s.Set(ignore, "1"))
			rename(t, h, "eth0", "lan0")
			netnstest.Connect(t, h, "eth0", peer, "eth2")
			netnstest.Must(t, other.Put(ignore, "1"))
			if adopt {
				s = sysctl.New(h.NS, func(list []sysctl.Change) error { journal = list; return nil })
				s.Adopt(journal)
				netnstest.Must(t, s.RestoreAdopted())
			} else {
				netnstest.Must(t, s.Close())
			}
			want(t, s, renamed, "0")
			want(t, s, ignore, "1")
			if len(journal) > 0 {
				t.Errorf("%+v is still written down", journal)
			}
		})
	}
}

// TestRenameAndReload holds that what is set on a renamed interface, by its new name, and
// then put back by its old one stays set, until it is put back by the new one; and that
// an interface which has taken the old name has a setting of its own.
func TestRenameAndReload(t *testing.T) {
	const renamed = "ipv4/conf/lan0/arp_ignore"
	h, peer := netnstest.Pair(t, "eth0", "eth1")
	var journal []sysctl.Change
	s := sysctl.New(h.NS, func(list []sysctl.Change) error { journal = list; return nil })
	netnstest.Must(t, s.Set(ignore, "1"))
	rename(t, h, "eth0", "lan0")
	netnstest.Must(t, s.Set(renamed, "1"))
	netnstest.Must(t, s.Restore(ignore))
	want(t, s, renamed, "1")
	netnstest.Connect(t, h, "eth0", peer, "eth2")
	netnstest.Must(t, s.Set(ignore, "2"))
	want(t, s, renamed, "1")
	netnstest.Must(t, s.Restore(renamed))
	want(t, s, renamed, "0")
	want(t, s, ignore, "2")
	netnstest.Must(t, s.Close())
	want(t, s, ignore, "0")

	// What is written down is bounded however often an interface comes anew.
	for range 3 {
		netnstest.Must(t, s.Set(ignore, "1"))
		netnstest.Must(t, h.Link.Delete("eth0"))
		netnstest.Connect(t, h, "eth0", peer, "eth2")
	}
	if len(journal) != 1 {
		t.Errorf("%+v is written down, want the last of it", journal)
	}
	netnstest.Must(t, s.Close())
	want(t, s, ignore, "0")
}
