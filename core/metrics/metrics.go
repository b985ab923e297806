package metrics

import (
	"context"
	"hash/maphash"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

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
	c := newCollection()
	c.status(&s)
	if len(s.Services) > 0 {
		u, err := from.Usage(ctx)
		c.put("moonkeep_ipvs_readable", "1 if the IPVS counters could be read.", gauge, truth(err == nil))
		if err == nil {
			c.usage(&u)
		}
	}
	c.scripts(s.Metrics)
	return c.text()
}

// kind is what a measurement is, with its text.
type kind struct {
	value prometheus.ValueType
	help  string
}

const (
	gauge   = prometheus.GaugeValue
	counter = prometheus.CounterValue
)

// collection is what was measured.
type collection struct {
	// list is what the library writes: what scripts choose names for, and histograms.
	list []prometheus.Metric
	seen map[string]kind
	own  map[string]*measurement
	// series are those that there are: one that comes twice, of two things that the
	// configuration gives one name, is left out the second time. Of moonkeep's own they are
	// hashes, as there may be a million.
	series map[string]bool
	hashes map[uint64]struct{}
	seed   maphash.Seed
	// line and order are scratch.
	line  []byte
	order []int
}

func newCollection() *collection {
	return &collection{seen: map[string]kind{}, own: map[string]*measurement{}, series: map[string]bool{}, hashes: map[uint64]struct{}{}, seed: maphash.MakeSeed()}
}

// Describe describes nothing beforehand, because scripts choose names of their own.
func (c *collection) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c *collection) Collect(to chan<- prometheus.Metric) {
	for _, m := range c.list {
		to <- m
	}
}

// add adds a sample of a name that others chose, which may be none; labels are name,
// value, name, value.
func (c *collection) add(name, help string, value prometheus.ValueType, v float64, labels ...string) error {
	names, values := make([]string, 0, len(labels)/2), make([]string, 0, len(labels)/2)
	for i := 0; i < len(labels); i += 2 {
		names, values = append(names, labels[i]), append(values, strings.ToValidUTF8(labels[i+1], "\uFFFD"))
	}
	key := name + "\xff" + strings.Join(labels, "\xff")
	if c.series[key] {
		return nil
	}
	m, err := prometheus.NewConstMetric(prometheus.NewDesc(name, help, names, nil), value, v, values...)
	if err != nil {
		return err
	}
	c.series[key], c.seen[name] = true, kind{value, help}
	c.list = append(c.list, m)
	return nil
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
