package pattern

import (
	"strconv"
	"strings"
)

// group reads what begins with a parenthesis, and reports whether it may be
// repeated.
func (t *translator) group() (bool, error) {
	at := t.pos
	rest := t.src[at:]
	switch {
	case strings.HasPrefix(rest, "(*"):
		verb, _, _ := strings.Cut(rest, ")")
		return false, t.cannot(at, verb+")")
	case !strings.HasPrefix(rest, "(?"):
		t.pos++
		if t.noCapture {
			return true, t.body("(?:", "(?:")
		}
		t.groups++
		return true, t.body("(?:", "(")
	}
	if name, ok := groupName(rest); ok {
		t.pos += strings.Index(rest, name) + len(name) + 1
		t.groups++
		return true, t.body("(?:", "(")
	}
	for _, form := range []string{"(?<=", "(?<!", "(?=", "(?!", "(?>"} {
		if strings.HasPrefix(rest, form) {
			t.pos += len(form)
			t.backtracks = true
			t.looksBack = true
			return true, t.body("(?:", form)
		}
	}
	switch {
	case strings.HasPrefix(rest, "(?#"):
		return false, t.fault(at, "a comment that does not end")
	case strings.HasPrefix(rest, "(?|"):
		return false, t.cannot(at, "alternatives with the same group numbers, (?|...)")
	case strings.HasPrefix(rest, "(?("):
		return true, t.conditional()
	case strings.HasPrefix(rest, "(?P="):
		name, _, closed := strings.Cut(rest[4:], ")")
		n, known := t.names[name]
		if !closed || !known {
			return false, t.fault(at, "there is no group %q", name)
		}
		t.pos += 4 + len(name) + 1
		return true, t.backreference(at, n)
	case strings.HasPrefix(rest, "(?C"):
		return false, t.cannot(at, "a callout, (?C)")
	case strings.HasPrefix(rest, "(?R"), strings.HasPrefix(rest, "(?&"), strings.HasPrefix(rest, "(?P>"),
		len(rest) > 2 && (rest[2] >= '0' && rest[2] <= '9' || rest[2] == '+'),
		len(rest) > 3 && rest[2] == '-' && rest[3] >= '0' && rest[3] <= '9':
		return false, t.cannot(at, "recursion, "+rest[:3]+"...)")
	}
	return t.inlineFlags()
}

// body reads up to the closing parenthesis.
func (t *translator) body(linear, backtrack string) error {
	at := t.pos
	t.emit2(linear, backtrack)
	if err := t.alternatives(); err != nil {
		return err
	}
	if t.pos >= len(t.src) {
		return t.fault(at-1, "a parenthesis that is not closed")
	}
	t.pos++
	t.emit(")")
	return nil
}

// conditional reads (?(1)yes|no) and the same with a name.
func (t *translator) conditional() error {
	at := t.pos
	cond, _, closed := strings.Cut(t.src[at+3:], ")")
	name := strings.Trim(cond, "<>'")
	n, known := t.names[name]
	if !known {
		var err error
		if n, err = strconv.Atoi(name); !closed || err != nil || n < 1 || n > t.total {
			return t.cannot(at, "the condition (?("+cond+")")
		}
	}
	t.pos += 3 + len(cond) + 1
	t.backtracks = true
	return t.body("(?:", "(?("+strconv.Itoa(n)+")")
}

// inlineFlags reads (?i), (?i-s) and (?i:...).
func (t *translator) inlineFlags() (bool, error) {
	at := t.pos
	saved := t.flags
	set := true
	for t.pos += 2; t.pos < len(t.src); t.pos++ {
		switch c := t.src[t.pos]; c {
		case '-':
			set = false
		case '^':
			t.caseless, t.multiline, t.dotall, t.extended, t.noCapture = false, false, false, false, false
		case 'i':
			t.caseless = set
		case 'm':
			t.multiline = set
		case 's':
			t.dotall = set
		case 'x':
			t.extended = set
		case 'U':
			t.ungreedy = set
		case 'J': // count has said it of two groups of one name
		case 'n':
			t.noCapture = set
		case ')': // until the end of the group around it
			t.pos++
			return false, nil
		case ':':
			t.pos++
			err := t.body("(?:", "(?:")
			t.flags = saved
			return true, err
		default:
			return false, t.fault(at, "(?%c", c)
		}
	}
	return false, t.fault(at, "a parenthesis that is not closed")
}
