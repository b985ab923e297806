// Package excerpt shows the line that a finding is about, with a caret under
// the place, and without the secrets that the line may hold.
//
// It reads no file and prints nothing: moonkeep check hands it the text of a
// file and prints what it returns. It knows the languages only as far as is
// needed to find secrets, and where it is in doubt it hides: all that stands
// behind a word such as auth_pass is hidden to the end of the line, and so is
// the inside of a block for authentication, comments included.
package excerpt

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Text is one file's text, made ready to be shown line by line.
type Text struct {
	lines []string
	// hidden is the byte of a line from which on it is not shown.
	hidden map[int]int
}

// New prepares the text of a file. The ending of its name tells the language,
// as in config/load. Data is not kept.
func New(file string, data []byte) *Text {
	t := &Text{lines: strings.Split(string(data), "\n")}
	t.hidden = secrets(file, t.lines)
	return t
}

// Hides reports whether something on a line is not shown.
func (t *Text) Hides(line int) bool {
	_, hides := t.hidden[line-1]
	return hides
}

// The bounds of what is shown of a long line: so many characters in all, of
// which so many before the caret.
const (
	widest = 100
	before = 60
)

// hiding takes the place of what is hidden, whatever its length.
const hiding = "***"

// cut marks that a line goes on.
const cut = "..."

// Line returns a line and, to stand below it, a caret under a column. Lines
// and columns count from 1, columns in characters. It returns false when the
// text has no such line. Characters that are not printable are replaced, so
// that a file cannot do anything to a terminal.
func (t *Text) Line(line, column int) (source, caret string, ok bool) {
	if line < 1 || line > len(t.lines) || column < 1 {
		return "", "", false
	}
	text := strings.TrimSuffix(t.lines[line-1], "\r")
	at, hides := t.hidden[line-1]
	if hides {
		text = text[:at]
	}
	// A place that is hidden, or behind the end, is shown at the end.
	column = min(column-1, utf8.RuneCountInString(text))
	var head []rune
	if column > before {
		head = []rune(cut)
		text = skip(text, column-before)
		column = before
	}
	runes := printable(text, widest+1)
	if hides {
		runes = append(runes, []rune(hiding)...)
	}
	if len(runes) > widest {
		runes = append(runes[:widest:widest], []rune(cut)...)
	}
	indent := make([]rune, 0, len(head)+column)
	for _, r := range append(head, runes[:column]...) {
		if r != '\t' { // it is as wide below as it is above
			r = ' '
		}
		indent = append(indent, r)
	}
	return string(head) + string(runes), string(indent) + "^", true
}

// skip returns a line without its first n characters: a file may have one
// line only, and many findings in it.
func skip(line string, n int) string {
	for i := range line {
		if n--; n < 0 {
			return line[i:]
		}
	}
	return ""
}

// printable returns the first characters of a line, at most so many; one that
// is not printable, or would turn the direction of the line, becomes a
// question mark.
func printable(line string, most int) []rune {
	runes := make([]rune, 0, min(len(line), most))
	for _, r := range line {
		if len(runes) == most {
			break
		}
		if r == utf8.RuneError || r != '\t' && !unicode.IsPrint(r) {
			r = '?'
		}
		runes = append(runes, r)
	}
	return runes
}
