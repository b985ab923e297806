//go:build linux

package ipvs

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/balance"
)

var servers = flag.Int("servers", 2000, "destinations in TestKernelManyDestinations")

// kernelConn connects to a real IPVS, which is emptied before and after.
func kernelConn(t *testing.T) *Conn {
	if _, err := os.Stat("/sys/module/ip_vs"); err != nil {
		t.Skip("needs /sys/module/ip_vs: the kernel balances no load")
	}
	c, err := Open(false)
	if err != nil {
		t.Fatal(err)
	}
	empty := func() {
		if err := c.Flush(); err != nil {
			t.Error(err)
		}
	}
	empty()
	t.Cleanup(func() {
		empty()
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// saved is what ipvsadm -Sn prints, sorted.
func saved(t *testing.T) []string {
	if _, err := exec.LookPath("ipvsadm"); err != nil {
		t.Skip("needs ipvsadm: an independent reader of the table")
	}
	out, err := exec.Command("ipvsadm", "-Sn").CombinedOutput()
	if err != nil {
		t.Fatalf("ipvsadm -Sn: %v: %s", err, out)
	}
	var lines []string
	for line := range strings.Lines(string(out)) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	slices.Sort(lines)
	return lines
}

func TestKernelTable(t *testing.T) {
	c := kernelConn(t)
	apply(t, c, nil, sample())
	got, err := c.Read(everything)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sample(), got, same); diff != "" {
		t.Errorf("read back: %s", diff)
	}
	for k, want := range sample() {
		s, err := c.Service(k)
		if have := (balance.Service{Options: s.Options}).Normal(k); err != nil || s.Key != k || have.Options != want.Options {
			t.Errorf("asked for %v alone: %+v, %v", k, s, err)
		}
	}
	if _, err := c.Service(balance.Key{Fwmark: 6}); !absent(err) {
		t.Errorf("asked for a service that is not there: %v", err)
	}
	want := []string{
		"-A -f 5 -6 -s mh",
		"-A -f 5 -s lc",
		"-A -t 192.0.2.1:80 -s wrr",
		"-A -t 192.0.2.2:0 -s sh -p 300 -M 255.255.255.0 -b sh-fallback,sh-port",
		"-A -t [2001:db8::1]:443 -s wlc -p 60 -M 64",
		"-A -u 192.0.2.1:53 -s rr -o",
		"-a -f 5 -6 -r [2001:db8:2::6]:0 -g -w 9",
		"-a -f 5 -r 10.2.0.4:0 -i -w 1 --tun-type gue --tun-port 6080 --tun-csum",
		"-a -f 5 -r 10.2.0.5:0 -i -w 1 --tun-type gre --tun-nocsum",
		"-a -f 5 -r [2001:db8:2::5]:0 -i -w 1 --tun-type ipip",
		"-a -t 192.0.2.1:80 -r 10.2.0.1:80 -g -w 3",
		"-a -t 192.0.2.1:80 -r 10.2.0.2:80 -g -w 0",
		"-a -t 192.0.2.2:0 -r 10.2.0.3:0 -m -w 2147483647",
		"-a -t [2001:db8::1]:443 -r [2001:db8:2::1]:443 -i -w 1 --tun-type ipip",
		"-a -t [2001:db8::1]:443 -r [2001:db8:2::2]:8443 -m -w 1",
		"-a -u 192.0.2.1:53 -r 10.2.0.1:5353 -m -w 1",
	}
	if diff := cmp.Diff(want, saved(t)); diff != "" {
		t.Errorf("ipvsadm sees: %s", diff)
	}
	apply(t, c, got, nil)
	if left := saved(t); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

// TestKernelGlance: a look sees what somebody else did, and nothing when
// nobody did anything.
func TestKernelGlance(t *testing.T) {
	c := kernelConn(t)
	apply(t, c, nil, sample())
	g, err := OpenGlance()
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	look := func() Sums {
		s, err := g.Look()
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	if diff := cmp.Diff(g.Expect(sample()), look(), same); diff != "" {
		t.Fatalf("an untouched table: %s", diff)
	}
	web := balance.Key{Protocol: balance.TCP, Address: netip.MustParseAddrPort("192.0.2.1:80")}
	for _, args := range []string{
		"-e -t 192.0.2.1:80 -r 10.2.0.1:80 -g -w 4", "-d -t 192.0.2.1:80 -r 10.2.0.1:80",
		"-a -t 192.0.2.1:80 -r 10.2.0.9:80 -g", "-E -t 192.0.2.1:80 -s rr", "-E -t 192.0.2.1:80 -s wrr -p 5", "-D -t 192.0.2.1:80",
	} {
		before := look()
		if out, err := exec.Command("ipvsadm", strings.Fields(args)...).CombinedOutput(); err != nil {
			t.Fatalf("ipvsadm %s: %v: %s", args, err, out)
		}
		after := look()
		if after[web] == before[web] {
			t.Errorf("ipvsadm %s was not seen", args)
		}
		delete(before, web)
		delete(after, web)
		if !maps.Equal(before, after) {
			t.Errorf("ipvsadm %s changed others: %v", args, cmp.Diff(before, after, same))
		}
	}
}

func TestKernelRefuses(t *testing.T) {
	c := kernelConn(t)
	at := netip.MustParseAddrPort
	web := balance.Key{Protocol: balance.TCP, Address: at("192.0.2.1:80")}
	ops := []balance.Op{
		{Kind: balance.AddService, Key: balance.Key{Fwmark: 1}, Options: balance.Options{Scheduler: "zzz"}},
		{Kind: balance.AddService, Key: web, Options: balance.Options{Scheduler: "rr", Mask: [4]byte{255, 255, 255, 255}}},
		{Kind: balance.AddDestination, Key: web, Destination: balance.Destination{Address: at("[2001:db8::9]:80")}},
		{Kind: balance.AddDestination, Key: web, Destination: balance.Destination{Address: at("10.2.0.1:80"), Weight: 1}},
		{Kind: balance.EditDestination, Key: balance.Key{Fwmark: 9}, Destination: balance.Destination{Address: at("10.2.0.1:80"), Weight: 1}},
	}
	failures, err := c.Apply(ops)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range failures {
		got = append(got, f.Error())
	}
	want := []string{
		"add service fwmark 1: no such file or directory (the kernel lacks the scheduler zzz: load ip_vs_zzz)",
		"add destination TCP 192.0.2.1:80 -> [2001:db8::9]:80: invalid argument (a server of another address family needs forwarding by TUN, and cannot be used while connections are synchronised (lvs_sync_daemon))",
		"edit destination fwmark 9 -> 10.2.0.1:80: no such process (there is no such service)",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if list, err := c.Destinations(web); err != nil || len(list) != 1 {
		t.Errorf("what could be done was not: %v, %v", list, err)
	}
}

func TestKernelSync(t *testing.T) {
	c := kernelConn(t)
	for _, s := range []Sync{
		{Role: SyncMaster, Interface: "lo", ID: 7, MaxLen: 1000, Group: netip.MustParseAddr("224.0.1.99"), Port: 9000, TTL: 3},
		{Role: SyncBackup, Interface: "lo", ID: 8},
	} {
		if err := c.StartSync(s); err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := c.StopSync(s.Role); err != nil {
				t.Error(err)
			}
		}()
	}
	list, err := c.Syncs()
	if err != nil || len(list) != 2 {
		t.Fatalf("%v, %v", list, err)
	}
	if want := (Sync{SyncMaster, "lo", 7, netip.MustParseAddr("224.0.1.99"), 9000, 3, 1000}); list[0] != want {
		t.Errorf("%+v", list[0])
	}
	if list[1].Role != SyncBackup || list[1].ID != 8 {
		t.Errorf("%+v", list[1])
	}
	// Another ID under the same role replaces the daemon.
	if err := c.StartSync(Sync{Role: SyncBackup, Interface: "lo", ID: 9}); err != nil {
		t.Fatal(err)
	}
	if list, err = c.Syncs(); err != nil || len(list) != 2 || list[1].ID != 9 {
		t.Errorf("%v, %v", list, err)
	}
	// What the kernel makes of a length it is known to make.
	for _, s := range []Sync{
		{Role: SyncBackup, Interface: "lo", MaxLen: 1000},
		{Role: SyncBackup, Interface: "lo", MaxLen: 65500, Group: netip.MustParseAddr("ff02::181")},
	} {
		if err := c.StartSync(s); err != nil {
			t.Fatal(err)
		}
		if list, err = c.Syncs(); err != nil || len(list) != 2 || !s.runs(list[1]) {
			t.Errorf("of %+v the kernel says %+v, %v", s, list, err)
		}
	}
	if err := c.StopSync(SyncBackup); err != nil {
		t.Error(err)
	}
	if err := c.StopSync(SyncBackup); err != nil {
		t.Errorf("the second time: %v", err)
	}
	if err := c.StartSync(Sync{Role: SyncBackup, Interface: "none", ID: 9}); !errors.Is(err, unix.ENODEV) {
		t.Errorf("an interface that is not there: %v", err)
	}
}

func TestKernelSettings(t *testing.T) {
	c := kernelConn(t)
	before, err := c.Timeouts()
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := c.SetTimeouts(before); err != nil {
			t.Error(err)
		}
	}()
	if err := c.SetTimeouts(Timeouts{TCP: 601 * time.Second, UDP: 61 * time.Second}); err != nil {
		t.Fatal(err)
	}
	want := Timeouts{601 * time.Second, before.TCPFin, 61 * time.Second}
	if got, err := c.Timeouts(); err != nil || got != want {
		t.Errorf("%v, %v; want %v", got, err, want)
	}
	info, err := c.Info()
	if err != nil || info.Buckets == 0 || !strings.HasPrefix(info.Version, "1.2.") {
		t.Errorf("%+v, %v", info, err)
	}
	if err := c.Zero(balance.Key{Fwmark: 77}); !errors.Is(err, unix.ESRCH) {
		t.Errorf("a service that is not there: %v", err)
	}
}

// TestKernelManyDestinations: a large table is made, looked at, changed in ten
// places and removed, and says how long each took.
func TestKernelManyDestinations(t *testing.T) {
	c := kernelConn(t)
	want := balance.Table{}
	for v := range *servers / 10 {
		k := balance.Key{Protocol: balance.TCP, Address: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 9, byte(v / 250), byte(v%250 + 1)}), 80)}
		s := balance.Service{Options: balance.Options{Scheduler: "rr"}}
		for d := range 10 {
			a := netip.AddrFrom4([4]byte{10, byte(32 + v/6250), byte(v / 25 % 250), byte(v%25*10 + d + 1)})
			s.Destinations = append(s.Destinations, balance.Destination{Address: netip.AddrPortFrom(a, 80), Weight: 1})
		}
		want[k] = s.Normal(k)
	}
	took := func(what string, do func()) {
		began := time.Now()
		do()
		t.Logf("%d destinations: %s in %v", *servers, what, time.Since(began).Round(time.Millisecond))
	}
	took("made", func() { apply(t, c, nil, want) })
	g, err := OpenGlance()
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	took("looked at", func() {
		sums, err := g.Look()
		if err != nil || !maps.Equal(sums, g.Expect(want)) {
			t.Errorf("the look differs: %v", err)
		}
	})
	var have balance.Table
	took("read", func() { have, err = c.Read(everything) })
	if err != nil || len(balance.Diff(have, want)) != 0 {
		t.Fatalf("read back: %v, %d differences", err, len(balance.Diff(have, want)))
	}
	changed := maps.Clone(want)
	for i, k := range want.Keys()[:10] {
		s := *want[k]
		s.Destinations = slices.Clone(s.Destinations)
		s.Destinations[i].Weight = 5
		changed[k] = &s
	}
	ops := balance.Diff(have, changed)
	if len(ops) != 10 {
		t.Errorf("%d operations for ten changes", len(ops))
	}
	took(fmt.Sprint(len(ops), " weights changed"), func() { apply(t, c, have, changed) })
	took("removed", func() { apply(t, c, changed, nil) })
	if list, err := c.Services(); err != nil || len(list) != 0 {
		t.Errorf("%d services are left, %v", len(list), err)
	}
}
