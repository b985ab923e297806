//go:build linux

package link

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/kernel/netns"
	"github.com/moonkeep/moonkeep/core/netspec"
)

// private is a connection to a namespace with an interface eth0 that has n
// addresses.
func private(t *testing.T, n int) (*Conn, []netspec.Address) {
	t.Helper()
	if unix.Geteuid() != 0 {
		t.Skip("needs root: it makes a network namespace")
	}
	ns, err := netns.New()
	must(t, err)
	t.Cleanup(func() { must(t, ns.Close()) })
	var c *Conn
	must(t, ns.Do(func() (err error) { c, err = Open(); return err }))
	t.Cleanup(func() { must(t, c.Close()) })
	must(t, c.AddVeth("eth0", "eth1", nil))
	list := make([]netspec.Address, n)
	for i := range list {
		list[i] = netspec.Address{Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(i / 250), byte(1 + i%250)}), 32), Device: "eth0"}
	}
	standing, err := c.Add(list...)
	must(t, err)
	if len(standing) != n {
		t.Fatalf("%d of %d addresses stand", len(standing), n)
	}
	return c, list
}

// What the kernel says at once may be more than there is room for: it is asked
// again, and the socket goes on.
func TestAnswerWithoutRoom(t *testing.T) {
	c, list := private(t, 300)
	c.reads.answer, c.changes.answer = make([]byte, 200), make([]byte, 64)
	state, err := c.State()
	must(t, err)
	if got := state.Addresses(value(c.Interface("eth0"))(t).Index); !slices.Equal(got, list) {
		t.Errorf("%d addresses, want %d: %v", len(got), len(list), got)
	}
	if i, err := c.Interface("eth0"); err != nil || i.Name != "eth0" {
		t.Errorf("interface %+v, %v", i, err)
	}
}

func value[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T { must(t, err); return v }
}

// A table that does not change costs no memory for its rows, however often it is
// read; one that changes is read anew, and what was read before stays as it was.
func TestReadAgain(t *testing.T) {
	c, list := private(t, 500)
	eth0 := value(c.Interface("eth0"))(t).Index
	// Two families on several interfaces, which come one family after the other.
	must(t, c.SetUp("eth1"))
	value(c.Add(netspec.Address{Prefix: netip.MustParsePrefix("2001:db8::1/64"), Device: "eth0"}, netspec.Address{Prefix: netip.MustParsePrefix("192.0.2.1/24"), Device: "eth1"}))(t)
	first := value(c.State())(t)
	var before, after runtime.MemStats
	const reads = 20
	runtime.ReadMemStats(&before)
	for range reads {
		value(c.State())(t)
	}
	runtime.ReadMemStats(&after)
	if got := (after.TotalAlloc - before.TotalAlloc) / reads; got > 32*uint64(len(list)) {
		t.Errorf("%d octets are taken to read %d addresses that stand as before", got, len(list))
	}
	for _, gone := range []int{499, 0, 250} {
		must(t, c.Remove(list[gone]))
		want := slices.Delete(slices.Clone(list), gone, gone+1)
		if got := four(value(c.State())(t).Addresses(eth0)); !slices.Equal(got, want) {
			t.Fatalf("without the address %d there are %d, want %d", gone, len(got), len(want))
		}
		value(c.Add(list[gone]))(t)
		// The kernel puts it at the end.
		list = append(want, list[gone])
		if got := four(value(c.State())(t).Addresses(eth0)); !slices.Equal(got, list) {
			t.Fatalf("with the address %d again there are %d, want %d", gone, len(got), len(list))
		}
	}
	if got := four(first.Addresses(eth0)); len(got) != 500 || got[499].Addr() != netip.MustParseAddr("10.0.1.250") {
		t.Errorf("what was read first has %d addresses now, and ends in %v", len(got), got[len(got)-1])
	}
}

// four are the addresses of IPv4.
func four(list []netspec.Address) []netspec.Address {
	return slices.DeleteFunc(list, func(a netspec.Address) bool { return a.Addr().Is6() })
}

// A refusal says what the kernel says, in its words where it has some.
func TestVerdict(t *testing.T) {
	request := append(head(nil, unix.RTM_NEWADDR, 0), 1, 2, 3, 4)
	binary.NativeEndian.PutUint32(request, uint32(len(request)))
	refusal := func(errno unix.Errno, echoed []byte, text string) []byte {
		b := append(binary.NativeEndian.AppendUint32(nil, uint32(-int32(errno))), echoed...)
		return attribute(b, unix.NLMSGERR_ATTR_MSG, append([]byte(text), 0))
	}
	whole, capped := refusal(unix.EINVAL, request, "of a request"), refusal(unix.EPERM, request[:unix.SizeofNlMsghdr], "of its head")
	for _, c := range []struct {
		kind, flags uint16
		body        []byte
		is          error
		text        string
	}{
		{unix.NLMSG_DONE, 0, nil, nil, ""},
		{unix.NLMSG_ERROR, 0, append(make([]byte, 4), request...), nil, ""},
		{unix.NLMSG_ERROR, 0, whole, unix.EINVAL, ""},
		{unix.NLMSG_ERROR, unix.NLM_F_ACK_TLVS, whole, unix.EINVAL, "of a request"},
		{unix.NLMSG_ERROR, unix.NLM_F_ACK_TLVS | unix.NLM_F_CAPPED, capped, unix.EPERM, "of its head"},
		{unix.NLMSG_DONE, unix.NLM_F_ACK_TLVS, refusal(unix.EBUSY, nil, "of a table"), unix.EBUSY, "of a table"},
		{unix.NLMSG_ERROR, unix.NLM_F_ACK_TLVS, whole[:10], unix.EINVAL, ""},
	} {
		err := verdict(c.kind, c.flags, c.body)
		if !errors.Is(err, c.is) || !strings.Contains(fmt.Sprint(err), c.text) {
			t.Errorf("kind %d, flags %#x: %v, want %v: %s", c.kind, c.flags, err, c.is, c.text)
		}
	}
	if err := verdict(unix.NLMSG_ERROR, 0, []byte{1}); err == nil {
		t.Error("an error of one octet is none")
	}
}

// An interface that was made anew a moment after it was looked up is found by
// what adds an address to it.
func TestRecent(t *testing.T) {
	c, list := private(t, 1)
	before := value(c.Recent("eth0"))(t)
	if again := value(c.Recent("eth0"))(t); again.Index != before.Index || again.Name != "eth0" {
		t.Errorf("%+v, then %+v", before, again)
	}
	must(t, c.Delete("eth0"))
	must(t, c.AddVeth("eth0", "eth1", nil))
	c.recent.begun = c.recent.begun.Add(time.Hour) // as if no time had passed
	standing, err := c.Add(list...)
	must(t, err)
	if now := value(c.Interface("eth0"))(t); now.Index == before.Index || len(standing) != 1 || standing[0].Index != now.Index {
		t.Errorf("set on %+v, want it on %d, not %d", standing, now.Index, before.Index)
	}
	c.recent.begun = time.Time{}
	if now := value(c.Recent("eth0"))(t); now.Index != standing[0].Index {
		t.Errorf("after a while it is still %d", now.Index)
	}
	must(t, c.Delete("eth0"))
	if _, err := c.Add(list...); !errors.Is(err, ErrNoInterface) {
		t.Errorf("an address of an interface that is gone: %v, want %v", err, ErrNoInterface)
	}
}
