//go:build linux

package lab

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/config/keepalived"
)

// A planned move costs the client nothing: by failover, by maintenance, and by
// a stop, next to a moonkeep and next to a keepalived, at slow adverts and at
// fast ones. The node that moved does not come back by itself.
func TestPlannedMoves(t *testing.T) {
	fast := dialect{"version 3\n\tadvert_int 0.01", 10 * ms, 10 * ms, ""}
	for name, d := range map[string]dialect{"1s": v2pass, "100ms": v3, "10ms": fast} {
		for _, peer := range []string{"moonkeep", "keepalived"} {
			t.Run(name+" "+peer, func(t *testing.T) {
				t.Parallel()
				plan := planOf(t, d.conf(side{priority: 150}), d.conf(side{priority: 100}))
				daemons := moonkeeps(t, plan)
				if peer == "keepalived" {
					daemons[1] = Keepalived{Binary: needKeepalived(t), Rewrite: keepalived.Rewrite}
				}
				l, _ := raise(t, Options{Plan: plan, Daemons: daemons})
				perform(t, l, "settle; await a VI_1")
				// What each move lost, and by how much that was more than it may be on the
				// machine as it was then.
				var lost, more []time.Duration
				move := func(there, back string) {
					t.Helper()
					before := l.Now()
					perform(t, l, there+"; await b VI_1")
					var sum time.Duration
					for _, m := range awaitMove(t, l, before) {
						sum += m.Outage()
					}
					lost, more = append(lost, sum), append(more, sum-10*ms-little(l))
					perform(t, l, back)
				}
				// It has the higher priority, and leaves the other alone. At 10 ms a busy
				// machine keeps that silent for as long as it takes to be given up, before
				// its first advert perhaps: then it is moved again.
				rests := func() {
					t.Helper()
					for trial := 0; ; trial++ {
						perform(t, l, "wait "+(5*d.interval).String())
						s, err := status(l.nodes[0])
						if err != nil {
							t.Fatal(err)
						}
						in := &s.Instances[0]
						if in.Role == "BACKUP" && in.Resting {
							return
						}
						silent := strings.HasPrefix(in.Why, "no advert from ") || strings.HasPrefix(in.Why, "no master heard for ")
						if trial == 5 || d.interval > 10*ms || in.Role != "MASTER" || !silent {
							t.Fatalf("a does not rest after %d moves: it is %s: %s", trial+1, in.Role, in.Why)
						}
						perform(t, l, "failover a; await b VI_1")
					}
				}
				move("failover a", "")
				rests()
				if d.interval > 10*ms {
					perform(t, l, "expect b VI_1")
				}
				perform(t, l, "kill b; await a VI_1; start b; settle")
				if d.interval < time.Second || *endureFlag {
					move("maintenance on a", "stop a; start a")
					perform(t, l, "wait "+(5*d.interval).String()+"; expect b VI_1")
					eventually(t, "in maintenance after a restart", func() bool {
						s, err := status(l.nodes[0])
						return err == nil && s.Maintenance && s.Instances[0].Maintenance && s.Instances[0].Role == "BACKUP"
					})
					perform(t, l, "maintenance off a; await a VI_1; settle")
				}
				move("stop a", "start a; await a VI_1")
				// The machine may be busy once.
				slices.Sort(more)
				t.Logf("lost %v; the machine was %.1f times as slow as alone", lost, busy.factor())
				if over := more[len(more)/2-1+len(more)%2]; over > 0 {
					t.Errorf("planned moves cost the client %v, at the median %s more than 10ms and %s for a busy machine", lost, over, little(l))
				}
				agree(t, l)
			})
		}
	}
}

// When there is nobody to take the addresses, nothing is given up, and who
// asked is told.
func TestFailoverToNobody(t *testing.T) {
	t.Parallel()
	l := pair(t)
	perform(t, l, "crash b; settle")
	before := l.Now()
	for _, verb := range []Verb{Failover, KeepOut} {
		err := l.Do(context.Background(), Step{Verb: verb, Node: "a"})
		if !errors.Is(err, ErrExpect) || !strings.Contains(err.Error(), "no other node took the addresses") {
			t.Errorf("%s: error %v, want the daemon's", verb, err)
		}
	}
	perform(t, l, "settle; expect a VI_1")
	for _, m := range moved(l, before) {
		if m.Outage() > little(l) {
			t.Errorf("the client lost %s", m.Outage())
		}
	}
}
