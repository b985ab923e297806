package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/moonkeep/moonkeep/core/control"
)

func TestPrintUsage(t *testing.T) {
	u := control.Usage{Services: []control.ServiceUsage{
		{Name: "TCP 192.0.2.1:80", Scheduler: "wrr", Counters: control.Traffic{ConnectionRate: 5, Connections: 70, BytesIn: 2048, PacketsIn: 12345, PacketRateIn: 900}, Servers: []control.ServerUsage{
			{Name: "10.0.0.1:80", Weight: 0, Active: 2, Counters: control.Traffic{ConnectionRate: 1, Connections: 10}},
			{Name: "10.0.0.2:80", Weight: 3, Active: 1, Inactive: 9, Persistent: 6, Counters: control.Traffic{ConnectionRate: 4, Connections: 60, BytesOut: 5 << 30, PacketRateOut: 1000}},
		}},
		{Name: "fwmark 3", Scheduler: "rr", Counters: control.Traffic{ConnectionRate: 90}},
	}}
	tests := []struct {
		by      string
		colours bool
		want    string
	}{
		{"connections", false, `
SERVICE               WEIGHT  ACTIVE  INACTIVE  PERSIST  CONN/S  PKT/S IN  OUT   BYTE/S IN  OUT  CONNS  PKTS IN  OUT  BYTES IN  OUT
fwmark 3 rr                   0                          90      0         0     0          0    0      0        0    0         0
TCP 192.0.2.1:80 wrr          3                          5       900       0     0          0    70     12.3K    0    2.0K      0
  10.0.0.2:80         3       1       9         6        4       0         1.0K  0          0    60     0        0    0         5.0G
  10.0.0.1:80         0       2       0         0        1       0         0     0          0    10     0        0    0         0
`},
		{"active", true, `
{SERVICE               WEIGHT  ACTIVE  INACTIVE  PERSIST  CONN/S  PKT/S IN  OUT   BYTE/S IN  OUT  CONNS  PKTS IN  OUT  BYTES IN  OUT}
{TCP 192.0.2.1:80 wrr          3                          5       900       0     0          0    70     12.3K    0    2.0K      0}
<  10.0.0.1:80         0       2       0         0        1       0         0     0          0    10     0        0    0         0}
  10.0.0.2:80         3       1       9         6        4       0         1.0K  0          0    60     0        0    0         5.0G
{fwmark 3 rr                   0                          90      0         0     0          0    0      0        0    0         0}
`},
		{"packets", false, `
SERVICE               WEIGHT  ACTIVE  INACTIVE  PERSIST  CONN/S  PKT/S IN  OUT   BYTE/S IN  OUT  CONNS  PKTS IN  OUT  BYTES IN  OUT
TCP 192.0.2.1:80 wrr          3                          5       900       0     0          0    70     12.3K    0    2.0K      0
  10.0.0.2:80         3       1       9         6        4       0         1.0K  0          0    60     0        0    0         5.0G
  10.0.0.1:80         0       2       0         0        1       0         0     0          0    10     0        0    0         0
fwmark 3 rr                   0                          90      0         0     0          0    0      0        0    0         0
`},
	}
	for _, tt := range tests {
		var b strings.Builder
		printUsage(&b, &u, tt.by, tt.colours)
		got := strings.NewReplacer(bold, "{", magenta, "<", plain, "}").Replace(b.String())
		if diff := cmp.Diff(tt.want, "\n"+got); diff != "" {
			t.Errorf("by %s: %s", tt.by, diff)
		}
	}
}

// TestFit: a terminal shows the first lines, and how many are left out.
func TestFit(t *testing.T) {
	const text = bold + "head" + plain + "\none\ntwo\n1234567890\nend\n"
	for _, tt := range []struct {
		rows, columns int
		want          string
	}{
		{6, 80, text}, {60, 80, text}, {0, 0, text},
		{5, 80, bold + "head" + plain + "\none\ntwo\n2 more lines: --once prints all\n"},
		{4, 80, bold + "head" + plain + "\none\n3 more lines: --once prints all\n"},
		{6, 9, bold + "head" + plain + "\none\ntwo\n2 more lines: --once prints all\n"}, // one line takes two rows
		{7, 9, text}, {7, 10, text},
	} {
		if got := fit(text, tt.rows, tt.columns); got != tt.want {
			t.Errorf("%d rows of %d: %q, want %q", tt.rows, tt.columns, got, tt.want)
		}
	}
}
