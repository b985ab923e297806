package lua

import (
	"context"
	"errors"
	"log/slog"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"
)

type level = slog.Level

func TestCheckVerdicts(t *testing.T) {
	tests := []struct {
		source  string
		ok      bool
		message string
		err     string // "" means none
	}{
		{"return function() return true end", true, "", ""},
		{"return function() return false end", false, "", ""},
		{"return {check = function() return true, 'fine' end}", true, "fine", ""},
		{"return function() return false, 'no nginx\\nprocess' end", false, "no nginx process", ""},
		{"return function() return false, 42 end", false, "42", ""},
		{"return function() return {ok = true, message = 'm'} end", true, "m", ""},
		{"return function() return {ok = false} end", false, "", ""},
		{"return function(ctx) return true, ctx.args.url .. type(ctx.timeout) end", true, "http://unumber", ""},
		{"return function() end", false, "", "check returned nothing; it must return true"},
		{"return function() return 1 end", false, "", "check returned 1; it must"},
		{"return function() return {message = 'm'} end", false, "", "ok is nothing"},
		{"return function() return {ok = true, wieght = 3} end", false, "", `a table with "wieght"`},
		{"return function() return false, {} end", false, "", "a table value as its message"},
		{"return {on_master = function() end}", false, "", "the script has no function check"},
		{"return {chek = function() end}", false, "", `there is no function "chek"`},
		{"return {check = 1}", false, "", "check is a number value"},
		{"return {}", false, "", "an empty table"},
		{"return 'check'", false, "", "returned a string value"},
		{"local x = 1", false, "", "the script returned nothing"},
		{"\nreturn function()\n  local t\n  return t.x\nend", false, "", "s.lua:4: attempt to index a non-table object(nil)"},
		{"return function() error('at fault') end", false, "", "s.lua:1: at fault"},
		{"return function() error('bare', 0) end", false, "", "s.lua: bare"},
		{"return function() error{message = 'in a table'} end", false, "", "in a table"},
		{"return function() error{} end", false, "", "a table value"},
		{"return function() error(nil) end", false, "", "s.lua"},
		{"\nerror 'at load'", false, "", "s.lua:2: at load"},
		{"return function() assert(false, 'asserted') end", false, "", "asserted"},
	}
	for _, tt := range tests {
		t.Run(tt.source, func(t *testing.T) {
			r := runner(t, tt.source, Options{Args: map[string]any{"url": "http://u"}})
			ok, message, err := r.Check(within(t, time.Second))
			if ok != tt.ok || message != tt.message {
				t.Errorf("verdict %v %q, want %v %q", ok, message, tt.ok, tt.message)
			}
			if tt.err == "" {
				if err != nil {
					t.Errorf("error %v", err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.err) || !errors.Is(err, ErrScript) {
				t.Errorf("error %v, want an ErrScript with %q", err, tt.err)
			}
		})
	}
}

func TestStateIsKeptUntilAFailure(t *testing.T) {
	r := runner(t, `
local n = 0
return function() n = n + 1 if n == 3 then error "third" end return true, n end`, Options{})
	var got []string
	for range 5 {
		_, message, err := r.Check(within(t, time.Second))
		if err != nil {
			message = "error"
		}
		got = append(got, message)
	}
	if want := []string{"1", "2", "error", "1", "2"}; !reflect.DeepEqual(got, want) {
		t.Errorf("calls said %v, want %v", got, want)
	}
}

func TestRunnersOfOneScriptShareNothing(t *testing.T) {
	r := runner(t, "n = 0\nreturn function() n = n + 1 string.x = (string.x or 0) + 1 return true, n .. string.x end", Options{})
	other, err := r.script.NewRunner(Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range []*Runner{r, other} {
		if _, message, err := one.Check(within(t, time.Second)); message != "11" {
			t.Errorf("said %q, %v; want 11 from each", message, err)
		}
	}
}

func TestCallsOfOneRunnerTakeTurns(t *testing.T) {
	r := runner(t, `
local time = require "time"
local inside = 0
return function()
  inside = inside + 1
  time.sleep(0.005)
  inside = inside - 1
  return inside == 0
end`, Options{})
	ctx := within(t, 5*time.Second)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if ok, _, err := r.Check(ctx); !ok || err != nil {
				t.Errorf("%v, %v: two calls were inside at once", ok, err)
			}
		})
	}
	wg.Wait()
}

func TestWaitingForATurnEndsAtTheDeadline(t *testing.T) {
	r := runner(t, "local time = require 'time' return function() time.sleep(0.3) return true end", Options{})
	first := make(chan error, 1)
	ctx := within(t, time.Second)
	go func() {
		_, _, err := r.Check(ctx)
		first <- err
	}()
	for len(r.turn) == 0 {
		time.Sleep(time.Millisecond)
	}
	_, _, err := r.Check(within(t, 20*time.Millisecond))
	if !errors.Is(err, ErrTimeout) || !strings.Contains(err.Error(), "an earlier call still runs") {
		t.Errorf("second call: %v", err)
	}
	if err := <-first; err != nil {
		t.Errorf("first call: %v", err)
	}
}

func TestCancelIsNotATimeout(t *testing.T) {
	r := runner(t, "return function() while true do end end", Options{Limits: Limits{Instructions: 1 << 40}})
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(10*time.Millisecond, cancel)
	if _, _, err := r.Check(ctx); !errors.Is(err, context.Canceled) || errors.Is(err, ErrTimeout) {
		t.Errorf("error %v, want context.Canceled", err)
	}
}

func TestNothingRunsAfterTheDeadline(t *testing.T) {
	logged := false
	r := runner(t, "local log = require 'log' return function() log.info 'x' return true end", Options{Log: func(level, string) { logged = true }})
	ctx, cancel := context.WithDeadline(context.Background(), time.Now().Add(-time.Second))
	defer cancel()
	if _, _, err := r.Check(ctx); !errors.Is(err, ErrTimeout) {
		t.Errorf("error %v", err)
	}
	if logged {
		t.Error("the script ran")
	}
}

func TestFunctionsAndGrants(t *testing.T) {
	r := runner(t, "return {on_master = print, check = print, weight = print, on_change = print}", Options{})
	got, err := r.Functions(within(t, time.Second))
	if want := []string{"check", "on_change", "on_master", "weight"}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("functions %v, %v; want %v", got, err, want)
	}
	_, err = r.script.NewRunner(Options{Allow: []string{"exec", "rite"}})
	if err == nil || !strings.Contains(err.Error(), `"rite"; the grants are control, exec, listen, net, write`) {
		t.Errorf("unknown grant: %v", err)
	}
}

func TestWeight(t *testing.T) {
	for source, want := range map[string]float64{
		"return {weight = function() return 42.9 end}": 42.9,
		"return {weight = function() return -3 end}":   -3,
	} {
		if got, err := runner(t, source, Options{}).Weight(within(t, time.Second)); got != want || err != nil {
			t.Errorf("%s: %g, %v", source, got, err)
		}
	}
	for _, source := range []string{
		"return {weight = function() return 0/0 end}", "return {weight = function() return '7' end}",
		"return {weight = function() end}", "return {check = function() end}",
	} {
		if got, err := runner(t, source, Options{}).Weight(within(t, time.Second)); !errors.Is(err, ErrScript) {
			t.Errorf("%s: %g, %v; want an error", source, got, err)
		}
	}
}

// TestNotifySaysWhatItDidNotCall: the functions of a change share its time, and one
// that is left out is no secret.
func TestNotifySaysWhatItDidNotCall(t *testing.T) {
	for source, want := range map[string]string{
		`local time = require "time" return {on_master = function() time.sleep(9) end, on_change = function() end}`: "on_change was not called",
		`return {on_master = function() while true do end end, on_change = function() end}`:                         "on_change was not called",
		`local time = require "time" return {on_master = function() time.sleep(9) end}`:                             "",
	} {
		r := runner(t, source, Options{Limits: Limits{Instructions: 1 << 40}})
		err := r.Notify(within(t, 50*time.Millisecond), Event{Instance: "VI_1", To: "MASTER"})
		if !errors.Is(err, ErrTimeout) || !strings.Contains(err.Error(), want) || want == "" && strings.Contains(err.Error(), "on_change") {
			t.Errorf("%s: %v", source, err)
		}
	}
	// One that ends well as the time does.
	var event Event
	ctx, cancel := context.WithCancel(within(t, 5*time.Second))
	r := runner(t, `local log = require "log" return {on_master = function() log.info("x") end, on_change = function() end}`, Options{Log: func(level, string) { cancel() }})
	event.To = "MASTER"
	if err := r.Notify(ctx, event); err == nil || !strings.Contains(err.Error(), "on_change was not called") {
		t.Errorf("a call that used its time up: %v", err)
	}
}

func TestNotify(t *testing.T) {
	const source = `
local log = require "log"
local function show(name, e)
  log.info(name, e.instance, e.group, e.from, e.to, e.why, e.priority, table.concat(e.addresses, "+"), e.seq, e.node, e.args.a, e.dropped)
  e.from = "spoiled"
end
return {
  on_master = function(e) show("master", e) end,
  on_fault = function(e) error "fault" end,
  on_stop = function(e) show("stop", e) end,
  on_change = function(e) show("change", e) end,
}`
	event := Event{Instance: "VI_1", From: "BACKUP", To: "MASTER", Why: "alone", Priority: 100, Addresses: []string{"192.0.2.1/24", "192.0.2.2/24"}, Seq: 7, Node: "lb-a"}
	const line = " VI_1 nil BACKUP MASTER alone 100 192.0.2.1/24+192.0.2.2/24 7 lb-a 1 3"
	event.Dropped = 3
	fault, stop, backup := event, event, event
	fault.To, stop.To, backup.To = "FAULT", "STOP", "BACKUP"
	stop.Instance, stop.Group = "", "G"
	tests := []struct {
		event Event
		want  []string
		err   string
	}{
		{event, []string{"master" + line, "change" + line}, ""},
		{backup, []string{"change" + strings.Replace(line, "MASTER", "BACKUP", 1)}, ""},
		{fault, []string{"change" + strings.Replace(line, "MASTER", "FAULT", 1)}, "s.lua:9: fault"},
		{stop, []string{
			"stop nil G BACKUP STOP alone 100 192.0.2.1/24+192.0.2.2/24 7 lb-a 1 3",
			"change nil G BACKUP STOP alone 100 192.0.2.1/24+192.0.2.2/24 7 lb-a 1 3",
		}, ""},
	}
	var got []string
	r := runner(t, source, Options{Args: map[string]any{"a": "1"}, Log: func(_ level, text string) { got = append(got, text) }})
	for _, tt := range tests {
		got = nil
		err := r.Notify(within(t, time.Second), tt.event)
		if !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: logged %q, want %q", tt.event.To, got, tt.want)
		}
		if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
			t.Errorf("%s: error %v, want %q", tt.event.To, err, tt.err)
		}
	}
}
