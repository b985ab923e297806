package source

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestExpansion(t *testing.T) {
	env := map[string]string{"A": "x", "EMPTY": "", "_b1": "y$z", "REF": "${A}"}
	getenv := func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	for text, want := range map[string]string{
		"":                "",
		"plain":           "plain",
		"${A}":            "x",
		"a${A}b${_b1}":    "axby$z",
		"$$":              "$",
		"$${A}":           "${A}",
		"$A $ $1":         "$A $ $1",
		"${EMPTY}":        "",
		"${EMPTY:-d}":     "d",
		"${NONE:-}":       "",
		"${NONE:-a b:-c}": "a b:-c",
		"${REF}":          "${A}", // once, not again
		"${NONE}":         "error: NONE is not set in the environment: set it, or write ${NONE:-DEFAULT}",
		"${A":             "error: ${ must begin ${NAME} or ${NAME:-DEFAULT}; write $$ for a dollar",
		"${}":             "error: ${ must begin ${NAME} or ${NAME:-DEFAULT}; write $$ for a dollar",
		"${1A}":           "error: ${ must begin ${NAME} or ${NAME:-DEFAULT}; write $$ for a dollar",
		"${A-b}":          "error: ${ must begin ${NAME} or ${NAME:-DEFAULT}; write $$ for a dollar",
	} {
		got, _, err := expansion(text, getenv)
		if err != nil {
			got = "error: " + err.Error()
		}
		if got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
	if got, _, err := expansion("${A:-d}", nil); got != "d" || err != nil {
		t.Errorf("without an environment: %q, %v", got, err)
	}
}

// TestEnvironmentInValues holds that a whole reference stands for a value of
// any type, in each language.
func TestEnvironmentInValues(t *testing.T) {
	env := map[string]string{"IF": "eth7", "VRID": "77", "PRIO": "150", "INT": "3s", "YES": "true", "PASS": "p$1", "NET": "192.0.2"}
	o := Options{Getenv: func(name string) (string, bool) { v, ok := env[name]; return v, ok }}
	for file, text := range map[string]string{
		"a.yaml": instanceOf("${IF}", "${VRID}", "priority: '${PRIO:-5}', advert_int: '${INT}', nopreempt: '${YES}', authentication: {auth_type: PASS, auth_pass: '${PASS}'}"),
		"a.json": `{"vrrp_instances": [{"name": "A", "interface": "${IF}", "virtual_router_id": "${VRID}", "priority": "${PRIO}", "advert_int": "${INT}",
			"nopreempt": "${YES}", "authentication": {"auth_type": "PASS", "auth_pass": "${PASS}"}, "virtual_ipaddresses": ["${NET}.1/24 dev ${IF}"]}]}`,
		"a.toml": "[[vrrp_instances]]\nname = \"A\"\ninterface = \"${IF}\"\nvirtual_router_id = \"${VRID}\"\npriority = \"${PRIO}\"\nadvert_int = \"${INT}\"\nnopreempt = \"${YES}\"\n" +
			"authentication = {auth_type = \"PASS\", auth_pass = \"${PASS}\"}\nvirtual_ipaddresses = [\"${NET}.1/24 dev ${IF}\"]\n",
	} {
		c, findings := ReadAll([]File{{file, []byte(text)}}, o)
		if len(findings) > 0 || len(c.Instances) != 1 {
			t.Errorf("%s: %v", file, findings)
			continue
		}
		in := c.Instances[0]
		if in.Interface != "eth7" || in.VRID != 77 || in.Priority != 150 || in.AdvertInt.Seconds() != 3 || !in.NoPreempt || in.AuthPass != "p$1" ||
			in.Addresses[0].String() != "192.0.2.1/24 dev eth7" {
			t.Errorf("%s: %+v", file, in)
		}
	}
}

func instanceOf(device, vrid, more string) string {
	return fmt.Sprintf("vrrp_instances:\n  - {name: A, interface: '%s', virtual_router_id: '%s', %s, virtual_ipaddresses: ['${NET}.1/24 dev ${IF}']}\n", device, vrid, more)
}

// TestNothingOfTheEnvironmentIsShown holds that whatever is wrong with a value
// of the environment, no message repeats it.
func TestNothingOfTheEnvironmentIsShown(t *testing.T) {
	o := Options{Getenv: func(name string) (string, bool) { return "Zx9 secret!", name != "UNSET" }}
	for _, key := range []string{
		"interface: ${X}", "state: ${X}", "priority: ${X}", "advert_int: ${X}", "nopreempt: ${X}", "mcast_src_ip: ${X}", "v3_checksum: ${X}", "garp: ${X}",
		"garp: {master_delay: '${X}'}", "virtual_ipaddresses_excluded: ['${X}', '192.0.2.9 dev ${X}', '192.0.2.9 ${X}', '192.0.2.9 brd ${X}', {address: '192.0.2.9', label: '1234567890${X}'}, {address: 192.0.2.9, scope: '${X}'}]",
		"track_scripts: ['${X}', {name: y}]", "track_interfaces: ['/${X}']", "track_files: ['${X}']", "notify: {master: '${X} |'}", "notify: {lua: ['${X}']}", "authentication: ${X}",
		"authentication: {auth_type: '${X}', auth_pass: '${X}'}", "unicast_peers: ['${X}']", "virtual_routes: [{to: '${X}', mtu: '${X}', type: '${X}'}]", "use_vmac: ${X}",
		"accept: ${UNSET}", "old_unicast_checksum: ${X}", "auth_hmac: {active_key: '${X}', keys: '${X}'}", "version: a${X}b",
	} {
		text := instance(key) + "vrrp_sync_groups: [{name: G, group: ['${X}', A]}, {name: '${X}', group: [A]}]\nvrrp_scripts: [{name: '${X}', script: a}]\nvirtual_servers: [{group: '${X}', lb_algo: '${X}', protocol: '${X}', address: '${X}'}]\n"
		_, findings := ReadAll([]File{{"a.yaml", []byte(text)}}, o)
		if !findings.Errors() {
			t.Errorf("%s: nothing is wrong", key)
		}
		for _, f := range findings {
			if strings.Contains(f.Text, "Zx9") || strings.Contains(f.Text, "secret!") {
				t.Errorf("%s: %v", key, f)
			}
		}
	}
	_, findings := ReadAll([]File{{"a.yaml", []byte(instance("priority: ${X}", "accept: ${UNSET}", "debug: '${X'"))}}, o)
	want := []string{
		"a.yaml:5:15: error: vrrp_instance A: priority must be a whole number from 1 to 255, not the value of ${X} [wrong-type]",
		"a.yaml:6:13: error: UNSET is not set in the environment: set it, or write ${UNSET:-DEFAULT} [unset-variable]",
		"a.yaml:7:12: error: ${ must begin ${NAME} or ${NAME:-DEFAULT}; write $$ for a dollar [bad-reference]",
	}
	if got := slices.DeleteFunc(texts(findings), func(l string) bool {
		return strings.Contains(l, "must be true or false") || strings.Contains(l, "debug must")
	}); !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
}

// TestTheEnvironmentIsBounded holds that a file cannot make much of a large
// variable.
func TestTheEnvironmentIsBounded(t *testing.T) {
	large := strings.Repeat("x", 100_000)
	o := Options{Getenv: func(string) (string, bool) { return large, true }}
	_, findings := ReadAll([]File{{"a.yaml", []byte("a: [" + strings.Repeat("'${X}', ", 100) + "]\n" + instance())}}, o)
	if !slices.ContainsFunc(texts(findings), func(l string) bool { return strings.HasSuffix(l, "[too-large]") }) {
		t.Errorf("found %q", texts(findings))
	}
}
