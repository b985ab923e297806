package lua

import (
	"os"
	"os/user"
	"strconv"
	"strings"

	lua "github.com/yuin/gopher-lua"
)

// maxListed is how many processes process.list returns.
const maxListed = 100

func processModule() Module {
	options := []Value{
		opt("name", "string", "the program's name, as ps -C and killall know it"),
		opt("cmdline", "string", "a part of the command line, its words joined by single spaces"),
		opt("exact", "string", "the whole command line, its words joined by single spaces"),
		opt("pidfile", "string", "a file that starts with the number of the process; without the file nothing runs"),
		opt("user", "string", "the name or number of the user that it runs as"),
		opt("older", "number", "runs for at least so long").in("s"),
		opt("younger", "number", "runs for less than that").in("s"),
	}
	accept := func(c call) { c.wantedProcess() }
	return Module{
		Name: "process",
		Doc: "Processes of this host. The conditions of a call hold together, and one must be given. A zombie does not run, and the daemon itself does not count. " +
			"All scripts share one table. Where the kernel tells the daemon of processes that start and end (to root in the first network and PID namespace), a call reads nothing but what changed since the last one, and what changed is found within 0.03 s. " +
			"Elsewhere the table is brought up to date when somebody asks and it is older than 0.2 s: any number of calls costs five looks a second. " +
			"What ended is never found later than 0.2 s after; what starts is found within 0.2 s, and a process that becomes another program more than 3 s after it started within 5 s. A process that changes its own command line is found by the new one within 5 s. " +
			"One that hangs so that its command line cannot be read is waited for once, for 0.25 s, and has the one that was known before, or none.",
		Functions: []Function{
			{Name: "running", Doc: "whether there is such a process", Options: options, Returns: []Value{ret("boolean", "whether")}, call: processRunning, accept: accept},
			{Name: "count", Doc: "how many such processes there are", Options: options, Returns: []Value{ret("integer", "how many")}, call: processCount, accept: accept},
			{Name: "list", Doc: "such processes, at most 100, in no order", Options: options, Returns: []Value{ret("process.Process[]", "the processes")}, call: processList, accept: accept},
		},
		Classes: []Class{{Name: "process.Process", Doc: "A process.", Fields: []Value{
			arg("pid", "integer", "its number"),
			arg("name", "string", "its name, of which the kernel keeps 15 characters"),
			arg("cmdline", "string", "its command line, its words joined by single spaces"),
			arg("user", "string", "whom it runs as; the number where the user has no name"),
			arg("age", "number", "how long it runs").in("s"),
		}}},
	}
}

func processRunning(c call) int { return c.push(lua.LBool(c.processes(1, nil) > 0)) }

func processCount(c call) int { return c.push(lua.LNumber(c.processes(1<<30, nil))) }

func processList(c call) int {
	list := c.l.NewTable()
	var found []process
	c.processes(maxListed, &found)
	for _, x := range found {
		c.s.meter.charge(c.l, costTable+5*costField+len(x.command))
		tb := c.l.NewTable()
		tb.RawSetString("pid", lua.LNumber(x.pid))
		tb.RawSetString("name", lua.LString(x.comm))
		name, age, err := c.s.opts.Host.Processes.details(c.s.meter.ctx, &x)
		if err != nil {
			c.s.meter.live(c.l)
			c.l.RaiseError("%s: %s", c.name, err.Error())
		}
		tb.RawSetString("cmdline", lua.LString(x.command))
		tb.RawSetString("user", lua.LString(name))
		tb.RawSetString("age", lua.LNumber(age.Seconds()))
		list.Append(tb)
	}
	return c.push(list)
}

// processes counts the processes that the options describe, limit of them at most,
// and adds them to found, unless that is nil.
func (c call) processes(limit int, found *[]process) int {
	w, pidfile := c.wantedProcess()
	if pidfile != "" {
		pid, ok := c.readPID(c.s.resolve(pidfile))
		if !ok {
			return 0
		}
		w.pid = pid
	}
	n, err := c.s.opts.Host.Processes.search(c.s.meter.ctx, &w, limit, found)
	if err != nil {
		c.s.meter.live(c.l)
		c.l.RaiseError("%s: %s", c.name, err.Error())
	}
	if found != nil {
		c.s.meter.charge(c.l, 64*n)
	}
	return n
}

// wantedProcess is what the options describe, and the pid file that it is to be found
// by; it raises an error when they describe nothing.
func (c call) wantedProcess() (w wantedProcess, pidfile string) {
	opts := c.options()
	w = wantedProcess{
		name: opts.text("name"), cmdline: opts.text("cmdline"), exact: opts.text("exact"), user: opts.text("user"),
		older: opts.seconds("older"), younger: opts.seconds("younger"),
	}
	pidfile = opts.text("pidfile")
	if w == (wantedProcess{}) && pidfile == "" {
		c.l.RaiseError("%s: say which: {name = ...}, {cmdline = ...}, {exact = ...}, {pidfile = ...}, {user = ...}, {older = ...} or {younger = ...}", c.name)
	}
	return w, pidfile
}

// readPID reads the number that a pid file starts with.
func (c call) readPID(path string) (int, bool) {
	file, err := c.open(path, os.O_RDONLY)
	if err != nil {
		return 0, false
	}
	defer file.Close()
	text := make([]byte, 64)
	n, err := file.Read(text)
	if err != nil {
		return 0, false
	}
	fields := strings.Fields(string(text[:n]))
	if len(fields) == 0 {
		return 0, false
	}
	pid, err := strconv.Atoi(fields[0])
	return pid, err == nil && pid > 0
}

func userName(uid int) string {
	u, err := user.LookupId(strconv.Itoa(uid))
	if err != nil {
		return ""
	}
	return u.Username
}
