//go:build linux

package main

import (
	"io"
	"time"

	"github.com/moonkeep/moonkeep/contrib/bench/figures"
	"github.com/moonkeep/moonkeep/contrib/bench/subject"
)

// The names of the two programs in tables.
const (
	ours   = subject.Moonkeep
	theirs = subject.Keepalived
	// mixed is a moonkeep whose peer is a keepalived.
	mixed = "moonkeep beside keepalived"
)

// row names one line of the table.
type row struct{ mode, event, figure string }

// table gathers what was measured, in milliseconds.
type table struct{ figures.Values[row] }

func (t *table) add(r row, program string, d time.Duration) {
	t.Add(r, program, float64(d)/float64(time.Millisecond))
}

// print writes the table, aligned or as markdown.
func (t *table) print(out io.Writer, markdown bool) {
	lines := [][]string{{"mode", "event", "figure", ours, theirs, "ratio of medians", mixed}}
	for _, r := range t.Rows() {
		x, y := t.Of(r, ours), t.Of(r, theirs)
		lines = append(lines, []string{r.mode, r.event, r.figure, figures.Spread(x), figures.Spread(y), figures.Ratio(x, y), figures.Spread(t.Of(r, mixed))})
	}
	figures.Print(out, lines, markdown)
}
