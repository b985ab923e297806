package keepalived

import (
	"slices"

	"github.com/moonkeep/moonkeep/config"
)

// linkbeatLine reads IFNAME [TYPE].
func (r *reader) linkbeatLine(s *statement) {
	b := top[config.Linkbeat](r)
	var ok bool
	if b.Interface, ok = r.interfaceName(s.words[0], "linkbeat_interfaces"); !ok {
		r.damaged = true
		return
	}
	r.wrote("interface", s.words[0].at, false)
	if len(s.words) > 1 {
		r.damaged = !r.setOption(r.here("method"), "linkbeat_interfaces", s.words[1])
		r.wrote("method", s.words[1].at, false)
	}
	if len(s.words) > 2 {
		r.out.warn(s.words[2].at, "surplus-words", "linkbeat_interfaces takes an interface and a method on each line; the rest of the line is ignored")
	}
}

// delayLine reads IFNAME DOWN [UP].
func (r *reader) delayLine(s *statement) {
	d := top[config.InterfaceDelay](r)
	var ok bool
	if d.Interface, ok = r.interfaceName(s.words[0], "interface_up_down_delays"); !ok {
		r.damaged = true
		return
	}
	r.wrote("interface", s.words[0].at, false)
	if len(s.words) < 2 {
		r.damaged = true
		r.out.error(s.words[0].at, "missing-argument", "interface_up_down_delays takes seconds behind the interface, and there are none")
		return
	}
	for i, key := range []string{"down", "up"} {
		if i+1 < len(s.words) {
			if !r.setOption(r.here(key), "interface_up_down_delays", s.words[i+1]) {
				r.damaged = true
				return
			}
			r.wrote(key, s.words[i+1].at, false)
		}
	}
	if len(s.words) > 3 {
		r.out.warn(s.words[3].at, "surplus-words", "interface_up_down_delays takes an interface and two numbers on each line; the rest of the line is ignored")
	}
}

// staticReferences holds that the track groups are there and name instances.
func (r *reader) staticReferences() {
	var names []string
	r.cfg.TrackGroups = slices.DeleteFunc(r.cfg.TrackGroups, func(g config.TrackGroup) bool {
		g.Members = slices.DeleteFunc(g.Members, func(m string) bool {
			missing := r.instanceNamed[m] == nil
			if missing {
				r.out.addAt(g.Written.At("group", g.At), config.Warning, "unknown-instance", "track_group %s: no vrrp_instance is named %s%s", printable(g.Name), quoted(m), aside(hinted(r.leftOut(m, g.At.File()), "it is no member, as in keepalived")))
			}
			return missing
		})
		if len(g.Members) > 0 {
			names = append(names, g.Name)
			return false
		}
		if !g.Written.Has("group") {
			r.out.addAt(g.At, config.Warning, "empty-group", "track_group %s has no members and is left out", printable(g.Name))
		}
		r.skipped[g.Name] = g.At
		return true
	})
	look := func(name *string, at config.Position) {
		if *name == "" || slices.Contains(names, *name) {
			return
		}
		hint := r.leftOut(*name, at.File())
		if hint != "" {
			hint += "."
		} else if guess := config.Nearest(*name, names); guess != "" {
			hint = ": did you mean " + printable(guess) + "?"
		}
		r.out.addAt(at, config.Warning, "unknown-track-group", "no track_group is named %s%s", quoted(*name), aside(hinted(hint, "nothing is tracked here, as by keepalived")))
		*name = ""
	}
	for i := range r.cfg.StaticAddresses {
		a := &r.cfg.StaticAddresses[i]
		look(&a.TrackGroup, a.Written.At("track_group", a.At))
		if a.Device == "" {
			a.Device = r.cfg.Global.DefaultInterface
		}
	}
	for i := range r.cfg.StaticRoutes {
		x := &r.cfg.StaticRoutes[i]
		look(&x.TrackGroup, x.Written.At("track_group", x.At))
	}
	for i := range r.cfg.StaticRules {
		x := &r.cfg.StaticRules[i]
		look(&x.TrackGroup, x.Written.At("track_group", x.At))
	}
	if d := r.cfg.Global.SyncDaemon; d != nil && d.Instance != "" && r.instanceNamed[d.Instance] == nil {
		hint := r.leftOut(d.Instance, d.At.File())
		if hint != "" {
			hint += "."
		} else if guess := config.Nearest(d.Instance, r.instanceNames()); guess != "" {
			hint = ": did you mean " + printable(guess) + "?"
		}
		r.out.addAt(d.Written.At("inst", d.At), config.Warning, "unknown-instance", "lvs_sync_daemon: no vrrp_instance is named %s%s", quoted(d.Instance), aside(hinted(hint, "the daemon is not started")))
		r.cfg.Global.SyncDaemon = nil
	}
}
