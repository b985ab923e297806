package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// Daemon is what the server shows.
type Daemon interface {
	// Status describes the node now.
	Status(context.Context) (Status, error)
	// Usage counts connections, packets and bytes of the virtual servers.
	Usage(context.Context) (Usage, error)
	// Keepalived describes the instances in the shape of keepalived's own
	// JSON.
	Keepalived(context.Context) (any, error)
	// Plan says what a reload would do if its configuration were the given
	// one, in moonkeep's JSON. The answer is JSON too; an error is the
	// asker's fault.
	Plan(ctx context.Context, configuration []byte) ([]byte, error)
	// Metrics is what Prometheus reads.
	Metrics(context.Context) ([]byte, error)
	// Confined reports whether a process of this user is not to be heard at all.
	Confined(uid uint32, pid int) bool
	Operator
}

const (
	// maxConnections is how many askers are served at a time; more wait.
	maxConnections = 64
	// idleLimit is how long a connection may wait for its next request, so
	// that nobody keeps others out by staying.
	idleLimit = 5 * time.Second
	// requestLimit is for one whole request, and for one answer.
	requestLimit = 10 * time.Second
	// maxConfiguration is how many bytes Plan is handed at most.
	maxConfiguration = 256 << 20
)

// Server answers on the socket.
type Server struct {
	http     http.Server
	listener net.Listener
}

// Listen makes the socket in the run directory, replacing one that a daemon
// which is gone left behind: the caller holds the directory's lock. The
// socket is open to its owner and group. Who can connect may look; root, the
// user of this process and the members of the socket's group may operate, also
// when its mode is widened later. Who is confined (see Daemon) is cut off at once.
func Listen(dir string, d Daemon) (*Server, error) {
	if err := CheckDir(dir); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, SocketName)
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("remove the control socket of an earlier run: %w", err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("open the control socket: %w", err)
	}
	if err := os.Chmod(path, 0o660); err != nil {
		return nil, errors.Join(fmt.Errorf("protect the control socket: %w", err), l.Close())
	}
	s := &Server{listener: newLimitListener(l, maxConnections)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/status", answer(func(ctx context.Context) (any, error) { return d.Status(ctx) }))
	mux.HandleFunc("GET /v1/usage", answer(func(ctx context.Context) (any, error) { return d.Usage(ctx) }))
	mux.HandleFunc("GET /v1/keepalived", answer(d.Keepalived))
	mux.HandleFunc("GET /metrics", MetricsPage(d.Metrics))
	mux.HandleFunc("POST /v1/plan", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxConfiguration))
		if err != nil {
			http.Error(w, "read the configuration: "+err.Error(), http.StatusBadRequest)
			return
		}
		answer, err := d.Plan(r.Context(), body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusUnprocessableEntity)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(answer) // an error here is the asker's going away
	})
	operations(mux, d)
	s.http = http.Server{Handler: mux, ConnContext: identify(path, d.Confined), ReadHeaderTimeout: idleLimit, IdleTimeout: idleLimit, ReadTimeout: requestLimit, WriteTimeout: requestLimit}
	return s, nil
}

// answer makes a handler of what describes something.
func answer(describe func(context.Context) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		value, err := describe(r.Context())
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		// An error here is the asker's going away.
		_ = json.NewEncoder(w).Encode(value)
	}
}

// Serve answers until Close.
func (s *Server) Serve() error {
	if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the control socket: %w", err)
	}
	return nil
}

// Close removes the socket and ends Serve.
func (s *Server) Close() error { return s.http.Close() }
