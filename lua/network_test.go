package lua

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// row is a body that is run as a check, and what its value is.
type row struct{ body, want string }

// saysAll runs each body behind the prelude, and compares what it says; a want
// that ends in an asterisk is the beginning of it.
func saysAll(t *testing.T, prelude string, o Options, rows []row) {
	t.Helper()
	for _, r := range rows {
		got, err := says(t, prelude+" "+r.body, o)
		if err != nil {
			got = err.Error()
		}
		start, begins := strings.CutSuffix(r.want, "*")
		if got != r.want && !(begins && strings.Contains(got, start)) {
			t.Errorf("%s\n got %q\nwant %q", r.body, got, r.want)
		}
	}
}

// serveTCP answers each connection with f until the test ends.
func serveTCP(t *testing.T, network, address string, f func(net.Conn)) string {
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			f(conn)
			conn.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return l.Addr().String()
}

// certificate returns the certificate of httptest's servers, which is for
// example.com and 127.0.0.1, and a file with it.
func certificate(t *testing.T) (tls.Certificate, string) {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	path := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	return server.TLS.Certificates[0], path
}

func TestConnections(t *testing.T) {
	cert, ca := certificate(t)
	server := serveTCP(t, "tcp", "127.0.0.1:0", func(conn net.Conn) {
		// A small protocol with STARTTLS.
		_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
		if _, err := io.WriteString(conn, "220 hello\r\n220-more\r\nabc"); err != nil {
			return
		}
		r := bufio.NewReader(conn)
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			switch strings.TrimSpace(line) {
			case "STARTTLS":
				fmt.Fprint(conn, "go\n")
				secure := tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{cert}})
				if secure.Handshake() != nil {
					return
				}
				conn, r = secure, bufio.NewReader(secure)
			case "EARLY":
				fmt.Fprint(conn, "go\ninjected\n")
			case "BYE":
				fmt.Fprint(conn, "the end")
				return
			default:
				fmt.Fprintf(conn, "you said %s", line)
			}
		}
	})
	unix := filepath.Join(t.TempDir(), "s")
	serveTCP(t, "unix", unix, func(conn net.Conn) { fmt.Fprint(conn, "unix\n") })
	prelude := `local tcp = require "tcp" local function open() local c, why = tcp.connect(ctx.args.a) return assert(c, why) end
local function greeted() local c = open() c:receive(24) return c end`
	saysAll(t, prelude, Options{Args: map[string]any{"a": server, "ca": ca, "unix": "unix:" + unix}}, []row{
		{`local c = open() return true, c:receive() .. "|" .. c:receive("line") .. "|" .. c:receive(2) .. "|" .. c:receive(1)`, "220 hello|220-more|ab|c"},
		{`local c = open() return true, c:expect("^(%d+) .-\r\n220%-") .. "|" .. c:receive("line") .. "|" .. c:receive(3)`, "220|more|abc"},
		{`local c = open() c:receive(24) c:send("x\n") return true, c:expect("said (%w)(%s)")`, "x"},
		{`local c = open() c:send("BYE\n") return true, c:receive("all"):sub(-7)`, "the end"},
		{`local c = greeted() c:send("BYE\n") local a, why = c:receive(100) return true, tostring(a) .. why`, "nilthe other end closed the connection"},
		{`local c = greeted() local a, why = c:receive("line", {timeout = 0.02}) return true, tostring(a) .. why`, "nilno answer in time"},
		{`local c = greeted() local a, why = c:expect("never", {timeout = 0.02}) return true, why`, `no answer in time; received so far: ""`},
		{`local c = greeted() c:send("STARTTLS\n") c:expect("go\n") local ok, why = c:starttls{ca = ctx.args.ca, server_name = "example.com"}
		  c:send("secret\n") return true, tostring(ok) .. c:receive() .. c:tls().version .. c:tls().names[1]`, "trueyou said secretTLS 1.3example.com"},
		{`local c = greeted() c:send("STARTTLS\n") c:expect("go\n") local ok, why = c:starttls{ca = ctx.args.ca, server_name = "other.org"} return true, why`, "valid for example.com*"},
		{`local c = greeted() c:send("STARTTLS\n") c:expect("go\n") local ok, why = c:starttls() return true, why`, "certificate*"},
		{`local c = greeted() c:send("STARTTLS\n") c:expect("go\n") return true, tostring(c:starttls{verify = false})`, "true"},
		{`local c = greeted() c:send("EARLY\n") c:expect("go\n") local ok, why = c:starttls{verify = false} return true, why`, "the other end sent more in clear than its consent to TLS"},
		{`local c = greeted() return true, tostring(c:tls())`, "nil"},
		{`local c = tcp.connect(ctx.args.unix) return true, c:receive()`, "unix"},
		{`local c = open() c:close() c:send("x")`, "the connection is closed*"},
		{`local c = open() c.send(5, "x")`, "call it as a method*"},
		{`local c = open() c:receive(0)`, "want 1 to 524288 octets*"},
		{`local c = open() c:receive("word")`, `want a number of octets, "line", "some" or "all"*`},
		{`local c, why = tcp.connect(ctx.args.a, {tls = true, verify = false}) return true, tostring(c) .. why`, "nil*"},
		{`tcp.connect("nowhere")`, "want host:port*"},
		{`for i = 1, 33 do open() end`, "more than 32 open connections*"},
		{`for i = 1, 40 do open():close() end return true, "fine"`, "fine"},
	})
}

// A connection ends with the call that made it, also when the script keeps it.
func TestConnectionsEndWithTheCall(t *testing.T) {
	var open atomic.Int32
	closed := make(chan struct{}, 1)
	server := serveTCP(t, "tcp", "127.0.0.1:0", func(conn net.Conn) {
		open.Add(1)
		if _, err := conn.Read(make([]byte, 1)); err == nil {
			t.Error("something was sent")
		}
		open.Add(-1)
		closed <- struct{}{}
	})
	r := runner(t, `local tcp = require "tcp" local kept
return function(ctx)
  if kept then kept:send("x") end
  kept = tcp.connect(ctx.args.a)
  return kept ~= nil
end`, Options{Args: map[string]any{"a": server}})
	if ok, _, err := r.Check(within(t, 5*time.Second)); !ok || err != nil {
		t.Fatal(ok, err)
	}
	select {
	case <-closed:
	case <-time.After(5 * time.Second):
		t.Fatal("the connection is open after the call")
	}
	if _, _, err := r.Check(within(t, 5*time.Second)); err == nil || !strings.Contains(err.Error(), "lasts no longer than the call that made it") {
		t.Errorf("a connection of an earlier call: %v", err)
	}
}

func TestAcceptAndReceive(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	var clients sync.WaitGroup
	stop := make(chan struct{})
	defer func() { close(stop); clients.Wait() }()
	clients.Go(func() {
		// The script waits on the port that was free a moment ago.
		for range 100 {
			conn, err := net.Dial("tcp", address)
			if err == nil {
				fmt.Fprint(conn, "hello\n")
				conn.Close()
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
	})
	clients.Go(func() {
		conn, err := net.Dial("udp", address)
		if err != nil {
			return
		}
		defer conn.Close()
		for {
			_, _ = conn.Write([]byte("beat")) // nobody listens at first
			select {
			case <-stop:
				return
			case <-time.After(10 * time.Millisecond):
			}
		}
	})
	saysAll(t, "", Options{Allow: []string{GrantListen}, Args: map[string]any{"a": address}}, []row{
		{`local c, why = require("tcp").accept(ctx.args.a, {timeout = 3}) return true, c and c:receive() or why`, "hello"},
		{`local text, from = require("udp").receive(ctx.args.a, {timeout = 3}) return true, text .. from:match("^127.0.0.1:")`, "beat127.0.0.1:"},
		{`local c, why = require("tcp").accept("127.0.0.1:0", {timeout = 0.02}) return true, why`, "nobody came in time"},
		{`local c, why = require("udp").receive("127.0.0.1:0", {timeout = 0.02}) return true, why`, "no answer in time"},
	})
}

func TestHTTPOptions(t *testing.T) {
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/again":
			http.Redirect(w, r, "/again", http.StatusFound)
		case "/once":
			http.Redirect(w, r, "/end", http.StatusFound)
		case "/client":
			fmt.Fprint(w, len(r.TLS.PeerCertificates))
		default:
			fmt.Fprint(w, r.Method+" "+r.Host+r.URL.Path)
		}
	})
	secure := httptest.NewUnstartedServer(handler)
	secure.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	defer secure.Close()
	_, ca := certificate(t)
	unix := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", unix)
	if err != nil {
		t.Fatal(err)
	}
	local := &httptest.Server{Listener: l, Config: &http.Server{Handler: handler}}
	local.Start()
	defer local.Close()
	key, err := pemKey(secure.TLS.Certificates[0])
	if err != nil {
		t.Fatal(err)
	}
	clientKey := filepath.Join(t.TempDir(), "client.pem")
	if err := os.WriteFile(clientKey, key, 0o600); err != nil {
		t.Fatal(err)
	}
	saysAll(t, `local http = require "http" local a = ctx.args local function get(path, o) local r, why = http.get("https://example.com" .. path, o) return true, r and r.status .. " " .. r.body or why end`,
		Options{Args: map[string]any{"to": secure.Listener.Addr().String(), "ca": ca, "unix": "unix:" + unix, "key": clientKey}}, []row{
			{`return get("/x", {connect = a.to, ca = a.ca})`, "200 GET example.com/x"},
			{`return get("/x", {connect = a.to})`, "certificate*"},
			{`return get("/x", {connect = a.to, verify = false})`, "200 GET example.com/x"},
			{`return get("/x", {connect = a.to, ca = a.ca, server_name = "other.org"})`, "valid for example.com*"},
			{`return get("/x", {connect = a.to, ca = a.ca, host = "other.org", server_name = "example.com"})`, "200 GET other.org/x"},
			{`return get("/client", {connect = a.to, ca = a.ca, cert = a.key})`, "200 1"},
			{`return get("/client", {connect = a.to, ca = a.ca, cert = a.ca})`, "cert: *"},
			{`return get("/x", {connect = a.to, ca = "/nonexistent"})`, "ca: open /nonexistent*"},
			{`return get("/once", {connect = a.to, ca = a.ca})`, "302 *"},
			{`return get("/once", {connect = a.to, ca = a.ca, follow = 1})`, "200 GET example.com/end"},
			{`return get("/again", {connect = a.to, ca = a.ca, follow = 3})`, "302 *"},
			{`return get("/x", {connect = a.to, ca = a.ca, max_body = 3})`, "200 GET"},
			{`local r = http.get("http://docker/v1/x", {connect = a.unix}) return true, r.body .. tostring(r.tls)`, "GET docker/v1/xnil"},
			{`local r = http.head("http://docker/", {connect = a.unix}) return true, r.status .. r.body`, "200"},
			{`local r = http.request("OPTIONS", "http://docker/", {connect = a.unix}) return true, r.body`, "OPTIONS docker/"},
			{`local r = http.get("https://example.com/", {connect = a.to, ca = a.ca}) local t = r.times
			  return true, tostring(t.connect <= t.tls and t.tls <= t.first_byte and t.first_byte <= t.total and r.tls.expires_in > 0)`, "true"},
			{`http.request("DELETE", "http://docker/")`, "http.request: not allowed; the configuration must grant it: allow: [net]*"},
			{`http.request("GET", "http://docker/", {body = "x"})`, "allow: [net]*"},
			{`http.get("http://docker/", {connect = "nowhere"})`, "connect: want host:port*"},
			{`http.get("http://docker/", {follow = 11})`, "follow must be an integer from 0 to 10*"},
			{`http.get("http://docker/", {verify = 1})`, "verify must be true or false*"},
			{`http.get("http://docker/", {headers = {1}})`, "headers must have names and values that are strings*"},
		})
}

// TestDNSLosses: a question that is lost, or its answer, is asked again, also when there
// is little time.
func TestDNSLosses(t *testing.T) {
	t.Parallel()
	for _, lost := range []int32{1, 2} {
		var asked atomic.Int32
		server := serveUDP(t, func(query []byte) []byte {
			if asked.Add(1) <= lost {
				return []byte("no answer") // which is passed over
			}
			return answerDNS(query)
		})
		saysAll(t, `local dns = require "client.dns"`, Options{Args: map[string]any{"a": server}}, []row{
			{`local ok, why = dns.check{server = ctx.args.a, name = "www.example.org", timeout = 2.4} return true, tostring(ok) .. why`, "true192.0.2.7"},
		})
		if n := asked.Load(); n <= lost || n > 3 {
			t.Errorf("%d lost, and %d sent", lost, n)
		}
	}
}

func TestUDPAndDNS(t *testing.T) {
	silent, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	closed, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone := closed.LocalAddr().String()
	closed.Close()
	args := map[string]any{"silent": silent.LocalAddr().String(), "gone": gone, "dns": serveUDP(t, answerDNS)}
	saysAll(t, `local udp, dns = require "udp", require "dns"`, Options{Args: args}, []row{
		{`local a, why = udp.exchange(ctx.args.silent, "x", {timeout = 0.02}) return true, tostring(a) .. why`, "nilno answer in time"},
		{`local a, why = udp.exchange(ctx.args.gone, "x") return true, tostring(a) .. why`, "connection refused*"},
		{`local a = dns.query("other.example.org", "AAAA", {server = ctx.args.dns}) return true, a.rcode .. #a.answers`, "NXDOMAIN0"},
		{`local a = dns.query("www.example.org.", "mx", {server = ctx.args.dns}) return true, a.rcode .. #a.answers`, "NOERROR0"},
		{`local a, why = dns.query("x", "A", {server = ctx.args.silent, timeout = 0.02}) return true, why`, "no answer in time"},
		{`dns.query("x", "LOC")`, "want A, AAAA*"},
		{`dns.query(("x"):rep(300))`, "this is no name*"},
		{`dns.query("x", "A", {server = "a:b:c"})`, "server: want host*"},
	})
}

func TestICMP(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root: a raw socket for echo requests")
	}
	saysAll(t, `local icmp = require "icmp"`, Options{}, []row{
		{`local a = icmp.ping("127.0.0.1") return true, a.address .. a.sent .. a.received .. tostring(a.min > 0 and a.max < 2)`, "127.0.0.111true"},
		{`local a = icmp.ping("localhost", {count = 2, interval = 0.01, size = 1000, source = "127.0.0.1"}) return true, a.sent .. a.received`, "22"},
		{`local a, why = icmp.ping("127.0.0.1", {source = "192.0.2.1"}) return true, why`, "open a socket for echo requests*"},
		{`icmp.ping("127.0.0.1", {count = 21})`, "count must be an integer from 1 to 20*"},
	})
}

// pemKey returns a certificate and its key as PEM.
func pemKey(c tls.Certificate) ([]byte, error) {
	key, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		return nil, err
	}
	return append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Certificate[0]}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})...), nil
}
