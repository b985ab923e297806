package daemon

import (
	"errors"
	"log/slog"

	"github.com/moonkeep/moonkeep/core/kernel/fence"
)

// openFence keeps the programs of checks and notifications in a control group of
// their own, where that is to be had. It is no reason not to start when the group
// is the daemon's to divide and cannot be divided: that is told.
func openFence(log *slog.Logger) *fence.Fence {
	f, err := fence.Open(func(err error) {
		log.Warn("programs of checks and notifications are started in the daemon's own control group", "err", err)
	})
	switch {
	case errors.Is(err, fence.ErrNone):
		return nil
	case err != nil:
		log.Warn("programs of checks and notifications are not kept apart from the daemon: a fork bomb among them would delay it", "err", err)
		return nil
	}
	log.Info("programs of checks and notifications have a control group of their own", "group", f.Path(), "most", fence.Limit)
	return f
}

// cell makes the control group of one run of a program.
func (d *daemon) cell() (fd int, end func(kill bool)) {
	c := d.fence.Cell()
	return c.FD(), c.End
}
