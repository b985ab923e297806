package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
	"github.com/moonkeep/moonkeep/core/lab"
)

// labPair writes the files of two nodes at 100 ms and returns their paths.
func labPair(t *testing.T) (a, b string) {
	t.Helper()
	dir := t.TempDir()
	write := func(name string, priority int) string {
		path := filepath.Join(dir, name)
		text := fmt.Sprintf(`
vrrp_instance VI_1 {
	interface eth0
	version 3
	virtual_router_id 51
	priority %d
	advert_int 0.1
	virtual_ipaddress {
		192.0.2.100/24
	}
}
`, priority)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return write("one.conf", 150), write("two.conf", 100)
}

func TestLabUsage(t *testing.T) {
	a, b := labPair(t)
	yaml := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(yaml, []byte(`vrrp_instances: [{name: V, interface: eth0, virtual_router_id: 51, virtual_ipaddresses: [192.0.2.100/24]}]`), 0o644); err != nil {
		t.Fatal(err)
	}
	broken := filepath.Join(t.TempDir(), "steps")
	if err := os.WriteFile(broken, []byte("settle\n  kil a\nfail a chk\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		args string
		want []string
	}{
		{a, []string{"lab needs the configuration files of two nodes or more, not 1"}},
		{a + " /nowhere.conf", []string{"/nowhere.conf"}},
		{a + " " + b + " --script /nowhere.steps", []string{"read the steps: open /nowhere.steps"}},
		{a + " " + b + " --script " + broken, []string{
			broken + `:2:3: error: no step is called "kil"; did you mean "kill NODE"? [unknown-step]`,
			broken + `:3:1: error: fail: node a has no vrrp_script "chk"; it has none [unknown-name]`}},
		{a + " " + b + " --do crash;wait", []string{"--do:1:6: error: NODE is missing", "--do:1:11: error: TIME is missing"}},
		{a + " " + b + " --do x --script y", []string{"[do script]"}},
		{a + " " + b + " --probe 0s", []string{"--probe 0s: use a time above zero"}},
		{a + " " + b + " --binary /nowhere/mk", []string{"--binary /nowhere/mk does not start", "no such file", "give it the path of a moonkeep"}},
		{a + " " + b + " --with ucarp=a", []string{"--with ucarp=a: expected keepalived=NODE"}},
		{a + " " + b + " --with keepalived=c", []string{`there is no node "c"; the nodes are a, b`}},
		{a + " " + b + " --with keepalived:/nowhere/kd=a", []string{"/nowhere/kd", "install keepalived or name it"}},
		{a + " " + yaml + " --with keepalived=b", []string{"keepalived does not read " + yaml}},
	}
	for _, tt := range tests {
		var out, err bytes.Buffer
		status := run(append([]string{"lab"}, strings.Fields(tt.args)...), &out, &err)
		if status != 2 {
			t.Errorf("lab %s: status %d, want 2", tt.args, status)
		}
		for _, want := range tt.want {
			if !strings.Contains(err.String(), want) {
				t.Errorf("lab %s:\n got %s\nwant %s", tt.args, err.String(), want)
			}
		}
		if out.Len() > 0 {
			t.Errorf("lab %s began: %s", tt.args, out.String())
		}
	}
}

// labStory is something of every kind that a lab tells.
func labStory() (*lab.Plan, []lab.Event, []lab.Move) {
	const s, ms = time.Second, time.Millisecond
	plan := &lab.Plan{
		Nodes: []lab.Node{
			{Name: "a", Alias: "one", File: "one.conf", Interfaces: []lab.Interface{{Name: "eth0", Addresses: []netip.Prefix{netip.MustParsePrefix("192.0.2.11/24")}}}},
			{Name: "b", File: "two.conf"},
		},
		Targets: []lab.Target{{Addr: netip.MustParseAddr("192.0.2.100"), Link: "eth0"}},
	}
	say := &lab.Step{Verb: lab.Say, Text: "watch <this>"}
	crash := &lab.Step{Verb: lab.Crash, Node: "a"}
	expect := &lab.Step{Verb: lab.Expect, Node: "a", Subjects: []string{"VI_1"}}
	cause := &lab.Mark{At: 2 * s, Step: *crash}
	first := lab.Move{Change: lab.Change{From: lab.Nobody, To: 0, Next: s}}
	moved := lab.Move{Change: lab.Change{From: 0, To: 1, Lost: 2*s + ms, Next: 2*s + 400*ms}, Cause: cause}
	gap := lab.Move{Change: lab.Change{From: 1, To: 1, Lost: 3 * s, Next: 3*s + 50*ms}, Cause: cause}
	tiny := lab.Move{Change: lab.Change{From: 1, To: 1, Lost: 4 * s, Next: 4*s + 2*ms}, Cause: cause}
	back := lab.Move{Change: lab.Change{From: 1, To: 0, Lost: 5 * s, Next: 5 * s}}
	moves := []lab.Move{first, moved, gap, tiny, back}
	events := []lab.Event{
		{Kind: lab.Noted, Text: "one thing"},
		{At: ms, Kind: lab.Began, Step: say},
	}
	for i := range moves {
		events = append(events, lab.Event{At: moves[i].Next, Kind: lab.Changed, Move: &moves[i]})
	}
	return plan, append(events,
		lab.Event{At: 6 * s, Kind: lab.Began, Step: crash},
		lab.Event{At: 7 * s, Kind: lab.Lost, Since: 6 * s},
		lab.Event{At: 8 * s, Kind: lab.Held, Holdings: []lab.Holding{{Answers: 1, Stands: []int{0, 1}}}},
		lab.Event{At: 9 * s, Kind: lab.Judged, Step: expect, Text: "nobody answers", Holdings: []lab.Holding{{Answers: lab.Nobody}}},
		lab.Event{At: 9 * s, Kind: lab.Judged, Step: expect, OK: true, Text: "it does"},
		lab.Event{At: 10 * s, Kind: lab.Ended, Node: 1, Text: "exit status 3\nits last words"},
	), moves
}

func TestLabText(t *testing.T) {
	plan, events, moves := labStory()
	var out strings.Builder
	p := &labText{w: &out, plan: plan}
	p.begin()
	for _, e := range events {
		p.event(e)
	}
	p.end(11*time.Second, moves, lab.Probing{Sent: 5000, Slowest: 30 * time.Millisecond}, false)
	const want = `Time is in seconds since the start. The client asks for every virtual address.
   0.000  node a is one.conf: eth0 192.0.2.11/24
   0.000  node b is two.conf: 
   0.000  note: one thing

   0.001  # watch <this>
   1.000  192.0.2.100: a answers
   2.400  192.0.2.100: moved from a to b; the client was without it for 399 ms
   3.050  192.0.2.100: b answers again, after 50 ms without an answer
   5.000  192.0.2.100: moved from b to a; the client lost nothing
   6.000  > crash a
   7.000  192.0.2.100: nobody has answered since 6.000
   8.000  192.0.2.100: b answers, and it also stands on a
   9.000  FAILED: expect a VI_1: nobody answers
  10.000  the daemon of node b ended by itself: exit status 3
          its last words

EVENT    ADDRESS      FROM -> TO  OUTAGE  TAKE-OVER
crash a  192.0.2.100  a -> b      399 ms  400 ms
crash a  192.0.2.100  b -> b      50 ms   -
-        192.0.2.100  b -> a      0 ms    -

OUTAGE: how long the client got no answer. TAKE-OVER: from the event to the new node's first answer.
This machine was busy: up to 30 ms passed between two probes, and outages are no more exact than that.
`
	if d := cmp.Diff(want, out.String()); d != "" {
		t.Errorf("text (-want +got):\n%s", d)
	}
}

func TestLabJSON(t *testing.T) {
	plan, events, moves := labStory()
	var out strings.Builder
	p := newLabJSON(&out, plan)
	p.begin()
	for _, e := range events {
		p.event(e)
	}
	p.end(11*time.Second, moves, lab.Probing{Sent: 5000, Slowest: 30 * time.Millisecond}, false)
	const want = `{"t":0,"event":"node","node":"a","alias":"one","file":"one.conf","interfaces":{"eth0":["192.0.2.11/24"]},"addresses":["192.0.2.100"]}
{"t":0,"event":"node","node":"b","file":"two.conf","addresses":["192.0.2.100"]}
{"t":0,"event":"note","text":"one thing"}
{"t":0.001,"event":"step","step":"say watch <this>"}
{"t":1,"event":"move","address":"192.0.2.100","to":"a"}
{"t":2.4,"event":"move","address":"192.0.2.100","from":"a","to":"b","outage_ms":399,"take_over_ms":400,"cause":"crash a","cause_t":2}
{"t":3.05,"event":"move","address":"192.0.2.100","from":"b","to":"b","outage_ms":50,"cause":"crash a","cause_t":2}
{"t":4.002,"event":"move","address":"192.0.2.100","from":"b","to":"b","outage_ms":2,"cause":"crash a","cause_t":2}
{"t":5,"event":"move","address":"192.0.2.100","from":"b","to":"a","outage_ms":0}
{"t":6,"event":"step","node":"a","step":"crash a"}
{"t":7,"event":"silent","address":"192.0.2.100","since":6}
{"t":8,"event":"holds","holds":[{"address":"192.0.2.100","node":"b","stands":["a","b"]}]}
{"t":9,"event":"judged","step":"expect a VI_1","text":"nobody answers","holds":[{"address":"192.0.2.100","stands":[]}],"ok":false}
{"t":9,"event":"judged","step":"expect a VI_1","text":"it does","ok":true}
{"t":10,"event":"ended","node":"b","text":"exit status 3\nits last words"}
{"t":11,"event":"end","ok":false,"probes":5000,"slowest_probe_ms":30,"dropped":0,"moves":[` +
		`{"t":2.4,"address":"192.0.2.100","from":"a","to":"b","outage_ms":399,"take_over_ms":400,"cause":"crash a","cause_t":2},` +
		`{"t":5,"address":"192.0.2.100","from":"b","to":"a","outage_ms":0}]}
`
	if d := cmp.Diff(want, out.String()); d != "" {
		t.Errorf("JSON (-want +got):\n%s", d)
	}
}

// runProgram runs moonkeep with a directory of its own for temporary files,
// which must be empty afterwards.
func runProgram(t *testing.T, stdin string, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	tmp := t.TempDir()
	cmd := self(args...)
	cmd.Env = append(cmd.Env, "TMPDIR="+tmp)
	var out, errs bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	nothingLeft(t, tmp)
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// nothingLeft holds that no file is in tmp and no process was started with it
// as its directory for temporary files.
func nothingLeft(t *testing.T, tmp string) {
	t.Helper()
	if left, _ := filepath.Glob(filepath.Join(tmp, "*")); len(left) > 0 {
		t.Errorf("files left behind: %v", left)
	}
	environs, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, path := range environs {
		if text, err := os.ReadFile(path); err == nil && bytes.Contains(text, []byte("TMPDIR="+tmp+"\x00")) {
			t.Errorf("process left behind: %s", filepath.Dir(path))
		}
	}
}

func TestLab(t *testing.T) {
	netnstest.New(t) // skips without root
	a, b := labPair(t)
	_, stderr, status := runProgram(t, "await a VI_1\ncrash a\nawait one.conf VI_1 5ms\n", "lab", a, b)
	if status != 2 || !strings.Contains(stderr, `stdin:3:1: error: await: there is no node "one.conf"; the nodes are a (one), b (two)`) {
		t.Errorf("status %d, %s", status, stderr)
	}
	stdout, stderr, status := runProgram(t, "", "lab", "--json", a, b, "--do",
		"await one VI_1; wait 200ms; crash a; await b 192.0.2.100; start a; await a VI_1; settle; stop a; await b VI_1; expect a VI_1; say never")
	if status != 1 || !strings.Contains(stderr, "expect a VI_1: not as expected: 192.0.2.100: b answers") {
		t.Errorf("status %d, want 1 and why: %s", status, stderr)
	}
	var last labLine
	for _, line := range strings.Split(strings.TrimSpace(stdout), "\n") {
		last = labLine{}
		if err := json.Unmarshal([]byte(line), &last); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if last.Event == "ended" || last.Text == "never" {
			t.Errorf("unexpected: %s", line)
		}
	}
	if last.Event != "end" || last.OK == nil || *last.OK || last.Moves == nil {
		t.Fatalf("the last line is %+v in\n%s", last, stdout)
	}
	// On a busy machine the lower one may be first at the start.
	*last.Moves = slices.DeleteFunc(*last.Moves, func(m labLine) bool { return m.Cause == "" })
	if len(*last.Moves) != 3 {
		t.Fatalf("the moves are %+v in\n%s", *last.Moves, stdout)
	}
	for i, want := range []struct {
		from, to, cause string
		most            float64
	}{{"a", "b", "crash a", 600}, {"b", "a", "start a", 50}, {"a", "b", "stop a", 150}} {
		m := (*last.Moves)[i]
		if m.From != want.from || m.To != want.to || m.Cause != want.cause || *m.Outage > want.most || m.TakeOver == nil {
			t.Errorf("move %d is %+v, want %+v", i, m, want)
		}
	}
	if crash := *(*last.Moves)[0].Outage; crash < 200 {
		t.Errorf("the crash cost the client %.0f ms, less than the master-down interval", crash)
	}
}

// TestLabWithoutRoot holds that root of a user namespace, which anybody may become where
// the kernel allows them, can do what root can: make demo goes that way.
func TestLabWithoutRoot(t *testing.T) {
	t.Parallel()
	netnstest.New(t) // skips without root
	if _, err := os.Stat("/proc/self/ns/user"); err != nil {
		t.Skip("needs /proc/self/ns/user: the kernel has no user namespaces")
	}
	a, b := labPair(t)
	cmd := self("lab", a, b, "--do", "await a VI_1; crash a; await b VI_1")
	cmd.Env = append(cmd.Env, "TMPDIR="+t.TempDir())
	root := []syscall.SysProcIDMap{{ContainerID: 0, HostID: 0, Size: 1}}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET | syscall.CLONE_NEWNS,
		UidMappings: root, GidMappings: root,
	}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "moved from a to b") {
		t.Errorf("%v:\n%s", err, out)
	}
}

// TestLabDaemonEnds holds that no step waits for a daemon that ended by
// itself, be it before the step or meanwhile.
func TestLabDaemonEnds(t *testing.T) {
	netnstest.New(t) // skips without root
	a, b := labPair(t)
	for _, tt := range []struct{ program, do, want string }{
		{"echo no such thing >&2; exit 3", "wait 500ms; settle; say never", "--do:1:13: settle: the wait is in vain: the daemon of node "},
		{"sleep 0.5; exit 3", "settle; say never", "--do:1:1: settle: the wait is in vain: the daemon of node "},
		{"sleep 0.5; exit 3", "await a VI_1 1m; say never", "--do:1:1: await a VI_1 1m0s: the wait is in vain: the daemon of node "},
	} {
		binary := filepath.Join(t.TempDir(), "daemon")
		if err := os.WriteFile(binary, []byte("#!/bin/sh\n"+tt.program+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
		before := time.Now()
		stdout, stderr, status := runProgram(t, "", "lab", a, b, "--binary", binary, "--do", tt.do)
		if took := time.Since(before); status != 1 || took > 5*time.Second {
			t.Errorf("%s: status %d after %s, want 1 at once", tt.do, status, took)
		}
		if !strings.Contains(stderr, tt.want) || !strings.Contains(stderr, "ended by itself: exit status 3") || strings.Contains(stdout, "never") {
			t.Errorf("%s: it says\n%s\nand prints\n%s", tt.do, stderr, stdout)
		}
	}
}

func TestLabInterrupted(t *testing.T) {
	netnstest.New(t) // skips without root
	a, b := labPair(t)
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		tmp := t.TempDir()
		cmd := self("lab", a, b, "--do", "await a VI_1; wait 1h")
		cmd.Env = append(cmd.Env, "TMPDIR="+tmp)
		var out bytes.Buffer
		lines, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		cmd.Stderr = &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		seen := make([]byte, 0, 4096)
		for !bytes.Contains(seen, []byte("wait 1h")) {
			b := make([]byte, 512)
			n, err := lines.Read(b)
			if err != nil {
				t.Fatalf("%v after %s%s", err, seen, out.String())
			}
			seen = append(seen, b[:n]...)
		}
		if err := cmd.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
		before := time.Now()
		_ = cmd.Wait() // its status is looked at
		if status := cmd.ProcessState.ExitCode(); status != 1 || time.Since(before) > 5*time.Second {
			t.Errorf("%s: status %d after %s, want 1 at once", s, status, time.Since(before))
		}
		nothingLeft(t, tmp)
	}
}
