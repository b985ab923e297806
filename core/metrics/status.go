package metrics

import (
	"maps"
	"slices"
	"strconv"

	"github.com/moonkeep/moonkeep/core/control"
)

// roles are the values of what has one series for each.
func roles() []string { return []string{"INIT", "BACKUP", "MASTER", "FAULT"} }

func (c *collection) status(s *control.Status) {
	c.put("moonkeep_info", "The daemon; always 1.", gauge, 1, "version", s.Version, "router_id", s.RouterID)
	c.put("moonkeep_uptime_seconds", "Time since the daemon started.", gauge, s.Uptime)
	c.put("moonkeep_config_read_timestamp_seconds", "When the running configuration was read, as a Unix timestamp.", gauge, float64(s.Reloaded.UnixMilli())/1000)
	c.put("moonkeep_config_reload_refused", "1 if the last reload was refused.", gauge, truth(s.ReloadError != ""))
	c.put("moonkeep_maintenance", "1 if the whole node is in maintenance.", gauge, truth(s.Maintenance))
	c.put("moonkeep_late_seconds", "How late the daemon's main loop was the last time it woke up.", gauge, s.Late)
	c.put("moonkeep_late_max_seconds", "The most that the daemon's main loop has been late since the start.", gauge, s.MostLate)
	c.put("moonkeep_packets_dropped_total", "VRRP packets dropped because the daemon was busy.", counter, float64(s.Dropped))
	c.put("moonkeep_packets_of_other_vrids_total", "VRRP packets received for virtual routers that are not configured.", counter, float64(s.Strangers))
	c.put("moonkeep_announcements_failed_total", "Announcements of addresses (gratuitous ARP, unsolicited NA) that could not be sent.", counter, float64(s.Unannounced))
	for i := range s.Instances {
		c.instance(&s.Instances[i])
	}
	for _, g := range s.Groups {
		c.one("moonkeep_sync_group_role", "1 for the current role of a sync group, 0 for the others.", "role", g.Role, roles(), "group", g.Name)
	}
	c.trackers(s)
	for i := range s.Services {
		c.service(&s.Services[i])
	}
	c.checks(s)
	n := &s.Notifications
	c.put("moonkeep_notifications_waiting", "Notifications waiting to be delivered to programs and functions.", gauge, float64(n.Waiting))
	c.put("moonkeep_notifications_total", "Notifications to programs and functions, by result.", counter, float64(n.Told), "result", "told")
	c.put("moonkeep_notifications_total", "Notifications to programs and functions, by result.", counter, float64(n.Failed), "result", "failed")
	c.put("moonkeep_notifications_total", "Notifications to programs and functions, by result.", counter, float64(n.Dropped), "result", "dropped")
	for _, f := range n.FIFOs {
		c.put("moonkeep_fifo_lines_written_total", "Lines written to a FIFO.", counter, float64(f.Written), "path", f.Path)
		c.put("moonkeep_fifo_lines_dropped_total", "Lines dropped because a FIFO had no reader.", counter, float64(f.Dropped), "path", f.Path)
	}
	if m := n.Mail; m != nil {
		const help = "Mails, by result."
		c.put("moonkeep_mails_waiting", "Mails waiting for the mail server.", gauge, float64(m.Waiting))
		c.put("moonkeep_mails_total", help, counter, float64(m.Sent), "result", "sent")
		c.put("moonkeep_mails_total", help, counter, float64(m.Failed), "result", "failed")
		c.put("moonkeep_mails_total", help, counter, float64(m.Dropped), "result", "dropped")
	}
}

func (c *collection) instance(in *control.Instance) {
	at := []string{"instance", in.Name}
	put := func(name, help string, value kind, v float64, more ...string) {
		c.put("moonkeep_vrrp_"+name, help, value, v, append(at[:len(at):len(at)], more...)...)
	}
	put("info", "A virtual router; always 1.", gauge, 1, "interface", in.Interface, "vrid", strconv.Itoa(in.VRID), "version", strconv.Itoa(in.Version), "group", in.Group)
	c.one("moonkeep_vrrp_role", "1 for the current role of a virtual router, 0 for the others.", "role", in.Role, roles(), at...)
	put("role_seconds", "Time since the last change of role.", gauge, in.SinceAge)
	put("priority", "The effective priority.", gauge, float64(in.Effective))
	put("priority_configured", "The configured priority.", gauge, float64(in.Base))
	put("faults", "Number of reasons for the state FAULT.", gauge, float64(len(in.Faults)))
	put("handing_over", "1 while it hands its addresses over and still answers for them.", gauge, truth(in.Leaving))
	put("maintenance", "1 if it is in maintenance and does not become MASTER.", gauge, truth(in.Maintenance))
	held := 0
	for _, a := range in.Addresses {
		if a.Held {
			held++
		}
	}
	put("addresses", "Number of configured virtual addresses.", gauge, float64(len(in.Addresses)))
	put("addresses_held", "Number of virtual addresses that are set in the kernel.", gauge, float64(held))
	put("repaired_total", "Addresses, routes and rules put back after somebody removed them.", counter, float64(in.Repaired))
	if in.HeardAge != nil {
		put("last_advert_heard_seconds", "Time since the last advert from another node.", gauge, *in.HeardAge)
	}
	put("dual_master", "1 while another node is MASTER, too.", gauge, truth(in.DualMaster != ""))
	put("dual_masters_total", "How often another node was MASTER, too.", counter, float64(in.DualMasters))
	put("dual_master_seconds_total", "Total time during which another node was MASTER, too.", counter, in.DualMasterTime)
	n := &in.Counters
	put("adverts_sent_total", "Adverts sent.", counter, float64(n.Sent))
	put("adverts_received_total", "Adverts received and accepted.", counter, float64(n.Received))
	put("adverts_with_other_addresses_total", "Adverts accepted although they list other addresses than the instance has.", counter, float64(n.OtherAddresses))
	put("adverts_unsigned_total", "Adverts accepted without a signature although auth_hmac has keys.", counter, float64(n.Unsigned))
	put("priority_zero_sent_total", "Adverts sent with priority 0 (this node gives up).", counter, float64(n.SentZero))
	put("priority_zero_received_total", "Adverts received with priority 0 (the master gives up).", counter, float64(n.ReceivedZero))
	put("became_master_total", "How often it became MASTER.", counter, float64(n.BecameMaster))
	put("left_master_total", "How often it left MASTER.", counter, float64(n.LeftMaster))
	put("announcement_bursts_total", "How often its addresses were announced (gratuitous ARP, unsolicited NA).", counter, float64(n.Announced))
	for _, rule := range slices.Sorted(maps.Keys(n.Rejected)) {
		put("adverts_rejected_total", "Adverts rejected, by the rule they broke.", counter, float64(n.Rejected[rule]), "rule", rule)
	}
}

// trackers are what virtual routers track.
func (c *collection) trackers(s *control.Status) {
	for _, x := range s.Scripts {
		c.put("moonkeep_script_up", "1 if a check counts as up.", gauge, truth(x.State == "up"), "script", x.Name)
		if x.RunAge != nil {
			c.put("moonkeep_script_last_run_seconds", "Time since the last run of a check.", gauge, *x.RunAge, "script", x.Name)
		}
		c.put("moonkeep_script_duration_seconds", "Duration of the last run of a check.", gauge, x.Took, "script", x.Name)
		if x.Weight != nil {
			c.put("moonkeep_script_weight", "The weight that a check measured for the priority.", gauge, float64(*x.Weight), "script", x.Name)
		}
	}
	for _, x := range s.Sessions {
		c.put("moonkeep_bfd_up", "1 if a BFD session is up.", gauge, truth(x.State == "Up"), "session", x.Name)
	}
	for _, x := range s.Files {
		if x.Value != nil {
			c.put("moonkeep_track_file_value", "The number in a tracked file.", gauge, float64(*x.Value), "file", x.Name)
		}
		c.put("moonkeep_track_file_broken", "1 if a tracked file cannot be read or holds no number.", gauge, truth(x.Error != ""), "file", x.Name)
	}
	for _, x := range s.Processes {
		if x.Count != nil {
			c.put("moonkeep_track_process_count", "Number of processes found for a tracked process.", gauge, float64(*x.Count), "process", x.Name)
		}
		c.put("moonkeep_track_process_up", "1 if as many processes run as a tracked process requires.", gauge, truth(x.State == "up"), "process", x.Name)
	}
}

// scripts adds what Lua scripts publish, by their own names, which package lua holds to what
// the format takes and to be none of moonkeep's. Two that do not agree what a name is cannot
// both be shown: the first counts, and the others are counted.
func (c *collection) scripts(list []control.Metric) {
	odd := 0
	for _, m := range list {
		value := gauge
		if m.Counter {
			value = counter
		}
		labels := []string{"script", m.Script}
		for _, name := range slices.Sorted(maps.Keys(m.Labels)) {
			labels = append(labels, name, m.Labels[name])
		}
		if f := c.families[m.Name]; f != nil && f.value != value {
			odd++
			continue
		}
		c.put(m.Name, m.Help, value, m.Value, labels...)
	}
	c.put("moonkeep_script_metrics_refused", "Series of Lua scripts that are not exported because their name is used with another type.", gauge, float64(odd))
}
