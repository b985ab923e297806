//go:build linux

package main

import (
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/moonkeep/moonkeep/contrib/bench/figures"
)

// The names of the two programs in tables.
const (
	ours   = "moonkeep"
	theirs = "keepalived"
	// mixed is a moonkeep whose peer is a keepalived.
	mixed = "moonkeep beside keepalived"
)

// row names one line of the table.
type row struct{ mode, event, figure string }

// table gathers measurements, in the order in which rows first appear.
type table struct {
	rows   []row
	values map[row]map[string][]time.Duration
}

func (t *table) add(r row, program string, d time.Duration) {
	if t.values == nil {
		t.values = map[row]map[string][]time.Duration{}
	}
	if t.values[r] == nil {
		t.values[r] = map[string][]time.Duration{}
		t.rows = append(t.rows, r)
	}
	t.values[r][program] = append(t.values[r][program], d)
}

// median of an odd number of values is the middle one, of an even number the
// mean of the two in the middle. There is at least one.
func median(sorted []time.Duration) time.Duration {
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// spread renders min / median / max.
func spread(values []time.Duration) string {
	if len(values) == 0 {
		return "-"
	}
	sorted := slices.Sorted(slices.Values(values))
	return fmt.Sprintf("%s / %s / %s", ms(sorted[0]), ms(median(sorted)), ms(sorted[len(sorted)-1]))
}

// ms renders milliseconds, with a decimal where that matters.
func ms(d time.Duration) string {
	f := d.Seconds() * 1000
	if f < 100 && d%time.Millisecond != 0 {
		return fmt.Sprintf("%.1f", f)
	}
	return fmt.Sprintf("%.0f", f)
}

// ratio renders the ratio of the medians.
func ratio(x, y []time.Duration) string {
	if len(x) == 0 || len(y) == 0 {
		return "-"
	}
	mx, my := median(slices.Sorted(slices.Values(x))), median(slices.Sorted(slices.Values(y)))
	if my == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", float64(mx)/float64(my))
}

// print writes the table, aligned or as markdown.
func (t *table) print(out io.Writer, markdown bool) {
	lines := [][]string{{"mode", "event", "figure", ours, theirs, "ratio of medians", mixed}}
	for _, r := range t.rows {
		x, y := t.values[r][ours], t.values[r][theirs]
		lines = append(lines, []string{r.mode, r.event, r.figure, spread(x), spread(y), ratio(x, y), spread(t.values[r][mixed])})
	}
	figures.Print(out, lines, markdown)
}
