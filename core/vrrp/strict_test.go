package vrrp

import (
	"net/netip"
	"testing"
	"time"
)

// TestStrict: each extension breaks one rule; what the RFCs know breaks none.
func TestStrict(t *testing.T) {
	six := addresses("fe80::100 2001:db8::100")
	version3 := func(c *Config) { c.Version = V3 }
	for _, tt := range []struct {
		name string
		opts []func(*Config)
		want string
	}{
		{"plain version 2", nil, ""},
		{"plain version 3", []func(*Config){version3}, ""},
		{"plain IPv6", []func(*Config){version3, six}, ""},
		{"owner", []func(*Config){priority(255), func(c *Config) { c.InitialMaster = true }}, ""},
		{"owner that is not said to be master", []func(*Config){priority(255)}, ""},
		{"HMAC enforced", []func(*Config){version3, hmacs(HMACEnforce)}, ""},
		{"nopreempt", []func(*Config){noPreempt}, ""},
		{"default group named", []func(*Config){func(c *Config) { c.Group = Group(false) }}, ""},
		{"F3-5 no address", []func(*Config){addresses("")}, "addresses"},
		{"U-1 unicast", []func(*Config){func(c *Config) { c.Unicast.On = true }}, "unicast"},
		{"T-3 group", []func(*Config){func(c *Config) { c.Group = netip.MustParseAddr("224.0.0.99") }}, "group"},
		{"F2-3 password", []func(*Config){func(c *Config) { c.Auth = AuthPass }}, "authentication"},
		{"F2-10 AH", []func(*Config){func(c *Config) { c.Auth = AuthAH }}, "authentication"},
		{"H-32 permissive", []func(*Config){version3, hmacs(HMACPermissive)}, "hmac"},
		{"H-32 receive-only", []func(*Config){version3, hmacs(HMACReceiveOnly)}, "hmac"},
		{"D-1 IPv6 in version 2", []func(*Config){six}, "version"},
		{"S-2 initial master", []func(*Config){func(c *Config) { c.InitialMaster = true }}, "state"},
		{"S-33 preempt_delay", []func(*Config){preemptDelay(time.Second)}, "preempt_delay"},
		{"P-7 down_timer_adverts", []func(*Config){func(c *Config) { c.DownAdverts = 4 }}, "down_timer_adverts"},
		{"F3-10 first address", []func(*Config){version3, addresses("2001:db8::100 fe80::100")}, "link_local"},
		{"X-7 both versions", []func(*Config){version3, func(c *Config) { c.Interop = true }}, "interop"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := Defaults()
			c.VRID, c.Addresses = 51, parseAddrs(vip)
			for _, o := range tt.opts {
				o(&c)
			}
			got := CheckStrict(&c)
			switch {
			case tt.want == "" && len(got) > 0, len(got) > 1:
				t.Errorf("breaches %v, want %q", got, tt.want)
			case tt.want != "" && (len(got) != 1 || got[0].Rule != tt.want || got[0].Text == ""):
				t.Errorf("breaches %v, want %q", got, tt.want)
			}
		})
	}
}

// TestK5StrictChecksum: strict mode accepts the configured form only.
func TestK5StrictChecksum(t *testing.T) {
	for _, strict := range []bool{false, true} {
		for _, ours := range []ChecksumForm{ChecksumMessage, ChecksumPseudo} {
			for _, theirs := range []ChecksumForm{ChecksumMessage, ChecksumPseudo} {
				c, p := sample(V3, false)
				c.Checksum = theirs
				p.Payload = c.Append(nil, 200, p.Source, p.Destination)
				c.Checksum, c.Strict = ours, strict
				a, rule := c.Verify(&p)
				if want := !strict || ours == theirs; want != (rule == Accepted) || want && a.Checksum != theirs {
					t.Errorf("strict %v, ours %d, theirs %d: %v, form %d", strict, ours, theirs, rule, a.Checksum)
				}
			}
		}
	}
}
