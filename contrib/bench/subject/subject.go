//go:build linux

// Package subject is what the benchmarks measure: a moonkeep and a keepalived.
// It finds both, says which they are, starts one in a network namespace, counts
// what it costs and ends it. What they are to do, and what of it is measured,
// each benchmark knows for itself.
package subject

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
	"slices"
	"strings"
	"syscall"
)

// The names of the programs, in flags and in tables.
const (
	Moonkeep   = "moonkeep"
	Keepalived = "keepalived"
)

// Programs are the paths of both.
type Programs struct {
	Moonkeep   string
	Keepalived string
}

// Flags has flags of these names set the paths.
func (p *Programs) Flags(f *flag.FlagSet) {
	f.StringVar(&p.Moonkeep, Moonkeep, "build/moonkeep", "the moonkeep to measure")
	f.StringVar(&p.Keepalived, Keepalived, "/usr/sbin/keepalived", "the keepalived to measure")
}

// Find looks for those of the programs that are to be measured, and keeps whole
// paths: they run in directories of their own.
func (p *Programs) Find(names []string) error {
	for name, program := range map[string]*string{Moonkeep: &p.Moonkeep, Keepalived: &p.Keepalived} {
		if !slices.Contains(names, name) {
			continue
		}
		path, err := exec.LookPath(*program)
		if err != nil {
			return fmt.Errorf("find what is to be measured: %w", err)
		}
		if *program, err = filepath.Abs(path); err != nil {
			return fmt.Errorf("find what is to be measured: %w", err)
		}
	}
	return nil
}

// Describe is a line about the machine and those of the programs that are
// measured.
func (p *Programs) Describe(names []string) (string, error) {
	kernel, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return "", fmt.Errorf("ask for the kernel's version: %w", err)
	}
	text := fmt.Sprintf("%d cores, Linux %s", runtime.NumCPU(), firstLine(kernel))
	for _, c := range []struct{ name, path, ask string }{{Moonkeep, p.Moonkeep, "version"}, {Keepalived, p.Keepalived, "--version"}} {
		if !slices.Contains(names, c.name) {
			continue
		}
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

// Choose reads a list of programs as a flag has it: names with commas between,
// of those that there are.
func Choose(text string, there ...string) ([]string, error) {
	names := strings.Split(text, ",")
	for _, name := range names {
		if !slices.Contains(there, name) {
			return nil, fmt.Errorf("-programs %q: use %s", name, strings.Join(there, ", "))
		}
	}
	return names, nil
}

// Parse reads the flags and has fill make of them what the benchmark needs. What
// is wrong is also said on the set's output.
func Parse(f *flag.FlagSet, args []string, fill func() error) error {
	if err := f.Parse(args); err != nil {
		return err // it has said why
	}
	err := fill()
	if err == nil && f.NArg() > 0 {
		err = fmt.Errorf("%q is too much: there are flags only", f.Arg(0))
	}
	if err != nil {
		fmt.Fprintf(f.Output(), "%s: %v\n", f.Name(), err)
	}
	return err
}

// Run is the whole of a benchmark's command: it reads the arguments, measures
// until it is done or SIGINT or SIGTERM comes, and returns the status to exit
// with: 2 after a wrong use, of which parse has told, 1 after any other error.
func Run[S any](name string, parse func(args []string, stderr io.Writer) (S, error), measure func(ctx context.Context, s S, stdout, progress io.Writer) error) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	s, err := parse(os.Args[1:], os.Stderr)
	if err != nil {
		return 2
	}
	if err := measure(ctx, s, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		return 1
	}
	return 0
}
