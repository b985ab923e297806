package build

import (
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

func address(prefix, device string) config.Address {
	return config.Address{Prefix: netip.MustParsePrefix(prefix), Device: device}
}

// plain is an instance as a reader returns it.
func plain() config.Instance {
	return config.Instance{
		Name: "VI_1", Version: 2, Interface: "eth0", VRID: 51, Priority: 100, AdvertInt: time.Second, DownTimerAdverts: 3,
		Garp: config.Garp{
			MasterDelay: 5 * time.Second, MasterRepeat: 5, MasterRefreshRepeat: 1,
			LowerPrioDelay: 5 * time.Second, LowerPrioRepeat: 5,
		},
		Addresses: []config.Address{address("192.0.2.1/24", "eth0")},
	}
}

// plainRouter is what becomes of it.
func plainRouter() vrrp.Config {
	r := vrrp.Defaults()
	r.VRID, r.Slot = 51, slot("VI_1", "eth0")
	r.Addresses = []netip.Addr{netip.MustParseAddr("192.0.2.1")}
	return r
}

func TestRouter(t *testing.T) {
	yes, no := true, false
	for name, test := range map[string]struct {
		change func(*config.Instance)
		want   func(*vrrp.Config)
	}{
		"plain":      {func(*config.Instance) {}, func(*vrrp.Config) {}},
		"priority":   {func(i *config.Instance) { i.Priority = 255 }, func(r *vrrp.Config) { r.Priority = 255 }},
		"master":     {func(i *config.Instance) { i.Master = true }, func(r *vrrp.Config) { r.InitialMaster = true }},
		"nopreempt":  {func(i *config.Instance) { i.NoPreempt = true }, func(r *vrrp.Config) { r.NoPreempt = true }},
		"preempt":    {func(i *config.Instance) { i.PreemptDelay = time.Minute }, func(r *vrrp.Config) { r.PreemptDelay = time.Minute }},
		"down":       {func(i *config.Instance) { i.DownTimerAdverts = 7 }, func(r *vrrp.Config) { r.DownAdverts = 7 }},
		"interval":   {func(i *config.Instance) { i.AdvertInt = 3 * time.Second }, func(r *vrrp.Config) { r.Interval = 3 * time.Second }},
		"version":    {func(i *config.Instance) { i.Version = 3 }, func(r *vrrp.Config) { r.Version = vrrp.V3 }},
		"checksum":   {func(i *config.Instance) { i.ChecksumMessage = true }, func(r *vrrp.Config) { r.Checksum = vrrp.ChecksumMessage }},
		"lower":      {func(i *config.Instance) { i.LowerPrioNoAdvert = true }, func(r *vrrp.Config) { r.LowerPrioNoAdvert = true }},
		"higher yes": {func(i *config.Instance) { i.HigherPrioSendAdvert = &yes }, func(r *vrrp.Config) {}},
		"higher no":  {func(i *config.Instance) { i.HigherPrioSendAdvert = &no }, func(r *vrrp.Config) { r.YieldSilently = true }},
		"strict": {func(i *config.Instance) { i.Strict = true }, func(r *vrrp.Config) {
			r.Strict, r.YieldSilently, r.NoAccept, r.OwnerIgnoresAdverts = true, true, true, true
		}},
		"strict, accepting": {func(i *config.Instance) { i.Strict, i.Accept = true, true }, func(r *vrrp.Config) {
			r.Strict, r.YieldSilently, r.OwnerIgnoresAdverts = true, true, true
		}},
		"accepting":     {func(i *config.Instance) { i.Accept = true }, func(*vrrp.Config) {}},
		"not accepting": {func(i *config.Instance) { i.NoAccept = true }, func(r *vrrp.Config) { r.NoAccept = true }},
		"interop":       {func(i *config.Instance) { i.Version, i.InteropV2 = 3, true }, func(r *vrrp.Config) { r.Version, r.Interop = vrrp.V3, true }},
		"owner ignores": {func(i *config.Instance) { i.OwnerIgnoreAdverts = true }, func(r *vrrp.Config) { r.OwnerIgnoresAdverts = true }},
		"stall":         {func(i *config.Instance) { i.TimerExpiredBackup = 90 }, func(r *vrrp.Config) { r.StallPriority = 90 }},
		"AH": {
			func(i *config.Instance) { i.AuthType, i.AuthPass = "AH", "1111" },
			func(r *vrrp.Config) { r.Auth, r.Password = vrrp.AuthAH, [8]byte{'1', '1', '1', '1'} },
		},
		"HMAC": {
			func(i *config.Instance) {
				i.HMAC = &config.HMAC{ActiveKey: 2, Mode: "permissive", AntiReplay: "monotonic", TimeWindow: 9 * time.Second, Keys: []config.HMACKey{
					{ID: 1, Secret: strings.Repeat("k", 32)}, {ID: 2, Secret: "hex:" + strings.Repeat("00ff", 16)},
					{ID: 3, Secret: "file:/etc/key", Material: config.KeyMaterial("of a file")}, {ID: 4, Secret: "credential:key"},
				}}
				i.AuthType, i.AuthPass = "AH", "1111" // which it displaces
			},
			func(r *vrrp.Config) {
				r.HMAC = vrrp.HMAC{Mode: vrrp.HMACPermissive, Active: 2, Window: 9 * time.Second, Monotonic: true, Keys: []vrrp.Key{
					{ID: 1, Secret: vrrp.Secret(strings.Repeat("k", 32))}, {ID: 2, Secret: vrrp.Secret(strings.Repeat("\x00\xff", 16))},
					{ID: 3, Secret: vrrp.Secret("of a file")}, {ID: 4},
				}}
			},
		},
		"HMAC as it is meant": {
			func(i *config.Instance) {
				i.HMAC = &config.HMAC{ActiveKey: 1, Mode: "enforce", AntiReplay: "time", Keys: []config.HMACKey{{ID: 1, Secret: strings.Repeat("k", 32)}}}
			},
			func(r *vrrp.Config) {
				r.HMAC = vrrp.HMAC{Mode: vrrp.HMACEnforce, Active: 1, Keys: []vrrp.Key{{ID: 1, Secret: vrrp.Secret(strings.Repeat("k", 32))}}}
			},
		},
		"HMAC, receiving": {
			func(i *config.Instance) { i.HMAC = &config.HMAC{ActiveKey: 1, Mode: "receive-only"} },
			func(r *vrrp.Config) { r.HMAC = vrrp.HMAC{Mode: vrrp.HMACReceiveOnly, Active: 1} },
		},

		"skip":         {func(i *config.Instance) { i.SkipCheckAdvAddr = true }, func(r *vrrp.Config) { r.SkipSameMaster = true }},
		"no addresses": {func(i *config.Instance) { i.Addresses = nil }, func(r *vrrp.Config) { r.Addresses = nil }},
		"excluded are not advertised": {
			func(i *config.Instance) { i.Excluded = []config.Address{address("192.0.2.9/32", "eth0")} },
			func(r *vrrp.Config) {},
		},
		"password": {
			func(i *config.Instance) { i.AuthType, i.AuthPass = "PASS", "1111" },
			func(r *vrrp.Config) { r.Auth, r.Password = vrrp.AuthPass, [8]byte{'1', '1', '1', '1'} },
		},
		"password of eight": {
			func(i *config.Instance) { i.AuthType, i.AuthPass = "PASS", "12345678" },
			func(r *vrrp.Config) {
				r.Auth, r.Password = vrrp.AuthPass, [8]byte{'1', '2', '3', '4', '5', '6', '7', '8'}
			},
		},
		"announcements": {
			func(i *config.Instance) {
				i.Garp = config.Garp{
					MasterDelay: 1 * time.Second, MasterRepeat: 2, MasterRefresh: 3 * time.Second, MasterRefreshRepeat: 4,
					LowerPrioDelay: 5 * time.Second, LowerPrioRepeat: 6,
				}
			},
			func(r *vrrp.Config) {
				r.Announce = vrrp.AnnounceConfig{
					Delay: 1 * time.Second, Repeat: 2, Refresh: 3 * time.Second, RefreshRepeat: 4,
					LowerPrioDelay: 5 * time.Second, LowerPrioRepeat: 6,
				}
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			in, want := plain(), plainRouter()
			test.change(&in)
			test.want(&want)
			got := Node(&config.Config{Instances: []config.Instance{in}}).Instances[0].Router
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}

func TestInterfacesOfAddressesAreTracked(t *testing.T) {
	in := plain()
	elsewhere := address("192.0.2.2/24", "eth1")
	untracked := address("192.0.2.3/24", "eth2")
	untracked.NoTrack = true
	named := address("192.0.2.4/24", "eth3")
	in.Addresses = append(in.Addresses, elsewhere, untracked, named)
	in.Excluded = []config.Address{address("192.0.2.5/24", "eth1"), address("192.0.2.6/24", "eth4")}
	in.TrackInterfaces = []config.Track{{Name: "eth3", Weight: -20}, {Name: "eth5", Reverse: true}}
	got := Node(&config.Config{Instances: []config.Instance{in}}).Instances[0].Interfaces
	want := []node.TrackInterface{{Name: "eth3", Weight: -20}, {Name: "eth5", Reverse: true}, {Name: "eth1"}, {Name: "eth4"}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("tracked interfaces %+v, want %+v", got, want)
	}
}

func TestNodeIsComplete(t *testing.T) {
	in := plain()
	in.Source = netip.MustParseAddr("192.0.2.250")
	in.IgnorePrimary = true
	in.Excluded = []config.Address{address("198.51.100.1/24", "")}
	in.TrackScripts = []config.Track{{Name: "web", Weight: -30, Reverse: true}}
	other := plain()
	other.Name = "VI_2"
	c := config.Config{
		Global:    config.Global{ScriptUser: "nobody", ScriptGroup: "adm"},
		Instances: []config.Instance{in, other},
		Scripts: []config.Script{{
			Name: "web", Argv: []string{"/bin/check", "a b"}, Interval: 2 * time.Second, Timeout: time.Second,
			Rise: 2, Fall: 3, Weight: -5, InitFail: true,
		}},
		Groups: []config.SyncGroup{{
			Name: "G", Members: []string{"VI_1"}, KeepWeights: true,
			TrackScripts:    []config.Track{{Name: "web", Weight: 1}},
			TrackInterfaces: []config.Track{{Name: "eth9", Weight: 2}},
		}},
	}
	got := Node(&c)
	router := plainRouter()
	held := router
	held.Hold = true
	router.Slot = slot("VI_2", "eth0")
	want := node.Config{
		Instances: []node.Instance{{
			Name: "VI_1", Interface: "eth0", Router: held, Source: in.Source, IgnorePrimary: true,
			Addresses: []netspec.Address{{Prefix: netip.MustParsePrefix("192.0.2.1/24"), Device: "eth0"}},
			Excluded:  []netspec.Address{{Prefix: netip.MustParsePrefix("198.51.100.1/24"), Device: "eth0"}},
			Scripts:   []node.TrackScript{{Name: "web", Weight: -30, Reverse: true}},
		}, {
			Name: "VI_2", Interface: "eth0", Router: router,
			Addresses: []netspec.Address{{Prefix: netip.MustParsePrefix("192.0.2.1/24"), Device: "eth0"}},
		}},
		Groups: []node.Group{{
			Name: "G", Members: []string{"VI_1"}, KeepWeights: true,
			Scripts:    []node.TrackScript{{Name: "web", Weight: 1}},
			Interfaces: []node.TrackInterface{{Name: "eth9", Weight: 2}},
		}},
		Scripts: []node.Script{{
			Name: "web", Interval: 2 * time.Second, Rise: 2, Fall: 3, InitFail: true,
			Identity: `user"nobody"group"adm"argv"/bin/check"argv"a b"`,
		}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if interfaces := Interfaces(&c); !reflect.DeepEqual(interfaces, []string{"eth0", "eth9"}) {
		t.Errorf("interfaces %q", interfaces)
	}
	virtual := []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("198.51.100.1")}
	if addrs := Virtual(&c); !reflect.DeepEqual(addrs, virtual) {
		t.Errorf("virtual addresses %v, want %v", addrs, virtual)
	}
}

// TestIdentity holds that whatever changes what is run, or as whom, changes
// the identity, and that nothing else does.
func TestIdentity(t *testing.T) {
	base := config.Script{Name: "a", Argv: []string{"/bin/true", "x"}}
	same := base
	same.Name, same.Interval, same.Rise, same.Weight = "b", time.Hour, 9, 7
	if identity(&base, &config.Global{}) != identity(&same, &config.Global{}) {
		t.Error("the identity depends on what is not run")
	}
	seen := map[string]string{identity(&base, &config.Global{}): "base"}
	for name, s := range map[string]config.Script{
		"argument":      {Argv: []string{"/bin/true", "y"}},
		"joined":        {Argv: []string{"/bin/true x"}},
		"user":          {Argv: base.Argv, User: "nobody"},
		"user, group":   {Argv: base.Argv, User: "nobody", Group: "adm"},
		"lua":           {Lua: "/bin/true"},
		"lua allow":     {Lua: "/bin/true", Allow: []string{"exec"}},
		"lua arg":       {Lua: "/bin/true", Args: config.Args{"exec": ""}},
		"lua text arg":  {Lua: "/bin/true", Args: config.Args{"exec": "1", "a": "b"}},
		"lua other arg": {Lua: "/bin/true", Args: config.Args{"exec": 1.0, "a": "b"}},
	} {
		id := identity(&s, &config.Global{})
		if other, twice := seen[id]; twice {
			t.Errorf("%s and %s have one identity: %s", name, other, id)
		}
		seen[id] = name
	}
	if identity(&base, &config.Global{ScriptUser: "nobody"}) != identity(&config.Script{Argv: base.Argv, User: "nobody"}, &config.Global{}) {
		t.Error("the default user and the same user, named, differ")
	}
}

// Instances that start together must not send in one burst for ever, and those of
// neighbouring interfaces not in the same ones.
func TestSlotsSpread(t *testing.T) {
	for _, format := range []string{"VI_%d", "vlan%d-gw", "%d"} {
		used := map[int]string{}
		for _, device := range []string{"eth0", "eth1", "eth2", "eth3"} {
			in := map[int]int{}
			for i := range 250 {
				in[slot(fmt.Sprintf(format, i), device)]++
			}
			if len(in) != vrrp.Slots/4 {
				t.Errorf("%s: %s uses %d slots, want %d", format, device, len(in), vrrp.Slots/4)
			}
			for s, n := range in {
				if even := 250 * 4 / vrrp.Slots; s < 1 || s > vrrp.Slots || n < even/2 || n > 2*even {
					t.Errorf("%s: slot %d of %d has %d of 250 instances", format, s, vrrp.Slots, n)
				}
				if used[s] != "" {
					t.Errorf("%s: slot %d is of %s and of %s", format, s, used[s], device)
				}
				used[s] = device
			}
		}
	}
}
