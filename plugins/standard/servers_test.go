package standard

import (
	"crypto/md5"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/plugins/checker"
	"github.com/moonkeep/moonkeep/plugins/tlsclient/tlstest"
)

type object = map[string]any

// program finds a server that is installed, where daemons live, too.
func program(t *testing.T, name, why string) string {
	t.Helper()
	for _, dir := range []string{"/usr/sbin/", "/usr/bin/", "/usr/local/sbin/"} {
		if _, err := os.Stat(dir + name); err == nil {
			return dir + name
		}
	}
	t.Skipf("needs %s: %s", name, why)
	return ""
}

// freePort is one that nobody listens at, by TCP and UDP.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// start runs a server until the test ends.
func start(t *testing.T, argv ...string) {
	t.Helper()
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
		hard := time.AfterFunc(5*time.Second, func() { syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
		cmd.Wait()
		hard.Stop()
		if t.Failed() {
			b, _ := os.ReadFile(log.Name())
			t.Logf("%s said: %s", argv[0], b)
		}
	})
}

func target(port int) checker.Target {
	return checker.Target{Address: netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), uint16(port)), Timeout: 10 * time.Second}
}

// ask runs a check once.
func ask(t *testing.T, kind string, to checker.Target, options any) checker.Result {
	t.Helper()
	b, err := json.Marshal(options)
	if err != nil {
		t.Fatal(err)
	}
	o, err := checker.NewOptions(b)
	if err != nil {
		t.Fatal(err)
	}
	p, err := New(kind).Prepare(to, o)
	if err != nil {
		t.Fatal(err)
	}
	if c, ok := p.(interface{ Close() }); ok {
		defer c.Close()
	}
	return p.Probe(t.Context())
}

// await waits until a server takes connections.
func await(t *testing.T, port int) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		if ask(t, "TCP_CHECK", target(port), object{}).Verdict == checker.OK {
			return
		}
		if time.Now().After(end) {
			t.Fatal("the server does not begin")
		}
	}
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// row is what a check of a real server must come to.
type row struct {
	name    string
	kind    string
	port    int
	options object
	want    checker.Verdict
	message string
}

func judge(t *testing.T, rows []row) {
	t.Helper()
	for _, r := range rows {
		if got := ask(t, r.kind, target(r.port), r.options); got.Verdict != r.want || !strings.Contains(got.Message, r.message) {
			t.Errorf("%s: %v, %q; want %v, %q", r.name, got.Verdict, got.Message, r.want, r.message)
		}
	}
}

func url(o object) object {
	if o["path"] == nil {
		o["path"] = "/"
	}
	return object{"urls": []any{o}}
}

// with adds to options.
func with(o object, more object) object {
	for k, v := range more {
		o[k] = v
	}
	return o
}

func TestNginx(t *testing.T) {
	nginx := program(t, "nginx", "a web server that others wrote")
	ca := tlstest.New(t)
	dir := t.TempDir()
	certs := map[string]string{}
	for name, left := range map[string]time.Duration{"right": 240 * time.Hour, "expired": -time.Hour} {
		cert, key := tlstest.Texts(t, ca.Issue(t, tlstest.Name, left))
		certs[name] = fmt.Sprintf("ssl_certificate %s; ssl_certificate_key %s;", write(t, "cert", cert), write(t, "key", key))
	}
	page := strings.Repeat("moonkeep\n", 100_000)
	if err := os.WriteFile(filepath.Join(dir, "page"), []byte(page), 0o644); err != nil {
		t.Fatal(err)
	}
	plain, right, expired, clients := freePort(t), freePort(t), freePort(t), freePort(t)
	account := ""
	if os.Geteuid() == 0 {
		account = "user root;" // another could not read the files of a test
	}
	clientCert, clientKey := tlstest.Texts(t, ca.Issue(t, "client", time.Hour))
	start(t, nginx, "-p", dir, "-c", write(t, "nginx.conf", fmt.Sprintf(`
%[9]s daemon off; pid %[1]s/pid; error_log stderr; worker_processes 1;
events { worker_connections 64; }
http {
	access_log off; client_body_temp_path %[1]s; proxy_temp_path %[1]s; fastcgi_temp_path %[1]s; uwsgi_temp_path %[1]s; scgi_temp_path %[1]s;
	server {
		listen 127.0.0.1:%[2]d;
		root %[1]s;
		location = / { return 200 "hello $host $request_method\n"; }
		location = /moved { return 301 /; }
		location = /down { return 503; }
		location = /cut { return 444; }
		location = /json { return 200 '{"status": {"db": "up"}}'; }
	}
	server { listen 127.0.0.1:%[3]d ssl http2; %[4]s location / { return 200 "hello $ssl_server_name $server_protocol\n"; } }
	server { listen 127.0.0.1:%[5]d ssl; %[6]s location / { return 200 "hello\n"; } }
	server { listen 127.0.0.1:%[7]d ssl; %[4]s ssl_client_certificate %[8]s; ssl_verify_client on; location / { return 200 "hello\n"; } }
}
`, dir, plain, right, certs["right"], expired, certs["expired"], clients, write(t, "ca", ca.PEM), account)))
	await(t, plain)
	named := object{"virtualhost": tlstest.Name, "verify": true, "ca": ca.PEM}
	name := func(o object) object { return with(o, named) }
	judge(t, []row{
		{"a page", "HTTP_GET", plain, url(object{}), checker.OK, "status 200"},
		{"a page by 1.1", "HTTP_GET", plain, with(url(object{}), object{"http_protocol": "1.1"}), checker.OK, "status 200"},
		{"a host and a regex", "HTTP_GET", plain, url(object{"virtualhost": "www.example.org", "regex": "^hello www.example.org GET$"}), checker.OK, "status 200"},
		{"a method", "HTTP_GET", plain, url(object{"method": "POST", "body": "a=b", "regex": "POST"}), checker.OK, "status 200"},
		{"HEAD", "HTTP_GET", plain, url(object{"method": "HEAD"}), checker.OK, "status 200"},
		{"a large page with its sum", "HTTP_GET", plain, url(object{"path": "/page", "digest": fmt.Sprintf("%x", md5.Sum([]byte(page))), "regex": `(?:moonkeep\n){3}$`}), checker.OK, "status 200"},
		{"a redirect", "HTTP_GET", plain, url(object{"path": "/moved"}), checker.Failed, "status 301 to"},
		{"unavailable", "HTTP_GET", plain, url(object{"path": "/down"}), checker.Failed, "status 503"},
		{"closed without an answer", "HTTP_GET", plain, url(object{"path": "/cut"}), checker.Failed, "without an answer"},
		{"JSON", "HTTP_GET", plain, url(object{"path": "/json", "json_path": "status.db", "json_value": "up"}), checker.OK, "status 200"},
		{"TLS where there is none", "SSL_GET", plain, url(object{}), checker.Failed, "TLS handshake"},
		{"no TLS where there is one", "HTTP_GET", right, url(object{}), checker.Failed, ""},
		{"TLS", "SSL_GET", right, url(object{}), checker.OK, "status 200"},
		{"TLS, closed properly", "SSL_GET", right, with(url(object{}), object{"tls_compliant": true}), checker.OK, "status 200"},
		{"verified", "SSL_GET", right, name(url(object{})), checker.OK, "status 200"},
		{"SNI", "SSL_GET", right, name(with(url(object{"regex": "hello www.example.org HTTP/1.0"}), object{"enable_sni": true})), checker.OK, "status 200"},
		{"HTTP/2", "SSL_GET", right, name(with(url(object{"regex": "HTTP/2.0"}), object{"http2": true})), checker.OK, "status 200"},
		{"ends within a month", "SSL_GET", right, with(url(object{}), object{"expiry_warning": "720h"}), checker.OK, "the server's certificate ends on"},
		{"another authority", "SSL_GET", right, with(url(object{}), object{"virtualhost": tlstest.Name, "verify": true, "ca": tlstest.New(t).PEM}), checker.Failed, "unknown authority"},
		{"expired, not verified", "SSL_GET", expired, url(object{}), checker.OK, "status 200"},
		{"expired", "SSL_GET", expired, name(url(object{})), checker.Failed, "expired"},
		{"no client certificate", "SSL_GET", clients, url(object{}), checker.Failed, "status 400"},
		{"a client certificate", "SSL_GET", clients, with(url(object{}), object{"certificate": clientCert, "key": clientKey}), checker.OK, "status 200"},
	})
}

func TestNameServer(t *testing.T) {
	dnsmasq := program(t, "dnsmasq", "a name server that others wrote")
	port := freePort(t)
	start(t, dnsmasq, "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--pid-file=", "--user=root", "--bind-interfaces",
		"--listen-address=127.0.0.1", fmt.Sprintf("--port=%d", port), "--local=/example.org/", "--host-record=www.example.org,192.0.2.1,2001:db8::1",
		"--mx-host=example.org,mail.example.org,10", "--txt-record=example.org,v=spf1 -all")
	await(t, port)
	judge(t, []row{
		{"a name", "DNS_CHECK", port, object{"type": "A", "name": "www.example.org"}, checker.OK, "NOERROR"},
		{"its address", "DNS_CHECK", port, object{"type": "A", "name": "www.example.org", "answer": []string{"192.0.2.1"}}, checker.OK, "192.0.2.1"},
		{"its address of six", "DNS_CHECK", port, object{"type": "AAAA", "name": "www.example.org", "answer": []string{"2001:db8::1"}}, checker.OK, "2001:db8::1"},
		{"another address", "DNS_CHECK", port, object{"type": "A", "name": "www.example.org", "answer": []string{"192.0.2.2"}}, checker.Failed, "the answer is 192.0.2.1, expected 192.0.2.2"},
		{"a mail server", "DNS_CHECK", port, object{"type": "MX", "name": "example.org", "answer": []string{"10 mail.example.org"}}, checker.OK, "10 mail"},
		{"a text", "DNS_CHECK", port, object{"type": "TXT", "name": "example.org", "answer": []string{"v=spf1 -all"}}, checker.OK, "spf1"},
		{"no such name", "DNS_CHECK", port, object{"type": "A", "name": "none.example.org"}, checker.Failed, "NXDOMAIN"},
		{"refused", "DNS_CHECK", port, object{"type": "A", "name": "example.net"}, checker.Failed, "REFUSED"},
		{"a query by hand", "UDP_CHECK", port, object{"payload": "1234 0100 0001 0000 0000 0000 03 777777 07 6578616d706c65 03 6f7267 00 0001 0001", "require_reply": "1234 8X XX"}, checker.OK, "as expected"},
	})
	short := target(port)
	short.Timeout = 200 * time.Millisecond
	if r := ask(t, "UDP_CHECK", short, object{"payload": "00"}); r.Verdict != checker.OK {
		t.Errorf("a datagram that is no query: %v", r)
	}
}

func TestMailServer(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: the mail server changes its account")
	}
	smtpd := program(t, "smtpd", "a mail server that others wrote")
	port := freePort(t)
	start(t, smtpd, "-d", "-f", write(t, "smtpd.conf", fmt.Sprintf("listen on 127.0.0.1 port %d\naction nowhere relay\nmatch for local action nowhere\n", port)))
	await(t, port)
	judge(t, []row{
		{"a greeting", "SMTP_CHECK", port, object{}, checker.OK, "250"},
		{"a name that is none", "SMTP_CHECK", port, object{"helo_name": "_!_"}, checker.Failed, "501"},
		{"two hosts", "SMTP_CHECK", port, object{"hosts": []any{object{}, object{"connect_ip": "127.0.0.1", "bindto": "127.0.0.7"}}}, checker.OK, "250"},
		{"no STARTTLS", "SMTP_CHECK", port, object{"starttls": true}, checker.Failed, "to STARTTLS"},
		{"no HTTP", "HTTP_GET", port, url(object{}), checker.Failed, "the answer is no HTTP"},
	})
}
