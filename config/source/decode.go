package source

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/moonkeep/moonkeep/config"
)

// maxFindings bounds what is said about one configuration, maxKept what is
// kept to choose from, of errors and of warnings each.
const (
	maxFindings = 200
	maxKept     = 5000
)

// decoder collects the findings of one configuration.
type decoder struct {
	file  string
	found config.Findings
	// given counts the findings by severity, those too that are not kept.
	given [2]int
	// hidden are the texts that came from the environment, with the
	// references that stand for them in messages.
	hidden map[string]string
	// unread are the places of values that could not be found out, which is
	// said: nothing more is, since any value would be a guess.
	unread map[config.Position]bool
	// silent is set while nothing is to be told.
	silent bool
}

func (d *decoder) error(at config.Position, name, format string, args ...any) {
	d.add(at, config.Error, name, format, args...)
}

func (d *decoder) warn(at config.Position, name, format string, args ...any) {
	d.add(at, config.Warning, name, format, args...)
}

func (d *decoder) add(at config.Position, s config.Severity, name, format string, args ...any) {
	if d.silent || d.unread[at] {
		return
	}
	if d.given[s]++; d.given[s] <= maxKept {
		d.found.Add(at, s, name, format, args...)
	}
}

// errors counts the errors so far.
func (d *decoder) errors() int { return d.given[config.Error] }

// findings returns what was found, in the order of the text, errors first in
// what is kept when there is too much.
func (d *decoder) findings() config.Findings {
	all := d.found
	lost := max(d.given[config.Error]-maxKept, 0) + max(d.given[config.Warning]-maxKept, 0)
	if len(all) > maxFindings {
		slices.SortStableFunc(all, func(a, b config.Finding) int { return int(b.Severity) - int(a.Severity) })
		cut, severity := all[maxFindings:], config.Warning
		if cut.Errors() {
			severity = config.Error
		}
		all = all[:maxFindings:maxFindings]
		all.Sort()
		all.Add(config.NewPosition(d.file, 0, 0), severity, "more-findings",
			"%d more are not shown: put the first ones right and check again", len(cut)+lost)
		return all
	}
	all.Sort()
	return all
}

// path returns a path that is written at a place: it is relative to the
// folder of that file.
func (d *decoder) path(at config.Position, p string) string {
	if p == "" || filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(filepath.Dir(at.File()), p)
}

// name returns a name of the configuration in quotes, for messages.
func (d *decoder) name(s string) string {
	if reference := d.hidden[s]; reference != "" {
		return reference
	}
	return quoted(s)
}

// plain is name without the quotes.
func (d *decoder) plain(s string) string {
	if reference := d.hidden[s]; reference != "" {
		return reference
	}
	return printable(s)
}

// table is a table of a file, for the checks that look at several of its
// keys after they have been read.
type table struct {
	v *value
	// what names the table in messages: "vrrp_instance VI_1".
	what string
}

// has reports whether the file gives the key.
func (t *table) has(key string) bool { return t.v.get(key) != nil }

// place is where a key was written, else where the table is.
func (t *table) place(key string) config.Position {
	if f := t.v.get(key); f != nil {
		return f.at
	}
	return t.v.at
}

// value is where the value of a key stands, else where the table is.
func (t *table) value(key string) config.Position {
	if f := t.v.get(key); f != nil {
		return f.value.at
	}
	return t.v.at
}

// describe says what a value is, with a short scalar itself.
func (v *value) describe() string {
	switch {
	case v.reference != "":
		return "the value of " + v.reference
	case v.kind == kindText && v.text == "":
		return "empty text"
	case v.kind == kindNull || v.kind == kindList || v.kind == kindTable || v.text == "":
		return v.kind.String()
	}
	return quoted(v.text)
}

// shown is a part of a value's text for messages.
func (v *value) shown(part string) string {
	if v.reference != "" {
		return "the value of " + v.reference
	}
	return quoted(part)
}

// maxQuoted is how many characters of a file a message repeats.
const maxQuoted = 60

// printable returns s on one line, printable, and not longer than a line.
func printable(s string) string {
	s = config.Printable(s)
	if utf8.RuneCountInString(s) > 2*maxQuoted {
		s = string([]rune(s)[:2*maxQuoted]) + "..."
	}
	return s
}

// quoted returns a word of the file in quotes.
func quoted(s string) string {
	if utf8.RuneCountInString(s) > maxQuoted {
		s = string([]rune(s)[:maxQuoted]) + "..."
	}
	return fmt.Sprintf("%q", printable(s))
}

// hint proposes what may have been meant, "" when nothing is near.
func hint(word string, known []string) string {
	near := config.Nearest(word, known)
	if near == "" {
		near = config.Nearest(strings.ToLower(word), known)
	}
	if near == "" {
		return ""
	}
	return fmt.Sprintf("; is %q meant?", near)
}

// hintName is hint for a name of the configuration: none that came from the
// environment is shown.
func (d *decoder) hintName(name string, known []string) string {
	if d.hidden[name] != "" {
		return ""
	}
	known = slices.DeleteFunc(slices.Clone(known), func(k string) bool { return d.hidden[k] != "" })
	if near := config.Nearest(name, known); near != "" {
		return fmt.Sprintf("; is %q meant?", near)
	}
	return ""
}
