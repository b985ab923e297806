//go:build linux

package host

import "time"

// forgotten is how long after a process was ended for its silence that counts less.
const forgotten = 10 * time.Minute

// silences are the processes of a group that were ended for their silence, as far as
// they count for the next: on a machine that stalls them again and again each may be
// silent for longer, and what hangs once a day is found as soon as the first time.
// What crashes or does not start says nothing about stalls.
type silences struct {
	n  int // at the instant at
	at time.Time
}

// count is how many count now.
func (s *silences) count(now time.Time) int {
	return max(0, s.n-int(now.Sub(s.at)/forgotten))
}

// another is one more.
func (s *silences) another(now time.Time) {
	s.n, s.at = min(s.count(now)+1, mostDoublings), now
}

// silence is how long a process may give no sign of life now.
func (g *group) silence(now time.Time) time.Duration {
	return g.host.opts.Silence << g.silences.count(now)
}

// Silence is how long the process of a check may give no sign of life before it is
// ended, as things stand; 0 when there is no such check.
func (s *Set) Silence(number uint32) time.Duration {
	if int(number) >= len(s.places) || s.places[number].group == nil {
		return 0
	}
	g := s.places[number].group
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.status.Silence
}
