package main

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/control"
	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
	"github.com/moonkeep/moonkeep/core/kernel/sysctl"
	"github.com/moonkeep/moonkeep/core/netspec"
)

const syncedConf = `
global_defs {
	router_id ID
	vrrp_version 3
	lvs_sync_daemon eth0 VI_1 id 7
}
vrrp_instance VI_1 {
	interface eth0
	virtual_router_id 51
	priority PRIORITY
	advert_int 1
	virtual_ipaddress {
		192.168.10.100/32
	}
}
virtual_server 192.168.10.100 80 {
	delay_loop 1
	lb_algo rr
	lb_kind DR
	protocol TCP
	real_server 192.168.10.16 80 {
		TCP_CHECK {
			connect_timeout 5
		}
	}
	real_server 192.168.10.17 80 {
		TCP_CHECK {
			connect_timeout 5
		}
	}
}
`

// syncPatience is how long the kernel may keep a connection from the other director: it
// sends what it has after 2 s at the latest, and a guest is slow.
const syncPatience = 4 * time.Second

// takeover is when one director had the address no more, and when another had it.
type takeover struct {
	what     string
	gone, up time.Time
}

// explains reports whether a request may have failed because of that: it was under way then,
// on a connection that the other director could not know yet.
func (s takeover) explains(f failure) bool {
	return f.opened.After(s.gone.Add(-syncPatience)) && f.opened.Before(s.up.Add(resent)) && f.ended.After(s.gone)
}

// TestGuestLoadTakeover: of many requests by way of two directors that synchronise their
// connections, those on connections that both know go on when one loses its power, and when
// the other stops in an orderly way; and none fails that is begun after that.
func TestGuestLoadTakeover(t *testing.T) {
	needIPVS(t)
	if !*everySite {
		t.Parallel() // it waits most of the time
	}
	s := newSwitch(t)
	client, a, b := s.host(t, "192.168.10.1/24"), s.host(t, "192.168.10.12/24"), s.host(t, "192.168.10.13/24")
	vip := netip.MustParsePrefix("192.168.10.100/32")
	var servers []*netnstest.Host
	for i := range 2 {
		h := s.host(t, fmt.Sprintf("192.168.10.%d/24", 16+i))
		for name, value := range map[string]string{"ipv4/conf/all/arp_ignore": "1", "ipv4/conf/all/arp_announce": "2"} {
			netnstest.Must(t, sysctl.New(h.NS, nil).Set(name, value))
		}
		h.ip(t, h.Host, "addr add "+vip.String()+" dev lo")
		servers = append(servers, h.Host)
	}
	conf := func(d *director, priority string) string {
		return d.write(t, "synced.conf", strings.NewReplacer("ID", "LB"+priority, "PRIORITY", priority).Replace(syncedConf), 0o600)
	}
	// holds waits until a director has the address, and returns when that was seen.
	holds := func(d *director) time.Time {
		t.Helper()
		for began := time.Now(); ; time.Sleep(10 * time.Millisecond) {
			list, err := d.Link.List("eth0")
			if err == nil && slices.ContainsFunc(list, func(x netspec.Address) bool { return x.Prefix == vip }) {
				return time.Now()
			}
			if time.Since(began) > 60*time.Second {
				t.Error("nobody has the address")
				return time.Now()
			}
		}
	}
	f := newTraffic(t, client.Host, netip.AddrPortFrom(vip.Addr(), 80), servers...)
	f.rate, f.sessions, f.every, f.life = 100, 60, 500*time.Millisecond, 16*time.Second
	pause := 6 * time.Second // the first sessions are known, and live yet
	if *everySite {
		f.rate, f.sessions, pause = 2000, 200, 10*time.Second
	}
	first := start(t, a, conf(a, "150"))
	holds(a)
	second := start(t, b, conf(b, "100"))
	for _, d := range []*director{a, b} {
		// Each connection is told of at once, and again: else the kernel tells of one with its
		// third packet, if it is established by then, and with each fiftieth after that.
		for name, value := range map[string]string{"ipv4/vs/sync_refresh_period": "2", "ipv4/vs/sync_retries": "3", "ipv4/vs/sync_threshold": "3 0"} {
			netnstest.Must(t, sysctl.New(d.NS, nil).Set(name, value))
		}
		wait(t, "the table is made", func() bool { return strings.Count(strings.Join(d.shown(t), "\n"), "Route 1") == 2 })
	}

	ctx, cancel := context.WithCancel(t.Context())
	var got tally
	served := make(chan error, 1)
	go func() {
		var err error
		got, err = f.run(ctx)
		served <- err
	}()
	rest := func() { time.Sleep(pause) }
	rest()
	crash := takeover{what: "a crash", gone: time.Now()}
	a.ip(t, a.Host, "link set eth0 down")
	netnstest.Must(t, first.Process.Kill())
	crash.up = holds(b)
	_ = first.Wait()
	rest()
	stop := takeover{} // which explains nothing without -matrix
	if *everySite {
		// It comes back as the backup, and hears of all that begins from then on.
		a.ip(t, a.Host, "addr del "+vip.String()+" dev eth0") // before anybody hears it
		if list, err := a.Link.List("eth0"); err != nil || slices.ContainsFunc(list, func(x netspec.Address) bool { return x.Prefix == vip }) {
			t.Fatalf("it has %v, %v", list, err)
		}
		a.ip(t, a.Host, "link set eth0 up")
		start(t, a, conf(a, "50"))
		rest()
		rest()
		stop = takeover{what: "a stop", gone: time.Now()}
		netnstest.Must(t, second.Process.Signal(os.Interrupt))
		stop.up = holds(a)
		_ = second.Wait()
		rest()
	}
	cancel()
	netnstest.Must(t, <-served)

	explained := map[string]int{}
	strange := slices.DeleteFunc(got.failed, func(x failure) bool {
		for _, s := range []takeover{crash, stop} {
			if s.explains(x) {
				explained[s.what]++
				return true
			}
		}
		return false
	})
	t.Logf("%v; %v without an address in the crash, %v in the stop; explained: %v", &got, crash.up.Sub(crash.gone).Round(time.Millisecond), stop.up.Sub(stop.gone).Round(time.Millisecond), explained)
	for i, x := range strange {
		if i < 5 {
			t.Errorf("%v: it was opened %v before the crash and %v before the stop", x, crash.gone.Sub(x.opened), stop.gone.Sub(x.opened))
		}
	}
	if len(strange) > 0 {
		t.Errorf("%d requests failed that nothing explains", len(strange))
	}
	if rate := float64(got.answered) / got.took.Seconds(); rate < 50 || *everySite && rate < 1500 { // the takeovers cost some
		t.Errorf("only %.0f requests a second; is the machine idle?", rate)
	}
}

const panicConf = `
virtual_servers:
  - address: 192.168.20.1:80
    protocol: TCP
    lb_algo: wrr
    lb_kind: NAT
    delay_loop: 1s
    slow_start: 6s
    panic_threshold: 60
    real_servers:
`

// weights returns what the first server's was, each time that it was another, until ctx
// ends.
func (d *director) weights(ctx context.Context) (list []string, err error) {
	for ctx.Err() == nil {
		now := "none"
		places, err := d.places()
		if err != nil {
			return list, err
		}
		if p, is := places['A']; is {
			now = strconv.Itoa(p.weight)
		}
		if len(list) == 0 || list[len(list)-1] != now {
			list = append(list, now)
		}
		time.Sleep(200 * time.Millisecond)
	}
	return list, nil
}

// TestGuestLoadPanic: of many requests none fails without a reason while checks call a
// server down, then another, so that a panic keeps what is left, and while they come back
// and their weights rise slowly.
func TestGuestLoadPanic(t *testing.T) {
	needIPVS(t)
	if !*everySite {
		t.Parallel() // it waits most of the time
	}
	client, d, servers := natSite(t, 3)
	text := panicConf
	ill := func(i int) string { return filepath.Join(d.dir, fmt.Sprint("ill", i)) }
	for i := range servers {
		text += fmt.Sprintf("      - {address: 192.168.10.%d:80, weight: 20, checks: [MISC_CHECK: {misc_path: test ! -e %s, misc_timeout: 30s}]}\n", 16+i, ill(i))
	}
	f := newTraffic(t, client.Host, netip.MustParseAddrPort("192.168.20.1:80"), servers...)
	f.rate, f.sessions, f.every, f.life = 100, 60, 500*time.Millisecond, 4*time.Second
	if *everySite {
		f.rate, f.sessions = 2000, 200
	}
	stop := d.moonkeep(t, d.write(t, "panic.yaml", text, 0o600))
	l := &loadRun{t: t, d: d}
	for _, server := range "ABC" {
		l.until(byte(server), true)
	}
	// The program that checks takes a while to begin where clients take the processor.
	c := control.NewClient(filepath.Join(d.dir, "run"))
	wait(t, "each check runs", func() bool {
		s, err := c.Status(t.Context())
		return err == nil && s.Probes != nil && s.Probes.Unknown == 0 && s.Probes.Answered >= uint64(2*len(servers))
	})
	ctx, cancel := context.WithCancel(t.Context())
	var got tally
	var weights []string
	served, watched := make(chan error, 1), make(chan error, 1)
	go func() {
		var err error
		got, err = f.run(ctx)
		served <- err
	}()
	go func() {
		var err error
		weights, err = d.weights(ctx)
		watched <- err
	}()
	fall := func(i int) { d.write(t, filepath.Base(ill(i)), "", 0o600) }
	time.Sleep(3 * time.Second) // so that there are sessions
	away := &removal{server: 'A', asked: time.Now(), why: "its check failed"}
	fall(0)
	l.until('A', false)
	away.gone = time.Now()
	fall(1)
	log := func() string {
		text, _ := os.ReadFile(filepath.Join(d.dir, filepath.Base(os.Args[0])+".log"))
		return string(text)
	}
	wait(t, "the panic", func() bool { return strings.Contains(log(), "panic: fewer than 60%") })
	time.Sleep(3 * time.Second)
	netnstest.Must(t, os.Remove(ill(1)))
	wait(t, "the end of the panic", func() bool { return strings.Contains(log(), "the panic is over") })
	netnstest.Must(t, os.Remove(ill(0)))
	l.until('A', true)
	away.back = time.Now()
	time.Sleep(8 * time.Second)
	cancel()
	netnstest.Must(t, <-served)
	explained := 0
	for _, x := range got.failed {
		switch {
		case away.explains(x):
			explained++
		default:
			t.Errorf("%v: opened %v before server A was asked to go", x, away.asked.Sub(x.opened))
		}
	}
	netnstest.Must(t, <-watched)
	t.Logf("%v; %d explained; weights of the first: %v", &got, explained, weights)
	at := slices.Index(weights, "none")
	if rising := weights[max(0, at)+1:]; at < 0 || len(rising) < 4 || rising[len(rising)-1] != "20" {
		t.Errorf("its weights were %v: want none and then a slow rise to 20", weights)
	}
	if rate := float64(got.answered) / got.took.Seconds(); rate < 50 || *everySite && rate < 1900 {
		t.Errorf("only %.0f requests a second; is the machine idle?", rate)
	}
	stop()
}
