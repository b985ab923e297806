package source

import (
	"unicode/utf8"

	"github.com/moonkeep/moonkeep/config"
)

// kind is what a value is in its file.
type kind uint8

const (
	kindNull kind = iota
	kindText
	kindInt
	kindFloat
	kindBool
	kindOther // a date, a tagged value: nothing that the schema has a use for
	kindList
	kindTable
)

// String says it for messages.
func (k kind) String() string {
	switch k {
	case kindNull:
		return "nothing"
	case kindText:
		return "text"
	case kindInt:
		return "a number"
	case kindFloat:
		return "a number with a fraction"
	case kindBool:
		return "true or false"
	case kindList:
		return "a list"
	case kindTable:
		return "a table of keys"
	}
	return "a value of another type"
}

// value is one value of a file, the same whatever the file's language.
type value struct {
	at   config.Position
	kind kind
	// text is a scalar as written, without quotes and with escapes resolved.
	text   string
	items  []*value // of a list
	fields []field  // of a table, in order; keys are unique
	// reference is what the text had to be taken from the environment for,
	// "${NAME}"; messages show it in place of the text. Loose says that the
	// reference was the whole, so that the text may stand for a number or a
	// boolean too.
	reference string
	loose     bool
}

// field is one key of a table.
type field struct {
	key   string
	at    config.Position
	value *value
}

// get returns the field with this key, or nil.
func (v *value) get(key string) *field {
	for i := range v.fields {
		if v.fields[i].key == key {
			return &v.fields[i]
		}
	}
	return nil
}

// The bounds of a tree. They keep a small file, with many YAML aliases or of
// nothing but brackets, from becoming a large tree, and the recursion over any
// tree short. The schema nests a tenth as deep, and a file at load's limit of
// size that means something has fewer values.
const (
	maxValues = 500_000
	maxDepth  = 64
)

// lines finds positions from byte offsets.
type lines struct {
	file *config.Part
	data []byte
	// starts are the offsets at which lines start.
	starts []int
	// The last answer: the next is mostly on the same line, further right,
	// so that a file of one long line costs no more than others.
	last struct{ line, offset, column int }
}

func newLines(file string, data []byte) *lines {
	l := &lines{file: config.NewPart(file), data: data, starts: []int{0}}
	for i, c := range data {
		if c == '\n' {
			l.starts = append(l.starts, i+1)
		}
	}
	return l
}

// at returns the position of a byte offset.
func (l *lines) at(offset int) config.Position {
	offset = min(max(offset, 0), len(l.data))
	// The largest line that starts at or before the offset.
	low, high := 0, len(l.starts)
	for high-low > 1 {
		if mid := (low + high) / 2; l.starts[mid] <= offset {
			low = mid
		} else {
			high = mid
		}
	}
	from, column := l.starts[low], 1
	if l.last.line == low+1 && l.last.offset <= offset {
		from, column = l.last.offset, l.last.column
	}
	column += utf8.RuneCount(l.data[from:offset])
	l.last.line, l.last.offset, l.last.column = low+1, offset, column
	return l.file.At(low+1, column)
}
