//go:build linux

package ipvs

import (
	"errors"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/moonkeep/moonkeep/core/balance"
)

// rests is for how many times as long as a look, or the read of a part, took there
// is no other: a table of tens of thousands on a slow machine is not to take it
// all. Both together take a tenth of a processor at most.
const rests = 20

// suspects are services that a look finds different. The map is never nil.
func (w *keeping) suspects() map[balance.Key]bool {
	out := map[balance.Key]bool{}
	if time.Now().Before(w.rests) {
		return out
	}
	began := time.Now()
	seen, err := w.look.Look()
	w.rests = time.Now().Add(rests * time.Since(began))
	if err != nil {
		w.trouble(looking, w.drop(err)) // its module may be another one since
		return out
	}
	w.fine(looking)
	if w.expect == nil {
		w.expect = w.look.Expect(w.have)
	}
	for key := range w.have {
		if at := Listed(key); !w.doubt[key] && seen[at] != w.expect[at] {
			out[key] = true
		}
	}
	return out
}

// readPart adds services to suspects that differ in what a look does not show. The
// options of all services come with one dump; their destinations are asked for
// service by service, a part of the table at a time. Up to some thousand
// destinations that is all of it at each look; of more all is read in some fifty
// times what that takes.
func (w *keeping) readPart(suspects map[balance.Key]bool) {
	if len(w.have) == 0 || time.Now().Before(w.reads) {
		return
	}
	began := time.Now()
	defer func() { w.reads = time.Now().Add(rests * time.Since(began)) }()
	services, err := w.conn.Services()
	if err = w.used(err); err != nil {
		w.trouble(looking, err)
		return
	}
	there := make(map[balance.Key]bool, len(services))
	for _, s := range services {
		have := w.have[s.Key]
		if have == nil || w.doubt[s.Key] {
			continue
		}
		there[s.Key] = true
		if have.Options != (balance.Service{Options: s.Options}).Normal(s.Key).Options {
			suspects[s.Key] = true
		}
	}
	keys := w.have.Keys()
	first, _ := slices.BinarySearchFunc(keys, w.next, balance.Key.Compare)
	// A little less than what would have the next look come too early.
	most := began.Add(max(w.k.o.LookEvery/(rests+5), 2*time.Since(began)))
	for i := range keys {
		key := keys[(first+i)%len(keys)]
		if w.next = key; i > 0 && time.Now().After(most) {
			return
		}
		switch {
		case w.doubt[key]:
		case !there[key]:
			suspects[key] = true
		case !w.whole(key):
			suspects[key] = true
			if w.conn == nil {
				return
			}
		}
	}
}

// whole reports whether the kernel has the destinations of a service that it is
// believed to have.
func (w *keeping) whole(key balance.Key) bool {
	list, err := w.conn.Destinations(key)
	switch {
	case errors.Is(err, unix.ESRCH):
		return false
	case err != nil:
		w.trouble(looking, w.used(err))
		return false
	}
	var s balance.Service
	for _, d := range list {
		s.Destinations = append(s.Destinations, d.Destination)
	}
	return slices.Equal(s.Normal(key).Destinations, w.have[key].Destinations)
}

// read reads the services that are in doubt. That one is gone which should be there, or
// that nothing is left of one that is to go, is believed only if the kernel says so of this
// service: a Read may have missed it. One that is to be made shows when it is made.
func (w *keeping) read() (balance.Table, error) {
	found, err := w.conn.Read(func(key balance.Key) bool { return w.doubt[key] })
	if err != nil {
		return nil, err
	}
	for key := range w.doubt {
		if found[key] != nil || w.have[key] == nil && w.want[key] != nil {
			continue
		}
		s, err := w.conn.Service(key)
		if absent(err) {
			continue
		}
		if err == nil {
			found[key], err = w.conn.complete(s)
		}
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}
