//go:build linux

package ipvs

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/balance"
	"github.com/moonkeep/moonkeep/core/kernel/netns"
)

// ErrNoIPVS is wrapped in the error of Open when the kernel has no IPVS.
var ErrNoIPVS = errors.New("the kernel has no IPVS; load its module ip_vs, or install a kernel that has it")

// answerLimit is how long the kernel may take for one answer. It answers in
// microseconds, but the first use of a scheduler loads its module.
const answerLimit = 3 * time.Second

// batch is how many operations share one message to the kernel. Should it refuse
// them all, what it says fits a receive buffer of the default size, in which an
// answer of 36 octets takes some 800.
const batch = 128

// dumpTries is how often a dump that changed under way is begun anew.
const dumpTries = 10

// socket carries netlink messages. The kernel's is netlinkSocket; tests have
// their own.
type socket interface {
	Send(b []byte) error
	// Receive returns os.ErrDeadlineExceeded when nothing comes in time.
	Receive(b []byte) (int, error)
	// Interface says which one has a name in the socket's namespace.
	Interface(name string) (iface, error)
	Close() error
}

// iface is what a daemon that synchronises connections is bound to for as long
// as it runs: the number of an interface, and its first IPv4 address.
type iface struct {
	index   uint32
	address [4]byte
}

// Conn is a connection to the IPVS of one network namespace. One goroutine may
// use it at a time.
type Conn struct {
	socket socket
	// services is moby/ipvs, nil until it is needed: to open it costs the start of
	// a program. inside is where.
	services serviceWriter
	inside   *netns.NS
	family   uint16
	seq      uint32
	out      message
	in       []byte
}

// Open connects to the IPVS of the network namespace of the calling thread.
// With load, the program modprobe is run once when the kernel has none. The
// error wraps ErrNoIPVS when it has none in the end.
func Open(load bool) (*Conn, error) {
	s, err := openSocket()
	if err != nil {
		return nil, fmt.Errorf("open a netlink socket: %w", err)
	}
	c := &Conn{socket: s, in: make([]byte, 64<<10)}
	c.family, err = c.findFamily()
	if load && errors.Is(err, ErrNoIPVS) {
		if why := modprobe("ip_vs"); why != nil {
			err = fmt.Errorf("%w (to load it was tried: %w)", err, why)
		} else {
			c.family, err = c.findFamily()
		}
	}
	if err == nil {
		c.inside, err = netns.Current()
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return c, nil
}

// Close closes the connection. The table stays.
func (c *Conn) Close() error {
	err := c.socket.Close()
	if c.services != nil {
		err = errors.Join(err, c.services.Close())
	}
	if c.inside != nil {
		err = errors.Join(err, c.inside.Close())
	}
	return err
}

// findFamily asks for the number of IPVS among the families of generic
// netlink.
func (c *Conn) findFamily() (uint16, error) {
	var id uint16
	c.out.b = c.out.b[:0]
	c.seq++
	c.out.begin(unix.GENL_ID_CTRL, unix.CTRL_CMD_GETFAMILY, unix.NLM_F_ACK, c.seq)
	c.out.text(unix.CTRL_ATTR_FAMILY_NAME, familyName)
	c.out.end()
	err := c.exchange(func(r reply) error {
		if len(r.body) < genlHeader {
			return errShort
		}
		return attributes(r.body[genlHeader:], func(kind uint16, v []byte) error {
			if kind != unix.CTRL_ATTR_FAMILY_ID {
				return nil
			}
			n, err := number(v)
			id = uint16(n)
			return err
		})
	})
	switch {
	case errors.Is(err, unix.ENOENT):
		return 0, ErrNoIPVS
	case err != nil:
		return 0, fmt.Errorf("ask the kernel for IPVS: %w", err)
	case id == 0:
		return 0, fmt.Errorf("ask the kernel for IPVS: the answer has no number: %w", ErrNoIPVS)
	}
	return id, nil
}

// exchange sends the message in c.out and hands on what is answered, until the
// kernel says that this was all. An error of the kernel is an unix.Errno.
func (c *Conn) exchange(each func(reply) error) error {
	if err := c.socket.Send(c.out.b); err != nil {
		return fmt.Errorf("send: %w", err)
	}
	interrupted := false
	for {
		n, err := c.socket.Receive(c.in)
		if err != nil {
			return unanswered(err)
		}
		for b := c.in[:n]; len(b) > 0; {
			var r reply
			if r, b, err = nextReply(b); err != nil {
				return err
			}
			if r.seq != c.seq {
				continue // of a call that was given up
			}
			interrupted = interrupted || r.flags&unix.NLM_F_DUMP_INTR != 0
			switch r.kind {
			case unix.NLMSG_ERROR:
				return r.failure()
			case unix.NLMSG_DONE:
				if interrupted {
					return errInterrupted
				}
				if len(r.body) >= 4 {
					return r.failure() // a dump that broke off says so here
				}
				return nil
			case unix.NLMSG_NOOP:
			default:
				if err := each(r); err != nil {
					return err
				}
			}
		}
	}
}

// unanswered says why nothing was received.
func unanswered(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return errSilent
	}
	return fmt.Errorf("receive: %w", err)
}

// errInterrupted is a dump during which the table changed.
var errInterrupted = errors.New("somebody changed the table each time while it was read; it is read again")

// dump asks for all of something, again when it changed meanwhile. Reset
// forgets what came of the try before.
func (c *Conn) dump(cmd uint8, put func(*message), reset func(), each func(reply) error) error {
	for try := 1; ; try++ {
		reset()
		c.out.b = c.out.b[:0]
		c.seq++
		c.out.begin(c.family, cmd, unix.NLM_F_DUMP, c.seq)
		put(&c.out)
		c.out.end()
		err := c.exchange(each)
		if !errors.Is(err, errInterrupted) || try == dumpTries {
			return err
		}
	}
}

// command sends one message that is only acknowledged.
func (c *Conn) command(cmd uint8, put func(*message)) error {
	c.out.b = c.out.b[:0]
	c.seq++
	c.out.begin(c.family, cmd, unix.NLM_F_ACK, c.seq)
	put(&c.out)
	c.out.end()
	return c.exchange(func(reply) error { return nil })
}

// Services returns all services, without their destinations.
func (c *Conn) Services() (list []ServiceState, err error) {
	err = c.dump(cmdGetSvc, func(*message) {}, func() { list = nil }, func(r reply) error {
		s, err := readService(r.body)
		if err != nil {
			return err
		}
		list = append(list, s)
		return nil
	})
	if errors.Is(err, unix.ENOENT) { // nobody has the number any more
		return nil, fmt.Errorf("read the services of IPVS: %w", ErrNoIPVS)
	}
	if err != nil {
		return nil, fmt.Errorf("read the services of IPVS: %w", permit(err))
	}
	return list, nil
}

// Destinations returns the destinations of a service.
func (c *Conn) Destinations(k balance.Key) (list []DestinationState, err error) {
	err = c.dump(cmdGetDest, func(m *message) { m.putKey(k) }, func() { list = nil }, func(r reply) error {
		d, err := readDestination(r.body, k)
		if err != nil {
			return err
		}
		list = append(list, d)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the destinations of %v: %w", k, permit(err))
	}
	return list, nil
}

// Zero sets the counters of a service and of its destinations to zero.
func (c *Conn) Zero(k balance.Key) error {
	if err := c.command(cmdZero, func(m *message) { m.putKey(k) }); err != nil {
		return fmt.Errorf("set the counters of %v to zero: %w", k, permit(err))
	}
	return nil
}

// Service returns a service without its destinations. It asks for this one alone: unlike
// a dump, that finds it whatever others do meanwhile. The error of one that
// is not there is absent.
func (c *Conn) Service(k balance.Key) (s ServiceState, err error) {
	c.out.b = c.out.b[:0]
	c.seq++
	c.out.begin(c.family, cmdGetSvc, unix.NLM_F_ACK, c.seq)
	c.out.putKey(k)
	c.out.end()
	err = c.exchange(func(r reply) (err error) {
		s, err = readService(r.body)
		return err
	})
	if err != nil {
		return s, fmt.Errorf("read %v: %w", k, permit(err))
	}
	return s, nil
}

// absent reports whether the kernel said that it has no such service, or none of IPv6 at all.
func absent(err error) bool {
	return errors.Is(err, unix.ESRCH) || errors.Is(err, unix.EAFNOSUPPORT)
}

// Read returns the part of the table that wanted asks for. A service that
// disappears meanwhile has no destinations. It may miss services while others remove
// theirs, in whichever network namespace: the kernel goes on with a dump by a count over
// the services of all of them, and does not say that it passed some over.
func (c *Conn) Read(wanted func(balance.Key) bool) (balance.Table, error) {
	services, err := c.Services()
	if err != nil {
		return nil, err
	}
	t := make(balance.Table, len(services))
	for _, s := range services {
		if !wanted(s.Key) {
			continue
		}
		if t[s.Key], err = c.complete(s); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// complete reads the destinations of a service.
func (c *Conn) complete(s ServiceState) (*balance.Service, error) {
	list, err := c.Destinations(s.Key)
	if err != nil {
		return nil, err
	}
	x := balance.Service{Options: s.Options}
	for _, d := range list {
		x.Destinations = append(x.Destinations, d.Destination)
	}
	return x.Normal(s.Key), nil
}

// netlinkSocket is a socket of generic netlink, and one of UDP that interfaces
// are asked for by.
type netlinkSocket struct{ fd, udp int }

func openSocket() (netlinkSocket, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_GENERIC)
	if err != nil {
		return netlinkSocket{}, err
	}
	udp, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return netlinkSocket{}, errors.Join(err, unix.Close(fd))
	}
	s := netlinkSocket{fd, udp}
	limit := unix.NsecToTimeval(answerLimit.Nanoseconds())
	err = errors.Join(
		unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &limit),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &limit),
		// Acknowledgements without the message that they are for.
		unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_CAP_ACK, 1),
	)
	if err != nil {
		return s, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s netlinkSocket) Send(b []byte) error {
	return unix.Sendto(s.fd, b, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
}

func (s netlinkSocket) Receive(b []byte) (int, error) {
	for {
		n, from, err := unix.Recvfrom(s.fd, b, 0)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EAGAIN):
			return 0, os.ErrDeadlineExceeded
		case err != nil:
			return 0, err
		}
		if k, ok := from.(*unix.SockaddrNetlink); ok && k.Pid == 0 {
			return n, nil
		}
	}
}

func (s netlinkSocket) Interface(name string) (i iface, err error) {
	r, err := unix.NewIfreq(name)
	if err == nil {
		err = unix.IoctlIfreq(s.udp, unix.SIOCGIFINDEX, r)
	}
	if errors.Is(err, unix.ENODEV) {
		err = fmt.Errorf("%w (there is no interface %s)", err, name)
	}
	if err != nil {
		return i, fmt.Errorf("ask for interface %s: %w", name, err)
	}
	i.index = r.Uint32()
	if r, err = unix.NewIfreq(name); err != nil {
		return i, err
	}
	// One without an address has zeros.
	if err := unix.IoctlIfreq(s.udp, unix.SIOCGIFADDR, r); err == nil {
		if a, err := r.Inet4Addr(); err == nil {
			i.address = [4]byte(a)
		}
	}
	return i, nil
}

func (s netlinkSocket) Close() error { return errors.Join(unix.Close(s.fd), unix.Close(s.udp)) }
