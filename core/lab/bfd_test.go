//go:build linux

package lab

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/config/keepalived"
)

// bfdConf is a node at 10 ms with an instance of that VRID and priority and a
// session with each of the neighbors, of which it tracks those that it is told
// to.
func bfdConf(vrid, priority int, tracks string, neighbors ...string) string {
	text := "global_defs {\n\tbfd_priority -20\n}\n"
	for i, n := range neighbors {
		text += fmt.Sprintf("bfd_instance s%d {\n\tneighbor_ip %s\n}\n", i, n)
	}
	if tracks != "" {
		tracks = "track_bfd {\n\t\t" + tracks + "\n\t}"
	}
	return text + fmt.Sprintf(`
vrrp_instance VI_%d {
	interface eth0
	version 3
	virtual_router_id %d
	priority %d
	advert_int 0.01
	virtual_ipaddress {
		192.0.2.10%d/24
	}
	%s
}
`, vrid, vrid, priority, vrid, tracks)
}

// TestBFD: node a is master as long as its BFD session with node c is up. When
// c is cut off, which takes no carrier from a, the client is served by b within
// 80 ms at the median.
func TestBFD(t *testing.T) {
	t.Parallel()
	plan := planOf(t,
		bfdConf(1, 150, "s0", "192.0.2.13"),
		bfdConf(1, 100, "", "192.0.2.13"),
		bfdConf(3, 100, "", "192.0.2.11", "192.0.2.12"))
	ours := Moonkeep{Binary: needMoonkeep(t)}
	l, _ := raise(t, Options{Plan: plan, Daemons: []Daemon{ours, ours, Keepalived{Binary: needKeepalived(t), Rewrite: keepalived.Rewrite}}})
	perform(t, l, "await a VI_1 20s")
	var took, outages []time.Duration
	// On a busy machine a session may fall by itself; such a round says nothing.
	for round := 0; round < 15 && len(took) < 5; round++ {
		before := l.Now()
		perform(t, l, "wait 500ms; partition c; await b VI_1 10s")
		for _, m := range awaitMove(t, l, before) {
			if to, _ := l.Plan().Node("b"); m.To != to || m.Next < lastMark(l) {
				// c's own address, which nobody reaches now; or a session that
				// fell before the cut because a process had to wait.
				continue
			}
			took, outages = append(took, m.Next-lastMark(l)), append(outages, m.Outage())
		}
		perform(t, l, "heal; await a VI_1 20s")
	}
	t.Logf("from the cut of c until b answers: %v", took)
	// In one round a process may have to wait between what it gives up and what the
	// other takes.
	slices.Sort(outages)
	if n := len(outages); n > 0 && (outages[n/2] > little(l) || outages[n-1] > slack(l)) {
		t.Errorf("the client was without an answer for %v, want at most %s at the median and %s", outages, little(l), slack(l))
	}
	slices.Sort(took)
	if len(took) < 3 || took[len(took)/2] > 80*ms+slack(l) {
		t.Errorf("b took over after %v, want 80 ms at the median of five and %s for a busy machine", took, slack(l))
	}
}
