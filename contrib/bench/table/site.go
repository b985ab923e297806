//go:build linux

package main

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/moonkeep/moonkeep/core/balance"
)

const (
	// leastServers is how many the changes of a reload need.
	leastServers = 100
	// mostServers is how many the addresses suffice for.
	mostServers = 60_000
	// changes is in how many services a reload changes something.
	changes = 10
)

// The real server that dies is the director itself.
var victim = netip.MustParseAddrPort("127.0.0.1:8081")

// service is the address of a virtual server.
func service(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 9, byte(i / 250), byte(i%250 + 1)}), 80)
}

func server(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 32, byte(i / 250), byte(i%250 + 1)}), 80)
}

// victimService is that of the real server that dies.
func victimService() netip.AddrPort { return netip.MustParseAddrPort("10.10.0.1:80") }

// services is how many virtual servers n real servers make.
func services(n, per int) int { return (n + per - 1) / per }

// changed are the services that a reload changes, spread over all.
func changed(n, per int) (list []int) {
	all := services(n, per)
	for i := range changes {
		list = append(list, i*all/changes)
	}
	return list
}

// weight is that of all servers; a reload gives the first server of some
// services the other one.
const weight, otherWeight = 10, 20

// configuration is the keepalived.conf that both programs read. With changes
// half of the services that change have a weight that is another, and half have
// lost their last server.
func configuration(n, per int, changes bool) string {
	var b strings.Builder
	b.WriteString("global_defs {\n    router_id bench\n}\n")
	odd := map[int]int{}
	if changes {
		for i, s := range changed(n, per) {
			odd[s] = 1 + i%2
		}
	}
	for s := range services(n, per) {
		fmt.Fprintf(&b, "virtual_server %s 80 {\n    delay_loop 300\n    lb_algo rr\n    lb_kind NAT\n    protocol TCP\n", service(s).Addr())
		for i := s * per; i < min(n, (s+1)*per); i++ {
			w := weight
			switch {
			case odd[s] == 1 && i == s*per:
				w = otherWeight
			case odd[s] == 2 && i == s*per+1:
				continue
			}
			fmt.Fprintf(&b, "    real_server %s 80 {\n        weight %d\n        TCP_CHECK {\n            connect_timeout 3\n        }\n    }\n", server(i).Addr(), w)
		}
		b.WriteString("}\n")
	}
	fmt.Fprintf(&b, "virtual_server %s 80 {\n    delay_loop 1\n    lb_algo rr\n    lb_kind NAT\n    protocol TCP\n    real_server %s %d {\n        weight 1\n        TCP_CHECK {\n            connect_timeout 3\n            retry 0\n        }\n    }\n}\n",
		victimService().Addr(), victim.Addr(), victim.Port())
	return b.String()
}

func key(a netip.AddrPort) balance.Key { return balance.Key{Protocol: balance.TCP, Address: a} }
