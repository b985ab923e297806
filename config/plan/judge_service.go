package plan

import (
	"slices"
	"strings"

	"github.com/moonkeep/moonkeep/config/schema"
)

// judgeService judges a change of a virtual server.
func judgeService(out *Item, c *schema.Change) {
	path := strings.Split(key(c), ".")
	last := path[len(path)-1]
	switch {
	case key(c) == "" && out.What == "removed":
		out.Effect, out.Why = Interrupts, "it is not balanced any more, and its checks end; its real servers and its quorum are told to be down if they were up"
	case key(c) == "":
		out.Effect, out.Why = Nothing, "it is balanced at once, and a quorum that it has from the start is told; a real server works until a check fails, with alpha from its first success on"
	case slices.Contains(path, "checks"):
		judgeCheck(out, c)
	case key(c) == "real_servers" && out.What == "removed":
		out.Effect, out.Why = Interrupts, "it gets nothing any more, and is told to be down if it was up; the quorum is worked out anew"
	case key(c) == "real_servers" && out.What == "added":
		out.Effect, out.Why = Nothing, "it works until a check fails, with alpha from its first success on; with rs_init_notifies that is told"
	case timing(last):
		out.Effect, out.Why = Nothing, "checks that inherit it keep their states and stay spread over the interval"
	case last == "weight" || last == "quorum" || last == "hysteresis":
		out.Effect, out.Why = Shifts, "the quorum is worked out anew, and told if it is won or lost by that"
	case scheduling(last):
		out.Effect, out.Why = Shifts, "it takes effect at once: where new clients go may change, and the states of real servers stay"
	case told(path) || last == "smtp_alert" || last == "omega":
		out.Effect, out.Why = Nothing, "the next change is told so"
	case last == "ha_suspend":
		out.Effect, out.Why = Nothing, "its checks rest, or run, as its address is here"
	default:
		out.Effect, out.Why = Nothing, "it takes effect at once; the states of real servers stay"
	}
}

// judgeCheck judges a change of a check. Checks have no names: one that differs
// in anything is one less and one more.
func judgeCheck(out *Item, c *schema.Change) {
	was, is := checksOf(c)
	switch {
	case out.What == "removed" && is < was:
		out.Effect, out.Why = Shifts, "it is not made any more, and its real server is up if its other checks are"
	case out.What == "removed":
		out.Effect, out.Why = Nothing, "another takes its place"
	case out.What == "added" && is > was:
		out.Effect, out.Why = Nothing, "it is up until it fails, with alpha down until it succeeds"
	case out.What == "added":
		out.Effect, out.Why = Nothing, "it takes over the state of the one whose place it takes: for good if only its timing differs, else until its first result, which decides alone"
	default:
		out.Effect, out.Why = Nothing, "it keeps its state"
	}
}

// checksOf are how many checks the real server of a change had and has.
func checksOf(c *schema.Change) (was, is int) {
	for _, p := range c.Blocks {
		if p.Field == nil || p.Field.Key != "real_servers" || !p.Old.IsValid() || !p.New.IsValid() {
			continue
		}
		was, is = p.Old.FieldByName("Checks").Len(), p.New.FieldByName("Checks").Len()
	}
	return was, is
}

// timing reports whether a key says when a check runs and what it takes, and
// not what it is.
func timing(key string) bool {
	return slices.Contains([]string{
		"delay_loop", "retry", "delay_before_retry", "warmup", "alpha", "log_all_failures", "connect_timeout", "misc_timeout", "timeout",
		"rise", "fall", "fast_interval", "on_unknown", "unknown_grace",
	}, key)
}

// scheduling reports whether a key says to which of the real servers that work clients go.
func scheduling(key string) bool {
	return slices.Contains([]string{
		"lb_algo", "persistence_timeout", "persistence_granularity", "persistence_engine", "ops", "flag-1", "flag-2", "flag-3",
		"sh-port", "sh-fallback", "mh-port", "mh-fallback", "panic_threshold", "slow_start", "uthreshold", "lthreshold",
	}, key)
}

// told reports whether a key below says what is told.
func told(path []string) bool {
	return slices.ContainsFunc(path, func(k string) bool { return strings.HasPrefix(k, "notify") || strings.HasPrefix(k, "quorum_") })
}
