package schema

import "math"

// Bounds returns the least and the greatest number, or duration in
// nanoseconds, that the field takes; those of int64 where it has none.
func (f *Field) Bounds() (low, high int64) {
	if !f.bounded {
		return math.MinInt64, math.MaxInt64
	}
	return f.low, f.high
}
