package daemon

import (
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// heldSilently is a socket that has a name and does not listen. It returns its inode.
func heldSilently(t *testing.T, kind int, name string) string {
	t.Helper()
	fd, err := unix.Socket(unix.AF_UNIX, kind|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: "@" + name}); err != nil {
		t.Fatal(err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(st.Ino)
}

// TestForgedName: whoever puts a line into a name of his own cannot say by it whose another
// name is.
func TestForgedName(t *testing.T) {
	name := fmt.Sprintf("moonkeep-test-%d", os.Getpid())
	heldSilently(t, unix.SOCK_DGRAM, name)
	if inode, _ := socketOf(name); inode != "" {
		t.Errorf("a datagram socket, %s, has the name", inode)
	}
	own := heldSilently(t, unix.SOCK_STREAM, name)
	if inode, listens := socketOf(name); inode != own || listens {
		t.Errorf("the name is %q's (listens: %v), want %s's", inode, listens, own)
	}
	other := heldSilently(t, unix.SOCK_STREAM, name+"-other")
	heldSilently(t, unix.SOCK_STREAM, fmt.Sprintf("\n0 2 0 00010000 0001 01 %s @%s", other, name))
	if inode, listens := socketOf(name); inode != "" || listens {
		t.Errorf("the name is %q's (listens: %v), where two lines are of it", inode, listens)
	}
}
