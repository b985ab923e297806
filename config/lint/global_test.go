package lint

import (
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/config"
)

// hidden is a text without the secrets of the tests.
func hidden(s string) string { return strings.ReplaceAll(s, "hunter", "") }

func TestGlobal(t *testing.T) {
	yes, no := true, false
	for name, test := range map[string]struct {
		change func(*config.Config)
		want   []string
	}{
		"recipients without a server": {func(c *config.Config) { c.Global.Email = []string{"a@example.org"} }, []string{"a.yaml no-mail: notification_email without smtp_server"}},
		"a server without recipients": {func(c *config.Config) { c.Global.SMTPServer = &config.SMTPServer{} }, []string{"a.yaml no-mail: smtp_server without notification_email"}},
		"nobody asks": {func(c *config.Config) {
			c.Global.SMTPServer, c.Global.Email, c.Global.SMTPAlert = &config.SMTPServer{}, make([]string, 1), &no
		}, []string{"a.yaml no-mail: and no smtp_alert anywhere"}},
		"everything asks": {func(c *config.Config) {
			c.Global.SMTPServer, c.Global.Email, c.Global.SMTPAlert = &config.SMTPServer{}, make([]string, 1), &yes
		}, nil},
		"a script may send": {func(c *config.Config) {
			c.Global.SMTPServer, c.Global.Email = &config.SMTPServer{}, make([]string, 1)
			c.Instances[0].Notify.Lua = &config.Lua{Path: "/n.lua", Allow: []string{"exec", "net"}}
		}, nil},
		"a script may not send": {func(c *config.Config) {
			c.Global.SMTPServer, c.Global.Email = &config.SMTPServer{}, make([]string, 1)
			c.Instances[0].Notify.Lua = &config.Lua{Path: "/n.lua", Allow: []string{"exec"}}
		}, []string{"a.yaml no-mail: and no smtp_alert anywhere"}},
		"an instance asks": {func(c *config.Config) {
			c.Global.SMTPServer, c.Global.Email, c.Instances[0].SMTPAlert = &config.SMTPServer{}, make([]string, 1), true
		}, nil},
		"real servers ask": {func(c *config.Config) {
			c.Global.SMTPServer, c.Global.Email, c.VirtualServers = &config.SMTPServer{}, make([]string, 1), []config.VirtualServer{{Fwmark: 1}}
		}, nil},
		"nobody to ask": {func(c *config.Config) { c.Instances[0].SMTPAlert = true }, []string{"a.yaml no-mail: smtp_alert without notification_email and smtp_server"}},
		"a short delay": {func(c *config.Config) {
			c.InterfaceDelays = []config.InterfaceDelay{{Interface: "eth0", Down: time.Second}}
		}, nil},
		"a long way up": {func(c *config.Config) {
			c.InterfaceDelays = []config.InterfaceDelay{{Interface: "eth0", Up: time.Minute}}
		}, nil},
		"a delay elsewhere": {func(c *config.Config) {
			c.InterfaceDelays = []config.InterfaceDelay{{Interface: "eth9", Down: time.Minute}}
		}, nil},
		"a long delay": {func(c *config.Config) {
			c.InterfaceDelays = []config.InterfaceDelay{{At: c.Instances[0].At, Interface: "eth0", Down: 2 * time.Second}}
		}, []string{"a.yaml interface-delay-cut: eth0 may be down for 2s before it counts, but vrrp_instance A on it is missed after 3 times advert_int 1s: keepalived cuts the delay to 1.996s"}},
		"the least besides a preset": {func(c *config.Config) {
			c.Global.MinGarp, c.Global.Garp.Preset = true, "quiet"
		}, []string{"a.yaml no-effect: vrrp_min_garp has no effect beside the garp preset quiet of global"}},
		"the least besides an instance's preset": {func(c *config.Config) {
			c.Global.MinGarp, c.Instances[0].Garp.Preset = true, "quiet"
		}, nil},
		"a session": {func(c *config.Config) {
			c.BFDs = []config.BFD{{Name: "b", MinRX: 10 * time.Millisecond, Multiplier: 5}}
		}, nil},
		"a short session": {func(c *config.Config) {
			c.BFDs = []config.BFD{{At: c.Instances[0].At, Name: "b", MinRX: 10 * time.Millisecond, Multiplier: 4}}
		}, []string{"a.yaml short-session: bfd_instance b: a pause of 40ms"}},
		"a session for checkers": {
			func(c *config.Config) {
				c.BFDs = []config.BFD{{At: c.Instances[0].At, Name: "b", MinRX: 10 * time.Millisecond, Multiplier: 5, Checker: true}}
				c.Instances[0].TrackBFDs = []config.Track{{Name: "b"}}
			},
			[]string{"a.yaml session-for-checkers: bfd_instance b is for checkers only"},
		},
		"a session for checkers that a group tracks": {
			func(c *config.Config) {
				c.BFDs = []config.BFD{{At: c.Instances[0].At, Name: "b", MinRX: 10 * time.Millisecond, Multiplier: 5, Checker: true}}
				c.Groups = []config.SyncGroup{{At: c.Instances[0].At, Name: "G", Members: []string{"A"}, TrackBFDs: []config.Track{{Name: "b"}}}}
			},
			[]string{"a.yaml session-for-checkers: and vrrp_sync_group G tracks it"},
		},
		"a session for VRRP": {
			func(c *config.Config) {
				c.BFDs = []config.BFD{{At: c.Instances[0].At, Name: "b", MinRX: 10 * time.Millisecond, Multiplier: 5, VRRP: true}}
				c.VirtualServers = []config.VirtualServer{{Quorum: 1, RealServers: []config.RealServer{{Weight: new(1), Checks: []config.Check{{BFD: &config.BFDCheck{Name: "b"}}}}}}}
			},
			[]string{"a.yaml session-for-vrrp: bfd_instance b is for instances only"},
		},
		"a session for both": {func(c *config.Config) {
			c.BFDs = []config.BFD{{Name: "b", MinRX: 10 * time.Millisecond, Multiplier: 5, Checker: true, VRRP: true}}
			c.Instances[0].TrackBFDs = []config.Track{{Name: "b"}}
		}, nil},
		"a slow session": {
			func(c *config.Config) {
				c.BFDs = []config.BFD{{At: c.Instances[0].At, Name: "b", MinRX: time.Second, Multiplier: 5}}
				c.Instances[0].TrackBFDs = []config.Track{{Name: "b"}}
			},
			[]string{"a.yaml slow-session: after 5s (min_rx 1s times multiplier 5), and vrrp_instance A notices that of the master after 3.61s"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := read(t, "a.yaml", ha("A 1 100"))
			test.change(c)
			said(t, One(c), test.want...)
		})
	}
}
