package config

import (
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Global is keepalived's global_defs, with the settings of the daemon that
// keepalived keeps at the top level of its file.
type Global struct {
	At      Position `key:"-"`
	Written Keys     `key:"-"`
	// RouterID names this node in messages; the host's name when left out.
	RouterID string `key:"router_id" tier:"1"`
	// ScriptUser runs programs that name no user. Left out it is the account
	// keepalived_script if there is one, else the daemon's own user. In
	// keepalived.conf the group may stand behind it.
	ScriptUser string `key:"script_user" form:"special" tier:"1"`
	// ScriptGroup runs programs that name no user; the user's own group when
	// left out.
	ScriptGroup string `key:"script_group" word:"-"`
	// ScriptSecurity refuses programs that run as root and that somebody else
	// may write.
	ScriptSecurity bool `key:"enable_script_security" form:"bare" tier:"1"`
	// UseSymlinkPaths keeps symbolic links in the paths of programs.
	UseSymlinkPaths bool `key:"use_symlink_paths" idle:"paths are kept as they are written in any case" tier:"3"`
	// SupplementaryGroups gives programs the further groups of their user.
	SupplementaryGroups bool `key:"set_supplementary_groups" form:"bare" idle:"programs have them in any case" tier:"3"`
	// StartupScript is run before anything else starts.
	StartupScript *Program `key:"startup_script" form:"command" tier:"3"`
	// StartupTimeout is how long startup_script may take.
	StartupTimeout time.Duration `key:"startup_script_timeout" default:"10s" range:"1s..1000s" whole:"true" tier:"3"`
	// ShutdownScript is run after everything has stopped.
	ShutdownScript *Program `key:"shutdown_script" form:"command" tier:"3"`
	// ShutdownTimeout is how long shutdown_script may take.
	ShutdownTimeout time.Duration `key:"shutdown_script_timeout" default:"10s" range:"1s..1000s" whole:"true" tier:"3"`

	// Mail: what changes are mailed to whom.

	// Email are the recipients; nothing is mailed without one.
	Email []string `key:"notification_email" form:"list" tier:"1"`
	// EmailFrom is the sender; the user and host that the daemon runs as when
	// left out.
	EmailFrom string `key:"notification_email_from" tier:"1"`
	// SMTPServer is the mail relay; nothing is mailed without one.
	SMTPServer *SMTPServer `key:"smtp_server" form:"special" tier:"1"`
	// SMTPHelo is the name told to the relay; the host's when left out.
	SMTPHelo string `key:"smtp_helo_name" tier:"2"`
	// SMTPTimeout ends each step of a connection to the relay; keepalived
	// makes 1s of 0.
	SMTPTimeout time.Duration `key:"smtp_connect_timeout" default:"30s" range:"0s..24h" whole:"true" tier:"1"`
	// SMTPAlert is what every smtp_alert is when left out.
	SMTPAlert *bool `key:"smtp_alert" tier:"2"`
	// SMTPAlertVRRP is smtp_alert of instances and groups.
	SMTPAlertVRRP *bool `key:"smtp_alert_vrrp" inherits:"smtp_alert" tier:"3"`
	// SMTPAlertChecker is smtp_alert of virtual and real servers.
	SMTPAlertChecker *bool `key:"smtp_alert_checker" inherits:"smtp_alert" tier:"3"`
	// NoEmailFaults mails no change to FAULT.
	NoEmailFaults bool `key:"no_email_faults" form:"bare" tier:"3"`
	// NoCheckerEmails mails the changes of a real server only, not of each
	// check of it.
	NoCheckerEmails bool `key:"no_checker_emails" tier:"3"`

	// FIFOs: named pipes to which changes are written.

	// NotifyFIFO gets the changes of instances, groups and servers.
	NotifyFIFO *FIFO `key:"notify_fifo" form:"special" tier:"2"`
	// NotifyFIFOScript reads notify_fifo; the path is appended to it.
	NotifyFIFOScript *Program `key:"notify_fifo_script" form:"command" tier:"2"`
	// VRRPNotifyFIFO gets the changes of instances and groups.
	VRRPNotifyFIFO *FIFO `key:"vrrp_notify_fifo" form:"special" tier:"2"`
	// VRRPNotifyFIFOScript reads vrrp_notify_fifo.
	VRRPNotifyFIFOScript *Program `key:"vrrp_notify_fifo_script" form:"command" tier:"2"`
	// LVSNotifyFIFO gets the changes of virtual and real servers.
	LVSNotifyFIFO *FIFO `key:"lvs_notify_fifo" form:"special" tier:"2"`
	// LVSNotifyFIFOScript reads lvs_notify_fifo.
	LVSNotifyFIFOScript *Program `key:"lvs_notify_fifo_script" form:"command" tier:"2"`
	// NotifyPriorityChanges writes changes of priorities too.
	NotifyPriorityChanges bool `key:"vrrp_notify_priority_changes" tier:"3"`
	// FIFOStatesOnReload writes every state after a reload.
	FIFOStatesOnReload bool `key:"fifo_write_vrrp_states_on_reload" form:"bare" tier:"3"`

	// VRRP: what instances have when they say nothing.

	// Version is that of the protocol.
	Version int `key:"vrrp_version" default:"2" range:"2..3" tier:"1"`
	// Strict holds every instance to the RFC.
	Strict bool `key:"vrrp_strict" form:"bare" tier:"1"`
	// MulticastGroup4 is where IPv4 adverts are sent.
	MulticastGroup4 netip.Addr `key:"vrrp_mcast_group4" default:"224.0.0.18" tier:"2"`
	// MulticastGroup6 is where IPv6 adverts are sent.
	MulticastGroup6 netip.Addr `key:"vrrp_mcast_group6" default:"ff02::12" tier:"2"`
	// SkipCheckAdvAddr is skip_check_adv_addr of instances.
	SkipCheckAdvAddr bool `key:"vrrp_skip_check_adv_addr" tier:"2"`
	// LowerPrioNoAdvert is lower_prio_no_advert of instances.
	LowerPrioNoAdvert bool `key:"vrrp_lower_prio_no_advert" tier:"3"`
	// HigherPrioSendAdvert is higher_prio_send_advert of instances.
	HigherPrioSendAdvert *bool `key:"vrrp_higher_prio_send_advert" tier:"3"`
	// OwnerIgnoreAdverts is owner_ignore_adverts of instances.
	OwnerIgnoreAdverts bool `key:"vrrp_owner_ignore_adverts" tier:"3"`
	// CheckUnicastSource is check_unicast_src of instances.
	CheckUnicastSource bool `key:"vrrp_check_unicast_src" tier:"3"`
	// ChecksumAsV2 is the checksum of RFC 9568 in version 3 over IPv4.
	// keepalived takes any value as true.
	ChecksumAsV2 bool `key:"v3_checksum_as_v2" form:"bare" tier:"3"`
	// DownTimerAdverts is down_timer_adverts of instances.
	DownTimerAdverts int `key:"vrrp_down_timer_adverts" default:"3" range:"1..100" unit:"adverts" tier:"3"`
	// Garp is when instances announce addresses.
	Garp Garp `key:"garp" flat:"vrrp_garp_" tier:"2"`
	// MinGarp announces each address once, without a second burst.
	MinGarp bool `key:"vrrp_min_garp" tier:"3"`
	// GarpInterval is the least time between two gratuitous ARPs on one
	// interface.
	GarpInterval time.Duration `key:"vrrp_garp_interval" range:"0s..24h" tier:"2"`
	// GnaInterval is the least time between two unsolicited neighbour
	// advertisements on one interface.
	GnaInterval time.Duration `key:"vrrp_gna_interval" range:"0s..24h" tier:"3"`
	// GarpExtraIF is garp_extra_if of instances.
	GarpExtraIF *ExtraIF `key:"vrrp_garp_extra_if" word:"vrrp_garp_extra_if,vrrp_vmac_garp_intvl" form:"special" tier:"3"`
	// StartupDelay is how long instances wait after the start of the daemon.
	StartupDelay time.Duration `key:"vrrp_startup_delay" range:"0s..24h" tier:"2"`
	// DelayAfterBoot is how long instances wait after the start of the host.
	DelayAfterBoot time.Duration `key:"vrrp_delay_after_boot" range:"0s..24h" tier:"3"`
	// LogUnknownVRIDs logs adverts for virtual routers that are not
	// configured.
	LogUnknownVRIDs bool `key:"log_unknown_vrids" form:"bare" tier:"3"`
	// DefaultInterface holds static addresses that name none.
	DefaultInterface string `key:"default_interface" default:"eth0" tier:"2"`
	// DynamicInterfaces allows interfaces that are not there when the
	// configuration is read: what needs one is FAULT until it is there. That one
	// comes back as another, allow_if_changes, is always allowed.
	DynamicInterfaces string `key:"dynamic_interfaces" form:"optional" bare:"yes" enum:"yes,allow_if_changes" tier:"2"`
	// DisableLocalIGMP keeps the kernel from reporting link-local groups.
	DisableLocalIGMP bool `key:"disable_local_igmp" form:"bare" tier:"3"`
	// LinkbeatUsePolling polls the links of all interfaces.
	LinkbeatUsePolling bool `key:"linkbeat_use_polling" at:"root" form:"bare" idle:"the kernel tells every change of a link" tier:"3"`
	// VMACPrefix begins the names of interfaces with a virtual MAC.
	VMACPrefix string `key:"vmac_prefix" default:"vrrp" tier:"3"`
	// VMACAddrPrefix begins the names of such interfaces for one address.
	VMACAddrPrefix string `key:"vmac_addr_prefix" inherits:"vmac_prefix" tier:"3"`
	// RxBufsPolicy sizes the receive buffers of adverts: by the MTU, by the
	// size of an advert, or a number of bytes.
	RxBufsPolicy string `key:"vrrp_rx_bufs_policy" form:"special" idle:"sockets have the buffers of the system" tier:"3"`
	// RxBufsMultiplier multiplies that size.
	RxBufsMultiplier int `key:"vrrp_rx_bufs_multiplier" default:"3" range:"1..2147483647" unit:"count" idle:"sockets have the buffers of the system" tier:"3"`

	// Filters: how packets to addresses that are not accepted are dropped.

	// IPTables are the chains of iptables to put rules into: that for
	// incoming packets, that for outgoing ones.
	IPTables []string `key:"vrrp_iptables" form:"words" bare:"[]" idle:"packets are dropped by nftables" tier:"3"`
	// IPSets are the names of the ipsets to use with them.
	IPSets []string `key:"vrrp_ipsets" form:"words" bare:"[]" idle:"packets are dropped by nftables" tier:"3"`
	// NamespaceIPSets uses ipsets in another network namespace too.
	NamespaceIPSets bool `key:"namespace_with_ipsets" at:"root" form:"bare" idle:"packets are dropped by nftables" tier:"3"`
	// NFTables is the table of nftables to put rules into.
	NFTables string `key:"nftables" form:"optional" bare:"keepalived" idle:"the table has a name of moonkeep's own, and is made when something needs it" tier:"3"`
	// NFTablesPriority is the priority of its base chains.
	NFTablesPriority int `key:"nftables_priority" default:"-1" range:"-2147483648..2147483647" unit:"priority" idle:"the filter has priority 0; a packet that another table drops is dropped in any case" tier:"3"`
	// NFTablesIfindex matches interfaces by number instead of name.
	NFTablesIfindex bool `key:"nftables_ifindex" form:"bare" idle:"the filter goes by names" tier:"3"`
	// NFTablesCounters counts the packets that the rules match.
	NFTablesCounters bool `key:"nftables_counters" form:"bare" idle:"packets are counted in any case" tier:"3"`

	// IPVS: what virtual servers have in common.

	// NFTablesIPVS is the table that marks packets for groups of virtual
	// servers.
	NFTablesIPVS string `key:"nftables_ipvs" form:"optional" bare:"keepalived_ipvs" idle:"each address of a group is a service of its own, no firewall mark is set" tier:"3"`
	// NFTablesIPVSPriority is the priority of its chain.
	NFTablesIPVSPriority int `key:"nftables_ipvs_priority" default:"-1" range:"-2147483648..2147483647" unit:"priority" idle:"each address of a group is a service of its own, no firewall mark is set" tier:"3"`
	// NFTablesIPVSMark is the first firewall mark that is used for this.
	NFTablesIPVSMark uint32 `key:"nftables_ipvs_start_fwmark" default:"1000" range:"1..4294967295" idle:"each address of a group is a service of its own, no firewall mark is set" tier:"3"`
	// LVSTimeouts are how long idle connections are kept.
	LVSTimeouts *LVSTimeouts `key:"lvs_timeouts" form:"special" tier:"2"`
	// LVSFlush empties the table of IPVS at start.
	LVSFlush bool `key:"lvs_flush" form:"bare" tier:"2"`
	// LVSFlushOnStop empties the table of IPVS at the stop: all of it, or,
	// with VS, the configured virtual servers at one stroke.
	LVSFlushOnStop string `key:"lvs_flush_on_stop" word:"lvs_flush_on_stop,lvs_flush_onstop" form:"optional" bare:"all" enum:"all,VS" tier:"2"`
	// SyncDaemon tells connections of IPVS to other nodes.
	SyncDaemon *SyncDaemon `key:"lvs_sync_daemon" form:"special" tier:"2"`
	// RSInitNotifies tells of each real server that counts as working when it begins.
	RSInitNotifies bool `key:"rs_init_notifies" tier:"3"`
	// PluginDirectory is where the programs of plugins are looked for by their
	// names. It and all directories above it must belong to root, and nobody
	// else may write to them.
	PluginDirectory string `key:"plugin_directory" own:"true" inherits:"/usr/lib/moonkeep/plugins" tier:"2"`
	// PluginUser is the account that plugins run under.
	PluginUser string `key:"plugin_user" form:"special" own:"true" inherits:"nobody" tier:"2"`
	// PluginGroup is their group. In keepalived.conf it stands behind the user.
	PluginGroup string `key:"plugin_group" word:"-" inherits:"the user's group"`
	// MetricsListen is where /metrics (for Prometheus) and /healthz are served by
	// HTTP: ADDRESS:PORT, or unix:PATH. Whoever can connect may read; nothing can
	// be changed there.
	MetricsListen Listen `key:"metrics_listen" own:"true" inherits:"nowhere" tier:"2"`
	// LogAllFailures logs every failed check of what works, those too that are tried
	// again.
	LogAllFailures bool `key:"checker_log_all_failures" tier:"3"`

	// Processes: keepalived's several ones; moonkeep has one, and one for each kind of checker.

	// ProcessNames gives each process a name of its own.
	ProcessNames bool `key:"process_names" form:"bare" idle:"the daemon is one process, called moonkeep, and its checkers are others" tier:"3"`
	// ProcessName is the name of the first process.
	ProcessName string `key:"process_name" default:"keepalived" idle:"the daemon is one process, called moonkeep, and its checkers are others" tier:"3"`
	// VRRPProcessName is the name of the VRRP process.
	VRRPProcessName string `key:"vrrp_process_name" inherits:"process_name" idle:"the daemon is one process, called moonkeep, and its checkers are others" tier:"3"`
	// CheckerProcessName is the name of the process that checks.
	CheckerProcessName string `key:"checker_process_name" word:"checker_process_name,lvs_process_name" inherits:"process_name" idle:"the daemon is one process, called moonkeep, and its checkers are others" tier:"3"`
	// BFDProcessName is the name of the BFD process.
	BFDProcessName string `key:"bfd_process_name" inherits:"process_name" idle:"the daemon is one process, called moonkeep, and its checkers are others" tier:"3"`
	// ChildWaitTime is how long the first process waits for the others.
	ChildWaitTime time.Duration `key:"child_wait_time" at:"root" default:"5s" range:"0s..4294967295s" whole:"true" idle:"the end of each kind of process has limits of its own" tier:"3"`
	// VRRPPriority is the nice value of the daemon. Of this and bfd_priority
	// the lower counts. Programs that it starts have the value that it was
	// started with.
	VRRPPriority int `key:"vrrp_priority" default:"0" range:"-20..19" unit:"nice" tier:"3"`
	// CheckerPriority is the nice value of checkers: how much they give way to the
	// daemon's adverts, and to the other programs of the host. 0, and one that is lower
	// than that which the daemon was started with but not below 0, leave them the daemon's;
	// programs of MISC_CHECK have that always. One below 0 takes CAP_SYS_NICE.
	CheckerPriority int `key:"checker_priority" default:"5" range:"-20..19" unit:"nice" tier:"3"`
	// BFDPriority is the same as vrrp_priority: BFD and VRRP are one process.
	BFDPriority int `key:"bfd_priority" default:"0" range:"-20..19" unit:"nice" tier:"3"`
	// VRRPNoSwap keeps in memory what the daemon has used of it.
	VRRPNoSwap bool `key:"vrrp_no_swap" tier:"3"`
	// CheckerNoSwap keeps the process that checks in memory.
	CheckerNoSwap bool `key:"checker_no_swap" idle:"a check runs as the daemon does, or in a process of its own, of which checker_priority is set" tier:"3"`
	// BFDNoSwap is the same as vrrp_no_swap.
	BFDNoSwap bool `key:"bfd_no_swap" tier:"3"`
	// VRRPRTPriority is the realtime priority (SCHED_RR) of the daemon; none
	// when left out. Of this and bfd_rt_priority the higher counts. Programs
	// that it starts have none.
	VRRPRTPriority int `key:"vrrp_rt_priority" range:"1..99" unit:"priority" tier:"3"`
	// CheckerRTPriority is the realtime priority of the process that checks.
	CheckerRTPriority int `key:"checker_rt_priority" range:"1..99" unit:"priority" idle:"a check runs as the daemon does, or in a process of its own, of which checker_priority is set" tier:"3"`
	// BFDRTPriority is the same as vrrp_rt_priority.
	BFDRTPriority int `key:"bfd_rt_priority" range:"1..99" unit:"priority" tier:"3"`
	// VRRPCPUs are the processors that the daemon may run on; those of
	// bfd_cpu_affinity are added.
	VRRPCPUs []int `key:"vrrp_cpu_affinity" form:"words" range:"0..8191" tier:"3"`
	// CheckerCPUs are the processors that the process that checks may run on.
	CheckerCPUs []int `key:"checker_cpu_affinity" form:"words" range:"0..8191" idle:"a check runs as the daemon does, or in a process of its own, of which checker_priority is set" tier:"3"`
	// BFDCPUs are the same as vrrp_cpu_affinity.
	BFDCPUs []int `key:"bfd_cpu_affinity" form:"words" range:"0..8191" tier:"3"`
	// VRRPRTTime is how long a thread of the daemon may run in realtime
	// without waiting before that is logged; if it goes on for a second,
	// realtime is given up. It counts only when it is written.
	VRRPRTTime time.Duration `key:"vrrp_rlimit_rttime" word:"vrrp_rlimit_rttime,vrrp_rlimit_rtime" default:"10ms" range:"1us..4294967295us" unit:"us" whole:"true" tier:"3"`
	// CheckerRTTime limits the process that checks so.
	CheckerRTTime time.Duration `key:"checker_rlimit_rttime" word:"checker_rlimit_rttime,checker_rlimit_rtime" default:"10ms" range:"1us..4294967295us" unit:"us" whole:"true" idle:"a check runs as the daemon does, or in a process of its own, of which checker_priority is set" tier:"3"`
	// BFDRTTime is the same as vrrp_rlimit_rttime; the longer counts.
	BFDRTTime time.Duration `key:"bfd_rlimit_rttime" word:"bfd_rlimit_rttime,bfd_rlimit_rtime" default:"10ms" range:"1us..4294967295us" unit:"us" whole:"true" tier:"3"`
	// MaxAutoPriority is the highest realtime priority that may be taken when
	// timers are late; 0 is off, and -1 does not even hint at it.
	MaxAutoPriority int `key:"max_auto_priority" form:"optional" bare:"99" default:"0" range:"-1..99" unit:"priority" idle:"the service manager sets it: CPUSchedulingPriority= in a unit of systemd" tier:"3"`
	// MinAutoPriorityDelay is how late a timer must be for that.
	MinAutoPriorityDelay time.Duration `key:"min_auto_priority_delay" default:"1s" range:"1us..10000000us" unit:"us" whole:"true" idle:"the service manager sets the priority, from the start on" tier:"3"`

	// Buffers of sockets, none of which moonkeep has.

	// VRRPCommandBuf is the receive buffer for answers of the kernel.
	VRRPCommandBuf int `key:"vrrp_netlink_cmd_rcv_bufs" range:"1..2147483647" unit:"bytes" idle:"sockets have the buffers of the system" tier:"3"`
	// VRRPCommandBufForce goes beyond the system's limit.
	VRRPCommandBufForce bool `key:"vrrp_netlink_cmd_rcv_bufs_force" idle:"sockets have the buffers of the system" tier:"3"`
	// VRRPMonitorBuf is the receive buffer for news of the kernel.
	VRRPMonitorBuf int `key:"vrrp_netlink_monitor_rcv_bufs" range:"1..2147483647" unit:"bytes" idle:"sockets have the buffers of the system" tier:"3"`
	// VRRPMonitorBufForce goes beyond the system's limit.
	VRRPMonitorBufForce bool `key:"vrrp_netlink_monitor_rcv_bufs_force" idle:"sockets have the buffers of the system" tier:"3"`
	// ProcessMonitorBuf is the receive buffer for news of processes.
	ProcessMonitorBuf int `key:"process_monitor_rcv_bufs" range:"1..2147483647" unit:"bytes" idle:"sockets have the buffers of the system" tier:"3"`
	// ProcessMonitorBufForce goes beyond the system's limit.
	ProcessMonitorBufForce bool `key:"process_monitor_rcv_bufs_force" idle:"sockets have the buffers of the system" tier:"3"`
	// LVSCommandBuf is the receive buffer for answers of the kernel, where
	// servers are checked.
	LVSCommandBuf int `key:"lvs_netlink_cmd_rcv_bufs" range:"1..2147483647" unit:"bytes" idle:"sockets have the buffers of the system" tier:"3"`
	// LVSCommandBufForce goes beyond the system's limit.
	LVSCommandBufForce bool `key:"lvs_netlink_cmd_rcv_bufs_force" idle:"sockets have the buffers of the system" tier:"3"`
	// LVSMonitorBuf is the receive buffer for news of the kernel, where
	// servers are checked.
	LVSMonitorBuf int `key:"lvs_netlink_monitor_rcv_bufs" range:"1..2147483647" unit:"bytes" idle:"sockets have the buffers of the system" tier:"3"`
	// LVSMonitorBufForce goes beyond the system's limit.
	LVSMonitorBufForce bool `key:"lvs_netlink_monitor_rcv_bufs_force" idle:"sockets have the buffers of the system" tier:"3"`

	// SNMP and DBus.

	// SNMPSocket is the socket of the AgentX master.
	SNMPSocket string `key:"snmp_socket" default:"unix:/var/agentx/master" idle:"SNMP is not spoken" tier:"3"`
	// SNMPTraps sends notifications.
	SNMPTraps bool `key:"enable_traps" form:"bare" idle:"SNMP is not spoken" tier:"2"`
	// SNMPVRRP serves the VRRP part of KEEPALIVED-MIB.
	SNMPVRRP bool `key:"enable_snmp_vrrp" word:"enable_snmp_vrrp,enable_snmp_keepalived" form:"bare" idle:"SNMP is not spoken" tier:"2"`
	// SNMPChecker serves the LVS part of KEEPALIVED-MIB.
	SNMPChecker bool `key:"enable_snmp_checker" form:"bare" idle:"SNMP is not spoken" tier:"2"`
	// SNMPRFC serves VRRP-MIB (RFC 2787) and VRRPV3-MIB (RFC 6527).
	SNMPRFC bool `key:"enable_snmp_rfc" form:"bare" idle:"SNMP is not spoken" tier:"3"`
	// SNMPRFCv2 serves VRRP-MIB (RFC 2787).
	SNMPRFCv2 bool `key:"enable_snmp_rfcv2" form:"bare" idle:"SNMP is not spoken" tier:"3"`
	// SNMPRFCv3 serves VRRPV3-MIB (RFC 6527).
	SNMPRFCv3 bool `key:"enable_snmp_rfcv3" form:"bare" idle:"SNMP is not spoken" tier:"3"`
	// SNMPVSInterval is the least age of a virtual server's numbers before
	// they are read again.
	SNMPVSInterval time.Duration `key:"snmp_vs_stats_update_interval" default:"5s" range:"1ms..30s" idle:"SNMP is not spoken" tier:"3"`
	// SNMPRSInterval is the least age of a real server's numbers before they
	// are read again.
	SNMPRSInterval time.Duration `key:"snmp_rs_stats_update_interval" inherits:"snmp_vs_stats_update_interval" range:"1ms..30s" idle:"SNMP is not spoken" tier:"3"`
	// DBus serves the instances on the system's bus.
	DBus bool `key:"enable_dbus" form:"bare" idle:"there is no DBus service" tier:"3"`
	// DBusName is the name of the service.
	DBusName string `key:"dbus_service_name" default:"org.keepalived.Vrrp1" idle:"there is no DBus service" tier:"3"`
	// DBusNoInterface stands for the interface of instances without one.
	DBusNoInterface string `key:"dbus_no_interface_name" idle:"there is no DBus service" tier:"3"`

	// Namespaces, files and reloads.

	// NetNamespace is the network namespace to run in: a name of ip-netns(8), or
	// the absolute path of a file that stands for it.
	NetNamespace string `key:"net_namespace" at:"root" tier:"2"`
	// NetNamespaceIPVS is the network namespace of IPVS; in keepalived.conf the bare
	// keyword means that of the first process, /proc/1/ns/net.
	NetNamespaceIPVS string `key:"net_namespace_ipvs" at:"root" form:"optional" bare:"/proc/1/ns/net" inherits:"net_namespace" tier:"3"`
	// Instance names this daemon among several on a host.
	Instance string `key:"instance" at:"root" idle:"a run directory of its own tells a daemon from others" tier:"2"`
	// UsePIDDir puts the process ids into a directory.
	UsePIDDir bool `key:"use_pid_dir" at:"root" form:"bare" idle:"the run directory holds the process id, and each --run-dir its own" tier:"3"`
	// Umask is the mode that new files do not have.
	Umask *Umask `key:"umask" form:"special" idle:"the service manager sets it: UMask= in a unit of systemd" tier:"3"`
	// RandomSeed fixes what is drawn by lot.
	RandomSeed *uint32 `key:"random_seed" idle:"what is drawn by lot, when checks begin and the numbers of BFD sessions, must differ at each start" tier:"3"`
	// ReloadCheck checks a new configuration in a process of its own before
	// it is taken; the value is a file for what is found.
	ReloadCheck string `key:"reload_check_config" form:"optional" bare:"/dev/null" idle:"a new configuration is checked before every reload, which is refused if there are new mistakes in it" tier:"2"`
	// ReloadTimeFile holds a time at which to reload.
	ReloadTimeFile string `key:"reload_time_file" idle:"a reload must be asked for" tier:"3"`
	// ReloadRepeat keeps that file after the reload.
	ReloadRepeat bool `key:"reload_repeat" form:"bare" idle:"a reload must be asked for" tier:"3"`
	// ReloadFile is there while the configuration is read; in keepalived.conf
	// the bare keyword means keepalived.reload beside the process id.
	ReloadFile string `key:"reload_file" form:"optional" bare:"keepalived.reload" idle:"it is not made" tier:"3"`
	// ConfigSaveDir is where the text that was read is kept.
	ConfigSaveDir string `key:"config_save_dir" idle:"the files that are read are not copied; moonkeep convert prints what they come to" tier:"3"`
	// TempConfigDir is where keepalived passes the text to its processes.
	TempConfigDir string `key:"tmp_config_directory" idle:"the daemon reads the configuration itself" tier:"3"`
	// DataUseInstance puts the instance into the names of dumps.
	DataUseInstance bool `key:"data_use_instance" idle:"moonkeep status shows the state" tier:"3"`
	// JSONVersion is the layout of the JSON dump.
	JSONVersion int `key:"json_version" default:"1" range:"1..2" tier:"2"`
	// StateDumpFile gets the state at SIGUSR1; moonkeep.data in the run
	// directory when left out.
	StateDumpFile string `key:"state_dump_file" tier:"3"`
	// StatsDumpFile gets the counters at SIGUSR2; moonkeep.stats in the run
	// directory when left out.
	StatsDumpFile string `key:"stats_dump_file" tier:"3"`
	// JSONDumpFile gets both as keepalived's JSON at SIGRTMIN+2;
	// moonkeep.json in the run directory when left out.
	JSONDumpFile string `key:"json_dump_file" tier:"3"`
	// IPRouteUsrDir holds the distribution's names of tables, scopes and
	// protocols.
	IPRouteUsrDir string `key:"iproute_usr_dir" idle:"the usual directories of iproute2 are read; write the number in place of a name that is elsewhere" tier:"3"`
	// IPRouteEtcDir holds the host's own names of them.
	IPRouteEtcDir string `key:"iproute_etc_dir" idle:"the usual directories of iproute2 are read; write the number in place of a name that is elsewhere" tier:"3"`
}

// SMTPServer is a mail relay.
type SMTPServer struct {
	At      Position `key:"-"`
	Written Keys     `key:"-"`
	// Host is its address or name.
	Host string `key:"host" required:"true" tier:"1"`
	// Port is its TCP port.
	Port int `key:"port" default:"25" range:"1..65535" unit:"port" tier:"1"`
}

// LVSTimeouts are how long idle connections are kept; a zero is what the kernel had
// before the first of them was set. What was before is put back when a reload asks for
// it no more, and at the stop, but not after a crash, and not where another program has
// changed it since.
type LVSTimeouts struct {
	At      Position `key:"-"`
	Written Keys     `key:"-"`
	// TCP is for established TCP connections.
	TCP time.Duration `key:"tcp" range:"0s..2678400s" whole:"true" tier:"2"`
	// TCPFin is for TCP connections that are being closed.
	TCPFin time.Duration `key:"tcpfin" range:"0s..2678400s" whole:"true" tier:"2"`
	// UDP is for UDP.
	UDP time.Duration `key:"udp" range:"0s..2678400s" whole:"true" tier:"2"`
}

// SyncDaemon is how connections of IPVS are told to other nodes.
type SyncDaemon struct {
	At      Position `key:"-"`
	Written Keys     `key:"-"`
	// Interface is where they are told.
	Interface string `key:"interface" required:"true" tier:"2"`
	// Instance decides the role: the master tells, a backup listens. Without
	// it both are done.
	Instance string `key:"inst" tier:"2"`
	// ID tells one pair of nodes from another; the virtual router's number,
	// or 0, when left out.
	ID *int `key:"id" range:"0..255" unit:"count" tier:"2"`
	// MaxLen is the longest message; the kernel's choice when left out.
	MaxLen int `key:"maxlen" range:"1..65507" unit:"bytes" tier:"3"`
	// Port is the UDP port, 8848 when left out.
	Port int `key:"port" range:"1..65535" unit:"port" tier:"3"`
	// TTL is the TTL of messages, 1 when left out.
	TTL int `key:"ttl" range:"1..255" unit:"hops" tier:"3"`
	// Group is the group that messages are sent to, 224.0.0.81 when left out.
	Group netip.Addr `key:"group" tier:"3"`
}

// Umask is a file mode creation mask.
type Umask uint32

// MarshalText renders it in octal, with a leading 0.
func (u Umask) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "0%03o", uint32(u)), nil }

// UnmarshalText reads a number as C does: octal with a leading 0.
func (u *Umask) UnmarshalText(text []byte) error {
	n, err := strconv.ParseUint(string(text), 0, 32)
	if err != nil || n > 0o777 {
		return fmt.Errorf("must be a number up to 0777, octal with a leading 0, not %q", text)
	}
	*u = Umask(n)
	return nil
}

// Listen is where connections are taken: "ADDRESS:PORT", or "unix:PATH" with an
// absolute path.
type Listen string

// UnmarshalText reads one. The address may be left out, which means all, but not
// be a name.
func (l *Listen) UnmarshalText(text []byte) error {
	if path, unix := strings.CutPrefix(string(text), "unix:"); unix {
		if !filepath.IsAbs(path) {
			return fmt.Errorf("the path behind unix: must begin with /")
		}
		*l = Listen(text)
		return nil
	}
	host, port, err := net.SplitHostPort(string(text))
	if err == nil && host != "" {
		_, err = netip.ParseAddr(host)
	}
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return fmt.Errorf("must be ADDRESS:PORT, as 127.0.0.1:9650 or [::1]:9650, or unix:PATH, not %q", text)
	}
	*l = Listen(text)
	return nil
}

// MarshalText renders it as it is read.
func (l Listen) MarshalText() ([]byte, error) { return []byte(l), nil }
