package config

import "time"

// LuaCheck is a LUA_CHECK: the check function of a Lua file, which runs in the
// daemon. Its ctx.server and ctx.service are the addresses of the real and of
// the virtual server; what it returns may set the real server's weight.
type LuaCheck struct {
	At      Position `key:"-"`
	Written Keys     `key:"-"`
	// The file's path.
	Path string `key:"path" own:"true" required:"true" tier:"1"`
	// What the file may do beyond reading.
	Allow []string `key:"allow" form:"words" own:"true" enum:"control,exec,listen,net,write" tier:"1"`
	// What is handed to it as ctx.args. In keepalived.conf a line for each:
	// arg NAME VALUE.
	Args Args `key:"args" word:"arg" form:"special" own:"true" tier:"2"`
	// Measures is for a weight_by: the weight function is called in place of
	// check, and no failure of it counts.
	Measures bool `key:"-"`
	// How long a run may take.
	Timeout *time.Duration `key:"timeout" own:"true" range:"1ms..24h" inherits:"the real server's connect_timeout" tier:"1"`
	Timing
}

// GRPCCheck is a GRPC_HEALTH: it succeeds when the health service of gRPC
// (grpc.health.v1) answers SERVING.
type GRPCCheck struct {
	At      Position `key:"-"`
	Written Keys     `key:"-"`
	// The service that is asked about; the server as a whole when left out.
	Service string `key:"service" own:"true" tier:"1"`
	// The name of the host that is asked for.
	Authority string `key:"authority" own:"true" inherits:"the real server's virtualhost, else its address" tier:"2"`
	// It connects by TLS.
	UseTLS bool `key:"tls" own:"true" tier:"1"`
	TLS
	Target
	Timing
}

// AgentCheck is an AGENT_CHECK: it reads a line from an agent on the server, in
// the protocol of HAProxy. The words up, ready, down, fail, failed, stopped,
// maint and drain set its state, and N% its weight as a part of the configured
// one.
type AgentCheck struct {
	At      Position `key:"-"`
	Written Keys     `key:"-"`
	// What is sent to the agent first; the end of the line goes with it.
	Send string `key:"send" own:"true" tier:"2"`
	Target
	Timing
}

// PluginCheck is a check by a plugin of a third party.
type PluginCheck struct {
	At      Position `key:"-"`
	Written Keys     `key:"-"`
	// The plugin, by its name in plugins, or by the name of a file in the
	// global plugin_directory. A name of one of moonkeep's own checks needs a path in
	// plugins, and then stands for all checks of that kind.
	Name string `key:"name" own:"true" required:"true" tier:"1"`
	// The options of the check, as the plugin calls them. In keepalived.conf a
	// line for each: option NAME VALUE.
	Options map[string]string `key:"options" word:"option" form:"special" own:"true" tier:"1"`
	Target
	Timing
}

// Plugin says how the processes of one kind of check run. Those of moonkeep's
// own checks need no such block.
type Plugin struct {
	// Name is the kind: HTTP_GET and the like, or what the name of a plugin
	// check refers to.
	Name    string   `key:"name" own:"true" required:"true" tier:"1"`
	At      Position `key:"-"`
	Written Keys     `key:"-"`
	// Path is the file of the program; NAME in the global plugin_directory
	// when left out.
	Path string `key:"path" own:"true" tier:"1"`
	// SHA256 is the sum that the file must have, in hexadecimal. One that has
	// another is not started.
	SHA256 SHA256 `key:"sha256" own:"true" tier:"2"`
	// User runs it.
	User string `key:"user" form:"special" own:"true" inherits:"global plugin_user, else nobody" tier:"2"`
	// Group runs it. In keepalived.conf it stands behind the user.
	Group string `key:"group" word:"-" inherits:"the user's group"`
	// Memory is how much of it a process may take, in MiB. Where neither it nor
	// open_files is written, both grow with the number of checks of the kind. Of
	// MISC_CHECK it has no effect: its programs would have the limit, too.
	Memory int `key:"memory" own:"true" range:"8..1048576" unit:"MiB" default:"256" tier:"3"`
	// OpenFiles is how many files and connections a process may have open. When all
	// servers are silent each check holds one. Of MISC_CHECK its programs have the
	// limit, too, or the daemon's where it is not written.
	OpenFiles int `key:"open_files" own:"true" range:"16..1048576" unit:"files" default:"16384" tier:"3"`
	// Processes is how many processes it may start beside itself; 0 is none. The kernel
	// counts all of its user, and the limit is 1024 above that; in a container there is none.
	Processes int `key:"processes" own:"true" range:"0..65536" unit:"processes" tier:"3"`
	// Allow are capabilities that it gets. It has none by default.
	Allow []string `key:"allow" form:"words" own:"true" enum:"net_raw,net_admin,net_bind_service" tier:"3"`
}
