//go:build linux

// Package kernel is what the daemon does to Linux and hears from it: it
// implements engine.Kernel by putting together link (interfaces and
// addresses), vmac (interfaces of the node's own), sysctl (their settings), wire
// (VRRP sockets), bfdwire (BFD sockets), firewall (nftables) and announce
// (gratuitous ARP and unsolicited neighbour advertisements).
//
// It keeps three lists: which interfaces are watched, which addresses were
// claimed for whom and on which interface they were set, and which could not be
// removed and are tried again on each tick. All else is read from the kernel
// whenever something changed there, and on a slow tick; what differs from what the
// node was told last is told again. It decides nothing: that an address is lost is an event,
// and whether it is claimed again the node's business.
//
// A Kernel works in the network namespace in which it was opened, whatever
// thread calls it; a process may hold several.
package kernel

import (
	"cmp"
	"errors"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/moonkeep/moonkeep/core/engine"
	"github.com/moonkeep/moonkeep/core/kernel/announce"
	"github.com/moonkeep/moonkeep/core/kernel/bfdwire"
	"github.com/moonkeep/moonkeep/core/kernel/firewall"
	"github.com/moonkeep/moonkeep/core/kernel/link"
	"github.com/moonkeep/moonkeep/core/kernel/netns"
	"github.com/moonkeep/moonkeep/core/kernel/sysctl"
	"github.com/moonkeep/moonkeep/core/kernel/vmac"
	"github.com/moonkeep/moonkeep/core/kernel/wire"
	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/node"
)

var _ engine.Kernel = (*Kernel)(nil)

// Options are the settings of a Kernel. The zero value will do.
type Options struct {
	// Virtual are all addresses that the configuration may put on an
	// interface, now or later: none of them is ever reported as an
	// interface's own address. Addresses that were claimed are among them
	// anyway; this names those that another program or a crashed predecessor
	// left behind.
	Virtual []netip.Addr
	// Own are the addresses of instances that own theirs (priority 255):
	// adverts are sent from them although they are claimed.
	Own []netip.Addr
	// Sought are addresses of which the sink is told whether the host has them by itself
	// (node.HostHas).
	Sought []netip.Addr
	// Kept are addresses that the host has by itself although instances claim them
	// (engine.Plan.Keep).
	Kept []netspec.Address
	// Pace is how fast announcements may follow each other (keepalived's
	// vrrp_garp_interval, vrrp_gna_interval and garp_group).
	Pace announce.Pace
	// Unannounced counts the announcements of addresses that failed; nil is nobody.
	Unannounced *atomic.Uint64
	// Table is the name of our own table of nftables; "moonkeep" if empty. No
	// two kernels in one namespace may have the same.
	Table string
	// Mark is the text by which this node knows the interfaces that it made,
	// also those of an earlier run; "moonkeep" if empty. No two kernels in one
	// namespace may have the same.
	Mark string
	// Changed are the settings that an earlier run changed and may not have put
	// back. Settings is told of all that are changed, before they are; nil is
	// nobody.
	Changed  []sysctl.Change
	Settings func([]sysctl.Change) error
	// Log takes what cannot be returned: trouble of the watching goroutines.
	// Nil is silence.
	Log *slog.Logger
}

// Kernel implements engine.Kernel.
type Kernel struct {
	sink      engine.Sink
	log       *slog.Logger
	ns        *netns.NS
	conn      *link.Conn
	announcer *announce.Announcer
	wire      *wire.Wire
	bfd       *bfdwire.Wire
	settings  *sysctl.Settings
	firewall  *firewall.Firewall
	silence   *firewall.Silence
	devices   *vmac.Keeper
	// tables is what watches the packet filter, once there is one.
	tables struct {
		sync.Mutex
		watcher *firewall.Watcher
		failing string // why it could not be watched
		// unrestored is why the filter could not be put back or removed, as the log has it.
		unrestored string
		// restored is how often the filter was put back since told, when the log
		// last said so.
		restored int
		told     time.Time
	}
	// kept is true when the last call of Devices did all that it was to.
	kept    bool
	monitor *link.Monitor
	closed  sync.Once
	// cleared is true from the first Watch on; no other goroutine uses it.
	cleared bool

	// sockets that are open. The map is never changed, only replaced, so that
	// Send needs no lock.
	sockets atomic.Pointer[map[outlet]*wire.Socket]

	// sending is what Send works with.
	sending sending

	// looking is held while the kernel is read and the sink is told, so that
	// the sink hears of states in the order in which they were. It guards
	// what only that work uses.
	looking  sync.Mutex
	told     map[string]node.Link // last told, by name
	presence map[netip.Addr]bool  // last told of the sought addresses
	failing  map[outlet]string    // why a socket could not be opened or changed
	fitted   map[outlet]wire.Spec // what was wanted then
	mute     map[outlet]bool      // whose interface had no address of the family
	rivals   rivals
	// intrusions are addresses that guard removed lately.
	intrusions map[place]intrusion
	// unremoved is why guard could not remove addresses at the last look.
	unremoved map[place]string
	// unpromoted is why settings of interfaces could not be made.
	unpromoted string
	// unfit is why interfaces of our own could not be made.
	unfit string

	// changing is held while addresses are added and removed, so that one that
	// is claimed again is not removed for an earlier claim.
	changing sync.Mutex
	// without is why what is not tracked does not stand.
	without map[untracked]string
	// unspared is why other addresses of a device could not be had stay, by its name.
	unspared map[string]string

	// mu guards what follows. It is held for no system call.
	mu      sync.Mutex
	watched map[string]bool
	// promoted are the interfaces that Promote names.
	promoted map[string]bool
	outlets  map[outlet]wire.Spec
	// sources are the addresses by interface whose presence is told of.
	sources map[string][]netip.Addr
	virtual map[netip.Addr]bool
	// sought are the addresses whose presence on any interface is told of.
	sought []netip.Addr
	own    map[netip.Addr]bool
	claims claims
	// directions are the claimed routes and rules.
	directions directions
	// guarded and beneath are the addresses that Guard names.
	guarded, beneath posts
}

// Open connects to the kernel in the network namespace of the calling thread.
// The sink is told nothing until Watch. It needs CAP_NET_ADMIN and CAP_NET_RAW. The
// sink must take events until Close has returned.
func Open(sink engine.Sink, opts Options) (*Kernel, error) {
	k := &Kernel{
		sink:    sink,
		log:     opts.Log,
		told:    make(map[string]node.Link),
		failing: make(map[outlet]string),
		claims:  newClaims(),

		without:    make(map[untracked]string),
		unspared:   make(map[string]string),
		intrusions: make(map[place]intrusion),
		directions: directions{of: make(map[string]*direction)},
	}
	if k.log == nil {
		k.log = slog.New(slog.DiscardHandler)
	}
	k.sockets.Store(&map[outlet]*wire.Socket{})
	k.virtual, k.own, k.sought = set(opts.Virtual), set(opts.Own), opts.Sought
	k.claims.keep(opts.Kept)
	var err error
	if k.ns, err = netns.Current(); err != nil {
		return nil, err
	}
	k.settings = sysctl.New(k.ns, opts.Settings)
	k.settings.Adopt(opts.Changed)
	table := cmp.Or(opts.Table, "moonkeep")
	k.firewall, k.silence = firewall.New(k.ns, table), firewall.NewSilence(k.ns, table+"_reports")
	if k.conn, err = link.Open(); err != nil {
		return nil, errors.Join(err, k.Close())
	}
	k.devices = vmac.New(k.conn, k.settings, cmp.Or(opts.Mark, "moonkeep"))
	if k.announcer, err = announce.Open(k.conn.Recent, opts.Pace, opts.Unannounced, k.log); err != nil {
		return nil, errors.Join(err, k.Close())
	}
	if k.wire, err = wire.Open(k.sink, k.log); err != nil {
		return nil, errors.Join(err, k.Close())
	}
	k.bfd = bfdwire.Open(k.sink, k.log)
	if k.monitor, err = link.Watch(k.ns, k.log, k.look); err != nil {
		return nil, errors.Join(err, k.Close())
	}
	return k, nil
}

// Close ends the goroutines, closes the sockets, removes the interfaces that
// were made and puts settings back. No address of another interface is removed.
// It may be called again. A Held that is running or follows fails; no other method
// may be running or follow.
func (k *Kernel) Close() error {
	var failed []error
	k.closed.Do(func() {
		if k.monitor != nil {
			failed = append(failed, k.monitor.Close())
		}
		k.rivals.close()
		if k.tables.watcher != nil {
			failed = append(failed, k.tables.watcher.Close())
		}
		if k.announcer != nil {
			failed = append(failed, k.announcer.Close())
		}
		if k.wire != nil {
			failed = append(failed, k.wire.Close())
		}
		if k.bfd != nil {
			failed = append(failed, k.bfd.Close())
		}
		if k.devices != nil {
			failed = append(failed, k.endDevices())
		}
		if k.conn != nil {
			failed = append(failed, k.conn.Close())
		}
		if k.firewall != nil {
			failed = append(failed, k.firewall.Close(), k.silence.Close())
		}
		failed = append(failed, k.settings.Close(), k.ns.Close())
	})
	return errors.Join(failed...)
}

// Guard has the addresses removed wherever they come to stand on their devices
// without being claimed, with whatever prefix length and peer, in place of those that
// it named before: whoever sets one by hand on a node that is not master makes two
// nodes answer for it. Those beneath are on the interface below the one that they are
// claimed on: there they are removed while they are claimed too, unless it is there. It
// begins with the first Watch.
func (k *Kernel) Guard(addresses, beneath []netspec.Address) {
	guarded, below := postsOf(addresses), postsOf(beneath)
	k.mu.Lock()
	k.guarded, k.beneath = guarded, below
	k.mu.Unlock()
	k.monitor.Poke()
}

// SetPace replaces Options.Pace, for a reload.
func (k *Kernel) SetPace(p announce.Pace) { k.announcer.SetPace(p) }

// SetVirtual replaces Options.Virtual and Own, for a reload. Interfaces whose
// own address that changes are reported by the Watch or Guard that is to follow.
func (k *Kernel) SetVirtual(addresses, own []netip.Addr) {
	virtual, owned := set(addresses), set(own)
	k.mu.Lock()
	k.virtual, k.own = virtual, owned
	k.mu.Unlock()
}

// SetSought says of which addresses the sink is told whether the host has them by itself
// (node.HostHas); repeated ones count once. It has kept (Options.Kept) although instances
// claim them. Those of a reload are reported by the Watch that is to follow.
func (k *Kernel) SetSought(addresses []netip.Addr, kept []netspec.Address) {
	k.mu.Lock()
	k.sought = addresses
	k.claims.keep(kept)
	k.mu.Unlock()
}

// Watch implements engine.Kernel. The first call removes the packet filter of an
// earlier run. VRRP interfaces are watched too, whether
// they are among interfaces or not. An interface that is not there is no
// error: its socket is opened when it comes. The error names each VRRP
// interface that is there and whose socket could not be opened or changed for what
// this call wants; that is tried again on each change and tick. One that failed before,
// or that the call before wanted the same, is no error: the log was told of it, and what
// is wanted now may be the way out.
func (k *Kernel) Watch(interfaces []string, channels []netspec.Channel) error {
	k.clear()
	k.looking.Lock()
	defer k.looking.Unlock()
	k.mu.Lock()
	k.outlets, k.sources = sockets(channels), make(map[string][]netip.Addr)
	k.watched = set(interfaces)
	for _, c := range channels {
		if c.Interface != "" {
			k.watched[c.Interface] = true
		}
		if c.Source.IsValid() && !slices.Contains(k.sources[c.Interface], c.Source) {
			k.sources[c.Interface] = append(k.sources[c.Interface], c.Source)
		}
	}
	k.mu.Unlock()
	opening, err := k.reportHeld(true)
	return errors.Join(err, opening)
}

// Announce implements engine.Kernel. It returns before all is sent where there is a
// gap or the interface takes no more at once; what is queued is dropped by Release.
func (k *Kernel) Announce(instance string, addresses []netspec.Address, rounds int, may func() bool) error {
	return k.announcer.Announce(instance, addresses, rounds, may)
}

// Hush implements engine.Kernel.
func (k *Kernel) Hush(instance string, addresses []netspec.Address) {
	k.announcer.Drop(instance, addresses)
}

// Held implements engine.Kernel.
func (k *Kernel) Held(addresses []netspec.Address) ([]netspec.Address, error) {
	state, err := k.conn.State()
	if err != nil {
		return nil, err
	}
	var held []netspec.Address
	for _, a := range addresses {
		if state.Stands(a) {
			held = append(held, a)
		}
	}
	return held, nil
}

func set[T comparable](list []T) map[T]bool {
	m := make(map[T]bool, len(list))
	for _, v := range list {
		m[v] = true
	}
	return m
}
