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

// The authentication types. With AuthAH adverts travel in an IP authentication
// header; that is for a router of version 2 over IPv4.
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
	// ChecksumGroup is ChecksumPseudo with the multicast group as destination
	// in a unicast advert, as keepalived before 1.3.6 sent it. It is not for
	// Config.Checksum: see Unicast.OldChecksum.
	ChecksumGroup
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
	// Slot is in which of Slots parts of the interval a MASTER's adverts leave,
	// counted from 1 on the clock of the caller; routers that became MASTER
	// together must not send in one burst for ever. Of very short intervals three
	// parts are one. 0 has none: each advert is an interval after the last.
	Slot int
	// InitialMaster shortens the first Active_Down_Timer to one interval plus
	// the skew of priority 1, as keepalived's "state MASTER" does.
	InitialMaster bool
	// NoPreempt is keepalived's nopreempt: an advert of lower priority is
	// accepted in BACKUP.
	NoPreempt bool
	// AskPreempt has a BACKUP ask (DoAsk) before it preempts a master of lower
	// priority that it hears. It asks nobody when that one resigns or falls
	// silent.
	AskPreempt bool
	// PreemptDelay holds preemption back for so long after the first advert
	// of lower priority (keepalived's preempt_delay). Zero means none.
	PreemptDelay time.Duration
	// DownAdverts is how many intervals of silence make a master dead; 3 in
	// the RFC, 1..100 in keepalived's down_timer_adverts.
	DownAdverts int
	// Auth and Password are VRRPv2's authentication. The password is NUL
	// padded; it is compared in constant time, or is the key of AuthAH.
	Auth     AuthType
	Password [8]byte
	// HMAC is keepalived's auth_hmac. It goes with AuthNone only.
	HMAC HMAC
	// Checksum is the form sent in version 3 over IPv4, and with Strict the
	// only one that is accepted there.
	Checksum ChecksumForm
	// Strict refuses what is accepted only because other programs send it. The
	// rules for the configuration itself are those of CheckStrict.
	Strict bool
	// Interop has a router of version 3 over IPv4 send each advert in version 2
	// too, and obey those of version 2 (RFC 9568 8.4).
	Interop bool
	// IPv6 is the family of a router whose addresses, group and peers do not
	// tell it (keepalived's native_ipv6).
	IPv6 bool
	// Group is where adverts go to, and the only destination accepted, unless
	// the router is Unicast. The zero value means the family's own.
	Group netip.Addr
	// Unicast has adverts go to peers instead of a group.
	Unicast Unicast
	// Addresses are the advertised addresses, in configuration order, at
	// most 255.
	Addresses []netip.Addr
	// NoAccept has packets to the addresses dropped while MASTER and not their
	// owner (RFC 9568's Accept_Mode False). See Drops; core/node reads it.
	NoAccept bool
	// Shared is true when the addresses have a hardware address that all routers
	// of this VRID use in turn (RFC 9568 7.3), so that switches must learn who
	// has it.
	Shared bool
	// OwnerIgnoresAdverts has an address owner discard every advert, as RFC
	// 3768 7.1 says and keepalived's owner_ignore_adverts and strict mode do.
	// Two owners are then master for ever; see Receive. It hears others while it
	// hands over and until it takes the addresses back, which keepalived never
	// does.
	OwnerIgnoresAdverts bool
	// StallPriority is the highest priority of the other routers, 1..254
	// (keepalived's timer_expired_backup). A MASTER with NoPreempt steps back
	// once it was silent for so long that such a router has taken over. Zero
	// has it wait an interval longer, whatever the others' priorities.
	StallPriority uint8
	// LowerPrioNoAdvert suppresses the advert with which a MASTER answers a
	// lower one (RFC 9568 6.4.3; keepalived's lower_prio_no_advert).
	LowerPrioNoAdvert bool
	// YieldSilently suppresses the last adverts of a MASTER that yields to a
	// higher one. Those tell a master which never heard us, as after a
	// partition, to announce the addresses again. keepalived's
	// higher_prio_send_advert is its opposite; there it is off by default.
	YieldSilently bool
	// CheckAddresses compares the address list of each advert with ours; a
	// difference is reported, never a reason to drop (RFC 9568 7.1).
	CheckAddresses bool
	// SkipSameMaster leaves that comparison out for an advert from the same
	// master as the last (keepalived's skip_check_adv_addr).
	SkipSameMaster bool
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
	// master's lower advert was heard. With 0 no burst follows one; those by
	// which a MASTER asserts itself for another reason are of one round then.
	LowerPrioRepeat int
	LowerPrioDelay  time.Duration
}

// Equal reports whether c and d are the same configuration.
func (c Config) Equal(d Config) bool {
	return slices.Equal(c.Addresses, d.Addresses) && c.Unicast.Equal(d.Unicast) && c.HMAC.Equal(d.HMAC) &&
		c.plain() == d.plain()
}

// plain is what of a Config can be compared as it is.
type plain struct {
	version                                   Version
	vrid, priority, stallPriority             uint8
	interval, preemptDelay                    time.Duration
	downAdverts, slot                         int
	auth                                      AuthType
	password                                  [8]byte
	checksum                                  ChecksumForm
	group                                     netip.Addr
	announce                                  AnnounceConfig
	initialMaster, noPreempt, strict, interop bool
	six, noAccept, ownerIgnores, noAdvert     bool
	silently, check, skip, hold, ask, shared  bool
}

func (c *Config) plain() plain {
	return plain{
		version: c.Version, vrid: c.VRID, priority: c.Priority, stallPriority: c.StallPriority,
		interval: c.Interval, preemptDelay: c.PreemptDelay, downAdverts: c.DownAdverts, slot: c.Slot,
		auth: c.Auth, password: c.Password, checksum: c.Checksum, group: c.Group, announce: c.Announce,
		initialMaster: c.InitialMaster, noPreempt: c.NoPreempt, strict: c.Strict, interop: c.Interop,
		six: c.IPv6, noAccept: c.NoAccept, ownerIgnores: c.OwnerIgnoresAdverts, noAdvert: c.LowerPrioNoAdvert,
		silently: c.YieldSilently, check: c.CheckAddresses, skip: c.SkipSameMaster, hold: c.Hold, ask: c.AskPreempt, shared: c.Shared,
	}
}

// Owner reports whether the router owns its addresses (priority 255).
func (c *Config) Owner() bool { return c.Priority == 255 }

// Drops reports whether packets to the addresses are to be dropped while the
// router is MASTER (RFC 9568 6.4.3: neither owner nor Accept_Mode).
func (c *Config) Drops() bool { return c.NoAccept && !c.Owner() }

// Family returns whether the router is one of IPv6. It is not known if nothing
// in the configuration tells; such a router takes part in the family of the
// source address that it is given.
func (c *Config) Family() (six, known bool) {
	switch {
	case c.IPv6:
		return true, true
	case len(c.Addresses) > 0:
		return c.Addresses[0].Unmap().Is6(), true
	case len(c.Unicast.Peers) > 0:
		return c.Unicast.Peers[0].Addr.Unmap().Is6(), true
	}
	return c.Group.Is6(), c.Group.IsValid()
}

// group returns where adverts of a family go to by multicast.
func (c *Config) group(v6 bool) netip.Addr {
	if c.Group.IsValid() && c.Group.Is6() == v6 {
		return c.Group
	}
	return Group(v6)
}

// ah reports whether adverts travel in an authentication header. With HMAC,
// which excludes it, nothing is accepted as authenticated by it.
func (c *Config) ah() bool { return c.Version == V2 && c.Auth == AuthAH && c.HMAC.Mode == HMACOff }

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
