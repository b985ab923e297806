package balance

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestQuorum(t *testing.T) {
	tests := []struct {
		name                    string
		quorum, hysteresis, all int64
		sums                    []int64
		want                    string // U has it, D has not; beginning without
	}{
		{"one server of two", 1, 0, 2, []int64{0, 1, 2, 1, 0, 1}, "DUUUDU"},
		{"two of three", 2, 0, 3, []int64{1, 2, 1, 2, 3, 0}, "DUDUUD"},
		{"hysteresis", 4, 2, 10, []int64{4, 5, 6, 4, 2, 1, 5, 6}, "DDUUUDDU"},
		{"hysteresis does not outlive the last server", 3, 2, 9, []int64{5, 1, 0, 4, 5}, "UUDDU"},
		{"hysteresis is cut below the quorum", 2, 5, 9, []int64{3, 1, 0, 2, 3}, "UUDDU"},
		{"quorum is cut to all weights", 9, 0, 3, []int64{2, 3, 2}, "DUD"},
		{"no weight at all", 1, 0, 0, []int64{0, 1, 0}, "DUD"},
	}
	for _, tt := range tests {
		q, has, got := NewQuorum(tt.quorum, tt.hysteresis, tt.all), false, ""
		for _, sum := range tt.sums {
			has = q.Holds(has, sum)
			got += map[bool]string{true: "U", false: "D"}[has]
		}
		if got != tt.want {
			t.Errorf("%s: %v gives %s, want %s", tt.name, tt.sums, got, tt.want)
		}
	}
}

// TestQuorumRules: whatever the sums, no weight is no quorum, enough of it is
// one, and between the bounds nothing changes.
func TestQuorumRules(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for range 20_000 {
		q := NewQuorum(r.Int64N(20), r.Int64N(25), r.Int64N(30))
		sum, has := r.Int64N(40), r.IntN(2) == 0
		got := q.Holds(has, sum)
		switch {
		case q.Need < 1 || q.Slack < 0 || q.Slack >= q.Need:
			t.Fatalf("quorum %+v", q)
		case sum == 0 && got, sum >= q.Need+q.Slack && !got, sum < q.Need-q.Slack && got:
			t.Fatalf("%+v with %d: %v", q, sum, got)
		case sum > 0 && sum >= q.Need-q.Slack && sum < q.Need+q.Slack && got != has:
			t.Fatalf("%+v with %d between the bounds: from %v to %v", q, sum, has, got)
		}
	}
}

func TestWeight(t *testing.T) {
	for _, tt := range []struct {
		configured int
		added      int64
		want       int
	}{{1, 0, 1}, {10, -4, 6}, {10, -10, 0}, {10, -11, 0}, {0, 5, 5}, {MostWeight, 1, MostWeight}, {1, math.MaxInt32, MostWeight}, {5, -1 << 40, 0}} {
		if got := Weight(tt.configured, tt.added); got != tt.want {
			t.Errorf("Weight(%d, %d) = %d, want %d", tt.configured, tt.added, got, tt.want)
		}
	}
}

func TestFileEffect(t *testing.T) {
	for _, tt := range []struct {
		value   int64
		weight  int
		reverse bool
		added   int64
		failed  bool
	}{
		{0, 0, false, 0, false}, {3, 0, false, 0, true}, {0, 0, true, 0, true}, {-3, 0, true, 0, false},
		{3, 2, false, 6, false}, {3, 2, true, -6, false}, {-3, 2, false, -6, false}, {300, -2, false, -600, false},
		{math.MaxInt64, 1, false, MostWeight, false}, {math.MinInt64, 1, false, 0, true}, {math.MinInt64, -MostWeight, false, MostWeight, false},
		{-MostWeight, 1, false, 0, true}, {-MostWeight + 1, 1, false, -MostWeight + 1, false},
	} {
		if added, failed := FileEffect(tt.value, tt.weight, tt.reverse); added != tt.added || failed != tt.failed {
			t.Errorf("FileEffect(%d, %d, %v) = %d, %v; want %d, %v", tt.value, tt.weight, tt.reverse, added, failed, tt.added, tt.failed)
		}
	}
}

func TestServing(t *testing.T) {
	up, down, kept := Server{Up: true, Weight: 5}, Server{Weight: 5}, Server{Weight: 5, Inhibits: true}
	sorry, stays := Sorry{Present: true}, Sorry{Present: true, Inhibits: true}
	tests := []struct {
		name    string
		servers []Server
		sorry   Sorry
		quorum  bool
		want    []Place
	}{
		{"those that work", []Server{up, down, up}, Sorry{}, true, []Place{{0, 5}, {2, 5}}},
		{"an inhibited one stays with 0", []Server{up, kept}, Sorry{}, true, []Place{{0, 5}, {1, 0}}},
		{"weight 0 is in the table", []Server{{Up: true}}, Sorry{}, false, []Place{{0, 0}}},
		{"no sorry server: they serve without quorum", []Server{up, down}, Sorry{}, false, []Place{{0, 5}}},
		{"none works and none is sorry", []Server{down, down}, Sorry{}, false, nil},
		{"the sorry server instead", []Server{up, down, kept}, sorry, false, []Place{{2, 0}, {SorryServer, 1}}},
		{"one that inhibits and works stays with 0", []Server{{Up: true, Weight: 5, Inhibits: true}, up}, sorry, false, []Place{{0, 0}, {SorryServer, 1}}},
		{"the sorry server rests", []Server{up}, sorry, true, []Place{{0, 5}}},
		{"the sorry server stays with 0", []Server{up}, stays, true, []Place{{0, 5}, {SorryServer, 0}}},
		{"and serves", []Server{down}, stays, false, []Place{{SorryServer, 1}}},
	}
	for _, tt := range tests {
		if got := Serving(nil, tt.servers, tt.sorry, tt.quorum); !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
		}
	}
}
