package metrics

import (
	"context"

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
	return c.text(), nil
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
