package keepalived

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/moonkeep/moonkeep/config"
)

// mostRepeats bounds one ~SEQ or ~LST.
const mostRepeats = 1_000_000

// loop is one turn of a repetition, within those outside it.
type loop struct {
	// variable and value are those of a ~SEQ, item the number of a ~LST's.
	variable, value string
	item            int
	outer           *loop
}

// names appends what the turns are called, the outermost first. The values of
// lists are not among them: they may be passwords.
func (p *loop) names(all []string) []string {
	if p == nil {
		return all
	}
	text := "~SEQ with " + p.variable + " = " + p.value
	if p.item > 0 {
		text = "~LST, item " + strconv.Itoa(p.item)
	}
	return append(p.outer.names(all), text)
}

// repeatWord returns the name of the repetition that a line begins with.
func repeatWord(text string) (string, bool) {
	for _, word := range [...]string{"~SEQx", "~SEQ", "~LST"} {
		if rest, ok := strings.CutPrefix(text, word); ok {
			return word, rest == "" || rest[0] == '(' || blank(rest[0])
		}
	}
	return "", false
}

// sequence is a ~SEQ or ~SEQx that is being read: body is to be repeated for
// the values from value on, count of them.
type sequence struct {
	variable    string
	value, step int64
	count       int64
	base        int
	body        line
	at          place
}

func (s *sequence) next(f *feed) (line, bool) {
	if s.count == 0 {
		return line{}, false
	}
	s.count--
	value := strconv.FormatInt(s.value, s.base)
	s.value += s.step
	f.defined[s.variable] = &definition{name: s.variable, lines: []part{{value, s.at.off}}, file: s.at.file}
	l := s.body
	l.loops = &loop{variable: s.variable, value: value, outer: l.loops}
	return l, true
}

// list is a ~LST that is being read.
type list struct {
	variables []string
	tuples    [][]string
	turn      int
	body      line
	at        place
}

func (s *list) next(f *feed) (line, bool) {
	if s.turn == len(s.tuples) {
		return line{}, false
	}
	for k, name := range s.variables {
		value := ""
		if k < len(s.tuples[s.turn]) {
			value = s.tuples[s.turn][k]
		}
		f.defined[name] = &definition{name: name, lines: []part{{value, s.at.off}}, file: s.at.file}
	}
	s.turn++
	l := s.body
	l.loops = &loop{item: s.turn, outer: l.loops}
	return l, true
}

// repeat begins the repetition that a line begins with, as
// keepalived does.
func (f *feed) repeat(word string, l line) {
	at := l.place(0)
	from := len(word) + blanks(l.text[len(word):])
	n := strings.IndexByte(l.text[from:], ')')
	if from == len(l.text) || l.text[from] != '(' || n < 0 {
		f.out.say(at, config.Error, "bad-repetition", "%s is followed by ( ) with its values, and the line to repeat", word)
		return
	}
	inner, body := l.text[from+1:from+n], l.cut(from+n+1)
	if body.text == "" {
		f.out.say(at, config.Warning, "empty-repetition", "%s has nothing to repeat behind its )", word)
		return
	}
	if word == "~LST" {
		f.repeatList(inner, body, at)
		return
	}
	// Its numbers may be references; those of the body wait for their turn.
	spec := l.head(from + n).cut(from + 1)
	spec.rest, spec.tagged = nil, true
	spec, ok := f.expand(spec)
	if !ok {
		return
	}
	f.repeatSequence(word, spec.text, body, at)
}

// repeatSequence reads VAR, [START, [STEP,]] END.
func (f *feed) repeatSequence(word, spec string, body line, at place) {
	items := strings.Split(spec, ",")
	bad := func(format string, args ...any) {
		f.out.say(at, config.Error, "bad-repetition", "%s(%s): %s", word, printable(spec), fmt.Sprintf(format, args...))
	}
	if len(items) < 2 || len(items) > 4 {
		bad("it takes a name and up to three numbers: NAME, START, STEP, END")
		return
	}
	s := &sequence{variable: strings.Trim(items[0], blankBytes), base: 10, body: body, at: at}
	if s.variable == "" || nameLength(s.variable) != len(s.variable) {
		bad("%s is not a name: letters, digits and _, and no digit first", quoted(s.variable))
		return
	}
	var numbers [3]int64
	for k, item := range items[1:] {
		item = strings.Trim(item, blankBytes)
		n, err := strconv.ParseInt(item, 0, 32)
		if err != nil || strings.Contains(item, "_") {
			bad("%s is not a number of -2147483648..2147483647", quoted(item))
			return
		}
		numbers[k] = n
	}
	// An END below zero is counted down to.
	start, step, end := int64(1), int64(1), numbers[len(items)-2]
	switch {
	case len(items) > 2:
		start = numbers[0]
	case end < 0:
		start = -1
	}
	switch {
	case len(items) == 4:
		step = numbers[1]
	case end < start:
		step = -1
	}
	switch {
	case step == 0 || (end-start)*step < 0:
		bad("steps of %d do not lead from %d to %d", step, start, end)
		return
	case word == "~SEQx" && (start < 0 || end < 0):
		bad("hexadecimal numbers are not negative")
		return
	}
	s.value, s.step, s.count = start, step, (end-start)/step+1
	if word == "~SEQx" {
		s.base = 16
	}
	if s.count > mostRepeats {
		bad("it repeats the line %d times, and at most %d are allowed", s.count, mostRepeats)
		return
	}
	f.begin(s, at)
}

// repeatList reads VAR, VALUE... or {VAR, ...}, {VALUE, ...}...
func (f *feed) repeatList(spec string, body line, at place) {
	bad := func(text string, args ...any) {
		f.out.say(at, config.Error, "bad-repetition", "~LST: "+text, args...)
	}
	items, ok := tuples(spec)
	if !ok {
		bad("it takes a name and values with commas between them, or {NAME, ...}, {VALUE, ...} ...; a value has no blank, quote or brace in it")
		return
	}
	s := &list{variables: items[0], tuples: items[1:], body: body, at: at}
	for _, name := range s.variables {
		if name == "" || nameLength(name) != len(name) {
			bad("%s is not a name: letters, digits and _, and no digit first", quoted(name))
			return
		}
	}
	if len(s.tuples) == 0 {
		bad("it has no value for %s", s.variables[0])
		return
	}
	for k, t := range s.tuples {
		if len(t) > len(s.variables) {
			bad("item %d has %d values for %d names", k+1, len(t), len(s.variables))
			return
		}
		if len(t) < len(s.variables) {
			f.out.say(at, config.Warning, "short-item", "~LST: item %d has %d values for %d names: the others are empty, as in keepalived", k+1, len(t), len(s.variables))
		}
	}
	f.begin(s, at)
}

// tuples cuts the inside of ~LST( ) into its items, each one value or several
// in braces.
func tuples(spec string) ([][]string, bool) {
	var items [][]string
	trim := func(s string) string { return strings.Trim(s, blankBytes) }
	for rest := spec; ; {
		rest = rest[blanks(rest):]
		var item []string
		if tail, ok := strings.CutPrefix(rest, "{"); ok {
			inner, behind, closed := strings.Cut(tail, "}")
			if !closed {
				return nil, false
			}
			for _, v := range strings.Split(inner, ",") {
				item = append(item, trim(v))
			}
			rest = behind[blanks(behind):]
			if rest != "" && rest[0] != ',' {
				return nil, false
			}
		} else {
			n := strings.IndexByte(rest, ',')
			if n < 0 {
				n = len(rest)
			}
			item, rest = []string{trim(rest[:n])}, rest[n:]
		}
		for _, v := range item {
			// A reference in braces is left to its turn.
			if strings.ContainsAny(strings.ReplaceAll(v, "${", ""), blankBytes+`"'{`) {
				return nil, false
			}
		}
		items = append(items, item)
		if rest == "" {
			return items, true
		}
		rest = rest[1:]
	}
}
