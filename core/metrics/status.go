package metrics

import (
	"maps"
	"slices"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/moonkeep/moonkeep/core/control"
)

// roles are the values of what has one series for each.
func roles() []string { return []string{"INIT", "BACKUP", "MASTER", "FAULT"} }

func (c *collection) status(s *control.Status) {
	c.put("moonkeep_info", "The daemon; always 1.", gauge, 1, "version", s.Version, "router_id", s.RouterID)
	c.put("moonkeep_uptime_seconds", "How long the daemon has run.", gauge, s.Uptime)
	c.put("moonkeep_config_read_timestamp_seconds", "When the configuration in force was read.", gauge, float64(s.Reloaded.UnixMilli())/1000)
	c.put("moonkeep_config_reload_refused", "Whether the last reload was refused.", gauge, truth(s.ReloadError != ""))
	c.put("moonkeep_maintenance", "Whether the node as a whole is in maintenance.", gauge, truth(s.Maintenance))
	c.put("moonkeep_late_seconds", "How long after it was due something was done last.", gauge, s.Late)
	c.put("moonkeep_late_max_seconds", "How long after it was due something was done, at most since the start.", gauge, s.MostLate)
	c.put("moonkeep_packets_dropped_total", "VRRP packets that were dropped because the daemon was busy.", counter, float64(s.Dropped))
	c.put("moonkeep_packets_of_other_vrids_total", "VRRP packets of virtual routers that are not configured.", counter, float64(s.Strangers))
	for i := range s.Instances {
		c.instance(&s.Instances[i])
	}
	for _, g := range s.Groups {
		c.one("moonkeep_sync_group_role", "The role of a sync group.", "role", g.Role, roles(), "group", g.Name)
	}
	c.trackers(s)
	for i := range s.Services {
		c.service(&s.Services[i])
	}
	c.checks(s)
	n := &s.Notifications
	c.put("moonkeep_notifications_waiting", "Changes that programs and functions are still to be told of.", gauge, float64(n.Waiting))
	c.put("moonkeep_notifications_total", "Runs of programs and functions that are told of changes, and changes that were dropped.", counter, float64(n.Told), "result", "told")
	c.put("moonkeep_notifications_total", "Runs of programs and functions that are told of changes, and changes that were dropped.", counter, float64(n.Failed), "result", "failed")
	c.put("moonkeep_notifications_total", "Runs of programs and functions that are told of changes, and changes that were dropped.", counter, float64(n.Dropped), "result", "dropped")
	for _, f := range n.FIFOs {
		c.put("moonkeep_fifo_lines_written_total", "Lines written to a FIFO.", counter, float64(f.Written), "path", f.Path)
		c.put("moonkeep_fifo_lines_dropped_total", "Lines that a FIFO had no reader for.", counter, float64(f.Dropped), "path", f.Path)
	}
	if m := n.Mail; m != nil {
		const help = "Mails, by what became of them."
		c.put("moonkeep_mails_waiting", "Mails that wait for the server.", gauge, float64(m.Waiting))
		c.put("moonkeep_mails_total", help, counter, float64(m.Sent), "result", "sent")
		c.put("moonkeep_mails_total", help, counter, float64(m.Failed), "result", "failed")
		c.put("moonkeep_mails_total", help, counter, float64(m.Dropped), "result", "dropped")
	}
}

func (c *collection) instance(in *control.Instance) {
	at := []string{"instance", in.Name}
	put := func(name, help string, value prometheus.ValueType, v float64, more ...string) {
		c.put("moonkeep_vrrp_"+name, help, value, v, append(at[:len(at):len(at)], more...)...)
	}
	put("info", "A virtual router; always 1.", gauge, 1, "interface", in.Interface, "vrid", strconv.Itoa(in.VRID), "version", strconv.Itoa(in.Version), "group", in.Group)
	c.one("moonkeep_vrrp_role", "The role of a virtual router.", "role", in.Role, roles(), at...)
	put("role_seconds", "For how long it has had its role.", gauge, in.SinceAge)
	put("priority", "The priority in force.", gauge, float64(in.Effective))
	put("priority_configured", "The configured priority.", gauge, float64(in.Base))
	put("faults", "Reasons for which it is FAULT.", gauge, float64(len(in.Faults)))
	put("handing_over", "Whether it leaves and still answers for the addresses.", gauge, truth(in.Leaving))
	put("maintenance", "Whether it must not be MASTER.", gauge, truth(in.Maintenance))
	held := 0
	for _, a := range in.Addresses {
		if a.Held {
			held++
		}
	}
	put("addresses", "Its virtual addresses.", gauge, float64(len(in.Addresses)))
	put("addresses_held", "Those of its virtual addresses that the kernel has.", gauge, float64(held))
	put("repaired_total", "Addresses, routes and rules that somebody removed and that were put back.", counter, float64(in.Repaired))
	if in.HeardAge != nil {
		put("last_advert_heard_seconds", "For how long no advert of another node has been heard.", gauge, *in.HeardAge)
	}
	put("dual_master", "Whether another node is MASTER too.", gauge, truth(in.DualMaster != ""))
	put("dual_masters_total", "How often another node was MASTER too.", counter, float64(in.DualMasters))
	put("dual_master_seconds_total", "For how long another node was MASTER too.", counter, in.DualMasterTime)
	n := &in.Counters
	put("adverts_sent_total", "Adverts sent.", counter, float64(n.Sent))
	put("adverts_received_total", "Adverts received and accepted.", counter, float64(n.Received))
	put("adverts_unsigned_total", "Adverts accepted without a signature although there are keys.", counter, float64(n.Unsigned))
	put("priority_zero_sent_total", "Adverts sent that say that it leaves.", counter, float64(n.SentZero))
	put("priority_zero_received_total", "Adverts received that say that the master leaves.", counter, float64(n.ReceivedZero))
	put("became_master_total", "How often it became MASTER.", counter, float64(n.BecameMaster))
	put("left_master_total", "How often it left MASTER.", counter, float64(n.LeftMaster))
	put("announcement_bursts_total", "How often its addresses were announced.", counter, float64(n.Announced))
	for _, rule := range slices.Sorted(maps.Keys(n.Rejected)) {
		put("adverts_rejected_total", "Adverts that were not accepted, by the rule that they broke.", counter, float64(n.Rejected[rule]), "rule", rule)
	}
}

// trackers are what virtual routers track.
func (c *collection) trackers(s *control.Status) {
	for _, x := range s.Scripts {
		c.put("moonkeep_script_up", "Whether a check counts as up.", gauge, truth(x.State == "up"), "script", x.Name)
		if x.RunAge != nil {
			c.put("moonkeep_script_last_run_seconds", "How long ago a check ran last.", gauge, *x.RunAge, "script", x.Name)
		}
		c.put("moonkeep_script_duration_seconds", "How long a check took last.", gauge, x.Took, "script", x.Name)
		if x.Weight != nil {
			c.put("moonkeep_script_weight", "What a check measured for the priority.", gauge, float64(*x.Weight), "script", x.Name)
		}
	}
	for _, x := range s.Sessions {
		c.put("moonkeep_bfd_up", "Whether a BFD session is up.", gauge, truth(x.State == "Up"), "session", x.Name)
	}
	for _, x := range s.Files {
		if x.Value != nil {
			c.put("moonkeep_track_file_value", "The number in a tracked file.", gauge, float64(*x.Value), "file", x.Name)
		}
		c.put("moonkeep_track_file_broken", "Whether a tracked file is of no use.", gauge, truth(x.Error != ""), "file", x.Name)
	}
	for _, x := range s.Processes {
		if x.Count != nil {
			c.put("moonkeep_track_process_count", "How many of a tracked process run.", gauge, float64(*x.Count), "process", x.Name)
		}
		c.put("moonkeep_track_process_up", "Whether enough of a tracked process run.", gauge, truth(x.State == "up"), "process", x.Name)
	}
}

// scripts adds what Lua scripts publish, by their own names. Two that do not
// agree what a name is cannot both be shown: the first counts, and the others
// are counted.
func (c *collection) scripts(list []control.Metric) {
	own, odd := maps.Clone(c.seen), 0
	for _, m := range list {
		value := gauge
		if m.Counter {
			value = counter
		}
		if _, ours := own[m.Name]; ours {
			odd++
			continue
		}
		help := m.Help
		if k, known := c.seen[m.Name]; known {
			if k.value != value {
				odd++
				continue
			}
			help = k.help
		}
		labels := []string{"script", m.Script}
		for _, name := range slices.Sorted(maps.Keys(m.Labels)) {
			labels = append(labels, name, m.Labels[name])
		}
		if c.add(m.Name, help, value, m.Value, labels...) != nil {
			odd++
		}
	}
	c.put("moonkeep_script_metrics_refused", "Series of Lua scripts that are left out, because their name is one of moonkeep's or another kind elsewhere, or a name is none.", gauge, float64(odd))
}
