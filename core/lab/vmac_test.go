//go:build linux

package lab

import (
	"bytes"
	"errors"
	"net"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/kernel/link"
)

// The dialects of routers with a hardware address of their own.
var (
	v3vmac  = dialect{"version 3\n\tadvert_int 0.1\n\tuse_vmac", 100 * ms, 100 * ms, ""}
	v2vmac  = dialect{"version 2\n\tadvert_int 1\n\tuse_vmac", time.Second, time.Second, ""}
	v6vmac  = dialect{"version 3\n\tadvert_int 0.1\n\tuse_vmac", 100 * ms, 100 * ms, localFirst}
	v3xmit  = dialect{"version 3\n\tadvert_int 0.1\n\tuse_vmac\n\tvmac_xmit_base", 100 * ms, 100 * ms, ""}
	virtual = net.HardwareAddr{0, 0, 0x5e, 0, 1, 51}
)

// turning is how long it takes until the bridge has surely turned to the new
// master.
const turning = 100 * ms

// turned makes one move of those of an address that follow each other within
// that time, with the longest outage among them. Until the node that leaves has
// heard the new master, both answer from one hardware address, and each frame
// turns the bridge to its sender.
func turned(moves []Move, within time.Duration) []Move {
	var folded []Move
	for _, m := range moves {
		i := slices.IndexFunc(folded, func(f Move) bool { return f.Target == m.Target && m.Lost-f.Next < within })
		if i < 0 {
			folded = append(folded, m)
			continue
		}
		f := &folded[i]
		f.To = m.To
		if m.Outage() > f.Outage() {
			f.Lost, f.Next = m.Lost, m.Next
		}
	}
	return folded
}

// hardware are the contests of routers that keep their hardware address.
func hardware() []contest {
	play := func(name string, d dialect) contest {
		return contest{name, d, [2]side{{priority: 150}, {priority: 100}}, "await a VI_1", []act{
			d.gone("crash a", "b", 100, always), d.back("start a", "a", 150),
			d.said("stop a", "b", 100), d.back("start a", "a", 150),
		}}
	}
	four := unicast("192.0.2.11", "192.0.2.12")
	unicasts := play("vmac unicast", v3vmac)
	unicasts.sides[0].extra, unicasts.sides[1].extra = four[0], four[1]
	return []contest{
		play("vmac v3", v3vmac), play("vmac v2", v2vmac), play("vmac IPv6", v6vmac), play("vmac_xmit_base", v3xmit), unicasts,
	}
}

func TestVMACInterop(t *testing.T) {
	t.Parallel()
	for _, c := range hardware() {
		for _, ours := range []string{"a", "b"} {
			t.Run(c.name+" moonkeep="+ours, func(t *testing.T) {
				t.Parallel()
				c.play(t, ours)
			})
		}
	}
}

// vmacPair is a lab of two moonkeeps with virtual MACs, of which a is preferred.
func vmacPair(t *testing.T) *Lab {
	t.Helper()
	plan := planOf(t, v3vmac.conf(side{priority: 150}), v3vmac.conf(side{priority: 100}))
	l, _ := raise(t, Options{Plan: plan, Daemons: moonkeeps(t, plan)})
	perform(t, l, "settle; await a VI_1")
	return l
}

// TestOneHardwareAddress holds what a virtual MAC is for: the client's table
// has one hardware address whoever is master, and none of a move is seen but a
// moment.
func TestOneHardwareAddress(t *testing.T) {
	t.Parallel()
	l := vmacPair(t)
	known := func(when string) {
		t.Helper()
		mac, err := l.client.conn.Neighbour("eth0", l.plan.Targets[0].Addr)
		if err != nil || !bytes.Equal(mac, virtual) {
			t.Errorf("%s: the client has %v, error %v, want %v", when, mac, err, virtual)
		}
	}
	known("at first")
	for _, do := range []string{"stop a; await b VI_1", "start a; await a VI_1", "kill a; await b VI_1", "start a; await a VI_1"} {
		before := l.Now()
		perform(t, l, do)
		known(do)
		for _, m := range awaitMove(t, l, before) {
			t.Logf("%s: outage %s", do, m.Outage())
			if most := little(l); m.Outage() > most {
				t.Errorf("%s: the client was without an answer for %s, want at most %s", do, m.Outage(), most)
			}
		}
	}
	agree(t, l)
}

// TestVMACComesAndGoes holds that the interface is made anew when somebody
// deletes it, that one of a killed daemon is used again or removed, and that a
// stop leaves nothing.
func TestVMACComesAndGoes(t *testing.T) {
	t.Parallel()
	l := vmacPair(t)
	host := l.nodes[0].host
	before := l.Now()
	if err := host.conn.Delete("vrrp.51"); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second)
	perform(t, l, "await a VI_1")
	if m := moved(l, before); len(m) > 0 {
		t.Errorf("after the interface was deleted: moves %+v, want none", m)
	}
	was, err := host.conn.Interface("vrrp.51")
	if err != nil {
		t.Fatal(err)
	}
	perform(t, l, "kill a; await b VI_1; start a; await a VI_1")
	if is, err := host.conn.Interface("vrrp.51"); err != nil || is.Index != was.Index {
		t.Errorf("after kill and start: got %+v, error %v, want the interface of before", is, err)
	}
	perform(t, l, "stop a; await b VI_1")
	gone := func() bool {
		_, err := host.conn.Interface("vrrp.51")
		return errors.Is(err, link.ErrNoInterface)
	}
	for end := time.Now().Add(2 * time.Second); !gone(); time.Sleep(10 * ms) {
		if time.Now().After(end) {
			t.Fatal("vrrp.51 is there after the daemon has ended")
		}
	}
	var text []byte
	err = host.ns.Do(func() (err error) {
		text, err = exec.Command("sysctl", "-n", "net.ipv4.conf.eth0.arp_ignore", "net.ipv4.conf.eth0.arp_filter").Output()
		return err
	})
	if got := strings.Join(strings.Fields(string(text)), " "); err != nil || got != "0 0" {
		t.Errorf("arp_ignore and arp_filter of eth0 after the end: got %q, error %v, want 0 0", got, err)
	}
}
