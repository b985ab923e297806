package http

import (
	"errors"
	"io"
	"net/netip"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/moonkeep/moonkeep/plugins/checker"
)

// FuzzAnswer holds that whatever a server sends comes to a verdict with a
// reason, and to the same one however the network cuts it.
func FuzzAnswer(f *testing.F) {
	for _, s := range []string{
		"", "HTTP/1.1 200 OK\r\n\r\nhello", "HTTP/1.0 200 OK\nContent-Length: 5\n\nhello", chunked("hel", "lo\n"),
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
		"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("y", maxLine), "HTTP/1.1 200 OK\r\n\r\n{\"a\":[{\"b\":1}]}", "HTTP/9.9 999 \r\n\r\n",
	} {
		f.Add([]byte(s), uint8(len(s)))
	}
	var plans []plan
	for _, o := range []urlSetting{
		{Path: "/", StatusCode: words{"100-599"}},
		{Path: "/", Digest: "b1946ac92492d2347c6235b4d2611184"},
		{Path: "/", Regex: "l+o$"},
		{Path: "/", Regex: `(.)\1`, RegexNoMatch: true},
		{Path: "/", JSONPath: "a.0.b"},
	} {
		s := settings{URLs: []urlSetting{o}}
		p, err := s.prepare(checker.Target{Address: netip.MustParseAddrPort("127.0.0.1:80")}, false)
		if err != nil {
			f.Fatal(err)
		}
		plans = append(plans, p...)
	}
	f.Fuzz(func(t *testing.T, b []byte, which uint8) {
		u := &plans[int(which)%len(plans)]
		judge := func(r io.Reader) (checker.Result, error) {
			a := newAnswer()
			a.reset(r, true)
			if err := a.readHead("GET"); err != nil {
				return broken(err, 0), err
			}
			a.scratch = new(room)[:]
			body := a.body(false)
			res := u.judge(a.status, a.location, body, nil, a.scratch)
			if body.n > int64(len(b)) || a.head > maxHead+maxLine || len(a.buf) > maxLine {
				t.Errorf("%d bytes of body, %d of head from %d", body.n, a.head, len(b))
			}
			return res, nil
		}
		whole, err := judge(strings.NewReader(string(b)))
		if whole.Verdict == checker.Unknown || whole.Message == "" || len(whole.Message) > 2000 || strings.ContainsAny(whole.Message, "\r\n\x00") {
			t.Errorf("%q: %v", b, whole)
		}
		pieces, err2 := judge(iotest.OneByteReader(strings.NewReader(string(b))))
		var invalid errInvalid
		if whole.Verdict != pieces.Verdict && !errors.As(err, &invalid) && !errors.As(err2, &invalid) {
			t.Errorf("%q: %v at once, and %v byte by byte", b, whole, pieces)
		}
	})
}
