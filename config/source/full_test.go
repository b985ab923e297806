package source

import (
	"net/netip"
	"os"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/inherit"
	"github.com/moonkeep/moonkeep/config/schema"
	"github.com/moonkeep/moonkeep/core/netspec"
)

// full is what the three files testdata/full.* say, without positions.
func full() config.Config {
	yes, no := true, false
	address := func(prefix, device string) config.Address {
		return config.Address{Prefix: netip.MustParsePrefix(prefix), Device: device}
	}
	linked := address("192.0.2.1/24", "eth1")
	linked.Label, linked.Scope, linked.Broadcast = "eth1:1", netspec.ScopeLink, netip.MustParseAddr("192.0.2.255")
	peered := address("192.0.2.3/32", "eth2")
	peered.Label, peered.Scope, peered.Broadcast = "eth2:a", netspec.ScopeSite, netip.MustParseAddr("192.0.2.255")
	peered.Peer, peered.NoTrack = netip.MustParsePrefix("192.0.2.4/30"), true
	excluded := address("198.51.100.1/25", "eth0")
	excluded.Broadcast = netip.MustParseAddr("198.51.100.0")
	garp := config.Garp{
		MasterDelay: 5 * time.Second, MasterRepeat: 5, MasterRefreshRepeat: 1, LowerPrioDelay: 5 * time.Second, LowerPrioRepeat: 5,
	}
	var c config.Config
	schema.New().SetDefaults(&c)
	inherit.Complete(&c)
	c.Global.RouterID, c.Global.ScriptUser, c.Global.ScriptGroup = "lb-a", "nobody", "nogroup"
	return config.Config{
		Global: c.Global,
		Scripts: []config.Script{{
			Name: "web", Argv: []string{"/usr/bin/curl", "-s", "http://127.0.0.1/a b", "x y", "z z"},
			Interval: 2 * time.Second, Timeout: 500 * time.Millisecond, Rise: 2, Fall: 3, Weight: -20,
			User: "www-data", Group: "www-data",
		}, {
			Name: "db", Argv: []string{"testdata/checks/db", "", "a b"}, Interval: time.Second, Timeout: time.Second,
			Rise: 1, Fall: 1, Reverse: true, InitFail: true,
		}, {
			Name: "app", Lua: "testdata/checks/app.lua", Allow: []string{"net", "exec"},
			Args:     config.Args{"url": "http://127.0.0.1:8080/", "limit": 5.0, "strict": true},
			Interval: time.Second, Timeout: time.Second, Rise: 1, Fall: 1,
		}},
		Instances: []config.Instance{{
			Name: "VI_1", Version: 2, Interface: "eth0", VRID: 51, Priority: 150, Master: true, AdvertInt: time.Second,
			Source: netip.MustParseAddr("192.0.2.10"), Authentication: config.Authentication{AuthType: "PASS", AuthPass: "0111"},
			LowerPrioNoAdvert: true, HigherPrioSendAdvert: &yes, SkipCheckAdvAddr: true, DownTimerAdverts: 4, UnicastTTL: 255, IgnorePrimary: true,
			Garp: config.Garp{
				MasterDelay: time.Second, MasterRepeat: 2, MasterRefresh: time.Minute, MasterRefreshRepeat: 3,
				LowerPrioRepeat: 4, Interval: 10 * time.Millisecond,
			},
			Addresses:       []config.Address{linked, address("192.0.2.2/32", "eth0"), peered},
			Excluded:        []config.Address{excluded},
			TrackInterfaces: []config.Track{{Name: "eth7"}, {Name: "eth8", Weight: 10, Reverse: true}},
			TrackScripts: []config.Track{
				{Name: "web", Weight: -20}, {Name: "db", Weight: 7, Reverse: true}, {Name: "app", Weight: -3, Reverse: true},
			},
			Notify: config.Notify{
				Master: &config.Program{Argv: []string{"/usr/local/bin/told", "master"}},
				Backup: &config.Program{Argv: []string{"/usr/local/bin/told", "backup"}},
				Fault:  &config.Program{Argv: []string{"testdata/bin/told", "fault"}, User: "nobody", Group: "nogroup"},
				Stop:   &config.Program{Argv: []string{"told", "stop"}},
				Any:    &config.Program{Argv: []string{"/usr/local/bin/told"}},
				Lua:    &config.Lua{Path: "testdata/notify.lua"},
			},
		}, {
			Name: "VI_2", Version: 3, Interface: "eth1", VRID: 51, Priority: 100, AdvertInt: 50 * time.Millisecond,
			ChecksumMessage: true, NoPreempt: true, DownTimerAdverts: 3, UnicastTTL: 255, Garp: garp,
			Addresses: []config.Address{address("203.0.113.1/24", "eth1")},
			Notify:    config.Notify{Lua: &config.Lua{Path: "/etc/moonkeep/n.lua", Allow: []string{"write"}, Args: config.Args{"to": "ops"}}},
		}, {
			Name: "VI_3", Version: 2, Interface: "eth2", VRID: 3, Priority: 100, AdvertInt: time.Second,
			Strict: true, LowerPrioNoAdvert: true, HigherPrioSendAdvert: &no, DownTimerAdverts: 3, UnicastTTL: 255, Garp: garp,
			Addresses: []config.Address{address("203.0.113.129/25", "eth2")},
		}},
		Groups: []config.SyncGroup{{
			Name: "G1", Members: []string{"VI_2", "VI_3"}, KeepWeights: true,
			TrackScripts:    []config.Track{{Name: "web", Weight: -20}},
			TrackInterfaces: []config.Track{{Name: "eth0"}},
			Notify:          config.Notify{Any: &config.Program{Argv: []string{"/bin/true"}}},
		}},
	}
}

// places checks that every Position in v is a place in the file, as far as
// there is one: a struct that nobody wrote has none.
func places(t *testing.T, v reflect.Value, file string) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			places(t, v.Elem(), file)
		}
	case reflect.Slice:
		for i := range v.Len() {
			if at := v.Index(i); at.Kind() == reflect.Struct && at.FieldByName("At").IsValid() && at.FieldByName("At").IsZero() {
				t.Errorf("an item is nowhere: %+v", at)
			}
			places(t, v.Index(i), file)
		}
	case reflect.Struct:
		if p, ok := v.Addr().Interface().(*config.Position); ok {
			if *p != (config.Position{}) && (p.File() != file || p.Line() < 1 || p.Column() < 1) {
				t.Errorf("a position is %+v", *p)
			}
			return
		}
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				places(t, v.Field(i), file)
			}
		}
	}
}

func TestOneConfigurationInThreeLanguages(t *testing.T) {
	for _, file := range []string{"testdata/full.yaml", "testdata/full.toml", "testdata/full.json"} {
		t.Run(file, func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got, findings := Read(file, data)
			for _, f := range findings {
				t.Error(f)
			}
			places(t, reflect.ValueOf(got), file)
			want := full()
			for _, c := range schema.New().Diff(&want, got) {
				t.Error(c)
			}
			want.Files = []string{file}
			if !schema.Equal(*got, want) || !slices.Equal(got.Files, want.Files) {
				t.Errorf("got\n%+v\nwant\n%+v", *got, want)
			}
		})
	}
}

func TestPositions(t *testing.T) {
	const name = "VI_ä"
	for file, test := range map[string]struct {
		text string
		want map[string]config.Position // of what
	}{
		"a.yaml": {
			"vrrp_instances:\n  - {name: VI_ä, interface: eth0, virtual_router_id: 1, virtual_ipaddresses: [192.0.2.1]}\n",
			map[string]config.Position{"instance": config.NewPosition("a.yaml", 2, 5), "address": config.NewPosition("a.yaml", 2, 79)},
		},
		"a.json": {
			"{\"vrrp_instances\": [\n {\"name\": \"VI_ä\", \"interface\": \"eth0\", \"virtual_router_id\": 1, \"virtual_ipaddresses\": [\"192.0.2.1\"]}]}\n",
			map[string]config.Position{"instance": config.NewPosition("a.json", 2, 2), "address": config.NewPosition("a.json", 2, 88)},
		},
		"a.toml": {
			"\n[[vrrp_instances]]\nname = \"VI_ä\"\ninterface = \"eth0\"\nvirtual_router_id = 1\nvirtual_ipaddresses = [ \"192.0.2.1\" ]\n",
			map[string]config.Position{"instance": config.NewPosition("a.toml", 2, 3), "address": config.NewPosition("a.toml", 6, 25)},
		},
	} {
		c, findings := Read(file, []byte(test.text))
		if len(findings) > 0 || len(c.Instances) != 1 {
			t.Errorf("%s: %d instances, findings %v", file, len(c.Instances), findings)
			continue
		}
		in := c.Instances[0]
		if in.Name != name || !in.At.Equal(test.want["instance"]) || !in.Addresses[0].At.Equal(test.want["address"]) {
			t.Errorf("%s: %s at %v, address at %v, want %v", file, in.Name, in.At, in.Addresses[0].At, test.want)
		}
	}
}
