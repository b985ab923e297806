package lua

import (
	"context"
	"os/exec"
	"strconv"
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
		found, err := p.find(context.Background(), &w, 1)
		if err != nil {
			t.Fatal(err)
		}
		return len(found)
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
	var p Processes
	ask := func(name string) bool {
		found, err := p.find(context.Background(), &wantedProcess{name: "sleep", exact: name}, 1)
		if err != nil {
			t.Fatal(err)
		}
		return len(found) == 1
	}
	p.Changed(nil) // from now on
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
		p.Changed([]int{sleeper.Process.Pid})
		found = ask("sleep 62")
	}
	if !found {
		t.Error("what began, as was told, is not found")
	}
	_ = sleeper.Process.Kill() // it runs
	_ = sleeper.Wait()         // it says that it was killed
	p.Changed([]int{sleeper.Process.Pid})
	if ask("sleep 62") {
		t.Error("what ended, as was told, is found")
	}
	if p.looks != looks {
		t.Errorf("%d looks beside what was told", p.looks-looks)
	}
	p.Missed(false)
	if ask("sleep " + strconv.Itoa(63)); p.looks != looks+1 {
		t.Errorf("%d looks after events were lost, want 1", p.looks-looks)
	}
}
