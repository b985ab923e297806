//go:build linux

package ipvs

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/moonkeep/moonkeep/core/balance"
)

// keeping is the goroutine of a Keeper. Nothing of it is touched by another,
// but for flushAtEnd, which is set before the end.
type keeping struct {
	k      *Keeper
	conn   *Conn
	look   Looker
	begun  bool      // what is done once was tried
	asked  bool      // somebody said what should be
	limits Timeouts  // that were asked for when they were set
	before *Timeouts // what they were before; nil while they are as they were
	// wrote are the limits that the kernel was told since they are not as they were: the
	// last that it took, and any later ones of which that is not known.
	wrote []Timeouts
	tried time.Time

	// want is what should be, have what the kernel is believed to have of what
	// is or was wanted.
	want, have balance.Table
	// refused are services of which the kernel refused something.
	refused map[balance.Key]refusal
	// behind says that changes wait for a kernel that did not answer.
	behind bool
	// expect is what a look finds of have.
	expect Sums
	// doubt are services of which it is not known what the kernel has, and lost
	// those of them that somebody else took away under a change.
	doubt, lost map[balance.Key]bool
	syncs       []Sync
	// bound are the interfaces that their daemons began with.
	bound    map[Role]iface
	troubles [topics]trouble
	// rests is until when the table is not looked at, reads until when no part of it
	// is read, and next where in the order of services the next part begins.
	rests, reads time.Time
	next         balance.Key

	flushAtEnd bool
	endError   error
}

func (w *keeping) run() {
	defer close(w.k.ended)
	tick := time.NewTicker(w.k.o.LookEvery)
	defer tick.Stop()
	w.open()
	for {
		select {
		case <-w.k.wake:
			w.take()
		case <-tick.C:
			w.compare()
		case a := <-w.k.asks:
			if w.conn == nil {
				a.done <- ErrNoIPVS
			} else {
				a.done <- w.used(a.do(w.conn))
			}
		case remove := <-w.k.stop:
			w.take()
			w.end(remove)
			return
		}
	}
}

// open connects, if it is time to try.
func (w *keeping) open() bool {
	if w.conn != nil {
		return true
	}
	if time.Since(w.tried) < w.k.o.OpenEvery && !w.tried.IsZero() {
		return false
	}
	w.tried = time.Now()
	conn, look, err := w.k.o.Open()
	if err != nil {
		w.behind = false
		w.trouble(opening, fmt.Errorf("IPVS cannot be used, so that nothing is balanced: %w", err))
		return false
	}
	w.conn, w.look = conn, look
	if !w.begun {
		w.begin()
	} else {
		w.limit()
	}
	if w.conn == nil {
		return false
	}
	w.fine(opening)
	for _, t := range []balance.Table{w.want, w.have} { // also what is to go
		for key := range t {
			w.doubt[key] = true
		}
	}
	return true
}

// begin does what is done once. When the connection is lost it is done again;
// what the kernel refuses stays told.
func (w *keeping) begin() {
	var err error
	if w.k.o.Flush {
		err = w.used(w.conn.Flush())
	}
	w.begun = w.conn != nil
	if err != nil {
		w.trouble(beginning, err)
	} else {
		w.fine(beginning)
	}
	if w.conn != nil {
		w.limit()
	}
}

// limit sets the time limits of connections, if others are asked for than were
// set. Those that nobody asks for, or asks for no longer, are what they were before, or
// what somebody else has made of them since. What the kernel refuses is not asked for
// again.
func (w *keeping) limit() {
	w.k.mu.Lock()
	asked := w.k.limits
	w.k.mu.Unlock()
	none := asked == Timeouts{}
	if asked == w.limits && !(none && w.before != nil) {
		return
	}
	var err error
	var now Timeouts
	if now, err = w.conn.Timeouts(); err == nil {
		if w.before == nil {
			w.before = &now
		} else {
			*w.before = now.foreign(w.wrote, *w.before)
		}
	}
	err = w.used(err)
	want := asked
	if w.before != nil {
		want = asked.over(*w.before)
	}
	if w.conn != nil {
		if !slices.Contains(w.wrote, want) {
			w.wrote = append(w.wrote, want)
		}
		failed := w.used(w.conn.SetTimeouts(want))
		if failed == nil {
			w.wrote = append(w.wrote[:0], want)
		}
		err = errors.Join(err, failed)
	}
	if w.conn != nil {
		if w.limits = asked; none {
			w.before, w.wrote = nil, nil
		}
	}
	if err != nil {
		w.trouble(limiting, err)
	} else {
		w.fine(limiting)
	}
}

// used closes the connection after an error that leaves it in an unknown
// state.
func (w *keeping) used(err error) error {
	if err != nil && lost(err) {
		return w.drop(err)
	}
	return err
}

// drop closes the connection because of an error, to have it opened anew.
func (w *keeping) drop(err error) error {
	if w.conn != nil {
		err = errors.Join(err, w.conn.Close(), w.look.Close())
		w.conn, w.look = nil, nil
		w.tried, w.expect, w.limits = time.Time{}, nil, Timeouts{} // it may be another module then
	}
	return err
}

// take carries out what was set.
func (w *keeping) take() {
	w.k.mu.Lock()
	changes, syncs, asked, anew := w.k.changes, w.k.syncs, w.k.asked, w.k.anew
	w.k.changes, w.k.anew = balance.Table{}, false
	w.k.mu.Unlock()
	if anew {
		w.retry()
	}
	w.asked = asked
	if len(w.want) == 0 { // of their size at once, which may be some thousands
		w.want = make(balance.Table, len(changes))
		if len(w.have) == 0 {
			w.have = make(balance.Table, len(changes))
		}
		if len(w.doubt) == 0 {
			w.doubt = make(map[balance.Key]bool, len(changes))
		}
	}
	for key, s := range changes {
		if s == nil {
			delete(w.want, key)
		} else {
			w.want[key] = s
			if w.have[key] == nil {
				w.doubt[key] = true // it may be there from an earlier run
			}
		}
	}
	w.syncs = syncs
	if w.open() {
		w.limit()
	}
	if w.open() && w.asked {
		maps.DeleteFunc(changes, func(key balance.Key, _ *balance.Service) bool { return w.doubt[key] })
		switch _, ok := w.settle(); {
		case !ok:
			for key := range changes { // which come behind what could not be read
				w.doubt[key] = true
			}
		case len(changes) > 0:
			keys := slices.Collect(maps.Keys(changes))
			w.apply(keys, w.owned(keys))
		}
		if w.conn != nil && len(w.lost) > 0 {
			strange, _ := w.settle()
			w.repaired(strange, w.taken())
		}
	}
	w.synchronise()
	w.done()
}

// taken returns the services that somebody else took away, and forgets them.
func (w *keeping) taken() map[balance.Key]bool {
	lost := w.lost
	w.lost = map[balance.Key]bool{}
	return lost
}

// done says that nothing is left to do, unless more was set meanwhile, or the
// kernel did not answer.
func (w *keeping) done() {
	if w.conn != nil && len(w.doubt)+len(w.refused) == 0 {
		w.fine(changing)
	}
	w.k.mu.Lock()
	defer w.k.mu.Unlock()
	if len(w.k.changes) == 0 && len(w.k.wake) == 0 && !w.behind {
		w.k.counts.Pending = false
		w.k.idle.Broadcast()
	}
}

// settle reads what is in doubt, and puts it right. It returns which services
// were not as they were believed to be.
func (w *keeping) settle() (strange []stranger, ok bool) {
	if len(w.doubt) == 0 {
		return nil, true
	}
	found, err := w.read()
	if err = w.used(err); err != nil {
		w.behind = w.conn == nil
		w.trouble(changing, err)
		return nil, false
	}
	w.behind = false
	keys := slices.Collect(maps.Keys(w.doubt))
	owned := w.owned(keys) // before what is found and wanted becomes ours
	for _, key := range keys {
		if !equal(w.have[key], found[key]) {
			strange = append(strange, stranger{key, w.have[key], found[key]})
		}
		delete(w.have, key)
		if s := found[key]; s != nil {
			w.have[key] = s
		}
	}
	clear(w.doubt)
	w.apply(keys, owned)
	return strange, w.conn != nil
}

// equal compares two services, either of which may be nil.
func equal(a, b *balance.Service) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Options == b.Options && slices.Equal(a.Destinations, b.Destinations)
}

// apply makes these services what they should be. owned is which of them were ours.
func (w *keeping) apply(keys []balance.Key, owned []bool) {
	have, want := balance.Table{}, make(balance.Table, len(keys))
	for _, key := range keys {
		if s := w.have[key]; s != nil {
			have[key] = s
		}
		if s := w.want[key]; s != nil {
			want[key] = s
		}
	}
	var ops []balance.Op
	if len(have) > 0 {
		ops = balance.Diff(have, want)
	}
	if len(ops) == 0 && (len(have) > 0 || len(want) == 0) {
		for _, key := range keys {
			delete(w.refused, key)
		}
		w.lasting()
		w.journal(keys, owned)
		w.expected(keys)
		return
	}
	for key, s := range want {
		w.have[key] = s
	}
	owned = w.journal(keys, owned)
	done, failures, err := len(ops), []Failure(nil), error(nil)
	if len(have) > 0 {
		failures, err = w.conn.Apply(ops)
	} else {
		done, failures, err = w.conn.Make(want)
	}
	if err = w.used(err); err != nil {
		w.behind = true
		w.trouble(changing, fmt.Errorf("change the table of IPVS: %w", err))
		for _, key := range keys {
			w.doubt[key] = true
		}
		return
	}
	var told []error
	failed := map[balance.Key][]Failure{}
	for _, f := range failures {
		if f.strayed() {
			w.doubt[f.Op.Key], w.lost[f.Op.Key] = true, true
			continue
		}
		failed[f.Op.Key] = append(failed[f.Op.Key], f)
		if !errors.Is(f.Err, errNoService) { // its own failure is told
			told = append(told, f)
		}
	}
	w.trouble(changing, told...)
	for _, key := range keys {
		if list := failed[key]; list != nil {
			w.refuse(key, have[key], list)
			continue
		}
		delete(w.refused, key)
		if w.want[key] == nil && !w.doubt[key] {
			delete(w.have, key)
		}
	}
	w.lasting()
	w.journal(keys, owned)
	w.expected(keys)
	w.k.mu.Lock()
	defer w.k.mu.Unlock()
	w.k.counts.Operations += uint64(done - len(failures))
	w.k.counts.Failed += uint64(len(failures))
}

// expected brings what a look should find up to date.
func (w *keeping) expected(keys []balance.Key) {
	if w.expect == nil || w.look == nil {
		w.expect = nil // all of it, when it is needed
		return
	}
	part := balance.Table{}
	for _, key := range keys {
		delete(w.expect, Listed(key))
		for _, v6 := range []bool{false, true} { // both families of a mark
			twin := key
			if key.Fwmark != 0 {
				twin.IPv6 = v6
			}
			if s := w.have[twin]; s != nil {
				part[twin] = s
			}
		}
	}
	maps.Copy(w.expect, w.look.Expect(part))
}

// compare looks whether the table is what it should be, and tries again what
// failed. Before anybody said what it should be there is nothing to compare:
// what an earlier run owned is not to go and to come again.
func (w *keeping) compare() {
	defer w.done()
	if !w.open() || !w.asked {
		return
	}
	suspects := w.suspects()
	if w.conn != nil {
		w.readPart(suspects)
	}
	if w.conn == nil {
		return
	}
	for key := range suspects {
		w.doubt[key] = true
	}
	w.again()
	strange, ok := w.settle()
	if !ok {
		return
	}
	w.synchronise()
	maps.Copy(suspects, w.taken())
	w.repaired(strange, suspects)
}

// repaired tells of those of the services that were not as they should be which
// somebody else is to blame for.
func (w *keeping) repaired(strange []stranger, suspects map[balance.Key]bool) {
	strange = slices.DeleteFunc(strange, func(s stranger) bool { return !suspects[s.key] })
	if len(strange) == 0 {
		return
	}
	slices.SortFunc(strange, func(a, b stranger) int { return a.key.Compare(b.key) })
	w.k.o.Log.Warn("somebody else changed IPVS; it was put right", "services", len(strange), "first", strange[0].key.String(), "change", strange[0].change())
	w.k.mu.Lock()
	defer w.k.mu.Unlock()
	w.k.counts.Repaired += uint64(len(strange))
}

// end closes the connection, after the services were removed if they are to
// be.
func (w *keeping) end(remove bool) {
	if w.conn == nil {
		if remove && len(w.have) > 0 {
			w.endError = fmt.Errorf("%d services could not be removed from IPVS: %s", len(w.have), w.troubles[opening].text)
		}
		return
	}
	if remove {
		if w.syncs != nil {
			w.syncs = []Sync{}
			w.synchronise()
		}
		w.remove()
		w.k.mu.Lock()
		w.k.limits = Timeouts{}
		w.k.mu.Unlock()
		if w.conn != nil {
			w.limit()
		}
	}
	if w.conn != nil {
		w.endError = errors.Join(w.endError, w.conn.Close(), w.look.Close())
	}
}

func (w *keeping) remove() {
	w.k.mu.Lock()
	all := w.flushAtEnd
	w.k.mu.Unlock()
	if all && w.open() {
		if w.endError = w.used(w.conn.Flush()); w.endError == nil {
			clear(w.have)
			clear(w.refused)
			w.write()
			return
		}
	}
	if !w.open() {
		w.endError = errors.Join(w.endError, fmt.Errorf("%d services could not be removed from IPVS", len(w.have)))
		return
	}
	for key := range w.have {
		w.doubt[key] = true // also what somebody else put in its place goes
	}
	for key := range w.refused {
		w.doubt[key] = true
	}
	clear(w.want)
	if _, ok := w.settle(); !ok || len(w.doubt)+len(w.refused) > 0 {
		w.endError = errors.Join(w.endError, fmt.Errorf("%d services could not be removed from IPVS", len(w.have)))
	}
}
