//go:build linux

package main

import (
	"bytes"
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
	var b bytes.Buffer
	if err := print(&b, map[string][]usage{ours: {ms(9), ms(1), ms(2)}, theirs: {ms(4), ms(4), ms(10), ms(2)}}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"time         2 ms      4 ms        0.50", "CPU time     4 ms      8 ms        0.50", "peak memory  2 MiB     4 MiB       0.50"} {
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
