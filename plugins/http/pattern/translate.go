package pattern

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// flags are what (?imsxnU) and the options set.
type flags struct {
	caseless, multiline, dotall, extended, ungreedy, noCapture bool
}

// translator reads an expression of PCRE2 and writes it for both engines.
type translator struct {
	src string
	pos int
	flags
	utf, ucp, firstLine, dollarEnd, emptyClass, altBsux, altCircumflex, dupNames, unsetBackref, neverUTF, neverUCP bool

	linear, backtrack strings.Builder
	// backtracks says that the linear engine cannot match it exactly.
	backtracks bool
	// looksBack says that what stands before a match counts.
	looksBack bool
	// groups counts the capturing ones so far, total all.
	groups, total int
	names         map[string]int
	depth         int
}

// fault is an error at a byte of the expression.
func (t *translator) fault(at int, format string, args ...any) error {
	return fmt.Errorf("the pattern %q is not understood: %s, at byte %d", t.src, fmt.Sprintf(format, args...), at)
}

// cannot is a fault of the engines, not of the expression.
func (t *translator) cannot(at int, what string) error {
	return fmt.Errorf("the pattern %q needs %s (at byte %d), which PCRE2 has and moonkeep has not", t.src, what, at)
}

// option sets what an option means; those that change how fast PCRE2 is, and
// not what it finds, set nothing.
func (t *translator) option(word string) {
	switch word {
	case "allow_empty_class":
		t.emptyClass = true
	case "alt_bsux":
		t.altBsux = true
	case "alt_circumflex":
		t.altCircumflex = true
	case "caseless":
		t.caseless = true
	case "dollar_endonly":
		t.dollarEnd = true
	case "dotall":
		t.dotall = true
	case "dupnames":
		t.dupNames = true
	case "extended":
		t.extended = true
	case "firstline":
		t.firstLine = true
	case "match_unset_backref":
		t.unsetBackref = true
	case "multiline":
		t.multiline = true
	case "never_ucp":
		t.neverUCP = true
	case "never_utf":
		t.neverUTF = true
	case "no_auto_capture":
		t.noCapture = true
	case "ucp":
		t.ucp = true
	case "ungreedy":
		t.ungreedy = true
	case "utf":
		t.utf = true
	}
}

func (t *translator) translate() error {
	switch {
	case t.utf && t.neverUTF:
		return fmt.Errorf("the regex options utf and never_utf exclude each other")
	case t.ucp && t.neverUCP:
		return fmt.Errorf("the regex options ucp and never_ucp exclude each other")
	case t.utf && !utf8.ValidString(t.src):
		return fmt.Errorf("the pattern %q is no UTF-8, which the regex option utf asks for", t.src)
	}
	t.names = map[string]int{}
	if err := t.count(); err != nil {
		return err
	}
	if err := t.alternatives(); err != nil {
		return err
	}
	if t.pos < len(t.src) {
		return t.fault(t.pos, "a parenthesis is closed that was not opened")
	}
	return nil
}

// count finds how many groups capture, and their names, since a reference may
// stand before its group.
func (t *translator) count() error {
	quoted, class := false, false
	now := t.flags
	var around []flags // of the groups that are open
	for i := 0; i < len(t.src); i++ {
		switch rest := t.src[i:]; {
		case quoted:
			quoted = !strings.HasPrefix(rest, `\E`)
		case strings.HasPrefix(rest, `\Q`):
			quoted = true
			i++
		case rest[0] == '\\':
			i++
		case class:
			if strings.HasPrefix(rest, "[:") {
				if end := strings.Index(rest, ":]"); end > 0 {
					i += end + 1
				}
				continue
			}
			class = rest[0] != ']'
		case rest[0] == '#' && now.extended:
			line, _, _ := strings.Cut(rest, "\n")
			i += len(line)
		case rest[0] == '[':
			class = true
			if len(rest) > 1 && rest[1] == '^' {
				i++
			}
			if !t.emptyClass && i+1 < len(t.src) && t.src[i+1] == ']' {
				i++
			}
		case rest[0] == ')':
			if n := len(around) - 1; n >= 0 {
				now, around = around[n], around[:n]
			}
		case rest[0] == '(':
			if set, length, group, ok := now.inline(rest); ok {
				if group {
					around = append(around, now)
				}
				now = set
				i += length - 1
				continue
			}
			if !strings.HasPrefix(rest, "(?#") {
				around = append(around, now)
			}
			name, isName := groupName(rest)
			switch {
			case isName:
				t.total++
				if _, twice := t.names[name]; twice {
					if t.dupNames {
						return t.cannot(i, "two groups of one name (dupnames)")
					}
					return t.fault(i, "two groups are called %q", name)
				}
				t.names[name] = t.total
			case strings.HasPrefix(rest, "(?#"), strings.HasPrefix(rest, "(?(") && !strings.HasPrefix(rest, "(?(?"):
				// A comment, or the condition of a group, ends with the next parenthesis.
				i += max(0, strings.IndexByte(rest, ')'))
			case strings.HasPrefix(rest, "(?"), strings.HasPrefix(rest, "(*"):
			case !now.noCapture:
				t.total++
			}
		}
	}
	return nil
}

// inline reads (?i), (?i-s) and (?i: for what they do to the number of groups. group says
// that one begins.
func (f flags) inline(rest string) (set flags, length int, group, ok bool) {
	text, found := strings.CutPrefix(rest, "(?")
	end := strings.IndexAny(text, "):")
	if !found || end < 0 || strings.Trim(text[:end], "imsxnUJ^-") != "" {
		return f, 0, false, false
	}
	on := true
	for _, c := range text[:end] {
		switch c {
		case '-':
			on = false
		case '^':
			f.extended, f.noCapture = false, false
		case 'x':
			f.extended = on
		case 'n':
			f.noCapture = on
		}
	}
	return f, len("(?") + end + 1, text[end] == ':', true
}

// groupName reads (?<name>, (?P<name> and (?'name'.
func groupName(rest string) (string, bool) {
	for _, form := range []struct{ open, close string }{{"(?P<", ">"}, {"(?<", ">"}, {"(?'", "'"}} {
		if after, ok := strings.CutPrefix(rest, form.open); ok {
			if strings.HasPrefix(after, "=") || strings.HasPrefix(after, "!") {
				return "", false
			}
			name, _, closed := strings.Cut(after, form.close)
			return name, closed && name != ""
		}
	}
	return "", false
}

// emit writes the same for both engines.
func (t *translator) emit(s string) { t.emit2(s, s) }

func (t *translator) emit2(linear, backtrack string) {
	t.linear.WriteString(linear)
	t.backtrack.WriteString(backtrack)
}

// only writes what the linear engine cannot say.
func (t *translator) only(backtrack string) {
	t.backtracks = true
	t.backtrack.WriteString(backtrack)
}

// maxDepth bounds the nesting of groups.
const maxDepth = 200

// alternatives reads up to a closing parenthesis or the end. Flags that are set
// inside end there.
func (t *translator) alternatives() error {
	saved := t.flags
	defer func() { t.flags = saved; t.depth-- }()
	if t.depth++; t.depth > maxDepth {
		return t.fault(t.pos, "more than %d groups in each other", maxDepth)
	}
	for t.pos < len(t.src) {
		switch t.src[t.pos] {
		case ')':
			return nil
		case '|':
			t.pos++
			t.emit("|")
			continue
		}
		if err := t.item(); err != nil {
			return err
		}
	}
	return nil
}

// item reads an atom with its repetition.
func (t *translator) item() error {
	if t.void() {
		return nil
	}
	from, from2 := t.linear.Len(), t.backtrack.Len()
	repeatable, err := t.atom()
	if err != nil {
		return err
	}
	for t.void() {
	}
	return t.repetition(from, from2, repeatable)
}

// void skips what stands for nothing: comments, a \E without a \Q, and with
// extended white space.
func (t *translator) void() bool {
	rest := t.src[t.pos:]
	if strings.HasPrefix(rest, `\E`) {
		t.pos += 2
		return true
	}
	if comment, _, closed := strings.Cut(rest, ")"); closed && strings.HasPrefix(comment, "(?#") {
		t.pos += len(comment) + 1
		return true
	}
	if !t.extended || rest == "" {
		return false
	}
	switch c := t.src[t.pos]; {
	case c == '#':
		if end := strings.IndexByte(t.src[t.pos:], '\n'); end >= 0 {
			t.pos += end + 1
		} else {
			t.pos = len(t.src)
		}
		return true
	case c == ' ' || c >= '\t' && c <= '\r':
		t.pos++
		return true
	}
	return false
}

// quantifier reads *, +, ?, {n}, {n,} and {n,m}.
func (t *translator) quantifier() (string, int) {
	if t.pos >= len(t.src) {
		return "", 0
	}
	switch c := t.src[t.pos]; c {
	case '*', '+', '?':
		t.pos++
		return string(c), 0
	case '{':
		inside, _, closed := strings.Cut(t.src[t.pos+1:], "}")
		low, high, _ := strings.Cut(inside, ",")
		n, err := strconv.ParseUint(low, 10, 16)
		if !closed || err != nil {
			return "", 0
		}
		most := n
		if high != "" {
			if most, err = strconv.ParseUint(high, 10, 16); err != nil {
				return "", 0
			}
		}
		t.pos += len(inside) + 2
		return "{" + inside + "}", int(max(n, most))
	}
	return "", 0
}

// repetition reads what may stand behind an atom that was written from from on.
func (t *translator) repetition(from, from2 int, repeatable bool) error {
	at := t.pos
	q, most := t.quantifier()
	if q == "" {
		return nil
	}
	if !repeatable {
		return t.fault(at, "nothing that %s could repeat", q)
	}
	if low, high, both := strings.Cut(strings.Trim(q, "{}"), ","); both && high != "" {
		a, _ := strconv.Atoi(low)
		if b, _ := strconv.Atoi(high); a > b {
			return t.fault(at, "a repetition %s whose ends are the wrong way round", q)
		}
	}
	lazy, possessive := t.ungreedy, false
	if t.pos < len(t.src) {
		switch t.src[t.pos] {
		case '?':
			lazy = !lazy
			t.pos++
		case '+':
			possessive, lazy = true, false
			t.pos++
		}
	}
	if most > 1000 {
		t.backtracks = true // Go's engine repeats a thousand times at most
	}
	// A group around the atom, since it may be more than one token in the other
	// language, and may be repeated again.
	wrap := func(b *strings.Builder, from int, open, close string) {
		text := b.String()
		atom := text[from:]
		b.Reset()
		b.WriteString(text[:from] + open + atom + close)
	}
	suffix := q
	if lazy {
		suffix += "?"
	}
	wrap(&t.linear, from, "(?:(?:", ")"+suffix+")")
	if possessive {
		t.backtracks = true
		wrap(&t.backtrack, from2, "(?>(?:", ")"+suffix+")")
	} else {
		wrap(&t.backtrack, from2, "(?:(?:", ")"+suffix+")")
	}
	return nil
}
