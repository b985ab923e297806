//go:build linux

package link

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/netspec"
)

// TestMany holds that of many addresses each gets its own answer, those around
// one that fails as well as it, also where more go to the kernel than fit into one
// call.
func TestMany(t *testing.T) {
	c, standing := private(t, 10)
	index := value(c.Interface("eth0"))(t).Index
	var list []netspec.Address
	for i := range 2*perCall + 7 {
		list = append(list, netspec.Address{Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 1, byte(i / 250), byte(1 + i%250)}), 32), Device: "eth0"})
	}
	wrong := map[int]string{5: "add 10.1.0.6/32 dev eth9: no such interface", perCall: "add 10.1.0.65/32", 2*perCall + 6: "add 10.1.0.135/32"}
	list[5].Device = "eth9"
	for _, i := range []int{perCall, 2*perCall + 6} {
		list[i].Label = tooLong
	}
	list[perCall-1] = standing[3]
	on, errs := c.AddAll(list, func(string) {})
	for i, err := range errs {
		switch want := wrong[i]; {
		case want == "" && (err != nil || on[i] != index):
			t.Errorf("%s is on %d, %v", list[i], on[i], err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: %v, want %q", list[i], err, want)
		}
	}
	if !errors.Is(errs[perCall], unix.ERANGE) {
		t.Errorf("%v does not say what was wrong", errs[perCall])
	}
	want := slices.Clone(standing)
	for i, a := range list {
		if wrong[i] == "" && a != standing[3] {
			want = append(want, a)
		}
	}
	if got := value(c.List("eth0"))(t); !slices.Equal(got, want) {
		t.Errorf("%d addresses stand, want %d", len(got), len(want))
	}

	places := make([]Placed, len(list))
	for i := range list {
		places[i] = Placed{list[i], on[i]}
	}
	places[7].Index = 0 // by the name
	for i, err := range c.Withdraw(places) {
		if err != nil {
			t.Errorf("%s: %v, want it gone or not there", list[i], err)
		}
	}
	if got := value(c.List("eth0"))(t); len(got) != len(standing)-1 {
		t.Errorf("%d addresses stand, want %d", len(got), len(standing)-1)
	}
}

// TestManyUnheard holds that what the kernel's answer did not reach counts as
// not done, and that the socket goes on.
func TestManyUnheard(t *testing.T) {
	c, standing := private(t, 1)
	must(t, unix.SetsockoptInt(c.changes.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 1))
	list := make([]netspec.Address, perCall)
	for i := range list {
		list[i] = netspec.Address{Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 1, 0, byte(i)}), 32), Device: "eth0", Label: tooLong}
	}
	unheard := 0
	_, errs := c.AddAll(list, func(string) {})
	for i, err := range errs {
		switch {
		case errors.Is(err, unix.ENOBUFS):
			unheard++
		case !errors.Is(err, unix.ERANGE):
			t.Errorf("%s: %v, want what was wrong or that there was no room to say so", list[i], err)
		}
	}
	if unheard == 0 {
		t.Error("the kernel had room for every answer")
	}
	must(t, unix.SetsockoptInt(c.changes.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, answerLen))
	must(t, c.Remove(standing...))
	if got := value(c.List("eth0"))(t); len(got) != 0 {
		t.Errorf("%v stand after all were removed", got)
	}
}

// tooLong is a label that the kernel refuses.
const tooLong = "eth0:longer-than-a-name-may-be"
