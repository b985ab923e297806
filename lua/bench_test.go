package lua

import (
	"context"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"
)

// A check that looks into a table, with a deadline of its own, as the daemon
// calls it. The target is 2.5 us and 15 allocations.
func BenchmarkCheck(b *testing.B) {
	r := runner(b, `
local state = {up = true, fails = 0}
return function(ctx)
  if state.up and ctx.args.name == "nginx" then return true end
  return false, "down"
end`, Options{Args: map[string]any{"name": "nginx"}})
	b.ReportAllocs()
	for b.Loop() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		ok, _, err := r.Check(ctx)
		cancel()
		if !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}

// What the library alone takes for the same, without any bound but the
// deadline.
func BenchmarkBare(b *testing.B) {
	l := lua.NewState(lua.Options{RegistrySize: 256, CallStackSize: 64, MinimizeStackMemory: true})
	defer l.Close()
	if err := l.DoString(`
local state = {up = true, fails = 0}
check = function(ctx)
  if state.up and ctx.name == "nginx" then return true end
  return false, "down"
end`); err != nil {
		b.Fatal(err)
	}
	fn := l.GetGlobal("check")
	b.ReportAllocs()
	for b.Loop() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		l.SetContext(ctx)
		arg := l.NewTable()
		arg.RawSetString("name", lua.LString("nginx"))
		if err := l.CallByParam(lua.P{Fn: fn, NRet: 1, Protect: true}, arg); err != nil || l.Get(-1) != lua.LTrue {
			b.Fatal(err)
		}
		l.Pop(1)
		l.RemoveContext()
		cancel()
	}
}

// The price of the accounting: a loop of joins and assignments.
func BenchmarkCharged(b *testing.B) {
	r := runner(b, `
return function()
  local t = {}
  for i = 1, 100 do t[i] = "k" .. i end
  return #t == 100
end`, Options{})
	b.ReportAllocs()
	for b.Loop() {
		if ok, _, err := r.Check(context.Background()); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}

// What a runner costs to start: a state, the libraries, the script's
// outermost code.
func BenchmarkStart(b *testing.B) {
	r := runner(b, "local p = require 'process' return function() return true end", Options{})
	b.ReportAllocs()
	for b.Loop() {
		r.state = nil
		if ok, _, err := r.Check(context.Background()); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}

// Is a process running, asked of the machine's process table.
func BenchmarkProcessRunning(b *testing.B) {
	r := runner(b, "local p = require 'process' return function() return not p.running{name = 'no-such-name'} end", Options{})
	b.ReportAllocs()
	for b.Loop() {
		if ok, _, err := r.Check(context.Background()); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}
