//go:build linux

package host

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestTrippedUntilInForce: what is read and not put in force starts nothing, and what
// mends a plugin that has tripped starts the mended one only.
func TestTrippedUntilInForce(t *testing.T) {
	needRoot(t)
	dir := openDir(t)
	good, bad := filepath.Join(dir, "good"), filepath.Join(dir, "bad")
	script(t, good, "mended")
	if err := os.WriteFile(bad, []byte("#!/bin/sh\nexit 4\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	o := quick(t)
	o.Retry, o.RetryMost = 10*time.Millisecond, time.Hour
	s := newSite(t, o)
	plan := func(path string) Plan {
		return Plan{Checks: []Check{check(0, "SH", "a")}, Plugins: []Plugin{{Name: "SH", Path: path, Processes: 20}}}
	}
	s.open(plan(bad))
	s.probe(0)
	s.eventually("it trips", func() bool { return s.status().State == Tripped })
	n := 0
	s.eventually("it waits for long", func() (waits bool) {
		for _, g := range s.host.groups {
			g.order(func() {
				if waits = g.next == nil && g.failures >= tripped; waits {
					n, g.retry = int(g.started), time.Now().Add(time.Hour)
				}
			})
		}
		return waits
	})
	for _, path := range []string{bad, good} {
		set, err := s.host.Open(plan(path))
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * pace)
		set.Close()
		if got := s.status().Starts; got != n {
			t.Fatalf("%s, not in force: %d starts, want %d", path, got, n)
		}
	}
	s.open(plan(good))
	if a := s.probe(0); a.Message != "mended" {
		t.Errorf("mended: %+v", a)
	}
	if got := s.status().Starts; got != n+1 {
		t.Errorf("mended after %d starts, want %d", got, n+1)
	}
}
