package config

import (
	"net/netip"
	"time"
)

// Track names what an instance or a group tracks.
type Track struct {
	// Name is the script's, file's, process', BFD session's or interface's.
	Name    string   `key:"name" word:"-" required:"true" tier:"1"`
	At      Position `key:"-"`
	Written Keys     `key:"-"`
	// Weight is the one in force here. A positive one is added to the
	// priority while what is tracked is up, a negative one while it is down;
	// with 0 the instance is FAULT while it is down.
	Weight int `key:"weight" range:"-254..254" unit:"weight" inherits:"what is tracked; 0 for an interface" tier:"1"`
	// Reverse swaps up and down. keepalived writes reverse or noreverse
	// behind the weight.
	Reverse bool `key:"reverse" word:"reverse,noreverse" form:"special" inherits:"what is tracked" tier:"2"`
}

// TrackFile is a track_file: a file whose first word is a decimal number. A file that
// is missing or empty counts as 0. One that cannot be read, or that begins with
// anything else, makes all who track it FAULT; keepalived takes the number that such a
// word begins with (5 of 5.9, 16 of 0x10), or 0, and reads one that begins with 0 as
// octal.
type TrackFile struct {
	// Name is what track_file calls it.
	Name    string   `key:"name" word:"-" required:"true" tier:"2"`
	At      Position `key:"-"`
	Written Keys     `key:"-"`
	// File is the path of the file.
	File string `key:"file" required:"true" tier:"2"`
	// Weight multiplies the number in the file; the product is added to the
	// priority. With 0 any number but 0 makes instances FAULT.
	Weight int `key:"weight" form:"special" default:"1" range:"-254..254" unit:"weight" tier:"2"`
	// Reverse swaps the sign. In keepalived.conf it stands behind the weight.
	Reverse bool `key:"reverse" word:"-"`
	// InitFile makes the file at start. It is absent when the file is left as
	// it is.
	InitFile *InitFile `key:"init_file" form:"special" tier:"3"`
}

// InitFile is what is written to a tracked file at start.
type InitFile struct {
	At      Position `key:"-"`
	Written Keys     `key:"-"`
	// Value is written to the file.
	Value int `key:"value" default:"0" tier:"3"`
	// Overwrite writes it even when the file is there.
	Overwrite bool `key:"overwrite" form:"bare" tier:"3"`
}

// TrackProcess is a vrrp_track_process: how many processes of a program must
// run.
type TrackProcess struct {
	// Name is what track_process calls it.
	Name    string   `key:"name" word:"-" required:"true" tier:"2"`
	At      Position `key:"-"`
	Written Keys     `key:"-"`
	// Process is the program's name, or its path, and the arguments that it
	// must have. A path is compared with that of the program's file, and with
	// the first word of the command line.
	Process []string `key:"process" form:"words" required:"true" tier:"2"`
	// ParamMatch is how the arguments are compared: exact takes identical
	// ones, partial those that begin with the configured ones, initial is as
	// partial, and the last may be the beginning of a word. Left out,
	// arguments count only when some are configured.
	ParamMatch string `key:"param_match" form:"optional" bare:"exact" enum:"exact,initial,partial" tier:"3"`
	// Weight is added to the priority; 0 makes instances FAULT while too few
	// or too many processes run.
	Weight int `key:"weight" form:"special" default:"0" range:"-254..254" unit:"weight" tier:"2"`
	// Reverse swaps up and down. In keepalived.conf it stands behind the
	// weight.
	Reverse bool `key:"reverse" word:"-"`
	// Quorum is how many processes must run at least.
	Quorum int `key:"quorum" default:"1" range:"1..65535" unit:"processes" tier:"2"`
	// QuorumMax is how many processes may run at most; 0 says that none may.
	// No limit when left out.
	QuorumMax *int `key:"quorum_max" range:"0..65535" unit:"processes" tier:"3"`
	// Delay is both fork_delay and terminate_delay.
	Delay time.Duration `key:"delay" range:"0s..3600s" tier:"2"`
	// TerminateDelay is how long fewer processes must run before it counts.
	TerminateDelay time.Duration `key:"terminate_delay" range:"0s..3600s" inherits:"delay" tier:"3"`
	// ForkDelay is how long more processes must run before it counts.
	ForkDelay time.Duration `key:"fork_delay" range:"0s..3600s" inherits:"delay" tier:"3"`
	// FullCommand compares the program's name in the command line instead of
	// the one that the kernel keeps, which has at most 15 bytes.
	FullCommand bool `key:"full_command" form:"bare" tier:"3"`
}

// BFD is a bfd_instance: one session of Bidirectional Forwarding Detection
// (RFC 5880).
type BFD struct {
	// Name is what track_bfd and BFD_CHECK call it, at most 31 bytes.
	Name    string   `key:"name" word:"-" required:"true" tier:"2"`
	At      Position `key:"-"`
	Written Keys     `key:"-"`
	// SourceIP is the local address; any when left out.
	SourceIP netip.Addr `key:"source_ip" tier:"2"`
	// NeighborIP is the peer's address.
	NeighborIP netip.Addr `key:"neighbor_ip" word:"neighbor_ip,neighbour_ip" required:"true" tier:"2"`
	// MinRX is the shortest interval at which packets of the peer are taken.
	MinRX time.Duration `key:"min_rx" default:"10ms" range:"1ms..4294967ms" unit:"ms" tier:"2"`
	// MinTX is the interval at which packets are sent.
	MinTX time.Duration `key:"min_tx" default:"10ms" range:"1ms..4294967ms" unit:"ms" tier:"2"`
	// IdleTX is the interval at which packets are sent while the session is
	// not up.
	IdleTX time.Duration `key:"idle_tx" default:"1s" range:"1s..4294967ms" unit:"ms" tier:"2"`
	// Multiplier is how many intervals without a packet end the session.
	Multiplier int `key:"multiplier" default:"5" range:"1..255" unit:"count" tier:"2"`
	// Passive sends nothing until the peer does.
	Passive bool `key:"passive" form:"bare" tier:"3"`
	// TTL is the TTL or hop limit of the packets sent, and what max_hops counts
	// down from in those received. Left out, 255 is sent and counted from,
	// except that with IPv6 those received may have the 64 of keepalived.
	TTL int `key:"ttl" word:"ttl,hoplimit" range:"1..255" unit:"hops" tier:"3"`
	// MaxHops is how many hops a packet may have come; -1 does not look.
	MaxHops int `key:"max_hops" default:"0" range:"-1..255" unit:"hops" tier:"3"`
	// Multihop uses the port of multihop sessions, 4784 (RFC 5883).
	Multihop bool `key:"multihop" form:"bare" tier:"3"`
	// Weight is added to the priority of instances that track the session; 0
	// makes them FAULT while it is down.
	Weight int `key:"weight" form:"special" default:"0" range:"-253..253" unit:"weight" tier:"2"`
	// Reverse swaps up and down. In keepalived.conf it stands behind the
	// weight.
	Reverse bool `key:"reverse" word:"-"`
	// VRRP lets instances track the session. Without vrrp and checker both
	// may.
	VRRP bool `key:"vrrp" form:"bare" tier:"3"`
	// Checker lets a BFD_CHECK follow the session.
	Checker bool `key:"checker" form:"bare" tier:"3"`
}
