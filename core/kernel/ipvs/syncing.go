//go:build linux

package ipvs

import "slices"

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
		// Without an interface there is no daemon that would be of use.
		now, _ := w.conn.socket.Interface(s.Interface)
		if slices.ContainsFunc(running, s.runs) {
			if was, known := w.bound[s.Role]; now == was || !known && now.index != 0 {
				w.bound[s.Role] = now
				continue
			}
			w.k.o.Log.Info("the interface is another one, or has another address, than when the synchronisation of connections began there: it begins anew",
				"interface", s.Interface, "role", s.Role.String())
		}
		if err := w.used(w.conn.StartSync(s)); err != nil {
			w.trouble(synchronising, err)
			return
		}
		w.bound[s.Role] = now
	}
	w.fine(synchronising)
}
