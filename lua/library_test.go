package lua

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A file is compiled once until the library forgets it, also when it has changed
// meanwhile; a file that does not compile is tried again.
func TestLibrary(t *testing.T) {
	path := filepath.Join(write(t, map[string]string{"s.lua": `return function() return true, "first" end`}), "s.lua")
	says := func(s *Script) string {
		t.Helper()
		r, err := s.NewRunner(Options{})
		if err != nil {
			t.Fatal(err)
		}
		_, message, err := r.Check(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return message
	}
	rewrite := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var l Library
	first, err := l.Compile(path)
	if err != nil {
		t.Fatal(err)
	}
	rewrite(`return function() return true, "second" end`)
	if again, err := l.Compile(path); err != nil || again != first || says(again) != "first" {
		t.Errorf("a file that was compiled is compiled again: %v", err)
	}
	l.Forget()
	if again, err := l.Compile(path); err != nil || says(again) != "second" || says(first) != "first" {
		t.Errorf("a file is not read again when all is forgotten, or changed what was handed out: %v", err)
	}
	l.Forget()
	rewrite(`return function(`)
	if _, err := l.Compile(path); err == nil {
		t.Error("a broken file compiles")
	}
	rewrite(`return function() return true, "third" end`)
	if again, err := l.Compile(path); err != nil || says(again) != "third" {
		t.Errorf("a file that was mended: %v", err)
	}
	var none *Library
	if s, err := none.Compile(path); err != nil || says(s) != "third" {
		t.Errorf("without a library: %v", err)
	}
}

// The descriptions of the modules are in the order of their names, by which one is
// found.
func TestModuleNamed(t *testing.T) {
	names := moduleNames()
	if !slices.IsSorted(names) || len(modules()) != len(names) {
		t.Errorf("%d descriptions of %d modules", len(modules()), len(names))
	}
	for _, name := range names {
		if m := moduleNamed(name); m == nil || m.Name != name {
			t.Errorf("%s is described as %+v", name, m)
		}
	}
	if m := moduleNamed(strings.ToUpper(names[0])); m != nil {
		t.Errorf("a module that is none: %s", m.Name)
	}
}
