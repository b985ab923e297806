package lua

import (
	"errors"
	"fmt"
)

// maxCaptures is how many captures one pattern may have.
const maxCaptures = 32

// maxPatternDepth bounds the matcher's recursion: one level for each
// quantifier or capture that a match is inside of.
const maxPatternDepth = 200

// Lengths of captures that are not a length.
const (
	captureOpen     = -1
	capturePosition = -2
)

// errPattern marks a pattern that cannot be used; the text says why.
var errPattern = errors.New("malformed pattern")

// matcher matches one Lua 5.1 pattern against one subject. A pattern can need
// time exponential in its length, so that the matcher counts its steps and
// asks every 1,024 of them whether it may go on.
type matcher struct {
	subject string
	pattern string
	// more is asked every 1,024 steps; it ends the match by a panic of the
	// virtual machine's own kind.
	more     func(steps int)
	steps    int
	depth    int
	level    int
	captures [maxCaptures]capture
	err      error
}

type capture struct{ start, length int }

// step counts one step.
func (m *matcher) step() {
	m.steps++
	if m.steps == 1024 {
		m.steps = 0
		m.more(1024)
	}
}

// passed counts n characters that were looked at in a row, which is less work than
// so many steps.
func (m *matcher) passed(n int) {
	m.steps += n / 16
	if m.steps >= 1024 {
		n, m.steps = m.steps, 0
		m.more(n)
	}
}

func (m *matcher) fail(format string, args ...any) int {
	if m.err == nil {
		m.err = fmt.Errorf("%w: %s", errPattern, fmt.Sprintf(format, args...))
	}
	return -1
}

// at matches the whole pattern from offset p on at s. It returns the end of
// the match, or -1.
func (m *matcher) at(s, p int) int {
	m.depth++
	defer func() { m.depth-- }()
	if m.depth > maxPatternDepth {
		return m.fail("too complex")
	}
	for p < len(m.pattern) && m.err == nil {
		m.step()
		switch c := m.pattern[p]; {
		case c == '(':
			if p+1 < len(m.pattern) && m.pattern[p+1] == ')' {
				return m.open(s, p+2, capturePosition)
			}
			return m.open(s, p+1, captureOpen)
		case c == ')':
			return m.close(s, p+1)
		case c == '$' && p+1 == len(m.pattern):
			if s == len(m.subject) {
				return s
			}
			return -1
		case c == '%' && p+1 < len(m.pattern) && m.pattern[p+1] == 'b':
			if s = m.balance(s, p+2); s < 0 {
				return -1
			}
			p += 4
			continue
		case c == '%' && p+1 < len(m.pattern) && m.pattern[p+1] == 'f':
			p += 2
			if p >= len(m.pattern) || m.pattern[p] != '[' {
				return m.fail("%%f wants a set in [] after it")
			}
			end := m.classEnd(p)
			if end < 0 {
				return -1
			}
			var before, now byte
			if s > 0 {
				before = m.subject[s-1]
			}
			if s < len(m.subject) {
				now = m.subject[s]
			}
			if m.inSet(before, p, end-1) || !m.inSet(now, p, end-1) {
				return -1
			}
			p = end
			continue
		case c == '%' && p+1 < len(m.pattern) && isDigit(m.pattern[p+1]):
			if s = m.again(s, m.pattern[p+1]); s < 0 {
				return -1
			}
			p += 2
			continue
		}
		end := m.classEnd(p)
		if end < 0 {
			return -1
		}
		var quantifier byte
		if end < len(m.pattern) {
			quantifier = m.pattern[end]
		}
		switch quantifier {
		case '?':
			if m.one(s, p, end) {
				if r := m.at(s+1, end+1); r >= 0 || m.err != nil {
					return r
				}
			}
			p = end + 1
		case '*':
			return m.greedy(s, p, end)
		case '+':
			if !m.one(s, p, end) {
				return -1
			}
			return m.greedy(s+1, p, end)
		case '-':
			return m.lazy(s, p, end)
		default:
			if !m.one(s, p, end) {
				return -1
			}
			s++
			p = end
		}
	}
	if m.err != nil {
		return -1
	}
	return s
}

// greedy matches as many of the class p..end as possible, then the rest.
func (m *matcher) greedy(s, p, end int) int {
	n := 0
	for m.one(s+n, p, end) {
		n++
	}
	for ; n >= 0; n-- {
		if r := m.at(s+n, end+1); r >= 0 || m.err != nil {
			return r
		}
	}
	return -1
}

// lazy matches as few of the class p..end as possible, then the rest.
func (m *matcher) lazy(s, p, end int) int {
	for {
		if r := m.at(s, end+1); r >= 0 || m.err != nil {
			return r
		}
		if !m.one(s, p, end) {
			return -1
		}
		s++
	}
}

// open starts a capture and matches the rest.
func (m *matcher) open(s, p, what int) int {
	if m.level == maxCaptures {
		return m.fail("more than %d captures", maxCaptures)
	}
	m.captures[m.level] = capture{s, what}
	m.level++
	r := m.at(s, p)
	if r < 0 {
		m.level--
	}
	return r
}

// close ends the innermost open capture and matches the rest.
func (m *matcher) close(s, p int) int {
	for i := m.level - 1; i >= 0; i-- {
		if m.captures[i].length != captureOpen {
			continue
		}
		m.captures[i].length = s - m.captures[i].start
		r := m.at(s, p)
		if r < 0 {
			m.captures[i].length = captureOpen
		}
		return r
	}
	return m.fail("a ) without its (")
}

// balance matches %bxy at s; p is the offset of x.
func (m *matcher) balance(s, p int) int {
	if p+1 >= len(m.pattern) {
		return m.fail("%%b wants two characters after it")
	}
	if s >= len(m.subject) || m.subject[s] != m.pattern[p] {
		return -1
	}
	open, shut, depth := m.pattern[p], m.pattern[p+1], 1
	for s++; s < len(m.subject); s++ {
		m.step()
		switch m.subject[s] {
		case shut:
			if depth--; depth == 0 {
				return s + 1
			}
		case open:
			depth++
		}
	}
	return -1
}

// again matches what an earlier capture matched.
func (m *matcher) again(s int, digit byte) int {
	i := int(digit) - '1'
	if i < 0 || i >= m.level || m.captures[i].length < 0 {
		return m.fail("%%%c names no finished capture", digit)
	}
	c := m.captures[i]
	text := m.subject[c.start : c.start+c.length]
	m.passed(len(text))
	if len(m.subject)-s < len(text) || m.subject[s:s+len(text)] != text {
		return -1
	}
	return s + len(text)
}

// classEnd returns the offset after the single-character class at p.
func (m *matcher) classEnd(p int) int {
	c := m.pattern[p]
	p++
	switch c {
	case '%':
		if p >= len(m.pattern) {
			return m.fail("it ends with %%")
		}
		return p + 1
	case '[':
		begin := p
		if p < len(m.pattern) && m.pattern[p] == '^' {
			p++
		}
		for first := true; ; first = false {
			if p >= len(m.pattern) {
				return m.fail("a [ without its ]")
			}
			if m.pattern[p] == ']' && !first {
				m.passed(p - begin)
				return p + 1
			}
			if m.pattern[p] == '%' {
				p++
			}
			p++
		}
	}
	return p
}

// one reports whether the character at s matches the class p..end.
func (m *matcher) one(s, p, end int) bool {
	m.step()
	if s >= len(m.subject) {
		return false
	}
	c := m.subject[s]
	switch m.pattern[p] {
	case '.':
		return true
	case '%':
		return inClass(c, m.pattern[p+1])
	case '[':
		return m.inSet(c, p, end-1)
	}
	return m.pattern[p] == c
}

// inSet reports whether c is in the set that starts at the [ of p and ends at
// the ] of last.
func (m *matcher) inSet(c byte, p, last int) bool {
	found := true
	p++
	if m.pattern[p] == '^' {
		found = false
		p++
	}
	for ; p < last; p++ {
		m.step()
		switch {
		case m.pattern[p] == '%':
			p++
			if inClass(c, m.pattern[p]) {
				return found
			}
		case p+2 < last && m.pattern[p+1] == '-':
			if m.pattern[p] <= c && c <= m.pattern[p+2] {
				return found
			}
			p += 2
		case m.pattern[p] == c:
			return found
		}
	}
	return !found
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
func isLower(c byte) bool { return c >= 'a' && c <= 'z' }
func isUpper(c byte) bool { return c >= 'A' && c <= 'Z' }

// inClass reports whether c is in the class that a letter names, in the C
// locale. A letter in upper case means the complement; what is no letter of a
// class means itself.
func inClass(c, class byte) bool {
	in := false
	switch class | 0x20 {
	case 'a':
		in = isLower(c) || isUpper(c)
	case 'c':
		in = c < 32 || c == 127
	case 'd':
		in = isDigit(c)
	case 'l':
		in = isLower(c)
	case 'p':
		in = c > 32 && c < 127 && !isDigit(c) && !isLower(c) && !isUpper(c)
	case 's':
		in = c == ' ' || c >= '\t' && c <= '\r'
	case 'u':
		in = isUpper(c)
	case 'w':
		in = isDigit(c) || isLower(c) || isUpper(c)
	case 'x':
		in = isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'f'
	case 'z':
		in = c == 0
	default:
		return c == class
	}
	return in == isLower(class)
}
