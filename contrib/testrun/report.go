package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// testID names a test or subtest.
type testID struct{ pkg, test string }

// report gathers the events of one run. Subtests count as tests, as in
// `go test -v`. Its methods may be called by several goroutines, except
// finish.
type report struct {
	mu    sync.Mutex
	out   io.Writer
	began time.Time
	// elsewhere takes a skipped test to run it where it can, and over is told
	// that a package has ended; nil: nobody does. They do not block and do not
	// call the report.
	elsewhere func(id testID, reason string) bool
	over      func(pkg string)

	passed, failed, skipped int
	// running holds what each unfinished test printed.
	running map[testID]*strings.Builder
	// packages holds what a package printed outside of its tests, and
	// counts its tests.
	packages map[string]*packageRun
	// skips groups the skipped tests by reason.
	skips map[string][]testID
	// long are the tests that took a second or more, without subtests, and without those
	// that go test need not run.
	long []timed
	// retries are the top-level tests that failed, unexcused those that get no
	// second run, unsteady those that passed in it (see again.go).
	retries             []retry
	unexcused, unsteady []testID
}

// timed is how long a test took.
type timed struct {
	id      testID
	seconds float64
}

type packageRun struct {
	output strings.Builder
	tests  int
	failed bool
	// cached says that go test tells what an earlier run said, and how long that took.
	cached bool
}

func newReport(out io.Writer) *report {
	return &report{
		out:      out,
		began:    time.Now(),
		running:  map[testID]*strings.Builder{},
		packages: map[string]*packageRun{},
		skips:    map[string][]testID{},
	}
}

func (r *report) pkg(name string) *packageRun {
	p := r.packages[name]
	if p == nil {
		p = &packageRun{}
		r.packages[name] = p
	}
	return p
}

// line takes a line of go test -json. One that is no JSON object comes from
// the go command itself and is shown as it is.
func (r *report) line(b []byte) {
	if e, ok := parse(b); ok {
		r.take(e)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(b) > 0 {
		fmt.Fprintf(r.out, "%s\n", b)
	}
}

// take takes an event.
func (r *report) take(e event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.event(e)
}

// broken takes the error of a go test that ran. That it failed is no news
// when a test did.
func (r *report) broken(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && r.failed > 0 {
		return
	}
	fmt.Fprintln(r.out, "FAIL", err)
	r.failed++
}

func (r *report) event(e event) {
	switch {
	case e.Action == "build-output":
		fmt.Fprint(r.out, e.Output)
	case e.Test == "":
		r.packageEvent(e)
	default:
		r.testEvent(e)
	}
}

func (r *report) testEvent(e event) {
	id := testID{e.Package, e.Test}
	if e.Elapsed >= 1 && !strings.Contains(e.Test, "/") {
		r.long = append(r.long, timed{id, e.Elapsed})
	}
	switch e.Action {
	case "run":
		r.running[id] = &strings.Builder{}
	case "output":
		if b := r.running[id]; b != nil {
			b.WriteString(e.Output)
		} else {
			// Late output, after the test's end.
			r.pkg(e.Package).output.WriteString(e.Output)
		}
	case "pass":
		r.end(id)
		r.passed++
	case "skip":
		reason := skipReason(r.end(id))
		if r.elsewhere != nil && r.elsewhere(id, reason) {
			return
		}
		r.skips[reason] = append(r.skips[reason], id)
		r.skipped++
	case "fail":
		r.fail(id, e.Elapsed, true)
	}
}

// end forgets a running test and returns what it printed.
func (r *report) end(id testID) string {
	r.pkg(id.pkg).tests++
	b := r.running[id]
	delete(r.running, id)
	if b == nil {
		return ""
	}
	return b.String()
}

// fail takes a test that failed, or, without ended, one that never said how it
// ended.
func (r *report) fail(id testID, seconds float64, ended bool) {
	output := r.end(id)
	r.note(id, ended, output)
	r.failed++
	r.pkg(id.pkg).failed = true
	fmt.Fprintf(r.out, "FAIL %s %s (%.1fs)\n%s", id.pkg, id.test, seconds, indent(output))
}

func (r *report) packageEvent(e event) {
	p := r.pkg(e.Package)
	if r.over != nil && (e.Action == "pass" || e.Action == "fail") {
		r.over(e.Package)
	}
	switch e.Action {
	case "output":
		p.output.WriteString(e.Output)
		p.cached = p.cached || strings.HasSuffix(e.Output, "\t(cached)\n")
	case "pass":
		took := fmt.Sprintf("%.1fs", e.Elapsed)
		if p.cached {
			took = "cached"
		}
		fmt.Fprintf(r.out, "ok   %s %s, %d tests, after %.0fs\n", e.Package, took, p.tests, time.Since(r.began).Seconds())
	case "fail":
		// A panic or a timeout ends a test without an event of its own.
		for _, id := range r.unfinished(e.Package) {
			r.fail(id, e.Elapsed, false)
		}
		if !p.failed {
			// It did not compile, or failed outside of any test.
			r.failed++
		}
		fmt.Fprintf(r.out, "FAIL %s %.1fs, after %.0fs\n", e.Package, e.Elapsed, time.Since(r.began).Seconds())
		if !p.failed {
			fmt.Fprint(r.out, indent(p.output.String()))
		}
	}
}

// unfinished returns the running tests of a package, or all of them when it is
// empty.
func (r *report) unfinished(pkg string) []testID {
	var ids []testID
	for id := range r.running {
		if pkg == "" || id.pkg == pkg {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b testID) int {
		return cmp.Or(strings.Compare(a.pkg, b.pkg), strings.Compare(a.test, b.test))
	})
	return ids
}

// finish prints the skip reasons and the summary line, and reports whether
// the run was good. m says what the machine lacks; it is asked only in CI.
func (r *report) finish(ci bool, m lacks) bool {
	for _, id := range r.unfinished("") {
		r.fail(id, 0, false) // go test itself was cut short
	}
	for _, reason := range slices.Sorted(maps.Keys(r.skips)) {
		ids := r.skips[reason]
		fmt.Fprintf(r.out, "skipped %d: %s\n", len(ids), reason)
		for _, id := range ids {
			fmt.Fprintf(r.out, "    %s %s\n", id.pkg, id.test)
		}
		if ci {
			if why := unjustified(reason, m); why != "" {
				fmt.Fprintf(r.out, "FAIL skipped in CI: %s\n", why)
				r.failed += len(ids)
				r.skipped -= len(ids)
			}
		}
	}
	r.long = slices.DeleteFunc(r.long, func(x timed) bool { return r.pkg(x.id.pkg).cached })
	slices.SortStableFunc(r.long, func(a, b timed) int { return cmp.Compare(b.seconds, a.seconds) })
	for _, x := range r.long[:min(len(r.long), mostLong)] {
		fmt.Fprintf(r.out, "took %.0fs: %s %s\n", x.seconds, x.id.pkg, x.id.test)
	}
	for _, id := range r.unsteady {
		fmt.Fprintf(r.out, "unsteady: %s %s failed beside other tests, see above, and passed alone\n", id.pkg, id.test)
	}
	if r.passed+r.failed == 0 {
		fmt.Fprintln(r.out, "FAIL no test ran")
		r.failed++
	}
	fmt.Fprintf(r.out, "%d passed, %d failed, %d skipped\n", r.passed, r.failed, r.skipped)
	return r.failed == 0
}

// mostLong is how many of the longest tests are named at the end.
const mostLong = 20

// skipLine is how the testing package prints the text of t.Skip.
var skipLine = regexp.MustCompile(`^\s*[^\s:]+\.go:\d+: (.*)$`)

// skipReason finds the text of t.Skip in what a skipped test printed: the
// last line that carries a position.
func skipReason(output string) string {
	reason := "no reason given"
	for line := range strings.Lines(output) {
		if m := skipLine.FindStringSubmatch(strings.TrimRight(line, "\n")); m != nil && m[1] != "" {
			reason = m[1]
		}
	}
	return reason
}

func indent(s string) string {
	if s == "" {
		return ""
	}
	return "    " + strings.ReplaceAll(strings.TrimRight(s, "\n"), "\n", "\n    ") + "\n"
}
