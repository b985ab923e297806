package engine

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

// policy answers with a function and counts how often it was asked.
type policy struct {
	answer func(ctx context.Context, m PlannedMove) (string, error)
	asked  chan PlannedMove
}

func (p policy) Accept(ctx context.Context, m PlannedMove) (string, error) {
	p.asked <- m
	return p.answer(ctx, m)
}

// movable is a running engine that is MASTER of VI_1 and VI_2, and whose peer
// takes over 20 ms after an advert of priority 0.
func movable(t *testing.T, p Policy, peerAlive bool) *running {
	t.Helper()
	a, b := instance("VI_1", 1, 100, "192.0.2.100/24"), instance("VI_2", 2, 100, "192.0.2.101/24")
	plan := planOf(a, b)
	plan.Policy = p
	r := prepare(plan, Options{})
	if peerAlive {
		for _, in := range []*node.Instance{&a, &b} {
			r.kernel.on("send "+in.Name+" 0", func() error {
				time.AfterFunc(20*time.Millisecond, func() { r.Packets(fill(r.NewPacket(), in, 50)) })
				return nil
			})
		}
	}
	r.begin()
	after(time.Second)
	return r
}

func TestFailover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := movable(t, nil, true)
		out, err := r.Failover(t.Context(), node.Failover{Instances: []string{"VI_1"}})
		if err != nil || len(out) != 1 {
			t.Fatalf("%+v, %v", out, err)
		}
		o := out[0]
		if !o.Moved || o.Role != vrrp.Backup || o.Heir != peer || o.HeirPriority != 50 || o.Took < 20*time.Millisecond || o.Took > 40*time.Millisecond {
			t.Errorf("%+v", o)
		}
		after(0)
		if made := r.kernel.made("release"); !slices.Equal(made, []string{"release VI_1 192.0.2.100"}) {
			t.Errorf("calls %q", made)
		}
		r.stop(t)
		if _, err := r.Failover(t.Context(), node.Failover{Instances: []string{"VI_2"}}); !errors.Is(err, ErrStopped) {
			t.Errorf("error %v, want ErrStopped", err)
		}
	})
}

// Without another node nothing is given up; an asker whose time is over is
// told how far it is.
func TestFailoverToNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := movable(t, nil, false)
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		out, err := r.Failover(ctx, node.Failover{Instances: []string{"VI_1"}})
		if err != nil || len(out) != 1 || !out[0].Under || out[0].Moved {
			t.Errorf("early: %+v, %v", out, err)
		}
		out, err = r.Maintain(t.Context(), node.Maintain{All: true, On: true})
		if err != nil || len(out) != 2 {
			t.Fatalf("%+v, %v", out, err)
		}
		for _, o := range out {
			if o.Moved || o.Under || o.Maintenance || o.Role != vrrp.Master {
				t.Errorf("%+v", o)
			}
		}
		out, err = r.Maintain(t.Context(), node.Maintain{All: true, On: true, Force: true})
		if err != nil || len(out) != 2 || !out[0].Moved || !out[1].Maintenance || out[0].Heir.IsValid() {
			t.Errorf("forced: %+v, %v", out, err)
		}
		if m, err := r.Maintenance(t.Context()); err != nil || !m.All {
			t.Errorf("%+v, %v", m, err)
		}
		r.stop(t)
	})
}

// TestPolicy: an objection holds a planned move back, unless it is forced; a
// policy that is broken or slow holds nothing back.
func TestPolicy(t *testing.T) {
	tests := []struct {
		name   string
		answer func(context.Context, PlannedMove) (string, error)
		force  bool
		moved  bool
	}{
		{"accepts", func(context.Context, PlannedMove) (string, error) { return "", nil }, false, true},
		{"objects", func(_ context.Context, m PlannedMove) (string, error) { return m.Cause + " is not now", nil }, false, false},
		{"objects in vain", func(context.Context, PlannedMove) (string, error) { return "no", nil }, true, true},
		{"broken", func(context.Context, PlannedMove) (string, error) { return "no", errors.New("nil value") }, false, true},
		{"slow", func(ctx context.Context, _ PlannedMove) (string, error) { <-ctx.Done(); return "", ctx.Err() }, false, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := policy{tt.answer, make(chan PlannedMove, 8)}
				r := movable(t, p, true)
				begin := time.Now()
				out, err := r.Failover(t.Context(), node.Failover{Instances: []string{"VI_1"}, Force: tt.force})
				if err != nil || len(out) != 1 || out[0].Moved != tt.moved {
					t.Fatalf("%+v, %v", out, err)
				}
				if !tt.moved && out[0].Objection != "failover is not now" {
					t.Errorf("the objection is %q", out[0].Objection)
				}
				if took := time.Since(begin); took > policyLimit+time.Second {
					t.Errorf("it took %v", took)
				}
				if asked := len(p.asked); asked != 1 && !tt.force || asked != 0 && tt.force {
					t.Errorf("the policy was asked %d times", asked)
				}
				if tt.name == "broken" && !strings.Contains(r.log.all(), "nil value") {
					t.Errorf("nobody is told: %s", r.log.all())
				}
				// The end of the maintenance of the other is nobody's to hold back,
				// nor is a stop.
				if _, err := r.Maintain(t.Context(), node.Maintain{Instances: []string{"VI_2"}}); err != nil {
					t.Error(err)
				}
				before := len(p.asked)
				r.stop(t)
				if len(p.asked) != before {
					t.Error("the policy was asked about a stop")
				}
			})
		})
	}
}

// Who may not move holds back the sync group that it is in.
func TestPolicyOfGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := instance("VI_1", 1, 100, "192.0.2.100/24"), instance("VI_2", 2, 100, "192.0.2.101/24")
		a.Router.Hold, b.Router.Hold = true, true
		plan := planOf(a, b)
		plan.Node.Groups = []node.Group{{Name: "G", Members: []string{"VI_1", "VI_2"}}}
		plan.Policy = policy{func(_ context.Context, m PlannedMove) (string, error) {
			if m.Instance == "VI_2" && m.Group == "G" && m.Priority == 100 && m.MasterFor > 0 {
				return "busy", nil
			}
			return "", nil
		}, make(chan PlannedMove, 8)}
		r := prepare(plan, Options{})
		r.begin()
		after(time.Second)
		out, err := r.Maintain(t.Context(), node.Maintain{Instances: []string{"VI_1"}, On: true})
		if err != nil || len(out) != 2 || out[0].Objection != "VI_2: busy" || out[1].Objection != "busy" || out[0].Role != vrrp.Master || out[0].Maintenance {
			t.Errorf("%+v, %v", out, err)
		}
		r.stop(t)
	})
}
