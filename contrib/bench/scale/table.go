//go:build linux

package main

import (
	"fmt"
	"io"
	"slices"
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

// table gathers measurements, in the order in which rows first appear.
type table struct {
	rows   []row
	values map[row]map[string][]float64
}

func (t *table) add(r row, program string, v float64) {
	if t.values == nil {
		t.values = map[row]map[string][]float64{}
	}
	if t.values[r] == nil {
		t.values[r] = map[string][]float64{}
		t.rows = append(t.rows, r)
	}
	t.values[r][program] = append(t.values[r][program], v)
}

// grow adds by how much memory grows with each virtual router, between the
// fewest and the most of them.
func (t *table) grow() {
	for _, figure := range []string{figureMemory, figureMemory2} {
		var first, last []row
		for _, r := range t.rows {
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
					list = append(list, t.values[r][program]...)
				}
				return list
			}
			few, many := of(first), of(last)
			if len(few) == 0 || len(many) == 0 || first[0].n == last[0].n {
				continue
			}
			const perKiB = 1 << 10
			t.add(row{figure: strings.Replace(figure, "MiB", "KiB more an instance", 1)}, program,
				(median(many)-median(few))*perKiB/float64(last[0].n-first[0].n))
		}
	}
}

// median of an odd number of values is the middle one, of an even number the
// mean of the two in the middle. There is at least one.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// spread renders min / median / max, or the value when there is one.
func spread(values []float64) string {
	switch len(values) {
	case 0:
		return "-"
	case 1:
		return number(values[0])
	}
	return fmt.Sprintf("%s / %s / %s", number(slices.Min(values)), number(median(values)), number(slices.Max(values)))
}

// number renders three digits.
func number(f float64) string {
	switch {
	case f == 0:
		return "0"
	case f >= 100:
		return fmt.Sprintf("%.0f", f)
	case f >= 10:
		return fmt.Sprintf("%.1f", f)
	}
	return fmt.Sprintf("%.2f", f)
}

// ratio renders the ratio of the medians.
func ratio(x, y []float64) string {
	if len(x) == 0 || len(y) == 0 || median(y) == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", median(x)/median(y))
}

// print writes the table, aligned or as markdown.
func (t *table) print(out io.Writer, markdown bool) {
	lines := [][]string{{"instances", "interval", "figure", ours, theirs, "ratio", floor}}
	for _, r := range t.rows {
		x, y := t.values[r][ours], t.values[r][theirs]
		n, interval := "all", "all"
		if r.n > 0 {
			n, interval = fmt.Sprint(r.n), r.interval.String()
		}
		lines = append(lines, []string{n, interval, r.figure, spread(x), spread(y), ratio(x, y), spread(t.values[r][floor])})
	}
	figures.Print(out, lines, markdown)
}
