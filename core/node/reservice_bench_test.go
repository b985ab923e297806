package node

import (
	"fmt"
	"testing"

	"github.com/moonkeep/moonkeep/core/health"
	"github.com/moonkeep/moonkeep/core/mono"
)

// many37 is a configuration of 37,000 real servers, ten to each service.
func many37(generation int) Config {
	life := &health.Config{Interval: second, Doubt: second, Warmup: second, Patience: 5 * second, Rise: 1, Fall: 2, Grace: 3 * second}
	var cfg Config
	for i := range 3700 {
		v := Service{Name: fmt.Sprint("v", i), Tuple: "<v>", Quorum: 1, Servers: make([]Server, 0, 10)}
		for k := range 10 {
			name := fmt.Sprint("10.0.", i, ".", k)
			if i < 10 && k == 0 {
				name += fmt.Sprint(" ", generation) // ten that change
			}
			v.Servers = append(v.Servers, Server{Name: name, Tuple: "<s>", Weight: 1, Checks: []Check{{Kind: "TCP_CHECK", Identity: "1", Life: life}}})
		}
		cfg.Services = append(cfg.Services, v)
	}
	return cfg
}

// BenchmarkReload37000 is how long a reload of 37,000 real servers keeps the
// loop from adverts.
func BenchmarkReload37000(b *testing.B) {
	n := New(0, many37(0))
	cfgs := [2]Config{many37(1), many37(2)}
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		n.Reconfigure(mono.Instant(second), cfgs[i%2])
		i++
	}
}
