//go:build linux

package subject

import (
	"context"
	"errors"
	"flag"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/kernel/netns"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		args string
		fill error
		want string // what is said; "": nothing is wrong
	}{
		{"-moonkeep /m", nil, ""},
		{"-moonkeep /m more", nil, `bench: "more" is too much: there are flags only`},
		{"-moonkeep /m", errors.New("no such size"), "bench: no such size"},
		{"-unknown", nil, "flag provided but not defined: -unknown"},
	} {
		var said strings.Builder
		f := flag.NewFlagSet("bench", flag.ContinueOnError)
		f.SetOutput(&said)
		var p Programs
		p.Flags(f)
		err := Parse(f, strings.Fields(c.args), func() error { return c.fill })
		if (err == nil) != (c.want == "") || !strings.HasPrefix(said.String(), c.want) {
			t.Errorf("%s: %v, and it said %q, want %q", c.args, err, &said, c.want)
		}
		if err == nil && (p.Moonkeep != "/m" || p.Keepalived != "/usr/sbin/keepalived") {
			t.Errorf("%s: %+v", c.args, p)
		}
	}
}

func TestChoose(t *testing.T) {
	got, err := Choose("b,a", "a", "b", "c")
	if err != nil || !slices.Equal(got, []string{"b", "a"}) {
		t.Errorf("got %q, %v", got, err)
	}
	for _, text := range []string{"", "a,", "d"} {
		if _, err := Choose(text, "a", "b"); err == nil {
			t.Errorf("%q: no error", text)
		}
	}
}

// TestFind holds that what is not measured need not be there.
func TestFind(t *testing.T) {
	p := Programs{Moonkeep: "sh", Keepalived: "/nowhere/keepalived"}
	if err := p.Find([]string{Moonkeep}); err != nil || !strings.HasPrefix(p.Moonkeep, "/") {
		t.Errorf("%+v, %v", p, err)
	}
	if err := p.Find([]string{Moonkeep, Keepalived}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

// TestDaemon runs a shell in the place of a moonkeep.
func TestDaemon(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: to make a network namespace")
	}
	ns, err := netns.New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := ns.Close(); err != nil {
			t.Error(err)
		}
	})
	begin := func(script string) *Daemon {
		t.Helper()
		path := t.TempDir() + "/moonkeep"
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script), 0o755); err != nil {
			t.Fatal(err)
		}
		p := Programs{Moonkeep: path}
		d, err := p.Start(Moonkeep, VRRP, ns, t.TempDir(), "text")
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	until := func(d *Daemon, word string) {
		t.Helper()
		for end := time.Now().Add(20 * time.Second); !strings.Contains(d.Words(), word); time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("it never said %q", word)
			}
		}
	}

	d := begin(`trap "cat $3; echo; echo reloaded" HUP; trap "exit 3" TERM; echo ready; i=0; while :; do sleep 0.01; done`)
	until(d, "ready")
	if err := errors.Join(d.Lives(), d.Configure("another text"), d.Reload()); err != nil {
		t.Fatal(err)
	}
	until(d, "reloaded")
	if !strings.Contains(d.Words(), "another text") {
		t.Errorf("it read %q", d.Words())
	}
	cpu, err := d.CPU()
	rss, pss, merr := d.Memory()
	if err != nil || merr != nil || cpu <= 0 || rss < pss || pss <= 0 {
		t.Errorf("CPU %v, memory %d and %d, %v, %v", cpu, rss, pss, err, merr)
	}
	if took, err := d.Stop(20 * time.Second); err != nil || took <= 0 {
		t.Errorf("it took %v, %v", took, err)
	}
	if err := d.Kill(); err != nil {
		t.Error(err)
	}

	d = begin("exit 3")
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		if err := d.Lives(); err != nil {
			if !strings.Contains(err.Error(), "exit status 3") {
				t.Errorf("it ended: %v", err)
			}
			break
		}
		if time.Now().After(end) {
			t.Fatal("that it ended was not noticed")
		}
	}

	d = begin(`trap "" TERM; echo ready; sleep 3600 & sleep 3600`)
	until(d, "ready")
	if _, err := d.Stop(10 * time.Millisecond); err == nil {
		t.Error("one that does not end was not told of")
	}
	if err := d.Kill(); err != nil {
		t.Error(err)
	}
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		pids, err := d.processes()
		if err != nil {
			break // there is none
		}
		if time.Now().After(end) {
			t.Fatalf("processes %v are left", pids)
		}
	}
}

func TestRun(t *testing.T) {
	broken := errors.New("broken")
	for want, c := range map[int][2]error{0: {nil, nil}, 1: {nil, broken}, 2: {broken, nil}} {
		got := Run("bench", func([]string, io.Writer) (int, error) { return 7, c[0] }, func(_ context.Context, s int, _, _ io.Writer) error {
			if s != 7 || c[0] != nil {
				t.Errorf("it measured with %d after %v", s, c[0])
			}
			return c[1]
		})
		if got != want {
			t.Errorf("status %d, want %d", got, want)
		}
	}
}
