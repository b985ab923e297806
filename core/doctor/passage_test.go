package doctor

import (
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
)

// TestPassage asks through a bridge whose port passes everything, and through one whose
// port passes the hardware address of the interface only, as those of hypervisors do.
func TestPassage(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("bridge"); err != nil {
		t.Skip("needs bridge: to have a port pass one hardware address")
	}
	host, port, other := netnstest.New(t), netnstest.New(t), netnstest.New(t)
	netnstest.Connect(t, host, "eth0", port, "p1")
	netnstest.Connect(t, other, "eth0", port, "p2")
	do := func(h *netnstest.Host, line string) {
		t.Helper()
		words := strings.Fields(line)
		h.Run(t, func() error {
			if out, err := exec.Command(words[0], words[1:]...).CombinedOutput(); err != nil {
				return fmt.Errorf("%s: %w: %s", line, err, out)
			}
			return nil
		})
	}
	do(host, "ip addr add 192.0.2.1/24 dev eth0")
	do(other, "ip addr add 192.0.2.2/24 dev eth0")
	netnstest.Must(t, port.Link.AddBridge("br"))
	for _, line := range []string{"p1 master br", "p2 master br", "dev br up"} {
		do(port, "ip link set "+line)
	}
	n := needsOf(written(t, "vrrp_instance V {\ninterface eth0\nuse_vmac\nvirtual_router_id 1\nvirtual_ipaddress {\n192.0.2.9/24\n}\n}\n"))
	may := false
	examine := func(heard ...heardAdvert) (x Finding) {
		t.Helper()
		host.Run(t, func() error {
			list := examinePassage(n, heard, may)
			if len(list) != 1 {
				return fmt.Errorf("%+v", list)
			}
			x = list[0]
			return nil
		})
		return x
	}
	if x := examine(); x.Level != OK || !strings.Contains(x.Text, "was not tried") {
		t.Errorf("not asked to: %+v", x)
	}
	may = true
	if x := examine(); x.Level != Warning || !strings.Contains(x.Text, "no host on it is known") {
		t.Errorf("without a neighbour: %+v", x)
	}
	do(host, "ip route add default via 192.0.2.2")
	if x := examine(); x.Level != OK || !strings.HasPrefix(x.Text, "192.0.2.2 answered another hardware address (") {
		t.Errorf("without a filter: %+v", x)
	}
	var own net.HardwareAddr
	host.Run(t, func() error { own = lookAt("eth0").mac; return nil })
	do(port, "bridge fdb replace "+own.String()+" dev p1 master static")
	do(port, "bridge link set dev p1 locked on")
	if x := examine(); x.Level != Problem || !strings.HasPrefix(x.Text, "192.0.2.2 answered the hardware address of the interface, and not another (") || x.Advice == "" {
		t.Errorf("with a filter: %+v", x)
	}
	do(host, "ip route replace default via 192.0.2.7")
	if x := examine(heardAdvert{device: "eth0", source: netip.MustParseAddr("192.0.2.8")}); x.Level != Warning || !strings.Contains(x.Text, "nobody answered at all: asked were 192.0.2.8, 192.0.2.7") {
		t.Errorf("without an answer: %+v", x)
	}
	// What the answers left in the other host.
	var known []netip.Addr
	other.Run(t, func() error { known = neighbours(table("arp"), "eth0"); return nil })
	if len(known) > 0 {
		t.Errorf("the other host has learned of %v", known)
	}
}

// TestJudgePassage: a filter on the way to some.
func TestJudgePassage(t *testing.T) {
	a, b := netip.MustParseAddr("192.0.2.2"), netip.MustParseAddr("192.0.2.3")
	x := judgePassage("w", net.HardwareAddr{2, 0, 0, 0, 0, 1}, []answers{{a, true, true}, {b, true, false}})
	if x.Level != Warning || !strings.HasPrefix(x.Text, "192.0.2.2 answered another hardware address (02:00:00:00:00:01), but 192.0.2.3 only that of the interface") {
		t.Errorf("%+v", x)
	}
	for range 100 {
		if mac := madeUp(); mac[0]&3 != 2 {
			t.Fatalf("%v is none of one's own", mac)
		}
	}
}

// TestAnswer: an answer to a probe names nobody as who asked; what the host asks with its
// own address is answered to that, and tells nothing of the probes.
func TestAnswer(t *testing.T) {
	mine, from := net.HardwareAddr{2, 0, 0, 0, 0, 7}, netip.MustParseAddr("192.0.2.2")
	for asked, want := range map[string]bool{"0.0.0.0": true, "192.0.2.1": false} {
		f := probe(net.HardwareAddr{2, 0, 0, 0, 0, 2}, netip.MustParseAddr(asked))
		copy(f, mine)
		f[21] = 2 // an answer
		copy(f[28:], from.AsSlice())
		to, host, ok := answer(f)
		if ok != want || ok && (host != from || to.String() != mine.String()) {
			t.Errorf("to %s: %v, %v, %v", asked, to, host, ok)
		}
	}
}

// TestTables reads what the kernel lists.
func TestTables(t *testing.T) {
	const arp = `IP address       HW type     Flags       HW address            Mask     Device
192.0.2.7        0x1         0x2         02:00:00:00:00:07     *        eth0
192.0.2.8        0x1         0x0         00:00:00:00:00:00     *        eth0
192.0.2.9        0x1         0x2         02:00:00:00:00:09     *        eth1
`
	if got := neighbours(arp, "eth0"); !slices.Equal(got, []netip.Addr{netip.MustParseAddr("192.0.2.7")}) {
		t.Errorf("neighbours: %v", got)
	}
}
