//go:build linux

// Command lua measures what Lua checks cost: single calls inside a process, and
// a hundred checks a second of "is nginx running" in the daemon beside the
// scripts that keepalived runs for the same, in one run on one machine.
//
// It measures and prints; it does not judge. `make bench-lua` drives it, as
// root: each daemon gets a network namespace of its own.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// settings are the flags.
type settings struct {
	moonkeep   string
	keepalived string
	processes  int
	checks     int
	window     time.Duration
	runs       int
}

func main() {
	s, err := parseFlags(os.Args[1:], os.Stderr)
	if err != nil {
		os.Exit(2) // the flag package has said why
	}
	if err := run(s, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench-lua:", err)
		os.Exit(1)
	}
}

func parseFlags(args []string, stderr io.Writer) (settings, error) {
	var s settings
	f := flag.NewFlagSet("lua", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&s.moonkeep, "moonkeep", "build/moonkeep", "the moonkeep to measure")
	f.StringVar(&s.keepalived, "keepalived", "/usr/sbin/keepalived", "the keepalived to measure beside it")
	f.IntVar(&s.processes, "processes", 500, "how many processes the machine has at least while calls are measured")
	f.IntVar(&s.checks, "checks", 100, "how many checks each daemon runs a second")
	f.DurationVar(&s.window, "window", 8*time.Second, "how long each daemon is measured")
	f.IntVar(&s.runs, "runs", 3, "how often each daemon is measured; the median counts")
	return s, f.Parse(args)
}

// run measures and prints.
func run(s settings, out io.Writer) error {
	if err := calls(s, out); err != nil {
		return err
	}
	return daemons(s, out)
}

// crowd starts processes until the machine has n, and returns how to end them.
func crowd(n int) (end func(), err error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if strings.Trim(e.Name(), "0123456789") == "" {
			n--
		}
	}
	var all []*exec.Cmd
	end = func() {
		for _, cmd := range all {
			_ = cmd.Process.Kill() // it may have ended
			_ = cmd.Wait()         // it says that it was killed
		}
	}
	for range max(n, 1) { // one is looked for
		cmd := exec.Command("sleep", "3600")
		if err := cmd.Start(); err != nil {
			end()
			return nil, err
		}
		all = append(all, cmd)
	}
	return end, nil
}
