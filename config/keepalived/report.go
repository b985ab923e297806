package keepalived

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
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
	src   *source
	found config.Findings
	// becomes is what becomes of what is being read when it cannot be read;
	// empty when that is an error. See gently.
	becomes string
	given   [2]int
	dropped [2]int
	// said counts what was to be said, shown or not.
	said int
	// unseen counts the dropped ones that lose something, by the name.
	unseen  map[string]int
	perName map[string]int
	// repeated finds what was said about an expanded line: the same mistake
	// in each turn of a ~SEQ is one mistake.
	repeated map[repeated]*repeats
	slashes  slashes
}

// repeated is one kind of mistake at one place.
type repeated struct {
	at       config.Position
	severity config.Severity
	name     string
}

// repeats is how often a finding would have been given again.
type repeats struct{ index, more int }

func newReport(src *source) *report {
	return &report{src: src, unseen: map[string]int{}, perName: map[string]int{}, repeated: map[repeated]*repeats{}}
}

// full reports whether a finding of this kind would be dropped; a caller
// asks before it spends time on a text that nobody will see.
func (r *report) full(s config.Severity, name string) bool {
	return r.given[s] >= maxPerSeverity || r.perName[name] >= maxPerName
}

// add appends one finding, or counts it.
func (r *report) add(at pos, s config.Severity, name, format string, args ...any) {
	r.addLosing(at, s, losing(name), name, format, args...)
}

func (r *report) addLosing(at pos, s config.Severity, loses bool, name, format string, args ...any) {
	r.said++
	s, loses, format, args = r.soften(s, loses, name, format, args)
	if r.full(s, name) && s == config.Error {
		r.drop(s, loses, name) // before the position is looked for
		return
	}
	r.put(r.src.place(at), s, loses, name, format, args...)
}

// say is add for a place that need not have a pos.
func (r *report) say(at place, s config.Severity, name, format string, args ...any) {
	r.said++
	s, loses, format, args := r.soften(s, losing(name), name, format, args)
	r.put(at, s, loses, name, format, args...)
}

// loseAt is lose for a position that is known.
func (r *report) loseAt(at config.Position, name, format string, args ...any) {
	r.putAt(at, config.Warning, true, name, format, args...)
}

// put says what has been softened.
func (r *report) put(at place, s config.Severity, loses bool, name, format string, args ...any) {
	switch {
	case at.muted:
	case s == config.Warning && r.slashes.takes(r, at, name):
	case r.full(s, name):
		r.drop(s, loses, name)
	case !at.expanded:
		r.putAt(at.position(), s, loses, name, format, args...)
	default:
		key := repeated{at.position(), s, name}
		if before := r.repeated[key]; before != nil {
			before.more++
			return
		}
		r.repeated[key] = &repeats{index: len(r.found)}
		if origin := at.origin(); origin != "" {
			text, essence := written(format, args)
			format, args = "%s%s", []any{essence, aside(text[len(essence):] + " (" + origin + ")")}
		}
		r.putAt(key.at, s, loses, name, format, args...)
	}
}

// addAt is add for a position that is known.
func (r *report) addAt(at config.Position, s config.Severity, name, format string, args ...any) {
	s, loses, format, args := r.soften(s, losing(name), name, format, args)
	r.putAt(at, s, loses, name, format, args...)
}

func (r *report) putAt(at config.Position, s config.Severity, loses bool, name, format string, args ...any) {
	r.said++
	if r.full(s, name) {
		r.drop(s, loses, name)
		return
	}
	r.given[s]++
	r.perName[name]++
	text, essence := written(format, args)
	r.found.Add(at, s, name, "%s", text)
	f := &r.found[len(r.found)-1]
	if f.Loses = loses; len(essence) < len(text) {
		f.Essence = config.Printable(essence)
	}
}

// aside is the end of a message that depends on other parts of the file, such as
// what may be meant: it is no part of Finding.Essence. It is the last argument.
type aside string

// written returns a message, and it without an aside.
func written(format string, args []any) (text, essence string) {
	text = fmt.Sprintf(format, args...)
	if len(args) > 0 {
		if end, ok := args[len(args)-1].(aside); ok {
			return text, strings.TrimSuffix(text, string(end))
		}
	}
	return text, text
}

// drop counts a finding that is not shown.
func (r *report) drop(s config.Severity, loses bool, name string) {
	r.dropped[s]++
	if loses {
		r.unseen[name]++
	}
}

// lose is warn for what has no effect because of a mistake, where losing does
// not tell by the name.
func (r *report) lose(at pos, name, format string, args ...any) {
	r.addLosing(at, config.Warning, true, name, format, args...)
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
	for _, again := range r.repeated {
		if again.more > 0 {
			f := &r.found[again.index]
			f.Essence = cmp.Or(f.Essence, f.Text)
			f.Text += fmt.Sprintf("; and %d more of the same line", again.more)
		}
	}
	r.slashes.tell(r)
	r.found.Sort()
	errors, warnings := r.dropped[config.Error], r.dropped[config.Warning]
	for _, name := range slices.Sorted(maps.Keys(r.unseen)) {
		f := config.Finding{At: config.NewPosition(r.src.main.name, 0, 0), Loses: true, Unseen: r.unseen[name]}
		f.Name, f.Text = name, fmt.Sprintf("%d more that lose something are not shown", f.Unseen)
		r.found = append(r.found, f)
	}
	if errors+warnings > 0 {
		s := config.Warning
		if errors > 0 {
			s = config.Error
		}
		r.found.Add(config.NewPosition(r.src.main.name, 0, 0), s, "more-findings",
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
