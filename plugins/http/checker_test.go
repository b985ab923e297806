package http

import (
	"crypto/md5"
	"fmt"
	"net"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/moonkeep/moonkeep/plugins/checker"
)

func TestMain(m *testing.M) {
	if os.Getenv(serverVariable) != "" {
		benchServer()
		return
	}
	// The clock of the patterns that backtrack ends by itself, a second later.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/dlclark/regexp2.runClock"))
}

type object = map[string]any

// path is a check of one URL with further options.
func path(o object) object {
	o["path"] = "/x"
	return object{"urls": []any{o}}
}

func chunked(chunks ...string) string {
	s := "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	for _, c := range chunks {
		s += fmt.Sprintf("%x\r\n%s\r\n", len(c), c)
	}
	return s + "0\r\n\r\n"
}

// TestVerdicts is the table of what HTTP_GET calls ok and failed.
func TestVerdicts(t *testing.T) {
	const head = "HTTP/1.1 200 OK\r\n"
	hello := fmt.Sprintf("%x", md5.Sum([]byte("hello\n")))
	framed := fmt.Sprintf("%x", md5.Sum([]byte("3\r\nhel\r\n3\r\nlo\n\r\n0\r\n\r\n")))
	long := strings.Repeat("x", 1<<20)
	tests := []struct {
		name    string
		options object
		answer  func(net.Conn)
		want    checker.Verdict
		message string
	}{
		{"status 200", path(object{}), says(head + "\r\nhello\n"), checker.OK, "status 200"},
		{"status 204", path(object{}), says("HTTP/1.1 204 No Content\r\n\r\n"), checker.OK, "status 204"},
		{"no reason", path(object{}), says("HTTP/1.1 200\r\n\r\n"), checker.OK, "status 200"},
		{"lines that end in LF", path(object{}), says("HTTP/1.0 200 OK\nContent-Length: 3\n\nabc"), checker.OK, "status 200"},
		{"a version without a minor number", path(object{}), says("HTTP/2 200 OK\r\n\r\n"), checker.OK, "status 200"},
		{"a server of streams", path(object{}), says("ICY 200 OK\r\nicy-name: x\r\n\r\n"), checker.OK, "status 200"},
		{"a version that is no number", path(object{}), says("HTTP/x 200 OK\r\n\r\n"), checker.Failed, `the answer is no HTTP: "HTTP/x 200 OK"`},
		{"another protocol", path(object{}), says("RTSP/1.0 200 OK\r\n\r\n"), checker.Failed, `the answer is no HTTP: "RTSP/1.0 200 OK"`},
		{"status 500", path(object{}), says("HTTP/1.1 500 Oops\r\n\r\n"), checker.Failed, "status 500, expected 200-299"},
		{"a redirect is not followed", path(object{}), says("HTTP/1.1 302 Found\r\nLocation: http://other/\r\n\r\n"), checker.Failed, `status 302 to "http://other/", expected 200-299`},
		{"a redirect that is expected", path(object{"status_code": "200 301-302"}), says("HTTP/1.1 302 Found\r\nLocation: /y\r\n\r\n"), checker.OK, "status 302"},
		{"a status as a number", path(object{"status_code": 404}), says("HTTP/1.1 404 No\r\n\r\n"), checker.OK, "status 404"},
		{"statuses as a list", path(object{"status_code": []any{404, "500-502"}}), says("HTTP/1.1 501 No\r\n\r\n"), checker.OK, "status 501"},
		{"200 where it is not expected", path(object{"status_code": 404}), says(head + "\r\n"), checker.Failed, "status 200, expected 404"},
		{"interim answers", path(object{}), says("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nContent-Length: 9\r\n\r\n" + head + "\r\nhello"), checker.OK, "status 200"},

		{"nothing", path(object{}), says(""), checker.Failed, "the server closed the connection without an answer"},
		{"no HTTP", path(object{}), says("SSH-2.0-OpenSSH_9.2\r\n"), checker.Failed, `the answer is no HTTP: "SSH-2.0-OpenSSH_9.2"`},
		{"no HTTP and no line", path(object{}), says("220 mail"), checker.Failed, `the answer is no HTTP: "220 mail"`},
		{"HTTP/0.9", path(object{}), says("<html>hello</html>"), checker.Failed, "the answer is no HTTP"},
		{"a status of two digits", path(object{}), says("HTTP/1.1 20 OK\r\n\r\n"), checker.Failed, "the answer is no HTTP"},
		{"a status of four digits", path(object{}), says("HTTP/1.1 2000 OK\r\n\r\n"), checker.Failed, "the answer is no HTTP"},
		{"a head without an end", path(object{}), says(head + "Server: x\r\n"), checker.Failed, "the answer ends in its head"},
		{"a line without an end", path(object{}), says(head + "X: " + long), checker.Failed, "a line of the answer is longer than 16384 bytes"},
		{"headers without an end", path(object{}), says(head + strings.Repeat("X: y\r\n", 1<<17)), checker.Failed, "the head of the answer is longer than 65536 bytes"},
		{"headers that are long", path(object{}), says(head + "X: " + long[:10000] + "\r\nY: " + long[:10000] + "\r\n\r\nhello"), checker.OK, "status 200"},
		{"a wrong Content-Length", path(object{}), says(head + "Content-Length: -1\r\n\r\n"), checker.Failed, `the answer's Content-Length is "-1"`},
		{"two Content-Lengths", path(object{}), says(head + "Content-Length: 1\r\ncontent-length: 2\r\n\r\nab"), checker.Failed, `the answer's Content-Length is "2"`},

		{"the body is short", path(object{}), says(head + "Content-Length: 10\r\n\r\nhello\n"), checker.Failed, "the body ends after 6 of 10 bytes"},
		{"the body is long", path(object{"digest": hello}), says(head + "Content-Length: 6\r\n\r\nhello\nand more"), checker.OK, "status 200"},
		{"a chunk is short", path(object{}), says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\nhello"), checker.Failed, "the body ends after 5 bytes, within a chunk"},
		{"no last chunk", path(object{}), says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"), checker.Failed, "the body ends after 5 bytes, within a chunk"},
		{"a chunk is long", path(object{}), says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhello\r\n0\r\n\r\n"), checker.Failed, "a chunk of the body is longer than it says"},
		{"a chunk is none", path(object{}), says("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nhello\r\n"), checker.Failed, `a chunk of the body begins with "hello"`},
		{"chunks with extensions and trailers", path(object{"digest": hello}), says("HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, Chunked\r\n\r\n006;a=b\r\nhello\n\r\n0\r\nX: y\r\n\r\n"), checker.OK, "status 200"},
		{"a head and the length of a body", path(object{"method": "HEAD"}), says(head + "Content-Length: 10\r\n\r\n"), checker.OK, "status 200"},
		{"a connection that stays open behind the body", path(object{}), func(c net.Conn) {
			c.Write([]byte(head + "Content-Length: 2\r\n\r\nok"))
			c.Read(make([]byte, 1))
		}, checker.OK, "status 200"},
		{"a connection that is half closed", path(object{"digest": hello}), func(c net.Conn) {
			c.Write([]byte(head + "\r\nhello\n"))
			c.(*net.TCPConn).CloseWrite()
			c.Read(make([]byte, 1))
		}, checker.OK, "status 200"},
		{"a reset in the body", path(object{}), func(c net.Conn) {
			c.Write([]byte(head + "\r\nhello\n"))
			c.(*net.TCPConn).SetLinger(0)
		}, checker.Failed, "connection reset by peer"},

		{"digest", path(object{"digest": hello}), says(head + "\r\nhello\n"), checker.OK, "status 200"},
		{"digest in capitals", path(object{"digest": strings.ToUpper(hello)}), says(head + "\r\nhello\n"), checker.OK, "status 200"},
		{"digest of chunks, content", path(object{"digest": hello}), says(chunked("hel", "lo\n")), checker.OK, "status 200"},
		{"digest of chunks, as keepalived's", path(object{"digest": framed}), says(chunked("hel", "lo\n")), checker.OK, "status 200"},
		{"wrong digest", path(object{"digest": hello}), says(head + "\r\nHello\n"), checker.Failed, "the body's MD5 sum is 09f7e02f1290be211da707a266f153b3, expected " + hello},
		{"digest of nothing", path(object{"digest": "d41d8cd98f00b204e9800998ecf8427e"}), says(head + "\r\n"), checker.OK, "status 200"},
		{"digest and a status that is wrong", path(object{"digest": hello}), says("HTTP/1.1 500 No\r\n\r\nhello\n"), checker.Failed, "status 500"},

		{"regex", path(object{"regex": "l+o$"}), says(head + "\r\nhello\n"), checker.OK, "status 200"},
		{"regex that does not match", path(object{"regex": "l+x"}), says(head + "\r\nhello\n"), checker.Failed, "the body does not match the regex"},
		{"regex across chunks", path(object{"regex": "^hello$"}), says(chunked("h", "el", "l", "o")), checker.OK, "status 200"},
		{"regex across packets", path(object{"regex": "needle"}), func(c net.Conn) {
			for _, part := range []string{head + "\r\n", long, "nee", "dle", long} {
				c.Write([]byte(part))
				time.Sleep(2 * time.Millisecond)
			}
		}, checker.OK, "status 200"},
		{"regex is not looked for in the head", path(object{"regex": "Server"}), says(head + "Server: x\r\n\r\nhello"), checker.Failed, "the body does not match"},
		{"regex_no_match", path(object{"regex": "error", "regex_no_match": true}), says(head + "\r\nfine"), checker.OK, "status 200"},
		{"regex_no_match that matches", path(object{"regex": "ERR", "regex_no_match": true, "regex_options": "caseless"}), says(head + "\r\nan error"), checker.Failed, "the body matches the regex, and must not"},
		{"regex_min_offset", path(object{"regex": "l", "regex_min_offset": 4}), says(head + "\r\nhello"), checker.Failed, "does not match"},
		{"regex_max_offset", path(object{"regex": "o", "regex_max_offset": 3}), says(head + "\r\nhello"), checker.Failed, "does not match"},
		{"regex with a reference", path(object{"regex": `(l)\1`}), says(head + "\r\nhello"), checker.OK, "status 200"},
		{"regex and digest", path(object{"regex": `^h`, "digest": hello}), says(head + "\r\nhello\nx"), checker.Failed, "MD5"},

		{"json_path", path(object{"json_path": "status.db.0.state", "json_value": "up"}), says(head + "\r\n" + `{"status":{"db":[{"state":"up"}]}}`), checker.OK, "status 200"},
		{"json_path of a number", path(object{"json_path": "n", "json_value": "1.50"}), says(head + "\r\n" + `{"n":1.50}`), checker.OK, "status 200"},
		{"json_path, another value", path(object{"json_path": "s", "json_value": "up"}), says(head + "\r\n" + `{"s":"down"}`), checker.Failed, `s is "down", expected "up"`},
		{"json_path that is not there", path(object{"json_path": "s.t"}), says(head + "\r\n" + `{"s":{}}`), checker.Failed, `the body has no s.t (nothing at "t")`},
		{"json_path of what is false", path(object{"json_path": "healthy"}), says(head + "\r\n" + `{"healthy":false}`), checker.Failed, `healthy is "false"`},
		{"json_path of what is true", path(object{"json_path": "healthy"}), says(head + "\r\n" + `{"healthy":true}`), checker.OK, "status 200"},
		{"json_path of no JSON", path(object{"json_path": "s"}), says(head + "\r\nhello"), checker.Failed, "the body is no JSON"},
		{"json_path of JSON that goes on", path(object{"json_path": "s"}), says(head + "\r\n" + "{\"s\":\"up\"}\n<html>error"), checker.Failed, `the body is no JSON: "<html>error" follows it`},
		{"json_path of JSON with a line's end", path(object{"json_path": "s"}), says(head + "\r\n" + "{\"s\":\"up\"}\r\n\n"), checker.OK, "status 200"},
		{"json_path and regex", path(object{"json_path": "s", "regex": "up"}), says(head + "\r\n" + `{"s":"up"}`), checker.OK, "status 200"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, "127.0.0.1:0", test.answer)
			p := prepare(t, New(), s.target(t), test.options)
			r := probeOnce(t, p)
			if r.Verdict != test.want || !strings.Contains(r.Message, test.message) {
				t.Errorf("%v, %q; want %v, %q", r.Verdict, r.Message, test.want, test.message)
			}
			if r.Latency <= 0 {
				t.Errorf("took %v", r.Latency)
			}
		})
	}
}

// TestRequests holds what is sent, against what keepalived was seen to send.
func TestRequests(t *testing.T) {
	s := serve(t, "127.0.0.1:0", says("HTTP/1.0 200 OK\r\n\r\n"))
	at := s.address
	tests := []struct {
		options object
		want    string
	}{
		{path(object{}), "GET /x HTTP/1.0\r\nUser-Agent: KeepAliveClient\r\nHost: " + at + "\r\n\r\n"},
		{object{"virtualhost": "www.example.org", "urls": []any{object{"path": "/x"}}}, "GET /x HTTP/1.0\r\nUser-Agent: KeepAliveClient\r\nHost: www.example.org\r\n\r\n"},
		{object{"virtualhost": "a", "urls": []any{object{"path": "/x", "virtualhost": "b"}}}, "GET /x HTTP/1.0\r\nUser-Agent: KeepAliveClient\r\nHost: b\r\n\r\n"},
		{object{"http_protocol": "1.0C", "urls": []any{object{"path": "/x"}}}, "GET /x HTTP/1.0\r\nUser-Agent: KeepAliveClient\r\nConnection: close\r\nHost: " + at + "\r\n\r\n"},
		{object{"http_protocol": "1.0c", "urls": []any{object{"path": "/x"}}}, "GET /x HTTP/1.0\r\nUser-Agent: KeepAliveClient\r\nConnection: close\r\nHost: " + at + "\r\n\r\n"},
		{object{"http_protocol": "1.1", "urls": []any{object{"path": "/x"}}}, "GET /x HTTP/1.1\r\nUser-Agent: KeepAliveClient\r\nConnection: close\r\nHost: " + at + "\r\n\r\n"},
		{object{"http_protocol": "1.1C", "urls": []any{object{"path": "/x"}}}, "GET /x HTTP/1.1\r\nUser-Agent: KeepAliveClient\r\nConnection: close\r\nHost: " + at + "\r\n\r\n"},
		{path(object{"method": "POST", "body": "a=b", "headers": []any{"X-Check: 1", "user-agent: mine", "Host:  h "}}), "POST /x HTTP/1.0\r\nuser-agent: mine\r\nHost: h\r\nX-Check: 1\r\nContent-Length: 3\r\n\r\na=b"},
	}
	for i, test := range tests {
		r := probeOnce(t, prepare(t, New(), s.target(t), test.options))
		if got := s.asked()[i]; r.Verdict != checker.OK || got != test.want {
			t.Errorf("%v: sent %q, want %q", r, got, test.want)
		}
	}
}

// TestIPv6 holds that an address of six is asked in brackets.
func TestIPv6(t *testing.T) {
	s := serve(t, "[::1]:0", says("HTTP/1.0 200 OK\r\n\r\n"))
	if r := probeOnce(t, prepare(t, New(), s.target(t), path(object{}))); r.Verdict != checker.OK {
		t.Error(r)
	}
	if got := s.asked()[0]; !strings.Contains(got, "Host: "+s.address+"\r\n") || !strings.HasPrefix(s.address, "[::1]:") {
		t.Errorf("sent %q", got)
	}
}

// TestURLs holds that all URLs are asked for, until one is not right.
func TestURLs(t *testing.T) {
	s := serve(t, "127.0.0.1:0", says("HTTP/1.0 200 OK\r\n\r\nhello"))
	r := probeOnce(t, prepare(t, New(), s.target(t), object{"urls": []any{object{"path": "/a"}, object{"path": "/b", "regex": "bye"}, object{"path": "/c"}}}))
	if r.Verdict != checker.Failed || r.Message != "GET /b: the body does not match the regex" {
		t.Error(r)
	}
	asked := s.asked()
	if len(asked) != 2 || !strings.HasPrefix(asked[0], "GET /a ") || !strings.HasPrefix(asked[1], "GET /b ") {
		t.Errorf("asked %q", asked)
	}
}

// TestTime holds that no server keeps a check longer than it has, and what that
// costs in memory.
func TestTime(t *testing.T) {
	tests := []struct {
		name    string
		answer  func(net.Conn)
		message string
	}{
		{"silence", func(c net.Conn) { c.Read(make([]byte, 1)) }, "read the answer: timed out"},
		{"a byte at a time", func(c net.Conn) {
			for _, b := range []byte("HTTP/1.1 200 OK\r\n" + strings.Repeat("X: y\r\n", 100)) {
				if _, err := c.Write([]byte{b}); err != nil {
					return
				}
				time.Sleep(20 * time.Millisecond)
			}
		}, "read the answer: timed out"},
		{"a body without an end", func(c net.Conn) {
			c.Write([]byte("HTTP/1.1 200 OK\r\n\r\n"))
			block := make([]byte, 64<<10)
			for {
				if _, err := c.Write(block); err != nil {
					return
				}
			}
		}, "bytes of the body: timed out"},
		{"chunks without an end", func(c net.Conn) {
			c.Write([]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"))
			chunk := []byte("1000\r\n" + strings.Repeat("x", 0x1000) + "\r\n")
			for {
				if _, err := c.Write(chunk); err != nil {
					return
				}
			}
		}, "bytes of the body: timed out"},
		{"a body of 10 GB, of which little comes", func(c net.Conn) {
			c.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\nhello"))
			c.Read(make([]byte, 1))
		}, "after 5 bytes of the body: timed out"},
	}
	for _, test := range tests {
		for _, more := range []object{{}, {"regex": "needle", "digest": "d41d8cd98f00b204e9800998ecf8427e"}} {
			s := serve(t, "127.0.0.1:0", test.answer)
			target := s.target(t)
			target.Timeout = 300 * time.Millisecond
			p := prepare(t, New(), target, path(more))
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			begin := time.Now()
			r := probeOnce(t, p)
			runtime.ReadMemStats(&after)
			if r.Verdict != checker.Failed || !r.TimedOut || !strings.Contains(r.Message, test.message) {
				t.Errorf("%s %v: %v, %q; want %q", test.name, more, r.Verdict, r.Message, test.message)
			}
			if took := time.Since(begin); took < 250*time.Millisecond || took > 10*time.Second {
				t.Errorf("%s: took %v", test.name, took)
			}
			// The server's side is counted too, and allocates nothing for what it
			// writes; a body that is kept would be tens of times as much.
			if grew := after.TotalAlloc - before.TotalAlloc; grew > 4<<20 {
				t.Errorf("%s %v: allocated %d bytes", test.name, more, grew)
			}
		}
	}
}

// TestUnknown holds that what is wrong on this side is no failure of the
// server's.
func TestUnknown(t *testing.T) {
	s := serve(t, "127.0.0.1:0", says("HTTP/1.0 200 OK\r\n\r\n"))
	target := s.target(t)
	target.BindIf = "no-such-if"
	if r := probeOnce(t, prepare(t, New(), target, path(object{}))); r.Verdict != checker.Unknown || !strings.Contains(r.Message, "no-such-if") {
		t.Error(r)
	}
}

// TestFaults holds what Prepare refuses.
func TestFaults(t *testing.T) {
	target := serve(t, "127.0.0.1:0", says("")).target(t)
	for _, test := range []struct {
		target  checker.Target
		options object
		want    string
	}{
		{target, object{}, "urls is missing"},
		{target, path(object{"pat": "/"}), `there is no option "pat"`},
		{target, object{"urls": []any{object{"path": ""}}}, "url 1: path is missing"},
		{target, object{"urls": []any{object{"path": "/\r\nX: y"}}}, "has a control character"},
		{target, path(object{"virtualhost": "a\r\nb"}), "no name of a host"},
		{target, path(object{"headers": []any{"x"}}), "must be NAME: VALUE"},
		{target, path(object{"headers": []any{"x: y\r\nz: a"}}), "must be NAME: VALUE"},
		{target, path(object{"headers": []any{"content-length: 3"}}), "follows from the body"},
		{target, path(object{"method": "GE T"}), "no method"},
		{target, path(object{"digest": "12"}), "digest must be"},
		{target, path(object{"status_code": "99"}), "status_code must be"},
		{target, path(object{"status_code": "299-200"}), "status_code must be"},
		{target, path(object{"regex": "("}), "not closed"},
		{target, path(object{"regex": "a", "regex_options": "casless"}), "no regex option"},
		{target, path(object{"regex": `(?R)`}), "needs recursion"},
		{target, path(object{"regex_no_match": true}), "need a regex"},
		{target, path(object{"regex": "a", "regex_min_offset": 5, "regex_max_offset": 4}), "nothing can match"},
		{target, path(object{"json_value": "x"}), "json_value needs json_path"},
		{target, object{"http_protocol": "2", "urls": []any{object{"path": "/"}}}, "none of 1.0"},
		{target, object{"verify": true, "urls": []any{object{"path": "/"}}}, "write SSL_GET"},
		{target, object{"tls_compliant": true, "urls": []any{object{"path": "/"}}}, "write SSL_GET"},
	} {
		if _, err := tryPrepare(t, New(), test.target, test.options); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v: %v; want %q", test.options, err, test.want)
		}
	}
}

// TestDetails holds what `moonkeep probe` has to show.
func TestDetails(t *testing.T) {
	s := serve(t, "127.0.0.1:0", says("HTTP/1.0 200 OK\r\nServer: x\r\n\r\n"+strings.Repeat("hello\n", 1000)))
	p := prepare(t, New(), s.target(t), path(object{}))
	r := p.Probe(checker.WithLog(t.Context(), nil, true))
	if !strings.HasPrefix(detail(r, "sent"), "GET /x HTTP/1.0\r\n") || detail(r, "head") != "HTTP/1.0 200 OK\nServer: x\n\n" {
		t.Errorf("%q", r.Details)
	}
	if got := detail(r, "body"); !strings.HasPrefix(got, fmt.Sprintf("6000 bytes, MD5 %x: ", md5.Sum([]byte(strings.Repeat("hello\n", 1000))))) || !strings.Contains(got, `hello\nhello\n`) || len(got) > 2000 {
		t.Errorf("%q", got)
	}
	if r := p.Probe(t.Context()); r.Details != nil {
		t.Errorf("nobody asked, and there is %v", r.Details)
	}
	for answer, want := range map[string]string{"": "", "SSH-2.0-OpenSSH_9.2\r\n": "SSH-2.0-OpenSSH_9.2\n"} { // that is no head
		s := serve(t, "127.0.0.1:0", says(answer))
		r := prepare(t, New(), s.target(t), path(object{})).Probe(checker.WithLog(t.Context(), nil, true))
		if detail(r, "head received") != "" || detail(r, "head") != "" || detail(r, "received") != want || detail(r, "gave up") == "" {
			t.Errorf("of the answer %q: %q", answer, r.Details)
		}
	}
}
