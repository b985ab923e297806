package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
)

// verdictPort is where the servers of the cases listen.
const verdictPort = 8000

// verdictLoop is the time between two checks of a server.
const verdictLoop = 5 * time.Second

// verdictLeast is when each server has been checked: begun, and out of time.
const verdictLeast = 9 * time.Second

// address is where the server of case i is.
func (c *verdictCase) address(i int) string {
	if c.six {
		return fmt.Sprintf("fd00:2::1:%x", i+1)
	}
	return fmt.Sprintf("10.2.%d.%d", 1+i/200, 1+i%200)
}

// configuration has a real server for each case, in the language of keepalived.
func verdictConfiguration(cases []verdictCase, dir string) string {
	var b strings.Builder
	b.WriteString("global_defs {\nrouter_id LAB\nscript_user root\n}\n")
	for _, name := range []string{"zero", "five"} {
		fmt.Fprintf(&b, "track_file %s {\nfile %s/%s\n}\n", name, dir, name)
	}
	for _, six := range []bool{false, true} {
		virtual := "10.9.0.1"
		if six {
			virtual = "fd00:9::1"
		}
		fmt.Fprintf(&b, "virtual_server %s 80 {\ndelay_loop %d\nprotocol TCP\nlb_algo wrr\nlb_kind NAT\n", virtual, verdictLoop/time.Second)
		for i, c := range cases {
			if c.six != six {
				continue
			}
			times := "connect_timeout 4\nretry 0\ndelay_before_retry 1\nwarmup 1\n"
			switch c.kind {
			case "MISC_CHECK":
				times = "warmup 1\n"
				if c.more { // hundreds of programs
					times = "warmup 60\ndelay_loop 120\n"
				}
				if !strings.Contains(c.options, "misc_timeout") {
					times += "misc_timeout 20\n" // the guest is slow
				}
			case "FILE_CHECK":
				times = ""
			}
			if c.unsaid {
				times = strings.TrimPrefix(times, "connect_timeout 4\n")
			}
			first := slices.IndexFunc(cases, func(x verdictCase) bool { return x.kind == c.kind })
			options := strings.ReplaceAll(c.options, "FIRST", cases[first].address(first))
			fmt.Fprintf(&b, "real_server %s %d {\nweight 10\n%s {\n%s%s\n}\n}\n", c.address(i), verdictPort, c.kind, times, options)
		}
		b.WriteString("}\n")
	}
	return b.String()
}

// attend runs the servers of the cases on a director's host of servers.
func (d *director) attend(t *testing.T, cases []verdictCase) {
	t.Helper()
	var all sync.WaitGroup
	var mu sync.Mutex
	open := map[interface{ Close() error }]bool{}
	over := false
	hold := func(c interface{ Close() error }) bool {
		mu.Lock()
		defer mu.Unlock()
		open[c] = true
		return !over
	}
	drop := func(c interface{ Close() error }) {
		c.Close()
		mu.Lock()
		defer mu.Unlock()
		delete(open, c)
	}
	t.Cleanup(func() {
		mu.Lock()
		over = true
		for c := range open {
			c.Close()
		}
		mu.Unlock()
		all.Wait()
	})
	d.servers.Run(t, func() error {
		// Who does not forward sends no ICMP errors of routes, either.
		return errors.Join(os.WriteFile("/proc/sys/net/ipv6/ip_nonlocal_bind", []byte("1"), 0), os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0))
	})
	for i := range cases {
		c := &cases[i]
		at := net.JoinHostPort(c.address(i), fmt.Sprint(verdictPort))
		if c.serve != nil {
			var l net.Listener
			d.servers.Run(t, func() (err error) {
				l, err = net.Listen("tcp", at)
				return err
			})
			hold(l)
			all.Go(func() {
				for {
					conn, err := l.Accept()
					if err != nil {
						return
					}
					all.Go(func() {
						defer drop(conn)
						if hold(conn) {
							c.serve(conn)
						}
					})
				}
			})
		}
		if c.reply != nil {
			var p net.PacketConn
			d.servers.Run(t, func() (err error) {
				p, err = net.ListenPacket("udp", at)
				return err
			})
			hold(p)
			all.Go(func() {
				for b := make([]byte, 2048); ; {
					n, from, err := p.ReadFrom(b)
					if err != nil {
						return
					}
					if out := c.reply(b[:n]); out != nil {
						_, _ = p.WriteTo(out, from)
					}
				}
			})
		}
		if c.silent {
			d.ip(t, d.servers, "route add blackhole "+c.address(i)+"/32 table local")
		}
		switch {
		case c.refused == "":
		case c.six:
			d.ip(t, d.servers, "-6 route add "+c.refused+" "+c.address(i)+"/128 table local")
		default:
			d.ip(t, d.servers, "route add "+c.refused+" "+c.address(i)+"/32 table local")
		}
	}
}

// verdicts are what a table of IPVS says of the cases.
func verdicts(cases []verdictCase, table []string) []string {
	list := make([]string, len(cases))
	for i := range cases {
		list[i] = down
		at := " -r " + net.JoinHostPort(cases[i].address(i), fmt.Sprint(verdictPort)) + " "
		for _, line := range table {
			if strings.Contains(line, at) {
				list[i] = "weight " + line[strings.LastIndexByte(line, ' ')+1:]
			}
		}
		if list[i] == "weight 10" {
			list[i] = up
		}
	}
	return list
}

// TestGuestVerdicts has keepalived's checker and moonkeep check the same servers,
// and holds that each says what the table of the cases says.
func TestGuestVerdicts(t *testing.T) {
	needIPVS(t)
	dir := t.TempDir()
	netnstest.Must(t, os.Chmod(dir, 0o755))
	for name, text := range map[string]string{"zero": "0\n", "five": "5\n", "code": "#!/bin/sh\nexit $1\n"} {
		netnstest.Must(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o755))
	}
	all := verdictCases(t, dir)
	if !*everySite {
		all = slices.DeleteFunc(all, func(c verdictCase) bool { return c.more })
	}
	d := newDirector(t)
	d.attend(t, all)
	conf := d.write(t, "site.conf", verdictConfiguration(all, dir), 0o600)
	limit := 60 * time.Second
	if *everySite {
		limit = 4 * time.Minute
	}
	// One after the other: the guest has one processor, and its servers are slow
	// when it is busy.
	for _, ours := range []bool{false, true} {
		name, start := "keepalived", d.keepalived
		if ours {
			name, start = "moonkeep", d.moonkeep
		}
		stop := start(t, conf)
		want := make([]string, len(all))
		for i, c := range all {
			if want[i] = c.theirs; ours && c.ours != "" {
				want[i] = c.ours
			}
		}
		began := time.Now()
		got := verdicts(all, d.saved(t))
		for time.Since(began) < limit && !slices.Equal(got, want) {
			time.Sleep(time.Second)
			got = verdicts(all, d.saved(t))
		}
		t.Logf("%s: %d checks stood as they should after %v", name, len(all), time.Since(began).Round(100*time.Millisecond))
		// Servers are up until they are checked. And the verdicts stand.
		least := verdictLeast
		if *everySite {
			least = 80 * time.Second
		}
		time.Sleep(max(least-time.Since(began), time.Second))
		got = verdicts(all, d.saved(t))
		for i, c := range all {
			if got[i] != want[i] {
				t.Errorf("%s, %s (%s): %s says %s, want %s", c.kind, c.name, c.address(i), name, got[i], want[i])
			}
		}
		stop()
	}
}

// TestVerdictsPage holds that plugins/standard/VERDICTS.md is the table of cases.
func TestVerdictsPage(t *testing.T) {
	const file = "../../plugins/standard/VERDICTS.md"
	var b strings.Builder
	b.WriteString(`# Verdicts beside keepalived's

What keepalived's checker and moonkeep say of the same servers. A test has both
check them, in a guest whose kernel has IPVS, and holds the tables of IPVS that
come of it against this page, which is written from the test's cases: ` + "`go test\n./cmd/moonkeep -run TestVerdictsPage -update`" + `. The long run (` + "`make interop`" + `) has
every exit status of a MISC_CHECK from 0 to 255, and what is marked with a +.

The weight of the real servers is 10, connect_timeout 4 s. keepalived is 2.2.7.
`)
	kind := ""
	for _, c := range verdictCases(t, "/etc/checks") {
		if c.kind == "MISC_CHECK" && c.more && strings.HasPrefix(c.name, "status ") {
			continue
		}
		if c.kind != kind {
			kind = c.kind
			fmt.Fprintf(&b, "\n## %s\n\n| the server, and what is asked for | keepalived | moonkeep | why |\n|---|---|---|---|\n", kind)
		}
		ours, name := c.theirs, c.name
		if c.ours != "" {
			ours = "**" + c.ours + "**"
		}
		if c.more {
			name += " +"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", name, c.theirs, ours, c.why)
	}
	if *update {
		netnstest.Must(t, os.WriteFile(file, []byte(b.String()), 0o644))
		return
	}
	have, err := os.ReadFile(file)
	if err != nil || string(have) != b.String() {
		t.Errorf("%s is not what the cases say (%v); run: go test ./cmd/moonkeep -run TestVerdictsPage -update", file, err)
	}
}
