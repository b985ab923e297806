package lua

import (
	"strings"
	"testing"
	"time"
)

func TestAccept(t *testing.T) {
	for _, tt := range []struct {
		body string
		ok   bool
		why  string
		err  string
	}{
		{`return true`, true, "", ""},
		{`return false`, false, "", ""},
		{`return ctx.instance == "VI_1" and ctx.group == nil and ctx.cause == "failover" and ctx.priority == 90 and ctx.master_for == 2 and ctx.args.a == 1 and ctx.timeout > 1`, true, "", ""},
		{`return ctx.master == "192.0.2.9" and ctx.master_priority == 80`, true, "", ""},
		{`return false, "a backup runs"`, false, "a backup runs", ""},
		{`return nil`, false, "", "accept_failover returned nothing"},
		{`return false, {}`, false, "", "as its reason"},
		{`error("oh")`, false, "", "oh"},
		{`while true do end`, false, "", "limit"},
	} {
		script := write(t, map[string]string{"p.lua": "return {accept_failover = function(ctx) " + tt.body + " end}"})
		s, err := Compile(script + "/p.lua")
		if err != nil {
			t.Fatal(err)
		}
		r, err := s.NewRunner(Options{Args: map[string]any{"a": 1.0}})
		if err != nil {
			t.Fatal(err)
		}
		ok, why, err := r.Accept(within(t, 3*time.Second), Move{Instance: "VI_1", Cause: "failover", Priority: 90, MasterFor: 2 * time.Second, Master: "192.0.2.9", MasterPriority: 80})
		if ok != tt.ok || why != tt.why || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%s: %v, %q, %v", tt.body, ok, why, err)
		}
	}
}
