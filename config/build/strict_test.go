package build

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/config"
)

func TestStrict(t *testing.T) {
	strict := func() config.Instance {
		in := plain()
		in.Strict = true
		return in
	}
	if found := Strict(&config.Config{Instances: []config.Instance{strict(), plain()}}); len(found) != 0 {
		t.Errorf("got %v, want no findings", found)
	}
	for name, c := range map[string]struct {
		change func(*config.Instance)
		want   string
	}{
		"no address":     {func(i *config.Instance) { i.Addresses = nil }, "error: vrrp_instance VI_1: strict mode: an advert carries at least one address"},
		"unicast":        {func(i *config.Instance) { i.UnicastPeers = []config.Peer{{Address: netip.MustParseAddr("192.0.2.9")}} }, "error: vrrp_instance VI_1: strict mode: adverts go to the group"},
		"group":          {func(i *config.Instance) { i.Destination = netip.MustParseAddr("224.0.0.99") }, "warning: vrrp_instance VI_1: strict mode: adverts go to the group"},
		"authentication": {func(i *config.Instance) { i.AuthType, i.AuthPass = "PASS", "1" }, "error: vrrp_instance VI_1: strict mode: VRRP has no authentication"},
		"unsigned":       {func(i *config.Instance) { i.HMAC = &config.HMAC{Mode: "permissive"} }, "error: vrrp_instance VI_1: strict mode: strict mode refuses what is not signed"},
		"state":          {func(i *config.Instance) { i.Master = true }, "error: vrrp_instance VI_1: strict mode: the first master is elected"},
		"preempt delay":  {func(i *config.Instance) { i.PreemptDelay = time.Second }, "error: vrrp_instance VI_1: strict mode: preemption has no delay"},
		"down timer":     {func(i *config.Instance) { i.DownTimerAdverts = 4 }, "error: vrrp_instance VI_1: strict mode: a master is given up after 3"},
		"link-local": {func(i *config.Instance) {
			i.Version, i.Addresses = 3, []config.Address{address("2001:db8::1/64", "eth0")}
		},
			"warning: vrrp_instance VI_1: strict mode: the first IPv6 address is link-local"},
		"two versions": {func(i *config.Instance) { i.Version, i.InteropV2 = 3, true }, "error: vrrp_instance VI_1: strict mode: a router speaks one version"},
	} {
		in := strict()
		c.change(&in)
		found := Strict(&config.Config{Instances: []config.Instance{in}})
		if len(found) != 1 || !strings.Contains(found[0].String(), c.want) {
			t.Errorf("%s: got %v, want one that says %q", name, found, c.want)
		}
	}
}

func TestDrops(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*config.Instance)
		want   bool
	}{
		"plain":          {func(*config.Instance) {}, false},
		"no_accept":      {func(i *config.Instance) { i.NoAccept = true }, true},
		"its owner":      {func(i *config.Instance) { i.NoAccept, i.Priority = true, 255 }, false},
		"strict":         {func(i *config.Instance) { i.Strict = true }, true},
		"strict, accept": {func(i *config.Instance) { i.Strict, i.Accept = true, true }, false},
	} {
		in := plain()
		c.change(&in)
		if got := Drops(&config.Config{Instances: []config.Instance{plain(), in}}); got != c.want {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}
