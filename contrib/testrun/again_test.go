package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// unsteady is a package whose tests may pass when they are run by themselves.
const unsteady = `package unsteady

import (
	"os"
	"testing"
)

// once fails when it is called first, by what stands in the directory.
func once(t *testing.T, name string) {
	if _, err := os.Stat(name); err != nil {
		os.WriteFile(name, nil, 0o644)
		t.Errorf("%s came too late", name)
	}
}

func TestGood(t *testing.T) {}
func TestOnce(t *testing.T) {
	t.Run("sub", func(t *testing.T) { once(t, "sub") })
}
func TestAlways(t *testing.T) { t.Error("as ever") }
func TestRace(t *testing.T) {
	t.Log("WARNING: DATA RACE")
	once(t, "race")
}
func TestPanic(t *testing.T) {
	if os.Getenv("PANIC") != "" {
		if _, err := os.Stat("panic"); err != nil {
			os.WriteFile("panic", nil, 0o644)
			panic("once")
		}
	}
}
`

// TestAgain runs real tests that fail once, twice and for what nothing excuses.
func TestAgain(t *testing.T) {
	tests := []struct {
		name, run, plain string
		env              string
		says             []string
		last             string
		good             bool
	}{
		{"late once", "TestGood|TestOnce", "", "", []string{
			"FAIL m/unsteady TestOnce/sub", "again, alone: m/unsteady TestOnce\n",
			"unsteady: m/unsteady TestOnce failed beside other tests, see above, and passed alone\n"}, "3 passed, 0 failed, 0 skipped", true},
		{"late and wrong", "TestGood|TestOnce|TestAlways", "", "", []string{"again, alone: m/unsteady TestAlways\n", "as ever"},
			"3 passed, 1 failed, 0 skipped", false},
		{"a race", "TestGood|TestRace", "", "", nil, "1 passed, 1 failed, 0 skipped", false},
		{"a panic", "TestPanic", "", "PANIC=1", nil, "0 passed, 1 failed, 0 skipped", false},
		{"without a clock", "TestOnce", "./...", "", nil, "0 passed, 2 failed, 0 skipped", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			t.Chdir(dir)
			for name, text := range map[string]string{"go.mod": "module m/unsteady\n\ngo 1.24\n", "unsteady_test.go": unsteady} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if name, value, ok := strings.Cut(tt.env, "="); ok {
				t.Setenv(name, value)
			}
			var out, errs strings.Builder
			r := newReport(&out)
			if _, err := goTest(group{args: []string{"-count", "1", "-run", tt.run, "."}}, &errs, r.line); err != nil {
				r.broken(err)
			}
			if err := (&again{report: r, stderr: &errs}).all(tt.plain); err != nil {
				t.Fatal(err)
			}
			if good := r.finish(false, fake{}); good != tt.good {
				t.Errorf("good: %v, want %v", good, tt.good)
			}
			if !strings.HasSuffix(out.String(), "\n"+tt.last+"\n") {
				t.Errorf("the last line is not %q", tt.last)
			}
			for _, s := range tt.says {
				if !strings.Contains(out.String(), s) {
					t.Errorf("%q is missing", s)
				}
			}
			if t.Failed() {
				t.Logf("it said:\n%s%s", &out, &errs)
			}
		})
	}
}
