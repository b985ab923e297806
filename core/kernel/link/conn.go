//go:build linux

// Package link reads and changes the interfaces, addresses, routes and rules of
// one network namespace, over rtnetlink, and says when they changed.
//
// A Conn asks and changes; a Monitor says "look again" and nothing more,
// because a message of the kernel can be lost, and only the state as a whole
// can be believed. The package keeps no state of its own: every answer is read
// from the kernel at the call. It does not know which addresses are virtual,
// nor who claimed them; core/kernel does. core/kernel drives it, and core/lab
// builds its networks with it.
//
// This is the only folder that imports vishvananda/netlink.
package link

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// ErrNoInterface is wrapped in the error of every call that names an interface
// which is not there.
var ErrNoInterface = errors.New("no such interface")

// Conn is a connection to the kernel's tables of one network namespace. Its
// methods may be called by any goroutine in any namespace; they wait for each
// other.
type Conn struct {
	handle *netlink.Handle
	// changes is for what changes something or asks for one interface, reads
	// for whole tables, so that no change waits for a long list.
	changes, reads *exchange
	recent         recent
	// last are the addresses that State found last. The list is not changed.
	last atomic.Pointer[[]row]
}

// Open connects to the network namespace of the calling thread.
func Open() (_ *Conn, err error) {
	c := &Conn{}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Close())
		}
	}()
	if c.changes, err = openExchange(false); err != nil {
		return nil, err
	}
	if c.reads, err = openExchange(true); err != nil {
		return nil, err
	}
	if c.handle, err = netlink.NewHandle(unix.NETLINK_ROUTE); err != nil {
		return nil, fmt.Errorf("open a netlink socket: %w", err)
	}
	if err := c.handle.SetSocketTimeout(answerTimeout); err != nil {
		return nil, fmt.Errorf("set up a netlink socket: %w", err)
	}
	return c, nil
}

// Close closes the connection. No other method may be running or follow.
func (c *Conn) Close() error {
	var failed []error
	for _, x := range []*exchange{c.changes, c.reads} {
		if x != nil {
			failed = append(failed, x.close())
		}
	}
	if c.handle != nil {
		c.handle.Close()
	}
	return errors.Join(failed...)
}

// request is something to be changed, put together from the library's parts.
type request struct {
	kind, flags int
	parts       []nl.NetlinkRequestData
}

func (r *request) add(part nl.NetlinkRequestData) { r.parts = append(r.parts, part) }

// execute has the kernel do it.
func (c *Conn) execute(r *request) error { return c.changes.ask(r.kind, r.flags, r.build) }

func (r *request) build(b []byte) []byte {
	for _, part := range r.parts {
		b = append(b, part.Serialize()...)
	}
	return b
}

// missing reports whether err says that there is no such interface.
func missing(err error) bool {
	var notFound netlink.LinkNotFoundError
	return errors.Is(err, unix.ENODEV) || errors.As(err, &notFound)
}

// noInterface is the error of everything that names an interface which is not
// there.
func noInterface(name string) error {
	return fmt.Errorf("%w %s", ErrNoInterface, name)
}
