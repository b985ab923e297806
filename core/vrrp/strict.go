package vrrp

import "fmt"

// Breach is a rule of strict mode that a configuration breaks.
type Breach struct {
	// Rule is a word for programs; it never changes.
	Rule string
	// Text says what is wrong and what to do about it.
	Text string
}

// CheckStrict returns what of a configuration is an extension to the RFCs, which
// keepalived's vrrp_strict refuses: nothing if the router speaks plain VRRP.
// Strict itself need not be set. What strict mode sets by itself, such as
// NoAccept, is no breach.
func CheckStrict(c *Config) []Breach {
	var list []Breach
	check := func(ok bool, rule, format string, args ...any) {
		if !ok {
			list = append(list, Breach{rule, fmt.Sprintf(format, args...)})
		}
	}
	six, _ := c.Family()
	check(len(c.Addresses) > 0, "addresses", "an advert carries at least one address (RFC 9568 5.2.5): add a virtual address")
	check(!c.Unicast.On, "unicast", "adverts go to the group %v (RFC 9568 5.1): remove the unicast peers, or strict mode", Group(six))
	check(!c.Group.IsValid() || c.Group == Group(six), "group", "adverts go to the group %v (RFC 9568 5.1), not to %v: remove it, or strict mode", Group(six), c.Group)
	check(c.Auth == AuthNone, "authentication", "VRRP has no authentication any more (RFC 9568 9): remove it, or strict mode")
	check(c.HMAC.Mode == HMACOff || c.HMAC.Mode == HMACEnforce, "hmac", "strict mode refuses what is not signed: set the mode of auth_hmac to enforce")
	check(!six || c.Version == V3, "version", "IPv6 is for version 3 only (RFC 3768 1): set version 3")
	check(!c.InitialMaster || c.Owner(), "state", "the first master is elected: only the owner of the addresses (priority 255) starts as MASTER")
	check(c.PreemptDelay == 0, "preempt_delay", "preemption has no delay (RFC 9568 6.4.2): remove it, or strict mode")
	check(c.DownAdverts == 3, "down_timer_adverts", "a master is given up after 3 intervals (RFC 9568 6.1), not %d: remove it, or strict mode", c.DownAdverts)
	check(!six || len(c.Addresses) == 0 || c.Addresses[0].IsLinkLocalUnicast(), "link_local",
		"the first IPv6 address is link-local (RFC 9568 5.2.9): put such an address first")
	check(!c.Interop, "interop", "a router speaks one version: remove the other, or strict mode")
	return list
}
