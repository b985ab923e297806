//go:build linux

// Command checkers measures what checks of real servers cost: with moonkeep and
// with keepalived's checker, on one machine, in one run, taking turns in the
// same network.
//
// The network is two namespaces: a director with the program, and a host that
// is every real server, where one nginx answers on each of their addresses. The
// virtual server stands in IPVS, without which keepalived checks nothing; a
// kernel that has none runs it in a guest (contrib/uml).
//
// The command measures and prints; it does not judge. It needs root.
// `make bench-checkers` drives it.
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

// What the programs are called in the table.
const (
	ours   = subject.Moonkeep
	theirs = subject.Keepalived
)

// settings are the flags.
type settings struct {
	subject.Programs
	kinds    []string
	sizes    []int
	loops    []time.Duration
	programs []string
	runs     int
	settle   time.Duration
	window   time.Duration
	logs     string
	markdown bool
}

// mostServers is how many addresses the network has for real servers.
const mostServers = 60000

func main() { os.Exit(subject.Run("bench-checkers", parseFlags, run)) }

func parseFlags(args []string, stderr io.Writer) (settings, error) {
	s := settings{}
	f := flag.NewFlagSet("bench-checkers", flag.ContinueOnError)
	f.SetOutput(stderr)
	s.Flags(f)
	kinds := f.String("checks", "TCP_CHECK,HTTP_GET", "the kinds of check")
	sizes := f.String("servers", "1000,4000", "how many real servers")
	loops := f.String("loops", "1s,5s", "delay_loop of the checks")
	programs := f.String("programs", ours+","+theirs, "what is measured, in this order in each turn")
	f.IntVar(&s.runs, "runs", 1, "how many turns each program has")
	f.DurationVar(&s.settle, "settle", 3*time.Second, "how long a program is left alone before it is measured, beyond delay_loop")
	f.DurationVar(&s.window, "window", 10*time.Second, "how long CPU time is counted")
	f.StringVar(&s.logs, "logs", "", "keep configurations and logs in this folder")
	f.BoolVar(&s.markdown, "markdown", false, "print the table as markdown")
	short := f.Bool("short", false, "the smallest table that shows every figure: -servers 20 -loops 1s, and short times")
	err := subject.Parse(f, args, func() error {
		if *short {
			*sizes, *loops = "20", "1s"
			s.settle, s.window = 200*time.Millisecond, 2*time.Second
		}
		return s.fill(*kinds, *sizes, *loops, *programs)
	})
	return s, err
}

func (s *settings) fill(kinds, sizes, loops, programs string) (err error) {
	for kind := range strings.SplitSeq(kinds, ",") {
		if checks[kind] == "" {
			return fmt.Errorf("-checks %q: use TCP_CHECK and HTTP_GET", kind)
		}
		s.kinds = append(s.kinds, kind)
	}
	for text := range strings.SplitSeq(sizes, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > mostServers {
			return fmt.Errorf("-servers %q: use numbers from 1 to %d", text, mostServers)
		}
		s.sizes = append(s.sizes, n)
	}
	for text := range strings.SplitSeq(loops, ",") {
		d, err := time.ParseDuration(text)
		if err != nil || d < time.Second || d > time.Hour {
			return fmt.Errorf("-loops %q: use times from 1s to 1h", text)
		}
		s.loops = append(s.loops, d)
	}
	if s.runs < 1 || s.settle < 0 || s.window <= 0 {
		return errors.New("-runs and -window must be positive")
	}
	s.programs, err = subject.Choose(programs, ours, theirs)
	return err
}

// run measures everything and prints the table, also that of a run which an
// interrupt or an error ended early.
func run(ctx context.Context, s settings, out, progress io.Writer) (err error) {
	if os.Geteuid() != 0 {
		return errors.New("it builds networks, which needs root")
	}
	if _, err := os.Stat("/sys/module/ip_vs"); err != nil {
		return errors.New("this kernel has no IPVS, without which keepalived checks nothing; run it by `make bench-checkers`, which starts a guest")
	}
	if err := s.Find(s.programs); err != nil {
		return err
	}
	machine, err := s.Describe(s.programs)
	if err != nil {
		return err
	}
	if s.logs == "" {
		if s.logs, err = os.MkdirTemp("", "bench-checkers-"); err != nil {
			return fmt.Errorf("make a folder for configurations: %w", err)
		}
		defer os.RemoveAll(s.logs)
	}
	meter, err := subject.OpenMeter()
	if err != nil {
		return err
	}
	if meter == nil {
		return errors.New("it counts the CPU time of a guest of User-Mode Linux, and this is none; run it by `make bench-checkers`")
	}
	defer meter.Close()
	t := &table{}
	failure := measure(ctx, s, meter, t, progress)
	fmt.Fprintln(out, machine)
	fmt.Fprintf(out, "%d turns each; CPU time over %v\n\n", s.runs, s.window)
	t.print(out, s.markdown)
	if ctx.Err() != nil {
		return errors.New("interrupted; the table holds what was measured until then")
	}
	return failure
}

// measure plays all trials, each in a network of its own.
func measure(ctx context.Context, s settings, meter *subject.Meter, t *table, progress io.Writer) error {
	// What was begun before may go on for a moment: the least of some counts.
	idle := time.Second
	for range 3 {
		spent, err := spend(ctx, meter, time.Second)
		if err != nil {
			return err
		}
		idle = min(idle, spent)
	}
	fmt.Fprintf(progress, "an idle second costs %v\n", idle.Round(time.Microsecond))
	for _, kind := range s.kinds {
		for _, n := range s.sizes {
			for _, loop := range s.loops {
				for turn := range s.runs {
					for _, program := range s.programs {
						fmt.Fprintf(progress, "%s: %d real servers, %s each %v, turn %d of %d\n", program, n, kind, loop, turn+1, s.runs)
						tr := trial{settings: s, program: program, kind: kind, n: n, loop: loop, meter: meter, idle: idle, report: func(figure string, v float64) {
							t.Add(row{kind, n, loop, figure}, program, v)
						}}
						if err := tr.run(ctx); err != nil {
							return fmt.Errorf("%s with %d real servers, %s each %v: %w", program, n, kind, loop, err)
						}
					}
				}
			}
		}
	}
	return nil
}
