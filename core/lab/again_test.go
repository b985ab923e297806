//go:build linux

package lab

import (
	"encoding/binary"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
)

// TestAnnouncesAgain holds that a master which stays master tells the network
// anew where its address is after each interruption in which the network may
// have learned otherwise, or have forgotten.
func TestAnnouncesAgain(t *testing.T) {
	t.Parallel()
	second := dialect{"version 3\n\tadvert_int 1", time.Second, time.Second, ""}
	for _, c := range []struct {
		name        string
		d           dialect
		extra       string
		alone       bool
		break_, fix string
	}{
		{name: "partition", d: v3, break_: "partition a; await b VI_1", fix: "heal"},
		{name: "link", d: v3, extra: "dont_track_primary", break_: "link down a eth0; await b VI_1", fix: "link up a eth0"},
		{name: "link, nobody else", d: v3, extra: "dont_track_primary", alone: true, break_: "link down a eth0; wait 100ms", fix: "link up a eth0"},
		{name: "clock", d: second},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			// Without the second announcement, which would come in between.
			plan := planOf(t, c.d.conf(side{priority: 150, extra: "garp_master_delay 0\n\t" + c.extra}), c.d.conf(side{priority: 100, extra: c.extra}))
			l, _ := raise(t, Options{Plan: plan, Daemons: moonkeeps(t, plan), Probe: 50 * ms})
			perform(t, l, "settle; await a VI_1")
			if c.alone {
				perform(t, l, "stop b")
			}
			a := l.nodes[0]
			became := becameMaster(t, a)
			base, err := a.host.conn.Interface("eth0")
			if err != nil {
				t.Fatal(err)
			}
			host := &netnstest.Host{NS: l.client.ns, Link: l.client.conn}
			if c.break_ != "" {
				perform(t, l, c.break_)
			}
			capture := host.Capture(t, "eth0", 0x0806)
			announced := 0
			if c.fix != "" {
				perform(t, l, c.fix)
			} else {
				p := a.proc.cmd.Process
				if err := p.Signal(syscall.SIGSTOP); err != nil {
					t.Fatal(err)
				}
				time.Sleep(2300 * ms) // less than the other waits
				if err := p.Signal(syscall.SIGCONT); err != nil {
					t.Fatal(err)
				}
			}
			for end := time.Now().Add(busy.times(2 * time.Second)); announced == 0 && time.Now().Before(end); {
				f := capture.Next(t, 50*ms)
				if len(f) >= 42 && binary.BigEndian.Uint16(f[20:]) == 1 && string(f[28:32]) == string(f[38:42]) && f[31] == 100 && net.HardwareAddr(f[22:28]).String() == base.MAC.String() {
					announced++
				}
			}
			if announced == 0 {
				t.Error("the master that stayed did not announce its address again")
			}
			if now := becameMaster(t, a); now != became {
				t.Errorf("a became master %d times, want %d: it did not stay", now, became)
			}
		})
	}
}

// becameMaster is how often the first instance of a node became MASTER; it
// must be it now.
func becameMaster(t *testing.T, n *machine) uint64 {
	t.Helper()
	s, err := status(n)
	if err != nil {
		t.Fatal(err)
	}
	if got := s.Instances[0].Role; got != "MASTER" {
		t.Fatalf("node %s is %s, want MASTER", n.Name, got)
	}
	return s.Instances[0].Counters.BecameMaster
}
