package daemon

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/build"
	"github.com/moonkeep/moonkeep/core/kernel"
	"github.com/moonkeep/moonkeep/core/kernel/sysctl"
	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/node"
)

// changed tells of settings that are changed in the namespace, while the name is its.
func (x *space) changed(list []sysctl.Change) error {
	if x.ceded.Load() || x.settings == nil {
		return nil
	}
	return x.settings(list)
}

// end closes a namespace that nobody uses any more.
func (x *space) end() error { return errors.Join(x.Close(), x.ns.Close()) }

// coming calls f with the kernels that exchange is to begin with.
func (s *spaces) coming(f func(name string, k *kernel.Kernel) error) error {
	var failed []error
	for _, name := range slices.Sorted(maps.Keys(s.next)) {
		failed = append(failed, inSpace(name, f(name, s.next[name].Kernel)))
	}
	return errors.Join(failed...)
}

// drop closes what was opened for exchange.
func (s *spaces) drop() error {
	var failed []error
	for name, x := range s.next {
		failed = append(failed, inSpace(name, x.end()))
		delete(s.next, name)
	}
	return errors.Join(failed...)
}

// exchange has the namespaces that open found in the place of others take these: to the
// node it is as if their interfaces had gone, with all that it has there, and had come
// again. That is released in the others, but for the addresses to be kept, and these
// are closed. ready is called with each kernel before it watches. It returns the names.
func (s *spaces) exchange(keep []netspec.Address, ready func(name string, k *kernel.Kernel) error) (names []string, err error) {
	var failed []error
	for _, name := range slices.Sorted(maps.Keys(s.next)) {
		err := s.replace(s.next[name], bySpace(keep)[name], ready)
		if !errors.Is(err, errKernelOver) {
			names = append(names, name)
		}
		failed = append(failed, inSpace(name, err))
	}
	return names, errors.Join(append(failed, s.drop())...)
}

// replace is exchange for one namespace. It takes it out of next once it has begun.
func (s *spaces) replace(x *space, keep []netspec.Address, ready func(string, *kernel.Kernel) error) error {
	s.using.RLock()
	if s.closed.Load() {
		s.using.RUnlock()
		return errKernelOver
	}
	all := maps.Clone(*s.others.Load())
	old := all[x.name]
	old.sink.muted.Store(true)
	old.ceded.Store(true)
	unwritten := x.changed(nil)
	x.interfaces, x.channels = old.interfaces, old.channels
	x.sink.knows(x.interfaces, x.channels)
	all[x.name] = x
	delete(s.next, x.name)
	s.others.Store(&all)
	s.using.RUnlock()

	for _, device := range slices.Sorted(maps.Keys(*x.sink.names.Load())) {
		x.sink.Event(&node.Link{Name: device})
	}
	err := errors.Join(unwritten, s.leave(old, keep, func(lost []*node.Gone) {
		for _, g := range lost { // else who tracks no interface would not claim it again
			x.sink.Event(g)
		}
	}))
	return errors.Join(err, s.in(x.name, func(k *kernel.Kernel) error {
		return errors.Join(ready(x.name, k), k.Watch(x.interfaces, x.channels))
	}))
}

// leave ends a namespace that is not among others any more, once those have done with
// it who had found it there. lost is called with what is claimed in it.
func (s *spaces) leave(x *space, keep []netspec.Address, lost func([]*node.Gone)) error {
	if !s.unused() {
		return fmt.Errorf("it is used still after %v, and stays open until the process ends", closeLimit)
	}
	s.using.Unlock()
	if lost != nil {
		lost(x.Claimed())
	}
	err := x.Leave(keep)
	if err != nil {
		err = fmt.Errorf("what this daemon set in the namespace that is left stays there: %w", err)
	}
	return errors.Join(err, x.end())
}

// retire closes the namespaces that are not named and in which nothing of ours is left
// but addresses to be kept, and returns their names. It reports whether there are others
// that are not named.
func (s *spaces) retire(named []string, keep []netspec.Address) (names []string, more bool, err error) {
	s.using.RLock()
	if s.closed.Load() {
		s.using.RUnlock()
		return nil, false, errKernelOver
	}
	all := maps.Clone(*s.others.Load())
	var gone []*space
	kept := bySpace(keep)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		switch x := all[name]; {
		case slices.Contains(named, name):
		case !x.Idle(kept[name]):
			more = true
		default:
			names, gone = append(names, name), append(gone, x)
			delete(all, name)
		}
	}
	if len(gone) > 0 {
		s.others.Store(&all)
	}
	s.using.RUnlock()
	for _, x := range gone {
		err = errors.Join(err, inSpace(x.name, s.leave(x, kept[x.name], nil)))
	}
	if len(gone) > 0 {
		s.told() // only now: should we be killed before, the next start looks there
	}
	return names, more, err
}

// exchange has namespaces that were made anew under the names of others be used from
// now on.
func (d *daemon) exchange(c *config.Config) {
	names, err := d.kernel.exchange(d.lasting, func(space string, k *kernel.Kernel) error {
		return k.Devices(build.Devices(build.Within(c, space)))
	})
	for _, name := range names {
		d.log.Info("network namespace "+name+" is another now: what was in the one before is released, and its instances begin anew", "net_namespace", name)
	}
	if err != nil && !errors.Is(err, errKernelOver) {
		d.log.Warn("not all is as it should be after network namespaces were exchanged", "err", err)
	}
}

// retireEvery is how often it is looked whether a network namespace that no configuration
// names can be closed.
const retireEvery = 100 * time.Millisecond

// watchSpaces closes the network namespaces that the configuration does not name any
// more, as soon as nothing of ours is left in them, until ctx ends.
func (d *daemon) watchSpaces(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.unnamed:
		}
		for more := true; more; {
			select {
			case <-ctx.Done():
				return
			case <-time.After(retireEvery):
				more = d.retire()
			}
		}
	}
}

// retire closes what can be closed, and reports whether it is to be called again.
func (d *daemon) retire() (more bool) {
	if !d.reloading.TryLock() {
		return true
	}
	defer d.reloading.Unlock()
	if !d.engine.Settled() { // there may be claims that the kernel does not know of
		return true
	}
	names, more, err := d.kernel.retire(build.Spaces(d.current()), d.lasting)
	for _, name := range names {
		d.log.Info("network namespace "+name+" is named no more: nothing of this daemon is left in it", "net_namespace", name)
	}
	if err != nil && !errors.Is(err, errKernelOver) {
		d.log.Warn("a network namespace that is named no more could not be left in order", "err", err)
	}
	return more
}

// lookAtSpaces has watchSpaces look whether there are namespaces to be closed.
func (d *daemon) lookAtSpaces() {
	select {
	case d.unnamed <- struct{}{}:
	default: // it will look
	}
}
