package build

import (
	"maps"
	"reflect"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/core/track"
)

func TestPatterns(t *testing.T) {
	for name, tt := range map[string]struct {
		process config.TrackProcess
		want    track.Pattern
	}{
		"name":             {config.TrackProcess{Process: []string{"nginx"}}, track.Pattern{Name: "nginx", Args: []string{}}},
		"full":             {config.TrackProcess{Process: []string{"nginx"}, FullCommand: true}, track.Pattern{Name: "nginx", Args: []string{}, Full: true}},
		"arguments":        {config.TrackProcess{Process: []string{"a", "-b"}}, track.Pattern{Name: "a", Args: []string{"-b"}, Match: track.ExactArgs}},
		"exact, none":      {config.TrackProcess{Process: []string{"a"}, ParamMatch: "exact"}, track.Pattern{Name: "a", Args: []string{}, Match: track.ExactArgs}},
		"initial":          {config.TrackProcess{Process: []string{"a", "-b"}, ParamMatch: "initial"}, track.Pattern{Name: "a", Args: []string{"-b"}, Match: track.InitialArgs}},
		"partial":          {config.TrackProcess{Process: []string{"a", "-b", "c"}, ParamMatch: "partial"}, track.Pattern{Name: "a", Args: []string{"-b", "c"}, Match: track.PartialArgs}},
		"exact, by choice": {config.TrackProcess{Process: []string{"a", "-b"}, ParamMatch: "exact"}, track.Pattern{Name: "a", Args: []string{"-b"}, Match: track.ExactArgs}},
	} {
		tt.process.Name = "p"
		got := Patterns(&config.Config{TrackProcesses: []config.TrackProcess{tt.process}})
		if want := map[string]track.Pattern{"p": tt.want}; !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, want %+v", name, got, want)
		}
	}
}

func TestWatched(t *testing.T) {
	four := 4
	c := &config.Config{
		TrackFiles: []config.TrackFile{{Name: "f", File: "/run/f"}, {Name: "g", File: "/run/g"}},
		TrackProcesses: []config.TrackProcess{
			{Name: "p", Process: []string{"x"}, Quorum: 2, QuorumMax: &four, ForkDelay: 3, TerminateDelay: 5},
			{Name: "q", Process: []string{"y"}, Quorum: 1},
		},
		Instances: []config.Instance{{Name: "V", Priority: 100,
			TrackFiles: []config.Track{{Name: "f", Weight: -20, Reverse: true}}, TrackProcesses: []config.Track{{Name: "p", Weight: 7}}}},
		Groups: []config.SyncGroup{{Name: "G",
			TrackFiles: []config.Track{{Name: "g"}}, TrackProcesses: []config.Track{{Name: "q", Weight: -3, Reverse: true}}}},
	}
	n := Node(c)
	for what, pair := range map[string][2]any{
		"files":               {n.Files, []node.File{{Name: "f", Path: "/run/f"}, {Name: "g", Path: "/run/g"}}},
		"instance, files":     {n.Instances[0].Files, []node.TrackFile{{Name: "f", Weight: -20, Reverse: true}}},
		"instance, processes": {n.Instances[0].Processes, []node.TrackProcess{{Name: "p", Weight: 7}}},
		"group, files":        {n.Groups[0].Files, []node.TrackFile{{Name: "g"}}},
		"group, processes":    {n.Groups[0].Processes, []node.TrackProcess{{Name: "q", Weight: -3, Reverse: true}}},
		"processes": {n.Processes, []node.Process{
			{Name: "p", Quorum: track.Quorum{Least: 2, Most: 4}, ForkDelay: 3, TerminateDelay: 5},
			{Name: "q", Quorum: track.Quorum{Least: 1, Most: track.NoMost}},
		}},
	} {
		if !reflect.DeepEqual(pair[0], pair[1]) {
			t.Errorf("%s: got %+v, want %+v", what, pair[0], pair[1])
		}
	}
	if got, want := Files(c), map[string]string{"f": "/run/f", "g": "/run/g"}; !maps.Equal(got, want) {
		t.Errorf("paths %v, want %v", got, want)
	}
}

// TestDelays: a loss counts no later than every instance on the interface can
// wait for, and a return as late as it was to when both were the same.
func TestDelays(t *testing.T) {
	s := time.Second
	on := func(iface string, version, adverts int, interval time.Duration) config.Instance {
		return config.Instance{Interface: iface, Version: version, Priority: 128, DownTimerAdverts: adverts, AdvertInt: interval}
	}
	step := s / 256 // of 1 s
	for name, tt := range map[string]struct {
		instances []config.Instance
		down, up  time.Duration // are asked for
		want      [2]time.Duration
	}{
		"short enough":       {[]config.Instance{on("eth0", 3, 3, s)}, s, 20 * s, [2]time.Duration{s, 20 * s}},
		"long enough":        {[]config.Instance{on("eth0", 3, 3, s)}, 2*s - step, 0, [2]time.Duration{2*s - step}},
		"cut, version 3":     {[]config.Instance{on("eth0", 3, 3, 2*s)}, 9 * s, 20 * s, [2]time.Duration{4*s - 2*step, 20 * s}},
		"cut, version 2":     {[]config.Instance{on("eth0", 2, 3, 2*s)}, 9 * s, 20 * s, [2]time.Duration{4*s - 2*step, 20 * s}},
		"both cut":           {[]config.Instance{on("eth0", 3, 3, s)}, 9 * s, 9 * s, [2]time.Duration{2*s - step, 2*s - step}},
		"the shortest":       {[]config.Instance{on("eth0", 3, 5, s), on("eth0", 3, 2, s)}, 9 * s, s, [2]time.Duration{s - step, s}},
		"no advert to spare": {[]config.Instance{on("eth0", 3, 1, s)}, 9 * s, 8 * s, [2]time.Duration{}},
		"another interface":  {[]config.Instance{on("eth1", 3, 1, s)}, 9 * s, 8 * s, [2]time.Duration{9 * s, 8 * s}},
	} {
		c := &config.Config{Instances: tt.instances, InterfaceDelays: []config.InterfaceDelay{{Interface: "eth0", Down: 7, Up: 8}, {Interface: "eth0", Down: tt.down, Up: tt.up}}}
		want := []node.InterfaceDelay{{Interface: "eth0", Down: tt.want[0], Up: tt.want[1]}}
		if got := Node(c).Delays; !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, want %+v", name, got, want)
		}
	}
}

// TestDelaysOfOwn: what the adverts of an instance travel on is as slow as the
// interface below it, unless it has a line of its own.
func TestDelaysOfOwn(t *testing.T) {
	s := time.Second
	in := func(name string, vrid int, iface string) config.Instance {
		return config.Instance{
			Name: name, VRID: vrid, Interface: iface, Version: 3, Priority: 128, DownTimerAdverts: 3, AdvertInt: s,
			UseVMAC: &config.VMAC{Name: "own" + name},
		}
	}
	base := in("E", 5, "eth0")
	base.VMACXmitBase = true
	vlan := in("F", 6, "eth0")
	vlan.UseVMAC, vlan.UseIPVLAN = nil, &config.IPVLAN{Name: "ownF"}
	c := &config.Config{
		Instances: []config.Instance{in("A", 1, "eth0"), in("B", 2, "eth0"), in("C", 3, "eth1"), in("D", 4, "eth2"), base, vlan},
		InterfaceDelays: []config.InterfaceDelay{
			{Interface: "ownB", Down: 4}, {Interface: "eth0", Down: 9 * s, Up: 5 * s}, {Interface: "eth2", Down: s},
		},
	}
	cut := 2*s - s/256
	want := []node.InterfaceDelay{
		{Interface: "ownB", Down: 4},
		{Interface: "eth0", Down: cut, Up: 5 * s},
		{Interface: "eth2", Down: s},
		{Interface: "ownA", Down: cut, Up: 5 * s},
		{Interface: "ownD", Down: s},
		{Interface: "ownF", Down: cut, Up: 5 * s},
	}
	if got := Node(c).Delays; !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
