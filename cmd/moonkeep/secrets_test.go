package main

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
)

// marker is what every secret in these tests holds and nothing else does.
// Bytes of it in hexadecimal or base64 count too.
const (
	marker    = "s3kr1t"
	markerHex = "73336b723174"
)

// longSecret is long enough for auth_hmac.
const longSecret = "s3kr1ts3kr1ts3kr1ts3kr1ts3kr1ts3kr1t"

// withAuth is a keepalived.conf with something inside of authentication.
func withAuth(lines string) string {
	return "vrrp_instance A {\n  interface none0\n  virtual_router_id 7\n  authentication {\n    auth_type PASS\n" + lines +
		"\n  }\n  virtual_ipaddress {\n    192.0.2.1/24\n  }\n}\n"
}

// withLine is one with something in the instance.
func withLine(lines string) string {
	return "vrrp_instance A {\n  interface none0\n  virtual_router_id 7\n  virtual_ipaddress {\n    192.0.2.1/24\n  }\n" + lines + "\n}\n"
}

// withKey is a native configuration with something in the instance.
func yamlWith(lines string) string {
	return "vrrp_instances:\n  - name: A\n    interface: none0\n    virtual_router_id: 7\n    virtual_ipaddresses: [192.0.2.1/24]\n" + lines + "\n"
}

func tomlWith(lines string) string {
	return "[[vrrp_instances]]\nname = \"A\"\ninterface = \"none0\"\nvirtual_router_id = 7\nvirtual_ipaddresses = [\"192.0.2.1/24\"]\n" + lines + "\n"
}

func jsonWith(more string) string {
	return "{\"vrrp_instances\": [{\"name\": \"A\", \"interface\": \"none0\", \"virtual_router_id\": 7, \"virtual_ipaddresses\": [\"192.0.2.1/24\"],\n" + more + "\n}]}\n"
}

// secretFiles are files by name, the first of each list the main one, right
// and broken in all the ways in which people break them.
func secretFiles() [][]string {
	const s = marker
	var all [][]string
	add := func(ending string, texts ...string) {
		for _, text := range texts {
			all = append(all, []string{"main" + ending, text})
		}
	}
	for _, line := range []string{
		"auth_pass " + s, "auth_pas " + s, "auth_pass" + s, "auth_pass \"" + s, "auth_pass '" + s + " x'", "auth_pass \"" + s + "\"" + s,
		"auth_pass " + s + " " + s, "auth_pass\n" + s, "auth_pass=" + s, "auth_pass: " + s, "auth-pass " + s, "authpass " + s, "password " + s,
		"pass " + s, "AUTH_PASS " + s, "auth_key " + s, "auth " + s, "psas " + s, s, "auth_type " + s, "auth_type PASS" + s, "auth_type PASS auth_pass " + s,
		"auth_pass " + s + s + s, "auth_pass {\n" + s + "\n}", "auth_pass " + s + "\nauth_pass " + s + "2", "# auth_pass " + s, "auth_type XX # " + s,
		"@^x auth_pass " + s, "auth_pass " + s + "{", "auth_pass " + s + "}", "}\nauth_pass " + s + "\n", "auth_pass " + s + " \\\n" + s,
		"auth_pass $" + s, "auth_pass ${" + s, "auth_pass ~SEQ(" + s + ")",
	} {
		add(".conf", withAuth(line))
	}
	for _, line := range []string{
		"authentication { auth_type PASS auth_pass " + s + " }", "authentication { auth_pass \"" + s + " }", "authentication\n{\nauth_pass " + s + "\n}",
		"auth_pass " + s, "auth_passs " + s, "authentification {\nauth_type PASS\nauth_pass " + s + "\n}", "auth {\npass " + s + "\n}",
		"authentication {\nauth_type PASS\nauth_pass " + s, "authentication " + s, "authentication { " + s + " }",
		"priority 300 # password " + s, "unknown_password " + s, "secret " + s,
		"version 3\nauth_hmac {\nkey 1 " + longSecret + "\nactive_key 1\n}", "version 3\nauth_hmac {\nkey 1 hex:" + strings.Repeat(markerHex, 6) + "\nactive_key 1\n}",
		"auth_hmac {\nkey " + longSecret + "\n}", "auth_hmac {\nkey 1" + longSecret + "\n}", "auth_hmac {\nky 1 " + longSecret + "\n}", "auth_hmac {\nkey 1 " + s + "\n}",
		"auth_hmac {\nkey 1 hex:" + s + "\n}", "auth_hmac {\nkey 1 hex:" + markerHex + "\n}", "auth_hmac {\nactive_key " + longSecret + "\n}",
		"auth_hmac {\nkey 300 " + longSecret + "\n}", "auth_hmac {\nkey 1 " + longSecret + " " + s + "\nkey 1 " + longSecret + "\n}", "auth_hmac { key 1 " + longSecret + " }",
		"auth_hmac {\nmode " + s + "\nanti_replay " + s + "\n}", "auth_hmac {\nkey 1 \"" + longSecret + "\n}", "auth_hmc {\nkey 1 " + longSecret + "\n}",
	} {
		add(".conf", withLine(line))
	}
	add(".conf",
		"$PASS="+s+"\n"+withAuth("auth_pass $PASS"), "$PASS="+s+"\n"+withAuth("auth_pass ${PASS}"), "$PASS="+s+"\n"+withAuth("auth_pass ${PAS}"),
		"$PASS="+s+"\n"+withAuth("auth_pass $PASS$PASS"), "$PASS = "+s+"\n"+withAuth("auth_pass $PASS"), "$P="+s+"\n"+withAuth("auth_pas $P"),
		"$P="+s+" \\\n "+s+"\n"+withAuth("auth_pass $P"), "$AUTH=auth_pass "+s+"\n"+withAuth("$AUTH"), "$AUTH=auth_pas "+s+"\n"+withAuth("$AUTH"),
		"$AUTH= \\\n authentication { \\\n auth_type PASS \\\n auth_pass "+s+" \\\n auth_pas "+s+" \\\n }\n"+withLine("$AUTH"),
		"~LST(P, "+s+"1, "+s+"2) $X=${P}\n"+withAuth("auth_pass $X"), withAuth("~LST(P, "+s+"1, "+s+"2) auth_pas ${P}"),
		withAuth("~LST({T, P}, {PASS, "+s+"}, {PASS}) auth_pass ${P} ${T}"), withAuth("auth_pass ${_ENV MOONKEEP_TEST_SECRET}"), withAuth("auth_pas ${_ENV MOONKEEP_TEST_SECRET}"),
		"SSL {\npassword "+s+"\nca /none\n}\n"+withLine(""), "SSL {\npasswd "+s+"\n}\n"+withLine(""), "SSL {\npassword "+s+" "+s+"\n}\n"+withLine(""),
		"SSL { password "+s+" }\n"+withLine(""), "SSL {\npassword\n"+s+"\n}\n"+withLine(""), "SSL {\npassword \""+s+"\n}\n"+withLine(""), "ssl {\npassword "+s+"\n}\n"+withLine(""),
		"password "+s+"\n"+withLine(""), "global_defs {\nauth_pass "+s+"\n}\n"+withLine(""),
		"vrrp_script s {\nscript \"/none --password="+s+"\"\nscript /none --password="+s+"\n}\n"+withLine("track_script {\ns\n}"),
	)
	all = append(all,
		[]string{"main.conf", "include auth.inc\n" + withAuth("auth_pass $P"), "auth.inc", "$P=" + s + "\n"},
		[]string{"main.conf", withAuth("include auth.inc"), "auth.inc", "auth_pass " + s + "\n"},
		[]string{"main.conf", withAuth("include auth.inc"), "auth.inc", "auth_pas " + s + "\n" + s + "\n"},
		[]string{"main.conf", withLine("include auth.inc"), "auth.inc", "authentication {\nauth_pass " + s + " " + s + "\n"},
		[]string{"main.conf", withAuth("include *.inc"), "auth.inc", "auth_pass \"" + s + "\n"},
	)
	for _, text := range []string{
		"authentication: {auth_type: PASS, auth_pass: " + s + "}", "authentication: {auth_type: PASS, auth_pas: " + s + "}", "authentication: " + s,
		"authentication: [" + s + "]", "authentication: {" + s + "}", "authentication: {auth_type: " + s + "}", "authentication: {auth_type: PASS, auth_pass: [" + s + "]}",
		"authentication: {auth_type: PASS, auth_pass: {" + s + ": " + s + "}}", "authentication: {auth_type: PASS, auth_pass: " + s + s + "}",
		"authentication: {auth_type: PASS, auth_pass: \"" + s, "authentication: {auth_type: PASS, auth_pass: " + s, "authentication: {auth_type: PASS auth_pass: " + s + "}",
		"authentication:\n  auth_pass: " + s, "authentication:\n      auth_type: PASS\n      auth_pass: " + s + "\n      auth_pass: " + s, "authentication:\n\tauth_pass: " + s,
		"auth_pass: " + s, "authentification: {auth_pass: " + s + "}", "authentication:\n      auth_pass: |\n        " + s + "\n", "authentication:\n      auth_pass:\n        " + s + ": x",
		"authentication: {auth_type: PASS, auth_pass: *" + s + "}", "authentication: {auth_type: PASS, auth_pass: !!int " + s + "}", "authentication: {auth_type: PASS, auth_pass: &" + s + " x}",
		"authentication: {? " + s + "}", "authentication: {auth_type: PASS, auth_pass: '" + s + "'" + s + "}", "priority: 300 # was pass " + s,
		"version: 3\n    auth_hmac: {keys: [{id: 1, secret: " + longSecret + "}], active_key: 1}", "auth_hmac: {keys: [{id: " + longSecret + "}]}", "auth_hmac: {keys: [" + longSecret + "]}",
		"auth_hmac: {keys: {1: " + longSecret + "}}", "auth_hmac: {keys: [{id: 1, secret: " + s + "}], active_key: 1}", "auth_hmac: {keys: [{id: 1, secrt: " + longSecret + "}]}",
		"auth_hmac: {active_key: " + longSecret + "}", "auth_hmac: " + longSecret, "auth_hmac: {keys: [{id: 1, secret: 'hex:" + s + "'}]}", "auth_hmac: {mode: " + s + "}",
	} {
		add(".yaml", yamlWith("    "+text))
	}
	add(".yaml", "SSL: {password: "+s+"}\n"+yamlWith(""), "SSL: {passwd: "+s+"}\n"+yamlWith(""), "SSL: "+s+"\n"+yamlWith(""), "SSL: {password: ["+s+"]}\n"+yamlWith(""),
		"pass: &p "+s+"\n"+yamlWith("    authentication: {auth_type: PASS, auth_pass: *p}"), "global: {auth_pass: "+s+"}\n"+yamlWith(""))
	for _, text := range []string{
		"authentication = {auth_type = \"PASS\", auth_pass = \"" + s + "\"}", "authentication = {auth_type = \"PASS\", auth_pas = \"" + s + "\"}", "authentication = \"" + s + "\"",
		"authentication.auth_pass = " + s, "authentication.auth_pass = \"" + s, "authentication." + s + " = 1", "[vrrp_instances.authentication]\nauth_pass = '" + s + "'\nauth_pas = '" + s + "'",
		"authentication = {auth_type = \"" + s + "\"}", "authentication = {auth_pass = [\"" + s + "\"]}", "authentication = {auth_pass = {" + s + " = 1}}", "authentication.auth_pass \"" + s + "\"",
		"authentication.auth_pass = \"\"\"\n" + s, "authentication.auth_pass = \"" + s + "\"\nauthentication.auth_pass = \"" + s + "\"", "priority = 300 # was pass " + s,
		"auth_hmac = {keys = [{id = 1, secret = \"" + longSecret + "\"}], active_key = 1}\nversion = 3", "auth_hmac = {keys = [{id = 1, secret = \"" + s + "\"}]}", "auth_hmac = {keys = [\"" + longSecret + "\"]}",
		"auth_hmac = {keys = [{id = \"" + longSecret + "\"}]}", "auth_hmac.keys = \"" + longSecret + "\"", "auth_hmac.active_key = \"" + longSecret + "\"",
	} {
		add(".toml", tomlWith(text))
	}
	add(".toml", "SSL.password = \""+s+"\"\n"+tomlWith(""), "[SSL]\npasswd = \""+s+"\"\n"+tomlWith(""), "SSL = \""+s+"\"\n"+tomlWith(""))
	for _, text := range []string{
		`"authentication": {"auth_type": "PASS", "auth_pass": "` + s + `"}`, `"authentication": {"auth_type": "PASS", "auth_pas": "` + s + `"}`, `"authentication": "` + s + `"`,
		`"authentication": {"auth_pass": ` + s + `}`, `"authentication": {"auth_pass": "` + s, `"authentication": {"auth_pass" "` + s + `"}`, `"authentication": {"` + s + `": 1}`,
		`"authentication": ["` + s + `"]`, `"authentication": {"auth_pass": "` + s + `", "auth_pass": "` + s + `"}`, `"authentication": {"auth_type": "` + s + `"}`,
		`"auth_hmac": {"keys": [{"id": 1, "secret": "` + longSecret + `"}], "active_key": 1}, "version": 3`, `"auth_hmac": {"keys": ["` + longSecret + `"]}`, `"auth_hmac": {"active_key": "` + longSecret + `"}`,
	} {
		add(".json", jsonWith(text))
	}
	return all
}

// TestNoSecretIsPrinted holds that no secret of a configuration, right or
// broken, is in what any command prints that reads it, unless it is asked to
// print secrets.
func TestNoSecretIsPrinted(t *testing.T) {
	t.Setenv("MOONKEEP_TEST_SECRET", marker)
	said := 0
	for _, files := range secretFiles() {
		dir := t.TempDir()
		t.Chdir(dir)
		for i := 0; i < len(files); i += 2 {
			text := files[i+1]
			if err := os.WriteFile(files[i], []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			other := strings.ReplaceAll(text, marker, marker[:5]+"T")
			if err := os.WriteFile("other-"+files[i], []byte(strings.ReplaceAll(other, "auth.inc", "other-auth.inc")), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		main := files[0]
		for _, args := range [][]string{
			{"check", "--brief", main}, {"check", "--excerpt", main}, {"check", "--json", main}, {"check", "--excerpt", main, "other-" + main},
			{"convert", main, "--to", "yaml"}, {"convert", main, "--to", "toml"}, {"convert", main, "--to", "json"}, {"convert", main, "--to", "keepalived"},
			{"plan", "other-" + main, "--from", main}, {"plan", main, "--from", "other-" + main, "--json"},
			{"run", main, "--run-dir", filepath.Join(dir, "run")},
		} {
			var out bytes.Buffer
			run(args, &out, &out)
			said += out.Len()
			for _, secret := range []string{marker, strings.ToUpper(marker), markerHex, marker[:5] + "T"} {
				if at := strings.Index(out.String(), secret); at >= 0 {
					t.Errorf("moonkeep %s of\n%s\nprinted %q in\n%s", strings.Join(args, " "), files[1], secret, out.String())
					break
				}
			}
		}
	}
	if said < 10_000 {
		t.Errorf("only %d bytes were printed in all: were the files read?", said)
	}
}

// TestLabPrintsNoSecret holds the same of nodes that run, and of which each
// hears a password that is not its own.
func TestLabPrintsNoSecret(t *testing.T) {
	t.Parallel()
	netnstest.New(t) // skips without root
	dir := t.TempDir()
	var paths []string
	for i, secret := range []string{marker, marker[:5] + "T"} {
		path := filepath.Join(dir, []string{"one.conf", "two.conf"}[i])
		text := strings.ReplaceAll(withAuth("    auth_pass "+secret+" # "+secret), "none0", "eth0")
		// As owners both speak at once, and neither heeds the other.
		text = strings.Replace(text, "virtual_router_id 7", "virtual_router_id 7\n  priority 255", 1)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	for name, flags := range map[string][]string{"JSON": {"--json"}, "text": nil} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			args := slices.Concat([]string{"lab"}, paths, flags, []string{"--do", "wait 2500ms; show; stop a; wait 500ms; show"})
			stdout, stderr, status := runProgram(t, "", args...)
			if len(stdout) < 200 {
				t.Errorf("printed only %q, %q (%d)", stdout, stderr, status)
			}
			for _, secret := range []string{marker, marker[:5] + "T", markerHex} {
				if strings.Contains(stdout+stderr, secret) {
					t.Errorf("lab printed %q in\n%s%s", secret, stdout, stderr)
				}
			}
		})
	}
}
