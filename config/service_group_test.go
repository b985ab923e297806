package config

import (
	"net/netip"
	"strings"
	"testing"
)

// TestGroupFaults holds what entries of groups are refused, and that walking one
// ends whatever is written.
func TestGroupFaults(t *testing.T) {
	entry := func(first, last string) GroupEntry {
		e := GroupEntry{Address: netip.MustParseAddr(first)}
		if last != "" {
			e.Last = netip.MustParseAddr(last)
		}
		return e
	}
	for name, test := range map[string]struct {
		entries []GroupEntry
		many    int
		want    string // a part; empty for no fault
	}{
		"one":                    {[]GroupEntry{entry("10.0.0.1", "")}, 1, ""},
		"a range":                {[]GroupEntry{entry("10.0.0.250", "10.0.1.5")}, 12, ""},
		"one to itself":          {[]GroupEntry{entry("10.0.0.1", "10.0.0.1")}, 1, ""},
		"a mark":                 {[]GroupEntry{{Fwmark: 3}}, 0, ""},
		"all of a length":        {[]GroupEntry{entry("10.1.0.0", "10.1.255.255")}, 65536, ""},
		"across 64 bits":         {[]GroupEntry{entry("fd00::ffff:ffff:ffff:fffe", "fd00:0:0:1::1")}, 4, ""},
		"one too many":           {[]GroupEntry{entry("10.1.0.0", "10.2.0.0")}, 65536, "more than 65536 addresses"},
		"together too many":      {[]GroupEntry{entry("10.1.0.0", "10.1.255.255"), entry("10.9.0.1", "")}, 65537, "more than 65536 addresses"},
		"a network of IPv6":      {[]GroupEntry{entry("fd00:9::", "fd00:9::ffff:ffff:ffff:ffff")}, 65536, "more than 65536 addresses"},
		"all of IPv6":            {[]GroupEntry{entry("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")}, 65536, "more than 65536 addresses"},
		"the last of all":        {[]GroupEntry{entry("255.255.255.254", "255.255.255.255")}, 2, ""},
		"backwards":              {[]GroupEntry{entry("10.0.0.9", "10.0.0.1")}, 0, "not behind its beginning"},
		"another family":         {[]GroupEntry{entry("10.0.0.9", "fd00::1")}, 0, "another address family"},
		"nothing":                {[]GroupEntry{{Port: 80}}, 0, "needs an address or a fwmark"},
		"both":                   {[]GroupEntry{{Fwmark: 3, Address: netip.MustParseAddr("10.0.0.1")}}, 1, "not both"},
		"the end of a mark":      {[]GroupEntry{{Fwmark: 3, Last: netip.MustParseAddr("10.0.0.1")}}, 0, "a fwmark has none"},
		"an address with a zone": {[]GroupEntry{entry("fe80::1%eth0", "")}, 1, "has a zone"},
	} {
		c := Config{
			VirtualServers: []VirtualServer{{Group: "g"}},
			VirtualServerGroups: []VirtualServerGroup{
				{Name: "of nobody", Entries: []GroupEntry{entry("10.9.0.0", "10.9.255.255"), entry("fd00::1", "fd00::1:1:1")}},
				{Name: "g", Entries: test.entries},
			},
		}
		many := 0
		for i := range test.entries {
			e := &test.entries[i]
			last := netip.Addr{}
			for a := range e.Addresses() {
				if many++; last.IsValid() && a != last.Next() {
					t.Fatalf("%s: %s behind %s", name, a, last)
				}
				last = a
			}
		}
		var got []string
		c.GroupFaults(func(_ Position, g *VirtualServerGroup, text string) { got = append(got, g.Name+" "+text) })
		if many != test.many || (test.want == "") != (len(got) == 0) || len(got) > 1 || test.want != "" && !strings.Contains(got[0], test.want) {
			t.Errorf("%s: %d addresses, %q; want %d and %q", name, many, got, test.many, test.want)
		}
	}
}

// TestEndpointZone: IPVS knows no zones.
func TestEndpointZone(t *testing.T) {
	for _, text := range []string{"fe80::1%eth0", "[fe80::1%eth0]:80"} {
		var e Endpoint
		if err := e.UnmarshalText([]byte(text)); err == nil || !strings.Contains(err.Error(), "zone") {
			t.Errorf("%s: %v, %v", text, e, err)
		}
	}
}
