//go:build linux

package ipvs

import (
	"slices"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/balance"
)

// TestKeeperSyncs: the daemons that run are those that are asked for, by role,
// interface and number, whichever ran before.
func TestKeeperSyncs(t *testing.T) {
	master, backup, other := Sync{Role: SyncMaster, Interface: "eth7", ID: 5}, Sync{Role: SyncBackup, Interface: "eth7", ID: 5}, Sync{Role: SyncMaster, Interface: "eth7", ID: 6}
	x := keep(t, balance.Table{}, Options{}, func(x *kept) {
		x.f.links, x.f.syncs = &iface{index: 7}, []Sync{backup, other}
	})
	x.Set(nil)
	for _, want := range [][]Sync{{master}, {master, backup}, {backup}, {backup, other}, {}} {
		x.SetSync(want)
		var got []Sync
		for end := time.Now().Add(10 * time.Second); !slices.Equal(got, want) && time.Now().Before(end); {
			x.inside(func(balance.Table) { got = slices.Clone(x.f.syncs) })
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%v run, want %v", got, want)
		}
	}
	if n := x.log.count("level=ERROR"); n != 0 {
		t.Errorf("%d errors: %s", n, x.log.b.String())
	}
	x.close(true, false)
}
