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

func httpModule() Module {
	url := arg("url", "string", "http:// or https://")
	options := []Value{
		timeoutOption(),
		opt("headers", "table<string, string>", "headers to send"),
		opt("host", "string", "asks for another name than the URL's"),
	}
	return Module{
		Name: "http",
		Doc: "Requests over HTTP. At most 512 KiB of a body are read. Redirects are not followed: the answer is the redirect. " +
			"Proxies of the environment are not used. Certificates are verified.",
		Functions: []Function{
			{Name: "get", Doc: "asks for a URL", Params: []Value{url}, Options: options, Returns: []Value{ret("http.Response", "the answer")}, Fails: true, Acts: true, call: httpGet},
			{Name: "post", Doc: "sends a body to a URL", Params: []Value{url, arg("body", "string", "the body")}, Options: options, Returns: []Value{ret("http.Response", "the answer")}, Fails: true, Grant: GrantNet, Acts: true, call: httpPost},
		},
		Classes: []Class{{Name: "http.Response", Doc: "An answer over HTTP.", Fields: []Value{
			arg("status", "integer", "the status"),
			arg("body", "string", "the body"),
			opt("truncated", "boolean", "true when the body was longer"),
			arg("headers", "table<string, string>", "by name in lower case; repeated ones are joined by commas"),
		}}},
	}
}

func httpGet(c call) int { return c.request(http.MethodGet, "") }

func httpPost(c call) int { return c.request(http.MethodPost, c.l.CheckString(2)) }

func (c call) request(method, body string) int {
	s, l, name, opts := c.s, c.l, c.name, c.options()
	target := l.CheckString(1)
	if u, err := url.Parse(target); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		l.ArgError(1, "want a URL that starts with http:// or https:// and a host")
	}
	ctx, cancel := c.within(opts)
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
		return c.fail("%s", reason(ctx, err))
	}
	defer res.Body.Close()
	var got bytes.Buffer
	n, err := io.Copy(&got, io.LimitReader(res.Body, maxBody+1))
	s.meter.charge(l, 2*int(n))
	if err != nil {
		return c.fail("read the body: %s", reason(ctx, err))
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
