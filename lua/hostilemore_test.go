package lua

import (
	"bufio"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/lua/hostiletest"
)

// More of what TestHostileScripts has.
func TestHostileScriptsOfPieces(t *testing.T) {
	for _, tt := range hostiletest.Pieces() {
		t.Run(tt.Name, func(t *testing.T) {
			r := runner(t, "return function()\n"+tt.Body+"\nend", Options{})
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			endsInTime(t, r, wanted(tt.Ends))
			runtime.ReadMemStats(&after)
			if grown := (after.TotalAlloc - before.TotalAlloc) >> 20; grown > 100+60*raceSlack {
				t.Errorf("allocated %d MiB", grown)
			}
		})
	}
}

// Sources of a few hundred KiB are compiled, or refused, in a time that does not
// hold a reload up.
func TestSourcesThatCompileLong(t *testing.T) {
	many := func(n int, format string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, format, i)
		}
		return b.String()
	}
	for name, source := range map[string]string{
		"names that are assigned":  many(20_000, "a%d=1 "),
		"names in one assignment":  many(100, "local b%d = 1 ") + strings.Repeat("a, ", 100) + "a = 1",
		"functions that are named": many(10_000, "function a%d() end "),
		"methods that are named":   "local t = {} " + many(10_000, "function t:a%d() end "),
	} {
		dir := write(t, map[string]string{"s.lua": source})
		begin := cpuTime(t)
		_, err := Compile(filepath.Join(dir, "s.lua"))
		if took := cpuTime(t) - begin; took > raceSlack*3*time.Second {
			t.Errorf("%s: %v of a processor, %v", name, took, err)
		}
	}
}

// What the daemon was started with is seen by env.get alone, as far as the
// configuration names it.
func TestEnvironmentOfProcesses(t *testing.T) {
	for _, path := range []string{"/proc/self/environ", "/proc/thread-self/environ", "/proc/self/task/../environ", "/proc/1/environ", "/proc/self/mem", "/proc/kcore"} {
		if _, err := os.Stat(path); err != nil {
			continue
		}
		for _, function := range []string{"read", "tail"} {
			got, err := says(t, fmt.Sprintf(`local text, why = require("file").%s(%q) return true, text and "read" or why`, function, path), Options{})
			if err != nil || !strings.Contains(got, "not for scripts") && !strings.Contains(got, "permission denied") {
				t.Errorf("%s of %s: %q, %v", function, path, got, err)
			}
		}
	}
	if got, err := says(t, `return true, require("file").read("/proc/self/stat"):match("^%d+ %(")`, Options{}); err != nil || got == "" {
		t.Errorf("another file of /proc: %q, %v", got, err)
	}
	dir := write(t, map[string]string{"environ": "a plain file"})
	if got, err := says(t, fmt.Sprintf(`return true, require("file").read(%q)`, filepath.Join(dir, "environ")), Options{}); err != nil || got != "a plain file" {
		t.Errorf("a file of that name elsewhere: %q, %v", got, err)
	}
}

// What a process has left behind that ended after its file was opened is no more for
// scripts than before: the memory of a thread's is that of its process.
func TestEnvironmentOfAnEndedProcess(t *testing.T) {
	cmd := exec.Command("sleep", "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(fmt.Sprintf("/proc/%d/environ", cmd.Process.Pid))
	_ = cmd.Process.Kill() // it runs still
	_ = cmd.Wait()         // it was killed
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if !ofProcess(file) {
		t.Errorf("%s of a process that has ended is for scripts", file.Name())
	}
	// Not every kernel has a link that says so.
	for link, want := range map[string]bool{
		"/proc/7/task/8/environ": true, "/proc/7/task/8/environ (deleted)": true, "/proc/7/mem (deleted)": true, "/proc/7/auxv": true, "/proc/kcore": true,
		"/proc/7/stat": false, "/proc/7/stat (deleted)": false, "/proc/meminfo": false,
	} {
		if privateInProc(link) != want {
			t.Errorf("%s: %v, want %v", link, !want, want)
		}
	}
}

// Servers that want to keep a call, or to fill its memory.
func TestHostileServersOfPieces(t *testing.T) {
	endless := func(first, piece string, every time.Duration) func(net.Conn) {
		return func(conn net.Conn) {
			_, err := conn.Write([]byte(first))
			for err == nil {
				_, err = conn.Write([]byte(piece))
				time.Sleep(every)
			}
		}
	}
	const ok = "HTTP/1.1 200 OK\r\n"
	for _, tt := range []struct {
		name, body string
		serve      func(net.Conn)
	}{
		{"headers without end", `http.get("http://" .. at .. "/")`, endless(ok, "X-A: "+strings.Repeat("a", 1000)+"\r\n", 0)},
		{"a header that comes slowly", `http.get("http://" .. at .. "/")`, endless(ok, "a", time.Millisecond)},
		{"interim answers without end", `http.get("http://" .. at .. "/")`, endless("", "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", 0)},
		{"chunks of one octet", `http.get("http://" .. at .. "/")`, endless(ok+"Transfer-Encoding: chunked\r\n\r\n", "1;"+strings.Repeat("x", 100)+"\r\na\r\n", 0)},
		{"trailers without end", `http.get("http://" .. at .. "/")`, endless(ok+"Transfer-Encoding: chunked\r\n\r\n0\r\n", "X: y\r\n", 0)},
		{"redirects to itself", `http.get("http://" .. at .. "/", {follow = 10})`, func(c net.Conn) {
			_, _ = bufio.NewReader(c).ReadString('\n')
			fmt.Fprintf(c, "HTTP/1.1 302 Found\r\nLocation: /%s\r\nContent-Length: 0\r\n\r\n", strings.Repeat("x", 8000))
		}},
		{"noise instead of TLS", `http.get("https://" .. at .. "/")`, endless("", rand.Text(), 0)},
		{"a greeting without end", `tcp.connect(at):expect("(.-)%s*(.-)%s*b$")`, endless("", "aaaa ", 0)},
		{"a line without end", `tcp.connect(at):receive("line")`, endless("", strings.Repeat("x", 4000), 0)},
		{"all of what does not end", `tcp.connect(at):receive("all")`, endless("", "x", 0)},
		{"nobody reads", `local c = tcp.connect(at) while true do c:send(("x"):rep(1e6)) end`, func(net.Conn) { time.Sleep(time.Second) }},
		{"a consent to TLS without end", `tcp.connect(at):starttls()`, endless("", "\x16\x03\x01\x40\x00\x02\x00\x3f\xfc"+strings.Repeat("x", 16380), 0)},
		{"an answer of pointers", `dns.query("x.example", "A", {server = at, tcp = true})`, func(c net.Conn) {
			head := make([]byte, 14)
			_, _ = c.Read(head)
			answer := append([]byte{}, head[2:4]...)
			answer = append(answer, 0x84, 0, 0, 1, 0xff, 0xff, 0, 0, 0, 0, 0xc0, 12, 0, 1, 0, 1)
			answer = append(answer, make([]byte, 60000)...)
			_, _ = c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(answer))), answer...))
			time.Sleep(time.Second)
		}},
		{"redis that promises gigabytes", `client.ping{address = at}`, endless("", "$2147483647\r\n"+strings.Repeat("x", 1000), 0)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			served := make(chan struct{})
			go func() {
				defer close(served)
				for {
					conn, err := l.Accept()
					if err != nil {
						return
					}
					tt.serve(conn)
					conn.Close()
				}
			}()
			r := runner(t, `local http, tcp, dns, client = require "http", require "tcp", require "dns", require "client.redis"
return function(ctx)
  local at = ctx.args.at
  while true do `+tt.body+` end
end`, Options{Args: map[string]any{"at": l.Addr().String()}})
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			endsInTime(t, r, []error{ErrTimeout, ErrLimit})
			runtime.ReadMemStats(&after)
			if grown := (after.TotalAlloc - before.TotalAlloc) >> 20; grown > 100+60*raceSlack {
				t.Errorf("allocated %d MiB", grown)
			}
			l.Close()
			<-served
		})
	}
}

// What a server says that is no such server is a reason, no error of the client.
func TestClientsTakeAnything(t *testing.T) {
	says := []string{
		"", "x", "\x00", "\xff", strings.Repeat("\x00", 400), strings.Repeat("\xff", 400), strings.Repeat("\x01", 400), "hello\r\n" + strings.Repeat("world\r\n", 50),
		"+\r\n", "$\r\n", "$x\r\n", "$-5\r\n", "$999999999999999999999\r\n", "*999999999\r\n:1\r\n", "*1e9\r\n", "$1.5\r\nxx\r\n", "*2\r\n*2\r\n*2\r\n*2\r\n*2\r\n*2\r\n",
		"R\x00\x00\x00\x00", "R\x00\x00\x00\x04", "R\x00\x00\x00\x06ab", "R\xff\xff\xff\xff", "R\x00\x00\x00\x08\x00\x00\x00\x00Z\x00\x00\x00\x05IT\x00\x00\x00\x05a", "R\x00\x00\x00\x08\x00\x00\x00\x00Z\x00\x00\x00\x05ID\x00\x00\x00\x05a", "R\x00\x00\x00\x08\x00\x00\x00\x05", "E\x00\x00\x00\x04",
		"R\x00\x00\x00\x08\x00\x00\x00\x00Z\x00\x00\x00\x05ID\x00\x00\x00\x0a\xff\xff\x00\x00\x00\x01",
		"\x01\x00\x00\x00\xff", "\x01\x00\x00\x00\x0a", "\x05\x00\x00\x00\x0a5.5\x00", "\xff\xff\xff\x00\x0a", "\x00\x00\x00\x00", "\x02\x00\x00\x00\xff\x01",
		"\x4a\x00\x00\x00\x0a5.5.5\x00\x01\x00\x00\x00abcdefgh\x00\xff\xf7\x08\x02\x00\x0f\x80\x15" + strings.Repeat("\x00", 10) + "abcdefghijkl\x00mysql_native_password\x00" + "\x01\x00\x00\x02\xfe",
		"\x4a\x00\x00\x00\x0a5.5.5\x00\x01\x00\x00\x00abcdefgh\x00\xff\xf7\x08\x02\x00\x0f\x80\x15" + strings.Repeat("\x00", 10) + "abcdefghijkl\x00mysql_native_password\x00" + "\x01\x00\x00\x02\xff",
		"\x4a\x00\x00\x00\x0a5.5.5\x00\x01\x00\x00\x00abcdefgh\x00\xff\xf7\x08\x02\x00\x0f\x80\x15" + strings.Repeat("\x00", 10) + "abcdefghijkl\x00mysql_native_password\x00" + "\x01\x00\x00\x02\x01",
		"\x4a\x00\x00\x00\x0a5.5.5\x00\x01\x00\x00\x00abcdefgh\x00\xff\xf7\x08\x02\x00\x0f\x80\x15" + strings.Repeat("\x00", 10) + "abcdefghijkl\x00mysql_native_password\x00" + "\x01\x00\x00\x02\x00" + "\x01\x00\x00\x01\xff",
		"\x4a\x00\x00\x00\x0a5.5.5\x00\x01\x00\x00\x00abcdefgh\x00\xff\xf7\x08\x02\x00\x0f\x80\x15" + strings.Repeat("\x00", 10) + "abcdefghijkl\x00mysql_native_password\x00" + "\x01\x00\x00\x02\x00" + "\x01\x00\x00\x01\x01" + "\x01\x00\x00\x01\xfc" + "\x01\x00\x00\x01\xfe\x01\x00\x00\x01\xfc\x01\x00\x00\x01\xfe",
		"0\x00", "0\x80", "0\x84\x00\x00\x00\x01a", "0\x82\x00\x01a", "0\x03\x02\x01\x02", "0\x04\x02\x01\x02a", "0\x05\x02\x01\x02a\x00", "0\x07\x02\x01\x02a\x05\x0a\x01", "0\x08\x02\x01\x02a\x03\x0a\x01\x07", "0\x06\x02\x01\x02a\x84\xff",
		"220\r\n", "220 x\r\n", "220 x\r\n250-a\r\n", "220-x\r\n220 y\r\n250 a\r\n500 b\r\n", "999 x\r\n", strings.Repeat("220-x\r\n", 200),
		"HTTP/1.1 200 OK\r\n\r\nActive", "HTTP/1.1 200 OK\r\n\r\nActive connections: x\n", "HTTP/1.1 200 OK\r\n\r\n[", "HTTP/1.1 200 OK\r\n\r\n{}", "HTTP/1.1 200 OK\r\n\r\n[1,{}]", "HTTP/1.1 200 OK\r\n\r\n{\"State\": 5}", "HTTP/1.1 200 OK\r\n\r\nnull",
		"# pxname,svname\n", "# \nweb,FRONTEND\n", "#\n,,,\n", "# pxname,svname,status\nweb\n",
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	answers, served := make(chan string, 1), make(chan struct{})
	go func() {
		defer close(served)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			select {
			case text := <-answers:
				_, _ = conn.Write([]byte(text))
				_ = conn.(*net.TCPConn).CloseWrite()
				_ = conn.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
				_, _ = io.Copy(io.Discard, conn)
			default:
			}
			conn.Close()
		}
	}()
	for _, call := range []string{
		`redis.ping(o)`, `redis.replication(o)`, `redis.command(o, "GET", "x")`, `mysql.greeting(o)`, `mysql.query(o, "SELECT 1")`, `mysql.status(o)`,
		`postgres.query(o, "SELECT 1")`, `postgres.status(o)`, `ldap.bind(o)`, `smtp.check(o)`, `haproxy.info(o)`, `haproxy.backend(o, "web")`, `nginx.status(o.url)`, `docker.container(o, "web")`,
	} {
		client, _, _ := strings.Cut(call, ".")
		o := Options{Args: map[string]any{"at": l.Addr().String()}}
		r := runner(t, `local `+client+` = require "client.`+client+`"
return function(ctx)
  local o = {address = ctx.args.at, url = "http://" .. ctx.args.at .. "/", socket = ctx.args.at, user = "u", password = "p"}
  `+call+`
  return true
end`, o)
		for _, text := range says {
			answers <- text
			if _, _, err := r.Check(within(t, 5*time.Second)); err != nil {
				t.Errorf("%s, answered %.60q: %v", call, text, err)
			}
			select {
			case <-answers: // it did not connect
			default:
			}
		}
	}
	l.Close()
	<-served
}

// A key that takes minutes to be read is not.
func TestKeysOfAMegabyte(t *testing.T) {
	dir := write(t, map[string]string{"key.pem": strings.Repeat("x", maxKeyFile+1)})
	got, err := says(t, fmt.Sprintf(`local answer, why = require("http").get("https://127.0.0.1:1/", {cert = %q}) return true, why`, filepath.Join(dir, "key.pem")), Options{})
	if err != nil || !strings.Contains(got, "larger than 64 KiB") {
		t.Errorf("got %q, %v", got, err)
	}
}

// cpuTime is the processor time of this process.
func cpuTime(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
