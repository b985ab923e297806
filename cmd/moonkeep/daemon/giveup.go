package daemon

import (
	"errors"
	"os"
	"strings"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/core/engine"
	"github.com/moonkeep/moonkeep/core/kernel"
)

// giveUp removes what an earlier run left behind when this one does not start: until
// one does, it would stand beside the new master's. Only the journals say what that is,
// and it is left alone where another program may have taken it over, among them the
// rival for which the start is refused, if there is one. What it removed is in them no
// more, so that the next start that is refused leaves alone what somebody sets by hand.
// Virtual servers stay, since their clients may come by addresses that are not ours.
func (d *daemon) giveUp(rival *otherDaemonError) error {
	if d.dir == nil && !d.follows() {
		return nil
	}
	none := new(config.Config)
	left, err := d.leftovers(none, rival)
	if err != nil {
		return err
	}
	d.tellServices(&left.beside)
	nothing := len(left.addresses) == 0 && left.routing.Empty()
	if nothing && len(left.settings) == 0 && !left.killed {
		return nil
	}
	if len(left.beside.unknown) > 0 {
		d.tellLeft(left.owned, strings.Join(left.beside.unknown, " and "))
		return nil
	}
	d.engine = engine.New(engine.Plan{}, engine.Options{Log: d.log, Stale: left.addresses, StaleRouting: left.routing})
	alone := len(left.beside.dirs) == 0
	if alone {
		err = d.openKernels(none, left)
	} else { // by its settings and its interfaces others may go since
		d.settings = &changedSettings{dir: d.dir, of: left.settings}
		err = d.openSpaces(none, left.spaces, nil)
	}
	if err != nil {
		return err
	}
	err = d.engine.Sweep(d.kernel)
	if alone {
		// For the packet filter.
		err = errors.Join(err, d.kernel.each(func(_ string, k *kernel.Kernel) error { return k.Watch(nil, nil) }))
	}
	err = errors.Join(err, d.kernel.Close())
	if err == nil && left.readable {
		err = d.dir.writeJournal(owned{})
	}
	return err
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
