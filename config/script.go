package config

import "time"

// Script is a vrrp_script: one check, run by a program, by Lua or by a plugin.
type Script struct {
	// Name is what track_script calls it.
	Name    string   `key:"name" word:"-" required:"true" tier:"1"`
	At      Position `key:"-"`
	Written Keys     `key:"-"`
	// Argv is the program and its arguments. Exit status 0 is success. It is
	// run by itself, without a shell. keepalived takes one text, in double
	// quotes when there are arguments. Empty when lua is given.
	Argv []string `key:"script" form:"special" tier:"1"`
	// Lua is the path of a Lua file whose check function is called. In
	// keepalived.conf: script "lua:PATH", relative to the file that names it.
	Lua string `key:"lua" word:"-"`
	// Plugin is a check as real servers have them, with its connect_ip and
	// connect_port: the script succeeds when it does. Of its timers those of
	// the script count: interval, timeout, rise and fall. The check's
	// unknown_grace and on_unknown say what it comes to when its plugin gives
	// no result; left out they are three times interval and the timeout, at
	// least 4s, or longer if it was ended for its silence lately, and fail. In
	// keepalived.conf: check, with one check in its braces.
	Plugin *Check `key:"plugin" word:"check" form:"block" own:"true" tier:"3"`
	// Allow lists what the Lua script may do beyond reading. In
	// keepalived.conf: "lua:PATH allow=exec,write".
	Allow []string `key:"allow" word:"-" enum:"control,exec,listen,net,write"`
	// Args are handed to the Lua script as ctx.args: texts, numbers, and true
	// or false. In keepalived.conf: "lua:PATH NAME=VALUE".
	Args Args `key:"args" word:"-"`
	// Smoothing says how the weights that the Lua script measures count.
	Smoothing *Smoothing `key:"smoothing" form:"block" own:"true" tier:"3"`
	// User runs the program; the global script_user when left out. In
	// keepalived.conf the group may stand behind it.
	User string `key:"user" form:"special" inherits:"global script_user" tier:"1"`
	// Group runs the program; the user's own group when left out.
	Group string `key:"group" word:"-" inherits:"global script_group"`
	// Interval is the time from one start of the check to the next;
	// keepalived makes 1s of 0.
	Interval time.Duration `key:"interval" form:"special" default:"1s" range:"0s..24h" tier:"1"`
	// Timeout ends a run, which has then failed.
	Timeout time.Duration `key:"timeout" form:"special" inherits:"interval" range:"0s..24h" tier:"1"`
	// Rise is how many successes in a row make it up again.
	Rise int `key:"rise" default:"1" range:"1..1048576" unit:"runs" tier:"1"`
	// Fall is how many failures in a row make it down.
	Fall int `key:"fall" default:"1" range:"1..1048576" unit:"runs" tier:"1"`
	// Weight is added to the priority: a positive one while the check
	// succeeds, a negative one while it fails. With 0 a failure makes
	// instances FAULT.
	Weight int `key:"weight" form:"special" default:"0" range:"-254..254" unit:"weight" tier:"1"`
	// Reverse swaps success and failure. In keepalived.conf it stands behind
	// the weight.
	Reverse bool `key:"reverse" word:"-"`
	// InitFail takes the check as failed until it succeeds. keepalived 2.4.3
	// reads it and then forgets it for every script that is tracked.
	InitFail bool `key:"init_fail" form:"bare" tier:"2"`
}

// Program is a program to run, or a Lua file with a function to call.
type Program struct {
	At      Position `key:"-"`
	Written Keys     `key:"-"`
	// Argv is the program and its arguments; it is run without a shell. Empty
	// when lua is given.
	Argv []string `key:"script" tier:"1"`
	// Lua is the path of a Lua file; what it is for says which of its
	// functions is called. In keepalived.conf: "lua:PATH NAME=VALUE
	// allow=GRANT" in place of the program.
	Lua string `key:"lua" word:"-"`
	// Allow lists what the Lua file may do beyond reading.
	Allow []string `key:"allow" word:"-" enum:"control,exec,listen,net,write"`
	// Args are handed to the Lua function: texts, numbers, and true or false.
	Args Args `key:"args" word:"-"`
	// User runs it; the global script_user when left out.
	User string `key:"user" inherits:"global script_user" tier:"1"`
	// Group runs it; the user's own group when left out.
	Group string `key:"group" inherits:"global script_group" tier:"1"`
}

// Lua is a Lua file to call.
type Lua struct {
	At      Position `key:"-"`
	Written Keys     `key:"-"`
	// Path is the file's path.
	Path string `key:"path" required:"true"`
	// Allow lists what the file may do beyond reading.
	Allow []string `key:"allow" enum:"control,exec,listen,net,write"`
	// Args are handed to its functions as event.args: texts, numbers, and true
	// or false.
	Args Args `key:"args"`
}

// File returns the Lua file that stands in place of a program, nil when there
// is none.
func (p *Program) File() *Lua {
	if p == nil || p.Lua == "" {
		return nil
	}
	return &Lua{At: p.At, Written: p.Written, Path: p.Lua, Allow: p.Allow, Args: p.Args}
}

// ScriptLacks is what a check needs that is a vrrp_script's and not a real server's, and
// why; empty when it has all.
func (c *Check) ScriptLacks() (keyword, why string) {
	switch to := c.Target(); {
	case to == nil:
	case !to.ConnectIP.IsValid():
		return "connect_ip", "no real server gives it an address"
	case to.ConnectPort == 0 && c.Ping == nil:
		return "connect_port", "no real server gives it a port"
	}
	return "", ""
}
