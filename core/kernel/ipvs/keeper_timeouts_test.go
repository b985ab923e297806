//go:build linux

package ipvs

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/balance"
)

// TestKeeperTimeouts: time limits are set at the start and when they change, once.
// Those that are not asked for, or no longer, are what they were before, also at the
// end and when the connection was lost meanwhile.
func TestKeeperTimeouts(t *testing.T) {
	short, long := Timeouts{TCP: time.Minute}, Timeouts{TCP: time.Hour, UDP: time.Second}
	x := keep(t, others(), Options{Timeouts: short})
	for _, next := range []Timeouts{short, long, long, {}, {}, long, short} {
		x.SetTimeouts(next)
		x.Set(sample())
		x.wait()
	}
	set := []Timeouts{short.over(usual), long.over(usual), usual, long.over(usual), short.over(usual)}
	opens := 0
	x.mu.Lock()
	x.onOpen = func() { opens++; x.f.blind = false }
	x.mu.Unlock()
	x.inside(func(balance.Table) {
		if !slices.Equal(x.f.limits, set) {
			t.Errorf("set were %v, want %v", x.f.limits, set)
		}
		x.f.blind = true
	})
	for range 400 {
		x.mu.Lock()
		again := opens > 0
		x.mu.Unlock()
		if again {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	x.close(true, false)
	if got := x.f.limits[len(x.f.limits)-1]; got != usual || len(x.f.limits) != len(set)+2 {
		t.Errorf("left are %v after %v", got, x.f.limits)
	}
}

// TestKeeperTimeoutsOfOthers: a time limit that another tool changed meanwhile is left as
// it is where it is not asked for, and comes back when it is no longer.
func TestKeeperTimeoutsOfOthers(t *testing.T) {
	short, long := Timeouts{TCP: time.Minute, TCPFin: time.Second}, Timeouts{TCP: time.Hour}
	again := Timeouts{TCP: time.Hour, TCPFin: time.Second}
	theirs := Timeouts{TCPFin: 7 * time.Second, UDP: 9 * time.Second}
	for _, step := range []struct {
		next, want Timeouts
	}{
		{Timeouts{}, theirs.over(usual)},
		{long, long.over(theirs).over(usual)},
		{again, again.over(theirs).over(usual)},
	} {
		x := keep(t, others(), Options{Timeouts: short})
		x.Set(sample())
		x.wait()
		x.inside(func(balance.Table) { x.f.limits = append(x.f.limits, theirs) })
		x.SetTimeouts(step.next)
		x.Set(sample())
		x.wait()
		x.inside(func(balance.Table) {
			if got := x.f.limits[len(x.f.limits)-1]; got != step.want {
				t.Errorf("after %v the kernel has %v, want %v", step.next, got, step.want)
			}
		})
		x.close(true, false)
		left := usual
		for _, l := range x.f.limits {
			left = l.over(left)
		}
		if want := theirs.over(usual); left != want {
			t.Errorf("after %v %v are left, want %v", step.next, left, want)
		}
	}
}

// TestForeignTimeouts: what the kernel has is somebody else's unless it was told so,
// the last time or when the answer was lost.
func TestForeignTimeouts(t *testing.T) {
	first, lost := Timeouts{TCP: 1, TCPFin: 2, UDP: 3}, Timeouts{TCP: 4, TCPFin: 5, UDP: 6}
	for now, want := range map[Timeouts]Timeouts{
		first:      usual,
		lost:       usual,
		{1, 5, 8}:  {usual.TCP, usual.TCPFin, 8},
		{7, 2, 6}:  {7, usual.TCPFin, usual.UDP},
		{7, 70, 9}: {7, 70, 9},
	} {
		if got := now.foreign([]Timeouts{first, lost}, usual); got != want {
			t.Errorf("of %v before is %v, want %v", now, got, want)
		}
	}
}

// TestKeeperTimeoutsAlone: who asks for no time limits has none written.
func TestKeeperTimeoutsAlone(t *testing.T) {
	x := keep(t, others(), Options{})
	x.SetTimeouts(Timeouts{})
	x.Set(sample())
	x.wait()
	x.close(true, false)
	if len(x.f.limits) > 0 {
		t.Errorf("set were %v", x.f.limits)
	}
}

// TestKeeperFlushFails: a flush at the end that the kernel does not answer is told,
// and what is owned goes service by service; what cannot go stays written down.
func TestKeeperFlushFails(t *testing.T) {
	for _, refuse := range []error{nil, unix.EPERM} {
		x := keep(t, others(), Options{})
		x.Set(sample())
		x.wait()
		x.inside(func(balance.Table) { x.f.silentFlushes, x.f.refuse = 1, refuse })
		if err := x.Close(true, true); err == nil {
			t.Error("nobody hears of it")
		}
		want := others()
		if refuse != nil {
			want = with(want, sample())
		}
		if diff := cmp.Diff(want, x.f.table, same); diff != "" {
			t.Errorf("left are: %s", diff)
		}
		if got := len(x.journal); got != len(want)-1 {
			t.Errorf("%d services are written down, %d are left", got, len(want)-1)
		}
	}
}

// TestKeeperModuleGone: IPVS is taken out of the kernel and put in again, where it
// has another number and an empty table; the list that was open is of no use.
func TestKeeperModuleGone(t *testing.T) {
	for _, blind := range []bool{true, false} {
		limits := Timeouts{TCP: time.Minute, TCPFin: time.Second}
		x := keep(t, others(), Options{Timeouts: limits})
		x.Set(sample())
		x.wait()
		x.mu.Lock()
		x.onOpen = func() { x.f.refuse, x.f.blind = nil, false }
		x.mu.Unlock()
		x.inside(func(have balance.Table) {
			clear(have)
			x.f.refuse, x.f.blind, x.f.stale = unix.ENOENT, blind, true
		})
		x.holds(sample())
		x.eventually("fine", func(c Counts) bool { return c.Trouble == "" })
		if blind { // else the connection is the same one
			x.inside(func(balance.Table) {
				if set := limits.over(usual); !slices.Equal(x.f.limits, []Timeouts{set, set}) {
					t.Errorf("set were %v", x.f.limits)
				}
			})
		}
		changed := sample()
		k := changed.Keys()[0]
		s := *changed[k]
		s.Scheduler = "nq"
		changed[k] = &s
		x.Set(balance.Table{k: &s})
		x.holds(changed)
		x.close(true, true)
		if c := x.Counts(); len(x.f.table) > 0 || c.Trouble != "" {
			t.Errorf("after a flush %d are left; %+v", len(x.f.table), c)
		}
	}
}
