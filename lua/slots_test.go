package lua

import (
	"context"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Who has computed for long waits behind the others, and in order among its like.
func TestLongCallsWaitBehindOthers(t *testing.T) {
	var s slots
	ctx := context.Background()
	s.made, s.all, s.free = true, 1, 1
	if !s.acquire(ctx, false) {
		t.Fatal("no slot")
	}
	got := make(chan string)
	for _, c := range []struct {
		name string
		long bool
	}{{"long 1", true}, {"long 2", true}, {"short 1", false}, {"short 2", false}} {
		before := s.waiting.Load()
		go func() {
			if s.acquire(ctx, c.long) {
				got <- c.name
			}
		}()
		for s.waiting.Load() == before {
			time.Sleep(time.Millisecond)
		}
	}
	for _, long := range []bool{false, true} {
		over, cancel := context.WithCancel(ctx)
		cancel()
		if s.acquire(over, long) {
			t.Error("a call whose time is over has a slot")
		}
	}
	for _, want := range []string{"short 1", "short 2", "long 1", "long 2"} {
		s.release()
		if name := <-got; name != want {
			t.Errorf("%s has the slot, want %s", name, want)
		}
	}
	s.release()
	if s.free != 1 || s.waiting.Load() != 0 {
		t.Errorf("%d are free and %d wait", s.free, s.waiting.Load())
	}
}

// A call is long from its first slice on, and the next one is not.
func TestACallBecomesLong(t *testing.T) {
	r := runner(t, "local n = 0 return function() n = n + 1 if n == 1 then for i = 1, 1e5 do end end return true end", Options{})
	for i, want := range []bool{true, false} {
		if _, _, err := r.Check(within(t, 5*time.Second)); err != nil || r.state.long != want {
			t.Errorf("call %d: long is %v, %v", i+1, r.state.long, err)
		}
	}
}

// A call that waits in one function of a module and computes in it, or calls
// another one from there, gives back what it took: else all scripts of the daemon
// would stop.
func TestCallsWithinCallsGiveTheirSlotBack(t *testing.T) {
	server := serveTCP(t, "tcp", "127.0.0.1:0", func(conn net.Conn) {
		for range 10 {
			if _, err := conn.Write([]byte(strings.Repeat("a", 4<<10))); err != nil {
				return
			}
		}
	})
	file := filepath.Join(write(t, map[string]string{"large": strings.Repeat("x", 64<<10)}), "large")
	for name, body := range map[string]string{
		"log of what calls a module": `require("log").info(setmetatable({}, {__tostring = function() require("file").exists("/") return "x" end}))`,
		"log of what logs":           `local l = require "log" l.info(setmetatable({}, {__tostring = function() l.info("y") return "x" end}))`,
		"log of what raises":         `pcall(require("log").info, setmetatable({}, {__tostring = function() require("file").exists("/") error("x") end}))`,
		"print of what calls":        `print(setmetatable({}, {__tostring = function() require("process").running{name = "none"} return "x" end}))`,
		"a long look at files":       `local f = require "file" for i = 1, 200 do f.read(ctx.args.file) f.exists("/nothing") f.age("/nothing") end`,
		"a pattern on what comes":    `local c = require("tcp").connect(ctx.args.server) c:expect(("a?"):rep(3) .. "b")`,
		"failures":                   `local f = require "file" for i = 1, 600 do f.read("/nothing") end`,
		"a webhook of much":          `pcall(require("webhook").post, "http://127.0.0.1:1/", {("x"):rep(5e5)}, {tries = 1})`,
	} {
		t.Run(name, func(t *testing.T) {
			lost := new(Lost)
			lost.slots.made, lost.slots.all, lost.slots.free = true, 3, 3
			r := runner(t, "return function(ctx) "+body+" return true end", Options{Lost: lost, Allow: []string{GrantNet}, Args: map[string]any{"file": file, "server": server}})
			for i := range 3 {
				// Each look at the clock may end a slice while others wait.
				lost.slots.waiting.Add(1)
				_, _, err := r.Check(within(t, 5*time.Second))
				if lost.slots.waiting.Add(-1); err != nil && !errors.Is(err, ErrLimit) {
					t.Fatal(err)
				}
				if lost.slots.free != 3 {
					t.Fatalf("%d of 3 slots are free after call %d", lost.slots.free, i+1)
				}
				if r.state != nil {
					r.state.meter.slice = 1
				}
			}
		})
	}
}

// What a script computes for a function that waits counts as computing.
func TestWordsOfALogAreComputedWithASlot(t *testing.T) {
	r := runner(t, `return function() require("log").info(setmetatable({}, {__tostring = function() for i = 1, 3e4 do end return "x" end})) return true end`, Options{})
	without := 0
	if _, _, err := r.Check(within(t, 5*time.Second)); err != nil {
		t.Fatal(err)
	}
	r.state.meter.slice, r.state.meter.yield = 1, func() {
		if r.state.meter.slice = 1; !r.state.holding.Load() {
			without++
		}
	}
	if _, _, err := r.Check(within(t, 5*time.Second)); err != nil || without > 1 {
		t.Errorf("%d times it computed without a slot, %v", without, err)
	}
}

// What takes long in one instruction, or in one function of ours, does not keep the
// slot from others: a call gives it up by time, not by what it counts.
func TestSlowInstructionsLetOthersCompute(t *testing.T) {
	for name, body := range map[string]string{
		"arithmetic on a text of a million digits": `local s = ("0"):rep(1e6) while true do local x = s + 1 end`,
		"a set that is read at each character":     `local p = "[^a" .. ("b"):rep(9e5) .. "]" while true do (("a"):rep(1e5)):find(p) end`,
		"the length of what was long":              `local t = {} for i = 1, 6e4 do t[i] = i end for i = 6e4, 2, -1 do t[i] = nil end while true do local n = #t end`,
	} {
		lost := new(Lost)
		lost.slots.made, lost.slots.all, lost.slots.free = true, 1, 1
		slow := runner(t, "return function() "+body+" end", Options{Lost: lost, Limits: Limits{Instructions: 1 << 30}})
		small := runner(t, "return function() for i = 1, 100 do end return true end", Options{Lost: lost})
		ctx, cancel := context.WithTimeout(context.Background(), 1500*time.Millisecond)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			if _, _, err := slow.Check(ctx); err == nil {
				t.Errorf("%s: it ended", name)
			}
		}()
		time.Sleep(100 * time.Millisecond)
		if ok, _, err := small.Check(within(t, time.Second)); !ok || err != nil {
			t.Errorf("%s: a check beside it: %v, %v", name, ok, err)
		}
		select {
		case <-ended:
			t.Errorf("%s: it was not running beside the check", name)
		default:
		}
		cancel()
		<-ended
	}
}
