package metrics

import (
	"bytes"
	"fmt"
	"runtime"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/moonkeep/moonkeep/core/control"
)

// TestEscapes: whatever a name is, whoever reads the text gets it as it was, but for
// what is no UTF-8.
func TestEscapes(t *testing.T) {
	for name, want := range map[string]string{"a\"b": "a\"b", "a\\n": "a\\n", "a\nb\\": "a\nb\\", "é ": "é ", "a\xffb": "a\uFFFDb", "\"\xff": "\"\uFFFD", "": ""} {
		c := newCollection()
		c.put("x_total", "What it is.", counter, 1, "service", name, "at", "b")
		text := c.text()
		parser := expfmt.NewTextParser(model.LegacyValidation)
		families, err := parser.TextToMetricFamilies(bytes.NewReader(text))
		if err != nil {
			t.Errorf("%q: %v", name, err)
			continue
		}
		if got := families["x_total"].GetMetric()[0].GetLabel()[1].GetValue(); got != want {
			t.Errorf("%q was read as %q", name, got)
		}
	}
}

// many is a director with so many real servers, ten to a service.
func many(servers int) *fixed {
	f := &fixed{}
	for i := range servers / 10 {
		v := control.Service{Name: fmt.Sprintf("TCP 10.9.%d.%d:80", i/250, i%250+1), HasQuorum: true}
		u := control.ServiceUsage{Name: v.Name}
		for k := range 10 {
			name := fmt.Sprintf("10.32.%d.%d:80", i/25, i%25*10+k)
			v.Servers = append(v.Servers, control.RealServer{Name: name, State: "up", Weight: 1, Checks: []control.Check{{Kind: "TCP_CHECK", State: "up", Took: 0.001234}}})
			u.Servers = append(u.Servers, control.ServerUsage{Name: name, Counters: control.Traffic{Connections: 123456, PacketsIn: 1 << 30, BytesIn: 1 << 40}})
		}
		f.status.Services, f.usage.Services = append(f.status.Services, v), append(f.usage.Services, u)
	}
	return f
}

// TestMemory: the text of thousands of real servers takes a few times its own length while
// it is written, half of that in pieces and at the end: a scrape is not to cost a director
// its memory.
func TestMemory(t *testing.T) {
	f := many(2000)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	text, err := Text(t.Context(), f)
	runtime.ReadMemStats(&after)
	if err != nil {
		t.Fatal(err)
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > 6*uint64(len(text)) {
		t.Errorf("%d octets took %d", len(text), took)
	}
	if n := bytes.Count(text, []byte("\nmoonkeep_check_up{")); n != 2000 {
		t.Errorf("%d checks", n)
	}
}

// BenchmarkText is what a scrape costs with 37,000 real servers.
func BenchmarkText(b *testing.B) {
	f := many(37_000)
	b.ReportAllocs()
	for b.Loop() {
		text, err := Text(b.Context(), f)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(len(text))/(1<<20), "MiB")
	}
}
