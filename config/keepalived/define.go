package keepalived

import (
	"slices"
	"strings"

	"github.com/moonkeep/moonkeep/config"
)

// definition is what $NAME=VALUE says. The value is kept
// as it was written: references in it are replaced when it is used.
type definition struct {
	name string
	// lines are the value; only the last item of a line can be a reference
	// to several.
	lines []part
	// file is where it was written; nil for what keepalived defines itself.
	file *file
}

// part is a line of a definition: its text, and where it stands.
type part struct {
	text string
	off  int
}

// at returns the definition as it is named in a message about its line k.
func (d *definition) at(k int) *definition {
	return &definition{name: d.name, lines: d.lines[k:], file: d.file}
}

// assignment takes $NAME=VALUE apart.
func assignment(text string) (name, value string, ok bool) {
	n := nameLength(text[1:])
	if n == 0 || 1+n >= len(text) || text[1+n] != '=' {
		return "", "", false
	}
	value = text[n+2:]
	return text[1 : n+1], value[blanks(value):], true
}

// defines reports whether a line is a definition, for whatever node.
func defines(text string) bool {
	if text[0] == '@' {
		text = text[len(text)-len(strings.TrimLeft(text, "@^"+nameBytes+"-.")):]
		text = text[blanks(text):]
	}
	if text == "" || text[0] != '$' {
		return false
	}
	_, _, ok := assignment(text)
	return ok
}

const nameBytes = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_"

// nameLength returns the length of the name that s begins with.
func nameLength(s string) int {
	n := 0
	for n < len(s) && (s[n] == '_' || s[n]|0x20 >= 'a' && s[n]|0x20 <= 'z' || n > 0 && s[n] >= '0' && s[n] <= '9') {
		n++
	}
	return n
}

// define takes a definition in.
func (f *feed) define(name, value string, l line) {
	at := l.place(0)
	lines := []part{{value, at.off}}
	if l.rest != nil {
		lines = append(lines, l.rest...)
	} else if strings.HasSuffix(value, `\`) {
		f.out.say(l.place(len(l.text)-1), config.Warning, "stray-continuation",
			`a definition has several lines only where the line begins with it: this \ is ignored`)
		lines[0].text = strings.TrimRight(value, blankBytes+`\`)
	}
	for len(lines) > 1 && lines[len(lines)-1].text == "" {
		lines = lines[:len(lines)-1]
	}
	for len(lines) > 1 && lines[0].text == "" {
		lines = lines[1:]
	}
	f.defined[name] = &definition{name: name, lines: lines, file: at.file}
}

// reference is $NAME or ${NAME} in a line.
type reference struct {
	name string
	// args is what stands behind the name of ${_RANDOM 1 9}.
	args   string
	braces bool
	// bare says that $NAME is followed by something that keeps keepalived
	// from taking it for a reference.
	bare bool
	end  int
}

// referenceAt reads the reference at the dollar sign text[i].
func referenceAt(text string, i int) (reference, bool) {
	var r reference
	from := i + 1
	if r.braces = from < len(text) && text[from] == '{'; r.braces {
		from++
	}
	n := nameLength(text[from:])
	if n == 0 {
		return r, false
	}
	r.name, r.end = text[from:from+n], from+n
	if !r.braces {
		r.bare = r.end < len(text) && !strings.ContainsRune(" \t,)", rune(text[r.end]))
		return r, true
	}
	tail := text[r.end:]
	closing := strings.IndexByte(tail, '}')
	if closing < 0 {
		return r, false
	}
	if closing > 0 {
		if r.name != "_RANDOM" && r.name != "_ENV" || !blank(tail[0]) {
			return r, false
		}
		r.args = strings.Trim(tail[:closing], blankBytes)
	}
	r.end += closing + 1
	return r, true
}

// expand replaces the references of a line, and those in what replaces them.
// It stops before what is then the beginning of a directive. Lines behind the
// first of a definition are read next. It is not ok if the line cannot be
// used, which has been said.
func (f *feed) expand(l line) (line, bool) {
	inside, own := false, false
	for i := 0; i < len(l.text); i++ {
		if l.text[i] == '"' {
			inside = !inside
		}
		if l.text[i] != '$' {
			continue
		}
		r, ok := referenceAt(l.text, i)
		if !ok {
			continue
		}
		d, ok := f.value(r, l, i)
		if !ok {
			return l, false
		}
		if d == nil || r.bare {
			l, i = f.unresolved(l, i, r, d, inside)
			continue
		}
		if len(d.lines) > 1 && r.end < len(l.text) {
			f.out.say(l.place(i), config.Error, "definition-of-lines",
				"$%s has %d lines: it can only be the last item of a line", d.name, len(d.lines))
			return l, false
		}
		for _, u := range l.uses {
			if u.name == d.name && i < len(l.text)-u.tail {
				f.out.say(l.place(i), config.Error, "definition-loop", "the definition of $%s refers to itself", d.name)
				return l, false
			}
		}
		if f.expansions++; f.expansions > f.most.references {
			f.stop(l.place(i), "more than %d references are to be replaced", f.most.references)
			return l, false
		}
		at := l.place(i)
		if !own {
			// The other turns of a repetition have the same runs.
			l.runs, own = append(make([]run, 0, 8), l.exact().runs...), true
		}
		uses := l.within(i)
		l = l.replace(i, r.end, d.lines[0].text, d)
		l.uses = append(uses, use{d.name, len(l.text) - i - len(d.lines[0].text)})
		if len(l.text) > lineLimit {
			f.out.say(at, config.Error, "line-too-long",
				"the line has %d bytes when $%s is replaced: keepalived reads at most %d", len(l.text), d.name, lineLimit)
			return l, false
		}
		if len(d.lines) > 1 {
			f.begin(f.remaining(l, d, at), at)
		}
		if blanks(l.text[:i]) == i {
			l = l.cut(0)
			l.tagged = false
			if l.text == "" || l.text[0] == '@' || l.text[0] == '~' {
				return l, l.text != ""
			}
			i = 0
		}
		// What has come may begin with a reference or a quote.
		i--
	}
	return l, !f.ended
}

// remaining are the lines of a definition behind its first, for the line l
// that ends in the reference at a place.
func (f *feed) remaining(l line, d *definition, at place) *remainder {
	var uses []use
	for _, u := range l.uses {
		if u.tail == 0 {
			uses = append(uses, u)
		}
	}
	rest := make([]line, 0, len(d.lines)-1)
	for k, p := range d.lines {
		if k > 0 && p.text != "" {
			rest = append(rest, line{text: p.text, file: l.file, runs: []run{{off: at.off, of: d.at(k)}}, uses: uses, loops: l.loops, whole: l.whole})
		}
	}
	return &remainder{lines: rest}
}

// unresolved deals with what looks like a reference and is none: it stays as
// it is, as in keepalived. It returns the line and the index to go on behind.
func (f *feed) unresolved(l line, i int, r reference, d *definition, inside bool) (line, int) {
	written := l.text[i:r.end]
	switch {
	case d != nil:
		severity := config.Error
		if inside {
			severity = config.Warning
		}
		f.out.say(l.place(i), severity, "not-expanded",
			"%s is not replaced, for keepalived does so only before a blank, a comma, a ) or the end of the line: write ${%s}", written, d.name)
		if !inside {
			l = l.exact()
			l.muted = true
		}
	case r.braces && !inside:
		hint := ""
		if guess := f.meant(r.name, config.Error); guess != "" {
			hint = ": did you mean ${" + guess + "}?"
		}
		f.out.say(l.place(i), config.Error, "undefined-name", "%s is not defined%s", written, hint)
		// Its braces would be those of a block, and one mistake many.
		l.runs = slices.Clone(l.exact().runs)
		l = l.replace(i, r.end, "$"+r.name, &definition{name: r.name})
		l.muted = true
		return l, i + len(r.name)
	case len(f.defined) > 0:
		if guess := f.meant(r.name, config.Warning); guess != "" {
			f.out.say(l.place(i), config.Warning, "undefined-name",
				"%s is not defined and stays as it is, as in keepalived: did you mean ${%s}?", written, guess)
		}
	}
	return l, r.end - 1
}

// The bounds of the search for what a name was meant to be, which costs the
// more the more names there are.
const (
	mostGuesses = 1000
	mostGuessed = 1000
)

// meant returns the defined name that an undefined one is most likely meant
// to be, or "", also when there are too many to look at.
func (f *feed) meant(name string, s config.Severity) string {
	if f.guesses >= mostGuesses || len(f.defined) > mostGuessed || f.out.full(s, "undefined-name") {
		return ""
	}
	f.guesses++
	return config.Nearest(name, f.names())
}

// names returns the names that are defined.
func (f *feed) names() []string {
	names := make([]string, 0, len(f.defined))
	for name := range f.defined {
		names = append(names, name)
	}
	// The first of equals is the nearest.
	slices.Sort(names)
	return names
}
