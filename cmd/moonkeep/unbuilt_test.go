package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestUnbuiltIsRefused holds that run and lab do not start with what is read
// but not built, that they say what it is, and that check only warns.
func TestUnbuiltIsRefused(t *testing.T) {
	a, _ := labPair(t)
	text, err := os.ReadFile(a)
	if err != nil {
		t.Fatal(err)
	}
	asking := filepath.Join(t.TempDir(), "asking.conf")
	changed := strings.Replace(string(text), "interface eth0", "interface eth0\n\tvirtual_routes {\n\t\t203.0.113.0/24 as to 192.0.2.9 via 192.0.2.7\n\t}", 1)
	if err := os.WriteFile(asking, []byte(changed), 0o644); err != nil {
		t.Fatal(err)
	}
	for args, want := range map[string]int{
		"run --config " + asking:   1,
		"lab " + a + " " + asking:  2,
		"check " + asking:          0,
		"check --strict " + asking: 1,
	} {
		var out, stderr bytes.Buffer
		status := run(strings.Fields(args), &out, &stderr)
		told := out.String() + stderr.String()
		if status != want {
			t.Errorf("%s: status %d, want %d:\n%s", args, status, want, told)
		}
		for _, line := range []string{asking + ":5:18: warning: as is not built yet"} {
			if n := strings.Count(told, line); n != 1 {
				t.Errorf("%s: told %d times, want once: %s\n%s", args, n, line, told)
			}
		}
	}
}
