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
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// ErrNoInterface is wrapped in the error of every call that names an interface
// which is not there.
var ErrNoInterface = errors.New("no such interface")

// answerTimeout is how long the kernel may take to answer one request. It
// answers in microseconds; the netlink library's default of a minute would
// hide a lost answer for longer than a fail-over may take.
const answerTimeout = 2 * time.Second

// dumpTries is how often a dump that was changed under way is begun anew. A
// namespace whose tables never stand still for so long is an error.
const dumpTries = 20

// Conn is a connection to the kernel's tables of one network namespace. Its
// methods may be called by any goroutine in any namespace; they wait for each
// other.
type Conn struct {
	handle *netlink.Handle
	// sockets is a second socket, with extended acknowledgements, which the
	// library's Handle cannot turn on: with it the kernel says in words what
	// it did not like.
	sockets map[int]*nl.SocketHandle
	// strict is a third one, on which the kernel obeys what a dump asks for.
	strict map[int]*nl.SocketHandle
}

// Open connects to the network namespace of the calling thread.
func Open() (*Conn, error) {
	socket, err := openSocket()
	if err != nil {
		return nil, err
	}
	strict, err := openSocket()
	if err != nil {
		socket.Close()
		return nil, err
	}
	// Kernels of before 4.20 cannot; whoever dumps sorts out what it gets.
	_ = unix.SetsockoptInt(strict.GetFd(), unix.SOL_NETLINK, unix.NETLINK_GET_STRICT_CHK, 1)
	c := &Conn{
		sockets: map[int]*nl.SocketHandle{unix.NETLINK_ROUTE: {Socket: socket}},
		strict:  map[int]*nl.SocketHandle{unix.NETLINK_ROUTE: {Socket: strict}},
	}
	if c.handle, err = netlink.NewHandle(unix.NETLINK_ROUTE); err != nil {
		return nil, errors.Join(fmt.Errorf("open a netlink socket: %w", err), c.Close())
	}
	if err := c.handle.SetSocketTimeout(answerTimeout); err != nil {
		return nil, errors.Join(fmt.Errorf("set up a netlink socket: %w", err), c.Close())
	}
	return c, nil
}

func openSocket() (*nl.NetlinkSocket, error) {
	socket, err := nl.GetNetlinkSocketAt(-1, -1, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("open a netlink socket: %w", err)
	}
	timeout := unix.NsecToTimeval(answerTimeout.Nanoseconds())
	if err := errors.Join(socket.SetExtAck(true), socket.SetSendTimeout(&timeout), socket.SetReceiveTimeout(&timeout)); err != nil {
		socket.Close()
		return nil, fmt.Errorf("set up a netlink socket: %w", err)
	}
	return socket, nil
}

// Close closes the connection. No other method may be running or follow.
func (c *Conn) Close() error {
	c.sockets[unix.NETLINK_ROUTE].Close()
	c.strict[unix.NETLINK_ROUTE].Close()
	if c.handle != nil {
		c.handle.Close()
	}
	return nil
}

// request starts a request that execute will send.
func (c *Conn) request(kind, flags int) *nl.NetlinkRequest { return requestOn(c.sockets, kind, flags) }

func requestOn(sockets map[int]*nl.SocketHandle, kind, flags int) *nl.NetlinkRequest {
	return &nl.NetlinkRequest{
		NlMsghdr: unix.NlMsghdr{
			Len:   unix.SizeofNlMsghdr,
			Type:  uint16(kind),
			Flags: unix.NLM_F_REQUEST | uint16(flags),
		},
		Sockets: sockets,
	}
}

// dump asks for a whole table. A table that changed under way is asked for
// again: its rows would be of two different moments.
func (c *Conn) dump(kind int, data nl.NetlinkRequestData, answer uint16) ([][]byte, error) {
	return c.dumpOn(c.sockets, kind, data, answer)
}

func (c *Conn) dumpOn(sockets map[int]*nl.SocketHandle, kind int, data nl.NetlinkRequestData, answer uint16) ([][]byte, error) {
	for try := 1; ; try++ {
		req := requestOn(sockets, kind, unix.NLM_F_DUMP)
		req.AddData(data)
		rows, err := req.Execute(unix.NETLINK_ROUTE, answer)
		if errors.Is(err, netlink.ErrDumpInterrupted) && try < dumpTries {
			continue
		}
		if err != nil {
			return nil, err
		}
		return rows, nil
	}
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
