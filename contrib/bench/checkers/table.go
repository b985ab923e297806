//go:build linux

package main

import (
	"fmt"
	"io"
	"time"

	"github.com/moonkeep/moonkeep/contrib/bench/figures"
)

// row names one line of the table.
type row struct {
	kind   string
	n      int
	loop   time.Duration
	figure string
}

// table gathers what was measured.
type table struct{ figures.Values[row] }

// print writes the table, aligned or as markdown.
func (t *table) print(out io.Writer, markdown bool) {
	lines := [][]string{{"check", "servers", "delay_loop", "figure", ours, theirs, "ratio"}}
	for _, r := range t.Rows() {
		x, y := t.Of(r, ours), t.Of(r, theirs)
		lines = append(lines, []string{r.kind, fmt.Sprint(r.n), r.loop.String(), r.figure, figures.Spread(x), figures.Spread(y), figures.Ratio(x, y)})
	}
	figures.Print(out, lines, markdown)
}
