package http

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"time"

	"github.com/moonkeep/moonkeep/plugins/checker"
	"github.com/moonkeep/moonkeep/plugins/tlsclient"
)

// http2Client makes requests by net/http, on a connection each.
type http2Client struct {
	probe      *probe
	transports []*http.Transport
}

func newHTTP2(p *probe) *http2Client {
	c := &http2Client{probe: p}
	for i := range p.plans {
		t := &http.Transport{
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				conn, err := p.checker.dialer.TCP(ctx, p.target)
				if err != nil {
					return nil, err
				}
				conn.NoDelay()
				// The answer has the time again that the connection had, and so has the
				// handshake of TLS.
				if r, ok := ctx.Value(renewKey{}).(*renewal); ok {
					r.connected = func() { conn.Renew(r.ctx, p.target) }
					r.renew()
				}
				return conn, nil
			},
			DisableKeepAlives:      true,
			DisableCompression:     true,
			MaxResponseHeaderBytes: maxHead,
			Protocols:              new(http.Protocols),
		}
		t.Protocols.SetHTTP2(true)
		if p.configs != nil {
			t.TLSClientConfig = p.configs[i]
			t.Protocols.SetHTTP1(true) // when the server does not agree
		} else {
			t.Protocols.SetUnencryptedHTTP2(true)
		}
		c.transports = append(c.transports, t)
	}
	return c
}

func (c *http2Client) close() {
	for _, t := range c.transports {
		t.CloseIdleConnections()
	}
}

// counted counts a body.
type counted struct {
	io.Reader
	renewal *renewal
	n       int64
}

// Read reads on.
func (c *counted) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.n += int64(n)
	if err != nil && err != io.EOF {
		err = c.renewal.why(err)
	}
	return n, err
}

func (c *counted) count() int64 { return c.n }

func (c *http2Client) ask(ctx context.Context, i int) checker.Result {
	p, u := c.probe, &c.probe.plans[i]
	n := notes{want: checker.WantDetails(ctx), begin: time.Now()}
	ctx, renewal := renewable(ctx, p.target.Timeout)
	defer renewal.end()
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{TLSHandshakeDone: func(tls.ConnectionState, error) { renewal.renew() }})
	scheme := "http"
	if p.configs != nil {
		scheme = "https"
	}
	request, err := http.NewRequestWithContext(ctx, u.method, scheme+"://"+p.target.Address.String()+u.path, strings.NewReader(u.body))
	if err != nil {
		return checker.Result{Message: "make the request: " + err.Error()}
	}
	request.Host = u.host
	request.Header.Set("User-Agent", "KeepAliveClient")
	for _, h := range u.headers {
		name, value, _ := strings.Cut(h, ":")
		if strings.EqualFold(name, "host") {
			request.Host = strings.TrimSpace(value)
			continue
		}
		request.Header.Set(name, strings.TrimSpace(value))
	}
	n.add("sent", fmt.Sprintf("%s %s to %s by HTTP/2", u.method, u.path, request.Host))
	answer, err := c.transports[i].RoundTrip(request)
	if err != nil {
		return n.result(checker.Failure(renewal.why(err), "ask"))
	}
	defer answer.Body.Close()
	n.took("head received")
	warning := ""
	if answer.TLS != nil {
		n.add("TLS", tlsclient.Describe(*answer.TLS))
		warning = p.tls.Warning(*answer.TLS, n.begin)
	}
	n.add("head", headText(answer))
	res := u.judge(answer.StatusCode, answer.Header.Get("Location"), n.tee(&counted{Reader: answer.Body, renewal: renewal}), nil, make([]byte, 8<<10))
	n.took("done")
	return n.result(p.warn(ctx, res, warning))
}

// renewal is the time of a step of a request, which begins anew when the request is
// connected, and after the handshake of TLS. A deadline of the connection alone would
// not do: that is net/http's by then.
type renewal struct {
	ctx   context.Context
	timer *time.Timer // nil when a step has no time of its own
	step  time.Duration
	end   context.CancelFunc
	// connected gives the connection, once there is one, the time again. It belongs to
	// the goroutine that connects.
	connected func()
}

type renewKey struct{}

// renewable returns a context that ends after a step, unless that is renewed.
func renewable(ctx context.Context, step time.Duration) (context.Context, *renewal) {
	ctx, cancel := context.WithCancelCause(ctx)
	r := &renewal{ctx: ctx, step: step, end: func() { cancel(context.Canceled) }}
	if step > 0 {
		r.timer = time.AfterFunc(step, func() { cancel(context.DeadlineExceeded) })
		r.end = func() { r.timer.Stop(); cancel(context.Canceled) }
	}
	return context.WithValue(ctx, renewKey{}, r), r
}

func (r *renewal) renew() {
	if r.connected != nil {
		r.connected()
	}
	if r.timer != nil && r.timer.Stop() { // else it is over
		r.timer.Reset(r.step)
	}
}

// why is the end of the time in place of an error that came of it.
func (r *renewal) why(err error) error {
	if cause := context.Cause(r.ctx); cause != nil {
		return cause
	}
	return err
}

// headText is the head of an answer for people.
func headText(r *http.Response) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s\n", r.Proto, r.Status)
	// Writing to a strings.Builder cannot fail.
	_ = r.Header.Write(&b)
	return strings.ReplaceAll(b.String(), "\r\n", "\n")
}
