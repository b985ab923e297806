package lint

import (
	"flag"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write FINDINGS.md anew")

// TestPage holds that FINDINGS.md is made of the explanations.
func TestPage(t *testing.T) {
	want := page()
	if *update {
		if err := os.WriteFile("FINDINGS.md", []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile("FINDINGS.md")
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("FINDINGS.md is not what the explanations say; write it anew: go test ./config/lint -run TestPage -update")
	}
	for w := FromText; w <= FromConvert; w++ {
		if n := strings.Count(want, "\n## "+title(w)+"\n"); n != 1 {
			t.Errorf("the page has %d sections %q", n, title(w))
		}
	}
}

// title is the heading of a section of the page.
func title(w Where) string {
	switch w {
	case FromText:
		return "In the text of a file"
	case FromOne:
		return "In one configuration"
	case FromSeveral:
		return "Between the nodes of a cluster"
	case FromHost:
		return "On the host"
	case FromAllow:
		return "In what silences findings"
	case FromSteps:
		return "In a lab's script"
	case FromConvert:
		return "When a configuration is converted"
	}
	return ""
}

// page is FINDINGS.md.
func page() string {
	var b strings.Builder
	b.WriteString("<!-- Made of the explanations in this folder by go test ./config/lint -run TestPage -update. -->\n\n" +
		"# Findings\n\n" +
		"What `moonkeep check` and other commands find, by name. `moonkeep check --explain NAME` prints the same.\n\n" +
		"A warning is silenced on its line by a comment `# moonkeep: allow NAME` at the end of the line or above it,\n" +
		"in a whole file by `# moonkeep: allow-file NAME` above everything else, and everywhere by `--allow NAME`.\n" +
		"An error is silenced by nothing.\n")
	for w := FromText; w <= FromConvert; w++ {
		b.WriteString("\n## " + title(w) + "\n")
		for _, e := range explanations() {
			if e.where == w {
				b.WriteString("\n### " + e.name + "\n\n" + e.text + "\n")
			}
		}
	}
	return b.String()
}
