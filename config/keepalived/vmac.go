package keepalived

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/moonkeep/moonkeep/config"
)

// useVMAC reads [[name] IFNAME] [MAC] [group NAME] [netlink_notify_msg].
func (r *reader) useVMAC(s *statement) {
	r.inner(r.row.bound.field, s.at(), func() {
		v := top[config.VMAC](r)
		l := &optionLine{words: s.words[1:], what: "use_vmac", own: among(map[string]option{"name": (*reader).deviceName})}
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
		l := &optionLine{words: s.words[1:], what: "use_ipvlan", own: among(map[string]option{"name": (*reader).deviceName})}
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

// mac reads a hardware address, of which the last octet may be left out.
func (r *reader) mac(w token) (string, bool) {
	if _, err := config.HardwareAddress(w.text, 0); err != nil {
		r.out.error(w.at, "bad-value", "%s %v", quoted(w.text), err)
		return "", false
	}
	return strings.ToLower(w.text), true
}
