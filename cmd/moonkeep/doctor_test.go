package main

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
)

// TestDoctor has a node looked at beside a master of another cluster.
func TestDoctor(t *testing.T) {
	t.Parallel()
	a, b := hosts(t)
	b.run(t, conf(100, "192.0.2.77/24", ""))
	b.holds(t, netip.MustParsePrefix("192.0.2.77/24"), true)
	start := a.Start
	examine := func(vip, extra, more string, status int, flags ...string) string {
		t.Helper()
		file := a.write(t, "doctor.conf", conf(100, vip, extra)+more, 0o644)
		cmd := self(append([]string{"doctor", file, "--listen", "1s", "--run-dir", a.dir}, flags...)...)
		out := new(bytes.Buffer)
		cmd.Stdout, cmd.Stderr = out, out
		netnstest.Must(t, start(cmd))
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
	says(examine("192.0.2.77/24", "	use_vmac\n	no_accept\n", "", 0, "--probe-mac"),
		"ok       use_vmac on eth0: 192.0.2.2 answered another hardware address (",
		"ok       privileges", "ok       interface eth0: is up", "ok       use_vmac: the kernel can do it", "ok       no_accept: the kernel can do it",
		"ok       instance VI_1: 192.0.2.2 is its master", " 0 problems\n")
	says(examine("192.0.2.78/24", "", "", 1),
		"problem  instance VI_1: virtual router 51 of 192.0.2.2 on eth0 is used otherwise: it holds other addresses than this file gives the virtual router: 192.0.2.77\n         -> ")
	says(examine("192.0.2.77/24", "	interface no-such-if\n", "", 1), "problem  interface no-such-if: does not exist on this host")
	says(examine("192.0.2.77/24", "", "virtual_server 192.0.2.77 80 {\nlb_algo wrr\nlb_kind NAT\nreal_server 198.51.100.1 80 {\n}\n}\n", 1),
		" IPVS with lvs_sched wrr: ", "problem  net/ipv4/ip_forward: is 0: ", "sysctl -w net.ipv4.ip_forward=1")
	says(examine("192.0.2.77/24", "", "virtual_server fd00::77 5060 {\nprotocol UDP\nlb_algo mh\nlb_kind NAT\npersistence_timeout 9\npersistence_engine sip\nreal_server fd00::1 5060 {\n}\n}\n", 1),
		" IPVS with lvs_sched mh and persistence_engine sip over IPv6: ")
	says(examine("192.0.2.77/24", "", "virtual_server 192.0.2.77 80 {\nlb_kind DR\nreal_server 192.0.2.1 80 {\n}\n}\n", 1),
		"problem  real servers: this host is one: ", "-> moonkeep realserver up makes it so")
	by := examine("192.0.2.77/24", "", "virtual_server 192.0.2.77 80 {\nlb_kind TUN type gre\nreal_server 192.0.2.1 80 {\n}\n}\n", 1)
	if says(by, "this host is one: 192.0.2.77 is on no interface: ", "set up a tunnel", "-> this is done by hand: "); strings.Contains(by, "makes it so") {
		t.Errorf("what realserver up does not make is not told apart:\n%s", by)
	}
	start = (*exec.Cmd).Start // here, and the file says where the daemon would go
	space := fmt.Sprintf("net_namespace /proc/%d/fd/%d", os.Getpid(), a.NS.FD())
	says(examine("192.0.2.77/24", "", space+"\n", 0),
		"ok       interface eth0 in "+space+": is up", "ok       instance VI_1: 192.0.2.2 is its master")
}
