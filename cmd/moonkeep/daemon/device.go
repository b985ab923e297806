package daemon

import (
	"slices"

	"github.com/moonkeep/moonkeep/core/netspec"
)

// both returns the devices of a new configuration and those of the old one whose
// names are not among them.
func both(devices, old []netspec.Device) []netspec.Device {
	all := slices.Clone(devices)
	for _, d := range old {
		if !slices.ContainsFunc(devices, func(n netspec.Device) bool { return n.Name == d.Name }) {
			all = append(all, d)
		}
	}
	return all
}
