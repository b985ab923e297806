package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"testing"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/core/balance"
	"github.com/moonkeep/moonkeep/core/engine"
	"github.com/moonkeep/moonkeep/core/kernel/ipvs"
	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

// TestSyncFollowsNames: the daemon that synchronises connections follows the role of
// its instance also when a reload gave that another name, or the names of two to
// each other, without any change of role.
func TestSyncFollowsNames(t *testing.T) {
	of := func(instance string) *config.Config {
		return &config.Config{Global: config.Global{SyncDaemon: &config.SyncDaemon{Interface: "eth0", Instance: instance}}}
	}
	older := &config.Config{Instances: []config.Instance{{Name: "W", SyncDaemonInterface: "eth0"}}}
	changed := func(name string, to vrrp.Role, seq uint64) node.Change {
		return node.Change{Occasion: node.RoleChanged, Name: name, To: to, Seq: seq}
	}
	master, swapped := map[string]vrrp.Role{"W": vrrp.Master}, map[string]vrrp.Role{"V": vrrp.Backup, "W": vrrp.Master}
	for what, tt := range map[string]struct {
		c         *config.Config
		roles     map[string]vrrp.Role
		meanwhile []node.Change
		later     []node.Change
		want      ipvs.Role
	}{
		"renamed":                        {of("W"), master, nil, nil, ipvs.SyncMaster},
		"renamed, by the older keyword":  {older, master, nil, nil, ipvs.SyncMaster},
		"names swapped, of the master":   {of("W"), swapped, nil, nil, ipvs.SyncMaster},
		"names swapped, of the backup":   {of("V"), swapped, nil, nil, ipvs.SyncBackup},
		"a role that is newer":           {of("W"), master, []node.Change{changed("W", vrrp.Backup, 4)}, nil, ipvs.SyncBackup},
		"a role that is older":           {of("W"), master, []node.Change{changed("W", vrrp.Backup, 2)}, nil, ipvs.SyncMaster},
		"one that is told later":         {of("W"), master, nil, []node.Change{changed("W", vrrp.Backup, 2)}, ipvs.SyncMaster},
		"one that comes later":           {of("W"), master, nil, []node.Change{changed("W", vrrp.Backup, 4)}, ipvs.SyncBackup},
		"the last that the answer knows": {of("W"), master, []node.Change{changed("W", vrrp.Backup, 3)}, nil, ipvs.SyncMaster},
		"the same, told later":           {of("W"), master, nil, []node.Change{changed("W", vrrp.Backup, 3)}, ipvs.SyncMaster},
	} {
		b := &balancer{config: &config.Config{}, roles: map[string]vrrp.Role{}}
		b.changed(changed("V", vrrp.Master, 1))
		b.changed(changed("W", vrrp.Backup, 2))
		if err := b.relearn(t.Context(), tt.c, func(context.Context) (map[string]vrrp.Role, uint64, error) {
			for _, c := range tt.meanwhile {
				b.changed(c)
			}
			return maps.Clone(tt.roles), 3, nil
		}); err != nil {
			t.Fatal(err)
		}
		for _, c := range tt.later {
			b.changed(c)
		}
		if list := syncs(tt.c, b.roles); len(list) != 1 || list[0].Role != tt.want {
			t.Errorf("%s: %+v, want %v", what, list, tt.want)
		}
	}
	b := &balancer{roles: map[string]vrrp.Role{"V": vrrp.Master}}
	if err := b.relearn(t.Context(), of("V"), func(context.Context) (map[string]vrrp.Role, uint64, error) { return nil, 0, engine.ErrStopped }); !errors.Is(err, engine.ErrStopped) || b.roles["V"] != vrrp.Master {
		t.Errorf("without an answer: %v, %v", err, b.roles)
	}
}

// TestServicesOfANamespace: what an earlier run left in another network namespace is
// not looked for in this one, where it would be somebody else's.
func TestServicesOfANamespace(t *testing.T) {
	d := &runDir{path: t.TempDir()}
	if keys, elsewhere, err := d.readServices(7); len(keys) > 0 || elsewhere > 0 || err != nil {
		t.Errorf("without a file: %v, %d, %v", keys, elsewhere, err)
	}
	want := []balance.Key{{Fwmark: 3, IPv6: true}, {Protocol: balance.TCP, Address: netip.MustParseAddrPort("192.0.2.1:80")}}
	if err := d.writeServices(7, want); err != nil {
		t.Fatal(err)
	}
	if keys, elsewhere, err := d.readServices(7); !slices.Equal(keys, want) || elsewhere != 0 || err != nil {
		t.Errorf("%v, %d, %v", keys, elsewhere, err)
	}
	if keys, elsewhere, err := d.readServices(8); len(keys) > 0 || elsewhere != 2 || err != nil {
		t.Errorf("in another one: %v, %d, %v", keys, elsewhere, err)
	}
}

// TestNothingBeginsAfterTheEnd: a reload that a stop overtakes opens nothing that
// nobody would close.
func TestNothingBeginsAfterTheEnd(t *testing.T) {
	b := &balancer{} // without a keeper, which adopt would use
	if err := errors.Join(b.end(), b.adopt(&config.Config{})); err != nil || b.config != nil {
		t.Errorf("the table: %v, %v", err, b.config)
	}
	p := &metricsPage{log: slog.New(slog.DiscardHandler)}
	p.close()
	if p.adopt("127.0.0.1:0", &daemon{}); p.page != nil {
		t.Errorf("the page is served at %v", p.page.Addr())
		p.end()
	}
}

// TestRememberWhileEnding: that the node answers no more is no trouble of a stop.
func TestRememberWhileEnding(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	other := errors.New("another")
	if ending(ctx, nil) || ending(ctx, other) || !ending(ctx, fmt.Errorf("ask: %w", engine.ErrStopped)) {
		t.Error("while it runs")
	}
	if cancel(); ending(ctx, nil) || ending(ctx, other) || !ending(ctx, ctx.Err()) {
		t.Error("when it was told to stop")
	}
}
