//go:build linux

// Package firewall drops packets to addresses that the node holds but must not
// answer for (RFC 9568 6.4.3, Accept_Mode False), with a table of nftables that
// is made and changed over netlink. No program is run.
//
// The table has a name of its own in the family inet. It is there only while
// something is dropped, and it outlives the process: after a kill -9 the
// addresses stand without anybody to answer for them, and stay closed until the
// next start has removed them. What other programs put into other tables is
// left alone, and counts: a packet gets through if nobody drops it.
//
// What is dropped is what the host would take as its own. Packets that it
// forwards are not touched, and ARP is no matter of the family inet; neighbour
// solicitations and advertisements go through.
//
// The package does not know why an address is to be closed. core/kernel drives
// it: it closes an address before it sets it, and opens it after it is removed.
//
// This is the only folder that imports google/nftables.
package firewall

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"sync"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/kernel/netns"
)

// ErrUnavailable is wrapped in the error of every call that this kernel cannot
// carry out.
var ErrUnavailable = errors.New("this kernel cannot filter packets with nftables: load its module nf_tables, or let the virtual addresses accept packets")

// ErrStays is wrapped in an error of Reset and Restore when nothing is to be dropped
// any more and a table is there all the same: what it dropped stays dropped.
var ErrStays = errors.New("the table of nftables could not be removed")

// Destination is an address whose packets are dropped, wherever they come in.
type Destination struct {
	Addr netip.Addr
	// Device is the interface on which a link-local address is meant; other
	// interfaces may have the same one. It is empty for all other addresses.
	Device string
}

// To returns the destination for an address on a device.
func To(a netip.Addr, device string) Destination {
	a = a.Unmap().WithZone("")
	if a.Is6() && a.IsLinkLocalUnicast() {
		return Destination{a, device}
	}
	return Destination{Addr: a}
}

func compare(a, b Destination) int {
	return cmp.Or(a.Addr.Compare(b.Addr), cmp.Compare(a.Device, b.Device))
}

// Firewall is one table. Its methods may be called by any goroutine; they wait
// for each other.
type Firewall struct {
	ns   *netns.NS
	name string

	mu   sync.Mutex
	conn *nftables.Conn // nil until the first use
	// closed are the destinations that are to be dropped; standing is true while
	// the table is there for all that is known here.
	closed   map[Destination]bool
	standing bool
	// left is true while a table of an earlier run may be there that could not be
	// removed.
	left bool
}

// New returns the firewall with that table in a network namespace, which stays
// open until Close. Nothing is asked of the kernel yet.
func New(namespace *netns.NS, table string) *Firewall {
	return &Firewall{ns: namespace, name: table, closed: make(map[Destination]bool)}
}

// Name is the name of the table.
func (f *Firewall) Name() string { return f.name }

// Close ends the connection. The table stays if anything is dropped still.
func (f *Firewall) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.conn == nil {
		return nil
	}
	conn := f.conn
	f.conn = nil
	return conn.CloseLasting()
}

// Reset removes the table that an earlier run left behind, if any. Nothing is
// dropped afterwards. On an error that table may be there still, until Restore or
// Drop has taken its place.
func (f *Firewall) Reset() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed, f.standing = make(map[Destination]bool), false
	err := f.do(f.remove)
	if errors.Is(err, ErrUnavailable) {
		err = nil // there is no table where there are none
	}
	if f.left = err != nil; f.left {
		return fmt.Errorf("%w: %w", ErrStays, err)
	}
	return nil
}

// Check reports whether the kernel knows all that the table is made of. It
// leaves nothing behind.
func (f *Firewall) Check() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	trial := New(f.ns, f.name+"_check")
	for _, a := range []netip.Addr{netip.IPv4Unspecified(), netip.IPv6Unspecified(), linkLocalExample()} {
		trial.closed[To(a, "lo")] = true
	}
	err := trial.do(func(c *nftables.Conn) error { return errors.Join(trial.fill(c), trial.remove(c)) })
	return errors.Join(err, trial.Close())
}

// Drop has packets to the destinations dropped: to all of them when it returns
// nil, else to none that was not dropped before.
func (f *Firewall) Drop(list ...Destination) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	var added []Destination
	for _, d := range list {
		if !f.closed[d] {
			f.closed[d] = true
			added = append(added, d)
		}
	}
	if len(added) == 0 {
		return nil
	}
	var err error
	if f.standing {
		err = f.do(func(c *nftables.Conn) error { return f.change(c.SetAddElements, added) })
	}
	if !f.standing || err != nil {
		// Somebody may have removed the table: it is made anew with all that it
		// held.
		err = f.do(f.fill)
	}
	if err != nil {
		for _, d := range added {
			delete(f.closed, d)
		}
		return fmt.Errorf("drop packets to %s: %w", added[0].Addr, err)
	}
	f.standing, f.left = true, false
	return nil
}

// Pass ends the dropping for the destinations. What it could not do Restore
// does.
func (f *Firewall) Pass(list ...Destination) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	var gone []Destination
	for _, d := range list {
		if f.closed[d] {
			delete(f.closed, d)
			gone = append(gone, d)
		}
	}
	if len(gone) == 0 {
		return nil
	}
	err := f.do(func(c *nftables.Conn) error {
		if len(f.closed) == 0 {
			return f.remove(c)
		}
		return f.change(c.SetDeleteElements, gone)
	})
	if err != nil {
		err = f.do(f.fill)
	}
	if err != nil {
		return fmt.Errorf("accept packets to %s again: %w", gone[0].Addr, err)
	}
	f.standing = len(f.closed) > 0
	return nil
}

// Restore makes the table anew when it is not as it should be, and reports
// whether it had to because of somebody else. It removes what Reset could not.
func (f *Firewall) Restore() (restored bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.closed) == 0 && !f.standing && !f.left {
		return false, nil
	}
	if f.whole() {
		return false, nil
	}
	if err := f.do(f.fill); err != nil {
		if len(f.closed) == 0 {
			return false, fmt.Errorf("%w: %w", ErrStays, err)
		}
		return false, fmt.Errorf("put the table %s of nftables back: %w", f.name, err)
	}
	restored = !f.left
	f.standing, f.left = len(f.closed) > 0, false
	return restored, nil
}

// do sends what ask queues, all or nothing.
func (f *Firewall) do(ask func(*nftables.Conn) error) error {
	if f.conn == nil {
		// The library dies of a kernel without it.
		if err := spoken(unix.NETLINK_NETFILTER); err != nil {
			return explain(err)
		}
		// The library could enter the namespace, too, but would do so also where
		// the thread is in it already; and that takes CAP_SYS_ADMIN.
		err := f.ns.Do(func() (err error) {
			f.conn, err = nftables.New(nftables.AsLasting())
			return err
		})
		if err != nil {
			f.conn = nil
			return explain(fmt.Errorf("open a netlink socket for nftables: %w", err))
		}
	}
	err := ask(f.conn)
	if err == nil {
		if err = f.conn.Flush(); err == nil {
			return nil
		}
	}
	// What is still queued, or was not read of the answers, must not be taken
	// for the next batch's.
	err = errors.Join(err, f.conn.CloseLasting())
	f.conn = nil
	return explain(err)
}

// spoken reports, as an error, that the kernel knows no such protocol of netlink.
func spoken(protocol int) error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, protocol)
	if err != nil {
		return fmt.Errorf("open a netlink socket for nftables: %w", err)
	}
	return unix.Close(fd)
}

// explain says so when an error means that the kernel lacks nftables.
func explain(err error) error {
	for _, lacking := range []error{unix.EOPNOTSUPP, unix.EPROTONOSUPPORT, unix.EAFNOSUPPORT, unix.ENOENT} {
		if errors.Is(err, lacking) {
			return fmt.Errorf("%w (%w)", ErrUnavailable, err)
		}
	}
	return err
}

// whole reports whether the kernel has the table as it should be.
func (f *Firewall) whole() bool {
	if len(f.closed) == 0 || f.conn == nil {
		return false
	}
	t := f.layout()
	rules, err := f.conn.GetRules(t.table, t.chain)
	if err != nil || len(rules) != len(t.rules) {
		return false
	}
	found := make(map[Destination]bool)
	for i, set := range t.sets {
		elements, err := f.conn.GetSetElements(set)
		if err != nil {
			return false
		}
		for _, e := range elements {
			found[destination(kind(i), e.Key)] = true
		}
	}
	return maps.Equal(found, f.closed)
}

// sorted returns what is to be dropped, by kind of set.
func sorted(list []Destination) (out [kinds][]nftables.SetElement) {
	slices.SortFunc(list, compare)
	for _, d := range list {
		k := kindOf(d)
		out[k] = append(out[k], nftables.SetElement{Key: d.key()})
	}
	return out
}
