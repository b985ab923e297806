package lua

import (
	"context"
	"os/exec"
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
