package http

import (
	"context"
	"crypto/md5"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/moonkeep/moonkeep/plugins/checker"
	"github.com/moonkeep/moonkeep/plugins/clock"
	"github.com/moonkeep/moonkeep/plugins/dial"
	"github.com/moonkeep/moonkeep/plugins/tlsclient"
)

// Checker is HTTP_GET or SSL_GET.
type Checker struct {
	dialer dial.Dialer // of all probes
	tls    bool
	store  tlsclient.Store
	// answers are the buffers of probes that run.
	answers sync.Pool
	// rooms are those of probes that read a body.
	rooms sync.Pool
}

// New is HTTP_GET.
func New() *Checker { return newChecker(false) }

// NewSSL is SSL_GET.
func NewSSL() *Checker { return newChecker(true) }

func newChecker(tls bool) *Checker {
	return &Checker{
		tls: tls, answers: sync.Pool{New: func() any { return newAnswer() }}, rooms: sync.Pool{New: func() any { return new(room) }},
	}
}

// Info describes the checker.
func (c *Checker) Info() checker.Info {
	info := checker.Info{Name: "HTTP_GET", Version: "1", Doc: "Requests URLs over HTTP and checks the responses.", Options: options(c.tls)}
	if c.tls {
		info.Name, info.Doc = "SSL_GET", "Requests URLs over HTTPS and checks the responses. The certificate is verified only with verify."
	}
	return info
}

// probe is one check.
type probe struct {
	checker *Checker
	target  checker.Target
	plans   []plan
	// configs are those of TLS, one for each plan.
	configs  []*tls.Config
	tls      tlsclient.Settings
	http2    *http2Client
	reminder tlsclient.Reminder
	task     *dial.Task // that runs it; nil is a goroutine
}

// Light is checker.Runner's: the handshakes of SSL_GET compute.
func (c *Checker) Light() bool { return !c.tls }

// Run runs probes as tasks of the dialer, but for those that may compute for long.
func (c *Checker) Run(list []checker.Turn) (others []checker.Turn) {
	tasks := make([]func(*dial.Task), 0, len(list))
	for _, turn := range list {
		p, ok := turn.Probe.(*probe)
		if !ok || p.heavy() {
			others = append(others, turn)
			continue
		}
		tasks = append(tasks, func(t *dial.Task) {
			p.task = t
			turn.Do()
			p.task = nil
		})
	}
	c.dialer.Run(tasks)
	return others
}

// heavy reports whether a probe may compute for long, which is not to hold up
// others: by the cryptography of TLS, a pattern, or JSON.
func (p *probe) heavy() bool {
	if p.configs != nil || p.http2 != nil {
		return true
	}
	return slices.ContainsFunc(p.plans, func(u plan) bool { return u.regex != nil || u.json != nil })
}

// Prepare compiles the URLs.
func (c *Checker) Prepare(t checker.Target, o checker.Options) (checker.Probe, error) {
	var s settings
	if err := o.Decode(&s); err != nil {
		return nil, err
	}
	if t.Address.Port() == 0 {
		return dial.Nowhere(c.Info().Name), nil
	}
	t.Address = netip.AddrPortFrom(t.Address.Addr().Unmap(), t.Address.Port())
	plans, err := s.prepare(t, c.tls)
	if err != nil {
		return nil, err
	}
	p := &probe{checker: c, target: t, plans: plans, tls: s.Lasting()}
	if c.tls {
		for i := range plans {
			config, err := s.Config(&c.store, s.tlsName(&plans[i], t))
			if err != nil {
				return nil, err
			}
			p.configs = append(p.configs, config)
		}
	}
	if s.HTTP2 {
		p.http2 = newHTTP2(p)
	}
	return p, nil
}

// tlsName is whom a URL's connection is for.
func (s *settings) tlsName(p *plan, t checker.Target) tlsclient.Name {
	name := s.SNIName
	if name == "" && (s.VirtualHost != "" || p.host != t.Address.String()) {
		name = p.host
		if host, _, err := net.SplitHostPort(name); err == nil {
			name = host
		}
	}
	n := tlsclient.Name{Server: name}
	if s.EnableSNI {
		n.SNI = name
	}
	if n.Server == "" {
		n.Server = t.Address.Addr().WithZone("").String()
	}
	return n
}

// Close lets go of what is kept.
func (p *probe) Close() {
	if p.http2 != nil {
		p.http2.close()
	}
}

// Probe asks for every URL until one is not right.
func (p *probe) Probe(ctx context.Context) checker.Result {
	begin := p.task.Now()
	var last checker.Result
	var details []checker.Detail
	for i := range p.plans {
		if p.http2 != nil {
			last = p.http2.ask(ctx, i)
		} else {
			last = p.ask(ctx, i)
		}
		details = append(details, last.Details...)
		if last.Verdict != checker.OK {
			if len(p.plans) > 1 {
				last.Message = p.plans[i].name + ": " + last.Message
			}
			break
		}
	}
	last.Details = details
	last.Latency = p.task.Now().Sub(begin)
	return last
}

// ask makes one request.
func (p *probe) ask(ctx context.Context, i int) checker.Result {
	u := &p.plans[i]
	n := notes{want: checker.WantDetails(ctx)}
	if n.want || p.configs != nil {
		n.begin = clock.Now()
	}
	conn, err := p.checker.dialer.Connect(ctx, p.target, p.task)
	if err != nil {
		return checker.Failure(err, "connect to "+p.target.Address.String())
	}
	defer conn.Close()
	n.took("connected")
	// The answer has the time again that the connection had, and so has the handshake.
	conn.Renew(ctx, p.target)
	stream := io.ReadWriter(conn)
	warning := ""
	if p.configs != nil {
		conn.NoDelay()
		raw := &rawConn{Conn: conn}
		t := tls.Client(raw, p.configs[i])
		if err := t.Handshake(); err != nil {
			return n.result(checker.Failure(err, "TLS handshake"))
		}
		conn.Renew(ctx, p.target)
		n.took("TLS handshake")
		state := t.ConnectionState()
		if n.want {
			n.add("TLS", tlsclient.Describe(state))
		}
		warning = p.tls.Warning(state, n.begin)
		stream = &tlsStream{t, raw}
	}
	n.add("sent", string(u.request))
	if _, err := stream.Write(u.request); err != nil {
		return n.result(checker.Failure(err, "send the request"))
	}
	a := p.checker.answers.Get().(*answer)
	defer p.checker.answers.Put(a)
	a.reset(stream, n.want)
	if err := a.readHead(u.method); err != nil {
		n.took("gave up")
		if len(a.record) > 0 {
			n.add("received", string(a.record))
		}
		return n.result(broken(err, 0))
	}
	n.took("head received")
	n.add("head", string(a.record))
	room := p.checker.rooms.Get().(*room)
	defer p.checker.rooms.Put(room)
	a.scratch = room[:]
	b := a.body(u.strict)
	if a.chunked && u.digest != nil {
		b.raw = md5.New()
	}
	res := u.judge(a.status, a.location, n.tee(b), b.raw, a.scratch)
	if res.Verdict == checker.OK && u.strict && (a.chunked || a.length >= 0) {
		if err := a.end(); err != nil {
			res = broken(err, b.n)
		}
	}
	n.took("done")
	return n.result(p.warn(ctx, res, warning))
}

// rawConn remembers that the connection below TLS has ended.
type rawConn struct {
	net.Conn
	ended bool
}

// Read reads on.
func (c *rawConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.ended = c.ended || err == io.EOF
	return n, err
}

// tlsStream tells a connection that was closed by TLS (io.EOF) from one that
// was cut (io.ErrUnexpectedEOF); crypto/tls takes both for the former when the
// cut is between two records.
type tlsStream struct {
	*tls.Conn
	raw *rawConn
}

// Read reads on.
func (s *tlsStream) Read(b []byte) (int, error) {
	n, err := s.Conn.Read(b)
	if err == io.EOF && s.raw.ended {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// warn adds a warning to a result that is well.
func (p *probe) warn(ctx context.Context, res checker.Result, warning string) checker.Result {
	if warning == "" {
		return res
	}
	p.reminder.Tell(ctx, warning, p.target.Address.String())
	if res.Verdict == checker.OK {
		res.Message += "; " + warning
	}
	res.Details = append(res.Details, checker.Detail{Name: "warning", Text: warning})
	return res
}

// notes are the details of one request, when somebody wants them.
type notes struct {
	want    bool
	begin   time.Time
	details []checker.Detail
	head    *head
}

func (n *notes) add(name, text string) {
	if n.want && text != "" {
		n.details = append(n.details, checker.Detail{Name: name, Text: text})
	}
}

func (n *notes) took(step string) {
	if n.want {
		n.add(step, "after "+time.Since(n.begin).Round(time.Microsecond).String())
	}
}

func (n *notes) result(r checker.Result) checker.Result {
	if n.head != nil && n.head.count() > 0 {
		n.add("body", n.head.text())
	}
	r.Details = append(n.details, r.Details...)
	return r
}

// tee keeps the beginning of a body and its sum.
func (n *notes) tee(c content) content {
	if !n.want {
		return c
	}
	n.head = &head{content: c, sum: md5.New()}
	return n.head
}

// head is a body whose beginning is kept.
type head struct {
	content
	begin strings.Builder
	sum   hash.Hash
}

// maxShown is how much of a body is shown.
const maxShown = 512

// Read reads on.
func (h *head) Read(b []byte) (int, error) {
	n, err := h.content.Read(b)
	h.sum.Write(b[:n])
	h.begin.Write(b[:min(n, max(0, maxShown-h.begin.Len()))])
	return n, err
}

func (h *head) text() string {
	more := ""
	if h.count() > int64(h.begin.Len()) {
		more = " ..."
	}
	return fmt.Sprintf("%d bytes, MD5 %s: %q%s", h.count(), hex.EncodeToString(h.sum.Sum(nil)), h.begin.String(), more)
}
