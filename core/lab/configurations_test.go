//go:build linux

package lab

import (
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/keepalived"
)

// This file sorts before others whose labs are shorter: the longest begin first.
//
// The files in testdata are configurations as users published them. They run
// as they stand, on the interfaces that they name.

// turn is a step and who answers for what afterwards: "a VI_1; b VI_2".
type turn struct{ do, then string }

// away is every way in which node a can go, and its return, for a pair in
// which a preempts: then is who has what while it is away, home when it is
// back.
func away(link, then, home string) []turn {
	var out []turn
	for _, x := range [][2]string{
		{"crash a", "start a"}, {"kill a", "start a"}, {"stop a", "start a"},
		{"link down a " + link, "link up a " + link}, {"partition a", "heal"},
	} {
		out = append(out, turn{x[0], then}, turn{x[1], home})
	}
	return out
}

func TestPublishedConfigurations(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, pair string
		// edit changes the files where it is not nil, for what takes too long
		// with them as they stand.
		edit func(string) string
		// home is who has what after the election.
		home  string
		turns []turn
		// label is what an address of a's is labelled, by the address.
		label map[string]string
	}{
		{
			// In strict mode the addresses do not answer the lab's client.
			name: "nginx", pair: "nginx", home: "a VI_1",
			edit: func(s string) string { return strings.Replace(s, "advert_int 1\n", "advert_int 1\n    accept\n", 1) },
			turns: append(away("eth0", "b VI_1", "a VI_1"),
				// 100 - 5 is more than 90.
				turn{"fail a chk_http_port; wait 5s", "a VI_1"}, turn{"pass a chk_http_port", "a VI_1"}),
		},
		{
			name: "haproxy", pair: "haproxy", home: "a VI_1",
			turns: away("eth0", "b VI_1", "a VI_1"),
		},
		{
			// An advert in 5 s: one move takes up to 21 s.
			name: "dual master as it stands", pair: "dual", home: "a VI_1; b VI_2",
			turns: []turn{{"crash a", "b VI_1; b VI_2"}, {"start a", "a VI_1; b VI_2"}},
		},
		{
			name: "dual master every second", pair: "dual", home: "a VI_1; b VI_2",
			edit:  func(s string) string { return strings.ReplaceAll(s, "advert_int 5", "advert_int 1") },
			turns: away("eth0", "b VI_1; b VI_2", "a VI_1; b VI_2"),
		},
		{
			// With state BACKUP, as keepalived's manual and check advise, the
			// nopreempt of the files is in force.
			name: "dual master with nopreempt in force", pair: "dual", home: "",
			edit: func(s string) string {
				return strings.NewReplacer("advert_int 5", "advert_int 1", "state MASTER", "state BACKUP").Replace(s)
			},
			turns: []turn{
				{"crash a", "b VI_1; b VI_2"}, {"start a; wait 5s", "b VI_1; b VI_2"},
				{"kill b", "a VI_1; a VI_2"}, {"start b; wait 5s", "a VI_1; a VI_2"},
				{"link down a eth0", "b VI_1; b VI_2"}, {"link up a eth0; wait 5s", "b VI_1; b VI_2"},
				{"stop b", "a VI_1; a VI_2"}, {"start b; wait 5s", "a VI_1; a VI_2"},
			},
		},
		{
			name: "lvs", pair: "lvs", home: "a VI_1; b VI_2",
			label: map[string]string{"192.168.10.100": "ens33:0", "192.168.10.200": "ens33:1"},
			turns: append(away("ens33", "b VI_1; b VI_2", "a VI_1; b VI_2"),
				turn{"fail a chk_keepalived", "b VI_1; b VI_2"}, turn{"pass a chk_keepalived", "a VI_1; b VI_2"}),
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			plan := published(t, tt.pair, tt.edit)
			l, _ := raise(t, Options{Plan: plan, Daemons: moonkeeps(t, plan), Probe: 4 * ms})
			if tt.home == "" {
				perform(t, l, "settle")
			} else {
				perform(t, l, awaits(tt.home))
			}
			agree(t, l)
			labels(t, l, tt.label)
			for _, turn := range tt.turns {
				before := l.Now()
				perform(t, l, turn.do+"; "+awaits(turn.then))
				for _, m := range moved(l, before) {
					step := m.Cause.Step
					limit := plan.Reaction(step.Verb) + busy.times(boot) + slack(l)
					if step.Verb == LinkUp {
						limit += time.Second // the kernel may hold the carrier's news back
					}
					if took, _ := m.TakeOver(); took > limit {
						t.Errorf("%s: %s took over %s after %s, want %s at most", turn.do, plan.Nodes[m.To].Name, plan.Targets[m.Target].Addr, took, limit)
					}
				}
				agree(t, l)
				labels(t, l, tt.label)
			}
		})
	}
}

// awaits turns "a VI_1; b VI_2" into steps.
func awaits(then string) string { return "await " + strings.ReplaceAll(then, "; ", "; await ") }

// published plans a lab for a pair of files in testdata.
func published(t *testing.T, pair string, edit func(string) string) *Plan {
	t.Helper()
	var texts []string
	var configs []config.Config
	for _, node := range []string{"a", "b"} {
		path := fmt.Sprintf("testdata/%s-%s.conf", pair, node)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if edit != nil {
			texts = append(texts, edit(string(text)))
			continue
		}
		c, findings := keepalived.Read(path, text)
		if findings.Errors() {
			t.Fatal(findings)
		}
		c.Files = []string{path}
		configs = append(configs, *c)
	}
	if edit != nil {
		return planOf(t, texts...)
	}
	plan, err := NewPlan(configs)
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

// labels holds the labels of the addresses that stand against want.
func labels(t *testing.T, l *Lab, want map[string]string) {
	t.Helper()
	for i, target := range l.Plan().Targets {
		label, ok := want[target.Addr.String()]
		if !ok {
			continue
		}
		owner := l.Holdings()[i].Answers
		if owner == Nobody {
			t.Errorf("nobody answers for %s", target.Addr)
			continue
		}
		have, err := l.nodes[owner].host.conn.List(target.Link)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range have {
			if a.Addr() == target.Addr && a.Label != label {
				t.Errorf("%s has the label %q, want %q", a, a.Label, label)
			}
		}
	}
}

// What the files ask for and moonkeep does not do is said, with the place.
func TestPublishedConfigurationsCheck(t *testing.T) {
	binary := needMoonkeep(t)
	tests := []struct {
		pair string
		want []string
	}{
		{"nginx", []string{
			"testdata/nginx-a.conf:7:5: warning: vrrp_instance VI_1: in strict mode nobody but the owner",
			"testdata/nginx-a.conf:34:9: warning: vrrp_instance VI_1: when chk_http_port fails here, the priority is 95 (100 - 5), and nginx-b.conf has 90: the address never moves",
		}},
		{"haproxy", []string{
			"testdata/haproxy-a.conf:26:9: warning: vrrp_instance VI_1: when check_haproxy fails here, the priority is 50 (52 - 2), and haproxy-b.conf has 42",
			"testdata/haproxy-b.conf:12:9: warning: vrrp_instance VI_1: state MASTER here and in haproxy-a.conf",
		}},
		{"dual", []string{
			"testdata/dual-a.conf:22:4: warning: nopreempt does not go with state MASTER and is cleared",
			"testdata/dual-b.conf:41:4: warning: nopreempt does not go with state MASTER and is cleared",
		}},
		{"lvs", []string{
			"testdata/lvs-a.conf:48:5: warning: virtual_server 192.168.10.100:80 (TCP): a server that does not answer",
			"testdata/lvs-b.conf:48:5: warning: virtual_server 192.168.10.100:80 (TCP): a server that does not answer",
		}},
	}
	for _, tt := range tests {
		t.Run(tt.pair, func(t *testing.T) {
			cmd := exec.Command(binary, "check", "testdata/"+tt.pair+"-a.conf", "testdata/"+tt.pair+"-b.conf")
			out, err := cmd.Output()
			if err != nil {
				t.Errorf("check: %v, want exit status 0", err)
			}
			lines := strings.Split(string(out), "\n")
			for _, want := range tt.want {
				if !slices.ContainsFunc(lines, func(s string) bool { return strings.HasPrefix(s, want) }) {
					t.Errorf("no line begins with %q in\n%s", want, out)
				}
			}
		})
	}
}
