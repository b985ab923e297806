package keepalived

import (
	"errors"
	"net/netip"
	"slices"

	"github.com/moonkeep/moonkeep/config"
)

// peerLine reads ADDR [min_ttl N] [max_ttl N].
func (r *reader) peerLine(s *statement) {
	l := &optionLine{words: s.words, what: "a peer", mild: func(string) bool { return true }}
	p := top[config.Peer](r)
	w := l.take()
	if !r.unicastAddress(w, "unicast_peer", &p.Address) {
		r.damaged = true
		return
	}
	r.wrote("address", w.at, false)
	r.inst.claim(r, w, p.Address)
	r.options(l, func(w token) bool {
		if _, err := netip.ParseAddr(w.text); err == nil {
			r.out.lose(w.at, "one-line-block", "unicast_peer takes one address on each line: %s is lost, as by keepalived; give it a line of its own", printable(w.text))
			return false
		}
		r.strangeOption(l, w)
		return true
	})
	if p.MinTTL != nil && p.MaxTTL != nil && *p.MinTTL > *p.MaxTTL {
		r.out.lose(s.at(), "out-of-range", "min_ttl %d is more than max_ttl %d: every advert of %s is dropped, as by keepalived", *p.MinTTL, *p.MaxTTL, p.Address)
	}
}

// unicastAddress reads the address of one host.
func (r *reader) unicastAddress(w token, keyword string, to *netip.Addr) bool {
	a, err := netip.ParseAddr(w.text)
	if err != nil || a.IsUnspecified() || a.IsMulticast() || a.IsLoopback() || a.Is4In6() {
		r.out.error(w.at, "bad-address", "%s %s is not the address of a host", keyword, quoted(w.text))
		return false
	}
	*to = a
	return true
}

// sourceAddress makes the handler of mcast_src_ip and unicast_src_ip.
func (r *reader) sourceAddress(s *statement) {
	to := r.row.bound.field.In(r.frames[len(r.frames)-1].value).Addr().Interface().(*netip.Addr)
	if !r.unicastAddress(s.words[1], s.words[0].text, to) {
		r.damaged = true
		return
	}
	r.inst.claim(r, s.words[1], *to)
}

// destinationGroup reads mcast_dst_ip.
func (r *reader) destinationGroup(s *statement) {
	if !r.group4or6(s, &top[config.Instance](r).Destination) {
		r.damaged = true
		return
	}
	r.inst.claim(r, s.words[1], top[config.Instance](r).Destination)
}

// group4or6 reads the address of a group.
func (r *reader) group4or6(s *statement, to *netip.Addr) bool {
	w := s.words[1]
	a, err := netip.ParseAddr(w.text)
	if err != nil || !a.IsMulticast() {
		r.out.error(w.at, "bad-address", "%s %s is not the address of a multicast group", s.words[0].text, quoted(w.text))
		return false
	}
	*to = a
	return true
}

// hmacKey reads ID SECRET. The secret is in no message.
func (r *reader) hmacKey(s *statement) {
	r.inner(r.row.bound.field, s.at(), func() {
		k := top[config.HMACKey](r)
		if r.damaged = !r.setOption(r.here("id"), "key", s.words[1]); r.damaged {
			return
		}
		r.wrote("id", s.words[1].at, false)
		k.Secret = plain(s.words[2])
		r.wrote("secret", s.words[2].at, false)
		err := config.CheckSecret(k.Secret)
		if kind, _ := config.SecretPlace(k.Secret); kind == "credential" {
			err = errors.New("keepalived takes what begins with credential: for the key itself, and moonkeep for a name: write the key with hex: in front, or file: and a path")
		}
		if err != nil {
			r.damaged = true
			r.out.error(s.words[2].at, "bad-value", "key %d: %v", k.ID, err)
		}
	})
	keys := top[config.HMAC](r).Keys
	if n := len(keys) - 1; n > 0 && slices.ContainsFunc(keys[:n], func(k config.HMACKey) bool { return k.ID == keys[n].ID }) {
		r.damaged = true
		r.out.error(s.words[1].at, "given-twice", "key %d was given before", keys[n].ID)
	}
}

// endHMAC holds that the key that signs is there.
func (r *reader) endHMAC(s *statement) {
	h := top[config.HMAC](r)
	switch {
	case r.damaged:
	case h.ActiveKey == 0:
		r.damaged = true
		if !r.meant["active_key"] {
			r.out.error(s.at(), "missing-keyword", "auth_hmac has no active_key: keepalived would neither sign nor check; name the key that signs")
		}
	case !slices.ContainsFunc(h.Keys, func(k config.HMACKey) bool { return k.ID == h.ActiveKey }):
		r.damaged = true
		r.out.addAt(r.givenAt("active_key"), config.Error, "bad-value", "active_key %d names no key of this auth_hmac: keepalived would neither sign nor check", h.ActiveKey)
	}
}
