package control

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// ErrNotRunning is returned when no daemon answers in the run directory.
var ErrNotRunning = errors.New("no daemon is running there")

// Refusal is a daemon's no: it answered, and did not do what it was asked for.
// Errors that are none say that nothing is known of what it would have answered.
type Refusal struct {
	dir, text string
	cause     error // ErrForbidden, or nil
}

func (r *Refusal) Error() string {
	if r.cause != nil {
		return fmt.Sprintf("the daemon in %s: %v: %s", r.dir, r.cause, r.text)
	}
	return fmt.Sprintf("the daemon in %s: %s", r.dir, r.text)
}

// Unwrap returns ErrForbidden when that is the reason.
func (r *Refusal) Unwrap() error { return r.cause }

// patience is how long a daemon that hangs is waited for.
const patience = 10 * time.Second

// Client asks the daemon of one run directory.
type Client struct {
	dir  string
	http http.Client
}

// NewClient returns a client of the daemon that runs in dir. It connects when
// asked.
func NewClient(dir string) *Client {
	path := filepath.Join(dir, SocketName)
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}
	return &Client{dir: dir, http: http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}, Timeout: patience}}
}

// Status asks for the status. ErrNotRunning says that nobody answers.
func (c *Client) Status(ctx context.Context) (Status, error) {
	var s Status
	return s, c.get(ctx, "/v1/status", &s)
}

// Keepalived asks for the instances in the shape of keepalived's own JSON.
// ErrNotRunning says that nobody answers.
func (c *Client) Keepalived(ctx context.Context) (json.RawMessage, error) {
	var text json.RawMessage
	return text, c.get(ctx, "/v1/keepalived", &text)
}

// Plan asks what a reload would do if its configuration were the given one,
// in moonkeep's JSON, and decodes the answer. ErrNotRunning says that nobody
// answers.
func (c *Client) Plan(ctx context.Context, configuration []byte, into any) error {
	return c.ask(ctx, http.MethodPost, "/v1/plan", bytes.NewReader(configuration), into)
}

func (c *Client) get(ctx context.Context, path string, into any) error {
	return c.ask(ctx, http.MethodGet, path, http.NoBody, into)
}

// operate asks for what may take longer than a look does.
func (c *Client) operate(ctx context.Context, path string, request, into any) error {
	body, err := json.Marshal(request)
	if err != nil {
		return fmt.Errorf("ask the daemon: %w", err)
	}
	slow := *c
	slow.http.Timeout = operationLimit + patience
	return slow.ask(ctx, http.MethodPost, path, bytes.NewReader(body), into)
}

func (c *Client) ask(ctx context.Context, method, path string, body io.Reader, into any) error {
	if err := CheckDir(c.dir); err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://moonkeep"+path, body)
	if err != nil {
		return fmt.Errorf("ask the daemon: %w", err)
	}
	resp, err := c.http.Do(req)
	// The made-up URL says nothing to anybody.
	if u := (*url.Error)(nil); errors.As(err, &u) {
		err = u.Err
	}
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("%s: %w", c.dir, ErrNotRunning)
	case errors.Is(err, syscall.EPIPE), errors.Is(err, syscall.ECONNRESET), errors.Is(err, io.EOF):
		return fmt.Errorf("ask the daemon in %s: it closed the connection, as it does to checkers and what they start: %w", c.dir, err)
	case err != nil:
		return fmt.Errorf("ask the daemon in %s: %w", c.dir, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
		r := &Refusal{dir: c.dir, text: strings.TrimSpace(string(text))}
		if resp.StatusCode == http.StatusForbidden {
			r.cause = ErrForbidden
		}
		return r
	}
	if raw, ok := into.(*bytes.Buffer); ok {
		_, err = raw.ReadFrom(resp.Body)
	} else {
		err = json.NewDecoder(resp.Body).Decode(into)
	}
	if err != nil {
		return fmt.Errorf("read the daemon's answer: %w", err)
	}
	return nil
}
