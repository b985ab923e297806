package keepalived

import (
	"time"

	"github.com/moonkeep/moonkeep/config"
)

// The rows of the VRRP part: what may stand at the top level, and in
// vrrp_script, vrrp_instance and vrrp_sync_group.

// rootKeywords are allowed at the top level of the file.
func rootKeywords() []keyword {
	return joined(
		[]keyword{
			{name: "global_defs", body: "global_defs", repeats: true},
			{name: "vrrp_script", min: 1, max: 1, named: true, repeats: true, body: "vrrp_script",
				handle: (*reader).beginScript, finish: (*reader).endScript},
			{name: "vrrp_instance", min: 1, max: 1, named: true, repeats: true, body: "vrrp_instance",
				handle: (*reader).beginInstance, finish: (*reader).endInstance},
			{name: "vrrp_sync_group", min: 1, max: 1, named: true, repeats: true, body: "vrrp_sync_group",
				handle: (*reader).beginGroup, finish: (*reader).endGroup},
		},
		refused(": the daemon would run in another network namespace; start it in the right one and remove the line",
			"net_namespace"),
		warned("", "net_namespace_ipvs", "namespace_with_ipsets", "use_pid_dir", "instance", "child_wait_time",
			"linkbeat_use_polling"),
		withLines(warned(": addresses and routes that stand on a node all the time are not installed",
			"static_ipaddress", "static_routes", "static_rules", "track_group")),
		withLines(warned("", "linkbeat_interfaces", "interface_up_down_delays")),
	)
}

// scriptKeywords are those of vrrp_script.
func scriptKeywords() []keyword {
	return []keyword{
		{name: "script", min: 1, max: -1, command: true, mandatory: true, handle: (*reader).scriptCommand},
		{name: "interval", min: 1, max: 1, handle: (*reader).scriptInterval},
		{name: "timeout", min: 1, max: 1, handle: (*reader).scriptTimeout},
		{name: "weight", min: 1, max: 2, handle: (*reader).scriptWeight},
		{name: "rise", min: 1, max: 1, handle: setInt(1, 1<<20, func(r *reader) **int { return &r.script.rise })},
		{name: "fall", min: 1, max: 1, handle: setInt(1, 1<<20, func(r *reader) **int { return &r.script.fall })},
		{name: "user", min: 1, max: 2, handle: (*reader).scriptUserGroup},
		{name: "init_fail", handle: setFlag(true, func(r *reader) *bool { return &r.script.InitFail })},
	}
}

// instanceKeywords are those of vrrp_instance.
func instanceKeywords() []keyword {
	return joined(
		[]keyword{
			{name: "state", min: 1, max: 1, repeats: true, handle: (*reader).state},
			{name: "interface", min: 1, max: 1, mandatory: true, handle: (*reader).instanceInterface},
			{name: "virtual_router_id", min: 1, max: 1, mandatory: true, handle: (*reader).virtualRouterID},
			{name: "priority", min: 1, max: 1, handle: setInt(1, 255, func(r *reader) **int { return &r.inst.priority })},
			{name: "version", min: 1, max: 1, handle: setInt(2, 3, func(r *reader) **int { return &r.inst.version })},
			{name: "advert_int", min: 1, max: 1,
				handle: setSeconds(10*time.Millisecond, 255*time.Second, func(r *reader) **time.Duration { return &r.inst.advert })},
			{name: "nopreempt", handle: setFlag(true, func(r *reader) *bool { return &r.inst.noPreempt })},
			{name: "preempt", handle: setFlag(false, func(r *reader) *bool { return &r.inst.noPreempt })},
			{name: "preempt_delay", min: 1, max: 1,
				handle: setSeconds(0, 1000*time.Second, func(r *reader) **time.Duration { return &r.inst.preemptDelay })},
			{name: "mcast_src_ip", min: 1, max: 1, handle: (*reader).source},
			{name: "dont_track_primary", max: 1, handle: setBool(func(r *reader) **bool { return &r.inst.ignorePrimary })},
			{name: "down_timer_adverts", min: 1, max: 1, handle: setInt(1, 100, func(r *reader) **int { return &r.inst.downTimer })},
			{name: "strict_mode", max: 1, handle: (*reader).strictMode},
			{name: "v3_checksum_as_v2", max: 1, handle: setBool(func(r *reader) **bool { return &r.inst.checksumAsV2 })},
			{name: "skip_check_adv_addr", max: 1, handle: setBool(func(r *reader) **bool { return &r.inst.skipCheck })},
			{name: "lower_prio_no_advert", max: 1, handle: setBool(func(r *reader) **bool { return &r.inst.lowerNoAdvert })},
			{name: "higher_prio_send_advert", max: 1, handle: setBool(func(r *reader) **bool { return &r.inst.higherSend })},
			{name: "no_virtual_ipaddress", handle: setFlag(true, func(r *reader) *bool { return &r.inst.noAddresses })},
			{name: "virtual_ipaddress", repeats: true, line: (*reader).virtualAddress},
			{name: "virtual_ipaddress_excluded", repeats: true, line: (*reader).excludedAddress},
			{name: "authentication", body: "authentication", handle: (*reader).beginAuthentication},
		},
		garpKeywords(""),
		trackKeywords(),
		notifyKeywords(),
		refused(": adverts would go by multicast, which the peers would not hear; remove the instance or wait for it",
			"unicast_peer", "unicast_src_ip", "unicast_fault_no_peer"),
		refused(": the address would have the interface's own MAC; remove the line on all nodes",
			"use_vmac", "use_vmac_addr", "use_ipvlan"),
		refused(": peers on another group would not hear this node", "mcast_dst_ip"),
		refused(": IPv6 instances are not spoken", "native_ipv6"),
		refused("; name the interface with the keyword interface", "vrf"),
		refused(": adverts would not be signed, and unsigned ones would be accepted; remove it on all nodes", "auth_hmac"),
		refused(": the node would stay master without its source address", "track_src_ip"),
		refused(": packets to the virtual addresses would be answered; remove the line if that is right", "no_accept"),
		warned(": the routes and rules of a master are not installed", "virtual_routes", "virtual_rules"),
		warned(": no mail is sent", "smtp_alert"),
		warned(": sync of IPVS connections is not started", "lvs_sync_daemon_interface"),
		warned(": a master answers on its addresses unless no_accept is given", "accept"),
		warned("", "vmac_xmit_base", "check_unicast_src", "old_unicast_checksum", "unicast_ttl", "promote_secondaries",
			"linkbeat_use_polling", "debug", "notify_deleted", "notify_master_rx_lower_pri", "notify_priority_changes",
			"timer_expired_backup", "thread_timer_expired", "garp_extra_if", "vmac_garp_intvl", "owner_ignore_adverts",
			"kernel_rx_buf_size"),
	)
}

// authenticationKeywords are those of authentication.
func authenticationKeywords() []keyword {
	return []keyword{
		{name: "auth_type", min: 1, max: 1, handle: (*reader).authType},
		{name: "auth_pass", min: 1, max: 1, handle: (*reader).authPass},
	}
}

// groupKeywords are those of vrrp_sync_group.
func groupKeywords() []keyword {
	return joined(
		[]keyword{
			{name: "group", line: (*reader).member},
			{name: "sync_group_tracking_weight", handle: setFlag(true, func(r *reader) *bool { return &r.group.KeepWeights })},
			{name: "global_tracking", handle: (*reader).globalTracking},
		},
		trackKeywords(),
		notifyKeywords(),
		warned(": no mail is sent", "smtp_alert"),
		warned("", "notify_priority_changes"),
	)
}

// trackKeywords are the trackers of an instance or a group. Those of a kind
// that is not built are refused: the node would keep an address that its
// author wants it to give away.
func trackKeywords() []keyword {
	return joined(
		[]keyword{
			{name: "track_interface", repeats: true, line: (*reader).trackInterfaceLine},
			{name: "track_script", repeats: true, line: (*reader).trackScriptLine},
		},
		refused(": the node would keep its address when what is tracked fails; use a vrrp_script",
			"track_file", "track_process", "track_bfd"),
	)
}

// notifyKeywords are the programs of an instance or a group. The words behind
// the command are its user and group.
func notifyKeywords() []keyword {
	row := func(name string, to func(*config.Notify) **config.Program) keyword {
		return keyword{name: name, min: 1, max: -1, command: true, handle: setNotify(to)}
	}
	return []keyword{
		row("notify_master", func(n *config.Notify) **config.Program { return &n.Master }),
		row("notify_backup", func(n *config.Notify) **config.Program { return &n.Backup }),
		row("notify_fault", func(n *config.Notify) **config.Program { return &n.Fault }),
		row("notify_stop", func(n *config.Notify) **config.Program { return &n.Stop }),
		row("notify", func(n *config.Notify) **config.Program { return &n.Any }),
	}
}

// garpKeywords are the announcements' rhythm, in an instance or, with the
// prefix vrrp_, in global_defs.
func garpKeywords(prefix string) []keyword {
	const mostRepeats = 65535
	duration := func(name string, to func(*garp) **time.Duration) keyword {
		return keyword{name: prefix + name, min: 1, max: 1,
			handle: setSeconds(0, longest, func(r *reader) **time.Duration { return to(r.announce()) })}
	}
	count := func(name string, to func(*garp) **int) keyword {
		return keyword{name: prefix + name, min: 1, max: 1,
			handle: setInt(0, mostRepeats, func(r *reader) **int { return to(r.announce()) })}
	}
	return []keyword{
		duration("garp_master_delay", func(g *garp) **time.Duration { return &g.delay }),
		count("garp_master_repeat", func(g *garp) **int { return &g.repeat }),
		duration("garp_master_refresh", func(g *garp) **time.Duration { return &g.refresh }),
		count("garp_master_refresh_repeat", func(g *garp) **int { return &g.refreshRepeat }),
		duration("garp_lower_prio_delay", func(g *garp) **time.Duration { return &g.lowerDelay }),
		count("garp_lower_prio_repeat", func(g *garp) **int { return &g.lowerRepeat }),
	}
}
