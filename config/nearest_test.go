package config

import "testing"

func TestNearest(t *testing.T) {
	words := []string{"priority", "interface", "state", "eth0", "eth1", "up"}
	for word, want := range map[string]string{
		"priorty":     "priority",
		"prioirty":    "priority", // two neighbours swapped
		"intreface":   "interface",
		"stat":        "state",
		"eth2":        "eth0", // the first of equals
		"eth10":       "eth0",
		"virtual":     "",
		"":            "",
		"PRIORITY":    "",
		"u":           "", // what is short is near to anything
		"bandwidth":   "",
		"prioprority": "", // three of eight are wrong
	} {
		if got := Nearest(word, words); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", word, got, want)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"abc", "abc", 0}, {"abc", "acb", 1}, {"abc", "ab", 1}, {"abc", "xabc", 1}, {"abc", "xyz", 3}, {"ca", "abc", 3}} {
		if got := distance(c.a, c.b, 9); got != c.want {
			t.Errorf("%q to %q: got %d, want %d", c.a, c.b, got, c.want)
		}
	}
}
