package control

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
)

// metricsType is the content type of Prometheus' text format.
const metricsType = "text/plain; version=0.0.4; charset=utf-8"

// MetricsPage makes a handler of what Prometheus reads.
func MetricsPage(text func(context.Context) ([]byte, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := text(r.Context())
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", metricsType)
		_, _ = w.Write(body) // an error here is the asker's going away
	}
}

// Metrics asks for what Prometheus reads. ErrNotRunning says that nobody
// answers.
func (c *Client) Metrics(ctx context.Context) ([]byte, error) {
	var text bytes.Buffer
	err := c.ask(ctx, http.MethodGet, "/metrics", http.NoBody, &text)
	return text.Bytes(), err
}

// Page serves /metrics, and /healthz which answers as long as the daemon's loop
// does, to whoever can connect: nothing can be changed there, and nothing secret
// stands there.
type Page struct {
	http     http.Server
	listener net.Listener
}

// maxReaders is how many may ask the page at a time; more wait.
const maxReaders = 8

// ListenPage opens the page at "ADDRESS:PORT", or at "unix:PATH", where it
// replaces a socket that nobody listens at any more.
func ListenPage(at string, text func(context.Context) ([]byte, error), alive func(context.Context) error) (*Page, error) {
	network, address := "tcp", at
	if path, ok := strings.CutPrefix(at, "unix:"); ok {
		network, address = "unix", path
		if err := removeDead(path); err != nil {
			return nil, fmt.Errorf("open the page of metrics at %s: %w", at, err)
		}
	}
	l, err := net.Listen(network, address)
	if err != nil {
		return nil, fmt.Errorf("open the page of metrics at %s: %w", at, err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", MetricsPage(text))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) {
		if err := alive(r.Context()); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte("ok\n")) // an error here is the asker's going away
	})
	p := &Page{listener: newLimitListener(l, maxReaders)}
	p.http = http.Server{Handler: mux, ErrorLog: log.New(io.Discard, "", 0) /* what it would say is of those who connect */, ReadHeaderTimeout: idleLimit, IdleTimeout: idleLimit, ReadTimeout: requestLimit, WriteTimeout: requestLimit, MaxHeaderBytes: 16 << 10}
	return p, nil
}

// removeDead removes a socket that nobody listens at.
func removeDead(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != os.ModeSocket:
		return errors.New("there is something else than a socket")
	}
	if c, err := net.Dial("unix", path); err == nil {
		return errors.Join(errors.New("somebody listens there"), c.Close())
	}
	return os.Remove(path)
}

// Addr is where it listens.
func (p *Page) Addr() net.Addr { return p.listener.Addr() }

// Serve answers until Close.
func (p *Page) Serve() error {
	if err := p.http.Serve(p.listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the page of metrics: %w", err)
	}
	return nil
}

// Close ends Serve.
func (p *Page) Close() error { return p.http.Close() }
