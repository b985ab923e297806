//go:build linux

package kernel

import (
	"errors"
	"io/fs"
	"maps"
	"slices"
)

// promoteSetting has the kernel, when the first address of a network leaves an
// interface, keep the others of that network. Without it they go, too.
func promoteSetting(device string) string { return "ipv4/conf/" + device + "/promote_secondaries" }

// Promote has the interfaces keep other addresses of a network when the first
// of it is removed (keepalived's promote_secondaries). What was named before and
// is not now is put back to what it was; so is all at Close. An interface that
// comes later is set when it comes.
func (k *Kernel) Promote(devices []string) error {
	// Whoever removes addresses may have set it for that time.
	k.changing.Lock()
	defer k.changing.Unlock()
	k.mu.Lock()
	before := k.promoted
	k.promoted = set(devices)
	k.mu.Unlock()
	var failed []error
	for _, device := range slices.Sorted(maps.Keys(before)) {
		if !slices.Contains(devices, device) {
			failed = append(failed, k.settings.Restore(promoteSetting(device)))
		}
	}
	return errors.Join(append(failed, k.promote())...)
}

// reports is the setting of whether the kernel reports its membership of
// link-local groups, that of VRRP among them.
const reports = "ipv4/igmp_link_local_mcast_reports"

// DisableReports keeps the kernel from telling of link-local groups that are
// joined (keepalived's disable_local_igmp), or, with false, puts that back to what
// it was; so does Close.
func (k *Kernel) DisableReports(on bool) error {
	if on {
		return k.settings.Set(reports, "0")
	}
	return k.settings.Restore(reports)
}

// promote sets what is to be promoted and there.
func (k *Kernel) promote() error {
	k.mu.Lock()
	devices := slices.Sorted(maps.Keys(k.promoted))
	k.mu.Unlock()
	var failed []error
	for _, device := range devices {
		if err := k.settings.Set(promoteSetting(device), "1"); err != nil && !errors.Is(err, fs.ErrNotExist) {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}
