package config

import (
	"strings"
	"testing"
)

func TestHide(t *testing.T) {
	long := strings.Repeat("0123456789", 7)
	var f Findings
	f.Add(Position{}, Error, "x", `mode %q, not abc or abcdef`, "abcdef")
	f.Add(Position{}, Error, "x", "key %s...", long[:45])
	f.Add(Position{}, Error, "x", "a \x00bc")
	f.Hide([]string{"abc", "abcdef", long, "a", "ey", "\x00bc"})
	for i, want := range []string{`mode "***", not *** or ***`, "key ***01234...", "a ***"} {
		if f[i].Text != want {
			t.Errorf("got %s, want %s", f[i].Text, want)
		}
	}
}
