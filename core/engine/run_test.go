package engine

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

func TestSweep(t *testing.T) {
	stale := []netspec.Address{address("192.0.2.100/24"), address("192.0.2.50/24"), address("192.0.2.51/24")}
	refuse := func() error { return errors.New("operation not permitted") }
	tests := []struct {
		name   string
		stands []netspec.Address
		fail   string
		want   []string
		err    string
	}{
		{name: "nothing is left", want: []string{"held 192.0.2.100,192.0.2.50,192.0.2.51", "watch eth0 eth0"}},
		{name: "some are left", stands: stale[:2],
			want: []string{"held 192.0.2.100,192.0.2.50,192.0.2.51", "release  192.0.2.100,192.0.2.50", "watch eth0 eth0"}},
		{name: "cannot look", fail: "held", want: []string{"held 192.0.2.100,192.0.2.50,192.0.2.51", "close"},
			err: "look for addresses of an earlier run: operation not permitted"},
		{name: "cannot remove", stands: stale[1:2], fail: "release",
			want: []string{"held 192.0.2.100,192.0.2.50,192.0.2.51", "release  192.0.2.50", "close"},
			err:  "remove addresses of an earlier run: operation not permitted"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := prepare(one(), Options{Stale: stale})
				r.kernel.stands = slices.Clone(tt.stands)
				if tt.fail != "" {
					r.kernel.on(tt.fail, refuse)
				}
				r.begin()
				after(0)
				made := r.kernel.made()
				equal(t, "first calls", made[:min(len(made), len(tt.want))], tt.want...)
				if n := r.log.count("an earlier run left it behind"); n != len(tt.stands) {
					t.Errorf("%d lines about addresses left behind, want %d", n, len(tt.stands))
				}
				if tt.err == "" {
					r.stop(t)
					return
				}
				if _, err := r.end(); err == nil || err.Error() != tt.err {
					t.Errorf("error %v, want %s", err, tt.err)
				}
				if _, _, err := r.Status(context.Background()); !errors.Is(err, ErrStopped) {
					t.Errorf("Status: %v, want ErrStopped", err)
				}
			})
		})
	}
}

// TestSweepFirst: what was removed before Run is not looked for again.
func TestSweepFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stale := []netspec.Address{{Prefix: netip.MustParsePrefix("192.0.2.50/24"), Device: "eth0"}}
		r := prepare(one(), Options{Stale: stale})
		r.kernel.stands = slices.Clone(stale)
		if err := r.Sweep(r.kernel); err != nil {
			t.Error(err)
		}
		equal(t, "before Run", r.kernel.made(), "held 192.0.2.50", "release  192.0.2.50")
		r.begin()
		after(0)
		equal(t, "then", r.kernel.made()[2:3], "watch eth0 eth0")
		r.stop(t)
	})
}

func TestStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := prepare(one(), Options{})
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		if _, _, err := r.Status(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("before the start, with a context that has ended: %v", err)
		}
		r.begin()
		after(interval / 2)
		s, at, err := r.Status(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if in := s.Instances[0]; in.Role != vrrp.Master || !in.Claimed || in.Counts.Sent != 1 {
			t.Errorf("status %+v, want a master that holds its addresses and sent one advert", in)
		}
		if !at.Equal(time.Now()) || s.At.Sub(s.Instances[0].LastSent) != interval/2 {
			t.Errorf("at %v, %v after the advert, want now, %v", at, s.At.Sub(s.Instances[0].LastSent), interval/2)
		}
		r.stop(t)
		if _, _, err := r.Status(context.Background()); !errors.Is(err, ErrStopped) {
			t.Errorf("after the stop: %v, want ErrStopped", err)
		}
	})
}

// TestFullInbox holds the rules of what waits: packets are dropped and counted,
// nothing else is lost.
func TestFullInbox(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		plan := one()
		in := &plan.Node.Instances[0]
		r := prepare(plan, Options{})
		r.kernel.sink = nil // the link comes below
		for range mailLen - 1 {
			r.Packets(fill(r.NewPacket(), in, 50))
		}
		var list []*node.Received
		for range 8 {
			list = append(list, fill(r.NewPacket(), in, 50))
		}
		r.Packets(list...)
		if n := r.Dropped(); n != 7 {
			t.Errorf("%d packets dropped, want 7", n)
		}
		for range inboxLen {
			r.Event(&node.Link{Name: "eth1"})
		}
		taken := false
		go func() {
			r.Event(&node.Link{Name: "eth0", Exists: true, Up: true, Index: 1, Primary: local})
			taken = true
		}()
		synctest.Wait()
		if taken {
			t.Error("an event was taken though there is no room")
		}
		r.begin()
		after(interval / 2)
		// Once more when the adverts that waited are taken after the link: they
		// are answered then.
		if made := r.kernel.made("send"); !taken || len(made) == 0 || len(made) > 2 {
			t.Errorf("taken %v, sent %q: the event was lost", taken, made)
		}
		r.stop(t)
		// An engine that has ended holds nobody up.
		for range inboxLen + 7 {
			r.Event(&node.Link{Name: "eth0"})
		}
	})
}

func TestChecks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		plan := planOf(instance("VI_1", 1, 100, "192.0.2.100/24"))
		plan.Node.Scripts = []node.Script{
			{Name: "good", Interval: time.Second, Rise: 1, Fall: 1},
			{Name: "bad", Interval: time.Second, Rise: 1, Fall: 2},
			{Name: "slow", Interval: time.Second, Rise: 1, Fall: 1},
			{Name: "unused", Interval: time.Second, Rise: 1, Fall: 1},
		}
		plan.Node.Instances[0].Scripts = []node.TrackScript{{Name: "good", Weight: 5}, {Name: "bad", Weight: -20}, {Name: "slow", Weight: -1}}
		var mu sync.Mutex
		runs, at, aborted := map[string]int{}, 0, false
		plan.Checks = fakeChecks(func(ctx context.Context, script string) node.Checked {
			mu.Lock()
			defer mu.Unlock()
			runs[script]++
			switch script {
			case "bad":
				return node.Checked{Result: node.Failed, Message: fmt.Sprint("no ", runs[script]), Took: time.Millisecond}
			case "slow":
				if at++; at > 1 {
					t.Error("two runs of one check at once")
				}
				mu.Unlock()
				select {
				case <-time.After(2500 * time.Millisecond):
				case <-ctx.Done():
				}
				mu.Lock()
				at--
				aborted = ctx.Err() != nil
			}
			return node.Checked{}
		})
		r := prepare(plan, Options{})
		r.begin()
		after(4500 * time.Millisecond)
		s, _, err := r.Status(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if got := s.Instances[0].Effective; got != 85 {
			t.Errorf("effective priority %d, want 100 + 5 - 20 = 85", got)
		}
		want := map[string]string{"good": "up ok ", "bad": "down failed no 5", "slow": "up ok ", "unused": "unknown ok "}
		for _, c := range s.Scripts {
			if got := fmt.Sprint(c.State, " ", c.Result, " ", c.Message); got != want[c.Name] {
				t.Errorf("%s: %q, want %q", c.Name, got, want[c.Name])
			}
		}
		if runs["good"] != 5 || runs["unused"] != 0 || runs["slow"] < 2 {
			t.Errorf("runs %v, want 5 of good, 2 of slow at least, none of unused", runs)
		}
		if took, err := r.end(); err != nil || took > 2*interval || !aborted {
			t.Errorf("the stop took %v and returned %v; the slow check was told to end: %v", took, err, aborted)
		}
	})
}

// TestJournal holds that the journal names whatever may stand: it has an
// address before it is claimed, and until it is released for certain.
func TestJournal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var written []string
		fail := errors.New("no space left on device")
		write := func(owned []netspec.Address, _ netspec.Routing) error {
			written = append(written, words(owned))
			if len(written) == 1 {
				return fail
			}
			return nil
		}
		a, b := instance("A", 1, 255, "192.0.2.101/24", "192.0.2.103/24"), instance("B", 2, 255, "192.0.2.102/24")
		r := prepare(planOf(a, b), Options{Journal: write})
		last := func(what, want string) {
			t.Helper()
			after(0)
			if len(written) == 0 || written[len(written)-1] != want {
				t.Errorf("%s: the journal holds %q, want %q", what, written, want)
			}
		}
		free := make(chan struct{})
		r.kernel.on("claim A", func() error { <-free; return nil })
		r.begin()
		after(0)
		// B's may come behind A's, and waits then.
		if len(written) == 0 || !strings.HasPrefix(written[len(written)-1], "192.0.2.101,") || !strings.HasSuffix(written[len(written)-1], "192.0.2.103") {
			t.Errorf("while the claim is under way the journal holds %q", written)
		}
		if r.log.count("no space left on device") != 1 {
			t.Error("the log does not tell that the journal could not be written")
		}
		close(free)
		last("with two masters", "192.0.2.101,192.0.2.102,192.0.2.103")

		// A reload takes one address and gives another.
		a = instance("A", 1, 255, "192.0.2.101/24", "192.0.2.104/24")
		r.kernel.on("release A", func() error { return errors.New("device busy") })
		if err := r.Reload(context.Background(), planOf(a, b)); err != nil {
			t.Fatal(err)
		}
		last("after a release that failed", "192.0.2.101,192.0.2.102,192.0.2.103,192.0.2.104")
		if r.log.count("(A) addresses could not be removed") != 1 {
			t.Errorf("the log does not tell that addresses could not be removed:\n%s", r.log.all())
		}
		r.kernel.on("release A", func() error { return nil })
		r.stop(t)
		if got := written[len(written)-1]; got != "192.0.2.103" {
			t.Errorf("after the stop the journal holds %q, want what could not be removed", got)
		}
	})
}

// TestJournalAgain holds that a journal which could not be written is written
// when that can be, and not in place of a newer one.
func TestJournalAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex // the clock of the test orders nothing for the race detector
		var written []string
		failures := 2
		write := func(owned []netspec.Address, _ netspec.Routing) error {
			mu.Lock()
			defer mu.Unlock()
			if failures--; failures >= 0 {
				return errors.New("no space left on device")
			}
			written = append(written, words(owned))
			return nil
		}
		journals := func() []string {
			mu.Lock()
			defer mu.Unlock()
			return slices.Clone(written)
		}
		r := prepare(planOf(instance("A", 1, 255, "192.0.2.101/24")), Options{Journal: write})
		r.begin()
		after(0)
		if list := journals(); len(list) > 0 {
			t.Fatalf("written %q", list)
		}
		after(2 * journalPause)
		equal(t, "journals", journals(), "192.0.2.101")
		if r.log.count("no space left on device") != 1 || r.log.count("is written again") != 1 {
			t.Errorf("the log does not tell once that there was no journal, and once that there is:\n%s", r.log.all())
		}
		mu.Lock()
		failures = 1
		mu.Unlock()
		if err := r.Reload(context.Background(), planOf(instance("A", 1, 255, "192.0.2.102/24"))); err != nil {
			t.Fatal(err)
		}
		after(2 * journalPause)
		if list := journals(); list[len(list)-1] != "192.0.2.102" {
			t.Errorf("journals %q, want what is owned now as the last", list)
		}
		r.stop(t)
	})
}

// TestJournalSettled holds that what the kernel could remove in the end leaves
// the journal.
func TestJournalSettled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var addresses string
		var routing netspec.Routing
		write := func(owned []netspec.Address, r netspec.Routing) error {
			addresses, routing = words(owned), r
			return nil
		}
		a, b := instance("A", 1, 255, "192.0.2.101/24"), instance("B", 2, 255, "192.0.2.102/24")
		rules := netspec.Routing{Rules: []netspec.Rule{{Preference: 100, Table: 9}}}
		a.Routing = rules
		r := prepare(planOf(a, b), Options{Journal: write})
		r.begin()
		after(0)
		if addresses != "192.0.2.101,192.0.2.102" || !routing.Equal(rules) {
			t.Errorf("the journal holds %q and %v, want both addresses and the rule", addresses, routing)
		}
		if got := r.kernel.made("claim A", "route A"); len(got) != 2 || !strings.HasPrefix(got[1], "route A") {
			t.Errorf("got calls %q, want addresses before routing", got)
		}
		busy := func() error { return errors.New("device busy") }
		r.kernel.on("release A", busy)
		r.kernel.on("route A", busy)
		if err := r.Reload(context.Background(), planOf(b)); err != nil {
			t.Fatal(err)
		}
		after(0)
		if addresses != "192.0.2.101,192.0.2.102" || !routing.Equal(rules) {
			t.Errorf("the journal holds %q and %v, want what could not be removed", addresses, routing)
		}
		r.Removed(a.Addresses, netspec.Routing{})
		after(0)
		if addresses != "192.0.2.102" || !routing.Equal(rules) {
			t.Errorf("the journal holds %q and %v, want the rule and what B has", addresses, routing)
		}
		r.Removed(nil, rules)
		after(0)
		if addresses != "192.0.2.102" || !routing.Empty() {
			t.Errorf("the journal holds %q and %v, want what B has", addresses, routing)
		}
		r.stop(t)
	})
}

// TestStaleRouting holds that routes and rules of an earlier run go before
// anything is claimed, and that those that are static go last.
func TestStaleRouting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rules := netspec.Routing{Rules: []netspec.Rule{{Preference: 100, Table: 9}}}
		p := planOf(instance("A", 1, 255, "192.0.2.101/24"))
		p.Node.Static = []node.Static{{Name: "static", Routing: rules}}
		r := prepare(p, Options{StaleRouting: rules})
		r.begin()
		after(0)
		r.stop(t)
		got := r.kernel.made("clear", "route", "claim A", "release A")
		want := []string{fmt.Sprintf("clear %v", rules), fmt.Sprintf("route static %v", rules), "claim A 192.0.2.101", "release A 192.0.2.101", fmt.Sprintf("route static %v", netspec.Routing{})}
		if !slices.Equal(got, want) {
			t.Errorf("got calls\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	})
}

// TestLogOverflow holds that a log which hangs costs its oldest lines, and
// that the loss is told.
func TestLogOverflow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := prepare(one(), Options{})
		free := make(chan struct{})
		r.teller.push(func() { <-free })
		r.begin()
		after(0)
		for i := range queueLen + 100 {
			r.teller.note("", &node.Note{Text: fmt.Sprintf("line %d.", i)})
		}
		close(free)
		after(0)
		if r.log.count("count=") != 1 || !strings.Contains(r.log.all(), fmt.Sprintf("line %d.", queueLen+99)) || r.log.count("line 0.") > 0 {
			t.Errorf("dropped lines told %d times, newest line there %d, oldest there %d; want 1, 1, 0",
				r.log.count("count="), r.log.count(fmt.Sprintf("line %d.", queueLen+99)), r.log.count("line 0."))
		}
		r.stop(t)
	})
}
