package lab

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestParse(t *testing.T) {
	const script = `# a comment
say a dead machine; it's #1
  crash a   # in the middle
link down b eth0; wait 1.5s;; link up b eth0
fail a chk#1
heal
heal a
settle
settle 20s
await b 192.0.2.1 VI_2 3s
await b 192.0.2.1
expect a VI_1 192.0.2.2
service down a
service up a
show
`
	want := []Step{
		{Verb: Say, Text: "a dead machine; it's #1"},
		{Verb: Crash, Node: "a"},
		{Verb: LinkDown, Node: "b", Link: "eth0"},
		{Verb: Wait, For: 1500 * time.Millisecond},
		{Verb: LinkUp, Node: "b", Link: "eth0"},
		{Verb: Fail, Node: "a", Script: "chk#1"},
		{Verb: Heal},
		{Verb: Heal, Node: "a"},
		{Verb: Settle},
		{Verb: Settle, For: 20 * time.Second},
		{Verb: Await, Node: "b", Subjects: []string{"192.0.2.1", "VI_2"}, For: 3 * time.Second},
		{Verb: Await, Node: "b", Subjects: []string{"192.0.2.1"}},
		{Verb: Expect, Node: "a", Subjects: []string{"VI_1", "192.0.2.2"}},
		{Verb: ServiceDown, Node: "a"},
		{Verb: ServiceUp, Node: "a"},
		{Verb: Show},
	}
	got, findings := Parse("x.steps", script)
	if len(findings) > 0 {
		t.Fatalf("findings: %v", findings)
	}
	if d := cmp.Diff(want, got, cmpopts.IgnoreFields(Step{}, "At")); d != "" {
		t.Errorf("steps (-want +got):\n%s", d)
	}
	if at := got[4].At.String(); at != "x.steps:4:31" {
		t.Errorf("the second link step is at %s, want x.steps:4:31", at)
	}
	for _, s := range got {
		again, findings := Parse("", s.String())
		if len(findings) > 0 || len(again) != 1 {
			t.Errorf("%q does not read back: %v", s, findings)
			continue
		}
		if d := cmp.Diff(s, again[0], cmpopts.IgnoreFields(Step{}, "At")); d != "" {
			t.Errorf("%q reads back as another step:\n%s", s, d)
		}
	}
}

func TestParseFindings(t *testing.T) {
	tests := []struct{ script, want string }{
		{"kil a", `f:1:1: error: no step is called "kil"; did you mean "kill NODE"? [unknown-step]`},
		{"\n  explode a", `f:2:3: error: no step is called "explode"; there are: crash, kill,`},
		{"link a", `f:1:1: error: "link" is not complete; expected: link down NODE INTERFACE or link up NODE INTERFACE [unknown-step]`},
		{"kill", `f:1:5: error: NODE is missing; expected: kill NODE [missing-argument]`},
		{"kill a b", `f:1:8: error: "b" is too much; expected: kill NODE [extra-argument]`},
		{"wait 5", `f:1:6: error: "5" is no time to wait; expected a number with a unit, as in 500ms, 5s or 1m30s [bad-duration]`},
		{"wait -5s", `f:1:6: error: "-5s" is no time`},
		{"say", `f:1:1: error: say what? expected: say TEXT [missing-argument]`},
		{"expect a", `f:1:9: error: ADDRESS is missing; expected: expect NODE ADDRESS... [missing-argument]`},
		{"wait 1s; fail ä;kill", `f:1:16: error: SCRIPT is missing`},
	}
	for _, tt := range tests {
		_, findings := Parse("f", tt.script)
		if len(findings) == 0 || !strings.HasPrefix(findings[0].String(), tt.want) {
			t.Errorf("%q:\n got %v\nwant %s", tt.script, findings, tt.want)
		}
	}
	if _, findings := Parse("f", "kil a\nwait 1s\nlonk b\nkill; wait x"); len(findings) != 4 {
		t.Errorf("not all mistakes are reported at once: %v", findings)
	}
}

func TestUsagesCoverEveryVerb(t *testing.T) {
	for _, u := range Usages() {
		if u.Help == "" {
			t.Errorf("%s has no help", u.Form)
		}
	}
	for _, v := range []Verb{Kill, Crash, Stop, Start, Failover, Return, KeepOut, LetIn, LinkDown, LinkUp, Fail, Pass, ServiceDown, ServiceUp, Partition, Heal, Wait, Settle, Say, Expect, Await, Show} {
		if !slices.ContainsFunc(Usages(), func(u Usage) bool { return u.Form == string(v) || strings.HasPrefix(u.Form, string(v)+" ") }) {
			t.Errorf("no help for %s", v)
		}
	}
}
