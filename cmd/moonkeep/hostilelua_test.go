package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
	"github.com/moonkeep/moonkeep/core/vrrp"
	"github.com/moonkeep/moonkeep/lua/hostiletest"
)

// hostileScripts each want the processor, the memory or the goroutines of the
// daemon for as long as they run: a few of each kind of those of package hostiletest,
// and what only a daemon has.
var hostileScripts = []string{
	"while true do end",
	"local s = 'x' while true do s = s .. s end",
	"local k = {} for i = 1, 1e9 do k[i] = {{}, {}, {}} end",
	"return ('a'):rep(30):find(('a*'):rep(12) .. 'b')",
	"while true do pcall(function() while true do end end) end",
	"local t = {} for i = 1, 1e9 do t['k' .. i] = i end",
	"local s = ('x'):rep(1e6) while true do local u = s:upper() end",
	"local h, s = require 'hash', ('x'):rep(1e6) while true do h.sha256(s) end",
	"local a, b, t = ('x'):rep(1e6), ('x'):rep(1e6) .. '', {} for i = 1, 6e4 do t[i] = i % 2 == 0 and a or b end table.sort(t)",
	"local p = require 'process' while true do p.count{cmdline = 'x'} end",
	"local r = require 're2' while true do r.match('(a*)*b', ('a'):rep(1e4)) end",
	"local l = require 'log' while true do l.info('x') end",
	"local l, f = require 'log', require 'file' while true do l.info(setmetatable({}, {__tostring = function() f.exists('/') return 'x' end})) end",
	"while true do pcall(error, setmetatable({}, {__tostring = function() while true do end end})) end",
	"local t = require 'tcp' while true do t.connect('127.0.0.1:1') end",
	"local f = require 'file' while true do f.read('/proc/self/maps') end",
	"local n, j = require 'node', require 'json' while true do j.encode(n.status()) end",
}

// hostileWorld wants what is outside: a server that drips, one that never ends,
// many sockets, and programs one after the other. Beside other tests that would
// be too much. A fork bomb is not among them: the kernel is so busy with one that
// nothing on the machine keeps its time.
var hostileWorld = []string{
	"local h = require 'http' while true do h.get('http://127.0.0.1:9001/') end",
	"local h, k = require 'http', {} while true do k[#k + 1] = h.get('http://127.0.0.1:9002/') end",
	"local t, k = require 'tcp', {} for i = 1, 1e4 do k[i] = t.connect('127.0.0.1:9001') end while true do end",
	"local e = require 'exec' while true do e.run{'true'} end",
}

// serveHostile drips an octet a second at port 9001 and pours at 9002.
func serveHostile(t *testing.T, h *host) {
	t.Helper()
	for port, answer := range map[string]func(net.Conn) error{
		"9001": func(c net.Conn) error { time.Sleep(time.Second); _, err := c.Write([]byte("H")); return err },
		"9002": func(c net.Conn) error { _, err := c.Write(make([]byte, 64<<10)); return err },
	} {
		var l net.Listener
		h.Run(t, func() (err error) { l, err = net.Listen("tcp", "127.0.0.1:"+port); return err })
		t.Cleanup(func() { l.Close() })
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				go func() {
					defer c.Close()
					_, _ = c.Write([]byte("HTTP/1.1 200 OK\r\nContent-Length: 10737418240\r\n\r\n")[:map[string]int{"9001": 0, "9002": 48}[port]])
					for answer(c) == nil {
					}
				}()
			}
		}()
	}
}

// hostileRounds are the scripts that run together: one round of some of each kind, and
// where the machine does nothing else one after the other of all that there are.
func hostileRounds(t *testing.T, h *host) [][]string {
	if !*idleFlag {
		return [][]string{hostileScripts}
	}
	netnstest.Must(t, h.Link.SetUp("lo"))
	serveHostile(t, h)
	all := slices.Concat(hostileScripts, hostileWorld)
	round := len(all)
	for _, s := range slices.Concat(hostiletest.Scripts(), hostiletest.Pieces()) {
		all = append(all, s.Body)
	}
	return slices.Collect(slices.Chunk(all, round))
}

// While some twenty hostile scripts run at once, all the time, no advert is late by
// more than 5 ms, as the kernel of the other node sees it. By what the host is
// late with waking anybody an advert may be late, too: a window of two seconds in
// which the host was in time and an advert was not counts against the daemon, one in
// which both were late for nobody. Three good windows must come before three bad ones.
// With the scripts their memory goes.
func TestHostileScriptsDelayNoAdvert(t *testing.T) {
	a, b := hosts(t)
	p := a.run(t, conf(150, vip.String(), ""))
	p.awaitRole(t, "MASTER")
	arrivals := adverts(t, b)
	for round, bodies := range hostileRounds(t, a) {
		var scripts, tracked strings.Builder
		for i, body := range bodies {
			name := fmt.Sprintf("r%ds%d", round, i)
			a.write(t, name+".lua", "return function()\n"+body+"\nend\n", 0o644)
			fmt.Fprintf(&scripts, "vrrp_script %s {\nscript \"lua:%s.lua allow=exec\"\ninterval 0.05\ntimeout 0.3\nweight 1\n}\n", name, name)
			fmt.Fprintf(&tracked, "\t\t%s weight 1\n", name)
		}
		a.write(t, "moonkeep.conf", conf(150, vip.String(), "\ttrack_script {\n"+tracked.String()+"\t}\n")+scripts.String(), 0o644)
		p.reloaded(t)
		advertsBeside(t, p, arrivals, bodies)
	}
	a.write(t, "moonkeep.conf", conf(150, vip.String(), ""), 0o644)
	p.reloaded(t)
	const limit = 64.0 * slack // the state of one that ran at the reload among it
	end, resident := time.Now().Add(30*time.Second), memory(t, p.Process.Pid)
	for ; resident > limit && time.Now().Before(end); resident = memory(t, p.Process.Pid) {
		time.Sleep(100 * time.Millisecond)
	}
	if resident > limit {
		t.Errorf("%.1f MiB resident after the hostile scripts, want %.0f at most", resident, limit)
	}
}

// advertsBeside measures the adverts beside one round of scripts.
func advertsBeside(t *testing.T, p *process, arrivals func(int) []time.Time, bodies []string) {
	t.Helper()
	const interval, late, wanted, most = 100 * time.Millisecond, 5 * time.Millisecond, 3, 20
	good, bad, resident := 0, 0, 0.0
	for n := 0; good < wanted && bad < wanted && n < most; n++ {
		stop, longest := make(chan struct{}), make(chan time.Duration)
		go func() { longest <- oversleep(stop) }()
		times := arrivals(20)
		close(stop)
		worst, host := time.Duration(0), <-longest
		for i := 1; i < len(times); i++ {
			worst = max(worst, times[i].Sub(times[i-1])-interval)
		}
		resident = max(resident, memory(t, p.Process.Pid))
		switch {
		case worst <= slack*late+host:
			good++
			continue
		case host <= late:
			bad++
		}
		t.Logf("an advert was late by %v, the host by %v", worst, host)
	}
	if good == 0 || bad == wanted {
		t.Errorf("an advert was late in %d windows in which the host was not, and in time in %d", bad, good)
	}
	s, err := p.status()
	netnstest.Must(t, err)
	if len(s.Scripts) != len(bodies) {
		t.Errorf("%d scripts run, want %d", len(s.Scripts), len(bodies))
	}
	for _, script := range s.Scripts {
		if script.Result == "" || script.Result == "ok" {
			t.Errorf("%s: %q %q", script.Name, script.Result, script.Message)
		}
	}
	// Each of them may have 16 MiB, by an estimate, and as much is kept until it is
	// collected.
	if limit := float64(32*len(bodies)) * slack; resident > limit {
		t.Errorf("%.0f MiB resident beside %d hostile scripts, want %.0f at most", resident, len(bodies), limit)
	}
}

// oversleep returns by how much the host was late at most with waking somebody
// who sleeps for a millisecond, until stop.
func oversleep(stop <-chan struct{}) (most time.Duration) {
	for {
		begin := time.Now()
		select {
		case <-stop:
			return most
		case <-time.After(time.Millisecond):
			most = max(most, time.Since(begin)-time.Millisecond)
		}
	}
}

// adverts returns a function that waits for so many adverts and returns when
// they came, by the kernel's clock.
func adverts(t *testing.T, h *host) func(n int) []time.Time {
	var fd int
	h.Run(t, func() (err error) {
		// As the network sees it: ETH_P_IP in network order.
		fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0x0008)
		return err
	})
	t.Cleanup(func() { unix.Close(fd) })
	netnstest.Must(t, unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1))
	netnstest.Must(t, unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 5}))
	return func(n int) (times []time.Time) {
		t.Helper()
		packet, control := make([]byte, 2048), make([]byte, 256)
		for len(times) < n {
			size, length, _, _, err := unix.Recvmsg(fd, packet, control, 0)
			if errors.Is(err, unix.EINTR) {
				continue
			}
			netnstest.Must(t, err)
			if size < 20 || packet[9] != vrrp.Protocol {
				continue
			}
			messages, err := unix.ParseSocketControlMessage(control[:length])
			netnstest.Must(t, err)
			for _, m := range messages {
				if m.Header.Type == unix.SO_TIMESTAMPNS {
					times = append(times, time.Unix(int64(binary.NativeEndian.Uint64(m.Data)), int64(binary.NativeEndian.Uint64(m.Data[8:]))))
				}
			}
		}
		return times
	}
}
