package keepalived

import (
	"fmt"
	"runtime"
	"slices"
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

// manyInstances is a file of n instances; each of those in broken lacks its number.
func manyInstances(n int, broken ...int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "vrrp_instance VI_%d {\n    state BACKUP\n    interface e%d\n", i, i/250)
		if !slices.Contains(broken, i) {
			fmt.Fprintf(&b, "    virtual_router_id %d\n", i%250+1)
		}
		fmt.Fprintf(&b, "    priority %d\n    advert_int 1\n    virtual_ipaddress {\n        10.0.%d.%d/32\n    }\n}\n", i%200+1, i/250, i%250+1)
	}
	return b.String()
}

// TestManyInstances holds how much memory is taken to read what a reload reads: to
// get a new page of memory takes as long as to read three lines.
func TestManyInstances(t *testing.T) {
	const n, most = 1000, 4300 // octets an instance
	text := []byte(manyInstances(n))
	Read("f", text) // the language is learnt once
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	cfg, findings := Read("f", text)
	runtime.ReadMemStats(&after)
	if len(findings) > 0 || len(cfg.Instances) != n {
		t.Fatalf("%d instances, %v", len(cfg.Instances), findings)
	}
	if used := (after.TotalAlloc - before.TotalAlloc) / n; used > most {
		t.Errorf("%d octets were allocated for an instance, want at most %d", used, most)
	}
}

// TestInstancesBesideBroken holds that those which are left out leave the others as
// they are, and at their places.
func TestInstancesBesideBroken(t *testing.T) {
	broken := []int{0, 1, 5, 6, 9}
	cfg, findings := Read("f", []byte(manyInstances(10, broken...)))
	for _, f := range findings {
		if f.Name != "missing-keyword" {
			t.Errorf("%v", f)
		}
	}
	if len(findings) != len(broken) {
		t.Errorf("%d findings, want %d", len(findings), len(broken))
	}
	var got []string
	for i := range cfg.Instances {
		in := &cfg.Instances[i]
		got = append(got, fmt.Sprintf("%s %d %d %v", in.Name, in.VRID, in.Priority, in.Addresses[0].Prefix))
	}
	want := []string{"VI_2 3 3 10.0.0.3/32", "VI_3 4 4 10.0.0.4/32", "VI_4 5 5 10.0.0.5/32", "VI_7 8 8 10.0.0.8/32", "VI_8 9 9 10.0.0.9/32"}
	if !slices.Equal(got, want) {
		t.Errorf("instances %q, want %q", got, want)
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
