package main

import (
	"bytes"
	"errors"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/config/load"
	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
)

// TestDoctor has a node looked at beside a master of another cluster.
func TestDoctor(t *testing.T) {
	t.Parallel()
	a, b := hosts(t)
	b.run(t, conf(100, "192.0.2.77/24", ""))
	b.holds(t, netip.MustParsePrefix("192.0.2.77/24"), true)
	examine := func(vip, extra, more string, status int) string {
		t.Helper()
		file := a.write(t, "doctor.conf", conf(100, vip, extra)+more, 0o644)
		cmd := self("doctor", file, "--listen", "1s", "--run-dir", a.dir)
		out := new(bytes.Buffer)
		cmd.Stdout, cmd.Stderr = out, out
		netnstest.Must(t, a.Start(cmd))
		_ = cmd.Wait() // ProcessState says how it ended
		if got := cmd.ProcessState.ExitCode(); got != status {
			t.Errorf("exit status %d, want %d:\n%s", got, status, out)
		}
		return out.String()
	}
	says := func(text string, want ...string) {
		t.Helper()
		for _, w := range want {
			if !strings.Contains(text, w) {
				t.Errorf("%q is missing in\n%s", w, text)
			}
		}
	}
	says(examine("192.0.2.77/24", "	use_vmac\n	no_accept\n", "", 0),
		"ok       privileges", "ok       interface eth0: is up", "ok       use_vmac: the kernel can do it", "ok       no_accept: the kernel can do it",
		"ok       instance VI_1: 192.0.2.2 is its master", " 0 problems\n")
	says(examine("192.0.2.78/24", "", "", 1),
		"problem  instance VI_1: virtual router 51 of 192.0.2.2 on eth0 is used otherwise: it holds other addresses than this file gives the virtual router: 192.0.2.77\n         -> ")
	says(examine("192.0.2.77/24", "	interface no-such-if\n", "", 1), "problem  interface no-such-if: cannot be looked at")
	says(examine("192.0.2.77/24", "", "virtual_server 192.0.2.77 80 {\nlb_algo wrr\nlb_kind NAT\nreal_server 198.51.100.1 80 {\n}\n}\n", 1),
		" IPVS with lvs_sched wrr: ", "problem  net/ipv4/ip_forward: is 0: ", "sysctl -w net.ipv4.ip_forward=1")
	says(examine("192.0.2.77/24", "", "virtual_server 192.0.2.77 80 {\nlb_kind DR\nreal_server 192.0.2.1 80 {\n}\n}\n", 1),
		"problem  real servers: this host is one: ")
}

func TestExamineLink(t *testing.T) {
	up := net.FlagUp | net.FlagRunning | net.FlagMulticast
	four, virtual, local := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.9"), netip.MustParseAddr("fe80::1")
	tests := []struct {
		name  string
		needs linkNeeds
		state linkState
		want  level
		says  string
	}{
		{"fine", linkNeeds{multicast: true, source4: true}, linkState{flags: up, addresses: []netip.Addr{four}}, levelOK, "is up"},
		{"gone", linkNeeds{}, linkState{err: errors.New("gone")}, levelProblem, "gone"},
		{"down", linkNeeds{}, linkState{flags: net.FlagMulticast}, levelProblem, "is down"},
		{"no carrier", linkNeeds{}, linkState{flags: net.FlagUp}, levelProblem, "no carrier"},
		{"no multicast", linkNeeds{multicast: true}, linkState{flags: net.FlagUp | net.FlagRunning}, levelProblem, "knows no multicast"},
		{"unicast needs none", linkNeeds{}, linkState{flags: net.FlagUp | net.FlagRunning}, levelOK, "is up"},
		{"only the virtual address", linkNeeds{source4: true, virtual: []netip.Addr{virtual}}, linkState{flags: up, addresses: []netip.Addr{virtual}}, levelProblem, "no IPv4 address of its own"},
		{"no link-local address", linkNeeds{instance: true, vrids6: []uint8{1}}, linkState{flags: up, addresses: []netip.Addr{four, netip.MustParseAddr("2001:db8::1")}}, levelProblem, "no link-local IPv6 address"},
		{"a link-local address", linkNeeds{instance: true, vrids6: []uint8{1}}, linkState{flags: up, addresses: []netip.Addr{local}}, levelOK, "is up"},
	}
	for _, tt := range tests {
		list := examineLink(tt.needs, tt.state)
		if len(list) != 1 || list[0].Level != tt.want || !strings.Contains(list[0].Text, tt.says) {
			t.Errorf("%s: %+v, want one %v that says %q", tt.name, list, levelNames[tt.want], tt.says)
		}
	}
}

func TestExamineSettings(t *testing.T) {
	n := &needs{nat: true, nat6: true}
	is := map[string]string{"net/ipv4/ip_forward": "1"}
	list := examineSettings(n, func(name string) (string, error) {
		if v, ok := is[name]; ok {
			return v, nil
		}
		return "", fs.ErrNotExist
	})
	if len(list) != 2 || list[0].Level != levelOK || list[1].Level != levelProblem || list[1].Advice == "" {
		t.Errorf("%+v", list)
	}
}

func TestExamineClock(t *testing.T) {
	if x := examineClock(true, nil); x.Level != levelOK {
		t.Error(x)
	}
	if x := examineClock(false, nil); x.Level != levelProblem {
		t.Error(x)
	}
	if x := examineClock(false, fs.ErrPermission); x.Level != levelWarning {
		t.Error(x)
	}
}

// TestExamineHeard judges adverts that no network of a test brings about.
func TestExamineHeard(t *testing.T) {
	file := filepath.Join(t.TempDir(), "k.conf")
	text := conf(100, "192.0.2.9/24", "") + strings.ReplaceAll(conf(100, "2001:db8::9/64", ""), "VI_1", "VI_6")
	text = strings.Replace(text, "192.0.2.9/24", "192.0.2.10/24\n192.0.2.9/24", 1)
	text = strings.Replace(text, "2001:db8::9/64", "fe80::9/64\n2001:db8::9/64", 1)
	netnstest.Must(t, os.WriteFile(file, []byte(text), 0o644))
	c, found, err := load.FileAs(file, "")
	if err != nil || found.Errors() {
		t.Fatal(err, found)
	}
	addrs := func(list ...string) (all []netip.Addr) {
		for _, a := range list {
			all = append(all, netip.MustParseAddr(a))
		}
		return all
	}
	four := heardAdvert{device: "eth0", source: netip.MustParseAddr("192.0.2.2"), version: 3, vrid: 51, addresses: addrs("192.0.2.9", "192.0.2.10")}
	six := heardAdvert{device: "eth0", source: netip.MustParseAddr("fe80::2"), six: true, version: 3, vrid: 51, addresses: addrs("fe80::9", "2001:db8::9")}
	with := func(a heardAdvert, change func(*heardAdvert)) heardAdvert { change(&a); return a }
	tests := []struct {
		name  string
		heard []heardAdvert
		want  string // of VI_1, or empty
		level level
	}{
		{"the same in another order", []heardAdvert{four, six}, "192.0.2.2 is its master", levelOK},
		{"another version", []heardAdvert{with(four, func(a *heardAdvert) { a.version = 2 })}, "of version 2, this file's of version 3", levelProblem},
		{"an address less", []heardAdvert{with(four, func(a *heardAdvert) { a.addresses = addrs("192.0.2.9") })}, "other addresses", levelProblem},
		{"two masters", []heardAdvert{four, with(four, func(a *heardAdvert) { a.source = netip.MustParseAddr("192.0.2.3") })}, "several masters: 192.0.2.2, 192.0.2.3", levelProblem},
		{"another interface", []heardAdvert{with(four, func(a *heardAdvert) { a.device = "eth9" })}, "", levelOK},
	}
	for _, tt := range tests {
		list := examineHeard(needsOf(c), tt.heard, time.Second)
		ok := false
		for _, x := range list {
			if x.What == "instance VI_1" && tt.want != "" {
				ok = ok || x.Level == tt.level && strings.Contains(x.Text, tt.want)
			} else if tt.want == "" {
				ok = true
			}
			if tt.want == "" && strings.Contains(x.Text, "192.0.2.2") {
				ok = false
			}
		}
		if !ok && (tt.want != "" || len(list) > 0) {
			t.Errorf("%s: %+v", tt.name, list)
		}
	}
}
