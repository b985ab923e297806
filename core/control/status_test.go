package control

import (
	"encoding/json"
	"errors"
	"flag"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/moonkeep/moonkeep/core/mono"
	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestArithmetic(t *testing.T) {
	tests := []struct {
		base, effective int
		terms           []Term
		want            string
	}{
		{100, 100, nil, "100"},
		{255, 255, nil, "255"},
		{100, 80, []Term{{"script x", "down", -20, -20}}, "100 - 20 (script x is down) = 80"},
		{100, 105, []Term{{"script x", "up", 5, 5}}, "100 + 5 (script x is up) = 105"},
		{100, 100, []Term{{"script x", "up", -20, 0}}, "100"},
		{100, 85, []Term{{"script a", "up", 5, 5}, {"script b", "up", -7, 0}, {"interface eth1", "down", -20, -20}},
			"100 + 5 (script a is up) - 20 (interface eth1 is down) = 85"},
		{100, 100, []Term{{"script a", "up", 20, 20}, {"script b", "down", -20, -20}},
			"100 + 20 (script a is up) - 20 (script b is down) = 100"},
		{100, 254, []Term{{"script x", "up", 200, 200}}, "100 + 200 (script x is up) = 254 (300, kept within 1..254)"},
		{100, 1, []Term{{"script x", "down", -200, -200}}, "100 - 200 (script x is down) = 1 (-100, kept within 1..254)"},
		// An owner's priority does not move (RFC 9568 6.1).
		{255, 255, []Term{{"script x", "down", -20, -20}}, "255 - 20 (script x is down) = 255 (an owner's priority does not move)"},
	}
	for _, tt := range tests {
		i := Instance{Base: tt.base, Effective: tt.effective, Terms: tt.terms}
		if got := i.Arithmetic(); got != tt.want {
			t.Errorf("got  %s\nwant %s", got, tt.want)
		}
	}
}

// nodeStatus is a node of which everything is known, and one of which nothing
// is.
func nodeStatus() *node.Status {
	at := mono.Instant(100 * time.Second)
	address := func(text, device string) netspec.Address {
		return netspec.Address{Prefix: netip.MustParsePrefix(text), Device: device}
	}
	counts := vrrp.Counters{Tally: vrrp.Tally{
		Sent: 1, Received: 2, SentZero: 3, ReceivedZero: 4, BecameMaster: 5, LeftMaster: 6, Announced: 7, Conflicts: 8, AddressLists: 12, Unsigned: 11,
	}}
	counts.Rejected[2] = 9
	files, processes := nodeWatched(at)
	return &node.Status{
		At: at, Strangers: 10,
		Instances: []node.InstanceStatus{
			{
				Dual: vrrp.DualView{On: true, Peer: netip.MustParseAddr("192.0.2.9"), Since: at.Add(-2 * time.Second), Times: 3, Sum: 4 * time.Second},
				Name: "VI_1", Interface: "eth0", Group: "G", Version: vrrp.V3, VRID: 51, Role: vrrp.Master,
				Since: at.Add(-10 * time.Second), Why: "no master heard since start", Base: 100, Effective: 80,
				Terms:  []node.Term{{Tracker: "script x", Weight: -20, Value: -20, State: "down"}},
				Faults: []string{"interface eth1 is down"}, Waiting: []string{"the first result of script y"},
				Interval: time.Second, MasterInterval: 2 * time.Second,
				MasterDown: at.Add(3 * time.Second), NextAdvert: at.Add(500 * time.Millisecond),
				HMAC: vrrp.HMACPermissive, Key: 4, Peers: []netip.Addr{netip.MustParseAddr("192.0.2.2")},
				Source: netip.MustParseAddr("192.0.2.1"), LastSent: at.Add(-500 * time.Millisecond), LastHeard: at.Add(-4 * time.Second),
				HeardFrom: netip.MustParseAddr("192.0.2.2"), HeardPriority: 90,
				Addresses: []netspec.Address{address("192.0.2.100/24", "eth0"), address("198.51.100.1/32", "eth1")},
				Claimed:   true, Leaving: true, Counts: counts,
			},
			{
				Name: "VI_2", Interface: "eth0", Version: vrrp.V2, VRID: 52, Role: vrrp.Init, Since: at, Why: "not started",
				Base: 255, Effective: 255, Interval: time.Second, MasterInterval: time.Second,
				MasterDown: mono.Never, NextAdvert: mono.Never, LastSent: mono.Never, LastHeard: mono.Never,
			},
		},
		Groups: []node.GroupStatus{{Name: "G", Role: vrrp.Backup, Since: at.Add(-time.Minute), Members: []string{"VI_1"}}},
		Scripts: []node.ScriptStatus{
			{Name: "x", State: "down", Since: at.Add(-2 * time.Second), Used: true, Result: node.Timeout, Message: "killed",
				Last: at.Add(-time.Second), Took: 250 * time.Millisecond, InARow: 1, Rise: 2, Fall: 3},
			{Name: "y", State: "unknown", Since: at, Last: mono.Never, Rise: 1, Fall: 1},
		},
		Sessions: nodeSessions(at), Files: files, Processes: processes,
	}
}

// sample is a status with every field set.
func sample() Status {
	s := Describe(nodeStatus(), func(list []netspec.Address) ([]netspec.Address, error) { return list[:min(1, len(list))], nil })
	s.Keep(nodeStatus().Instances[0].Addresses[:1])
	s.At, s.Version, s.RouterID = time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.UTC), "1.2.3", "lb-a"
	s.PID, s.Uptime, s.Config, s.Reloaded = 4711, 100.5, "/etc/moonkeep/a.yaml", s.At.Add(-time.Minute)
	s.ConfigFiles = []string{s.Config}
	s.Unannounced, s.ReloadError, s.Dropped, s.Instances[0].HeldError = 12, "a.yaml:1:2: no", 11, "netlink: no"
	s.Late, s.MostLate = 0.001, 0.25
	return s
}

// TestShape holds the JSON that programs rely on: fields may be added to the
// golden file, never renamed or removed.
func TestShape(t *testing.T) {
	got, err := json.MarshalIndent(sample(), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	const path = "testdata/status.json"
	if *update {
		must(t, os.MkdirAll("testdata", 0o755))
		must(t, os.WriteFile(path, got, 0o644))
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("the shape changed (-want +got); programs rely on it, run with -update if fields were only added:\n%s", diff)
	}
}

// TestEmptyIsNoNull holds that a program can walk the lists of a node that has
// nothing, and tell what never happened.
func TestEmptyIsNoNull(t *testing.T) {
	s := nodeStatus()
	s.Instances, s.Groups, s.Scripts, s.Sessions, s.Files, s.Processes = s.Instances[1:], nil, nil, nil, nil, nil
	data, err := json.Marshal(Describe(s, func([]netspec.Address) ([]netspec.Address, error) { return nil, nil }))
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Instances []map[string]any `json:"instances"`
		Groups    []any            `json:"sync_groups"`
		Scripts   []any            `json:"scripts"`
		Sessions  []any            `json:"bfd_sessions"`
		Files     []any            `json:"track_files"`
		Processes []any            `json:"track_processes"`
	}
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	if got.Groups == nil || got.Scripts == nil || got.Sessions == nil || got.Files == nil || got.Processes == nil {
		t.Errorf("an empty list is null: %s", data)
	}
	in := got.Instances[0]
	for _, field := range []string{"priority_terms", "addresses"} {
		if list, ok := in[field].([]any); !ok || len(list) != 0 {
			t.Errorf("%s is %v, want []", field, in[field])
		}
	}
	for _, field := range []string{
		"master_down_in_s", "next_advert_in_s", "last_advert_sent_age_s", "last_advert_heard_age_s", "last_advert_heard_priority",
	} {
		if v, there := in[field]; !there || v != nil {
			t.Errorf("%s is %v (there: %v), want null: it never happened", field, v, there)
		}
	}
}

func TestHeldUnknown(t *testing.T) {
	s := Describe(nodeStatus(), func([]netspec.Address) ([]netspec.Address, error) { return nil, errors.New("no buffer space") })
	if in := s.Instances[0]; in.HeldError != "no buffer space" || in.Addresses[0].Held {
		t.Errorf("%+v, want the error and no address held", in)
	}
}
