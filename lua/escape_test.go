package lua

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The functions that rewritten operators call are out of reach: with the one that
// charges for memory a script could pay itself.
func TestTheHiddenFunctionsAreOutOfReach(t *testing.T) {
	dir := write(t, map[string]string{
		"s.lua": `local a, b = ...
local list, n, more = {...}, select("#", ...), {1, (...)}
local required = require "r"
local function inner(...) return select("#", ...), ... end
return function() return true, tostring(a) .. tostring(b) .. #list .. n .. #more .. tostring(required) .. tostring(arg) .. inner(7, 8) end`,
		"r.lua": `return ...`,
	})
	script, err := Compile(dir + "/s.lua")
	if err != nil {
		t.Fatal(err)
	}
	r, err := script.NewRunner(Options{})
	if err != nil {
		t.Fatal(err)
	}
	ok, got, err := r.Check(within(t, time.Second))
	if want := "nilnil001truenil2"; !ok || got != want || err != nil {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	session, err := NewSession(t.TempDir(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if values, _, err := session.Eval(within(t, time.Second), `select("#", ...)`); values != "0" || err != nil {
		t.Errorf("in a session: %q, %v", values, err)
	}
}

// A function with ... has no table arg, which nobody is charged for.
func TestVarargsMakeNoTable(t *testing.T) {
	got, err := says(t, `local function f(...) return arg end local k = {} for i = 1, 3 do k[i] = tostring(f(1, 2)) end return true, table.concat(k)`, Options{})
	if got != "nilnilnil" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

// What one call of ours makes of one match is bounded while it is made.
func TestReplacementsAreBounded(t *testing.T) {
	for _, body := range []string{
		`return require("re2").replace("(?s)^.*$", ("x"):rep(60000), ("$0"):rep(100000))`,
		`return require("re2").replace("()", ("x"):rep(60000), ("$1"):rep(100000))`,
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		endsInTime(t, runner(t, "return function()\n"+body+"\nend", Options{}), []error{ErrLimit, ErrTimeout})
		runtime.ReadMemStats(&after)
		if grown := (after.TotalAlloc - before.TotalAlloc) >> 20; grown > 60+60*raceSlack {
			t.Errorf("%s: allocated %d MiB", body, grown)
		}
	}
}

// re2.replace takes its template as Go's package does.
func TestReplacementsAgreeWithRegexp(t *testing.T) {
	for _, pattern := range []string{`(\w+)=(?P<value>\w*)`, `x*`, `(a)|(b)`} {
		for _, by := range []string{"", "$", "$$", "$0", "$1-$2", "${1}0", "$10", "$01", "$value", "${value}x", "${value", "$valuex", "${}", "$-", "a$1$", "$$1", "é$1é", "$3", "$9999999999999999999"} {
			want := regexp.MustCompile(pattern).ReplaceAllString("a=1, b=2 x", by)
			got, err := says(t, fmt.Sprintf("return true, require('re2').replace([[%s]], 'a=1, b=2 x', [[%s]])", pattern, by), Options{})
			if got != strings.TrimSpace(want) || err != nil {
				t.Errorf("%s by %q: got %q, %v, want %q", pattern, by, got, err, want)
			}
		}
	}
}

// Patterns that take long to compile are refused, and what is compiled is kept
// within a bound.
func TestPatternsThatCompileLong(t *testing.T) {
	either := []error{ErrTimeout, ErrLimit, ErrScript}
	for _, body := range []string{
		`re2.match("(?i)" .. ([==[[\x{80}-\x{10ffff}]]==]):rep(100), "a")`,
		`re2.match("(?i)[" .. ([[\x{80}-\x{10ffff}]]):rep(90) .. "]", "a")`,
		`re2.match("(?i)[é-豈]" .. ("[é-豈]"):rep(200), "a")`,
		`re2.match(([==[[^\pL\pN]]==]):rep(180), "a")`,
		`for i = 1, 1e9 do re2.match("x" .. i .. ([[\pL]]):rep(60), "a") end`,
	} {
		endsInTime(t, runner(t, "local re2 = require 're2' return function()\n"+body+"\nend", Options{}), either)
	}
	r := runner(t, `local re2 = require 're2' return function() for i = 1, 32 do re2.match("x" .. i .. ([[\pL]]):rep(20), "a") end return true end`, Options{})
	if ok, _, err := r.Check(within(t, 10*time.Second)); !ok || err != nil {
		t.Fatal(err)
	}
	kept := 0
	for _, p := range r.state.patterns {
		kept += p.size
	}
	if kept > maxPatternMemory {
		t.Errorf("%d KiB of patterns are kept", kept>>10)
	}
	if got, err := says(t, `local re2 = require "re2" return true, re2.match([[(?i)[à-ÿ]+]], "xÉé") .. re2.match([[\p{Greek}+]], "aβγ") .. re2.match([[(?i)[a-z]-[0-9]-x]], "Q-7-X")`, Options{}); got != "ÉéβγQ-7-X" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

// Large arguments that are wrong cost their message only.
func TestLargeWrongArguments(t *testing.T) {
	for _, body := range []string{
		`pcall(require, s)`, `pcall(http.get, s)`, `pcall(http.get, "http://x/", {[s] = 1})`, `pcall(("x").find, "x", s .. "[")`,
		`pcall(metric.gauge, "m", 1, {labels = many})`, `pcall(http.get, "http://127.0.0.1:1/", {headers = many})`,
	} {
		r := runner(t, `local http, metric = require "http", require "metric"
local s, many = ("x"):rep(1e6), {}
for i = 1, 2e4 do many["x" .. i] = "y" end
return function() while true do `+body+` end end`, Options{})
		if _, err := r.Functions(within(t, 10*time.Second)); err != nil {
			t.Fatal(err)
		}
		endsInTime(t, r, []error{ErrTimeout, ErrLimit})
	}
}

// A replaced file keeps its mode, a link in the way is not followed, and writers
// at the same time do not meet.
func TestWritingAFileIsSafe(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	if err := errors.Join(os.WriteFile(at("secret"), []byte("old"), 0o600), os.WriteFile(at("victim"), []byte("victim"), 0o644), os.Symlink(at("victim"), at("link"))); err != nil {
		t.Fatal(err)
	}
	if os.Geteuid() == 0 {
		if err := os.Chown(at("secret"), 12345, 23456); err != nil {
			t.Fatal(err)
		}
	}
	o := Options{Allow: []string{GrantWrite}, Args: map[string]any{"dir": dir}}
	body := `local file = require "file" for _, name in ipairs{"secret", "link", "new"} do assert(file.write(ctx.args.dir .. "/" .. name, "text")) end return true`
	r := runner(t, "return function(ctx)\n"+body+"\nend", o)
	if ok, _, err := r.Check(within(t, 5*time.Second)); !ok || err != nil {
		t.Fatal(err)
	}
	for name, mode := range map[string]os.FileMode{"secret": 0o600, "new": 0o644} {
		info, err := os.Stat(at(name))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != mode {
			t.Errorf("%s has mode %v, want %v", name, info.Mode(), mode)
		}
		if st := info.Sys().(*syscall.Stat_t); name == "secret" && os.Geteuid() == 0 && (st.Uid != 12345 || st.Gid != 23456) {
			t.Errorf("%s belongs to %d:%d", name, st.Uid, st.Gid)
		}
	}
	if text, err := os.ReadFile(at("victim")); string(text) != "victim" || err != nil {
		t.Errorf("what the link led to: %q, %v", text, err)
	}
	var writers sync.WaitGroup
	for i := range 8 {
		writers.Go(func() {
			r := runner(t, fmt.Sprintf(`return function(ctx) for i = 1, 20 do assert(require("file").write(ctx.args.dir .. "/shared", ("%d"):rep(50000))) end return true end`, i), o)
			if ok, _, err := r.Check(within(t, 20*time.Second)); !ok || err != nil {
				t.Error(err)
			}
		})
	}
	done := make(chan struct{})
	go func() { writers.Wait(); close(done) }()
	for ended := false; !ended; {
		select {
		case <-done:
			ended = true
		default:
		}
		text, err := os.ReadFile(at("shared"))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		if err == nil && (len(text) != 50000 || strings.Count(string(text), string(text[:1])) != 50000) {
			t.Fatalf("a reader saw %d octets of several writers", len(text))
		}
	}
	if entries, err := os.ReadDir(dir); len(entries) != 5 || err != nil {
		t.Errorf("left: %v, %v", entries, err)
	}
}

// A regular file that has nothing to read yet is waited for until the deadline
// and no longer.
func TestAFileThatIsWaitedFor(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: /proc/kmsg is root's")
	}
	file, err := os.Open("/proc/kmsg")
	if err != nil {
		t.Skip("needs /proc/kmsg: nothing else regular is waited for")
	}
	file.Close()
	r := runner(t, `return function() while true do require("file").read("/proc/kmsg") end end`, Options{})
	endsInTime(t, r, []error{ErrTimeout})
}

// A script that may not steer the node does not do so through the daemon's own
// socket either.
func TestTheDaemonsOwnSocketWantsControl(t *testing.T) {
	path := filepath.Join(t.TempDir(), "control.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "steered") }))
	server.Listener.Close()
	server.Listener = l
	server.Start()
	defer server.Close()
	for _, body := range []string{
		`return true, http.get("http://x/", {connect = ctx.args.socket}).body`,
		`local c = tcp.connect(ctx.args.socket) c:send("POST / HTTP/1.0\r\n\r\n") return true, c:receive("all"):match("steered")`,
		`return true, webhook.post("http://x/", {}, {connect = ctx.args.socket}).body`,
	} {
		body = `local http, tcp, webhook = require "http", require "tcp", require "webhook" ` + body
		o := Options{Allow: []string{GrantNet}, Args: map[string]any{"socket": "unix:" + path}, Host: &Host{Control: noControl{}}}
		if got, err := says(t, body, o); err == nil || !strings.Contains(err.Error(), "not allowed; the configuration must grant it: allow: [control]") {
			t.Errorf("without the grant: %q, %v", got, err)
		}
		o.Allow = append(o.Allow, GrantControl)
		if got, err := says(t, body, o); got != "steered" || err != nil {
			t.Errorf("with the grant: %q, %v", got, err)
		}
	}
}

// noControl is a daemon that cannot be steered.
type noControl struct{}

func (noControl) Maintenance(context.Context, bool) error   { return errors.ErrUnsupported }
func (noControl) Failover(context.Context, string) error    { return errors.ErrUnsupported }
func (noControl) Weight(context.Context, string, int) error { return errors.ErrUnsupported }

func TestNumbersOfTexts(t *testing.T) {
	for text, want := range map[string]float64{
		`"1e5"`: 1e5, `"1e+06"`: 1e6, `"5E-1"`: 0.5, `"1.5e+09"`: 1.5e9, `" 12\n"`: 12, `"-3"`: -3, `"+3"`: 3, `".5"`: 0.5, `"5."`: 5, `"010"`: 10,
		`"0x1F"`: 31, `"-0x10"`: -16, `"z", 36`: 35, `"-z", 36`: -35, `"11", 2`: 3, `"0x10", 16`: 16, `"1e999"`: math.Inf(1), `7`: 7, `"18446744073709551615"`: 1 << 64,
	} {
		if got, err := says(t, "return true, tostring(tonumber("+text+") == "+luaNumber(want)+")", Options{}); got != "true" || err != nil {
			t.Errorf("tonumber(%s): got %q, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{`""`, `"x"`, `"1_0"`, `"inf"`, `"nan"`, `"0x"`, `"1e"`, `"--1"`, `"1 2"`, `"2", 2`, `{}`, `nil`, `true`, `"+-1", 16`, `"e"`, `"0b1"`, `7, 16`} {
		if got, err := says(t, "return true, tostring(tonumber("+text+"))", Options{}); got != "nil" || err != nil {
			t.Errorf("tonumber(%s): got %q, %v, want nil", text, got, err)
		}
	}
	if got, err := says(t, "return true, tostring(math.huge == 1/0) .. tostring(pcall(tonumber, '1', 37))", Options{}); got != "truefalse" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

// luaNumber writes a number as a source has it.
func luaNumber(n float64) string {
	if math.IsInf(n, 1) {
		return "1/0"
	}
	return fmt.Sprintf("%.17g", n)
}

// What Prometheus takes for its own is no label: one of it would cost the whole page.
func TestLabelsThatAreTaken(t *testing.T) {
	for _, name := range []string{"__name__", "__x", "script", "1x", ""} {
		_, err := says(t, `require("metric").gauge("m", 1, {labels = {["`+name+`"] = "x"}})`, Options{})
		if err == nil || !strings.Contains(err.Error(), "is no label") {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestAnErrorOfNilIsOneLine(t *testing.T) {
	_, err := says(t, "error(nil)", Options{})
	if err == nil || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), "nil value") {
		t.Errorf("got %v", err)
	}
}

// A variable that a function and a closure share stays one after an error that was
// caught.
func TestSharedVariablesOutliveErrors(t *testing.T) {
	for body, want := range map[string]string{
		`local n = 0 local function try(f, ...) n = n + 1 return pcall(f, ...) end for i = 1, 5 do try(error, i) end return true, n .. ""`:                                                                           "5",
		`local n, k = 0, {} local function try() n = n + 1 pcall(function() local m = n k[n] = function() return m end pcall(error) error "x" end) end for i = 1, 3 do try() end return true, n .. k[1]() .. k[3]()`: "313",
		`local n = 0 local function up() n = n + 1 end for i = 1, 3 do xpcall(function() up() error "x" end, function() up() error "y" end) up() end return true, n .. ""`:                                           "9",
		`local n = 0 local function up() n = n + 1 end pcall(math.random, 0) up() pcall(function() pcall(error) up() pcall(math.random, 0) up() error {} end) up() n = n + 10 up() return true, n .. ""`:             "15",
	} {
		if got, err := says(t, body, Options{}); got != want || err != nil {
			t.Errorf("%s: got %q, %v, want %s", body, got, err, want)
		}
	}
}
