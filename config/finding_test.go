package config

import (
	"fmt"
	"testing"
)

func TestFindingIsOnePrintableLine(t *testing.T) {
	var found Findings
	found.Add(Position{}, Error, "x", "name %s: ä€", "\x1b[31m\n\xff\x00\u202e\t")
	if got, want := found[0].Text, "name ?[31m?????: ä€"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestLosesBeyond: a mistake is new when it is there more often than before, on
// whatever line it was.
func TestLosesBeyond(t *testing.T) {
	lost := func(line int, text string) Finding {
		return Finding{At: NewPosition("a", line, 0), Name: "x", Text: text, Loses: true}
	}
	guess := func(essence, rest string) Finding {
		return Finding{Name: "x", Text: essence + rest, Essence: essence, Loses: true}
	}
	unseen := func(name string, n int) Finding {
		return Finding{Name: name, Text: fmt.Sprintf("%d more", n), Loses: true, Unseen: n}
	}
	before := Findings{lost(1, "word"), lost(9, "twice, first on line 3: left out"), {Name: "x", Text: "no loss"}, guess(`no script "upp"`, ": did you mean up?")}
	for _, tt := range []struct {
		what string
		now  Findings
		want int
	}{
		{"the same", before, 0},
		{"mended", Findings{}, 0},
		{"moved", Findings{lost(5, "word"), lost(19, "twice, first on line 13: left out")}, 0},
		{"once more", Findings{lost(1, "word"), lost(2, "word")}, 1},
		{"another", Findings{lost(1, "other")}, 1},
		{"what loses nothing", Findings{{Name: "x", Text: "else"}}, 0},
		{"what lost nothing before", Findings{lost(1, "no loss")}, 1},
		{"another guess", Findings{guess(`no script "upp"`, ": did you mean down?")}, 0},
		{"no guess", Findings{lost(1, `no script "upp"`)}, 0},
		{"guess for another", Findings{guess(`no script "dwn"`, ": did you mean up?")}, 1},
	} {
		if got := tt.now.LosesBeyond(before); len(got) != tt.want {
			t.Errorf("%s: %v are new, want %d", tt.what, got, tt.want)
		}
	}
	y := Finding{Name: "y", Text: "y", Loses: true}
	before = Findings{lost(1, "a"), lost(1, "b"), unseen("x", 3), y}
	for _, tt := range []struct {
		what string
		now  Findings
		want int
	}{
		{"the same", before, 0},
		{"one shown instead of another", Findings{lost(1, "b"), lost(1, "c"), unseen("x", 3), y}, 0},
		{"all shown", Findings{lost(1, "a"), lost(1, "b"), lost(1, "c"), lost(1, "d"), lost(1, "e")}, 0},
		{"all shown and one more", Findings{lost(1, "a"), lost(1, "b"), lost(1, "c"), lost(1, "d"), lost(1, "e"), lost(1, "f")}, 4},
		{"one mended", Findings{lost(1, "a"), lost(1, "b"), unseen("x", 2)}, 0},
		{"one more unseen", Findings{lost(1, "a"), lost(1, "b"), unseen("x", 4)}, 1},
		{"one more shown", Findings{lost(1, "a"), lost(1, "b"), lost(1, "c"), unseen("x", 3)}, 1},
		{"another name", Findings{lost(1, "a"), unseen("x", 4), y, y}, 1},
	} {
		if got := tt.now.LosesBeyond(before); len(got) != tt.want {
			t.Errorf("of some unseen: %s: %v are new, want %d", tt.what, got, tt.want)
		}
	}
}
