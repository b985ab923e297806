package lua

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"
)

// deadline is that of every hostile call. It must have ended promised later.
const (
	deadline = 60 * time.Millisecond
	promised = 50 * time.Millisecond
)

// unrest measures by how much the host itself was late while something ran:
// what a goroutine that sleeps for a millisecond sleeps more.
func unrest(during func()) time.Duration {
	stop, most := make(chan struct{}), make(chan time.Duration)
	go func() {
		var worst time.Duration
		for {
			begin := time.Now()
			select {
			case <-stop:
				most <- worst
				return
			case <-time.After(time.Millisecond):
			}
			worst = max(worst, time.Since(begin)-time.Millisecond)
		}
	}()
	during()
	close(stop)
	return <-most
}

// endsInTime runs a check and holds it to its deadline and what was promised;
// a host that is late itself may add twice that, and the race detector much.
func endsInTime(t *testing.T, r *Runner, want []error) {
	t.Helper()
	var took time.Duration
	var err error
	late := unrest(func() {
		ctx, cancel := context.WithTimeout(context.Background(), deadline)
		defer cancel()
		begin := time.Now()
		_, _, err = r.Check(ctx)
		took = time.Since(begin)
	})
	if took > deadline+raceSlack*promised+2*late {
		t.Errorf("took %v, deadline %v; the host was late by %v", took, deadline, late)
	}
	found := false
	for _, want := range want {
		found = found || errors.Is(err, want)
	}
	if !found {
		t.Errorf("error %v, want %v", err, want)
	}
	// On a busy host a call may be given up before it gets a processor to end
	// on; none may stay.
	for until := time.Now().Add(5 * time.Second); r.opts.Lost.n.Load() != 0; time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			t.Fatal("the call had to be given up and did not end")
		}
	}
}

// Each script wants to keep the processor, the memory or the goroutine. Each
// call must end soon after its deadline with the error that says why, and take
// no more memory than a few times its limit.
func TestHostileScripts(t *testing.T) {
	either := []error{ErrTimeout, ErrLimit}
	tests := []struct {
		name, body string
		want       []error
	}{
		{"infinite loop", "while true do end", either},
		{"infinite for", "for i = 1, 1/0 do end", either},
		{"infinite repeat", "repeat until false", either},
		{"infinite goto", "::a:: goto a", either},
		{"recursion", "local function f() return 1 + f() end f()", []error{ErrScript}},
		{"tail recursion", "local function f() return f() end f()", either},
		{"recursion through metatables", "local t = {} setmetatable(t, {__index = function(t, k) return t[k .. 'x'] end}) return t.x", []error{ErrScript}},
		{"a circle of __index", "local a, b = {}, {} setmetatable(a, {__index = b}) setmetatable(b, {__index = a}) return a.x", []error{ErrScript}},
		{"recursion in tostring", "local t t = setmetatable({}, {__tostring = function() return tostring(t) end}) tostring(t)", []error{ErrScript}},
		{"recursion in gsub", "local function f(s) return (s:gsub('.', f)) end f 'abc'", []error{ErrScript}},
		{"recursion in sort", "local function f() table.sort({3, 2, 1}, f) end f()", []error{ErrScript}},
		{"recursion in pcall", "local function f() return pcall(f) end while true do f() end", either},
		{"recursion in ..", "local t t = setmetatable({}, {__concat = function(a, b) return a .. b end}) return t .. t", []error{ErrScript}},
		{"deadline in pcall", "while true do pcall(function() while true do end end) end", either},
		{"deadline in xpcall", "while true do xpcall(function() while true do end end, function() while true do end end) end", either},
		{"deadline swallowed at the end", "return pcall(function() while true do end end)", either},
		{"limit swallowed at the end", "return pcall(string.rep, 'x', 1e9)", []error{ErrLimit}},
		{"rep", "return string.rep('x', 5e8)", []error{ErrLimit}},
		{"rep as a method", "return ('x'):rep(2^31)", []error{ErrLimit}},
		{"rep that overflows", "return ('xxxxxxxx'):rep(2^61)", []error{ErrLimit}},
		{"doubling", "local s = 'x' while true do s = s .. s end", either},
		{"doubling in a chain", "local s = 'x' while true do s = s .. s .. s .. s .. s .. s end", either},
		{"many strings kept", "local s, t = ('x'):rep(1e5), {} for i = 1, 1e9 do t[i] = s .. i end", either},
		{"upper", "local s, t = ('x'):rep(1e6), {} for i = 1, 1e9 do t[i] = s:upper() end", either},
		{"char", "local t = {} for i = 1, 900 do t[i] = i % 256 end local function f(...) while true do local s = string.char(...) end end f(unpack(t))", either},
		{"gsub grows", "return ('x'):rep(1e5):gsub('x', ('y'):rep(1e4))", either},
		{"gsub grows by captures", "return ('x'):rep(1e4):gsub('.+', ('%0'):rep(1e4))", either},
		{"gsub of a function", "local s = ('y'):rep(1e5) return ('x'):rep(1e5):gsub('x', function() return s end)", either},
		{"concat", "local t, s = {}, ('x'):rep(1e5) for i = 1, 1e3 do t[i] = s end return table.concat(t)", either},
		{"concat of a separator", "local t = {} for i = 1, 5000 do t[i] = '' end return table.concat(t, ('x'):rep(1e4))", either},
		{"concat of a wide range", "return table.concat({}, '', 1, 2^53)", []error{ErrScript}},
		{"format width", "return string.format('%99999999d', 1)", []error{ErrScript}},
		{"format bomb", "local s = ('x'):rep(1e6) return string.format(('%s'):rep(100), s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s, s)", either},
		{"unpack", "return unpack({}, 1, 1e7)", []error{ErrLimit}},
		{"unpack that overflows", "return unpack({}, -2^53, 2^53)", []error{ErrLimit}},
		{"byte", "return string.byte(('x'):rep(1e6), 1, -1)", []error{ErrLimit}},
		{"varargs that grow", "local function f(...) return f(1, 2, 3, 4, 5, ...) end f()", []error{ErrScript, ErrLimit, ErrTimeout}},
		{"a pattern of stars", "return ('a'):rep(30):find(('a*'):rep(12) .. 'b')", either},
		{"a pattern of minuses", "return ('a'):rep(100):find(('.-'):rep(20) .. 'b')", either},
		{"a pattern of question marks", "return ('a'):rep(30):match(('a?'):rep(30) .. ('a'):rep(31))", either},
		{"a pattern of captures", "return ('a'):rep(1e6):find(('(a*)'):rep(30) .. 'b')", either},
		{"a pattern of balances", "return (('('):rep(1e6)):find('%b()')", either},
		{"a pattern of back-references", "return (('a'):rep(1e6)):find('(a*)%1%1%1b')", either},
		{"a deep pattern", "return ('x'):rep(300):find(('x?'):rep(300))", []error{ErrScript}},
		{"gmatch", "for x in ('a'):rep(1e6):gmatch('a*a*a*a*b') do end", either},
		{"plain find", "local s = ('a'):rep(1e6) while true do s:find(('a'):rep(1e5) .. 'b', 1, true) end", either},
		{"a table's high index", "local t = {} for i = 1, 1e9 do t[67108863 - i] = i end", either},
		{"high indices of many tables", "local k = {} for i = 1, 1e9 do local t = {} t[65535] = 1 k[i] = t end", either},
		{"high indices by rawset", "local k = {} for i = 1, 1e9 do local t = {} rawset(t, 65535, 1) k[i] = t end", either},
		{"high indices by insert", "local k = {} for i = 1, 1e9 do local t = {} table.insert(t, 65535, 1) k[i] = t end", []error{ErrScript}},
		{"high indices by two", "local k = {} for i = 1, 1e9 do local t = {} t[65535], t[65534] = 1, 2 k[i] = t end", either},
		{"high indices that are nil", "local k = {} for i = 1, 1e9 do local t = {} t[65535] = nil k[i] = t end", either},
		{"a table that grows", "local t = {} for i = 1, 1e9 do t[i] = i end", either},
		{"a table that grows by insert", "local t = {} while true do table.insert(t, 1, 1) end", either},
		{"a hash that grows", "local t = {} for i = 1, 1e9 do t[-i] = i end", either},
		{"a hash of names", "local t = {} for i = 1, 1e9 do t['k' .. i] = i end", either},
		{"tables in tables", "local t = {} for i = 1, 1e9 do t[i] = {{{{}}}} end", either},
		{"tables of varargs", "local k, f = {}, nil function f(...) for i = 1, 1e9 do k[i] = {...} end end f(unpack({}, 1, 999))", either},
		{"fields of many tables", "local k = {} for i = 1, 1e9 do local t = {} t.x = 1 k[i] = t end", either},
		{"methods of many tables", "local k = {} for i = 1, 1e9 do local t = {} function t.x() end k[i] = t end", either},
		{"closures", "local k = {} for i = 1, 1e9 do k[i] = function() return k end end", either},
		{"local closures", "local k = {} for i = 1, 1e9 do local function f() return i end k[i] = f end", either},
		{"the length of holes", "local t = {} for i = 1, 60000 do t[i] = i end for i = 1, 60000 do t[i] = nil end while true do local n = #t end", either},
		{"tostring that fails", "error(setmetatable({}, {__tostring = function() error 'again' end}))", []error{ErrScript}},
		{"tostring that loops", "error(setmetatable({}, {__tostring = function() while true do end end}))", []error{ErrScript}},
		{"an error of itself", "local t = {} t.message = t error(t)", []error{ErrScript}},
		{"yield across pcall", "return pcall(function() coroutine.yield(1) end), coroutine.yield(2)", []error{ErrScript}},
		{"yield in sort", "table.sort({2, 1}, function() coroutine.yield() end)", []error{ErrScript}},
		{"a broken comparison", "local t = {} for i = 1, 1e4 do t[i] = i end for i = 1, 1e9 do table.sort(t, function() return true end) end", either},
		{"a string metatable of its own", "getmetatable('').__index = function(s, k) return s[k] end return ('x').y", []error{ErrScript}},
		{"exit", "os.exit(3)", []error{ErrScript}},
		{"debug", "debug.getregistry()", []error{ErrScript}},
		{"loadstring", "loadstring('while true do end')()", []error{ErrScript}},
		{"the hidden functions", "local c = _G['(charge)'] c(1)", []error{ErrScript}},
		{"sleep", "require('time').sleep(60)", []error{ErrTimeout}},
		{"a flood of log lines", "local l = require 'log' while true do l.info(('x'):rep(1e4)) end", either},
		{"sorting long texts", "local a, b, t = ('x'):rep(1e6), ('x'):rep(1e6) .. '', {} for i = 1, 6e4 do t[i] = i % 2 == 0 and a or b end table.sort(t)", either},
		{"sorting by a comparison that loops", "table.sort({2, 1}, function() while true do end end)", either},
		{"arithmetic on a million digits", "local s = ('0'):rep(1e6) while true do local x = s + 1 end", either},
		{"tonumber of a million digits", "local s = ('0'):rep(1e6) while true do local x = tonumber(s) end", either},
		{"keys of a megabyte", "local s, t = ('x'):rep(1e6), {} while true do t[s] = 1 local x = t[s] end", either},
		{"comparing megabytes", "local a, b = ('x'):rep(1e6), ('x'):rep(1e6) while true do local x = a < b end", either},
		{"a metatable for all strings", "setmetatable('', {__index = function() while true do end end})", []error{ErrScript}},
		{"a metatable for all functions", "setmetatable(print, {__call = print})", []error{ErrScript}},
		{"storms of coroutines", "while true do coroutine.wrap(function() while true do coroutine.yield() end end)() end", []error{ErrScript}},
		{"next over what was removed", "local t = {} for i = 1, 2e4 do t['k' .. i] = 1 end for i = 1, 2e4 do t['k' .. i] = nil end while true do next(t) end", either},
		{"json that nests", "return require('json').decode(('['):rep(1e6)) ~= nil or error('refused')", []error{ErrScript}},
		{"json that grows", "local j = require 'json' local t = {} for i = 1, 1e5 do t[i % 6e4 + 1] = ('x'):rep(1e3) end return j.encode(t)", either},
		{"json of itself", "local t = {} t.t = t require('json').encode(t)", []error{ErrScript}},
		{"json of numbers without end", "local j, s = require 'json', ('9'):rep(1e6) while true do j.decode(s) end", either},
		{"a catastrophe of re2", "local r = require 're2' while true do r.match('(a*)*b', ('a'):rep(1e4)) end", either},
		{"a large pattern of re2", "require('re2').match('(((a{30}){30}){30})', ('a'):rep(1e6))", []error{ErrScript, ErrLimit}},
		{"patterns of re2 without end", "local r, i = require 're2', 0 while true do i = i + 1 r.match('x' .. i .. '(a|b|c)*', 'y') end", either},
		{"digests without end", "local h, s = require 'hash', ('x'):rep(1e6) while true do h.sha512(s) end", either},
		{"keys derived without end", "local h = require 'hash' while true do h.pbkdf2('sha512', 'x', 'y', 50000) end", either},
		{"packing without end", "local b, s = require 'bytes', ('x'):rep(1e6) while true do b.pack('s4', s) end", either},
		{"replacements that multiply", "return require('re2').replace('x', ('x'):rep(1e5), ('$0'):rep(1000))", either},
		{"a store without end", "local s = require 'store' for i = 1, 1e9 do s.set('k' .. i, ('x'):rep(4096)) end", either},
		{"metrics without end", "local m = require 'metric' for i = 1, 1e9 do m.gauge('m', 1, {labels = {a = 'x' .. i}}) end", either},
		{"the process table without end", "local p = require 'process' while true do p.count{cmdline = 'x', older = 0.1} end", either},
		{"files without end", "local f = require 'file' while true do f.read('/proc/self/maps') f.exists('/') end", either},
	}
	var before, after runtime.MemStats
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := runner(t, "return function()\n"+tt.body+"\nend", Options{})
			runtime.ReadMemStats(&before)
			endsInTime(t, r, tt.want)
			runtime.ReadMemStats(&after)
			// The estimate is 16 MiB; what one call takes in truth may be a
			// few times that, never a multiple that hurts the process.
			if grown := (after.TotalAlloc - before.TotalAlloc) >> 20; grown > 100+60*raceSlack {
				t.Errorf("allocated %d MiB", grown)
			}
		})
	}
	if len(tests) < 40 {
		t.Errorf("%d hostile scripts", len(tests))
	}
	// Nothing of all that stays.
	debug.FreeOSMemory()
	runtime.ReadMemStats(&after)
	if after.HeapAlloc > 32<<20 {
		t.Errorf("%d MiB are in use afterwards", after.HeapAlloc>>20)
	}
	if rss := residentMiB(t); rss > raceSlack*96 {
		t.Errorf("%d MiB are resident afterwards", rss)
	}
}

// residentMiB is how much memory the process has.
func residentMiB(t *testing.T) int {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Fatal(err)
	}
	var size, resident int
	if _, err := fmt.Sscan(string(text), &size, &resident); err != nil {
		t.Fatal(err)
	}
	return resident * os.Getpagesize() >> 20
}

// Whatever allocates is charged: with all the time in the world, each of these
// ends at the memory limit, and what the process allocated for it is of the
// order of that limit.
func TestMemoryLimit(t *testing.T) {
	for name, body := range map[string]string{
		"..":               "local s, t = ('x'):rep(1e5), {} for i = 1, 1e9 do t[i % 100] = s .. i end",
		".. of three":      "local s, t = ('x'):rep(1e5), {} for i = 1, 1e9 do t[1] = s .. i .. s end",
		"rep":              "while true do local s = ('x'):rep(1e5) end",
		"upper":            "local s = ('x'):rep(1e5) while true do local u = s:upper() end",
		"lower":            "local s = ('X'):rep(1e5) while true do local u = s:lower() end",
		"char":             "local t = {} for i = 1, 900 do t[i] = 65 end local function f(...) while true do local s = string.char(...) end end f(unpack(t))",
		"gsub":             "local s = ('x'):rep(1e5) while true do local u = s:gsub('^x', 'y') end",
		"format":           "local s = ('x'):rep(1e5) while true do local u = ('%s'):format(s) end",
		"concat":           "local s = ('x'):rep(1e5) while true do local u = table.concat({s, s}) end",
		"appending":        "while true do local t = {} for i = 1, 1e3 do t[#t + 1] = i end end",
		"insert":           "while true do local t = {} for i = 1, 100 do table.insert(t, i) end end",
		"high index":       "while true do local t = {} t[60000] = 1 end",
		"high index, nil":  "while true do local t = {} t[60000] = nil end",
		"high indices":     "while true do local t = {} t[60000], t.x = 1, 2 end",
		"rawset":           "while true do local t = {} rawset(t, 60000, 1) end",
		"names":            "while true do local t = {} for i = 1, 100 do t['k' .. i] = i end end",
		"negative indices": "while true do local t = {} for i = 1, 100 do t[-i] = i end end",
		"one field":        "while true do local t = {} t.x = 1 end",
		"empty tables":     "while true do local t = {} end",
		"items":            "while true do local t = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10} end",
		"fields":           "while true do local t = {a = 1, b = 2, c = 3, d = 4, e = 5} end",
		"varargs":          "local function f(...) while true do local t = {...} end end f(unpack({}, 1, 900))",
		"results":          "while true do local t = {1, unpack({}, 1, 900)} end",
		"closures":         "while true do local t = 1 local u = function() return t end local v = u end",
		"local functions":  "while true do local t = 1 local function f() return t end end",
		"methods":          "while true do local t = {} function t.f() end end",
		"tail calls":       "local function f() return f() end f()",
		"gmatch":           "while true do local f = ('x'):gmatch('x') end",
		"log":              "local l, s = require 'log', ('x'):rep(1e5) while true do l.info(s) end",
		"file":             "local f = require 'file' while true do f.read('large') end",
	} {
		t.Run(name, func(t *testing.T) {
			dir := write(t, map[string]string{"s.lua": "return function()\n" + body + "\nend", "large": strings.Repeat("x", 1e5)})
			script, err := Compile(dir + "/s.lua")
			if err != nil {
				t.Fatal(err)
			}
			r, err := script.NewRunner(Options{Limits: Limits{Instructions: 1 << 40, Memory: 4 << 20}})
			if err != nil {
				t.Fatal(err)
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			_, _, err = r.Check(within(t, 10*time.Second))
			runtime.ReadMemStats(&after)
			if !errors.Is(err, ErrLimit) || !strings.Contains(err.Error(), "4096 KiB of memory in one call") {
				t.Errorf("error %v, want the memory limit", err)
			}
			if grown := (after.TotalAlloc - before.TotalAlloc) >> 20; grown > 20 {
				t.Errorf("allocated %d MiB; the limit is 4", grown)
			}
		})
	}
}

// dripping starts a server that answers one octet a second for ever.
func dripping(t *testing.T, head string) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if _, err := c.Read(make([]byte, 4096)); err != nil {
				t.Log(err)
			}
			if _, err := c.Write([]byte(head)); err != nil {
				t.Log(err)
			}
			for tick := time.NewTicker(time.Second); ; {
				select {
				case <-stop:
				case <-tick.C:
					if _, err := c.Write([]byte("x")); err == nil {
						continue
					}
				}
				tick.Stop()
				break
			}
			c.Close()
		}
	}()
	t.Cleanup(func() { close(stop); l.Close(); <-done })
	return "http://" + l.Addr().String() + "/"
}

func TestServersThatDripEndAtTheDeadline(t *testing.T) {
	for _, head := range []string{"", "HTTP/1.1 200 OK\r\nX-A: ", "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"} {
		r := runner(t, "local http = require 'http' return function(ctx) return http.get(ctx.args.url) ~= nil end",
			Options{Args: map[string]any{"url": dripping(t, head)}})
		start := time.Now()
		_, _, err := r.Check(within(t, 100*time.Millisecond))
		if took := time.Since(start); !errors.Is(err, ErrTimeout) || took > 100*time.Millisecond+raceSlack*promised+200*time.Millisecond {
			t.Errorf("%q: %v after %v", head, err, took)
		}
	}
}

func TestAPipeOrADeviceIsNotRead(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mkfifo(dir+"/pipe", 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir + "/pipe", "/dev/zero", dir} {
		message, err := says(t, "local r, why = require('file').read(ctx.args.p) return true, tostring(r) .. why", Options{Args: map[string]any{"p": path}})
		if err != nil || !strings.Contains(message, "not a regular file") || !strings.HasPrefix(message, "nil") {
			t.Errorf("%s: %q, %v", path, message, err)
		}
	}
	if _, err := os.Stat(dir + "/pipe"); err != nil {
		t.Error(err)
	}
}

// TestADeviceIsNotOpened: opening one may act, as with a watchdog or a terminal. A
// terminal of its own tells whether somebody opened it: its other side hangs up when
// the last who did closes.
func TestADeviceIsNotOpened(t *testing.T) {
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skip("needs /dev/ptmx: " + err.Error())
	}
	defer master.Close()
	control := func(request, argument uintptr) {
		t.Helper()
		raw, err := master.SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		var errno syscall.Errno
		if err := raw.Control(func(fd uintptr) { _, _, errno = syscall.Syscall(syscall.SYS_IOCTL, fd, request, argument) }); err != nil || errno != 0 {
			t.Fatal(err, errno)
		}
	}
	var n, unlocked uint32
	control(syscall.TIOCGPTN, uintptr(unsafe.Pointer(&n)))
	control(syscall.TIOCSPTLCK, uintptr(unsafe.Pointer(&unlocked)))
	tty := fmt.Sprintf("/dev/pts/%d", n)
	wasOpened := func() bool {
		raw, err := master.SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		var errno error
		if err := raw.Control(func(fd uintptr) {
			if errno = syscall.SetNonblock(int(fd), true); errno == nil {
				_, errno = syscall.Read(int(fd), make([]byte, 1))
			}
		}); err != nil {
			t.Fatal(err)
		}
		return errors.Is(errno, syscall.EIO) // and EAGAIN before anybody did
	}
	for body, grants := range map[string][]string{
		`require("file").read(ctx.args.p)`: nil, `require("file").tail(ctx.args.p)`: nil,
		`require("http").get("https://127.0.0.1:1/", {ca = ctx.args.p})`:                  nil,
		`require("http").get("https://127.0.0.1:1/", {cert = ctx.args.p})`:                nil,
		`nil, require("process").running({pidfile = ctx.args.p}) or "not a regular file"`: nil,
		`require("file").append(ctx.args.p, "x")`:                                         {GrantWrite}, `require("file").write(ctx.args.p, "x")`: {GrantWrite},
	} {
		message, err := says(t, "local r, why = "+body+" return true, tostring(r) .. why", Options{Allow: grants, Args: map[string]any{"p": tty}})
		if err != nil || !strings.Contains(message, "not a regular file") || !strings.HasPrefix(message, "nil") {
			t.Errorf("%s: %q, %v", body, message, err)
		}
		if wasOpened() {
			t.Fatalf("%s: opened %s", body, tty)
		}
	}
	file, err := os.OpenFile(tty, os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	file.Close()
	if !wasOpened() {
		t.Error("the test would not have seen it")
	}
}
