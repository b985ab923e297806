//go:build linux

// Package bfdwire sends and receives BFD Control packets: UDP over IPv4 and
// IPv6, for sessions over one hop (RFC 5881) and over several (RFC 5883).
//
// It knows nothing of what is inside a packet: a payload is handed on as it
// came, valid or not, with the TTL that it came with, so that core/bfd can
// judge. It decides neither when to send nor what; core/kernel drives it.
//
// All sessions of one port and family share the socket that receives, which is
// bound to no address: an address may come and go, and the peer's first packet
// names no session. One goroutine for each such socket, four at most, takes
// packets in batches. Each session sends from a socket of its own, because it
// must have a source port that no other session has (RFC 5881 4).
package bfdwire

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/bfd"
	"github.com/moonkeep/moonkeep/core/node"
)

const (
	// tos is class selector 6, internetwork control, and priority is
	// TC_PRIO_CONTROL, as for adverts: what a network and the host's own
	// queues must not drop first.
	tos      = 0xc0
	priority = 6
	// receiveBuffer is in octets. It holds the packets that come while the
	// process is not scheduled.
	receiveBuffer = 1 << 18
)

// Sink takes the packets. NewBFD gives an event to fill, BFD takes it over;
// both may be called by several goroutines and must not wait for long.
type Sink interface {
	NewBFD() *node.BFDReceived
	BFD(*node.BFDReceived)
}

// Wire is the sockets of a set of sessions.
type Wire struct {
	sink Sink
	log  *slog.Logger

	// senders by path. The map is never changed, only replaced, so that Send
	// needs no lock.
	senders atomic.Pointer[map[bfd.Path]*sender]

	// mu guards what follows, and is held by Set and Close.
	mu        sync.Mutex
	receivers map[outlet]*receiver
}

// outlet is what sessions must have in common to share a socket.
type outlet struct{ six, multihop bool }

func (o outlet) port() int {
	if o.multihop {
		return bfd.MultihopPort
	}
	return bfd.Port
}

// String names the socket in messages.
func (o outlet) String() string {
	family := "IPv4"
	if o.six {
		family = "IPv6"
	}
	return fmt.Sprintf("BFD socket for %s, UDP port %d", family, o.port())
}

// Open returns a Wire without sessions. Receive errors go to the log.
func Open(sink Sink, log *slog.Logger) *Wire {
	w := &Wire{sink: sink, log: log, receivers: map[outlet]*receiver{}}
	w.senders.Store(&map[bfd.Path]*sender{})
	return w
}

// Set makes these the sessions that packets are sent and received for, in the
// network namespace of the calling thread. Sockets that are as they should be
// stay as they are. The error names each one that could not be opened. Interfaces is
// as in Place.
func (w *Wire) Set(sessions []bfd.Config, interfaces func(name string) (index int)) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	var failed []error
	have := *w.senders.Load()
	next := make(map[bfd.Path]*sender, len(sessions))
	wanted := map[outlet]bool{}
	for i := range sessions {
		c := &sessions[i]
		o := outlet{c.Neighbor.Is6(), c.Multihop}
		if err := w.receiveOn(o); err != nil && !wanted[o] {
			failed = append(failed, err)
		}
		wanted[o] = true
		s, err := fit(have[c.Path], c)
		if err != nil {
			failed = append(failed, err)
		}
		if s != nil {
			s.place(interfaces)
			next[c.Path] = s
		}
	}
	w.senders.Store(&next)
	for path, s := range have {
		if next[path] != s {
			failed = append(failed, s.close())
		}
	}
	for o, r := range w.receivers {
		if !wanted[o] {
			failed = append(failed, r.close())
			delete(w.receivers, o)
		}
	}
	return errors.Join(failed...)
}

func (w *Wire) receiveOn(o outlet) error {
	if w.receivers[o] != nil {
		return nil
	}
	r, err := receive(o, w.sink, w.log)
	if errors.Is(err, unix.EADDRINUSE) {
		return fmt.Errorf("open %s: another program has it; stop its BFD or remove bfd_instance: %w", o, err)
	}
	if err != nil {
		return fmt.Errorf("open %s: %w", o, err)
	}
	w.receivers[o] = r
	return nil
}

// Place has each session with a link-local neighbor send by the interface that has the
// name of the neighbor's zone now; interfaces says its index, 0 for one that is not
// there. While there is none Send fails, and looks for none itself: before the kernel
// says that there is no interface of a name, it may run a program that loads modules.
// Place is to be called whenever an interface came, went or was renamed.
func (w *Wire) Place(interfaces func(name string) (index int)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range *w.senders.Load() {
		s.place(interfaces)
	}
}

// Send sends one packet now or not at all. It never blocks and allocates only
// for an error.
func (w *Wire) Send(a *node.Action) error {
	s := (*w.senders.Load())[bfd.Path{Source: a.Source, Neighbor: a.Destination, Multihop: a.Multihop}]
	if s == nil {
		return fmt.Errorf("send to %s: no BFD socket is open", a.Destination)
	}
	return s.send(a.Payload)
}

// Close closes all sockets. After it the sink is not called any more.
func (w *Wire) Close() error { return w.Set(nil, nil) }
