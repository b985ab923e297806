package daemon

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"slices"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/build"
	"github.com/moonkeep/moonkeep/core/kernel"
	"github.com/moonkeep/moonkeep/core/kernel/netns"
	"github.com/moonkeep/moonkeep/core/kernel/sysctl"
	"github.com/moonkeep/moonkeep/core/netspec"
)

// openKernels opens the kernels of the daemon's own network namespace, of those
// that instances are in, and of those in which an earlier run left something.
func (d *daemon) openKernels(c *config.Config, left leftovers) (err error) {
	d.settings = &changedSettings{dir: d.dir, of: left.settings}
	if err := d.openSpaces(c, left.spaces, left.settings); err != nil {
		return err
	}
	d.kernel.telling(d.opened)
	err = d.filters(c)
	if err == nil {
		err = d.kernel.each(func(space string, k *kernel.Kernel) error {
			return k.Devices(build.Devices(build.Within(c, space)))
		})
	}
	if err != nil {
		return errors.Join(err, d.kernel.Close())
	}
	d.promote(c)
	if err := d.kernel.each(func(_ string, k *kernel.Kernel) error { return k.RestoreSettings() }); err != nil {
		d.log.Warn("not all settings that an earlier run changed could be put back", "err", err)
	}
	d.guard(c)
	return nil
}

// openSpaces opens the kernels of the daemon's own network namespace and of others, in
// which settings were changed.
func (d *daemon) openSpaces(c *config.Config, others []string, changed map[string][]sysctl.Change) (err error) {
	if d.table, err = tableName(d.opts.RunDir); err != nil {
		return err
	}
	home, err := kernel.Open(d.engine, d.kernelOptions(c, "", changed[""]))
	if err != nil {
		return err
	}
	if d.kernel, err = joinSpaces(home); err != nil {
		return errors.Join(err, home.Close())
	}
	for _, space := range others {
		if err := d.kernel.open(space, d.engine, d.kernelOptions(c, space, changed[space])); err != nil {
			return errors.Join(err, d.kernel.Close())
		}
	}
	return nil
}

// opened writes down which network namespaces are open. Without that a start after a
// crash may not find what is in one that is configured no more, which is no reason not
// to run.
func (d *daemon) opened(spaces []string) {
	if err := d.settings.open(spaces); err != nil {
		d.log.Warn("should this daemon crash, the next may not know in which network namespaces it was", "err", err)
	}
}

func (d *daemon) kernelOptions(c *config.Config, space string, changed []sysctl.Change) kernel.Options {
	within := build.Within(c, space)
	return kernel.Options{
		Sought:  sought(space, c),
		Kept:    d.lasting,
		Virtual: build.Virtual(within), Own: build.Own(within), Pace: pace(within), Unannounced: &d.unannounced,
		Table: d.table, Mark: d.table, Changed: changed, Settings: d.settings.in(space), Log: d.log,
	}
}

// sought are the addresses that checks wait for in a network namespace: that of the
// daemon, as with keepalived. Of several configurations they may be there repeatedly.
func sought(space string, configurations ...*config.Config) (all []netip.Addr) {
	if space != "" {
		return nil
	}
	for _, c := range configurations {
		all = append(all, build.Sought(c)...)
	}
	return all
}

// prepare has the kernels ready for what another configuration adds to the
// present one. What was prepared does no harm if that is refused, but for what
// exchange is to begin with: drop ends that.
func (d *daemon) prepare(c *config.Config) error {
	for _, space := range build.Spaces(c) {
		if err := d.kernel.open(space, d.engine, d.kernelOptions(c, space, nil)); err != nil {
			return err
		}
	}
	return d.filters(c)
}

// virtual says which addresses are virtual in c, and has the interfaces of the
// node's own stand: those of c, and of the present configuration too. Adverts are sent
// from the addresses of the owners of both, and from those that the host is to keep:
// an owner that c has no more leaves its interface the address.
func (d *daemon) virtual(c *config.Config, keep []netspec.Address) error {
	running := d.current()
	return d.kernel.each(func(space string, k *kernel.Kernel) error {
		within := build.Within(c, space)
		own := slices.Concat(build.Own(within), build.Own(build.Within(running, space)))
		for _, a := range keep {
			if in, _ := netspec.Split(a.Device); in == space {
				own = append(own, a.Addr())
			}
		}
		k.SetVirtual(build.Virtual(within), own)
		// The node goes by both until the reload is through.
		k.SetSought(sought(space, running, c), keep)
		k.SetPace(pace(within))
		return k.Devices(both(build.Devices(within), build.Devices(build.Within(running, space))))
	})
}

// guard has addresses of c removed that stand where nobody claims them.
func (d *daemon) guard(c *config.Config) {
	_ = d.kernel.each(func(space string, k *kernel.Kernel) error { // it fails after the end only
		k.Guard(build.Guarded(build.Within(c, space)))
		return nil
	})
}

// promote makes the settings of interfaces that the configuration asks for.
// Without them addresses may have to be set again, which is no reason not to
// run.
func (d *daemon) promote(c *config.Config) {
	if err := d.kernel.each(func(space string, k *kernel.Kernel) error {
		return k.Promote(build.Promoted(build.Within(c, space)))
	}); err != nil && !errors.Is(err, errKernelOver) {
		d.log.Warn("cannot set promote_secondaries", "err", err)
	}
	if err := d.kernel.each(func(_ string, k *kernel.Kernel) error {
		return k.DisableReports(c.Global.DisableLocalIGMP)
	}); err != nil && !errors.Is(err, errKernelOver) {
		d.log.Warn("cannot set disable_local_igmp", "err", err)
	}
}

// filters reports whether packets can be dropped, if they are to be.
func (d *daemon) filters(c *config.Config) error {
	check := func(space string, k *kernel.Kernel) error {
		if !build.Drops(build.Within(c, space)) {
			return nil
		}
		if err := k.CheckFilter(); err != nil {
			return fmt.Errorf("no_accept, or strict mode without accept: %w", err)
		}
		return nil
	}
	return errors.Join(d.kernel.each(check), d.kernel.coming(check))
}

// leftovers are what an earlier run may have left in the kernel.
type leftovers struct {
	owned
	// readable is false when an earlier run left a journal that is of no use.
	readable bool
	settings map[string][]sysctl.Change
	// killed is true when the earlier run ended without notice: then there may be
	// interfaces that it made, too.
	killed bool
	// spaces are the network namespaces beside the daemon's own that are in
	// use: those of the configuration, and those that hold what was left.
	spaces []string
	// beside are other daemons. What they have is not among what was left.
	beside neighbours
}

// leftovers reads the journals. What they say of network namespaces is in the
// names that these have now; of one that is gone nothing is left, nor of what another
// daemon has, perhaps a rival that is known already.
func (d *daemon) leftovers(c *config.Config, rival *otherDaemonError) (leftovers, error) {
	journal, err := d.dir.readJournal()
	if err != nil {
		d.log.Warn("cannot use the journal that an earlier run left", "err", err)
	}
	readable := err == nil || errors.Is(err, errElsewhere)
	open, changed, err := d.dir.readSettings()
	if err != nil {
		d.log.Warn("settings that an earlier run changed cannot be put back", "err", err)
	}
	l := leftovers{readable: readable, killed: len(open) > 0, settings: make(map[string][]sysctl.Change), spaces: build.Spaces(c)}
	names := &spaceNames{log: d.log, known: make(map[string]*string)}
	defer names.close()
	if err := names.configured(l.spaces); err != nil {
		return l, err
	}
	l.owned = names.owned(journal)
	for _, was := range slices.Sorted(maps.Keys(changed)) {
		if space, stands := names.now(was); stands {
			l.settings[space] = append(l.settings[space], changed[was]...)
		}
	}
	for _, was := range open {
		names.now(was)
	}
	for _, name := range names.known {
		if name != nil && *name != "" && !slices.Contains(l.spaces, *name) {
			l.spaces = append(l.spaces, *name)
		}
	}
	if l.beside, err = findNeighbours(l.spaces, rival); err != nil {
		return l, err
	}
	l.owned = l.owned.not(names.owned(l.beside.has))
	return l, nil
}

// owned is the same in the present names of namespaces, without what was in those that are
// gone.
func (s *spaceNames) owned(was owned) (now owned) {
	for _, a := range was.addresses {
		in, device := netspec.Split(a.Device)
		if space, stands := s.now(in); stands {
			a.Device = netspec.Within(space, device)
			now.addresses = append(now.addresses, a)
		}
	}
	for _, r := range was.routing.Routes {
		if space, stands := s.now(r.Space); stands {
			now.routing.Routes = append(now.routing.Routes, r.Bare().Within(space))
		}
	}
	for _, r := range was.routing.Rules {
		if space, stands := s.now(r.Space); stands {
			now.routing.Rules = append(now.routing.Rules, r.Bare().Within(space))
		}
	}
	return now
}

// spaceNames finds out what network namespaces are called now.
type spaceNames struct {
	log *slog.Logger
	// known are the present names by those in a journal; nil is gone.
	known map[string]*string
	// open are namespaces under their present names.
	open []namedSpace
}

type namedSpace struct {
	name string
	ns   *netns.NS
}

// configured opens the namespaces that a configuration names.
func (s *spaceNames) configured(names []string) error {
	for _, name := range names {
		ns, err := netns.Open(name)
		if err != nil {
			return fmt.Errorf("net_namespace: %w; `ip netns add` makes one", err)
		}
		s.open = append(s.open, namedSpace{name, ns})
	}
	return nil
}

// now is the name of a namespace, "" if it is the daemon's own, and whether it
// is there.
func (s *spaceNames) now(was string) (name string, stands bool) {
	if was == "" {
		return "", true
	}
	if is, known := s.known[was]; known {
		if is == nil {
			return "", false
		}
		return *is, true
	}
	s.known[was] = nil
	ns, err := netns.Open(was)
	if err != nil {
		return "", false // gone, and what was in it as well
	}
	if err := ns.Do(func() error { return nil }); err != nil {
		s.log.Warn("what an earlier run left in network namespace "+was+" stays", "err", err)
		ns.Close()
		return "", false
	}
	name = was
	if here, err := netns.Current(); err == nil {
		if here.Same(ns) {
			name = ""
		}
		here.Close()
	}
	for _, o := range s.open {
		if o.ns.Same(ns) {
			name = o.name
		}
	}
	s.open = append(s.open, namedSpace{name, ns})
	s.known[was] = &name
	return name, true
}

func (s *spaceNames) close() {
	for _, o := range s.open {
		o.ns.Close()
	}
}
