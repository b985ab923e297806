package main

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/control"
	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
	"github.com/moonkeep/moonkeep/core/kernel/sysctl"
)

const loadConf = `
global_defs {
	router_id LOAD
}
virtual_server 192.168.20.1 80 {
	delay_loop 1
	lb_algo wrr
	lb_kind NAT
	protocol TCP
	real_server 192.168.10.16 80 {
		weight WEIGHT
		TCP_CHECK {
			connect_timeout 5
		}
	}
	real_server 192.168.10.17 80 {
		weight 5
		TCP_CHECK {
			connect_timeout 5
		}
	}
	THIRD
}
`

const thirdConf = `real_server 192.168.10.18 80 {
		weight 5
		TCP_CHECK {
			connect_timeout 5
		}
	}`

// natSite is a switch with a client, a director that balances 192.168.20.1 by NAT,
// and servers from 192.168.10.16 on.
func natSite(t *testing.T, n int) (client, d *director, servers []*netnstest.Host) {
	t.Helper()
	s := newSwitch(t)
	client, d = s.host(t, "192.168.10.1/24"), s.host(t, "192.168.10.14/24")
	for i := range n {
		h := s.host(t, fmt.Sprintf("192.168.10.%d/24", 16+i))
		// What is rewritten comes back by way of the director.
		h.ip(t, h.Host, "route add 192.168.10.14 dev eth0", "route add 192.168.10.1 via 192.168.10.14", "route del 192.168.10.0/24")
		netnstest.Must(t, sysctl.New(h.NS, nil).Set("ipv4/conf/all/accept_redirects", "0"))
		netnstest.Must(t, sysctl.New(h.NS, nil).Set("ipv4/conf/eth0/accept_redirects", "0"))
		servers = append(servers, h.Host)
	}
	netnstest.Must(t, sysctl.New(d.NS, nil).Set("ipv4/ip_forward", "1"))
	for _, name := range []string{"ipv4/conf/all/send_redirects", "ipv4/conf/eth0/send_redirects"} {
		netnstest.Must(t, sysctl.New(d.NS, nil).Set(name, "0"))
	}
	d.ip(t, d.Host, "addr add 192.168.20.1/32 dev lo")
	client.ip(t, client.Host, "route add 192.168.20.0/24 via 192.168.10.14")
	return client, d, servers
}

// place is what a server has in the table of IPVS: its weight, how many connections stand,
// and how many are being opened or have ended.
type place struct{ weight, active, inactive int }

// places returns those of the servers A, B and so on. It costs no program.
func (d *director) places() (places map[byte]place, err error) {
	places = map[byte]place{}
	err = d.Do(func() error {
		text, err := os.ReadFile("/proc/thread-self/net/ip_vs")
		here := false
		for line := range strings.Lines(string(text)) {
			f := strings.Fields(line)
			if len(f) < 2 {
				continue
			}
			if f[0] != "->" {
				here = f[1] == "C0A81401:0050"
				continue
			}
			var last byte
			var p place
			if _, err := fmt.Sscanf(f[1], "C0A80A%2x:0050", &last); err != nil || !here || len(f) < 6 {
				continue // a heading, or of another address
			}
			if _, err := fmt.Sscan(f[3]+" "+f[4]+" "+f[5], &p.weight, &p.active, &p.inactive); err != nil {
				return err
			}
			places['A'+last-16] = p
		}
		return err
	})
	return places, err
}

// removal is when a server lost its place in the table.
type removal struct {
	server byte
	// asked is when it was asked for, gone when it was seen, and back when the server was
	// given its place again; zero if it was not.
	asked, gone, back time.Time
	why               string
}

// explains reports whether a request failed for no other reason than that.
func (r removal) explains(f failure) bool {
	return f.server == r.server && f.opened.Before(r.gone) &&
		f.began.After(r.asked.Add(-resent)) && (r.back.IsZero() || f.began.Before(r.back))
}

// loadRun is what changes while there are many requests.
type loadRun struct {
	t    *testing.T
	d    *director
	c    *control.Client
	mu   sync.Mutex
	gone []*removal
	// What was done: drained is how often a server was, and standing how many connections
	// it had when that was asked for.
	reloads, weights, drained, standing int
	slowest                             time.Duration // reload
	cut                                 bool          // let the time of some drains be over
}

// until waits until a server has a place, or none.
func (l *loadRun) until(server byte, there bool) bool {
	for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		p, err := l.d.places()
		if err != nil {
			l.t.Error(err)
			return false
		}
		if _, is := p[server]; is == there {
			return true
		}
		if time.Since(began) > 60*time.Second {
			l.t.Errorf("server %c has a place: %v, for a minute", server, !there)
			return false
		}
	}
}

func (l *loadRun) removed(r *removal) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.gone = append(l.gone, r)
}

func (l *loadRun) back(r *removal) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r.back = time.Now()
}

func (l *loadRun) server(r control.ServersRequest) {
	if _, err := l.c.Servers(l.t.Context(), r); err != nil {
		l.t.Error(err)
	}
}

// each calls f at once and then in this rhythm, until ctx ends. What falls into the time of
// a slow call is left out, or with makeUp follows it at once.
func each(ctx context.Context, every time.Duration, makeUp bool, f func(i int)) {
	next := time.Now()
	for i := 0; ; i++ {
		f(i)
		next = next.Add(every)
		if late := time.Since(next); late > 0 && !makeUp {
			next = next.Add(late.Truncate(every) + every)
		}
		select {
		case <-time.After(time.Until(next)):
		case <-ctx.Done():
			return
		}
	}
}

// reloading loads the configuration again each second. As weighing and draining it goes
// on until ctx ends.
func (l *loadRun) reloading(write func(i int, third bool), reload func()) func(context.Context) {
	return func(ctx context.Context) {
		third, away := true, (*removal)(nil)
		each(ctx, time.Second, false, func(i int) {
			// Of each 20 s the third server is away for 5.
			want := i%20 < 10 || i%20 >= 15
			write(i, want)
			asked := time.Now()
			reload()
			l.slowest = max(l.slowest, time.Since(asked))
			l.reloads++
			if want == third {
				return
			}
			if third = want; want {
				l.back(away)
				return
			}
			away = &removal{server: 'C', asked: asked, why: "a reload removed it"}
			l.until('C', false)
			away.gone = time.Now()
			l.removed(away)
		})
	}
}

func (l *loadRun) weighing(ctx context.Context) {
	each(ctx, 100*time.Millisecond, true, func(i int) {
		weight := 1 + i/2%10
		l.server(control.ServersRequest{Server: fmt.Sprintf("192.168.10.%d:80", 16+i%2), Weight: &weight})
		l.weights++
	})
}

// draining drains the first server again and again until its connections have ended, or,
// every other time, where they are to be cut, for a second.
func (l *loadRun) draining(ctx context.Context) {
	for i := 0; ; i++ {
		select { // so that it has some
		case <-ctx.Done():
			return
		case <-time.After(time.Second):
		}
		p, err := l.d.places()
		if err != nil {
			l.t.Error(err)
			return
		}
		r := &removal{server: 'A', why: "the time of its drain was over"}
		request := control.ServersRequest{Server: "192.168.10.16:80", Wish: "drain"}
		if l.cut && i%2 == 1 {
			request.Limit = 1
		}
		l.server(request)
		r.asked = time.Now()
		if !l.until('A', false) {
			return
		}
		r.gone = time.Now()
		l.standing += p['A'].active
		l.drained++
		if request.Limit > 0 {
			l.removed(r)
			// Connections would go on if it were back before their clients give up.
			select {
			case <-ctx.Done():
			case <-time.After(clientPatience + 2*time.Second):
			}
		}
		l.server(control.ServersRequest{Server: "192.168.10.16:80", Wish: "auto"})
		l.until('A', true)
		l.back(r)
	}
}

// TestGuestLoad: of many requests, new connections and such that go on, none fails for
// which the change has no reason, while the configuration is loaded again each second,
// weights change ten times a second and a server is drained and taken back.
func TestGuestLoad(t *testing.T) {
	needIPVS(t)
	client, d, servers := natSite(t, 3)
	f := newTraffic(t, client.Host, netip.MustParseAddrPort("192.168.20.1:80"), servers...)
	f.rate, f.sessions, f.every, f.life = 2000, 100, time.Second, 4*time.Second

	// Each time another part of a group's range comes or goes beside the address that
	// requests go to.
	ranges := []string{"192.168.20.1-4", "192.168.20.0-2", "192.168.20.1-9", "192.168.20.1"}
	weights := []string{"5", "1", "50"}
	write := func(i int, third bool) {
		group := "virtual_server_group g {\n\t" + ranges[i%len(ranges)] + " 80\n}\nvirtual_server group g {"
		more := ""
		if third {
			more = thirdConf
		}
		text := strings.NewReplacer("WEIGHT", weights[i%len(weights)], "virtual_server 192.168.20.1 80 {", group, "THIRD", more).Replace(loadConf)
		d.write(t, "load.conf", text, 0o600)
	}
	conf := filepath.Join(d.dir, "load.conf")
	l := &loadRun{t: t, d: d, c: control.NewClient(filepath.Join(d.dir, "run")), cut: *everySite}
	ready := func() {
		t.Helper()
		for _, s := range "ABC" {
			if !l.until(byte(s), true) {
				t.Fatal("the table is not made")
			}
		}
	}
	// during plays one part and returns the failures that nothing explains.
	during := func(what string, span time.Duration, acts ...func(context.Context)) (strange []failure) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), span)
		defer cancel()
		*l = loadRun{t: t, d: d, c: l.c, cut: l.cut}
		// The servers answer the checks too, and so they run until the end.
		served := make(chan error, 1)
		var got tally
		go func() {
			var err error
			got, err = f.run(ctx)
			served <- err
		}()
		var acting sync.WaitGroup
		for _, act := range acts {
			acting.Go(func() { act(ctx) })
		}
		acting.Wait()
		netnstest.Must(t, <-served)
		explained := map[string]int{}
		// sift takes those out of a list that something explains.
		sift := func(list []failure, what string) []failure {
			return slices.DeleteFunc(list, func(x failure) bool {
				at := slices.IndexFunc(l.gone, func(r *removal) bool { return r.explains(x) })
				if at >= 0 {
					explained[what+l.gone[at].why]++
				}
				return at >= 0
			})
		}
		strange = sift(got.failed, "failed: ")
		got.late = sift(got.late, "late: ")
		t.Logf("%s: %v; %d reloads, the slowest in %v, %d weights, %d drains of %d connections; explained: %v",
			what, &got, l.reloads, l.slowest.Round(time.Millisecond), l.weights, l.drained, l.standing, explained)
		least := 50.0 // requests a second, of which something can be seen
		if *everySite {
			least = 2000
		}
		if rate := float64(got.answered) / got.took.Seconds(); rate < least {
			t.Errorf("%s: only %.0f requests a second; is the machine idle?", what, rate)
		}
		if rate := float64(l.weights) / span.Seconds(); *everySite && l.weights > 0 && rate < 9 {
			t.Errorf("%s: only %.1f weights a second; is the machine idle?", what, rate)
		}
		return strange
	}
	write(3, true)
	stop := d.moonkeep(t, conf)
	ready()
	reload := func() {
		if _, err := l.c.Reload(t.Context(), control.ReloadRequest{}); err != nil {
			t.Error(err)
		}
	}
	none := func(what string, span time.Duration, acts ...func(context.Context)) {
		t.Helper()
		for i, x := range during(what, span, acts...) {
			if i < 5 {
				t.Errorf("%s: %v", what, x)
			}
		}
		write(3, true)
		reload()
		ready()
	}
	if !*everySite {
		none("all at once", 10*time.Second, l.reloading(write, reload), l.weighing, l.draining)
		if l.drained == 0 {
			t.Error("no server was drained")
		}
		return
	}
	none("nothing", 10*time.Second)
	none("reloads", time.Minute, l.reloading(write, reload))
	none("weights", time.Minute, l.weighing)
	none("drains", time.Minute, l.draining)
	none("all at once", time.Minute, l.reloading(write, reload), l.weighing, l.draining)
	stop()
	// What the other one does on the same machine, for comparison.
	write(3, true)
	stop = d.keepalived(t, conf)
	ready()
	strange := during("keepalived's reloads", time.Minute, l.reloading(write, func() {
		if err := d.signal(syscall.SIGHUP); err != nil {
			t.Error(err)
		}
	}))
	t.Logf("of keepalived's %d failed without a reason", len(strange))
	for i, x := range strange {
		if i < 5 {
			t.Logf("keepalived: %v", x)
		}
	}
	stop()
}

// signal sends keepalived a signal.
func (d *director) signal(s syscall.Signal) error {
	var pid int
	text, err := os.ReadFile(filepath.Join(d.dir, "p.pid"))
	if err == nil {
		_, err = fmt.Sscan(string(text), &pid)
	}
	if err == nil {
		err = syscall.Kill(pid, s)
	}
	return err
}
