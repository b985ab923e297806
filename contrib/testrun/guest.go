package main

import (
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

// inGuest is put behind the name of a package whose tests ran in the guest, and
// with a number behind that of each further share of them.
const inGuest = " (guest)"

// mostInGuest is how many tests a guest runs. What a package has beyond it is
// shared between two guests.
const mostInGuest = 8

// share is what one guest runs of a package.
type share struct {
	suffix string // of the package's name
	list   []testID
}

func shares(list []testID) []share {
	if len(list) <= mostInGuest {
		return []share{{inGuest, list}}
	}
	out := []share{{suffix: inGuest}, {suffix: " (guest 2)"}}
	for i, id := range list {
		// Neighbours of a file last about as long.
		out[i%2].list = append(out[i%2].list, id)
	}
	return out
}

// fromGuest returns the name of the package whose tests a guest ran.
func fromGuest(pkg string) (name string, there bool) {
	name, _, there = strings.Cut(pkg, " (guest")
	return name, there
}

// guest runs tests again that this machine's kernel cannot run, by a program
// that gives them another kernel (contrib/uml). A guest has one processor and uses
// all of it, where the tests of this machine wait most of the time: one guest runs
// beside these, as soon as a package is over, and leaves them the other processors;
// when they are done there may be two. What waits is bounded by the number of tests.
type guest struct {
	program string
	report  *report
	stderr  io.Writer
	lacks   lacks

	lanes sync.WaitGroup

	mu      sync.Mutex
	more    sync.Cond           // of mu: there is more to run, or no more to come
	skipped map[string][]testID // by packages that have not ended
	queue   []share             // of those that have
	closed  bool                // nothing more comes
}

// startGuest lets the report hand over to program what needs another kernel.
// The function it returns waits for all of that. Where User-Mode
// Linux is missing there is no guest, and the skips stay skips.
func startGuest(report *report, program string, stderr io.Writer) (finish func()) {
	if _, err := exec.LookPath("linux.uml"); err != nil {
		fmt.Fprintln(stderr, "testrun: what the kernel lacks stays skipped: there is no linux.uml (Debian: user-mode-linux)")
		return func() {}
	}
	return newGuest(report, program, stderr, machine{}).start(runtime.NumCPU())
}

func newGuest(report *report, program string, stderr io.Writer, m lacks) *guest {
	g := &guest{program: program, report: report, stderr: stderr, lacks: m, skipped: map[string][]testID{}}
	g.more.L = &g.mu
	return g
}

// start begins with what comes, on a machine of so many processors.
func (g *guest) start(processors int) (finish func()) {
	g.report.elsewhere, g.report.over = g.take, g.over
	lane := func() {
		for s, ok := g.next(); ok; s, ok = g.next() {
			g.run(s)
		}
	}
	if processors > 1 {
		g.lanes.Go(lane)
	}
	return func() {
		g.mu.Lock()
		for _, list := range g.skipped { // go test was cut short
			g.queue = append(g.queue, shares(list)...)
		}
		g.closed = true
		g.mu.Unlock()
		g.more.Broadcast()
		g.lanes.Go(lane)
		g.lanes.Wait()
	}
}

// next waits for what a guest is to run, and returns false when nothing is left. Those
// with the most tests last the longest, and come first.
func (g *guest) next() (s share, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for len(g.queue) == 0 && !g.closed {
		g.more.Wait()
	}
	if len(g.queue) == 0 {
		return share{}, false
	}
	i := 0
	for j := range g.queue {
		if len(g.queue[j].list) > len(g.queue[i].list) {
			i = j
		}
	}
	s = g.queue[i]
	g.queue = slices.Delete(g.queue, i, i+1)
	return s, true
}

// take keeps a test that was skipped for a file that this machine's kernel
// lacks. It refuses what was skipped in the guest.
func (g *guest) take(id testID, reason string) bool {
	if _, there := fromGuest(id.pkg); there {
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
		g.queue = append(g.queue, shares(list)...)
		delete(g.skipped, pkg)
		g.more.Signal()
	}
}

// run runs tests of one package in the guest and holds it to having done so.
func (g *guest) run(s share) {
	pkg, missing := s.list[0].pkg, map[string]bool{}
	var patterns []string
	for _, id := range s.list {
		missing[id.test] = true
		patterns = append(patterns, pattern(id.test))
	}
	// The race detector's memory has no room in the guest.
	args := []string{"-exec", g.program, "-timeout", "8m", "-count", "1", "-run", strings.Join(patterns, "|"), pkg}
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
			e.Package += s.suffix
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
