//go:build linux

package kernel

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
	"github.com/moonkeep/moonkeep/core/netspec"
)

// To look for who may have set an address keeps nothing waiting, however long it
// takes: here as long as nobody writes into the pipe that is in the place of a
// process's name. The line of the log comes when they are known.
func TestALookForRivalsKeepsNothingWaiting(t *testing.T) {
	h, _ := netnstest.Pair(t, "eth0", "eth1")
	k, told := quiet(t, h)
	root := t.TempDir()
	k.rivals.root = root
	dir := filepath.Join(root, "77")
	netnstest.Must(t, os.MkdirAll(filepath.Join(dir, "ns"), 0o755))
	netnstest.Must(t, os.Symlink(fmt.Sprintf("net:[%d]", h.Inode()), filepath.Join(dir, "ns/net")))
	netnstest.Must(t, unix.Mkfifo(filepath.Join(dir, "comm"), 0o600))

	a := vip("192.0.2.100/24")
	k.Guard([]netspec.Address{a}, nil)
	netnstest.Must(t, k.Watch(nil, nil))
	done := make(chan error)
	go func() {
		_, err := h.Link.Add(a)
		for range 2 {
			if err == nil {
				err = k.look(true)
			}
		}
		done <- err
	}()
	select {
	case err := <-done:
		netnstest.Must(t, err)
	case <-time.After(10 * time.Second):
		t.Error("what changes is not looked at while rivals are looked for")
	}
	if stands(t, h, "eth0", a) {
		t.Error("the address stands")
	}
	pipe, err := os.OpenFile(filepath.Join(dir, "comm"), os.O_WRONLY, 0)
	netnstest.Must(t, err)
	_, err = pipe.WriteString("NetworkManager\n")
	netnstest.Must(t, err)
	netnstest.Must(t, pipe.Close())
	netnstest.Must(t, k.Close()) // which waits for the look
	if want := "NetworkManager (pid 77)"; strings.Count(told.String(), want) != 1 {
		t.Errorf("it was told:\n%s\nwant %s once", told, want)
	}
}
