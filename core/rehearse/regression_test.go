package rehearse

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestRegressions runs the seeds that showed bugs: each line of
// testdata/seeds.txt is "plain" or "more", a seed, and what was wrong.
func TestRegressions(t *testing.T) {
	text, err := os.ReadFile("testdata/seeds.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#") || strings.TrimSpace(line) == "" {
			continue
		}
		kind, seed := "", uint64(0)
		if _, err := fmt.Sscan(line, &kind, &seed); err != nil || kind != "plain" && kind != "more" {
			t.Fatalf("testdata/seeds.txt: %q: got kind %q, want plain or more and a seed: %v", line, kind, err)
		}
		t.Run(fmt.Sprint(kind, " ", seed), func(t *testing.T) {
			if r := runSeed(seed, kind == "more", nil); r.problem != "" {
				var last timeline
				runSeed(seed, kind == "more", &last)
				t.Errorf("%s\n%sonce: %s", r.problem, &last, line)
			}
		})
	}
}
