package track

import (
	"math"
	"testing"
)

func TestFileEffect(t *testing.T) {
	tests := []struct {
		value   int64
		weight  int
		reverse bool
		addend  int
		fault   bool
	}{
		{0, 0, false, 0, false},
		{1, 0, false, 0, true},
		{-1, 0, false, 0, true},
		{math.MaxInt64, 0, false, 0, true},
		{0, 0, true, 0, true},
		{1, 0, true, 0, false},
		{-7, 0, true, 0, false},
		{0, 1, false, 0, false},
		{0, -3, true, 0, false},
		{10, 2, false, 20, false},
		{10, 2, true, -20, false},
		{10, -2, false, -20, false},
		{10, -2, true, 20, false},
		{-10, 2, false, -20, false},
		{253, 1, false, 253, false},
		{254, 1, false, 253, false},
		{1000, 254, false, 253, false},
		{-253, 1, false, -253, false},
		{-254, 1, false, 0, true},
		{-127, 2, false, 0, true},
		{127, 2, true, 0, true},
		{127, -2, false, 0, true},
		{-254, 1, true, 253, false},
		{math.MaxInt64, 254, false, 253, false},
		{math.MaxInt64, 254, true, 0, true},
		{math.MinInt64, 254, false, 0, true},
		{math.MinInt64, -254, false, 253, false},
		{math.MinInt64, 1, false, 0, true},
	}
	for _, tt := range tests {
		addend, fault := FileEffect(tt.value, tt.weight, tt.reverse)
		if addend != tt.addend || fault != tt.fault {
			t.Errorf("FileEffect(%d, %d, %v) = %d, %v; want %d, %v", tt.value, tt.weight, tt.reverse, addend, fault, tt.addend, tt.fault)
		}
	}
}
