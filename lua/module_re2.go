package lua

import (
	"regexp"
	"regexp/syntax"
	"strings"

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
)

// compiled is a pattern that was compiled.
type compiled struct {
	*regexp.Regexp
	instructions int
}

func re2Module() Module {
	pattern, text := arg("pattern", "string", "a regular expression in RE2's syntax"), arg("text", "string", "where to look")
	return Module{
		Name: "re2",
		Doc: "Regular expressions in the syntax of RE2, which are matched in a time that grows with the length of the text and never faster. " +
			"The length of the text times that of the pattern is bounded: 64 KiB of text for a pattern of some 60 characters.",
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
		if len(c.s.patterns) >= maxPatterns {
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
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		c.l.ArgError(1, err.Error())
	}
	program, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		c.l.ArgError(1, err.Error())
	}
	if len(program.Inst) > maxProgram {
		c.l.ArgError(1, "the pattern is too complex: its repetitions multiply")
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		c.l.ArgError(1, err.Error())
	}
	c.s.meter.live(c.l)
	return &compiled{re, len(program.Inst)}
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
	for _, m := range re.FindAllStringSubmatch(text, maxValues) {
		c.s.meter.charge(c.l, 2*costItem*len(m)+len(m[group]))
		list.Append(lua.LString(strings.Clone(m[group])))
	}
	return c.push(list)
}

func re2Replace(c call) int {
	by := c.l.CheckString(3)
	re, text := c.regexp()
	var out strings.Builder
	done := 0
	for _, m := range re.FindAllStringSubmatchIndex(text, -1) {
		c.s.meter.charge(c.l, costItem*len(m))
		piece := re.ExpandString(nil, by, text, m)
		c.add(&out, text[done:m[0]])
		c.add(&out, string(piece))
		done = m[1]
	}
	c.add(&out, text[done:])
	return c.push(lua.LString(out.String()))
}
