//go:build linux

package main

import (
	"fmt"
	"strings"
)

// shape is what a file has in it.
type shape struct {
	servers, each int
	check         string
}

// mostServers is how many addresses the shape has for real servers.
const mostServers = 250 * 250 * 250

// services is how many virtual servers the file has.
func (s shape) services() int { return (s.servers + s.each - 1) / s.each }

// text is the file, empty when there is no such check.
func (s shape) text() string {
	checks := map[string]string{
		"none":      "",
		"TCP_CHECK": "        TCP_CHECK {\n            connect_timeout 3\n            retry 1\n            delay_before_retry 1\n        }\n",
		"HTTP_GET": "        HTTP_GET {\n            url {\n                path /health\n                status_code 200\n            }\n" +
			"            connect_timeout 3\n            retry 1\n            delay_before_retry 1\n        }\n",
	}
	check, ok := checks[s.check]
	if !ok {
		return ""
	}
	var b strings.Builder
	b.WriteString("global_defs {\n    router_id bench\n}\n\n" +
		"vrrp_instance FRONT {\n    interface eth0\n    virtual_router_id 51\n    priority 100\n    virtual_ipaddress {\n        192.0.2.1/24\n    }\n}\n")
	for i := range s.servers {
		if i%s.each == 0 {
			v := i / s.each
			fmt.Fprintf(&b, "\nvirtual_server %s 80 {\n    delay_loop 10\n    lb_algo wrr\n    lb_kind NAT\n    protocol TCP\n", address(10, v))
		}
		fmt.Fprintf(&b, "    real_server %s 80 {\n        weight 1\n%s    }\n", address(172, i), check)
		if i%s.each == s.each-1 || i == s.servers-1 {
			b.WriteString("}\n")
		}
	}
	return b.String()
}

// address is the n-th address of a network.
func address(network, n int) string {
	return fmt.Sprintf("%d.%d.%d.%d", network, n/62500%250, n/250%250, n%250+1)
}
