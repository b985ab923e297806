package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/node"
)

// asked makes an action of one letter: c claims, r releases, a announces the
// addresses; upper case is another list of addresses, after a slash comes the
// instance.
func asked(word string) node.Action {
	kinds := map[byte]node.ActionKind{'c': node.Claim, 'r': node.Release, 'a': node.Announce}
	a := node.Action{Instance: word[2:], Addresses: []netspec.Address{address("192.0.2.100/24")}}
	letter := word[0]
	if letter < 'a' {
		letter += 'a' - 'A'
		a.Addresses = []netspec.Address{address("192.0.2.200/24")}
	}
	a.Kind = kinds[letter]
	return a
}

func TestLaneReplaces(t *testing.T) {
	tests := []struct {
		name         string
		pushed, want []string
	}{
		{"a release makes a waiting claim and announcement pointless", []string{"c/x", "a/x", "r/x"}, []string{"r/x"}},
		{"but not those of another instance", []string{"c/x", "a/y", "r/x"}, []string{"a/y", "r/x"}},
		{"nor those of other addresses", []string{"C/x", "a/x", "r/x"}, []string{"C/x", "r/x"}},
		{"a release keeps its place", []string{"r/x", "c/x", "a/x"}, []string{"r/x", "c/x", "a/x"}},
		{"the last of changing minds counts", []string{"c/x", "a/x", "r/x", "c/x", "a/x", "r/x"}, []string{"r/x"}},
		{"a claim again is one claim", []string{"c/x", "a/x", "c/x", "a/x"}, []string{"c/x", "a/x"}},
		{"a claim again keeps its place before what is announced", []string{"c/x", "a/x", "c/x"}, []string{"c/x", "a/x"}},
		{"but comes after what was released meanwhile", []string{"c/x", "R/x", "c/x"}, []string{"R/x", "c/x"}},
		{"of two lists both are done", []string{"c/x", "C/x", "r/x"}, []string{"C/x", "r/x"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := newLane()
			for _, word := range tt.pushed {
				l.push(asked(word))
			}
			var got []string
			waiting := map[string]kinds{}
			for _, a := range l.queue {
				letter := "?"
				for _, word := range tt.pushed {
					if b := asked(word); b.Kind == a.Kind && b.Instance == a.Instance && b.Addresses[0] == a.Addresses[0] {
						letter = word
					}
				}
				got = append(got, letter)
				n := waiting[a.Instance]
				n.add(&a, 1)
				waiting[a.Instance] = n
			}
			equal(t, "queue", got, tt.want...)
			for name, n := range l.waiting {
				if n != waiting[name] {
					t.Errorf("%+v of %s are counted, %+v wait", n, name, waiting[name])
				}
			}
		})
	}
}

// TestLaneReleasesInParts: what one release and then another takes is not announced,
// though neither has all that was to be; what stays is.
func TestLaneReleasesInParts(t *testing.T) {
	one, other, labelled := address("192.0.2.100/24"), address("192.0.2.200/24"), address("192.0.2.200/24")
	labelled.Label = "eth0:1"
	announced := []netspec.Address{one, other}
	for _, tt := range []struct {
		name     string
		released [][]netspec.Address
		want     []netspec.Address
	}{
		{"a part", [][]netspec.Address{{one}}, []netspec.Address{other}},
		{"a part and then the rest", [][]netspec.Address{{one}, {other}}, nil},
		{"a part and then the rest and others", [][]netspec.Address{{one}, {labelled, address("192.0.2.7/24")}}, nil},
		{"others", [][]netspec.Address{{address("192.0.2.7/24")}}, announced},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := newLane()
			l.push(node.Action{Kind: node.Announce, Instance: "y", Addresses: announced})
			l.push(node.Action{Kind: node.Announce, Instance: "x", Addresses: announced})
			for _, list := range tt.released {
				l.push(node.Action{Kind: node.Release, Instance: "x", Addresses: list})
			}
			var got []netspec.Address
			for _, a := range l.queue {
				switch {
				case a.Kind == node.Announce && a.Instance == "x":
					got = a.Addresses
				case a.Kind == node.Announce && !slices.Equal(a.Addresses, []netspec.Address{one, other}):
					t.Errorf("another instance announces %v", a.Addresses)
				}
			}
			if !slices.Equal(got, tt.want) || (l.waiting["x"].announcements == 0) != (tt.want == nil) {
				t.Errorf("%v is announced, %d are counted, want %v", got, l.waiting["x"].announcements, tt.want)
			}
		})
	}
}

// TestLaneBatch holds what is done together: claims before the announcements
// between them, what is told behind what it tells of, and nothing in place of
// what was asked for earlier of the same instance.
func TestLaneBatch(t *testing.T) {
	told := func(name string) node.Action { return node.Action{Kind: node.Changed, Instance: name} }
	var many, halves []string
	for i := range together + together/2 {
		many = append(many, fmt.Sprint("r/", i))
	}
	halves = append(halves, strings.Join(many[:together], " "), strings.Join(many[together:], " "))
	tests := []struct {
		name         string
		pushed, want []string
	}{
		{"claims with announcements and what is told", []string{"c/x", "a/x", "t/x", "c/y", "a/y", "t/y"}, []string{"c/x a/x t/x c/y a/y t/y"}},
		{"releases with what is told", []string{"r/x", "t/x", "r/y", "t/y"}, []string{"r/x t/x r/y t/y"}},
		{"a claim not with a release", []string{"r/x", "c/y", "r/z"}, []string{"r/x", "c/y", "r/z"}},
		{"an announcement not with a release", []string{"a/x", "r/y", "t/y", "a/z"}, []string{"a/x", "r/y t/y", "a/z"}},
		{"not two lists of an instance", []string{"c/x", "C/x", "a/x", "r/y", "r/z", "R/z"}, []string{"c/x", "C/x a/x", "r/y r/z", "R/z"}},
		{"what is told before a release", []string{"r/y", "t/x", "r/x"}, []string{"r/y t/x", "r/x"}},
		{"not too many", many, halves},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := newLane()
			l.busy = true // as it is while something goes before
			for _, word := range tt.pushed {
				if word[0] == 't' {
					if !l.after(told(word[2:])) {
						t.Fatal("told at once")
					}
					continue
				}
				l.push(asked(word))
			}
			var got []string
			for len(l.queue) > 0 {
				var words []string
				for _, a := range l.batch() {
					letter := map[node.ActionKind]string{node.Claim: "c", node.Release: "r", node.Announce: "a", node.Changed: "t"}[a.Kind]
					if len(a.Addresses) > 0 && a.Addresses[0] != asked("c/x").Addresses[0] {
						letter = strings.ToUpper(letter)
					}
					words = append(words, letter+"/"+a.Instance)
				}
				got = append(got, strings.Join(words, " "))
			}
			equal(t, "batches", got, tt.want...)
			if len(l.waiting) > 0 || l.told != 0 {
				t.Errorf("counted as waiting after all: %v, and %d to be told", l.waiting, l.told)
			}
		})
	}
}

// TestLaneBound holds that a lane which hangs does not grow, whatever the node
// asks for meanwhile.
func TestLaneBound(t *testing.T) {
	l := newLane()
	for i := range 3000 {
		name := fmt.Sprint("/", i%10)
		for _, letter := range []string{"c", "a", "r", "c", "a"} {
			l.push(asked(letter + name))
		}
	}
	if len(l.queue) > 3*10 {
		t.Errorf("%d actions of 10 instances wait, want 3 of each at most", len(l.queue))
	}
}

func TestLaneDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLane()
		free := make(chan struct{})
		ended := false
		go func() {
			l.work(func([]node.Action) { <-free })
			ended = true
		}()
		if !within(time.Second, l.drain) {
			t.Error("an empty lane is not drained")
		}
		l.push(asked("c/x"))
		synctest.Wait() // under way now, none waits
		if within(time.Second, l.drain) {
			t.Error("a lane is drained while an action is under way")
		}
		go func() {
			time.Sleep(time.Second)
			close(free)
		}()
		if !l.drain(context.Background()) {
			t.Error("not drained after all was done")
		}
		l.close()
		synctest.Wait()
		if !ended {
			t.Error("work goes on after close")
		}
	})
}

// TestReleaseOvertakes holds the same through the engine: while one claim
// hangs, an instance that becomes master and faults again costs one release.
func TestReleaseOvertakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := instance("A", 1, 255, "192.0.2.100/24"), instance("B", 2, 100, "192.0.2.101/24")
		b.Interfaces = []node.TrackInterface{{Name: "eth1"}}
		plan := planOf(a, b)
		plan.Interfaces = []string{"eth0", "eth1"}
		r := prepare(plan, Options{})
		free := make(chan struct{})
		r.kernel.on("claim A", func() error { <-free; return nil })
		r.begin()
		after(time.Second)
		if n := len(r.kernel.made("send B")); n == 0 {
			t.Fatal("B did not become master")
		}
		r.Event(&node.Link{Name: "eth1", Exists: true, Up: false, Index: 2})
		after(time.Second)
		close(free)
		after(0)
		equal(t, "calls for B", r.kernel.made("claim B", "announce B", "release B"), "release B 192.0.2.101")
		r.stop(t)
	})
}

// TestYieldHushes: what a master that yields has still to announce is forgotten at
// once, though it goes on answering.
func TestYieldHushes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := instance("A", 1, 100, "192.0.2.100/24")
		r := prepare(planOf(in), Options{})
		r.begin()
		after(time.Second)
		from := time.Since(r.kernel.start)
		r.Packets(fill(r.NewPacket(), &in, 200))
		after(time.Second)
		var got []string
		for _, c := range r.kernel.timed("hush", "release") {
			got = append(got, fmt.Sprintf("%v %s", c.at-from, c.what))
		}
		equal(t, "calls", got, "0s hush A 192.0.2.100", "10ms release A 192.0.2.100")
		r.stop(t)
	})
}

// TestYieldAnnouncesNothing: what is being claimed when the instance yields is not
// announced afterwards, whether it goes on answering for a while or not; claimed anew,
// it is.
func TestYieldAnnouncesNothing(t *testing.T) {
	for _, shared := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			in := instance("A", 1, 100, "192.0.2.100/24")
			in.Router.Shared = shared
			r := prepare(planOf(in), Options{})
			r.kernel.on("claim A", func() error {
				time.Sleep(2 * time.Millisecond)
				return nil
			})
			r.begin()
			began := time.Now()
			for len(r.kernel.made("claim A")) == 0 {
				if time.Since(began) > time.Minute {
					t.Fatal("it does not become MASTER")
				}
				time.Sleep(time.Millisecond)
			}
			r.Packets(fill(r.NewPacket(), &in, 200))
			after(20 * time.Millisecond)
			equal(t, "calls", r.kernel.made("hush", "announce", "release"), "hush A 192.0.2.100", "release A 192.0.2.100")
			after(time.Minute)
			if r.kernel.made("announce A") == nil {
				t.Error("MASTER again, it announces nothing")
			}
			r.stop(t)
		})
	}
}

// TestLaneGrace: a release with a grace, and what is told after it, wait, and nothing
// else does; what its instance is to do next, a reload and a stop end the grace.
func TestLaneGrace(t *testing.T) {
	const grace = 10 * time.Millisecond
	graced := func(word string) node.Action {
		a := asked(word)
		a.Grace = grace
		return a
	}
	told := func(name string) node.Action { return node.Action{Kind: node.Changed, Instance: name} }
	letters := map[node.ActionKind]string{node.Claim: "c", node.Release: "r", node.Announce: "a", node.Changed: "t"}
	for name, tt := range map[string]struct {
		play func(l *lane)
		want []string // with how many milliseconds after the start
	}{
		"alone": {func(l *lane) { l.push(graced("r/x")) }, []string{"r/x 10"}},
		"told behind it, another's claim at once": {func(l *lane) {
			l.push(graced("r/x"))
			l.after(told("x"))
			l.push(asked("c/y"))
		}, []string{"c/y 0", "r/x 10", "t/x 10"}},
		"what waits of its instance is not done first": {func(l *lane) {
			l.push(asked("c/y")) // the worker is busy with it for 1 ms
			synctest.Wait()
			l.push(asked("c/x"))
			l.push(asked("a/x"))
			l.push(graced("r/x"))
		}, []string{"c/y 0", "r/x 1"}},
		"what is under way of its instance is done": {func(l *lane) {
			l.push(asked("c/x"))
			synctest.Wait()
			l.push(asked("c/y"))
			l.push(graced("r/x"))
		}, []string{"c/x 0", "c/y 1", "r/x 10"}},
		"each its own": {func(l *lane) {
			l.push(graced("r/x"))
			time.Sleep(4 * time.Millisecond)
			l.push(graced("r/y"))
			l.after(told("y"))
		}, []string{"r/x 10", "r/y 14", "t/y 14"}},
		"claimed again": {func(l *lane) {
			l.push(graced("r/x"))
			l.push(graced("r/y"))
			time.Sleep(4 * time.Millisecond)
			l.push(asked("c/x"))
		}, []string{"r/x 4", "r/y 4", "c/x 4"}},
		"released again": {func(l *lane) {
			l.push(graced("r/x"))
			time.Sleep(20 * time.Millisecond)
			l.push(graced("r/x"))
		}, []string{"r/x 10", "r/x 30"}},
		"a reload": {func(l *lane) {
			l.push(graced("r/x"))
			l.hurry()
		}, []string{"r/x 0"}},
		"a stop": {func(l *lane) {
			l.push(graced("r/x"))
			l.after(told("x"))
			if !within(time.Millisecond, l.drain) {
				t.Error("not drained")
			}
		}, []string{"r/x 0", "t/x 0"}},
		"the end": {func(l *lane) {
			l.push(graced("r/x"))
			l.close()
			l.push(graced("r/y"))
		}, []string{"r/x 0", "r/y 0"}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, start := newLane(), time.Now()
				var got []string
				go l.work(func(batch []node.Action) {
					for _, a := range batch {
						got = append(got, fmt.Sprintf("%s/%s %d", letters[a.Kind], a.Instance, time.Since(start).Milliseconds()))
						if a.Kind == node.Claim {
							time.Sleep(time.Millisecond)
						}
					}
				})
				tt.play(l)
				time.Sleep(time.Second)
				synctest.Wait()
				equal(t, "done", got, tt.want...)
				if l.told != 0 || len(l.held) != 0 || len(l.holding) != 0 {
					t.Errorf("%d told, %d held, of %v are left", l.told, len(l.held), l.holding)
				}
				l.close()
			})
		})
	}
}
