package lua

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A thousand questions in a second cost a few looks at /proc, and none while
// what is asked for is known to run.
func TestProcessesAreLookedAtOnce(t *testing.T) {
	sleeper := exec.Command("sleep", "61")
	if err := sleeper.Start(); err != nil {
		t.Fatal(err)
	}
	ended := false
	end := func() {
		if !ended {
			ended = true
			_ = sleeper.Process.Kill() // it may have ended
			_ = sleeper.Wait()         // it says that it was killed
		}
	}
	defer end()
	var p Processes
	ask := func(w wantedProcess) int {
		t.Helper()
		n, err := p.search(context.Background(), &w, 1, nil)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	begin := time.Now()
	for range 1000 {
		if ask(wantedProcess{name: "no-such-name"}) != 0 {
			t.Fatal("found what is not there")
		}
	}
	if most := int(time.Since(begin)/fresh) + 1; p.looks > most {
		t.Errorf("%d looks, want %d at most", p.looks, most)
	}
	wanted := wantedProcess{name: "sleep", exact: "sleep 61"}
	if ask(wanted) != 1 {
		t.Fatal("the sleeper is not found")
	}
	looks := p.looks
	for range 1000 {
		if ask(wanted) != 1 {
			t.Fatal("the sleeper is not found")
		}
	}
	if p.looks != looks {
		t.Errorf("%d looks for what is known to run", p.looks-looks)
	}
	end()
	time.Sleep(fresh)
	if ask(wanted) != 0 {
		t.Error("what ended is found")
	}
}

// Where the kernel tells of changes they are believed, and lost ones are made
// up for.
func TestProcessesByEvents(t *testing.T) {
	var tell func(map[int]bool, bool, bool) bool
	p := Processes{Follow: func(f func(map[int]bool, bool, bool) bool) { tell = f }}
	ask := func(name string) bool {
		n, err := p.search(context.Background(), &wantedProcess{name: "sleep", exact: name}, 1, nil)
		if err != nil {
			t.Fatal(err)
		}
		return n == 1
	}
	if ask("sleep 62") || tell == nil {
		t.Fatal("found what is not there, or did not ask to be told")
	}
	if !tell(nil, true, false) { // from now on
		t.Fatal("it wants nothing to be told")
	}
	if ask("sleep 62") {
		t.Fatal("found what is not there")
	}
	looks := p.looks
	sleeper := exec.Command("sleep", "62")
	if err := sleeper.Start(); err != nil {
		t.Fatal(err)
	}
	// The kernel shows its command line a moment after it runs.
	found := false
	for began := time.Now(); !found && time.Since(began) < 5*time.Second; {
		tell(map[int]bool{sleeper.Process.Pid: true}, false, false)
		found = ask("sleep 62")
	}
	if !found {
		t.Error("what began, as was told, is not found")
	}
	_ = sleeper.Process.Kill() // it runs
	_ = sleeper.Wait()         // it says that it was killed
	tell(map[int]bool{sleeper.Process.Pid: false}, false, false)
	if ask("sleep 62") {
		t.Error("what ended, as was told, is found")
	}
	if p.looks != looks {
		t.Errorf("%d looks beside what was told", p.looks-looks)
	}
	tell(nil, true, false)
	if ask("sleep 63"); p.looks != looks+1 {
		t.Errorf("%d looks after events were lost, want 1", p.looks-looks)
	}
	many := map[int]bool{}
	for pid := range maxTold + 1 {
		many[1<<22+pid] = true
	}
	tell(many, false, false)
	if n := len(p.told.changed); n != 0 {
		t.Errorf("%d processes wait to be looked at, of too many", n)
	}
	if ask("sleep 63"); p.looks != looks+2 {
		t.Errorf("%d looks after too many events, want 2", p.looks-looks)
	}
	tell(nil, false, true)
	time.Sleep(fresh)
	if ask("sleep 63"); p.looks != looks+3 {
		t.Errorf("%d looks after nothing was told any more, want 3", p.looks-looks)
	}
	// Nobody asks any more.
	p.told.asked = time.Now().Add(-idle)
	if tell(nil, false, false) {
		t.Error("it wants to be told although nobody asks")
	}
}

// fakeProc makes a table of processes in a folder: those with these numbers run the
// program x, and their command lines are pipes, which nobody can read before somebody
// writes.
func fakeProc(t *testing.T, hang, well int) *Processes {
	t.Helper()
	root := t.TempDir()
	for pid := 100; pid < 100+hang+well; pid++ {
		dir := filepath.Join(root, strconv.Itoa(pid))
		stat := fmt.Sprintf("%d (x) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 7 0 0\n", pid)
		if err := errors.Join(os.Mkdir(dir, 0o755), os.WriteFile(dir+"/stat", []byte(stat), 0o644)); err != nil {
			t.Fatal(err)
		}
		err := os.WriteFile(dir+"/cmdline", fmt.Appendf(nil, "x\x00%d\x00", pid), 0o644)
		if pid < 100+hang {
			err = errors.Join(os.Remove(dir+"/cmdline"), syscall.Mkfifo(dir+"/cmdline", 0o600))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return &Processes{root: root}
}

// answers has a process of fakeProc's answer who asks; false when nobody does.
func answers(p *Processes, pid int) bool {
	file, err := os.OpenFile(filepath.Join(p.root, strconv.Itoa(pid), "cmdline"), os.O_WRONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return false
	}
	fmt.Fprintf(file, "x\x00%d\x00", pid)
	file.Close()
	return true
}

// goOn is answers, with patience.
func goOn(t *testing.T, p *Processes, pid int) {
	t.Helper()
	for until := time.Now().Add(5 * time.Second); !answers(p, pid); time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("nobody asks process %d", pid)
		}
	}
}

// A process that hangs so that its command line cannot be read keeps nobody from
// finding others, and is found when it goes on.
func TestHungProcesses(t *testing.T) {
	p := fakeProc(t, 3, 2)
	r := runner(t, `local process = require "process" return function(ctx)
  return process.running{cmdline = ctx.args.want}, process.count{name = "x"} .. " " .. #process.list{name = "x"} end`,
		Options{Host: &Host{Processes: p}, Args: map[string]any{"want": "x 104"}})
	for i := range 3 {
		begin := time.Now()
		ok, message, err := r.Check(within(t, 20*time.Second))
		if !ok || message != "5 5" || err != nil {
			t.Fatalf("call %d: %v %q, %v", i, ok, message, err)
		}
		if took := time.Since(begin); i > 0 && took > linePatience {
			t.Errorf("call %d waited for %v again", i, took)
		}
	}
	// Who asks beside one that waits does not wait, and ends with its deadline.
	p2 := fakeProc(t, 1, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = p2.search(context.Background(), &wantedProcess{cmdline: "x 9"}, 1, nil) // what it finds is of no interest
	}()
	for began := time.Now(); time.Since(began) < 100*time.Millisecond; time.Sleep(time.Millisecond) {
		if n, err := p2.search(within(t, 5*time.Second), &wantedProcess{name: "x"}, 2, nil); n != 2 || err != nil {
			t.Fatal(n, err)
		}
	}
	<-done
	goOn(t, p2, 100)
	for pid := 100; pid < 103; pid++ {
		goOn(t, p, pid)
	}
	for until := time.Now().Add(5 * time.Second); p.hung.has(100) || p.hung.has(101) || p.hung.has(102) || p2.hung.has(100); time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			t.Fatal("those that went on are taken to hang")
		}
	}
	// Now they answer whoever asks.
	stop := make(chan struct{})
	var writers sync.WaitGroup
	for pid := 100; pid < 103; pid++ {
		writers.Go(func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(time.Millisecond):
				}
				answers(p, pid)
			}
		})
	}
	for until := time.Now().Add(5 * time.Second); ; {
		n, err := p.search(context.Background(), &wantedProcess{exact: "x 101"}, 1, nil)
		if n == 1 {
			break
		}
		if err != nil || time.Now().After(until) {
			t.Errorf("a process that went on is not found: %v", err)
			break
		}
	}
	for until := time.Now().Add(5 * time.Second); p.hung.has(100) || p.hung.has(101) || p.hung.has(102); time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			t.Error("those that answer are taken to hang")
			break
		}
	}
	close(stop)
	writers.Wait()
}

// When as many processes hang as may, no more lines are read, and others are found
// by what was known.
func TestTooManyHungProcesses(t *testing.T) {
	p := fakeProc(t, 1, 1)
	for pid := range maxHung {
		p.hung.set(-pid-1, true)
	}
	if n, err := p.search(context.Background(), &wantedProcess{exact: "x 101"}, 1, nil); n != 0 || !errors.Is(err, errHung) {
		t.Errorf("%d, %v", n, err)
	}
	p.hung.set(-1, false)
	p.hung.set(-2, true) // a second goroutine of one process
	if p.hung.room() {
		t.Error("a goroutine does not count")
	}
	p.hung.set(-2, false)
	until := time.Now().Add(10 * time.Second)
	for n := 0; n == 0; {
		if time.Now().After(until) {
			t.Fatal("the one that answers is not found")
		}
		var err error
		if n, err = p.search(context.Background(), &wantedProcess{exact: "x 101"}, 1, nil); err != nil && !errors.Is(err, errHung) {
			t.Fatal(err)
		}
		if p.hung.has(100) {
			answers(p, 100)
		}
	}
	for ; p.hung.has(100); time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			t.Fatal("the one that hung is not noticed to go on")
		}
		answers(p, 100)
	}
	// What is known is found though there is no room.
	p.hung.set(-1, true)
	p.known[101].commandAt = time.Time{}
	if n, err := p.search(context.Background(), &wantedProcess{exact: "x 101"}, 1, nil); n != 1 || err != nil {
		t.Errorf("one that is known: %d, %v", n, err)
	}
}

// Nobody waits for processes that hang whose user or age is another one, nor when the
// one that is wanted is known; and who must does so for little longer when many hang.
func TestWhoWaitsForHungProcesses(t *testing.T) {
	const many = 12
	p := fakeProc(t, many, 1)
	well := wantedProcess{exact: fmt.Sprint("x ", 100+many)}
	one := well
	one.pid = 100 + many
	other, young := well, well
	other.user, young.younger = "4294967294", time.Nanosecond
	for i, w := range []wantedProcess{one, well, other, young} {
		n, err := p.search(within(t, 10*time.Second), &w, 1, nil)
		if want := max(0, 1-i/2); n != want || err != nil || p.hung.n > 0 {
			t.Errorf("search %d: %d, %v; %d hang", i, n, err, p.hung.n)
		}
		p.known[100+many].seen = time.Now().Add(-settle) // it is no news
	}
	p.known[100+many].commandAt = time.Time{}
	if n, err := p.search(within(t, 8*linePatience), &well, 1, nil); n != 1 || err != nil || p.hung.n != many {
		t.Errorf("where %d hang: %d, %v", p.hung.n, n, err)
	}
	for pid := 100; pid < 100+many; pid++ {
		goOn(t, p, pid)
	}
	for until := time.Now().Add(5 * time.Second); !p.hung.room() || p.hung.has(100); time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			t.Fatal("those that went on are taken to hang")
		}
	}
}

// Another program in the place of one does not have its command line.
func TestCommandLineOfAnother(t *testing.T) {
	p := fakeProc(t, 0, 1)
	p.hung.set(100, true)
	if !p.readStat(&process{pid: 100, comm: "y", start: 7, command: "y 1"}, time.Now()) || p.known[100].command != "" {
		t.Errorf("%+v", p.known[100])
	}
}

// What an account is called is looked up again with everything else.
func TestNamesOfUsersAreLookedUpAgain(t *testing.T) {
	p, now := fakeProc(t, 0, 1), time.Now()
	name := func(at time.Time) string {
		t.Helper()
		if err := p.look(context.Background(), at); err != nil {
			t.Fatal(err)
		}
		name, _, err := p.details(context.Background(), &process{pid: 100})
		if err != nil {
			t.Fatal(err)
		}
		return name
	}
	first := name(now)
	p.uids[0] = "earlier"
	if got := name(now.Add(2 * fresh)); got != "earlier" {
		t.Errorf("%q is looked up at each look", got)
	}
	if got := name(now.Add(2 * resync)); got != first {
		t.Errorf("%q, want %q", got, first)
	}
}
