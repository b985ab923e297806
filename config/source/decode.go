package source

import (
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/moonkeep/moonkeep/config"
)

// maxFindings bounds what is said about one file, maxKept what is kept to
// choose from, of errors and of warnings each.
const (
	maxFindings = 200
	maxKept     = 5000
)

// decoder collects the findings of one file.
type decoder struct {
	file  string
	found config.Findings
	// given counts the findings by severity, those too that are not kept.
	given [2]int
}

func (d *decoder) error(at config.Position, name, format string, args ...any) {
	d.add(at, config.Error, name, format, args...)
}

func (d *decoder) warn(at config.Position, name, format string, args ...any) {
	d.add(at, config.Warning, name, format, args...)
}

func (d *decoder) add(at config.Position, s config.Severity, name, format string, args ...any) {
	if d.given[s]++; d.given[s] <= maxKept {
		d.found.Add(at, s, name, format, args...)
	}
}

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
		all.Add(config.Position{File: d.file}, severity, "more-findings",
			"%d more are not shown: put the first ones right and check again", len(cut)+lost)
		return all
	}
	all.Sort()
	return all
}

// path returns a path of the file, which is relative to the file's folder.
func (d *decoder) path(p string) string {
	if p == "" || filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(filepath.Dir(d.file), p)
}

// table is a table that is being decoded. Every key that is asked for is a
// known one; done reports the others.
type table struct {
	*decoder
	v *value
	// what names the table in messages: "vrrp_instance VI_1".
	what  string
	known []string
}

// table returns v as a table, or nil after an error.
func (d *decoder) table(v *value, what string) *table {
	if v.kind != kindTable {
		d.error(v.at, "wrong-type", "%s must be a table of keys, not %s", what, v.describe())
		return nil
	}
	return &table{decoder: d, v: v, what: what}
}

// take returns the field of a key, or nil when the file has none.
func (t *table) take(key string) *field {
	t.known = append(t.known, key)
	return t.v.get(key)
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

// done reports every key that nobody took.
func (t *table) done() {
	for i := range t.v.fields {
		f := &t.v.fields[i]
		switch {
		case slices.Contains(t.known, f.key):
		case later[f.key] != "":
			t.error(f.at, "not-acted-on", "%s: %s is not acted on by this version (%s): take it out", t.what, f.key, later[f.key])
		default:
			hint := ""
			if near := config.Nearest(f.key, t.known); near != "" {
				hint = fmt.Sprintf("; is %q meant?", near)
			} else if near := config.Nearest(strings.ToLower(f.key), t.known); near != "" {
				hint = fmt.Sprintf("; is %q meant?", near)
			}
			t.error(f.at, "unknown-key", "%s has no key %s%s", t.what, quoted(f.key), hint)
		}
	}
}

// text reads text into dst and returns its field, or nil when there is none
// or it is wrong.
func (t *table) text(key string, dst *string) *field {
	f := t.take(key)
	if f == nil {
		return nil
	}
	s, ok := t.asText(f.value, t.what+": "+key)
	if !ok {
		return nil
	}
	*dst = s
	return f
}

// asText returns a text that is not empty.
func (d *decoder) asText(v *value, what string) (string, bool) {
	switch {
	case v.kind == kindText && v.text == "":
		d.error(v.at, "wrong-value", "%s is empty", what)
	case v.kind == kindText && strings.ContainsFunc(v.text, unprintable):
		d.error(v.at, "wrong-value", "%s has a character in it that cannot be printed", what)
	case v.kind == kindText:
		return v.text, true
	case v.kind == kindInt || v.kind == kindFloat || v.kind == kindBool || v.kind == kindOther:
		d.error(v.at, "wrong-type", "%s must be text, not %s: put it in quotes", what, v.kind)
	default:
		d.error(v.at, "wrong-type", "%s must be text, not %s", what, v.describe())
	}
	return "", false
}

// word reads one of the given words.
func (t *table) word(key string, dst *string, words ...string) *field {
	var s string
	f := t.text(key, &s)
	if f == nil {
		return nil
	}
	if !slices.Contains(words, s) {
		t.error(f.value.at, "wrong-value", "%s: %s must be %s, not %s", t.what, key, strings.Join(words, " or "), quoted(s))
		return nil
	}
	*dst = s
	return f
}

// name reads a name, which must be there and have no blanks in it.
func (t *table) name(key string) string {
	var s string
	f := t.text(key, &s)
	switch {
	case f == nil:
		if !t.has(key) {
			t.error(t.v.at, "missing-key", "%s needs a %s", t.what, key)
		}
		return ""
	case strings.ContainsFunc(s, unicode.IsSpace) || utf8.RuneCountInString(s) > maxName:
		t.error(f.value.at, "wrong-value", "%s: %s must be one word of at most %d characters, not %s", t.what, key, maxName, quoted(s))
		return ""
	}
	return s
}

// maxName is how long a name may be.
const maxName = 64

// number reads a whole number from low to high.
func (t *table) number(key string, dst *int, low, high int) *field {
	f := t.take(key)
	if f == nil {
		return nil
	}
	if f.value.kind != kindInt {
		t.error(f.value.at, "wrong-type", "%s: %s must be a whole number from %d to %d, not %s", t.what, key, low, high, f.value.describe())
		return nil
	}
	// Decimal only, so that no file says 010 and means ten, or eight.
	digits := strings.TrimLeft(f.value.text, "+-")
	n, err := strconv.Atoi(f.value.text)
	switch {
	case strings.ContainsFunc(digits, func(r rune) bool { return r < '0' || r > '9' }) || len(digits) > 1 && digits[0] == '0':
		t.error(f.value.at, "wrong-value", "%s: %s must be written in plain decimal digits, not %s", t.what, key, printable(f.value.text))
		return nil
	case err != nil || n < low || n > high:
		t.error(f.value.at, "out-of-range", "%s: %s must be from %d to %d, not %s", t.what, key, low, high, printable(f.value.text))
		return nil
	}
	*dst = n
	return f
}

// flag reads true or false.
func (t *table) flag(key string, dst *bool) *field {
	f := t.take(key)
	if f == nil {
		return nil
	}
	if f.value.kind != kindBool {
		t.error(f.value.at, "wrong-type", "%s: %s must be true or false, not %s", t.what, key, f.value.describe())
		return nil
	}
	*dst = f.value.text == "true" || f.value.text == "True" || f.value.text == "TRUE"
	return f
}

// duration reads a duration with its unit.
func (t *table) duration(key string, dst *time.Duration, low, high time.Duration) *field {
	f := t.take(key)
	if f == nil {
		return nil
	}
	v := f.value
	if v.kind == kindInt || v.kind == kindFloat || v.kind == kindText && isNumber(v.text) {
		t.error(v.at, "no-unit", "%s: %s needs a unit: write %ss or %sms, in quotes where the file's language wants them",
			t.what, key, printable(v.text), printable(v.text))
		return nil
	}
	if v.kind != kindText {
		t.error(v.at, "wrong-type", "%s: %s must be a duration such as 2s or 100ms, not %s", t.what, key, v.describe())
		return nil
	}
	d, err := time.ParseDuration(v.text)
	if err != nil {
		t.error(v.at, "wrong-value", "%s: %s must be a duration such as 2s or 100ms, not %s", t.what, key, quoted(v.text))
		return nil
	}
	if d < low || d > high {
		t.error(v.at, "out-of-range", "%s: %s must be from %v to %v, not %s", t.what, key, low, high, v.text)
		return nil
	}
	*dst = d
	return f
}

func isNumber(s string) bool {
	_, err := strconv.ParseFloat(s, 64)
	return err == nil
}

// list returns the items of a list, none when there is no such key.
func (t *table) list(key string) []*value {
	f := t.take(key)
	if f == nil {
		return nil
	}
	if f.value.kind != kindList {
		t.error(f.value.at, "wrong-type", "%s: %s must be a list, not %s", t.what, key, f.value.describe())
		return nil
	}
	return f.value.items
}

// describe says what a value is, with a short scalar itself.
func (v *value) describe() string {
	if v.kind == kindText && v.text == "" {
		return "empty text"
	}
	if v.kind == kindNull || v.kind == kindList || v.kind == kindTable || v.text == "" {
		return v.kind.String()
	}
	return quoted(v.text)
}

func unprintable(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) }

// maxQuoted is how many characters of a file a message repeats.
const maxQuoted = 60

// printable returns s on one line, printable, and not longer than a line.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if unprintable(r) {
			return '?'
		}
		return r
	}, s)
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
