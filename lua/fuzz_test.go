package lua

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Whatever the source is, compiling and running it ends in time, with a
// verdict or an error, and leaves no call behind.
func FuzzScript(f *testing.F) {
	f.Add("return function(ctx) return true end")
	f.Add("local t = {...} t[1], t.x = 'a' .. #t, {f()} return t")
	f.Add("return {check = function() return ('x'):gsub('(.)%1*', '%0') end}")
	f.Add("local function f(...) return f(unpack{...}) end return f")
	f.Add("for k, v in pairs(_G) do for n, m in pairs(type(v) == 'table' and v or {}) do pcall(m, _G, v, 2^31) end end")
	f.Add("::a:: goto a")
	f.Add("return function() return string.format('%5.1f %q', 1/0, 'a\\0') end")
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, source string) {
		path := filepath.Join(dir, "f.lua")
		if err := os.WriteFile(path, []byte(source), 0o600); err != nil {
			t.Fatal(err)
		}
		script, err := Compile(path)
		if err != nil {
			return
		}
		r, err := script.NewRunner(Options{Limits: Limits{Instructions: 100_000, Memory: 4 << 20}})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), 200*time.Millisecond)
		defer cancel()
		if _, _, err := r.Check(ctx); err == nil {
			return
		}
		for until := time.Now().Add(5 * time.Second); r.opts.Lost.n.Load() != 0; time.Sleep(time.Millisecond) {
			if time.Now().After(until) {
				t.Fatal("the call had to be given up and did not end")
			}
		}
	})
}
