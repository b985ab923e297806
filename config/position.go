package config

import (
	"cmp"
	"fmt"
	"strings"
	"sync/atomic"
)

// Position is a place in a file; lines and columns count from 1, and columns
// count characters. The zero value means no particular place. A configuration of
// tens of thousands of real servers has hundreds of thousands, so it is small.
// Two that are equal by == are the same place, but one place may have several:
// see Spot.
type Position struct {
	part         *Part
	line, column int32
}

// Part is a part of a file that is read, and moves, as a whole: a file, or a block
// of it that is taken over when the file is read again. Then it may stand on other
// lines, and all positions in it follow. It may be used by several goroutines.
type Part struct {
	file string
	// above is the number of lines of the file that stand above it.
	above atomic.Int32
	// text is what is known of it, settled whether it may be taken over.
	text    Text
	settled bool
}

// Text is what the reader of a file keeps of the text of a block, from its first
// word to the end of the line that it ends on, to find it again.
type Text struct {
	// Head is the sum of the first line, All that of the whole.
	Head, All Sum
	// Size is its length in bytes, and Brace where the last brace stands in it.
	Size, Brace int32
	// Statements, Words and Blocks are how many of these are in it.
	Statements, Words, Blocks int32
}

// Sum tells texts apart.
type Sum [16]byte

// NewPart returns a part of a file, which begins with its first line.
func NewPart(file string) *Part { return &Part{file: strings.Clone(file)} }

// SetText is for the reader of the configuration, as Settle is, before anybody else
// has it.
func (p *Part) SetText(t Text) { p.text = t }

// Text is what SetText was given, zero without.
func (p *Part) Text() Text { return p.text }

// Settle has a block whose text is known be taken over where that is found again.
func (p *Part) Settle() { p.settled = p.text != (Text{}) }

// Settled reports whether it is taken over. The part may be nil.
func (p *Part) Settled() bool { return p != nil && p.settled }

// At is a place in the part: line 1 is its first. Line 0 is no particular one. A
// file has at most 64 MiB (load.MaxSize).
func (p *Part) At(line, column int) Position {
	return Position{part: p, line: int32(line), column: int32(column)}
}

// Move has so many lines stand above the part.
func (p *Part) Move(above int) { p.above.Store(int32(above)) }

// NewPosition is a place in a file. Who makes many of one file makes a Part.
func NewPosition(file string, line, column int) Position { return NewPart(file).At(line, column) }

// Part is what the place is in; nil for the zero value.
func (p Position) Part() *Part { return p.part }

// File is the path of the file, empty when there is none.
func (p Position) File() string {
	if p.part == nil {
		return ""
	}
	return p.part.file
}

// Line is the number of the line, 0 when it is the file as a whole that is meant.
func (p Position) Line() int {
	if p.part == nil || p.line == 0 {
		return 0
	}
	return int(p.part.above.Load() + p.line)
}

// Column is the number of the character on its line.
func (p Position) Column() int { return int(p.column) }

// Behind is the place at another column of the same line.
func (p Position) Behind(column int) Position {
	p.column = int32(column)
	return p
}

// Spot is a place in a file, the same for all positions that mean it.
type Spot struct {
	File         string
	Line, Column int
}

// Spot returns the place by itself.
func (p Position) Spot() Spot { return Spot{p.File(), p.Line(), p.Column()} }

// Equal reports whether both are the same place.
func (p Position) Equal(o Position) bool { return p.Spot() == o.Spot() }

// Compare orders places by file, line and column.
func (p Position) Compare(o Position) int {
	return cmp.Or(cmp.Compare(p.File(), o.File()), cmp.Compare(p.Line(), o.Line()), cmp.Compare(p.Column(), o.Column()))
}

// String renders FILE:LINE:COLUMN.
func (p Position) String() string {
	switch {
	case p.File() == "":
		return "-"
	case p.Line() == 0:
		return p.File()
	}
	return fmt.Sprintf("%s:%d:%d", p.File(), p.Line(), p.Column())
}
