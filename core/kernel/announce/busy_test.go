//go:build linux

package announce_test

import (
	"bytes"
	"fmt"
	"os/exec"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
	"github.com/moonkeep/moonkeep/core/netspec"
)

// A link that cannot take all at once gets all of it: as much as its queue takes, or
// the socket's buffer, and the rest when there is room.
func TestSlowLink(t *testing.T) {
	if _, err := exec.LookPath("tc"); err != nil {
		t.Skip("needs tc: to make a link slow")
	}
	for name, limit := range map[string]int{"its queue is short": 2000, "its queue is longer than the buffer": 1 << 20} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h, peer := netnstest.Pair(t, "eth0", "eth1")
			cmd := exec.Command("tc", "qdisc", "add", "dev", "eth0", "root", "tbf", "rate", "1mbit", "burst", "2000", "limit", fmt.Sprint(limit))
			out := new(bytes.Buffer)
			cmd.Stderr = out
			netnstest.Must(t, h.Start(cmd))
			if cmd.Wait() != nil {
				t.Skipf("needs /lib/modules with sch_tbf: %s", out)
			}
			const addresses, rounds = 250, 8
			var list []netspec.Address
			for n := range addresses {
				list = append(list, on("eth0", fmt.Sprintf("192.0.2.%d/24", n+1))...)
			}
			c := peer.Capture(t, "eth1", unix.ETH_P_ARP)
			var log bytes.Buffer
			a := open(t, h, 0, &log)
			netnstest.Must(t, a.Announce("VI_1", list, rounds, always))
			count := make(map[string]int)
			for n, ip := range heard(t, c, 500*time.Millisecond) {
				// Rounds stay rounds: nobody is a round ahead of the others.
				if count[ip]++; count[ip] > n/addresses+1 {
					t.Fatalf("announcement %d is the %dth of %s", n, count[ip], ip)
				}
			}
			for _, x := range list {
				if got := count[x.Addr().String()]; got != rounds {
					t.Fatalf("%s was announced %d times, want %d", x.Addr(), got, rounds)
				}
			}
			netnstest.Must(t, a.Close())
			if log.Len() > 0 {
				t.Errorf("logged %s", &log)
			}
		})
	}
}

// A link that takes nothing keeps others from nothing: what it has not sent fills the
// buffer of a socket, which others have one beside.
func TestStuckLink(t *testing.T) {
	if _, err := exec.LookPath("tc"); err != nil {
		t.Skip("needs tc: to have a link take nothing")
	}
	t.Parallel()
	h, peer := netnstest.Pair(t, "eth0", "eth1")
	netnstest.Connect(t, h, "eth2", peer, "eth3")
	cmd := exec.Command("tc", "qdisc", "add", "dev", "eth0", "root", "tbf", "rate", "8bit", "burst", "2000", "limit", "100000000")
	out := new(bytes.Buffer)
	cmd.Stderr = out
	netnstest.Must(t, h.Start(cmd))
	if cmd.Wait() != nil {
		t.Skipf("needs /lib/modules with sch_tbf: %s", out)
	}
	var stuck []netspec.Address
	for n := range 250 {
		stuck = append(stuck, on("eth0", fmt.Sprintf("192.0.2.%d/24", n+1))...)
	}
	c := peer.Capture(t, "eth3", unix.ETH_P_ARP)
	var log bytes.Buffer
	a := open(t, h, 0, &log)
	netnstest.Must(t, a.Announce("VI_1", stuck, 40, always)) // several buffers full
	time.Sleep(50 * time.Millisecond)
	for n := range 3 {
		netnstest.Must(t, a.Announce("VI_2", on("eth2", "198.51.100.1/24"), 1, always))
		if got := c.Next(t, 2*time.Second); len(got) != 42 || !bytes.Equal(got[28:32], []byte{198, 51, 100, 1}) {
			t.Fatalf("announcement %d on the other link: heard % x", n, got)
		}
	}
	netnstest.Must(t, a.Close())
	if log.Len() > 0 {
		t.Errorf("logged %s", &log)
	}
}
