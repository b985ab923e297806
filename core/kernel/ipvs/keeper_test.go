//go:build linux

package ipvs

import (
	"bytes"
	"context"
	"errors"
	"hash/maphash"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/balance"
	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeLook sees the table of a fake.
type fakeLook struct {
	*Glance
	f *fake
}

func (l fakeLook) Look() (Sums, error) {
	if l.f.blind {
		return nil, errors.New("the list cannot be read")
	}
	return l.Expect(l.f.table), nil
}
func (l fakeLook) Close() error { return nil }

// kept is a keeper on a fake kernel.
type kept struct {
	*Keeper
	t   *testing.T
	f   *fake
	log *logBuffer
	mu  sync.Mutex
	// missing has Open fail; journal is what was written down last.
	missing bool
	opens   int
	writes  int
	onOpen  func()
	journal []balance.Key
}

type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *logBuffer) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.b.String(), text)
}

func keep(t *testing.T, table balance.Table, o Options, prepare ...func(*kept)) *kept {
	_, f := connected(t)
	f.table = table
	x := &kept{t: t, f: f, log: &logBuffer{}}
	seed := maphash.MakeSeed()
	o.Log = slog.New(slog.NewTextHandler(x.log, nil))
	if o.OpenEvery = 5 * time.Millisecond; o.LookEvery == 0 {
		o.LookEvery = 5 * time.Millisecond
	}
	o.Journal = func(keys []balance.Key) error {
		x.mu.Lock()
		defer x.mu.Unlock()
		x.journal = keys
		x.writes++
		return nil
	}
	o.Open = func() (*Conn, Looker, error) {
		x.mu.Lock()
		defer x.mu.Unlock()
		x.opens++
		if x.missing {
			return nil, nil, ErrNoIPVS
		}
		f.queue = nil
		if x.onOpen != nil {
			x.onOpen()
		}
		return &Conn{socket: f, services: f, family: fakeFamily, in: make([]byte, 64<<10)}, fakeLook{&Glance{seed: seed}, f}, nil
	}
	for _, p := range prepare {
		p(x)
	}
	x.Keeper = NewKeeper(o)
	netnstest.Must(t, x.Start())
	return x
}

// inside does something with the kernel's table on the goroutine that uses it.
func (x *kept) inside(do func(balance.Table)) {
	x.t.Helper()
	if err := x.ask(x.t.Context(), func(*Conn) error { do(x.f.table); return nil }); err != nil {
		x.t.Fatal(err)
	}
}

// holds waits until the kernel's table is this one.
func (x *kept) holds(want balance.Table) {
	x.t.Helper()
	diff := "never asked"
	for range 400 {
		// There may be no connection for a moment.
		if err := x.ask(x.t.Context(), func(*Conn) error { diff = cmp.Diff(want, x.f.table, same); return nil }); err == nil && diff == "" {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	x.t.Fatalf("the kernel has: %s", diff)
}

func (x *kept) wait() {
	x.t.Helper()
	ctx, cancel := context.WithTimeout(x.t.Context(), 10*time.Second)
	defer cancel()
	if err := x.Wait(ctx); err != nil {
		x.t.Fatal(err)
	}
}

func (x *kept) close(remove, all bool) {
	x.t.Helper()
	if err := x.Close(remove, all); err != nil {
		x.t.Error(err)
	}
}

var foreign = balance.Key{Protocol: balance.TCP, Address: netip.MustParseAddrPort("203.0.113.9:22")}

func others() balance.Table {
	return balance.Table{foreign: balance.Service{Options: balance.Options{Scheduler: "rr"}}.Normal(foreign)}
}

// with joins tables.
func with(tables ...balance.Table) balance.Table {
	all := balance.Table{}
	for _, t := range tables {
		for k, s := range t {
			all[k] = s
		}
	}
	return all
}

// TestKeeperZero: counters of the named services begin anew, of no others, and one
// that is gone is no error.
func TestKeeperZero(t *testing.T) {
	x := keep(t, others(), Options{})
	x.Set(sample())
	x.wait()
	want := sample().Keys()
	n, err := x.Zero(t.Context(), append([]balance.Key{{Fwmark: 77}}, want...))
	if err != nil || n != len(want) {
		t.Errorf("%d, %v; want %d", n, err, len(want))
	}
	x.inside(func(balance.Table) {
		if !slices.Equal(x.f.zeroed, want) {
			t.Errorf("of %v, want %v", x.f.zeroed, want)
		}
		x.f.refuse = unix.EPERM
	})
	if n, err := x.Zero(t.Context(), want); !errors.Is(err, unix.EPERM) || n != 0 {
		t.Errorf("refused: %d, %v", n, err)
	}
	x.inside(func(balance.Table) { x.f.refuse = nil })
	x.close(true, false)
}

func TestKeeperSets(t *testing.T) {
	x := keep(t, others(), Options{})
	x.Set(sample())
	x.wait()
	x.holds(with(others(), sample()))
	keys := sample().Keys()
	x.Set(balance.Table{keys[0]: nil})
	x.wait()
	less := sample()
	delete(less, keys[0])
	x.holds(with(others(), less))
	if !slices.Equal(x.journal, less.Keys()) {
		t.Errorf("written down: %v", x.journal)
	}
	if c := x.Counts(); c.Repaired != 0 || c.Failed != 0 || c.Trouble != "" || c.Operations == 0 {
		t.Errorf("%+v", c)
	}
	x.close(true, false)
	if diff := cmp.Diff(others(), x.f.table, same); diff != "" || len(x.journal) != 0 {
		t.Errorf("after the end: %s; written down %v", diff, x.journal)
	}
}

// TestKeeperTouchesNothingElse: a second Set of the same table, and one of one
// weight, cost no operation more than they need.
func TestKeeperTouchesNothingElse(t *testing.T) {
	x := keep(t, sample(), Options{})
	x.Set(sample())
	x.wait()
	if c := x.Counts(); c.Operations != 0 {
		t.Errorf("%d operations to adopt a table that was right", c.Operations)
	}
	x.mu.Lock()
	if !slices.Equal(x.journal, sample().Keys()) || x.writes != 1 {
		t.Errorf("what is adopted is written down %d times, as %v", x.writes, x.journal)
	}
	x.mu.Unlock()
	changed := sample()
	k := changed.Keys()[0]
	s := *changed[k]
	s.Destinations = slices.Clone(s.Destinations)
	s.Destinations[0].Weight++
	x.Set(balance.Table{k: &s})
	x.wait()
	if c := x.Counts(); c.Operations != 1 {
		t.Errorf("%d operations for one weight", c.Operations)
	}
	x.close(false, false)
	changed[k] = &s
	if diff := cmp.Diff(changed, x.f.table, same); diff != "" {
		t.Errorf("an end that leaves the table: %s", diff)
	}
}

// TestKeeperAfterCrash: what an earlier run owned and nobody wants now goes,
// what somebody else has stays.
func TestKeeperAfterCrash(t *testing.T) {
	old := balance.Key{Fwmark: 77}
	left := with(others(), sample(), balance.Table{old: balance.Service{Options: balance.Options{Scheduler: "rr"}}.Normal(old)})
	x := keep(t, left, Options{Earlier: append(sample().Keys(), old)})
	x.Set(sample())
	x.wait()
	x.holds(with(others(), sample()))
	x.close(true, false)
}

func TestKeeperFlush(t *testing.T) {
	x := keep(t, with(others(), sample()), Options{Flush: true})
	x.Set(sample())
	x.wait()
	x.holds(sample())
	x.inside(func(have balance.Table) { have[foreign] = others()[foreign] })
	x.close(true, true)
	if len(x.f.table) != 0 {
		t.Errorf("left: %v", x.f.table.Keys())
	}
}

// TestKeeperRepairs: what others change comes back, and is told.
func TestKeeperRepairs(t *testing.T) {
	x := keep(t, others(), Options{})
	x.Set(sample())
	x.wait()
	r := rand.New(rand.NewPCG(3, 4))
	for range 20 {
		x.inside(func(have balance.Table) {
			keys := sample().Keys()
			k := keys[r.IntN(len(keys))]
			switch s := have[k]; r.IntN(3) {
			case 0:
				delete(have, k)
			case 1:
				c := *s
				c.Scheduler = "nq"
				have[k] = &c
			case 2:
				c := *s
				c.Destinations = c.Destinations[1:]
				have[k] = &c
			}
		})
		x.holds(with(others(), sample()))
	}
	x.wait()
	if c := x.Counts(); c.Repaired < 15 || x.log.count("somebody else changed IPVS") < 15 || x.log.count(`change="`) < 15 {
		t.Errorf("%+v", c)
	}
	x.close(true, false)
}

// TestKeeperFailures: what the kernel refuses is tried again and told once.
func TestKeeperFailures(t *testing.T) {
	x := keep(t, balance.Table{}, Options{}, func(x *kept) { x.f.schedulers = []string{"rr", "wrr", "wlc", "lc", "mh"} })
	x.Set(sample())
	x.wait()
	for range 5 {
		time.Sleep(10 * time.Millisecond)
		x.inside(func(balance.Table) {})
	}
	if c := x.Counts(); c.Trouble == "" || c.Failed < 2 || x.log.count("load ip_vs_sh") != 1 {
		t.Errorf("%+v, told %d times", c, x.log.count("load ip_vs_sh"))
	}
	x.inside(func(balance.Table) { x.f.schedulers = nil })
	x.holds(sample())
	x.inside(func(balance.Table) {})
	if c := x.Counts(); c.Trouble != "" || c.Repaired != 0 {
		t.Errorf("%+v", c)
	}
	x.close(true, false)
}

// TestKeeperWithoutIPVS: nothing works until the kernel has it, then all does.
func TestKeeperWithoutIPVS(t *testing.T) {
	x := keep(t, balance.Table{}, Options{}, func(x *kept) { x.missing = true })
	x.Set(sample())
	x.wait()
	if c := x.Counts(); !strings.Contains(c.Trouble, "no IPVS") {
		t.Errorf("%+v", c)
	}
	if err := x.ask(t.Context(), func(*Conn) error { return nil }); !errors.Is(err, ErrNoIPVS) {
		t.Errorf("a question: %v", err)
	}
	x.mu.Lock()
	x.missing = false
	x.mu.Unlock()
	for x.ask(t.Context(), func(*Conn) error { return nil }) != nil {
		time.Sleep(time.Millisecond)
	}
	x.holds(sample())
	x.close(true, false)
}

// TestKeeperLosesConnection: a kernel that stops answering is connected to
// anew, and what is not known is read.
func TestKeeperLosesConnection(t *testing.T) {
	x := keep(t, others(), Options{})
	x.Set(sample())
	x.wait()
	if err := x.ask(t.Context(), func(*Conn) error { return unix.EBADF }); !errors.Is(err, unix.EBADF) {
		t.Error(err)
	}
	for x.ask(t.Context(), func(*Conn) error { return nil }) != nil {
		time.Sleep(time.Millisecond)
	}
	x.inside(func(have balance.Table) { delete(have, sample().Keys()[2]) })
	x.holds(with(others(), sample()))
	if x.opens != 2 {
		t.Errorf("opened %d times", x.opens)
	}
	x.close(true, false)
}

// TestKeeperOfRandomChanges: whatever is set, and whatever others do meanwhile,
// the table ends as it should be and what belongs to others is untouched.
func TestKeeperOfRandomChanges(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 9))
		x := keep(t, others(), Options{})
		want := balance.Table{}
		all := sample()
		keys := all.Keys()
		for range 60 {
			changes := balance.Table{}
			for range r.IntN(4) {
				k := keys[r.IntN(len(keys))]
				if r.IntN(3) == 0 {
					changes[k] = nil
					delete(want, k)
					continue
				}
				s := *all[k]
				s.Destinations = slices.Clone(s.Destinations)
				s.Destinations[0].Weight = int32(r.IntN(9))
				s.Scheduler = []string{"rr", "wrr"}[r.IntN(2)]
				changes[k], want[k] = &s, &s
			}
			x.Set(changes)
			if r.IntN(3) == 0 {
				x.inside(func(have balance.Table) { delete(have, keys[r.IntN(len(keys))]) })
			}
		}
		x.holds(with(others(), want))
		x.close(true, false)
		if diff := cmp.Diff(others(), x.f.table, same); diff != "" {
			t.Fatalf("seed %d: %s", seed, diff)
		}
	}
}
