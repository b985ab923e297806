//go:build linux

package announce

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/netip"
	"os/exec"
	"testing"

	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
	"github.com/moonkeep/moonkeep/core/netspec"
)

// TestBesideStuckLink holds that those above one link that takes nothing have one
// socket beside, and that the sockets of links that are gone make room.
func TestBesideStuckLink(t *testing.T) {
	if _, err := exec.LookPath("tc"); err != nil {
		t.Skip("needs tc: to have a link take nothing")
	}
	t.Parallel()
	h, peer := netnstest.Pair(t, "eth0", "eth1")
	cmd := exec.Command("tc", "qdisc", "add", "dev", "eth0", "root", "tbf", "rate", "8bit", "burst", "2000", "limit", "100000000")
	out := new(bytes.Buffer)
	cmd.Stderr = out
	netnstest.Must(t, h.Start(cmd))
	if cmd.Wait() != nil {
		t.Skipf("needs /lib/modules with sch_tbf: %s", out)
	}
	for n := range 2 {
		name := fmt.Sprintf("above%d", n)
		netnstest.Must(t, h.Link.AddMACVLAN(name, "eth0", []byte{2, 0, 0, 0, 0, byte(n + 1)}))
		netnstest.Must(t, h.Link.SetUp(name))
		h.AwaitUp(t, name)
	}
	var a *Announcer
	h.Run(t, func() (err error) {
		a, err = Open(h.Link.Interface, Pace{}, nil, slog.New(slog.DiscardHandler))
		return err
	})
	defer a.Close()
	fill := func(device string) {
		var list []netspec.Address
		for n := range 250 {
			list = append(list, netspec.Address{Device: device, Prefix: netip.MustParsePrefix(fmt.Sprintf("192.0.2.%d/24", n+1))})
		}
		netnstest.Must(t, a.Announce("VI_1", list, 40, func() bool { return true })) // several buffers full
	}
	fill("above0")
	fill("above1")
	a.mu.Lock()
	if len(a.beside) != 1 {
		t.Errorf("two interfaces above one link have %d sockets beside, want one", len(a.beside))
	}
	for n := range maxBeside - 1 { // of links that are gone
		fd, err := socket()
		netnstest.Must(t, err)
		a.beside[1<<20+n] = fd
	}
	a.mu.Unlock()
	netnstest.Connect(t, h, "eth2", peer, "eth3")
	i, err := h.Link.Interface("eth2")
	netnstest.Must(t, err)
	fill("eth2") // the first is refused: the buffer for all is full
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, has := a.beside[i.Index]; !has || len(a.beside) != 2 {
		t.Errorf("%d links have a socket beside, the last of them %v, want two and true", len(a.beside), has)
	}
}
