package keepalived

import (
	"time"

	"github.com/moonkeep/moonkeep/config"
)

// globals are the words of global_defs that the instances inherit. Nil is
// what was not said.
type globals struct {
	config.Global
	version                   *int
	strict                    bool
	skipCheckAddr             *bool
	lowerNoAdvert, higherSend *bool
	checksumAsV2              bool
	minGarp                   *bool
	downTimer                 *int
	garpInterval              *time.Duration
	garp                      garp
}

// garp is the rhythm of announcements as far as it was said, globally or in
// one instance.
type garp struct {
	delay, refresh, lowerDelay         *time.Duration
	repeat, refreshRepeat, lowerRepeat *int
}

// resolve fills in what was not said: the instance, else global_defs, else
// keepalived's defaults; the lower priority burst follows the first one
// . Zero repeats are one.
func (g *garp) resolve(global *globals) config.Garp {
	repeat, delay := 5, 5*time.Second
	if or(global.minGarp, false) {
		repeat, delay = 1, 0
	}
	out := config.Garp{
		MasterDelay:         or(first(g.delay, global.garp.delay), delay),
		MasterRepeat:        or(first(g.repeat, global.garp.repeat), repeat),
		MasterRefresh:       or(first(g.refresh, global.garp.refresh), 0),
		MasterRefreshRepeat: or(first(g.refreshRepeat, global.garp.refreshRepeat), 1),
		Interval:            or(global.garpInterval, 0),
	}
	out.LowerPrioDelay = or(first(g.lowerDelay, global.garp.lowerDelay, g.delay), out.MasterDelay)
	out.LowerPrioRepeat = or(first(g.lowerRepeat, global.garp.lowerRepeat, g.repeat), out.MasterRepeat)
	for _, n := range []*int{&out.MasterRepeat, &out.MasterRefreshRepeat, &out.LowerPrioRepeat} {
		*n = max(*n, 1)
	}
	return out
}

// announce returns the garp that is being read.
func (r *reader) announce() *garp {
	if r.inst != nil {
		return &r.inst.garp
	}
	return &r.global.garp
}

func (r *reader) routerID(s *statement) { r.global.RouterID = plain(s.words[1].text) }

func (r *reader) scriptUser(s *statement) {
	r.global.ScriptUser, r.global.ScriptGroup = s.words[1].text, ""
	if len(s.words) > 2 {
		r.global.ScriptGroup = s.words[2].text
	}
}

// multicastGroup accepts the group of RFC 9568 and refuses others: adverts
// sent elsewhere than the author wrote would make every node a master.
func (r *reader) multicastGroup(s *statement) {
	if s.words[1].text != "224.0.0.18" {
		r.damaged = true
		r.out.error(s.words[1].at, "not-supported",
			"%s is supported with 224.0.0.18 only: peers on another group would not hear this node; remove it here and on the peers", s.words[0].text)
	}
}

func (r *reader) vrrpStrict(s *statement) {
	r.global.strict = true
	r.markStrict(s)
}

// markStrict remembers where strict mode was first asked for.
func (r *reader) markStrict(s *statement) {
	if r.strictAt == nil {
		at := s.at()
		r.strictAt = &at
	}
}
