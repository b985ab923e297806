package keepalived

import (
	"fmt"
	"sort"
	"strings"
	"unicode/utf8"

	"github.com/moonkeep/moonkeep/config"
)

// pos is a place in what one reading has read, in the order of reading: the
// text of all files, an included one where its include stands, and behind a
// line that was expanded what became of it. So positions compare as the text
// is understood. It is turned into a file, line and column only when
// something is said about it. There are half a million; mostBytes and usualBounds
// keep the last one far below what it can hold.
type pos int32

// chunk is the distance of the places at which a file's lines are counted.
const chunk = 4096

// file is one text.
type file struct {
	name string
	text string
	// part is the file as that which positions are in.
	part *config.Part
	// before holds the number of line ends before each chunk.
	before []int32
}

// newFile counts the lines of text.
func newFile(name, text string) *file {
	f := &file{name: name, text: text, part: config.NewPart(name), before: make([]int32, 0, len(text)/chunk+1)}
	lines := 0
	for at := 0; at <= len(text); at += chunk {
		f.before = append(f.before, int32(lines))
		lines += strings.Count(text[at:min(at+chunk, len(text))], "\n")
	}
	return f
}

// line returns the number, from 1, of the line of a byte offset.
func (f *file) line(off int) int {
	return int(f.before[off/chunk]) + strings.Count(f.text[off/chunk*chunk:off], "\n") + 1
}

// position returns an offset for a reader: columns count characters.
func (f *file) position(off int) config.Position {
	off = min(max(off, 0), len(f.text))
	start := strings.LastIndexByte(f.text[:off], '\n') + 1
	return f.part.At(f.line(off), utf8.RuneCountInString(f.text[start:off])+1)
}

// run says where a part of an expanded line was written: from byte at on, it
// was written at byte off of the file. A part that a reference was replaced
// by has all its bytes there, and of names the reference; of is nil for a
// part that stands in the file as it is.
type run struct {
	at, off int
	of      *definition
}

// span is a part of what was read: of a file, or an expanded line.
type span struct {
	base pos
	text string
	file *file
	// off is where text stands in the file, unless runs say it in detail.
	off  int
	runs []run
	// loops are the repetitions that the line is of.
	loops *loop
	// muted says that a mistake in the line has been reported, from which
	// others follow.
	muted bool
}

// source is all that one reading has read.
type source struct {
	main  *file
	files []*file
	spans paged[span]
	// next is the pos behind everything.
	next pos
	// dropped are the parts that are not themselves text of the
	// configuration: directives, and lines of which the expansion follows.
	dropped []extent
	// includes are Config.Includes, each pattern once.
	includes []config.Include
}

// extent is from one pos up to another.
type extent struct{ from, to pos }

// newSource makes a source whose first file is main.
func newSource(main *file) *source { return &source{main: main, files: []*file{main}} }

// names returns the names of the files, in the order of reading.
func (s *source) names() []string {
	names := make([]string, len(s.files))
	for i, f := range s.files {
		names[i] = f.name
	}
	return names
}

// plain takes in the part of a file from one offset to another, as it is.
func (s *source) plain(f *file, from, to int) pos {
	at := s.next
	s.next += pos(to - from)
	if n := s.spans.len(); n > 0 {
		if last := s.spans.at(n - 1); last.file == f && last.runs == nil && last.off+len(last.text) == from {
			last.text = f.text[last.off:to]
			return at
		}
	}
	s.spans.add(span{base: at, text: f.text[from:to], file: f, off: from})
	return at
}

// expanded takes in a line that stands in no file like this.
func (s *source) expanded(l line) pos {
	at := s.next
	s.spans.add(span{base: at, text: l.text, file: l.file, runs: l.runs, loops: l.loops, muted: l.muted})
	s.next += pos(len(l.text) + 1)
	return at
}

// drop marks the text from one pos up to another as no text of the
// configuration.
func (s *source) drop(e extent) {
	if n := len(s.dropped); n > 0 && s.dropped[n-1].to >= e.from {
		// It follows, or it is the same once more.
		s.dropped[n-1].to = max(s.dropped[n-1].to, e.to)
		return
	}
	s.dropped = append(s.dropped, e)
}

// span returns the span that p lies in, nil at the end.
func (s *source) span(p pos) *span {
	if p >= s.next || s.spans.len() == 0 {
		return nil
	}
	i := sort.Search(s.spans.len(), func(i int) bool { return s.spans.at(i).base > p })
	return s.spans.at(max(i-1, 0))
}

// slice returns the text between two places on one line.
func (s *source) slice(from, to pos) string {
	sp := s.span(from)
	return sp.text[from-sp.base : to-sp.base]
}

// end is the pos behind the last byte.
func (s *source) end() pos { return s.next }

// place is where a byte was written, and by which expansions it came to be.
type place struct {
	file *file
	off  int
	// of is the reference that it replaced a part of, loops what it repeats.
	of    *definition
	loops *loop
	// expanded says that the line stands in no file as it is.
	expanded bool
	muted    bool
}

// place returns where p was written.
func (s *source) place(p pos) place {
	sp := s.span(p)
	if sp == nil {
		return place{file: s.main, off: len(s.main.text)}
	}
	return placed(sp.file, sp.off, sp.runs, sp.loops, sp.muted, int(p-sp.base))
}

// placed returns where byte i of a line was written.
func placed(f *file, off int, runs []run, loops *loop, muted bool, i int) place {
	p := place{file: f, off: off + i, loops: loops, expanded: runs != nil, muted: muted}
	if runs == nil {
		return p
	}
	r := runAt(runs, i)
	p.off, p.of = r.off, r.of
	if r.of == nil {
		p.off += i - r.at
	}
	return p
}

// runAt returns the run that byte i of a line belongs to.
func runAt(runs []run, i int) run {
	k := sort.Search(len(runs), func(k int) bool { return runs[k].at > i })
	return runs[max(k-1, 0)]
}

// position returns the place for a reader.
func (p place) position() config.Position { return p.file.position(p.off) }

// origin says what expansion the byte comes from, or is "".
func (p place) origin() string {
	names := p.loops.names(nil)
	if p.of != nil {
		name := "$" + p.of.name
		if p.of.file != nil {
			name += " of " + lineOf(p.of.file.position(p.of.lines[0].off), p.file.name)
		}
		names = append(names, name)
	}
	if len(names) == 0 {
		return ""
	}
	return "in the expansion of " + strings.Join(names, ", ")
}

// position returns where p was written. For a part of an expanded line that
// is the reference it came from.
func (s *source) position(p pos) config.Position { return s.place(p).position() }

// line names the line of p in a message about a place in the same file.
func (s *source) line(p, here pos) string {
	return lineOf(s.position(p), s.position(here).File())
}

// lineOf names a line in a message about a place in the file called here.
func lineOf(at config.Position, here string) string {
	if at.File() == here {
		return fmt.Sprintf("line %d", at.Line())
	}
	return fmt.Sprintf("line %d of %s", at.Line(), at.File())
}

// edit is a part of the text to be replaced.
type edit struct {
	extent
	text string
}

// render returns the whole configuration as one text, in which nothing is
// left to include or to expand. A file that has no directives comes back byte
// by byte, but for the edits, which are in order.
func (s *source) render(edits []edit) string {
	cuts := make([]edit, 0, len(edits)+len(s.dropped))
	for _, d := range s.dropped {
		for len(edits) > 0 && edits[0].from < d.from {
			cuts, edits = append(cuts, edits[0]), edits[1:]
		}
		cuts = append(cuts, edit{extent: d})
	}
	cuts = append(cuts, edits...)
	var b strings.Builder
	for i := range s.spans.len() {
		sp := s.spans.at(i)
		text := func(from, to pos) string {
			if sp.runs != nil {
				return protected(sp.text[from-sp.base : to-sp.base])
			}
			return sp.text[from-sp.base : to-sp.base]
		}
		at, end := sp.base, sp.base+pos(len(sp.text))
		for len(cuts) > 0 && cuts[0].from < end {
			c := cuts[0]
			if c.from >= at {
				b.WriteString(text(at, c.from))
				b.WriteString(c.text)
			}
			at = min(max(at, c.to), end)
			if c.to > end {
				break
			}
			cuts = cuts[1:]
		}
		b.WriteString(text(at, end))
		// The next span is another line, even if a file ends without one.
		if sp.runs != nil || i+1 < s.spans.len() && !strings.HasSuffix(sp.text, "\n") {
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// protected keeps the # and ! of an expanded line from beginning a comment
// when the line is read again.
func protected(text string) string {
	if strings.IndexByte(text, '#') < 0 && strings.IndexByte(text, '!') < 0 {
		return text
	}
	var b strings.Builder
	inside := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && i+1 < len(text):
			b.WriteByte(c)
			i++
			b.WriteByte(text[i])
			continue
		case c == '"':
			inside = !inside
		case c == '#' && !inside:
			b.WriteString("${_HASH}")
			continue
		case c == '!' && !inside:
			b.WriteString("${_BANG}")
			continue
		}
		b.WriteByte(text[i])
	}
	return b.String()
}
