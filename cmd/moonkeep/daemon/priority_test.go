package daemon

import (
	"reflect"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/config/keepalived"
	"github.com/moonkeep/moonkeep/core/kernel/sched"
)

// TestPriorities holds which of the settings for VRRP and for BFD counts.
func TestPriorities(t *testing.T) {
	for _, c := range []struct {
		text string
		want sched.Settings
	}{
		{"", sched.Settings{}},
		{"vrrp_priority -5\nvrrp_rt_priority 20\nvrrp_no_swap\nvrrp_cpu_affinity 0 2\nvrrp_rlimit_rttime 20000",
			sched.Settings{RealTime: 20, Nice: -5, CPUs: []int{0, 2}, NoSwap: true, RealTimeLimit: 20 * time.Millisecond}},
		{"bfd_priority 5\nbfd_rt_priority 30\nbfd_no_swap\nbfd_cpu_affinity 1", sched.Settings{RealTime: 30, Nice: 5, CPUs: []int{1}, NoSwap: true}},
		{"vrrp_priority 5\nbfd_priority -1\nvrrp_rt_priority 9\nbfd_rt_priority 8", sched.Settings{RealTime: 9, Nice: -1}},
	} {
		cfg, found := keepalived.Read("f", []byte("global_defs {\n"+c.text+"\n}\nvrrp_instance V {\ninterface eth0\nvirtual_router_id 1\nvirtual_ipaddress {\n10.0.0.1\n}\n}\n"))
		if len(found) > 0 {
			t.Errorf("%q: %v", c.text, found)
		}
		if got := priorities(&cfg.Global); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%q: got %+v, want %+v", c.text, got, c.want)
		}
	}
}
