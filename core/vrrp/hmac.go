package vrrp

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"hash"
	"net/netip"
	"slices"
	"time"
)

// keepalived's auth_hmac (2.4.2 and later): a trailer of 28 octets after the
// message, which the IPv4 checksum does not cover and the IPv6 checksum does:
//
//	0  type, always 1: HMAC-SHA256, the first 128 bits
//	1  key number
//	2  zero (2 octets)
//	4  sequence (8 octets): seconds since 1970 modulo 2^32, 2^-16 s, tie breaker
//	12 HMAC (16 octets)
//
// The HMAC is over a pseudo header of 20 octets (family 4 or 6, version, VRID,
// zero, source address padded to 16 octets), the message with its checksum
// taken as zero, the trailer before the HMAC, and 16 zero octets. The
// destination is not covered: the same trailer goes to every peer.
const (
	trailerLen = 28
	tagAt      = 12 // in the trailer
	tagLen     = trailerLen - tagAt
	signType   = 1
)

// HMACMode says whether adverts are signed and whether they must be.
type HMACMode uint8

// The modes. A trailer that is there must be right in each but HMACOff, which
// refuses the length of a message that has one. Receive-only, permissive,
// enforce is the order in which a set of routers is moved to HMAC.
const (
	HMACOff         HMACMode = iota
	HMACEnforce              // sign; refuse what is not signed
	HMACPermissive           // sign; accept what is not signed
	HMACReceiveOnly          // do not sign; accept what is not signed
)

// HMAC is keepalived's auth_hmac.
type HMAC struct {
	Mode HMACMode
	// Keys are the key ring, each number once. Any of them verifies.
	Keys []Key
	// Active is the number of the key that signs. It is one of Keys.
	Active uint8
	// Window is how far the time of an advert may be from our clock, whole
	// seconds 1..300 s; zero means three intervals, at least 5 s.
	Window time.Duration
	// Monotonic takes the sequence as a counter and not as a time: it must
	// grow for each sender, and no clock has to be right. A sender that
	// restarts with a clock that went back is then refused.
	Monotonic bool
}

// Key is one key of the ring.
type Key struct {
	// ID is the number in the trailer, 1..255.
	ID uint8
	// Secret has 32..64 octets.
	Secret Secret
}

// Secret is key material. It prints as asterisks.
type Secret []byte

// String hides the secret.
func (Secret) String() string { return "***" }

// GoString hides the secret.
func (Secret) GoString() string { return "***" }

// MarshalText hides the secret.
func (Secret) MarshalText() ([]byte, error) { return []byte("***"), nil }

// Equal reports whether h and o are the same.
func (h HMAC) Equal(o HMAC) bool {
	same := func(a, b Key) bool { return a.ID == b.ID && subtle.ConstantTimeCompare(a.Secret, b.Secret) == 1 }
	return h.Mode == o.Mode && h.Active == o.Active && h.Window == o.Window && h.Monotonic == o.Monotonic &&
		slices.EqualFunc(h.Keys, o.Keys, same)
}

// DefaultWindow returns the window of an interval, as keepalived computes it:
// three times its whole seconds, within 5..300 s.
func DefaultWindow(interval time.Duration) time.Duration {
	return min(max(3*interval.Truncate(time.Second), 5*time.Second), 300*time.Second)
}

// ring is what signs and verifies.
type ring struct {
	keys []ringKey
	// signs is false in receive-only mode, and active the number of the key.
	signs     bool
	active    uint8
	window    int64
	monotonic bool
	enforce   bool
	// last is the sequence sent last, once signed is true. It is kept in
	// memory only: a sender that restarts relies on its clock.
	last   uint64
	signed bool
	// pseudo and sum are scratch: what goes through an interface would be
	// allocated for each advert otherwise.
	pseudo [20 + 8]byte
	sum    [sha256.Size]byte
}

type ringKey struct {
	id  uint8
	mac hash.Hash
}

func newRing(c *Config) *ring {
	h := &c.HMAC
	window := h.Window
	if window == 0 {
		window = DefaultWindow(c.Interval)
	}
	r := &ring{
		signs: h.Mode != HMACReceiveOnly, active: h.Active,
		window: int64(window / time.Second), monotonic: h.Monotonic, enforce: h.Mode == HMACEnforce,
	}
	for _, k := range h.Keys {
		r.keys = append(r.keys, ringKey{k.ID, hmac.New(sha256.New, k.Secret)})
	}
	return r
}

// noTime stands for a wall clock that is not to be judged by.
const noTime = -1 << 63

// stamp returns a wall clock, in nanoseconds since 1970, as a sequence.
func stamp(wall int64) uint64 {
	sec, ns := wall/int64(time.Second), wall%int64(time.Second)
	if ns < 0 {
		sec, ns = sec-1, ns+int64(time.Second)
	}
	return uint64(sec)<<32 | uint64(ns)<<16/uint64(time.Second)<<16
}

// ahead is how many seconds the time of a sequence is after that of another,
// both modulo 2^32.
func ahead(a, b uint64) int64 { return int64(int32(uint32(a>>32) - uint32(b>>32))) }

// after is RFC 1982 in 64 bits.
func after(a, b uint64) bool { return int64(a-b) > 0 }

// next returns the sequence of the next advert: the clock, or one more than the
// last where the clock stood still or went back. Once the clock has gone back
// by more than the window the others would refuse that, so the clock decides.
func (r *ring) next(wall int64) uint64 {
	now := stamp(wall)
	restart := !r.signed || !r.monotonic && ahead(r.last, now) > r.window
	if restart || after(now, r.last) {
		r.last = now
	} else {
		r.last++
	}
	r.signed = true
	return r.last
}

// key returns the key of a number, nil when there is none.
func (r *ring) key(id uint8) *ringKey {
	for i := range r.keys {
		if r.keys[i].id == id {
			return &r.keys[i]
		}
	}
	return nil
}

// sign writes the trailer of a message into its last octets. Without the active
// key, which config/build refuses, it carries zeros that nobody accepts: an
// advert that lost its signature would be believed where HMAC is not enforced.
func (r *ring) sign(packet []byte, src netip.Addr, sequence uint64) {
	message, trailer := packet[:len(packet)-trailerLen], packet[len(packet)-trailerLen:]
	clear(trailer)
	trailer[0], trailer[1] = signType, r.active
	binary.BigEndian.PutUint64(trailer[4:], sequence)
	if k := r.key(r.active); k != nil {
		copy(trailer[tagAt:], r.tag(k, src, message, trailer[:tagAt]))
	}
}

// tag computes the HMAC. The result is good until the next call.
func (r *ring) tag(k *ringKey, src netip.Addr, message, head []byte) []byte {
	p := r.pseudo[:]
	clear(p)
	p[0], p[1], p[2] = 4, message[0]>>4, message[1]
	if src.Is6() {
		p[0] = 6
		a := src.As16()
		copy(p[4:20], a[:])
	} else {
		a := src.As4()
		copy(p[4:8], a[:])
	}
	// The checksum depends on the destination and is taken as zero. p ends in
	// eight zeros.
	copy(p[20:], message[:checksumAt])
	k.mac.Reset()
	k.mac.Write(p)
	k.mac.Write(message[HeaderLen:])
	k.mac.Write(head)
	clear(r.sum[:tagLen])
	k.mac.Write(r.sum[:tagLen])
	return k.mac.Sum(r.sum[:0])[:tagLen]
}

// verify judges a trailer. A time that is not to be judged by (noTime) makes no
// trailer stale. The version and VRID in the message are known to be the
// router's own.
func (r *ring) verify(src netip.Addr, message, trailer []byte, wall int64) (uint64, Rejection) {
	if trailer[0] != signType || trailer[2] != 0 || trailer[3] != 0 {
		return 0, RejectExtMalformed
	}
	sequence := binary.BigEndian.Uint64(trailer[4:])
	// Before any HMAC is computed: it grants nothing, and a flood of old
	// adverts costs less.
	if !r.monotonic && wall != noTime && r.far(sequence, wall) > r.window {
		return sequence, RejectExtStale
	}
	k := r.key(trailer[1])
	if k == nil {
		return sequence, RejectExtKey
	}
	if subtle.ConstantTimeCompare(r.tag(k, src, message, trailer[:tagAt]), trailer[tagAt:]) != 1 {
		return sequence, RejectExtHMAC
	}
	return sequence, Accepted
}

// far is how many seconds a sequence is from the clock.
func (r *ring) far(sequence uint64, wall int64) int64 {
	d := ahead(stamp(wall), sequence)
	return max(d, -d)
}

// replayed reports whether a verified sequence is not higher than the mark of
// its sender. A mark that is itself too far from the clock says nothing.
func (r *ring) replayed(m *mark, sequence uint64, wall int64) bool {
	if m == nil || !r.monotonic && r.far(m.value, wall) > r.window {
		return false
	}
	return !after(sequence, m.value)
}
