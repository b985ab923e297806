//go:build linux

package link_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/moonkeep/moonkeep/core/kernel/link"
	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
)

// TestSettings holds that the settings that come with an interface are those below
// /proc/sys/net.
func TestSettings(t *testing.T) {
	h := netnstest.New(t)
	netnstest.Must(t, h.Link.AddVeth("eth0", "eth1", nil))
	for path, is := range map[string]func(s *link.Settings) uint32{
		"ipv4/conf/eth0/rp_filter":           func(s *link.Settings) uint32 { return s.RPFilter },
		"ipv4/conf/eth0/arp_ignore":          func(s *link.Settings) uint32 { return s.ARPIgnore },
		"ipv4/conf/eth0/promote_secondaries": func(s *link.Settings) uint32 { return s.PromoteSecondaries },
		"ipv4/conf/eth0/accept_local":        func(s *link.Settings) uint32 { return s.AcceptLocal },
		"ipv6/conf/eth0/accept_ra":           func(s *link.Settings) uint32 { return s.AcceptRA },
		"ipv6/conf/eth0/disable_ipv6":        func(s *link.Settings) uint32 { return s.DisableIPv6 },
		"ipv6/conf/eth0/addr_gen_mode":       func(s *link.Settings) uint32 { return s.AddrGenMode },
		"ipv6/conf/eth0/forwarding": func(s *link.Settings) uint32 {
			return map[bool]uint32{true: 1}[s.Forwards6]
		},
	} {
		for _, want := range []uint32{1, 0, 1} {
			file := "/proc/sys/net/" + path
			h.Run(t, func() error { return os.WriteFile(file, []byte(fmt.Sprint(want)), 0o644) })
			i, err := h.Link.Interface("eth0")
			netnstest.Must(t, err)
			if got := is(&i.Settings); got != want || !i.Settings.Has4 || !i.Settings.Has6 {
				t.Errorf("%s: got %d of %+v, want %d", strings.TrimPrefix(file, "/proc/sys/"), got, i.Settings, want)
			}
		}
	}
}
