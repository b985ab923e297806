package keepalived

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/moonkeep/moonkeep/config"
)

// pos is a place in the text of all files of one reading: the file's base
// plus a byte offset. It is turned into line and column only when something
// is said about it.
type pos int

// file is one text.
type file struct {
	name string
	// base is the pos of the first byte; the files' ranges do not overlap.
	base pos
	text string
	// lines holds the offset at which each line begins.
	lines []int
}

// newFile finds the lines of text.
func newFile(name, text string, base pos) *file {
	f := &file{name: name, base: base, text: text}
	f.lines = make([]int, 1, 16+len(text)/24)
	for at := 0; ; {
		n := strings.IndexByte(text[at:], '\n')
		if n < 0 {
			return f
		}
		at += n + 1
		f.lines = append(f.lines, at)
	}
}

// end is the pos behind the last byte.
func (f *file) end() pos { return f.base + pos(len(f.text)) }

// line returns the number, from 1, of the line that p is on.
func (f *file) line(p pos) int {
	off := int(p - f.base)
	i, found := slices.BinarySearch(f.lines, off)
	if found {
		return i + 1
	}
	return i
}

// position returns p for a reader: columns count characters.
func (f *file) position(p pos) config.Position {
	off := min(max(int(p-f.base), 0), len(f.text))
	line := f.line(f.base + pos(off))
	start := f.lines[line-1]
	return config.Position{File: f.name, Line: line, Column: utf8.RuneCountInString(f.text[start:off]) + 1}
}
