// Command testrun runs `go test -json` over the module and says, in a form for
// people, what failed, how many tests ran, and which were skipped and why.
//
// Its last line is "N passed, N failed, N skipped". With CI=true in the
// environment a skip counts as a failure unless its reason names something
// that testrun itself finds missing on this machine (see needs.go).
//
// With -guest PROGRAM before its other arguments, the tests that this machine's
// kernel cannot run, by the reason of their skip, are run once more by `go test
// -exec PROGRAM` (see guest.go). What they say there counts.
//
// With -plain PATTERNS, with commas between them, packages that match run without
// the race detector, beside the others (see groups.go).
//
// With -again, a few tests that failed are run once more, alone, after all the
// others (see again.go).
//
// It decides nothing else about what is tested: its further arguments go to
// go test. `make test` drives it.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
)

func main() {
	ci, _ := strconv.ParseBool(os.Getenv("CI")) // anything else than a true value means no
	os.Exit(run(os.Args[1:], ci, os.Stdout, os.Stderr))
}

// run runs go test with args and returns the exit status: 0 when every test
// passed or was skipped for a good reason, 1 when not, 2 when go test could
// not be run.
func run(args []string, ci bool, stdout, stderr io.Writer) int {
	report := newReport(stdout)
	finishGuest, plain, guest, twice := func() {}, "", "", false
flags:
	for len(args) > 1 {
		switch args[0] {
		case "-again":
			twice, args = true, args[1:]
			continue
		case "-guest":
			guest = args[1]
			finishGuest = startGuest(report, guest, stderr)
		case "-plain":
			plain = args[1]
		default:
			break flags
		}
		args = args[2:]
	}
	why := raceDetector()
	if why != "" {
		fmt.Fprintln(stderr, "testrun: the race detector is left out:", why)
	}
	list, err := groups(args, plain, why == "")
	if err != nil {
		fmt.Fprintln(stderr, "testrun:", err)
		return 2
	}
	// An interrupt from the terminal reaches go test too, which ends its
	// tests; what they said until then is still reported. Signals are caught
	// rather than ignored, because children inherit what is ignored.
	caught := make(chan os.Signal, 1)
	signal.Notify(caught, os.Interrupt)
	if !compile(list, caught) {
		finishGuest()
		fmt.Fprintln(stderr, "testrun: interrupted before the first test")
		return 2
	}
	started, err := runAll(list, report, stderr)
	finishGuest()
	if !started {
		fmt.Fprintln(stderr, "testrun:", err)
		return 2
	}
	if twice {
		if err := (&again{report: report, race: why == "", guest: guest, stderr: stderr}).all(plain); err != nil {
			fmt.Fprintln(stderr, "testrun:", err)
			return 2
		}
	}
	if !report.finish(ci, machine{}) {
		return 1
	}
	return 0
}

// goTest runs go test -json and gives every line that it says to line. An
// error says why it did not run to its end, or why it failed.
func goTest(g group, stderr io.Writer, line func([]byte)) (started bool, err error) {
	// What go test vets before it runs a package is a part of `make lint`, but for the few
	// files that have the tag race: `go vet -race` would compile every package for them.
	argv := append([]string{"go", "test", "-json", "-vet=off"}, g.args...)
	if _, err := exec.LookPath("nice"); err == nil && g.aside {
		argv = append([]string{"nice"}, argv...)
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = append(os.Environ(), g.env...)
	cmd.Stderr = stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return false, fmt.Errorf("open the output of go test: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return false, fmt.Errorf("start go test: %w", err)
	}
	if err := read(out, line); err != nil {
		cmd.Process.Kill() // it would wait for a reader for ever
		return true, errors.Join(fmt.Errorf("read the output of go test: %w", err), cmd.Wait())
	}
	if err := cmd.Wait(); err != nil {
		return true, fmt.Errorf("go test ended with %w", err)
	}
	return true, nil
}

// read gives every line of r to line, whatever its length.
func read(r io.Reader, line func([]byte)) error {
	// Not a bufio.Scanner: a test may print a line of any length.
	var text []byte
	buf := make([]byte, 64<<10)
	for {
		n, err := r.Read(buf)
		text = append(text, buf[:n]...)
		for {
			end := bytes.IndexByte(text, '\n')
			if end < 0 {
				break
			}
			line(text[:end])
			text = text[end+1:]
		}
		if errors.Is(err, io.EOF) {
			if len(text) > 0 {
				line(text)
			}
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// event is one line of go test -json (go doc test2json), as far as it is used.
type event struct {
	Action     string
	Package    string
	ImportPath string // of build-output
	Test       string
	Elapsed    float64
	Output     string
}

// parse reads a line; ok is false for one that go itself wrote.
func parse(b []byte) (e event, ok bool) {
	ok = len(b) > 0 && b[0] == '{' && json.Unmarshal(b, &e) == nil
	return e, ok
}
