//go:build linux

package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/keepalived"
	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
)

// needKeepalived returns the path of a real keepalived or skips the test.
func needKeepalived(t *testing.T) string {
	t.Helper()
	netnstest.New(t) // skips without root
	for _, dir := range []string{"", "/usr/sbin/", "/usr/local/sbin/"} {
		if path, err := exec.LookPath(dir + "keepalived"); err == nil {
			return path
		}
	}
	t.Skip("needs keepalived (Debian: apt-get install keepalived)")
	return ""
}

// conf is a keepalived.conf with one instance at 100 ms and two checks, of
// which one faults the node and one weighs.
func conf(priority int, extra string) string {
	return fmt.Sprintf(`
global_defs {
	script_user root
	%s
}
vrrp_script dead {
	script "/nowhere/dead.sh"
	interval 1
	fall 1
	rise 1
}
vrrp_script heavy {
	script "/nowhere/heavy.sh"
	interval 1
	weight -100
	fall 1
	rise 1
}
vrrp_instance VI_1 {
	state BACKUP
	interface eth0
	version 3
	virtual_router_id 51
	priority %d
	advert_int 0.1
	virtual_ipaddress {
		192.0.2.100/24
	}
	track_script {
		dead
		heavy
	}
	notify_master "/nowhere/notify.sh master"
}
`, extra, priority)
}

// planOf writes the texts as files and plans a lab for them.
func planOf(t *testing.T, texts ...string) *Plan {
	t.Helper()
	var configs []config.Config
	dir := t.TempDir()
	for i, text := range texts {
		path := filepath.Join(dir, fmt.Sprintf("node%d.conf", i))
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		c, findings := keepalived.Read(path, []byte(text))
		if findings.Errors() {
			t.Fatal(findings)
		}
		c.Files = []string{path}
		configs = append(configs, *c)
	}
	plan, err := NewPlan(configs)
	if err != nil {
		t.Fatal(err)
	}
	return plan
}

// recorder keeps what a lab tells and logs it.
type recorder struct {
	t      *testing.T
	plan   *Plan
	events []Event
}

func (r *recorder) tell(e Event) {
	r.events = append(r.events, e)
	text := e.Text
	switch {
	case e.Move != nil:
		take, _ := e.Move.TakeOver()
		text = fmt.Sprintf("%s %d->%d outage %s take-over %s", r.plan.Targets[e.Target].Addr, e.Move.From, e.Move.To, e.Move.Outage(), take)
	case e.Step != nil:
		text = fmt.Sprintf("%s %t %s", e.Step, e.OK, e.Text)
	}
	r.t.Logf("%8.3f %-6s %s %v", e.At.Seconds(), e.Kind, text, e.Holdings)
}

// told returns what the lab has told so far.
func (r *recorder) told(l *Lab) []Event {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(r.events)
}

// open starts a lab with keepalived in every node.
func open(t *testing.T, plan *Plan) (*Lab, *recorder) {
	t.Helper()
	binary := needKeepalived(t)
	var daemons []Daemon
	for range plan.Nodes {
		daemons = append(daemons, Keepalived{Binary: binary, Rewrite: keepalived.Rewrite})
	}
	return raise(t, Options{Plan: plan, Daemons: daemons})
}

// raise starts a lab that is closed when the test ends.
func raise(t *testing.T, o Options) (*Lab, *recorder) {
	t.Helper()
	l, r := prepare(t, o)
	if err := l.Boot(); err != nil {
		t.Fatal(err)
	}
	return l, r
}

// prepare makes a lab in which no daemon runs yet.
func prepare(t *testing.T, o Options) (*Lab, *recorder) {
	t.Helper()
	r := &recorder{t: t, plan: o.Plan}
	o.Tell, o.LogDir = r.tell, t.TempDir()
	l, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Errorf("close the lab: %v", err)
		}
		if t.Failed() {
			for i := range o.Plan.Nodes {
				text, _ := os.ReadFile(l.Log(i))
				t.Logf("log of %s:\n%s", o.Plan.Nodes[i].Name, text)
			}
		}
	})
	return l, r
}

// play performs a script.
func (r *recorder) play(l *Lab, script string) {
	r.t.Helper()
	perform(r.t, l, script)
}

// perform runs a script and ends the test at the first step that fails.
func perform(t *testing.T, l *Lab, script string) {
	t.Helper()
	steps, findings := Parse("script", script)
	findings = append(findings, l.Plan().Resolve(steps)...)
	if len(findings) > 0 {
		t.Fatal(findings)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for _, s := range steps {
		if err := l.Do(ctx, s); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFailover(t *testing.T) {
	t.Parallel()
	plan := planOf(t, conf(150, ""), conf(100, ""))
	l, r := open(t, plan)
	r.play(l, "await a VI_1; wait 300ms")
	tests := []struct {
		fail, recover string
		// least and most bound the outage of the move away.
		least, most time.Duration
	}{
		{"crash a", "start a", 200 * ms, 600 * ms},
		{"kill a", "start a", 0, 20 * ms},
		{"stop a", "start a", 0, 200 * ms},
		{"link down a eth0", "link up a eth0", 200 * ms, 600 * ms},
		{"fail a dead", "pass a dead", 0, 600 * ms},
		{"fail a heavy", "pass a heavy", 0, 600 * ms},
		{"partition a", "heal", 200 * ms, 600 * ms},
	}
	for _, tt := range tests {
		well := t.Run(tt.fail, func(t *testing.T) {
			before := len(l.Moves())
			perform(t, l, tt.fail+"; await b 192.0.2.100 10s; wait 100ms; expect b VI_1")
			moves := l.Moves()
			if len(moves) == before {
				t.Fatal("the address did not move: it was not on a before")
			}
			move := moves[before]
			if move.From != 0 || move.To != 1 || move.Cause == nil || move.Cause.Step.String() != tt.fail {
				t.Errorf("the first move is %+v, want from a to b because of %q", move, tt.fail)
			}
			early := busy.times(50*ms) - 50*ms // a last advert that was late
			if o := move.Outage(); o < tt.least-early || o > busy.times(tt.most) {
				t.Errorf("outage %s, want %s to %s, on a machine %.1f times as slow as alone", o, tt.least, tt.most, busy.factor())
			}
			if take, ok := move.TakeOver(); !ok || take <= 0 {
				t.Errorf("take-over %s, %t", take, ok)
			}
			perform(t, l, tt.recover+"; await a 192.0.2.100 20s; wait 200ms; expect a VI_1")
		})
		if !well {
			t.Fatal("the next would not begin with the address on a")
		}
	}
	if p := l.Probing(); p.Sent < 1000 || p.Dropped != 0 {
		t.Errorf("probing: %+v", p)
	}
	r.play(l, "settle; show")
	for _, h := range l.Holdings() {
		if h.Answers != 0 || fmt.Sprint(h.Stands) != "[0]" {
			t.Errorf("at the end node %d answers, and the address stands on %v; want node 0 alone", h.Answers, h.Stands)
		}
	}
	err := l.Do(context.Background(), Step{Verb: Expect, Node: "b", Subjects: []string{"VI_1"}})
	if !errors.Is(err, ErrExpect) || !strings.Contains(fmt.Sprint(err), "192.0.2.100: a answers") {
		t.Errorf("expect b: %v", err)
	}
}
