package lua

import (
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// openString puts our functions over those of gopher-lua's string library
// that allocate, or that cannot be stopped. The table is the metatable of
// strings too, so that ("x"):rep(n) finds them.
func (s *state) openString(mod *lua.LTable) {
	mod.RawSetString("dump", lua.LNil)
	mod.RawSetString("gfind", lua.LNil)
	reverse := mod.RawGetString("reverse").(*lua.LFunction).GFunction
	char := mod.RawGetString("char").(*lua.LFunction).GFunction
	s.l.SetFuncs(mod, map[string]lua.LGFunction{
		"upper":   s.mapped('a', 'z'),
		"lower":   s.mapped('A', 'Z'),
		"reverse": s.charged(reverse),
		"char": func(l *lua.LState) int {
			s.meter.chargeCopies(l, l.GetTop(), 2)
			s.meter.work(l, l.GetTop())
			return char(l)
		},
		"byte":   s.stringByte,
		"sub":    s.stringSub,
		"rep":    s.stringRep,
		"format": s.stringFormat,
		"find":   s.stringFind,
		"match":  s.stringMatch,
		"gmatch": s.stringGmatch,
		"gsub":   s.stringGsub,
	})
}

// charged returns a string function that first pays for two copies
// of its argument: the octets that it works on, and the text.
func (s *state) charged(fn lua.LGFunction) lua.LGFunction {
	return func(l *lua.LState) int {
		s.meter.chargeCopies(l, len(l.CheckString(1)), 2)
		return fn(l)
	}
}

// mapped returns a string function that turns the letters from first to last
// into those of the other case. Those are letters of ASCII, as in Lua's "C"
// locale: every other octet stays, so that no text grows and none is taken for
// UTF-8.
func (s *state) mapped(first, last byte) lua.LGFunction {
	return s.charged(func(l *lua.LState) int {
		text := []byte(l.CheckString(1))
		for i, c := range text {
			if c >= first && c <= last {
				text[i] = c ^ ('a' - 'A')
			}
		}
		l.Push(lua.LString(text))
		return 1
	})
}

// offsets turns Lua's first and last positions, counted from 1 or from the
// end when negative, into a slice's.
func offsets(length, first, last int) (int, int) {
	if first < 0 {
		first = max(length+first+1, 1)
	} else if first == 0 {
		first = 1
	}
	if last < 0 {
		last = length + last + 1
	}
	last = min(last, length)
	if first > last {
		return 0, 0
	}
	return first - 1, last
}

// part returns a piece of a text. A small piece is a copy: otherwise it would
// keep all of the text alive, which nobody could see.
func (s *state) part(l *lua.LState, text string, from, to int) string {
	piece := text[from:to]
	if len(piece) < len(text)/2 {
		s.meter.charge(l, len(piece)+16)
		return strings.Clone(piece)
	}
	return piece
}

func (s *state) stringSub(l *lua.LState) int {
	text := l.CheckString(1)
	from, to := offsets(len(text), l.CheckInt(2), l.OptInt(3, -1))
	l.Push(lua.LString(s.part(l, text, from, to)))
	return 1
}

func (s *state) stringByte(l *lua.LState) int {
	text := l.CheckString(1)
	first := l.OptInt(2, 1)
	from, to := offsets(len(text), first, l.OptInt(3, first))
	if to-from > maxValues {
		s.meter.stop(l, "string.byte of more than %d characters", maxValues)
	}
	for i := from; i < to; i++ {
		l.Push(lua.LNumber(text[i]))
	}
	return to - from
}

func (s *state) stringRep(l *lua.LState) int {
	text, n := l.CheckString(1), l.CheckInt(2)
	if n <= 0 || text == "" {
		l.Push(lua.LString(""))
		return 1
	}
	if n > maxString/len(text) {
		s.meter.stop(l, "a string longer than %d KiB", maxString>>10)
	}
	s.meter.chargeString(l, n*len(text))
	l.Push(lua.LString(strings.Repeat(text, n)))
	return 1
}

// newMatcher returns a matcher whose steps are paid from the call's budget.
func (s *state) newMatcher(l *lua.LState, subject, pattern string) *matcher {
	return &matcher{
		subject: subject,
		pattern: pattern,
		more:    func(steps int) { s.meter.work(l, steps) },
	}
}

// search finds the first match at or after init; from is -1 when there is
// none. It pays for the steps that were not paid yet.
func (s *state) search(l *lua.LState, m *matcher, init int) (from, to int) {
	p, anchored := 0, strings.HasPrefix(m.pattern, "^")
	if anchored {
		p = 1
	}
	for from = init; from <= len(m.subject); from++ {
		m.level, m.depth = 0, 0
		to = m.at(from, p)
		if m.err != nil {
			l.RaiseError("%s in %q", m.err.Error(), brief(m.pattern))
		}
		if to >= 0 {
			s.meter.work(l, m.steps)
			m.steps = 0
			return from, to
		}
		if anchored {
			break
		}
	}
	s.meter.work(l, m.steps)
	m.steps = 0
	return -1, -1
}

// captureValue returns capture i of a match at from..to. Without any
// captures, the whole match is the first.
func (s *state) captureValue(l *lua.LState, m *matcher, i, from, to int) lua.LValue {
	if i >= m.level {
		if i != 0 {
			l.RaiseError("%%%d names no capture of %q", i+1, brief(m.pattern))
		}
		return lua.LString(s.part(l, m.subject, from, to))
	}
	c := m.captures[i]
	switch c.length {
	case capturePosition:
		return lua.LNumber(c.start + 1)
	case captureOpen:
		l.RaiseError("malformed pattern: a ( without its ) in %q", brief(m.pattern))
	}
	return lua.LString(s.part(l, m.subject, c.start, c.start+c.length))
}

// pushCaptures pushes the captures; whole says that the whole match stands in
// when there are none.
func (s *state) pushCaptures(l *lua.LState, m *matcher, from, to int, whole bool) int {
	n := m.level
	if n == 0 && whole {
		n = 1
	}
	s.meter.charge(l, n*costItem)
	for i := range n {
		l.Push(s.captureValue(l, m, i, from, to))
	}
	return n
}

func (s *state) stringFind(l *lua.LState) int {
	text, pattern := l.CheckString(1), l.CheckString(2)
	init, _ := offsets(len(text)+1, l.OptInt(3, 1), -1)
	if l.OptInt(3, 1) > len(text)+1 {
		l.Push(lua.LNil)
		return 1
	}
	if l.ToBool(4) || !strings.ContainsAny(pattern, "^$*+?.([%-") {
		s.meter.work(l, (len(text)-init)/8)
		i := strings.Index(text[init:], pattern)
		if i < 0 {
			l.Push(lua.LNil)
			return 1
		}
		l.Push(lua.LNumber(init + i + 1))
		l.Push(lua.LNumber(init + i + len(pattern)))
		return 2
	}
	m := s.newMatcher(l, text, pattern)
	from, to := s.search(l, m, init)
	if from < 0 {
		l.Push(lua.LNil)
		return 1
	}
	l.Push(lua.LNumber(from + 1))
	l.Push(lua.LNumber(to))
	return 2 + s.pushCaptures(l, m, from, to, false)
}

func (s *state) stringMatch(l *lua.LState) int {
	text, pattern := l.CheckString(1), l.CheckString(2)
	init, _ := offsets(len(text)+1, l.OptInt(3, 1), -1)
	m := s.newMatcher(l, text, pattern)
	from, to := -1, -1
	if l.OptInt(3, 1) <= len(text)+1 {
		from, to = s.search(l, m, init)
	}
	if from < 0 {
		l.Push(lua.LNil)
		return 1
	}
	return s.pushCaptures(l, m, from, to, true)
}

func (s *state) stringGmatch(l *lua.LState) int {
	text, pattern := l.CheckString(1), l.CheckString(2)
	m := s.newMatcher(l, text, pattern)
	s.meter.charge(l, 1024) // the matcher
	next := 0
	// The text is a variable of the function, so that it is seen what it keeps.
	l.Push(l.NewClosure(func(l *lua.LState) int {
		if next > len(text) {
			return 0
		}
		from, to := s.search(l, m, next)
		if from < 0 {
			next = len(text) + 1
			return 0
		}
		if next = to; from == to {
			next++
		}
		return s.pushCaptures(l, m, from, to, true)
	}, lua.LString(text), lua.LString(pattern)))
	return 1
}

func (s *state) stringGsub(l *lua.LState) int {
	text, pattern := l.CheckString(1), l.CheckString(2)
	repl := l.CheckAny(3)
	switch repl.Type() {
	case lua.LTString, lua.LTNumber, lua.LTTable, lua.LTFunction:
	default:
		l.ArgError(3, "string, table or function expected, got "+repl.Type().String())
	}
	limit := l.OptInt(4, len(text)+1)
	m := s.newMatcher(l, text, pattern)
	var out strings.Builder
	add := func(piece string) {
		if out.Len()+len(piece) > maxString {
			s.meter.stop(l, "a string longer than %d KiB", maxString>>10)
		}
		s.meter.charge(l, 2*len(piece))
		out.WriteString(piece)
	}
	pos, count := 0, 0
	for count < limit && pos <= len(text) {
		from, to := s.search(l, m, pos)
		if from < 0 {
			break
		}
		count++
		add(text[pos:from])
		s.replacement(l, m, repl, from, to, add)
		pos = to
		if from == to {
			if pos < len(text) {
				add(text[pos : pos+1])
			}
			pos++
		}
		if strings.HasPrefix(pattern, "^") {
			break
		}
	}
	if pos < len(text) {
		add(text[pos:])
	}
	l.Push(lua.LString(out.String()))
	l.Push(lua.LNumber(count))
	return 2
}

// replacement adds what stands for one match of gsub.
func (s *state) replacement(l *lua.LState, m *matcher, repl lua.LValue, from, to int, add func(string)) {
	var value lua.LValue
	switch r := repl.(type) {
	case *lua.LFunction:
		l.Push(r)
		// The function may run other matches: it gets the values first.
		n := s.pushCaptures(l, m, from, to, true)
		l.Call(n, 1)
		value = l.Get(-1)
		l.Pop(1)
	case *lua.LTable:
		value = l.GetTable(r, s.captureValue(l, m, 0, from, to))
	default:
		s.expand(l, m, lua.LVAsString(repl), from, to, add)
		return
	}
	switch {
	case value == lua.LNil || value == lua.LFalse:
		add(m.subject[from:to])
	case lua.LVCanConvToString(value):
		add(lua.LVAsString(value))
	default:
		l.RaiseError("string.gsub: the replacement is a %s value; it must be a string", value.Type())
	}
}

// expand adds a replacement string with its %0 to %9 filled in.
func (s *state) expand(l *lua.LState, m *matcher, repl string, from, to int, add func(string)) {
	for {
		i := strings.IndexByte(repl, '%')
		if i < 0 || i+1 == len(repl) {
			add(repl)
			return
		}
		add(repl[:i])
		switch c := repl[i+1]; {
		case c == '0':
			add(m.subject[from:to])
		case isDigit(c):
			add(lua.LVAsString(s.captureValue(l, m, int(c-'1'), from, to)))
		default:
			add(repl[i+1 : i+2])
		}
		repl = repl[i+2:]
	}
}
