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

	"github.com/moonkeep/moonkeep/lua/hostiletest"
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

// wanted are the errors that a call may end with.
func wanted(ends hostiletest.Ends) (errs []error) {
	for _, x := range []struct {
		end hostiletest.Ends
		err error
	}{{hostiletest.Timeout, ErrTimeout}, {hostiletest.Limit, ErrLimit}, {hostiletest.Failed, ErrScript}} {
		if ends&x.end != 0 {
			errs = append(errs, x.err)
		}
	}
	return errs
}

// Each script wants to keep the processor, the memory or the goroutine. Each
// call must end soon after its deadline with the error that says why, and take
// no more memory than a few times its limit.
func TestHostileScripts(t *testing.T) {
	tests := hostiletest.Scripts()
	var before, after runtime.MemStats
	for _, tt := range tests {
		t.Run(tt.Name, func(t *testing.T) {
			r := runner(t, "return function()\n"+tt.Body+"\nend", Options{})
			runtime.ReadMemStats(&before)
			endsInTime(t, r, wanted(tt.Ends))
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
