package metrics

import (
	"bytes"
	"fmt"
	"hash/maphash"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
)

// measurement is the text of one of moonkeep's own measurements, in pieces.
//
// The library takes a kilobyte for a series until it is written. A director with tens of
// thousands of real servers has most of a million, which are written as they are found.
type measurement struct{ pieces [][]byte }

// The first piece has room for what most families have, further ones for some
// hundreds of series.
const firstPiece, nextPiece = 512, 64 << 10

func (f *measurement) write(line []byte) {
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

// put adds a sample; labels are name, value, name, value, in any order.
func (c *collection) put(name, help string, value prometheus.ValueType, v float64, labels ...string) {
	f := c.own[name]
	if f == nil {
		f = &measurement{}
		c.own[name], c.seen[name] = f, kind{value, help}
		word := "gauge"
		if value == counter {
			word = "counter"
		}
		f.write(fmt.Appendf(nil, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, word))
	}
	line := append(c.line[:0], name...)
	c.order = order(c.order[:0], labels)
	for i, at := range c.order {
		line = append(line, "{,"[min(i, 1)])
		line = append(append(line, labels[at]...), '=', '"')
		line = append(appendEscaped(line, labels[at+1]), '"')
	}
	if len(labels) > 0 {
		line = append(line, '}')
	}
	c.line = line
	at := maphash.Bytes(c.seed, line)
	if _, twice := c.hashes[at]; twice {
		return
	}
	c.hashes[at] = struct{}{}
	c.line = append(strconv.AppendFloat(append(line, ' '), v, 'g', -1, 64), '\n')
	f.write(c.line)
}

// order writes where the labels begin, in the order of their names, as the library writes
// them. They are few.
func order(to []int, labels []string) []int {
	for i := 0; i < len(labels); i += 2 {
		to = append(to, i)
		for k := len(to) - 1; k > 0 && labels[to[k]] < labels[to[k-1]]; k-- {
			to[k], to[k-1] = to[k-1], to[k]
		}
	}
	return to
}

// appendEscaped appends the value of a label as the format has it.
func appendEscaped(to []byte, value string) []byte {
	if !strings.ContainsAny(value, "\\\n\"") {
		return append(to, strings.ToValidUTF8(value, "\uFFFD")...)
	}
	for _, r := range value { // what is no UTF-8 is U+FFFD here
		switch r {
		case '\\', '"':
			to = append(to, '\\', byte(r))
		case '\n':
			to = append(to, '\\', 'n')
		default:
			to = append(to, string(r)...)
		}
	}
	return to
}

// text is all of it, by the names of the measurements.
func (c *collection) text() ([]byte, error) {
	registry := prometheus.NewRegistry()
	if err := registry.Register(c); err != nil {
		return nil, fmt.Errorf("gather the metrics: %w", err)
	}
	families, err := registry.Gather()
	if err != nil {
		return nil, fmt.Errorf("gather the metrics: %w", err)
	}
	for _, f := range families {
		var text bytes.Buffer
		if _, err := expfmt.MetricFamilyToText(&text, f); err != nil {
			return nil, fmt.Errorf("write the metrics: %w", err)
		}
		c.own[f.GetName()] = &measurement{pieces: [][]byte{text.Bytes()}}
	}
	size := 0
	for _, f := range c.own {
		for _, p := range f.pieces {
			size += len(p)
		}
	}
	out := make([]byte, 0, size)
	for _, name := range slices.Sorted(maps.Keys(c.own)) {
		for _, p := range c.own[name].pieces {
			out = append(out, p...)
		}
		delete(c.own, name)
	}
	return out, nil
}
