package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
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
}
`

// quick answers every connection with one octet and ends it.
func quick(t *testing.T, h *netnstest.Host) {
	t.Helper()
	var l net.Listener
	h.Run(t, func() (err error) {
		l, err = net.Listen("tcp", ":80")
		return err
	})
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write([]byte("x"))
			_ = c.Close()
		}
	}()
}

// manyRequests makes requests, as many as it can of so many a second, until ctx ends.
// It returns how many there were, and those that failed.
func manyRequests(ctx context.Context, ns *netnstest.Host, address string, rate int) (n int, failures []string) {
	const workers = 8
	var mu sync.Mutex
	var all sync.WaitGroup
	due := make(chan struct{})
	for range workers {
		all.Go(func() {
			// A namespace belongs to a thread, and so one call is for all.
			err := ns.NS.Do(func() error {
				for range due {
					why := request(address)
					mu.Lock()
					n++
					if why != nil {
						failures = append(failures, why.Error())
					}
					mu.Unlock()
				}
				return nil
			})
			if err != nil {
				mu.Lock()
				failures = append(failures, err.Error())
				mu.Unlock()
			}
		})
	}
	tick := time.NewTicker(time.Second / time.Duration(rate))
	defer tick.Stop()
	for ctx.Err() == nil {
		select {
		case <-tick.C:
			select {
			case due <- struct{}{}:
			case <-ctx.Done():
			}
		case <-ctx.Done():
		}
	}
	close(due)
	all.Wait()
	return n, failures
}

func request(address string) error {
	c, err := net.DialTimeout("tcp", address, 10*time.Second)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return err
	}
	b, err := io.ReadAll(c)
	if err == nil && string(b) != "x" {
		err = fmt.Errorf("the answer is %q", b)
	}
	return err
}

// TestGuestLoad: of many requests none fails while the configuration is loaded
// again each second, while weights change ten times a second, and while a
// server is drained and taken back.
func TestGuestLoad(t *testing.T) {
	needIPVS(t)
	span := 5 * time.Second
	if *everySite {
		span = time.Minute
	}
	s := newSwitch(t)
	client := s.host(t, "192.168.10.1/24")
	d := s.host(t, "192.168.10.14/24")
	for _, last := range []string{"16", "17"} {
		h := s.host(t, "192.168.10."+last+"/24")
		// What is rewritten comes back by way of the director.
		h.ip(t, h.Host, "route add 192.168.10.14 dev eth0", "route add 192.168.10.1 via 192.168.10.14", "route del 192.168.10.0/24")
		netnstest.Must(t, sysctl.New(h.NS, nil).Set("ipv4/conf/all/accept_redirects", "0"))
		netnstest.Must(t, sysctl.New(h.NS, nil).Set("ipv4/conf/eth0/accept_redirects", "0"))
		quick(t, h.Host)
	}
	netnstest.Must(t, sysctl.New(d.NS, nil).Set("ipv4/ip_forward", "1"))
	for _, name := range []string{"ipv4/conf/all/send_redirects", "ipv4/conf/eth0/send_redirects"} {
		netnstest.Must(t, sysctl.New(d.NS, nil).Set(name, "0"))
	}
	d.ip(t, d.Host, "addr add 192.168.20.1/32 dev lo")
	client.ip(t, client.Host, "route add 192.168.20.0/24 via 192.168.10.14")

	// Each time another part of a group's range comes or goes beside the address that
	// requests go to.
	ranges, writes := []string{"192.168.20.1-4", "192.168.20.0-2", "192.168.20.1-9", "192.168.20.1"}, 0
	write := func(weight string) string {
		group := "virtual_server_group g {\n\t" + ranges[writes%len(ranges)] + " 80\n}\nvirtual_server group g {"
		writes++
		text := strings.NewReplacer("WEIGHT", weight, "virtual_server 192.168.20.1 80 {", group).Replace(loadConf)
		return d.write(t, "load.conf", text, 0o600)
	}
	ready := func() {
		t.Helper()
		for began := time.Now(); d.destinations(t, "192.168.10.16") == 0 || d.destinations(t, "192.168.10.17") == 0; time.Sleep(100 * time.Millisecond) {
			if time.Since(began) > 30*time.Second {
				t.Fatal("the table is not made")
			}
		}
	}
	during := func(what string, act func(ctx context.Context)) (failures []string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), span)
		defer cancel()
		var acting sync.WaitGroup
		acting.Go(func() { act(ctx) })
		began := time.Now()
		n, failures := manyRequests(ctx, client.Host, "192.168.20.1:80", 2000)
		acting.Wait()
		t.Logf("%s: %d requests, %.0f a second, %d failed", what, n, float64(n)/time.Since(began).Seconds(), len(failures))
		if n < 100 {
			t.Errorf("%s: only %d requests: nothing is shown", what, n)
		}
		return failures
	}
	each := func(ctx context.Context, every time.Duration, f func(i int)) {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for i := 0; ; i++ {
			f(i)
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	}
	weights := []string{"5", "1", "50"}

	stop := d.moonkeep(t, write("5"))
	ready()
	c := control.NewClient(filepath.Join(d.dir, "run"))
	none := func(what string, failures []string) {
		t.Helper()
		if len(failures) > 0 {
			t.Errorf("%s: %d requests failed, the first: %s", what, len(failures), failures[0])
		}
	}
	none("reloads", during("reloads", func(ctx context.Context) {
		each(ctx, time.Second, func(i int) {
			write(weights[i%len(weights)])
			if _, err := c.Reload(t.Context(), control.ReloadRequest{}); err != nil {
				t.Error(err)
			}
		})
	}))
	server := func(r control.ServersRequest) {
		r.Server = "192.168.10.16:80"
		if _, err := c.Servers(t.Context(), r); err != nil {
			t.Error(err)
		}
	}
	none("weights", during("weights", func(ctx context.Context) {
		each(ctx, 100*time.Millisecond, func(i int) {
			weight := 1 + i%10
			server(control.ServersRequest{Weight: &weight})
		})
	}))
	drained := 0
	none("drains", during("drains", func(ctx context.Context) {
		for ctx.Err() == nil {
			server(control.ServersRequest{Wish: "drain"})
			for began := time.Now(); d.destinations(t, "192.168.10.16") > 0 && time.Since(began) < 60*time.Second; {
				time.Sleep(50 * time.Millisecond)
			}
			if d.destinations(t, "192.168.10.16") > 0 {
				t.Error("the server that is drained keeps its place")
				return
			}
			drained++
			server(control.ServersRequest{Wish: "auto"})
			ready()
		}
	}))
	if drained == 0 {
		t.Error("no server was drained")
	}
	stop()
	if !*everySite {
		return
	}
	// What the other one does on the same machine, for comparison.
	stop = d.keepalived(t, write("5"))
	ready()
	failed := during("keepalived's reloads", func(ctx context.Context) {
		each(ctx, time.Second, func(i int) {
			write(weights[i%len(weights)])
			if err := d.signal(syscall.SIGHUP); err != nil {
				t.Error(err)
			}
		})
	})
	t.Logf("of keepalived's %d failed", len(failed))
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
