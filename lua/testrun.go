package lua

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	lua "github.com/yuin/gopher-lua"
)

// testSuffix is what the name of a file with tests ends in.
const testSuffix = "_test.lua"

// TestFiles returns the files with tests at a path: the file itself, or all
// below a folder, sorted. What begins with a dot is left out.
func TestFiles(path string) ([]string, error) {
	var files []string
	err := filepath.WalkDir(path, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case name != path && strings.HasPrefix(d.Name(), "."):
			if d.IsDir() {
				return filepath.SkipDir
			}
		case !d.IsDir() && (strings.HasSuffix(name, testSuffix) || name == path):
			files = append(files, name)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look for tests: %w", err)
	}
	slices.Sort(files)
	return files, nil
}

// TestResult is the end of one test: of one function that a file of tests
// returned, or of the whole file when it could not be loaded.
type TestResult struct {
	// File is the path as it was given, and Name the function's name, empty
	// for the whole file.
	File, Name string
	OK         bool
	// Message says why it failed, and Place where: file:line of the assertion
	// or of the error, empty when that is not known.
	Message, Place string
	Took           time.Duration
	// Log are the lines that the script logged, each with its level.
	Log []string
}

// TestOptions say how tests are run.
type TestOptions struct {
	// Timeout bounds each test; 0 means DefaultTimeout.
	Timeout time.Duration
	// Only leaves out the tests whose FILE:NAME it does not match; nil leaves
	// out none.
	Only *regexp.Regexp
}

// RunTests runs the tests of one file: each function of the table that it
// returns, in the order in which they are written, in a Lua state of its own,
// with stubs in the place of all modules. The functions before and after, if
// there are any, run around each. It returns a result for each test.
func RunTests(ctx context.Context, path string, o TestOptions) []TestResult {
	whole := func(err error) []TestResult {
		r := TestResult{File: path}
		r.failed(err)
		return []TestResult{r}
	}
	script, err := compileScript(path, stubName, testName)
	if err != nil {
		return whole(err)
	}
	names, err := script.tests(ctx, o)
	if err != nil {
		return whole(err)
	}
	results := []TestResult{}
	for _, name := range names {
		if o.Only == nil || o.Only.MatchString(path+":"+name) {
			results = append(results, script.test(ctx, name, o))
		}
	}
	return results
}

// testRunner returns a runner with stubs, whose log is collected.
func (s *Script) testRunner() (*Runner, error) {
	r, err := s.NewRunner(Options{Allow: Grants()})
	if err != nil {
		return nil, err
	}
	r.opts.stubbed = true
	return r, nil
}

// tests returns the names of the tests of a file, in the order of their lines.
func (s *Script) tests(ctx context.Context, o TestOptions) ([]string, error) {
	r, err := s.testRunner()
	if err != nil {
		return nil, err
	}
	lines := map[string]int{}
	ctx, cancel := o.within(ctx)
	defer cancel()
	err = r.run(ctx, func(s *state) error {
		for name, fn := range s.functions {
			if name != "before" && name != "after" && !fn.IsG {
				lines[name] = fn.Proto.LineDefined
			}
		}
		return nil
	})
	var names []string
	for name := range lines {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		if d := lines[a] - lines[b]; d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	return names, err
}

func (o TestOptions) within(ctx context.Context) (context.Context, context.CancelFunc) {
	if o.Timeout == 0 {
		o.Timeout = DefaultTimeout
	}
	return context.WithTimeout(ctx, o.Timeout)
}

// test runs one test.
func (s *Script) test(ctx context.Context, name string, o TestOptions) TestResult {
	result := TestResult{File: s.path, Name: name}
	r, err := s.testRunner()
	if err != nil {
		result.failed(err)
		return result
	}
	ctx, cancel := o.within(ctx)
	defer cancel()
	begin := time.Now()
	var log []string
	err = r.run(ctx, func(s *state) error {
		defer func() { log = s.stubs.logged }()
		for _, step := range []string{"before", name, "after"} {
			if s.functions[step] == nil {
				continue
			}
			if _, _, err := s.call(step, lua.LNil); err != nil {
				return err
			}
		}
		if s.stubs.fault != "" {
			return s.failure("%s", s.stubs.fault)
		}
		return nil
	})
	result.Took = time.Since(begin)
	if !errors.Is(err, ErrStuck) && !errors.Is(err, ErrTimeout) {
		result.Log = log
	}
	if err != nil {
		result.failed(err)
		return result
	}
	result.OK = true
	return result
}

// place is how a message of Lua begins.
var place = regexp.MustCompile(`^(.+?:\d+)(:\d+)?: (?s:(.*))$`)

// failed notes why a test failed.
func (r *TestResult) failed(err error) {
	r.Message = err.Error()
	if m := place.FindStringSubmatch(r.Message); m != nil {
		r.Place, r.Message = m[1]+m[2], m[3]
	}
}

// takeTests notes the functions that a file of tests returned.
func (s *state) takeTests(value lua.LValue) error {
	tb, ok := value.(*lua.LTable)
	if !ok {
		return s.failure("the file returned %s; it must return a table of test functions", show(value))
	}
	s.functions = map[string]*lua.LFunction{}
	var odd error
	tb.ForEach(func(key, value lua.LValue) {
		name, named := key.(lua.LString)
		fn, ok := value.(*lua.LFunction)
		if !named || !ok {
			odd = s.failure("the file returned a table with something that is no function with a name: %s", render(key, 0))
			return
		}
		s.functions[string(name)] = fn
	})
	if odd == nil && len(s.functions) == 0 {
		return s.failure("the file returned an empty table; it must hold test functions")
	}
	return odd
}

// openTests makes a new state one for tests.
func (s *state) openTests() {
	s.stubs = newStubs(s)
	opts := *s.opts
	opts.Log = func(level slog.Level, text string) {
		s.stubs.logged = append(s.stubs.logged, strings.ToLower(level.String())+" "+text)
	}
	s.opts = &opts
	s.l.SetGlobal("assert", s.l.NewFunction(func(l *lua.LState) int {
		if lua.LVAsBool(l.Get(1)) {
			return l.GetTop()
		}
		// The basic function's error has no place.
		l.RaiseError("%s", l.OptString(2, "assertion failed"))
		return 0
	}))
}
