//go:build linux

package main

import (
	"fmt"
	"io"

	"github.com/moonkeep/moonkeep/contrib/bench/figures"
)

// row names one line of the table.
type row struct {
	n      int
	figure string
}

// table gathers what was measured.
type table struct{ figures.Values[row] }

// print writes the table, aligned or as markdown.
func (t *table) print(out io.Writer, markdown bool) {
	lines := [][]string{{"servers", "figure", ours, theirs, "ratio"}}
	for _, r := range t.Rows() {
		x, y := t.Of(r, ours), t.Of(r, theirs)
		lines = append(lines, []string{fmt.Sprint(r.n), r.figure, figures.Spread(x), figures.Spread(y), figures.Ratio(x, y)})
	}
	figures.Print(out, lines, markdown)
}
