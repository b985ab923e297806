package pattern

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// atom reads one thing, and reports whether it may be repeated.
func (t *translator) atom() (bool, error) {
	at := t.pos
	switch c := t.src[at]; c {
	case '\\':
		return t.escape()
	case '[':
		c, err := t.class()
		if err != nil {
			return false, err
		}
		t.emit2(c.text(false), c.text(true))
		return true, nil
	case '(':
		return t.group()
	case '.':
		t.pos++
		if t.dotall {
			t.emit(`(?s:.)`)
		} else {
			t.emit2(`[^\n]`, `[^\n]`)
		}
		return true, nil
	case '^':
		t.pos++
		t.circumflex()
		return false, nil
	case '$':
		t.pos++
		t.dollar()
		return false, nil
	case '*', '+', '?':
		return false, t.fault(at, "nothing that %c could repeat", c)
	}
	r := t.next()
	t.literal(r)
	return true, nil
}

// next takes a character of the expression: a byte, or with utf a rune.
func (t *translator) next() rune {
	if !t.utf {
		t.pos++
		return rune(t.src[t.pos-1])
	}
	r, n := utf8.DecodeRuneInString(t.src[t.pos:])
	t.pos += n
	return r
}

// literal writes a character, in both cases when that does not matter.
func (t *translator) literal(r rune) {
	c := class{spans: []span{{r, r}}}
	if t.caseless {
		c.spans = normal(fold(c.spans, t.utf))
	}
	if len(c.spans) == 1 && c.spans[0].lo == c.spans[0].hi {
		t.emit2(char(r, false), char(r, true))
		return
	}
	t.emit2(c.text(false), c.text(true))
}

func (t *translator) circumflex() {
	t.looksBack = true
	if !t.multiline {
		t.emit(`\A`)
		return
	}
	if t.altCircumflex {
		t.emit2(`(?m:^)`, `(?:\A|(?<=\n))`)
		return
	}
	// After the last newline of a text nothing begins. Before a character that
	// has to be there this is so by itself.
	if t.pos >= len(t.src) || strings.IndexByte(`$()|\[?*{`, t.src[t.pos]) >= 0 {
		t.backtracks = true
	} else if len(t.src) > t.pos+1 && strings.IndexByte(`?*{`, t.src[t.pos+1]) >= 0 {
		t.backtracks = true
	}
	t.emit2(`(?m:^)`, `(?:\A|(?<=\n)(?!\z))`)
}

func (t *translator) dollar() {
	switch {
	case t.multiline:
		t.emit2(`(?m:$)`, `(?=\n|\z)`)
	case t.dollarEnd:
		t.emit(`\z`)
	default:
		t.beforeEnd()
	}
}

// beforeEnd is the end of the text, or its last newline. The linear engine
// takes the newline with it, which is the same where nothing follows.
func (t *translator) beforeEnd() {
	rest := strings.TrimRight(t.src[t.pos:], ")")
	if rest != "" && (t.depth > 1 || rest[0] != '|') {
		t.backtracks = true
	}
	t.emit2(`(?:\n?\z)`, `(?=\n?\z)`)
}

// boundary is where a word begins or ends. Package regexp has it for ASCII;
// regexp2 would take letters of Latin-1 for words.
func (t *translator) boundary(not bool) {
	t.looksBack = true
	w := `[0-9A-Za-z_]`
	if t.ucp {
		t.backtracks = true
		w = `[\p{L}\p{N}_]`
	}
	if not {
		t.emit2(`\B`, fmt.Sprintf(`(?:(?<=%[1]s)(?=%[1]s)|(?<!%[1]s)(?!%[1]s))`, w))
		return
	}
	t.emit2(`\b`, fmt.Sprintf(`(?:(?<=%[1]s)(?!%[1]s)|(?<!%[1]s)(?=%[1]s))`, w))
}

// escape reads what begins with a backslash, outside of a class.
func (t *translator) escape() (bool, error) {
	at := t.pos
	if at+1 >= len(t.src) {
		return false, t.fault(at, "a backslash at the end")
	}
	c := t.src[at+1]
	switch c {
	case 'A':
		t.pos += 2
		t.looksBack = true
		t.emit(`\A`)
		return false, nil
	case 'z':
		t.pos += 2
		t.emit(`\z`)
		return false, nil
	case 'Z':
		t.pos += 2
		t.beforeEnd()
		return false, nil
	case 'b', 'B':
		t.pos += 2
		t.boundary(c == 'B')
		return false, nil
	case 'Q':
		quoted, _, _ := strings.Cut(t.src[at+2:], `\E`)
		end := at + 2 + len(quoted)
		// A repetition behind it is of the last character.
		t.pos = at + 2
		for t.pos < end {
			from, from2 := t.linear.Len(), t.backtrack.Len()
			r := t.next()
			t.literal(r)
			if t.pos >= end {
				t.pos = min(end+2, len(t.src))
				return false, t.repetition(from, from2, true)
			}
		}
		t.pos = min(end+2, len(t.src))
		return true, nil
	case 'R':
		t.pos += 2
		t.only(`(?>\r\n|[\n-\r\x85])`)
		return true, nil
	case 'G':
		return false, t.cannot(at, `\G`)
	case 'K':
		return false, t.cannot(at, `\K`)
	case 'X', 'C':
		return false, t.cannot(at, `\`+string(c))
	case 'N':
		if t.pos+2 < len(t.src) && t.src[t.pos+2] == '{' {
			return false, t.cannot(at, `\N{...}`)
		}
		t.pos += 2
		t.emit(`[^\n]`)
		return true, nil
	case 'g', 'k':
		return true, t.reference()
	}
	if c >= '1' && c <= '9' {
		end := at + 1
		for end < len(t.src) && end < at+5 && t.src[end] >= '0' && t.src[end] <= '9' {
			end++
		}
		n, _ := strconv.Atoi(t.src[at+1 : end])
		if n < 10 || n <= t.total {
			t.pos = end
			return true, t.backreference(at, n)
		}
	}
	set, r, err := t.character()
	if err != nil {
		return false, err
	}
	if set == nil {
		t.literal(r)
		return true, nil
	}
	t.emit2(set.text(false), set.text(true))
	return true, nil
}

// reference reads \g and \k.
func (t *translator) reference() error {
	at := t.pos
	rest := t.src[at+2:]
	kind := t.src[at+1]
	name := ""
	for _, form := range []string{"{}", "<>", "''"} {
		if rest != "" && rest[0] == form[0] {
			inside, _, closed := strings.Cut(rest[1:], form[1:])
			if !closed {
				return t.fault(at, "a reference that does not end")
			}
			if kind == 'g' && form != "{}" {
				return t.cannot(at, `calling a group (\g<...>)`)
			}
			name = inside
			t.pos = at + 2 + len(inside) + 2
		}
	}
	if name == "" {
		end := 0
		for end < len(rest) && (rest[end] >= '0' && rest[end] <= '9' || end == 0 && (rest[end] == '-' || rest[end] == '+')) {
			end++
		}
		if name = rest[:end]; name == "" || kind == 'k' {
			return t.fault(at, `\%c without a group`, kind)
		}
		t.pos = at + 2 + end
	}
	name = strings.TrimSpace(name)
	if n, ok := t.names[name]; ok {
		return t.backreference(at, n)
	}
	n, err := strconv.Atoi(name)
	if err != nil || kind == 'k' {
		return t.fault(at, "there is no group %q", name)
	}
	if name[0] == '-' {
		n += t.groups + 1
	} else if name[0] == '+' {
		n += t.groups
	}
	return t.backreference(at, n)
}

func (t *translator) backreference(at, n int) error {
	switch {
	case n < 1 || n > t.total:
		return t.fault(at, "there is no group %d", n)
	case t.unsetBackref:
		return t.cannot(at, "match_unset_backref with a reference")
	}
	if t.caseless {
		t.only(fmt.Sprintf(`(?i:\%d)`, n))
	} else {
		t.only(fmt.Sprintf(`(?:\%d)`, n))
	}
	return nil
}
