package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// mostAgain is how many failed tests get a second run. More than that fail for
// a reason that a second run does not change.
const mostAgain = 8

// retry is a top-level test that failed, and how many tests failed in it.
type retry struct {
	id     testID
	failed int
}

// again gives a second run, alone, to tests that failed beside others: those
// that measure times fail when the machine had no processor for them. What
// failed is shown all the same, and finish says what passed only so. No second
// run gets what a second run would not excuse: a data race, a panic, a test
// that did not end, and tests without a clock (the -plain ones).
type again struct {
	report *report
	race   bool
	guest  string
	stderr io.Writer
	// steady are the packages without a clock.
	steady []string
}

// excused says whether a second run may excuse what a test printed.
func excused(output string) bool {
	for _, s := range []string{"DATA RACE", "race detected", "panic:"} {
		if strings.Contains(output, s) {
			return false
		}
	}
	return true
}

// note keeps a failed test for a second run; r.mu is held.
func (r *report) note(id testID, ended bool, output string) {
	top, _, _ := strings.Cut(id.test, "/")
	id.test = top
	i := slices.IndexFunc(r.retries, func(x retry) bool { return x.id == id })
	if i < 0 {
		r.retries = append(r.retries, retry{id: id})
		i = len(r.retries) - 1
	}
	r.retries[i].failed++
	if !ended || !excused(output) {
		r.unexcused = append(r.unexcused, id)
	}
}

// all runs what failed in packages that do not match plain.
func (a *again) all(plain string) error {
	if plain != "" && len(a.report.retries) > 0 {
		var err error
		if a.steady, err = list(strings.Split(plain, ",")); err != nil {
			return err
		}
	}
	a.run()
	return nil
}

// run gives their second run to the tests that failed.
func (a *again) run() {
	r := a.report
	list := r.retries
	if len(list) > mostAgain {
		return
	}
	for _, x := range list {
		if slices.Contains(r.unexcused, x.id) || slices.Contains(a.steady, x.id.pkg) {
			continue
		}
		fmt.Fprintf(r.out, "again, alone: %s %s\n", x.id.pkg, x.id.test)
		if a.passes(x.id) {
			r.failed -= x.failed
			r.passed += x.failed
			r.unsteady = append(r.unsteady, x.id)
		}
	}
}

// passes runs one test and reports whether it ran and nothing failed.
func (a *again) passes(id testID) bool {
	pkg, there := fromGuest(id.pkg)
	g := group{args: []string{"-count", "1", "-timeout", "5m", "-run", pattern(id.test), pkg}, env: []string{"CGO_ENABLED=0"}}
	switch {
	case there:
		g.args = append([]string{"-exec", a.guest}, g.args...)
	case a.race:
		g.args, g.env = append([]string{"-race"}, g.args...), raceEnv()
	}
	passed := false
	ran, err := goTest(g, a.stderr, func(b []byte) {
		e, ok := parse(b)
		if !ok {
			return
		}
		switch {
		case e.Action == "pass" && e.Test == id.test:
			passed = true
		case e.Action == "output" && e.Test != "":
			fmt.Fprint(a.report.out, "    ", e.Output)
		}
	})
	return ran && err == nil && passed
}
