package lua

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// maxBody is how much of a response's body is read; the rest is left unread.
const maxBody = 512 << 10

// httpGet is http.get(url, {timeout =, headers =, host =}).
func (s *state) httpGet(l *lua.LState) int {
	return s.request(l, "http.get", http.MethodGet, "", options(l, 2, "http.get", "timeout", "headers", "host"))
}

// httpPost is http.post(url, body, {timeout =, headers =, host =}).
func (s *state) httpPost(l *lua.LState) int {
	s.need(l, "http.post", GrantNet)
	return s.request(l, "http.post", http.MethodPost, l.CheckString(2), options(l, 3, "http.post", "timeout", "headers", "host"))
}

func (s *state) request(l *lua.LState, name, method, body string, opts fields) int {
	s.act(l, name)
	target := l.CheckString(1)
	if u, err := url.Parse(target); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		l.ArgError(1, "want a URL that starts with http:// or https:// and a host")
	}
	ctx, cancel := s.limited(opts.seconds("timeout"))
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, target, strings.NewReader(body))
	if err != nil {
		l.ArgError(1, err.Error())
	}
	req.Header.Set("User-Agent", "moonkeep")
	s.setHeaders(l, name, req, opts)
	// One connection per request and none left behind. No proxy from the
	// environment: a check asks the server itself. No redirects: a check
	// judges the answer of the server that it asked.
	client := http.Client{
		Transport: &http.Transport{
			DialContext:            new(net.Dialer).DialContext,
			DisableKeepAlives:      true,
			DisableCompression:     true,
			MaxResponseHeaderBytes: 64 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	res, err := client.Do(req)
	if err != nil {
		return s.failed(l, "%s", reason(ctx, err))
	}
	defer res.Body.Close()
	var got bytes.Buffer
	n, err := io.Copy(&got, io.LimitReader(res.Body, maxBody+1))
	s.meter.charge(l, 2*int(n))
	if err != nil {
		return s.failed(l, "read the body: %s", reason(ctx, err))
	}
	l.Push(s.response(l, res, got.Bytes()))
	return 1
}

// setHeaders puts the options host and headers into a request.
func (s *state) setHeaders(l *lua.LState, name string, req *http.Request, opts fields) {
	req.Host = opts.text("host")
	headers := opts.get("headers")
	if headers == lua.LNil {
		return
	}
	table, ok := headers.(*lua.LTable)
	if !ok {
		l.RaiseError("%s: headers must be a table {name = value}, not a %s value", name, headers.Type())
	}
	table.ForEach(func(key, value lua.LValue) {
		header, ok := key.(lua.LString)
		if !ok || !lua.LVCanConvToString(value) {
			l.RaiseError("%s: headers must have names and values that are strings", name)
		}
		req.Header.Set(string(header), lua.LVAsString(value))
	})
}

// response makes the table that scripts see.
func (s *state) response(l *lua.LState, res *http.Response, body []byte) *lua.LTable {
	tb := l.NewTable()
	tb.RawSetString("status", lua.LNumber(res.StatusCode))
	if len(body) > maxBody {
		body = body[:maxBody]
		tb.RawSetString("truncated", lua.LTrue)
	}
	tb.RawSetString("body", lua.LString(body))
	headers := l.NewTable()
	for name, values := range res.Header {
		value := strings.Join(values, ", ")
		s.meter.charge(l, costField+len(value))
		headers.RawSetString(strings.ToLower(name), lua.LString(value))
	}
	tb.RawSetString("headers", headers)
	return tb
}

// reason renders a failed request without repeating method and URL.
func reason(ctx context.Context, err error) string {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return "no answer in time"
	}
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	return err.Error()
}
