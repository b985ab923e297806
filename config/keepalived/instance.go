package keepalived

import (
	"net/netip"
	"strings"
	"time"

	"github.com/moonkeep/moonkeep/config"
)

// longest bounds times for which keepalived knows no limit: a day, as much
// as any of them means.
const longest = 24 * time.Hour

// instance is a vrrp_instance being read: what was said. complete.go makes
// the configuration of it when the whole file is known.
type instance struct {
	config.Instance
	at, vridAt                pos
	vrid, priority, version   *int
	master                    *bool
	advert, preemptDelay      *time.Duration
	strict, checksumAsV2      *bool
	skipCheck                 *bool
	lowerNoAdvert, higherSend *bool
	ignorePrimary             *bool
	downTimer                 *int
	noPreempt, noAddresses    bool
	garp                      garp
	auth                      *authentication
	interfaces, scripts       []track
	// said is where each keyword was last given.
	said    map[string]pos
	damaged bool
	meant   map[string]bool
}

// where is the place of a keyword, or of the instance when it was not said.
func (i *instance) where(keyword string) pos {
	if at, ok := i.said[keyword]; ok {
		return at
	}
	return i.at
}

// authentication is an instance's authentication block. The password is in
// no message.
type authentication struct {
	at       pos
	kind     string
	password string
	passAt   pos
	// refused says that an error has been reported about it.
	refused bool
}

func (r *reader) beginInstance(s *statement) {
	r.inst, r.meant, r.damaged = &instance{at: s.at()}, map[string]bool{}, false
	r.inst.Name, r.inst.At = r.objectName(s)
}

func (r *reader) endInstance(*statement) {
	i := r.inst
	r.inst, i.damaged, i.meant = nil, r.damaged, r.meant
	r.meant = nil
	if other := r.instanceNamed[i.Name]; other != nil {
		r.out.error(i.at, "duplicate-name", "vrrp_instance %s is defined twice, first on %s", printable(i.Name), lineOf(other.At, i.At.File))
		return
	}
	r.instanceNamed[i.Name] = i
	r.instances = append(r.instances, i)
}

func (r *reader) state(s *statement) {
	w, i := s.words[1], r.inst
	master := w.text == "MASTER"
	if !master && w.text != "BACKUP" {
		hint := ""
		if guess := nearest(strings.ToUpper(w.text), []string{"MASTER", "BACKUP"}); guess != "" {
			hint = ": did you mean " + guess + "?"
		}
		r.out.warn(w.at, "bad-state", "state is MASTER or BACKUP, not %s%s BACKUP is taken, as by keepalived", quoted(w.text), orSemicolon(hint))
	}
	if i.master != nil && *i.master && !master {
		r.out.warn(w.at, "state-master-stays", "state MASTER was given before and stays, as in keepalived")
		return
	}
	i.master = &master
}

// orSemicolon joins a hint and what follows it.
func orSemicolon(hint string) string {
	if hint == "" {
		return ";"
	}
	return hint
}

func (r *reader) instanceInterface(s *statement) {
	name, ok := r.interfaceName(s.words[1], "interface")
	if !ok {
		r.damaged = true
		return
	}
	if name == "lo" {
		r.damaged = true
		r.out.error(s.words[1].at, "bad-interface", "interface lo is the loopback, on which nobody else can be heard; name the interface of the network")
		return
	}
	r.inst.Interface = name
}

func (r *reader) virtualRouterID(s *statement) {
	n, ok := r.integer(s.words[1], "virtual_router_id", 1, 255)
	if !ok {
		r.damaged = true
		return
	}
	r.inst.vrid, r.inst.vridAt = &n, s.words[1].at
}

func (r *reader) source(s *statement) {
	a, err := netip.ParseAddr(s.words[1].text)
	switch {
	case err != nil:
		r.damaged = true
		r.out.error(s.words[1].at, "bad-address", "mcast_src_ip %s is not an address", quoted(s.words[1].text))
	case !a.Is4():
		r.damaged = true
		r.out.error(s.words[1].at, "not-supported", "IPv6 is not supported yet: mcast_src_ip takes an IPv4 address")
	default:
		r.inst.Source = a
	}
}

func (r *reader) beginAuthentication(s *statement) {
	r.inst.auth = &authentication{at: s.at()}
}

func (r *reader) authType(s *statement) {
	w, auth := s.words[1], r.inst.auth
	switch w.text {
	case "PASS":
		auth.kind = "PASS"
	case "AH":
		auth.refused = true
		r.out.error(w.at, "not-supported", "auth_type AH is not supported: peers that use it would not be understood. Use PASS on all nodes, or version 3 without authentication")
	default:
		auth.refused = true
		r.out.error(w.at, "bad-auth-type", "auth_type takes PASS; what is written here is not known, and peers with a password would not be understood")
	}
}

func (r *reader) authPass(s *statement) {
	w, auth := s.words[1], r.inst.auth
	password := plain(w.text)
	if len(password) > 8 {
		r.out.warn(w.at, "password-cut", "auth_pass has more than 8 bytes: the first 8 are used, as by keepalived")
		password = password[:8]
	}
	auth.password, auth.passAt = password, w.at
}

func (r *reader) strictMode(s *statement) {
	v, ok := r.boolean(s)
	if !ok {
		r.damaged = true
		return
	}
	r.inst.strict = &v
	if v {
		r.markStrict(s)
	}
}
