package main

import (
	"crypto/md5"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/plugins/tlsclient/tlstest"
)

// verdictCase is a server and a check of it.
type verdictCase struct {
	kind string
	name string // what the server does, or what is asked for
	// options are the lines of the check's block beside those of time.
	// FIRST in them is the address of the first server of the kind.
	options string
	unsaid  bool                // not even connect_timeout says how the check itself connects
	serve   func(net.Conn)      // by TCP; nil: nobody listens
	reply   func([]byte) []byte // by UDP; nil: nobody listens
	six     bool                // by IPv6
	silent  bool                // packets to it vanish
	refused string              // the kind of route that refuses packets to it, with an ICMP error
	// theirs is what keepalived says: up, down, or a weight. ours is moonkeep's
	// where it differs, for the reason why.
	theirs, ours, why string
	// more is for the long run only.
	more bool
}

const (
	up   = "up"
	down = "down"
)

const pageBody = "hello, the state is up\n"

func sum(text string) string {
	s := md5.Sum([]byte(text))
	return hex.EncodeToString(s[:])
}

// httpPage is an answer by HTTP.
func httpPage(status, headers, body string) string {
	return "HTTP/1.1 " + status + "\r\n" + headers + "\r\n" + body
}

func sized(body string) string {
	return httpPage("200 OK", fmt.Sprintf("Content-Length: %d\r\n", len(body)), body)
}

// web answers a request by the parts of an answer, with a pause between them,
// and closes.
func web(pause time.Duration, parts ...string) func(net.Conn) {
	return func(c net.Conn) {
		if readRequest(c) == "" {
			return
		}
		for i, part := range parts {
			if i > 0 {
				time.Sleep(pause)
			}
			if _, err := c.Write([]byte(part)); err != nil {
				return
			}
		}
	}
}

// readRequest reads the head of a request.
func readRequest(c net.Conn) string {
	var all []byte
	b := make([]byte, 1024)
	for !strings.Contains(string(all), "\r\n\r\n") {
		n, err := c.Read(b)
		if err != nil {
			return ""
		}
		all = append(all, b[:n]...)
	}
	return string(all)
}

// hold waits until the other side closes.
func hold(c net.Conn) {
	for b := make([]byte, 1024); ; {
		if _, err := c.Read(b); err != nil {
			return
		}
	}
}

// then does one after the other.
func then(list ...func(net.Conn)) func(net.Conn) {
	return func(c net.Conn) {
		for _, f := range list {
			f(c)
		}
	}
}

func halfClose(c net.Conn) {
	if t, ok := c.(*net.TCPConn); ok {
		_ = t.CloseWrite()
	}
	hold(c)
}

func reset(c net.Conn) {
	if t, ok := c.(*net.TCPConn); ok {
		_ = t.SetLinger(0)
	}
}

func urlBlock(lines ...string) string {
	return "url {\npath /\n" + strings.Join(lines, "\n") + "\n}"
}

// byHost answers by the host that is asked for.
func byHost(host string) func(net.Conn) {
	return func(c net.Conn) {
		status := "404 Not Found"
		if strings.Contains(readRequest(c), "\r\nHost: "+host+"\r\n") {
			status = "200 OK"
		}
		_, _ = c.Write([]byte(httpPage(status, "Content-Length: 0\r\n", "")))
	}
}

// byPath answers for the path /two by another status.
func byPath(two string) func(net.Conn) {
	return func(c net.Conn) {
		status := "200 OK"
		if strings.HasPrefix(readRequest(c), "GET /two ") {
			status = two
		}
		_, _ = c.Write([]byte(httpPage(status, "Content-Length: 0\r\n", "")))
	}
}

func httpCases() []verdictCase {
	chunked := "6\r\nhello,\r\n11\r\n the state is up\n\r\n0\r\n\r\n"
	return []verdictCase{
		{name: "status 200", options: urlBlock(), serve: web(0, sized(pageBody)), theirs: up},
		{name: "status 200 by IPv6", options: urlBlock(), serve: web(0, sized(pageBody)), six: true, theirs: up},
		{name: "status 204", options: urlBlock(), serve: web(0, httpPage("204 No Content", "", "")), theirs: up},
		{name: "status 404", options: urlBlock(), serve: web(0, httpPage("404 Not Found", "Content-Length: 0\r\n", "")), theirs: down},
		{name: "status 404, which is asked for", options: urlBlock("status_code 404"), serve: web(0, httpPage("404 Not Found", "Content-Length: 0\r\n", "")), theirs: up},
		{name: "status 503, a range to 599 is asked for", options: urlBlock("status_code 500-599"), serve: web(0, httpPage("503 Busy", "Content-Length: 0\r\n", "")), theirs: up},
		{name: "a redirect", options: urlBlock(), serve: web(0, httpPage("302 Found", "Location: /x\r\nContent-Length: 0\r\n", "")), theirs: down},
		{name: "a redirect, which is asked for", options: urlBlock("status_code 302"), serve: web(0, httpPage("302 Found", "Location: /x\r\nContent-Length: 0\r\n", "")), theirs: up},
		{name: "no reason behind the status", options: urlBlock(), serve: web(0, httpPage("200", "Content-Length: 0\r\n", "")), theirs: down, ours: up, why: "its reason says nothing", more: true},
		{name: "HTTP/2 for a version", options: urlBlock(), serve: web(0, "HTTP/2 200 OK\r\n\r\n"), theirs: up, more: true},
		{name: "ICY for a version, as SHOUTcast", options: urlBlock(), serve: web(0, "ICY 200 OK\r\n\r\n"), theirs: up, more: true},
		{name: "an answer of another protocol", options: urlBlock(), serve: web(0, "RTSP/1.0 200 OK\r\n\r\n"), theirs: up, ours: down, why: "it is no HTTP; keepalived looks at the second word only", more: true},
		{name: "an interim answer before", options: urlBlock(), serve: web(0, "HTTP/1.1 103 Early Hints\r\n\r\n"+sized(pageBody)), theirs: down, ours: up, why: "it is not the answer (RFC 9110 section 15.2)", more: true},
		{name: "a head of 5,000 bytes", options: urlBlock(), serve: web(0, httpPage("200 OK", "X: "+strings.Repeat("x", 5000)+"\r\n", "")), theirs: down, ours: up, why: "keepalived reads 4,095; here it is 64 KiB", more: true},
		{name: "lines that end in LF alone", options: urlBlock(), serve: web(0, "HTTP/1.1 200 OK\n\nhello"), theirs: down, ours: up, why: "RFC 9112 section 2.2 has them read so", more: true},
		{name: "a Content-Length that is no number", options: urlBlock(), serve: web(0, httpPage("200 OK", "Content-Length: -1\r\n", pageBody)), theirs: up, ours: down, why: "clients do not take such an answer", more: true},
		{name: "two Content-Lengths that differ", options: urlBlock(), serve: web(0, httpPage("200 OK", "Content-Length: 23\r\nContent-Length: 24\r\n", pageBody)), theirs: up, ours: down, why: "clients do not take such an answer", more: true},
		{name: "chunks that are none", options: urlBlock(), serve: web(0, httpPage("200 OK", "Transfer-Encoding: chunked\r\n", pageBody)), theirs: up, ours: down, why: "clients do not take such an answer", more: true},
		{name: "no last chunk", options: urlBlock(), serve: web(0, httpPage("200 OK", "Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n")), theirs: up, ours: down, why: "it was cut", more: true},
		{name: "Content-Length in the name of another header, and a digest", options: urlBlock("digest " + sum(pageBody)), serve: web(0, httpPage("200 OK", "X-Content-Length: 3\r\n", pageBody)), theirs: down, ours: up, why: "it is not the body's length", more: true},
		{name: "the digest of the body", options: urlBlock("digest " + sum(pageBody)), serve: web(0, sized(pageBody)), theirs: up},
		{name: "another digest", options: urlBlock("digest " + sum("x")), serve: web(0, sized(pageBody)), theirs: down},
		{name: "the digest of the bytes of chunks", options: urlBlock("digest " + sum(chunked)), serve: web(0, httpPage("200 OK", "Transfer-Encoding: chunked\r\n", chunked)), theirs: up},
		{name: "the digest of what chunks hold", options: urlBlock("digest " + sum(pageBody)), serve: web(0, httpPage("200 OK", "Transfer-Encoding: chunked\r\n", chunked)), theirs: down, ours: up, why: "how a server cuts chunks is chance"},
		{name: "a regex that matches", options: urlBlock(`regex "state is (up|drain)"`), serve: web(0, sized(pageBody)), theirs: up},
		{name: "a regex that does not match", options: urlBlock(`regex "state is down"`), serve: web(0, sized(pageBody)), theirs: down},
		{name: "a regex that stands in the head", options: urlBlock(`regex "Content-Length"`), serve: web(0, sized(pageBody)), theirs: up, ours: down, why: "a regex is of the body; keepalived searches the head, too, if the body begins in one packet with it", more: true},
		{name: "a regex of how the body begins", options: urlBlock(`regex "^hello"`), serve: web(0, sized(pageBody)), theirs: down, ours: up, why: "the same", more: true},
		{name: "a regex of how the body ends", options: urlBlock(`regex "is \\w+$"`), serve: web(0, sized(strings.TrimSpace(pageBody))), theirs: down, ours: up, why: "where the body ends keepalived waits for more of it", more: true},
		{name: "a regex that must not match and does not", options: urlBlock(`regex "state is down"`, "regex_no_match"), serve: web(0, sized(pageBody)), theirs: up},
		{name: "a regex that must not match and does", options: urlBlock(`regex "state is up"`, "regex_no_match"), serve: web(0, sized(pageBody)), theirs: down},
		{name: "a regex of another case, caseless", options: urlBlock(`regex "STATE"`, "regex_options caseless"), serve: web(0, sized(pageBody)), theirs: up},
		{name: "a regex before regex_min_offset", options: urlBlock(`regex "hello"`, "regex_min_offset 3"), serve: web(0, sized(pageBody)), theirs: up, ours: down, why: "the search begins there, as keepalived's manual has it"},
		{name: "a regex behind regex_max_offset", options: urlBlock(`regex "state"`, "regex_max_offset 5"), serve: web(0, sized(pageBody)), theirs: down},
		{name: "a regex across two packets", options: urlBlock(`regex "state is up"`), serve: web(300*time.Millisecond, sized(pageBody)[:len(sized(pageBody))-10], pageBody[len(pageBody)-10:]), theirs: up},
		{name: "the virtualhost of the check", options: "virtualhost shop.example.org\n" + urlBlock(), serve: byHost("shop.example.org"), theirs: up},
		{name: "the virtualhost of the url", options: "virtualhost other\n" + urlBlock("virtualhost shop.example.org"), serve: byHost("shop.example.org"), theirs: up},
		{name: "another virtualhost", options: "virtualhost other\n" + urlBlock(), serve: byHost("shop.example.org"), theirs: down},
		{name: "http_protocol 1.1, chunks", options: "http_protocol 1.1\n" + urlBlock(), serve: web(0, httpPage("200 OK", "Transfer-Encoding: chunked\r\n", chunked)), theirs: up},
		{name: "half-closed behind the answer", options: urlBlock(), serve: then(web(0, httpPage("200 OK", "", pageBody)), halfClose), theirs: up},
		{name: "open behind the Content-Length", options: urlBlock(), serve: then(web(0, sized(pageBody)), hold), theirs: down, ours: up, why: "the answer is whole"},
		{name: "open behind a body without a length", options: urlBlock(), serve: then(web(0, httpPage("200 OK", "", pageBody)), hold), theirs: down},
		{name: "reset behind the answer", options: urlBlock(), serve: then(web(0, sized(pageBody)), func(net.Conn) { time.Sleep(100 * time.Millisecond) }, reset), theirs: down, ours: up, why: "the answer is whole", more: true},
		{name: "a byte a second, longer than connect_timeout", options: urlBlock(), serve: web(time.Second, httpPage("200 OK", "Content-Length: 6\r\n", "a"), "b", "c", "d", "e", "f"), theirs: up, ours: down, why: "the whole answer has connect_timeout: a server that sends a byte a second is not well"},
		{name: "a body shorter than its Content-Length", options: urlBlock(), serve: web(0, httpPage("200 OK", "Content-Length: 900\r\n", pageBody)), theirs: up, ours: down, why: "it was cut"},
		{name: "a body longer than its Content-Length", options: urlBlock(), serve: web(0, httpPage("200 OK", "Content-Length: 5\r\n", pageBody)), theirs: up},
		{name: "a body of 1 MiB", options: urlBlock("digest " + sum(strings.Repeat("x", 1<<20))), serve: web(0, sized(strings.Repeat("x", 1<<20))), theirs: up},
		{name: "closed without an answer", options: urlBlock(), serve: func(c net.Conn) { readRequest(c) }, theirs: down},
		{name: "closed within the head", options: urlBlock(), serve: web(0, "HTTP/1.1 200 OK\r\nContent-"), theirs: down},
		{name: "no answer", options: urlBlock(), serve: hold, theirs: down},
		{name: "an answer that is no HTTP", options: urlBlock(), serve: web(0, "220 mail ready\r\n\r\n"), theirs: down},
		{name: "nobody listens", options: urlBlock(), theirs: down},
		{name: "two urls that are right", options: urlBlock() + "\nurl {\npath /two\n}", serve: byPath("200 OK"), theirs: up},
		{name: "the second of two urls is wrong", options: urlBlock() + "\nurl {\npath /two\n}", serve: byPath("500 Broken"), theirs: down},
	}
}

func tlsCases(t testing.TB) []verdictCase {
	by := func(cert tls.Certificate, f func(*tls.Conn)) func(net.Conn) {
		return func(c net.Conn) {
			s := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{cert}})
			if s.Handshake() == nil {
				f(s)
			}
		}
	}
	answer := func(c *tls.Conn) { web(0, sized(pageBody))(c) }
	polite := func(c *tls.Conn) { answer(c); c.Close() }
	good := tlstest.New(t).Issue(t, "shop.example.org", time.Hour)
	var alone *tlstest.Authority
	return []verdictCase{
		{name: "status 200", options: urlBlock(), serve: by(good, polite), theirs: up},
		{name: "status 200 by IPv6", options: urlBlock(), serve: by(good, polite), six: true, theirs: up, more: true},
		{name: "status 500", options: urlBlock(), serve: by(good, func(c *tls.Conn) { web(0, httpPage("500 Broken", "Content-Length: 0\r\n", ""))(c) }), theirs: down},
		{name: "a certificate that has ended", options: urlBlock(), serve: by(alone.Issue(t, "shop.example.org", -time.Hour), polite), theirs: up},
		{name: "a certificate signed by itself, for another name", options: "virtualhost other\n" + urlBlock(), serve: by(alone.Issue(t, "shop.example.org", time.Hour), polite), theirs: up},
		{name: "closed without TLS's word for it", options: urlBlock(), serve: by(good, answer), theirs: up},
		{name: "a server that speaks no TLS", options: urlBlock(), serve: web(0, sized(pageBody)), theirs: down},
		{name: "a handshake without an end", options: urlBlock(), serve: hold, theirs: down},
		{name: "the name in the handshake, enable_sni", options: "enable_sni\nvirtualhost shop.example.org\n" + urlBlock(), theirs: up, serve: func(c net.Conn) {
			s := tls.Server(c, &tls.Config{GetCertificate: func(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
				if h.ServerName != "shop.example.org" {
					return nil, fmt.Errorf("asked for %q", h.ServerName)
				}
				return &good, nil
			}})
			if s.Handshake() == nil {
				polite(s)
			}
		}},
	}
}

// smtp greets, and answers each line by the next of its own.
func smtp(greeting string, answers ...string) func(net.Conn) {
	return func(c net.Conn) {
		_, _ = c.Write([]byte(greeting))
		b := make([]byte, 1024)
		for _, a := range answers {
			if _, err := c.Read(b); err != nil {
				return
			}
			_, _ = c.Write([]byte(a))
		}
		hold(c)
	}
}

func smtpCases() []verdictCase {
	return []verdictCase{
		{name: "greets, and takes HELO", serve: smtp("220 mx ready\r\n", "250 mx\r\n", "221 bye\r\n"), theirs: up},
		{name: "the same by IPv6", serve: smtp("220 mx ready\r\n", "250 mx\r\n", "221 bye\r\n"), six: true, theirs: up, more: true},
		{name: "greets in several lines", serve: smtp("220-mx\r\n220 ready\r\n", "250-mx\r\n250 HELP\r\n", "221 bye\r\n"), theirs: down, ours: up, why: "an answer of SMTP may have several lines"},
		{name: "is busy", serve: smtp("421 too busy\r\n", "250 mx\r\n", "221 bye\r\n"), theirs: down},
		{name: "refuses HELO", serve: smtp("220 mx ready\r\n", "550 no\r\n", "221 bye\r\n"), theirs: down},
		{name: "the name of HELO, helo_name", options: "helo_name lb.example.org", theirs: up, serve: func(c net.Conn) {
			_, _ = c.Write([]byte("220 mx\r\n"))
			b := make([]byte, 1024)
			n, _ := c.Read(b)
			if string(b[:n]) == "HELO lb.example.org\r\n" {
				_, _ = c.Write([]byte("250 mx\r\n"))
			} else {
				_, _ = c.Write([]byte("550 who?\r\n"))
			}
			if _, err := c.Read(b); err == nil {
				_, _ = c.Write([]byte("221 bye\r\n"))
			}
			hold(c)
		}},
		{name: "does not answer QUIT", serve: smtp("220 mx ready\r\n", "250 mx\r\n"), theirs: down, ours: up, why: "it takes mail"},
		{name: "says nothing", serve: hold, theirs: down},
		{name: "closes behind the greeting", serve: func(c net.Conn) { _, _ = c.Write([]byte("220 mx\r\n")) }, theirs: down},
		{name: "nobody listens", theirs: down},
		{name: "nobody listens, and its host is well", options: wellHost, theirs: down},
		{name: "nobody listens, its host is well, and only that says where to connect", options: wellHost, unsaid: true, theirs: up},
		{name: "is well, and nobody listens at its host", options: "host {\nconnect_port 1\nconnect_timeout 4\n}", unsaid: true, serve: smtp("220 mx ready\r\n", "250 mx\r\n", "221 bye\r\n"), theirs: down},
	}
}

// wellHost is a host of an SMTP_CHECK that is well.
const wellHost = "host {\nconnect_ip FIRST\nconnect_timeout 4\n}"

// dns answers a query by a status.
func dns(code byte, change func([]byte) []byte) func([]byte) []byte {
	return func(q []byte) []byte {
		if len(q) < 12 {
			return nil
		}
		a := append([]byte(nil), q...)
		a[2], a[3] = a[2]|0x80, code
		if change != nil {
			return change(a)
		}
		return a
	}
}

func datagramCases() []verdictCase {
	echo := func(b []byte) []byte { return b }
	none := func([]byte) []byte { return nil }
	list := []verdictCase{
		{kind: "DNS_CHECK", name: "an answer without an error", reply: dns(0, nil), theirs: up},
		{kind: "DNS_CHECK", name: "the same by IPv6", reply: dns(0, nil), six: true, theirs: up, more: true},
		{kind: "DNS_CHECK", name: "a type and a name", options: "type AAAA\nname www.example.org", theirs: up, reply: func(q []byte) []byte {
			if !strings.Contains(string(q), "\x03www\x07example\x03org\x00\x00\x1c\x00\x01") {
				return nil
			}
			return dns(0, nil)(q)
		}},
		{kind: "DNS_CHECK", name: "SERVFAIL", reply: dns(2, nil), theirs: down},
		{kind: "DNS_CHECK", name: "NXDOMAIN", reply: dns(3, nil), theirs: down},
		{kind: "DNS_CHECK", name: "REFUSED", reply: dns(5, nil), theirs: down, more: true},
		{kind: "DNS_CHECK", name: "an answer to another query", reply: dns(0, func(a []byte) []byte { a[0] ^= 0xff; return a }), theirs: down},
		{kind: "DNS_CHECK", name: "the query itself", reply: echo, theirs: down},
		{kind: "DNS_CHECK", name: "three bytes", reply: dns(0, func(a []byte) []byte { return a[:3] }), theirs: down},
		{kind: "DNS_CHECK", name: "no answer", reply: none, theirs: down},
		{kind: "DNS_CHECK", name: "nobody listens", theirs: down},
		{kind: "UDP_CHECK", name: "no reply, none is required", reply: none, theirs: up},
		{kind: "UDP_CHECK", name: "nobody listens", theirs: down},
		{kind: "UDP_CHECK", name: "the host is gone", refused: "unreachable", theirs: down},
		{kind: "UDP_CHECK", name: "the same by IPv6", refused: "unreachable", six: true, theirs: down, more: true},
		{kind: "UDP_CHECK", name: "prohibited by a firewall, IPv6", refused: "prohibit", six: true, theirs: down},
		{kind: "UDP_CHECK", name: "a reply, one is required", options: "require_reply", reply: echo, theirs: up},
		{kind: "UDP_CHECK", name: "no reply, one is required", options: "require_reply", reply: none, theirs: down},
		{kind: "UDP_CHECK", name: "the payload, echoed", options: "payload 01 02 ff\nrequire_reply 01 02 ff", reply: echo, theirs: up},
		{kind: "UDP_CHECK", name: "a digit that may be any", options: "payload 0102ff\nrequire_reply 01 0X fX", reply: echo, theirs: down, ours: up, why: "an X stands for any digit, as keepalived's manual has it"},
		{kind: "UDP_CHECK", name: "other bytes than those required", options: "payload 0102ff\nrequire_reply 01 03", reply: echo, theirs: down},
		{kind: "UDP_CHECK", name: "fewer bytes than min_reply_length", options: "payload 0102ff\nrequire_reply 0102\nmin_reply_length 4", reply: echo, theirs: down},
		{kind: "UDP_CHECK", name: "more bytes than max_reply_length", options: "payload 0102ff\nrequire_reply 0102\nmax_reply_length 2", reply: echo, theirs: down},
		{kind: "PING_CHECK", name: "replies", serve: hold, theirs: up},
		{kind: "PING_CHECK", name: "replies by IPv6", serve: hold, six: true, theirs: up},
		{kind: "PING_CHECK", name: "does not reply", silent: true, theirs: down},
		{kind: "PING_CHECK", name: "prohibited by a firewall, IPv6", refused: "prohibit", six: true, theirs: down},
		{kind: "TCP_CHECK", name: "takes the connection", serve: hold, theirs: up},
		{kind: "TCP_CHECK", name: "takes it by IPv6", serve: hold, six: true, theirs: up},
		{kind: "TCP_CHECK", name: "nobody listens", theirs: down},
		{kind: "TCP_CHECK", name: "does not answer", silent: true, theirs: down},
		{kind: "TCP_CHECK", name: "prohibited by a firewall", refused: "prohibit", theirs: down, more: true},
		{kind: "TCP_CHECK", name: "prohibited by a firewall, IPv6", refused: "prohibit", six: true, theirs: down},
		{kind: "TCP_CHECK", name: "nobody listens, connect_port leads elsewhere", options: "connect_ip 10.2.0.1\nconnect_port 80", theirs: up},
	}
	return list
}

// programCases are those of programs and files. dir has the program code, which
// ends with the status that it is told, and the files.
func programCases(dir string) []verdictCase {
	var list []verdictCase
	few := map[int]bool{0: true, 1: true, 2: true, 3: true, 12: true, 127: true, 254: true, 255: true}
	for code := range 256 {
		c := verdictCase{kind: "MISC_CHECK", name: fmt.Sprintf("status %d, misc_dynamic", code), options: fmt.Sprintf("misc_path \"%s/code %d\"\nmisc_dynamic", dir, code), more: !few[code]}
		switch code {
		case 0, 12: // the latter says the weight that there is
			c.theirs = up
		case 1:
			c.theirs = down
		default:
			c.theirs = fmt.Sprintf("weight %d", code-2)
		}
		list = append(list, c)
	}
	for _, code := range []int{0, 1, 2, 255} {
		c := verdictCase{kind: "MISC_CHECK", name: fmt.Sprintf("status %d", code), options: fmt.Sprintf("misc_path \"%s/code %d\"", dir, code), theirs: down}
		if code == 0 {
			c.theirs = up
		}
		list = append(list, c)
	}
	return append(list,
		verdictCase{kind: "MISC_CHECK", name: "killed by a signal", options: "misc_path \"/bin/sh -c 'kill -9 $$'\"", theirs: down},
		verdictCase{kind: "MISC_CHECK", name: "longer than misc_timeout", options: "misc_path \"/bin/sleep 30\"\nmisc_timeout 1", theirs: down},
		verdictCase{kind: "MISC_CHECK", name: "two arguments in quotes", options: "misc_path \"/bin/sh -c 'test \\\"a b\\\" = \\\"a b\\\"'\"", theirs: up, more: true},
		verdictCase{kind: "FILE_CHECK", name: "value 0", options: "track_file zero\nweight 3", theirs: up},
		verdictCase{kind: "FILE_CHECK", name: "value 5, weight 3", options: "track_file five\nweight 3", theirs: "weight 25"},
		verdictCase{kind: "FILE_CHECK", name: "value 5, weight -1", options: "track_file five\nweight -1", theirs: "weight 5"},
		verdictCase{kind: "FILE_CHECK", name: "value 5, weight -3", options: "track_file five\nweight -3", theirs: "weight 0"},
		verdictCase{kind: "FILE_CHECK", name: "value 0, weight 0", options: "track_file zero\nweight 0", theirs: up},
		verdictCase{kind: "FILE_CHECK", name: "value 5, weight 0", options: "track_file five\nweight 0", theirs: down},
	)
}

// verdictCases are all.
func verdictCases(t testing.TB, dir string) []verdictCase {
	var all []verdictCase
	add := func(kind string, list []verdictCase) {
		for _, c := range list {
			if c.kind == "" {
				c.kind = kind
			}
			all = append(all, c)
		}
	}
	add("", datagramCases())
	add("HTTP_GET", httpCases())
	add("SSL_GET", tlsCases(t))
	add("SMTP_CHECK", smtpCases())
	add("", programCases(dir))
	return all
}
