package metrics

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/moonkeep/moonkeep/core/control"
)

func (c *collection) service(v *control.Service) {
	c.put("moonkeep_service_quorum", "Whether the weights of a virtual server's working servers come to its quorum.", gauge, truth(v.HasQuorum), "service", v.Name)
	c.put("moonkeep_service_weight", "The weights of a virtual server's working servers together.", gauge, float64(v.Weight), "service", v.Name)
	c.put("moonkeep_service_panic", "Whether so few of a virtual server's servers work that those are kept which did (panic_threshold).", gauge, truth(v.Panic), "service", v.Name)
	for i := range v.Servers {
		r := &v.Servers[i]
		at := []string{"service", v.Name, "server", r.Name}
		c.put("moonkeep_server_up", "Whether a real server works, as its checks say.", gauge, truth(r.State == "up"), at...)
		c.put("moonkeep_server_weight", "The weight of a real server.", gauge, float64(r.Weight), at...)
		c.one("moonkeep_server_wish", "What people want of a real server.", "wish", r.Wish, []string{"drain", "down", "maintenance"}, at...)
		for k := range r.Checks {
			x := &r.Checks[k]
			at := append(at[:len(at):len(at)], "check", x.Kind, "number", strconv.Itoa(k+1))
			c.put("moonkeep_check_up", "Whether a check counts as up.", gauge, truth(x.State == "up"), at...)
			c.put("moonkeep_check_unknown", "Whether the last verdict of a check is unknown.", gauge, truth(x.UnknownAge != nil), at...)
			c.put("moonkeep_check_duration_seconds", "How long a check took last.", gauge, x.Took, at...)
			c.put("moonkeep_check_missed_total", "Runs of a check that were left out.", counter, float64(x.Missed), at...)
		}
	}
}

// checks are all checks of real servers together, the plugins that make them,
// and the kernel's table that they lead to.
func (c *collection) checks(s *control.Status) {
	if p := s.Probes; p != nil {
		c.put("moonkeep_checks", "Checks of real servers.", gauge, float64(p.Checks))
		c.put("moonkeep_checks_unknown", "Checks of real servers whose last verdict is unknown.", gauge, float64(p.Unknown))
		c.put("moonkeep_probes_answered_total", "Runs of checks that were answered.", counter, float64(p.Answered))
		buckets, sum := map[float64]uint64{}, uint64(0)
		for _, b := range p.Late {
			sum += b.Count
			if b.Within != nil {
				buckets[*b.Within] = sum
			}
		}
		const name, help = "moonkeep_probes_begun_late_seconds", "Runs of checks by how late they began; their sum is not known and 0."
		c.seen[name] = kind{prometheus.UntypedValue, help}
		c.list = append(c.list, prometheus.MustNewConstHistogram(prometheus.NewDesc(name, help, nil, nil), sum, 0, buckets))
	}
	for i := range s.Plugins {
		p := &s.Plugins[i]
		at := []string{"plugin", p.Name, "net_namespace", p.NetNS, "user", p.User}
		c.one("moonkeep_plugin_state", "The state of a plugin's process.", "state", p.State, []string{"starting", "running", "waiting", "tripped"}, at...)
		c.put("moonkeep_plugin_starts_total", "Processes of a plugin that were started.", counter, float64(p.Starts), at...)
		c.put("moonkeep_plugin_failures_total", "Processes of a plugin that ended, hung or broke the protocol.", counter, float64(p.Failures), at...)
		c.put("moonkeep_plugin_pending", "Probes of a plugin that are under way.", gauge, float64(p.Pending), at...)
		const help = "Probes of a plugin, by what became of them."
		c.put("moonkeep_plugin_probes_total", help, counter, float64(p.Answered), append(at[:len(at):len(at)], "result", "answered")...)
		c.put("moonkeep_plugin_probes_total", help, counter, float64(p.Unknown), append(at[:len(at):len(at)], "result", "unknown")...)
		c.put("moonkeep_plugin_probes_total", help, counter, float64(p.Late), append(at[:len(at):len(at)], "result", "late")...)
	}
	if t := s.IPVS; t != nil {
		const help = "Operations on the kernel's table of IPVS, by what became of them."
		c.put("moonkeep_ipvs_operations_total", help, counter, float64(t.Operations), "result", "done")
		c.put("moonkeep_ipvs_operations_total", help, counter, float64(t.Failed), "result", "failed")
		c.put("moonkeep_ipvs_repaired_total", "Services of IPVS that somebody else had changed, and that were put right.", counter, float64(t.Repaired))
		c.put("moonkeep_ipvs_pending", "Whether changes of IPVS are still to be carried out.", gauge, truth(t.Pending))
		c.put("moonkeep_ipvs_trouble", "Whether the table of IPVS is not as it should be.", gauge, truth(t.Trouble != ""))
	}
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
			const help = "Connections that IPVS has for a real server now."
			c.put("moonkeep_ipvs_server_connections", help, gauge, float64(r.Active), append(at[:len(at):len(at)], "state", "active")...)
			c.put("moonkeep_ipvs_server_connections", help, gauge, float64(r.Inactive), append(at[:len(at):len(at)], "state", "inactive")...)
			c.put("moonkeep_ipvs_server_persistent_clients", "Clients that persistence keeps with a real server now.", gauge, float64(r.Persistent), at...)
		}
	}
}

func (c *collection) traffic(prefix, whose string, t *control.Traffic, at ...string) {
	c.put(prefix+"connections_total", "Connections "+whose+"; rate() of it is how many come in a second.", counter, float64(t.Connections), at...)
	for _, x := range []struct {
		way            string
		packets, bytes uint64
	}{{"in", t.PacketsIn, t.BytesIn}, {"out", t.PacketsOut, t.BytesOut}} {
		at := append(at[:len(at):len(at)], "direction", x.way)
		c.put(prefix+"packets_total", "Packets "+whose+"; rate() of it is how many pass in a second.", counter, float64(x.packets), at...)
		c.put(prefix+"bytes_total", "Octets "+whose+"; rate() of it is how many pass in a second.", counter, float64(x.bytes), at...)
	}
}
