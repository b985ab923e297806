package smtp

import (
	"bufio"
	"net"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/moonkeep/moonkeep/plugins/checker"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// server says something, and then something for each line that it hears. A
// text that ends in a bar is followed by the end of the connection.
func server(t *testing.T, says ...string) (checker.Target, *[]string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	heard := &[]string{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.SetDeadline(time.Now().Add(5 * time.Second))
			r := bufio.NewReader(c)
			for _, text := range says {
				rest, end := strings.CutSuffix(text, "|")
				c.Write([]byte(rest))
				if end {
					break
				}
				line, err := r.ReadString('\n')
				if err != nil {
					break
				}
				*heard = append(*heard, line)
			}
			c.Close()
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	a := l.Addr().(*net.TCPAddr).AddrPort()
	return checker.Target{Address: a, Timeout: 500 * time.Millisecond}, heard
}

func run(t *testing.T, target checker.Target, options string) checker.Result {
	t.Helper()
	o, err := checker.NewOptions([]byte(options))
	if err != nil {
		t.Fatal(err)
	}
	p, err := New().Prepare(target, o)
	if err != nil {
		t.Fatal(err)
	}
	return p.Probe(checker.WithLog(t.Context(), nil, true))
}

// TestVerdicts is the table of what SMTP_CHECK calls ok and failed.
func TestVerdicts(t *testing.T) {
	for _, test := range []struct {
		name    string
		says    []string
		want    checker.Verdict
		message string
	}{
		{"well", []string{"220 mail\r\n", "250 hello\r\n", "221 bye\r\n|"}, checker.OK, `"250 hello"`},
		{"many lines", []string{"220-mail\r\n220-is\r\n220 here\r\n", "250-hello\r\n250 you\r\n", "221 bye\r\n|"}, checker.OK, `"250 you"`},
		{"a code alone, and LF", []string{"220\n", "250\n", "221\n|"}, checker.OK, `"250"`},
		{"nothing for QUIT", []string{"220 mail\r\n", "250 hello\r\n|"}, checker.OK, `"250 hello"`},
		{"silence for QUIT", []string{"220 mail\r\n", "250 hello\r\n", "", ""}, checker.OK, `"250 hello"`},
		{"no service", []string{"554 no\r\n|"}, checker.Failed, `"554 no", expected 220`},
		{"later", []string{"421-busy\r\n421 later\r\n|"}, checker.Failed, `"421 later", expected 220`},
		{"HELO is refused", []string{"220 mail\r\n", "501 who\r\n|"}, checker.Failed, `to HELO smtpchecker.keepalived.org: "501 who", expected 250`},
		{"closed at once", []string{"|"}, checker.Failed, "the connection was closed"},
		{"closed within a line", []string{"220 ma|"}, checker.Failed, "the connection was closed too early"},
		{"closed after the greeting", []string{"220 mail\r\n|"}, checker.Failed, "HELO"},
		{"silence", []string{"", ""}, checker.Failed, "the greeting of 127.0.0.1"},
		{"silence for HELO", []string{"220 mail\r\n", "", ""}, checker.Failed, "timed out"},
		{"HTTP", []string{"HTTP/1.1 400 Bad Request\r\n|"}, checker.Failed, `the answer is no SMTP: "HTTP/1.1 400 Bad Request"`},
		{"SSH", []string{"SSH-2.0\r\n|"}, checker.Failed, "no SMTP"},
		{"another code in the middle", []string{"220-mail\r\n250 here\r\n|"}, checker.Failed, "no SMTP"},
		{"a code of four digits", []string{"2200 mail\r\n|"}, checker.Failed, "no SMTP"},
		{"a line without an end", []string{"220 " + strings.Repeat("x", 5000) + "|"}, checker.Failed, "longer than 2048 bytes"},
		{"lines without an end", []string{strings.Repeat("220-x\r\n", 5000) + "|"}, checker.Failed, "more than 100 lines"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			target, _ := server(t, test.says...)
			if r := run(t, target, ""); r.Verdict != test.want || !strings.Contains(r.Message, test.message) || r.Latency <= 0 {
				t.Errorf("%v; want %v, %q", r, test.want, test.message)
			}
		})
	}
}

// TestSlowAnswers: each answer has connect_timeout, as with keepalived, and not all of
// them together.
func TestSlowAnswers(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			for _, text := range []string{"220 mail\r\n", "250 hello\r\n"} {
				time.Sleep(600 * time.Millisecond)
				c.Write([]byte(text))
			}
			time.Sleep(100 * time.Millisecond)
			c.Close()
		}
	}()
	target := checker.Target{Address: l.Addr().(*net.TCPAddr).AddrPort(), Timeout: time.Second}
	if r := run(t, target, ""); r.Verdict != checker.OK {
		t.Errorf("two answers of 0.6 s each within connect_timeout 1 s: %v", r)
	}
}

// TestSaid holds what the server hears.
func TestSaid(t *testing.T) {
	target, heard := server(t, "220 mail\r\n", "250 hello\r\n", "221 bye\r\n|")
	r := run(t, target, `{"helo_name":"lb-a.example.org"}`)
	if got := strings.Join(*heard, ""); got != "HELO lb-a.example.org\r\nQUIT\r\n" || r.Verdict != checker.OK {
		t.Errorf("%v; heard %q", r, got)
	}
	if len(r.Details) != 5 || r.Details[0].Name != "received" || r.Details[1].Text != "HELO lb-a.example.org" {
		t.Errorf("details %q", r.Details)
	}
}

// TestHosts holds that all hosts are asked, from what the check has and they
// have not, until one is not well.
func TestHosts(t *testing.T) {
	well, heardWell := server(t, "220 mail\r\n", "250 hello\r\n", "221 bye\r\n|")
	bad, _ := server(t, "554 no\r\n|")
	never, heardNever := server(t, "220 mail\r\n", "250 hello\r\n", "221 bye\r\n|")
	host := func(t checker.Target) string {
		return `{"connect_port":` + t.Address.String()[len("127.0.0.1:"):] + `,"connect_timeout":"2s"}`
	}
	r := run(t, well, `{"hosts":[{},`+host(bad)+`,`+host(never)+`]}`)
	if r.Verdict != checker.Failed || !strings.Contains(r.Message, bad.Address.String()) || len(*heardWell) != 2 || len(*heardNever) != 0 {
		t.Errorf("%v; heard %q and %q", r, *heardWell, *heardNever)
	}
	if r := run(t, bad, `{"hosts":[`+host(well)+`,`+host(never)+`]}`); r.Verdict != checker.OK || len(*heardNever) != 2 {
		t.Errorf("%v; heard %q", r, *heardNever)
	}
}

func TestFaults(t *testing.T) {
	target, _ := server(t, "|")
	for options, want := range map[string]string{
		`{"helo_name":"a b"}`:                                       "no name",
		`{"helo_name":"a\r\nMAIL"}`:                                 "no name",
		`{"verify":true}`:                                           "with starttls only",
		`{"sni_name":"x"}`:                                          "with starttls only",
		`{"hosts":[{"connect_ip":"x"}]}`:                            "no address",
		`{"hosts":[{"bindto":"x"}]}`:                                "no address",
		`{"hosts":[{"connect_prt":1}]}`:                             "no option",
		`{"starttls":true,"key":"/x"}`:                              "a certificate needs its key",
		`{"starttls":true,"verify":true,` + `"ca":"/no/such/file"}`: "no such file",
	} {
		o, err := checker.NewOptions([]byte(options))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := New().Prepare(target, o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", options, err, want)
		}
	}
}

// FuzzReply holds that no answer of a server's is worse than an error.
func FuzzReply(f *testing.F) {
	for _, s := range []string{"220 mail\r\n", "220-a\r\n220 b\r\n", "220\n", "", "220-", "2200 x\n", strings.Repeat("x", maxLine)} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		code, line, err := reply(bufio.NewReaderSize(strings.NewReader(string(b)), maxLine))
		if err == nil && (code < 100 || code > 599 || len(line) < 3 || len(line) >= maxLine) {
			t.Errorf("%q: %d, %q", b, code, line)
		}
	})
}
