package doctor

import (
	"errors"
	"io/fs"
	"strings"
)

// examineForwarding judges the settings of this thread's network namespace.
func examineForwarding(n *needs, read func(string) (string, error)) (list []Finding) {
	const answers = "answers of servers behind NAT pass through this host"
	if n.nat {
		list = append(list, examineSetting(read, "net/ipv4/ip_forward", "1", answers))
	}
	if n.nat6 {
		list = append(list, examineSetting(read, "net/ipv6/conf/all/forwarding", "1", answers))
	}
	// These are there once the module is, which loads when the first service is made.
	zero := func(wanted bool, name, text, advice string) {
		if !wanted {
			return
		}
		if is, err := read(name); err == nil && is == "0" {
			list = append(list, Finding{Warning, name, "is 0: " + text, "sysctl -w " + strings.ReplaceAll(name, "/", ".") + "=1 " + advice})
		} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
			list = append(list, Finding{Warning, name, err.Error(), ""})
		}
	}
	zero(n.udp, "net/ipv4/vs/expire_nodest_conn",
		"a UDP client that goes on sending from one port to a server that failed is not served until it pauses for the time limit of UDP (lvs_timeouts)",
		"has its next packet go to another server")
	zero(n.persistent, "net/ipv4/vs/expire_quiescent_template",
		"a server that is drained, or whose weight is 0, goes on getting the clients that persistence keeps with it",
		"has their next connections go to other servers")
	return list
}
