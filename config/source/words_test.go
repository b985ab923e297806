package source

import (
	"slices"
	"testing"
)

func TestSplitWords(t *testing.T) {
	for text, want := range map[string][]string{
		`a`:                         {"a"},
		"  a\tb\n c ":               {"a", "b", "c"},
		`a 'b c' "d e"`:             {"a", "b c", "d e"},
		`a b'c d'e"f g"h`:           {"a", "bc def gh"},
		`a "" ''`:                   {"a", "", ""},
		`a \  \'`:                   {"a", " ", "'"},
		`a 'b\c' "d\e\"f\\g"`:       {"a", `b\c`, `d\e"f\g`},
		`a '|' "&&" \; b|c`:         {"a", "|", "&&", ";", "b|c"},
		`a $HOME ~ *`:               {"a", "$HOME", "~", "*"},
		`/bin/sh -c 'a && b | "c"'`: {"/bin/sh", "-c", `a && b | "c"`},
	} {
		got, err := SplitWords(text)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %q, %v, want %q", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		``:      "it names no program",
		`""`:    "it names no program",
		`a 'b`:  "a single quote is not closed",
		`a "b`:  "a double quote is not closed",
		`a "\`:  "a double quote is not closed",
		`a \`:   "it ends with a backslash",
		`a |b`:  "",
		`a > b`: `> means something to a shell only, and no shell is used: write a script, or run ["/bin/sh", "-c", "..."]`,
	} {
		_, err := SplitWords(text)
		if got := ""; err != nil {
			if got = err.Error(); got != want {
				t.Errorf("%s: %s, want %s", text, got, want)
			}
		} else if want != "" {
			t.Errorf("%s: no error, want %s", text, want)
		}
	}
}
