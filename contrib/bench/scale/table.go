//go:build linux

package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/moonkeep/moonkeep/contrib/bench/figures"
)

// row names one line of the table. An interval of zero stands for all.
type row struct {
	n        int
	interval time.Duration
	figure   string
}

// table gathers what was measured.
type table struct{ figures.Values[row] }

// grow adds by how much memory grows with each virtual router, between the
// fewest and the most of them.
func (t *table) grow() {
	for _, figure := range []string{figureMemory, figureMemory2} {
		var first, last []row
		for _, r := range t.Rows() {
			if r.figure != figure {
				continue
			}
			if len(first) == 0 || r.n < first[0].n {
				first = nil
			}
			if len(first) == 0 || r.n == first[0].n {
				first = append(first, r)
			}
			if len(last) == 0 || r.n > last[0].n {
				last = nil
			}
			if len(last) == 0 || r.n == last[0].n {
				last = append(last, r)
			}
		}
		for _, program := range []string{ours, theirs} {
			of := func(rows []row) (list []float64) {
				for _, r := range rows {
					list = append(list, t.Of(r, program)...)
				}
				return list
			}
			few, many := of(first), of(last)
			if len(few) == 0 || len(many) == 0 || first[0].n == last[0].n {
				continue
			}
			const perKiB = 1 << 10
			t.Add(row{figure: strings.Replace(figure, "MiB", "KiB more an instance", 1)}, program,
				(figures.Median(many)-figures.Median(few))*perKiB/float64(last[0].n-first[0].n))
		}
	}
}

// print writes the table, aligned or as markdown.
func (t *table) print(out io.Writer, markdown bool) {
	lines := [][]string{{"instances", "interval", "figure", ours, theirs, "ratio", floor}}
	for _, r := range t.Rows() {
		x, y := t.Of(r, ours), t.Of(r, theirs)
		n, interval := "all", "all"
		if r.n > 0 {
			n, interval = fmt.Sprint(r.n), r.interval.String()
		}
		lines = append(lines, []string{n, interval, r.figure, figures.Spread(x), figures.Spread(y), figures.Ratio(x, y), figures.Spread(t.Of(r, floor))})
	}
	figures.Print(out, lines, markdown)
}
