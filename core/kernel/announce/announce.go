//go:build linux

// Package announce tells the neighbours on a network that an address has
// moved here: by gratuitous ARP, or by an unsolicited neighbour advertisement
// (RFC 4861 7.2.6) for IPv6.
//
// It sends what it is told to and when it is told to: how often and how long
// after a change is the node's business, and whether the address stands is its
// caller's. It receives nothing and does not look for conflicts. core/kernel
// drives it.
//
// This is the only folder that imports mdlayher/arp and mdlayher/ethernet, as
// codecs: their client refuses an interface without an IPv4 address, and takes
// a socket for each.
package announce

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/kernel/link"
	"github.com/moonkeep/moonkeep/core/kernel/netns"
	"github.com/moonkeep/moonkeep/core/netspec"
)

// Lookup returns the present state of an interface.
type Lookup func(name string) (link.Interface, error)

// Gaps are the least times between two announcements on one interface, for each
// kind. Zero is none.
type Gaps struct{ ARP, NA time.Duration }

func (g Gaps) of(a netip.Addr) time.Duration {
	if a.Is6() {
		return g.NA
	}
	return g.ARP
}

// Group are interfaces that share one limit in place of one each.
type Group struct {
	Gaps       Gaps
	Interfaces []string
}

// Pace is how fast announcements may follow each other.
type Pace struct {
	// Gaps are those of each interface that is in no group and not in Interfaces,
	// which has others.
	Gaps       Gaps
	Interfaces map[string]Gaps
	// Groups are the groups; of several that name an interface the first counts.
	Groups []Group
}

// Announcer sends announcements through one packet socket, and through further ones
// for links when that is full. Its methods may be called by any goroutine.
type Announcer struct {
	lookup Lookup
	log    *slog.Logger
	ns     *netns.NS
	wake   chan struct{} // capacity 1
	done   chan struct{}
	ended  chan struct{}

	// mu guards what follows. It is held for non-blocking system calls only.
	mu     sync.Mutex
	closed bool
	fd     int
	beside map[int]int // sockets of links, by the index of the interface (below)
	queues map[lane]*queue
	calls  map[*call]bool // of Announce that are under way
	// failing is why what was tried last was not announced.
	failing  map[target]string
	failures *atomic.Uint64
	pace     Pace
	// group is the number of an interface's group, counted from 1.
	group map[string]int
}

// Open opens the socket in the network namespace of the calling thread.
//
// Of a kind that has no gap Announce sends at once what the interface takes; it puts
// the rest into the interface's queue and a goroutine sends it. Errors of the latter go
// to the log. Each that could not be announced is counted in failures, unless that is
// nil.
func Open(lookup Lookup, pace Pace, failures *atomic.Uint64, log *slog.Logger) (*Announcer, error) {
	ns, err := netns.Current()
	if err != nil {
		return nil, err
	}
	fd, err := socket()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open packet socket for announcements: %w", err), ns.Close())
	}
	if failures == nil {
		failures = new(atomic.Uint64)
	}
	a := &Announcer{
		lookup: lookup, log: log, ns: ns, fd: fd, failures: failures,
		wake:    make(chan struct{}, 1),
		done:    make(chan struct{}),
		ended:   make(chan struct{}),
		queues:  make(map[lane]*queue),
		calls:   make(map[*call]bool),
		beside:  make(map[int]int),
		failing: make(map[target]string),
	}
	a.SetPace(pace)
	go a.run()
	return a, nil
}

// SetPace replaces the limits. What is queued keeps its turn, and goes as fast as
// its queue may now.
func (a *Announcer) SetPace(p Pace) {
	group := make(map[string]int)
	for i, g := range p.Groups {
		for _, name := range g.Interfaces {
			if group[name] == 0 {
				group[name] = i + 1
			}
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.pace, a.group = p, group
}

// lane returns the queue that an announcement goes through, and its gap. mu is
// held.
func (a *Announcer) lane(address netspec.Address) (lane, time.Duration) {
	l, gaps := lane{device: address.Device, six: address.Addr().Is6()}, a.pace.Gaps
	if own, has := a.pace.Interfaces[address.Device]; has {
		gaps = own
	}
	if g := a.group[address.Device]; g > 0 {
		l.device, l.group, gaps = "", g, a.pace.Groups[g-1].Gaps
	}
	return l, gaps.of(address.Addr())
}

// Close drops what is queued and closes the sockets.
func (a *Announcer) Close() error {
	a.mu.Lock()
	if a.closed {
		a.mu.Unlock()
		return nil
	}
	a.closed = true
	a.queues = nil
	close(a.done)
	err := errors.Join(unix.Close(a.fd), a.ns.Close())
	for _, fd := range a.beside {
		err = errors.Join(err, unix.Close(fd))
	}
	a.mu.Unlock()
	<-a.ended
	return err
}

// Announce sends rounds of announcements, each over all addresses in their
// order. Interfaces without ARP are passed over. The error joins one for each
// address that could not be announced, at whatever round that was, unless it was told
// of before and nothing has changed; such an address is not tried again in this call.
//
// Of a kind with a gap it returns before anything is sent; and without one before all
// is sent where the interface cannot take that much at once. Instance is the name by
// which Drop finds what is queued, and the call while it is under way. May is asked
// when it does: whoever has it say no and then calls Drop has nothing announced after.
func (a *Announcer) Announce(instance string, addresses []netspec.Address, rounds int, may func() bool) error {
	c := a.begin(instance)
	defer a.end(c)
	if !may() {
		return nil
	}
	var failed []error
	fail := func(address netspec.Address, err error) {
		if err = a.tell(instance, address, err); err != nil {
			failed = append(failed, err)
		}
	}
	var paced []netspec.Address
	frames := make([]frame, 0, len(addresses))
	known := make(map[string]link.Interface)
	for _, address := range addresses {
		if a.paced(address) {
			paced = append(paced, address)
			continue
		}
		i, looked := known[address.Device]
		if !looked {
			var err error
			if i, err = a.lookup(address.Device); err != nil {
				fail(address, err)
				continue
			}
			known[address.Device] = i
		}
		if i.NoARP {
			continue
		}
		f, err := newFrame(i, address)
		if err != nil {
			fail(address, err)
			continue
		}
		frames = append(frames, f)
	}
	if len(paced) > 0 {
		failed = append(failed, a.enqueue(c, paced, rounds)...)
	}
	full := make(map[string]bool) // interfaces that take no more now
	for range rounds {
		for n := range frames {
			f := &frames[n]
			if f.failed || full[f.address.Device] {
				continue
			}
			gone, err := a.send(c, f)
			switch {
			case gone:
				f.failed = true // and nobody need be told
			case err == nil:
				if f.sent++; f.sent == rounds {
					fail(f.address, nil)
				}
			case busy(err):
				full[f.address.Device] = true
			default:
				f.failed = true
				fail(f.address, err)
			}
		}
	}
	if len(full) == 0 {
		return errors.Join(failed...)
	}
	// By what is left of the rounds, so that they stay rounds.
	for left := rounds; left > 0; left-- {
		var rest []netspec.Address
		for n := range frames {
			if f := &frames[n]; !f.failed && rounds-f.sent == left {
				rest = append(rest, f.address)
			}
		}
		if len(rest) > 0 {
			failed = append(failed, a.enqueue(c, rest, left)...)
		}
	}
	return errors.Join(failed...)
}

// paced reports whether the address is announced through the queue of its lane, as
// it is while others wait there.
func (a *Announcer) paced(address netspec.Address) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	at, gap := a.lane(address)
	q := a.queues[at]
	return gap > 0 || q != nil && len(q.entries) > 0
}

// frame is one announcement, ready to be sent.
type frame struct {
	address netspec.Address
	below   int // the index of the interface that sends it
	to      unix.SockaddrLinklayer
	data    []byte
	sent    int // rounds
	failed  bool
}

// send sends a frame of a call, unless that has been dropped.
func (a *Announcer) send(c *call, f *frame) (gone bool, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if c.gone[identity(f.address)] {
		return true, nil
	}
	return false, a.sendLocked(f)
}

// call is an Announce that is under way.
type call struct {
	instance string
	// gone are the identities of the addresses that were dropped since it began.
	gone map[netspec.Address]bool
}

func (a *Announcer) begin(instance string) *call {
	c := &call{instance: instance}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.calls[c] = true
	return c
}

func (a *Announcer) end(c *call) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.calls, c)
}
