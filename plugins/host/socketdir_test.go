//go:build linux

package host

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-plugin"

	"github.com/moonkeep/moonkeep/core/health"
	"github.com/moonkeep/moonkeep/plugins/checker"
)

// fill makes files in the directory of the socket, as many as it can, and returns how many.
func fill(most int) (n int) {
	for n < most {
		f, err := os.Create(filepath.Join(os.Getenv(plugin.EnvUnixSocketDir), fmt.Sprint("f", n)))
		if err != nil {
			return n
		}
		f.Close()
		n++
	}
	return n
}

func init() {
	actions["fill"] = func(context.Context, checker.Target) checker.Result {
		return checker.Result{Verdict: checker.OK, Message: fmt.Sprint(fill(1000))}
	}
}

// TestFillsDirectory: a plugin that makes files without an end, of which each takes
// memory of a file system that others need, is ended; one that serves can make none.
func TestFillsDirectory(t *testing.T) {
	o := quick(t)
	o.Retry = time.Minute
	s := newSite(t, o)
	most := 0
	c := check(0, "FILLS", "ok")
	c.Limit, c.Patience = time.Second, 2*time.Second
	s.open(Plan{Checks: []Check{c}})
	s.eventually("it is ended for what it made", func() bool {
		names, _ := filepath.Glob(filepath.Join(o.Dir, "plugin-dir*", "*"))
		most = max(most, len(names))
		return strings.Contains(s.status().Reason, errFiles.Error())
	})
	t.Logf("%d files were seen", most)
	if a := s.probe(0); a.Verdict != health.Unknown {
		t.Errorf("%+v", a)
	}
	s.eventually("nothing is left", func() bool {
		names, err := os.ReadDir(o.Dir)
		return err == nil && len(names) == 0
	})
}

func TestServesWithoutDirectory(t *testing.T) {
	o := quick(t)
	s := newSite(t, o)
	s.open(Plan{Checks: []Check{check(0, "GOOD", "fill"), check(1, "HOSTILE", "ok")}})
	if a := s.probe(0); a.Message != "0" {
		t.Errorf("a plugin that serves made %s files", a.Message)
	}
	if a := s.probe(1); a.Verdict != health.OK {
		t.Errorf("%+v", a)
	}
	if names, err := os.ReadDir(o.Dir); err != nil || len(names) != 0 {
		t.Errorf("there are %v, %v", names, err)
	}
}

// TestCrowded: many files are too many, and so is one directory, which may hold more.
func TestCrowded(t *testing.T) {
	dir := t.TempDir()
	f, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p := &process{dir: f}
	is := func(want bool, what string) {
		t.Helper()
		if got := p.crowded(); got != want {
			t.Errorf("with %s: %t", what, got)
		}
	}
	is(false, "nothing")
	files := func(n int) {
		for i := range n {
			if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	files(maxFiles)
	is(false, "as many files as there may be")
	files(maxFiles + 1)
	is(true, "one more")
	if err := errors.Join(os.RemoveAll(filepath.Join(dir, "0")), os.Remove(filepath.Join(dir, "1")), os.Mkdir(filepath.Join(dir, "1"), 0o700)); err != nil {
		t.Fatal(err)
	}
	is(true, "a directory")
}

// untilWiped waits until the directory of the socket is removed, unless one was before.
func untilWiped() {
	for range patience / (5 * time.Millisecond) {
		dir, err := os.Readlink(os.Getenv(plugin.EnvUnixSocketDir))
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		kept, gone := strings.CutSuffix(dir, " (deleted)")
		if _, err := os.Stat(filepath.Join(filepath.Dir(filepath.Dir(kept)), "wiped")); gone || err == nil {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// TestWipedWhileItStarts: whoever removes the directory of a socket that is still needed
// costs one start and no more.
func TestWipedWhileItStarts(t *testing.T) {
	o := quick(t)
	s := newSite(t, o)
	s.open(Plan{Checks: []Check{check(0, "WIPED", "ok")}})
	s.eventually("its directory is removed", func() bool {
		names, _ := filepath.Glob(filepath.Join(o.Dir, "plugin-dir*"))
		if len(names) == 0 {
			return false
		}
		err := errors.Join(os.WriteFile(filepath.Join(filepath.Dir(o.Dir), "wiped"), nil, 0o644), os.RemoveAll(names[0]))
		return err == nil
	})
	if took := s.recovers(0); took > recovery {
		t.Errorf("recovered in %s", took)
	}
	if st := s.status(); st.Starts != 2 || st.Failures != 1 {
		t.Errorf("it took %d starts, and failed %d times", st.Starts, st.Failures)
	}
}

// TestDirectoryIsTheDaemons: nobody else may enter where the sockets are, whoever made
// the directory and however.
func TestDirectoryIsTheDaemons(t *testing.T) {
	for name, before := range map[string]os.FileMode{"new": 0, "open": 0o755, "another's": 0o777} {
		o := quick(t)
		if before != 0 {
			if err := errors.Join(os.Mkdir(o.Dir, 0o700), os.Chmod(o.Dir, before)); err != nil {
				t.Fatal(err)
			}
		}
		s := newSite(t, o)
		if info, err := os.Stat(o.Dir); err != nil || info.Mode().Perm() != 0o700 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
		s.close()
	}
}

// TestJitter: starts after the same pause do not come together, and never much sooner or
// later than it says.
func TestJitter(t *testing.T) {
	const d = time.Hour
	seen := make(map[time.Duration]bool)
	least, most := d, d
	for range 100 {
		got := jitter(d)
		seen[got], least, most = true, min(least, got), max(most, got)
	}
	if len(seen) < 90 || least < d*3/4 || most > d*5/4 || most-least < d/4 {
		t.Errorf("%d pauses of 100 differ, from %s to %s", len(seen), least, most)
	}
}
