package build

import (
	"cmp"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

// Strict says which instances in strict mode are not strict: in what their
// readers neither refused nor put right.
func Strict(c *config.Config) config.Findings {
	var found config.Findings
	for i := range c.Instances {
		in := &c.Instances[i]
		if !in.Strict {
			continue
		}
		r := router(in, &c.Global, false)
		for _, b := range vrrp.CheckStrict(&r) {
			key, severity := strictKey(b.Rule)
			at := cmp.Or(in.Written.At(key, in.At), in.At)
			found.Add(at, severity, "strict", "vrrp_instance %s: strict mode: %s", in.Name, b.Text)
		}
	}
	return found
}

// strictKey returns the key that a rule is about. Two rules are no more than
// advice, since keepalived's strict mode has not got them.
func strictKey(rule string) (string, config.Severity) {
	switch rule {
	case "addresses":
		return "virtual_ipaddresses", config.Error
	case "link_local":
		return "virtual_ipaddresses", config.Warning
	case "group":
		return "mcast_dst_ip", config.Warning
	case "unicast":
		return "unicast_peers", config.Error
	case "hmac":
		return "auth_hmac", config.Error
	case "interop":
		return "interop_v2", config.Error
	}
	return rule, config.Error
}

// Drops reports whether packets to addresses of c are ever to be dropped.
func Drops(c *config.Config) bool {
	for i := range c.Instances {
		if r := router(&c.Instances[i], &c.Global, false); r.Drops() {
			return true
		}
	}
	return false
}
