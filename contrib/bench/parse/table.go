//go:build linux

package main

import (
	"fmt"
	"io"
	"time"

	"github.com/moonkeep/moonkeep/contrib/bench/figures"
	"github.com/moonkeep/moonkeep/contrib/bench/subject"
)

// The names of the two programs in the table.
const (
	ours   = subject.Moonkeep
	theirs = subject.Keepalived
)

// table gathers what was measured; its rows are figures.
type table struct{ figures.Values[string] }

func (t *table) add(program string, u usage) {
	ms := func(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
	t.Add("time, ms", program, ms(u.wall))
	t.Add("CPU time, ms", program, ms(u.cpu))
	t.Add("peak memory, MiB", program, float64(u.memory)/(1<<20))
}

// print writes the medians and the ratio of ours to theirs.
func (t *table) print(out io.Writer) {
	lines := [][]string{{"median of", ours, theirs, "ratio"}}
	for _, r := range t.Rows() {
		x, y := t.Of(r, ours), t.Of(r, theirs)
		lines = append(lines, []string{r, fmt.Sprintf("%.0f", figures.Median(x)), fmt.Sprintf("%.0f", figures.Median(y)), figures.Ratio(x, y)})
	}
	figures.Print(out, lines, false)
}
