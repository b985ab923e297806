//go:build linux

// Command scale measures what many virtual routers on one host cost, and how
// well they keep time: for moonkeep and for keepalived, on one machine, in one
// run, taking turns in the same network.
//
// A trial has two hosts of network namespaces, joined by a bridge for every 250
// virtual routers, of which each has one address. The first host is MASTER of
// all, the second BACKUP. Beside the programs stands the floor: a bare loop that
// sends the same packets, and one that receives them.
//
// The command measures and prints; it does not judge. It needs root.
// `make bench-scale` drives it.
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

	"github.com/moonkeep/moonkeep/contrib/bench/subject"
)

// settings are the flags.
type settings struct {
	subject.Programs
	sizes     []int
	version   int
	intervals []time.Duration
	programs  []string
	runs      int
	settle    time.Duration
	window    time.Duration
	capture   time.Duration
	logs      string
	markdown  bool
}

// mostRouters is how many the addresses of the network suffice for.
const mostRouters = 250 * perInterface

func main() { os.Exit(subject.Run("bench-scale", parseFlags, run)) }

func parseFlags(args []string, stderr io.Writer) (settings, error) {
	s := settings{}
	f := flag.NewFlagSet("bench-scale", flag.ContinueOnError)
	f.SetOutput(stderr)
	s.Flags(f)
	sizes := f.String("instances", "1,250,1000,2000", "how many virtual routers")
	intervals := f.String("intervals", "1s,100ms", "advertisement intervals")
	f.IntVar(&s.version, "version", 3, "version of VRRP; 2 has intervals of whole seconds")
	programs := f.String("programs", ours+","+theirs+","+floor, "what is measured, in this order in each turn")
	f.IntVar(&s.runs, "runs", 1, "how many turns each program has for each size and interval")
	f.DurationVar(&s.settle, "settle", 6*time.Second, "how long a pair is left alone before it is measured: what follows a start, such as a second round of announcements, is to be over")
	f.DurationVar(&s.window, "window", 8*time.Second, "how long CPU time is counted")
	f.DurationVar(&s.capture, "capture", 5*time.Second, "how long adverts are captured")
	f.StringVar(&s.logs, "logs", "", "keep configurations and logs in this folder")
	f.BoolVar(&s.markdown, "markdown", false, "print the table as markdown")
	short := f.Bool("short", false, "the smallest table that shows every figure: -instances 20 -intervals 100ms, and short times")
	err := subject.Parse(f, args, func() error {
		if *short {
			*sizes, *intervals = "20", "100ms"
			if s.version == 2 {
				*intervals = "1s"
			}
			s.settle, s.window, s.capture = 200*time.Millisecond, time.Second, time.Second
		}
		return s.fill(*sizes, *intervals, *programs)
	})
	return s, err
}

func (s *settings) fill(sizes, intervals, programs string) (err error) {
	for text := range strings.SplitSeq(sizes, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > mostRouters {
			return fmt.Errorf("-instances %q: use numbers from 1 to %d", text, mostRouters)
		}
		s.sizes = append(s.sizes, n)
	}
	for text := range strings.SplitSeq(intervals, ",") {
		d, err := time.ParseDuration(text)
		if err != nil || d < 10*time.Millisecond || d > 40*time.Second || d%(10*time.Millisecond) != 0 {
			return fmt.Errorf("-intervals %q: use multiples of 10ms up to 40s", text)
		}
		if s.version == 2 && d%time.Second != 0 {
			return fmt.Errorf("-intervals %q: version 2 has whole seconds; give -intervals 1s", text)
		}
		s.intervals = append(s.intervals, d)
	}
	if s.version != 2 && s.version != 3 {
		return errors.New("-version must be 2 or 3")
	}
	if s.runs < 1 || s.settle < 0 || s.window <= 0 || s.capture <= 0 {
		return errors.New("-runs, -window and -capture must be positive")
	}
	s.programs, err = subject.Choose(programs, ours, theirs, floor)
	return err
}

// run measures everything and prints the table, also that of a run which an
// interrupt or an error ended early.
func run(ctx context.Context, s settings, out, progress io.Writer) (err error) {
	if os.Geteuid() != 0 {
		return errors.New("it builds networks, which needs root")
	}
	if err := s.Find(s.programs); err != nil {
		return err
	}
	machine, err := s.Describe(s.programs)
	if err != nil {
		return err
	}
	if s.logs == "" {
		if s.logs, err = os.MkdirTemp("", "bench-scale-"); err != nil {
			return fmt.Errorf("make a folder for configurations: %w", err)
		}
		defer os.RemoveAll(s.logs)
	}
	t := &table{}
	failure := measure(ctx, s, t, progress)
	fmt.Fprintln(out, machine)
	fmt.Fprintf(out, "VRRP version %d; %d turns each; CPU time over %v, adverts over %v\n\n", s.version, s.runs, s.window, s.capture)
	t.grow()
	t.print(out, s.markdown)
	if ctx.Err() != nil {
		return errors.New("interrupted; the table holds what was measured until then")
	}
	return failure
}

// measure plays all trials. The network of a size is one for all of them, so
// that nobody has the better one.
func measure(ctx context.Context, s settings, t *table, progress io.Writer) error {
	for _, n := range s.sizes {
		err := func() (err error) {
			w, err := newNetwork(n)
			if err != nil {
				return fmt.Errorf("build a network for %d virtual routers: %w", n, err)
			}
			defer func() { err = errors.Join(err, w.close()) }()
			for turn := range s.runs {
				for _, interval := range s.intervals {
					for _, name := range s.programs {
						fmt.Fprintf(progress, "%s: %d instances, %v, turn %d of %d\n", name, n, interval, turn+1, s.runs)
						tr := trial{settings: s, program: name, n: n, interval: interval, net: w, report: func(figure string, v float64) {
							t.Add(row{n, interval, figure}, name, v)
						}}
						if err := tr.run(ctx); err != nil {
							return fmt.Errorf("%s with %d instances at %v: %w", name, n, interval, err)
						}
					}
				}
			}
			return nil
		}()
		if err != nil {
			return err
		}
	}
	return nil
}
