package track

import "testing"

func TestEffect(t *testing.T) {
	tests := []struct {
		state   State
		weight  int
		reverse bool
		addend  int
		fault   bool
	}{
		{Unknown, 0, false, 0, false},
		{Unknown, 0, true, 0, false},
		{Unknown, 20, false, 0, false},
		{Unknown, 20, true, 0, false},
		{Unknown, -20, false, 0, false},
		{Unknown, -20, true, 0, false},
		{Up, 0, false, 0, false},
		{Up, 0, true, 0, true},
		{Up, 20, false, 20, false},
		{Up, 20, true, 0, false},
		{Up, -20, false, 0, false},
		{Up, -20, true, -20, false},
		{Down, 0, false, 0, true},
		{Down, 0, true, 0, false},
		{Down, 20, false, 0, false},
		{Down, 20, true, 20, false},
		{Down, -20, false, -20, false},
		{Down, -20, true, 0, false},
	}
	for _, tt := range tests {
		addend, fault := Effect(tt.state, tt.weight, tt.reverse)
		if addend != tt.addend || fault != tt.fault {
			t.Errorf("Effect(%v, %d, %v) = %d, %v; want %d, %v", tt.state, tt.weight, tt.reverse, addend, fault, tt.addend, tt.fault)
		}
	}
}

func TestPriority(t *testing.T) {
	tests := []struct {
		base uint8
		sum  int
		want uint8
	}{
		{100, 0, 100},
		{100, 20, 120},
		{100, -20, 80},
		{100, -99, 1},
		{100, -100, 1},
		{100, -1000, 1},
		{100, 154, 254},
		{100, 155, 254},
		{100, 1000, 254},
		{254, 1, 254},
		{1, -1, 1},
		{255, 0, 255},
		{255, -253, 255},
		{255, 253, 255},
	}
	for _, tt := range tests {
		if got := Priority(tt.base, tt.sum); got != tt.want {
			t.Errorf("Priority(%d, %d) = %d, want %d", tt.base, tt.sum, got, tt.want)
		}
	}
}

func TestState(t *testing.T) {
	for _, tt := range []struct {
		state State
		want  string
	}{{Unknown, "unknown"}, {Of(true), "up"}, {Of(false), "down"}} {
		if got := tt.state.String(); got != tt.want {
			t.Errorf("State(%d) is %q, want %q", tt.state, got, tt.want)
		}
	}
}
