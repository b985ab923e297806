package main

import (
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// pages is a web server that knows one page.
func pages(t *testing.T) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Host", r.Host)
		w.Write([]byte(`{"state":"up"}` + strings.Repeat(" ", len(r.Header.Values("X-More")))))
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

func runLine(args ...string) (status int, stdout, stderr string) {
	var out, err bytes.Buffer
	status = run(args, &out, &err)
	return status, out.String(), err.String()
}

func TestProbe(t *testing.T) {
	web := pages(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := l.Addr().String()
	l.Close()
	_, port, _ := net.SplitHostPort(web)
	for _, test := range []struct {
		args   []string
		status int
		want   []string
	}{
		{[]string{"TCP_CHECK", web}, 0, []string{"TCP_CHECK " + web + ": ok: connected ("}},
		{[]string{"tcp_check", closed}, 1, []string{"TCP_CHECK " + closed + ": failed: connect to " + closed + ": connection refused"}},
		{[]string{"TCP_CHECK", web, "-o", "bind_if=no-such-if"}, 2, []string{"unknown: connect to " + web + ": bind_if no-such-if"}},
		{[]string{"TCP_CHECK", web, "-o", "bindto=127.0.0.3", "-o", "connect_timeout=2.5"}, 0, []string{"ok"}},
		{[]string{"HTTP_GET", web, "--option", "path=/healthz"}, 0, []string{"ok: status 200", "sent           GET /healthz HTTP/1.0\n                 User-Agent: KeepAliveClient\n", "Host: " + web, "head           HTTP/1.0 200 OK\n", "body           14 bytes, MD5 "}},
		{[]string{"HTTP_GET", web, "-o", "path=/none"}, 1, []string{"failed: status 404, expected 200-299"}},
		{[]string{"HTTP_GET", web, "-o", "path=/healthz", "-o", "status_code=404", "-o", "status_code=200-201"}, 0, nil},
		{[]string{"HTTP_GET", web, "-o", "path=/healthz", "-o", "headers=X-More: a", "-o", "headers=X-More: b"}, 0, []string{"body           16 bytes"}},
		{[]string{"HTTP_GET", web, "-o", "path=/healthz", "-o", "regex=DOWN", "-o", "regex_options=caseless", "-o", "regex_no_match=true"}, 0, nil},
		{[]string{"HTTP_GET", web, "-o", `urls=[{"path":"/healthz"},{"path":"/none"}]`}, 1, []string{"GET /none: status 404"}},
		{[]string{"HTTP_GET", "localhost:" + port, "-o", "path=/healthz"}, 0, []string{"X-Host: localhost\n"}},
		{[]string{"HTTP_GET", "localhost:" + port, "-o", "path=/healthz", "-o", "virtualhost=other"}, 0, []string{"X-Host: other\n"}},
		{[]string{"MISC_CHECK", "-o", "misc_path=/bin/sh", "-o", "misc_path=-c", "-o", "misc_path=echo hi; exit 5", "-o", "misc_dynamic=true"}, 0, []string{"MISC_CHECK: ok: exit status 5: weight 3, weight 3 (", "output         hi"}},
		{[]string{"AGENT_CHECK", closed}, 2, []string{"unknown: connect to"}},
	} {
		status, out, stderr := runLine(append([]string{"probe"}, test.args...)...)
		if status != test.status {
			t.Errorf("%q: status %d, want %d: %s%s", test.args, status, test.status, out, stderr)
		}
		for _, want := range test.want {
			if !strings.Contains(out, want) {
				t.Errorf("%q: no %q in %s", test.args, want, out)
			}
		}
	}
}

func TestProbeJSON(t *testing.T) {
	status, out, stderr := runLine("probe", "HTTP_GET", pages(t), "-o", "path=/healthz", "-o", "json_path=state", "-o", "json_value=down", "--json")
	var got probeJSON
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatalf("%v: %s%s", err, out, stderr)
	}
	if status != 1 || got.Check != "HTTP_GET" || got.Verdict != "failed" || got.Message != `state is "up", expected "down"` || got.Micros <= 0 || len(got.Details) < 4 {
		t.Errorf("status %d: %+v", status, got)
	}
}

func TestProbeFaults(t *testing.T) {
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"SMTP", "127.0.0.1:25"}, `there is no check "SMTP"; there are HTTP_GET, SSL_GET,`},
		{[]string{"TCP_CHECK"}, "TCP_CHECK needs a HOST:PORT"},
		{[]string{"TCP_CHECK", "127.0.0.1"}, "needs a port"},
		{[]string{"TCP_CHECK", "127.0.0.1:x"}, "no port"},
		{[]string{"TCP_CHECK", "127.0.0.1:80", "-o", "path=/"}, `TCP_CHECK has no option "path"; it has connect_timeout,`},
		{[]string{"TCP_CHECK", "127.0.0.1:80", "-o", "bind_port"}, "write NAME=VALUE"},
		{[]string{"TCP_CHECK", "127.0.0.1:80", "-o", "connect_timeout=soon"}, "no duration"},
		{[]string{"TCP_CHECK", "127.0.0.1:80", "-o", "connect_timeout=0s"}, "above zero"},
		{[]string{"HTTP_GET", "127.0.0.1:80"}, "urls is missing"},
		{[]string{"HTTP_GET", "127.0.0.1:80", "-o", "path=/", "-o", "path=/x"}, "given twice"},
		{[]string{"HTTP_GET", "127.0.0.1:80", "-o", "path=/", "-o", "regex_min_offset=x"}, "must be a number"},
		{[]string{"HTTP_GET", "127.0.0.1:80", "-o", "path=/", "-o", "http2=perhaps"}, "write true or false"},
		{[]string{"HTTP_GET", "127.0.0.1:80", "-o", "urls=/"}, "objects in JSON"},
		{[]string{"HTTP_GET", "127.0.0.1:80", "-o", "path=/", "-o", "regex=(?R)"}, "needs recursion"},
	} {
		status, out, stderr := runLine(append([]string{"probe"}, test.args...)...)
		if status != 2 || out != "" || !strings.Contains(stderr, test.want) {
			t.Errorf("%q: status %d, %q, %q; want %q", test.args, status, out, stderr, test.want)
		}
	}
}

func TestDigest(t *testing.T) {
	web := pages(t)
	status, out, stderr := runLine("digest", "http://"+web+"/healthz")
	if status != 0 || len(out) != 33 || stderr != "" {
		t.Fatalf("%d, %q, %q", status, out, stderr)
	}
	// What it prints is what the check takes.
	if status, probe, _ := runLine("probe", "HTTP_GET", web, "-o", "path=/healthz", "-o", "digest="+strings.TrimSpace(out)); status != 0 {
		t.Error(probe)
	}
	if status, by11, _ := runLine("digest", "http://"+web+"/healthz", "-P", "1.1", "-V", "www.example.org", "-v"); status != 0 || !strings.HasSuffix(by11, out) || !strings.Contains(by11, "X-Host: www.example.org") {
		t.Errorf("%d, %q", status, by11)
	}
	if status, out, stderr := runLine("digest", "http://"+web+"/none?a=b"); status != 0 || len(out) != 33 || !strings.Contains(stderr, "status 404") {
		t.Errorf("%d, %q, %q", status, out, stderr)
	}
	for address, want := range map[string]struct {
		status int
		text   string
	}{
		"ftp://127.0.0.1/":                     {2, "neither http:// nor https://"},
		"http:///x":                            {2, "with a host"},
		"https://" + web + "/":                 {1, "TLS handshake"},
		"http://127.0.0.1:1/nobody-is-here-at": {1, "connection refused"},
	} {
		if status, out, stderr := runLine("digest", address); status != want.status || out != "" || !strings.Contains(stderr, want.text) {
			t.Errorf("%s: %d, %q, %q", address, status, out, stderr)
		}
	}
}
