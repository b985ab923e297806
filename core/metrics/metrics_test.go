package metrics

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/moonkeep/moonkeep/core/control"
)

// fixed is a source that says the same each time.
type fixed struct {
	status   control.Status
	usage    control.Usage
	usageErr error
}

func (f *fixed) Status(context.Context) (control.Status, error) { return f.status, nil }
func (f *fixed) Usage(context.Context) (control.Usage, error)   { return f.usage, f.usageErr }

func within(s float64) *float64 { return &s }

// node is a node with one of each.
func node() *fixed {
	weight, value, count, heard := -7, int64(3), 2, 0.25
	return &fixed{
		status: control.Status{
			Version: "1.2", RouterID: `lb "a"`, Uptime: 60, Reloaded: time.Unix(1700000000, 5e8), ReloadError: "x", Dropped: 1, Strangers: 2, Unannounced: 3, Late: 0.001, MostLate: 0.02,
			Instances: []control.Instance{{
				Name: "VI_1", Interface: "eth0", Version: 3, VRID: 51, Role: "MASTER", SinceAge: 5, Base: 100, Effective: 90, Faults: []string{"a"}, Repaired: 4,
				Addresses: []control.Address{{Address: "192.0.2.9/24", Held: true}, {Address: "192.0.2.10/24"}}, HeardAge: &heard,
				DualMaster: "192.0.2.2", DualMasters: 3, DualMasterTime: 1.5,
				Counters: control.Counters{Sent: 10, Received: 20, BecameMaster: 2, LeftMaster: 1, Rejected: map[string]uint64{"ttl": 5, "checksum": 6}},
			}},
			Groups:    []control.Group{{Name: "G", Role: "BACKUP"}},
			Scripts:   []control.Script{{Name: "chk", State: "up", RunAge: &heard, Took: 0.01, Weight: &weight}},
			Sessions:  []control.Session{{Name: "S", State: "Up"}},
			Files:     []control.File{{Name: "F", Value: &value}, {Name: "broken", Error: "x"}},
			Processes: []control.Process{{Name: "P", State: "up", Count: &count}},
			Services: []control.Service{{Name: "TCP 192.0.2.9:80", HasQuorum: true, Weight: 3, Servers: []control.RealServer{
				{Name: "10.0.0.1:80", State: "up", Weight: 3, Wish: "drain", Unproven: true, Checks: []control.Check{{Kind: "TCP_CHECK", State: "up"}, {Kind: "TCP_CHECK", State: "down", UnknownAge: &heard, Missed: 2}}},
				{Name: "10.0.0.1:80", State: "down"}, // twice by one name: the first counts
			}}},
			IPVS:          &control.IPVS{Operations: 9, Failed: 1, Repaired: 2, Trouble: "x"},
			Probes:        &control.Probes{Checks: 2, Unknown: 1, Begun: 6, Answered: 5, Late: []control.LateBucket{{Within: within(0.001), Count: 4}, {Within: within(0.002), Count: 1}, {Count: 1}}},
			Notifications: control.Notifications{Waiting: 1, Told: 2, Failed: 3, Dropped: 4, FIFOs: []control.FIFO{{Path: "/run/f", Written: 5, Dropped: 6}}, Mail: &control.Mail{Waiting: 1, Sent: 2, Failed: 3, Dropped: 4}},
			Plugins: []control.Plugin{
				{Name: "TCP_CHECK", Process: 1, State: "running", Starts: 2, Failures: 1, Answered: 7, Unknown: 1, Late: 1},
				{Name: "TCP_CHECK", Process: 2, State: "starting", Starts: 1},
			},
			Metrics: []control.Metric{
				{Script: "script chk", Name: "load", Help: "The load,\nas \\ \"it\" is.", Value: 1.5, Labels: map[string]string{"core": "0"}},
				{Script: "script other", Name: "load", Help: "Another text.", Value: 2.5},
				{Script: "script third", Name: "load", Counter: true, Value: 1},
			},
		},
		usage: control.Usage{Services: []control.ServiceUsage{{Name: "TCP 192.0.2.9:80", Counters: control.Traffic{Connections: 1 << 40, PacketsIn: 2, BytesOut: 3},
			Servers: []control.ServerUsage{{Name: "10.0.0.1:80", Active: 4, Inactive: 5, Counters: control.Traffic{Connections: 6}}}}}},
	}
}

var update = flag.Bool("update", false, "write the golden file")

func TestText(t *testing.T) {
	text, err := Text(t.Context(), node())
	if err != nil {
		t.Fatal(err)
	}
	const golden = "METRICS.txt"
	if *update {
		if err := os.WriteFile(golden, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(text)); diff != "" {
		t.Errorf("want -, got +:\n%s", diff)
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	for name, f := range families {
		if f.GetHelp() == "" {
			t.Errorf("%s says not what it is", name)
		}
		if strings.HasPrefix(name, "moonkeep_") && strings.HasSuffix(name, "_total") != (f.GetType().String() == "COUNTER") {
			t.Errorf("%s is of type %v", name, f.GetType())
		}
	}
	if help := families["load"].GetHelp(); help != "The load,\nas \\ \"it\" is." {
		t.Errorf("the help of a script's was read as %q", help)
	}
	if n := families["moonkeep_script_metrics_refused"].GetMetric()[0].GetGauge().GetValue(); n != 1 {
		t.Errorf("%v series of scripts are left out, want 1", n)
	}
}

// TestSilentKernel holds that the rest is said when the kernel does not tell
// the traffic.
func TestSilentKernel(t *testing.T) {
	n := node()
	n.usageErr = errors.New("no IPVS")
	text, err := Text(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"moonkeep_ipvs_readable 0\n", `moonkeep_vrrp_role{instance="VI_1",role="MASTER"} 1`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%q is missing", want)
		}
	}
	if strings.Contains(string(text), "moonkeep_ipvs_service_connections_total") {
		t.Error("traffic that nobody counted")
	}
}
