package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
)

// group is one run of go test.
type group struct {
	args, env []string
	// packages are those that args name, if that is known.
	packages []string
	// aside runs it at a low priority: its tests measure no time that others
	// must not take.
	aside bool
}

// groups divides what args ask for: packages that match plain, patterns with
// commas between them, are run without the race detector and aside, the others
// with it unless race is false. Without plain there is one group, and args may
// be anything; with it packages are what begins with "./".
func groups(args []string, plain string, race bool) ([]group, error) {
	with := group{args: args}
	if race {
		with.args, with.env = append([]string{"-race"}, args...), raceEnv()
	}
	if plain == "" || !race {
		return []group{with}, nil
	}
	isPackage := func(arg string) bool { return strings.HasPrefix(arg, "./") }
	at := slices.IndexFunc(args, isPackage)
	if at < 0 {
		return nil, fmt.Errorf("-plain needs packages that begin with ./ among %q", args)
	}
	var patterns, flags []string
	for _, a := range args {
		if isPackage(a) {
			patterns = append(patterns, a)
		} else {
			flags = append(flags, a)
		}
	}
	all, err := list(patterns)
	if err != nil {
		return nil, err
	}
	apart, err := list(strings.Split(plain, ","))
	if err != nil {
		return nil, err
	}
	var raced, aside []string
	for _, pkg := range all {
		if slices.Contains(apart, pkg) {
			aside = append(aside, pkg)
		} else {
			raced = append(raced, pkg)
		}
	}
	var out []group
	if len(raced) > 0 {
		with.args, with.packages = slices.Concat([]string{"-race"}, flags[:at], raced, flags[at:]), raced
		out = append(out, with)
	}
	if len(aside) > 0 {
		// As programs are built, so that nothing is compiled twice for them.
		out = append(out, group{args: slices.Concat(flags[:at], aside, flags[at:]), packages: aside, env: []string{"CGO_ENABLED=0"}, aside: true})
	}
	return out, nil
}

// raceEnv is what runs with the race detector need. By itself it has every program
// wait for a second before it ends, in case that there is more to be found; the tests
// start hundreds. Who sets GORACE decides it.
func raceEnv() []string {
	env := []string{"CGO_ENABLED=1"}
	if os.Getenv("GORACE") == "" {
		env = append(env, "GORACE=atexit_sleep_ms=50")
	}
	return env
}

// list returns the packages that match the patterns, in their order.
func list(patterns []string) ([]string, error) {
	out, err := exec.Command("go", append([]string{"list"}, patterns...)...).Output()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		err = fmt.Errorf("%w: %s", err, strings.TrimSpace(string(exit.Stderr)))
	}
	if err != nil {
		return nil, fmt.Errorf("list the packages %s: %w", strings.Join(patterns, " "), err)
	}
	return strings.Fields(string(out)), nil
}

// compile compiles what the groups test. go test would do so beside the first tests,
// which have bounds in time, and beside a guest, which has one processor of its own. What
// cannot be compiled go test says. It reports whether it came to its end before a signal.
func compile(list []group, caught <-chan os.Signal) bool {
	for _, g := range list {
		if g.packages == nil {
			continue
		}
		args := []string{"list", "-e", "-export", "-deps", "-test", "-f", ""}
		if slices.Contains(g.args, "-race") {
			args = append(args, "-race")
		}
		cmd := exec.Command("go", append(args, g.packages...)...)
		cmd.Env = append(os.Environ(), g.env...)
		_ = cmd.Run()
		select {
		case <-caught:
			return false
		default:
		}
	}
	return true
}

// runAll runs the groups side by side. started is false when one of them could
// not be started, and err is why.
func runAll(list []group, report *report, stderr io.Writer) (started bool, err error) {
	started = true
	var mu sync.Mutex
	var wait sync.WaitGroup
	for _, g := range list {
		wait.Go(func() {
			ran, failed := goTest(g, stderr, report.line)
			switch {
			case !ran:
				mu.Lock()
				started, err = false, failed
				mu.Unlock()
			case failed != nil:
				report.broken(failed)
			}
		})
	}
	wait.Wait()
	return started, err
}
