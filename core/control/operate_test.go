package control

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestOperate(t *testing.T) {
	dir := t.TempDir()
	serve(t, dir, nil)
	c := NewClient(dir)
	got, err := c.Failover(t.Context(), FailoverRequest{Names: []string{"VI_1"}, Rest: 2, Force: true})
	want := Moves{Instances: []Move{{Instance: "VI_1", Took: 2, Moved: true, Why: fmt.Sprintf("uid %d (pid %d)", os.Getuid(), os.Getpid())}}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("error %v, (-want +got):\n%s", err, diff)
	}
	if got, err := c.Maintain(t.Context(), MaintenanceRequest{Names: []string{"VI_1"}, On: true}); err != nil || !got.Instances[0].Maintenance {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := c.Zero(t.Context(), ZeroRequest{}); err != nil || got.Services != 7 {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := c.Reload(t.Context(), ReloadRequest{}); err != nil || got.Error != "it has errors" || len(got.Findings) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := c.Failover(t.Context(), FailoverRequest{}); err == nil || !strings.Contains(err.Error(), "nothing is named") {
		t.Errorf("error %v, want the daemon's", err)
	}
	var into any
	if err := c.operate(t.Context(), "/v1/failover", map[string]int{"wrong": 1}, &into); err == nil || !strings.Contains(err.Error(), "wrong") {
		t.Errorf("a request that nobody understands: %v", err)
	}
	if _, err := NewClient(filepath.Join(dir, "none")).Reload(t.Context(), ReloadRequest{}); !errors.Is(err, ErrNotRunning) {
		t.Errorf("error %v, want ErrNotRunning", err)
	}
}

// TestWhoOperates: root, our own user, and members of the socket's group; a
// wider mode of the socket lets nobody else operate.
func TestWhoOperates(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "socket")
	must(t, os.WriteFile(socket, nil, 0o666))
	group := os.Getegid()
	for _, tt := range []struct {
		name string
		who  *peer
		want bool
		owns bool
	}{
		{"root", &peer{uid: 0}, true, true},
		{"ours", &peer{uid: os.Geteuid()}, true, true},
		{"group", &peer{uid: 4242, groups: []int{7, group}}, true, false},
		{"other", &peer{uid: 4242, groups: []int{group + 1}}, false, false},
		{"nobody knows", nil, false, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ctx := t.Context()
			if tt.who != nil {
				tt.who.socket = socket
				ctx = context.WithValue(ctx, peerKey{}, tt.who)
			}
			if got := Owns(ctx); got != tt.owns {
				t.Errorf("owns it: %v", got)
			}
			asked := false
			h := operation(func(context.Context, struct{}) (int, error) { asked = true; return 1, nil })
			w := &deadlines{httptest.NewRecorder()}
			h(w, httptest.NewRequestWithContext(ctx, http.MethodPost, "/", strings.NewReader("{}")))
			if asked != tt.want || (w.Code == http.StatusForbidden) == tt.want {
				t.Errorf("asked is %v, status %d, want it allowed: %v", asked, w.Code, tt.want)
			}
		})
	}
	gone := &peer{uid: 4242, groups: []int{group}, socket: socket + "-gone"}
	if gone.operates() {
		t.Error("a socket that is gone has a group")
	}
}

// confined answers nobody.
type confined struct {
	daemon
	t *testing.T
}

func (c confined) Confined(uid uint32, pid int) bool {
	if int(uid) != os.Getuid() || pid != os.Getpid() {
		c.t.Errorf("uid %d and pid %d are judged, want %d and %d", uid, pid, os.Getuid(), os.Getpid())
	}
	return true
}

func (c confined) Maintain(context.Context, MaintenanceRequest) (Moves, error) {
	c.t.Error("who is confined took an instance into maintenance")
	return Moves{}, nil
}

// TestConfined: who is confined is cut off, whoever it is else, and keeps nobody out.
func TestConfined(t *testing.T) {
	dir := t.TempDir()
	s, err := Listen(dir, confined{func(context.Context) (Status, error) {
		t.Error("who is confined looks at the status")
		return Status{}, nil
	}, t})
	must(t, err)
	served := make(chan error, 1)
	go func() { served <- s.Serve() }()
	c := NewClient(dir)
	if _, err := c.Status(t.Context()); err == nil {
		t.Error("a status")
	}
	if _, err := c.Maintain(t.Context(), MaintenanceRequest{On: true}); err == nil {
		t.Error("an answer")
	}
	for range 2 * maxConnections {
		c, err := net.Dial("unix", filepath.Join(dir, SocketName))
		must(t, err)
		defer c.Close()
		must(t, c.SetReadDeadline(time.Now().Add(patience)))
		if _, err := c.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("a connection is kept: %v", err)
		}
	}
	must(t, errors.Join(s.Close(), <-served))
}

// deadlines is a recorder that takes deadlines.
type deadlines struct{ *httptest.ResponseRecorder }

func (deadlines) SetWriteDeadline(time.Time) error { return nil }

// TestForbidden: the client can tell that it may not.
func TestForbidden(t *testing.T) {
	dir := t.TempDir()
	s, err := Listen(dir, daemon(nil))
	must(t, err)
	s.http.ConnContext = nil // nobody is known then
	served := make(chan error, 1)
	go func() { served <- s.Serve() }()
	if _, err := NewClient(dir).Reload(t.Context(), ReloadRequest{}); !errors.Is(err, ErrForbidden) {
		t.Errorf("error %v, want ErrForbidden", err)
	}
	must(t, errors.Join(s.Close(), <-served))
}
