//go:build linux

package main

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/config/keepalived"
)

// TestShape holds that the file is what the flags ask for, and sound.
func TestShape(t *testing.T) {
	for _, s := range []shape{{35, 16, "HTTP_GET"}, {5, 5, "TCP_CHECK"}, {1, 7, "none"}} {
		cfg, findings := keepalived.Read("f", []byte(s.text()))
		for _, f := range findings {
			if f.Name != "not-acted-on" {
				t.Errorf("%+v: %v", s, f)
			}
		}
		servers, checks := 0, 0
		for _, v := range cfg.VirtualServers {
			servers += len(v.RealServers)
			for _, r := range v.RealServers {
				checks += len(r.Checks)
			}
		}
		want := s.servers
		if s.check == "none" {
			want = 0
		}
		if len(cfg.VirtualServers) != s.services() || servers != s.servers || checks != want {
			t.Errorf("%+v: %d virtual servers, %d real servers, %d checks", s, len(cfg.VirtualServers), servers, checks)
		}
	}
}

// TestPrint holds the figures of the table.
func TestPrint(t *testing.T) {
	ms := func(n int) usage {
		return usage{wall: time.Duration(n) * time.Millisecond, cpu: time.Duration(2*n) * time.Millisecond, memory: int64(n) << 20}
	}
	var measured table
	for name, list := range map[string][]int{ours: {9, 1, 2}, theirs: {4, 4, 10, 2}} {
		for _, n := range list {
			measured.add(name, ms(n))
		}
	}
	var b strings.Builder
	measured.print(&b)
	for _, want := range []string{"time, ms          2         4           0.50", "CPU time, ms      4         8           0.50", "peak memory, MiB  2         4           0.50"} {
		if !strings.Contains(b.String(), want+"\n") {
			t.Errorf("got\n%swant %q in it", b.String(), want)
		}
	}
}

// TestFlags holds what is refused.
func TestFlags(t *testing.T) {
	for _, args := range []string{"--runs 0", "--servers 0", "--each 0", "--check X", "--servers 99999999", "more", "--unknown"} {
		if _, err := parseFlags(strings.Fields(args), io.Discard); err == nil {
			t.Errorf("%s: no error", args)
		}
	}
	if s, err := parseFlags(strings.Fields("--servers 5 --each 2 --runs 1"), io.Discard); err != nil || s.shape.servers != 5 || s.runs != 1 {
		t.Errorf("got %+v, %v", s, err)
	}
}
