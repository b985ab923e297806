//go:build linux

package lab

import (
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/kernel/netnstest"
)

// saveCapture writes frames as a pcap file of Ethernet.
func saveCapture(t *testing.T, frames [][]byte) string {
	t.Helper()
	order := binary.LittleEndian
	b := order.AppendUint32(nil, 0xa1b2c3d4)
	b = order.AppendUint16(b, 2)
	b = order.AppendUint16(b, 4)
	for _, v := range []uint32{0, 0, 65535, 1} {
		b = order.AppendUint32(b, v)
	}
	for i, f := range frames {
		for _, v := range []uint32{uint32(i), 0, uint32(len(f)), uint32(len(f))} {
			b = order.AppendUint32(b, v)
		}
		b = append(b, f...)
	}
	path := filepath.Join(t.TempDir(), "frames.pcap")
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// dissect returns what tshark makes of the frames that match filter, a line of
// fields each.
func dissect(t *testing.T, file, filter string, options, fields []string) []string {
	t.Helper()
	args := []string{"-n", "-r", file, "-Y", filter, "-T", "fields", "-E", "separator=|", "-o", "ip.check_checksum:TRUE"}
	for _, f := range fields {
		args = append(args, "-e", f)
	}
	cmd := exec.Command("tshark", append(args, options...)...)
	// Without a home of its own it reads the preferences of whoever runs the
	// test.
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir(), "XDG_CONFIG_HOME="+t.TempDir())
	var complaints strings.Builder
	cmd.Stderr = &complaints
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("tshark: %v\n%s", err, complaints.String())
	}
	var lines []string
	for line := range strings.Lines(string(out)) {
		lines = append(lines, strings.TrimSpace(line))
	}
	return lines
}

// All adverts and gratuitous ARPs of a life, from the election to the orderly
// stop, as tshark sees them: an implementation that shares nothing with ours.
func TestDissector(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("tshark"); err != nil {
		t.Skip("needs tshark: (Debian: apt-get install tshark)")
	}
	const (
		frame  = "01:00:5e:00:00:12|192.0.2.11|224.0.0.18|255|0xc0|1|"
		asV2   = "vrrp.v3_checksum_as_in_v2:TRUE"
		pseudo = "vrrp.v3_checksum_as_in_v2:FALSE"
	)
	tests := []struct {
		name, text string
		interval   time.Duration
		// good is the preference under which tshark finds the checksum right,
		// bad one under which it must not.
		good, bad string
		// advert is the line of an advert; %d is the priority.
		advert string
	}{
		{"v2", "version 2\n\tadvert_int 1", v2pass.interval, pseudo, "", frame + "2|1|51|%d|2|192.0.2.100,192.0.2.101|1|0|1|||"},
		{"v2 PASS", v2pass.text, v2pass.interval, pseudo, "", frame + "2|1|51|%d|2|192.0.2.100,192.0.2.101|1|1|1||secret|"},
		{"v3", v3.text, v3.interval, pseudo, asV2, frame + "3|1|51|%d|2|192.0.2.100,192.0.2.101|1|||10||"},
		{"v3 checksum as v2", v3.text + "\n\tv3_checksum_as_v2", v3.interval, asV2, pseudo, frame + "3|1|51|%d|2|192.0.2.100,192.0.2.101|1|||10||"},
	}
	fields := []string{
		"eth.dst", "ip.src", "ip.dst", "ip.ttl", "ip.dsfield", "ip.checksum.status",
		"vrrp.version", "vrrp.type", "vrrp.virt_rtr_id", "vrrp.prio", "vrrp.addr_count", "vrrp.ip_addr",
		"vrrp.checksum.status", "vrrp.auth_type", "vrrp.adver_int", "vrrp.short_adver_int", "vrrp.auth_string",
		"_ws.expert.message",
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			file := saveCapture(t, life(t, tt.text, tt.interval))
			lines := dissect(t, file, "vrrp", []string{"-o", tt.good}, fields)
			alive, last := fmt.Sprintf(tt.advert, 150), fmt.Sprintf(tt.advert, 0)
			if len(lines) < 3 || lines[len(lines)-1] != last {
				t.Errorf("%d adverts, the last one is\n%q, want\n%q", len(lines), lines[max(0, len(lines)-1):], last)
			}
			for _, line := range lines[:max(0, len(lines)-1)] {
				if line != alive {
					t.Errorf("advert\n%q, want\n%q", line, alive)
				}
			}
			if tt.bad != "" {
				want := make([]string, len(lines))
				for i := range want {
					want[i] = "0|Bad checksum [should be"
				}
				got := dissect(t, file, "vrrp", []string{"-o", tt.bad}, []string{"vrrp.checksum.status", "_ws.expert.message"})
				for i := range got {
					got[i], _, _ = strings.Cut(got[i], " 0x")
				}
				if !slices.Equal(got, want) {
					t.Errorf("with the other form of checksum tshark says %q, want %q", got, want)
				}
			}
			arps := dissect(t, file, "arp.isgratuitous == 1", nil, []string{"eth.dst", "arp.opcode", "arp.src.proto_ipv4", "arp.dst.proto_ipv4", "_ws.expert.message"})
			for _, vip := range []string{"192.0.2.100", "192.0.2.101"} {
				want := fmt.Sprintf("ff:ff:ff:ff:ff:ff|1|%s|%s|", vip, vip)
				if n := len(slices.DeleteFunc(slices.Clone(arps), func(s string) bool { return s != want })); n < 5 {
					t.Errorf("%d gratuitous ARPs for %s, want 5 or more: %q", n, vip, arps)
				}
			}
		})
	}
}

// life runs one moonkeep from its start until two intervals after the
// election, stops it in order, and returns what the client's interface received.
func life(t *testing.T, text string, interval time.Duration) [][]byte {
	t.Helper()
	conf := fmt.Sprintf(`
vrrp_instance VI_1 {
	interface eth0
	virtual_router_id 51
	priority 150
	%s
	virtual_ipaddress {
		192.0.2.100/24
		192.0.2.101/24
	}
}
`, text)
	plan := planOf(t, conf)
	// The client's own traffic would only fill the capture.
	l, _ := prepare(t, Options{Plan: plan, Daemons: moonkeeps(t, plan), Probe: 50 * ms})
	host := &netnstest.Host{NS: l.client.ns, Link: l.client.conn}
	const everything = 3 // ETH_P_ALL
	capture := host.Capture(t, "eth0", everything)
	var frames [][]byte
	collect := func(d time.Duration) {
		for end := time.Now().Add(d); time.Now().Before(end); {
			if f := capture.Next(t, time.Until(end)); f != nil {
				frames = append(frames, slices.Clone(f))
			}
		}
	}
	if err := l.Boot(); err != nil {
		t.Fatal(err)
	}
	perform(t, l, "await a VI_1")
	collect(5 * interval / 2)
	perform(t, l, "stop a")
	collect(100 * ms)
	return frames
}
