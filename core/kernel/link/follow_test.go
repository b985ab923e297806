//go:build linux

package link

import (
	"log/slog"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/netspec"
)

// Only what is followed has a look taken.
func TestFollow(t *testing.T) {
	ns, c := host(t)
	_, err := c.Add(netspec.Address{Prefix: netip.MustParsePrefix("192.0.2.1/24"), Device: "eth0"})
	must(t, err)
	var looks atomic.Int64
	m, err := Watch(ns, slog.New(slog.DiscardHandler), func(tick bool) error {
		if !tick {
			looks.Add(1)
		}
		return nil
	})
	must(t, err)
	defer m.Close()
	route := func(protocol uint8, six bool) netspec.Route {
		destination := "203.0.113.0/24"
		if six {
			destination = "2001:db8:9::/48"
		}
		return netspec.Route{Destination: netip.MustParsePrefix(destination), Hop: netspec.NextHop{Device: "eth0"}, Protocol: protocol}
	}
	// Setting the interfaces up makes news for some time.
	quiet := func() {
		t.Helper()
		for end := time.Now().Add(5 * time.Second); ; {
			before := looks.Load()
			time.Sleep(50 * time.Millisecond)
			if looks.Load() == before {
				return
			}
			if time.Now().After(end) {
				t.Fatal("there is always something new")
			}
		}
	}
	waitForDAD(t, c)
	steps := []struct {
		name      string
		protocols []uint8
		change    func() error
		want      bool
	}{
		{"a route that nobody follows", nil, func() error { return c.AddRoute(route(18, false)) }, false},
		{"a rule that nobody follows", nil, func() error { return c.AddRule(netspec.Rule{Preference: 9}) }, false},
		{"a route", []uint8{4, 18}, func() error { return c.DeleteRoute(route(18, false)) }, true},
		{"an IPv6 route", []uint8{4, 18}, func() error { return c.AddRoute(route(18, true)) }, true},
		{"a route of the other protocol", []uint8{4, 18}, func() error { return c.AddRoute(route(4, false)) }, true},
		{"a route of a stranger", []uint8{18}, func() error { return c.DeleteRoute(route(4, false)) }, false},
		{"a rule", []uint8{18}, func() error { return c.DeleteRule(netspec.Rule{Preference: 9}) }, true},
		{"an IPv6 rule", []uint8{18}, func() error { return c.AddRule(netspec.Rule{Preference: 9, Six: true}) }, true},
		{"an address", nil, func() error {
			return c.Remove(netspec.Address{Prefix: netip.MustParsePrefix("192.0.2.1/24"), Device: "eth0"})
		}, true},
	}
	for _, s := range steps {
		must(t, m.Follow(s.protocols...))
		quiet()
		before := looks.Load()
		must(t, s.change())
		for end := time.Now().Add(time.Second); s.want && looks.Load() == before && time.Now().Before(end); {
			time.Sleep(time.Millisecond)
		}
		quiet()
		if got := looks.Load() != before; got != s.want {
			t.Errorf("%s: looked %v, want %v", s.name, got, s.want)
		}
	}
	must(t, m.Close())
	if err := m.Follow(18); err == nil {
		t.Error("followed after Close")
	}
}

// waitForDAD waits until the link-local addresses are known to be unique.
func waitForDAD(t *testing.T, c *Conn) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		state, err := c.State()
		must(t, err)
		i, _ := state.Find("eth0")
		j, _ := state.Find("eth1")
		none := func(netip.Addr) bool { return false }
		if state.LinkLocal(i.Index, none).IsValid() && state.LinkLocal(j.Index, none).IsValid() {
			return
		}
		if time.Now().After(end) {
			t.Fatal("no link-local address")
		}
	}
}

// A subscription that was lost is followed by one with the same filter.
func TestFollowOutlivesTheSubscription(t *testing.T) {
	ns, c := host(t)
	waitForDAD(t, c)
	looks := make(chan struct{}, 100)
	m, err := Watch(ns, slog.New(slog.DiscardHandler), func(tick bool) error {
		if !tick {
			looks <- struct{}{}
		}
		return nil
	})
	must(t, err)
	defer m.Close()
	must(t, m.Follow(18))
	m.mu.Lock()
	must(t, m.socket.Close())
	m.mu.Unlock()
	time.Sleep(2 * retryGap)
	for len(looks) > 0 {
		<-looks
	}
	must(t, c.AddRule(netspec.Rule{Preference: 9}))
	select {
	case <-looks:
	case <-time.After(time.Second):
		t.Error("a rule is not followed any more")
	}
}
