package lua

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	lua "github.com/yuin/gopher-lua"
)

// maxBody is how much of a response's body is read; the rest is left unread.
const maxBody = 512 << 10

func httpModule() Module {
	link := arg("url", "string", "http:// or https://")
	options := slices.Concat([]Value{
		timeoutOption(),
		opt("headers", "table<string, string>", "headers to send; Host is as the option host, and those that follow from the request, such as Content-Length, cannot be given"),
		opt("host", "string", "asks for another name than the URL's, in the Host header and in TLS; a redirect to another host asks for that one's"),
		opt("connect", "string", "connects to this address in place of the URL's: host:port, [IPv6]:port or unix:/path"),
		opt("max_body", "integer", "how much of the body is read, 524,288 unless given, which is the most").in("octets").between(0, maxBody),
		opt("follow", "integer", "how many redirects are followed; 0 unless given, at most 10").between(0, 10),
	}, tlsOptions())
	answer := []Value{ret("http.Response", "the answer")}
	return Module{
		Name: "http",
		Doc: "Requests over HTTP and HTTPS. Redirects are not followed unless the options say so: the answer is the redirect. " +
			"Proxies of the environment are not used. Each request has a connection of its own.",
		Functions: []Function{
			{Name: "get", Doc: "asks for a URL", Params: []Value{link}, Options: options, Returns: answer, Fails: true, Acts: true, call: httpGet, accept: func(c call) { c.acceptRequest(http.MethodGet, 1) }},
			{Name: "head", Doc: "asks for the headers of a URL", Params: []Value{link}, Options: options, Returns: answer, Fails: true, Acts: true, call: httpHead, accept: func(c call) { c.acceptRequest(http.MethodHead, 1) }},
			{Name: "post", Doc: "sends a body to a URL", Params: []Value{link, arg("body", "string", "the body")}, Options: options, Returns: answer, Fails: true, Grant: GrantNet, Acts: true, call: httpPost, accept: func(c call) { c.acceptRequest(http.MethodPost, 1) }},
			{
				Name: "request", Doc: "sends a request with any method; one other than GET, HEAD or OPTIONS, or one with a body, needs `allow: [net]`",
				Params: []Value{arg("method", "string", "for example PUT"), link}, Options: append(slices.Clone(options), opt("body", "string", "the body")),
				Returns: answer, Fails: true, Acts: true, call: httpRequest, accept: acceptAnyRequest,
			},
		},
		Classes: []Class{
			{Name: "http.Response", Doc: "An answer over HTTP.", Fields: []Value{
				arg("status", "integer", "the status"),
				arg("body", "string", "the body"),
				opt("truncated", "boolean", "true when the body was longer"),
				arg("headers", "table<string, string>", "by name in lower case; repeated ones are joined by commas"),
				arg("url", "string", "what was asked for last"),
				arg("times", "http.Times", "when what happened"),
				opt("tls", "http.TLS", "the TLS session"),
			}},
			{Name: "http.Times", Doc: "When what happened, after the beginning; what did not happen is nil.", Fields: []Value{
				opt("dns", "number", "the name was resolved").in("s"),
				opt("connect", "number", "the connection stood").in("s"),
				opt("tls", "number", "TLS stood").in("s"),
				opt("first_byte", "number", "the answer began").in("s"),
				arg("total", "number", "the body was there").in("s"),
			}},
			tlsClass("http"),
		},
	}
}

func httpGet(c call) int { return c.request(http.MethodGet, c.l.CheckString(1), "", c.options()) }

func httpHead(c call) int { return c.request(http.MethodHead, c.l.CheckString(1), "", c.options()) }

func httpPost(c call) int {
	return c.request(http.MethodPost, c.l.CheckString(1), c.l.CheckString(2), c.options())
}

func httpRequest(c call) int {
	method, opts := c.l.CheckString(1), c.options()
	body := opts.text("body")
	c.needToRequest(method, body)
	return c.request(method, c.l.CheckString(2), body, opts)
}

// acceptRequest raises the errors of a request, whose URL is argument n.
func (c call) acceptRequest(method string, n int) {
	opts := c.options()
	c.prepare(context.Background(), false, method, c.l.CheckString(n), "", opts)
	c.connectTo(opts)
}

// acceptAnyRequest is that of http.request.
func acceptAnyRequest(c call) {
	method := c.l.CheckString(1)
	c.needToRequest(method, c.options().text("body"))
	c.acceptRequest(method, 2)
}

// needToRequest raises an error when a request may change something and that is not
// granted.
func (c call) needToRequest(method, body string) {
	if !reads(method, body) {
		c.s.need(c.l, c.name, GrantNet)
	}
}

// reads reports whether a request only asks for something.
func reads(method, body string) bool {
	return body == "" && (method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions)
}

// request asks, and returns the answer to the script.
func (c call) request(method, target, body string, opts fields) int {
	x := &exchange{limit: opts.integer("max_body", maxBody)}
	ctx, cancel := c.within(opts)
	defer cancel()
	res, err := c.exchange(ctx, x, method, target, body, opts)
	if err != nil {
		return c.fail("%s", err.Error())
	}
	return c.push(c.response(x, res))
}

// exchange is one request and its answer.
type exchange struct {
	limit int
	json  bool // the body is JSON unless the headers say otherwise
	begin time.Time
	body  []byte

	// mu guards times: what is given up may still be told of.
	mu sync.Mutex
	// times are those of http.Times, by name.
	times map[string]time.Duration
}

// note keeps when something happened.
func (x *exchange) note(name string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.times[name] = time.Since(x.begin)
}

// exchange sends a request and reads the answer. Wrong arguments raise an
// error; what the world did is returned.
func (c call) exchange(ctx context.Context, x *exchange, method, target, body string, opts fields) (*http.Response, error) {
	c.reads = reads(method, body)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	x.begin, x.times = time.Now(), map[string]time.Duration{}
	traced := httptrace.WithClientTrace(ctx, x.trace())
	req := c.prepare(traced, x.json, method, target, body, opts)
	name := "" // the host's: of each that a redirect leads to, its own
	if name = req.Host; strings.Contains(name, ":") {
		name, _, _ = net.SplitHostPort(name)
	}
	config, err := c.tlsConfig(opts, name)
	if err != nil {
		return nil, err
	}
	follow, serverName := redirects(opts.integer("follow", 0)), opts.text("server_name")
	client := http.Client{Transport: c.transport(traced, config, opts), CheckRedirect: func(next *http.Request, via []*http.Request) error {
		if next.Host == "" && serverName == "" {
			// It leads to another host, which was not asked for by that name.
			config.ServerName = ""
		}
		return follow(next, via)
	}}
	res, err := client.Do(req)
	if refused := new(notGranted); errors.As(err, &refused) {
		c.l.RaiseError("%s", refused.Error())
	}
	if err != nil {
		return nil, errors.New(reason(ctx, err))
	}
	defer res.Body.Close()
	var got bytes.Buffer
	n, err := io.Copy(&got, io.LimitReader(res.Body, int64(x.limit)+1))
	c.s.meter.charge(c.l, 2*int(n))
	if err != nil {
		return nil, errors.New("read the body: " + reason(ctx, err))
	}
	x.note("total")
	x.body = got.Bytes()
	return res, nil
}

// prepare makes a request, and raises an error for what makes none.
func (c call) prepare(ctx context.Context, json bool, method, target, body string, opts fields) *http.Request {
	u, err := url.Parse(target)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		c.l.RaiseError("%s: want a URL that starts with http:// or https:// and a host, not %q", c.name, brief(target))
	}
	req, err := http.NewRequestWithContext(ctx, method, target, strings.NewReader(body))
	if err != nil {
		c.l.RaiseError("%s: %s", c.name, err.Error())
	}
	req.Header.Set("User-Agent", "moonkeep")
	if json {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Host = opts.text("host")
	for name, value := range opts.words("headers") {
		switch name = http.CanonicalHeaderKey(name); name {
		case "Host":
			// net/http sends none of the map.
			if opts.text("host") != "" {
				c.l.RaiseError("%s: host and the header Host are the same: give one", c.name)
			}
			req.Host = value
		case "Content-Length", "Transfer-Encoding", "Trailer":
			c.l.RaiseError("%s: headers: %s follows from the request, and cannot be given", c.name, name)
		default:
			req.Header.Set(name, value)
		}
	}
	return req
}

// transport connects once and leaves nothing behind. It uses no proxy from
// the environment: a check asks the server itself. It dials with the call's
// context: net/http's own has no deadline, so that a question to a name server
// would outlive the call, and so would TLS with a server that says nothing.
func (c call) transport(ctx context.Context, config *tls.Config, opts fields) *http.Transport {
	dial := func(_ context.Context, network, address string) (net.Conn, error) {
		conn, err := c.dial(ctx, network, address)
		if err == nil {
			context.AfterFunc(ctx, func() { conn.Close() })
		}
		return conn, err
	}
	t := &http.Transport{
		DialContext: dial, DisableKeepAlives: true, DisableCompression: true,
		MaxResponseHeaderBytes: 64 << 10, TLSClientConfig: config,
	}
	if network, address := c.connectTo(opts); network != "" {
		t.DialContext = func(context.Context, string, string) (net.Conn, error) { return dial(ctx, network, address) }
	}
	return t
}

// connectTo returns the network and the address of the option connect, both empty
// without it.
func (c call) connectTo(opts fields) (network, address string) {
	to := opts.text("connect")
	if path, ok := strings.CutPrefix(to, "unix:"); ok {
		return "unix", path
	}
	if to == "" {
		return "", ""
	}
	if _, _, err := splitHostPort(to); err != nil {
		c.l.RaiseError("%s: connect: want host:port, [IPv6]:port or unix:/path: %s", c.name, err.Error())
	}
	return "tcp", to
}

// redirects follows so many redirects; the last answer counts.
func redirects(most int) func(*http.Request, []*http.Request) error {
	return func(_ *http.Request, via []*http.Request) error {
		if len(via) > most {
			return http.ErrUseLastResponse
		}
		return nil
	}
}

// trace notes when what happened.
func (x *exchange) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		DNSDone:              func(httptrace.DNSDoneInfo) { x.note("dns") },
		ConnectDone:          func(string, string, error) { x.note("connect") },
		TLSHandshakeDone:     func(tls.ConnectionState, error) { x.note("tls") },
		GotFirstResponseByte: func() { x.note("first_byte") },
	}
}

// response makes the table that scripts see.
func (c call) response(x *exchange, res *http.Response) *lua.LTable {
	tb := c.l.NewTable()
	tb.RawSetString("status", lua.LNumber(res.StatusCode))
	body := x.body
	if len(body) > x.limit {
		body = body[:x.limit]
		tb.RawSetString("truncated", lua.LTrue)
	}
	tb.RawSetString("body", lua.LString(body))
	headers := c.l.NewTable()
	for name, values := range res.Header {
		value := strings.Join(values, ", ")
		c.s.meter.charge(c.l, costField+len(value))
		headers.RawSetString(strings.ToLower(name), lua.LString(value))
	}
	tb.RawSetString("headers", headers)
	tb.RawSetString("url", lua.LString(res.Request.URL.String()))
	times := c.l.NewTable()
	x.mu.Lock()
	defer x.mu.Unlock()
	for name, d := range x.times {
		times.RawSetString(name, lua.LNumber(d.Seconds()))
	}
	tb.RawSetString("times", times)
	if res.TLS != nil {
		tb.RawSetString("tls", c.tlsTable(res.TLS))
	}
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
