package engine

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/moonkeep/moonkeep/core/vrrp"
)

// TestPolicyBeforePreemption: a policy is asked before a master of lower priority
// is preempted, and not before it is replaced because it fell silent.
func TestPolicyBeforePreemption(t *testing.T) {
	tests := []struct {
		name      string
		answer    func(context.Context, PlannedMove) (string, error)
		preempted bool
		log       string
	}{
		{"accepts", func(context.Context, PlannedMove) (string, error) { return "", nil }, true, ""},
		{"objects", func(context.Context, PlannedMove) (string, error) { return "a backup runs", nil }, false, "a backup runs"},
		{"broken", func(context.Context, PlannedMove) (string, error) { return "", errors.New("nil value") }, true, "nil value"},
		{"slow", func(ctx context.Context, _ PlannedMove) (string, error) { <-ctx.Done(); return "", ctx.Err() }, true, "deadline exceeded"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := policy{tt.answer, make(chan PlannedMove, 100)}
				in := instance("VI_1", 1, 100, "192.0.2.100/24")
				plan := planOf(in)
				plan.Policy = p
				plan.Node.AskPreempt(func(string) bool { return true })
				r := prepare(plan, Options{})
				r.begin()
				role := func() vrrp.Role {
					s, _, err := r.Status(t.Context())
					if err != nil {
						t.Fatal(err)
					}
					return s.Instances[0].Role
				}
				// The master is heard until it is preempted, for 8 s at most.
				for range int(8 * time.Second / in.Router.Interval) {
					r.Packets(fill(r.NewPacket(), &in, 50))
					after(in.Router.Interval)
					if role() == vrrp.Master {
						break
					}
				}
				if preempted := role() == vrrp.Master; preempted != tt.preempted {
					t.Errorf("preempted is %v", preempted)
				}
				if len(p.asked) != 1 {
					t.Errorf("the policy was asked %d times", len(p.asked))
				}
				if m := <-p.asked; m.Instance != "VI_1" || m.Cause != "preemption" || m.Priority != 100 || m.Master != peer || m.MasterPriority != 50 {
					t.Errorf("the policy was asked about %+v", m)
				}
				// It dies: nobody is asked.
				after(5 * in.Router.Interval)
				if role() != vrrp.Master || len(p.asked) != 0 {
					t.Errorf("after the master fell silent it is %v, and the policy was asked %d times", role(), len(p.asked))
				}
				if log := r.log.all(); !strings.Contains(log, tt.log) {
					t.Errorf("the log does not tell of %q: %s", tt.log, log)
				}
				r.stop(t)
			})
		})
	}
}
