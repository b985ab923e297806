package keepalived

import (
	"net/netip"
	"slices"
	"testing"
	"time"
)

// checkScript is a file whose vrrp_script has the lines.
func checkScript(lines string) string {
	return "vrrp_script web {\n" + lines + "\n}\n" + instanceText(oneAddress, "track_script {\nweb\n}")
}

// TestScriptCheck: a vrrp_script may be one check that has an address of its own.
func TestScriptCheck(t *testing.T) {
	const get = "HTTP_GET {\nconnect_ip 192.0.2.9\nconnect_port 80\nurl {\npath /healthz\n}\n}"
	c, found := Read("f", []byte(checkScript("interval 2\nfall 3\ncheck {\n"+get+"\n}")))
	if len(found) > 0 || len(c.Scripts) != 1 || c.Scripts[0].Plugin == nil {
		t.Fatalf("%v, %+v", found, c.Scripts)
	}
	s := c.Scripts[0]
	if h := s.Plugin.HTTP; h == nil || h.ConnectIP != netip.MustParseAddr("192.0.2.9") || h.ConnectPort != 80 || h.URLs[0].Path != "/healthz" || h.At.Line() != 5 {
		t.Errorf("check %+v", h)
	}
	if s.Interval != 2*time.Second || s.Fall != 3 || len(s.Argv) != 0 || !s.Written.Has("plugin") {
		t.Errorf("script %+v", s)
	}
	for name, test := range map[string]struct {
		lines string
		want  []string
	}{
		"a ping without a port": {"check {\nPING_CHECK {\nconnect_ip 192.0.2.9\n}\n}", nil},
		"an account":            {"user nobody\ncheck {\n" + get + "\n}", []string{"warning surplus-words"}},
		"nothing":               {"check {\n}", []string{"error missing-keyword", "warning unknown-script"}},
		"two":                   {"check {\n" + get + "\nTCP_CHECK {\nconnect_ip 192.0.2.9\nconnect_port 80\n}\n}", []string{"error exclusive-keys", "warning unknown-script"}},
		"two blocks":            {"check {\n" + get + "\n}\ncheck {\nTCP_CHECK {\nconnect_ip 192.0.2.9\nconnect_port 80\n}\n}", []string{"error exclusive-keys", "warning unknown-script"}},
		"a program too":         {"script /bin/x\ncheck {\n" + get + "\n}", []string{"error exclusive-keys", "warning unknown-script"}},
		"no address":            {"check {\nTCP_CHECK {\nconnect_port 80\n}\n}", []string{"error missing-keyword", "warning unknown-script"}},
		"no port":               {"check {\nTCP_CHECK {\nconnect_ip 192.0.2.9\n}\n}", []string{"error missing-keyword", "warning unknown-script"}},
		"no url":                {"check {\nHTTP_GET {\nconnect_ip 192.0.2.9\nconnect_port 80\n}\n}", []string{"error missing-keyword", "warning unknown-script"}},
		"a program's check":     {"check {\nMISC_CHECK {\nmisc_path /bin/x\n}\n}", []string{"error wrong-block", "warning unknown-script"}},
		"a misspelt check":      {"check {\nHTTP_GTE {\n}\n}", []string{"error missing-keyword", "warning unknown-keyword", "warning unknown-script"}},
	} {
		if _, found := Read("f", []byte(checkScript(test.lines))); !slices.Equal(names(found), test.want) {
			t.Errorf("%s: got %v, want %v", name, found, test.want)
		}
	}
}
