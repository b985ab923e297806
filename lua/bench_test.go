package lua

import (
	"context"
	"testing"
	"time"

	lua "github.com/yuin/gopher-lua"
)

// trivial is a check that looks into a table.
const trivial = `
local state = {up = true, fails = 0}
return function(ctx)
  if state.up and ctx.args.name == "nginx" then return true end
  return false, "down"
end`

// A trivial check with its deadline, as the daemon makes it. The target is 1.5
// times of what the library alone takes (BenchmarkBare), and 15 allocations.
func BenchmarkInline(b *testing.B) {
	r := runner(b, trivial, Options{Args: map[string]any{"name": "nginx"}})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	b.ReportAllocs()
	for b.Loop() {
		r.Inline(ctx, time.Second, Subject{}, func(v Verdict, err error) {
			if !v.OK || err != nil {
				b.Fatal(v, err)
			}
		})
	}
}

// The same on a goroutine of its own, as notifications are called and checks
// that wait for a server.
func BenchmarkCheck(b *testing.B) {
	r := runner(b, trivial, Options{Args: map[string]any{"name": "nginx"}})
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

// What the library alone takes for the same: a state and an argument that are
// kept, a context with a deadline for each call, and no other bound.
func BenchmarkBare(b *testing.B) {
	l := lua.NewState(lua.Options{RegistrySize: 256, CallStackSize: 64})
	defer l.Close()
	if err := l.DoString(trivial); err != nil {
		b.Fatal(err)
	}
	fn := l.Get(-1)
	l.Pop(1)
	args, arg := l.NewTable(), l.NewTable() // kept, as ours are
	args.RawSetString("name", lua.LString("nginx"))
	arg.RawSetString("args", args)
	b.ReportAllocs()
	for b.Loop() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		l.SetContext(ctx)
		arg.RawSetString("timeout", lua.LNumber(1))
		if err := l.CallByParam(lua.P{Fn: fn, NRet: 2, Protect: true}, arg); err != nil || l.Get(-2) != lua.LTrue {
			b.Fatal(err)
		}
		l.Pop(2)
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
