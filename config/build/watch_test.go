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
		"files":               {n.Files, []node.File{{Name: "f"}, {Name: "g"}}},
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
// wait for.
func TestDelays(t *testing.T) {
	s := time.Second
	on := func(iface string, version, priority, adverts int, interval time.Duration) config.Instance {
		return config.Instance{Interface: iface, Version: version, Priority: priority, DownTimerAdverts: adverts, AdvertInt: interval}
	}
	for name, tt := range map[string]struct {
		instances []config.Instance
		down      time.Duration // is asked for
		want      time.Duration
	}{
		"short enough":       {[]config.Instance{on("eth0", 3, 128, 3, s)}, s, s},
		"cut, version 3":     {[]config.Instance{on("eth0", 3, 128, 3, 2*s)}, 9 * s, 3 * s},
		"cut, version 2":     {[]config.Instance{on("eth0", 2, 128, 3, 2*s)}, 9 * s, 3500 * time.Millisecond},
		"the shortest":       {[]config.Instance{on("eth0", 3, 128, 5, s), on("eth0", 3, 128, 2, s)}, 9 * s, s / 2},
		"no advert to spare": {[]config.Instance{on("eth0", 3, 128, 1, s)}, 9 * s, 0},
		"another interface":  {[]config.Instance{on("eth1", 3, 128, 1, s)}, 9 * s, 9 * s},
	} {
		c := &config.Config{Instances: tt.instances, InterfaceDelays: []config.InterfaceDelay{{Interface: "eth0", Down: 7, Up: 8}, {Interface: "eth0", Down: tt.down, Up: 20 * s}}}
		want := []node.InterfaceDelay{{Interface: "eth0", Down: tt.want, Up: 20 * s}}
		if got := Node(c).Delays; !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %+v, want %+v", name, got, want)
		}
	}
}
