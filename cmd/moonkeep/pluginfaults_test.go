package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/control"
	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

// faulty is a plugin that serves well until its third probe, and until there is the file
// that it waits for, if it names one; then it says in the log that it begins to do what
// its mode is, and does. In the next process, which knows by the check's state that it is
// not the first, it serves well. Each says so with its first result.
const faulty = `#!/usr/bin/python3 -X%[2]s
MODE, WAIT = %[1]q, %[5]q
import json, os, signal, sys, threading, time
def send(m): print(json.dumps(m), flush=True)
send({"hello": {"protocol": %[3]d, "name": MODE, "version": %[4]q, "doc": "faulty"}})
first, probes, holds = True, 0, False
def say(what): send({"logs": [{"level": "warn", "message": what}]})
def fault(s):
    say("fault " + MODE + " begins")
    if MODE == "leak":
        kept = []
        while True: kept.append(bytearray(1 << 20))
    elif MODE == "print":
        sys.stdout.write("x" * (1 << 20) + "\n"); sys.stdout.flush()
    elif MODE == "garbage":
        print("%%$#!", flush=True)
    elif MODE == "wrong":
        send({"results": [{"check": s["check"], "probe": s["probe"] + 7, "verdict": "failed"}]})
    elif MODE == "verdict":
        send({"results": [{"check": s["check"], "probe": s["probe"], "verdict": "dead"}]})
    elif MODE == "forks":
        for _ in range(3):
            if os.fork() == 0:
                os.setsid()
                while True: time.sleep(60)
        os._exit(3)
    elif MODE == "stubborn":
        for n in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP): signal.signal(n, signal.SIG_IGN)
        while True: time.sleep(60)
    elif MODE == "stops":
        os.kill(os.getpid(), signal.SIGSTOP)
    elif MODE == "late":
        def answer():
            time.sleep(2.4)
            send({"results": [{"check": s["check"], "probe": s["probe"], "verdict": "failed"}]})
        threading.Thread(target=answer, daemon=True).start()
        return
    elif MODE in ("pending", "killed"):
        return
    time.sleep(60)
for line in sys.stdin:
    m = json.loads(line)
    for p in m.get("prepare", []):
        if p.get("state"): first = False
        send({"prepared": [{"check": p["check"]}]})
    if "ping" in m: send({"pong": m["ping"]})
    results = []
    for s in m.get("start", []):
        probes += 1
        if holds: continue
        if first and probes >= 3 and (not WAIT or os.path.exists(WAIT)):
            first = False
            fault(s)
            holds = MODE == "pending"
            continue
        results.append({"check": s["check"], "probe": s["probe"], "verdict": "ok", "state": "1" if probes > 1 else ""})
        if probes == 1: say("serves " + MODE)
    if results: send({"results": results})
`

// mark is a word on the command line of a faulty plugin and of what it forks.
func mark(mode string) string { return fmt.Sprintf("faulty-%s-%d-", mode, os.Getpid()) }

// advertTimes are when the kernel received the adverts of a router, beside how late a
// goroutine was that did nothing but sleep meanwhile.
type advertTimes struct {
	at    []time.Time
	late  time.Duration // the sleeper, at the worst
	over  atomic.Bool
	ended chan struct{}
}

func hearAdverts(t *testing.T, h *host, vrid byte) *advertTimes {
	a := &advertTimes{ended: make(chan struct{})}
	capture := h.Capture(t, "eth0", 0x0800)
	slept := make(chan struct{})
	go func() {
		defer close(slept)
		const nap = 20 * time.Millisecond
		for !a.over.Load() {
			begin := time.Now()
			time.Sleep(nap)
			a.late = max(a.late, time.Since(begin)-nap)
		}
	}()
	go func() {
		defer close(a.ended)
		for !a.over.Load() {
			const header = 14 + 20 // Ethernet, IPv4
			frame, at := capture.NextAt(t, 20*time.Millisecond)
			if len(frame) > header+1 && frame[14+9] == vrrp.Protocol && frame[header+1] == vrid {
				a.at = append(a.at, at)
			}
		}
		<-slept
	}()
	return a
}

// end ends it; more than once does no harm.
func (a *advertTimes) end() { a.over.Store(true); <-a.ended }

// steady holds that a master with an advert each 100 ms was on time, as far as the
// machine was. It returns how late the latest was.
func (a *advertTimes) steady(t *testing.T) (late time.Duration) {
	t.Helper()
	a.end()
	var gaps []time.Duration
	for i := 1; i < len(a.at); i++ {
		gaps = append(gaps, a.at[i].Sub(a.at[i-1]))
	}
	slices.Sort(gaps)
	if len(gaps) < 20 {
		t.Fatalf("%d adverts", len(a.at))
	}
	median, worst := gaps[len(gaps)/2], gaps[len(gaps)-1]
	t.Logf("%d adverts, between two of them %v at the median and %v at the worst; who only slept was %v late at the worst", len(a.at), median, worst, a.late)
	most := 105 * time.Millisecond
	if !*idleFlag { // the daemon, its plugins and others want the same processors
		most += 200*time.Millisecond + 4*a.late
	}
	if median < 90*time.Millisecond || median > 110*time.Millisecond || worst > most {
		t.Errorf("between two adverts there are %v at the median and %v at the worst, want 100ms and at most %v", median, worst, most)
	}
	return worst - 100*time.Millisecond
}

// TestEveryPluginFault plays all at once what may go wrong with plugins: the master
// keeps time, no server goes down by it, each plugin serves again within 3 s of the
// fault, and nothing of what was is left behind.
func TestEveryPluginFault(t *testing.T) {
	if _, err := os.Stat("/usr/bin/python3"); err != nil {
		t.Skip("needs /usr/bin/python3: the plugins are in Python")
	}
	a, b := hosts(t)
	netnstest.Must(t, a.Link.SetUp("lo"))
	webServers(t, a)
	again := []string{"leak", "print", "garbage", "wrong", "verdict", "forks", "stubborn", "stops"} // in a new process
	others := []string{"late", "version", "sum", "replaced"}
	files, plugins, servers := map[string]string{}, "", ""
	text := func(mode string, protocol int, version string) string {
		if slices.Contains(others[1:], mode) { // they are played from here
			return fmt.Sprintf(faulty, mode, mark(mode), protocol, version, "/none")
		}
		return fmt.Sprintf(faulty, mode, mark(mode), protocol, version, "")
	}
	for i, mode := range slices.Concat(again, others) {
		protocol, pin := 1, ""
		if mode == "version" {
			protocol = 7
		}
		body := text(mode, protocol, "1")
		files[mode] = rootsFile(t, "faulty-"+mode, body)
		if mode == "sum" {
			pin = fmt.Sprintf(", sha256: %x", sha256.Sum256([]byte(body)))
		}
		plugins += fmt.Sprintf("  - {name: %s, path: %s, memory: 64, processes: 8%s}\n", mode, files[mode], pin)
		servers += fmt.Sprintf("      - {address: \"127.0.3.%d:80\", checks: [{plugin: {name: %s}}]}\n", i+1, mode)
	}
	const pending = 300 // the status of thousands, asked for as often, would be the load; see oneFaults
	slow := ""
	for i := range pending {
		slow += fmt.Sprintf("      - {address: \"127.%d.%d.%d:8080\", checks: [{HTTP_GET: {urls: [/]}}]}\n", 4+i/62500, i/250%250, i%250+1)
	}
	const service = "  - address: 192.0.2.%d:80\n    protocol: TCP\n    lb_algo: rr\n    lb_kind: NAT\n    delay_loop: %s\n    connect_timeout: 1s\n    warmup: 300ms\n    fall: 1\n    real_servers:\n"
	conf := "global: {script_user: root}\nplugins:\n" + plugins +
		"vrrp_instances:\n  - {name: STEADY, interface: eth0, version: 3, virtual_router_id: 51, priority: 100, advert_int: 100ms, virtual_ipaddresses: [192.0.2.100/24]}\n" +
		"virtual_servers:\n" + fmt.Sprintf(service, 201, "300ms") + servers + fmt.Sprintf(service, 202, "1s") + slow
	p := a.start(t, "run", a.write(t, "moonkeep.yaml", conf, 0o644))
	p.awaitRole(t, "MASTER")
	heard := hearAdverts(t, b, 51)
	defer heard.end()

	// What becomes of each: when its fault was seen to begin, and that it was over.
	const patience = 40 * time.Second
	began, back := map[string]time.Time{}, map[string]time.Duration{}
	replace := func(mode, version string) {
		netnstest.Must(t, os.WriteFile(files[mode]+".new", []byte(text(mode, 1, version)), 0o755))
		netnstest.Must(t, os.Rename(files[mode]+".new", files[mode]))
	}
	done := map[string]int{} // steps of those that are played from here
	for end := time.Now().Add(patience); len(back) < len(again)+len(others)+1; time.Sleep(50 * time.Millisecond) {
		s, err := p.status()
		if err != nil {
			continue
		}
		if time.Now().After(end) {
			t.Fatalf("not all serve again: began %v, back %v\n%s", began, back, p.log)
		}
		log := p.log.String()
		for _, x := range s.Plugins {
			now := time.Now()
			well := x.State == "running" && x.Answered > 0
			if _, over := back[x.Name]; over {
				continue
			}
			if began[x.Name].IsZero() && strings.Contains(log, "fault "+x.Name+" begins") {
				began[x.Name] = now
			}
			fault := func() { began[x.Name] = now; done[x.Name]++ }
			switch x.Name {
			case "late":
				if x.Late > 0 {
					back[x.Name] = 0
				}
			case "version":
				if done[x.Name] == 0 && x.Failures > 1 {
					replace(x.Name, "2")
					fault()
				} else if done[x.Name] == 1 && well {
					back[x.Name] = 0 // after the pause that it was in
				}
			case "sum":
				switch {
				case done[x.Name] == 0 && well:
					replace(x.Name, "2")
					netnstest.Must(t, syscall.Kill(x.PID, syscall.SIGKILL))
					fault()
				case done[x.Name] == 1 && x.Failures > 1:
					if !strings.Contains(x.Reason, "sum") {
						t.Errorf("a file that was replaced under its sum: %+v", x)
					}
					replace(x.Name, "1")
					done[x.Name]++
				case done[x.Name] == 2 && well:
					back[x.Name] = 0
				}
			case "replaced":
				if _, sum := back["sum"]; sum && done[x.Name] == 0 && well { // the reload takes no wrong one
					replace(x.Name, "2")
					fault()
					p.signal(t, syscall.SIGHUP)
				} else if done[x.Name] == 1 && x.Version == "2" {
					back[x.Name] = now.Sub(began[x.Name])
				}
			case "HTTP_GET":
				// With all its probes under way, and with the sockets' directory gone.
				if done[x.Name] == 0 && well {
					netnstest.Must(t, os.RemoveAll(filepath.Join(p.dir, "plugins")))
					netnstest.Must(t, syscall.Kill(x.PID, syscall.SIGKILL))
					fault()
				} else if done[x.Name] == 1 && well && x.Starts > 1 {
					back[x.Name] = now.Sub(began[x.Name])
				}
			default:
				if !began[x.Name].IsZero() && well && x.Starts > 1 {
					back[x.Name] = now.Sub(began[x.Name])
				}
			}
		}
	}
	heard.steady(t)
	t.Logf("served again after %v", back)
	most := 3 * time.Second
	if !*idleFlag {
		most += 3*time.Second + 10*heard.late // a dozen of interpreters start at once
	}
	for name, took := range back {
		if took > most {
			t.Errorf("%s served again after %v, more than %v", name, took, most)
		}
	}
	s, err := p.status()
	netnstest.Must(t, err)
	for i := range s.Services {
		if v := &s.Services[i]; v.Weight != int64(len(v.Servers)) {
			t.Errorf("%d of %d servers of %s are up", v.Weight, len(v.Servers), v.Name)
		}
	}
	if strings.Contains(p.log.String(), " down") {
		t.Errorf("something went down:\n%s", p.log)
	}
	// One process is left of each, and no file of those that were.
	one := func() bool {
		for mode := range files {
			if processesOf(mark(mode)) != 1 {
				return false
			}
		}
		return true
	}
	eventually(t, "one process of each plugin", one, p.log.String)
	before := openOf(t, p.Process.Pid)
	for _, x := range s.Plugins {
		if x.Name == "leak" {
			netnstest.Must(t, syscall.Kill(x.PID, syscall.SIGKILL))
		}
	}
	eventually(t, "the files of a process that was killed", func() bool {
		s, err := p.status()
		return err == nil && openOf(t, p.Process.Pid) <= before && slices.ContainsFunc(s.Plugins, func(x control.Plugin) bool { return x.Name == "leak" && x.Starts > 2 && x.State == "running" })
	}, p.log.String)
	p.stop(t)
	for mode := range files {
		if n := processesOf(mark(mode)); n != 0 {
			t.Errorf("%d processes of %s are left", n, mode)
		}
	}
}

// processesOf counts those with a word on their command line.
func processesOf(word string) (n int) {
	all, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, f := range all {
		if b, err := os.ReadFile(f); err == nil && strings.Contains(string(b), word) {
			n++
		}
	}
	return n
}

// openOf counts the open files of a process.
func openOf(t *testing.T, pid int) int {
	t.Helper()
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	netnstest.Must(t, err)
	return len(entries)
}
