package main

import (
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/core/health"
	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/lua"
)

// TestStoodStill: what ran out of time while the daemon itself stood still has no
// result.
func TestStoodStill(t *testing.T) {
	t.Parallel()
	p := newLuaPool()
	k := &luaCheck{}
	for _, test := range []struct {
		ok   bool
		err  error
		took time.Duration
		want health.Verdict
	}{
		{false, lua.ErrTimeout, time.Second, health.Failed},
		{false, lua.ErrTimeout, 2 * time.Second, health.Unknown},
		{false, nil, 2 * time.Second, health.Unknown},
		{false, nil, time.Second, health.Failed},
		{true, nil, 2 * time.Second, health.OK},
	} {
		if a := k.answer(p, lua.Verdict{OK: test.ok}, test.err, test.took, time.Second); a.Verdict != test.want {
			t.Errorf("%+v: %v %q", test, a.Verdict, a.Message)
		}
	}
	x := &checks{verdicts: map[string]scriptVerdict{}}
	s := &config.Script{Name: "lua", Interval: time.Second, Timeout: time.Second}
	late := node.Checked{Result: node.Timeout, Message: "late"}
	if c := x.standing(s, late, true); c.Result != node.Timeout {
		t.Errorf("without one before: %+v", c)
	}
	x.standing(s, node.Checked{Result: node.OK}, false)
	if c := x.standing(s, late, true); c.Result != node.OK || !strings.Contains(c.Message, "late") {
		t.Errorf("with one before: %+v", c)
	}
	if c := x.standing(s, late, false); c.Result != node.Timeout {
		t.Errorf("one that counts: %+v", c)
	}
}
