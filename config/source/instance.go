package source

import (
	"net/netip"
	"reflect"
	"time"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/inherit"
)

const (
	ownerPriority = 255
	maxAdvertised = 255 // the count of addresses is one octet
	maxPassword   = 8
)

// instanceInterface reads the interface of an instance.
func (r *reader) instanceInterface(v *value, dst reflect.Value, what string) {
	device, ok := r.asText(v, what+": interface")
	switch {
	case !ok:
	case device == "lo":
		r.error(v.at, "bad-interface", "%s: the loopback interface carries no VRRP", what)
	case r.interfaceName(v, device, what+": interface"):
		dst.SetString(device)
	}
}

// sourceAddress reads where adverts come from.
func (r *reader) sourceAddress(v *value, dst reflect.Value, what string) {
	text, ok := r.asText(v, what+": mcast_src_ip")
	if !ok {
		return
	}
	addr, err := netip.ParseAddr(text)
	switch {
	case err != nil || addr.Is4In6() || addr.IsUnspecified() || addr.IsMulticast() || addr.IsLoopback():
		r.error(v.at, "bad-address", "%s: mcast_src_ip must be an address of this node, not %s", what, v.shown(text))
	default:
		dst.Set(reflect.ValueOf(addr))
	}
}

// authType reads the kind of authentication. The word is not repeated: it may
// be the password.
func (r *reader) authType(v *value, dst reflect.Value, what string) {
	if v.kind != kindText || v.text != "PASS" && v.text != "AH" {
		r.error(v.at, "bad-auth-type", "%s: auth_type must be PASS or AH", what)
		return
	}
	dst.SetString(v.text)
}

// checkInstance looks at what the keys of one instance mean together. Global
// ones have been inherited.
func (r *reader) checkInstance(t *table, in *config.Instance, global *config.Global) {
	r.family(t, in)
	r.election(t, in)
	r.protocol(t, in)
	r.authentication(t, in)
	r.signing(t, in)
	r.transition(t, in)
	r.acceptance(t, in)
	inherit.Devices(in, global)
	r.count(t, in)
	r.strict(t, in)
	r.layered(t, in, global)
	if key, hint := in.Lacks(); key != "" && !t.has(key) {
		r.error(t.v.at, "missing-key", "%s needs %s: %s", t.what, key, hint)
	}
}

// layered looks at the interfaces that the instance has of its own.
func (r *reader) layered(t *table, in *config.Instance, global *config.Global) {
	if key, text := in.Layered(global); key != "" {
		r.error(t.place(key), "own-interface", "%s: %s", t.what, text)
	}
	hardware := func(at config.Position, text string) {
		if text == "" {
			return
		}
		if _, err := config.HardwareAddress(text, in.VRID); err != nil {
			r.error(at, "bad-value", "%s: use_vmac: %q %v", t.what, text, err)
		}
	}
	if in.UseVMAC != nil {
		hardware(in.UseVMAC.At, in.UseVMAC.MAC)
	}
	for _, list := range [2][]config.Address{in.Addresses, in.Excluded} {
		for i := range list {
			if v := list[i].UseVMAC; v != nil {
				hardware(v.At, v.MAC)
			}
		}
	}
}

// family looks whether what makes the instance one of IPv4 or IPv6 agrees, and
// settles the version: IPv6 is spoken in version 3 only (RFC 9568).
func (r *reader) family(t *table, in *config.Instance) {
	six := in.Six()
	names := map[bool]string{false: "IPv4", true: "IPv6"}
	wrong := func(at config.Position, a netip.Addr) {
		if a.IsValid() && a.Is6() != six {
			r.error(at, "wrong-family", "%s: this address is one of %s, and the instance is one of %s: write a second instance for it, with the same virtual_router_id if you like, and name both in a vrrp_sync_groups, so that they move together; or put it into virtual_ipaddresses_excluded",
				t.what, names[!six], names[six])
		}
	}
	for i := range in.UnicastPeers {
		wrong(in.UnicastPeers[i].At, in.UnicastPeers[i].Address)
	}
	wrong(t.place("unicast_src_ip"), in.UnicastSource)
	wrong(t.place("mcast_src_ip"), in.Source)
	wrong(t.place("mcast_dst_ip"), in.Destination)
	for i := range in.Addresses {
		wrong(in.Addresses[i].At, in.Addresses[i].Addr())
	}
	switch {
	case in.NativeIPv6 && !six:
		r.error(t.place("native_ipv6"), "wrong-family", "%s: native_ipv6 does not go with addresses of IPv4", t.what)
	case six && t.has("version") && in.Version == 2:
		r.error(t.place("version"), "wrong-version", "%s: version 2 knows no IPv6: write version: 3", t.what)
	case six:
		in.Version = 3
	}
}

// election checks what decides who becomes master.
func (r *reader) election(t *table, in *config.Instance) {
	if !t.has("state") {
		in.Master = in.Priority == ownerPriority
	} else if bool(in.Master) && !t.has("priority") {
		r.error(t.place("state"), "missing-key", "%s: state MASTER needs a priority, for example 150", t.what)
	}
	switch {
	case in.NoPreempt && bool(in.Master):
		r.error(t.place("nopreempt"), "nopreempt-master",
			"%s: nopreempt has no effect with state MASTER or priority 255: write state BACKUP on all nodes, or take nopreempt out", t.what)
	case in.PreemptDelay > 0 && (bool(in.Master) || in.NoPreempt):
		other := "nopreempt"
		if in.Master {
			other = "state MASTER or priority 255"
		}
		r.error(t.place("preempt_delay"), "preempt-delay-unused", "%s: preempt_delay has no effect with %s: take one of them out", t.what, other)
	}
}

// protocol checks what is sent against the version.
func (r *reader) protocol(t *table, in *config.Instance) {
	if t.has("advert_int") {
		at := t.value("advert_int")
		switch {
		case in.Version == 2 && in.AdvertInt%time.Second != 0:
			r.error(at, "out-of-range", "%s: advert_int must be whole seconds in version 2, not %v; version 3 knows 10ms to 40.95s", t.what, in.AdvertInt)
		case in.Version == 3 && (in.AdvertInt > 40950*time.Millisecond || in.AdvertInt%(10*time.Millisecond) != 0):
			r.error(at, "out-of-range", "%s: advert_int must be from 10ms to 40.95s in steps of 10ms in version 3, not %v", t.what, in.AdvertInt)
		}
	}
	if t.has("v3_checksum") && in.Version != 3 {
		r.warn(t.place("v3_checksum"), "exclusive-keys", "%s: v3_checksum goes with version 3 only: it has no effect", t.what)
	}
}

// authentication checks version 2's password. No message repeats it.
func (r *reader) authentication(t *table, in *config.Instance) {
	f := t.v.get("authentication")
	if f == nil || f.value.kind != kindTable {
		return
	}
	a := &table{f.value, t.what + ": authentication"}
	if !a.has("auth_type") {
		r.error(a.v.at, "missing-key", "%s needs auth_type: PASS or AH", a.what)
	}
	switch n := len(in.AuthPass); {
	case !a.has("auth_pass"):
		r.error(a.v.at, "missing-key", "%s needs an auth_pass", a.what)
	case n > maxPassword:
		r.error(a.value("auth_pass"), "password-too-long", "%s: auth_pass has %d bytes, and VRRP carries %d", a.what, n, maxPassword)
	}
	if in.AuthType == "AH" && bool(in.Master) && in.Priority != ownerPriority {
		r.warn(t.place("state"), "ah-master", "%s: with auth_type AH an instance starts as BACKUP: write state: BACKUP", t.what)
		in.Master = false
	}
	if in.Version == 3 {
		r.error(f.at, "authentication-dropped", "%s: version 3 has no authentication (RFC 9568): take it out, or write version: 2", t.what)
	}
}

// count looks at how many addresses there are.
func (r *reader) count(t *table, in *config.Instance) {
	at := t.place("virtual_ipaddresses")
	switch n := len(in.Addresses); {
	case n > maxAdvertised:
		r.error(at, "too-many-addresses", "%s: an advert carries %d addresses at most, not %d: put the others under virtual_ipaddresses_excluded", t.what, maxAdvertised, n)
	case n > 0 || in.NoAddresses:
	case t.has("virtual_ipaddresses") && (t.v.get("virtual_ipaddresses").value.kind != kindList || len(t.v.get("virtual_ipaddresses").value.items) > 0):
		// What is wrong with them was said.
	case in.Version == 3:
		r.error(at, "no-address", "%s needs virtual_ipaddresses: an advert of version 3 carries at least one", t.what)
	default:
		r.warn(at, "no-address", "%s has no virtual_ipaddresses: it would elect a master that holds nothing", t.what)
	}
}

// strict checks what strict mode excludes and sets what it implies.
func (r *reader) strict(t *table, in *config.Instance) {
	if !in.Strict {
		return
	}
	refuse := func(wrong bool, key, text string) {
		if wrong {
			r.error(t.place(key), "strict", "%s: strict_mode %s", t.what, text)
		}
	}
	refuse(t.has("authentication") && in.Version == 2, "authentication", "knows no authentication (RFC 3768): take one of them out")
	refuse(bool(in.Master) != (in.Priority == ownerPriority), "state", "wants state MASTER with priority 255, and only with it: leave state out; the priority decides")
	refuse(in.PreemptDelay > 0, "preempt_delay", "knows no preempt_delay: take one of them out")
	refuse(t.has("down_timer_adverts") && in.DownTimerAdverts != 3, "down_timer_adverts", "wants 3 down_timer_adverts, as the RFC")
	refuse(t.has("lower_prio_no_advert") && !in.LowerPrioNoAdvert, "lower_prio_no_advert", "implies lower_prio_no_advert: true")
	refuse(t.has("higher_prio_send_advert") && in.HigherPrioSendAdvert != nil && *in.HigherPrioSendAdvert, "higher_prio_send_advert", "implies higher_prio_send_advert: false")
	refuse(in.Version == 2 && len(in.Addresses) == 0 && !t.has("virtual_ipaddresses"), "virtual_ipaddresses", "needs virtual_ipaddresses")
	no := false
	in.LowerPrioNoAdvert, in.HigherPrioSendAdvert, in.DownTimerAdverts = true, &no, 3
}
