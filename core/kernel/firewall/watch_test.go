//go:build linux

package firewall

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
)

// TestWatch holds that changes of the tables are told of, and those of others
// are not; also after the subscription was lost.
func TestWatch(t *testing.T) {
	h := netnstest.New(t)
	f, other := newFirewall(t, h), New(h.NS, "other")
	defer other.Close()
	a := To(netip.MustParseAddr("192.0.2.7"), "")
	calls := make(chan time.Time, 1000)
	w, err := Watch(h.NS, []string{"moonkeep", "moonkeep_reports"}, func() { calls <- time.Now() })
	netnstest.Must(t, err)
	told := func(what string) {
		t.Helper()
		began := time.Now()
		select {
		case at := <-calls:
			t.Logf("%s: told after %v", what, at.Sub(began))
		case <-time.After(10 * time.Second):
			t.Fatalf("%s: nothing was told", what)
		}
		for quiet := false; !quiet; {
			select {
			case <-calls:
			case <-time.After(4 * watchGap):
				quiet = true
			}
		}
	}
	flush := func() {
		t.Helper()
		netnstest.Must(t, other.do(func(c *nftables.Conn) error { c.FlushRuleset(); return nil }))
	}
	netnstest.Must(t, f.Drop(a))
	told("the table is made")
	flush()
	told("the ruleset is flushed")
	if restored, err := f.Restore(); !restored || err != nil {
		t.Fatalf("restored %t, %v", restored, err)
	}
	told("the table is put back")
	netnstest.Must(t, f.Drop(To(netip.MustParseAddr("192.0.2.8"), "")))
	told("an element is set")

	// Of another table, whatever is done to it.
	for range 3 {
		netnstest.Must(t, other.Drop(a))
		netnstest.Must(t, other.Pass(a))
	}
	select {
	case <-calls:
		t.Error("a change of another table was told")
	case <-time.After(200 * time.Millisecond):
	}

	w.mu.Lock()
	lost := w.socket
	w.mu.Unlock()
	netnstest.Must(t, lost.Close())
	told("the subscription is back")
	flush()
	told("the ruleset is flushed after that")
	netnstest.Must(t, w.Close())
	netnstest.Must(t, w.Close())
}

// TestNames holds that what cannot be read counts as a change.
func TestNames(t *testing.T) {
	message := func(kind byte, rest ...byte) []byte {
		b := append([]byte{byte(16 + len(rest)), 0, 0, 0, kind, unix.NFNL_SUBSYS_NFTABLES, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, rest...)
		return append(b, make([]byte, -len(b)&3)...)
	}
	general := []byte{1, 0, 0, 0}
	table := func(name string) []byte {
		b := append(append(slices.Clone(general), byte(5+len(name)), 0, 1, 0), name...)
		return message(unix.NFT_MSG_DELTABLE, append(b, 0)...)
	}
	generation := message(unix.NFT_MSG_NEWGEN, append(slices.Clone(general), 8, 0, 1, 0, 0, 0, 0, 9)...)
	for _, test := range []struct {
		what string
		b    []byte
		want bool
	}{
		{"nothing", nil, false},
		{"the table", table("moonkeep"), true},
		{"another", table("moonkeep2"), false},
		{"the table behind another", slices.Concat(table("kube"), table("moonkeep"), generation), true},
		{"another and the end", slices.Concat(table("kube"), generation), false},
		{"half a header", table("kube")[:8], true},
		{"half a message", table("kube")[:24], true},
		{"no header of netfilter", message(unix.NFT_MSG_DELTABLE, 1), true},
		{"no name", message(unix.NFT_MSG_DELTABLE, general...), true},
		{"an attribute longer than the message", message(unix.NFT_MSG_DELTABLE, append(slices.Clone(general), 200, 0, 1, 0)...), true},
		{"an attribute of no length", message(unix.NFT_MSG_DELTABLE, append(slices.Clone(general), 0, 0, 1, 0)...), true},
		{"a length of zero", make([]byte, 16), true},
	} {
		if got := names(test.b, []string{"moonkeep"}); got != test.want {
			t.Errorf("%s: got %t, want %t", test.what, got, test.want)
		}
	}
}
