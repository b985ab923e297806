package control

import (
	"context"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestLimits holds that those who connect and stay keep nobody out for long,
// and that no more than maxConnections are served at a time.
func TestLimits(t *testing.T) {
	dir := t.TempDir()
	serve(t, dir, func(context.Context) (Status, error) { return Status{RouterID: "r"}, nil })
	idlers := make([]net.Conn, maxConnections)
	for i := range idlers {
		c, err := net.Dial("unix", filepath.Join(dir, SocketName))
		must(t, err)
		defer c.Close()
		idlers[i] = c
	}
	c := NewClient(dir)
	c.http.Timeout = 200 * time.Millisecond
	if _, err := c.Status(t.Context()); err == nil {
		t.Errorf("%d connections are open and one more was served", maxConnections)
	} else if strings.Contains(err.Error(), "http://") || !strings.Contains(err.Error(), dir) {
		t.Errorf("error %v, want one with the directory and without a URL", err)
	}
	must(t, idlers[0].Close())
	c.http.Timeout = patience
	if _, err := c.Status(t.Context()); err != nil {
		t.Errorf("one connection was closed, but: %v", err)
	}
	// Some asked before they fell silent.
	_, err := idlers[1].Write([]byte("GET /v1/nothing HTTP/1.1\r\nHost: moonkeep\r\n\r\n"))
	must(t, err)
	for _, c := range idlers[1:] {
		must(t, c.SetReadDeadline(time.Now().Add(2*idleLimit)))
		var err error
		for err == nil {
			_, err = c.Read(make([]byte, 4096))
		}
		if e, ok := err.(net.Error); ok && e.Timeout() {
			t.Fatal("an idle connection is kept")
		}
	}
}

// TestCloseWhileFull holds that Serve ends though it waits for a place.
func TestCloseWhileFull(t *testing.T) {
	inner, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	must(t, err)
	l := newLimitListener(inner, 1)
	c, err := net.Dial("unix", inner.Addr().String())
	must(t, err)
	defer c.Close()
	first, err := l.Accept()
	must(t, err)
	ended := make(chan error, 1)
	go func() {
		_, err := l.Accept()
		ended <- err
	}()
	must(t, l.Close())
	if err := <-ended; err == nil {
		t.Error("a connection beyond the limit")
	}
	must(t, first.Close())
	if err := first.Close(); err == nil { // and no place is given back twice
		t.Error("a second close of a connection did nothing wrong")
	}
}

func TestCheckDir(t *testing.T) {
	fits := "/" + strings.Repeat("x", maxSocketPath-len("//"+SocketName))
	for dir, want := range map[string]string{
		"":          "has no name: give --run-dir a directory",
		fits:        "",
		fits + "y":  "is too long by 1:",
		fits + "/.": "", // cleaned
	} {
		err := CheckDir(dir)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", dir, err, want)
		}
		if _, asked := NewClient(dir).Status(t.Context()); want != "" && (asked == nil || asked.Error() != err.Error()) {
			t.Errorf("%q: the client says %v", dir, asked)
		}
		if _, err := Listen(dir, nil); want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: the server says %v", dir, err)
		}
	}
}
