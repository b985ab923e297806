package daemon

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"testing"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/core/balance"
	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

// TestSole: what one daemon does another cannot, until that does it no more; and who
// serves something else on the same host may.
func TestSole(t *testing.T) {
	dir := openDir(t, t.TempDir())
	router := func(device string, vrid uint8, change ...func(*node.Instance)) *node.Config {
		in := node.Instance{Name: "VI", Interface: device, Router: vrrp.Config{VRID: vrid}}
		for _, f := range change {
			f(&in)
		}
		return &node.Config{Instances: []node.Instance{in}}
	}
	unicast := func(peer string) func(*node.Instance) {
		return func(in *node.Instance) {
			in.Router.Unicast = vrrp.Unicast{On: true, Peers: []vrrp.Peer{{Addr: netip.MustParseAddr(peer)}}}
		}
	}
	services := func(first, n int) *node.Config {
		v := node.Service{Name: "web"}
		for i := range n {
			v.Layout.Keys = append(v.Layout.Keys, balance.Key{Fwmark: uint32(first + i)})
		}
		return &node.Config{Services: []node.Service{v}}
	}
	all := []struct {
		first, second *node.Config
		space         string
		refused       string
	}{
		{first: router("sole0", 51), second: router("sole0", 51), refused: "virtual router 51 on sole0 (VI)"},
		{first: router("red/sole0", 51), second: router("red/sole0", 51), refused: "virtual router 51 on sole0 (VI)"},
		{first: router("red/sole0", 51), second: router("sole0", 51)},
		{first: router("sole0", 51), second: router("sole0", 52)},
		{first: router("sole0", 51), second: router("sole1", 51)},
		{first: router("sole0", 51), second: router("sole0", 51, func(in *node.Instance) { in.Router.IPv6 = true })},
		{first: router("sole0", 51, unicast("192.0.2.2")), second: router("sole0", 51, unicast("192.0.2.3"))},
		{first: router("sole0", 51, unicast("192.0.2.2")), second: router("sole0", 51, unicast("192.0.2.2")), refused: "virtual router 51 on sole0 (VI)"},
		{first: router("", 51), second: router("", 51)},
		{first: services(1, 5), second: services(5, 1), refused: "virtual server web"},
		{first: services(1, 5), second: services(6, 5)},
		{first: services(1, 5), second: services(1, 5), space: "blue"},
		{first: services(1, 1000), second: services(1, 1000), refused: "virtual server web"},
	}
	for i, tt := range all {
		var a, b sole
		claim := func(s *sole, n *node.Config, space string) error {
			return s.claim(&config.Config{Global: config.Global{NetNamespaceIPVS: space}}, n, slog.New(slog.DiscardHandler))
		}
		if err := claim(&a, tt.first, ""); err != nil {
			t.Fatal(err)
		}
		if len(a.held) > mostRouterNames+mostServiceNames {
			t.Errorf("%d: %d names are held", i, len(a.held))
		}
		if err := claim(&a, tt.first, ""); err != nil {
			t.Errorf("%d: the same daemon: %v", i, err)
		}
		err := claim(&b, tt.second, tt.space)
		want := fmt.Sprintf("another moonkeep of this host (pid %d, run directory %s) has %s already, and each would undo what the other does: stop it, or take that out of one configuration", os.Getpid(), dir.path, tt.refused)
		var other *otherDaemonError
		if (tt.refused != "") != errors.As(err, &other) || other != nil && err.Error() != want {
			t.Errorf("%d: %v\nwant %q", i, err, tt.refused)
		}
		a.settle(new(config.Config), new(node.Config))
		if err := claim(&b, tt.second, tt.space); err != nil {
			t.Errorf("%d: after the first does it no more: %v", i, err)
		}
		a.close()
		b.close()
	}
}
