package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
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
	t.Parallel()
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
		{[]string{"MISC_CHECK", "-o", `misc_path=/bin/sh -c "echo 'a  b'; exit 1"`}, 1, []string{"MISC_CHECK: failed: exit status 1", "output         a  b"}},
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

// TestProbeByPlugin holds that a probe runs in the process that would make it
// for the daemon, and that one of a third party's works the same way.
func TestProbeByPlugin(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: plugins run as another user")
	}
	t.Parallel()
	status, out, stderr := runLine("probe", "MISC_CHECK", "-o", "misc_path=/bin/sh", "-o", "misc_path=-c", "-o", "misc_path=cat /proc/$PPID/comm; id -un", "-o", "user=nobody")
	if status != 0 || !strings.Contains(out, "output         mk:MISC_CHECK\n                 nobody\n") {
		t.Errorf("status %d: %s%s", status, out, stderr)
	}
	// A program has none of the files that the process of the checker was given.
	status, out, stderr = runLine("probe", "MISC_CHECK", "-o", "misc_path=/bin/ls", "-o", "misc_path=-l", "-o", "misc_path=/proc/self/fd", "-o", "user=nobody")
	if status != 0 || !strings.Contains(out, "1 -> pipe:") || strings.Contains(out, "moonkeep-plugin") {
		t.Errorf("status %d: %s%s", status, out, stderr)
	}
	// It says everything that can be said, and what it was told.
	path := rootsFile(t, "probed", `#!/bin/sh
echo '{"hello":{"protocol":1,"name":"PROBED","version":"1","doc":"says what it is told","options":[{"name":"n","type":"int","doc":"a number"},{"name":"user","type":"string","doc":"a text"}]}}'
while read -r l; do
	case $l in *'"prepare":'*) told=$(echo "$l" | tr '"' "'"); echo '{"prepared":[{"check":0}]}' ;; esac
	case $l in *'"ping":'*) n=${l##*'"ping":'}; echo "{\"pong\":${n%%[,\}]*}}" ;; esac
	case $l in *'"start":'*) n=${l##*'"probe":'}; echo "{\"results\":[{\"check\":0,\"probe\":${n%%[,\}]*},\"verdict\":\"failed\",\"message\":\"too bad\",\"latency_us\":1234,\"weight\":7,\"details\":[{\"name\":\"told\",\"text\":\"$told\"}]}]}" ;; esac
done
`)
	status, out, stderr = runLine("probe", path, "192.0.2.1:6379", "-o", "n=3", "-o", "user=u", "-o", "connect_timeout=2", "--processes", "3")
	for _, want := range []string{"PROBED 192.0.2.1:6379: failed: too bad, weight 7 (1.234ms)\n", "'address':'192.0.2.1','port':6379,'timeout_us':2000000", "'options':{'n':3,'user':'u'}"} {
		if status != 1 || !strings.Contains(out, want) {
			t.Errorf("status %d, no %s in %s%s", status, want, out, stderr)
		}
	}
	// By a name: in a directory, and in a configuration that has it run as another user.
	if status, out, stderr = runLine("probe", filepath.Base(path), "192.0.2.1:1", "--directory", filepath.Dir(path), "--processes", "3"); status != 1 {
		t.Errorf("status %d: %s%s", status, out, stderr)
	}
	file := filepath.Join(t.TempDir(), "a.yaml")
	if err := os.WriteFile(file, []byte("plugins: [{name: mine, path: "+path+", sha256: '"+strings.Repeat("0", 64)+"'}]\n"+oneService), 0o600); err != nil {
		t.Fatal(err)
	}
	if status, out, stderr = runLine("probe", "mine", "192.0.2.1:1", "--config", file); status != 2 || !strings.Contains(stderr, "another checksum") {
		t.Errorf("status %d: %s%s", status, out, stderr)
	}
}

const oneService = "virtual_servers: [{address: \"192.0.2.1:80\", protocol: TCP, lb_algo: rr, lb_kind: NAT, real_servers: [{address: \"192.0.2.11:80\"}]}]\n"

// rootsFile is a program that root may have run as a plugin.
func rootsFile(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join("/usr/lib", "moonkeep-test-"+name+"-"+strconv.Itoa(os.Getpid()))
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(path) })
	return path
}

// TestProbeSaysOnce: why there is no verdict is in the verdict, and no line of the log
// says it again; a port that is missing is asked for.
func TestProbeSaysOnce(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"DNS_CHECK", "SMTP_CHECK", "UDP_CHECK", "GRPC_HEALTH", "AGENT_CHECK"} {
		if status, out, stderr := runLine("probe", kind, "127.0.0.1"); status != 2 || !strings.Contains(stderr, kind+" needs a port: give HOST:PORT") {
			t.Errorf("%s without a port: status %d: %s%s", kind, status, out, stderr)
		}
	}
	if os.Geteuid() != 0 {
		t.Skip("needs root: plugins run as another user")
	}
	refuses := rootsFile(t, "refuses", fmt.Sprintf(linesPlugin, `why="not so"`, `echo "{\"results\":[{\"check\":$id,\"probe\":$n,\"verdict\":\"unknown\",\"message\":\"no such check\"}]}"; continue`, ""))
	status, out, stderr := runLine("probe", refuses, "127.0.0.1:1", "-o", "n=1", "--processes", "8")
	if status != 2 || !strings.Contains(out, "unknown: the plugin cannot make this check: not so") || stderr != "" {
		t.Errorf("one that refuses: status %d: %s%s", status, out, stderr)
	}
	dies := rootsFile(t, "dies", fmt.Sprintf(linesPlugin, "", "exit 3", ""))
	status, out, stderr = runLine("probe", dies, "127.0.0.1:1", "-o", "n=1", "--processes", "8")
	if status != 2 || !strings.Contains(out, "unknown: the plugin failed: process ") || stderr != "" {
		t.Errorf("one that dies: status %d: %s%s", status, out, stderr)
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
		{[]string{"SMTP", "127.0.0.1:25"}, `there is no checker "SMTP", did you mean SMTP_CHECK? moonkeep has HTTP_GET, SSL_GET,`},
		{[]string{"http-gte", "127.0.0.1:25"}, `did you mean HTTP_GET?`},
		{[]string{"/no/such/file", "127.0.0.1:25"}, `plugin file: program /no/such/file does not exist`},
		{[]string{"TCP_CHECK", "127.0.0.1:80", "-o", "bind_port=70000"}, "write a port from 1 to 65535"},
		{[]string{"HTTP_GET", "127.0.0.1:80", "-o", "pth=/"}, `no option "pth", did you mean path? It has connect_timeout,`},
		{[]string{"TCP_CHECK"}, "TCP_CHECK needs a HOST:PORT"},
		{[]string{"TCP_CHECK", "127.0.0.1"}, "needs a port"},
		{[]string{"TCP_CHECK", "127.0.0.1:x"}, "no port"},
		{[]string{"TCP_CHECK", "127.0.0.1:80", "-o", "path=/"}, `TCP_CHECK has no option "path"; it has connect_timeout,`},
		{[]string{"TCP_CHECK", "127.0.0.1:80", "-o", "bind_port"}, "write NAME=VALUE"},
		{[]string{"TCP_CHECK", "127.0.0.1:80", "-o", "connect_timeout=soon"}, "no duration"},
		{[]string{"TCP_CHECK", "127.0.0.1:80", "-o", "connect_timeout=0s"}, "above zero"},
		{[]string{"HTTP_GET", "127.0.0.1:80"}, "give --option path=/"},
		{[]string{"HTTP_GET", "http://127.0.0.1/"}, "is a URL: give HOST:PORT"},
		{[]string{"HTTP_GET", "::1:80", "-o", "path=/"}, "[ADDRESS]:PORT for an address of IPv6"},
		{[]string{"TCP_CHECK", "no-such-host.invalid:80"}, "look up no-such-host.invalid: "},
		{[]string{"file_check"}, "FILE_CHECK is made by the daemon itself"},
		{nil, "usage: moonkeep probe CHECK [HOST:PORT]"},
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
	// An address without a port is asked at the URL's.
	host, port, err := net.SplitHostPort(web)
	if err != nil {
		t.Fatal(err)
	}
	if status, by, stderr := runLine("digest", "http://www.example.org:"+port+"/healthz", "--server", host); status != 0 || by != out {
		t.Errorf("digest by --server %s: %d %q %q", host, status, by, stderr)
	}
	for _, line := range [][]string{{"http://127.0.0.1:0/"}, {"http://www.example.org/", "--server", "127.0.0.1:0"}} {
		if status, out, stderr := runLine(append([]string{"digest"}, line...)...); status == 0 || out != "" || !strings.Contains(stderr, "no port to connect to") {
			t.Errorf("digest %q: %d %q %q", line, status, out, stderr)
		}
	}
	if status, out, stderr := runLine("digest", "http://"+web+"/", "-P", "9"); status != 2 || out != "" || !strings.Contains(stderr, "is none of 1.0") {
		t.Errorf("%d, %q, %q", status, out, stderr)
	}
	for address, want := range map[string]struct {
		status int
		text   string
	}{
		"ftp://127.0.0.1/":                     {2, "neither http:// nor https://"},
		"http:///x":                            {2, "with a host"},
		"https://" + web + "/":                 {2, "TLS handshake"},
		"http://127.0.0.1:1/nobody-is-here-at": {2, "connection refused"},
	} {
		if status, out, stderr := runLine("digest", address); status != want.status || out != "" || !strings.Contains(stderr, want.text) {
			t.Errorf("%s: %d, %q, %q", address, status, out, stderr)
		}
	}
}
