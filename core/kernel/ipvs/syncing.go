//go:build linux

package ipvs

import (
	"errors"
	"fmt"
	"slices"

	"golang.org/x/sys/unix"
)

// synchronise has those daemons run that were asked for, and those that are
// not stop, if it was ever asked for any.
func (w *keeping) synchronise() {
	if w.conn == nil || w.syncs == nil {
		return
	}
	running, err := w.conn.Syncs()
	if err = w.used(err); err != nil {
		w.trouble(synchronising, err)
		return
	}
	for _, r := range running {
		if slices.ContainsFunc(w.syncs, func(s Sync) bool { return s.runs(r) }) {
			continue
		}
		if err := w.used(w.conn.StopSync(r.Role)); err != nil {
			w.trouble(synchronising, err)
			return
		}
		delete(w.bound, r.Role)
	}
	for _, s := range w.syncs {
		runs := slices.ContainsFunc(running, s.runs)
		now, err := w.conn.socket.Interface(s.Interface)
		if err != nil {
			if runs && errors.Is(err, unix.ENODEV) {
				// The daemon that runs is mute from now on, whatever comes in its place.
				w.bound[s.Role] = iface{}
			}
			w.trouble(synchronising, fmt.Errorf("synchronise connections as %v on %s: %w", s.Role, s.Interface, err))
			return
		}
		was, known := w.bound[s.Role]
		if runs && (!known || now == was) {
			w.bound[s.Role] = now
			continue
		}
		if err := w.used(w.conn.StartSync(s)); err != nil {
			w.trouble(synchronising, err)
			return
		}
		w.bound[s.Role] = now
		if runs {
			w.k.o.Log.Info("the interface of the connection synchronisation was replaced or has another address: the synchronisation was restarted",
				"interface", s.Interface, "role", s.Role.String())
		}
	}
	w.fine(synchronising)
}
