package keepalived

import (
	"net/netip"
	"slices"
	"time"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/inherit"
)

// complete makes the configuration of what was read: defaults, inheritance,
// references, and the clashes that the whole file shows. What is damaged has
// been reported and is left out.
func (r *reader) complete() *config.Config {
	r.resolveGroups()
	r.pop()
	cfg := &r.cfg
	cfg.Files, cfg.Includes = r.src.names(), r.src.includes
	inherit.Global(&cfg.Global)
	// They are in the list already, each at its place or behind it.
	cfg.Instances = cfg.Instances[:0]
	for _, i := range r.instances {
		if !r.completeInstance(i) {
			left := *i.Instance // what follows takes its place
			i.Instance = &left
			continue
		}
		cfg.Instances = append(cfg.Instances, *i.Instance)
		i.Instance = &cfg.Instances[len(cfg.Instances)-1]
	}
	r.clashes()
	taken := map[string]*group{}
	for _, g := range r.groups {
		if out, ok := r.completeGroup(g, taken); ok && !g.damaged {
			cfg.Groups = append(cfg.Groups, out)
		}
	}
	for _, c := range r.scripts {
		if c.damaged {
			continue
		}
		if !c.used && c.Name != "" && !r.meantToTrack() {
			r.out.warn(c.at, "unused-script", "no track_script names vrrp_script %s: it is not run, as by keepalived", printable(c.Name))
			continue
		}
		cfg.Scripts = append(cfg.Scripts, c.Script)
	}
	r.aimless()
	r.staticReferences()
	switch sound := r.out.given[config.Error]+r.out.dropped[config.Error] == 0; {
	case len(r.instances) > 0 || len(cfg.VirtualServers) > 0 || !sound:
	case r.closed > 0 || len(cfg.Global.Written) > 0 || len(cfg.Unmatched()) > 0:
		r.out.warn(r.src.end(), "no-instance", "the file defines no vrrp_instance and no virtual_server: nothing runs until a reload brings one")
	default:
		// Rather a lost file, or another one, than a configuration.
		r.out.error(r.src.end(), "no-instance", "the file defines no vrrp_instance and no virtual_server: there is nothing to run")
	}
	return cfg
}

// meantToTrack reports whether a misspelt track_script has been met, so that a
// script without a user is no news.
func (r *reader) meantToTrack() bool {
	return slices.ContainsFunc(r.instances, func(i *instance) bool { return i.meant["track_script"] }) ||
		slices.ContainsFunc(r.groups, func(g *group) bool { return g.meant["track_script"] })
}

// completeInstance applies keepalived's defaults and rules to one instance, and
// reports whether it is whole.
func (r *reader) completeInstance(i *instance) bool {
	out := i.Instance
	inherit.Instance(out, &r.cfg.Global)
	r.familyRules(i)
	r.priority(i)
	r.strict(i)
	r.preemption(i)
	r.advertInterval(i)
	r.authentication(i)
	r.acceptance(i)
	if out.TrackSource && out.Interface == "" && !i.damaged {
		r.out.error(i.where("track_src_ip"), "missing-key", "vrrp_instance %s: track_src_ip needs the interface that the source address is on: add interface, or take track_src_ip out", printable(out.Name))
		i.damaged = true
	}
	r.addresses(i)
	if key, text := out.Layered(&r.cfg.Global); key != "" && !i.damaged {
		r.out.error(i.where(key), "own-interface", "vrrp_instance %s: %s", printable(out.Name), text)
		i.damaged = true
	}
	if i.given("unicast_peers") && len(out.UnicastPeers) == 0 && !out.UnicastFaultNoPeer && !i.damaged {
		r.out.warn(i.where("unicast_peer"), "as-keepalived", "vrrp_instance %s has no peer left in unicast_peer: it speaks multicast, as in keepalived", printable(out.Name))
	}
	r.routes(i)
	r.resolveAll(i.tracks, out.Interface, &out.TrackInterfaces, &out.TrackScripts, &out.TrackFiles, &out.TrackProcesses, &out.TrackBFDs)
	if i.damaged {
		return false
	}
	whole := true
	lacks := func(keyword, hint string) {
		whole = false
		r.out.error(i.at, "missing-keyword", "vrrp_instance %s has no %s: %s", printable(out.Name), keyword, hint)
	}
	if keyword, hint := out.Lacks(); keyword != "" {
		lacks(keyword, hint)
	}
	if out.VRID == 0 {
		lacks("virtual_router_id", "give a number, 1..255, the same on all nodes")
	}
	return whole
}

// priority: state and priority imply each other, as in keepalived.
func (r *reader) priority(i *instance) {
	out := i.Instance
	switch {
	case i.given("priority"):
	case bool(out.Master):
		out.Priority = 255
		out.Written = append(out.Written, config.Key{Name: "priority", At: r.src.position(i.where("state"))})
		if !i.meant["priority"] {
			r.out.warn(i.where("state"), "no-priority", "state MASTER without priority makes it 255, the owner of the addresses; give a priority")
		}
	}
	if !i.given("state") {
		out.Master = out.Priority == 255
	}
	if out.Priority == 255 && !out.OwnerIgnoreAdverts && i.given("owner_ignore_adverts") {
		r.out.warn(i.where("owner_ignore_adverts"), "as-keepalived", "owner_ignore_adverts off is taken as on with priority 255, as by keepalived")
		out.OwnerIgnoreAdverts = true
	}
}

// strict applies what vrrp_strict overrides. The bursts
// after a lower priority advert stay, unlike in keepalived: gratuitous ARP is
// no part of the protocol, and without them clients are lost when a partition
// heals.
func (r *reader) strict(i *instance) {
	out := i.Instance
	if !out.Strict {
		return
	}
	if owner := config.State(out.Priority == 255); out.Master != owner {
		switch {
		case bool(out.Master):
			r.out.warn(i.where("state"), "strict", "vrrp_strict: state MASTER is for priority 255 only; the instance starts as BACKUP, as in keepalived")
		case i.given("state"):
			r.out.warn(i.where("state"), "strict", "vrrp_strict: priority 255 is for the owner of the addresses, which starts as MASTER, as in keepalived; write state MASTER, or a lower priority")
		}
		out.Master = owner
	}
	if out.PreemptDelay > 0 {
		r.out.warn(i.where("preempt_delay"), "strict", "vrrp_strict: preempt_delay is ignored, as by keepalived")
		out.PreemptDelay = 0
	}
	if out.DownTimerAdverts != 3 {
		r.out.warn(i.where("down_timer_adverts"), "strict", "vrrp_strict: down_timer_adverts becomes 3, as in keepalived")
		out.DownTimerAdverts = 3
	}
	if i.given("lower_prio_no_advert") && !out.LowerPrioNoAdvert {
		r.out.warn(i.where("lower_prio_no_advert"), "strict", "vrrp_strict: an advert of lower priority is not answered, as by keepalived")
	}
	if out.HigherPrioSendAdvert != nil && *out.HigherPrioSendAdvert {
		r.out.warn(i.where("higher_prio_send_advert"), "strict", "vrrp_strict: higher_prio_send_advert is ignored, as by keepalived")
	}
	no := false
	out.LowerPrioNoAdvert, out.HigherPrioSendAdvert = true, &no
	out.NoAddresses = false
	r.strictFeatures(i)
}

// strictFeatures drops what strict mode does without.
func (r *reader) strictFeatures(i *instance) {
	out := i.Instance
	if len(out.UnicastPeers) > 0 || out.UnicastFaultNoPeer {
		r.out.error(i.where("unicast_peer"), "strict", "vrrp_strict: adverts go to the group: keepalived refuses unicast on an interface that can do multicast (2.2.5 to 2.3.4 run it by an oversight); take one of them out")
		i.damaged = true
	}
	if v := out.UseVMAC; v != nil && v.MAC != "" {
		r.out.warn(i.where("use_vmac"), "strict", "vrrp_strict: the hardware address is the RFC's; the one written is ignored, as by keepalived")
		v.MAC = ""
	}
	if out.Accept && out.Version == 2 {
		// keepalived 2.4 keeps to what is written, earlier ones do not. An address that
		// answers nobody would be the worse surprise.
		r.out.warn(i.where("accept"), "strict", "vrrp_strict: version 2 has no accept (RFC 3768), which keepalived before 2.4 ignores: it counts here")
	}
	if out.VMACXmitBase {
		r.out.warn(i.where("vmac_xmit_base"), "strict", "vrrp_strict: vmac_xmit_base is ignored, as by keepalived")
		out.VMACXmitBase = false
	}
	if h := out.HMAC; h != nil && h.Mode != "enforce" {
		r.out.warn(i.where("auth_hmac"), "strict", "vrrp_strict: the mode of auth_hmac becomes enforce, as in keepalived")
		h.Mode = "enforce"
	}
}

// preemption clears what does not go with an initial MASTER, as keepalived does.
func (r *reader) preemption(i *instance) {
	out := i.Instance
	if out.NoPreempt && bool(out.Master) {
		r.out.warn(i.where("nopreempt"), "nopreempt-master", "nopreempt does not go with state MASTER and is cleared, as by keepalived; write state BACKUP on all nodes")
		out.NoPreempt = false
	}
	if out.PreemptDelay > 0 && (bool(out.Master) || out.NoPreempt) {
		other := "nopreempt"
		if out.Master {
			other = "state MASTER"
		}
		r.out.warn(i.where("preempt_delay"), "preempt-delay-unused", "preempt_delay has no effect with %s and is cleared, as by keepalived", other)
		out.PreemptDelay = 0
	}
}

// advertInterval rounds the interval to what the version can carry.
func (r *reader) advertInterval(i *instance) {
	said := i.AdvertInt
	d := said
	if i.Version == 2 {
		d = max(d.Round(time.Second), time.Second)
	} else {
		d = min(max(d.Round(10*time.Millisecond), 10*time.Millisecond), 40950*time.Millisecond)
	}
	if d != said {
		unit := "whole seconds"
		if i.Version == 3 {
			unit = "steps of 0.01 up to 40.95 seconds"
		}
		r.out.warn(i.where("advert_int"), "advert-interval-rounded", "advert_int %s becomes %s: version %d knows %s", decimal(said), decimal(d), i.Version, unit)
	}
	i.AdvertInt = d
}

// authentication drops what keepalived would not use. What is wrong with the password's keyword has
// been said when meant holds it.
func (r *reader) authentication(i *instance) {
	a := &i.Authentication
	if !i.given("authentication") {
		return
	}
	at := i.where("authentication")
	switch {
	case i.HMAC != nil:
		r.out.warn(at, "authentication-dropped", "auth_hmac takes the place of authentication: the password is not used, as by keepalived")
	case i.Strict:
		r.out.warn(at, "authentication-dropped", "vrrp_strict: authentication is not used, as by keepalived")
	case i.Version == 3:
		r.out.warn(at, "authentication-dropped", "version 3 has no authentication: it is not used, as by keepalived")
	case a.AuthType == "" && a.AuthPass != "":
		if !i.authMeant["auth_type"] {
			r.out.warn(at, "no-authentication", "authentication without auth_type: none is used, as by keepalived")
		}
	case a.AuthPass == "":
		if !i.authMeant["auth_pass"] {
			r.out.warn(at, "no-authentication", "authentication without a password: none is used, as by keepalived")
		}
	default:
		if a.AuthType == "AH" && bool(i.Master) && i.Priority != 255 {
			r.out.warn(i.where("state"), "ah-master", "with auth_type AH the instance starts as BACKUP, as in keepalived")
			i.Master = false
		}
		return
	}
	a.AuthType, a.AuthPass = "", ""
}

// acceptance: of accept and no_accept the later counts, as in keepalived.
func (r *reader) acceptance(i *instance) {
	if !i.Accept || !i.NoAccept {
		return
	}
	first, last := i.Written.At("accept", i.At), i.Written.At("no_accept", i.At)
	word := "accept"
	if i.NoAccept = last.Line() > first.Line(); i.NoAccept {
		i.Accept, word = false, "no_accept"
	}
	r.out.addAt(last, config.Warning, "given-twice", "accept and no_accept exclude each other: the later one, %s, counts, as in keepalived", word)
}

// addresses gives each its device, and bounds how many are advertised.
func (r *reader) addresses(i *instance) {
	const most = 255
	i.Addresses = r.distinctAddresses(i.Addresses)
	i.Excluded = r.distinctAddresses(i.Excluded)
	if n := len(i.Addresses); n > most {
		r.out.warn(i.at, "too-many-addresses", "an advert carries at most %d addresses: the last %d are held but not advertised", most, n-most)
		i.Excluded = append(i.Addresses[most:n:n], i.Excluded...)
		i.Addresses = i.Addresses[:most:most]
	}
	inherit.Devices(i.Instance, &r.cfg.Global)
	if len(i.Addresses) > 0 || i.NoAddresses || i.damaged {
		return
	}
	const text = "vrrp_instance %s has no virtual_ipaddress: %s"
	switch {
	case i.Version == 3 || i.Strict:
		i.damaged = true
		why := "version 3 needs one, or no_virtual_ipaddress"
		if i.Strict {
			why = "vrrp_strict needs one"
		}
		r.out.error(i.at, "no-address", text, printable(i.Name), why)
	case !i.meant["virtual_ipaddress"]:
		r.out.warn(i.at, "no-address", text, printable(i.Name), "it would elect a master that holds nothing")
	}
}

// distinctAddresses leaves out those that were given before.
func (r *reader) distinctAddresses(list []config.Address) []config.Address {
	type identity struct {
		addr   netip.Addr
		device string
	}
	if len(list) < 2 {
		return list
	}
	seen := make(map[identity]bool, len(list))
	var out []config.Address
	for _, a := range list {
		id := identity{a.Prefix.Addr(), a.Device}
		if seen[id] {
			r.out.addAt(a.At, config.Warning, "given-twice", "the address %s was given before; this line is ignored", a.Prefix.Addr())
			continue
		}
		seen[id] = true
		out = append(out, a)
	}
	return out
}
