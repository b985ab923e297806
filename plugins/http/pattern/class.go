package pattern

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// span is a range of characters, both ends included.
type span struct{ lo, hi rune }

// class is a set of characters.
type class struct {
	spans []span
	// props are \p{...} items, which the engines know.
	props []string
	not   bool
}

var (
	digits     = []span{{'0', '9'}}
	wordChars  = []span{{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}}
	spaces     = []span{{'\t', '\r'}, {' ', ' '}}
	horizontal = []span{{'\t', '\t'}, {' ', ' '}, {0xa0, 0xa0}}
	vertical   = []span{{'\n', '\r'}, {0x85, 0x85}}
	// beyond Latin-1, for utf
	horizontalWide = []span{{0x1680, 0x1680}, {0x180e, 0x180e}, {0x2000, 0x200a}, {0x202f, 0x202f}, {0x205f, 0x205f}, {0x3000, 0x3000}}
	verticalWide   = []span{{0x2028, 0x2029}}
)

// posix are the classes between [: and :].
var posix = map[string][]span{
	"alnum": {{'0', '9'}, {'A', 'Z'}, {'a', 'z'}}, "alpha": {{'A', 'Z'}, {'a', 'z'}}, "ascii": {{0, 0x7f}},
	"blank": {{'\t', '\t'}, {' ', ' '}}, "cntrl": {{0, 0x1f}, {0x7f, 0x7f}}, "digit": digits,
	"graph": {{0x21, 0x7e}}, "lower": {{'a', 'z'}}, "print": {{0x20, 0x7e}},
	"punct": {{0x21, 0x2f}, {0x3a, 0x40}, {0x5b, 0x60}, {0x7b, 0x7e}}, "space": spaces,
	"upper": {{'A', 'Z'}}, "word": wordChars, "xdigit": {{'0', '9'}, {'A', 'F'}, {'a', 'f'}},
}

// posixProps are the properties of Unicode that stand for them with ucp.
var posixProps = map[string]string{
	"alnum": "L N", "alpha": "L", "cntrl": "Cc", "graph": "L M N P S Cf", "lower": "Ll", "print": "L M N P S Cf Zs", "punct": "P", "upper": "Lu",
}

// complement are all characters but those of a set.
func complement(set []span) []span {
	var out []span
	next := rune(0)
	for _, s := range normal(set) {
		if s.lo > next {
			out = append(out, span{next, s.lo - 1})
		}
		next = s.hi + 1
	}
	if next <= unicode.MaxRune {
		out = append(out, span{next, unicode.MaxRune})
	}
	return out
}

// opposite is a class that is not, such as all but letters and digits of Unicode, so that
// it can be part of another. Its properties are those of posixProps and set.
func (c *class) opposite() *class {
	all := slices.Clone(c.spans)
	for _, p := range c.props {
		table := unicode.Categories[strings.TrimSuffix(strings.TrimPrefix(p, `\p{`), "}")]
		add := func(lo, hi, stride rune) {
			if stride == 1 {
				all = append(all, span{lo, hi})
				return
			}
			for r := lo; r <= hi; r += stride {
				all = append(all, span{r, r})
			}
		}
		for _, r := range table.R16 {
			add(rune(r.Lo), rune(r.Hi), rune(r.Stride))
		}
		for _, r := range table.R32 {
			add(rune(r.Lo), rune(r.Hi), rune(r.Stride))
		}
	}
	return &class{spans: complement(all)}
}

// normal sorts and merges.
func normal(set []span) []span {
	set = slices.Clone(set)
	slices.SortFunc(set, func(a, b span) int { return int(a.lo - b.lo) })
	var out []span
	for _, s := range set {
		if n := len(out); n > 0 && s.lo <= out[n-1].hi+1 {
			out[n-1].hi = max(out[n-1].hi, s.hi)
			continue
		}
		out = append(out, s)
	}
	return out
}

// fold adds the other case of every letter: those of ASCII, and with wide those
// of Unicode.
func fold(set []span, wide bool) []span {
	out := slices.Clone(set)
	for _, s := range set {
		if !wide {
			for r := max(s.lo, 'A'); r <= min(s.hi, 'z'); r++ {
				if r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' {
					out = append(out, span{r ^ 0x20, r ^ 0x20})
				}
			}
			continue
		}
		// Letters beyond this have no case worth a loop over all of Unicode.
		for r := s.lo; r <= min(s.hi, 0x1ffff); r++ {
			for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
				out = append(out, span{f, f})
			}
		}
	}
	return out
}

// text writes the class for Go's engine, or for regexp2.
func (c *class) text(net bool) string {
	set := normal(c.spans)
	if len(set) == 0 && len(c.props) == 0 {
		if c.not {
			return `(?s:.)`
		}
		return never(net)
	}
	var b strings.Builder
	b.WriteByte('[')
	if c.not {
		b.WriteByte('^')
	}
	for _, s := range set {
		b.WriteString(char(s.lo, net))
		if s.hi > s.lo {
			b.WriteByte('-')
			b.WriteString(char(s.hi, net))
		}
	}
	for _, p := range c.props {
		b.WriteString(p)
	}
	b.WriteByte(']')
	return b.String()
}

// never matches nothing.
func never(net bool) string {
	if net {
		return `(?!)`
	}
	return `[^\x{0}-\x{10FFFF}]`
}

// char writes one character so that it means itself.
func char(r rune, net bool) string {
	switch {
	case r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z':
		return string(r)
	case !net:
		return fmt.Sprintf(`\x{%x}`, r)
	case r <= 0xff:
		return fmt.Sprintf(`\x%02x`, r)
	case r <= 0xffff:
		return fmt.Sprintf(`\u%04x`, r)
	}
	return string(r)
}
