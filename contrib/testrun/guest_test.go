package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// inside is a package whose tests need a kernel of another kind, which the
// variable KERNEL stands for.
const inside = `package inside

import (
	"os"
	"testing"
)

func need(t *testing.T, kernel string) {
	if os.Getenv("KERNEL") != kernel {
		t.Skip("needs /nowhere/" + kernel + ": says so")
	}
}

func TestHere(t *testing.T)  {}
func TestOther(t *testing.T) { need(t, "other") }
func TestThird(t *testing.T) { need(t, "third") }
func TestSub(t *testing.T) {
	t.Run("a", func(t *testing.T) {})
	t.Run("b (c|d)", func(t *testing.T) { need(t, "other") })
}
func TestRoot(t *testing.T) { t.Skip("needs root: says so") }
func TestFails(t *testing.T) {
	need(t, "other")
	t.Error("this is how it fails there")
}
`

// TestGuest runs real tests by a program that stands for the guest.
func TestGuest(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write("go.mod", "module m/inside\n\ngo 1.24\n", 0o644)
	write("inside_test.go", inside, 0o644)
	tests := []struct {
		name       string
		processors int
		program    string
		says       []string
		last       string
	}{
		{"other kernel", 2, "#!/bin/sh\nKERNEL=other exec \"$@\"\n",
			[]string{
				"ok   m/inside ", "FAIL m/inside (guest) TestFails", "this is how it fails there",
				"skipped 1: needs /nowhere/third: says so\n    m/inside (guest) TestThird\n",
				"skipped 1: needs root: says so\n    m/inside TestRoot\n",
			},
			// Here: TestHere, TestSub and its first. There: TestOther, TestSub and its second.
			"6 passed, 1 failed, 2 skipped"},
		{"no guest after all", 1, "#!/bin/sh\necho the guest is broken >&2\nexit 125\n",
			[]string{"FAIL m/inside (guest)", "the guest is broken"},
			"3 passed, 1 failed, 1 skipped"},
		{"guest that runs nothing", 1, "#!/bin/sh\nexit 0\n",
			[]string{"FAIL in the guest, package m/inside: 4 tests that were skipped here did not run: TestFails, TestOther, TestSub/b_(c|d), TestThird"},
			"3 passed, 1 failed, 1 skipped"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var out, errs strings.Builder
			r := newReport(&out)
			finish := newGuest(r, write("guest", tt.program, 0o755), &errs, fake{"/nowhere/other": true, "/nowhere/third": true}).start(tt.processors)
			_, err := goTest(group{args: []string{"-count", "1", "."}}, &errs, r.line)
			began := func() bool {
				r.mu.Lock()
				defer r.mu.Unlock()
				return strings.Contains(out.String(), inGuest)
			}
			// With a second processor it begins beside what else runs here.
			for end := time.Now().Add(time.Minute); tt.processors > 1 && !began() && time.Now().Before(end); {
				time.Sleep(10 * time.Millisecond)
			}
			if began() != (tt.processors > 1) {
				t.Errorf("with %d processors it has begun before the others were over: %t", tt.processors, began())
			}
			finish()
			if err != nil {
				r.broken(err)
			}
			if good := r.finish(false, fake{}); good {
				t.Error("good, want a failure")
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

// TestShares holds that no test is lost when a package's are shared.
func TestShares(t *testing.T) {
	list := make([]testID, 2*mostInGuest+1)
	for i := range list {
		list[i] = testID{"p", string(rune('a' + i))}
	}
	if got := shares(list[:mostInGuest]); len(got) != 1 || got[0].suffix != inGuest || len(got[0].list) != mostInGuest {
		t.Errorf("few: %v", got)
	}
	seen := map[testID]bool{}
	for _, s := range shares(list) {
		if pkg, there := fromGuest("p" + s.suffix); pkg != "p" || !there {
			t.Errorf("%q is of %q", s.suffix, pkg)
		}
		if len(s.list) > mostInGuest+1 {
			t.Errorf("%d tests in one guest", len(s.list))
		}
		for _, id := range s.list {
			seen[id] = true
		}
	}
	if _, there := fromGuest("p"); there || len(seen) != len(list) {
		t.Errorf("%d of %d tests are shared", len(seen), len(list))
	}
}
