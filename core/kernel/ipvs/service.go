//go:build linux

package ipvs

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"

	"github.com/moby/ipvs"
	"github.com/sirupsen/logrus"
	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/balance"
)

// serviceWriter is what moby/ipvs does for a Conn.
type serviceWriter interface {
	Edit(balance.Key, balance.Options) error
	Flush() error
	SetTimeouts(Timeouts) error
	Close() error
}

// Timeouts are how long the kernel keeps idle connections; a zero is left as
// it is when they are set.
type Timeouts struct{ TCP, TCPFin, UDP time.Duration }

// library opens moby/ipvs where the connection is, unless it is open.
func (c *Conn) library() (serviceWriter, error) {
	if c.services == nil {
		err := c.inside.Do(func() (err error) {
			c.services, err = openServices()
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return c.services, nil
}

// byLibrary has the library do something, and sends the message that does the same
// when the kernel knows no family of the library's number: it asks for that once in
// a process, and IPVS has another one after its module was unloaded and loaded
// again. What ENOENT says else, the kernel says again.
func (c *Conn) byLibrary(call func(serviceWriter) error, cmd uint8, put func(*message)) error {
	l, err := c.library()
	if err == nil {
		err = call(l)
	}
	if errors.Is(err, unix.ENOENT) {
		err = c.command(cmd, put)
	}
	return err
}

// Flush empties the table: all services, also those of others.
func (c *Conn) Flush() error {
	err := c.byLibrary(serviceWriter.Flush, cmdFlush, func(*message) {})
	if err != nil {
		return fmt.Errorf("empty the table of IPVS: %w", permit(err))
	}
	return nil
}

// Timeouts returns how long idle connections are kept.
func (c *Conn) Timeouts() (t Timeouts, err error) {
	c.out.b = c.out.b[:0]
	c.seq++
	c.out.begin(c.family, cmdGetConfig, unix.NLM_F_ACK, c.seq)
	c.out.end()
	err = c.exchange(func(r reply) error {
		if len(r.body) < genlHeader {
			return errShort
		}
		t, err = readTimeouts(r.body[genlHeader:])
		return err
	})
	if err != nil {
		return t, fmt.Errorf("read the time limits of IPVS: %w", permit(err))
	}
	return t, nil
}

// readTimeouts reads time limits from the attributes of a message.
func readTimeouts(b []byte) (t Timeouts, err error) {
	err = attributes(b, func(kind uint16, v []byte) error {
		n, err := number(v)
		switch s := time.Duration(n) * time.Second; kind {
		case attrTCP:
			t.TCP = s
		case attrTCPFin:
			t.TCPFin = s
		case attrUDP:
			t.UDP = s
		}
		return err
	})
	return t, err
}

// over is t, with those of before where it says nothing.
func (t Timeouts) over(before Timeouts) Timeouts {
	return Timeouts{TCP: cmp.Or(t.TCP, before.TCP), TCPFin: cmp.Or(t.TCPFin, before.TCPFin), UDP: cmp.Or(t.UDP, before.UDP)}
}

// foreign returns what of these, which the kernel has now, it was not told by any of
// ours, and of before what it was.
func (t Timeouts) foreign(ours []Timeouts, before Timeouts) Timeouts {
	for _, o := range ours {
		if t.TCP == o.TCP {
			t.TCP = before.TCP
		}
		if t.TCPFin == o.TCPFin {
			t.TCPFin = before.TCPFin
		}
		if t.UDP == o.UDP {
			t.UDP = before.UDP
		}
	}
	return t
}

// SetTimeouts sets how long idle connections are kept.
func (c *Conn) SetTimeouts(t Timeouts) error {
	err := c.byLibrary(func(l serviceWriter) error { return l.SetTimeouts(t) }, cmdSetConfig, func(m *message) {
		m.u32(attrTCP, uint32(t.TCP/time.Second))
		m.u32(attrTCPFin, uint32(t.TCPFin/time.Second))
		m.u32(attrUDP, uint32(t.UDP/time.Second))
	})
	if err != nil {
		return fmt.Errorf("set the time limits of IPVS: %w", permit(err))
	}
	return nil
}

// library is a serviceWriter by moby/ipvs.
type library struct{ handle *ipvs.Handle }

// openServices connects the library to the network namespace of the calling
// thread. It is called when IPVS is known to be there, because the library
// would never look again.
func openServices() (serviceWriter, error) {
	// It says on standard error, by a logger of the process, that it found no
	// modprobe, which nobody needs by now.
	logrus.SetOutput(io.Discard)
	h, err := ipvs.New("")
	if err != nil {
		return nil, fmt.Errorf("connect to IPVS: %w", err)
	}
	return &library{h}, nil
}

// errSilent is a call that the kernel did not answer. Whoever keeps the table
// connects anew then.
var errSilent = fmt.Errorf("the kernel did not answer within %v; it is asked again", answerLimit)

// limited gives a call of the library a deadline: it asks again for ever when
// no answer comes. Closing its socket ends it.
func (l *library) limited(call func(*ipvs.Handle) error) error {
	if l.handle == nil {
		return fmt.Errorf("the connection to IPVS is closed: %w", errSilent)
	}
	done := make(chan error, 1)
	go func(h *ipvs.Handle) { done <- call(h) }(l.handle)
	limit := time.NewTimer(answerLimit)
	defer limit.Stop()
	select {
	case err := <-done:
		return err
	case <-limit.C:
		l.handle.Close()
		l.handle = nil
		return errSilent
	}
}

func (l *library) Edit(k balance.Key, o balance.Options) error {
	return l.limited(func(h *ipvs.Handle) error { return h.UpdateService(libraryService(k, o)) })
}

func (l *library) Flush() error {
	return l.limited(func(h *ipvs.Handle) error { return h.Flush() })
}

func (l *library) SetTimeouts(t Timeouts) error {
	return l.limited(func(h *ipvs.Handle) error {
		return h.SetConfig(&ipvs.Config{TimeoutTCP: t.TCP, TimeoutTCPFin: t.TCPFin, TimeoutUDP: t.UDP})
	})
}

func (l *library) Close() error {
	if l.handle != nil {
		l.handle.Close()
		l.handle = nil
	}
	return nil
}

// libraryService is a service as the library takes it. It says nothing of the
// flag that the kernel keeps for itself.
func libraryService(k balance.Key, o balance.Options) *ipvs.Service {
	s := &ipvs.Service{
		FWMark: k.Fwmark, Protocol: uint16(k.Protocol), Port: k.Address.Port(), AddressFamily: family(k.IPv6),
		SchedName: o.Scheduler, Flags: uint32(o.Flags), Timeout: o.Persistence, PEName: o.Engine,
		Netmask: binary.NativeEndian.Uint32(o.Mask[:]),
	}
	if k.IPv6 {
		s.Netmask = uint32(o.Bits)
	}
	if k.Address.IsValid() {
		s.Address = k.Address.Addr().AsSlice()
	}
	return s
}

// modprobe loads a module of the kernel.
func modprobe(module string) error {
	ctx, cancel := context.WithTimeout(context.Background(), answerLimit)
	defer cancel()
	out, err := exec.CommandContext(ctx, "modprobe", "-q", module).CombinedOutput()
	switch {
	case errors.Is(err, exec.ErrNotFound):
		return errors.New("there is no program modprobe in PATH (Debian's package kmod has it)")
	case err != nil:
		return fmt.Errorf("modprobe %s: %w%s", module, err, strings.TrimRight(" "+string(out), " \n"))
	}
	return nil
}
