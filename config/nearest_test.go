package config

import "testing"

func TestNearest(t *testing.T) {
	words := []string{"priority", "interface", "state", "eth0", "eth1"}
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
		"prioprority": "", // three of eight are wrong
	} {
		if got := Nearest(word, words); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", word, got, want)
		}
	}
}
