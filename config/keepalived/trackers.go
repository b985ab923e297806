package keepalived

import (
	"path"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/inherit"
)

// tracker is something that can be tracked: a script, a file, a process, a
// BFD session.
type tracker struct {
	name    string
	at      pos
	place   config.Position
	weight  int
	reverse bool
	// used says that something tracks it.
	used bool
}

// The keywords that define what can be tracked, by the block that tracks it.
func definedBy() map[string]string {
	return map[string]string{
		"track_script": "vrrp_script", "track_file": "track_file", "track_process": "vrrp_track_process", "track_bfd": "bfd_instance",
	}
}

// define notes a tracker and reports whether it is the first of its name.
func (r *reader) trackable(kind string, d *tracker) bool {
	if other := r.trackers[kind][d.name]; other != nil {
		r.out.warn(d.at, "duplicate-name", "%s %s is defined twice, first on %s: this one is left out, as by keepalived", kind, printable(d.name), lineOf(other.place, d.place.File()))
		return false
	}
	if r.trackers[kind] == nil {
		r.trackers[kind] = map[string]*tracker{}
	}
	r.trackers[kind][d.name] = d
	r.trackerNames[kind] = append(r.trackerNames[kind], d.name)
	return true
}

// weightWord makes the handler of weight N [reverse] for weights up to most.
func weightWord(most int) handler {
	return func(r *reader, s *statement) {
		n, ok := r.weight(s.words[1], most)
		if !ok {
			r.damaged = true
			return
		}
		v := r.frames[len(r.frames)-1].value
		r.here("weight").In(v).SetInt(int64(n))
		if len(s.words) < 3 {
			return
		}
		if s.words[2].text != "reverse" {
			r.out.warn(s.words[2].at, "surplus-words", `weight takes a number and "reverse"; %s is ignored`, quoted(s.words[2].text))
			return
		}
		r.here("reverse").In(v).SetBool(true)
		r.wrote("reverse", s.words[2].at, false)
	}
}

// The largest weights of keepalived.
const (
	mostWeight     = 253
	mostFileWeight = 254
)

// weight reads a tracker's weight; 254 is cut to 253 where that is the most.
func (r *reader) weight(w token, most int) (int, bool) {
	n, ok := r.integer(w, "weight", -mostFileWeight, mostFileWeight)
	if n > most || n < -most {
		cut := max(min(n, most), -most)
		r.out.warn(w.at, "weight-cut", "weight %d becomes %d, the largest that keepalived allows", n, cut)
		n = cut
	}
	return n, ok
}

// endTrackFile ends a track_file.
func (r *reader) endTrackFile(s *statement) {
	f := top[config.TrackFile](r)
	if f.File == "" {
		r.lacks("file", "track_file "+f.Name, "what would it watch?")
	} else if !path.IsAbs(f.File) {
		r.damaged = true
		r.out.addAt(r.givenAt("file"), config.Error, "bad-value", "track_file takes an absolute path, not %s", quoted(f.File))
	}
	r.endTracker("track_file", s, f.Name, f.Weight, f.Reverse)
}

// endTrackProcess ends a vrrp_track_process.
func (r *reader) endTrackProcess(s *statement) {
	p := top[config.TrackProcess](r)
	if len(p.Process) == 0 {
		r.lacks("process", "vrrp_track_process "+p.Name, "what would it look for?")
	}
	if r.given("delay") {
		// Of delay and of one of the two the later counts.
		if !r.givenBehind("fork_delay", "delay") {
			p.ForkDelay = p.Delay
		}
		if !r.givenBehind("terminate_delay", "delay") {
			p.TerminateDelay = p.Delay
		}
	}
	if p.QuorumMax != nil && !r.given("quorum") && *p.QuorumMax < p.Quorum {
		// No process, or few: the default of 1 is not what is meant.
		p.Quorum = *p.QuorumMax
	}
	switch {
	case p.QuorumMax == nil || p.Quorum <= *p.QuorumMax:
	case r.givenBehind("quorum", "quorum_max"):
		r.out.loseAt(r.givenAt("quorum"), "out-of-range", "quorum %d is more than quorum_max %d; it is ignored, as by keepalived", p.Quorum, *p.QuorumMax)
		p.Quorum = min(1, *p.QuorumMax)
	default:
		r.out.loseAt(r.givenAt("quorum_max"), "out-of-range", "quorum_max %d is less than quorum %d; it is ignored, as by keepalived", *p.QuorumMax, p.Quorum)
		p.QuorumMax = nil
	}
	r.endTracker("vrrp_track_process", s, p.Name, p.Weight, p.Reverse)
}

// endBFD ends a bfd_instance.
func (r *reader) endBFD(s *statement) {
	const longestName = 31
	b := top[config.BFD](r)
	switch {
	case len(b.Name) > longestName:
		r.damaged = true
		r.out.error(s.words[1].at, "out-of-range", "the name of a bfd_instance has at most %d bytes", longestName)
	case !b.NeighborIP.IsValid():
		r.lacks("neighbor_ip", "bfd_instance "+b.Name, "name the address of the peer")
	default:
		if key, text := b.Fault(r.cfg.BFDs[:len(r.cfg.BFDs)-1]); text != "" {
			r.damaged = true
			r.out.addAt(r.givenAt(key), config.Error, "bad-session", "bfd_instance %s: %s %s", printable(b.Name), key, text)
		}
	}
	if !r.given("ttl") {
		b.TTL = inherit.HopLimit(b.NeighborIP)
	}
	r.endTracker("bfd_instance", s, b.Name, b.Weight, b.Reverse)
}

// lacks reports a keyword that a block must have.
func (r *reader) lacks(keyword, what, hint string) {
	if !r.damaged && !r.meant[keyword] {
		r.out.addAt(r.givenAt(""), config.Error, "missing-keyword", "%s has no %s: %s", printable(what), keyword, hint)
	}
	r.damaged = true
}

// endTracker ends a block that can be tracked. One of a name that is taken
// is left out.
func (r *reader) endTracker(kind string, s *statement, name string, weight int, reverse bool) {
	if len(s.words) < 2 {
		return
	}
	if r.damaged {
		r.skipped[name] = r.src.position(s.words[1].at)
		return
	}
	if !r.trackable(kind, &tracker{name: name, at: s.at(), place: r.src.position(s.words[1].at), weight: weight, reverse: reverse}) {
		r.drop()
	}
}

// initFile reads [VALUE] [overwrite].
func (r *reader) initFile(s *statement) {
	r.inner(r.row.bound.field, s.at(), func() {
		f := top[config.InitFile](r)
		for _, w := range s.words[1:] {
			if w.text == "overwrite" {
				f.Overwrite = true
				r.wrote("overwrite", w.at, false)
				continue
			}
			if !r.setOption(r.here("value"), "init_file", w) {
				r.damaged = true
				return
			}
			r.wrote("value", w.at, false)
		}
	})
}
