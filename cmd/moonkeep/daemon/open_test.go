package daemon

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestLayersOfSettings holds the order default < files < environment < flags.
func TestLayersOfSettings(t *testing.T) {
	dir := t.TempDir()
	path := func(name, text string) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return p
	}
	const instance = "vrrp_instances: [{name: A, interface: eth0, virtual_router_id: 1, virtual_ipaddresses: [192.0.2.1]}]\n"
	one := path("1.yaml", "global: {router_id: one, script_user: one, vrrp_version: 2}\n"+instance)
	two := path("2.yaml", "global: {router_id: two}\n")
	conf := path("a.conf", "vrrp_instance A {\n interface eth0\n virtual_router_id 1\n virtual_ipaddress {\n 192.0.2.1\n }\n}\n")

	t.Setenv("MOONKEEP_VRRP_VERSION", "3")
	t.Setenv("MOONKEEP_SCRIPT_USER", "environment")
	c, findings, err := openLayers([]string{one, two}, "", []string{"global.script_user=flag"}, nil)
	if err != nil || findings.Errors() {
		t.Fatalf("%v, %v", findings, err)
	}
	if g := c.Global; g.RouterID != "two" || g.ScriptUser != "flag" || c.Instances[0].Version != 3 {
		t.Errorf("%+v", g)
	}
	for name, test := range map[string]struct {
		paths, set []string
		want       string
	}{
		"no value":             {[]string{one}, []string{"router_id"}, `setting "router_id": write KEY=VALUE`},
		"no such key":          {[]string{one}, []string{"global.router_idd=s3cret"}, `global has no such key that one text can give; is "router_id" meant?`},
		"a list":               {[]string{one}, []string{"notification_email=s3cret"}, "no such key that one text can give"},
		"taken over":           {[]string{conf}, nil, "setting vrrp_version (MOONKEEP_VRRP_VERSION): instances take it over"},
		"a bad value, no file": {[]string{conf}, []string{"vrrp_version=2", "smtp_connect_timeout=s3cret"}, "setting smtp_connect_timeout (MOONKEEP_SMTP_CONNECT_TIMEOUT): it must be a duration"},
	} {
		_, _, err := openLayers(test.paths, "", test.set, nil)
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v, want %s", name, err, test.want)
		}
	}
	_, findings, err = openLayers([]string{one}, "", []string{"umask=s3cret"}, nil)
	if err != nil || !findings.Errors() || strings.Contains(findings[0].Text, "s3cret") {
		t.Errorf("a bad value: %v, %v", findings, err)
	}
}
