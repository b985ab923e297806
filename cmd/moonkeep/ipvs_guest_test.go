package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/kernel/ipvs"
	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
	"github.com/moonkeep/moonkeep/core/netspec"
)

var everySite = flag.Bool("matrix", false, "compare the table of IPVS with keepalived's for every site of testdata/ipvs")

var onlySite = flag.String("site", "", "compare it for these sites of testdata/ipvs, by a pattern of file names without .conf")

// needIPVS skips the test unless the kernel balances load and ipvsadm shows it.
func needIPVS(t *testing.T) {
	t.Helper()
	if _, err := os.Stat("/sys/module/ip_vs"); err != nil {
		t.Skip("needs /sys/module/ip_vs: the kernel balances no load")
	}
	if _, err := exec.LookPath("ipvsadm"); err != nil {
		t.Skip("needs ipvsadm: an independent reader of the table")
	}
}

// needKeepalived skips the test unless keepalived is installed. A test that has others wait
// for it asks before they do.
func needKeepalived(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("keepalived"); err != nil {
		t.Skip("needs keepalived: its table is compared")
	}
}

// director is a namespace that balances, connected to one that is every real
// server: all of 10.2.0.0/17 and fd00:2::/64 answers there on port 80, nothing
// else does.
type director struct {
	*host
	servers *netnstest.Host
}

func newDirector(t *testing.T) *director {
	t.Helper()
	left, right := netnstest.Pair(t, "eth0", "eth0")
	d := &director{&host{left, t.TempDir()}, right}
	for _, a := range []string{"10.1.0.1/24", "fd00:1::1/64"} {
		d.give(t, a)
	}
	for _, a := range []string{"10.1.0.2/24", "fd00:1::2/64"} {
		_, err := right.Link.Add(netspec.Address{Prefix: netip.MustParsePrefix(a), Device: "eth0"})
		netnstest.Must(t, err)
	}
	d.ip(t, left, "route add 10.2.0.0/16 via 10.1.0.2", "-6 route add fd00:2::/48 via fd00:1::2",
		"link add tunl0 type dummy", "addr add 10.9.0.1/32 dev lo", "addr add fd00:9::1/128 dev lo")
	d.ip(t, right, "route add local 10.2.0.0/17 dev lo", "-6 route add local fd00:2::/64 dev lo")
	d.listen(t, ":80", "served")
	return d
}

// ip runs commands of ip(8) on a host. One that fails is no error: the kernel
// may have it so already.
func (d *director) ip(t *testing.T, h *netnstest.Host, lines ...string) {
	t.Helper()
	for _, six := range []bool{false, true} {
		var text strings.Builder
		for _, line := range lines {
			rest, is := strings.CutPrefix(line, "-6 ")
			if is == six {
				text.WriteString(rest + "\n")
			}
		}
		if text.Len() == 0 {
			continue
		}
		args := []string{"-force", "-batch", "-"}
		if six {
			args = append([]string{"-6"}, args...)
		}
		h.Run(t, func() error {
			cmd := exec.Command("ip", args...)
			cmd.Stdin = strings.NewReader(text.String())
			_ = cmd.Run()
			return nil
		})
	}
}

// listen serves HTTP for all real servers.
func (d *director) listen(t *testing.T, address, body string) {
	t.Helper()
	var l net.Listener
	d.servers.Run(t, func() (err error) {
		l, err = net.Listen("tcp", address)
		return err
	})
	s := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			http.NotFound(w, r)
			return
		}
		_, _ = io.WriteString(w, body)
	})}
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(l) }()
	t.Cleanup(func() {
		netnstest.Must(t, s.Close())
		<-ended
	})
}

// saved is the table of IPVS as ipvsadm -Sn writes it, sorted.
func (d *director) saved(t *testing.T) (lines []string) {
	t.Helper()
	d.Run(t, func() error {
		out, err := exec.Command("ipvsadm", "-Sn").Output()
		for line := range strings.Lines(string(out)) {
			lines = append(lines, strings.TrimSpace(line))
		}
		return err
	})
	slices.Sort(lines)
	return lines
}

// listed is the table as the kernel tells it, sorted, which costs no program to read. It is
// not read from /proc/net/ip_vs, of which a page and more is of no use where other network
// namespaces have services too: the kernel counts these when it goes on, and not when it
// begins again.
func (d *director) listed(t *testing.T) (text string) {
	t.Helper()
	d.Run(t, func() error {
		c, err := ipvs.Open(false)
		if err != nil {
			return err
		}
		defer c.Close()
		services, err := c.Services()
		var lines []string
		for _, s := range services {
			service := fmt.Sprintf("%v %+v", s.Key, s.Options)
			lines = append(lines, service)
			list, err := c.Destinations(s.Key)
			if err != nil && !errors.Is(err, unix.ESRCH) { // it has gone since
				return err
			}
			for _, x := range list {
				method := [...]string{"Masq", "Local", "Tunnel", "Route"}[x.Forward]
				lines = append(lines, fmt.Sprintf("%s -> %v %s %d", service, x.Address, method, x.Weight))
			}
		}
		slices.Sort(lines)
		text = strings.Join(lines, "\n")
		return err
	})
	return text
}

// pool has as many of something as tests run at once; who takes one gives it back.
func pool[T any](n int, one func() T) chan T {
	most, err := strconv.Atoi(flag.Lookup("test.parallel").Value.String())
	if err != nil {
		panic(err)
	}
	all := make(chan T, min(n, most))
	for range cap(all) {
		all <- one()
	}
	return all
}

// twoTables are the directors whose tables are to be the same.
type twoTables struct{ theirs, ours *director }

// settle waits until the tables are the same and were for so long as quiet, but least
// at least, and returns them. Where they differ it waits longer: on a busy machine a
// server may seem to have failed for a moment.
func (p *twoTables) settle(t *testing.T, least, quiet, most time.Duration) (want, got []string) {
	t.Helper()
	began := time.Now()
	since := began
	for last := [2]string{}; ; time.Sleep(250 * time.Millisecond) {
		if now := [2]string{p.theirs.listed(t), p.ours.listed(t)}; now != last {
			last, since = now, time.Now()
		}
		over := time.Since(began) > most
		if !over && (last[0] != last[1] || time.Since(began) < least || time.Since(since) < quiet) {
			continue
		}
		want, got = p.theirs.saved(t), p.ours.saved(t)
		if over || slices.Equal(want, got) {
			return want, got
		}
		since = time.Now() // once more
	}
}

// clear leaves nothing in the tables.
func (p *twoTables) clear(t *testing.T) {
	t.Helper()
	p.theirs.ipvsadm(t, "-C")
	p.ours.ipvsadm(t, "-C")
}

// fail has real servers answer no more, or again.
func (d *director) fail(t *testing.T, verb string, servers ...string) {
	t.Helper()
	change := d.servers.Link.AddRoute
	if verb == "del" {
		change = d.servers.Link.DeleteRoute
	}
	for _, s := range servers {
		for _, to := range []string{"10.2.0." + s + "/32", "fd00:2::" + s + "/128"} {
			netnstest.Must(t, change(netspec.Route{Destination: netip.MustParsePrefix(to), Type: netspec.UnreachableRoute, Table: unix.RT_TABLE_LOCAL}))
		}
	}
}

// run starts a program on the director and returns what ends it and waits.
func (d *director) run(t *testing.T, cmd *exec.Cmd) (stop func()) {
	t.Helper()
	log, err := os.Create(filepath.Join(d.dir, filepath.Base(cmd.Path)+".log"))
	netnstest.Must(t, err)
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	netnstest.Must(t, d.NS.Start(cmd))
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		_ = cmd.Process.Signal(syscall.SIGTERM)
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		select {
		case <-ended:
		case <-time.After(20 * time.Second):
			_ = cmd.Process.Kill()
			<-ended
			t.Errorf("%s did not end", cmd.Path)
		}
		if t.Failed() {
			text, _ := os.ReadFile(log.Name())
			t.Logf("%s:\n%s", log.Name(), text[max(0, len(text)-4000):])
		}
	}
	t.Cleanup(stop)
	return stop
}

func (d *director) keepalived(t *testing.T, conf string) (stop func()) {
	t.Helper()
	needKeepalived(t)
	pid := func(n string) string { return filepath.Join(d.dir, n+".pid") }
	return d.run(t, exec.Command("keepalived", "-n", "-l", "-D", "-C", "-f", conf, "-p", pid("p"), "-c", pid("c"), "-r", pid("r"), "-b", pid("b")))
}

func (d *director) moonkeep(t *testing.T, conf string) (stop func()) {
	t.Helper()
	return d.run(t, self("run", "-c", conf, "--run-dir", filepath.Join(d.dir, "run")))
}

// TestGuestSameTable: for each site the table of IPVS is that of keepalived,
// and what is gone after an orderly stop is all of it.
func TestGuestSameTable(t *testing.T) {
	needIPVS(t)
	needKeepalived(t)
	t.Parallel() // it waits most of the time, for servers to fail and to return
	sites, err := filepath.Glob("testdata/ipvs/*.conf")
	if err != nil || len(sites) < 40 {
		t.Fatalf("%d sites, %v", len(sites), err)
	}
	// TestGuestChecked has the checks themselves, and make interop plays all sites.
	few := []string{"quorum-won", "kind-mixed", "group"}
	if !*everySite {
		sites = slices.DeleteFunc(sites, func(site string) bool { return !slices.Contains(few, siteName(site)) })
	}
	if *onlySite != "" {
		if sites, err = filepath.Glob("testdata/ipvs/" + *onlySite + ".conf"); err != nil || len(sites) == 0 {
			t.Fatalf("-site %s: %v, %v", *onlySite, sites, err)
		}
	}
	pairs := pool(len(sites), func() *twoTables { return &twoTables{newDirector(t), newDirector(t)} })
	// What begins takes the most of the processor: more at once would time out.
	begins := make(chan struct{}, 2)
	for _, site := range sites {
		t.Run(siteName(site), func(t *testing.T) {
			t.Parallel()
			p := <-pairs
			t.Cleanup(func() { // behind what ends the daemons, however the site ends
				defer func() { pairs <- p }()
				p.clear(t)
			})
			p.play(t, site, begins)
		})
	}
}

func siteName(path string) string { return strings.TrimSuffix(filepath.Base(path), ".conf") }

// play plays a site to its first difference, with a place in begins while it begins:
// servers fail, and come back. It says how it went as soon as it is over.
func (p *twoTables) play(t *testing.T, site string, begins chan struct{}) {
	begins <- struct{}{}
	begun := sync.OnceFunc(func() { <-begins })
	defer begun()
	began := time.Now()
	text, err := os.ReadFile(site)
	netnstest.Must(t, err)
	endTheirs := p.theirs.keepalived(t, p.theirs.write(t, "site.conf", string(text), 0o600))
	endOurs := p.ours.moonkeep(t, p.ours.write(t, "site.conf", string(text), 0o600))
	steps := []struct {
		name, verb string
		servers    []string
	}{{name: "as they begin"}, {"the first fails", "add", []string{"1"}}, {"more fail", "add", []string{"2", "3"}},
		{"the first works again", "del", []string{"1"}}, {"all work again", "del", []string{"2", "3"}}}
	lines := 0
	defer p.theirs.fail(t, "del", "1", "2", "3")
	defer p.ours.fail(t, "del", "1", "2", "3")
	for i, step := range steps {
		p.theirs.fail(t, step.verb, step.servers...)
		p.ours.fail(t, step.verb, step.servers...)
		quiet := 3500 * time.Millisecond
		if i == 0 {
			quiet = 5 * time.Second
		}
		want, got := p.settle(t, quiet, quiet, 90*time.Second)
		if i == 0 {
			begun()
		}
		lines = max(lines, len(want))
		if diff := unlike(want, got); diff != "" {
			t.Errorf("%s: keepalived (-) and moonkeep (+): %s", step.name, diff)
			break // what follows from it would be waited for in vain
		}
	}
	if lines == 0 {
		t.Error("keepalived made no table: nothing is compared")
	}
	endTheirs()
	endOurs()
	if left := p.ours.saved(t); len(left) > 0 {
		t.Errorf("after the stop: %q", left)
	}
	if t.Failed() {
		t.Logf("%s: differs, after %.0f s", siteName(site), time.Since(began).Seconds())
		return
	}
	t.Logf("%s: the same, of up to %d lines, after %.0f s", siteName(site), lines, time.Since(began).Seconds())
}

// ask asks for the page of an address and returns what came.
func ask(h *netnstest.Host, address string) (body string, err error) {
	err = h.NS.Do(func() error {
		c, err := net.DialTimeout("tcp", address, time.Second)
		if err != nil {
			return err
		}
		defer c.Close()
		if err := c.SetDeadline(time.Now().Add(time.Second)); err != nil {
			return err
		}
		if _, err := fmt.Fprintf(c, "GET / HTTP/1.0\r\nHost: x\r\n\r\n"); err != nil {
			return err
		}
		b, err := io.ReadAll(c)
		_, body, _ = strings.Cut(string(b), "\r\n\r\n")
		return err
	})
	return body, err
}
