package pattern

import (
	"strconv"
	"strings"
	"unicode"
)

// character reads an escaped character, or an escape that is a set.
func (t *translator) character() (*class, rune, error) {
	at := t.pos
	if at+1 >= len(t.src) {
		return nil, 0, t.fault(at, "a backslash at the end")
	}
	c := t.src[at+1]
	t.pos += 2
	if set := t.set(c); set != nil {
		return set, 0, nil
	}
	switch c {
	case 'p', 'P':
		set, err := t.property(c == 'P')
		return set, 0, err
	case 'a':
		return nil, 7, nil
	case 'e':
		return nil, 27, nil
	case 'f':
		return nil, '\f', nil
	case 'n':
		return nil, '\n', nil
	case 'r':
		return nil, '\r', nil
	case 't':
		return nil, '\t', nil
	case 'c':
		if t.pos >= len(t.src) || t.src[t.pos] < 0x20 || t.src[t.pos] > 0x7e {
			return nil, 0, t.fault(at, `\c without a character of ASCII`)
		}
		t.pos++
		return nil, unicode.ToUpper(rune(t.src[t.pos-1])) ^ 0x40, nil
	case 'x':
		if t.altBsux && !t.hex(2) {
			return nil, 'x', nil
		}
		return t.number(at, 16, 2)
	case 'o':
		if t.pos >= len(t.src) || t.src[t.pos] != '{' {
			return nil, 0, t.fault(at, `\o without {digits}`)
		}
		return t.number(at, 8, 3)
	case 'u':
		if t.altBsux && !t.hex(4) {
			return nil, 'u', nil
		}
		if t.altBsux {
			return t.number(at, 16, 4)
		}
	case 'U':
		if t.altBsux {
			return nil, 'U', nil
		}
	case '0', '1', '2', '3', '4', '5', '6', '7':
		t.pos--
		return t.number(at, 8, 3)
	}
	if c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' {
		return nil, 0, t.fault(at, `\%c means nothing`, c)
	}
	t.pos--
	return nil, t.next(), nil
}

// set is the class of \d, \w and the like; nil for no such letter.
func (t *translator) set(c byte) *class {
	var s []span
	switch c | 0x20 {
	case 'd':
		if t.ucp {
			return &class{props: []string{`\p{Nd}`}, not: c == 'D'}
		}
		s = digits
	case 'w':
		if t.ucp {
			return &class{props: []string{`\p{L}`, `\p{N}`}, spans: []span{{'_', '_'}}, not: c == 'W'}
		}
		s = wordChars
	case 's':
		if t.ucp {
			s = append([]span{{0x85, 0x85}}, spaces...)
			if t.utf { // it was of Z once, and is white all the same
				s = append(s, span{0x180e, 0x180e})
			}
			return &class{props: []string{`\p{Z}`}, spans: s, not: c == 'S'}
		}
		s = spaces
	case 'h':
		s = horizontal
		if t.utf {
			s = append(s[:len(s):len(s)], horizontalWide...)
		}
	case 'v':
		s = vertical
		if t.utf {
			s = append(s[:len(s):len(s)], verticalWide...)
		}
	default:
		return nil
	}
	if c < 'a' {
		return &class{spans: complement(s)}
	}
	return &class{spans: s}
}

// property reads what stands behind \p.
func (t *translator) property(not bool) (*class, error) {
	at := t.pos - 2
	if t.pos >= len(t.src) {
		return nil, t.fault(at, `\p without a property`)
	}
	name := t.src[t.pos : t.pos+1]
	t.pos++
	if name == "{" {
		inside, _, closed := strings.Cut(t.src[t.pos:], "}")
		if !closed {
			return nil, t.fault(at, `a \p{ that does not end`)
		}
		name = inside
		t.pos += len(inside) + 1
	}
	if n, turned := strings.CutPrefix(name, "^"); turned {
		name, not = n, !not
	}
	if unicode.Categories[name] == nil && unicode.Scripts[name] == nil {
		return nil, t.cannot(at, `the property \p{`+name+`}`)
	}
	if not {
		return &class{props: []string{`\P{` + name + `}`}}, nil
	}
	return &class{props: []string{`\p{` + name + `}`}}, nil
}

// hex reports whether so many hexadecimal digits come next.
func (t *translator) hex(n int) bool {
	rest := t.src[t.pos:]
	return len(rest) >= n && strings.Trim(rest[:n], "0123456789abcdefABCDEF") == ""
}

// posix is the class of a name between [: and :]; nil is none.
func (t *translator) posix(name string) *class {
	if t.caseless && (name == "lower" || name == "upper") {
		name = "alpha"
	}
	set, ok := posix[name]
	if !ok {
		return nil
	}
	if !t.ucp {
		return &class{spans: set}
	}
	switch name {
	case "digit":
		return t.set('d')
	case "word":
		return t.set('w')
	case "space":
		return t.set('s')
	case "blank":
		return &class{spans: append(horizontal[:len(horizontal):len(horizontal)], horizontalWide...)}
	}
	props, ok := posixProps[name]
	if !ok { // ascii and xdigit are the same as ever
		return &class{spans: set}
	}
	out := &class{}
	for _, p := range strings.Fields(props) {
		out.props = append(out.props, `\p{`+p+`}`)
	}
	if name == "punct" { // and the symbols of ASCII
		out.spans = set
	}
	return out
}

// number reads digits, at most so many of them unless they stand in braces.
func (t *translator) number(at, base, most int) (*class, rune, error) {
	rest := t.src[t.pos:]
	text := ""
	if strings.HasPrefix(rest, "{") {
		inside, _, closed := strings.Cut(rest[1:], "}")
		if !closed {
			return nil, 0, t.fault(at, "digits in braces that do not end")
		}
		text = inside
		t.pos += len(inside) + 2
	} else {
		for len(text) < most && len(text) < len(rest) {
			if _, err := strconv.ParseUint(rest[:len(text)+1], base, 32); err != nil {
				break
			}
			text = rest[:len(text)+1]
		}
		t.pos += len(text)
		if text == "" {
			text = "0"
		}
	}
	n, err := strconv.ParseUint(text, base, 32)
	switch {
	case err != nil:
		return nil, 0, t.fault(at, "%q is no number", text)
	case !t.utf && n > 0xff:
		return nil, 0, t.fault(at, "the character %#x is no byte; the regex option utf makes it one character", n)
	case n > unicode.MaxRune || n >= 0xd800 && n < 0xe000:
		return nil, 0, t.fault(at, "%#x is no character", n)
	}
	return nil, rune(n), nil
}

// class reads [...].
func (t *translator) class() (*class, error) {
	at := t.pos
	out := &class{}
	var sets []span // these have no other case
	t.pos++
	if t.pos < len(t.src) && t.src[t.pos] == '^' {
		out.not = true
		t.pos++
	}
	for first := true; ; first = false {
		if t.pos >= len(t.src) {
			return nil, t.fault(at, "a class that does not end")
		}
		if t.src[t.pos] == ']' && (!first || t.emptyClass) {
			t.pos++
			break
		}
		if strings.HasPrefix(t.src[t.pos:], `\Q`) {
			quoted, _, _ := strings.Cut(t.src[t.pos+2:], `\E`)
			end := t.pos + 2 + len(quoted)
			for t.pos += 2; t.pos < end; {
				r := t.next()
				out.spans = append(out.spans, span{r, r})
			}
			t.pos = min(end+2, len(t.src))
			continue
		}
		if strings.HasPrefix(t.src[t.pos:], `\E`) {
			t.pos += 2
			continue
		}
		set, lo, err := t.member()
		if err != nil {
			return nil, err
		}
		if set != nil {
			if set.not { // such as \W with ucp
				set = set.opposite()
			}
			sets = append(sets, set.spans...)
			out.props = append(out.props, set.props...)
			continue
		}
		hi := lo
		if rest := t.src[t.pos:]; len(rest) > 1 && rest[0] == '-' && rest[1] != ']' {
			back := t.pos
			t.pos++
			set, r, err := t.member()
			switch {
			case err != nil:
				return nil, err
			case set != nil:
				t.pos = back // a hyphen before a set is a hyphen
			case r < lo:
				return nil, t.fault(back, "a range whose ends are the wrong way round")
			default:
				hi = r
			}
		}
		out.spans = append(out.spans, span{lo, hi})
	}
	if t.caseless {
		out.spans = fold(out.spans, t.utf)
	}
	out.spans = append(out.spans, sets...)
	return out, nil
}

// member reads one thing in a class: a character, or a set.
func (t *translator) member() (*class, rune, error) {
	at := t.pos
	rest := t.src[at:]
	switch {
	case strings.HasPrefix(rest, "[:"):
		name, _, closed := strings.Cut(rest[2:], ":]")
		if !closed || strings.ContainsAny(name, `]\[`) {
			break
		}
		bare, not := strings.CutPrefix(name, "^")
		set := t.posix(bare)
		switch {
		case set == nil && (name == "<" || name == ">"):
			return nil, 0, t.cannot(at, "the boundary of a word as [[:"+name+":]]")
		case set == nil:
			return nil, 0, t.fault(at, "there is no class [:%s:]", name)
		}
		t.pos += len(name) + 4
		switch {
		case !not:
		case len(set.props) == 0:
			set.spans = complement(set.spans)
		case len(set.props) == 1 && len(set.spans) == 0:
			set.props[0] = `\P` + set.props[0][len(`\p`):]
		default:
			set.not = true
		}
		return set, 0, nil
	case strings.HasPrefix(rest, "[.") && strings.Contains(rest, ".]"), strings.HasPrefix(rest, "[=") && strings.Contains(rest, "=]"):
		return nil, 0, t.fault(at, "collating elements such as %s are in no regular expression of PCRE2's", rest[:2])
	case rest[0] == '\\':
		if len(rest) > 1 {
			switch rest[1] {
			case 'b':
				t.pos += 2
				return nil, '\b', nil
			case 'B', 'R', 'X', 'N':
				return nil, 0, t.fault(at, `\%c in a class`, rest[1])
			case '8', '9':
				return nil, 0, t.fault(at, `\%c means nothing`, rest[1])
			}
		}
		return t.character()
	}
	return nil, t.next(), nil
}
