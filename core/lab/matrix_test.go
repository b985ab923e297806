//go:build linux

package lab

import (
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/config/keepalived"
)

var matrixFlag = flag.Bool("matrix", false, "play every row of the interop matrix, not only those that nothing else covers")

// row is one way of speaking VRRP, which all events of the matrix are played
// over.
type row struct {
	name    string
	dialect dialect
	// inside are lines in VI_1, outside further blocks, of each side; PRIORITY
	// stands there for the side's. Those of before stand above VI_1: keepalived
	// tracks nothing that it reads later.
	inside, outside, before [2]string
	// alone is why keepalived cannot take part: moonkeep then plays both sides.
	alone string
	// always is for rows that run in each test run.
	always bool
	// order is whether nothing but the address, which is higher on node b, decides
	// between equal priorities.
	order bool
}

const (
	several = `virtual_ipaddress {
		192.0.2.100/24
		192.0.2.101/24
		192.0.2.102/24 dev eth0
	}
	virtual_ipaddress_excluded {
		192.0.2.103/24
	}`
	v2text = "version 2\n\tadvert_int 1"
)

// together is an instance beside VI_1 and the sync group of both.
const together = `
vrrp_instance VI_2 {
	interface eth0
	version 3
	advert_int 0.1
	virtual_router_id 52
	priority PRIORITY
	virtual_ipaddress {
		192.0.2.110/24
	}
}
vrrp_sync_group G {
	group {
		VI_1
		VI_2
	}
}
`

func session(neighbor string) string {
	return "bfd_instance peer {\n\tneighbor_ip " + neighbor + "\n\tmin_rx 50\n\tmin_tx 50\n}\n"
}

func matrix() []row {
	four, six, local := unicast("192.0.2.11", "192.0.2.12"), unicast("2001:db8::a", "2001:db8::b"), unicast("fe80::a", "fe80::b")
	message := v3
	message.text += "\n\tv3_checksum_as_v2 on"
	many := v3
	many.addresses = several
	many2 := dialect{v2text, time.Second, time.Second, several}
	// Adverts without an address, which only those heed who have none either.
	none2 := dialect{v2text, time.Second, time.Second, "virtual_ipaddress_excluded {\n\t\t192.0.2.100/24\n\t}"}
	none3 := v3
	none3.addresses = "no_virtual_ipaddress\n\t" + none2.addresses
	return []row{
		{name: "v2", dialect: v2plain, order: true},
		{name: "v2 PASS", dialect: v2pass, order: true},
		{name: "v2 AH", dialect: v2ah, order: true},
		{name: "v2 unicast", dialect: v2plain, inside: four, order: true},
		{name: "v2 several addresses", dialect: many2, order: true},
		{name: "v2 no address in adverts", dialect: none2, order: true},
		{name: "v3", dialect: v3, order: true},
		{name: "v3 checksum of the message", dialect: message, order: true, always: true,
			alone: "keepalived 2.2.7 has no v3_checksum_as_v2"},
		{name: "v3 no address in adverts", dialect: none3, order: true,
			alone: "keepalived 2.2.7 has no no_virtual_ipaddress"},
		{name: "v3 unicast", dialect: v3, inside: four, order: true},
		{name: "v3 several addresses", dialect: many, order: true, always: true},
		{name: "v2 use_vmac", dialect: v2vmac, order: true},
		{name: "v3 use_vmac", dialect: v3vmac, order: true},
		{name: "v3 sync group", dialect: v3, outside: [2]string{together, together}, order: true, always: true},
		// No tie: a session may be up on one side a second before the other, and
		// who has its weight first is preferred until then.
		{name: "v3 BFD", dialect: v3, before: [2]string{session("192.0.2.12"), session("192.0.2.11")},
			inside: [2]string{"track_bfd {\n\t\tpeer weight 5\n\t}", "track_bfd {\n\t\tpeer weight 5\n\t}"}, always: true},
		{name: "v3 IPv6", dialect: v3six},
		{name: "v3 IPv6 without a link-local address", dialect: v3global},
		{name: "v3 IPv6 unicast", dialect: v3six, inside: six, order: true},
		{name: "v3 IPv6 link-local unicast", dialect: v3six, inside: local, order: true},
	}
}

// TestMatrix plays an election, a crash, an orderly stop, and two preemptions
// over every row, moonkeep in either place; with -matrix also a tie.
func TestMatrix(t *testing.T) {
	t.Parallel()
	for _, r := range matrix() {
		if !r.always && !*matrixFlag {
			continue
		}
		for _, ours := range []string{"a", "b"} {
			t.Run(fmt.Sprintf("%s moonkeep=%s", r.name, ours), func(t *testing.T) {
				t.Parallel()
				d := r.dialect
				r.play(t, ours, [2]int{150, 100}, "await a VI_1; wait 500ms", []act{
					d.gone("crash a", "b", 100, always), d.back("start a", "a", 150),
					d.said("stop a", "b", 100), d.back("start a", "a", 150),
				})
			})
			if !*matrixFlag || !r.order {
				continue
			}
			t.Run(fmt.Sprintf("%s tie moonkeep=%s", r.name, ours), func(t *testing.T) {
				t.Parallel()
				d := r.dialect
				r.play(t, ours, [2]int{100, 100}, fmt.Sprintf("settle; partition a; await b VI_1; wait %s", d.down(1)), []act{
					stays("heal", "b"), // the higher address
					d.gone("crash b", "a", 100, always),
					stays("start b", "a"), // an equal is no reason to preempt
					d.said("stop a", "b", 100),
				})
			})
		}
	}
}

// play plays acts over the row.
func (r *row) play(t *testing.T, ours string, priorities [2]int, open string, acts []act) {
	var texts []string
	for i, p := range priorities {
		texts = append(texts, r.before[i]+r.dialect.conf(side{p, r.inside[i]})+strings.ReplaceAll(r.outside[i], "PRIORITY", fmt.Sprint(p)))
	}
	plan := planOf(t, texts...)
	daemons := moonkeeps(t, plan)
	for i, n := range plan.Nodes {
		if n.Name != ours && r.alone == "" {
			daemons[i] = Keepalived{Binary: needKeepalived(t), Rewrite: keepalived.Rewrite}
		}
	}
	compete(t, Options{Plan: plan, Daemons: daemons}, ours, r.dialect, open, acts)
}
