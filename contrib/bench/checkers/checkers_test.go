//go:build linux

package main

import (
	"context"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/config/keepalived"
)

func TestFlags(t *testing.T) {
	s, err := parseFlags([]string{"-checks", "HTTP_GET", "-servers", "1,4000", "-loops", "1s,10s", "-programs", "keepalived,moonkeep", "-runs", "3"}, io.Discard)
	if err != nil || len(s.kinds) != 1 || s.sizes[1] != 4000 || s.loops[1] != 10*time.Second || s.programs[0] != theirs || s.runs != 3 {
		t.Errorf("got %+v, %v", s, err)
	}
	for _, args := range []string{"-checks PING", "-servers 0", "-servers x", "-servers 999999", "-loops 1", "-loops 1ms", "-programs haproxy", "-runs 0", "-window 0s", "more"} {
		var said strings.Builder
		if _, err := parseFlags(strings.Fields(args), &said); err == nil || said.Len() == 0 {
			t.Errorf("%s: %v, said %q; want an error and a word", args, err, &said)
		}
	}
}

// TestConfiguration holds that every server has an address and the check.
func TestConfiguration(t *testing.T) {
	for kind := range checks {
		c, findings := keepalived.Read("f", []byte(configuration(kind, 300, 2*time.Second)))
		if findings.Errors() || len(c.VirtualServers) != 1 {
			t.Fatalf("%s: %v", kind, findings)
		}
		v := &c.VirtualServers[0]
		seen := map[string]bool{}
		for _, s := range v.RealServers {
			seen[s.Address.String()] = true
			if len(s.Checks) != 1 || s.Checks[0].Kind() != kind {
				t.Fatalf("%s has the checks %+v", s.Address, s.Checks)
			}
		}
		if len(seen) != 300 {
			t.Errorf("%d addresses", len(seen))
		}
	}
}

func TestTable(t *testing.T) {
	tbl := &table{}
	tbl.Add(row{"TCP_CHECK", 1000, time.Second, figureCheck}, ours, 90)
	for _, v := range []float64{140, 100, 120} {
		tbl.Add(row{"TCP_CHECK", 1000, time.Second, figureCheck}, theirs, v)
	}
	tbl.Add(row{"TCP_CHECK", 1000, time.Second, figureMemory}, theirs, 13)
	var out strings.Builder
	tbl.print(&out, true)
	want := `| check | servers | delay_loop | figure | moonkeep | keepalived | ratio |
|---|---|---|---|---|---|---|
| TCP_CHECK | 1000 | 1s | CPU of the guest a check, us | 90 | 100 / 120 / 140 | 0.75 |
| TCP_CHECK | 1000 | 1s | RSS, MiB | - | 13 | - |
`
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", &out, want)
	}
}

// TestShort plays the smallest table with real programs.
func TestShort(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: it builds networks")
	}
	if _, err := os.Stat("/sys/module/ip_vs"); err != nil {
		t.Skip("needs /sys/module/ip_vs: keepalived checks nothing without it")
	}
	for _, name := range []string{"keepalived", "nginx"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("needs %s: moonkeep is measured beside keepalived, with nginx", name)
		}
	}
	program := os.Getenv("MOONKEEP_PROGRAM")
	if program == "" {
		t.Fatal("MOONKEEP_PROGRAM must name the moonkeep to measure, where there is no compiler; `make uml` sets it")
	}
	s, err := parseFlags([]string{"-short", "-checks", "HTTP_GET", "-moonkeep", program, "-keepalived", "keepalived", "-markdown"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	var out, progress strings.Builder
	if err := run(context.Background(), s, &out, &progress); err != nil {
		t.Fatalf("%v\n%s%s", err, &progress, &out)
	}
	t.Log(out.String())
	figures := 0
	for line := range strings.Lines(out.String()) {
		cells := strings.Split(line, "|")
		if len(cells) != 9 || !strings.Contains(cells[1], "HTTP_GET") {
			continue
		}
		figures++
		for i, program := range []string{ours, theirs} {
			if value := strings.TrimSpace(cells[5+i]); value == "-" || value == "0.00" {
				t.Errorf("%s of %s is %s", strings.TrimSpace(cells[4]), program, value)
			}
		}
	}
	if figures != 6 {
		t.Errorf("%d figures, want 6", figures)
	}
}
