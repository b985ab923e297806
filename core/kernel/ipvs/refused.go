//go:build linux

package ipvs

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/balance"
)

// longestWait is how long a service of which the kernel refuses the same again and
// again is left alone at most: a scheduler that it lacks has it run modprobe at
// each try.
const longestWait = time.Minute

// refusal is a service of which the kernel refused something.
type refusal struct {
	why  string
	text string        // why, and of what
	wait time.Duration // twice as long after each refusal of the same
	next time.Time     // when it is tried again
}

// refuse takes note of what the kernel refused of a service: the others of its
// operations are what the kernel has of it since, and it is tried again later.
func (w *keeping) refuse(key balance.Key, old *balance.Service, failures []Failure) {
	r := refusal{wait: w.k.o.LookEvery}
	for _, f := range failures {
		if r.why == "" && f.Op.Key == key && !errors.Is(f.Err, errNoService) {
			r.why, r.text = f.Err.Error(), f.Error()
		}
	}
	if was, again := w.refused[key]; again && was.why == r.why {
		r.wait = min(2*was.wait, max(longestWait, w.k.o.LookEvery))
	}
	r.next = time.Now().Add(r.wait)
	w.refused[key] = r

	delete(w.have, key)
	if s := without(key, old, w.want[key], failures); s != nil {
		w.have[key] = s
	}
}

// without is what a service is when it was to turn from old into want, and some
// operations on it were refused. Either may be nil, as the result may.
func without(key balance.Key, old, want *balance.Service, failures []Failure) *balance.Service {
	type part struct {
		kind    balance.OpKind
		address netip.AddrPort // zero for the service
	}
	refused := make(map[part]bool, len(failures))
	for _, f := range failures {
		refused[part{f.Op.Kind, f.Op.Destination.Address}] = true
	}
	switch {
	case refused[part{kind: balance.AddService}]:
		return nil
	case want == nil:
		return old // which was not removed
	}
	s := balance.Service{Options: want.Options}
	before := map[netip.AddrPort]balance.Destination{}
	if old != nil {
		if refused[part{kind: balance.EditService}] {
			s.Options = old.Options
		}
		for _, d := range old.Destinations {
			before[d.Address] = d
			if refused[part{balance.RemoveDestination, d.Address}] {
				s.Destinations = append(s.Destinations, d)
			}
		}
	}
	for _, d := range want.Destinations {
		switch {
		case refused[part{balance.AddDestination, d.Address}]:
			continue
		case refused[part{balance.EditDestination, d.Address}]:
			d = before[d.Address]
		}
		s.Destinations = append(s.Destinations, d)
	}
	return s.Normal(key)
}

// again puts services in doubt whose refusal is to be tried again.
func (w *keeping) again() {
	now := time.Now()
	for key, r := range w.refused {
		if !r.next.After(now) {
			w.doubt[key] = true
		}
	}
}

// retry puts all services in doubt of which something was refused, and has their
// waiting begin anew if it is again.
func (w *keeping) retry() {
	for key := range w.refused {
		w.refused[key] = refusal{}
		w.doubt[key] = true
	}
}

// lasting has the refusal that is shown be one that there still is.
func (w *keeping) lasting() {
	t := &w.troubles[changing]
	if t.text == "" {
		return
	}
	var of balance.Key
	text := ""
	for key, r := range w.refused {
		switch {
		case r.text == t.text:
			return
		case r.text != "" && (text == "" || key.Compare(of) < 0):
			of, text = key, r.text
		}
	}
	if text != "" {
		t.text = text
		w.show()
	}
}

// strayed reports whether an operation failed because somebody else took its
// service away under it, which is no refusal.
func (f Failure) strayed() bool {
	return ofDestination(f.Op.Kind) && errors.Is(f.Err, unix.ESRCH)
}

// owned says which of the services are ours. Those that the kernel refused are among
// them: they are tried again.
func (w *keeping) owned(keys []balance.Key) []bool {
	list := make([]bool, len(keys))
	for i, key := range keys {
		_, refused := w.refused[key]
		list[i] = refused || w.have[key] != nil
	}
	return list
}

// journal writes down which services are ours if it is not the same of these as it
// was, and returns what it is.
func (w *keeping) journal(keys []balance.Key, was []bool) []bool {
	owned := w.owned(keys)
	if !slices.Equal(owned, was) {
		w.write()
	}
	return owned
}

// write writes down which services are ours.
func (w *keeping) write() {
	keys := w.have.Keys()
	for key := range w.refused {
		if w.have[key] == nil {
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, balance.Key.Compare)
	if err := w.k.o.Journal(keys); err != nil {
		w.trouble(writing, fmt.Errorf("write down the services that are owned: %w", err))
	} else {
		w.fine(writing)
	}
}
