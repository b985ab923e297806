package keepalived

import (
	"path/filepath"
	"strings"

	"github.com/moonkeep/moonkeep/config"
)

// bounds are those of what directives may make of a text, so that a few lines
// cannot exhaust memory or time.
type bounds struct {
	// lines bounds the lines of definitions and turns of repetitions, bytes
	// the text that comes of them, references those that are replaced, in one
	// reading.
	lines, bytes, references int
}

// usualBounds are far above what a large site has: the 65,024 instances that
// keepalived's manual makes of one line are a million lines.
func usualBounds() bounds { return bounds{lines: 1_200_000, bytes: 64 << 20, references: 2_500_000} }

// The bounds of what stands within each other, and of single things.
const (
	// mostDefined bounds the text of one definition.
	mostDefined = 1 << 20
	// mostReadings bounds what is begun and not ended at one time: files,
	// definitions and repetitions within each other.
	mostReadings = 200
	// mostIncluded bounds files within files, mostFiles all of them.
	mostIncluded = 32
	mostFiles    = 10_000
)

// reading is something that lines are still to come from: a file, the lines
// of a definition, a repetition. Of several, the last one begun is read
// first.
type reading interface {
	// next returns the next line, or more false at the end. The line is empty
	// when something else was begun, which comes first.
	next(f *feed) (l line, more bool)
}

// feed yields the lines of a configuration to the lexer, with all that
// keepalived does to them before it looks at words:
// files included, @NAME decided, definitions expanded, ~SEQ and ~LST repeated.
type feed struct {
	src   *source
	out   *report
	files Files
	opts  Options
	most  bounds
	// readings are the open ones, the innermost last.
	readings []reading
	defined  map[string]*definition
	// cache holds the files that were read, by path: each is read once.
	cache map[string]*file
	// noted are the patterns that are among the source's includes.
	noted map[string]bool
	// expanded counts the lines of definitions and the turns of repetitions,
	// bytes the text that comes of them, expansions references, included
	// files.
	expanded, bytes, expansions, included int
	// guesses counts the names that were looked up for a hint.
	guesses int
	// ended says that a bound was met: nothing more is read.
	ended bool
	// nuls counts the lines that hold a NUL byte; firstNul is in the first.
	nuls     int
	firstNul pos
}

// newFeed makes a feed that has nothing to read yet.
func newFeed(src *source, out *report, files Files, opts Options) *feed {
	most := usualBounds()
	if opts.bounds != nil {
		most = *opts.bounds
	}
	return &feed{src: src, out: out, files: files, opts: opts, most: most, defined: map[string]*definition{}, cache: map[string]*file{}, noted: map[string]bool{}}
}

// next returns the next line that words are on, and where it is.
func (f *feed) next() (text string, at pos, ok bool) {
	for len(f.readings) > 0 && !f.ended {
		l, more := f.readings[len(f.readings)-1].next(f)
		if !more {
			f.readings = f.readings[:len(f.readings)-1]
			continue
		}
		if l.text == "" {
			continue
		}
		if l.runs != nil && !f.count(l) {
			break
		}
		if f.out.hopeless() {
			f.stop(l.place(0), "the configuration has more than %d errors", mostErrors)
			break
		}
		if plainLine(l) {
			return l.text, l.whole.from + pos(l.off-l.start), true
		}
		left, ok := f.direct(l)
		if ok && left.runs == nil {
			return left.text, l.whole.from + pos(left.off-left.start), true
		}
		f.src.drop(l.whole)
		if ok {
			f.bytes += len(left.text)
			return left.text, f.src.expanded(left), true
		}
	}
	if f.nuls > 0 {
		f.out.error(f.firstNul, "nul-byte",
			"%d lines hold a NUL byte and are ignored, as by keepalived; this is not a plain text file", f.nuls)
		f.nuls = 0
	}
	return "", 0, false
}

// begin puts something to be read before everything else.
func (f *feed) begin(r reading, at place) {
	if len(f.readings) >= mostReadings {
		f.stop(at, "more than %d files, definitions and repetitions stand within each other", mostReadings)
		return
	}
	f.readings = append(f.readings, r)
}

// count holds the bounds of what expansion makes, before one more line of it.
func (f *feed) count(l line) bool {
	f.expanded++
	switch {
	case f.expanded > f.most.lines:
		f.stop(l.place(0), "the configuration has more than %d lines when it is expanded", f.most.lines)
	case f.bytes > f.most.bytes:
		f.stop(l.place(0), "the configuration has more than %d bytes when it is expanded", f.most.bytes)
	}
	return !f.ended
}

// stop ends the reading because a bound is met.
func (f *feed) stop(at place, format string, args ...any) {
	if !f.ended {
		f.ended = true
		f.out.say(at, config.Error, "expansion-too-large", format+"; what follows is not read", args...)
	}
}

// plainLine reports, at a glance, that a line has no directive: almost all
// lines of almost all files.
func plainLine(l line) bool {
	if l.runs != nil || l.rest != nil || len(l.text) > lineLimit || l.text[len(l.text)-1] == '\\' {
		return false
	}
	switch l.text[0] {
	case '@', '~':
		return false
	case 'i':
		if _, ok := includeWord(l.text); ok {
			return false
		}
	}
	return strings.IndexByte(l.text, '$') < 0 && behindBrace(l.text) < 0
}

// direct does what the directives of a line say. It returns the line that is
// left of it, if any, with all references replaced.
func (f *feed) direct(l line) (line, bool) {
	for l.text != "" {
		switch l.text[0] {
		case '@':
			// A second tag is a word, as in keepalived.
			if l.tagged {
				break
			}
			n := strings.IndexAny(l.text, blankBytes)
			if n < 0 {
				n = len(l.text)
			}
			if !f.holds(l.text[1:n]) {
				if len(l.rest) > 0 {
					f.out.say(l.place(0), config.Warning, "conditional-definition",
						"keepalived skips only the first line of this definition of several lines and reads the others as configuration; here all of it is skipped. Put it in a file of its own and include that")
				}
				return line{}, false
			}
			l = l.cut(n)
			l.tagged = true
			continue
		case '$':
			if name, value, ok := assignment(l.text); ok {
				f.define(name, value, l)
				return line{}, false
			}
		case '~':
			if word, ok := repeatWord(l.text); ok {
				f.repeat(word, l)
				return line{}, false
			}
		case 'i':
			if word, ok := includeWord(l.text); ok {
				if l, ok = f.expand(l); ok {
					f.include(word, l)
				}
				return line{}, false
			}
		}
		if len(l.text) > lineLimit {
			f.tooLong(l)
			return line{}, false
		}
		if n := behindBrace(l.text); n > 0 {
			l = l.exact()
			f.begin(&remainder{lines: []line{l.cut(n)}}, l.place(n))
			l = l.head(n)
		}
		before := f.expansions
		var ok bool
		if l, ok = f.expand(l); !ok {
			return line{}, false
		}
		if f.expansions == before {
			break
		}
	}
	if strings.HasSuffix(l.text, `\`) {
		f.out.say(l.place(len(l.text)-1), config.Warning, "stray-continuation",
			`a \ at the end of a line continues only a definition, in keepalived too: it is ignored, and the next line stands by itself`)
		l.text = strings.TrimRight(l.text, blankBytes+`\`)
	}
	return l, l.text != ""
}

// tooLong reports a line that keepalived would ignore.
func (f *feed) tooLong(l line) {
	f.out.say(l.place(0), config.Error, "line-too-long",
		"the line has %d bytes: keepalived ignores lines of more than %d; divide it", len(l.text), lineLimit)
}

// holds reports whether a line that begins with @tag is for this node.
func (f *feed) holds(tag string) bool {
	if name, not := strings.CutPrefix(tag, "^"); not {
		return name != f.opts.ConfigID
	}
	return tag == f.opts.ConfigID
}

// behindBrace returns where a directive begins that stands behind a brace,
// or -1: keepalived takes what follows a brace for a line of its own
// .
func behindBrace(text string) int {
	if strings.IndexByte(text, '{') < 0 && strings.IndexByte(text, '}') < 0 {
		return -1
	}
	inside := false
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			inside = !inside
		case '$':
			// The braces of a reference are none of the configuration.
			if r, ok := referenceAt(text, i); ok {
				i = r.end - 1
			}
		case '{', '}':
			if inside {
				continue
			}
			n := i + 1 + blanks(text[i+1:])
			if n < len(text) && directive(text[n:]) {
				return n
			}
		}
	}
	return -1
}

// directive reports whether a line begins like one.
func directive(text string) bool {
	ok := false
	switch text[0] {
	case '@':
		ok = true
	case '~':
		_, ok = repeatWord(text)
	case '$':
		_, _, ok = assignment(text)
	case 'i':
		_, ok = includeWord(text)
	}
	return ok
}

// remainder is lines that are known: the rest of a definition of several lines,
// or what stands behind a brace.
type remainder struct{ lines []line }

func (r *remainder) next(*feed) (line, bool) {
	if len(r.lines) == 0 {
		return line{}, false
	}
	l := r.lines[0]
	r.lines = r.lines[1:]
	return l, true
}

// document is an open file.
type document struct {
	file *file
	// off is where the next line begins.
	off int
	// checks are those of include that count in this file.
	checks checks
}

// open begins a file, behind the byte order mark that some editors write.
func (f *feed) open(text *file, c checks, at place) {
	const mark = "\ufeff"
	d := &document{file: text, checks: c}
	if strings.HasPrefix(text.text, mark) {
		d.off = len(mark)
		if from := f.src.plain(text, 0, d.off); from > 0 {
			f.src.drop(extent{from, f.src.next})
		}
	}
	f.begin(d, at)
}

// document returns the file that is being read.
func (f *feed) document() *document {
	for i := len(f.readings) - 1; i >= 0; i-- {
		if d, ok := f.readings[i].(*document); ok {
			return d
		}
	}
	return nil
}

// folder is where the files stand that this one names without a path.
func (d *document) folder() string { return filepath.Dir(d.file.name) }

// next returns the next line of the file that has something on it, a
// definition with all its lines.
func (d *document) next(f *feed) (line, bool) {
	for d.off < len(d.file.text) {
		raw, start := d.physical()
		code := uncomment(raw)
		from := f.src.plain(d.file, start, d.off)
		code = trimmed(code)
		n := blanks(code)
		l := line{text: code[n:], file: d.file, off: start + n, start: start, whole: extent{from, f.src.next}}
		if strings.IndexByte(code, 0) >= 0 {
			if f.nuls++; f.nuls == 1 {
				f.firstNul = from + pos(strings.IndexByte(code, 0))
			}
			continue
		}
		if l.text == "" {
			continue
		}
		if len(l.text) > lineLimit {
			f.tooLong(l)
			continue
		}
		if continues(raw, l.text) && defines(l.text) {
			l = d.continued(f, l)
			l.whole.to = f.src.next
		}
		return l, true
	}
	return line{}, false
}

// physical returns the next line of the file and where it begins.
func (d *document) physical() (raw string, start int) {
	start = d.off
	raw = d.file.text[start:]
	if n := strings.IndexByte(raw, '\n'); n >= 0 {
		d.off = start + n + 1
		return raw[:n], start
	}
	d.off = len(d.file.text)
	return raw, start
}

// continues reports whether a definition goes on behind a line: at a
// backslash behind its text or, as in keepalived, behind its comment.
func continues(raw, code string) bool {
	if strings.IndexByte(raw, '\\') < 0 {
		return false
	}
	return strings.HasSuffix(code, `\`) || strings.HasSuffix(strings.TrimRight(raw, blankBytes), `\`)
}

// continued reads the further lines of a definition.
func (d *document) continued(f *feed, l line) line {
	l.text = strings.TrimRight(strings.TrimSuffix(l.text, `\`), blankBytes)
	size := len(l.text)
	for more := true; more && d.off < len(d.file.text); {
		raw, start := d.physical()
		at := f.src.plain(d.file, start, d.off)
		code := strings.TrimRight(uncomment(raw), blankBytes)
		code = code[blanks(code):]
		if code == "" {
			if more = strings.TrimRight(raw, blankBytes) != ""; more {
				f.out.warn(at, "definition-gap", "a comment between the lines of a definition: one process of keepalived reads on behind it, another ends the definition here; move it in front of the definition")
			} else {
				f.out.warn(at, "definition-gap", `an empty line ends the definition, as in keepalived, although the line before it ends in \`)
			}
			continue
		}
		more = continues(raw, code)
		code = strings.TrimRight(strings.TrimSuffix(code, `\`), blankBytes)
		if size += len(code) + 1; size > mostDefined {
			f.stop(l.place(0), "the definition has more than %d KiB", mostDefined>>10)
			break
		}
		l.rest = append(l.rest, part{code, start + blanks(raw)})
	}
	if l.rest == nil {
		l.rest = []part{}
	}
	return l
}
