package daemon

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
	"github.com/moonkeep/moonkeep/core/kernel/processes"
	"github.com/moonkeep/moonkeep/lua"
)

// processScript begins a Lua script on a table of processes.
func processScript(t *testing.T, table *lua.Processes, source string) *lua.Runner {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s.lua")
	netnstest.Must(t, os.WriteFile(path, []byte(source), 0o600))
	script, err := lua.Compile(path)
	netnstest.Must(t, err)
	r, err := script.NewRunner(lua.Options{Host: &lua.Host{Processes: table}})
	netnstest.Must(t, err)
	return r
}

// TestScriptsHearOfProcesses: where the kernel tells of processes, scripts know
// at once what begins and what ends, also when they ask more often than /proc
// would be looked at.
func TestScriptsHearOfProcesses(t *testing.T) {
	var feed processes.Feed
	defer feed.Close()
	hears := make(chan error, 10)
	follow := followProcesses(&feed, slog.New(slog.DiscardHandler))
	table := &lua.Processes{Follow: func(tell func(map[int]bool, bool, bool) bool) {
		follow(func(changed map[int]bool, missed, ended bool) bool {
			if missed {
				if ended {
					hears <- errors.New("nothing is told")
				} else {
					hears <- nil
				}
			}
			return tell(changed, missed, ended)
		})
	}}
	r := processScript(t, table, `local process = require "process" return function() return process.running{name = "mk-heard"} end`)
	runs := func() bool {
		t.Helper()
		ok, _, err := r.Check(context.Background())
		netnstest.Must(t, err)
		return ok
	}
	if runs() {
		t.Fatal("found what is not there")
	}
	if err := <-hears; err != nil {
		t.Skip("needs root, in the first network namespace: the kernel tells of processes there only")
	}
	runs() // with a look at all
	path := filepath.Join(t.TempDir(), "mk-heard")
	b, err := os.ReadFile("/bin/sleep")
	netnstest.Must(t, err)
	netnstest.Must(t, os.WriteFile(path, b, 0o755))
	var late []time.Duration
	for range 5 {
		cmd := exec.Command(path, "60")
		netnstest.Must(t, cmd.Start())
		end := sync.OnceFunc(func() { _, _ = cmd.Process.Kill(), cmd.Wait() }) // it was killed
		t.Cleanup(end)
		for _, want := range []bool{true, false} {
			began := time.Now()
			for runs() != want {
				if time.Since(began) > 5*time.Second {
					t.Fatalf("running is %v after 5 s", !want)
				}
				time.Sleep(time.Millisecond)
			}
			late = append(late, time.Since(began))
			end()
		}
	}
	slices.Sort(late)
	t.Logf("noticed after %v", late)
	if median := late[len(late)/2]; median > 100*time.Millisecond {
		t.Errorf("what changes is noticed after %v, as late as by looks", median)
	}
}
