package daemon

import (
	"slices"

	"github.com/moonkeep/moonkeep/core/netspec"
)

// both returns the devices of a new configuration and those of the old one whose
// names are not among them. Of one that stays none of its families goes, for what
// runs may have addresses on it.
func both(devices, old []netspec.Device) []netspec.Device {
	all := slices.Clone(devices)
	for _, d := range old {
		at := slices.IndexFunc(devices, func(n netspec.Device) bool { return n.Name == d.Name })
		if at < 0 {
			all = append(all, d)
			continue
		}
		all[at].IPv4, all[at].IPv6 = all[at].IPv4 || d.IPv4, all[at].IPv6 || d.IPv6
	}
	return all
}
