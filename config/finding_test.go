package config

import "testing"

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
		return Finding{At: Position{File: "a", Line: line}, Name: "x", Text: text, Loses: true}
	}
	before := Findings{lost(1, "word"), lost(9, "twice, first on line 3: left out"), {Name: "x", Text: "no loss"}}
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
	} {
		if got := tt.now.LosesBeyond(before); len(got) != tt.want {
			t.Errorf("%s: %v are new, want %d", tt.what, got, tt.want)
		}
	}
}
