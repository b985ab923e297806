package main

import (
	"bufio"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
)

// formsConf has a service for each way in which packets reach servers that
// answer clients themselves.
const formsConf = `
global_defs {
	router_id FORMS
	vrrp_version 3
	lvs_sync_daemon eth0 V id 7
}
vrrp_instance V {
	state STATE
	interface eth0
	virtual_router_id 60
	priority PRIORITY
	advert_int 0.2
	virtual_ipaddress {
		192.168.10.100/24
		192.168.10.101/24
		192.168.10.102/24
		192.168.10.103/24
	}
}
virtual_server 192.168.10.100 7000 {
	delay_loop 1
	lb_algo rr
	lb_kind DR
	protocol TCP
	SERVERS
}
virtual_server 192.168.10.101 80 {
	delay_loop 1
	lb_algo rr
	lb_kind TUN
	protocol TCP
	SERVERS
}
virtual_server fwmark 5 {
	delay_loop 1
	lb_algo rr
	lb_kind DR
	SERVERS
}
virtual_server 192.168.10.103 53 {
	delay_loop 1
	lb_algo rr
	lb_kind DR
	protocol UDP
	ops
	SERVERS
}
`

// formsServers are the real servers of all of them.
const formsServers = `
	real_server 192.168.10.16 80 {
		TCP_CHECK {
			connect_port 80
			connect_timeout 1
		}
	}
	real_server 192.168.10.17 80 {
		TCP_CHECK {
			connect_port 80
			connect_timeout 1
		}
	}
`

// echo answers each line on TCP port 7000 with the host's name, and each packet
// on UDP port 53 of an address.
func echo(t *testing.T, h *netnstest.Host, name, udp string) {
	t.Helper()
	var l net.Listener
	var u net.PacketConn
	h.Run(t, func() (err error) {
		if l, err = net.Listen("tcp", ":7000"); err != nil {
			return err
		}
		u, err = net.ListenPacket("udp", udp)
		return err
	})
	t.Cleanup(func() { l.Close(); u.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				for lines := bufio.NewScanner(c); lines.Scan(); {
					if _, err := fmt.Fprintln(c, name); err != nil {
						return
					}
				}
			}()
		}
	}()
	go func() {
		b := make([]byte, 100)
		for {
			_, from, err := u.ReadFrom(b)
			if err != nil {
				return
			}
			_, _ = u.WriteTo([]byte(name), from)
		}
	}()
}

// say sends a line and returns the answer.
func say(c net.Conn) (string, error) {
	if err := c.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		return "", err
	}
	if _, err := fmt.Fprintln(c, "hello"); err != nil {
		return "", err
	}
	line, err := bufio.NewReader(c).ReadString('\n')
	return strings.TrimSpace(line), err
}

// TestGuestForms: packets reach servers through a tunnel, by a firewall mark
// whatever their port, and one by one; and an established connection outlives
// the director that it began with, because the other one was told of it.
func TestGuestForms(t *testing.T) {
	needIPVS(t)
	if _, err := exec.LookPath("tc"); err != nil {
		t.Skip("needs tc: it marks packets")
	}
	s := newSwitch(t)
	client := s.host(t, "192.168.10.1/24")
	a, b := s.host(t, "192.168.10.14/24"), s.host(t, "192.168.10.15/24")
	one, two := s.host(t, "192.168.10.16/24"), s.host(t, "192.168.10.17/24")
	conf := strings.ReplaceAll(formsConf, "SERVERS", formsServers)
	master := strings.NewReplacer("STATE", "MASTER", "PRIORITY", "200").Replace(conf)
	backup := strings.NewReplacer("STATE", "BACKUP", "PRIORITY", "100").Replace(conf)
	for h, name := range map[*director]string{one: "one", two: "two"} {
		file := h.write(t, "forms.conf", master, 0o600)
		h.Run(t, func() error {
			out, err := self("realserver", "up", file, "--run-dir", filepath.Join(h.dir, "run")).CombinedOutput()
			if err != nil {
				return fmt.Errorf("realserver up: %w: %s", err, out)
			}
			return nil
		})
		h.ip(t, h.Host, "addr add 192.168.10.102/32 dev lo") // no configuration says what is marked
		(&page{h: h.Host, body: name}).start(t)
		echo(t, h.Host, name, "192.168.10.103:53")
	}
	for _, d := range []*director{a, b} {
		d.Run(t, func() error {
			for _, line := range []string{"qdisc add dev eth0 ingress", "filter add dev eth0 ingress protocol ip u32 match ip dst 192.168.10.102/32 action skbedit mark 5"} {
				if out, err := exec.Command("tc", strings.Fields(line)...).CombinedOutput(); err != nil {
					return fmt.Errorf("tc %s: %w: %s", line, err, out)
				}
			}
			return nil
		})
	}
	a.moonkeep(t, a.write(t, "forms.conf", master, 0o600))
	b.moonkeep(t, b.write(t, "forms.conf", backup, 0o600))
	both := func(address string) {
		t.Helper()
		var got []string
		for began := time.Now(); time.Since(began) < 60*time.Second; time.Sleep(200 * time.Millisecond) {
			got = got[:0]
			for range 4 {
				body, err := ask(client.Host, address)
				if err != nil {
					body = err.Error()
				}
				got = append(got, body)
			}
			if turn := slices.Clone(got[:2]); slices.Contains(turn, "one") && slices.Contains(turn, "two") && slices.Equal(turn, got[2:]) {
				return
			}
		}
		t.Errorf("%s answers %q", address, got)
	}
	both("192.168.10.101:80") // a tunnel
	both("192.168.10.102:80") // a mark
	// The backup may have answered, before the master ran.
	var table []string
	for began := time.Now(); len(table) == 0 && time.Since(began) < time.Minute; time.Sleep(200 * time.Millisecond) {
		table = a.saved(t)
	}
	if !slices.Contains(table, "-a -f 5 -r 192.168.10.16:0 -g -w 1") || !slices.Contains(table, "-a -t 192.168.10.101:80 -r 192.168.10.17:80 -i -w 1 --tun-type ipip") {
		t.Errorf("the table is %q", table)
	}

	// One socket, so that without one-packet scheduling all would reach one
	// server.
	got := map[string]int{}
	netnstest.Must(t, client.NS.Do(func() error {
		c, err := net.Dial("udp", "192.168.10.103:53")
		if err != nil {
			return err
		}
		defer c.Close()
		answer := make([]byte, 100)
		for range 8 {
			if _, err := c.Write([]byte("hello")); err != nil {
				return err
			}
			if err := c.SetReadDeadline(time.Now().Add(5 * time.Second)); err != nil {
				return err
			}
			n, err := c.Read(answer)
			if err != nil {
				return err
			}
			got[string(answer[:n])]++
		}
		return nil
	}))
	if got["one"] != 4 || got["two"] != 4 {
		t.Errorf("packets of one socket reach %v", got)
	}

	var c net.Conn
	netnstest.Must(t, client.NS.Do(func() (err error) {
		c, err = net.DialTimeout("tcp", "192.168.10.100:7000", 10*time.Second)
		return err
	}))
	defer c.Close()
	first, err := say(c)
	netnstest.Must(t, err)
	connections := func(d *director) (text string) {
		d.Run(t, func() error {
			out, err := exec.Command("ipvsadm", "-Lnc").CombinedOutput()
			text = string(out)
			return err
		})
		return text
	}
	for began := time.Now(); !strings.Contains(connections(b), c.LocalAddr().String()); time.Sleep(100 * time.Millisecond) {
		if _, err := say(c); err != nil {
			t.Fatal(err)
		}
		if time.Since(began) > 30*time.Second {
			t.Fatalf("the other director does not know of the connection of %v:\n%s", c.LocalAddr(), connections(b))
		}
	}
	// Another name of the instance changes no role, nor who tells of connections.
	a.write(t, "forms.conf", strings.NewReplacer("eth0 V id", "eth0 W id", "instance V {", "instance W {").Replace(master), 0o600)
	a.Run(t, func() error {
		for _, c := range []*exec.Cmd{self("reload", "--run-dir", filepath.Join(a.dir, "run")), exec.Command("sleep", "0.5"), exec.Command("ipvsadm", "-L", "--daemon")} {
			out, err := c.CombinedOutput()
			if err != nil {
				return fmt.Errorf("%v: %w: %s", c.Args, err, out)
			}
			if text := string(out); c.Args[0] == "ipvsadm" && (!strings.Contains(text, "master sync daemon") || strings.Contains(text, "backup sync daemon")) {
				t.Errorf("with another name of the instance of the master there is %q", text)
			}
		}
		return nil
	})
	a.ip(t, a.Host, "link set eth0 down") // as a director that lost its power
	if again, err := say(c); err != nil || again != first {
		t.Errorf("after the fail-over %q answers, %v; before it %q", again, err, first)
	}
	if !b.has(t, netip.MustParsePrefix("192.168.10.100/24")) {
		t.Error("the connection lives on, but not by way of the other director")
	}
	both("192.168.10.102:80")
}

// TestGuestNamespace: the table is made in another network namespace than the
// one that the daemon and its checks are in; and a scheduler that the kernel
// lacks costs its own service only.
func TestGuestNamespace(t *testing.T) {
	needIPVS(t)
	loader := "/proc/sys/kernel/modprobe"
	before, err := os.ReadFile(loader)
	netnstest.Must(t, err)
	if _, err := os.Stat("/sys/module/ip_vs_lblcr"); err == nil {
		t.Skip("needs a kernel without /sys/module/ip_vs_lblcr: the scheduler is there")
	}
	netnstest.Must(t, os.WriteFile(loader, []byte("/bin/false"), 0))
	t.Cleanup(func() { netnstest.Must(t, os.WriteFile(loader, before, 0)) })
	d, other := newDirector(t), netnstest.New(t)
	inside := &director{host: &host{other, d.dir}}
	space := inside.named(t, "other")
	text := "net_namespace_ipvs " + space + "\n" + strings.NewReplacer("WEIGHT", "3", "192.168.10.16", "10.2.0.1", "192.168.10.17", "10.2.0.2").Replace(loadConf)
	lacking := strings.NewReplacer("192.168.20.1", "192.168.20.2", "wrr", "lblcr").Replace(text[strings.Index(text, "virtual_server"):])
	file := d.write(t, "space.conf", text+lacking, 0o600)
	inside.Run(t, func() error { return os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0) })
	d.Run(t, func() error {
		out, _ := self("doctor", file, "--listen", "0", "--run-dir", d.dir).CombinedOutput() // it has something to say
		for _, line := range []string{"net/ipv4/ip_forward in net_namespace_ipvs " + space + " is 1", "IPVS is version 1.", "IPVS with lvs_sched lblcr"} {
			if !strings.Contains(strings.Join(strings.Fields(strings.ReplaceAll(string(out), ":", "")), " "), line) {
				t.Errorf("doctor does not say %q: %s", line, out)
			}
		}
		return nil
	})
	stop := d.moonkeep(t, file)
	want := []string{"-A -t 192.168.20.1:80 -s wrr", "-a -t 192.168.20.1:80 -r 10.2.0.1:80 -m -w 3", "-a -t 192.168.20.1:80 -r 10.2.0.2:80 -m -w 5"}
	var got []string
	for began := time.Now(); !slices.Equal(got, want); time.Sleep(100 * time.Millisecond) {
		if got = inside.saved(t); time.Since(began) > 30*time.Second {
			t.Fatalf("the table there is %q", got)
		}
	}
	if here := d.saved(t); len(here) > 0 {
		t.Errorf("the table here is %q", here)
	}
	log := func() string {
		text, _ := os.ReadFile(filepath.Join(d.dir, filepath.Base(os.Args[0])+".log"))
		return string(text)
	}
	const lack = "the kernel lacks the scheduler lblcr: load ip_vs_lblcr"
	for began := time.Now(); !strings.Contains(log(), lack); time.Sleep(100 * time.Millisecond) {
		if time.Since(began) > 30*time.Second {
			t.Fatalf("its log does not say that %s:\n%s", lack, log())
		}
	}
	netnstest.Must(t, os.WriteFile(loader, before, 0))
	for began := time.Now(); len(inside.saved(t)) < 6; time.Sleep(100 * time.Millisecond) {
		if time.Since(began) > 30*time.Second {
			t.Fatalf("with the scheduler the table is %q", inside.saved(t))
		}
	}
	stop()
	if left := inside.saved(t); len(left) > 0 {
		t.Errorf("after the stop: %q", left)
	}
}
