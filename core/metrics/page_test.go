package metrics

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// described is a measurement: its text, and its labels with the values seen.
type described struct {
	kind, help string
	labels     map[string][]string
}

// families are all measurements of the node that has one of each.
func families(t *testing.T) map[string]described {
	t.Helper()
	text, err := Text(t.Context(), node())
	if err != nil {
		t.Fatal(err)
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	parsed, err := parser.TextToMetricFamilies(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]described{}
	for name, p := range parsed {
		f := described{strings.ToLower(p.GetType().String()), p.GetHelp(), map[string][]string{}}
		for _, m := range p.Metric {
			for _, l := range m.Label {
				f.labels[l.GetName()] = append(f.labels[l.GetName()], l.GetValue())
			}
		}
		all[name] = f
	}
	return all
}

// TestReadme: README.md lists what there is, with its meaning.
func TestReadme(t *testing.T) {
	const file, begin, end = "README.md", "<!-- begin of the table: go test ./core/metrics -update -->\n", "<!-- end of the table -->"
	all := families(t)
	var b strings.Builder
	b.WriteString("| metric | type | labels | meaning |\n|---|---|---|---|\n")
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if f := all[name]; strings.HasPrefix(name, "moonkeep_") {
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", name, f.kind, strings.Join(slices.Sorted(maps.Keys(f.labels)), ", "), f.help)
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, is := strings.Cut(string(text), begin)
	_, tail, ends := strings.Cut(rest, end)
	if !is || !ends {
		t.Fatalf("%s has no place for the table", file)
	}
	want := head + begin + b.String() + end + tail
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(text), want); diff != "" {
		t.Errorf("README.md is not what is measured; run: go test ./core/metrics -update\n%s", diff)
	}
}

// TestRules: the alert rules ask for nothing that is not measured.
func TestRules(t *testing.T) {
	text, err := os.ReadFile("../../contrib/prometheus/moonkeep.rules.yml")
	if err != nil {
		t.Fatal(err)
	}
	expressions := regexp.MustCompile(`(?m)^ +expr: (.*)$`).FindAllStringSubmatch(string(text), -1)
	if alerts := strings.Count(string(text), "- alert: "); alerts < 10 || alerts != len(expressions) {
		t.Fatalf("%d alerts and %d expressions", alerts, len(expressions))
	}
	// Clusters in one job have the same names.
	if sum := regexp.MustCompile(`sum by \(([^)]*)\)`).FindAllStringSubmatch(string(text), -1); len(sum) == 0 || slices.ContainsFunc(sum, func(by []string) bool { return !strings.Contains(by[1], "cluster") }) {
		t.Errorf("a sum counts the nodes of all clusters: %v", sum)
	}
	for _, x := range expressions {
		for _, wrong := range unmeasured(families(t), x[1]) {
			t.Errorf("%s: %s", x[1], wrong)
		}
	}
	for _, bad := range []string{`moonkeep_none == 1`, `moonkeep_vrrp_role{rule="MASTER"} == 1`, `moonkeep_vrrp_role{role="MASTRE"} == 1`, `sum by (vrid) (moonkeep_vrrp_role)`} {
		if unmeasured(families(t), bad) == nil {
			t.Errorf("%s passes", bad)
		}
	}
}

var (
	series = regexp.MustCompile(`moonkeep_\w+(?:\{[^}]*\})?`)
	match  = regexp.MustCompile(`(\w+)="([^"]*)"`)
	by     = regexp.MustCompile(`\b(?:by|on) \(([^)]*)\)`)
)

// unmeasured says what of an expression there is not.
func unmeasured(all map[string]described, expression string) (wrong []string) {
	// Prometheus's own, and the one that the rules ask for.
	known := map[string]bool{"job": true, "instance": true, "cluster": true}
	for _, s := range series.FindAllString(expression, -1) {
		name, matches, _ := strings.Cut(s, "{")
		f, measured := all[name]
		if !measured {
			wrong = append(wrong, "there is no "+name)
			continue
		}
		for label := range f.labels {
			if label == "instance" {
				label = "exported_instance" // as Prometheus calls it after a scrape
			}
			known[label] = true
		}
		for _, m := range match.FindAllStringSubmatch(matches, -1) {
			if !slices.Contains(f.labels[m[1]], m[2]) {
				wrong = append(wrong, fmt.Sprintf("%s has no %s", name, m[0]))
			}
		}
	}
	for _, m := range by.FindAllStringSubmatch(expression, -1) {
		for _, label := range strings.Split(m[1], ", ") {
			if !known[label] {
				wrong = append(wrong, "nothing in it has the label "+label)
			}
		}
	}
	return wrong
}
