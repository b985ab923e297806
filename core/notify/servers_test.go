package notify

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/core/notify/mail"
	"github.com/moonkeep/moonkeep/core/program"
)

// ofServer is what a node tells of a real server, or of its virtual server.
func ofServer(o node.Occasion, server string) node.Change {
	c := node.Change{Occasion: o, Name: "TCP 192.0.2.1:80", Service: "[192.0.2.1]:tcp:80", Why: "because", Seq: 7}
	if server != "" {
		c.ServerName, c.Server, c.Weight = server+":80", "["+server+"]:tcp:80", 3
	}
	return c
}

func keyServer(server string) Key {
	k := Key{Service: true, Name: "TCP 192.0.2.1:80"}
	if server != "" {
		k.Server = server + ":80"
	}
	return k
}

// TestServers holds the programs of virtual and real servers, what they find in
// their environment, the lines of FIFOs and the subjects of mails.
func TestServers(t *testing.T) {
	dir := t.TempDir()
	vrrpOnly, all, servers := filepath.Join(dir, "v"), filepath.Join(dir, "a"), filepath.Join(dir, "s")
	r, b := new(recorder), newMailbox(t)
	n, _ := newNotifier(t, Options{Run: r.run, Plan: Plan{
		Targets: map[Key]*Target{
			keyServer("192.0.2.11"): {Up: prog("up", "x"), Down: prog("down"), Mail: true},
			keyServer(""):           {Up: prog("won"), Mail: true},
			// An instance of the same name is another one.
			instance("TCP 192.0.2.1:80"): {Any: prog("any")},
		},
		FIFOs: []FIFO{{Path: vrrpOnly, Routers: true}, {Path: all, Routers: true, Servers: true}, {Path: servers, Servers: true}},
		Mail:  &mail.Config{Host: "127.0.0.1", Port: b.l.Addr().(*net.TCPAddr).Port, To: []string{"a@example.net"}, Timeout: 5 * time.Second},
		Node:  "lb",
	}})
	for _, c := range []node.Change{
		ofServer(node.ServerDown, "192.0.2.11"), ofServer(node.QuorumLost, ""), ofServer(node.ServerWeighed, "192.0.2.11"),
		ofServer(node.CheckTurned, "192.0.2.11"), ofServer(node.CheckTurned, "192.0.2.12"), // the second mails nothing
		ofServer(node.ServerUp, "192.0.2.11"), ofServer(node.QuorumWon, ""), ofServer(node.ServerDown, "192.0.2.12"),
	} {
		n.Notify(c)
		idle(t, n)
	}
	if got, want := r.await(t, 3), []string{"down", "up x", "won"}; !slices.Equal(got, want) {
		t.Errorf("run %q, want %q", got, want)
	}
	env := strings.Join(r.envs[1], " ")
	want := "MOONKEEP_KIND=RS MOONKEEP_NAME=192.0.2.11:80 MOONKEEP_SERVICE=TCP 192.0.2.1:80 MOONKEEP_STATE=UP MOONKEEP_FROM=DOWN MOONKEEP_TO=UP MOONKEEP_WHY=because MOONKEEP_SEQ=7 MOONKEEP_DROPPED=0 MOONKEEP_WEIGHT=3"
	if env != want {
		t.Errorf("environment %s, want %s", env, want)
	}
	if got := strings.Join(r.envs[2], " "); !strings.HasPrefix(got, "MOONKEEP_KIND=VS MOONKEEP_NAME=TCP 192.0.2.1:80 ") || strings.Contains(got, "WEIGHT") {
		t.Errorf("environment of the virtual server: %s", got)
	}
	lines := []string{
		"RS [192.0.2.11]:tcp:80 [192.0.2.1]:tcp:80 DOWN\n", "VS [192.0.2.1]:tcp:80 DOWN\n",
		"RS [192.0.2.11]:tcp:80 [192.0.2.1]:tcp:80 UP\n", "VS [192.0.2.1]:tcp:80 UP\n", "RS [192.0.2.12]:tcp:80 [192.0.2.1]:tcp:80 DOWN\n",
	}
	written(t, n, 2*uint64(len(lines)))
	for path, want := range map[string][]string{vrrpOnly: nil, all: lines, servers: lines} {
		if got := readLines(t, path); !slices.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", filepath.Base(path), got, want)
		}
	}
	want = "[lb] Realserver [192.0.2.11]:tcp:80 of virtual server [192.0.2.1]:tcp:80 - DOWN\n[lb] Virtualserver [192.0.2.1]:tcp:80 - DOWN\n" +
		"[lb] Realserver [192.0.2.11]:tcp:80 of virtual server [192.0.2.1]:tcp:80 - DOWN\n" +
		"[lb] Realserver [192.0.2.11]:tcp:80 of virtual server [192.0.2.1]:tcp:80 - UP\n[lb] Virtualserver [192.0.2.1]:tcp:80 - UP"
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := n.Drain(ctx); err != nil {
		t.Fatal(err)
	}
	var subjects []string
	for _, text := range b.in {
		_, after, _ := strings.Cut(text, "Subject: ")
		subject, _, _ := strings.Cut(strings.ReplaceAll(after, "\n ", " "), "\n") // unfolded
		subjects = append(subjects, subject)
	}
	if got := strings.Join(subjects, "\n"); got != want {
		t.Errorf("mails\n%s\nwant\n%s", got, want)
	}
	if len(b.in) > 0 && !strings.Contains(b.in[0], "\nReal server:     192.0.2.11:80\nWeight:          3\nState:           DOWN\nWhy:             because\n") {
		t.Errorf("mail\n%s", b.in[0])
	}
}

// TestManyServers: thousands that go down together do not start as many
// programs at once, and each is told in the end.
func TestManyServers(t *testing.T) {
	const servers = 500
	var now, most, all atomic.Int32
	run := func(*program.Spec) {
		for n, m := now.Add(1), most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		time.Sleep(time.Millisecond)
		now.Add(-1)
		all.Add(1)
	}
	r := &recorder{outcome: func(s program.Spec) program.Outcome { run(&s); return program.Outcome{Kind: program.Exited} }}
	targets := map[Key]*Target{}
	for i := range servers {
		targets[keyServer(fmt.Sprint("s", i))] = &Target{Down: prog("down")}
	}
	n, _ := newNotifier(t, Options{Run: r.run, Plan: Plan{Targets: targets}})
	for i := range servers {
		n.Notify(ofServer(node.ServerDown, fmt.Sprint("s", i)))
	}
	idle(t, n)
	if most.Load() > atOnce || all.Load() != servers {
		t.Errorf("%d at once and %d in all, want %d and %d", most.Load(), all.Load(), atOnce, servers)
	}
}

// TestARefusedReloadForgetsNoMail: what a reload that was refused would have taken away
// is not mailed a second time.
func TestARefusedReloadForgetsNoMail(t *testing.T) {
	b := newMailbox(t)
	with := func(servers ...string) Plan {
		p := Plan{Targets: map[Key]*Target{}, Node: "lb", Mail: &mail.Config{Host: "127.0.0.1", Port: b.l.Addr().(*net.TCPAddr).Port, To: []string{"a@example.net"}, Timeout: 5 * time.Second}}
		for _, s := range servers {
			p.Targets[keyServer(s)] = &Target{Mail: true}
		}
		return p
	}
	n, _ := newNotifier(t, Options{Run: new(recorder).run, Plan: with("192.0.2.11")})
	down := func() {
		t.Helper()
		n.Notify(ofServer(node.ServerDown, "192.0.2.11"))
		idle(t, n)
	}
	down()
	if err := n.Adopt(with("192.0.2.12")); err != nil {
		t.Fatal(err)
	}
	if err := n.Restore(with("192.0.2.11")); err != nil {
		t.Fatal(err)
	}
	down()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := n.Drain(ctx); err != nil {
		t.Fatal(err)
	}
	if len(b.in) != 1 {
		t.Errorf("%d mails, want 1: %q", len(b.in), b.in)
	}
}

// TestServersComeAndGo: how a server begins is mailed to nobody, as with keepalived;
// what a reload took away is told to those who were told of it, and mailed; and
// what is there again under the same name is mailed anew.
func TestServersComeAndGo(t *testing.T) {
	r, b := new(recorder), newMailbox(t)
	with := func(servers ...string) Plan {
		p := Plan{Targets: map[Key]*Target{}, Node: "lb", Mail: &mail.Config{Host: "127.0.0.1", Port: b.l.Addr().(*net.TCPAddr).Port, To: []string{"a@example.net"}, Timeout: 5 * time.Second}}
		for _, s := range servers {
			p.Targets[keyServer(s)] = &Target{Up: prog("up", s), Down: prog("down", s), Mail: true}
		}
		return p
	}
	marked := func(o node.Occasion, server string, mark func(*node.Change)) node.Change {
		c := ofServer(o, server)
		mark(&c)
		return c
	}
	start, deleted := func(c *node.Change) { c.Start = true }, func(c *node.Change) { c.Deleted = true }
	n, _ := newNotifier(t, Options{Run: r.run, Plan: with("", "192.0.2.11", "192.0.2.12")})
	told := 0
	tell := func(all ...node.Change) {
		t.Helper()
		for _, c := range all {
			n.Notify(c)
			idle(t, n)
		}
		told += len(all)
	}
	tell(marked(node.ServerUp, "192.0.2.11", start), marked(node.QuorumWon, "", start), marked(node.ServerDown, "192.0.2.12", start))
	if err := n.Adopt(with()); err != nil {
		t.Fatal(err)
	}
	tell(marked(node.ServerDown, "192.0.2.11", deleted), marked(node.QuorumLost, "", deleted))
	for _, servers := range [][]string{{"", "192.0.2.11"}, {""}} {
		if err := n.Adopt(with(servers...)); err != nil {
			t.Fatal(err)
		}
	}
	if err := n.Adopt(with("", "192.0.2.11")); err != nil {
		t.Fatal(err)
	}
	tell(ofServer(node.ServerDown, "192.0.2.11"))
	want := []string{"up 192.0.2.11", "up ", "down 192.0.2.12", "down 192.0.2.11", "down ", "down 192.0.2.11"}
	if got := r.await(t, told); !slices.Equal(got, want) {
		t.Errorf("run %q, want %q", got, want)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := n.Drain(ctx); err != nil {
		t.Fatal(err)
	}
	var mails []string
	for _, text := range b.in {
		_, after, _ := strings.Cut(text, "Subject: [lb] ")
		subject, _, _ := strings.Cut(strings.ReplaceAll(after, "\n ", " "), "\n")
		mails = append(mails, subject)
	}
	want = []string{
		"Virtualserver [192.0.2.1]:tcp:80 - UP", "Realserver [192.0.2.11]:tcp:80 of virtual server [192.0.2.1]:tcp:80 - DOWN",
		"Virtualserver [192.0.2.1]:tcp:80 - DOWN", "Realserver [192.0.2.11]:tcp:80 of virtual server [192.0.2.1]:tcp:80 - DOWN",
	}
	if !slices.Equal(mails, want) {
		t.Errorf("mails %q, want %q", mails, want)
	}
}
