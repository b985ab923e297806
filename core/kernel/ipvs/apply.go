//go:build linux

package ipvs

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/balance"
)

// Failure is an operation that the kernel did not carry out.
type Failure struct {
	Op  balance.Op
	Err error
}

// Error says what was attempted and why it failed, with what to do about it
// where that is known.
func (f Failure) Error() string {
	what := f.Op.Kind.String() + " " + f.Op.Key.String()
	switch f.Op.Kind {
	case balance.AddDestination, balance.EditDestination, balance.RemoveDestination:
		what += " -> " + f.Op.Destination.Address.String()
	}
	return fmt.Sprintf("%s: %v", what, f.Err)
}

// Unwrap returns the kernel's error.
func (f Failure) Unwrap() error { return f.Err }

// Apply carries the operations out in their order. What the kernel refuses is
// in failures, and the others are carried out all the same. The error is that
// of the connection; then it is not known which of the later operations have
// been carried out.
//
// What is already as it should be is no failure: a destination or a service
// that is to be removed and is not there, or that is to be added and is there,
// in which case it is edited.
//
// Destinations of a service that could not be made are not there; their failures
// wrap errNoService.
func (c *Conn) Apply(ops []balance.Op) (failures []Failure, err error) {
	missing := map[balance.Key]bool{}
	for len(ops) > 0 {
		if ops[0].Kind == balance.EditService {
			if err := explain(ops[0], c.edit(ops[0])); err != nil {
				if lost(err) {
					return failures, err
				}
				failures = append(failures, Failure{ops[0], err})
			}
			ops = ops[1:]
			continue
		}
		n := 0
		for n < len(ops) && n < batch && ops[n].Kind != balance.EditService {
			n++
		}
		errs, err := c.change(ops[:n])
		if err != nil {
			return failures, fmt.Errorf("change %v and what follows: %w", ops[0].Key, err)
		}
		for i, err := range errs {
			if err == nil {
				continue
			}
			op := ops[i]
			if ofDestination(op.Kind) && missing[op.Key] {
				failures = append(failures, Failure{op, errNoService})
				continue
			}
			if err = c.again(op, err); err == nil {
				continue
			}
			if lost(err) {
				return failures, err
			}
			failures = append(failures, Failure{op, err})
			if op.Kind == balance.AddService {
				missing[op.Key] = true
			}
		}
		ops = ops[n:]
	}
	return failures, nil
}

// Make is Apply for services that are new, which are made without room for all
// operations at once. It returns how many there were.
func (c *Conn) Make(want balance.Table) (n int, failures []Failure, err error) {
	part, ops, size := balance.Table{}, make([]balance.Op, 0, batch), 0
	carry := func() error {
		ops = balance.AppendDiff(ops[:0], nil, part)
		more, err := c.Apply(ops)
		n, failures = n+len(ops), append(failures, more...)
		clear(part)
		size = 0
		return err
	}
	for _, k := range want.Keys() {
		more := 1 + len(want[k].Destinations)
		if size > 0 && size+more > batch {
			if err := carry(); err != nil {
				return n, failures, err
			}
		}
		part[k] = want[k]
		size += more
	}
	return n, failures, carry()
}

// errNoService is why a destination was not tried.
var errNoService = errors.New("its service could not be made")

// lost reports whether the connection is of no use any more.
func lost(err error) bool {
	var errno unix.Errno
	return !errors.As(err, &errno) || errno == unix.EBADF
}

func ofDestination(k balance.OpKind) bool {
	return k == balance.AddDestination || k == balance.EditDestination || k == balance.RemoveDestination
}

// change sends operations, but for EditService, in one message and returns what
// the kernel said to each. It says something to those that it refuses, and to the
// last one in any case: an answer to each would cost more than the operations.
func (c *Conn) change(ops []balance.Op) ([]error, error) {
	c.out.b = c.out.b[:0]
	first := c.seq + 1
	for i, op := range ops {
		var flags uint16
		if i == len(ops)-1 {
			flags = unix.NLM_F_ACK
		}
		c.seq++
		c.out.begin(c.family, operation(op.Kind), flags, c.seq)
		if op.Kind == balance.AddService {
			c.out.putService(op.Key, op.Options)
		} else {
			c.out.putKey(op.Key)
		}
		if ofDestination(op.Kind) {
			c.out.putDestination(op.Destination, op.Kind != balance.RemoveDestination)
		}
		c.out.end()
	}
	if err := c.socket.Send(c.out.b); err != nil {
		return nil, fmt.Errorf("send: %w", err)
	}
	errs := make([]error, len(ops))
	for {
		n, err := c.socket.Receive(c.in)
		if err != nil {
			return nil, unanswered(err)
		}
		for b := c.in[:n]; len(b) > 0; {
			var r reply
			if r, b, err = nextReply(b); err != nil {
				return nil, err
			}
			i := r.seq - first
			if r.kind != unix.NLMSG_ERROR || i >= uint32(len(ops)) {
				continue // of a call that was given up
			}
			errs[i] = r.failure()
			if i == uint32(len(ops)-1) {
				return errs, nil
			}
		}
	}
}

// operation is what the kernel calls an operation, but for EditService.
func operation(k balance.OpKind) uint8 {
	switch k {
	case balance.AddService:
		return cmdNewSvc
	case balance.RemoveService:
		return cmdDelSvc
	case balance.EditDestination:
		return cmdSetDest
	case balance.RemoveDestination:
		return cmdDelDest
	}
	return cmdNewDest
}

// again looks at what the kernel refused, and does what remains to be done when
// the table was not as expected.
func (c *Conn) again(op balance.Op, err error) error {
	switch {
	case op.Kind == balance.AddService && errors.Is(err, unix.EEXIST):
		return explain(op, c.edit(op))
	case op.Kind == balance.RemoveService && errors.Is(err, unix.ESRCH):
		return nil
	case op.Kind == balance.AddDestination && errors.Is(err, unix.EEXIST):
		op.Kind = balance.EditDestination
	case op.Kind == balance.EditDestination && errors.Is(err, unix.ENOENT):
		op.Kind = balance.AddDestination
	case op.Kind == balance.RemoveDestination && (errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ESRCH)):
		return nil
	default:
		return explain(op, err)
	}
	errs, err := c.change([]balance.Op{op})
	if err != nil {
		return err
	}
	return explain(op, errs[0])
}

// edit gives a service its options, whether it is there or not.
func (c *Conn) edit(op balance.Op) error {
	err := c.byLibrary(func(l serviceWriter) error { return l.Edit(op.Key, op.Options) }, cmdSetSvc, func(m *message) {
		m.putService(op.Key, op.Options)
	})
	if !errors.Is(err, unix.ESRCH) {
		return err
	}
	op.Kind = balance.AddService
	errs, err := c.change([]balance.Op{op})
	if err != nil {
		return err
	}
	return errs[0]
}

// permit adds to an error of the kernel what it needs, if that is lacking.
func permit(err error) error {
	if errors.Is(err, unix.EPERM) {
		return fmt.Errorf("%w (IPVS needs the capability CAP_NET_ADMIN in the network namespace of its table)", err)
	}
	return err
}

// explain adds to an error of the kernel what it means here.
func explain(op balance.Op, err error) error {
	if err == nil {
		return nil
	}
	hint := ""
	switch {
	case errors.Is(err, unix.EPERM):
		return permit(err)
	case errors.Is(err, unix.ENOENT) && (op.Kind == balance.AddService || op.Kind == balance.EditService) && op.Options.Engine != "":
		hint = fmt.Sprintf("the kernel lacks the scheduler %s or the persistence engine %s: load ip_vs_%s and ip_vs_pe_%s", op.Options.Scheduler, op.Options.Engine, op.Options.Scheduler, op.Options.Engine)
	case errors.Is(err, unix.ENOENT) && (op.Kind == balance.AddService || op.Kind == balance.EditService):
		hint = fmt.Sprintf("the kernel lacks the scheduler %s: load ip_vs_%s", op.Options.Scheduler, op.Options.Scheduler)
	case errors.Is(err, unix.EINVAL) && op.Kind == balance.AddDestination && op.Key.IPv6 != op.Destination.Address.Addr().Is6():
		hint = "a server of another address family needs forwarding by TUN, and cannot be used while connections are synchronised (lvs_sync_daemon)"
	case errors.Is(err, unix.ERANGE):
		hint = "its lthreshold is above its uthreshold"
	case errors.Is(err, unix.ESRCH):
		hint = "there is no such service"
	case errors.Is(err, unix.ENOMEM):
		hint = "the kernel has no memory for it; it is tried again"
	case errors.Is(err, unix.EAFNOSUPPORT):
		hint = "the kernel's IPVS knows no IPv6"
	}
	if hint == "" {
		return err
	}
	return fmt.Errorf("%w (%s)", err, hint)
}
