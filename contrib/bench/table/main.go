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
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
)

// settings are the flags.
type settings struct {
	moonkeep   string
	keepalived string
	sizes      []int
	per        int
	runs       int
	deaths     int
	programs   []string
	markdown   bool
}

// What the programs are called in tables.
const (
	ours   = "moonkeep"
	theirs = "keepalived"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	s, err := parseFlags(os.Args[1:], os.Stderr)
	if err != nil {
		os.Exit(2) // the flag package has said why
	}
	if err := run(ctx, s, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "bench-table:", err)
		os.Exit(1)
	}
}

func parseFlags(args []string, stderr io.Writer) (settings, error) {
	s := settings{}
	f := flag.NewFlagSet("table", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&s.moonkeep, "moonkeep", "build/moonkeep", "the moonkeep to measure")
	f.StringVar(&s.keepalived, "keepalived", "/usr/sbin/keepalived", "the keepalived to measure")
	sizes := f.String("servers", "1000,10000,37000", "how many real servers")
	programs := f.String("programs", ours+","+theirs, "what is measured, in this order in each turn")
	f.IntVar(&s.per, "per", 10, "how many of them a virtual server has")
	f.IntVar(&s.runs, "runs", 1, "how many turns each program has for each size")
	f.IntVar(&s.deaths, "deaths", 10, "how often a real server dies in a turn")
	f.BoolVar(&s.markdown, "markdown", false, "print the table as markdown")
	if err := f.Parse(args); err != nil {
		return s, err
	}
	err := s.fill(*sizes, *programs)
	if err == nil && f.NArg() > 0 {
		err = fmt.Errorf("%q is too much: there are flags only", f.Arg(0))
	}
	if err != nil {
		fmt.Fprintln(stderr, "bench-table:", err)
	}
	return s, err
}

func (s *settings) fill(sizes, programs string) error {
	for text := range strings.SplitSeq(sizes, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < leastServers || n > mostServers {
			return fmt.Errorf("-servers %q: use numbers from %d to %d", text, leastServers, mostServers)
		}
		s.sizes = append(s.sizes, n)
	}
	for name := range strings.SplitSeq(programs, ",") {
		if name != ours && name != theirs {
			return fmt.Errorf("-programs %q: use %s and %s", name, ours, theirs)
		}
		s.programs = append(s.programs, name)
	}
	if s.runs < 1 || s.deaths < 1 || s.per < 2 || s.per > leastServers {
		return fmt.Errorf("-runs and -deaths must be positive, and -per from 2 to %d", leastServers)
	}
	return nil
}

// run measures everything and prints the table, also that of a run which an
// error ended early.
func run(ctx context.Context, s settings, out, progress io.Writer) error {
	if os.Geteuid() != 0 {
		return errors.New("it makes network namespaces, which needs root")
	}
	for _, program := range []*string{&s.moonkeep, &s.keepalived} {
		path, err := exec.LookPath(*program)
		if err != nil {
			return fmt.Errorf("find what is to be measured: %w", err)
		}
		if *program, err = filepath.Abs(path); err != nil {
			return fmt.Errorf("find what is to be measured: %w", err)
		}
	}
	machine, err := describe(s)
	if err != nil {
		return err
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
					t.add(row{n, figure}, name, v)
				}}
				if err := tr.run(ctx); err != nil {
					return fmt.Errorf("%s with %d real servers: %w", name, n, err)
				}
			}
		}
	}
	return nil
}

// describe is a line about the machine and the programs.
func describe(s settings) (string, error) {
	kernel, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return "", fmt.Errorf("ask for the kernel's version: %w", err)
	}
	text := fmt.Sprintf("%d cores, Linux %s", runtime.NumCPU(), firstLine(kernel))
	for _, c := range []struct{ name, path, ask string }{{ours, s.moonkeep, "version"}, {theirs, s.keepalived, "--version"}} {
		// keepalived tells its version on standard error, among much else.
		said, err := exec.Command(c.path, c.ask).CombinedOutput()
		if err != nil {
			return "", fmt.Errorf("ask %s for its version: %w", c.name, err)
		}
		text += "; " + firstLine(said)
	}
	return text, nil
}

func firstLine(b []byte) string {
	line, _, _ := strings.Cut(strings.TrimSpace(string(b)), "\n")
	return line
}
