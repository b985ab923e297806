package daemon

import (
	"slices"
	"testing"

	"github.com/moonkeep/moonkeep/core/netspec"
)

// TestBoth holds that what stands during a reload is as the new configuration wants
// it, and serves what still runs.
func TestBoth(t *testing.T) {
	of := func(name, group string, four, six bool) netspec.Device {
		return netspec.Device{Name: name, Parent: "eth0", Group: group, IPv4: four, IPv6: six}
	}
	devices := []netspec.Device{of("a", "7", true, false), of("b", "", true, false)}
	got := both(devices, []netspec.Device{of("a", "", false, true), of("c", "", true, true)})
	if want := []netspec.Device{of("a", "7", true, true), of("b", "", true, false), of("c", "", true, true)}; !slices.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if devices[0].IPv6 {
		t.Error("the new configuration's was changed")
	}
}
