package config

import (
	"fmt"
	"slices"
	"time"
)

// Smoothing says how a weight follows what is measured, so that what depends on
// it does not swing.
type Smoothing struct {
	At      Position `key:"-"`
	Written Keys     `key:"-"`
	// TimeConstant is that of an exponential average: after it a jump has come
	// through to 63 %, after three times it to 95 %.
	TimeConstant time.Duration `key:"time_constant" own:"true" range:"0s..24h" tier:"3"`
	// Min is the least weight; with max, which must be given too.
	Min int `key:"min" own:"true" range:"-65535..65535" unit:"weight" tier:"3"`
	// Max is the greatest weight.
	Max int `key:"max" own:"true" range:"-65535..65535" unit:"weight" tier:"3"`
	// Step is the least change that counts.
	Step int `key:"step" own:"true" default:"1" range:"1..65535" unit:"weight" tier:"3"`
	// SlowStart is how long the weight takes to rise to its full value after
	// a check was down. That of a real server is slow_start of its virtual
	// server.
	SlowStart time.Duration `key:"slow_start" own:"true" range:"0s..24h" tier:"3"`
}

// SmoothingFault says what is wrong with the smoothing of a script, and where;
// the text is empty when nothing is.
func (s *Script) SmoothingFault() (at Position, text string) {
	if s.Smoothing != nil && s.Lua == "" {
		return s.Written.At("smoothing", s.At), "goes with lua only: nothing else of a vrrp_script measures a weight"
	}
	return s.Smoothing.fault()
}

// SmoothingFault is that of a script for a real server.
func (r *RealServer) SmoothingFault() (at Position, text string) {
	switch s := r.Smoothing; {
	case s == nil:
		return Position{}, ""
	case r.WeightBy == nil && !slices.ContainsFunc(r.Checks, func(c Check) bool { return c.TellsWeight() }):
		return r.Written.At("smoothing", r.At), "smooths nothing: give weight_by, or a check that tells a weight (LUA_CHECK, AGENT_CHECK, a plugin, or MISC_CHECK with misc_dynamic or a Lua file)"
	case s.SlowStart != 0:
		return s.Written.At("slow_start", s.At), "has no slow_start for a real server: that is slow_start of its virtual server"
	}
	return r.Smoothing.fault()
}

// fault is what is wrong with the bounds, which are none when both are 0.
func (s *Smoothing) fault() (at Position, text string) {
	switch {
	case s == nil:
	case s.Written.Has("min") != s.Written.Has("max"):
		return s.At, "has one of min and max: they go together"
	case s.Written.Has("min") && s.Min >= s.Max:
		return s.Written.At("min", s.At), fmt.Sprintf("has a min of %d, which must be less than its max of %d", s.Min, s.Max)
	}
	return Position{}, ""
}

// TellsWeight reports whether a check may tell the weight of its server.
func (c *Check) TellsWeight() bool {
	return c.Lua != nil || c.Agent != nil || c.Plugin != nil || c.Misc != nil && (c.Misc.MiscDynamic || c.Misc.MiscPath.File() != nil)
}
