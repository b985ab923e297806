package daemon

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/moonkeep/moonkeep/core/bfd"
	"github.com/moonkeep/moonkeep/core/engine"
	"github.com/moonkeep/moonkeep/core/kernel"
	"github.com/moonkeep/moonkeep/core/kernel/netns"
	"github.com/moonkeep/moonkeep/core/kernel/sysctl"
	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/node"
)

var _ engine.Kernel = (*spaces)(nil)

// spaces joins the kernels of several network namespaces into the one that the
// engine works with. Each kernel has the names that interfaces have in its
// namespace, the engine those of netspec.Within. BFD is the daemon's own
// namespace's. With that one alone every call goes straight to its kernel.
//
// A namespace that was opened stays so until retire finds nothing of ours in it:
// addresses may be released there after a configuration that does not name it any
// more has begun.
type spaces struct {
	home *kernel.Kernel
	ns   *netns.NS
	// others are the kernels of the other namespaces by name. The map is
	// never changed, only replaced.
	others atomic.Pointer[map[string]*space]
	// next are the kernels of namespaces that have come to have the names of others
	// (exchange). Only who opens uses it.
	next map[string]*space
	// leaving are those that could not be closed yet. It is changed under using, by who
	// opens, and by Close.
	leaving []*leaving
	tell    func(open []string) // nil before telling
	// adverts and errs are what Send works with.
	adverts []node.Action
	errs    []error
	places  []int

	// using is held while kernels are used. Who closes some takes it by TryLock, so that
	// nobody waits for a user that is slow. closed is true once all are closed.
	using  sync.RWMutex
	closed atomic.Bool
}

// errKernelOver is returned to who uses the kernels after Close.
var errKernelOver = errors.New("the daemon has let go of the network")

// space is a network namespace beside the daemon's own.
type space struct {
	*kernel.Kernel
	name string
	ns   *netns.NS
	sink *spaceSink
	// ceded is true once the name is another namespace's, and settings, where changes
	// are told until then.
	ceded    atomic.Bool
	settings func([]sysctl.Change) error
	// interfaces and channels are those of the last Watch.
	interfaces []string
	channels   []netspec.Channel
}

// joinSpaces returns the kernel of the calling thread's namespace as the only
// one.
func joinSpaces(home *kernel.Kernel) (*spaces, error) {
	ns, err := netns.Current()
	if err != nil {
		return nil, err
	}
	s := &spaces{home: home, ns: ns, next: make(map[string]*space)}
	s.others.Store(&map[string]*space{})
	return s, nil
}

// telling has tell told which namespaces are open, now and whenever that changes, ""
// being the daemon's own; none when nothing is left in any.
func (s *spaces) telling(tell func(open []string)) {
	s.tell = tell
	s.put(*s.others.Load())
}

// put has the kernels of the other namespaces be these.
func (s *spaces) put(others map[string]*space) {
	s.others.Store(&others)
	s.told()
}

// told tells which namespaces are open.
func (s *spaces) told() {
	if s.tell == nil {
		return
	}
	open := slices.Sorted(maps.Keys(*s.others.Load()))
	for _, l := range s.leaving {
		if !slices.Contains(open, l.name) {
			open = append(open, l.name)
		}
	}
	s.tell(append([]string{""}, open...))
}

// open opens the kernel of a namespace; its events go to the sink. One that is
// open already is left alone. Where the name has come to be another namespace's, that
// is opened too, for exchange. Calls do not overlap with each other, nor with
// exchange, drop and retire. After Close the error is errKernelOver, as it is for each
// and in.
func (s *spaces) open(name string, sink engine.Sink, opts kernel.Options) (err error) {
	s.using.RLock()
	defer s.using.RUnlock()
	if s.closed.Load() {
		return errKernelOver
	}
	ns, err := netns.Open(name)
	if err != nil {
		return fmt.Errorf("net_namespace: %w; `ip netns add` makes one", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, ns.Close())
		}
	}()
	all := maps.Clone(*s.others.Load())
	switch known := all[name]; {
	case known != nil && known.ns.Same(ns):
		return ns.Close()
	case s.ns.Same(ns):
		return fmt.Errorf("net_namespace %s: the daemon runs in that one itself: leave net_namespace out", name)
	}
	for _, others := range []map[string]*space{all, s.next} {
		for _, x := range others {
			if x.ns.Same(ns) {
				return fmt.Errorf("net_namespace %s: it is the same as %s: give it one name", name, x.name)
			}
		}
	}
	x := &space{name: name, ns: ns, sink: &spaceSink{Sink: sink, space: name}, settings: opts.Settings}
	x.sink.names.Store(&map[string]string{})
	opts.Settings = x.changed
	if err := ns.Do(func() error {
		x.Kernel, err = kernel.Open(x.sink, opts)
		return err
	}); err != nil {
		if x.Kernel != nil {
			err = errors.Join(err, x.Kernel.Close())
		}
		if errors.Is(err, os.ErrPermission) {
			return fmt.Errorf("net_namespace %s: %w; that needs CAP_SYS_ADMIN: in a unit of systemd CapabilityBoundingSet=CAP_SYS_ADMIN, and no RestrictNamespaces=", name, err)
		}
		return fmt.Errorf("net_namespace %s: %w", name, err)
	}
	if all[name] != nil {
		s.next[name] = x
		return nil
	}
	all[name] = x
	s.put(all)
	return nil
}

// over reports whether Close has begun.
func (s *spaces) over() bool { return s.closed.Load() }

// each calls f with every open kernel and the name of its namespace. f must not
// come back to these.
func (s *spaces) each(f func(name string, k *kernel.Kernel) error) error {
	s.using.RLock()
	defer s.using.RUnlock()
	if s.closed.Load() {
		return errKernelOver
	}
	return s.every(f)
}

// every is each for who holds using.
func (s *spaces) every(f func(name string, k *kernel.Kernel) error) error {
	failed := []error{f("", s.home)}
	others := *s.others.Load()
	for _, name := range slices.Sorted(maps.Keys(others)) {
		failed = append(failed, inSpace(name, f(name, others[name].Kernel)))
	}
	return errors.Join(failed...)
}

// in calls f with the kernel of a namespace.
func (s *spaces) in(name string, f func(k *kernel.Kernel) error) error {
	s.using.RLock()
	defer s.using.RUnlock()
	if s.closed.Load() {
		return errKernelOver
	}
	if name == "" {
		return f(s.home)
	}
	x := (*s.others.Load())[name]
	if x == nil {
		return fmt.Errorf("network namespace %s is not open", name)
	}
	return inSpace(name, f(x.Kernel))
}

func inSpace(name string, err error) error {
	if err != nil && name != "" {
		return fmt.Errorf("in network namespace %s: %w", name, err)
	}
	return err
}

// alone reports whether there is the daemon's own namespace only.
func (s *spaces) alone() bool { return len(*s.others.Load()) == 0 }

// Watch implements engine.Kernel.
func (s *spaces) Watch(interfaces []string, channels []netspec.Channel) error {
	if s.alone() {
		return s.home.Watch(interfaces, channels)
	}
	wanted, listening := make(map[string][]string), make(map[string][]netspec.Channel)
	for _, i := range interfaces {
		space, name := netspec.Split(i)
		wanted[space] = append(wanted[space], name)
	}
	for _, c := range channels {
		var space string
		space, c.Interface = netspec.Split(c.Interface)
		listening[space] = append(listening[space], c)
	}
	for name, x := range *s.others.Load() {
		x.interfaces, x.channels = wanted[name], listening[name]
		x.sink.knows(x.interfaces, x.channels)
	}
	return s.each(func(name string, k *kernel.Kernel) error { return k.Watch(wanted[name], listening[name]) })
}

// Send implements engine.Kernel.
func (s *spaces) Send(adverts []node.Action, errs []error) {
	if s.alone() {
		s.home.Send(adverts, errs)
		return
	}
	s.using.RLock()
	defer s.using.RUnlock()
	others := *s.others.Load()
	for name, x := range others {
		s.sendIn(name, x.Kernel, adverts, errs)
	}
	s.sendIn("", s.home, adverts, errs)
	for i := range adverts {
		if space, _ := netspec.Split(adverts[i].Interface); space != "" && others[space] == nil {
			errs[i] = fmt.Errorf("send to %s: network namespace %s is not open", adverts[i].Destination, space)
		}
	}
}

// sendIn sends the adverts of one namespace.
func (s *spaces) sendIn(space string, k *kernel.Kernel, adverts []node.Action, errs []error) {
	s.adverts, s.errs, s.places = s.adverts[:0], s.errs[:0], s.places[:0]
	for i := range adverts {
		if in, name := netspec.Split(adverts[i].Interface); in == space {
			s.adverts = append(s.adverts, adverts[i])
			s.adverts[len(s.adverts)-1].Interface = name
			s.errs, s.places = append(s.errs, nil), append(s.places, i)
		}
	}
	if len(s.adverts) == 0 {
		return
	}
	k.Send(s.adverts, s.errs)
	for n, i := range s.places {
		errs[i] = inSpace(space, s.errs[n])
	}
	clear(s.adverts) // the payloads are not ours to keep
}

// Sessions implements engine.Kernel.
func (s *spaces) Sessions(list []bfd.Config) error { return s.home.Sessions(list) }

// SendBFD implements engine.Kernel.
func (s *spaces) SendBFD(a *node.Action) error { return s.home.SendBFD(a) }

// split calls f for each namespace that addresses are in. Without addresses it
// is called for the daemon's own.
func (s *spaces) split(addresses []netspec.Address, f func(space string, k *kernel.Kernel, list []netspec.Address) error) error {
	if s.alone() || len(addresses) == 0 {
		return f("", s.home, addresses)
	}
	of := bySpace(addresses)
	var failed []error
	for _, space := range slices.Sorted(maps.Keys(of)) {
		failed = append(failed, s.in(space, func(k *kernel.Kernel) error { return f(space, k, of[space]) }))
	}
	return errors.Join(failed...)
}

// bySpace divides addresses by their namespaces, with the names that devices have
// there.
func bySpace(addresses []netspec.Address) map[string][]netspec.Address {
	of := make(map[string][]netspec.Address)
	for _, a := range addresses {
		var space string
		space, a.Device = netspec.Split(a.Device)
		of[space] = append(of[space], a)
	}
	return of
}

// Claim implements engine.Kernel.
func (s *spaces) Claim(list []engine.Holding, errs []error) {
	s.hold(list, errs, (*kernel.Kernel).Claim)
}

// Release implements engine.Kernel.
func (s *spaces) Release(list []engine.Holding, errs []error) {
	s.hold(list, errs, (*kernel.Kernel).Release)
}

// hold calls f once for each namespace that some of the addresses are in. A
// holding without addresses is the daemon's own namespace's.
func (s *spaces) hold(list []engine.Holding, errs []error, f func(*kernel.Kernel, []engine.Holding, []error)) {
	if s.alone() {
		f(s.home, list, errs)
		return
	}
	clear(errs)
	parts, of := make(map[string][]engine.Holding), make(map[string][]int) // and whose each is
	for i, h := range list {
		divided := bySpace(h.Addresses)
		if len(divided) == 0 {
			divided[""] = nil
		}
		for space, addresses := range divided {
			h.Addresses = addresses
			parts[space], of[space] = append(parts[space], h), append(of[space], i)
		}
	}
	for _, space := range slices.Sorted(maps.Keys(parts)) {
		said := make([]error, len(parts[space]))
		err := s.in(space, func(k *kernel.Kernel) error {
			f(k, parts[space], said)
			return nil
		})
		for n, i := range of[space] {
			errs[i] = errors.Join(errs[i], inSpace(space, said[n]), err)
		}
	}
}

// Announce implements engine.Kernel.
func (s *spaces) Announce(instance string, addresses []netspec.Address, rounds int, may func() bool) error {
	return s.split(addresses, func(_ string, k *kernel.Kernel, list []netspec.Address) error {
		return k.Announce(instance, list, rounds, may)
	})
}

// Hush implements engine.Kernel. Once the kernels are closed, there is nothing to do.
func (s *spaces) Hush(instance string, addresses []netspec.Address) {
	_ = s.split(addresses, func(_ string, k *kernel.Kernel, list []netspec.Address) error {
		k.Hush(instance, list)
		return nil
	})
}

// Held implements engine.Kernel.
func (s *spaces) Held(addresses []netspec.Address) (held []netspec.Address, err error) {
	err = s.split(addresses, func(space string, k *kernel.Kernel, list []netspec.Address) error {
		stand, err := k.Held(list)
		held = append(held, addressesIn(space, stand)...)
		return err
	})
	return held, err
}

// routes divides routes and rules by their namespaces.
func routes(list netspec.Routing) map[string]netspec.Routing {
	of := make(map[string]netspec.Routing)
	for _, r := range list.Routes {
		x := of[r.Space]
		x.Routes = append(x.Routes, r.Bare())
		of[r.Space] = x
	}
	for _, r := range list.Rules {
		x := of[r.Space]
		x.Rules = append(x.Rules, r.Bare())
		of[r.Space] = x
	}
	return of
}

// SetRouting implements engine.Kernel.
func (s *spaces) SetRouting(instance string, want netspec.Routing) error {
	if s.alone() {
		return s.home.SetRouting(instance, want)
	}
	of := routes(want)
	// Also where there is to be nothing: the instance may have been there.
	return s.each(func(name string, k *kernel.Kernel) error { return k.SetRouting(instance, of[name]) })
}

// ClearRouting implements engine.Kernel.
func (s *spaces) ClearRouting(list netspec.Routing) error {
	if s.alone() {
		return s.home.ClearRouting(list)
	}
	of := routes(list)
	return s.each(func(name string, k *kernel.Kernel) error { return k.ClearRouting(of[name]) })
}

// HeldRouting implements engine.Kernel.
func (s *spaces) HeldRouting(list netspec.Routing) (held netspec.Routing, err error) {
	if s.alone() {
		return s.home.HeldRouting(list)
	}
	of := routes(list)
	err = s.each(func(name string, k *kernel.Kernel) error {
		stand, err := k.HeldRouting(of[name])
		held = held.With(stand.Within(name))
		return err
	})
	return held, err
}

// Close implements engine.Kernel. It waits for who uses the kernels, but not for
// longer than closeLimit: one that hangs must not keep the daemon from its end. Then
// the kernels stay open until the process ends. It may be called again.
func (s *spaces) Close() error {
	if !s.closed.CompareAndSwap(false, true) {
		return nil
	}
	if !s.unused() {
		return fmt.Errorf("a reload has not let go of the network within %v, which stays open until the process ends", closeLimit)
	}
	defer s.using.Unlock()
	var err error
	for _, l := range s.leaving {
		err = errors.Join(err, inSpace(l.name, l.end()))
	}
	s.leaving = nil
	err = errors.Join(err, s.every(func(_ string, k *kernel.Kernel) error { return k.Close() }))
	for _, x := range *s.others.Load() {
		err = errors.Join(err, x.ns.Close())
	}
	if err == nil && s.tell != nil {
		s.tell(nil)
	}
	return errors.Join(err, s.ns.Close())
}

// unused takes using once nobody has it, which it waits for.
func (s *spaces) unused() bool {
	for end := time.Now().Add(closeLimit); !s.using.TryLock(); time.Sleep(closePoll) {
		if time.Now().After(end) {
			return false
		}
	}
	return true
}

// closePoll is how often it is looked whether the kernels are still used.
const closePoll = 5 * time.Millisecond
