package dial

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/moonkeep/moonkeep/plugins/checker"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestMany has many connections of one Dialer at once, again and again, so that
// the kernel gives numbers of files to others: each gets its own answer, and
// nothing is left behind.
func TestMany(t *testing.T) {
	l, target := listen(t, "127.0.0.1:0")
	var served sync.WaitGroup
	served.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			served.Go(func() {
				defer c.Close()
				// Without splice, whose pipes stay open for a while.
				io.Copy(struct{ io.Writer }{c}, struct{ io.Reader }{c})
			})
		}
	})
	var d Dialer
	files := openFiles(t)
	const side, rounds = 50, 20
	var all sync.WaitGroup
	failed := make(chan error, side)
	for i := range side {
		all.Go(func() {
			for k := range rounds {
				if err := echo(t.Context(), &d, target, fmt.Sprintf("%d of %d", k, i), k%3 == 0); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	all.Wait()
	select {
	case err := <-failed:
		t.Error(err)
	default:
	}
	l.Close()
	served.Wait()
	// The listener is gone, and the poller's two files may have come.
	if now := openFiles(t); now > files+2 {
		t.Errorf("%d files are open, %d were before", now, files)
	}
}

// echo sends a text by a connection, in one part or in two, and reads it back.
func echo(ctx context.Context, d *Dialer, target checker.Target, text string, parts bool) error {
	c, err := d.TCP(ctx, target)
	if err != nil {
		return err
	}
	defer c.Close()
	got := make([]byte, 0, 64)
	for _, part := range []string{text[:2], text[2:]} {
		if _, err := io.WriteString(c, part); err != nil {
			return err
		}
		if parts { // so that reading waits each time
			n, err := c.Read(got[len(got):cap(got)])
			if err != nil {
				return err
			}
			got = got[:len(got)+n]
		}
	}
	if err := c.CloseWrite(); err != nil {
		return err
	}
	rest, err := io.ReadAll(c)
	if all := string(got) + string(rest); err != nil || all != text {
		return fmt.Errorf("sent %q, got %q, %v", text, all, err)
	}
	return nil
}

// TestFull writes more than the other side takes, until the deadline; then the
// other side reads.
func TestFull(t *testing.T) {
	l, target := listen(t, "127.0.0.1:0")
	peers := make(chan net.Conn, 1)
	go func() {
		if c, err := l.Accept(); err == nil {
			peers <- c
		}
	}()
	var d Dialer
	c, err := d.TCP(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	peer := <-peers
	defer peer.Close()
	if err := c.SetWriteDeadline(time.Now().Add(200 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	const much = 64 << 20
	n, err := c.Write(make([]byte, much))
	if err != os.ErrDeadlineExceeded || n == 0 || n == much {
		t.Fatalf("wrote %d bytes to nobody, %v", n, err)
	}
	if err := c.SetWriteDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	counted := make(chan int64)
	go func() {
		all, _ := io.Copy(io.Discard, peer)
		counted <- all
	}()
	more, err := c.Write(make([]byte, much))
	if err != nil || more != much {
		t.Errorf("wrote %d bytes more, %v", more, err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if got := <-counted; got != int64(n+much) {
		t.Errorf("the other side got %d bytes of %d", got, n+much)
	}
	if err := c.Close(); err != net.ErrClosed {
		t.Errorf("a second Close says %v", err)
	}
	if _, err := c.Read(make([]byte, 1)); err != net.ErrClosed {
		t.Errorf("reading what is closed says %v", err)
	}
}

// TestCloseWakes holds that nobody waits on a connection that another goroutine
// closes, as net/http does.
func TestCloseWakes(t *testing.T) {
	l, target := listen(t, "127.0.0.1:0")
	go func() {
		if c, err := l.Accept(); err == nil {
			defer c.Close()
			io.Copy(io.Discard, c)
		}
	}()
	target.Timeout = time.Minute
	c, err := TCP(t.Context(), target)
	if err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(50*time.Millisecond, func() { c.Close() })
	begin := time.Now()
	if _, err := c.Read(make([]byte, 1)); err != net.ErrClosed || time.Since(begin) > 20*time.Second {
		t.Errorf("ended after %v with %v", time.Since(begin), err)
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}
