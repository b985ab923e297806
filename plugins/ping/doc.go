// Package ping is the check PING_CHECK: the server is healthy if it answers an ICMP
// echo request. A reply counts if it comes from the server and carries what was sent.
//
// It uses the kernel's ping sockets, which need no privilege where the sysctl
// net.ipv4.ping_group_range has a group of the process (it is for IPv6 too), or
// else a raw socket, which needs CAP_NET_RAW. Without either the check is
// unknown, not failed. Ports mean nothing to it.
package ping
