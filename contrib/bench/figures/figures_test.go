package figures

import (
	"strings"
	"testing"
)

func TestPrint(t *testing.T) {
	lines := [][]string{{"a", "figure"}, {"longer", "1"}}
	for markdown, want := range map[bool]string{
		true:  "| a | figure |\n|---|---|\n| longer | 1 |\n",
		false: "a       figure\nlonger  1\n",
	} {
		var b strings.Builder
		if Print(&b, lines, markdown); b.String() != want {
			t.Errorf("got\n%swant\n%s", b.String(), want)
		}
	}
}
