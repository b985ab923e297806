package keepalived

import (
	"net/netip"
	"strings"

	"github.com/moonkeep/moonkeep/config"
)

// instance is a vrrp_instance that has been read: what was said. complete.go
// makes the configuration of it when the whole file is known.
type instance struct {
	// Instance is an item of the configuration's list, or a copy of what is left
	// out of that.
	*config.Instance
	at, vridAt pos
	// family is that of the first address that settles it; invalid when none
	// does.
	family   netip.Addr
	familyAt pos
	// strayed is true when what to do about an address of the other family was said.
	strayed bool
	tracks  tracks
	// authMeant are the keywords of the authentication that could not be read,
	// and those that misspelt ones were meant to be.
	authMeant map[string]bool
	// said is where each keyword was last given.
	said    []seenKeyword
	damaged bool
	meant   map[string]bool
}

// where is the place of a keyword, or of the instance when it was not said.
func (i *instance) where(keyword string) pos {
	for k := range i.said {
		if i.said[k].row.name == keyword {
			return i.said[k].at
		}
	}
	return i.at
}

// says notes where a keyword is given.
func (i *instance) says(row *keyword, at pos) {
	for k := range i.said {
		if i.said[k].row == row {
			i.said[k].at = at
			return
		}
	}
	if i.said == nil {
		i.said = make([]seenKeyword, 0, 8) // as many as most have
	}
	i.said = append(i.said, seenKeyword{row, at})
}

// given reports whether the instance wrote a key.
func (i *instance) given(key string) bool { return i.Written.Has(key) }

// six reports whether the instance is one of IPv6.
func (i *instance) six() bool { return i.family.IsValid() && !i.family.Is4() }

// claim settles the family of the instance by an address, unless another has.
// As in keepalived the first counts; one of the other family is an error, since
// nobody would hold or hear it.
func (i *instance) claim(r *reader, w token, a netip.Addr) {
	if !i.family.IsValid() {
		i.family, i.familyAt = a, w.at
		return
	}
	if i.family.Is4() != a.Is4() {
		r.damaged = true
		families := [2]string{"IPv4", "IPv6"}
		one, other := 0, 1
		if a.Is4() {
			one, other = 1, 0
		}
		if i.strayed {
			r.out.error(w.at, "wrong-family", "%s: this is an %s address, too", printable(w.text), families[other])
			return
		}
		i.strayed = true
		r.out.error(w.at, "wrong-family", "%s: the instance is one of %s since %s, and this is an %s address: write a second instance for it, with the same virtual_router_id if you like, and name both in a vrrp_sync_group, so that they move together; or put it into virtual_ipaddress_excluded",
			printable(w.text), families[one], r.src.line(i.familyAt, w.at), families[other])
	}
}

func (r *reader) beginInstance(s *statement) {
	r.tracking = nil
	r.inst = &instance{Instance: top[config.Instance](r), at: s.at()}
}

func (r *reader) endInstance(_ *statement) {
	i := r.inst
	r.inst = nil
	i.damaged, i.meant, i.tracks = r.damaged, r.meant, r.tracking
	i.Instance = top[config.Instance](r)
	other := r.instanceNamed[i.Name]
	if i.damaged || other != nil {
		left := taken[config.Instance](r)
		i.Instance = &left
	}
	if other != nil {
		r.out.warn(i.at, "duplicate-name", "vrrp_instance %s is defined twice, first on %s: this one is left out, as by keepalived", printable(i.Name), lineOf(other.At, i.At.File()))
		return
	}
	r.instanceNamed[i.Name] = i
	r.instances = append(r.instances, i)
}

func (r *reader) state(s *statement) {
	w, i := s.words[1], top[config.Instance](r)
	master := w.text == "MASTER"
	if !master && w.text != "BACKUP" {
		hint := ""
		if guess := config.Nearest(strings.ToUpper(w.text), []string{"MASTER", "BACKUP"}); guess != "" {
			hint = ": did you mean " + guess + "?"
		}
		r.out.warn(w.at, "bad-state", "state is MASTER or BACKUP, not %s%s", quoted(w.text), hinted(hint, "BACKUP is taken, as by keepalived"))
	}
	if bool(i.Master) && !master {
		r.out.warn(w.at, "state-master-stays", "state MASTER was given before and stays, as in keepalived")
		return
	}
	i.Master = config.State(master)
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
	top[config.Instance](r).Interface = name
}

func (r *reader) virtualRouterID(s *statement) {
	setField(r, s)
	r.inst.vridAt = s.words[1].at
}

// priorityNumber reads the priority. One that cannot be read is 100 in
// keepalived, as if that were written: not that of the owner, which a master
// has that says nothing about it.
func (r *reader) priorityNumber(s *statement) {
	const usual = 100
	if !r.gently("100 is taken, as by keepalived", func() { setField(r, s) }) {
		top[config.Instance](r).Priority = usual
	}
}

// preemption makes the handler of nopreempt and of preempt.
func preemption(without bool) handler {
	return func(r *reader, _ *statement) { top[config.Instance](r).NoPreempt = without }
}

// checksum reads v3_checksum_as_v2 [BOOL].
func (r *reader) checksum(s *statement) {
	v, ok := r.boolean(s)
	top[config.Instance](r).ChecksumMessage = config.Checksum(v)
	r.damaged = r.damaged || !ok
}

// skipCheck reads skip_check_adv_addr [BOOL].
func (r *reader) skipCheck(s *statement) {
	setField(r, s)
	if in := top[config.Instance](r); !in.SkipCheckAdvAddr && !r.damaged && r.cfg.Global.SkipCheckAdvAddr {
		r.out.warn(s.at(), "keepalived-differs", "skip_check_adv_addr off is off here; keepalived 2.4.3 takes it as on")
	}
}

// nativeIPv6 makes an instance one of IPv6 that no address has made one of
// IPv4.
func (r *reader) nativeIPv6(s *statement) {
	if i := r.inst; i.family.IsValid() && i.family.Is4() {
		r.damaged = true
		r.out.error(s.at(), "wrong-family", "native_ipv6 stands behind an IPv4 address, on %s: an instance has one family", r.src.line(i.familyAt, s.at()))
		return
	}
	top[config.Instance](r).NativeIPv6 = true
	r.inst.claim(r, s.words[0], netip.IPv6Unspecified())
}

func (r *reader) authType(s *statement) {
	w, auth := s.words[1], top[config.Authentication](r)
	switch w.text {
	case "PASS", "AH":
		auth.AuthType = w.text
	default:
		r.damaged = true
		r.out.error(w.at, "bad-auth-type", "auth_type takes PASS or AH; what is written here is not known, and without it there is no authentication")
	}
}

func (r *reader) authPass(s *statement) {
	w := s.words[1]
	password := plain(w)
	if len(password) > 8 {
		r.out.warn(w.at, "password-cut", "auth_pass has more than 8 bytes: the first 8 are used, as by keepalived")
		password = password[:8]
	}
	top[config.Authentication](r).AuthPass = password
}

func (r *reader) endAuthentication(*statement) { r.inst.authMeant = r.meant }
