package source

import (
	"net/netip"
	"time"

	"github.com/moonkeep/moonkeep/config"
)

// The ranges of an instance's numbers.
const (
	ownerPriority   = 255
	defaultPriority = 100
	maxAdvertised   = 255 // the count of addresses is one octet
	maxDownAdverts  = 100
	maxPreemptDelay = 1000 * time.Second
	maxAdvertInt    = 255 * time.Second
)

func (r *reader) instanceList(items []*value) []config.Instance {
	var all []config.Instance
	for i, item := range items {
		in, ok := r.instance(item, i)
		if !ok {
			continue
		}
		if first := r.instances[in.Name]; first != nil {
			r.error(in.At, "duplicate-name", "vrrp_instance %s is defined twice, first in line %d", in.Name, first.At.Line)
			continue
		}
		r.instances[in.Name] = &in
		all = append(all, in)
	}
	r.clashes(all)
	return all
}

// clashes finds what two instances must not share.
func (r *reader) clashes(all []config.Instance) {
	type router struct {
		device string
		vrid   int
	}
	routers := make(map[router]*config.Instance)
	type held struct {
		addr   netip.Addr
		device string
	}
	holders := make(map[held]*config.Instance)
	for i := range all {
		in := &all[i]
		key := router{in.Interface, in.VRID}
		if other := routers[key]; other != nil && in.VRID != 0 && in.Interface != "" {
			r.error(in.At, "vrid-clash", "vrrp_instance %s: virtual_router_id %d is used on %s already, by vrrp_instance %s in line %d",
				in.Name, in.VRID, in.Interface, other.Name, other.At.Line)
		}
		routers[key] = in
		for _, list := range [2][]config.Address{in.Addresses, in.Excluded} {
			for _, a := range list {
				key := held{a.Addr(), a.Device}
				if other := holders[key]; other != nil {
					r.error(a.At, "given-twice", "vrrp_instance %s: %s is an address of vrrp_instance %s already", in.Name, a.Addr(), other.Name)
					continue
				}
				holders[key] = in
			}
		}
	}
}

// instance reads one instance. It returns true when it has a name, even if
// the rest is wrong, so that what refers to it is not called wrong as well.
func (r *reader) instance(v *value, i int) (config.Instance, bool) {
	in := config.Instance{
		At: v.at, Version: 2, Priority: defaultPriority, AdvertInt: time.Second, DownTimerAdverts: 3,
	}
	t := r.table(v, title("vrrp_instance", v, i))
	if t == nil {
		return in, false
	}
	in.Name = t.name("name")
	r.where(t, &in)
	r.election(t, &in)
	r.protocol(t, &in)
	r.authentication(t, &in)
	in.Garp = r.garp(t)
	in.Addresses = r.addresses(t, "virtual_ipaddresses", in.Interface)
	in.Excluded = r.addresses(t, "virtual_ipaddresses_excluded", in.Interface)
	r.count(t, &in)
	in.TrackScripts = r.trackScripts(t)
	in.TrackInterfaces = r.trackInterfaces(t, in.Interface)
	in.Notify = r.notify(t)
	r.strict(t, &in)
	t.done()
	return in, in.Name != ""
}

// where reads what says which virtual router this is, and on which network.
func (r *reader) where(t *table, in *config.Instance) {
	var device string
	switch f := t.text("interface", &device); {
	case f == nil && !t.has("interface"):
		t.error(t.v.at, "missing-key", "%s needs an interface", t.what)
	case f != nil && device == "lo":
		t.error(f.value.at, "bad-interface", "%s: the loopback interface carries no VRRP", t.what)
	case f != nil && r.interfaceName(f.value.at, device, t.what+": interface"):
		in.Interface = device
	}
	if t.number("virtual_router_id", &in.VRID, 1, 255) == nil && !t.has("virtual_router_id") {
		t.error(t.v.at, "missing-key", "%s needs a virtual_router_id from 1 to 255, the same on all nodes", t.what)
	}
	t.flag("dont_track_primary", &in.IgnorePrimary)
	var source string
	if f := t.text("mcast_src_ip", &source); f != nil {
		addr, err := netip.ParseAddr(source)
		switch {
		case err == nil && addr.Is6():
			t.error(f.value.at, "not-supported", "%s: mcast_src_ip: IPv6 is not supported by this version", t.what)
		case err != nil || addr.IsUnspecified() || addr.IsMulticast() || addr.IsLoopback():
			t.error(f.value.at, "bad-address", "%s: mcast_src_ip must be an IPv4 address of this node, not %s", t.what, quoted(source))
		default:
			in.Source = addr
		}
	}
}

// election reads what decides who becomes master.
func (r *reader) election(t *table, in *config.Instance) {
	var state string
	stated := t.word("state", &state, "MASTER", "BACKUP")
	in.Master = state == "MASTER"
	if t.number("priority", &in.Priority, 1, ownerPriority) == nil && bool(in.Master) && !t.has("priority") {
		t.error(stated.at, "missing-key", "%s: state MASTER needs a priority, for example 150", t.what)
	}
	if stated == nil {
		in.Master = in.Priority == ownerPriority
	}
	nopreempt := t.flag("nopreempt", &in.NoPreempt)
	delay := t.duration("preempt_delay", &in.PreemptDelay, 0, maxPreemptDelay)
	switch {
	case in.NoPreempt && bool(in.Master):
		t.error(nopreempt.at, "nopreempt-master",
			"%s: nopreempt has no effect with state MASTER or priority 255: write state BACKUP on all nodes, or take nopreempt out", t.what)
	case delay != nil && in.PreemptDelay > 0 && (bool(in.Master) || in.NoPreempt):
		other := "nopreempt"
		if in.Master {
			other = "state MASTER or priority 255"
		}
		t.error(delay.at, "preempt-delay-unused", "%s: preempt_delay has no effect with %s: take one of them out", t.what, other)
	}
	t.number("down_timer_adverts", &in.DownTimerAdverts, 1, maxDownAdverts)
}

// protocol reads what is sent, and how.
func (r *reader) protocol(t *table, in *config.Instance) {
	t.number("version", &in.Version, 2, 3)
	if f := t.duration("advert_int", &in.AdvertInt, 10*time.Millisecond, maxAdvertInt); f != nil {
		switch {
		case in.Version == 2 && in.AdvertInt%time.Second != 0:
			t.error(f.value.at, "out-of-range", "%s: advert_int must be whole seconds in version 2, not %v; version 3 knows 10ms to 40.95s", t.what, in.AdvertInt)
		case in.Version == 3 && (in.AdvertInt > 40950*time.Millisecond || in.AdvertInt%(10*time.Millisecond) != 0):
			t.error(f.value.at, "out-of-range", "%s: advert_int must be from 10ms to 40.95s in steps of 10ms in version 3, not %v", t.what, in.AdvertInt)
		}
	}
	checksum := "rfc5798"
	if f := t.word("v3_checksum", &checksum, "rfc5798", "rfc9568"); f != nil && in.Version != 3 {
		t.error(f.at, "exclusive-keys", "%s: v3_checksum goes with version 3 only", t.what)
	}
	in.ChecksumMessage = checksum == "rfc9568"
	t.flag("strict_mode", &in.Strict)
	t.flag("lower_prio_no_advert", &in.LowerPrioNoAdvert)
	var send bool
	if t.flag("higher_prio_send_advert", &send) != nil {
		in.HigherPrioSendAdvert = &send
	}
	t.flag("skip_check_adv_addr", &in.SkipCheckAdvAddr)
}

// authentication reads version 2's password. No message repeats it.
func (r *reader) authentication(t *table, in *config.Instance) {
	f := t.take("authentication")
	if f == nil {
		return
	}
	if f.value.kind != kindTable {
		// Not by table, which would show what may be the password.
		t.error(f.value.at, "wrong-type", "%s: authentication must be a table with auth_type and auth_pass, not %s", t.what, f.value.kind)
		return
	}
	a := r.table(f.value, t.what+": authentication")
	in.Authentication.At = f.at
	a.take("auth_type")
	a.take("auth_pass")
	switch kind := a.v.get("auth_type"); {
	case kind == nil:
		a.error(a.v.at, "missing-key", "%s needs auth_type: PASS", a.what)
	case kind.value.kind != kindText || kind.value.text != "PASS":
		a.error(kind.value.at, "bad-auth-type", "%s: auth_type must be PASS; another is not supported by this version", a.what)
	default:
		in.AuthType = "PASS"
	}
	switch pass := a.v.get("auth_pass"); {
	case pass == nil:
		a.error(a.v.at, "missing-key", "%s needs an auth_pass", a.what)
	case pass.value.kind == kindInt || pass.value.kind == kindFloat || pass.value.kind == kindBool:
		a.error(pass.value.at, "wrong-type", "%s: auth_pass must be text: put it in quotes", a.what)
	case pass.value.kind != kindText || pass.value.text == "":
		a.error(pass.value.at, "wrong-type", "%s: auth_pass must be text that is not empty", a.what)
	case len(pass.value.text) > 8:
		a.error(pass.value.at, "password-too-long", "%s: auth_pass has %d bytes, and VRRP carries 8", a.what, len(pass.value.text))
	default:
		in.AuthPass = pass.value.text
	}
	if in.Version == 3 {
		a.error(f.at, "authentication-dropped", "%s: version 3 has no authentication (RFC 9568): take it out, or write version: 2", t.what)
	}
	a.done()
}

// garp reads when addresses are announced. A second burst after a lower
// advert is like the first one's unless the file says otherwise.
func (r *reader) garp(parent *table) config.Garp {
	g := config.Garp{MasterDelay: 5 * time.Second, MasterRepeat: 5, MasterRefreshRepeat: 1}
	f := parent.take("garp")
	var t *table
	if f != nil {
		t = r.table(f.value, parent.what+": garp")
	}
	if t != nil {
		t.duration("master_delay", &g.MasterDelay, 0, 1000*time.Second)
		t.number("master_repeat", &g.MasterRepeat, 1, 100)
		t.duration("master_refresh", &g.MasterRefresh, 0, 24*time.Hour)
		t.number("master_refresh_repeat", &g.MasterRefreshRepeat, 1, 100)
	}
	g.LowerPrioDelay, g.LowerPrioRepeat = g.MasterDelay, g.MasterRepeat
	if t != nil {
		t.duration("lower_prio_delay", &g.LowerPrioDelay, 0, 1000*time.Second)
		t.number("lower_prio_repeat", &g.LowerPrioRepeat, 1, 100)
		t.duration("interval", &g.Interval, 0, time.Second)
		t.done()
	}
	return g
}

// count looks at how many addresses there are.
func (r *reader) count(t *table, in *config.Instance) {
	at := t.place("virtual_ipaddresses")
	switch n := len(in.Addresses); {
	case n > maxAdvertised:
		t.error(at, "too-many-addresses", "%s: an advert carries %d addresses at most, not %d: put the others under virtual_ipaddresses_excluded", t.what, maxAdvertised, n)
	case n > 0:
	case t.has("virtual_ipaddresses") && (t.v.get("virtual_ipaddresses").value.kind != kindList || len(t.v.get("virtual_ipaddresses").value.items) > 0):
		// What is wrong with them was said.
	case in.Version == 3:
		t.error(at, "no-address", "%s needs virtual_ipaddresses: an advert of version 3 carries at least one", t.what)
	default:
		t.warn(at, "no-address", "%s has no virtual_ipaddresses: it would elect a master that holds nothing", t.what)
	}
}

// strict checks what strict mode excludes and sets what it implies.
func (r *reader) strict(t *table, in *config.Instance) {
	if !in.Strict {
		return
	}
	refuse := func(wrong bool, key, text string) {
		if wrong {
			t.error(t.place(key), "strict", "%s: strict_mode %s", t.what, text)
		}
	}
	refuse(t.has("authentication") && in.Version == 2, "authentication", "knows no authentication (RFC 3768): take one of them out")
	refuse(in.Master != (in.Priority == ownerPriority), "state", "wants state MASTER with priority 255, and only with it: write state: BACKUP; the priority decides")
	refuse(in.PreemptDelay > 0, "preempt_delay", "knows no preempt_delay: take one of them out")
	refuse(in.DownTimerAdverts != 3, "down_timer_adverts", "wants 3 down_timer_adverts, as the RFC")
	refuse(t.has("lower_prio_no_advert") && !in.LowerPrioNoAdvert, "lower_prio_no_advert", "implies lower_prio_no_advert: true")
	refuse(in.HigherPrioSendAdvert != nil && *in.HigherPrioSendAdvert, "higher_prio_send_advert", "implies higher_prio_send_advert: false")
	refuse(in.Version == 2 && len(in.Addresses) == 0 && !t.has("virtual_ipaddresses"), "virtual_ipaddresses", "needs virtual_ipaddresses")
	no := false
	in.LowerPrioNoAdvert, in.HigherPrioSendAdvert = true, &no
}
