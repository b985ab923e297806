package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/control"
	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
	"github.com/moonkeep/moonkeep/core/kernel/sysctl"
	"github.com/moonkeep/moonkeep/core/netspec"
)

// site is a switch with hosts on it, each with eth0.
type switched struct {
	fabric *netnstest.Host
	ports  int
}

func newSwitch(t *testing.T) *switched {
	t.Helper()
	s := &switched{fabric: netnstest.New(t)}
	netnstest.Must(t, s.fabric.Link.AddBridge("br0"))
	netnstest.Must(t, s.fabric.Link.SetUp("br0"))
	return s
}

// host adds one with an address.
func (s *switched) host(t *testing.T, prefix string) *director {
	t.Helper()
	return s.hostOn(t, "eth0", prefix)
}

// hostOn adds one whose interface has this name.
func (s *switched) hostOn(t *testing.T, device, prefix string) *director {
	t.Helper()
	h := netnstest.New(t)
	s.ports++
	port := fmt.Sprint("p", s.ports)
	netnstest.Connect(t, h, device, s.fabric, port)
	netnstest.Must(t, s.fabric.Link.SetMaster(port, "br0"))
	d := &director{host: &host{h, t.TempDir()}, servers: h}
	_, err := h.Link.Add(netspec.Address{Prefix: netip.MustParsePrefix(prefix), Device: device})
	netnstest.Must(t, err)
	return d
}

// meets asks for an address until the answers to eight requests in a row are
// these, one after the other, as rr has it.
func (d *director) meets(t *testing.T, address string, want ...string) {
	t.Helper()
	got := make([]string, 8)
	inTurn := func() bool {
		for i := range got {
			if !slices.Contains(want, got[i]) || i >= len(want) && got[i] != got[i-len(want)] {
				return false
			}
		}
		first := slices.Sorted(slices.Values(got[:len(want)]))
		return slices.Equal(slices.Compact(first), want)
	}
	for began := time.Now(); ; time.Sleep(200 * time.Millisecond) {
		for i := range got {
			body, err := ask(d.Host, address)
			if err != nil {
				body = err.Error()
			}
			got[i] = body
		}
		if inTurn() {
			return
		}
		if time.Since(began) > 60*time.Second {
			t.Fatalf("%s answers %q, want %q in turn", address, got, want)
		}
	}
}

// page is a web server that can be stopped and started.
type page struct {
	h    *netnstest.Host
	body string
	stop func()
}

func (p *page) start(t *testing.T) {
	t.Helper()
	var l net.Listener
	p.h.Run(t, func() (err error) {
		l, err = net.Listen("tcp", ":80")
		return err
	})
	s := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, p.body) })}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(l) }()
	p.stop = func() {
		_ = s.Close()
		<-ended
		p.stop = func() {}
	}
	t.Cleanup(func() { p.stop() })
}

// destinations is how many lines of the table lead to servers of an address.
func (d *director) destinations(t *testing.T, server string) (n int) {
	t.Helper()
	for _, line := range d.saved(t) {
		if strings.Contains(line, " -r "+server+":80 ") {
			n++
		}
	}
	return n
}

// TestGuestExample plays examples/lvs-dr: clients meet both servers in turn, or
// the one that works, and after the stop of a director the other one has both
// addresses. TestGuestTwoDirectors goes further.
func TestGuestExample(t *testing.T) {
	needIPVS(t)
	s := newSwitch(t)
	client := s.host(t, "192.168.10.1/24")
	a, b := s.host(t, "192.168.10.14/24"), s.host(t, "192.168.10.15/24")
	one, two := s.host(t, "192.168.10.16/24"), s.host(t, "192.168.10.17/24")
	pages := map[*director]*page{}
	for h, body := range map[*director]string{one: "one", two: "two", a: "sorry", b: "sorry"} {
		pages[h] = &page{h: h.Host, body: body}
		pages[h].start(t)
	}
	confs := "../../examples/lvs-dr/"
	for _, h := range []*director{one, two} {
		cmd := self("realserver", "up", confs+"keepalived-a.conf", "--run-dir", filepath.Join(h.dir, "run"))
		h.run(t, cmd)
	}
	stopA := a.moonkeep(t, confs+"keepalived-a.conf")
	b.moonkeep(t, confs+"keepalived-b.conf")

	both := func(want ...string) {
		t.Helper()
		client.meets(t, "192.168.10.100:80", want...)
		client.meets(t, "192.168.10.200:80", want...)
	}
	both("one", "two")
	if table := a.saved(t); len(table) != 6 || !slices.Contains(table, "-a -t 192.168.10.200:80 -r 192.168.10.17:80 -g -w 1") {
		t.Errorf("the table is %q", table)
	}
	if !a.has(t, netip.MustParsePrefix("192.168.10.100/24")) || !b.has(t, netip.MustParsePrefix("192.168.10.200/24")) {
		t.Error("the addresses are not shared out")
	}
	pages[one].stop()
	both("two")
	// Each director notices for itself, also for the address of the other one.
	eventually(t, "the dead server to have no place", func() bool { return a.destinations(t, "192.168.10.16") == 0 }, nothing)
	pages[one].start(t)
	both("one", "two")
	stopA()
	both("one", "two")
	if !b.has(t, netip.MustParsePrefix("192.168.10.100/24")) || len(a.saved(t)) != 0 {
		t.Error("the other director does not have both, or the first one left something behind")
	}
}

// TestGuestWays: packets reach servers by NAT and through a tunnel, over IPv6,
// by a firewall mark, persistently, and one by one; and a server is drained.
func TestGuestWays(t *testing.T) {
	needIPVS(t)
	s := newSwitch(t)
	client := s.host(t, "192.168.10.1/24")
	d := s.host(t, "192.168.10.14/24")
	one, two := s.host(t, "192.168.10.16/24"), s.host(t, "192.168.10.17/24")
	for h, six := range map[*director]string{client: "fd00::1/64", d: "fd00::14/64", one: "fd00::16/64", two: "fd00::17/64"} {
		h.give(t, six)
	}
	for h, body := range map[*director]string{one: "one", two: "two"} {
		(&page{h: h.Host, body: body}).start(t)
		// What is rewritten comes back by way of the director.
		h.ip(t, h.Host, "route add default via 192.168.10.14", "route del 192.168.10.0/24", "route add 192.168.10.14 dev eth0", "route add 192.168.10.1 via 192.168.10.14",
			"-6 route del fd00::/64 dev eth0", "-6 route add fd00::14 dev eth0", "-6 route add fd00::1 via fd00::14")
		// The director would tell of the shorter way.
		netnstest.Must(t, sysctl.New(h.NS, nil).Set("ipv6/conf/eth0/accept_redirects", "0"))
	}
	netnstest.Must(t, sysctl.New(d.NS, nil).Set("ipv4/ip_forward", "1"))
	netnstest.Must(t, sysctl.New(d.NS, nil).Set("ipv6/conf/all/forwarding", "1"))
	for _, name := range []string{"ipv4/conf/all/send_redirects", "ipv4/conf/eth0/send_redirects"} {
		netnstest.Must(t, sysctl.New(d.NS, nil).Set(name, "0"))
	}
	d.ip(t, d.Host, "addr add 192.168.20.1/32 dev lo", "addr add 192.168.20.2/32 dev lo", "addr add fd00:9::1/128 dev lo")
	client.ip(t, client.Host, "route add 192.168.20.0/24 via 192.168.10.14", "-6 route add fd00:9::/64 via fd00::14")
	conf := `
global_defs {
	router_id WAYS
}
virtual_server 192.168.20.1 80 {
	delay_loop 1
	lb_algo rr
	lb_kind NAT
	protocol TCP
	real_server 192.168.10.16 80 {
		TCP_CHECK {
			connect_timeout 1
		}
	}
	real_server 192.168.10.17 80 {
		TCP_CHECK {
			connect_timeout 1
		}
	}
}
virtual_server 192.168.20.2 80 {
	delay_loop 1
	lb_algo rr
	lb_kind NAT
	protocol TCP
	persistence_timeout 60
	real_server 192.168.10.16 80 {
	}
	real_server 192.168.10.17 80 {
	}
}
virtual_server fd00:9::1 80 {
	delay_loop 1
	lb_algo rr
	lb_kind NAT
	protocol TCP
	real_server fd00::16 80 {
		HTTP_GET {
			url {
				path /
			}
			connect_timeout 1
		}
	}
	real_server fd00::17 80 {
	}
}
`
	d.moonkeep(t, d.write(t, "ways.conf", conf, 0o600))
	answers := func(address string, n int) (got []string) {
		for range n {
			body, err := ask(client.Host, address)
			if err != nil {
				body = err.Error()
			}
			got = append(got, body)
		}
		slices.Sort(got)
		return slices.Compact(got)
	}
	want := func(address string, want ...string) {
		t.Helper()
		var got []string
		for began := time.Now(); time.Since(began) < 60*time.Second; time.Sleep(200 * time.Millisecond) {
			if got = answers(address, 6); slices.Equal(got, want) {
				return
			}
		}
		t.Errorf("%s answers %q, want %q", address, got, want)
	}
	want("192.168.20.1:80", "one", "two")
	want("[fd00:9::1]:80", "one", "two")
	if got := answers("192.168.20.2:80", 6); len(got) != 1 || len(got[0]) != 3 {
		t.Errorf("a persistent service answers %q", got)
	}
	drain := func(args ...string) string {
		t.Helper()
		cmd := self(append(args, "--run-dir", filepath.Join(d.dir, "run"))...)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Errorf("%v: %v: %s", args, err, out)
		}
		return string(out)
	}
	time.Sleep(3 * time.Second) // the kernel sums up every two
	// It ends, for nobody looks at it on a terminal.
	if out := drain("top"); strings.Contains(out, "\x1b") || !regexp.MustCompile(`(?m)^  192\.168\.10\.16:80 +1 .* [1-9][0-9]* +[0-9.]+K? +[0-9.]+K?$`).MatchString(out) {
		t.Errorf("top:\n%s", out)
	}
	var counted control.Status
	netnstest.Must(t, json.Unmarshal([]byte(drain("status", "--json")), &counted))
	if v := counted.IPVS; v == nil || len(v.Services) != 3 || !slices.ContainsFunc(v.Services, func(s control.ServiceUsage) bool {
		return s.Name == "TCP 192.168.20.1:80" && s.Counters.Connections >= 6 && len(s.Servers) == 2 && s.Servers[0].Counters.BytesIn > 0
	}) {
		t.Errorf("status --json counts %+v", v)
	}
	if out := drain("top", "--zero"); out != "set to zero: the counters of 3 services in IPVS\n" {
		t.Errorf("top --zero: %s", out)
	}
	var zeroed control.Usage
	netnstest.Must(t, json.Unmarshal([]byte(drain("top", "--json")), &zeroed))
	if len(zeroed.Services) != 3 || slices.ContainsFunc(zeroed.Services, func(s control.ServiceUsage) bool {
		return s.Counters.Connections > 0 || slices.ContainsFunc(s.Servers, func(r control.ServerUsage) bool { return r.Counters.BytesIn > 0 })
	}) {
		t.Errorf("after top --zero: %+v", zeroed)
	}
	drain("drain", "192.168.10.16:80", "--service", "192.168.20.1:80")
	want("192.168.20.1:80", "two")
	for began := time.Now(); d.destinations(t, "192.168.10.16") > 1 && time.Since(began) < 30*time.Second; {
		time.Sleep(100 * time.Millisecond)
	}
	if n := d.destinations(t, "192.168.10.16"); n != 1 { // that of the other service
		t.Errorf("the drained server has %d places", n)
	}
	if out := drain("status"); !strings.Contains(out, "drain by hand: out of the table") || !strings.Contains(out, "IPVS table\n  is as it should be") {
		t.Errorf("status:\n%s", out)
	}
	// Also on disk its place is gone: a restart is not to bring it back.
	kept := ""
	for began := time.Now(); !strings.Contains(kept, "gone") && time.Since(began) < 30*time.Second; time.Sleep(100 * time.Millisecond) {
		text, err := os.ReadFile(filepath.Join(d.dir, "run", "servers.json"))
		netnstest.Must(t, err)
		kept = string(text)
	}
	if !strings.Contains(kept, "gone") {
		t.Errorf("for a restart there is %s", kept)
	}
	drain("server", "up", "192.168.10.16:80", "--service", "192.168.20.1:80")
	want("192.168.20.1:80", "one", "two")
	drain("weight", "192.168.10.17", "0", "--service", "192.168.20.1:80")
	want("192.168.20.1:80", "one")
}

// give adds a further address to eth0.
func (d *director) give(t *testing.T, prefix string) {
	t.Helper()
	_, err := d.Link.Add(netspec.Address{Prefix: netip.MustParsePrefix(prefix), Device: "eth0"})
	netnstest.Must(t, err)
}
