package keepalived

import "time"

// globalKeywords are those of global_defs.
func globalKeywords() []keyword {
	return joined(
		[]keyword{
			{name: "router_id", min: 1, max: 1, handle: (*reader).routerID},
			{name: "script_user", min: 1, max: 2, handle: (*reader).scriptUser},
			{name: "vrrp_version", min: 1, max: 1, handle: setInt(2, 3, func(r *reader) **int { return &r.global.version })},
			{name: "vrrp_strict", handle: (*reader).vrrpStrict},
			{name: "vrrp_skip_check_adv_addr", max: 1, handle: setBool(func(r *reader) **bool { return &r.global.skipCheckAddr })},
			{name: "vrrp_lower_prio_no_advert", max: 1, handle: setBool(func(r *reader) **bool { return &r.global.lowerNoAdvert })},
			{name: "vrrp_higher_prio_send_advert", max: 1, handle: setBool(func(r *reader) **bool { return &r.global.higherSend })},
			// Its argument does not count, in keepalived either.
			{name: "v3_checksum_as_v2", max: -1, handle: setFlag(true, func(r *reader) *bool { return &r.global.checksumAsV2 })},
			{name: "vrrp_min_garp", max: 1, handle: setBool(func(r *reader) **bool { return &r.global.minGarp })},
			{name: "vrrp_down_timer_adverts", min: 1, max: 1, handle: setInt(1, 100, func(r *reader) **int { return &r.global.downTimer })},
			{name: "vrrp_garp_interval", min: 1, max: 1,
				handle: setSeconds(0, longest, func(r *reader) **time.Duration { return &r.global.garpInterval })},
			// It has had its effect when the next line was read.
			{name: includeCheck, max: -1, handle: (*reader).includeCheck, repeats: true},
			{name: "vrrp_mcast_group4", min: 1, max: 1, handle: (*reader).multicastGroup},
		},
		garpKeywords("vrrp_"),
		withLines(warned(": no mail is sent", "notification_email")),
		warned(": no mail is sent",
			"notification_email_from", "smtp_server", "smtp_helo_name", "smtp_connect_timeout", "smtp_alert",
			"smtp_alert_vrrp", "smtp_alert_checker", "no_email_faults", "no_checker_emails"),
		warned(": scripts run whoever may write them", "enable_script_security"),
		warned(": IPVS is left alone",
			"lvs_timeouts", "lvs_flush", "lvs_flush_on_stop", "lvs_flush_onstop", "lvs_sync_daemon", "nftables_ipvs",
			"nftables_ipvs_priority", "nftables_ipvs_start_fwmark"),
		warned(": nothing is written to a FIFO",
			"notify_fifo", "notify_fifo_script", "vrrp_notify_fifo", "vrrp_notify_fifo_script",
			"vrrp_notify_priority_changes", "fifo_write_vrrp_states_on_reload", "lvs_notify_fifo", "lvs_notify_fifo_script"),
		warned(": IPv6 is not spoken", "vrrp_mcast_group6", "vrrp_gna_interval"),
		warned(": instances begin at once", "vrrp_startup_delay", "vrrp_delay_after_boot"),
		warned("", "process_names", "process_name", "vrrp_process_name", "checker_process_name", "lvs_process_name",
			"bfd_process_name", "use_symlink_paths", "set_supplementary_groups", "startup_script",
			"startup_script_timeout", "shutdown_script", "shutdown_script_timeout", "max_auto_priority",
			"min_auto_priority_delay", "checker_log_all_failures", "dynamic_interfaces", "default_interface",
			"disable_local_igmp", "vrrp_garp_extra_if", "vrrp_vmac_garp_intvl", "vrrp_iptables", "vrrp_ipsets",
			"nftables", "nftables_priority", "nftables_ifindex", "nftables_counters", "vrrp_check_unicast_src",
			"vrrp_priority", "vrrp_no_swap", "vrrp_rt_priority", "vrrp_cpu_affinity", "vrrp_rlimit_rttime",
			"vrrp_rlimit_rtime", "checker_priority", "checker_no_swap", "checker_rt_priority", "checker_cpu_affinity",
			"checker_rlimit_rttime", "checker_rlimit_rtime", "bfd_priority", "bfd_no_swap", "bfd_rt_priority",
			"bfd_cpu_affinity", "bfd_rlimit_rttime", "bfd_rlimit_rtime", "snmp_socket", "enable_traps",
			"enable_snmp_vrrp", "enable_snmp_keepalived", "enable_snmp_rfc", "enable_snmp_rfcv2", "enable_snmp_rfcv3",
			"enable_snmp_checker", "snmp_vs_stats_update_interval", "snmp_rs_stats_update_interval", "enable_dbus",
			"dbus_service_name", "dbus_no_interface_name", "vrrp_netlink_cmd_rcv_bufs",
			"vrrp_netlink_cmd_rcv_bufs_force", "vrrp_netlink_monitor_rcv_bufs", "vrrp_netlink_monitor_rcv_bufs_force",
			"process_monitor_rcv_bufs", "process_monitor_rcv_bufs_force", "lvs_netlink_cmd_rcv_bufs",
			"lvs_netlink_cmd_rcv_bufs_force", "lvs_netlink_monitor_rcv_bufs", "lvs_netlink_monitor_rcv_bufs_force",
			"rs_init_notifies", "vrrp_rx_bufs_policy", "vrrp_rx_bufs_multiplier", "log_unknown_vrids",
			"vrrp_owner_ignore_adverts", "vmac_prefix", "vmac_addr_prefix", "umask", "random_seed",
			"reload_check_config", "reload_time_file", "reload_repeat", "reload_file",
			"config_save_dir", "tmp_config_directory", "data_use_instance", "json_version", "iproute_usr_dir",
			"iproute_etc_dir", "state_dump_file", "stats_dump_file", "json_dump_file"),
	)
}
