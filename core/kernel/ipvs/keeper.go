//go:build linux

package ipvs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/balance"
	"github.com/moonkeep/moonkeep/core/kernel/netns"
)

// The rhythm of a Keeper, unless its Options say otherwise.
const (
	lookEvery = 2 * time.Second
	// openEvery is how often a kernel without IPVS is asked again.
	openEvery = 10 * time.Second
)

// Options are what a Keeper is made with.
type Options struct {
	// Log takes what people should know; repeats are left out.
	Log *slog.Logger
	// Earlier are the services that an earlier run owned. Those of them that
	// the first Set does not ask for are removed then, or when the keeper ends.
	Earlier []balance.Key
	// Journal writes down which services are owned: before one is made, when one
	// that is there already is taken over, and after one was removed. Its error is
	// logged; nil does nothing.
	Journal func([]balance.Key) error
	// Flush empties the table once, before anything is put into it.
	Flush bool
	// Timeouts are set as far as they are not zero. SetTimeouts changes them.
	Timeouts Timeouts
	// LookEvery is how often the table is compared with what it should be; 0
	// means every two seconds.
	LookEvery time.Duration
	// OpenEvery is how often a kernel without IPVS is asked again; 0 means
	// every ten seconds.
	OpenEvery time.Duration
	// Open connects to the kernel, anew after the connection was lost; nil means
	// Open and OpenGlance in Namespace.
	Open func() (*Conn, Looker, error)
	// Namespace is the network namespace; nil means that of the thread which
	// calls Start. It stays open, and is its giver's.
	Namespace *netns.NS
}

// Looker is a Glance, or what a test has in its place.
type Looker interface {
	Look() (Sums, error)
	Expect(balance.Table) Sums
	Close() error
}

// Counts says what a Keeper has done.
type Counts struct {
	// Operations are those that the kernel carried out, Failed those that it
	// refused. Repaired are services that somebody else had changed.
	Operations, Failed, Repaired uint64
	// Trouble is why the table is not as it should be; empty when it is.
	Trouble string
	// Pending reports that changes are still to be carried out.
	Pending bool
}

// Keeper makes the table of IPVS what it should be and keeps it so. Of several
// changes to one service that were not carried out yet only the last counts, so
// that what waits is bounded by the number of services.
//
// It owns one goroutine, from Start to Close. Its methods may be called by any.
type Keeper struct {
	o      Options
	wake   chan struct{} // of one: there is something in changes
	asks   chan ask
	stop   chan bool // whether the services are to be removed
	ended  chan struct{}
	inside *keeping
	own    *netns.NS // nil when it was given

	mu      sync.Mutex // guards what follows
	changes balance.Table
	asked   bool // somebody said what should be
	anew    bool // what was refused is to be tried again
	limits  Timeouts
	syncs   []Sync
	counts  Counts
	idle    *sync.Cond
}

// ask is a question that only the goroutine can answer.
type ask struct {
	do   func(*Conn) error
	done chan error
}

// NewKeeper returns a Keeper that does nothing before Start.
func NewKeeper(o Options) *Keeper {
	if o.LookEvery == 0 {
		o.LookEvery = lookEvery
	}
	if o.OpenEvery == 0 {
		o.OpenEvery = openEvery
	}
	if o.Journal == nil {
		o.Journal = func([]balance.Key) error { return nil }
	}
	k := &Keeper{
		o: o, wake: make(chan struct{}, 1), asks: make(chan ask), stop: make(chan bool, 1), ended: make(chan struct{}),
		changes: balance.Table{}, limits: o.Timeouts,
	}
	k.idle = sync.NewCond(&k.mu)
	return k
}

// openIn connects to the kernel in a network namespace.
func openIn(ns *netns.NS) (c *Conn, l Looker, err error) {
	err = ns.Do(func() (err error) {
		if c, err = Open(true); err != nil {
			return err
		}
		g, err := OpenGlance()
		if err != nil {
			return errors.Join(err, c.Close())
		}
		l = g
		return nil
	})
	return c, l, err
}

// Start begins. A kernel without IPVS is no error: it is told and asked again
// later.
func (k *Keeper) Start() error {
	if k.o.Open == nil {
		ns := k.o.Namespace
		if ns == nil {
			var err error
			if ns, err = netns.Current(); err != nil {
				return err
			}
			k.own = ns
		}
		k.o.Open = func() (*Conn, Looker, error) { return openIn(ns) }
	}
	k.inside = &keeping{k: k, want: balance.Table{}, have: balance.Table{}, doubt: map[balance.Key]bool{}, lost: map[balance.Key]bool{}, refused: map[balance.Key]refusal{}, bound: map[Role]iface{}}
	for _, key := range k.o.Earlier {
		k.inside.doubt[key] = true
	}
	go k.inside.run()
	return nil
}

// Set changes what some services should be; nil means that there should be
// none. It never blocks. Before the first Set the table is left as it is. The services
// must be normal and are not changed afterwards.
func (k *Keeper) Set(changes balance.Table) {
	k.mu.Lock()
	if len(k.changes) == 0 {
		k.changes = maps.Clone(changes) // of its size at once
	} else {
		maps.Copy(k.changes, changes)
	}
	k.asked, k.counts.Pending = true, true
	k.mu.Unlock()
	k.poke()
}

// SetTimeouts changes how long idle connections are kept; what is zero is as it was
// before the first change. What the kernel refused until now is tried again at once,
// whatever is asked for: it comes with a reload, and who reloads may have mended it. It
// never blocks.
func (k *Keeper) SetTimeouts(t Timeouts) {
	k.mu.Lock()
	k.limits, k.anew = t, true
	k.counts.Pending = true
	k.mu.Unlock()
	k.poke()
}

// SetSync says which daemons synchronise connections. It never blocks.
func (k *Keeper) SetSync(list []Sync) {
	k.mu.Lock()
	k.syncs = append([]Sync{}, list...) // not nil, which is never asked for
	k.counts.Pending = true
	k.mu.Unlock()
	k.poke()
}

func (k *Keeper) poke() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// Counts returns what was done until now.
func (k *Keeper) Counts() Counts {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.counts
}

// Wait waits until all that was set before is carried out or refused.
func (k *Keeper) Wait(ctx context.Context) error {
	defer context.AfterFunc(ctx, func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		k.idle.Broadcast()
	})()
	k.mu.Lock()
	defer k.mu.Unlock()
	for k.counts.Pending && ctx.Err() == nil {
		k.idle.Wait()
	}
	return ctx.Err()
}

// Usage is a service with its destinations and their counters.
type Usage struct {
	ServiceState
	Destinations []DestinationState
}

// usagePiece is how many services one question of Usage or Zero is about, and
// usageDestinations after how many destinations one of Usage ends: what is set meanwhile,
// the death of a server perhaps, waits for one of them at most.
const (
	usagePiece        = 64
	usageDestinations = 1024
)

// Usage reads the counters of services, of each at a moment of its own and in the order
// of their keys. One that is not there, or goes meanwhile, is left out. Each is asked for
// alone: a dump may pass over one, whose servers would be taken for idle, or say one twice.
func (k *Keeper) Usage(ctx context.Context, keys []balance.Key) ([]Usage, error) {
	rest := slices.Clone(keys)
	slices.SortFunc(rest, balance.Key.Compare)
	rest = slices.Compact(rest)
	list := make([]Usage, 0, len(rest))
	for len(rest) > 0 {
		err := k.ask(ctx, func(c *Conn) error {
			for services, read := 0, 0; len(rest) > 0 && services < usagePiece && read < usageDestinations; services++ {
				destinations, err := c.Destinations(rest[0])
				if err != nil {
					return err
				}
				// The kernel says of a service that is gone that it has no destinations.
				s, err := c.Service(rest[0])
				if err != nil && !absent(err) {
					return err
				}
				if err == nil {
					list = append(list, Usage{s, destinations})
				}
				read += len(destinations)
				rest = rest[1:]
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}

// Zero sets the counters of services and of their destinations to zero, and returns
// of how many: those that are not in the table are passed over.
func (k *Keeper) Zero(ctx context.Context, keys []balance.Key) (n int, err error) {
	for piece := range slices.Chunk(keys, usagePiece) {
		err := k.ask(ctx, func(c *Conn) error {
			for _, key := range piece {
				switch err := c.Zero(key); {
				case err == nil:
					n++
				case !errors.Is(err, unix.ESRCH):
					return err
				}
			}
			return nil
		})
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// ask has the goroutine do something with its connection.
func (k *Keeper) ask(ctx context.Context, do func(*Conn) error) error {
	a := ask{do, make(chan error, 1)}
	select {
	case k.asks <- a:
	case <-k.ended:
		return errors.New("ask IPVS: the keeper has ended")
	case <-ctx.Done():
		return fmt.Errorf("ask IPVS: %w", ctx.Err())
	}
	return <-a.done
}

// Close ends a keeper that was started, after it carried out what was set. With remove it
// removes every service that it owns, or, with all, every service.
func (k *Keeper) Close(remove, all bool) error {
	k.mu.Lock()
	k.inside.flushAtEnd = all
	k.mu.Unlock()
	k.stop <- remove || all
	<-k.ended
	err := k.inside.endError
	if k.own != nil {
		err = errors.Join(err, k.own.Close())
	}
	return err
}
