package control

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// daemon answers with a function.
type daemon func(context.Context) (Status, error)

func (f daemon) Status(ctx context.Context) (Status, error) { return f(ctx) }

// Keepalived answers with the version of the status.
func (f daemon) Keepalived(ctx context.Context) (any, error) {
	s, err := f(ctx)
	return []string{s.Version}, err
}

func TestKeepalived(t *testing.T) {
	dir := t.TempDir()
	serve(t, dir, func(context.Context) (Status, error) { return Status{Version: "7"}, nil })
	got, err := NewClient(dir).Keepalived(t.Context())
	if err != nil || strings.TrimSpace(string(got)) != `["7"]` {
		t.Errorf("got %s and error %v", got, err)
	}
}

// Plan answers with what it was asked, and refuses to be asked nothing.
func (f daemon) Plan(_ context.Context, configuration []byte) ([]byte, error) {
	if len(configuration) == 0 {
		return nil, errors.New("there is nothing to plan")
	}
	return configuration, nil
}

// Failover, Maintain and Reload answer with what they were asked.
func (f daemon) Failover(ctx context.Context, r FailoverRequest) (Moves, error) {
	if len(r.Names) == 0 {
		return Moves{}, errors.New("nothing is named")
	}
	return Moves{Instances: []Move{{Instance: r.Names[0], Took: r.Rest, Moved: r.Force, Why: Asker(ctx)}}}, nil
}

func (f daemon) Maintain(_ context.Context, r MaintenanceRequest) (Moves, error) {
	return Moves{Instances: []Move{{Instance: r.Names[0], Maintenance: r.On}}}, nil
}

func (f daemon) Usage(context.Context) (Usage, error) {
	return Usage{Services: []ServiceUsage{{Name: "TCP 192.0.2.1:80", Counters: Traffic{Connections: 1 << 40}}}}, nil
}

func (f daemon) Servers(_ context.Context, r ServersRequest) (Hands, error) {
	return Hands{Servers: []Hand{{Service: r.Service, Server: r.Server, Wish: r.Wish, Limit: r.Limit, Weight: r.Weight}}}, nil
}

func (f daemon) Zero(context.Context, ZeroRequest) (Zeroed, error) { return Zeroed{Services: 7}, nil }

func (f daemon) Reload(_ context.Context, _ ReloadRequest) (Reloaded, error) {
	return Reloaded{Error: "it has errors", Findings: []Finding{{File: "a", Line: 1}}}, nil
}

func TestPlan(t *testing.T) {
	dir := t.TempDir()
	serve(t, dir, nil)
	var got []int
	if err := NewClient(dir).Plan(t.Context(), []byte("[1, 2]"), &got); err != nil || len(got) != 2 {
		t.Errorf("got %v and error %v, want what was sent", got, err)
	}
	if err := NewClient(dir).Plan(t.Context(), nil, &got); err == nil || !strings.Contains(err.Error(), "nothing to plan") {
		t.Errorf("error %v, want the daemon's", err)
	}
	if err := NewClient(filepath.Join(dir, "none")).Plan(t.Context(), nil, &got); !errors.Is(err, ErrNotRunning) {
		t.Errorf("error %v, want ErrNotRunning", err)
	}
}

// serve runs a server in the directory until the test ends.
func serve(t *testing.T, dir string, d daemon) {
	t.Helper()
	s, err := Listen(dir, d)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve() }()
	t.Cleanup(func() {
		if err := errors.Join(s.Close(), <-served); err != nil {
			t.Error(err)
		}
		if _, err := os.Lstat(filepath.Join(dir, SocketName)); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the socket is still there after Close: %v", err)
		}
	})
}

func TestStatusRoundTrip(t *testing.T) {
	dir := t.TempDir()
	want := sample()
	serve(t, dir, func(context.Context) (Status, error) { return want, nil })
	got, err := NewClient(dir).Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the status changed on its way (-sent +received):\n%s", diff)
	}
}

func TestNotRunning(t *testing.T) {
	tests := []struct {
		name    string
		prepare func(t *testing.T, dir string)
	}{
		{"no directory", func(t *testing.T, dir string) {}},
		{"no socket", func(t *testing.T, dir string) { must(t, os.Mkdir(dir, 0o755)) }},
		{"the socket of a killed daemon", stale},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "run")
			tt.prepare(t, dir)
			_, err := NewClient(dir).Status(t.Context())
			if !errors.Is(err, ErrNotRunning) || !strings.Contains(err.Error(), dir) {
				t.Errorf("error %v, want ErrNotRunning with the directory", err)
			}
		})
	}
}

// stale leaves a socket on which nobody listens.
func stale(t *testing.T, dir string) {
	t.Helper()
	must(t, os.Mkdir(dir, 0o755))
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, SocketName)})
	must(t, err)
	l.SetUnlinkOnClose(false)
	must(t, l.Close())
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestListenReplacesStaleSocket(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	stale(t, dir)
	serve(t, dir, func(context.Context) (Status, error) { return Status{RouterID: "new"}, nil })
	s, err := NewClient(dir).Status(t.Context())
	if err != nil || s.RouterID != "new" {
		t.Errorf("%+v, %v", s, err)
	}
	info, err := os.Stat(filepath.Join(dir, SocketName))
	must(t, err)
	if info.Mode().Perm() != 0o660 {
		t.Errorf("the socket has mode %v, want 0660", info.Mode().Perm())
	}
}

func TestListenFails(t *testing.T) {
	dir := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(dir, SocketName, "full"), 0o755))
	if _, err := Listen(dir, nil); err == nil || !strings.Contains(err.Error(), "remove the control socket of an earlier run") {
		t.Errorf("a directory in the socket's place: %v", err)
	}
	if _, err := Listen(filepath.Join(dir, "missing"), nil); err == nil || !strings.Contains(err.Error(), "open the control socket") {
		t.Errorf("a missing run directory: %v", err)
	}
}

func TestDaemonsError(t *testing.T) {
	dir := t.TempDir()
	serve(t, dir, func(context.Context) (Status, error) { return Status{}, errors.New("the engine has stopped") })
	c := NewClient(dir)
	_, err := c.Status(t.Context())
	if err == nil || err.Error() != "the daemon in "+dir+": the engine has stopped" {
		t.Errorf("error %v, want the daemon's", err)
	}
	if errors.Is(err, ErrNotRunning) {
		t.Error("a daemon that answers is taken for none")
	}
	var into any
	if err := c.get(t.Context(), "/v1/nothing", &into); err == nil || !strings.Contains(err.Error(), "not found") {
		t.Errorf("an unknown path: %v", err)
	}
}

// TestAnswerThatIsNone covers a socket on which something else answers.
func TestAnswerThatIsNone(t *testing.T) {
	for _, answer := range []string{"", "hello\n", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n[1,2"} {
		dir := t.TempDir()
		l, err := net.Listen("unix", filepath.Join(dir, SocketName))
		must(t, err)
		go func() {
			c, err := l.Accept()
			if err != nil {
				return // the test has ended
			}
			_, _ = c.Read(make([]byte, 4096))
			_, _ = c.Write([]byte(answer))
			_ = c.Close()
		}()
		if _, err := NewClient(dir).Status(t.Context()); err == nil || errors.Is(err, ErrNotRunning) {
			t.Errorf("answer %q: error %v, want one of another kind", answer, err)
		}
		must(t, l.Close())
	}
}

// TestHungDaemon holds that who asks a daemon that hangs gets an error.
func TestHungDaemon(t *testing.T) {
	dir := t.TempDir()
	gone := make(chan struct{})
	serve(t, dir, func(ctx context.Context) (Status, error) {
		<-ctx.Done() // the asker went away
		close(gone)
		return Status{}, ctx.Err()
	})
	c := NewClient(dir)
	if c.http.Timeout <= 0 || c.http.Timeout > time.Minute {
		t.Errorf("the client waits %v", c.http.Timeout)
	}
	c.http.Timeout = 100 * time.Millisecond
	if _, err := c.Status(t.Context()); err == nil {
		t.Error("no error")
	}
	<-gone
}

func (daemon) Confined(uint32, int) bool { return false }

func (daemon) Metrics(context.Context) ([]byte, error) { return []byte("moonkeep_info 1\n"), nil }
