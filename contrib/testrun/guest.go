package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
)

// inGuest is put behind the name of a package whose tests ran in the guest.
const inGuest = " (guest)"

// guest runs tests again that this machine's kernel cannot run, by a program
// that gives them another kernel (contrib/uml), after the tests of this machine:
// beside them it would take a processor from tests that measure times. A guest
// has one processor, so that as many packages run at a time as there are
// processors, and two at most. What waits is bounded by the number of tests.
type guest struct {
	program string
	report  *report
	stderr  io.Writer
	lacks   lacks

	mu      sync.Mutex
	skipped map[string][]testID // by packages that have not ended
	queue   [][]testID          // of those that have
}

// startGuest lets the report hand over to program what needs another kernel.
// The function it returns runs all of that. Where User-Mode
// Linux is missing there is no guest, and the skips stay skips.
func startGuest(report *report, program string, stderr io.Writer) (finish func()) {
	if _, err := exec.LookPath("linux.uml"); err != nil {
		fmt.Fprintln(stderr, "testrun: what the kernel lacks stays skipped: there is no linux.uml (Debian: user-mode-linux)")
		return func() {}
	}
	return newGuest(report, program, stderr, machine{}).start()
}

func newGuest(report *report, program string, stderr io.Writer, m lacks) *guest {
	return &guest{program: program, report: report, stderr: stderr, lacks: m, skipped: map[string][]testID{}}
}

func (g *guest) start() (finish func()) {
	g.report.elsewhere, g.report.over = g.take, g.over
	return func() {
		g.mu.Lock()
		for _, list := range g.skipped { // go test was cut short
			g.queue = append(g.queue, list)
		}
		queue := g.queue
		g.mu.Unlock()
		// Those with the most tests last the longest.
		slices.SortStableFunc(queue, func(a, b []testID) int { return cmp.Compare(len(b), len(a)) })
		next := make(chan []testID)
		var wait sync.WaitGroup
		for range min(2, runtime.NumCPU()) {
			wait.Go(func() {
				for list := range next {
					g.run(list)
				}
			})
		}
		for _, list := range queue {
			next <- list
		}
		close(next)
		wait.Wait()
	}
}

// take keeps a test that was skipped for a file that this machine's kernel
// lacks. It refuses what was skipped in the guest.
func (g *guest) take(id testID, reason string) bool {
	if strings.HasSuffix(id.pkg, inGuest) {
		return false
	}
	file := func(what string) bool { return strings.HasPrefix(what, "/") && g.lacks.file(what) }
	if !slices.ContainsFunc(needed(reason), file) {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.skipped[id.pkg] = append(g.skipped[id.pkg], id)
	return true
}

// over queues what a package has skipped.
func (g *guest) over(pkg string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if list := g.skipped[pkg]; list != nil {
		g.queue = append(g.queue, list)
		delete(g.skipped, pkg)
	}
}

// run runs tests of one package in the guest and holds it to having done so.
func (g *guest) run(list []testID) {
	pkg, missing := list[0].pkg, map[string]bool{}
	var patterns []string
	for _, id := range list {
		missing[id.test] = true
		patterns = append(patterns, pattern(id.test))
	}
	// The race detector's memory has no room in the guest.
	args := []string{"-exec", g.program, "-timeout", "5m", "-count", "1", "-run", strings.Join(patterns, "|"), pkg}
	_, err := goTest(group{args: args, env: []string{"CGO_ENABLED=0"}}, g.stderr, func(b []byte) {
		e, ok := parse(b)
		if !ok {
			g.report.line(b)
			return
		}
		switch e.Action {
		case "pass", "fail", "skip":
			delete(missing, e.Test)
		}
		if e.Package != "" {
			e.Package += inGuest
		}
		g.report.take(e)
	})
	if err == nil && len(missing) > 0 {
		err = fmt.Errorf("%d tests that were skipped here did not run: %s", len(missing), strings.Join(slices.Sorted(maps.Keys(missing)), ", "))
	}
	if err != nil {
		g.report.broken(fmt.Errorf("in the guest, package %s: %w", pkg, err))
	}
}

// pattern matches one test, for -run.
func pattern(test string) string {
	parts := strings.Split(test, "/")
	for i, p := range parts {
		parts[i] = "^" + regexp.QuoteMeta(p) + "$"
	}
	return strings.Join(parts, "/")
}
