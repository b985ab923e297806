package keepalived

import (
	"reflect"
	"testing"

	"github.com/moonkeep/moonkeep/config"
)

// TestBFD: how sessions and what tracks them are read together.
func TestBFD(t *testing.T) {
	file := func(sessions, tracks string) string {
		return sessions + "\nvrrp_instance A {\ninterface eth0\nvirtual_router_id 1\nvirtual_ipaddress {\n10.0.0.1\n}\n" + tracks + "\n}\n"
	}
	tests := []struct {
		name, text string
		findings   []string
		tracks     []config.Track // without place
	}{
		{"the session's weight", file("bfd_instance s {\nneighbor_ip 10.0.0.3\nweight -20 reverse\n}", "track_bfd {\ns\n}"), nil,
			[]config.Track{{Name: "s", Weight: -20, Reverse: true}}},
		{"a weight of its own", file("bfd_instance s {\nneighbor_ip 10.0.0.3\nweight -20 reverse\n}", "track_bfd {\ns weight 30 noreverse\n}"), nil,
			[]config.Track{{Name: "s", Weight: 30}}},
		{"no such session", file("", "track_bfd {\ns\n}"), []string{"warning unknown-bfd"}, nil},
		{"two with one neighbor", file("bfd_instance s {\nneighbor_ip 10.0.0.3\n}\nbfd_instance u {\nneighbor_ip 10.0.0.3\n}", ""), []string{"warning bad-session"}, nil},
		{"two ways to one neighbor", file("bfd_instance s {\nneighbor_ip 10.0.0.3\n}\nbfd_instance u {\nneighbor_ip 10.0.0.3\nmultihop\n}", ""), nil, nil},
		{"two families", file("bfd_instance s {\nneighbor_ip 10.0.0.3\nsource_ip 2001:db8::1\n}", ""), []string{"warning bad-session"}, nil},
		{"no interface", file("bfd_instance s {\nneighbor_ip fe80::1\n}", ""), []string{"warning bad-session"}, nil},
		{"an interface", file("bfd_instance s {\nneighbor_ip fe80::1%eth0\n}", ""), nil, nil},
		{"no neighbor", file("bfd_instance s {\nmin_rx 10\n}", ""), []string{"warning missing-keyword"}, nil},
	}
	for _, tt := range tests {
		cfg, findings := Read("a.conf", []byte(tt.text))
		var said []string
		for _, f := range findings {
			said = append(said, f.Severity.String()+" "+f.Name)
		}
		if !reflect.DeepEqual(said, tt.findings) {
			t.Errorf("%s: got %v, want %v", tt.name, findings, tt.findings)
		}
		if tt.tracks == nil {
			continue
		}
		var tracks []config.Track
		for _, x := range cfg.Instances[0].TrackBFDs {
			tracks = append(tracks, config.Track{Name: x.Name, Weight: x.Weight, Reverse: x.Reverse})
		}
		if !reflect.DeepEqual(tracks, tt.tracks) {
			t.Errorf("%s: tracks %+v, want %+v", tt.name, tracks, tt.tracks)
		}
	}
}
