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
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/moonkeep/moonkeep/contrib/bench/subject"
)

// settings are the flags.
type settings struct {
	subject.Programs
	modes    []mode
	events   []event
	trials   int
	probe    time.Duration
	markdown bool
}

func main() { os.Exit(subject.Run("bench-failover", parseFlags, run)) }

func parseFlags(args []string, stderr io.Writer) (settings, error) {
	s := settings{}
	f := flag.NewFlagSet("bench-failover", flag.ContinueOnError)
	f.SetOutput(stderr)
	s.Flags(f)
	modes := f.String("modes", "v2:1s,v3:1s,v3:100ms,v3:10ms", "VRRP version and advertisement interval")
	events := f.String("events", eventNames(), "what happens to the master")
	f.IntVar(&s.trials, "trials", 20, "how often each event happens to each pair")
	f.DurationVar(&s.probe, "probe", time.Millisecond, "time between two probes of the client: the resolution")
	f.BoolVar(&s.markdown, "markdown", false, "print the table as markdown")
	err := subject.Parse(f, args, func() error { return s.fill(*modes, *events) })
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
	if s.trials < 1 || s.probe <= 0 {
		return errors.New("-trials and -probe must be positive")
	}
	return nil
}

// run measures everything and prints the table, also that of a run which an
// interrupt ended early.
func run(ctx context.Context, s settings, out, progress io.Writer) error {
	if os.Geteuid() != 0 {
		return errors.New("it builds networks, which needs root")
	}
	both := []string{ours, theirs}
	if err := s.Find(both); err != nil {
		return err
	}
	machine, err := s.Describe(both)
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
		return errors.New("interrupted; the table holds what was measured until then")
	}
	return failure
}
