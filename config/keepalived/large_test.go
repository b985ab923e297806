package keepalived

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// largeText is a file with virtual servers of sixteen real servers, each with
// a check: as large sites have.
func largeText(servers int) string {
	var b strings.Builder
	b.WriteString(instanceText(oneAddress) + "\n")
	for i := range servers {
		if i%16 == 0 {
			fmt.Fprintf(&b, "virtual_server 10.%d.%d.%d 80 {\n  delay_loop 10\n  lb_algo wrr\n  lb_kind NAT\n  protocol TCP\n", i>>20&255, i>>12&255, i>>4&255)
		}
		fmt.Fprintf(&b, "  real_server 172.%d.%d.%d 80 {\n    weight 1\n    HTTP_GET {\n      url {\n        path /health\n        status_code 200\n      }\n"+
			"      connect_timeout 3\n      retry 1\n      delay_before_retry 1\n    }\n  }\n", i>>16, i>>8&255, i&255)
		if i%16 == 15 || i == servers-1 {
			b.WriteString("}\n")
		}
	}
	return b.String()
}

// TestLargeFile holds that nothing is lost of a large file, and how much
// memory it takes.
func TestLargeFile(t *testing.T) {
	const servers, most = 37_000, 160 << 20
	text := []byte(largeText(servers))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	cfg, findings := Read("f", text)
	runtime.ReadMemStats(&after)
	if others := unlike(findings, "not-acted-on"); len(others) > 0 {
		t.Fatal(others)
	}
	n := 0
	for i := range cfg.VirtualServers {
		for k := range cfg.VirtualServers[i].RealServers {
			r := &cfg.VirtualServers[i].RealServers[k]
			if *r.Weight != 1 || len(r.Checks) != 1 || r.Checks[0].HTTP.URLs[0].Path != "/health" || !r.Checks[0].HTTP.Written.Has("retry") {
				t.Fatalf("real server %d: %+v", n, r)
			}
			n++
		}
	}
	if n != servers {
		t.Errorf("%d real servers, want %d", n, servers)
	}
	if used := after.TotalAlloc - before.TotalAlloc; used > most {
		t.Errorf("%d MiB were allocated for %d MiB of text, want at most %d", used>>20, len(text)>>20, most>>20)
	}
}

func BenchmarkLargeFile(b *testing.B) {
	text := []byte(largeText(37_000))
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		Read("f", text)
	}
}
