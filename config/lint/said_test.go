package lint

import (
	"strings"
	"testing"

	"github.com/moonkeep/moonkeep/config"
)

// said holds that the findings are those that are wanted, in their order:
// each is "FILE NAME: PART", where PART is in the text, and … stands for
// anything.
func said(t *testing.T, got config.Findings, want ...string) {
	t.Helper()
	for i, f := range got {
		if f.Severity != config.Warning {
			t.Errorf("%v is no warning", f)
		}
		if i >= len(want) {
			t.Errorf("got %v, want no more", f)
			continue
		}
		head, part, _ := strings.Cut(want[i], ": ")
		rest, ok := f.Text, head == f.At.File()+" "+f.Name
		for p := range strings.SplitSeq(part, "…") {
			var found bool
			_, rest, found = strings.Cut(rest, p)
			ok = ok && found
		}
		if !ok {
			t.Errorf("got %v, want %s", f, want[i])
		}
	}
	for _, w := range want[min(len(got), len(want)):] {
		t.Errorf("got no %s", w)
	}
}

// nodes reads one configuration for each text, as a.yaml, b.yaml and so on.
func nodes(t *testing.T, texts ...string) []*config.Config {
	t.Helper()
	var cs []*config.Config
	for i, text := range texts {
		cs = append(cs, read(t, string(rune('a'+i))+".yaml", text))
	}
	return cs
}
