package lua

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestCompileReportsPlaces(t *testing.T) {
	long := strings.Repeat("x", maxSource+1)
	tests := []struct {
		name, source string
		line         int
		want         string
	}{
		{"a wrong word", "local x = 1\nlocal = 2\n", 2, "syntax error"},
		{"no end", "return function()\n  if true then\n", 0, `is an "end" missing?`},
		{"an open string", "return 'abc\n", 2, "unterminated string"},
		{"goto nowhere", "local x\ngoto nowhere\n", 3, "nowhere"},
		{"break outside", "\nbreak\n", 2, "loop"},
		{"bytecode", "\x1bLuaQ", 0, "compiled Lua"},
		{"a bracket bomb", "return " + strings.Repeat("(", 5000) + "1" + strings.Repeat(")", 5000), 0, ""},
		{"a table bomb", "return " + strings.Repeat("{", 5000) + strings.Repeat("}", 5000), 1, "nested more than"},
		{"a function bomb", strings.Repeat("return function() ", 1000) + strings.Repeat(" end", 1000), 1, "nested more than"},
		{"an operator bomb", "return " + strings.Repeat("-", 1) + strings.Repeat("not ", 5000) + "1", 1, "nested more than"},
		{"too large", "--" + long, 0, "larger than 256 KiB"},
		{"a module that is not there", "local a = require 'process'\nlocal b = require 'nope'", 2, "no module of moonkeep has that name (bytes, dns, env, exec, file,"},
		{"a client by its short name", "local a = require 'haproxy'", 1, `there is "client.haproxy"`},
		{"a required path that leaves", "require '../x'", 1, "letters, digits"},
		{"an absolute required path", "require '/etc/passwd'", 1, "letters, digits"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := filepath.Join(write(t, map[string]string{"s.lua": tt.source}), "s.lua")
			_, err := Compile(path)
			if tt.want == "" {
				if err != nil {
					t.Fatalf("Compile: %v; it is valid", err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("error %v, want one with %q", err, tt.want)
			}
			if !strings.Contains(err.Error(), path) {
				t.Errorf("error %q does not name the file", err)
			}
			var syntax *SyntaxError
			if errors.As(err, &syntax) && syntax.Line != tt.line {
				t.Errorf("line %d, want %d (%v)", syntax.Line, tt.line, err)
			}
		})
	}
}

func TestCompileReadsFilesOnly(t *testing.T) {
	dir := t.TempDir()
	if _, err := Compile(filepath.Join(dir, "none.lua")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
	if _, err := Compile(dir); err == nil {
		t.Error("a folder was compiled")
	}
}

func TestRequireOwnFiles(t *testing.T) {
	outside := write(t, map[string]string{"secret.lua": "return 'secret'"})
	dir := write(t, map[string]string{
		"s.lua":         "local u = require 'lib.util'\nassert(require 'lib.util' == u)\nreturn function() return true, u.name() end",
		"lib/util.lua":  "local b = require 'lib.base'\nreturn {name = function() return b.x .. 'b' end}",
		"lib/base.lua":  "return {x = 'a'}",
		"c1.lua":        "require 'c2' return function() end",
		"c2.lua":        "require 'c1'",
		"late.lua":      "return function() local n = 'process' .. 's' return true, tostring(require(n)) end",
		"link.lua":      "return require 'linked'",
		"badlib.lua":    "require 'broken'",
		"broken.lua":    "local x = = 1",
		"failing.lua":   "require 'raises'",
		"raises.lua":    "\n\nerror 'no luck'",
		"indirect.lua":  "local r = require\nreturn function() return true, r('tcp').connect and 'ok' end",
		"dircycle.lua":  "return require 'dir'",
		"dir.lua/x.lua": "",
	})
	if err := os.Symlink(filepath.Join(outside, "secret.lua"), filepath.Join(dir, "linked.lua")); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ file, message, err string }{
		{"s.lua", "ab", ""},
		{"c1.lua", "", `c1.lua:1: require "c2": the files require each other in a circle`},
		{"late.lua", "", `late.lua:1: require "processs": it was not there when the script was loaded`},
		{"link.lua", "", `link.lua:1: require "linked": open `},
		{"badlib.lua", "", "broken.lua:1:11: syntax error"},
		{"failing.lua", "", "raises.lua:3: no luck"},
		{"indirect.lua", "ok", ""},
		{"dircycle.lua", "", "not a regular file"},
	}
	for _, tt := range tests {
		t.Run(tt.file, func(t *testing.T) {
			message, err := "", error(nil)
			script, err := Compile(filepath.Join(dir, tt.file))
			if err == nil {
				var r *Runner
				if r, err = script.NewRunner(Options{}); err == nil {
					_, message, err = r.Check(within(t, time.Second))
				}
			}
			if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
				t.Fatalf("error %v, want %q", err, tt.err)
			}
			if message != tt.message {
				t.Errorf("message %q, want %q", message, tt.message)
			}
		})
	}
}

// The files are read when the script is compiled, and never again.
func TestCompiledScriptNeedsNoFiles(t *testing.T) {
	dir := write(t, map[string]string{
		"s.lua": "return function() return true, require('u') end",
		"u.lua": "return 'before'",
	})
	script, err := Compile(filepath.Join(dir, "s.lua"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "u.lua"), []byte("return 'after'"), 0o644); err != nil {
		t.Fatal(err)
	}
	r, err := script.NewRunner(Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, message, err := r.Check(within(t, time.Second)); err != nil || message != "before" {
		t.Errorf("%q, %v; want the text of the time of compiling", message, err)
	}
}
