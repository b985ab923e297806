//go:build linux

// Command table measures how fast the table of IPVS follows: for moonkeep and
// for keepalived, in one guest of User-Mode Linux, in one run, taking turns,
// each in a network namespace of its own.
//
// All real servers have a check and answer it, rarely asked, so that nothing
// comes or goes by itself; beside them is one that is asked every second and
// dies.
//
// The command measures and prints; it does not judge. It needs root and a kernel
// with IPVS. `make bench-table` drives it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/moonkeep/moonkeep/contrib/bench/figures"
	"github.com/moonkeep/moonkeep/contrib/bench/subject"
)

// settings are the flags.
type settings struct {
	subject.Programs
	sizes    []int
	per      int
	runs     int
	deaths   int
	programs []string
	steps    []string
	meter    *subject.Meter
	limit    time.Duration
	markdown bool
}

// What the programs are called in tables.
const (
	ours   = subject.Moonkeep
	theirs = subject.Keepalived
)

func main() { os.Exit(subject.Run("bench-table", parseFlags, run)) }

func parseFlags(args []string, stderr io.Writer) (settings, error) {
	s := settings{}
	f := flag.NewFlagSet("bench-table", flag.ContinueOnError)
	f.SetOutput(stderr)
	s.Flags(f)
	sizes := f.String("servers", "1000,10000,37000", "how many real servers")
	programs := f.String("programs", ours+","+theirs, "what is measured, in this order in each turn")
	steps := f.String("steps", "reload,deaths", "what is measured between start and stop")
	f.IntVar(&s.per, "per", 10, "how many of them a virtual server has")
	f.IntVar(&s.runs, "runs", 1, "how many turns each program has for each size")
	f.IntVar(&s.deaths, "deaths", 10, "how often a real server dies in a turn")
	f.DurationVar(&s.limit, "limit", 20*time.Minute, "how long anything may take: with keepalived a start of 37,000 takes longer than one is used to")
	f.BoolVar(&s.markdown, "markdown", false, "print the table as markdown")
	err := subject.Parse(f, args, func() error { return s.fill(*sizes, *programs, *steps) })
	return s, err
}

func (s *settings) fill(sizes, programs, steps string) (err error) {
	for text := range strings.SplitSeq(sizes, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < leastServers || n > mostServers {
			return fmt.Errorf("-servers %q: use numbers from %d to %d", text, leastServers, mostServers)
		}
		s.sizes = append(s.sizes, n)
	}
	if s.runs < 1 || s.deaths < 1 || s.per < 2 || s.per > leastServers {
		return fmt.Errorf("-runs and -deaths must be positive, and -per from 2 to %d", leastServers)
	}
	for step := range strings.SplitSeq(steps, ",") {
		if step != "" && step != "reload" && step != "deaths" {
			return fmt.Errorf("-steps %q: use reload, deaths, both or nothing", steps)
		}
		s.steps = append(s.steps, step)
	}
	s.programs, err = subject.Choose(programs, ours, theirs)
	return err
}

// run measures everything and prints the table, also that of a run which an
// error ended early.
func run(ctx context.Context, s settings, out, progress io.Writer) error {
	if os.Geteuid() != 0 {
		return errors.New("it makes network namespaces, which needs root")
	}
	if err := s.Find(s.programs); err != nil {
		return err
	}
	machine, err := s.Describe(s.programs)
	if err != nil {
		return err
	}
	if s.meter, err = subject.OpenMeter(); err != nil {
		return err
	}
	if s.meter != nil {
		defer s.meter.Close()
	}
	t := &table{}
	failure := measure(ctx, s, t, progress)
	fmt.Fprintf(out, "%s\n%d turns each, %d deaths in each; where there are several values: least / median / greatest; times in seconds\n\n", machine, s.runs, s.deaths)
	t.print(out, s.markdown)
	return failure
}

func measure(ctx context.Context, s settings, t *table, progress io.Writer) error {
	for _, n := range s.sizes {
		for turn := range s.runs {
			for _, name := range s.programs {
				fmt.Fprintf(progress, "%s: %d real servers, turn %d of %d\n", name, n, turn+1, s.runs)
				tr := trial{settings: s, program: name, n: n, report: func(figure string, v float64) {
					t.Add(row{n, figure}, name, v)
					fmt.Fprintf(progress, "  %s: %s\n", figure, figures.Number(v)) // some take many minutes
				}}
				if err := tr.run(ctx); err != nil {
					return fmt.Errorf("%s with %d real servers: %w", name, n, err)
				}
			}
		}
	}
	return nil
}
