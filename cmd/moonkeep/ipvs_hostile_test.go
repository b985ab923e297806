package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/moonkeep/moonkeep/core/control"
	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
)

// hostileConf has two services of four servers, and one by a mark.
func hostileConf() string {
	text := "global_defs {\n\trouter_id HOSTILE\n}\n"
	for _, service := range []string{"10.9.0.1 80 {\nprotocol TCP", "10.9.0.2 80 {\nprotocol TCP\npersistence_timeout 50", "fwmark 9 {"} {
		text += "virtual_server " + service + "\ndelay_loop 1\nlb_algo wrr\nlb_kind NAT\n"
		for i := range 4 {
			text += fmt.Sprintf("real_server 10.2.0.%d 80 {\nweight %d\nuthreshold 500\nTCP_CHECK {\nconnect_timeout 5\n}\n}\n", i+1, 10+i)
		}
		text += "}\n"
	}
	return text
}

// TestGuestHostile: somebody else changes the table as fast as he can; people
// drain a server, and give one another weight; and the daemon is killed and
// started. The table comes back, what people want holds, and what belongs to
// others stays.
func TestGuestHostile(t *testing.T) {
	needIPVS(t)
	d := newDirector(t)
	d.ip(t, d.servers, "route add 10.9.0.0/16 via 10.1.0.1") // the client is the director
	admin := func(line string) {
		d.Run(t, func() error {
			_ = exec.Command("ipvsadm", strings.Fields(line)...).Run() // what is not there cannot be changed
			return nil
		})
	}
	admin("-A -t 10.9.0.77:22 -s rr")
	admin("-a -t 10.9.0.77:22 -r 10.2.0.9:22 -m -w 3")
	others := d.saved(t)
	if len(others) != 2 {
		t.Fatalf("of others there is %q", others)
	}
	conf := d.write(t, "hostile.conf", hostileConf(), 0o600)
	became := func(what string, want []string) {
		t.Helper()
		var got []string
		for began := time.Now(); time.Since(began) < 30*time.Second; time.Sleep(200 * time.Millisecond) {
			if got = d.saved(t); slices.Equal(got, want) {
				return
			}
		}
		t.Fatalf("%s: %s", what, cmp.Diff(want, got))
	}
	run := func(args ...string) []byte {
		t.Helper()
		out, err := self(append(args, "--run-dir", filepath.Join(d.dir, "run"))...).CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %v: %s", args, err, out)
		}
		return out
	}
	running := start(t, d, conf)
	wait(t, "the table is made", func() bool { return len(d.saved(t)) == 2+3*5 })
	whole := d.saved(t)

	// What the status counts is what ipvsadm counts.
	for range 8 {
		if body, err := ask(d.Host, "10.9.0.1:80"); err != nil || body != "served" {
			t.Fatalf("the service answers %q, %v", body, err)
		}
	}
	// The kernel adds them up each two seconds: both may be read beside that.
	time.Sleep(2500 * time.Millisecond)
	var s control.Status
	netnstest.Must(t, json.Unmarshal(run("status", "--json"), &s))
	if s.IPVS == nil || s.IPVS.Trouble != "" || len(s.IPVS.Services) != 3 {
		t.Fatalf("status: %+v", s.IPVS)
	}
	var mine, theirs []string
	for _, x := range s.IPVS.Services {
		if x.Name != "TCP 10.9.0.1:80" {
			continue
		}
		for _, r := range x.Servers {
			mine = append(mine, fmt.Sprintln(r.Name, r.Counters.Connections, r.Counters.PacketsIn, r.Counters.PacketsOut, r.Counters.BytesIn, r.Counters.BytesOut))
		}
	}
	d.Run(t, func() error {
		out, err := exec.Command("ipvsadm", "-Ln", "--stats", "--exact", "-t", "10.9.0.1:80").Output()
		for line := range strings.Lines(string(out)) {
			if f := strings.Fields(line); len(f) == 7 && f[0] == "->" && strings.HasPrefix(f[1], "10.") {
				theirs = append(theirs, fmt.Sprintln(strings.Join(f[1:], " ")))
			}
		}
		return err
	})
	slices.Sort(mine)
	slices.Sort(theirs)
	if diff := cmp.Diff(theirs, mine); diff != "" || len(mine) != 4 {
		t.Errorf("ipvsadm counts (-), and the status (+): %s", diff)
	}

	// A storm.
	r := rand.New(rand.NewPCG(7, 8))
	lines := []string{"-C", "-D -t 10.9.0.1:80", "-D -f 9", "-e -t 10.9.0.2:80 -r 10.2.0.1:80 -m -w 77", "-d -t 10.9.0.2:80 -r 10.2.0.2:80",
		"-a -t 10.9.0.1:80 -r 10.2.0.50:80 -m", "-E -t 10.9.0.2:80 -s sh", "-E -t 10.9.0.1:80 -s wrr -p 33", "-e -f 9 -r 10.2.0.3 -i", "-e -f 9 -r 10.2.0.4 -m -x 5"}
	for began := time.Now(); time.Since(began) < 3*time.Second; {
		admin(lines[r.IntN(len(lines))])
	}
	admin("-A -t 10.9.0.77:22 -s rr")
	admin("-a -t 10.9.0.77:22 -r 10.2.0.9:22 -m -w 3")
	became("after the storm", whole)
	admin("-e -t 10.9.0.2:80 -r 10.2.0.1:80 -m -w 10 -x 5") // which the kernel's short list does not show
	became("after another threshold", whole)
	netnstest.Must(t, json.Unmarshal(run("status", "--json"), &s))
	if s.IPVS.Trouble != "" || s.IPVS.Repaired == 0 {
		t.Errorf("after the storm: %+v", s.IPVS)
	}

	// What people want.
	run("drain", "10.2.0.1")
	run("weight", "10.2.0.2", "5")
	var wished []string
	for _, line := range whole {
		if strings.Contains(line, "10.2.0.1:") && strings.HasPrefix(line, "-a") {
			continue
		}
		if strings.Contains(line, "10.2.0.2:") {
			line = strings.Replace(line, "-w 11", "-w 5", 1)
		}
		wished = append(wished, line)
	}
	slices.Sort(wished)
	became("as people want it", wished)
	run("reload")
	time.Sleep(500 * time.Millisecond)
	became("after a reload", wished)

	// Nothing of it is missing at any time while a daemon that was killed is
	// started.
	netnstest.Must(t, running.Process.Kill())
	_ = running.Wait()
	// One that is drained may have its place for a moment, for connections that it
	// may have, but never a new one.
	taking := func() string {
		lines := strings.Split(d.listed(t), "\n")
		return strings.Join(slices.DeleteFunc(lines, func(line string) bool { return strings.HasSuffix(line, " Masq 0") }), "\n")
	}
	before := taking()
	stop := make(chan struct{})
	var watching sync.WaitGroup
	var odd string
	watching.Go(func() {
		for odd == "" {
			if now := taking(); now != before {
				odd = now
			}
			select {
			case <-stop:
				return
			case <-time.After(10 * time.Millisecond):
			}
		}
	})
	running = start(t, d, conf)
	wait(t, "the daemon answers", func() bool {
		return self("status", "--json", "--run-dir", filepath.Join(d.dir, "run")).Run() == nil
	})
	time.Sleep(3 * time.Second) // a look at least
	close(stop)
	watching.Wait()
	if odd != "" {
		t.Errorf("after a kill and a start there was once: %s", cmp.Diff(before, odd))
	}
	became("after a kill and a start", wished)
	run("server", "up", "10.2.0.1")
	run("weight", "10.2.0.2", "auto")
	became("as the checks say", whole)
	netnstest.Must(t, running.Process.Signal(os.Interrupt))
	became("after the stop", others)
}
