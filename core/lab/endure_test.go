//go:build linux

package lab

import (
	"flag"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

var endureFlag = flag.Bool("endure", false, "let the endurance tests take their whole time")

// crowd is a node with so many instances, each with an address that the client
// probes.
func crowd(priority, instances int, extra string) string {
	var b strings.Builder
	for i := range instances {
		fmt.Fprintf(&b, `
vrrp_instance VI_%d {
	interface eth0
	version 3
	virtual_router_id %d
	priority %d
	%s
	virtual_ipaddress {
		192.0.2.%d/24
	}
}
`, i+1, i+51, priority, extra, i+100)
	}
	return b.String()
}

// passing is an instance that reloads bring and take away again.
const passing = `
vrrp_instance PASSING {
	interface eth0
	version 3
	virtual_router_id 200
	priority 50
	advert_int 0.1
	virtual_ipaddress {
		192.0.2.200/24
	}
}
`

// burnAll keeps so many processors busy until the test ends.
func burnAll(t *testing.T, count int) {
	t.Helper()
	for range count {
		cmd := exec.Command("/bin/sh", "-c", "while :; do :; done")
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = cmd.Process.Kill() // it may have ended
			_ = cmd.Wait()         // killed
		})
	}
}

// TestReloadEachSecond reloads both nodes once a second, while the client
// probes every address each millisecond: no instance changes its role and no
// probe is lost.
func TestReloadEachSecond(t *testing.T) {
	t.Parallel()
	const interval = "advert_int 0.1"
	reloads, instances, burners, global := 6, 3, 0, ""
	if *endureFlag {
		// With that load a daemon of normal priority may wait for longer than
		// three intervals. One that is ahead of it can lose time to nothing but
		// its own reload.
		reloads, instances, burners, global = 60, 20, 4, "global_defs {\n\tvrrp_rt_priority 50\n}\n"
	}
	crowd := func(priority int, extra string) string { return global + crowd(priority, instances, extra) }
	plan := planOf(t, crowd(150, interval), crowd(100, interval))
	l, _ := raise(t, Options{Plan: plan, Daemons: moonkeeps(t, plan)})
	burnAll(t, burners)
	var names []string
	for i := range instances {
		names = append(names, fmt.Sprintf("VI_%d", i+1))
	}
	perform(t, l, "settle; await a "+strings.Join(names, " "))
	roles := func() (text string) {
		for i := range l.nodes {
			s, err := status(l.nodes[i])
			if err != nil {
				t.Fatal(err)
			}
			for _, x := range s.Instances {
				if x.Name != "PASSING" {
					text += fmt.Sprintf("%s %s %s, master %d times, left %d times\n", plan.Nodes[i].Name, x.Name, x.Role, x.Counters.BecameMaster, x.Counters.LeftMaster)
				}
			}
		}
		return text
	}
	want, before, probes := roles(), l.Now(), l.Probing().Sent
	for r := range reloads {
		began := time.Now()
		for i, priority := range []int{150, 100} {
			// Announcements, an instance that comes and goes, and nothing at all.
			text := crowd(priority, fmt.Sprintf("%s\n\tgarp_master_refresh %d", interval, 60+r/3%2))
			if r%3 == 1 {
				text += passing
			}
			n := l.nodes[i]
			s, err := status(n)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(n.File, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
			if err := n.proc.cmd.Process.Signal(syscall.SIGHUP); err != nil {
				t.Fatal(err)
			}
			eventually(t, "node "+n.Name+" has read its file again", func() bool {
				now, err := status(n)
				return err == nil && now.Reloaded.After(s.Reloaded) && now.ReloadError == ""
			})
		}
		time.Sleep(time.Second - time.Since(began))
	}
	if got := roles(); got != want {
		t.Errorf("after %d reloads got\n%swant\n%s", reloads, got, want)
	}
	time.Sleep(lateAfter + 100*ms) // by then every probe is decided
	for _, m := range l.Moves() {
		if m.Next > before {
			t.Errorf("%s from %d to %d: no answer from %s for %s", plan.Targets[m.Target].Addr, m.From, m.To, m.Lost, m.Outage())
		}
	}
	p := l.Probing()
	t.Logf("%d reloads, %d probes, the longest gap between two %s; the machine was %.1f times as slow as alone", reloads, p.Sent-probes, p.Slowest, busy.factor())
	if least := uint64(reloads) * uint64(instances) * 100; p.Sent-probes < least {
		t.Errorf("%d probes were sent, want at least %d", p.Sent-probes, least)
	}
}

// TestStoppedMasterResumes stops the process of the master until the other has
// taken over, and lets it go on: the addresses do not stand on both for longer
// than an interval.
func TestStoppedMasterResumes(t *testing.T) {
	t.Parallel()
	rounds, asleep := 2, 1500*ms
	if *endureFlag {
		rounds, asleep = 5, 10*time.Second
	}
	l := pair(t)
	vip := netip.MustParseAddr("192.0.2.100")
	both := func() bool {
		for i := range l.nodes {
			has, err := l.nodes[i].host.has(vip, "eth0")
			if err != nil {
				t.Fatal(err)
			}
			if !has {
				return false
			}
		}
		return true
	}
	for round := range rounds {
		p := l.nodes[0].proc.cmd.Process
		if err := p.Signal(syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		stopped := time.Now()
		perform(t, l, "await b VI_1")
		time.Sleep(asleep - time.Since(stopped))
		if !both() {
			t.Errorf("round %d: the address does not stand on both while a is stopped: the test shows nothing", round)
		}
		if err := p.Signal(syscall.SIGCONT); err != nil {
			t.Fatal(err)
		}
		// a steps back first and preempts later; each may overlap.
		since := time.Now()
		slept := since.Sub(stopped)
		var longest time.Duration
		for end := since.Add(2 * v3.down(150)); time.Now().Before(end); time.Sleep(time.Millisecond) {
			now := time.Now()
			if !both() {
				since = now
				continue
			}
			longest = max(longest, time.Since(since))
		}
		t.Logf("round %d: stopped for %s, then on both for %s at most", round, slept.Round(ms), longest)
		if limit := v3.interval + slack(l); longest > limit {
			t.Errorf("round %d: the address stood on both for %s after a resumed, want %s at most", round, longest, limit)
		}
		perform(t, l, "await a VI_1; wait 300ms")
		agree(t, l)
	}
}
