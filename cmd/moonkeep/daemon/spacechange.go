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
	l := &leaving{old, keep, x.sink}
	s.leaving = append(s.leaving, l)
	s.using.RUnlock()

	for _, device := range slices.Sorted(maps.Keys(*x.sink.names.Load())) {
		x.sink.Event(&node.Link{Name: device})
	}
	err := errors.Join(unwritten, s.leave(l))
	return errors.Join(err, s.in(x.name, func(k *kernel.Kernel) error {
		return errors.Join(ready(x.name, k), k.Watch(x.interfaces, x.channels))
	}))
}

// leaving is a namespace that is not among others any more, and that is left once those
// have done with it who had found it there.
type leaving struct {
	*space
	keep []netspec.Address
	// heir is told what is claimed in it: the sink of the namespace that has the name
	// now, nil for none.
	heir *spaceSink
}

// leave ends a namespace, which it takes out of leaving. While it is used it stays there,
// for retire and Close to try again.
func (s *spaces) leave(l *leaving) error {
	if s.unused() {
		return s.quit(l)
	}
	l.lost()
	return fmt.Errorf("the namespace that is left is used still after %v: what this daemon set stays there until that ends", closeLimit)
}

// quit is leave for who has taken using, which it lets go of. Close may have been first.
func (s *spaces) quit(l *leaving) error {
	if !slices.Contains(s.leaving, l) {
		s.using.Unlock()
		return nil
	}
	s.leaving = slices.DeleteFunc(s.leaving, func(x *leaving) bool { return x == l })
	s.using.Unlock()
	l.lost()
	return l.end()
}

// lost tells what is claimed in the namespace: else who tracks no interface would not
// claim it again.
func (l *leaving) lost() {
	if l.heir == nil {
		return
	}
	for _, g := range l.Claimed() {
		l.heir.Event(g)
	}
}

// end releases what is claimed in the namespace, and closes it.
func (l *leaving) end() error {
	err := l.Leave(l.keep)
	if err != nil {
		err = fmt.Errorf("what this daemon set in the namespace that is left stays there: %w", err)
	}
	return errors.Join(err, l.space.end())
}

// retire closes the namespaces that are not named and in which nothing of ours is left
// but addresses to be kept, and returns their names. It reports whether there are others
// that are not named. Those that could not be left before it leaves if nobody uses them.
func (s *spaces) retire(named []string, keep []netspec.Address) (names []string, more bool, err error) {
	s.using.RLock()
	if s.closed.Load() {
		s.using.RUnlock()
		return nil, false, errKernelOver
	}
	all := maps.Clone(*s.others.Load())
	late, gone := slices.Clone(s.leaving), []*leaving(nil)
	kept := bySpace(keep)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		switch x := all[name]; {
		case slices.Contains(named, name):
		case !x.Idle(kept[name]):
			more = true
		default:
			names, gone = append(names, name), append(gone, &leaving{space: x, keep: kept[name]})
			delete(all, name)
		}
	}
	if len(gone) > 0 {
		s.leaving = append(s.leaving, gone...)
		s.others.Store(&all)
	}
	s.using.RUnlock()
	for _, l := range late {
		if s.using.TryLock() {
			err = errors.Join(err, inSpace(l.name, s.quit(l)))
		}
	}
	for _, l := range gone {
		err = errors.Join(err, inSpace(l.name, s.leave(l)))
	}
	s.using.RLock()
	defer s.using.RUnlock()
	if s.closed.Load() {
		return names, false, err // Close has told that none is open
	}
	if len(gone) > 0 || len(s.leaving) < len(late) {
		s.told() // only now: should we be killed before, the next start looks there
	}
	return names, more || len(s.leaving) > 0, err
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
// more, as soon as nothing of ours is left in them, until ctx ends. It begins once all
// is watched: until then a kernel has not removed the packet filter of an earlier run.
func (d *daemon) watchSpaces(ctx context.Context) {
	select {
	case <-d.watching:
	case <-ctx.Done():
		return
	}
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
