package keepalived

import (
	"github.com/moonkeep/moonkeep/config"
)

// track is one line of track_script or track_interface.
type track struct {
	name   string
	at     pos
	weight *int
	// reverse is nil when neither reverse nor noreverse was said.
	reverse *bool
}

// trackScripts and trackInterfaces return the list that is being read.
func (r *reader) trackScripts() *[]track {
	if r.inst != nil {
		return &r.inst.scripts
	}
	return &r.group.scripts
}

func (r *reader) trackInterfaces() *[]track {
	if r.inst != nil {
		return &r.inst.interfaces
	}
	return &r.group.interfaces
}

func (r *reader) trackScriptLine(s *statement) { r.trackLine(s, "track_script", r.trackScripts()) }

func (r *reader) trackInterfaceLine(s *statement) {
	if _, ok := r.interfaceName(s.words[0], "track_interface"); !ok {
		r.damaged = true
		return
	}
	r.trackLine(s, "track_interface", r.trackInterfaces())
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
			n, ok := r.weight(s.words[i])
			if !ok {
				r.damaged = true
				return
			}
			t.weight = &n
		case w.text == "reverse" && t.weight != nil, w.text == "noreverse" && t.weight != nil:
			v := w.text == "reverse"
			t.reverse = &v
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
	guess := nearest(w.text, []string{"weight", "reverse", "noreverse"})
	switch {
	case guess == "weight" && w.text == guess:
		r.damaged = true
		r.out.error(w.at, "missing-argument", "weight takes a number, -253..253, and there is none")
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

// resolveInterfaces turns lines into tracks; own is the instance's interface,
// which is tracked anyway.
func (r *reader) resolveInterfaces(lines []track, own string) []config.Track {
	var out []config.Track
	for _, t := range r.distinct(lines) {
		if t.name == own {
			r.out.warn(t.at, "own-interface", "%s is the instance's own interface, which is tracked by \"interface\"; this line is ignored, as by keepalived", printable(t.name))
			continue
		}
		out = append(out, config.Track{Name: t.name, At: r.src.position(t.at), Weight: or(t.weight, 0), Reverse: or(t.reverse, false)})
	}
	return out
}

// resolveScripts finds the scripts that the lines name. One that does not
// exist is an error here, whereas keepalived runs without it: a service that
// the author wants watched would not be.
func (r *reader) resolveScripts(lines []track) []config.Track {
	var out []config.Track
	for _, t := range r.distinct(lines) {
		c := r.scriptNamed[t.name]
		if c == nil {
			r.unknownScript(t)
			continue
		}
		c.used = true
		if c.at > t.at {
			r.out.warn(t.at, "defined-later", "vrrp_script %s is defined below, on %s: here it is tracked all the same, keepalived would ignore this line; define it first", printable(t.name), lineOf(c.At, r.src.position(t.at).File))
		}
		out = append(out, config.Track{
			Name: t.name, At: r.src.position(t.at),
			Weight: or(t.weight, c.Weight), Reverse: or(t.reverse, c.Reverse),
		})
	}
	return out
}

// unknownScript reports a script that is not defined, unless its definition
// was met and misspelt.
func (r *reader) unknownScript(t track) {
	if r.skipped[t.name] {
		return
	}
	names := func() []string {
		out := make([]string, len(r.scripts))
		for k, c := range r.scripts {
			out[k] = c.Name
		}
		return out
	}
	if guess := r.nearestName(t.name, "unknown-script", names); guess != "" {
		r.scriptNamed[guess].used = true
		r.out.error(t.at, "unknown-script", "no vrrp_script is named %s: did you mean %s?", quoted(t.name), printable(guess))
		return
	}
	r.out.error(t.at, "unknown-script", "no vrrp_script is named %s: nothing would watch what this line is meant to watch", quoted(t.name))
}

// nearestName is nearest among names, unless nobody will see the finding.
func (r *reader) nearestName(word, finding string, names func() []string) string {
	if r.out.full(config.Error, finding) {
		return ""
	}
	return nearest(word, names())
}

// distinct leaves out lines that name a tracker again.
func (r *reader) distinct(lines []track) []track {
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
