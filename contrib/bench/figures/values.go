package figures

import (
	"fmt"
	"math"
	"slices"
)

// Values gathers measurements by the rows of a table and the programs that were
// measured. The zero value is ready to use.
type Values[R comparable] struct {
	rows []R
	of   map[R]map[string][]float64
}

// Add adds a measurement of a program to a row.
func (v *Values[R]) Add(r R, program string, f float64) {
	if v.of == nil {
		v.of = map[R]map[string][]float64{}
	}
	if v.of[r] == nil {
		v.of[r] = map[string][]float64{}
		v.rows = append(v.rows, r)
	}
	v.of[r][program] = append(v.of[r][program], f)
}

// Rows are the rows in the order in which they first had a measurement.
func (v *Values[R]) Rows() []R { return v.rows }

// Of are the measurements of a program in a row, in the order of their taking.
func (v *Values[R]) Of(r R, program string) []float64 { return v.of[r][program] }

// Median of an odd number of values is the middle one, of an even number the
// mean of the two in the middle. There is at least one.
func Median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// Spread renders min / median / max, or the value when there is one.
func Spread(values []float64) string {
	switch len(values) {
	case 0:
		return "-"
	case 1:
		return Number(values[0])
	}
	return fmt.Sprintf("%s / %s / %s", Number(slices.Min(values)), Number(Median(values)), Number(slices.Max(values)))
}

// Number renders three digits, and whole numbers as they are.
func Number(f float64) string {
	switch {
	case f == math.Trunc(f) || f >= 100:
		return fmt.Sprintf("%.0f", f)
	case f >= 10:
		return fmt.Sprintf("%.1f", f)
	case f >= 1:
		return fmt.Sprintf("%.2f", f)
	}
	return fmt.Sprintf("%.3f", f)
}

// Ratio renders the ratio of the medians.
func Ratio(x, y []float64) string {
	if len(x) == 0 || len(y) == 0 || Median(y) == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2f", Median(x)/Median(y))
}
