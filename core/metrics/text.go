package metrics

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// valueType is what the values of a metric are, as the text format names it.
type valueType string

const (
	gauge     valueType = "gauge"
	counter   valueType = "counter"
	histogram valueType = "histogram"
)

// metric is all that is measured by one name.
type metric struct {
	value valueType
	help  string
	list  []measured
}

// measured is one series: a line of the text, or the lines of a histogram.
type measured struct {
	labels []label // by name
	lines  string
}

type label struct{ name, value string }

// labelled takes name, value, name, value, and refuses names that the format has not.
func labelled(pairs []string) (list []label, err error) {
	for i := 0; i < len(pairs); i += 2 {
		name := pairs[i]
		if !valid(name) || strings.Contains(name, ":") || strings.HasPrefix(name, "__") {
			return nil, fmt.Errorf("%q is no name of a label", name)
		}
		list = append(list, label{name, strings.ToValidUTF8(pairs[i+1], "\uFFFD")})
	}
	slices.SortFunc(list, func(a, b label) int { return strings.Compare(a.name, b.name) })
	for i := 1; i < len(list); i++ {
		if list[i].name == list[i-1].name {
			return nil, fmt.Errorf("the label %s is there twice", list[i].name)
		}
	}
	return list, nil
}

// valid reports whether a name is one of a metric: letters, digits, _ and :, and no
// digit first.
func valid(name string) bool {
	for i := range len(name) {
		c := name[i]
		if !(c == '_' || c == ':' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' && i > 0) {
			return false
		}
	}
	return name != ""
}

// named is a series as its line begins, which no other one does.
func named(name string, labels []label) string {
	if len(labels) == 0 {
		return name
	}
	var b strings.Builder
	b.WriteString(name)
	for i, l := range labels {
		b.WriteByte("{,"[min(i, 1)])
		b.WriteString(l.name)
		b.WriteString(`="`)
		b.WriteString(strings.ReplaceAll(escaped(l.value), `"`, `\"`))
		b.WriteByte('"')
	}
	b.WriteByte('}')
	return b.String()
}

// line is the rest of it.
func line(named string, v float64) string {
	return named + " " + strconv.FormatFloat(v, 'g', -1, 64) + "\n"
}

func escaped(text string) string {
	if !strings.ContainsAny(text, "\\\n") {
		return text
	}
	return strings.ReplaceAll(strings.ReplaceAll(text, `\`, `\\`), "\n", `\n`)
}

// text writes metrics by their names, and the series of each by their labels, so that
// the same measurements are the same text.
func text(metrics map[string]*metric) []byte {
	var out bytes.Buffer
	for _, name := range slices.Sorted(maps.Keys(metrics)) {
		m := metrics[name]
		if m.help != "" {
			fmt.Fprintf(&out, "# HELP %s %s\n", name, escaped(m.help))
		}
		fmt.Fprintf(&out, "# TYPE %s %s\n", name, m.value)
		slices.SortStableFunc(m.list, func(a, b measured) int {
			return cmp.Or(cmp.Compare(len(a.labels), len(b.labels)), slices.CompareFunc(a.labels, b.labels, func(x, y label) int {
				return strings.Compare(x.value, y.value)
			}))
		})
		for i := range m.list {
			out.WriteString(m.list[i].lines)
		}
	}
	return out.Bytes()
}
