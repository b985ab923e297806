package http

import (
	"strings"
	"testing"

	"github.com/moonkeep/moonkeep/plugins/checker"
)

// TestHeavy: what may compute for long is left to goroutines, by which the process
// gets more than one processor.
func TestHeavy(t *testing.T) {
	target := serve(t, "127.0.0.1:0", says("HTTP/1.1 200 OK\r\n\r\n")).target(t)
	for _, test := range []struct {
		name    string
		options object
		heavy   bool
	}{
		{"status", path(object{"status_code": "200"}), false},
		{"digest", path(object{"digest": "aed563ecafb4bcc5654c597a421547b2"}), false},
		{"pattern", path(object{"regex": "x"}), true},
		{"JSON", path(object{"json_path": "$.a"}), true},
		{"HTTP/2", object{"http2": true, "urls": []any{object{"path": "/"}}}, true},
	} {
		c := New()
		ran := false
		others := c.Run([]checker.Turn{{Probe: prepare(t, c, target, test.options), Do: func() { ran = true }}})
		if heavy := len(others) == 1; heavy != test.heavy || ran == heavy {
			t.Errorf("%s: left to others %v, want %v; run %v", test.name, heavy, test.heavy, ran)
		}
	}
}

// TestPatternTime: that a pattern took too long is the end of a time, which a
// process that stood still meanwhile makes nothing of.
func TestPatternTime(t *testing.T) {
	target := serve(t, "127.0.0.1:0", says("HTTP/1.1 200 OK\r\n\r\n"+strings.Repeat("a", 5000)+"b")).target(t)
	r := probeOnce(t, prepare(t, New(), target, path(object{"regex": `^(a+)+\1$`})))
	if r.Verdict != checker.Failed || !r.TimedOut || !strings.Contains(r.Message, "the pattern took longer") {
		t.Errorf("came out as %+v", r)
	}
}
