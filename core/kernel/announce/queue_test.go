//go:build linux

package announce

import (
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/netspec"
)

// at is an entry for an address of a device, as in "eth0 1".
func at(text string, rounds int) entry {
	device, number, _ := strings.Cut(text, " ")
	return entry{"VI_1", netspec.Address{Device: device, Prefix: netip.MustParsePrefix("192.0.2." + number + "/24")}, rounds}
}

func holding(rounds int, texts ...string) *queue {
	q := &queue{}
	for _, text := range texts {
		q.add(at(text, rounds))
	}
	return q
}

func (q *queue) texts() (all []string) {
	for _, e := range q.entries {
		_, number, _ := strings.Cut(e.address.Addr().String(), "192.0.2.")
		all = append(all, e.address.Device+" "+number)
	}
	return all
}

// TestRefusedStandsAside: an interface that takes nothing keeps nobody of its group
// waiting, keeps its own order, and loses what is its own alone when it goes on.
func TestRefusedStandsAside(t *testing.T) {
	const gap = 20 * time.Millisecond
	q := holding(1, "eth0 1", "eth1 2", "eth0 3", "eth1 4")
	now := time.Unix(1000, 0)
	expect := func(err error, next time.Duration, want ...string) {
		t.Helper()
		if err != nil || !slices.Equal(q.texts(), want) || q.next.Sub(now) != next {
			t.Fatalf("%v: queued are %v after %v, want %v after %v", err, q.texts(), q.next.Sub(now), want, next)
		}
	}
	expect(q.tried(unix.EAGAIN, now, gap), busyGap, "eth1 2", "eth1 4", "eth0 1", "eth0 3")
	expect(q.tried(nil, now, gap), gap, "eth1 4", "eth0 1", "eth0 3")
	now = now.Add(busyLimit - 1)
	q.entries = append(q.entries[1:], q.entries[0]) // so that eth0 is tried once more
	expect(q.tried(unix.ENOBUFS, now, gap), busyGap, "eth1 4", "eth0 1", "eth0 3")
	q.entries = append(q.entries[1:], q.entries[0])
	now = now.Add(1)
	if err := q.tried(unix.EAGAIN, now, gap); err == nil || !strings.Contains(err.Error(), "1 others") {
		t.Fatalf("after %v: %v", busyLimit, err)
	}
	expect(nil, gap, "eth1 4")
	q.add(at("eth0 1", 1)) // has as long as the first
	now = now.Add(gap)
	expect(q.tried(nil, now, gap), gap, "eth0 1")
	expect(q.tried(unix.EAGAIN, now, gap), gap, "eth0 1") // alone it waits the gap
}

// TestRefusalEnds: what was refused long ago does not count against what comes later.
func TestRefusalEnds(t *testing.T) {
	begin := time.Unix(1000, 0)
	for name, ends := range map[string]func(q *queue) error{
		"it takes":       func(q *queue) error { return q.tried(nil, begin, 0) },
		"it is down":     func(q *queue) error { return q.tried(unix.ENETDOWN, begin, 0) },
		"passed over":    func(q *queue) error { q.pop(); return nil },
		"dropped":        func(q *queue) error { q.entries = nil; return nil },
		"dropped of two": func(q *queue) error { q.entries = []entry{at("eth1 9", 1)}; return nil },
	} {
		q := holding(1, "eth0 1")
		if err := q.tried(unix.EAGAIN, begin, 0); err != nil {
			t.Fatal(err)
		}
		_ = ends(q) // ENETDOWN is told
		q.add(at("eth0 2", 1))
		for q.entries[0].address.Device != "eth0" {
			q.pop()
		}
		if err := q.tried(unix.EAGAIN, begin.Add(2*busyLimit), 0); err != nil || len(q.entries) != 1 {
			t.Errorf("%s: the next that is refused is given up at once: %v", name, err)
		}
	}
}

// TestLane: which gap an interface has, and that those of a group share a lane.
func TestLane(t *testing.T) {
	gaps := func(arp time.Duration) Gaps { return Gaps{ARP: arp, NA: 2 * arp} }
	a := &Announcer{}
	a.SetPace(Pace{Gaps: gaps(1), Interfaces: map[string]Gaps{"eth1": gaps(2), "eth2": gaps(3)}, Groups: []Group{{gaps(4), []string{"eth2"}}}})
	for device, want := range map[string]time.Duration{"eth0": 1, "eth1": 2, "eth2": 4} {
		for _, text := range []string{"192.0.2.1/24", "2001:db8::1/64"} {
			x := netspec.Address{Device: device, Prefix: netip.MustParsePrefix(text)}
			gap, l := want, lane{device: device}
			if x.Addr().Is6() {
				gap, l.six = 2*want, true
			}
			if device == "eth2" {
				l.device, l.group = "", 1
			}
			if at, got := a.lane(x); at != l || got != gap {
				t.Errorf("%s on %s: %+v with a gap of %v, want %+v with %v", text, device, at, got, l, gap)
			}
		}
	}
}

// TestGivenUpTogether holds that all that are given up with one are counted, and that
// their number alone is no news.
func TestGivenUpTogether(t *testing.T) {
	var failures atomic.Uint64
	a := &Announcer{failing: make(map[target]string), failures: &failures}
	now := time.Unix(1000, 0)
	for n, texts := range [][]string{{"eth0 1", "eth0 2", "eth0 3"}, {"eth0 1", "eth0 2"}} {
		q := holding(1, texts...)
		e := q.entries[0]
		if err := q.tried(unix.EAGAIN, now, 0); err != nil {
			t.Fatal(err)
		}
		told := a.tell(e.instance, e.address, q.tried(unix.EAGAIN, now.Add(busyLimit), 0))
		if n == 0 && (told == nil || !strings.Contains(told.Error(), "2 others")) || n > 0 && told != nil {
			t.Errorf("%d: told %v", n, told)
		}
	}
	if got := failures.Load(); got != 5 {
		t.Errorf("%d are counted, want 5", got)
	}
}
