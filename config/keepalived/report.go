package keepalived

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/moonkeep/moonkeep/config"
)

// The bounds of what is said about one reading, so that a file of garbage
// yields a page and not a book. Errors have a budget of their own: warnings
// never push one out.
const (
	maxPerSeverity = 200
	maxPerName     = 50
)

// report collects findings within these bounds.
type report struct {
	file    *file
	found   config.Findings
	given   [2]int
	dropped [2]int
	perName map[string]int
}

// full reports whether a finding of this kind would be dropped; a caller
// asks before it spends time on a text that nobody will see.
func (r *report) full(s config.Severity, name string) bool {
	return r.given[s] >= maxPerSeverity || r.perName[name] >= maxPerName
}

// add appends one finding, or counts it.
func (r *report) add(at pos, s config.Severity, name, format string, args ...any) {
	if r.full(s, name) {
		// Before the position is looked for.
		r.dropped[s]++
		return
	}
	r.addAt(r.file.position(at), s, name, format, args...)
}

// addAt is add for a position that is known.
func (r *report) addAt(at config.Position, s config.Severity, name, format string, args ...any) {
	if r.full(s, name) {
		r.dropped[s]++
		return
	}
	r.given[s]++
	r.perName[name]++
	r.found.Add(at, s, name, format, args...)
}

func (r *report) warn(at pos, name, format string, args ...any) {
	r.add(at, config.Warning, name, format, args...)
}

func (r *report) error(at pos, name, format string, args ...any) {
	r.add(at, config.Error, name, format, args...)
}

// findings returns them in the order of the text, the count of those that
// were left out at the end.
func (r *report) findings() config.Findings {
	r.found.Sort()
	errors, warnings := r.dropped[config.Error], r.dropped[config.Warning]
	if errors+warnings > 0 {
		s := config.Warning
		if errors > 0 {
			s = config.Error
		}
		r.found.Add(config.Position{File: r.file.name}, s, "more-findings",
			"%d more errors and %d more warnings are not shown: put the first ones right and check again", errors, warnings)
	}
	return r.found
}

// printable renders a word of the text for a message: on one line, not longer
// than a line, and without what may be a password grown together with its
// keyword (auth_passSECRET).
func printable(word string) string {
	const longest = 48
	if i := strings.Index(strings.ToLower(word), "pass"); i >= 0 && i <= 5 && i+4 < len(word) {
		word = word[:i+4] + "..."
	}
	out := make([]rune, 0, longest)
	for _, c := range word {
		if len(out) == longest {
			return string(out) + "..."
		}
		if c == utf8.RuneError || !unicode.IsPrint(c) {
			c = '?'
		}
		out = append(out, c)
	}
	return string(out)
}

// quoted renders a word that the author may have got wrong.
func quoted(word string) string { return `"` + printable(word) + `"` }
