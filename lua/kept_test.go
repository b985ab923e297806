package lua

import (
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"
)

// What a script keeps from call to call is bounded, in whatever it hides it:
// after a hundred calls that each keep up to a megabyte more, the process has
// not grown by more than what the limit allows, and the script was told why.
func TestWhatAScriptKeepsIsBounded(t *testing.T) {
	for name, body := range map[string]string{
		"a list":          "kept[#kept + 1] = ('x'):rep(1e6) .. #kept",
		"names":           "for i = 1, 2000 do kept[#names .. i] = i end names[#names + 1] = true",
		"removed names":   "for i = 1, 1000 do kept[#names .. '.' .. i] = i kept[#names .. '.' .. i] = nil end names[#names + 1] = true",
		"a global":        "all = (all or {}) all[#all + 1] = ('x'):rep(1e6) .. #all",
		"functions":       "local s = ('x'):rep(1e6) .. #kept kept[#kept + 1] = function() return s end",
		"pieces of texts": "local s = ('x'):rep(1e6) .. #kept kept[#kept + 1] = s:sub(1, 1)",
		"captures":        "local s = ('x'):rep(1e6) .. #kept kept[#kept + 1] = s:match('^(x)')",
		"iterators":       "local s = ('x'):rep(1e6) .. #kept kept[#kept + 1] = s:gmatch('x')",
		"metatables":      "local s = ('x'):rep(1e6) .. #kept kept[#kept + 1] = setmetatable({}, {__index = {s = s}})",
		"keys":            "kept[('x'):rep(1e6) .. #names] = 1 names[#names + 1] = true",
		"a module":        "local m = require 'file' m[#m + 1] = ('x'):rep(1e6) .. #m",
		"the argument":    "ctx.kept = ctx.kept or {} ctx.kept[#ctx.kept + 1] = ('x'):rep(1e6) .. #ctx.kept",
		"the arguments":   "local a = ctx.args a.kept = a.kept or {} a.kept[#a.kept + 1] = ('x'):rep(1e6) .. #a.kept",
		"strings' table":  "string[#string + 1] = ('x'):rep(1e6) .. #string",
	} {
		t.Run(name, func(t *testing.T) {
			r := runner(t, "require 'file' local kept, names = {}, {} return function(ctx)\n"+body+"\nreturn true end", Options{Limits: Limits{Memory: 4 << 20}})
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			told := 0
			for range 100 {
				_, _, err := r.Check(within(t, 5*time.Second))
				switch {
				case errors.Is(err, ErrLimit) && strings.Contains(err.Error(), "4096 KiB kept from call to call"):
					told++
				case err != nil:
					t.Fatal(err)
				}
			}
			runtime.GC()
			runtime.ReadMemStats(&after)
			if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 12<<20 {
				t.Errorf("the process has grown by %d KiB; the limit is 4096", grown>>10)
			}
			// Pieces are copies, so that a script may keep as many as it likes.
			if few := name == "pieces of texts" || name == "captures"; few != (told == 0) {
				t.Errorf("told %d times", told)
			}
			runtime.KeepAlive(r)
		})
	}
}

// A script that keeps little and allocates much is never told.
func TestWhatIsFreedDoesNotCount(t *testing.T) {
	r := runner(t, "local kept = ('y'):rep(1e6) return function() for i = 1, 3 do local s = ('x'):rep(1e6) .. i end return #kept == 1e6 end", Options{Limits: Limits{Memory: 8 << 20}})
	for range 50 {
		if ok, _, err := r.Check(within(t, 5*time.Second)); !ok || err != nil {
			t.Fatal(ok, err)
		}
	}
}
