package config

import (
	"encoding/binary"
	"fmt"
	"iter"
	"net/netip"
)

// MostGroupAddresses is how many addresses all virtual_server_groups that virtual
// servers name may have together. Each is a service in IPVS, with all real
// servers of its virtual server.
const MostGroupAddresses = 1 << 16

// Addresses are those of an entry, in order: none of a mark, one, or those of a
// range. It ends after MostGroupAddresses, whatever was written.
func (e *GroupEntry) Addresses() iter.Seq[netip.Addr] {
	return func(yield func(netip.Addr) bool) {
		a := e.Address
		for range e.count(MostGroupAddresses) {
			if !yield(a) {
				return
			}
			a = a.Next()
		}
	}
}

// count is how many addresses there are, or most if there are more; none of a
// range that goes nowhere.
func (e *GroupEntry) count(most int) int {
	switch {
	case !e.Address.IsValid():
		return 0
	case !e.Last.IsValid():
		return 1
	case e.Last.BitLen() != e.Address.BitLen() || e.Last.Less(e.Address):
		return 0
	}
	first, last := e.Address.As16(), e.Last.As16()
	half := binary.BigEndian.Uint64
	// The difference of 128 bits; its upper half is 0 for all that is small enough.
	low, high := half(last[8:])-half(first[8:]), half(last[:8])-half(first[:8])
	if half(last[8:]) < half(first[8:]) {
		high--
	}
	if high > 0 || low >= uint64(most) {
		return most
	}
	return int(low) + 1
}

// fault says what is wrong with an entry by itself; "" if nothing is.
func (e *GroupEntry) fault() string {
	switch {
	case e.Address.IsValid() && e.Fwmark != 0:
		return "an entry is an address or a fwmark, not both"
	case !e.Address.IsValid() && e.Fwmark == 0:
		return "an entry needs an address or a fwmark"
	case e.Address.Zone() != "" || e.Last.Zone() != "":
		return fmt.Sprintf("%s has a zone, and IPVS knows none", e.Address)
	case !e.Last.IsValid():
		return ""
	case !e.Address.IsValid():
		return "last is the end of a range of addresses, and a fwmark has none"
	case e.Last.BitLen() != e.Address.BitLen():
		return fmt.Sprintf("the range begins at %s and ends at %s, of another address family", e.Address, e.Last)
	case e.Last.Less(e.Address):
		return fmt.Sprintf("the end of the range, %s, is not behind its beginning, %s", e.Last, e.Address)
	}
	return ""
}

// GroupFaults reports what is wrong with the entries of virtual_server_groups,
// each by itself and all together of those that a virtual server names, and where.
func (c *Config) GroupFaults(report func(at Position, g *VirtualServerGroup, text string)) {
	named := make(map[string]bool, len(c.VirtualServers))
	for i := range c.VirtualServers {
		named[c.VirtualServers[i].Group] = true
	}
	all, told := 0, false
	for i := range c.VirtualServerGroups {
		g := &c.VirtualServerGroups[i]
		for k := range g.Entries {
			e := &g.Entries[k]
			if text := e.fault(); text != "" {
				report(e.At, g, text)
				continue
			}
			if !named[g.Name] {
				continue // nothing stands in IPVS for it
			}
			all += e.count(MostGroupAddresses + 1)
			if all > MostGroupAddresses && !told {
				told = true
				report(e.At, g, fmt.Sprintf("with this line the groups have more than %d addresses, each of which is a service in IPVS; write a fwmark, which stands for any number of them, or a shorter range", MostGroupAddresses))
			}
		}
	}
}
