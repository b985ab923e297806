package config

import (
	"net/netip"
	"time"

	"github.com/moonkeep/moonkeep/core/netspec"
)

// Config is a whole configuration, valid by construction: a reader that
// returns one without an error Finding has checked every range, name and
// reference in it.
type Config struct {
	// Files are the files it was read from, in order, for messages.
	Files     []string
	Global    Global
	Scripts   []Script
	Instances []Instance
	Groups    []SyncGroup
}

// Global is keepalived's global_defs.
type Global struct {
	// RouterID names this node in messages; the host's name by default.
	RouterID string
	// ScriptUser and ScriptGroup run programs that name no user. Empty means
	// keepalived's rule: the account keepalived_script if it exists, else
	// the daemon's own user.
	ScriptUser  string
	ScriptGroup string
}

// Script is a vrrp_script: one check, run by a program or by Lua.
type Script struct {
	Name string
	At   Position
	// Argv is the program and its arguments; empty when Lua is set.
	Argv []string
	// Lua is the path of a Lua file whose check function is called.
	Lua string
	// Allow lists what the Lua script may do beyond reading: "exec",
	// "net", "write".
	Allow []string
	// Args are handed to the Lua script as ctx.args.
	Args map[string]string
	// User and Group run the program; empty means Global's.
	User, Group string
	Interval    time.Duration
	// Timeout ends a run; Interval by default.
	Timeout    time.Duration
	Rise, Fall int
	Weight     int
	Reverse    bool
	InitFail   bool
}

// Instance is a vrrp_instance.
type Instance struct {
	Name string
	At   Position
	// Version is 2 or 3.
	Version   int
	Interface string
	VRID      int
	Priority  int
	// Master is "state MASTER".
	Master       bool
	AdvertInt    time.Duration
	NoPreempt    bool
	PreemptDelay time.Duration
	Source       netip.Addr
	// AuthType is "" or "PASS".
	AuthType string
	AuthPass string
	Strict   bool
	// ChecksumMessage selects RFC 9568's checksum for v3 over IPv4
	// (v3_checksum_as_v2); false is keepalived's pseudo header form.
	ChecksumMessage   bool
	LowerPrioNoAdvert bool
	// HigherPrioSendAdvert is nil unless the user said.
	HigherPrioSendAdvert *bool
	SkipCheckAdvAddr     bool
	DownTimerAdverts     int
	IgnorePrimary        bool
	Garp                 Garp
	Addresses            []Address
	Excluded             []Address
	TrackInterfaces      []Track
	TrackScripts         []Track
	Notify               Notify
}

// Address is a virtual address and where it was written.
type Address struct {
	netspec.Address
	At Position
}

// Garp is when addresses are announced.
type Garp struct {
	MasterDelay         time.Duration
	MasterRepeat        int
	MasterRefresh       time.Duration
	MasterRefreshRepeat int
	LowerPrioDelay      time.Duration
	LowerPrioRepeat     int
	// Interval is the least time between two gratuitous ARPs on one
	// interface.
	Interval time.Duration
}

// Track names a tracked script or interface.
type Track struct {
	Name string
	At   Position
	// Weight is the one in force here: the site's, else the script's own.
	Weight  int
	Reverse bool
}

// SyncGroup is a vrrp_sync_group.
type SyncGroup struct {
	Name            string
	At              Position
	Members         []string
	TrackScripts    []Track
	TrackInterfaces []Track
	KeepWeights     bool
	Notify          Notify
}

// Notify is what is told to whom about the changes of an instance or group.
type Notify struct {
	Master, Backup, Fault, Stop *Program
	// Any is keepalived's notify: called at each change with four arguments
	// appended: INSTANCE|GROUP, name, state, priority.
	Any *Program
	// Lua is a file with on_master, on_backup, on_fault, on_stop, on_change.
	Lua *Lua
}

// Program is a program to run.
type Program struct {
	At          Position
	Argv        []string
	User, Group string
}

// Lua is a Lua file to call.
type Lua struct {
	At    Position
	Path  string
	Allow []string
	Args  map[string]string
}
