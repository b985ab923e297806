package bfd

import (
	"net/netip"
	"time"
)

// Path is which two systems a session is between. It is the session's identity
// over a reload, and the zero value of Source stands for whatever address the
// host chooses.
type Path struct {
	// Source is the local address, invalid when none is configured.
	Source netip.Addr
	// Neighbor is the peer's address. A link-local one has the interface as
	// its zone.
	Neighbor netip.Addr
	// Multihop chooses RFC 5883 and its port instead of RFC 5881's.
	Multihop bool
}

// String returns "192.0.2.1 to 192.0.2.2", or "to 192.0.2.2".
func (p Path) String() string {
	if !p.Source.IsValid() {
		return "to " + p.Neighbor.String()
	}
	return p.Source.String() + " to " + p.Neighbor.String()
}

// Config is one session. New takes it as it is: config/build and the tests are
// answerable for its validity.
type Config struct {
	Path
	// MinTx is the interval at which packets are to leave while Up, and MinRx
	// the least at which they may come: 1 us..4294.967295 s.
	MinTx time.Duration
	MinRx time.Duration
	// IdleTx is the interval while not Up, at least a second (RFC 5880 6.8.3);
	// a shorter one counts as a second.
	IdleTx time.Duration
	// Mult is how many intervals of silence the peer is to take for a failure,
	// 1..255.
	Mult uint8
	// Passive sends nothing before the peer does (RFC 5880 6.1).
	Passive bool
	// TTL is the TTL or hop limit of packets sent, 1..255.
	TTL int
	// MinTTL is the least TTL or hop limit of packets received. RFC 5881 5
	// wants 255; zero takes all.
	MinTTL int
}

// Defaults returns a single hop session without a path, with the timers of
// keepalived.
func Defaults() Config {
	return Config{
		MinTx: 10 * time.Millisecond, MinRx: 10 * time.Millisecond, IdleTx: time.Second,
		Mult: 5, TTL: TTL, MinTTL: TTL,
	}
}

// idle returns the DesiredMinTxInterval of a session that is not Up.
func (c *Config) idle() time.Duration { return max(c.IdleTx, c.MinTx, time.Second) }
