package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Severity says what a Finding means for running the configuration.
type Severity uint8

// The severities.
const (
	// Warning runs, but will not do what the author thinks.
	Warning Severity = iota
	// Error cannot run.
	Error
)

// String returns the compiler's word.
func (s Severity) String() string {
	if s == Error {
		return "error"
	}
	return "warning"
}

// Finding is one thing to tell the author of a configuration.
type Finding struct {
	At       Position
	Severity Severity
	// Name is a stable word by which a finding can be looked up and
	// silenced, for example "unknown-keyword".
	Name string
	// Text says what is wrong, what was expected and what is likely meant,
	// in one line.
	Text string
	// Essence is the beginning of Text that tells this mistake from others; what
	// follows it depends on other parts of the file, such as the guess what is
	// meant. All of Text when it is empty.
	Essence string
	// Loses says that something of the file has no effect because of a mistake
	// in it: a start runs without it, and a reload that adds one is refused.
	Loses bool
	// Unseen is how many losing findings of this name are not shown, of which this
	// one tells; 0 for all others.
	Unseen int
}

// String renders the line that `moonkeep check` prints:
// FILE:LINE:COLUMN: error|warning: text [name].
func (f Finding) String() string {
	return fmt.Sprintf("%s: %s: %s [%s]", f.At, f.Severity, f.Text, f.Name)
}

// Findings are the findings of one reading.
type Findings []Finding

// Errors reports whether any of them is an Error.
func (f Findings) Errors() bool {
	return slices.ContainsFunc(f, func(x Finding) bool { return x.Severity == Error })
}

// Losing returns those that lose something.
func (f Findings) Losing() Findings {
	var out Findings
	for _, x := range f {
		if x.Loses {
			out = append(out, x)
		}
	}
	return out
}

// LosesBeyond returns those that lose something and are more than what earlier
// has of the same, on whatever line: the mistakes that are new. Of a name of which
// some are not shown, here or there, only the number can be compared.
func (f Findings) LosesBeyond(earlier Findings) Findings {
	known, more, capped := map[string]int{}, map[string]int{}, map[string]bool{}
	count := func(x Finding, sign int) {
		more[x.Name] += sign * max(1, x.Unseen)
		capped[x.Name] = capped[x.Name] || x.Unseen > 0
	}
	for _, x := range earlier.Losing() {
		known[x.wherever()]++
		count(x, -1)
	}
	now := f.Losing()
	for _, x := range now {
		count(x, 1)
	}
	var out Findings
	for _, x := range now {
		if known[x.wherever()]--; known[x.wherever()] < 0 && (more[x.Name] > 0 || !capped[x.Name]) {
			out = append(out, x)
		}
	}
	return out
}

// wherever is what a finding says without the numbers of lines in it, and without
// what depends on other parts of the file.
func (f Finding) wherever() string {
	words := strings.Fields(cmp.Or(f.Essence, f.Text))
	for i := 1; i < len(words); i++ {
		if words[i-1] == "line" && words[i][0] >= '0' && words[i][0] <= '9' {
			words[i] = strings.TrimLeft(words[i], "0123456789")
		}
	}
	return f.Name + " " + strings.Join(words, " ")
}

// Add appends one finding. What cannot be printed becomes a question mark:
// names are the author's, and must neither break the line nor do anything to
// a terminal.
func (f *Findings) Add(at Position, s Severity, name, format string, args ...any) {
	*f = append(*f, Finding{At: at, Severity: s, Name: name, Text: Printable(fmt.Sprintf(format, args...))})
}

// Printable replaces what is not, or would turn the direction of a line, by
// question marks.
func Printable(text string) string {
	plain := true // nearly always
	for i := range len(text) {
		plain = plain && text[i] >= ' ' && text[i] <= '~'
	}
	if plain {
		return text
	}
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, text)
}

// Sort orders them by file, line and column, keeping the order of equals.
func (f Findings) Sort() {
	slices.SortStableFunc(f, func(a, b Finding) int {
		return a.At.Compare(b.At)
	})
}
