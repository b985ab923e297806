package config

import (
	"slices"
	"time"
)

// Config is a whole configuration, valid by construction: a reader that
// returns one without an error Finding has checked every range, name and
// reference in it.
type Config struct {
	// Files are the files it was read from, in order, for messages.
	Files   []string `key:"-"`
	Written Keys     `key:"-"`
	// Includes are the patterns by which other files were read.
	Includes []Include `key:"-"`
	// Names are those of interfaces of instances' own that are made up, from a
	// reload on (build.KeepNames). Nil: all are made up anew.
	Names map[Own]string `key:"-"`
	// Global holds what concerns the daemon as a whole, and what instances
	// inherit.
	Global Global `key:"global" word:"global_defs" form:"block" tier:"1"`
	// Scripts are the checks that a track_script names.
	Scripts []Script `key:"vrrp_scripts" word:"vrrp_script" form:"block" tier:"1"`
	// TrackFiles are files that hold a number, for track_file and FILE_CHECK.
	TrackFiles []TrackFile `key:"track_files" word:"track_file,vrrp_track_file" form:"block" tier:"2"`
	// TrackProcesses count running processes, for track_process.
	TrackProcesses []TrackProcess `key:"vrrp_track_processes" word:"vrrp_track_process" form:"block" tier:"2"`
	// BFDs are sessions of Bidirectional Forwarding Detection (RFC 5880), for
	// track_bfd and BFD_CHECK.
	BFDs []BFD `key:"bfd_instances" word:"bfd_instance" form:"block" tier:"2"`
	// Instances are the virtual routers.
	Instances []Instance `key:"vrrp_instances" word:"vrrp_instance" form:"block" tier:"1"`
	// Groups bind instances so that they change state together.
	Groups []SyncGroup `key:"vrrp_sync_groups" word:"vrrp_sync_group" form:"block" tier:"1"`
	// GarpGroups are interfaces that share a limit on gratuitous ARP.
	GarpGroups []GarpGroup `key:"garp_groups" word:"garp_group" form:"block" tier:"3"`
	// TrackGroups are instances that are in FAULT while static addresses, routes
	// or rules that name the group cannot be held.
	TrackGroups []TrackGroup `key:"track_groups" word:"track_group" form:"block" tier:"3"`
	// StaticAddresses are addresses that the node holds from start to stop,
	// whatever the instances do.
	StaticAddresses []Address `key:"static_ipaddresses" word:"static_ipaddress" form:"lines" tier:"2"`
	// StaticRoutes are routes that the node holds from start to stop.
	StaticRoutes []Route `key:"static_routes" form:"lines" tier:"2"`
	// StaticRules are policy rules that the node holds from start to stop.
	StaticRules []Rule `key:"static_rules" form:"lines" tier:"3"`
	// LinkbeatInterfaces are interfaces whose link is polled.
	LinkbeatInterfaces []Linkbeat `key:"linkbeat_interfaces" form:"lines" idle:"the kernel tells every change of a link" tier:"3"`
	// InterfaceDelays are how long an interface must be down or up before it
	// counts.
	InterfaceDelays []InterfaceDelay `key:"interface_up_down_delays" form:"lines" tier:"2"`
	// SSL is what all SSL_GET checks present and believe.
	SSL *SSL `key:"SSL" form:"block" tier:"2"`
	// Plugins say how the processes that check run.
	Plugins []Plugin `key:"plugins" word:"plugin" form:"block" own:"true" tier:"2"`
	// VirtualServerGroups are addresses and firewall marks that virtual servers
	// serve together.
	VirtualServerGroups []VirtualServerGroup `key:"virtual_server_groups" word:"virtual_server_group" form:"block" tier:"2"`
	// VirtualServers are the services that are balanced over real servers.
	VirtualServers []VirtualServer `key:"virtual_servers" word:"virtual_server" form:"block" tier:"1"`
}

// Include is a pattern of files to read. That none matches is no mistake, unless
// one did before.
type Include struct {
	At Position
	// Pattern is absolute, or names what it was taken from and must not be shown.
	Pattern string
	// Matched says that there was a file.
	Matched bool
}

// Unmatched returns the includes that read nothing.
func (c *Config) Unmatched() []Include {
	return slices.DeleteFunc(slices.Clone(c.Includes), func(i Include) bool { return i.Matched })
}

// Linkbeat is an interface whose link is polled.
type Linkbeat struct {
	At      Position `key:"-"`
	Written Keys     `key:"-"`
	// Interface is the interface's name.
	Interface string `key:"interface" required:"true" tier:"3"`
	// Method is how the link is polled; empty is the best that the driver
	// offers.
	Method string `key:"method" enum:"MII,ETHTOOL,IOCTL" tier:"3"`
}

// InterfaceDelay is how long an interface must be down, or up again, before
// it counts, so that a short flap moves nothing.
type InterfaceDelay struct {
	At      Position `key:"-"`
	Written Keys     `key:"-"`
	// Interface is the interface's name.
	Interface string `key:"interface" required:"true" tier:"2"`
	// Down is the time from the loss of the link until it counts as down. It is
	// cut to what instances on the interface can wait for before a backup takes
	// over: the adverts that may be missed but one, less a 256th of an interval.
	// Interfaces of virtual routers (use_vmac, use_ipvlan) are as late as the one
	// below them.
	Down time.Duration `key:"down" range:"0s..255s" required:"true" tier:"2"`
	// Up is the time from the return of the link until it counts as up.
	// keepalived's manual says that it is Down when left out; its program
	// takes 0. Where both are the same, both are cut; with down_timer_adverts 1
	// both are 0.
	Up time.Duration `key:"up" default:"0s" range:"0s..255s" tier:"2"`
}

// TrackGroup names instances that are in FAULT while static addresses, routes
// or rules that name the group cannot be held.
type TrackGroup struct {
	// Name is what addresses, routes and rules call it.
	Name    string   `key:"name" word:"-" required:"true" tier:"3"`
	At      Position `key:"-"`
	Written Keys     `key:"-"`
	// Members are the names of its instances.
	Members []string `key:"group" form:"list" required:"true" tier:"3"`
}

// GarpGroup is a limit on gratuitous ARP and unsolicited neighbour
// advertisements that several interfaces share. It takes the place of
// vrrp_garp_interval and vrrp_gna_interval there; an interface in several groups
// is in the first.
type GarpGroup struct {
	// Name tells it from others in messages; it may be empty.
	Name    string   `key:"name" word:"-" tier:"3"`
	At      Position `key:"-"`
	Written Keys     `key:"-"`
	// GarpInterval is the least time between two gratuitous ARPs; none when it is
	// not given.
	GarpInterval time.Duration `key:"garp_interval" range:"0s..24h" tier:"3"`
	// GnaInterval is the least time between two neighbour advertisements; none when
	// it is not given.
	GnaInterval time.Duration `key:"gna_interval" range:"0s..24h" tier:"3"`
	// Interface is a single member.
	Interface string `key:"interface" tier:"3"`
	// Interfaces are several members.
	Interfaces []string `key:"interfaces" form:"list" tier:"3"`
}
