package notify

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/core/notify/mail"
	"github.com/moonkeep/moonkeep/core/program"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

// pairOf are two instances and their group, each with a program of its name.
func pairOf() map[Key]*Target {
	return map[Key]*Target{
		instance("A"): {Any: prog("a")}, instance("B"): {Any: prog("b")},
		{Group: true, Name: "G"}: {Any: prog("g"), Members: []string{"A", "B", "gone"}},
	}
}

// TestAGroupComesAfterItsMembers holds that a group's program starts when those
// of its members' changes before have ended.
func TestAGroupComesAfterItsMembers(t *testing.T) {
	r := &recorder{hold: make(chan struct{})}
	n, _ := newNotifier(t, Options{Run: r.run, Plan: Plan{Targets: pairOf()}})
	for _, name := range []string{"A", "B"} {
		n.Notify(node.Change{Name: name, To: vrrp.Master, Seq: 1})
	}
	n.Notify(node.Change{Group: true, Name: "G", To: vrrp.Master, Seq: 3})
	r.await(t, 2)
	r.hold <- struct{}{}
	time.Sleep(50 * time.Millisecond)
	if got := r.all(); len(got) != 2 {
		t.Errorf("told %q although a member's program runs", got)
	}
	close(r.hold)
	idle(t, n)
	if got := r.all(); len(got) != 3 || got[2] != "g GROUP G MASTER 0" {
		t.Errorf("told %q, want the group last", got)
	}
}

// TestAGroupWaitsForWhatReplaces holds that a group waits also for the change that
// takes the place of the one of its member that it waits for.
func TestAGroupWaitsForWhatReplaces(t *testing.T) {
	begun, hold := make(chan string, 8), make(chan struct{})
	targets := pairOf()
	targets[instance("A")] = &Target{Lua: &Lua{Path: "x.lua", OnPriority: true}}
	n, _ := newNotifier(t, Options{
		Run: func(_ context.Context, spec program.Spec) program.Outcome {
			begun <- spec.Argv[0]
			return program.Outcome{}
		},
		Lua: func(_ context.Context, _ Lua, c node.Change, _ string, _ []netspec.Address) error {
			begun <- fmt.Sprint("a ", c.Priority)
			<-hold
			return nil
		},
		Plan: Plan{Targets: targets},
	})
	lower := func(priority uint8) {
		n.Notify(node.Change{Name: "A", Occasion: node.PriorityChanged, From: vrrp.Master, To: vrrp.Master, Priority: priority})
	}
	n.Notify(node.Change{Name: "A", To: vrrp.Master, Priority: 100})
	if got := <-begun; got != "a 100" {
		t.Fatalf("told %s first", got)
	}
	lower(90)
	n.Notify(node.Change{Group: true, Name: "G", To: vrrp.Master})
	lower(80)
	time.Sleep(50 * time.Millisecond)
	close(hold)
	idle(t, n)
	close(begun)
	var got []string
	for what := range begun {
		got = append(got, what)
	}
	if want := []string{"a 80", "g"}; !slices.Equal(got, want) {
		t.Errorf("told %q then, want %q", got, want)
	}
}

// TestAGroupIsToldAtTheStop holds that a member's program which does not end
// does not keep the group's from being run in the time of a stop.
func TestAGroupIsToldAtTheStop(t *testing.T) {
	r := new(recorder)
	n, _ := newNotifier(t, Options{Plan: Plan{Targets: pairOf()}, Run: func(ctx context.Context, spec program.Spec) program.Outcome {
		o := r.run(ctx, spec)
		if spec.Argv[0] == "a" {
			<-ctx.Done()
			o.Kind = program.Canceled
		}
		return o
	}})
	for _, c := range []node.Change{{Name: "A"}, {Name: "B"}, {Group: true, Name: "G"}} {
		c.From, c.To, c.Stop = vrrp.Master, vrrp.Init, true
		n.Notify(c)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := n.Drain(ctx); err == nil || !strings.Contains(err.Error(), "INSTANCE A (0 waiting)") || strings.Contains(err.Error(), "GROUP") {
		t.Errorf("got %v, want A to be left", err)
	}
	if got := r.all(); !slices.Contains(got, "g GROUP G STOP 0") {
		t.Errorf("told %q, want the group's STOP", got)
	}
}

// TestLowerMasters holds that these run their own program only, one behind the
// one that runs, and never in place of a change of role.
func TestLowerMasters(t *testing.T) {
	r := &recorder{hold: make(chan struct{})}
	n, _ := newNotifier(t, Options{Run: r.run,
		Lua: func(_ context.Context, _ Lua, c node.Change, state string, _ []netspec.Address) error {
			r.record("lua "+state, nil)
			return nil
		},
		Plan: Plan{Targets: map[Key]*Target{instance("A"): {Any: prog("any"), Lower: prog("lower", "x"), Lua: &Lua{}}, instance("B"): {Any: prog("any")}}}})
	lower := node.Change{Occasion: node.LowerHeard, Name: "A", From: vrrp.Master, To: vrrp.Master, Priority: 97}
	n.Notify(lower)
	r.await(t, 1)
	for range 5 {
		n.Notify(lower)
	}
	for seq := range uint64(QueueBound) {
		n.Notify(change(vrrp.Master, seq))
		n.Notify(lower)
	}
	n.Notify(node.Change{Occasion: node.LowerHeard, Name: "B", From: vrrp.Master, To: vrrp.Master}) // has no program for it
	close(r.hold)
	idle(t, n)
	want := []string{"lower x"}
	for range QueueBound {
		want = append(want, "any INSTANCE A MASTER 97", "lua MASTER")
	}
	if got := r.all(); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	if c := n.Counts(); c.Told != 1+2*QueueBound || c.Waiting != 0 || c.Dropped != 5+QueueBound {
		t.Errorf("got %+v", c)
	}
}

// TestDeletedHasAProgram holds keepalived's notify_deleted with a program.
func TestDeletedHasAProgram(t *testing.T) {
	target := Target{Fault: prog("f"), Any: prog("any"), Deleted: prog("d", "1"), TellDeleted: true}
	c := node.Change{Name: "A", From: vrrp.Master, To: vrrp.Init, Deleted: true, Priority: 5}
	var got []string
	for _, t := range target.programs(c, target.State(c), 0) {
		got = append(got, strings.Join(t.spec.Argv, " "))
	}
	if want := []string{"d 1", "any INSTANCE A DELETED 5"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// mailbox is a relay that takes everything and keeps it.
type mailbox struct {
	l  net.Listener
	mu sync.Mutex
	in []string
}

func newMailbox(t *testing.T) *mailbox {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &mailbox{l: l}
	var serving sync.WaitGroup
	t.Cleanup(func() { l.Close(); serving.Wait() })
	serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			b.serve(c)
			c.Close()
		}
	})
	return b
}

func (b *mailbox) serve(c net.Conn) {
	in := bufio.NewScanner(c)
	reply := "220 ready"
	var text []string
	data := false
	for {
		if reply != "" {
			if _, err := c.Write([]byte(reply + "\r\n")); err != nil {
				return
			}
		}
		if !in.Scan() {
			return
		}
		line := in.Text()
		switch {
		case data && line == ".":
			b.mu.Lock()
			b.in = append(b.in, strings.Join(text, "\n"))
			b.mu.Unlock()
			data, reply, text = false, "250 taken", nil
		case data:
			text, reply = append(text, line), ""
		case strings.HasPrefix(line, "DATA"):
			data, reply = true, "354 go on"
		case strings.HasPrefix(line, "QUIT"):
			reply = "221 bye"
		default:
			reply = "250 ok"
		}
	}
}

// TestMails holds the subjects, the reason in the text, and what is not mailed.
func TestMails(t *testing.T) {
	b := newMailbox(t)
	n, _ := newNotifier(t, Options{Run: new(recorder).run, Plan: Plan{
		Node: "rt", NoFaultMails: true,
		Mail: &mail.Config{Host: "127.0.0.1", Port: b.l.Addr().(*net.TCPAddr).Port, To: []string{"a@example.net"}, Timeout: 5 * time.Second},
		Targets: map[Key]*Target{
			instance("A"): {Mail: true, Addresses: []netspec.Address{address("192.0.2.1/24")}}, instance("quiet"): {},
			{Group: true, Name: "G"}: {Mail: true, Members: []string{"A", "B"}},
		},
	}})
	for _, c := range []node.Change{
		change(vrrp.Backup, 1), change(vrrp.Master, 2), change(vrrp.Fault, 3),
		change(vrrp.Master, 4), // was mailed last
		{Occasion: node.PriorityChanged, Name: "A", From: vrrp.Backup, To: vrrp.Backup},
		{Occasion: node.Standing, Name: "A", From: vrrp.Backup, To: vrrp.Backup},
		{Name: "quiet", To: vrrp.Master},
		{Group: true, Name: "G", To: vrrp.Master, Why: "together\nnow"},
		{Name: "A", From: vrrp.Master, To: vrrp.Init, Stop: true},
	} {
		n.Notify(c)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := n.Drain(ctx); err != nil {
		t.Fatal(err)
	}
	var subjects []string
	for _, text := range b.in {
		_, after, _ := strings.Cut(text, "Subject: ")
		subject, _, _ := strings.Cut(after, "\n")
		subjects = append(subjects, subject)
	}
	want := []string{
		"[rt] VRRP Instance A - Entering BACKUP state", "[rt] VRRP Instance A - Entering MASTER state",
		"[rt] VRRP Group G - Entering MASTER state", "[rt] VRRP Instance A - Entering STOP state",
	}
	if !slices.Equal(subjects, want) {
		t.Fatalf("got %q, want %q", subjects, want)
	}
	for text, lines := range map[string][]string{
		b.in[1]: {"Node:      rt", "Instance:  A", "State:     MASTER", "Before:    INIT", "Why:       because", "Priority:  97", "Addresses: 192.0.2.1/24"},
		b.in[2]: {"Group:     G", "Why:       together now", "Members:   A, B"},
	} {
		for _, line := range lines {
			if !strings.Contains(text, "\n"+line+"\n") {
				t.Errorf("no line %q in\n%s", line, text)
			}
		}
	}
	if c := n.Counts(); !c.Mails || c.Mail.Sent != 4 {
		t.Errorf("got %+v, want 4 mails", c)
	}
}

func TestAPlanWithBadMailIsRefused(t *testing.T) {
	n, _ := newNotifier(t, Options{Run: new(recorder).run})
	err := n.Adopt(Plan{Mail: &mail.Config{Host: "relay", Port: 25, To: []string{"a b@c"}, Timeout: time.Second}})
	if err == nil || !strings.Contains(err.Error(), `"a b@c"`) {
		t.Errorf("got %v", err)
	}
}

// TestAPriorityOvertakesNoRole holds that a change of priority is told in its place:
// one that waits is given up for a newer one, which comes after the roles between.
func TestAPriorityOvertakesNoRole(t *testing.T) {
	hold := make(chan struct{})
	var mu sync.Mutex
	var told []string
	n, _ := newNotifier(t, Options{
		Run: new(recorder).run,
		Lua: func(_ context.Context, _ Lua, c node.Change, state string, _ []netspec.Address) error {
			mu.Lock()
			told = append(told, fmt.Sprint(state, " ", c.Priority))
			mu.Unlock()
			<-hold
			return nil
		},
		Plan: Plan{Targets: map[Key]*Target{instance("A"): {Lua: &Lua{Path: "x.lua", OnPriority: true}}}},
	})
	for _, c := range []node.Change{
		{From: vrrp.Backup, To: vrrp.Master, Priority: 100},
		{Occasion: node.PriorityChanged, From: vrrp.Master, To: vrrp.Master, Priority: 90},
		{From: vrrp.Master, To: vrrp.Backup, Priority: 90},
		{Occasion: node.PriorityChanged, From: vrrp.Backup, To: vrrp.Backup, Priority: 80},
	} {
		c.Name = "A"
		n.Notify(c)
	}
	close(hold)
	idle(t, n)
	mu.Lock()
	defer mu.Unlock()
	if want := []string{"MASTER 100", "BACKUP 90", "MASTER_PRIORITY 80"}; len(told) != 3 || told[0] != want[0] || told[1] != want[1] || !strings.HasSuffix(told[2], " 80") {
		t.Errorf("told %q, want %q", told, want)
	}
	if got := n.Counts(); got.Dropped != 1 {
		t.Errorf("%+v, want one dropped", got)
	}
}

// TestAHurryBeforeTheWorker holds that a stop may come before the first change is
// taken up.
func TestAHurryBeforeTheWorker(t *testing.T) {
	n, _ := newNotifier(t, Options{Run: new(recorder).run})
	q := &queue{done: make(chan struct{}), urged: make(chan struct{}), items: []item{{over: make(chan struct{})}}}
	busy := map[Key]*queue{{Name: "A"}: q}
	n.mu.Lock()
	n.busy[Key{Name: "A"}] = q
	n.mu.Unlock()
	n.hurry(busy, time.Second)
	n.mu.Lock()
	delete(n.busy, Key{Name: "A"})
	n.mu.Unlock()
}
