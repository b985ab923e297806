package daemon

import (
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/lua"
)

// scriptGrace is for how many intervals the last result of a vrrp_script stands
// when there is none.
const scriptGrace = 3

// pluginRestart is for how long it does at least when a plugin gives the results,
// after the time in which a plugin that hangs is seen: then it runs again.
const pluginRestart = 2 * time.Second

// graceOf is for how long the last result of a script stands when there is none, and
// what it comes to then: keep, fail or ok. A check of a plugin may say it; a plugin that
// gives no sign of life for silence is ended.
func graceOf(s *config.Script, silence time.Duration) (grace time.Duration, onUnknown string) {
	grace, onUnknown = scriptGrace*s.Interval+s.Timeout, "fail"
	if s.Plugin == nil {
		return grace, onUnknown
	}
	grace = max(grace, silence+pluginRestart)
	t := s.Plugin.Timers(&config.VirtualServer{Patience: config.Patience{OnUnknown: onUnknown, UnknownGrace: &grace}}, &config.RealServer{})
	return t.UnknownGrace, t.OnUnknown
}

// scriptVerdict is one with its time, put off by what the daemon stood still since.
type scriptVerdict struct {
	node.Checked
	at time.Time
}

// inherit takes the last verdicts of the configuration before: of scripts that check
// the same. A reload is no reason to have none.
func (x *checks) inherit(before *checks) {
	if before == nil {
		return
	}
	before.mu.Lock()
	defer before.mu.Unlock()
	for name, last := range before.verdicts {
		old, s := before.scripts[name], x.scripts[name]
		if old == nil || s == nil || !sameScript(old, s) || before.probes.identity(name) != x.probes.identity(name) {
			continue
		}
		x.verdicts[name] = last
	}
}

// sameScript reports whether two scripts run the same as the same user; of those that
// a plugin checks, whether both are.
func sameScript(a, b *config.Script) bool {
	return a.Lua == b.Lua && slices.Equal(a.Argv, b.Argv) && slices.Equal(a.Allow, b.Allow) && maps.Equal(a.Args, b.Args) &&
		a.User == b.User && a.Group == b.Group && (a.Plugin == nil) == (b.Plugin == nil)
}

// stoodStill reports whether what had a time limit took so much longer that the
// daemon itself was stopped or starved meanwhile: then the end of its time says
// nothing about what it asked for.
func stoodStill(took, limit time.Duration) bool {
	return took > limit+limit/2+100*time.Millisecond
}

// stoodFor is for how long that was; zero when it was not.
func stoodFor(took, limit time.Duration) time.Duration {
	if !stoodStill(took, limit) {
		return 0
	}
	return took - limit
}

// stood is the result of a script that ran in the daemon or was run by it. Bad ones
// are none when it stood still meanwhile.
func (x *checks) stood(s *config.Script, out node.Checked, bad bool) node.Checked {
	still := stoodFor(out.Took, s.Timeout)
	return x.standing(s, out, bad && still > 0, still)
}

// luaStood is the result of a Lua script. One that was not run, because too many calls
// of others are stuck, has none: the one before stands for a while, and no longer, for
// what it looks at may fail meanwhile.
func (x *checks) luaStood(s *config.Script, out node.Checked, err error) node.Checked {
	stuck := errors.Is(err, lua.ErrStuck)
	x.mu.Lock()
	news := stuck && !x.notRun[s.Name]
	if x.notRun == nil {
		x.notRun = map[string]bool{}
	}
	x.notRun[s.Name] = stuck
	x.mu.Unlock()
	if !stuck {
		return x.stood(s, out, out.Result != node.OK)
	}
	if news {
		grace, _ := graceOf(s, 0)
		x.edges.log.Warn("script is not run: too many calls of Lua scripts are stuck; its last result stands for a while", "script", s.Name, "error", err, "for", grace)
	}
	return x.standing(s, out, true, 0)
}

// standing is a result, or when it is none the one before for a while. That did not
// grow older while the daemon stood still, which is still; it did by the time that
// a run may take: where each is starved, they count in the end.
func (x *checks) standing(s *config.Script, out node.Checked, none bool, still time.Duration) node.Checked {
	now := time.Now()
	x.mu.Lock()
	defer x.mu.Unlock()
	if !none {
		x.verdicts[s.Name] = scriptVerdict{out, now}
		return out
	}
	why := out.Message
	if why == "" { // as of a program that wrote nothing
		why = out.Result.String()
	}
	grace, onUnknown := graceOf(s, x.probes.silence(s.Name))
	last, ok := x.verdicts[s.Name]
	if last.at = last.at.Add(still); ok {
		x.verdicts[s.Name] = last
	}
	switch late := ok && now.Sub(last.at) > grace; {
	case (!ok || late) && onUnknown == "ok":
		return node.Checked{Result: node.OK, Message: "ok by on_unknown, for there is no result: " + why, Took: out.Took, NoRun: true}
	case !ok || late && onUnknown != "keep":
		return out
	}
	last.Message = "as before, for there is no result: " + why
	// The weight before may be that of what a reload has replaced since.
	last.Took, last.NoRun, last.Weight, last.Unmeasured = out.Took, true, nil, false
	return last.Checked
}
