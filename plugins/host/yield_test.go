//go:build linux

package host

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/plugins/checker"
)

func init() {
	actions["place"] = func(context.Context, checker.Target) checker.Result {
		return checker.Result{Verdict: checker.OK, Message: placeOf("self")}
	}
}

// placeOf is how the kernel puts a process among others: its nice value, and that of its
// session.
func placeOf(pid string) string {
	stat, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return err.Error()
	}
	_, after, _ := strings.Cut(string(stat), ") ")
	nice := "?"
	if f := strings.Fields(after); len(f) > 16 {
		nice = f[16] // the 19th of proc_pid_stat(5)
	}
	session := "none"
	if b, err := os.ReadFile("/proc/" + pid + "/autogroup"); err == nil {
		if f := strings.Fields(string(b)); len(f) == 3 { // /autogroup-7 nice 0
			session = f[2]
		}
	}
	return fmt.Sprintf("nice %s, session %s", nice, session)
}

// TestGivesWay: a checker gives way to the daemon as far as it is told, from its start.
// Another nice value takes a new process.
func TestGivesWay(t *testing.T) {
	raw, err := unix.Getpriority(unix.PRIO_PROCESS, 0)
	if err != nil {
		t.Fatal(err)
	}
	own := 20 - raw
	s := newSite(t, quick(t))
	plan := Plan{Checks: []Check{check(0, "GOOD", "place")}, Plugins: []Plugin{{Name: "GOOD"}}}
	for i, nice := range []int{0, 7, 7, -3} {
		plan.Plugins[0].Nice = nice
		s.open(plan)
		value, session := nice, nice
		if nice == 0 || nice > 0 && own >= nice { // it gives way as far already
			value, session = own, 0
		}
		want := fmt.Sprintf("nice %d, session %d", value, session)
		if _, err := os.Stat("/proc/self/autogroup"); err != nil {
			want = fmt.Sprintf("nice %d, session none", value)
		}
		s.eventually(want, func() bool { return s.probe(0).Message == want })
		if starts := []int{1, 2, 2, 3}[i]; s.status().Starts != starts {
			t.Errorf("%d processes were started, want %d", s.status().Starts, starts)
		}
	}
}

// TestLimitInContainer: where the kernel counts processes that the daemon does not see, a
// plugin has no limit of them.
func TestLimitInContainer(t *testing.T) {
	for name, want := range map[string]bool{"pid:[4026531836]": true, "pid:[4026532201]": false} {
		link := filepath.Join(t.TempDir(), "pid")
		if err := os.Symlink(name, link); err != nil {
			t.Fatal(err)
		}
		if got := seesAll(link); got != want {
			t.Errorf("%s: %t", name, got)
		}
	}
	for _, processes := range []int{0, 8} {
		l, _, err := (&spec{plugin: Plugin{User: "nobody", Processes: processes}}).launch(os.Stdin)
		if err != nil {
			t.Fatal(err)
		}
		if limited := l.Processes > 0; limited != seesAll("/proc/self/ns/pid") {
			t.Errorf("a limit of %d", l.Processes)
		}
		if spare := int(l.Processes) - tasksOf(65534); l.Processes > 0 && spare < mostTasks/2 {
			t.Errorf("with %d processes a limit of %d, %d more than the user has", processes, l.Processes, spare)
		}
	}
}

// TestThreadsWithoutEnd: a plugin that may start no process cannot have threads without
// an end either, which are as good for taking all that the kernel has room for.
func TestThreadsWithoutEnd(t *testing.T) {
	if _, err := os.Stat("/usr/bin/python3"); err != nil {
		t.Skip("needs /usr/bin/python3: something that makes threads until it gets none")
	}
	most := mostTasks + 200
	if !seesAll("/proc/self/ns/pid") {
		most = 4000 // all that it tries: in a container there is no limit
	}
	path := filepath.Join(openDir(t), "THREADS")
	if err := os.WriteFile(path, []byte(threading), 0o755); err != nil {
		t.Fatal(err)
	}
	o := quick(t)
	o.Silence = time.Minute
	s := newSite(t, o)
	s.open(Plan{Checks: []Check{check(0, "THREADS", "")}, Plugins: []Plugin{{Name: "THREADS", Path: path}}})
	a := s.probe(0)
	if n, err := strconv.Atoi(a.Message); err != nil || n < mostTasks/2 || n > most {
		t.Errorf("it made %q threads, want %d to %d", a.Message, mostTasks/2, most)
	}
}

// threading is a plugin that makes threads until it gets none.
const threading = `#!/usr/bin/python3
import json, sys, threading
def send(m): print(json.dumps(m), flush=True)
send({"hello": {"protocol": 1, "name": "THREADS"}})
threading.stack_size(1 << 16)
end = threading.Event()
for line in sys.stdin:
    m = json.loads(line)
    if "ping" in m: send({"pong": m["ping"]})
    for s in m.get("start", []):
        n = 0
        try:
            while n < 4000:
                threading.Thread(target=end.wait, daemon=True).start()
                n += 1
        except RuntimeError:
            pass
        end.set()
        send({"results": [{"check": s["check"], "probe": s["probe"], "verdict": "ok", "message": str(n)}]})
`
