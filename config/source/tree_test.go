package source

import (
	"testing"

	"github.com/moonkeep/moonkeep/config"
)

func TestLines(t *testing.T) {
	l := newLines("f", []byte("aä\n\nbc"))
	// In any order: what was asked before must not show.
	for _, test := range []struct{ offset, line, column int }{
		{3, 1, 3}, {1, 1, 2}, {0, 1, 1}, {4, 2, 1}, {6, 3, 2}, {5, 3, 1}, {7, 3, 3}, {3, 1, 3}, {-1, 1, 1}, {99, 3, 3},
	} {
		if got, want := l.at(test.offset), config.NewPosition("f", test.line, test.column); !got.Equal(want) {
			t.Errorf("offset %d is at %v, want %v", test.offset, got, want)
		}
	}
}
