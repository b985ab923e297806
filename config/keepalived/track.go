package keepalived

import (
	"github.com/moonkeep/moonkeep/config"
)

// track is one line of track_script or track_interface.
type track struct {
	name   string
	at     pos
	weight *int
	// weightAt and reverseAt are where these were said.
	weightAt, reverseAt pos
	// reverse is nil when neither reverse nor noreverse was said.
	reverse *bool
}

// tracks are the lines of an instance's or a group's track_ blocks, by the
// block.
type tracks map[string][]track

// trackList reads the lines of a track_ block. They are resolved when the
// whole file is known.
func trackList(keyword string) handler {
	return func(r *reader, s *statement) {
		r.drop()
		if keyword == "track_interface" {
			if _, ok := r.interfaceName(s.words[0], keyword); !ok {
				r.damaged = true
				return
			}
		}
		to := &r.tracking
		if *to == nil {
			*to = tracks{}
		}
		list := (*to)[keyword]
		r.trackLine(s, keyword, &list)
		(*to)[keyword] = list
	}
}

// trackLine reads NAME [weight N [reverse|noreverse]].
func (r *reader) trackLine(s *statement, keyword string, to *[]track) {
	t := track{name: s.words[0].text, at: s.words[0].at}
	if t.name == "weight" && len(s.words) == 2 && isNumber(s.words[1].text) {
		r.damaged = true
		r.out.error(t.at, "missing-argument", "%s: a weight stands on the line of what it is for: NAME weight %s", keyword, printable(s.words[1].text))
		return
	}
	for i := 1; i < len(s.words); i++ {
		w := s.words[i]
		switch {
		case w.text == "weight" && i+1 < len(s.words):
			i++
			r.gently("it is ignored, as by keepalived", func() {
				if n, ok := r.weight(s.words[i], mostTracked(keyword)); ok {
					t.weight, t.weightAt = &n, s.words[i].at
				}
			})
		case t.weight != nil && (w.text == "reverse" || w.text == "noreverse" && keyword != "track_interface"):
			v := w.text == "reverse"
			t.reverse, t.reverseAt = &v, w.at
		default:
			if !r.trackWord(w, keyword) {
				*to = append(*to, t)
				return
			}
			// Another name: keepalived loses it, and what it watches.
			*to = append(*to, t)
			t = track{name: w.text, at: w.at}
		}
	}
	*to = append(*to, t)
}

// trackWord reports a word that a tracker's line does not take, and whether
// it is the name of another tracker.
func (r *reader) trackWord(w token, keyword string) bool {
	guess := config.Nearest(w.text, []string{"weight", "reverse", "noreverse"})
	switch {
	case guess == "weight" && w.text == guess:
		r.out.warn(w.at, "missing-argument", "weight takes a number, -253..253, and there is none; it is ignored, as by keepalived")
	case guess == "noreverse" && w.text == guess && keyword == "track_interface":
		r.out.warn(w.at, "surplus-words", "an interface has nothing of its own that noreverse could undo; it is ignored")
	case guess != "" && w.text == guess:
		r.out.warn(w.at, "surplus-words", "%s counts only behind weight N; it is ignored", guess)
	case guess != "":
		r.out.warn(w.at, "unknown-option", "unknown option %s of %s: did you mean %s? The rest of the line is ignored, as by keepalived", quoted(w.text), keyword, guess)
	case isNumber(w.text):
		r.out.warn(w.at, "surplus-words", "%s: a weight is written \"weight %s\"; the rest of the line is ignored", keyword, printable(w.text))
	default:
		r.out.warn(w.at, "one-line-block", "%s takes one name on each line: keepalived loses %s; here it is read as if it stood on its own line", keyword, printable(w.text))
		return true
	}
	return false
}

// isNumber reports whether a word is a number.
func isNumber(word string) bool { return word != "" && leading(word, false) == word }

// mostTracked is the largest weight on a line of a track_ block.
func mostTracked(keyword string) int {
	if keyword == "track_file" || keyword == "track_process" {
		return mostFileWeight
	}
	return mostWeight
}

// resolved is a line with what it inherits.
func (r *reader) resolved(t track, weight int, reverse bool) config.Track {
	out := config.Track{Name: t.name, At: r.src.position(t.at), Weight: or(t.weight, weight), Reverse: or(t.reverse, reverse)}
	out.Written = append(out.Written, config.Key{Name: "name", At: out.At})
	if t.weight != nil {
		out.Written = append(out.Written, config.Key{Name: "weight", At: r.src.position(t.weightAt)})
	}
	if t.reverse != nil {
		out.Written = append(out.Written, config.Key{Name: "reverse", At: r.src.position(t.reverseAt)})
	}
	return out
}

// resolveInterfaces turns lines into tracks; own is the instance's interface,
// which is tracked anyway.
func (r *reader) resolveInterfaces(lines []track, own string) []config.Track {
	var out []config.Track
	for _, t := range r.distinct(lines) {
		if t.name == own {
			r.out.warn(t.at, "own-interface", "%s is the instance's own interface, which is tracked by \"interface\"; this line is ignored, as by keepalived", printable(t.name))
			continue
		}
		out = append(out, r.resolved(t, 0, false))
	}
	return out
}

// resolve finds what the lines of a track_ block name. What does not exist is
// not tracked.
func (r *reader) resolve(keyword string, lines []track) []config.Track {
	if len(lines) == 0 {
		return nil // as of most
	}
	kind := definedBy()[keyword]
	var out []config.Track
	for _, t := range r.distinct(lines) {
		d := r.trackers[kind][t.name]
		if d == nil {
			r.undefined(kind, t)
			continue
		}
		d.used = true
		if d.at > t.at {
			r.out.warn(t.at, "defined-later", "%s %s is defined below, on %s: here it is tracked all the same, keepalived would ignore this line; define it first", kind, printable(t.name), lineOf(d.place, r.src.position(t.at).File()))
		}
		out = append(out, r.resolved(t, d.weight, d.reverse))
	}
	return out
}

// resolveAll fills in the lists of an instance or a group.
func (r *reader) resolveAll(lines tracks, own string, interfaces, scripts, files, processes, sessions *[]config.Track) {
	*interfaces = r.resolveInterfaces(lines["track_interface"], own)
	*scripts = r.resolve("track_script", lines["track_script"])
	*files = r.resolve("track_file", lines["track_file"])
	*processes = r.resolve("track_process", lines["track_process"])
	*sessions = r.resolve("track_bfd", lines["track_bfd"])
}

// leftOut says where the block of a name was left out: ": it was left out, on
// line 3". It is empty for a name that nothing was given.
func (r *reader) leftOut(name, here string) string {
	at, ok := r.skipped[name]
	if !ok {
		return ""
	}
	return ": it was left out, on " + lineOf(at, here)
}

// undefined reports something tracked that is not defined.
func (r *reader) undefined(kind string, t track) {
	rest := ": nothing watches what this line is meant to watch; the line is ignored, as by keepalived"
	if left := r.leftOut(t.name, r.src.position(t.at).File()); left != "" {
		rest = left + ": nothing watches what this line is meant to watch; the line is ignored"
	} else if guess := r.nearestName(t.name, "unknown-script", func() []string { return r.trackerNames[kind] }); guess != "" {
		r.trackers[kind][guess].used = true
		rest = ": did you mean " + printable(guess) + "? The line is ignored, as by keepalived"
	}
	const text = "no %s is named %s%s"
	switch args := []any{kind, quoted(t.name), aside(rest)}; kind {
	case "vrrp_script":
		r.out.warn(t.at, "unknown-script", text, args...)
	case "track_file":
		r.out.warn(t.at, "unknown-track-file", text, args...)
	case "bfd_instance":
		r.out.warn(t.at, "unknown-bfd", text, args...)
	default:
		r.out.warn(t.at, "unknown-process", text, args...)
	}
}

// nearestName is nearest among names, unless nobody will see the finding.
func (r *reader) nearestName(word, finding string, names func() []string) string {
	if r.out.full(config.Warning, finding) {
		return ""
	}
	return config.Nearest(word, names())
}

// distinct leaves out lines that name a tracker again.
func (r *reader) distinct(lines []track) []track {
	if len(lines) < 2 {
		return lines
	}
	seen := make(map[string]bool, len(lines))
	var out []track
	for _, t := range lines {
		if seen[t.name] {
			r.out.warn(t.at, "given-twice", "%s is tracked already; this line is ignored, as by keepalived", printable(t.name))
			continue
		}
		seen[t.name] = true
		out = append(out, t)
	}
	return out
}
