package lua

import (
	"strings"
	"testing"
)

// What people expect to be there and did not require, or is not for scripts, is named by
// the error that says that something is nil; anything else is left as it is.
func TestHintsForWhatIsNotThere(t *testing.T) {
	for body, want := range map[string]string{
		`return exec.run{"true"}.status == 0`:           `s.lua:2: attempt to index a non-table object(nil) with key 'run': write local exec = require "exec" first`,
		`return mysql.status{}`:                         `with key 'status': write local mysql = require "client.mysql" first`,
		`local now = os.time() return now > 0`:          `with key 'time': there is no os here: the modules time and env have`,
		"\nlocal f = io.popen('ps')":                    `s.lua:3: attempt to index a non-table object(nil) with key 'popen': there is no io here`,
		`local c = coroutine.wrap(print)`:               `with key 'wrap': there is no coroutine here`,
		`return nobody.knows()`:                         `with key 'knows'`,
		`local ok, e = pcall(os.time) error(e or "x")`:  `with key 'time'`,
		`local file = require "file" return file.f.g()`: `with key 'g'`,
	} {
		_, err := says(t, body, Options{})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "first") != strings.Contains(want, "first") {
			t.Errorf("%s: %v, want %q", body, err, want)
		}
	}
	for topic, want := range map[string]string{"haproxy": "haproxy.backend", "dns": "dns.query"} {
		if got, ok := Help(topic); !ok || !strings.Contains(got, want) {
			t.Errorf("help %s: %q", topic, got)
		}
	}
}
