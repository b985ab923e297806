//go:build linux

// Command failover measures what a client of a virtual address goes through
// when the master of a pair fails, leaves or returns: for a pair of moonkeeps, for
// a pair of keepalived, and for a moonkeep whose peer is a keepalived, on one
// machine, in one run, taking turns.
//
// All pairs read the same configuration and live in networks of the same
// shape (core/lab), which exist at the same time; only one is disturbed at a
// time. The command measures and prints; it does not judge. It needs root.
// `make bench-failover` drives it.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// settings are the flags.
type settings struct {
	moonkeep   string
	keepalived string
	modes      []mode
	events     []event
	trials     int
	probe      time.Duration
	markdown   bool
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	s, err := parseFlags(os.Args[1:], os.Stderr)
	if err != nil {
		os.Exit(2) // the flag package has said why
	}
	if err := run(ctx, s, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "bench-failover:", err)
		os.Exit(1)
	}
}

func parseFlags(args []string, stderr io.Writer) (settings, error) {
	s := settings{}
	f := flag.NewFlagSet("failover", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&s.moonkeep, "moonkeep", "build/moonkeep", "the moonkeep to measure")
	f.StringVar(&s.keepalived, "keepalived", "/usr/sbin/keepalived", "the keepalived to measure")
	modes := f.String("modes", "v2:1s,v3:100ms,v3:10ms", "VRRP version and advertisement interval")
	events := f.String("events", eventNames(), "what happens to the master")
	f.IntVar(&s.trials, "trials", 10, "how often each event happens to each pair")
	f.DurationVar(&s.probe, "probe", time.Millisecond, "time between two probes of the client: the resolution")
	f.BoolVar(&s.markdown, "markdown", false, "print the table as markdown")
	if err := f.Parse(args); err != nil {
		return s, err
	}
	err := s.fill(*modes, *events)
	if err == nil && f.NArg() > 0 {
		err = fmt.Errorf("%q is too much: there are flags only", f.Arg(0))
	}
	if err == nil && (s.trials < 1 || s.probe <= 0) {
		err = fmt.Errorf("-trials and -probe must be positive")
	}
	if err != nil {
		fmt.Fprintln(stderr, err)
	}
	return s, err
}

func (s *settings) fill(modes, events string) error {
	for text := range strings.SplitSeq(modes, ",") {
		m, err := parseMode(text)
		if err != nil {
			return err
		}
		s.modes = append(s.modes, m)
	}
	for text := range strings.SplitSeq(events, ",") {
		e, ok := findEvent(text)
		if !ok {
			return fmt.Errorf("no event is called %q; there are %s", text, eventNames())
		}
		s.events = append(s.events, e)
	}
	return nil
}

// run measures everything and prints the table, also that of a run which an
// interrupt ended early.
func run(ctx context.Context, s settings, out, progress io.Writer) error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("it builds networks, which needs root")
	}
	for _, program := range []*string{&s.moonkeep, &s.keepalived} {
		path, err := exec.LookPath(*program)
		if err != nil {
			return fmt.Errorf("find what is to be measured: %w", err)
		}
		// The nodes run in directories of their own.
		if *program, err = filepath.Abs(path); err != nil {
			return fmt.Errorf("find what is to be measured: %w", err)
		}
	}
	machine, err := describe(s)
	if err != nil {
		return err
	}
	t := &table{}
	var failure error
	for _, m := range s.modes {
		if failure = measure(ctx, s, m, t, progress); failure != nil {
			break
		}
	}
	fmt.Fprintln(out, machine)
	fmt.Fprintf(out, "%d trials each; times in ms, min / median / max; one probe every %s\n\n", s.trials, s.probe)
	t.print(out, s.markdown)
	if ctx.Err() != nil {
		return fmt.Errorf("interrupted; the table holds what was measured until then")
	}
	return failure
}

// describe is a line about the machine and the programs.
func describe(s settings) (string, error) {
	kernel, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return "", fmt.Errorf("ask for the kernel's version: %w", err)
	}
	ours, err := exec.Command(s.moonkeep, "version").Output()
	if err != nil {
		return "", fmt.Errorf("ask moonkeep for its version: %w", err)
	}
	// keepalived tells its version on standard error, among much else.
	theirs, err := exec.Command(s.keepalived, "--version").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("ask keepalived for its version: %w", err)
	}
	return fmt.Sprintf("%d cores, Linux %s; %s; %s", runtime.NumCPU(), firstLine(kernel),
		firstLine(ours), firstLine(theirs)), nil
}

func firstLine(b []byte) string {
	line, _, _ := strings.Cut(strings.TrimSpace(string(b)), "\n")
	return line
}
