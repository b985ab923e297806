package lua

import (
	"errors"
	"math"
	"slices"
	"sort"
	"strings"
	"sync"

	lua "github.com/yuin/gopher-lua"
)

// maxSeries is how many series all scripts together may publish. What is
// beyond is refused, which the script is told.
const maxSeries = 2000

// maxSeriesOctets is what their names, labels and helps may take together.
const maxSeriesOctets = 2 << 20

// Sample is a series that a script publishes.
type Sample struct {
	// Script is the name of the script's user.
	Script string
	// Name is as the script gives it, without a prefix; Help may be empty.
	Name, Help string
	// Counter says that the value only grows; else it is a gauge.
	Counter bool
	// Labels are sorted by name.
	Labels []Label
	Value  float64
}

// Label is a label of a series.
type Label struct{ Name, Value string }

// Metrics are what scripts publish. It is safe for concurrent use; the zero
// value is ready.
type Metrics struct {
	mu     sync.Mutex
	series map[string]*Sample
	octets int // of their texts
}

// Samples returns all series, sorted by name, script and labels.
func (m *Metrics) Samples() []Sample {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := make([]Sample, 0, len(m.series))
	for _, s := range m.series {
		all = append(all, *s)
	}
	sort.Slice(all, func(i, j int) bool {
		a, b := &all[i], &all[j]
		if a.Name != b.Name {
			return a.Name < b.Name
		}
		return a.key() < b.key()
	})
	return all
}

// Forget drops what those publish who are not named.
func (m *Metrics) Forget(keep func(script string) bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for key, s := range m.series {
		if !keep(s.Script) {
			m.octets -= len(key) + len(s.Help)
			delete(m.series, key)
		}
	}
}

// key tells series apart.
func (s *Sample) key() string {
	var b strings.Builder
	b.WriteString(s.Script + "\x00" + s.Name)
	for _, l := range s.Labels {
		b.WriteString("\x00" + l.Name + "\x00" + l.Value)
	}
	return b.String()
}

// publish sets a gauge, or adds to a counter.
func (m *Metrics) publish(s Sample) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	key := s.key()
	old := m.series[key]
	switch {
	case old == nil && len(m.series) >= maxSeries:
		return errors.New("scripts publish 2000 series, which is the most")
	case old == nil && m.octets+len(key)+len(s.Help) > maxSeriesOctets:
		return errors.New("the names, labels and helps of what scripts publish take 2 MiB, which is the most")
	case old == nil:
		if m.series == nil {
			m.series = map[string]*Sample{}
		}
		m.series[key] = &s
		m.octets += len(key) + len(s.Help)
	case old.Counter != s.Counter:
		return errors.New(s.Name + " is published as a gauge and as a counter")
	case s.Counter:
		old.Value += s.Value
	default:
		old.Value = s.Value
	}
	return nil
}

func metricModule() Module {
	options := []Value{opt("labels", "table<string, string>", "at most 8, named as metrics are, without __ at the beginning"), opt("help", "string", "what it is, for people, in at most 500 octets; that of the first time counts")}
	name := arg("name", "string", "letters, digits and _, not a digit first; not moonkeep_ at the beginning")
	return Module{
		Name: "metric",
		Doc:  "Measurements of your own. They stand among the daemon's metrics, with the name of the script's user as a label. All scripts together publish 2,000 series at most, whose names, labels and helps take 2 MiB at most.",
		Functions: []Function{
			{Name: "gauge", Doc: "publishes a value that goes up and down", Params: []Value{name, arg("value", "number", "the value now")}, Options: options, Returns: []Value{ret("boolean", "true")}, Fails: true, call: metricGauge, accept: func(c call) { c.sample(false) }},
			{Name: "counter", Doc: "adds to a value that only grows", Params: []Value{name, arg("by", "number", "how much; not negative")}, Options: options, Returns: []Value{ret("boolean", "true")}, Fails: true, call: metricCounter, accept: func(c call) { c.sample(true) }},
		},
	}
}

func metricGauge(c call) int { return c.publish(c.sample(false)) }

func metricCounter(c call) int { return c.publish(c.sample(true)) }

func (c call) publish(s Sample) int {
	if err := c.s.opts.Host.Metrics.publish(s); err != nil {
		return c.fail("%v", err)
	}
	return c.push(lua.LTrue)
}

// metricName reports whether a name is one of a series or a label: letters, digits
// and _, at most 100 of them, and no digit first.
func metricName(name string) bool {
	for i := range len(name) {
		switch c := name[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '_':
		case c >= '0' && c <= '9' && i > 0:
		default:
			return false
		}
	}
	return len(name) > 0 && len(name) <= 100
}

// sample is what the arguments say, and raises an error when that is no sample.
func (c call) sample(counter bool) Sample {
	opts := c.options()
	s := Sample{
		Script: c.s.opts.Name, Name: strings.Clone(c.l.CheckString(1)), Counter: counter,
		Value: float64(c.l.CheckNumber(2)), Help: oneLine(opts.text("help")),
	}
	if len(s.Help) > 500 {
		c.l.RaiseError("%s: help: at most 500 octets", c.name)
	}
	if !metricName(s.Name) {
		c.l.ArgError(1, "a name has letters, digits and _, no digit first, and at most 100 of them")
	}
	if strings.HasPrefix(s.Name, "moonkeep_") {
		c.l.ArgError(1, "names that begin with moonkeep_ are the daemon's")
	}
	if math.IsNaN(s.Value) || math.IsInf(s.Value, 0) || counter && s.Value < 0 {
		c.l.ArgError(2, "want a finite number; a counter does not go down")
	}
	for name, value := range opts.words("labels") {
		if !metricName(name) || len(value) > 200 || name == "script" || strings.HasPrefix(name, "__") {
			c.l.RaiseError("%s: labels: %q is no label - script and names that begin with __ are taken -, or its value is longer than 200 octets", c.name, brief(name))
		}
		s.Labels = append(s.Labels, Label{strings.Clone(name), strings.ToValidUTF8(strings.Clone(value), "?")})
	}
	if len(s.Labels) > 8 {
		c.l.RaiseError("%s: at most 8 labels", c.name)
	}
	slices.SortFunc(s.Labels, func(a, b Label) int { return strings.Compare(a.Name, b.Name) })
	c.s.meter.charge(c.l, 1024)
	return s
}
