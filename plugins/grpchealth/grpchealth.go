// Package grpchealth is the check GRPC_HEALTH: the health service of gRPC
// (grpc.health.v1.Health) is asked whether the server, or one of its services,
// is SERVING.
//
// It is one call of one known method, so that it needs no library of gRPC's:
// package net/http speaks HTTP/2, and the two messages are a few bytes.
package grpchealth

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/moonkeep/moonkeep/plugins/checker"
	"github.com/moonkeep/moonkeep/plugins/dial"
	"github.com/moonkeep/moonkeep/plugins/tlsclient"
)

type settings struct {
	Service   string `json:"service"`
	Authority string `json:"authority"`
	TLS       bool   `json:"tls"`
	tlsclient.Settings
}

// Checker is GRPC_HEALTH.
type Checker struct {
	dialer dial.Dialer // of all probes
	store  tlsclient.Store
}

// New is GRPC_HEALTH.
func New() *Checker { return &Checker{} }

// Info describes the checker.
func (*Checker) Info() checker.Info {
	return checker.Info{
		Name: "GRPC_HEALTH", Version: "1", Doc: "Queries the gRPC health service.",
		Options: append([]checker.Option{
			{Name: "service", Type: "string", Doc: "The service to query (default: the server as a whole)."},
			{Name: "authority", Type: "string", Doc: "The :authority of the request (default: the address). With TLS it is also sent as the server name (SNI)."},
			{Name: "tls", Type: "bool", Default: "false", Doc: "Connect with TLS."},
		}, tlsclient.Options()...),
	}
}

type probe struct {
	dialer    *dial.Dialer
	target    checker.Target
	settings  settings
	url       string
	message   []byte
	transport *http.Transport
	reminder  tlsclient.Reminder
}

// maxMessage is how long an answer may be; it needs two bytes.
const maxMessage = 64 << 10

// Prepare makes the message.
func (c *Checker) Prepare(t checker.Target, o checker.Options) (checker.Probe, error) {
	var s settings
	if err := o.Decode(&s); err != nil {
		return nil, err
	}
	if t.Address.Port() == 0 {
		return nil, errors.New("GRPC_HEALTH needs a port to connect to")
	}
	if !s.TLS {
		if err := s.Unused("which is spoken with tls only"); err != nil {
			return nil, err
		}
	}
	if strings.ContainsFunc(s.Authority, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '/' }) {
		return nil, fmt.Errorf("authority %q is no name of a host", s.Authority)
	}
	t.Address = netip.AddrPortFrom(t.Address.Addr().Unmap(), t.Address.Port())
	p := &probe{dialer: &c.dialer, target: t, settings: s, message: request(s.Service)}
	p.transport = &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			conn, err := p.dialer.TCP(ctx, p.target)
			if err != nil {
				return nil, err
			}
			conn.NoDelay()
			return conn, nil
		},
		DisableKeepAlives:      true,
		DisableCompression:     true,
		MaxResponseHeaderBytes: maxMessage,
		Protocols:              new(http.Protocols),
	}
	u := url.URL{Scheme: "http", Host: t.Address.String(), Path: "/grpc.health.v1.Health/Check"}
	if s.TLS {
		u.Scheme = "https"
		name := tlsclient.Name{Server: t.Address.Addr().WithZone("").String()}
		if s.Authority != "" {
			name.Server = s.Authority
			if host, _, err := net.SplitHostPort(s.Authority); err == nil {
				name.Server = host
			}
			name.SNI = name.Server
		}
		config, err := s.Config(&c.store, name)
		if err != nil {
			return nil, err
		}
		p.transport.TLSClientConfig = config
		p.settings.Settings = s.Lasting()
		p.transport.Protocols.SetHTTP2(true)
	} else {
		p.transport.Protocols.SetUnencryptedHTTP2(true)
	}
	p.url = u.String()
	return p, nil
}

// request is a HealthCheckRequest as gRPC frames it: not compressed, its
// length, and the field 1 with the service.
func request(service string) []byte {
	var m []byte
	if service != "" {
		m = append(binary.AppendUvarint([]byte{1<<3 | 2}, uint64(len(service))), service...)
	}
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(m))), m...)
}

// Close lets go of what is kept.
func (p *probe) Close() { p.transport.CloseIdleConnections() }

// Probe asks once.
func (p *probe) Probe(ctx context.Context) checker.Result {
	begin := time.Now()
	ctx, cancel := context.WithDeadline(ctx, dial.Deadline(ctx, p.target, begin))
	defer cancel()
	r := p.ask(ctx, begin)
	r.Latency = time.Since(begin)
	return r
}

func (p *probe) ask(ctx context.Context, begin time.Time) checker.Result {
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, bytes.NewReader(p.message))
	if err != nil {
		return checker.Result{Message: "make the request: " + err.Error()}
	}
	if p.settings.Authority != "" {
		q.Host = p.settings.Authority
	}
	q.Header.Set("Content-Type", "application/grpc")
	q.Header.Set("Te", "trailers")
	q.Header.Set("User-Agent", "moonkeep")
	if end, ok := ctx.Deadline(); ok {
		q.Header.Set("Grpc-Timeout", strconv.FormatInt(max(1, time.Until(end).Milliseconds()), 10)+"m")
	}
	a, err := p.transport.RoundTrip(q)
	if err != nil {
		// The alert of RFC 7301, which crypto/tls gives no name.
		if strings.HasSuffix(err.Error(), "tls: no application protocol") {
			return checker.Result{Verdict: checker.Failed, Message: "the server did not agree to HTTP/2 (h2), which gRPC needs"}
		}
		if strings.Contains(err.Error(), "http2: frame too large") { // it is the beginning of a text
			return checker.Result{Verdict: checker.Failed, Message: "the server answered by no HTTP/2, which gRPC needs: " + err.Error()}
		}
		return checker.Failure(err, "ask "+p.target.Address.String())
	}
	defer a.Body.Close()
	body, err := io.ReadAll(io.LimitReader(a.Body, maxMessage))
	if err != nil {
		return checker.Failure(err, "read the answer of "+p.target.Address.String())
	}
	r := judge(a, body)
	if checker.WantDetails(ctx) {
		r.Details = append(r.Details, checker.Detail{Name: "sent", Text: fmt.Sprintf("Check of %q to %s", p.settings.Service, q.Host)},
			checker.Detail{Name: "received", Text: fmt.Sprintf("%s, header %v, message %x, trailer %v", a.Status, a.Header, body[:min(len(body), 100)], a.Trailer)})
		if a.TLS != nil {
			r.Details = append(r.Details, checker.Detail{Name: "TLS", Text: tlsclient.Describe(*a.TLS)})
		}
	}
	if a.TLS != nil {
		p.warn(ctx, &r, p.settings.Warning(*a.TLS, begin))
	}
	return r
}

// warn tells of a certificate that ends: in each result, and in the log once
// a day.
func (p *probe) warn(ctx context.Context, r *checker.Result, warning string) {
	if warning == "" {
		return
	}
	if r.Verdict == checker.OK {
		r.Message += "; " + warning
	}
	r.Details = append(r.Details, checker.Detail{Name: "warning", Text: warning})
	p.reminder.Tell(ctx, warning, p.target.Address.String())
}

// codeText is a code of gRPC for people.
func codeText(code string) string {
	names := strings.Fields("OK CANCELLED UNKNOWN INVALID_ARGUMENT DEADLINE_EXCEEDED NOT_FOUND ALREADY_EXISTS PERMISSION_DENIED RESOURCE_EXHAUSTED " +
		"FAILED_PRECONDITION ABORTED OUT_OF_RANGE UNIMPLEMENTED INTERNAL UNAVAILABLE DATA_LOSS UNAUTHENTICATED")
	n, err := strconv.Atoi(code)
	if err != nil || n < 0 || n >= len(names) {
		return fmt.Sprintf("code %.10q", code)
	}
	switch names[n] {
	case "NOT_FOUND":
		return "NOT_FOUND: it has no such service"
	case "UNIMPLEMENTED":
		return "UNIMPLEMENTED: it has no health service"
	}
	return names[n]
}

// judge says what an answer is worth.
func judge(a *http.Response, body []byte) checker.Result {
	failed := func(format string, args ...any) checker.Result {
		return checker.Result{Verdict: checker.Failed, Message: fmt.Sprintf(format, args...)}
	}
	if a.ProtoMajor < 2 {
		return failed("the server did not agree to HTTP/2 (h2), which gRPC needs, and answered by %s", a.Proto)
	}
	if a.StatusCode != http.StatusOK {
		return failed("status %d of HTTP", a.StatusCode)
	}
	if kind := a.Header.Get("Content-Type"); !strings.HasPrefix(kind, "application/grpc") {
		return failed("the answer is no gRPC but %.100q", kind)
	}
	code, text := a.Trailer.Get("Grpc-Status"), a.Trailer.Get("Grpc-Message")
	if code == "" { // an answer without a message has it in its head
		code, text = a.Header.Get("Grpc-Status"), a.Header.Get("Grpc-Message")
	}
	switch {
	case code == "":
		return failed("the answer ends without a status of gRPC")
	case code != "0":
		name := codeText(code)
		if text != "" {
			name += fmt.Sprintf(" (%.100q)", text)
		}
		return failed("the health service answers %s", name)
	}
	n, err := status(body)
	if err != nil {
		return failed("the answer is no answer of a health service: %v", err)
	}
	if n == 1 {
		return checker.Result{Verdict: checker.OK, Message: "SERVING"}
	}
	// The values of ServingStatus.
	if names := []string{"UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"}; n < uint64(len(names)) {
		return failed("%s, expected SERVING", names[n])
	}
	return failed("status %d of the service, expected SERVING", n)
}

var errMessage = errors.New("a message that cannot be read")

// status reads a framed HealthCheckResponse: the field 1, which is 0 when it is
// left out. Other fields are passed over.
func status(b []byte) (uint64, error) {
	if len(b) < 5 {
		return 0, errors.New("no message")
	}
	if b[0] != 0 {
		return 0, errors.New("a message that is compressed")
	}
	n := binary.BigEndian.Uint32(b[1:])
	b = b[5:]
	if uint64(n) > uint64(len(b)) {
		return 0, errors.New("a message that is cut short")
	}
	b = b[:n]
	var value uint64
	for len(b) > 0 {
		tag, k := binary.Uvarint(b)
		if k <= 0 {
			return 0, errMessage
		}
		b = b[k:]
		skip := uint64(0)
		switch tag & 7 {
		case 0:
			v, k := binary.Uvarint(b)
			if k <= 0 {
				return 0, errMessage
			}
			if tag>>3 == 1 {
				value = v
			}
			skip = uint64(k)
		case 1:
			skip = 8
		case 2:
			size, k := binary.Uvarint(b)
			if k <= 0 || size > uint64(len(b)) {
				return 0, errMessage
			}
			skip = uint64(k) + size
		case 5:
			skip = 4
		default:
			return 0, errMessage
		}
		if skip > uint64(len(b)) {
			return 0, errMessage
		}
		b = b[skip:]
	}
	return value, nil
}
