package keepalived

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/moonkeep/moonkeep/config"
)

// useVMAC reads [[name] IFNAME] [MAC] [group NAME] [netlink_notify_msg].
func (r *reader) useVMAC(s *statement) {
	r.inner(r.row.bound.field, s.at(), func() {
		v := top[config.VMAC](r)
		l := &optionLine{words: s.words[1:], what: "use_vmac", own: map[string]option{"name": (*reader).deviceName}}
		r.options(l, func(w token) bool {
			ok := true
			switch {
			case isMAC(w.text):
				v.MAC, ok = r.mac(w)
				r.wrote("mac", w.at, false)
			case v.Name == "":
				v.Name, ok = r.interfaceName(w, "use_vmac")
				r.wrote("name", w.at, false)
			default:
				r.strangeOption(l, w)
			}
			r.damaged = r.damaged || !ok
			return ok
		})
	})
}

// useIPVLAN reads [[name] IFNAME] [ADDR] [bridge|private|vepa] [group NAME].
func (r *reader) useIPVLAN(s *statement) {
	r.inner(r.row.bound.field, s.at(), func() {
		v := top[config.IPVLAN](r)
		l := &optionLine{words: s.words[1:], what: "use_ipvlan", own: map[string]option{"name": (*reader).deviceName}}
		modes := r.here("mode").Enum
		r.options(l, func(w token) bool {
			ok := true
			p, address := prefix(w.text)
			switch {
			case slices.Contains(modes, w.text):
				v.Mode = w.text
				r.wrote("mode", w.at, false)
			case address:
				v.Address = p
				r.wrote("address", w.at, false)
				r.inst.claim(r, w, p.Addr())
			case v.Name == "":
				v.Name, ok = r.interfaceName(w, "use_ipvlan")
				r.wrote("name", w.at, false)
			default:
				r.strangeOption(l, w)
			}
			r.damaged = r.damaged || !ok
			return ok
		})
		if !v.Address.IsValid() {
			v.Address = netip.Prefix{}
		}
	})
}

// deviceName reads the name of the interface that is to be made.
func (r *reader) deviceName(l *optionLine, w token) bool { return r.interfaceOption(l, w) }

// isMAC reports whether a word is meant as a hardware address.
func isMAC(word string) bool {
	_, err := netip.ParseAddr(word)
	return strings.Count(word, ":") >= 4 && err != nil
}

// mac reads a hardware address of six octets, or of five behind which the
// virtual router's number is put. It is one of a single host, and not one of
// those that the RFC gives to virtual routers.
func (r *reader) mac(w token) (string, bool) {
	octets := strings.Split(w.text, ":")
	whole := len(octets) == 5 || len(octets) == 6
	var first [5]uint64
	for i, o := range octets {
		n, err := strconv.ParseUint(o, 16, 8)
		whole = whole && err == nil && len(o) <= 2
		if i < len(first) {
			first[i] = n
		}
	}
	switch {
	case !whole:
		r.out.error(w.at, "bad-value", "%s is no hardware address: write six octets, or five for the virtual_router_id to follow, with colons between them", quoted(w.text))
		return "", false
	case first[0]&1 != 0:
		r.out.error(w.at, "bad-value", "%s is the hardware address of a group; one of a single host is needed", quoted(w.text))
		return "", false
	case len(octets) == 6 && first == [5]uint64{0, 0, 0x5e, 0, 1} || len(octets) == 6 && first == [5]uint64{0, 0, 0x5e, 0, 2}:
		r.out.error(w.at, "bad-value", "%s is one of the RFC's hardware addresses for virtual routers: leave it out, and the right one is taken", quoted(w.text))
		return "", false
	}
	return strings.ToLower(w.text), true
}
