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
	r.groupNeedsUser(t, "group", "user")
	if t.has("plugin") {
		for _, key := range [...]string{"user", "group"} {
			if t.has(key) && !t.has("lua") {
				r.error(t.place(key), "exclusive-keys", "%s: %s goes with a program; the account of a plugin is that of plugins", t.what, key)
			}
		}
		if t.has("script") || t.has("lua") {
			r.error(t.place("plugin"), "exclusive-keys", "%s: give script, lua or plugin, not two of them", t.what)
		}
		r.onlyWithLua(t)
	} else {
		r.programOrLua(t, "script, lua or plugin")
	}
	if s.Plugin != nil {
		r.scriptPlugin(t, s.Plugin)
	}
	if at, text := s.SmoothingFault(); text != "" {
		r.error(at, "bad-smoothing", "%s: smoothing %s", t.what, text)
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

// programOrLua reports a table that says neither or both of what it runs, and
// keys that go with the other one.
func (r *reader) programOrLua(t *table, either string) {
	r.onlyWithLua(t)
	switch {
	case t.has("script") && t.has("lua"):
		r.error(t.place("lua"), "exclusive-keys", "%s: give script or lua, not both", t.what)
	case !t.has("script") && !t.has("lua"):
		r.error(t.v.at, "missing-key", "%s needs what it runs: %s", t.what, either)
	}
}

// onlyWithLua reports keys that go with a Lua script only, and those that do
// not go with one.
func (r *reader) onlyWithLua(t *table) {
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
}

// scriptPlugin holds what goes for the check of a script: there is no real
// server that it could take an address from.
func (r *reader) scriptPlugin(t *table, c *config.Check) {
	at := t.value("plugin")
	switch keyword, why := c.ScriptLacks(); {
	case c.Kind() == "":
	case c.Target() == nil:
		r.error(at, "wrong-value", "%s: plugin cannot be %s: use script, lua, track_files or track_bfds", t.what, c.Kind())
	case keyword != "":
		r.error(at, "missing-key", "%s: plugin: %s needs a %s: %s", t.what, c.Kind(), keyword, why)
	}
}
