//go:build linux

package main

import (
	"fmt"
	"io"
	"slices"
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
	lines := [][]string{{"check", "servers", "delay_loop", "figure", ours, theirs, "ratio"}}
	for _, r := range t.rows {
		x, y := t.values[r][ours], t.values[r][theirs]
		lines = append(lines, []string{r.kind, fmt.Sprint(r.n), r.loop.String(), r.figure, spread(x), spread(y), ratio(x, y)})
	}
	figures.Print(out, lines, markdown)
}
