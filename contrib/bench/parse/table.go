//go:build linux

package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// The names of the two programs in the table.
const (
	ours   = "moonkeep"
	theirs = "keepalived"
)

// print writes the medians and the ratio of ours to theirs.
func print(w io.Writer, measured map[string][]usage) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "median of\t%s\t%s\tratio\n", ours, theirs)
	for _, figure := range []struct {
		name string
		of   func(usage) float64
		unit string
	}{
		{"time", func(u usage) float64 { return float64(u.wall) / float64(time.Millisecond) }, "ms"},
		{"CPU time", func(u usage) float64 { return float64(u.cpu) / float64(time.Millisecond) }, "ms"},
		{"peak memory", func(u usage) float64 { return float64(u.memory) / (1 << 20) }, "MiB"},
	} {
		a, b := median(measured[ours], figure.of), median(measured[theirs], figure.of)
		fmt.Fprintf(t, "%s\t%.0f %s\t%.0f %s\t%.2f\n", figure.name, a, figure.unit, b, figure.unit, a/b)
	}
	return t.Flush()
}

// median of an odd number of values is the middle one, of an even number the
// mean of the two in the middle. There is at least one.
func median(all []usage, of func(usage) float64) float64 {
	values := make([]float64, len(all))
	for i, u := range all {
		values[i] = of(u)
	}
	slices.Sort(values)
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}
