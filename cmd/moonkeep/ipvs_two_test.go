package main

import (
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
	"github.com/moonkeep/moonkeep/core/netspec"
)

// wait waits until something is so.
func wait(t *testing.T, what string, is func() bool) {
	t.Helper()
	for began := time.Now(); !is(); time.Sleep(100 * time.Millisecond) {
		if time.Since(began) > 60*time.Second {
			t.Fatalf("not within a minute: %s", what)
		}
	}
}

// shown is what ipvsadm -Ln shows, without its headings and counts.
func (d *director) shown(t *testing.T) (lines []string) {
	t.Helper()
	d.Run(t, func() error {
		out, err := exec.Command("ipvsadm", "-Ln").Output()
		for i, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
			if f := strings.Fields(line); i >= 3 {
				lines = append(lines, strings.Join(f[:min(4, len(f))], " "))
			}
		}
		return err
	})
	return lines
}

// TestGuestTwoDirectors plays a site with two addresses on two directors from
// its keepalived.conf files, step by step as its author shows it.
func TestGuestTwoDirectors(t *testing.T) {
	needIPVS(t)
	t.Parallel() // it waits most of the time, for servers to fail and to return
	s := newSwitch(t)
	client := s.host(t, "192.168.10.1/24")
	master, slave := s.hostOn(t, "ens33", "192.168.10.12/24"), s.hostOn(t, "ens33", "192.168.10.13/24")
	one, two := s.hostOn(t, "ens33", "192.168.10.16/24"), s.hostOn(t, "ens33", "192.168.10.17/24")
	sites := map[*director]*page{one: {body: "nginx-RS1"}, two: {body: "nginx-RS2"}, master: {body: "sorry"}, slave: {body: "sorry"}}
	for h, p := range sites {
		p.h = h.Host
		p.start(t)
	}
	confs := map[*director]string{}
	for d, name := range map[*director]string{master: "kpmaster", slave: "kpslave", one: "kpmaster", two: "kpmaster"} {
		text, err := os.ReadFile("testdata/two/" + name + ".conf")
		netnstest.Must(t, err)
		// Only where the script is differs from the file.
		confs[d] = d.write(t, name+".conf", strings.ReplaceAll(string(text), "/data/scripts", d.dir), 0o600)
		// As people write it: what is in the branch is no command, and fails.
		d.write(t, "keepalived_check.sh", "#!/bin/bash\nif [ -f "+d.dir+"/keepalived.fail ];then\nweight -2\nfi\n", 0o700)
	}
	for _, h := range []*director{one, two} {
		h.run(t, self("realserver", "up", confs[h], "--run-dir", filepath.Join(h.dir, "run")))
	}
	// holds waits until a director has the first and the second address, or not.
	holds := func(what string, d *director, first, second bool) {
		t.Helper()
		wait(t, what, func() bool {
			list, err := d.Link.List("ens33")
			has := func(a string) bool {
				return slices.ContainsFunc(list, func(x netspec.Address) bool { return x.Prefix == netip.MustParsePrefix(a) })
			}
			return err == nil && has("192.168.10.100/32") == first && has("192.168.10.200/32") == second
		})
	}
	both := func(want ...string) {
		t.Helper()
		client.meets(t, "192.168.10.100:80", want...)
		client.meets(t, "192.168.10.200:80", want...)
	}
	// shows waits until the tables of directors show both services with these servers.
	shows := func(what string, servers []string, directors ...*director) {
		t.Helper()
		var want []string
		for _, address := range []string{"192.168.10.100:80", "192.168.10.200:80"} {
			want = append(want, "TCP "+address+" rr")
			for _, s := range servers {
				want = append(want, "-> "+s+":80 Route 1")
			}
		}
		for _, d := range directors {
			diff := ""
			for began := time.Now(); time.Since(began) < 60*time.Second; time.Sleep(100 * time.Millisecond) {
				if diff = cmp.Diff(want, d.shown(t)); diff == "" {
					break
				}
			}
			if diff != "" {
				t.Fatalf("%s: %s", what, diff)
			}
		}
	}
	all := []string{"192.168.10.16", "192.168.10.17"}

	// One director alone has both addresses; the other one takes its own.
	running := start(t, master, confs[master])
	holds("kpmaster alone has both", master, true, true)
	start(t, slave, confs[slave])
	holds("kpslave takes the second", slave, false, true)
	holds("kpmaster keeps the first", master, true, false)
	// With a script that may take a second, a busy machine has them come and go.
	wait(t, "kpmaster's is labelled", func() bool { return strings.Contains(labels(t, master), "192.168.10.100/32 scope global ens33:0") })
	wait(t, "kpslave's is labelled", func() bool { return strings.Contains(labels(t, slave), "192.168.10.200/32 scope global ens33:1") })
	shows("all work", all, master, slave)
	both("nginx-RS1", "nginx-RS2")

	// The file that its author's script looks for faults a director.
	master.write(t, "keepalived.fail", "", 0o600)
	holds("kpslave has both while kpmaster's script fails", slave, true, true)
	both("nginx-RS1", "nginx-RS2")
	netnstest.Must(t, os.Remove(filepath.Join(master.dir, "keepalived.fail")))
	holds("kpmaster is back", master, true, false)

	sites[one].stop()
	shows("one web server is stopped", all[1:], master, slave)
	both("nginx-RS2")
	sites[two].stop()
	shows("both are", []string{"127.0.0.1"}, master, slave)
	both("sorry")
	sites[one].start(t)
	sites[two].start(t)
	shows("both are back", all, master, slave)
	both("nginx-RS1", "nginx-RS2")

	// A director loses its power.
	master.ip(t, master.Host, "link set ens33 down")
	netnstest.Must(t, running.Process.Kill())
	holds("kpslave has both", slave, true, true)
	shows("one director is lost", all, slave)
	both("nginx-RS1", "nginx-RS2")

	// It comes back to what the run before left, and then as before.
	_ = running.Wait()
	master.ip(t, master.Host, "link set ens33 up")
	start(t, master, confs[master])
	holds("kpmaster takes the first again", master, true, false)
	holds("kpslave gives it back", slave, false, true)
	shows("both directors work", all, master, slave)
	both("nginx-RS1", "nginx-RS2")
}

// start starts a daemon that may be killed.
func start(t *testing.T, d *director, conf string) *exec.Cmd {
	t.Helper()
	cmd := self("run", "-c", conf, "--run-dir", filepath.Join(d.dir, "run"))
	d.run(t, cmd)
	return cmd
}

// labels is what ip(8) says of a director's addresses.
func labels(t *testing.T, d *director) (text string) {
	t.Helper()
	d.Run(t, func() error {
		out, err := exec.Command("ip", "-4", "addr", "show", "dev", "ens33").Output()
		text = string(out)
		return err
	})
	return text
}
