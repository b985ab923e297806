//go:build linux

package kernel

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
	"github.com/moonkeep/moonkeep/core/kernel/sysctl"
	"github.com/moonkeep/moonkeep/core/netspec"
)

// guarding is a kernel that watches eth0, and what tells what stands there.
func guarding(t *testing.T, opts Options) (h *netnstest.Host, k *Kernel, list func() []netspec.Address) {
	t.Helper()
	h, _ = netnstest.Pair(t, "eth0", "eth1")
	h.Run(t, func() (err error) {
		k, err = Open(make(packets, 10), opts)
		return err
	})
	t.Cleanup(func() { _ = k.Close() })
	netnstest.Must(t, k.Watch([]string{"eth0"}, nil))
	return h, k, func() []netspec.Address {
		t.Helper()
		all, err := h.Link.List("eth0")
		netnstest.Must(t, err)
		return slices.DeleteFunc(all, func(a netspec.Address) bool { return !a.Addr().Is4() })
	}
}

func onEth0(prefix string) netspec.Address {
	return netspec.Address{Prefix: netip.MustParsePrefix(prefix), Device: "eth0"}
}

// TestGuardWithoutSettings holds that what nobody claims is removed where no setting can
// be made, unless what is not ours would go with it, and that this is told once.
func TestGuardWithoutSettings(t *testing.T) {
	own, guarded, also := onEth0("192.0.2.5/24"), onEth0("192.0.2.100/24"), onEth0("192.0.2.101/24")
	for name, c := range map[string]struct{ stands, want []netspec.Address }{
		"alone":                      {[]netspec.Address{guarded}, nil},
		"after the host's own":       {[]netspec.Address{own, guarded}, []netspec.Address{own}},
		"with another of its kind":   {[]netspec.Address{guarded, also}, nil},
		"before the host's own":      {[]netspec.Address{guarded, own, also}, []netspec.Address{guarded, own}},
		"before one of another mask": {[]netspec.Address{guarded, onEth0("192.0.2.5/25")}, []netspec.Address{onEth0("192.0.2.5/25")}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			log := new(bytes.Buffer)
			h, k, list := guarding(t, Options{
				Log:      slog.New(slog.NewTextHandler(log, nil)),
				Settings: func([]sysctl.Change) error { return errors.New("no room") },
			})
			_, err := h.Link.Add(c.stands...)
			netnstest.Must(t, err)
			k.Guard([]netspec.Address{guarded, also}, nil)
			for range 3 {
				_, err := k.report(false)
				netnstest.Must(t, err)
			}
			same := func(a, b netspec.Address) bool { return a.Prefix == b.Prefix }
			if got := list(); !slices.EqualFunc(got, c.want, same) {
				t.Errorf("there are %v, want %v", got, c.want)
			}
			_ = k.Close() // it writes down, too
			told := 0
			if slices.ContainsFunc(c.want, func(a netspec.Address) bool { return a.Prefix == guarded.Prefix }) {
				told = 1
			}
			if got := strings.Count(log.String(), "level=ERROR"); got != told {
				t.Errorf("%d errors were told, want %d:\n%s", got, told, log)
			}
		})
	}
}

// TestTroubleIsToldAgain holds that a setting which cannot be made is told of once for as
// long as that lasts, and when it is so again; what is to go goes all the same.
func TestTroubleIsToldAgain(t *testing.T) {
	log := new(bytes.Buffer)
	var fails atomic.Bool
	_, k, list := guarding(t, Options{
		Log: slog.New(slog.NewTextHandler(log, nil)),
		Settings: func([]sysctl.Change) error {
			if fails.Load() {
				return errors.New("no room")
			}
			return nil
		},
	})
	virtual := []netspec.Address{onEth0("192.0.2.100/24")}
	for _, failing := range []bool{true, true, false, true, true} {
		fails.Store(failing)
		netnstest.Must(t, Take(k, "VI_1", virtual, false))
		netnstest.Must(t, Drop(k, "VI_1", virtual))
		if left := list(); len(left) > 0 {
			t.Errorf("there are %v, want none", left)
		}
	}
	fails.Store(false)
	if got := strings.Count(log.String(), "cannot set promote_secondaries"); got != 2 {
		t.Errorf("it was told %d times, want 2:\n%s", got, log)
	}
}

// TestGuardSetsOnce holds that the setting is made once for all that are removed of an
// interface: claims wait meanwhile, and each change of it is a file that is replaced.
func TestGuardSetsOnce(t *testing.T) {
	var told atomic.Int32
	h, k, list := guarding(t, Options{Settings: func([]sysctl.Change) error { told.Add(1); return nil }})
	var all []netspec.Address
	for n := range 20 {
		all = append(all, onEth0(fmt.Sprintf("192.0.2.%d/24", n+1)))
	}
	_, err := h.Link.Add(all...)
	netnstest.Must(t, err)
	k.Guard(all, nil)
	_, err = k.report(false)
	netnstest.Must(t, err)
	if left, n := list(), told.Load(); len(left) > 0 || n != 2 {
		t.Errorf("%d addresses are left and %d changes were written down, want none and 2", len(left), n)
	}
}

// TestPromoteWaits holds that Promote does not change the setting of an interface while
// addresses are removed from it.
func TestPromoteWaits(t *testing.T) {
	_, k, _ := guarding(t, Options{})
	done := make(chan error, 1)
	k.changing.Lock()
	go func() { done <- k.Promote([]string{"eth0"}) }()
	time.Sleep(50 * time.Millisecond)
	value, err := k.settings.Read(promoteSetting("eth0"))
	k.changing.Unlock()
	netnstest.Must(t, err)
	if value != "0" {
		t.Error("it was set while addresses are changed")
	}
	netnstest.Must(t, <-done)
	if value, err := k.settings.Read(promoteSetting("eth0")); err != nil || value != "1" {
		t.Errorf("it is %q, error %v, want 1", value, err)
	}
}
