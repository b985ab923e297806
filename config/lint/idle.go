package lint

import (
	"reflect"
	"slices"

	"github.com/moonkeep/moonkeep/config"
)

// idle looks at keys of which nothing comes where they stand.
func idle(c *config.Config, found *config.Findings) {
	if g := &c.Global; g.Garp.Preset != "" && g.MinGarp {
		found.Add(g.Written.At("vrrp_min_garp", at(g.At, config.NewPosition(file(c), 0, 0))), config.Warning, "no-effect",
			"vrrp_min_garp has no effect beside the garp preset %s of global: take one of them out", g.Garp.Preset)
	}
	for i := range c.Plugins {
		p := &c.Plugins[i]
		if p.Name == "MISC_CHECK" && p.Path == "" && p.Written.Has("memory") {
			found.Add(p.Written.At("memory", p.At), config.Warning, "no-effect", "plugin MISC_CHECK: memory has no effect: its programs would have the limit, too; limit them where they are started")
		}
	}
	for i := range c.Scripts {
		if s := &c.Scripts[i]; s.Plugin != nil {
			idleTiming(s, found)
		}
	}
}

// idleTiming looks at the check that is a script: when it runs is the script's to say. What
// it comes to while its plugin gives no result is the check's, of all its hosts.
func idleTiming(s *config.Script, found *config.Findings) {
	none := func(k config.Key, of, why string) {
		found.Add(k.At, config.Warning, "no-effect", "vrrp_script %s: %s of %s has no effect: %s", s.Name, k.Name, of, why)
	}
	const decides = "interval, timeout, rise and fall of the script say when it runs and what its results come to"
	timing := append(timingKeys(), "fast_recovery")
	for _, k := range written(s.Plugin) {
		if slices.Contains(timing, k.Name) && !slices.Contains(unknownKeys(), k.Name) {
			none(k, "its check", decides)
		}
	}
	if s.Plugin.SMTP == nil {
		return
	}
	for i := range s.Plugin.SMTP.Hosts {
		h := &s.Plugin.SMTP.Hosts[i]
		for _, k := range h.Written {
			switch {
			case slices.Contains(unknownKeys(), k.Name):
				none(k, "a host of its check", "on_unknown and unknown_grace go for the whole check; write it there")
			case slices.Contains(timing, k.Name):
				none(k, "a host of its check", decides)
			}
		}
		if h.NetNamespace != "" {
			at := config.Key{Name: "net_namespace", At: h.Written.At("net_namespace", h.At)}
			none(at, "a host of its check", "all of them are asked from the one of the check; write a script for each")
		}
	}
}

// unknownKeys are those of config.Timing that act in the check of a script, too.
func unknownKeys() []string { return []string{"on_unknown", "unknown_grace"} }

// timingKeys are the keys of config.Timing.
func timingKeys() (keys []string) {
	for _, f := range reflect.VisibleFields(reflect.TypeFor[config.Timing]()) {
		if key := f.Tag.Get("key"); key != "" {
			keys = append(keys, key)
		}
	}
	return keys
}

// written are the keys of a check that its author wrote.
func written(k *config.Check) config.Keys {
	v := reflect.ValueOf(k).Elem()
	for i := range v.NumField() {
		if f := v.Field(i); f.Kind() == reflect.Pointer && !f.IsNil() {
			if keys, ok := f.Elem().FieldByName("Written").Interface().(config.Keys); ok {
				return keys
			}
		}
	}
	return nil
}
