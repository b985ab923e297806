//go:build linux

// Command parse measures how long a large keepalived.conf takes to be checked,
// and how much memory that takes: by moonkeep check and by keepalived -t, on
// one file, in one run, taking turns.
//
// The file has virtual servers with real servers and a check each. The command
// measures and prints; it does not judge. `make bench-parse` drives it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/moonkeep/moonkeep/contrib/bench/subject"
)

// settings are the flags.
type settings struct {
	subject.Programs
	shape shape
	runs  int
	keep  string
}

func main() { os.Exit(subject.Run("bench-parse", parseFlags, run)) }

func parseFlags(args []string, stderr io.Writer) (settings, error) {
	s := settings{}
	f := flag.NewFlagSet("bench-parse", flag.ContinueOnError)
	f.SetOutput(stderr)
	s.Flags(f)
	f.IntVar(&s.shape.servers, "servers", 37_000, "how many real servers the file has")
	f.IntVar(&s.shape.each, "each", 16, "how many of them each virtual server has")
	f.StringVar(&s.shape.check, "check", "HTTP_GET", "their check: HTTP_GET, TCP_CHECK or none")
	f.IntVar(&s.runs, "runs", 7, "how often each program checks the file")
	f.StringVar(&s.keep, "keep", "", "write the file here and keep it")
	err := subject.Parse(f, args, func() error {
		switch {
		case s.runs < 1 || s.shape.servers < 1 || s.shape.each < 1:
			return errors.New("-runs, -servers and -each take at least 1")
		case s.shape.servers > mostServers:
			return fmt.Errorf("-servers takes at most %d", mostServers)
		case s.shape.text() == "":
			return fmt.Errorf("-check %s: use HTTP_GET, TCP_CHECK or none", s.shape.check)
		}
		return nil
	})
	return s, err
}

// run measures and prints the table.
func run(ctx context.Context, s settings, stdout, stderr io.Writer) error {
	path := s.keep
	if path == "" {
		dir, err := os.MkdirTemp("", "bench-parse-")
		if err != nil {
			return fmt.Errorf("make a folder for the file: %w", err)
		}
		defer os.RemoveAll(dir)
		path = filepath.Join(dir, "keepalived.conf")
	}
	text := s.shape.text()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		return fmt.Errorf("write the file: %w", err)
	}
	commands := map[string][]string{
		ours:   {s.Moonkeep, "check", "--brief", path},
		theirs: {s.Keepalived, "-t", "-f", path},
	}
	measured := &table{}
	for i := range s.runs {
		fmt.Fprintf(stderr, "run %d of %d\n", i+1, s.runs)
		// Each goes first in every second run, so that neither has the file
		// in a warmer cache.
		order := []string{ours, theirs}
		if i%2 == 1 {
			order = []string{theirs, ours}
		}
		for _, name := range order {
			u, err := measure(ctx, commands[name])
			if err != nil {
				return fmt.Errorf("run %d of %s: %w", i+1, name, err)
			}
			measured.add(name, u)
		}
	}
	fmt.Fprintf(stdout, "%d real servers in %d virtual servers, %.1f MiB; %d runs each\n\n", s.shape.servers, s.shape.services(), float64(len(text))/(1<<20), s.runs)
	measured.print(stdout)
	return nil
}

// usage is what one run took.
type usage struct {
	wall, cpu time.Duration
	// memory is the peak of the resident set, in bytes.
	memory int64
}

// measure runs a command to its end. That it finds something wrong with the
// file is no error: keepalived wants the interface on this host.
func measure(ctx context.Context, argv []string) (usage, error) {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	begin := time.Now()
	err := cmd.Run()
	wall := time.Since(begin)
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || !exit.Exited()) {
		return usage{}, err
	}
	state := cmd.ProcessState
	used, ok := state.SysUsage().(*syscall.Rusage)
	if !ok {
		return usage{}, errors.New("the system does not tell what a process used")
	}
	return usage{wall: wall, cpu: state.UserTime() + state.SystemTime(), memory: used.Maxrss << 10}, nil
}
