package lua

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"
)

// closedAddress returns an address on which nothing listens.
func closedAddress(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func TestHTTP(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/echo", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		w.Header().Add("X-Two", "a")
		w.Header().Add("X-Two", "b")
		w.WriteHeader(http.StatusTeapot)
		fmt.Fprintf(w, "%s %s %s %s %s", r.Method, r.Host, r.Header.Get("X-A"), r.UserAgent(), body)
	})
	mux.HandleFunc("/host", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Host) })
	mux.Handle("/moved", http.RedirectHandler("/echo", http.StatusFound))
	mux.HandleFunc("/large", func(w http.ResponseWriter, _ *http.Request) {
		block := bytes.Repeat([]byte("x"), 64<<10)
		for range 160 {
			if _, err := w.Write(block); err != nil {
				return // the check has gone
			}
		}
	})
	mux.HandleFunc("/slow", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	server := httptest.NewServer(mux)
	defer server.Close()
	t.Setenv("HTTP_PROXY", "http://"+closedAddress(t))
	host := server.Listener.Addr().String()
	tests := []struct{ body, want string }{
		{`local r = http.get(u .. "/echo", {headers = {["X-A"] = "1"}, host = "www.example.org"}) return true, r.status .. r.body .. r.headers["x-two"]`, "418GET www.example.org 1 moonkeep a, b"},
		{`local r = http.get(u .. "/echo", {headers = {hOST = "a.example"}}) return true, r.body`, "GET a.example  moonkeep"},
		{`local r = require("webhook").post(u .. "/host", 1, {headers = {Host = "a.example", ["X-A"] = "2"}}) return true, r.body`, "a.example"},
		{`local r = http.post(u .. "/echo", "data") return true, r.body`, "POST " + host + "  moonkeep data"},
		{`local r = http.get(u .. "/moved") return true, r.status .. r.headers.location`, "302/echo"},
		{`local r = http.get(u .. "/large") return true, #r.body .. tostring(r.truncated)`, "524288true"},
		{`local r, why = http.get(u .. "/slow", {timeout = 0.05}) return true, tostring(r) .. " " .. why`, "nil no answer in time"},
		{`local r, why = http.get("http://` + closedAddress(t) + `/") return true, tostring(r) .. " " .. why:match("connection refused")`, "nil connection refused"},
	}
	for _, tt := range tests {
		got, err := says(t, `local http, u = require "http", ctx.args.url `+tt.body, Options{Allow: []string{GrantNet}, Args: map[string]any{"url": server.URL}})
		if err != nil || got != tt.want {
			t.Errorf("%s\n got %q, %v\nwant %q", tt.body, got, err, tt.want)
		}
	}
}

func TestTCP(t *testing.T) {
	l, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		t.Skipf("needs /proc/net/if_inet6: IPv6 on the loopback interface: %v", err)
	}
	defer l.Close()
	for address, want := range map[string]string{l.Addr().String(): "tcp.Connection nil", closedAddress(t): "connection refused"} {
		got, err := says(t, `local ok, why = require("tcp").connect(ctx.args.a) return true, tostring(ok) .. " " .. tostring(why)`, Options{Args: map[string]any{"a": address}})
		if err != nil || !strings.Contains(got, want) {
			t.Errorf("%s: %q, %v; want %q", address, got, err, want)
		}
	}
}

func TestProcess(t *testing.T) {
	dir := t.TempDir()
	// A copy with a name of its own, longer than the kernel keeps.
	const name = "moonkeep-test-sleeper"
	program := filepath.Join(dir, name)
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Skipf("needs sleep: %v", err)
	}
	text, err := os.ReadFile(sleep)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(program, text, 0o755); err != nil {
		t.Fatal(err)
	}
	start := func() *exec.Cmd {
		cmd := &exec.Cmd{Path: program, Args: []string{program, "61"}}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		return cmd
	}
	one, two := start(), start()
	pidfile := filepath.Join(dir, "pid")
	if err := os.WriteFile(pidfile, []byte(strconv.Itoa(one.Process.Pid)+"\nmore\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	ask := func(what string) string {
		t.Helper()
		got, err := says(t, "local process = require 'process' return true, tostring(process."+what+")", Options{Args: map[string]any{"pid": pidfile, "dir": dir}})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	expect := func(what, want string) {
		t.Helper()
		if got := ask(what); got != want {
			t.Errorf("process.%s is %s, want %s", what, got, want)
		}
	}
	for until := time.Now().Add(2 * time.Second); ask("count{name = '"+name+"'}") != "2" && time.Now().Before(until); {
		time.Sleep(time.Millisecond) // until both have become the program
	}
	expect("count{name = '"+name+"'}", "2")
	expect("count{name = '"+name[:15]+"'}", "2")
	expect("count{name = '"+name+"s'}", "0")
	expect("count{cmdline = ctx.args.dir .. '/"+name+" 61'}", "2")
	expect("running{name = '"+name+"', cmdline = ' 62'}", "false")
	expect("running{pidfile = ctx.args.pid}", "true")
	expect("running{pidfile = ctx.args.pid, name = '"+name+"'}", "true")
	expect("running{pidfile = ctx.args.pid, name = 'nginx'}", "false")
	expect("running{pidfile = ctx.args.dir .. '/none'}", "false")
	expect("running{pidfile = ctx.args.dir}", "false")
	// Dead, and not yet waited for: a zombie.
	if err := one.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for until := time.Now().Add(2 * time.Second); ask("running{pidfile = ctx.args.pid}") == "true" && time.Now().Before(until); {
		time.Sleep(time.Millisecond)
	}
	expect("running{pidfile = ctx.args.pid}", "false")
	expect("count{name = '"+name+"'}", "1")
	if err := two.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for _, cmd := range []*exec.Cmd{one, two} {
		_ = cmd.Wait() // it says that it was killed
	}
}

func TestFile(t *testing.T) {
	dir := write(t, map[string]string{"a": "text", "large": strings.Repeat("x", maxString+1)})
	tests := []struct{ body, want string }{
		{`return true, f.read(d .. "/a") .. f.size(d .. "/a")`, "text4"},
		{`return true, tostring(f.age(d .. "/a") < 10)`, "true"},
		{`return true, tostring(f.exists(d .. "/a")) .. tostring(f.exists(d .. "/b")) .. tostring(f.exists(d .. "/a/b"))`, "truefalsefalse"},
		{`local r, why = f.read(d .. "/none") return true, tostring(r) .. why:match("no such file")`, "nilno such file"},
		{`local r, why = f.read(d .. "/large") return true, tostring(r) .. why:match("larger than .*")`, "nillarger than 1024 KiB"},
		{`return true, select(2, f.size(d .. "/none")):match("no such") .. select(2, f.age(d .. "/none")):match("no such")`, "no suchno such"},
		{`f.write(d .. "/new", "1") f.write(d .. "/new", "2") f.append(d .. "/new", "3") f.append(d .. "/new2", "4") return true, f.read(d .. "/new") .. f.read(d .. "/new2")`, "234"},
		{`return true, select(2, f.write(d, "x")):match("not a regular file") .. select(2, f.append(d .. "/none/x", "x")):match("no such")`, "not a regular fileno such"},
		{`return true, tostring(f.write("/dev/full", "x"))`, "nil"},
	}
	for _, tt := range tests {
		got, err := says(t, `local f, d = require "file", ctx.args.dir `+tt.body, Options{Allow: []string{GrantWrite}, Args: map[string]any{"dir": dir}})
		if err != nil || got != tt.want {
			t.Errorf("%s\n got %q, %v\nwant %q", tt.body, got, err, tt.want)
		}
	}
	names, err := os.ReadDir(dir)
	if err != nil || len(names) != 4 {
		t.Errorf("%v, %v: want a, large, new, new2 and nothing left over", names, err)
	}
}

func TestExec(t *testing.T) {
	t.Setenv("SECRET", "s")
	mark := filepath.Join(t.TempDir(), "mark")
	tests := []struct{ body, want string }{
		{`local r = exec.run{"sh", "-c", "echo out; echo err >&2; pwd; exit 4"} return true, r.status .. r.output:gsub("\n", ",")`, "4out,err,/,"},
		{`return true, exec.run{"sh", "-c", "echo $SECRET-$#", "sh", "a b", 3}.output`, "-2"},
		{`return true, #exec.run({"head", "-c", "1000000", "/dev/zero"}, {max_output = 524288}).output`, "524288"},
		{`local r = exec.run{"sh", "-c", "kill -9 $$"} return true, r.status .. " " .. r.signal`, "-1 9"},
		{`return true, #exec.run{"head", "-c", "1000000", "/dev/zero"}.output`, "65536"},
		{`local r, why = exec.run{"/no/such/program"} return true, tostring(r) .. why:match("no such file")`, "nilno such file"},
		// A child that stays behind holds the output open, and is left alone.
		{`return true, exec.run{"sh", "-c", "sleep 0.3 & echo ok"}.output`, "ok"},
		// The whole group ends at the deadline: the inner shell never writes.
		{`local r, why = exec.run({"sh", "-c", "(sleep 0.3; echo late > ` + mark + `) & sleep 60"}, {timeout = 0.05}) return true, tostring(r) .. why`, "nilsh did not end in time and was killed"},
	}
	for _, tt := range tests {
		got, err := says(t, `local exec = require "exec" `+tt.body, Options{Allow: []string{GrantExec}})
		if err != nil || got != tt.want {
			t.Errorf("%s\n got %q, %v\nwant %q", tt.body, got, err, tt.want)
		}
	}
	time.Sleep(400 * time.Millisecond)
	if _, err := os.Stat(mark); err == nil {
		t.Error("a child of the killed program went on")
	}
}

func TestTime(t *testing.T) {
	t.Setenv("TZ", "UTC")
	now := time.Now()
	for _, tt := range []struct{ expr, want string }{
		{`time.format("%Y %m %d %H %M %S %F %T %s %%", 1e9)`, time.Unix(1e9, 0).Format("2006 01 02 15 04 05 2006-01-02 15:04:05 ") + "1000000000 %"},
		{`time.format("%z %Z %a %b%", 1e9)`, time.Unix(1e9, 0).Format("-0700 MST Mon Jan") + "%"},
		{`time.format():sub(1, 4)`, now.Format("2006")},
		{`math.abs(time.now() - ` + strconv.FormatInt(now.Unix(), 10) + `) < 10`, "true"},
	} {
		got, err := says(t, `local time = require "time" return true, tostring(`+tt.expr+`)`, Options{})
		if err != nil || got != tt.want {
			t.Errorf("%s: %q, %v; want %q", tt.expr, got, err, tt.want)
		}
	}
}

func TestLog(t *testing.T) {
	var got []string
	_, err := says(t, `
local log = require "log"
log.info("a", 1, nil, true)
log.warn("two\nlines\27[2J\194\155mend")
log.error(("x"):rep(5000))
print("printed", "too")
for i = 1, 100 do log.info(i) end
return true`, Options{Log: func(l slog.Level, text string) { got = append(got, l.String()+" "+text) }})
	if err != nil || len(got) != maxLogLines {
		t.Fatalf("%d lines, %v; want %d", len(got), err, maxLogLines)
	}
	want := []string{"INFO a 1 nil true", "WARN two lines [2J mend", "ERROR " + strings.Repeat("x", maxLine) + "...", "INFO printed too", "INFO 1"}
	if !reflect.DeepEqual(got[:5], want) {
		t.Errorf("logged %q, want %q", got[:5], want)
	}
	if last := got[maxLogLines-1]; last != "INFO 16 (further lines of this call are dropped)" {
		t.Errorf("the last line is %q", last)
	}
}

// What a script may not do, and what it says wrongly, is an error that says
// where and what would be right.
func TestModuleErrors(t *testing.T) {
	tests := []struct{ body, want string }{
		{`require("exec").run{"true"}`, "exec.run: not allowed; the configuration must grant it: allow: [exec]"},
		{`require("file").write("x", "")`, "file.write: not allowed; the configuration must grant it: allow: [write]"},
		{`require("file").append("x", "")`, "file.append: not allowed; the configuration must grant it: allow: [write]"},
		{`require("http").post("http://127.0.0.1", "")`, "http.post: not allowed; the configuration must grant it: allow: [net]"},
		{`require("http").get("127.0.0.1")`, "want a URL that starts with http://"},
		{`require("http").get("file:///etc/passwd")`, "want a URL that starts with http://"},
		{`require("http").get("http://127.0.0.1", {timeot = 1})`, `http.get: there is no option "timeot"; the options are timeout, headers, host`},
		{`require("http").get("http://127.0.0.1", {timeout = "1"})`, "timeout must be a number of seconds, not a string value"},
		{`require("http").get("http://127.0.0.1", {timeout = 0})`, "timeout must be a number of seconds above 0, at most 86400, not 0"},
		{`require("http").get("http://127.0.0.1", {headers = 1})`, "headers must be a table"},
		{`require("http").get("http://127.0.0.1", {headers = {"x"}})`, "headers must have names"},
		{`require("http").get("http://127.0.0.1", {headers = {["content-length"] = "3"}})`, "http.get: headers: Content-Length follows from the request"},
		{`require("http").get("http://127.0.0.1", {headers = {["Transfer-Encoding"] = "chunked"}})`, "headers: Transfer-Encoding follows"},
		{`require("http").get("http://127.0.0.1", {headers = {Trailer = "X"}})`, "headers: Trailer follows"},
		{`require("http").get("http://127.0.0.1", {host = "a", headers = {Host = "b"}})`, "http.get: host and the header Host are the same: give one"},
		{`require("tcp").connect("127.0.0.1")`, "want host:port"},
		{`require("process").running{}`, "process.running: say which"},
		{`require("process").running("nginx")`, "table expected"},
		{`require("process").count{nmae = "nginx"}`, `process.count: there is no option "nmae"`},
		{`require("process").count{name = 1}`, "name must be a string, not a number value"},
		{`require("file").read("")`, "the path is empty"},
		{`require("time").sleep(-1)`, "must be a number of seconds above 0"},
		{`require("time").sleep(0/0)`, "must be a number of seconds above 0"},
		{`require("time").format("%Q")`, "there is no conversion %Q"},
		{`require("log").inform("x")`, "attempt to call a non-function"},
	}
	for _, tt := range tests {
		_, err := says(t, tt.body, Options{})
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "s.lua:2: ") {
			t.Errorf("%s\n error %v\n want %q at line 2", tt.body, err, tt.want)
		}
	}
}

// A script that is only looked at has no effects.
func TestNothingActsWhileLoading(t *testing.T) {
	dir := t.TempDir()
	for _, body := range []string{
		`require("http").get("http://127.0.0.1:9/")`, `require("tcp").connect("127.0.0.1:9")`, `require("time").sleep(1)`,
		`require("exec").run{"touch", "` + dir + `/x"}`, `require("file").write("` + dir + `/x", "")`, `require("file").append("` + dir + `/x", "")`,
		`require("http").post("http://127.0.0.1:9/", "")`,
	} {
		_, err := runner(t, body, Options{Allow: Grants()}).Functions(within(t, time.Second))
		if err == nil || !strings.Contains(err.Error(), "not while the script is loaded; call it inside a function") {
			t.Errorf("%s: %v", body, err)
		}
	}
	if names, err := os.ReadDir(dir); err != nil || len(names) != 0 {
		t.Errorf("%v, %v: something was written", names, err)
	}
}
