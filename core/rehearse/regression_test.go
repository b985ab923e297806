package rehearse

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestRegressions runs the seeds that showed bugs: each line of
// testdata/seeds.txt is "plain", "more", "reloads" or "settings", a seed, and what was wrong.
func TestRegressions(t *testing.T) {
	text, err := os.ReadFile("testdata/seeds.txt")
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]drawn{"plain": drawnPlain, "more": drawnMore, "reloads": drawnReloads, "settings": drawnSettings}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#") || strings.TrimSpace(line) == "" {
			continue
		}
		kind, seed := "", uint64(0)
		_, err := fmt.Sscan(line, &kind, &seed)
		much, known := kinds[kind]
		if err != nil || !known {
			t.Fatalf("testdata/seeds.txt: %q: got kind %q, want plain, more, reloads or settings and a seed: %v", line, kind, err)
		}
		t.Run(fmt.Sprint(kind, " ", seed), func(t *testing.T) {
			if r := runSeed(seed, much, nil); r.problem != "" {
				var last timeline
				runSeed(seed, much, &last)
				t.Errorf("%s\n%sonce: %s", r.problem, &last, line)
			}
		})
	}
}
