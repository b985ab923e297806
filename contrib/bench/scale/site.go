//go:build linux

package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/moonkeep/moonkeep/contrib/bench/subject"
)

// What the programs and their hosts are called in tables.
const (
	ours   = subject.Moonkeep
	theirs = subject.Keepalived
	floor  = "floor"
)

const (
	masterPriority = 200
	backupPriority = 100
)

// configuration is the keepalived.conf of a side, which both programs read.
// With extra the last virtual router has one more address.
func configuration(side, n, version int, interval time.Duration, extra bool) string {
	state, priority := "MASTER", masterPriority
	if side == backupSide {
		state, priority = "BACKUP", backupPriority
	}
	var b strings.Builder
	// The second burst of announcements comes soon, so that it is over when a
	// pair is measured.
	fmt.Fprintf(&b, "global_defs {\n    router_id bench\n    vrrp_version %d\n    vrrp_garp_master_delay 1\n}\n", version)
	for i := range n {
		fmt.Fprintf(&b, "vrrp_instance VI_%d {\n    state %s\n    interface %s\n    virtual_router_id %d\n    priority %d\n    advert_int %s\n",
			i, state, device(i), vrid(i), priority, strconv.FormatFloat(interval.Seconds(), 'f', -1, 64))
		fmt.Fprintf(&b, "    virtual_ipaddress {\n        %s/32\n    }\n", vip(i))
		if extra && i == n-1 {
			fmt.Fprintf(&b, "    virtual_ipaddress_excluded {\n        %s/32\n    }\n", extraVIP())
		}
		b.WriteString("}\n")
	}
	return b.String()
}
