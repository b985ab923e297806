// Package vrrp decides what one virtual router does; it never does it.
//
// A Router is the state machine of RFC 9568 6.4 (version 3) and RFC 3768 6.4
// (version 2), with keepalived's extensions: FAULT, effective priority,
// preempt_delay, gratuitous ARP rhythm. It is told what happened and at which
// instant, and returns actions to be carried out in that order. The codec in
// the same package turns adverts into octets and back, signs and verifies them
// (passwords, the IP authentication header, keepalived's auth_hmac), and holds
// the rules by which a received packet is discarded.
//
// It has no clock, socket, goroutine, log or source of randomness, and it
// knows no interface and no sync group: core/node drives it, adds those and
// adds what trackers say. A Router is not safe for concurrent use.
package vrrp
