package vrrp

import (
	"net/netip"
	"slices"
	"time"
)

// Version is a protocol version: 2 (RFC 3768) or 3 (RFC 9568).
type Version uint8

// The protocol versions that a Router speaks.
const (
	V2 Version = 2
	V3 Version = 3
)

// AuthType is the authentication type of a VRRPv2 advert (RFC 2338 5.3.6).
type AuthType uint8

// The authentication types. AuthAH is known to the decoder, which names it in
// a rejection; a Router does not speak it.
const (
	AuthNone AuthType = 0
	AuthPass AuthType = 1
	AuthAH   AuthType = 2
)

// ChecksumForm says what the checksum of a VRRPv3 advert over IPv4 covers.
// Both forms are accepted on receipt; this chooses what is sent.
type ChecksumForm uint8

const (
	// ChecksumMessage covers the VRRP message only (RFC 9568 5.2.8).
	ChecksumMessage ChecksumForm = iota
	// ChecksumPseudo also covers an IPv4 pseudo header (RFC 5798 5.2.8,
	// keepalived's default).
	ChecksumPseudo
)

// Config is one virtual router. New takes it as it is: config/build and the
// tests are answerable for its validity.
type Config struct {
	Version Version
	// VRID is the virtual router's number, 1..255.
	VRID uint8
	// Priority is the base priority, 1..255; 255 means address owner.
	Priority uint8
	// Interval is the Advertisement_Interval: whole seconds 1..255 s in
	// version 2, 10 ms..40.95 s in steps of 10 ms in version 3.
	Interval time.Duration
	// InitialMaster shortens the first Active_Down_Timer to one interval plus
	// the skew of priority 1, as keepalived's "state MASTER" does.
	InitialMaster bool
	// NoPreempt is keepalived's nopreempt: an advert of lower priority is
	// accepted in BACKUP.
	NoPreempt bool
	// PreemptDelay holds preemption back for so long after the first advert
	// of lower priority (keepalived's preempt_delay). Zero means none.
	PreemptDelay time.Duration
	// DownAdverts is how many intervals of silence make a master dead; 3 in
	// the RFC, 1..100 in keepalived's down_timer_adverts.
	DownAdverts int
	// Auth and Password are VRRPv2's authentication. The password is NUL
	// padded; it is compared in constant time.
	Auth     AuthType
	Password [8]byte
	// Checksum is the form sent in version 3 over IPv4.
	Checksum ChecksumForm
	// Addresses are the advertised addresses, in configuration order, at
	// most 255.
	Addresses []netip.Addr
	// LowerPrioNoAdvert suppresses the advert with which a MASTER answers a
	// lower one (RFC 9568 6.4.3; keepalived's lower_prio_no_advert).
	LowerPrioNoAdvert bool
	// YieldSilently suppresses the last advert of a MASTER that yields to a
	// higher one. That advert tells a master which never heard us, as after
	// a partition, to announce the addresses again. keepalived's
	// higher_prio_send_advert is its opposite; there it is off by default.
	YieldSilently bool
	// CheckAddresses compares the address list of each advert with ours; a
	// difference is reported, never a reason to drop (RFC 9568 7.1).
	CheckAddresses bool
	// Announce is when the addresses are announced while MASTER.
	Announce AnnounceConfig
	// Hold makes the router wait for Promote before it becomes MASTER, as a
	// member of a sync group must: all become it together.
	Hold bool
}

// AnnounceConfig is the rhythm of gratuitous ARP and unsolicited NA. A burst
// is Repeat rounds over all addresses.
type AnnounceConfig struct {
	// Repeat is the rounds of a burst on becoming MASTER; 5.
	Repeat int
	// Delay is when the second burst follows; 5 s, zero for none.
	Delay time.Duration
	// Refresh is the interval of periodic announcements; zero for none.
	Refresh time.Duration
	// RefreshRepeat is the rounds of each; 1.
	RefreshRepeat int
	// LowerPrioRepeat and LowerPrioDelay are Repeat and Delay after another
	// master's lower advert was heard.
	LowerPrioRepeat int
	LowerPrioDelay  time.Duration
}

// Equal reports whether c and d are the same configuration.
func (c Config) Equal(d Config) bool {
	return c.Version == d.Version && c.VRID == d.VRID && c.Priority == d.Priority && c.Interval == d.Interval &&
		c.InitialMaster == d.InitialMaster && c.NoPreempt == d.NoPreempt && c.PreemptDelay == d.PreemptDelay &&
		c.DownAdverts == d.DownAdverts && c.Auth == d.Auth && c.Password == d.Password && c.Checksum == d.Checksum &&
		slices.Equal(c.Addresses, d.Addresses) && c.LowerPrioNoAdvert == d.LowerPrioNoAdvert &&
		c.YieldSilently == d.YieldSilently && c.CheckAddresses == d.CheckAddresses && c.Announce == d.Announce && c.Hold == d.Hold
}

// Defaults returns the configuration of a version 2 router without VRID and
// addresses, with the defaults of keepalived.
func Defaults() Config {
	return Config{
		Version: V2, Priority: 100, Interval: time.Second, DownAdverts: 3,
		Checksum: ChecksumPseudo, CheckAddresses: true,
		Announce: AnnounceConfig{
			Repeat: 5, Delay: 5 * time.Second, RefreshRepeat: 1,
			LowerPrioRepeat: 5, LowerPrioDelay: 5 * time.Second,
		},
	}
}
