package daemon

import (
	"errors"
	"os"
	"slices"
	"strings"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/core/engine"
	"github.com/moonkeep/moonkeep/core/kernel"
)

// giveUp removes what an earlier run left behind when this one does not start: until
// one does, it would stand beside the new master's. Only the journals say what that is,
// and it is left alone where another program may have taken it over.
// What it removed is in them no more, so that the next start that is refused leaves
// alone what somebody sets by hand.
func (d *daemon) giveUp() error {
	if d.dir == nil && !d.follows() {
		return nil
	}
	none := new(config.Config)
	left, err := d.leftovers(none)
	if err != nil || len(left.addresses)+len(left.settings) == 0 && left.routing.Empty() && !left.killed {
		return err
	}
	who, err := besides(left.spaces)
	if err != nil {
		return err
	}
	if len(who) > 0 {
		d.log.Warn("what an earlier run left behind is not removed: " + strings.Join(who, " and ") + " speaks VRRP here, and may have it by now")
		return nil
	}
	d.engine = engine.New(engine.Plan{}, engine.Options{Log: d.log, Stale: left.addresses, StaleRouting: left.routing})
	if err := d.openKernels(none, left); err != nil {
		return err
	}
	err = d.engine.Sweep(d.kernel)
	// Watch, for the packet filter.
	err = errors.Join(err, d.kernel.each(func(_ string, k *kernel.Kernel) error { return k.Watch(nil, nil) }), d.kernel.Close())
	if err == nil && left.readable {
		err = d.dir.writeJournal(owned{})
	}
	return err
}

// besides returns the other programs that speak VRRP in the daemon's network namespace or
// one of these: an administrator may have started keepalived after the crash, or another
// moonkeep.
func besides(spaces []string) (who []string, err error) {
	for _, space := range append([]string{""}, spaces...) {
		err = errors.Join(err, within(space, func() error {
			inodes, err := speakers()
			names := namesOf(inodes)
			if len(inodes) > 0 && len(names) == 0 {
				names = []string{"another program"}
			}
			who = append(who, names...)
			return err
		}))
	}
	slices.Sort(who)
	return slices.Compact(who), err
}

// follows reports whether there is a journal of an earlier run, and takes the run
// directory if so. While another daemon has that, or without the right to change
// anything, there is nothing to be done.
func (d *daemon) follows() bool {
	if Permitted() != nil {
		return false
	}
	dir := &runDir{path: d.opts.RunDir}
	_, owned := os.Stat(dir.journalPath())
	_, settings := os.Stat(dir.settingsPath())
	if owned != nil && settings != nil {
		return false
	}
	var err error
	d.dir, err = openRunDir(d.opts.RunDir)
	return err == nil
}
