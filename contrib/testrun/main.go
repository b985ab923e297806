// Command testrun runs `go test -json` over the module and says, in a form for
// people, what failed, how many tests ran, and which were skipped and why.
//
// Its last line is "N passed, N failed, N skipped". With CI=true in the
// environment a skip counts as a failure unless its reason names something
// that testrun itself finds missing on this machine (see needs.go).
//
// It decides nothing about what is tested: its arguments go to go test.
// `make test` drives it.
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
	argv, env := []string{"test", "-json"}, os.Environ()
	if why := raceDetector(); why != "" {
		fmt.Fprintln(stderr, "testrun: the race detector is left out:", why)
	} else {
		argv, env = append(argv, "-race"), append(env, "CGO_ENABLED=1")
	}
	// An interrupt from the terminal reaches go test too, which ends its
	// tests; what they said until then is still reported. Signals are caught
	// rather than ignored, because children inherit what is ignored.
	signal.Notify(make(chan os.Signal, 1), os.Interrupt)
	cmd := exec.Command("go", append(argv, args...)...)
	cmd.Env = env
	cmd.Stderr = stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		fmt.Fprintln(stderr, "testrun: open the output of go test:", err)
		return 2
	}
	if err := cmd.Start(); err != nil {
		fmt.Fprintln(stderr, "testrun: start go test:", err)
		return 2
	}
	report := newReport(stdout)
	if err := read(out, report); err != nil {
		fmt.Fprintln(stderr, "testrun: read the output of go test:", err)
		report.failed++
	}
	if err := cmd.Wait(); err != nil {
		if exit := (*exec.ExitError)(nil); !errors.As(err, &exit) {
			fmt.Fprintln(stderr, "testrun: wait for go test:", err)
			report.failed++
		} else if report.failed == 0 {
			fmt.Fprintln(stdout, "FAIL go test ended with", err)
			report.failed++
		}
	}
	if !report.finish(ci, machine{}) {
		return 1
	}
	return 0
}

// read feeds every line of a go test -json stream to the report. Lines that
// are no JSON object come from the go command itself and are shown as they
// are.
func read(r io.Reader, report *report) error {
	// Not a bufio.Scanner: a test may print a line of any length.
	var line []byte
	buf := make([]byte, 64<<10)
	for {
		n, err := r.Read(buf)
		line = append(line, buf[:n]...)
		for {
			end := bytes.IndexByte(line, '\n')
			if end < 0 {
				break
			}
			report.line(line[:end])
			line = line[end+1:]
		}
		if errors.Is(err, io.EOF) {
			if len(line) > 0 {
				report.line(line)
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

func (r *report) line(b []byte) {
	var e event
	if len(b) == 0 {
		return
	}
	if b[0] != '{' || json.Unmarshal(b, &e) != nil {
		fmt.Fprintf(r.out, "%s\n", b)
		return
	}
	r.event(e)
}
