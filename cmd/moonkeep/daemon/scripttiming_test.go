package daemon

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/build"
	"github.com/moonkeep/moonkeep/config/lint"
)

// TestScriptTiming: of the keys that say when the check of a real server runs and what its
// results come to, check says of those that act in the check of a vrrp_script nothing, and of
// the others that they have no effect.
func TestScriptTiming(t *testing.T) {
	t.Parallel()
	const text = `
vrrp_scripts: [{name: web, interval: 1s, timeout: 2s, plugin: {HTTP_GET: {connect_ip: 192.0.2.7, connect_port: 80, urls: [/]%s}}}]
vrrp_instances: [{name: A, interface: eth0, virtual_router_id: 1, virtual_ipaddresses: [192.0.2.1/32], track_scripts: [web]}]
`
	values := map[string]string{
		"retry": "3", "delay_before_retry": "7s", "warmup": "7s", "delay_loop": "7s", "alpha": "true", "log_all_failures": "true",
		"rise": "3", "fall": "3", "fast_interval": "7s", "on_unknown": "keep", "unknown_grace": "30s", "fast_recovery": "true",
	}
	did := func(c *config.Config) string {
		var p build.Probe
		build.EachProbe(c, func(x *build.Probe) { p = *x })
		p.LogAll = false // which is for real servers
		grace, onUnknown := graceOf(&c.Scripts[0], pluginSilence)
		return fmt.Sprintf("%+v %+v %v %v", p, build.Node(c).Scripts, grace, onUnknown)
	}
	without := hostedConfig(t, fmt.Sprintf(text, ""))
	bare := fmt.Sprintf("%+v", *without.Scripts[0].Plugin.HTTP)
	keys := []string{"fast_recovery"}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[config.Timing]()) {
		if key := f.Tag.Get("key"); key != "" {
			keys = append(keys, key)
		}
	}
	for _, key := range keys {
		c := hostedConfig(t, fmt.Sprintf(text, ", "+key+": "+values[key]))
		if fmt.Sprintf("%+v", *c.Scripts[0].Plugin.HTTP) == bare {
			t.Fatalf("%s is not in the check", key)
		}
		acts := did(c) != did(without)
		says := strings.Contains(fmt.Sprint(lint.One(c)), "vrrp_script web: "+key+" of its check has no effect")
		if acts == says {
			t.Errorf("%s: it acts: %v; check says that it has no effect: %v\n%s\n%s", key, acts, says, did(c), did(without))
		}
	}
}
