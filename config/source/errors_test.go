package source

import (
	"fmt"
	"strings"
	"testing"

	"github.com/moonkeep/moonkeep/config"
)

// instance is a whole instance in YAML with more lines in it.
func instance(lines ...string) string {
	text := "vrrp_instances:\n  - name: A\n    interface: eth0\n    virtual_router_id: 1\n"
	for _, l := range append(lines, "virtual_ipaddresses: [192.0.2.1/24]") {
		text += "    " + l + "\n"
	}
	return text
}

// script is a whole script in YAML with more lines in it, tracked by an
// instance.
func script(lines ...string) string {
	text := "vrrp_scripts:\n  - name: s\n"
	for _, l := range lines {
		text += "    " + l + "\n"
	}
	return text + instance("track_scripts: [s]")
}

// TestFindings holds the whole text of what is said; the first line of an
// instance's own keys is 5, of a script's 3.
func TestFindings(t *testing.T) {
	for name, test := range map[string]struct {
		file, text string
		want       []string
	}{
		"unknown key": {"a.yaml", instance("priorty: 100"), []string{
			`a.yaml:5:5: error: vrrp_instance A has no key "priorty"; is "priority" meant? [unknown-key]`,
		}},
		"unknown key in capitals": {"a.yaml", instance("PRIORITY: 100"), []string{
			`a.yaml:5:5: error: vrrp_instance A has no key "PRIORITY"; is "priority" meant? [unknown-key]`,
		}},
		"unknown key like none": {"a.yaml", instance("colour: red"), []string{
			`a.yaml:5:5: error: vrrp_instance A has no key "colour" [unknown-key]`,
		}},
		"known, but not built": {"a.yaml", instance("debug: 2", "virtual_routes: [{to: 203.0.113.0/24, vrf: red}]", "debugg: 2"), []string{
			`a.yaml:5:5: warning: vrrp_instance A: debug is not acted on: the log level is one for the daemon [not-acted-on]`,
			`a.yaml:6:43: warning: vrrp_instance A: virtual_routes: item 1: vrf is not built yet: the route would be in the main table; name the table of the VRF instead; moonkeep run refuses to start with it [not-built]`,
			`a.yaml:7:5: error: vrrp_instance A has no key "debugg"; is "debug" meant? [unknown-key]`,
		}},
		"what does not act, and says what is so anyhow": {"a.yaml", instance("no_accept: false", "debug: 0", "unicast_ttl: 255", "unicast_peers: []") + "virtual_servers: []\n", nil},
		"one warning for a block that does not act": {"a.yaml", instance() + "linkbeat_interfaces:\n  - {interface: eth0}\n", []string{
			`a.yaml:6:1: warning: linkbeat_interfaces is not acted on: the kernel tells every change of a link [not-acted-on]`,
		}},
		"priority of 300": {"a.yaml", instance("priority: 300"), []string{
			`a.yaml:5:15: error: vrrp_instance A: priority must be from 1 to 255, not 300 [out-of-range]`,
		}},
		"priority as text": {"a.yaml", instance(`priority: "100"`), []string{
			`a.yaml:5:15: error: vrrp_instance A: priority must be a whole number from 1 to 255, not "100" [wrong-type]`,
		}},
		"priority with a fraction": {"a.json", `{"vrrp_instances": [{"name": "A", "interface": "eth0", "virtual_router_id": 1.5, "virtual_ipaddresses": ["192.0.2.1"]}]}`, []string{
			`a.json:1:77: error: vrrp_instance A: virtual_router_id must be a whole number from 1 to 255, not "1.5" [wrong-type]`,
		}},
		"octal": {"a.yaml", instance("priority: 0100"), []string{
			`a.yaml:5:15: error: vrrp_instance A: priority must be written in plain decimal digits, not 0100 [wrong-value]`,
		}},
		"hexadecimal": {"a.toml", "[[vrrp_instances]]\nname = \"A\"\ninterface = \"eth0\"\nvirtual_router_id = 0x33\nvirtual_ipaddresses = [\"192.0.2.1\"]\n", []string{
			`a.toml:4:21: error: vrrp_instance A: virtual_router_id must be written in plain decimal digits, not 0x33 [wrong-value]`,
		}},
		"duration without unit": {"a.yaml", instance("advert_int: 1"), []string{
			`a.yaml:5:17: error: vrrp_instance A: advert_int needs a unit: write 1s or 1ms, in quotes where the file's language wants them [no-unit]`,
		}},
		"duration without unit, as text": {"a.yaml", instance(`advert_int: "0.5"`), []string{
			`a.yaml:5:17: error: vrrp_instance A: advert_int needs a unit: write 0.5s or 0.5ms, in quotes where the file's language wants them [no-unit]`,
		}},
		"no duration": {"a.yaml", instance("advert_int: soon"), []string{
			`a.yaml:5:17: error: vrrp_instance A: advert_int must be a duration such as 2s or 100ms, not "soon" [wrong-value]`,
		}},
		"interval of version 2": {"a.yaml", instance("advert_int: 100ms"), []string{
			`a.yaml:5:17: error: vrrp_instance A: advert_int must be whole seconds in version 2, not 100ms; version 3 knows 10ms to 40.95s [out-of-range]`,
		}},
		"interval of version 3": {"a.yaml", instance("version: 3", "advert_int: 41s"), []string{
			`a.yaml:6:17: error: vrrp_instance A: advert_int must be from 10ms to 40.95s in steps of 10ms in version 3, not 41s [out-of-range]`,
		}},
		"a boolean of keepalived": {"a.yaml", instance("nopreempt: on"), []string{
			`a.yaml:5:16: error: vrrp_instance A: nopreempt must be true or false, not "on" [wrong-type]`,
		}},
		"nothing": {"a.yaml", instance("notify:"), []string{
			`a.yaml:5:12: error: vrrp_instance A: notify must be a table of keys, not nothing [wrong-type]`,
		}},
		"a list for a table": {"a.yaml", instance("garp: [1]"), []string{
			`a.yaml:5:11: error: vrrp_instance A: garp must be a table of keys, not a list [wrong-type]`,
		}},
		"state": {"a.yaml", instance("state: master"), []string{
			`a.yaml:5:12: error: vrrp_instance A: state must be MASTER or BACKUP, not "master" [wrong-value]`,
		}},
		"state without priority": {"a.yaml", instance("state: MASTER"), []string{
			`a.yaml:5:5: error: vrrp_instance A: state MASTER needs a priority, for example 150 [missing-key]`,
		}},
		"nopreempt of an initial master": {"a.yaml", instance("state: MASTER", "priority: 150", "nopreempt: true"), []string{
			`a.yaml:7:5: error: vrrp_instance A: nopreempt has no effect with state MASTER or priority 255: write state BACKUP on all nodes, or take nopreempt out [nopreempt-master]`,
		}},
		"preempt_delay without effect": {"a.yaml", instance("nopreempt: true", "preempt_delay: 10s"), []string{
			`a.yaml:6:5: error: vrrp_instance A: preempt_delay has no effect with nopreempt: take one of them out [preempt-delay-unused]`,
		}},
		"nothing that identifies": {"a.yaml", "vrrp_instances:\n  - virtual_ipaddresses: [192.0.2.1]\n", []string{
			`a.yaml:2:5: error: vrrp_instance number 1 needs a name [missing-key]`,
			`a.yaml:2:5: error: vrrp_instance number 1 needs a virtual_router_id from 1 to 255, the same on all nodes [missing-key]`,
			`a.yaml:2:5: error: vrrp_instance number 1 needs interface: name the network interface that it runs on [missing-key]`,
		}},
		"loopback": {"a.yaml", "vrrp_instances:\n  - {name: A, interface: lo, virtual_router_id: 1, virtual_ipaddresses: [192.0.2.1]}\n", []string{
			`a.yaml:2:26: error: vrrp_instance A: the loopback interface carries no VRRP [bad-interface]`,
		}},
		"long interface": {"a.yaml", "vrrp_instances:\n  - {name: A, interface: eth0123456789012, virtual_router_id: 1, virtual_ipaddresses: [192.0.2.1]}\n", []string{
			`a.yaml:2:26: error: vrrp_instance A: interface: "eth0123456789012" cannot be an interface's name: at most 15 characters, no blank, slash or colon [bad-interface]`,
		}},
		"password as a number": {"a.yaml", instance("authentication: {auth_type: PASS, auth_pass: 1111}"), []string{
			`a.yaml:5:50: error: vrrp_instance A: authentication: auth_pass must be text: put it in quotes [wrong-type]`,
		}},
		"long password": {"a.yaml", instance("authentication: {auth_type: PASS, auth_pass: ninechars}"), []string{
			`a.yaml:5:50: error: vrrp_instance A: authentication: auth_pass has 9 bytes, and VRRP carries 8 [password-too-long]`,
		}},
		"another kind of authentication": {"a.yaml", instance("authentication: {auth_type: MD5, auth_pass: secret}"), []string{
			`a.yaml:5:33: error: vrrp_instance A: authentication: auth_type must be PASS or AH [bad-auth-type]`,
		}},
		"families": {"a.yaml", instance("mcast_src_ip: 192.0.2.9", "virtual_ipaddresses_excluded: [2001:db8::1]", "native_ipv6: true"), []string{
			`a.yaml:7:5: error: vrrp_instance A: native_ipv6 does not go with addresses of IPv4 [wrong-family]`,
		}},
		"an address of the other family": {"a.yaml", instance("mcast_src_ip: fe80::1", "version: 2"), []string{
			`a.yaml:6:5: error: vrrp_instance A: version 2 knows no IPv6: write version: 3 [wrong-version]`,
			`a.yaml:7:27: error: vrrp_instance A: this address is one of IPv4, and the instance is one of IPv6: write a second instance for it, with the same virtual_router_id if you like, and name both in a vrrp_sync_groups, so that they move together; or put it into virtual_ipaddresses_excluded [wrong-family]`,
		}},
		"password in version 3": {"a.yaml", instance("version: 3", "authentication: {auth_type: PASS, auth_pass: secret}"), []string{
			`a.yaml:6:5: error: vrrp_instance A: version 3 has no authentication (RFC 9568): take it out, or write version: 2 [authentication-dropped]`,
		}},
		"checksum in version 2": {"a.yaml", instance("v3_checksum: rfc9568"), []string{
			`a.yaml:5:5: warning: vrrp_instance A: v3_checksum goes with version 3 only: it has no effect [exclusive-keys]`,
		}},
		"what strict mode excludes": {"a.yaml", instance(
			"strict_mode: true", "state: MASTER", "priority: 100", "authentication: {auth_type: PASS, auth_pass: x}", "down_timer_adverts: 4",
			"lower_prio_no_advert: false", "higher_prio_send_advert: true"), []string{
			`a.yaml:6:5: error: vrrp_instance A: strict_mode wants state MASTER with priority 255, and only with it: leave state out; the priority decides [strict]`,
			`a.yaml:8:5: error: vrrp_instance A: strict_mode knows no authentication (RFC 3768): take one of them out [strict]`,
			`a.yaml:9:5: error: vrrp_instance A: strict_mode wants 3 down_timer_adverts, as the RFC [strict]`,
			`a.yaml:10:5: error: vrrp_instance A: strict_mode implies lower_prio_no_advert: true [strict]`,
			`a.yaml:11:5: error: vrrp_instance A: strict_mode implies higher_prio_send_advert: false [strict]`,
		}},
		"auth_hmac": {"a.yaml", instance("auth_hmac:", "  active_key: 9", "  keys:",
			"  - {id: 1, secret: short}", "  - {id: 1, secret: 'hex:xyz'}", "  - {id: 2, secret: 'file:key'}", "  - {id: 3, secret: 'credential:../key'}",
			"  - {id: 4, secret: 'file:/etc/key'}", "  - {id: 5, secret: 'credential:key'}", "  - {id: 6, secret: kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk}",
			"authentication: {auth_type: PASS, auth_pass: x}"), []string{
			`a.yaml:6:7: error: vrrp_instance A: auth_hmac: active_key 9 names none of the keys [wrong-value]`,
			`a.yaml:8:17: error: vrrp_instance A: auth_hmac: key 1: a secret has 32 to 64 bytes [wrong-value]`,
			`a.yaml:9:10: error: vrrp_instance A: auth_hmac: there is a key 1 already [given-twice]`,
			`a.yaml:9:17: error: vrrp_instance A: auth_hmac: key 1: behind hex: stand pairs of hexadecimal digits, and nothing else [wrong-value]`,
			`a.yaml:10:17: error: vrrp_instance A: auth_hmac: key 2: a file: takes an absolute path [wrong-value]`,
			`a.yaml:11:17: error: vrrp_instance A: auth_hmac: key 3: a credential: takes a name without a slash [wrong-value]`,
			`a.yaml:15:5: error: vrrp_instance A: auth_hmac takes the place of authentication: take one of them out [authentication-dropped]`,
		}},
		"AH as master": {"a.yaml", instance("state: MASTER", "priority: 150", "authentication: {auth_type: AH, auth_pass: x}"), []string{
			`a.yaml:5:5: warning: vrrp_instance A: with auth_type AH an instance starts as BACKUP: write state: BACKUP [ah-master]`,
		}},
		"two versions of version 2": {"a.yaml", instance("interop_v2: true"), []string{
			`a.yaml:5:5: error: vrrp_instance A: interop_v2 is for an instance of version 3, which then sends version 2 as well: write version: 3 [exclusive-keys]`,
		}},
		"two versions over IPv6": {"a.yaml", "vrrp_instances:\n  - {name: A, interface: eth0, virtual_router_id: 1, version: 3, interop_v2: true, virtual_ipaddresses: [\"fe80::1\"]}\n", []string{
			`a.yaml:2:66: error: vrrp_instance A: interop_v2 is for IPv4: version 2 knows no IPv6 [exclusive-keys]`,
		}},
		"accept and no_accept": {"a.yaml", instance("accept: true", "no_accept: true"), []string{
			`a.yaml:6:5: error: vrrp_instance A: accept and no_accept exclude each other: take one of them out [exclusive-keys]`,
		}},
		"addresses": {"a.yaml", instance("virtual_ipaddresses_excluded: [here, 192.0.2.300, 2001:db8::1, 224.0.0.1, 0.0.0.0/0, 192.0.2.9/33, [1]]"), []string{
			`a.yaml:5:36: error: vrrp_instance A: virtual_ipaddresses_excluded: item 1: "here" is not an address such as 192.0.2.1/24 [bad-address]`,
			`a.yaml:5:42: error: vrrp_instance A: virtual_ipaddresses_excluded: item 2: "192.0.2.300" is not an address such as 192.0.2.1/24 [bad-address]`,
			`a.yaml:5:68: error: vrrp_instance A: virtual_ipaddresses_excluded: item 4: 224.0.0.1/32 cannot be an interface's address on a network [bad-address]`,
			`a.yaml:5:79: error: vrrp_instance A: virtual_ipaddresses_excluded: item 5: 0.0.0.0/0 cannot be an interface's address on a network [bad-address]`,
			`a.yaml:5:90: error: vrrp_instance A: virtual_ipaddresses_excluded: item 6: "192.0.2.9/33" is not an address such as 192.0.2.1/24 [bad-address]`,
			`a.yaml:5:104: error: vrrp_instance A: virtual_ipaddresses_excluded: item 7 must be an address, or a table with address and its options, not a list [wrong-type]`,
		}},
		"options of addresses": {"a.yaml", instance("virtual_ipaddresses_excluded:", "- 192.0.2.9 lable x", "- 192.0.2.9 dev", "- 192.0.2.9 dev a dev b", "- 192.0.2.9 brd +",
			"- 192.0.2.9 scope far", "- 192.0.2.9/24 peer 192.0.2.8", "- {address: 192.0.2.9, label: eth0:123456789012}", "- {dev: eth0}"), []string{
			`a.yaml:6:7: error: vrrp_instance A: virtual_ipaddresses_excluded: item 1: an address has no option "lable"; is "label" meant? [unknown-option]`,
			`a.yaml:7:7: error: vrrp_instance A: virtual_ipaddresses_excluded: item 2: a value must follow dev [missing-value]`,
			`a.yaml:8:7: error: vrrp_instance A: virtual_ipaddresses_excluded: item 3: dev is given twice [given-twice]`,
			`a.yaml:9:7: error: vrrp_instance A: virtual_ipaddresses_excluded: item 4: brd +: an address of length /32 has no broadcast address: write the length of its network [no-broadcast]`,
			`a.yaml:10:7: error: vrrp_instance A: virtual_ipaddresses_excluded: item 5: scope must be global, site, link, host, nowhere or a number from 0 to 255, not "far" [bad-scope]`,
			`a.yaml:11:7: error: vrrp_instance A: virtual_ipaddresses_excluded: item 6: with a peer the length belongs to the peer: write the address without /24 [peer-prefix]`,
			`a.yaml:12:35: error: vrrp_instance A: virtual_ipaddresses_excluded: item 7: label "eth0:123456789012" has more than the 15 bytes that the kernel keeps [bad-label]`,
			`a.yaml:13:7: error: vrrp_instance A: virtual_ipaddresses_excluded: item 8 needs an address [missing-key]`,
		}},
		"no address": {"a.yaml", "vrrp_instances:\n  - {name: A, interface: eth0, virtual_router_id: 1}\n  - {name: B, interface: eth0, virtual_router_id: 2, version: 3}\n", []string{
			`a.yaml:2:5: warning: vrrp_instance A has no virtual_ipaddresses: it would elect a master that holds nothing [no-address]`,
			`a.yaml:3:5: error: vrrp_instance B needs virtual_ipaddresses: an advert of version 3 carries at least one [no-address]`,
		}},
		"what two instances must not share": {"a.yaml", "vrrp_instances:\n" +
			"  - {name: A, interface: eth0, virtual_router_id: 1, virtual_ipaddresses: [192.0.2.1]}\n" +
			"  - {name: A, interface: eth0, virtual_router_id: 2, virtual_ipaddresses: [192.0.2.2]}\n" +
			"  - {name: B, interface: eth0, virtual_router_id: 1, virtual_ipaddresses: [192.0.2.1/24]}\n" +
			"  - {name: C, net_namespace: red, interface: eth0, virtual_router_id: 1, virtual_ipaddresses: [192.0.2.1/24]}\n", []string{
			`a.yaml:3:5: error: vrrp_instance A is defined twice, first in line 2 [duplicate-name]`,
			`a.yaml:4:5: error: vrrp_instance B: virtual_router_id 1 is used on eth0 already, by vrrp_instance A in line 2 [vrid-clash]`,
			`a.yaml:4:76: error: vrrp_instance B: 192.0.2.1 is an address of vrrp_instance A already [given-twice]`,
		}},
		"a script that is not there": {"a.yaml", "vrrp_scripts: [{name: chk_nginx, script: /bin/true}]\n" + instance("track_scripts: [chk_nginx, chk_ngnix]"), []string{
			`a.yaml:6:32: error: vrrp_instance A: track_scripts: there is no vrrp_script "chk_ngnix"; is "chk_nginx" meant? [unknown-script]`,
		}},
		"no script at all": {"a.yaml", instance("track_scripts: [{name: web, weight: 300, wieght: 3}]"), []string{
			`a.yaml:5:21: error: vrrp_instance A: track_scripts: there is no vrrp_script "web"; the file defines no vrrp_scripts [unknown-script]`,
			`a.yaml:5:41: error: vrrp_instance A: track_scripts: item 1: weight must be from -254 to 254, not 300 [out-of-range]`,
			`a.yaml:5:46: error: vrrp_instance A: track_scripts: item 1 has no key "wieght"; is "weight" meant? [unknown-key]`,
		}},
		"trackers": {"a.yaml", instance("track_interfaces: [eth0, eth1, eth1, a/b, 7]"), []string{
			`a.yaml:5:24: error: vrrp_instance A: eth0 is the instance's own interface, which is tracked by itself: remove it here [own-interface]`,
			`a.yaml:5:36: error: vrrp_instance A: track_interfaces names eth1 twice [given-twice]`,
			`a.yaml:5:42: error: vrrp_instance A: track_interfaces: "a/b" cannot be an interface's name: at most 15 characters, no blank, slash or colon [bad-interface]`,
			`a.yaml:5:47: error: vrrp_instance A: track_interfaces: item 5 must be a name, or a table with name, weight and reverse, not "7" [wrong-type]`,
		}},
		"an unused script": {"a.yaml", "vrrp_scripts: [{name: s, script: /bin/true}]\n" + instance(), []string{
			`a.yaml:1:16: warning: no track_scripts names vrrp_script s: it is not run [unused-script]`,
		}},
		"script and lua": {"a.yaml", script("script: /bin/true", "lua: a.lua"), []string{
			`a.yaml:4:5: error: vrrp_script s: give script or lua, not both [exclusive-keys]`,
		}},
		"neither script nor lua": {"a.yaml", script("interval: 1s"), []string{
			`a.yaml:2:5: error: vrrp_script s needs what it runs: script, lua or plugin [missing-key]`,
		}},
		"smoothing": {"a.yaml", script("lua: a.lua", "smoothing: {time_constant: 5s, min: 3, max: 2, step: 2}"), []string{
			`a.yaml:4:36: error: vrrp_script s: smoothing has a min of 3, which must be less than its max of 2 [bad-smoothing]`,
		}},
		"smoothing by half": {"a.yaml", script("script: /bin/true", "smoothing: {max: 2}"), []string{
			`a.yaml:4:5: error: vrrp_script s: smoothing goes with lua only: nothing else of a vrrp_script measures a weight [bad-smoothing]`,
		}},
		"smoothing without max": {"a.yaml", script("lua: a.lua", "smoothing: {min: 2}"), []string{
			`a.yaml:4:16: error: vrrp_script s: smoothing has one of min and max: they go together [bad-smoothing]`,
		}},
		"smoothing to 0": {"a.yaml", script("lua: a.lua", "smoothing: {min: -40, max: 0}"), []string{}},
		"a plugin":       {"a.yaml", script("plugin: {HTTP_GET: {connect_ip: 192.0.2.9, connect_port: 80, urls: [/]}}"), []string{}},
		"a plugin without an address": {"a.yaml", script("plugin: {TCP_CHECK: {connect_port: 80}}", "user: nobody"), []string{
			`a.yaml:3:13: error: vrrp_script s: plugin: TCP_CHECK needs a connect_ip: no real server gives it an address [missing-key]`,
			`a.yaml:4:5: error: vrrp_script s: user goes with a program; the account of a plugin is that of plugins [exclusive-keys]`,
		}},
		"a plugin that is none": {"a.yaml", script("plugin: {MISC_CHECK: {misc_path: /bin/true}}", "script: /bin/true"), []string{
			`a.yaml:3:5: error: vrrp_script s: give script, lua or plugin, not two of them [exclusive-keys]`,
			`a.yaml:3:13: error: vrrp_script s: plugin cannot be MISC_CHECK: use script, lua, track_files or track_bfds [wrong-value]`,
		}},
		"lua's keys without lua": {"a.yaml", script("script: /bin/true", "allow: [net]", "args: {}"), []string{
			`a.yaml:4:5: error: vrrp_script s: allow goes with lua only [exclusive-keys]`,
			`a.yaml:5:5: error: vrrp_script s: args goes with lua only [exclusive-keys]`,
		}},
		"a program's keys with lua": {"a.yaml", script("lua: a.lua", "user: nobody", "allow: [net, network, net]"), []string{
			`a.yaml:4:5: error: vrrp_script s: user goes with a program; a Lua script runs inside the daemon [exclusive-keys]`,
			`a.yaml:5:18: error: vrrp_script s: allow knows control, exec, listen, net and write, not "network" [wrong-value]`,
			`a.yaml:5:27: error: vrrp_script s: allow has net twice [given-twice]`,
		}},
		"a command for a shell": {"a.yaml", script("script: pidof nginx && true"), []string{
			`a.yaml:3:13: error: vrrp_script s: script: && means something to a shell only, and no shell is used: write a script, or run ["/bin/sh", "-c", "..."] [wrong-value]`,
		}},
		"an open quote": {"a.yaml", script(`script: "/bin/echo 'x"`), []string{
			`a.yaml:3:13: error: vrrp_script s: script: a single quote is not closed [wrong-value]`,
		}},
		"groups": {"a.yaml", instance() + "vrrp_sync_groups:\n  - {name: G, group: [A, a, B, A]}\n  - {name: H, group: [A]}\n  - {name: G, group: []}\n  - {name: I}\n", []string{
			`a.yaml:7:26: error: vrrp_sync_group G: there is no vrrp_instance "a"; is "A" meant? [unknown-instance]`,
			`a.yaml:7:29: error: vrrp_sync_group G: there is no vrrp_instance "B" [unknown-instance]`,
			`a.yaml:7:32: error: vrrp_sync_group G: group names A twice [given-twice]`,
			`a.yaml:8:23: error: vrrp_instance A is in vrrp_sync_group G already, and can be in one only [two-groups]`,
			`a.yaml:9:5: error: vrrp_sync_group G is defined twice, first in line 7 [duplicate-name]`,
			`a.yaml:9:15: error: vrrp_sync_group G has no member [empty-group]`,
			`a.yaml:10:5: error: vrrp_sync_group I needs a group: the list of its instances [missing-key]`,
		}},
		"one member": {"a.yaml", instance() + "vrrp_sync_groups:\n  - {name: G, group: [A]}\n", []string{
			`a.yaml:7:15: warning: vrrp_sync_group G has one member: there is nothing to keep in step [single-member-group]`,
		}},
		"no instance": {"a.yaml", "global: {router_id: a}\n", []string{
			`a.yaml:1:1: warning: the file defines no vrrp_instances and no virtual_servers: nothing runs until a reload brings one [no-instance]`,
		}},
		"an empty table": {"a.json", "{}\n", []string{
			`a.json:1:1: error: the file defines no vrrp_instances and no virtual_servers: there is nothing to run [no-instance]`,
		}},
		"not a table": {"a.json", `[1]`, []string{
			`a.json:1:1: error: the configuration must be a table of keys, not a list [wrong-type]`,
		}},
		"a key twice, YAML": {"a.yaml", instance("priority: 1", "priority: 2"), []string{
			`a.yaml:6:5: error: "priority" is given twice, first in line 5 [duplicate-key]`,
		}},
		"a key twice, JSON": {"a.json", "{\"global\": {\"router_id\": \"a\",\n\"router_id\": \"b\"}}", []string{
			`a.json:2:1: error: "router_id" is given twice, first in line 1 [duplicate-key]`,
		}},
		"a key twice, TOML": {"a.toml", "[global]\nrouter_id = \"a\"\nrouter_id = \"b\"\n", []string{
			`a.toml:3:1: error: this is not TOML: key router_id is already defined [syntax]`,
		}},
		"two documents":       {"a.yaml", "a: 1\n---\nb: 2\n", []string{`a.yaml:2:1: error: a second document starts here: put the configuration into one document, without the line --- [syntax]`}},
		"no YAML":             {"a.yaml", "a: [1\nb: 2\n", []string{`a.yaml:1:1: error: this is not YAML: did not find expected ',' or ']' [syntax]`}},
		"no JSON":             {"a.json", "{\"a\": 1,\n 'b': 2}", []string{`a.json:2:2: error: this is not JSON: invalid character '\'' looking for beginning of object key string [syntax]`}},
		"YAML, not JSON":      {"a.json", "a: 1\n", []string{`a.json:1:1: error: this is not JSON: invalid character 'a' looking for beginning of value [syntax]`}},
		"half of JSON":        {"a.json", "{\"a\":\n [1", []string{`a.json:2:4: error: this is not JSON: it ends within a value: a bracket or a quote is not closed [syntax]`}},
		"more than JSON":      {"a.json", "{}\n{}", []string{`a.json:2:1: error: this is not JSON: text after the end of the value [syntax]`}},
		"no TOML":             {"a.toml", "a = \"ä\" b\n", []string{`a.toml:1:9: error: this is not TOML: expected newline but got U+0062 'b' [syntax]`}},
		"empty YAML":          {"a.yaml", "# nothing\n", []string{`a.yaml:1:1: error: the file is empty: it needs at least vrrp_instances [empty-file]`}},
		"no more than a line": {"a.yaml", "---", []string{`a.yaml:1:1: error: the file is empty: it needs at least vrrp_instances [empty-file]`}},
		"empty JSON":          {"a.json", " \n", []string{`a.json:1:1: error: the file is empty: it needs at least vrrp_instances [empty-file]`}},
		"empty TOML":          {"a.toml", "", []string{`a.toml:1:1: error: the file is empty: it needs at least vrrp_instances [empty-file]`}},
		"merge key":           {"a.yaml", "a: &a {b: 1}\nc: {<<: *a}\n", []string{`a.yaml:2:5: error: the merge key << is not read: write the keys out, or use an alias for a whole value [merge-key]`}},
		"another ending":      {"a.ini", "[a]\n", []string{`a.ini: error: the ending ".ini" names no language: .yaml, .yml, .toml and .json do [unknown-language]`}},
	} {
		t.Run(name, func(t *testing.T) {
			_, findings := Read(test.file, []byte(test.text))
			var got []string
			for _, f := range findings {
				got = append(got, f.String())
			}
			if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", test.want) {
				t.Errorf("got\n%s\nwant\n%s\nof\n%s", strings.Join(got, "\n"), strings.Join(test.want, "\n"), test.text)
			}
		})
	}
}

// TestDuplicateKeys holds that a key is found again in small and in large
// tables.
func TestDuplicateKeys(t *testing.T) {
	for _, n := range []int{2, 15, 16, 17, 100} {
		text := instance()
		for i := range n {
			text += fmt.Sprintf("key_%d: 1\n", i)
		}
		_, findings := Read("a.yaml", []byte(text+"key_1: 2\n"))
		want := fmt.Sprintf("a.yaml:%d:1: error: \"key_1\" is given twice, first in line 7 [duplicate-key]", n+6)
		if last := findings[len(findings)-1].String(); last != want {
			t.Errorf("%d keys: %s, want %s", n, last, want)
		}
	}
}

func TestAliases(t *testing.T) {
	c, findings := Read("a.yaml", []byte("vrrp_instances:\n"+
		"  - {name: A, interface: eth0, virtual_router_id: 1, virtual_ipaddresses: [192.0.2.1], notify: &n {any: /bin/true}}\n"+
		"  - {name: B, interface: eth0, virtual_router_id: 2, virtual_ipaddresses: [192.0.2.2], notify: *n}\n"))
	if len(findings) > 0 || c.Instances[1].Notify.Any == nil || c.Instances[1].Notify.Any.Argv[0] != "/bin/true" {
		t.Errorf("%+v, findings %v", c.Instances, findings)
	}
}

// TestBombs holds that small files which stand for large trees are refused.
func TestBombs(t *testing.T) {
	laughs := "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
	for i := 1; i < 12; i++ {
		laughs += fmt.Sprintf("a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 10), ", "))
	}
	tables := ""
	for i := range 20_000 {
		tables += fmt.Sprintf("[a%d]\n", i)
	}
	for name, test := range map[string]struct{ file, text, want string }{
		"many TOML tables": {"a.toml", tables, "too-large"},
		"a billion laughs": {"a.yaml", laughs, "too-large"},
		"an endless alias": {"a.yaml", "a: &a [*a]\n", "too-deep"},
		"deep YAML":        {"a.yaml", "a: " + strings.Repeat("[", 1000) + strings.Repeat("]", 1000), "too-deep"},
		"deep JSON":        {"a.json", strings.Repeat("[", 1000) + strings.Repeat("]", 1000), "too-deep"},
		"many in YAML":     {"a.yaml", "a:\n" + strings.Repeat("- {}\n", 600_000), "too-large"},
		"keys in YAML":     {"a.yaml", "a: {" + strings.Repeat("x: 1, ", 300_000) + "}", "too-large"},
		"many in JSON":     {"a.json", `{"a": [` + strings.Repeat("{},", 600_000) + "{}]}", "too-large"},
		"many in TOML":     {"a.toml", "a = [" + strings.Repeat("{},", 600_000) + "]", "too-large"},
		"Latin-1 in JSON":  {"a.json", "{\"a\": \"\xe4\"}", "syntax"},
		"deep TOML":        {"a.toml", "a = " + strings.Repeat("[", 1000) + strings.Repeat("]", 1000), "too-deep"},
		"deep TOML keys":   {"a.toml", strings.Repeat("a.", 1000) + "a = 1", "too-deep"},
		"deep TOML header": {"a.toml", "[" + strings.Repeat("a.", 1000) + "a]", "too-deep"},
	} {
		_, findings := Read(test.file, []byte(test.text))
		if len(findings) != 1 || findings[0].Name != test.want || findings[0].Severity != config.Error {
			t.Errorf("%s: findings %.300v, want one %s", name, findings, test.want)
		}
	}
}

func TestManyFindingsAreCut(t *testing.T) {
	var b strings.Builder
	b.WriteString(instance())
	for i := range 20_000 {
		fmt.Fprintf(&b, "wrong_%d: 1\n", i)
	}
	_, findings := Read("a.yaml", []byte(b.String()))
	last := findings[len(findings)-1]
	if len(findings) != maxFindings+1 || last.String() != "a.yaml: error: 19800 more are not shown: put the first ones right and check again [more-findings]" {
		t.Errorf("%d findings, the last %v", len(findings), last)
	}
}

// TestNoPasswordInFindings holds that whatever is wrong, the password is not
// repeated.
func TestNoPasswordInFindings(t *testing.T) {
	for _, auth := range []string{
		"{auth_type: PASS, auth_pass: hunter2hunter2}", "{auth_type: PASS, auth_pass: [hunter2]}", "{auth_type: PASS, auth_pass: {hunter2: 1}}",
		"{auth_type: MD5, auth_pass: hunter2}", "{auth_pass: hunter2}", "hunter2", "{auth_type: PASS, auth_pass: hunter2, more: 1}",
		"{auth_type: PASS, auth_pass: 47110815}",
	} {
		_, findings := Read("a.yaml", []byte(instance("authentication: "+auth)))
		if len(findings) == 0 {
			t.Errorf("%s: nothing was found", auth)
		}
		for _, f := range findings {
			if strings.Contains(f.Text, "hunter2") || strings.Contains(f.Text, "4711") {
				t.Errorf("%s: %v", auth, f)
			}
		}
	}
}
