package metrics

import (
	"context"
	"fmt"

	"github.com/moonkeep/moonkeep/core/control"
)

// Source is who is asked.
type Source interface {
	Status(context.Context) (control.Status, error)
	Usage(context.Context) (control.Usage, error)
}

// Text asks the source and returns its measurements. A source that cannot say
// how much traffic there is (it balances nothing, or the kernel is silent) still
// says the rest.
func Text(ctx context.Context, from Source) ([]byte, error) {
	s, err := from.Status(ctx)
	if err != nil {
		return nil, err
	}
	c := &collection{metrics: map[string]*metric{}, series: map[string]bool{}}
	c.status(&s)
	if len(s.Services) > 0 {
		u, err := from.Usage(ctx)
		c.put("moonkeep_ipvs_readable", "1 if the IPVS counters could be read.", gauge, truth(err == nil))
		if err == nil {
			c.usage(&u)
		}
	}
	c.scripts(s.Metrics)
	return text(c.metrics), nil
}

// collection is what was measured, by name.
type collection struct {
	metrics map[string]*metric
	// series are those in metrics, as named has them: one that comes twice, of two things that the
	// configuration gives one name, is left out the second time.
	series map[string]bool
}

// put adds a sample; labels are name, value, name, value.
func (c *collection) put(name, help string, value valueType, v float64, labels ...string) {
	if err := c.add(name, help, value, v, labels...); err != nil {
		panic(err) // a name of moonkeep's own is none
	}
}

// add is put for names that others chose, which may be none.
func (c *collection) add(name, help string, value valueType, v float64, pairs ...string) error {
	if !valid(name) {
		return fmt.Errorf("%q is no name of a metric", name)
	}
	labels, err := labelled(pairs)
	if err != nil {
		return fmt.Errorf("metric %s: %w", name, err)
	}
	at := named(name, labels)
	c.append(name, help, value, at, measured{labels, line(at, v)})
	return nil
}

// append adds the series of that name, unless it is there.
func (c *collection) append(name, help string, value valueType, series string, x measured) {
	if c.series[series] {
		return
	}
	c.series[series] = true
	m := c.metrics[name]
	if m == nil {
		m = &metric{value: value, help: help}
		c.metrics[name] = m
	}
	m.list = append(m.list, x)
}

// one adds a series for each of the values, 1 for the one that is.
func (c *collection) one(name, help, label, is string, values []string, labels ...string) {
	for _, v := range values {
		c.put(name, help, gauge, truth(v == is), append(labels[:len(labels):len(labels)], label, v)...)
	}
}

func truth(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
