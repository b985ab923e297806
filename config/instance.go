package config

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/moonkeep/moonkeep/core/netspec"
)

// Instance is a vrrp_instance: one virtual router.
type Instance struct {
	// Name is the instance's name in messages and notifications.
	Name    string   `key:"name" word:"-" required:"true" tier:"1"`
	At      Position `key:"-"`
	Written Keys     `key:"-"`
	// Version is that of the protocol. IPv6 is spoken in version 3 only.
	Version int `key:"version" range:"2..3" inherits:"global vrrp_version" tier:"2"`
	// Interface is the network interface that the instance runs on. Only unicast with
	// unicast_src_ip, and an instance of a vrf, can do without.
	Interface string `key:"interface" tier:"1"`
	// NetNamespace is the network namespace that the instance is in: its
	// interface, its addresses, routes and rules, and the interfaces that it
	// tracks. It is a name of ip-netns(8), or the absolute path of a file that
	// stands for it. Scripts, processes and BFD are in the daemon's own, and so is
	// what sync groups track.
	NetNamespace string `key:"net_namespace" own:"true" inherits:"the daemon's own" tier:"3"`
	// VRF is the VRF that the instance belongs to when no interface is given.
	VRF string `key:"vrf" tier:"3"`
	// VRID is the virtual router's number, the same on all nodes.
	VRID int `key:"virtual_router_id" required:"true" range:"1..255" tier:"1"`
	// Priority decides which node is master: the highest. 255 is the owner of
	// the addresses. Left out it is 100, in keepalived.conf 255 with state
	// MASTER.
	Priority int `key:"priority" default:"100" range:"1..255" unit:"priority" tier:"1"`
	// Master is the state in which the instance starts. MASTER only shortens
	// the first wait. Left out it is MASTER with priority 255 only.
	Master State `key:"state" form:"special" default:"BACKUP" tier:"1"`
	// AdvertInt is the time between adverts: whole seconds in version 2,
	// steps of 10ms up to 40.95s in version 3.
	AdvertInt time.Duration `key:"advert_int" default:"1s" range:"10ms..255s" tier:"1"`
	// NoPreempt lets a master of lower priority stay. The keyword preempt
	// undoes it.
	NoPreempt bool `key:"nopreempt" word:"nopreempt,preempt" form:"bare" tier:"1"`
	// PreemptDelay is how long a master of lower priority is left alone.
	PreemptDelay time.Duration `key:"preempt_delay" default:"0s" range:"0s..1000s" tier:"1"`
	// Source is the address from which multicast adverts are sent, the first
	// of the interface when left out.
	Source netip.Addr `key:"mcast_src_ip" tier:"2"`
	// UnicastSource is the address from which unicast adverts are sent.
	UnicastSource netip.Addr `key:"unicast_src_ip" tier:"1"`
	// TrackSource makes the instance FAULT while its source address is gone.
	// Without a configured one any address of the interface does.
	TrackSource bool `key:"track_src_ip" form:"bare" tier:"2"`
	// Destination is the group that adverts are sent to.
	Destination netip.Addr `key:"mcast_dst_ip" inherits:"global vrrp_mcast_group4 or vrrp_mcast_group6" tier:"3"`
	// UnicastPeers are the nodes that adverts are sent to instead of the
	// group.
	UnicastPeers []Peer `key:"unicast_peers" word:"unicast_peer" form:"lines" tier:"1"`
	// UnicastFaultNoPeer makes the instance a unicast one that is FAULT while
	// it has no peer.
	UnicastFaultNoPeer bool `key:"unicast_fault_no_peer" form:"bare" tier:"3"`
	// UnicastTTL is the TTL or hop limit of unicast adverts.
	UnicastTTL int `key:"unicast_ttl" default:"255" range:"0..255" unit:"hops" tier:"2"`
	// CheckUnicastSource takes unicast adverts from configured peers only.
	CheckUnicastSource bool `key:"check_unicast_src" inherits:"global vrrp_check_unicast_src" tier:"3"`
	// OldUnicastChecksum takes the checksum of keepalived before 1.2.20 for
	// unicast in version 3; never does not try it.
	OldUnicastChecksum string `key:"old_unicast_checksum" form:"optional" bare:"compatible" enum:"compatible,never" tier:"3"`
	// NativeIPv6 makes the instance one of IPv6 when no address shows it.
	NativeIPv6 bool `key:"native_ipv6" form:"bare" tier:"3"`
	// UseVMAC runs the instance on an interface that has the virtual router's
	// MAC address (RFC 9568 section 7.3).
	UseVMAC *VMAC `key:"use_vmac" form:"special" tier:"2"`
	// UseVMACAddr makes such interfaces for addresses on other interfaces
	// too.
	UseVMACAddr bool `key:"use_vmac_addr" form:"bare" tier:"3"`
	// VMACXmitBase sends and receives adverts on the interface below the one
	// with the virtual MAC.
	VMACXmitBase bool `key:"vmac_xmit_base" tier:"2"`
	// UseIPVLAN runs the instance on an ipvlan interface.
	UseIPVLAN *IPVLAN `key:"use_ipvlan" form:"special" tier:"3"`

	// Authentication is version 2's password.
	Authentication `key:"authentication" form:"block" tier:"1"`
	// HMAC signs adverts with shared keys, an extension of keepalived 2.4.
	HMAC *HMAC `key:"auth_hmac" form:"block" tier:"2"`

	// Strict holds the instance to the RFC.
	Strict bool `key:"strict_mode" inherits:"global vrrp_strict" tier:"3"`
	// ChecksumMessage selects version 3's checksum over IPv4: rfc5798 covers
	// a pseudo header, as keepalived's, rfc9568 does not. keepalived.conf has
	// v3_checksum_as_v2 for the second.
	ChecksumMessage Checksum `key:"v3_checksum" word:"v3_checksum_as_v2" form:"special" default:"rfc5798" inherits:"global v3_checksum_as_v2" tier:"3"`
	// InteropV2 has an instance of version 3 over IPv4 send each advert in
	// version 2 too and obey those of version 2, while a network changes over
	// (RFC 9568 section 8.4).
	InteropV2 bool `key:"interop_v2" word:"-"`
	// LowerPrioNoAdvert does not answer an advert of lower priority with one
	// at once.
	LowerPrioNoAdvert bool `key:"lower_prio_no_advert" inherits:"global vrrp_lower_prio_no_advert" tier:"3"`
	// HigherPrioSendAdvert has a master that yields to a higher priority tell the one
	// that stays, which then announces the addresses: at once by an advert of its own
	// priority, unless the hardware address is shared, and by one of priority 1 when it
	// has the addresses no more. A keepalived that stays takes each for another master,
	// and runs notify_master_rx_lower_pri.
	HigherPrioSendAdvert *bool `key:"higher_prio_send_advert" inherits:"global vrrp_higher_prio_send_advert" tier:"3"`
	// SkipCheckAdvAddr does not compare the addresses of adverts from the
	// master that is known. keepalived 2.4.3 takes "off" as on.
	SkipCheckAdvAddr bool `key:"skip_check_adv_addr" inherits:"global vrrp_skip_check_adv_addr" tier:"3"`
	// OwnerIgnoreAdverts lets the owner of the addresses (priority 255) drop
	// all adverts, except while another node has the addresses, or is to have
	// them.
	OwnerIgnoreAdverts bool `key:"owner_ignore_adverts" inherits:"global vrrp_owner_ignore_adverts" tier:"3"`
	// DownTimerAdverts is how many adverts must be missed before the master
	// is down.
	DownTimerAdverts int `key:"down_timer_adverts" default:"3" range:"1..100" unit:"adverts" inherits:"global vrrp_down_timer_adverts" tier:"3"`
	// TimerExpiredBackup, with nopreempt, is the highest priority of the other
	// nodes: a master that was stalled so long that one of them may be master
	// yields to it.
	TimerExpiredBackup int `key:"timer_expired_backup" word:"timer_expired_backup,thread_timer_expired" form:"optional" bare:"254" range:"1..254" unit:"priority" tier:"3"`

	// Garp is when addresses are announced by gratuitous ARP.
	Garp Garp `key:"garp" flat:"garp_" tier:"1"`
	// GarpExtraIF announces the addresses again and again for the interfaces
	// below those with a virtual MAC.
	GarpExtraIF *ExtraIF `key:"garp_extra_if" word:"garp_extra_if,vmac_garp_intvl" form:"special" inherits:"global vrrp_garp_extra_if" tier:"3"`

	// Addresses are those of the virtual router: the master holds them, and
	// adverts carry them.
	Addresses []Address `key:"virtual_ipaddresses" word:"virtual_ipaddress" form:"lines" tier:"1"`
	// Excluded are addresses that the master holds and adverts do not carry.
	Excluded []Address `key:"virtual_ipaddresses_excluded" word:"virtual_ipaddress_excluded" form:"lines" tier:"1"`
	// NoAddresses allows a version 3 instance without addresses.
	NoAddresses bool `key:"no_virtual_ipaddress" form:"bare" tier:"3"`
	// PromoteSecondaries lets another address of the interface take the place
	// of a removed first one.
	PromoteSecondaries bool `key:"promote_secondaries" tier:"3"`
	// Routes are those that the master has.
	Routes []Route `key:"virtual_routes" form:"lines" tier:"2"`
	// Rules are the policy rules that the master has.
	Rules []Rule `key:"virtual_rules" form:"lines" tier:"2"`
	// Accept takes packets to the addresses although the node is not their
	// owner, as it does without strict mode anyway.
	Accept bool `key:"accept" form:"bare" tier:"2"`
	// NoAccept drops packets to the addresses while the node holds them and is
	// not their owner, by a table of nftables. Strict mode does so too.
	NoAccept bool `key:"no_accept" form:"bare" tier:"2"`

	// IgnorePrimary does not track the instance's own interface.
	IgnorePrimary bool `key:"dont_track_primary" tier:"2"`
	// LinkbeatUsePolling polls the link of the interface.
	LinkbeatUsePolling bool `key:"linkbeat_use_polling" form:"bare" idle:"the kernel tells every change of a link" tier:"3"`
	// TrackInterfaces are further interfaces that must be up.
	TrackInterfaces []Track `key:"track_interfaces" word:"track_interface" form:"lines" tier:"1"`
	// TrackScripts are the vrrp_scripts that must succeed.
	TrackScripts []Track `key:"track_scripts" word:"track_script" form:"lines" tier:"1"`
	// TrackFiles are the track_files whose numbers change the priority.
	TrackFiles []Track `key:"track_files" word:"track_file" form:"lines" tier:"2"`
	// TrackProcesses are the vrrp_track_processes that must run.
	TrackProcesses []Track `key:"track_processes" word:"track_process" form:"lines" tier:"2"`
	// TrackBFDs are the bfd_instances that must be up.
	TrackBFDs []Track `key:"track_bfds" word:"track_bfd" form:"lines" tier:"2"`

	// Notify is what is told about the instance's changes.
	Notify Notify `key:"notify" flat:"notify_" tier:"1"`
	// NotifyDeleted tells DELETED instead of FAULT when a reload takes the
	// instance away. In keepalived.conf a program may stand behind it.
	NotifyDeleted bool `key:"notify_deleted" form:"special" tier:"3"`
	// NotifyDeletedProgram is run when a reload takes the instance away.
	NotifyDeletedProgram *Program `key:"notify_deleted_program" word:"-" form:"command"`
	// NotifyLowerPrio is run when a master hears an advert of lower priority.
	NotifyLowerPrio *Program `key:"notify_master_rx_lower_pri" form:"command" tier:"3"`
	// NotifyPriorityChanges writes a change of the priority to the FIFO.
	NotifyPriorityChanges bool `key:"notify_priority_changes" inherits:"global vrrp_notify_priority_changes" tier:"3"`
	// SMTPAlert mails at each change.
	SMTPAlert bool `key:"smtp_alert" inherits:"global smtp_alert_vrrp, then smtp_alert" tier:"1"`
	// SyncDaemonInterface is where connections of IPVS are synchronised while
	// this instance decides the role; lvs_sync_daemon has taken its place.
	SyncDaemonInterface string `key:"lvs_sync_daemon_interface" tier:"3"`
	// KernelRxBufSize is the receive buffer that the instance needs.
	KernelRxBufSize int `key:"kernel_rx_buf_size" range:"1..2147483647" unit:"bytes" inherits:"global vrrp_rx_bufs_policy" idle:"sockets have the buffers of the system" tier:"3"`
	// Debug is how much keepalived logs about the instance.
	Debug int `key:"debug" default:"0" range:"0..4" idle:"the log level is one for the daemon" tier:"3"`
}

// Place is the name that the node has for an interface of the instance's network
// namespace.
func (i *Instance) Place(name string) string { return netspec.Within(i.NetNamespace, name) }

// LongestDelay is the most that the loss of the instance's interface may count late,
// as in keepalived: backups must not take over while it still counts as up. It is
// the adverts that may be missed but one, less one step of the skew.
func (i *Instance) LongestDelay() time.Duration {
	if i.DownTimerAdverts <= 1 {
		return 0
	}
	return i.AdvertInt*time.Duration(i.DownTimerAdverts-1) - i.AdvertInt/256
}

// Unicast reports whether adverts go to peers and not to a group.
func (i *Instance) Unicast() bool { return len(i.UnicastPeers) > 0 || i.UnicastFaultNoPeer }

// Six reports whether the instance is one of IPv6. As in keepalived the first
// address that it names decides: a peer's, its own, its group, its first
// virtual one; native_ipv6 does when there is none.
func (i *Instance) Six() bool {
	for _, p := range i.UnicastPeers {
		return p.Address.Is6()
	}
	for _, a := range []netip.Addr{i.UnicastSource, i.Source, i.Destination} {
		if a.IsValid() {
			return a.Is6()
		}
	}
	for _, a := range i.Addresses {
		return a.Addr().Is6()
	}
	return i.NativeIPv6
}

// Authentication is the password that version 2 sends in clear (RFC 2338).
type Authentication struct {
	At      Position `key:"-"`
	Written Keys     `key:"-"`
	// AuthType is PASS, a password in clear, or AH, IPsec's authentication
	// header.
	AuthType string `key:"auth_type" enum:"PASS,AH" tier:"1"`
	// AuthPass is the password. VRRP carries 8 bytes of it.
	AuthPass string `key:"auth_pass" secret:"true" tier:"1"`
}

// HMAC signs adverts with keys that the nodes share.
type HMAC struct {
	At      Position `key:"-"`
	Written Keys     `key:"-"`
	// Keys are those that are known here.
	Keys []HMACKey `key:"keys" word:"key" form:"special" tier:"2"`
	// ActiveKey is the id of the key that signs.
	ActiveKey int `key:"active_key" range:"1..255" required:"true" tier:"2"`
	// TimeWindow is how much the clocks of nodes may differ: 3 advert
	// intervals and at least 5s when left out.
	TimeWindow time.Duration `key:"time_window" range:"1s..300s" whole:"true" tier:"3"`
	// AntiReplay is how repeated adverts are found: by the clock, or by a
	// counter that only grows.
	AntiReplay string `key:"anti_replay" default:"time" enum:"time,monotonic" tier:"3"`
	// Mode says whether unsigned adverts are taken (permissive) and whether
	// adverts are signed (all but receive-only).
	Mode string `key:"mode" default:"enforce" enum:"enforce,permissive,receive-only" tier:"3"`
}

// HMACKey is one key of the ring.
type HMACKey struct {
	At      Position `key:"-"`
	Written Keys     `key:"-"`
	// ID is the key's number in adverts.
	ID int `key:"id" range:"1..255" required:"true" tier:"2"`
	// Secret is the key: hex:DIGITS, file:PATH, credential:NAME (of systemd) or
	// the text itself, 32 to 64 bytes. keepalived.conf has no credential:.
	Secret string `key:"secret" secret:"true" required:"true" tier:"2"`
	// Material is the key when it stands outside of the configuration;
	// config/load reads it.
	Material KeyMaterial `key:"-"`
}

// Garp is when addresses are announced by gratuitous ARP, or by unsolicited
// neighbour advertisements with IPv6.
type Garp struct {
	// Preset gives the keys that are not written beside it values for a kind of network.
	// default is as in keepalived: 5 announcements of each address at once and 5 more after
	// 5 s. quiet is for networks that lose nothing, or limit broadcasts: 1 at once and 1
	// after 5 s. thorough is for switches and hosts that miss announcements or forget them: 5
	// at once, 5 after 5 s, and 2 each minute. many is for hundreds of addresses on an
	// interface: 2 at once and 2 after 5 s, with 1 ms between any two of IPv4 (of IPv6
	// vrrp_gna_interval says that). After an advert of lower priority it is as after becoming
	// master. The preset of an instance goes before all that global says of garp, and that of
	// global before vrrp_min_garp.
	Preset string `key:"preset" enum:"default,quiet,thorough,many" own:"true" tier:"3"`
	// MasterDelay is the time from becoming master to the second burst; 0
	// sends none.
	MasterDelay time.Duration `key:"master_delay" default:"5s" range:"0s..24h" tier:"1"`
	// MasterRepeat is how often each address is announced in a burst.
	MasterRepeat int `key:"master_repeat" default:"5" range:"0..65535" unit:"count" tier:"2"`
	// MasterRefresh is the time between announcements while master; 0 sends
	// none.
	MasterRefresh time.Duration `key:"master_refresh" default:"0s" range:"0s..24h" tier:"1"`
	// MasterRefreshRepeat is how often each address is announced then.
	MasterRefreshRepeat int `key:"master_refresh_repeat" default:"1" range:"0..65535" unit:"count" tier:"2"`
	// LowerPrioDelay is the time from an advert of lower priority to the
	// second burst.
	LowerPrioDelay time.Duration `key:"lower_prio_delay" inherits:"master_delay beside a preset, else lower_prio_delay of global garp, then master_delay there" range:"0s..24h" tier:"3"`
	// LowerPrioRepeat is how often each address is announced after an advert
	// of lower priority.
	LowerPrioRepeat int `key:"lower_prio_repeat" inherits:"master_repeat beside a preset, else lower_prio_repeat of global garp, then master_repeat there" range:"0..65535" unit:"count" tier:"3"`
	// Interval is the least time between two gratuitous ARPs on one
	// interface.
	Interval time.Duration `key:"interval" word:"-" inherits:"global vrrp_garp_interval" range:"0s..24h"`
}

// ExtraIF is how often addresses are announced for the interfaces below those
// with a virtual MAC.
type ExtraIF struct {
	At      Position `key:"-"`
	Written Keys     `key:"-"`
	// Interval is the time between announcements; 0 sends none.
	Interval time.Duration `key:"interval" range:"0s..86400s" required:"true" tier:"3"`
	// All announces every address rather than one.
	All bool `key:"all" tier:"3"`
}

// Peer is one node that adverts are sent to by unicast.
type Peer struct {
	At      Position `key:"-"`
	Written Keys     `key:"-"`
	// Address is the peer's address.
	Address netip.Addr `key:"address" word:"-" required:"true" tier:"1"`
	// MinTTL drops adverts of the peer with a smaller TTL.
	MinTTL *int `key:"min_ttl" range:"0..255" unit:"hops" tier:"3"`
	// MaxTTL drops adverts of the peer with a larger TTL.
	MaxTTL *int `key:"max_ttl" range:"0..255" unit:"hops" tier:"3"`
}

// VMAC is the interface with the virtual router's MAC address.
type VMAC struct {
	At      Position `key:"-"`
	Written Keys     `key:"-"`
	// Name is the interface's name; made of vmac_prefix and the virtual
	// router's number when left out.
	Name string `key:"name" tier:"2"`
	// MAC is the hardware address: six octets, or five to which the virtual
	// router's number is appended. It is the RFC's when left out.
	MAC string `key:"mac" tier:"2"`
	// Group is the interface group, by name or number.
	Group string `key:"group" tier:"3"`
	// NetlinkNotify has the kernel tell listeners about the interface.
	NetlinkNotify bool `key:"netlink_notify_msg" form:"bare" idle:"the kernel always does" tier:"3"`
}

// IPVLAN is the ipvlan interface of an instance.
type IPVLAN struct {
	At      Position `key:"-"`
	Written Keys     `key:"-"`
	// Name is the interface's name; made of vmac_prefix and the virtual
	// router's number when left out.
	Name string `key:"name" tier:"3"`
	// Address is the interface's own address, which IPv4 needs.
	Address netip.Prefix `key:"address" tier:"3"`
	// Mode is how interfaces of one parent reach each other.
	Mode string `key:"mode" default:"bridge" enum:"bridge,private,vepa" tier:"3"`
	// Group is the interface group, by name or number.
	Group string `key:"group" tier:"3"`
}

// State is the state in which an instance starts: MASTER when true.
type State bool

// Words returns the words of the files.
func (State) Words() []string { return []string{"MASTER", "BACKUP"} }

// MarshalText renders MASTER or BACKUP.
func (s State) MarshalText() ([]byte, error) {
	if s {
		return []byte("MASTER"), nil
	}
	return []byte("BACKUP"), nil
}

// UnmarshalText reads MASTER or BACKUP.
func (s *State) UnmarshalText(text []byte) error {
	switch string(text) {
	case "MASTER":
		*s = true
	case "BACKUP":
		*s = false
	default:
		return fmt.Errorf("must be MASTER or BACKUP, not %q", text)
	}
	return nil
}

// Checksum is what version 3's checksum covers over IPv4: the message alone
// when true (RFC 9568), else a pseudo header too (RFC 5798).
type Checksum bool

// Words returns the words of the files.
func (Checksum) Words() []string { return []string{"rfc5798", "rfc9568"} }

// MarshalText renders rfc5798 or rfc9568.
func (c Checksum) MarshalText() ([]byte, error) {
	if c {
		return []byte("rfc9568"), nil
	}
	return []byte("rfc5798"), nil
}

// UnmarshalText reads rfc5798 or rfc9568.
func (c *Checksum) UnmarshalText(text []byte) error {
	switch string(text) {
	case "rfc9568":
		*c = true
	case "rfc5798":
		*c = false
	default:
		return fmt.Errorf("must be rfc5798 or rfc9568, not %q", text)
	}
	return nil
}
