package keepalived

import (
	"strings"
	"unicode/utf8"

	"github.com/moonkeep/moonkeep/config"
)

// pos is a place in the text of all files of one reading: the file's base
// plus a byte offset. It is turned into line and column only when something
// is said about it.
type pos int

// chunk is the distance of the places at which a file's lines are counted.
const chunk = 4096

// file is one text.
type file struct {
	name string
	// base is the pos of the first byte; the files' ranges do not overlap.
	base pos
	text string
	// before holds the number of line ends before each chunk.
	before []int32
	// lines is the number of lines.
	lines int
}

// newFile counts the lines of text.
func newFile(name, text string, base pos) *file {
	f := &file{name: name, base: base, text: text, before: make([]int32, 0, len(text)/chunk+1)}
	for at := 0; at <= len(text); at += chunk {
		f.before = append(f.before, int32(f.lines))
		f.lines += strings.Count(text[at:min(at+chunk, len(text))], "\n")
	}
	f.lines++
	return f
}

// end is the pos behind the last byte.
func (f *file) end() pos { return f.base + pos(len(f.text)) }

// line returns the number, from 1, of the line that p is on.
func (f *file) line(p pos) int {
	off := f.offset(p)
	return int(f.before[off/chunk]) + strings.Count(f.text[off/chunk*chunk:off], "\n") + 1
}

// offset is p within the text.
func (f *file) offset(p pos) int { return min(max(int(p-f.base), 0), len(f.text)) }

// position returns p for a reader: columns count characters.
func (f *file) position(p pos) config.Position {
	head := f.text[:f.offset(p)]
	start := strings.LastIndexByte(head, '\n') + 1
	return config.Position{File: f.name, Line: f.line(p), Column: utf8.RuneCountInString(head[start:]) + 1}
}
