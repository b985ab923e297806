package notify

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/core/program"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

func TestOneChangeIsToldInOrder(t *testing.T) {
	r := new(recorder)
	lua := func(ctx context.Context, file Lua, c node.Change, state string, addresses []netspec.Address) error {
		if d, ok := ctx.Deadline(); !ok || time.Until(d) > time.Minute || time.Until(d) < 40*time.Second {
			t.Errorf("got deadline %v, %t", d, ok)
		}
		r.record(fmt.Sprintf("lua %s %s %d %s", file.Path, state, c.Seq, addresses[0].Addr()), nil)
		return errors.New("odd script")
	}
	n, log := newNotifier(t, Options{
		Run: r.run, Lua: lua, Timeout: 30 * time.Second,
		Plan: Plan{Targets: map[Key]*Target{instance("A"): {
			Master: prog("m"), Backup: prog("b"), Any: prog("any"), Lua: &Lua{Path: "n.lua"},
			Addresses: []netspec.Address{address("192.0.2.1/24")},
		}}},
	})
	n.Notify(change(vrrp.Backup, 1))
	n.Notify(change(vrrp.Master, 2))
	n.Notify(node.Change{Name: "unknown", To: vrrp.Master})
	n.Notify(node.Change{Group: true, Name: "A", To: vrrp.Master})
	idle(t, n)
	want := []string{
		"b", "any INSTANCE A BACKUP 97", "lua n.lua BACKUP 1 192.0.2.1",
		"m", "any INSTANCE A MASTER 97", "lua n.lua MASTER 2 192.0.2.1",
	}
	if got := r.all(); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if s := log.String(); strings.Count(s, `msg="notify script failed" name="INSTANCE A" state=MASTER seq=2 lua=n.lua error="odd script"`) != 1 {
		t.Errorf("got log\n%s", s)
	}
}

// TestLuaLearnsWhatWasDropped, as programs do by MOONKEEP_DROPPED: a file of all
// states, and one in the place of a program.
func TestLuaLearnsWhatWasDropped(t *testing.T) {
	var mu sync.Mutex
	var got []uint64
	first, hold := make(chan struct{}, 1), make(chan struct{})
	n, _ := newNotifier(t, Options{
		Run: new(recorder).run, Plan: Plan{Targets: map[Key]*Target{instance("A"): {Master: &Program{Lua: &Lua{Path: "m"}}, Lua: &Lua{Path: "n"}}}},
		Lua: func(_ context.Context, file Lua, _ node.Change, _ string, _ []netspec.Address) error {
			mu.Lock()
			got = append(got, file.Dropped)
			mu.Unlock()
			select {
			case first <- struct{}{}:
			default:
			}
			<-hold
			return nil
		},
	})
	n.Notify(change(vrrp.Master, 1))
	<-first
	for seq := range uint64(QueueBound + 2) {
		n.Notify(change(vrrp.Master, 2+seq))
	}
	close(hold)
	idle(t, n)
	if want := []uint64{0, 0, 2, 2, 0, 0}; !slices.Equal(got[:6], want) {
		t.Errorf("told %v, want %v first", got, want)
	}
}

func TestTheFinalStateIsDeliveredOnOverflow(t *testing.T) {
	r := &recorder{hold: make(chan struct{})}
	n, log := newNotifier(t, Options{Run: r.run, Plan: Plan{Targets: map[Key]*Target{instance("A"): {Any: prog("any")}}}})
	n.Notify(change(vrrp.Backup, 1))
	r.await(t, 1) // the first is being delivered; the queue is empty
	const last = 200
	for seq := uint64(2); seq <= last; seq++ {
		n.Notify(change(vrrp.Master, seq))
	}
	close(r.hold)
	idle(t, n)
	if got := len(r.all()); got != 1+QueueBound {
		t.Errorf("%d changes were told, want %d", got, 1+QueueBound)
	}
	var seqs []string
	for _, env := range r.envs {
		seqs = append(seqs, env[7]+" "+env[8])
	}
	if seqs[0] != "MOONKEEP_SEQ=1 MOONKEEP_DROPPED=0" ||
		seqs[1] != fmt.Sprintf("MOONKEEP_SEQ=%d MOONKEEP_DROPPED=%d", last-QueueBound+1, last-1-QueueBound) ||
		seqs[len(seqs)-1] != fmt.Sprintf("MOONKEEP_SEQ=%d MOONKEEP_DROPPED=0", last) {
		t.Errorf("got %q", seqs)
	}
	if s := log.String(); strings.Count(s, "notifications dropped") != 1 || !strings.Contains(s, fmt.Sprintf(`name="INSTANCE A" dropped=%d next=%d`, last-1-QueueBound, last-QueueBound+1)) {
		t.Errorf("got log\n%s", s)
	}
}

func TestNamesDoNotWaitForEachOther(t *testing.T) {
	r := new(recorder)
	never := make(chan struct{})
	defer close(never)
	n, _ := newNotifier(t, Options{
		Run: func(ctx context.Context, spec program.Spec) program.Outcome {
			if spec.Argv[0] == "slow" {
				select {
				case <-ctx.Done():
				case <-never:
				}
			}
			return r.run(ctx, spec)
		},
		Plan: Plan{Targets: map[Key]*Target{
			instance("A"):            {Any: prog("slow")},
			{Group: true, Name: "A"}: {Any: prog("quick")},
		}},
	})
	n.Notify(change(vrrp.Master, 1))
	n.Notify(node.Change{Group: true, Name: "A", To: vrrp.Master, Seq: 2})
	if got := r.await(t, 1); got[0] != "quick GROUP A MASTER 0" {
		t.Errorf("got %q", got)
	}
}

func TestAFailureIsLoggedAndNotTriedAgain(t *testing.T) {
	r := &recorder{outcome: func(spec program.Spec) program.Outcome {
		if spec.Argv[0] == "m" {
			return program.Outcome{Kind: program.Exited, Code: 3, Output: []byte("no such router\n")}
		}
		return program.Outcome{Kind: program.Exited}
	}}
	n, log := newNotifier(t, Options{Run: r.run, Plan: Plan{Targets: map[Key]*Target{instance("A"): {Master: prog("m"), Any: prog("any")}}}})
	n.Notify(change(vrrp.Master, 1))
	n.Notify(change(vrrp.Backup, 2))
	idle(t, n)
	want := []string{"m", "any INSTANCE A MASTER 97", "any INSTANCE A BACKUP 97"}
	if got := r.all(); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if s := log.String(); strings.Count(s, `level=WARN msg="notify program failed" name="INSTANCE A" state=MASTER seq=1 program=m result="exit status 3: no such router"`) != 1 {
		t.Errorf("got log\n%s", s)
	}
}

func TestTheNextWaitsForOneThatIsBeingEnded(t *testing.T) {
	gone := make(chan struct{})
	r := new(recorder)
	r.outcome = func(program.Spec) program.Outcome {
		return program.Outcome{Kind: program.TimedOut, Gone: gone}
	}
	n, _ := newNotifier(t, Options{Run: r.run, Plan: Plan{Targets: map[Key]*Target{instance("A"): {Any: prog("any")}}}})
	n.Notify(change(vrrp.Backup, 1))
	n.Notify(change(vrrp.Master, 2))
	r.await(t, 1)
	time.Sleep(50 * time.Millisecond)
	if got := r.all(); len(got) != 1 {
		t.Errorf("told %q beside a program that has not ended", got)
	}
	close(gone)
	idle(t, n)
	if got := r.all(); len(got) != 2 {
		t.Errorf("got %q", got)
	}
}

func TestDrainHasADeadline(t *testing.T) {
	r := &recorder{hold: make(chan struct{})}
	n, _ := newNotifier(t, Options{Run: r.run, Plan: Plan{Targets: map[Key]*Target{instance("A"): {Any: prog("any")}}}})
	if err := n.Drain(t.Context()); err != nil { // nothing to wait for
		t.Error(err)
	}
	n.Notify(change(vrrp.Backup, 1))
	r.await(t, 1)
	n.Notify(change(vrrp.Master, 2))
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Millisecond)
	defer cancel()
	err := n.Drain(ctx)
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "INSTANCE A (0 waiting)") {
		t.Errorf("got %v", err)
	}
	close(r.hold)
	idle(t, n)
	if got := r.all(); len(got) != 2 {
		t.Errorf("got %q", got)
	}
}

// TestDrainDeliversTheNewest holds that slow programs of changes that are over
// do not keep the last change from being told within the time of a stop.
func TestDrainDeliversTheNewest(t *testing.T) {
	for name, stubborn := range map[string]bool{"ends when told": false, "does not end": true} {
		t.Run(name, func(t *testing.T) {
			gone := make(chan struct{})
			r := new(recorder)
			n, log := newNotifier(t, Options{
				Plan: Plan{Targets: map[Key]*Target{instance("A"): {Master: prog("slow"), Backup: prog("slow"), Stop: prog("stop"), Any: prog("any")}}},
				Run: func(ctx context.Context, spec program.Spec) program.Outcome {
					if o := r.run(ctx, spec); spec.Argv[0] != "slow" {
						return o
					}
					<-ctx.Done()
					o := program.Outcome{Kind: program.Canceled}
					if stubborn {
						o.Gone = gone
					}
					return o
				},
			})
			n.Notify(change(vrrp.Master, 1))
			r.await(t, 1)
			for seq := uint64(2); seq <= 60; seq++ {
				n.Notify(change([]vrrp.Role{vrrp.Master, vrrp.Backup}[seq%2], seq))
			}
			n.Notify(node.Change{Name: "A", From: vrrp.Master, To: vrrp.Init, Stop: true, Seq: 61})
			const limit = 600 * time.Millisecond
			ctx, cancel := context.WithTimeout(t.Context(), limit)
			defer cancel()
			begin := time.Now()
			if err := n.Drain(ctx); err != nil {
				t.Errorf("%v; the log:\n%s", err, log)
			}
			if took := time.Since(begin); took < limit/3 {
				t.Errorf("the program that ran had %s, want a third of %s", took, limit)
			}
			if got, want := r.all(), []string{"slow", "stop", "any INSTANCE A STOP 0"}; !slices.Equal(got, want) {
				t.Errorf("told %q, want %q", got, want)
			}
			if got := r.envs[1][8]; got != "MOONKEEP_DROPPED=59" {
				t.Errorf("the last program was told %s, want 59", got)
			}
			for line, want := range map[string]bool{"and a newer change is still to be told": true, "going on beside it": stubborn} {
				if strings.Contains(log.String(), line) != want {
					t.Errorf("%q in the log: %t, want %t:\n%s", line, !want, want, log)
				}
			}
		})
	}
}

// TestDrainLeavesTheLastAllItsTime holds that what nothing waits for is not
// ended before the time is over.
func TestDrainLeavesTheLastAllItsTime(t *testing.T) {
	n, log := newNotifier(t, Options{
		Plan: Plan{Targets: map[Key]*Target{instance("A"): {Any: prog("any")}}},
		Run: func(ctx context.Context, _ program.Spec) program.Outcome {
			select {
			case <-time.After(200 * time.Millisecond):
				return program.Outcome{Kind: program.Exited}
			case <-ctx.Done():
				return program.Outcome{Kind: program.Canceled}
			}
		},
	})
	n.Notify(change(vrrp.Master, 1))
	ctx, cancel := context.WithTimeout(t.Context(), 400*time.Millisecond)
	defer cancel()
	if err := n.Drain(ctx); err != nil || !strings.Contains(log.String(), "msg=notified") {
		t.Errorf("%v; the log:\n%s", err, log)
	}
}

func TestCloseStopsAndDrops(t *testing.T) {
	r := &recorder{hold: make(chan struct{})}
	n, log := newNotifier(t, Options{Run: r.run, Plan: Plan{Targets: map[Key]*Target{instance("A"): {Any: prog("any"), Lua: &Lua{Path: "n.lua"}}}},
		Lua: func(context.Context, Lua, node.Change, string, []netspec.Address) error {
			t.Error("the Lua file was called after Close")
			return nil
		}})
	n.Notify(change(vrrp.Backup, 1))
	r.await(t, 1)
	n.Notify(change(vrrp.Master, 2))
	n.Notify(change(vrrp.Backup, 3))
	n.Close()
	n.Notify(change(vrrp.Master, 4))
	idle(t, n)
	if got := r.all(); len(got) != 1 {
		t.Errorf("got %q", got)
	}
	s := log.String()
	if !strings.Contains(s, `msg="notify program stopped: the daemon ends" name="INSTANCE A" state=BACKUP seq=1 program=any`) ||
		!strings.Contains(s, `msg="notifications dropped: the daemon ends" name="INSTANCE A" dropped=2`) {
		t.Errorf("got log\n%s", s)
	}
}

func TestReloadKeepsQueuesAndTellsOfTheDeleted(t *testing.T) {
	r := &recorder{hold: make(chan struct{})}
	n, _ := newNotifier(t, Options{Run: r.run, Plan: Plan{Targets: map[Key]*Target{
		instance("A"): {Any: prog("old")},
		instance("B"): {Any: prog("oldB"), TellDeleted: true},
	}}})
	n.Notify(change(vrrp.Backup, 1))
	r.await(t, 1)
	n.Notify(change(vrrp.Master, 2))
	adopt(t, n, map[Key]*Target{instance("A"): {Any: prog("new")}})
	n.Notify(change(vrrp.Backup, 3))
	n.Notify(node.Change{Name: "B", To: vrrp.Master, Seq: 4}) // too late to be true
	n.Notify(node.Change{Name: "B", To: vrrp.Init, Deleted: true, Seq: 5})
	close(r.hold)
	idle(t, n)
	adopt(t, n, nil)
	adopt(t, n, nil)
	n.Notify(node.Change{Name: "B", To: vrrp.Init, Deleted: true, Seq: 6})
	idle(t, n)
	var a, b []string
	for _, s := range r.all() {
		if strings.HasPrefix(s, "oldB") {
			b = append(b, s)
		} else {
			a = append(a, s)
		}
	}
	if want := []string{"old INSTANCE A BACKUP 97", "old INSTANCE A MASTER 97", "new INSTANCE A BACKUP 97"}; !slices.Equal(a, want) {
		t.Errorf("got %q, want %q", a, want)
	}
	if want := []string{"oldB INSTANCE B DELETED 0"}; !slices.Equal(b, want) {
		t.Errorf("got %q, want %q", b, want)
	}
}

// Many names, each with changes from one goroutine as the engine's lane has
// it: each name's come in order, all of them.
func TestOrderUnderConcurrency(t *testing.T) {
	const names, rounds, changes = 20, 6, 6 * QueueBound
	var mu sync.Mutex
	seqs := make(map[string][]string)
	targets := make(map[Key]*Target)
	for i := range names {
		targets[instance(fmt.Sprint(i))] = &Target{Any: prog("any")}
	}
	n, _ := newNotifier(t, Options{Plan: Plan{Targets: targets}, Run: func(_ context.Context, spec program.Spec) program.Outcome {
		time.Sleep(time.Duration(len(spec.Argv[2])*7%5) * 10 * time.Microsecond)
		mu.Lock()
		defer mu.Unlock()
		seqs[spec.Argv[2]] = append(seqs[spec.Argv[2]], strings.TrimPrefix(spec.Env[7], "MOONKEEP_SEQ="))
		return program.Outcome{Kind: program.Exited}
	}})
	for round := range rounds { // of as many as a queue holds
		var wg sync.WaitGroup
		for i := range names {
			wg.Go(func() {
				for j := range QueueBound {
					n.Notify(node.Change{Name: fmt.Sprint(i), To: vrrp.Master, Seq: uint64(round*QueueBound + j)})
				}
			})
		}
		wg.Wait()
		idle(t, n)
	}
	for i := range names {
		got := seqs[fmt.Sprint(i)]
		if len(got) != changes {
			t.Errorf("name %d: told %d changes, want %d", i, len(got), changes)
		}
		for j, seq := range got {
			if seq != fmt.Sprint(j) {
				t.Errorf("name %d: change %s came at place %d", i, seq, j)
			}
		}
	}
}
