package lua

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// pour writes as fast as it can until the other end has enough.
func pour(conn net.Conn, head string) {
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	piece := []byte(head)
	for {
		if _, err := conn.Write(piece); err != nil {
			return
		}
		piece = []byte(strings.Repeat("x", 1<<16))
	}
}

// eachOn answers every connection on a goroutine of its own.
func eachOn(t *testing.T, f func(net.Conn)) string {
	stop := make(chan struct{})
	t.Cleanup(func() { close(stop) })
	return serveTCP(t, "tcp", "127.0.0.1:0", func(conn net.Conn) {
		done := make(chan struct{})
		go func() {
			defer close(done)
			f(conn)
		}()
		select {
		case <-done:
		case <-stop:
			conn.Close()
			<-done
		case <-time.After(3 * time.Second):
			conn.Close()
			<-done
		}
	})
}

// What scripts speak to may be as bad as they are, and programs that they start
// too: each call ends in time, and nothing that it began goes on.
func TestHostileWorld(t *testing.T) {
	either := []error{ErrTimeout, ErrLimit}
	drip := func(head string) string {
		return eachOn(t, func(conn net.Conn) {
			fmt.Fprint(conn, head)
			for range 3 {
				time.Sleep(time.Second)
				if _, err := conn.Write([]byte("x")); err != nil {
					return
				}
			}
		})
	}
	silent := func(conn net.Conn) { _, _ = conn.Read(make([]byte, 1)); _, _ = conn.Read(make([]byte, 1<<20)) }
	var accepted atomic.Int32
	endless := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		accepted.Add(1)
		http.Redirect(w, r, "/x"+r.URL.Path, http.StatusFound)
	}))
	defer endless.Close()
	flood, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer flood.Close()
	// HTTP's answer begins behind the question; else it is none.
	answers := func(head string) string {
		return eachOn(t, func(conn net.Conn) {
			if _, err := conn.Read(make([]byte, 1024)); err == nil {
				pour(conn, head)
			}
		})
	}
	stream := eachOn(t, func(conn net.Conn) { pour(conn, "") })
	pourer, headers := answers("HTTP/1.1 200 OK\r\nContent-Length: 10737418240\r\n\r\n"), answers("HTTP/1.1 200 OK\r\nX-A: ")
	silentAddress := eachOn(t, silent)
	tests := []struct {
		name, body, address string
		want                []error
	}{
		{"one octet a second", "while true do local r, why = http.get('http://' .. a) end", drip(""), either},
		{"one octet of a header a second", "while true do http.get('http://' .. a) end", drip("HTTP/1.1 200 OK\r\nX-A: "), either},
		{"one octet of a body a second", "while true do http.get('http://' .. a) end", drip("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"), either},
		{"a body of 10 GB", "while true do local r = http.get('http://' .. a) assert(#r.body <= 524288) end", pourer, either},
		{"bodies of 10 GB that are kept", "local k = {} while true do k[#k + 1] = http.get('http://' .. a) end", pourer, either},
		{"headers without end", "while true do http.get('http://' .. a) end", headers, either},
		{"redirects without end", "while true do http.get('http://' .. a, {follow = 10}) end", endless.Listener.Addr().String(), either},
		{"everything of a stream", "while true do local c = tcp.connect(a) c:receive('all') end", stream, either},
		{"a line without end", "while true do local c = tcp.connect(a) c:receive('line') end", stream, either},
		{"a pattern on a stream", "while true do local c = tcp.connect(a) c:expect('.*y') end", stream, either},
		{"a peer that does not read", "local c, s = tcp.connect(a), ('x'):rep(1e6) while true do c:send(s) end", silentAddress, either},
		{"a peer that does not speak TLS", "while true do tcp.connect(a, {tls = true}) end", silentAddress, either},
		{"a peer that says nothing", "while true do tcp.connect(a):receive() end", silentAddress, either},
		{"10,000 sockets", "local k = {} for i = 1, 1e4 do k[i] = tcp.connect(a) end", endless.Listener.Addr().String(), either},
		{"10,000 sockets, one after another", "for i = 1, 1e4 do tcp.connect(a):close() end error('done')", endless.Listener.Addr().String(), []error{ErrTimeout, ErrLimit, ErrScript}},
		{"a name server that is silent", "while true do require('dns').query('x', 'A', {server = a}) end", flood.LocalAddr().String(), either},
		{"datagrams without end", "while true do require('udp').exchange(a, 'x', {timeout = 0.001}) end", flood.LocalAddr().String(), either},
		{"a webhook that is never taken", "require('webhook').post('http://' .. a, {}, {tries = 20})", silentAddress, either},
		{"waiting for nobody", "while true do tcp.accept('127.0.0.1:0') end", "", either},
		{"a program that does not end", "exec.run{'sleep', '47'}", "", either},
		{"a program that ignores signals", "exec.shell('trap \"\" TERM INT; while :; do sleep 47; done')", "", either},
		{"a program that prints without end", "while true do exec.shell('yes') end", "", either},
		{"programs without end", "while true do exec.run{'true'} end", "", either},
		{"a program that leaves a child", "while true do exec.shell('sleep 0.2 & exit 0') end", "", either},
		{"a fork bomb", "exec.shell('b() { b | b & }; b; sleep 47')", "", either},
		{"a pipe without a writer", "exec.shell('mkfifo p; cat < p', {dir = a})", t.TempDir(), either},
		{"a wait in pcall", "while true do pcall(tcp.accept, '127.0.0.1:0') end", "", either},
		{"systemd that is not there", "while true do require('systemd').unit('x') end", "", either},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.name == "a fork bomb" && testing.Short() {
				t.Skip("needs time: the kernel ends thousands of processes")
			}
			r := runner(t, "local http, tcp, exec = require 'http', require 'tcp', require 'exec' return function(ctx)\nlocal a = ctx.args.a\n"+tt.body+"\nend",
				Options{Allow: Grants(), Args: map[string]any{"a": tt.address}, Host: &Host{SystemBus: "unix:path=/nonexistent"}})
			endsInTime(t, r, tt.want)
		})
	}
	for until := time.Now().Add(5 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		// pgrep finds what a program left running.
		out, err := exec.Command("pgrep", "-P", "1", "-f", "^sleep 47$").Output()
		if err != nil || len(out) == 0 {
			break
		}
		if time.Now().After(until) {
			t.Errorf("still running:\n%s", out)
			break
		}
	}
	if entries, err := os.ReadDir("/proc/self/fd"); err != nil || len(entries) > 100 {
		t.Errorf("%d files are open: %v", len(entries), err)
	}
}
