package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/moonkeep/moonkeep/core/control"
)

var update = flag.Bool("update", false, "write the golden files anew")

func number[T any](v T) *T { return &v }

// TestPrintStatus holds what people see, by golden files.
func TestPrintStatus(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)
	head := control.Status{
		At: at, Version: "1.2.3", RouterID: "lb-a", PID: 4711, Uptime: 3723, Config: "/etc/moonkeep/a.yaml", Reloaded: at.Add(-90 * time.Second),
	}
	master := control.Instance{
		Name: "VI_1", Interface: "eth0", Group: "G", Version: 3, VRID: 51, Role: "MASTER", SinceAge: 42.125, Why: "no master heard since start",
		Base: 100, Effective: 80, Terms: []control.Term{{Tracker: "script nginx", State: "down", Weight: -20, Value: -20}},
		Addresses: []control.Address{{Address: "192.0.2.100/24", Device: "eth0", Held: true}, {Address: "192.0.2.101/32", Device: "eth1"}},
		Source:    "192.0.2.1", AdvertInterval: 0.1, NextAdvertIn: number(0.05), SentAge: number(0.05),
		Counters:       control.Counters{OtherAddresses: 13, Unsigned: 12, Rejected: map[string]uint64{"ttl": 3, "checksum": 1}, RejectedWhy: map[string]string{"ttl": "the TTL is not 255"}},
		Authentication: "HMAC", HMACMode: "permissive", ActiveKey: 7,
		Announcing: &control.Announcing{Preset: "thorough", Repeat: 5, Delay: 5, Refresh: 60, RefreshRepeat: 1, LowerPrioRepeat: 5, LowerPrioDelay: 5, Interval: 0.001},
	}
	backup := control.Instance{
		Name: "VI_2", Interface: "eth0", Version: 2, VRID: 52, Role: "BACKUP", SinceAge: 7200, Why: "started",
		Base: 100, Effective: 100, Addresses: []control.Address{{Address: "192.0.2.102/24", Device: "eth0", Held: true}, {Address: "192.0.2.103/24", Device: "eth0"}, {Address: "192.0.2.1/24", Device: "eth0", Held: true, Kept: true}},
		Source: "192.0.2.1", AdvertInterval: 1, MasterDownIn: number(2.61), SentAge: number(0.0),
		HeardAge: number(0.99), HeardFrom: "192.0.2.2", HeardPriority: number(150), Authentication: "PASS", Peers: []string{"192.0.2.2", "192.0.2.3"},
		Announcing: &control.Announcing{Repeat: 5, Delay: 5, RefreshRepeat: 1, LowerPrioRepeat: 5, LowerPrioDelay: 5},
	}
	fault := control.Instance{
		Name: "VI_3", Interface: "eth9", Version: 2, VRID: 53, Role: "FAULT", SinceAge: 1, Why: "interface eth9 does not exist", Base: 255, Effective: 255,
		Faults: []string{"interface eth9 does not exist", "script vital is down"}, Waiting: []string{"the first result of script late"},
		Addresses: []control.Address{{Address: "192.0.2.104/24", Device: "eth9"}}, HeldError: "netlink: no buffer space", AdvertInterval: 1, Leaving: true,
		Announcing: &control.Announcing{Repeat: 1, RefreshRepeat: 1, LowerPrioRepeat: 1},
	}
	full := head
	full.ReloadError, full.Dropped = "a.yaml:3:5: error: no such key", 12
	full.Instances = []control.Instance{master, backup, fault}
	full.Groups = []control.Group{{Name: "G", Role: "MASTER", SinceAge: 42.125, Members: []string{"VI_1", "VI_4"}}}
	full.Scripts = []control.Script{
		{Name: "nginx", State: "down", SinceAge: 30, Used: true, Result: "failed", Message: "exit status 1", RunAge: number(0.5), Took: 0.0123},
		{Name: "a-longer-name", State: "unknown", SinceAge: 1, Used: true},
		{Name: "spare"},
	}
	full.Sessions = []control.Session{
		{Name: "gw", Neighbor: "192.0.2.254", State: "Up", SinceAge: 60, Diagnostic: "no diagnostic", TrackedAs: "up", TrackedBy: []string{"VI_1", "VI_2"},
			RemoteState: "Up", Interval: number(0.01), Detection: number(0.05), SentAge: number(0.004), HeardAge: number(0.008)},
		{Name: "far", Neighbor: "2001:db8::9", Multihop: true, State: "Down", SinceAge: 2, Diagnostic: "control detection time expired", TrackedAs: "down",
			RemoteState: "Down", Interval: number(1.0), SendError: "network is unreachable", Rejected: map[string]uint64{"came over too many hops": 7}},
		{Name: "quiet", Neighbor: "192.0.2.9", State: "Down", SinceAge: 2, Diagnostic: "no diagnostic", TrackedAs: "unknown", TrackedBy: []string{"VI_1", "VI_2", "VI_3", "VI_4", "VI_5", "VI_6", "VI_7", "VI_8"}, RemoteState: "Down"},
	}
	full.Files = []control.File{
		{Name: "load", Value: number[int64](-3), SinceAge: number(2.0), TrackedBy: []string{"VI_1"}},
		{Name: "absent", Value: number[int64](0), Missing: true, SinceAge: number(3.0)},
		{Name: "broken", Error: "permission denied", SinceAge: number(3.0), TrackedBy: []string{"VI_1", "VI_2"}},
		{Name: "new"},
	}
	full.Processes = []control.Process{
		{Name: "web", State: "up", SinceAge: number(60.0), Count: number(2), Least: 1, ChangesIn: number(1.5), Method: "the kernel's process events", TrackedBy: []string{"VI_1"}},
		{Name: "hidden", State: "up", SinceAge: number(60.0), Least: 2, Most: number(3), Error: "/proc shows no processes"},
		{Name: "new", State: "unknown", Least: 1, Most: number(1)},
	}
	full.Plugins = []control.Plugin{
		{Name: "HTTP_GET", User: "nobody", State: "running", PID: 4711, Age: 60, Version: "1", Starts: 1, Checks: 2, Pending: 1, Answered: 100},
		{Name: "REDIS_ROLE", NetNS: "blue", User: "redis", Path: "/usr/lib/moonkeep/plugins/REDIS_ROLE", State: "tripped", Starts: 9, Failures: 9, Checks: 1, Unknown: 3, Reason: "it ended with status 2", Retry: 12.5},
	}
	for name, s := range map[string]*control.Status{"status-full.txt": &full, "status-empty.txt": &head} {
		var got bytes.Buffer
		if err := printStatus(&got, s); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join("testdata", name)
		if *update {
			if err := os.MkdirAll("testdata", 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, got.Bytes(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got.String()); diff != "" {
			t.Errorf("%s (-want +got); run with -update if this is meant:\n%s", name, diff)
		}
	}
}

// TestAnnounces: what follows a lower advert is told where it is another thing, and the
// time between gratuitous ARPs where there are such.
func TestAnnounces(t *testing.T) {
	usual := control.Announcing{Repeat: 5, Delay: 5, RefreshRepeat: 1, LowerPrioRepeat: 5, LowerPrioDelay: 5}
	with := func(change func(*control.Announcing)) control.Announcing { g := usual; change(&g); return g }
	apart := with(func(g *control.Announcing) { g.Interval = 0.001 })
	for _, tt := range []struct {
		address string
		g       control.Announcing
		want    string
	}{
		{"192.0.2.1/24", usual, ""},
		{"192.0.2.1/24", apart, "each address 5 times, and 5 times after 5s, 1ms apart"},
		{"2001:db8::1/64", apart, ""},
		{"2001:db8::1/64", control.Announcing{Preset: "many", Repeat: 2, Delay: 5, RefreshRepeat: 1, LowerPrioRepeat: 2, LowerPrioDelay: 5, Interval: 0.001}, "each address 2 times, and 2 times after 5s (garp preset many)"},
		{"192.0.2.1/24", with(func(g *control.Announcing) { g.LowerPrioRepeat = 0 }), "each address 5 times, and 5 times after 5s; after an advert of lower priority not at all"},
		{"192.0.2.1/24", with(func(g *control.Announcing) { g.LowerPrioRepeat = 1 }), "each address 5 times, and 5 times after 5s; after an advert of lower priority once, and once after 5s"},
		{"192.0.2.1/24", with(func(g *control.Announcing) { g.LowerPrioDelay = 0 }), "each address 5 times, and 5 times after 5s; after an advert of lower priority 5 times"},
	} {
		if got := announces(&control.Instance{Addresses: []control.Address{{Address: tt.address}}, Announcing: &tt.g}); got != tt.want {
			t.Errorf("%s, %+v: %q, want %q", tt.address, tt.g, got, tt.want)
		}
	}
}

func TestAge(t *testing.T) {
	for seconds, want := range map[float64]string{
		0: "0s", 0.00004: "0s", 0.0123456: "12.3ms", 0.9994: "999.4ms", 1: "1s", 1.234: "1.23s", 59.996: "1m0s", 90.6: "1m31s", 7325: "2h2m5s", -0.25: "-250ms",
	} {
		if got := age(seconds); got != want {
			t.Errorf("age(%v) = %s, want %s", seconds, got, want)
		}
	}
}
