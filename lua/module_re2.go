package lua

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	lua "github.com/yuin/gopher-lua"
)

const (
	// maxPatterns is how many compiled patterns a script keeps.
	maxPatterns = 32
	// maxProgram bounds the instructions of one pattern. A pattern is matched
	// in a time that grows with its length times the text's and cannot be
	// stopped, so that maxMatching bounds the product: some 40 ms.
	maxProgram  = 2000
	maxMatching = 4 << 20
	// maxPatternMemory is how much the compiled patterns that a script keeps
	// take, by estimate; one alone may take more.
	maxPatternMemory = 1 << 20
	// maxWide and maxWideFolded bound the classes and ranges of a pattern that
	// goes beyond ASCII: one takes 0.2 ms to compile, and where case does not
	// count 10 ms, and compiling cannot be stopped.
	maxWide       = 64
	maxWideFolded = 4
)

// compiled is a pattern that was compiled.
type compiled struct {
	*regexp.Regexp
	instructions int
	size         int // in octets, by estimate
	// text is what it was compiled from. atBegin says that it matches only where
	// the text begins, and looksBack that a match may depend on the character
	// before it.
	text               string
	atBegin, looksBack bool
	// after finds a match behind the first character of a text, as its first group;
	// nil before somebody asks for it.
	after *regexp.Regexp
}

func re2Module() Module {
	pattern, text := arg("pattern", "string", "a regular expression in RE2's syntax"), arg("text", "string", "where to look")
	return Module{
		Name: "re2",
		Doc: "Regular expressions in the syntax of RE2: a match is found in a time that grows with the length of the text and never faster. " +
			"The length of the text times that of the pattern is bounded: 64 KiB of text for a pattern of some 60 characters. " +
			"A pattern that goes beyond ASCII has at most 64 classes and ranges, and 4 with the flag i.",
		Functions: []Function{
			{
				Name: "match", Doc: "the first match: its groups, or all of it when there are none; nil without one", Params: []Value{pattern, text},
				Returns: []Value{{Type: "string", Doc: "the match, or its groups; a group that is not in it is nil", Optional: true}}, call: re2Match,
			},
			{Name: "find", Doc: "where the first match begins and ends; nil without one", Params: []Value{pattern, text}, Returns: []Value{{Type: "integer", Doc: "the first character", Optional: true}, {Type: "integer", Doc: "the last one", Optional: true}}, call: re2Find},
			{Name: "find_all", Doc: "all matches, or of each its first group when there is one; at most 1,000", Params: []Value{pattern, text}, Returns: []Value{ret("string[]", "the matches")}, call: re2FindAll},
			{Name: "replace", Doc: "replaces all matches; $1 is the first group and ${name} a named one", Params: []Value{pattern, text, arg("by", "string", "what stands in their place")}, Returns: []Value{ret("string", "the new text")}, call: re2Replace},
		},
	}
}

// regexp returns the pattern of the first argument, for the text of the
// second, and charges for matching it.
func (c call) regexp() (*compiled, string) {
	pattern, text := c.l.CheckString(1), c.l.CheckString(2)
	re := c.s.patterns[pattern]
	if re == nil {
		re = c.compilePattern(pattern)
		if c.s.patterns == nil {
			c.s.patterns = map[string]*compiled{}
		}
		kept := re.size
		for _, other := range c.s.patterns {
			kept += other.size
		}
		if len(c.s.patterns) >= maxPatterns || kept > maxPatternMemory {
			clear(c.s.patterns)
		}
		c.s.patterns[strings.Clone(pattern)] = re
	}
	c.matching(re, len(text))
	return re, text
}

// matching charges for matching n octets.
func (c call) matching(re *compiled, n int) {
	if n > maxMatching/re.instructions {
		c.s.meter.stop(c.l, "a text of %d octets for a pattern of %d instructions", n, re.instructions)
	}
	c.s.meter.work(c.l, n*re.instructions/4)
	c.s.meter.charge(c.l, 512)
}

func (c call) compilePattern(pattern string) *compiled {
	if len(pattern) > maxProgram {
		c.l.ArgError(1, "the pattern is too long")
	}
	c.s.meter.charge(c.l, 256*len(pattern)+8192)
	if n, most := wide(pattern); n > most {
		c.l.ArgError(1, fmt.Sprintf("the pattern has %d classes and ranges and goes beyond ASCII; at most %d", n, most))
	}
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		c.l.ArgError(1, err.Error())
	}
	text := parsed.String() // before it is made simpler
	program, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		c.l.ArgError(1, err.Error())
	}
	if len(program.Inst) > maxProgram {
		c.l.ArgError(1, "the pattern is too complex: its repetitions multiply")
	}
	size, looksBack := 0, false
	const back = syntax.EmptyBeginLine | syntax.EmptyBeginText | syntax.EmptyWordBoundary | syntax.EmptyNoWordBoundary
	for i := range program.Inst {
		looksBack = looksBack || program.Inst[i].Op == syntax.InstEmptyWidth && syntax.EmptyOp(program.Inst[i].Arg)&back != 0
		size += 2 * (40 + 4*len(program.Inst[i].Rune)) // the program, and a form for matching in one pass
	}
	c.s.meter.charge(c.l, 2*size)
	re, err := regexp.Compile(pattern)
	if err != nil {
		c.l.ArgError(1, err.Error())
	}
	c.s.meter.live(c.l)
	if looksBack {
		size = 2*size + len(text) // as much again for after
	}
	atBegin := program.StartCond()&syntax.EmptyBeginText != 0
	return &compiled{Regexp: re, instructions: len(program.Inst), size: size, text: text, atBegin: atBegin, looksBack: looksBack}
}

// each calls found with where each match and its groups are, at most most times,
// as Regexp.FindAllStringSubmatchIndex finds them. That itself can take the square
// of what one match takes, and nothing stops it. What comes after a match is a text
// of its own here, whose first character is the one before, if that matters.
func (c call) each(re *compiled, text string, most int, found func(at []int)) {
	ended := -1 // where the last match ended
	for pos := 0; pos <= len(text) && most > 0; {
		at := c.next(re, text, pos)
		if at == nil {
			return
		}
		c.s.meter.charge(c.l, costItem*len(at))
		c.s.meter.work(c.l, 64)
		empty, again := at[1] == pos, at[0] == ended
		ended = at[1]
		if !empty || !again { // an empty one right behind another is none
			found(at)
			most--
		}
		if pos = at[1]; empty {
			_, width := utf8.DecodeRuneInString(text[pos:])
			pos += max(1, width)
		}
	}
}

// next returns where the first match is that begins at pos or behind it, nil when
// there is none.
func (c call) next(re *compiled, text string, pos int) []int {
	switch {
	case pos == 0:
		return re.FindStringSubmatchIndex(text)
	case re.atBegin:
		return nil
	case !re.looksBack:
		return moved(re.FindStringSubmatchIndex(text[pos:]), pos)
	}
	if re.after == nil {
		c.s.meter.charge(c.l, 8*len(re.text)+8192+re.size)
		after, err := regexp.Compile(`\A(?s:.)(?s:.*?)(` + re.text + `)`)
		if err != nil {
			c.l.ArgError(1, err.Error())
		}
		re.after = after
		c.s.meter.live(c.l)
	}
	_, width := utf8.DecodeLastRuneInString(text[:pos])
	at := re.after.FindStringSubmatchIndex(text[pos-width:])
	if at == nil {
		return nil
	}
	return moved(at[2:], pos-width)
}

// moved adds n to the places of a match; those that are not there stay so.
func moved(at []int, n int) []int {
	for i := range at {
		if at[i] >= 0 {
			at[i] += n
		}
	}
	return at
}

// folded finds the flag i of a pattern.
var folded = regexp.MustCompile(`\(\?[A-Za-z]*i`)

// wide counts what may be a class or a range, when the pattern goes beyond ASCII,
// and returns how many there may be.
func wide(pattern string) (n, most int) {
	most = maxWide
	if folded.MatchString(pattern) {
		most = maxWideFolded
	}
	beyond := strings.IndexFunc(pattern, func(r rune) bool { return r >= utf8.RuneSelf }) >= 0
	for i := 0; i+1 < len(pattern); i++ {
		if pattern[i] == '\\' {
			i++
			if c := pattern[i]; c == 'p' || c == 'P' {
				n++
				beyond = true
			} else if c == 'x' || isDigit(c) { // a character by its number
				beyond = true
			}
		} else if pattern[i] == '[' || pattern[i] == '-' {
			n++
		}
	}
	if !beyond {
		return 0, most
	}
	return n, most
}

func re2Match(c call) int {
	re, text := c.regexp()
	at := re.FindStringSubmatchIndex(text)
	if at == nil {
		return c.push(lua.LNil)
	}
	if len(at) > 2 {
		at = at[2:]
	}
	c.s.meter.charge(c.l, costItem*len(at))
	for i := 0; i < len(at); i += 2 {
		if at[i] < 0 {
			c.push(lua.LNil)
		} else {
			c.text(strings.Clone(text[at[i]:at[i+1]]))
		}
	}
	return len(at) / 2
}

func re2Find(c call) int {
	re, text := c.regexp()
	at := re.FindStringIndex(text)
	if at == nil {
		return c.push(lua.LNil)
	}
	return c.push(lua.LNumber(at[0]+1)) + c.push(lua.LNumber(at[1]))
}

func re2FindAll(c call) int {
	re, text := c.regexp()
	group := min(re.NumSubexp(), 1)
	list := c.l.NewTable()
	c.each(re, text, maxValues, func(at []int) {
		match := ""
		if from := at[2*group]; from >= 0 {
			match = text[from:at[2*group+1]]
		}
		c.s.meter.charge(c.l, 2*costItem+len(match))
		list.Append(lua.LString(strings.Clone(match)))
	})
	return c.push(list)
}

func re2Replace(c call) int {
	by := c.l.CheckString(3)
	re, text := c.regexp()
	pieces := c.template(re, by)
	var out strings.Builder
	done := 0
	c.each(re, text, len(text)+1, func(m []int) {
		c.s.meter.work(c.l, 8*len(pieces))
		c.add(&out, text[done:m[0]])
		for _, p := range pieces {
			if p.group < 0 {
				c.add(&out, p.text)
			} else if from := m[2*p.group]; from >= 0 {
				c.add(&out, text[from:m[2*p.group+1]])
			}
		}
		done = m[1]
	})
	c.add(&out, text[done:])
	return c.push(lua.LString(out.String()))
}

// piece is a part of what stands for a match: a text, or a group when group is
// not negative.
type piece struct {
	text  string
	group int
}

// template takes what stands for a match apart, as Regexp.Expand does: $1, $name,
// ${name} and $$. That itself cannot be used: nothing bounds how much it makes of
// one match.
func (c call) template(re *compiled, by string) []piece {
	dollars := strings.Count(by, "$")
	c.s.meter.charge(c.l, 3*costItem*dollars)
	c.s.meter.work(c.l, len(by)/8+64*dollars)
	pieces := make([]piece, 0, min(2*dollars+1, maxValues))
	literal := func(text string) {
		if text != "" {
			pieces = append(pieces, piece{text, -1})
		}
	}
	for {
		before, rest, found := strings.Cut(by, "$")
		literal(before)
		if !found {
			return pieces
		}
		if strings.HasPrefix(rest, "$") {
			literal("$")
			by = rest[1:]
			continue
		}
		name, braced := strings.CutPrefix(rest, "{")
		n := strings.IndexFunc(name, func(r rune) bool { return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) })
		if n < 0 {
			n = len(name)
		}
		after := name[n:]
		name = name[:n]
		if braced {
			var closed bool
			after, closed = strings.CutPrefix(after, "}")
			braced = !closed
		}
		if name == "" || braced { // it names nothing: the $ is a character
			literal("$")
			by = rest
			continue
		}
		by = after
		group := re.SubexpIndex(name)
		if number, err := strconv.Atoi(name); err == nil && strconv.Itoa(number) == name {
			group = number
		}
		if group >= 0 && group <= re.NumSubexp() {
			pieces = append(pieces, piece{group: group})
		}
	}
}
