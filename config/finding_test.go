package config

import "testing"

func TestFindingIsOnePrintableLine(t *testing.T) {
	var found Findings
	found.Add(Position{}, Error, "x", "name %s: ä€", "\x1b[31m\n\xff\x00\u202e\t")
	if got, want := found[0].Text, "name ?[31m?????: ä€"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
