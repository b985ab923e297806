package metrics

import (
	"bytes"
	"math"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

// TestOddTexts: the library of Prometheus reads what was meant, whatever is in a label
// or in a help.
func TestOddTexts(t *testing.T) {
	for _, odd := range []string{"", " ", `a "b" c`, `c:\new`, "two\nlines", "\r\t", "ü 漢 \U0001F600", `\`, `\n`, "{x=\"1\"} 2", "# HELP"} {
		c := &collection{metrics: map[string]*metric{}, series: map[string]bool{}}
		for range 2 { // the second is left out
			c.put("odd", "help: "+odd, gauge, 2.5, "z", "last", "value", odd)
		}
		parser := expfmt.NewTextParser(model.LegacyValidation)
		read, err := parser.TextToMetricFamilies(bytes.NewReader(text(c.metrics)))
		if err != nil {
			t.Errorf("%q: %v in\n%s", odd, err, text(c.metrics))
			continue
		}
		f := read["odd"]
		if len(f.GetMetric()) != 1 || f.GetHelp() != "help: "+odd {
			t.Errorf("%q was read as %v", odd, f)
			continue
		}
		m := f.Metric[0]
		if len(m.Label) != 2 || m.Label[0].GetName() != "value" || m.Label[0].GetValue() != odd || m.GetGauge().GetValue() != 2.5 {
			t.Errorf("%q was read as %v", odd, m)
		}
	}
}

// TestOddValues: numbers are read as what they are.
func TestOddValues(t *testing.T) {
	for _, v := range []float64{0, 1, -1, 0.1, 1 << 53, 1e21, -1e-9, math.MaxFloat64, math.SmallestNonzeroFloat64, math.Inf(1), math.Inf(-1), math.NaN()} {
		c := &collection{metrics: map[string]*metric{}, series: map[string]bool{}}
		c.put("v", "", counter, v)
		parser := expfmt.NewTextParser(model.LegacyValidation)
		read, err := parser.TextToMetricFamilies(bytes.NewReader(text(c.metrics)))
		if err != nil {
			t.Errorf("%v: %v", v, err)
			continue
		}
		if got := read["v"].GetMetric()[0].GetCounter().GetValue(); got != v && !(math.IsNaN(got) && math.IsNaN(v)) {
			t.Errorf("%v was read as %v", v, got)
		}
	}
}

// TestNames: what the format has no name for is refused, and nothing of it is shown.
func TestNames(t *testing.T) {
	for _, x := range []struct {
		name   string
		labels []string
	}{
		{"", nil}, {"1a", nil}, {"a-b", nil}, {"a b", nil}, {"a\n", nil}, {"ä", nil},
		{"a", []string{"", "x"}}, {"a", []string{"1", "x"}}, {"a", []string{"b:c", "x"}}, {"a", []string{"__name__", "x"}}, {"a", []string{"b\"", "x"}},
		{"a", []string{"b", "x", "b", "y"}},
	} {
		c := &collection{metrics: map[string]*metric{}, series: map[string]bool{}}
		if err := c.add(x.name, "help", gauge, 1, x.labels...); err == nil || len(c.metrics)+len(c.series) > 0 {
			t.Errorf("%q with the labels %q is taken: %v", x.name, x.labels, err)
		}
	}
	c := &collection{metrics: map[string]*metric{}, series: map[string]bool{}}
	for _, name := range []string{"a", "A_1", ":b", "_"} {
		if err := c.add(name, "help", gauge, 1, "_c", "x", "D2", "\xff"); err != nil {
			t.Error(err)
		}
	}
	// What is no UTF-8 is shown as one character, and two that differ in it as one.
	if err := c.add("a", "help", gauge, 2, "_c", "x", "D2", "\xfe"); err != nil || len(c.metrics["a"].list) != 1 {
		t.Errorf("%v, %v", err, c.metrics["a"])
	}
}
