package metrics

import (
	"hash/maphash"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// kind is what the values of a family are, in the format's words.
type kind string

const (
	gauge     kind = "gauge"
	counter   kind = "counter"
	histogram kind = "histogram"
)

// collection is what was measured, by names. It is written as it is found: a director
// with tens of thousands of real servers has most of a million series, each of which
// Prometheus' own client holds in a kilobyte before it writes it.
type collection struct {
	families map[string]*family
	// series are hashes of those that there are: one that comes twice, of two things that
	// the configuration gives one name, is left out the second time.
	series map[uint64]struct{}
	seed   maphash.Seed
	// line and order are scratch.
	line  []byte
	order []int
}

func newCollection() *collection {
	return &collection{families: map[string]*family{}, series: map[uint64]struct{}{}, seed: maphash.MakeSeed()}
}

// family is the text of what has one name, in pieces.
type family struct {
	value  kind
	pieces [][]byte
}

// The first piece has room for what most families have, further ones for some
// hundreds of series.
const firstPiece, nextPiece = 512, 64 << 10

func (f *family) write(line []byte) {
	n := len(f.pieces)
	if n == 0 || cap(f.pieces[n-1])-len(f.pieces[n-1]) < len(line) {
		size := nextPiece
		if n == 0 {
			size = firstPiece
		}
		f.pieces = append(f.pieces, make([]byte, 0, max(size, len(line))))
		n++
	}
	f.pieces[n-1] = append(f.pieces[n-1], line...)
}

// family returns that of a name. The first one's help and kind count.
func (c *collection) family(name, help string, value kind) *family {
	f := c.families[name]
	if f == nil {
		f = &family{value: value}
		c.families[name] = f
		line := appendEscaped(append(append(append(c.line[:0], "# HELP "...), name...), ' '), help, "\\\n")
		line = append(append(append(append(line, "\n# TYPE "...), name...), ' '), value...)
		c.line = append(line, '\n')
		f.write(c.line)
	}
	return f
}

// put adds a series; labels are name, value, name, value, in any order.
func (c *collection) put(name, help string, value kind, v float64, labels ...string) {
	c.sample(c.family(name, help, value), name, v, labels...)
}

// sample is put for a family; a histogram's series have names of their own.
func (c *collection) sample(f *family, name string, v float64, labels ...string) {
	line := append(c.line[:0], name...)
	c.order = order(c.order[:0], labels)
	for i, at := range c.order {
		line = append(line, "{,"[min(i, 1)])
		line = append(append(line, labels[at]...), '=', '"')
		line = append(appendEscaped(line, labels[at+1], "\\\n\""), '"')
	}
	if len(labels) > 0 {
		line = append(line, '}')
	}
	c.line = line
	at := maphash.Bytes(c.seed, line)
	if _, twice := c.series[at]; twice {
		return
	}
	c.series[at] = struct{}{}
	c.line = append(strconv.AppendFloat(append(line, ' '), v, 'g', -1, 64), '\n')
	f.write(c.line)
}

// order writes where the labels begin, in the order of their names. They are few.
func order(to []int, labels []string) []int {
	for i := 0; i < len(labels); i += 2 {
		to = append(to, i)
		for k := len(to) - 1; k > 0 && labels[to[k]] < labels[to[k-1]]; k-- {
			to[k], to[k-1] = to[k-1], to[k]
		}
	}
	return to
}

// appendEscaped appends a text as the format has it, with a backslash before what is among
// special.
func appendEscaped(to []byte, text, special string) []byte {
	if !strings.ContainsAny(text, special) {
		return append(to, strings.ToValidUTF8(text, "\uFFFD")...)
	}
	for _, r := range text { // what is no UTF-8 is U+FFFD here
		switch {
		case !strings.ContainsRune(special, r):
			to = append(to, string(r)...)
		case r == '\n':
			to = append(to, '\\', 'n')
		default:
			to = append(to, '\\', byte(r))
		}
	}
	return to
}

// text is all of it, by names.
func (c *collection) text() []byte {
	size := 0
	for _, f := range c.families {
		for _, p := range f.pieces {
			size += len(p)
		}
	}
	out := make([]byte, 0, size)
	for _, name := range slices.Sorted(maps.Keys(c.families)) {
		for _, p := range c.families[name].pieces {
			out = append(out, p...)
		}
		delete(c.families, name)
	}
	return out
}
