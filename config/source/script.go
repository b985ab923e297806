package source

import (
	"time"

	"github.com/moonkeep/moonkeep/config"
)

// shortestRun is the least interval and timeout of a script: below it the
// host would do little else.
const shortestRun = 10 * time.Millisecond

// checkScript looks at what the keys of one script mean together.
func (r *reader) checkScript(t *table, s *config.Script) {
	lua := t.has("lua")
	for _, key := range [...]string{"user", "group"} {
		if t.has(key) && lua {
			r.error(t.place(key), "exclusive-keys", "%s: %s goes with a program; a Lua script runs inside the daemon", t.what, key)
		}
	}
	for _, key := range [...]string{"allow", "args"} {
		if t.has(key) && !lua {
			r.error(t.place(key), "exclusive-keys", "%s: %s goes with lua only", t.what, key)
		}
	}
	r.groupNeedsUser(t, "group", "user")
	switch {
	case t.has("script") && lua:
		r.error(t.place("lua"), "exclusive-keys", "%s: give script or lua, not both", t.what)
	case !t.has("script") && !lua:
		r.error(t.v.at, "missing-key", "%s needs what it runs: script or lua", t.what)
	}
	for _, x := range [...]struct {
		key   string
		value time.Duration
	}{{"interval", s.Interval}, {"timeout", s.Timeout}} {
		if t.has(x.key) && x.value < shortestRun {
			r.error(t.value(x.key), "out-of-range", "%s: %s must be at least %v, not %v", t.what, x.key, shortestRun, x.value)
		}
	}
}
