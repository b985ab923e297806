package metrics

import (
	"strconv"

	"github.com/moonkeep/moonkeep/core/control"
)

func (c *collection) service(v *control.Service) {
	c.put("moonkeep_service_quorum", "1 if a virtual server has its quorum.", gauge, truth(v.HasQuorum), "service", v.Name)
	c.put("moonkeep_service_weight", "Total weight of a virtual server's working servers.", gauge, float64(v.Weight), "service", v.Name)
	c.put("moonkeep_service_panic", "1 if so few servers work that failed ones are kept in service (panic_threshold).", gauge, truth(v.Panic), "service", v.Name)
	for i := range v.Servers {
		r := &v.Servers[i]
		at := []string{"service", v.Name, "server", r.Name}
		c.put("moonkeep_server_up", "1 if a real server works according to its checks.", gauge, truth(r.State == "up"), at...)
		c.put("moonkeep_server_weight", "The weight of a real server by configuration, checks and hand; a drain and slow_start leave it as it is.", gauge, float64(r.Weight), at...)
		c.one("moonkeep_server_wish", "1 for what was asked of a real server by hand, 0 for the others.", "wish", r.Wish, []string{"drain", "down", "maintenance"}, at...)
		c.put("moonkeep_server_unproven", "1 if a real server gets no clients yet because its checks have no result since its maintenance.", gauge, truth(r.Unproven), at...)
		for k := range r.Checks {
			x := &r.Checks[k]
			at := append(at[:len(at):len(at)], "check", x.Kind, "number", strconv.Itoa(k+1))
			c.put("moonkeep_check_up", "1 if a check counts as up.", gauge, truth(x.State == "up"), at...)
			c.put("moonkeep_check_unknown", "1 if the last verdict of a check is unknown.", gauge, truth(x.UnknownAge != nil), at...)
			c.put("moonkeep_check_duration_seconds", "Duration of the last run of a check.", gauge, x.Took, at...)
			c.put("moonkeep_check_missed_total", "Runs of a check that were skipped.", counter, float64(x.Missed), at...)
		}
	}
}

// checks are all checks of real servers together, the plugins that make them,
// and the kernel's table that they lead to.
func (c *collection) checks(s *control.Status) {
	if p := s.Probes; p != nil {
		c.put("moonkeep_checks", "Number of checks of real servers.", gauge, float64(p.Checks))
		c.put("moonkeep_checks_unknown", "Number of checks of real servers whose last verdict is unknown.", gauge, float64(p.Unknown))
		c.put("moonkeep_probes_answered_total", "Runs of checks that gave a result.", counter, float64(p.Answered))
		c.late(p.Late)
	}
	for i := range s.Plugins {
		p := &s.Plugins[i]
		at := []string{"plugin", p.Name, "net_namespace", p.NetNS, "user", p.User, "process", strconv.Itoa(p.Process)}
		c.one("moonkeep_plugin_state", "1 for the current state of a checker's process, 0 for the others.", "state", p.State, []string{"starting", "running", "waiting", "tripped"}, at...)
		c.put("moonkeep_plugin_starts_total", "Starts of a checker's process.", counter, float64(p.Starts), at...)
		c.put("moonkeep_plugin_failures_total", "Failures of a checker's process: it ended, hung or broke the protocol.", counter, float64(p.Failures), at...)
		c.put("moonkeep_plugin_pending", "Probes of a checker under way.", gauge, float64(p.Pending), at...)
		const help = "Probes of a checker, by result."
		c.put("moonkeep_plugin_probes_total", help, counter, float64(p.Answered), append(at[:len(at):len(at)], "result", "answered")...)
		c.put("moonkeep_plugin_probes_total", help, counter, float64(p.Unknown), append(at[:len(at):len(at)], "result", "unknown")...)
		c.put("moonkeep_plugin_probes_total", help, counter, float64(p.Late), append(at[:len(at):len(at)], "result", "late")...)
	}
	if t := s.IPVS; t != nil {
		const help = "Operations on the IPVS table, by result."
		c.put("moonkeep_ipvs_operations_total", help, counter, float64(t.Operations), "result", "done")
		c.put("moonkeep_ipvs_operations_total", help, counter, float64(t.Failed), "result", "failed")
		c.put("moonkeep_ipvs_repaired_total", "IPVS services put right after somebody else changed them.", counter, float64(t.Repaired))
		c.put("moonkeep_ipvs_pending", "1 while changes of the IPVS table are pending.", gauge, truth(t.Pending))
		c.put("moonkeep_ipvs_trouble", "1 if the IPVS table is not as it should be.", gauge, truth(t.Trouble != ""))
	}
}

// late is a histogram of how late runs began.
func (c *collection) late(buckets []control.LateBucket) {
	const name = "moonkeep_probes_begun_late_seconds"
	f := c.family(name, "Runs of checks by how late they began; the sum is not measured and always 0.", histogram)
	sum := uint64(0)
	for _, b := range buckets {
		if sum += b.Count; b.Within != nil {
			c.sample(f, name+"_bucket", float64(sum), "le", strconv.FormatFloat(*b.Within, 'g', -1, 64))
		}
	}
	c.sample(f, name+"_bucket", float64(sum), "le", "+Inf")
	c.sample(f, name+"_sum", 0)
	c.sample(f, name+"_count", float64(sum))
}

// usage is the traffic that the kernel counted.
func (c *collection) usage(u *control.Usage) {
	for i := range u.Services {
		v := &u.Services[i]
		c.traffic("moonkeep_ipvs_service_", "of a virtual server", &v.Counters, "service", v.Name)
		for k := range v.Servers {
			r := &v.Servers[k]
			at := []string{"service", v.Name, "server", r.Name}
			c.traffic("moonkeep_ipvs_server_", "of a real server", &r.Counters, at...)
			const help = "Current connections of a real server."
			c.put("moonkeep_ipvs_server_connections", help, gauge, float64(r.Active), append(at[:len(at):len(at)], "state", "active")...)
			c.put("moonkeep_ipvs_server_connections", help, gauge, float64(r.Inactive), append(at[:len(at):len(at)], "state", "inactive")...)
			c.put("moonkeep_ipvs_server_persistent_clients", "Clients currently held at a real server by persistence.", gauge, float64(r.Persistent), at...)
		}
	}
}

func (c *collection) traffic(prefix, whose string, t *control.Traffic, at ...string) {
	c.put(prefix+"connections_total", "Connections "+whose+"; rate() gives them per second.", counter, float64(t.Connections), at...)
	for _, x := range []struct {
		way            string
		packets, bytes uint64
	}{{"in", t.PacketsIn, t.BytesIn}, {"out", t.PacketsOut, t.BytesOut}} {
		at := append(at[:len(at):len(at)], "direction", x.way)
		c.put(prefix+"packets_total", "Packets "+whose+"; rate() gives them per second.", counter, float64(x.packets), at...)
		c.put(prefix+"bytes_total", "Bytes "+whose+"; rate() gives them per second.", counter, float64(x.bytes), at...)
	}
}
