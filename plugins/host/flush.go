//go:build linux

package host

import (
	"slices"
	"time"

	"github.com/moonkeep/moonkeep/core/health"
	"github.com/moonkeep/moonkeep/plugins/checker/checkerpb"
)

const (
	// maxOctets bounds a message, in bytes: a line of JSON is read in one piece by
	// many a checker, and gRPC takes 4 MiB where nothing else is said. What is left
	// goes with the next one.
	maxOctets = 1 << 20
	// maxPrepare bounds the checks that one message prepares ahead of their
	// first probe, so that probes of others need not wait behind thousands.
	maxPrepare = 32
)

// flush hands a message to the current process, if it can take one.
func (g *group) flush(now time.Time) {
	i := g.current
	if i == nil || len(i.out) > 0 || !i.wants(g) || now.Sub(i.sent) < pace {
		return // a writer that is busy has had no time for what waits
	}
	// A process prepares before it releases. What is in use again is prepared anew,
	// which ends the check before.
	i.release = slices.DeleteFunc(i.release, func(id uint32) bool { return g.slots[id].refs > 0 })
	room := maxOctets
	m := &checkerpb.FromHost{Ping: i.ping}
	i.ping = 0
	m.Release, i.release = numbers(i.release, &room)
	m.Cancel, i.cancel = numbers(i.cancel, &room)
	starts := make([]checkerpb.Start, 0, len(g.queue))
	taken := 0
	for _, id := range g.queue {
		s := &g.slots[id]
		if s.asked && s.sent == nil {
			need := octetsStart
			if s.prepared != i.number {
				need += octetsPrepare(s)
			}
			if room < need && room < maxOctets { // what is larger than a message goes alone
				break
			}
			room -= need
		}
		taken++
		s.queued = false
		if !s.asked || s.sent != nil {
			continue // answered meanwhile
		}
		if s.prepared == i.number && s.refused != "" {
			g.finish(s, id, health.Unknown, s.refused)
			continue
		}
		i.prepare(m, s, id)
		// One that waited for its process has all of its time all the same: what was
		// left of it might be too little for a server that is well. What comes of it
		// too late for who asked is unknown in time.
		if c := s.check; s.until.Sub(now) < c.Limit+(c.Patience-c.Limit)/2 {
			g.under.remove(id)
			last := s.until.Add(c.Last - c.Patience)
			if s.until = now.Add(c.Patience); c.Last > 0 && s.until.After(last) {
				s.until = last
			}
			g.under.push(id)
		}
		starts = append(starts, checkerpb.Start{Check: id, Probe: s.probe, TimeoutUs: uint64(s.check.Limit / time.Microsecond), Details: s.details})
		s.sent = i
		i.under++
	}
	g.queue = g.queue[:copy(g.queue, g.queue[taken:])]
	m.Start = make([]*checkerpb.Start, len(starts))
	for k := range starts {
		m.Start[k] = &starts[k]
	}
	for len(i.fresh) > 0 && len(m.Prepare) < maxPrepare {
		id := i.fresh[len(i.fresh)-1]
		s := &g.slots[id]
		if s.refs > 0 && s.prepared != i.number {
			need := octetsPrepare(s)
			if room < need && room < maxOctets {
				break
			}
			room -= need
			i.prepare(m, s, id)
		}
		i.fresh = i.fresh[:len(i.fresh)-1]
	}
	i.sent = now
	i.out <- m // there is room: nobody else sends
}

// How long parts of a message are as JSON at most, which is longer than protobuf.
const (
	octetsNumber = 12
	octetsStart  = 96
)

// octetsPrepare is how long what prepares a check is at most.
func octetsPrepare(s *slot) int {
	c := s.check
	const names = 512                                                                  // with the numbers and the addresses
	return names + len(c.Options) + 6*(len(c.Label)+len(c.Target.BindIf)+len(s.state)) // escaped
}

// numbers takes those that there is room for; rest are the others.
func numbers(all []uint32, room *int) (some, rest []uint32) {
	n := min(len(all), *room/octetsNumber)
	*room -= n * octetsNumber
	return all[:n:n], all[n:]
}
