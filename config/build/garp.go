package build

import (
	"time"

	"github.com/moonkeep/moonkeep/config"
)

// GarpIntervals returns the least time between two gratuitous ARPs on each interface
// that an instance of c announces IPv4 addresses on: the longest that is asked for
// there. c is that of one network namespace (see Within).
func GarpIntervals(c *config.Config) map[string]time.Duration {
	gaps := make(map[string]time.Duration)
	l := lay(c)
	for i := range c.Instances {
		in := &c.Instances[i]
		for _, list := range [2][]config.Address{in.Addresses, in.Excluded} {
			for _, a := range specs(l, in, list) {
				if a.Addr().Is4() {
					gaps[a.Device] = max(gaps[a.Device], in.Garp.Interval)
				}
			}
		}
	}
	return gaps
}
