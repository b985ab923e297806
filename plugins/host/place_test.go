//go:build linux

package host

import (
	"slices"
	"testing"

	"github.com/moonkeep/moonkeep/plugins/checker"
)

// TestNeeded: a check has what the kernel asks for to do as its target says, and no
// more.
func TestNeeded(t *testing.T) {
	const old, middle, recent = "5.4.0-150-generic", "5.10.0-21-amd64", "6.1.0-9-amd64"
	for _, test := range []struct {
		release string
		check   Check
		want    []string
	}{
		{recent, Check{}, nil},
		{recent, Check{Target: checker.Target{BindIf: "eth0"}}, nil},
		{middle, Check{Target: checker.Target{BindIf: "eth0"}}, nil},
		{old, Check{Target: checker.Target{BindIf: "eth0"}}, []string{"net_raw"}},
		{old, Check{Binds: true}, []string{"net_raw"}},
		{"", Check{Target: checker.Target{BindIf: "eth0"}}, []string{"net_raw"}},
		{recent, Check{Target: checker.Target{Fwmark: 1, BindIf: "eth0"}}, []string{"net_raw"}},
		{middle, Check{Marks: true}, []string{"net_admin"}},
		{old, Check{Target: checker.Target{BindPort: 99}}, []string{"net_bind_service"}},
	} {
		o := Options{release: test.release, mark: markCapability(test.release)}
		if _, p := o.place(&test.check, nil); !slices.Equal(p.Allow, test.want) {
			t.Errorf("%s, %+v: %v, want %v", test.release, test.check, p.Allow, test.want)
		}
	}
	o := Options{}
	o.defaults()
	if !since(o.release, 3, 0) {
		t.Errorf("the kernel calls itself %q", o.release)
	}
}
