package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/moonkeep/moonkeep/core/control"
)

func TestPrintUsage(t *testing.T) {
	u := control.Usage{Services: []control.ServiceUsage{
		{Name: "TCP 192.0.2.1:80", Scheduler: "wrr", Counters: control.Traffic{ConnectionRate: 5, Connections: 70, BytesIn: 2048}, Servers: []control.ServerUsage{
			{Name: "10.0.0.1:80", Weight: 1, Active: 2, Counters: control.Traffic{ConnectionRate: 1, Connections: 10}},
			{Name: "10.0.0.2:80", Weight: 3, Active: 1, Inactive: 9, Counters: control.Traffic{ConnectionRate: 4, Connections: 60, BytesOut: 5 << 30}},
		}},
		{Name: "FWM 3", Scheduler: "rr", Counters: control.Traffic{ConnectionRate: 90}},
	}}
	tests := []struct{ by, want string }{
		{"connections", `
SERVICE               WEIGHT  ACTIVE  INACTIVE  CONN/S  IN/S  OUT/S  CONNS  IN    OUT
FWM 3 rr                      0                 90      0     0      0      0     0
TCP 192.0.2.1:80 wrr          3                 5       0     0      70     2.0K  0
  10.0.0.2:80         3       1       9         4       0     0      60     0     5.0G
  10.0.0.1:80         1       2       0         1       0     0      10     0     0
`},
		{"active", `
SERVICE               WEIGHT  ACTIVE  INACTIVE  CONN/S  IN/S  OUT/S  CONNS  IN    OUT
TCP 192.0.2.1:80 wrr          3                 5       0     0      70     2.0K  0
  10.0.0.1:80         1       2       0         1       0     0      10     0     0
  10.0.0.2:80         3       1       9         4       0     0      60     0     5.0G
FWM 3 rr                      0                 90      0     0      0      0     0
`},
	}
	for _, tt := range tests {
		var b strings.Builder
		printUsage(&b, &u, tt.by)
		if diff := cmp.Diff(tt.want, "\n"+b.String()); diff != "" {
			t.Errorf("by %s: %s", tt.by, diff)
		}
	}
}
