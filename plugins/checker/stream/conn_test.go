//go:build linux

package stream

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func pair(t *testing.T) (here, there net.Conn) {
	t.Helper()
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if here, err = net.Dial("unix", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if there, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { here.Close(); there.Close() })
	return here, there
}

// TestConn sends more than the kernel holds, both ways, and ends.
func TestConn(t *testing.T) {
	a, b := pair(t)
	here, there := Wrap(a), Wrap(b)
	if _, ok := here.(*conn); !ok {
		t.Fatalf("a connection of the kernel's is a %T", here)
	}
	sent := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	failed := make(chan error, 2)
	go func() {
		_, err := here.Write(sent)
		failed <- err
	}()
	go func() {
		got := make([]byte, len(sent))
		_, err := io.ReadFull(there, got)
		if err == nil && !bytes.Equal(got, sent) {
			err = errors.New("something else came than was sent")
		}
		failed <- err
	}()
	for range 2 {
		if err := <-failed; err != nil {
			t.Fatal(err)
		}
	}
	if err := there.SetReadDeadline(time.Now().Add(20 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if _, err := there.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("silence ends with %v", err)
	}
	if err := there.SetReadDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	here.Close()
	if n, err := there.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("the end reads %d, %v", n, err)
	}
	if _, err := there.Write([]byte("x")); err == nil {
		t.Error("one can write to who is gone")
	}
	if _, err := here.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
		t.Errorf("writing to what is closed says %v", err)
	}
}

func TestOthers(t *testing.T) {
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	if Wrap(a) != a {
		t.Error("a connection that is not the kernel's was changed")
	}
}
