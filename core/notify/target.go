package notify

import (
	"cmp"
	"strconv"
	"strings"

	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/core/program"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

// Key names an instance, a sync group, a virtual server, or a real server of
// one; these may share a name.
type Key struct {
	Group bool
	// Service says that Name is a virtual server's, and Server names the real
	// server; empty for the virtual server itself.
	Service bool
	Name    string
	Server  string
}

// String is as keepalived's arguments have it: INSTANCE VI_1.
func (k Key) String() string {
	if k.Server != "" {
		return k.kind() + " " + k.Server + " of " + k.Name
	}
	return k.kind() + " " + k.Name
}

func (k Key) kind() string {
	switch {
	case k.Server != "":
		return "RS"
	case k.Service:
		return "VS"
	case k.Group:
		return "GROUP"
	}
	return "INSTANCE"
}

// keyOf returns whose change c is.
func keyOf(c node.Change) Key {
	return Key{Group: c.Group, Service: c.Occasion.OfService(), Name: c.Name, Server: c.ServerName}
}

// Target is what is told about one instance or group. Nil fields tell nobody.
// A Target handed to a Notifier, and what it points to, must not be changed
// any more.
type Target struct {
	// Master, Backup, Fault and Stop are the programs of the states.
	Master, Backup, Fault, Stop *Program
	// Any is called at each change, with four arguments appended.
	Any *Program
	// Deleted is run, beside Any, for a change that is told as DELETED.
	Deleted *Program
	// Lower is run each time that a master hears one of lower priority.
	Lower *Program
	// Up and Down are those of a virtual or a real server.
	Up, Down *Program
	// Mail mails each change of role, or of a server.
	Mail bool
	// Members are the instances of a group, whose programs are waited for
	// before the group's are run.
	Members []string
	// Lua is called at each change.
	Lua *Lua
	// NoPriorityLines keeps what PriorityChanged tells out of FIFOs: only Lua
	// wants to know it.
	NoPriorityLines bool
	// Addresses are the instance's virtual addresses, excluded ones too.
	Addresses []netspec.Address
	// TellDeleted is keepalived's notify_deleted.
	TellDeleted bool
}

// Silent reports whether nobody is told by it but readers of FIFOs, for whom
// Addresses do not matter.
func (t *Target) Silent() bool {
	for _, p := range []*Program{t.Master, t.Backup, t.Fault, t.Stop, t.Any, t.Deleted, t.Lower, t.Up, t.Down} {
		if p != nil {
			return false
		}
	}
	return !t.Mail && t.Lua == nil && !t.TellDeleted
}

// Program is a program and who runs it, as in program.Spec, or a Lua function.
type Program struct {
	// Lua is called instead of a program when it is not nil.
	Lua         *Lua
	Argv        []string
	User, Group string
	// Secure is program.Spec's.
	Secure bool
}

// spec is how it is run.
func (p *Program) spec(env []string, more ...string) program.Spec {
	return program.Spec{
		Argv:   append(append([]string(nil), p.Argv...), more...),
		User:   p.User,
		Group:  p.Group,
		Secure: p.Secure,
		Env:    env,
	}
}

// Lua is a Lua file; Options.Lua knows what that means.
type Lua struct {
	// Path is for the log.
	Path string
	// ID is by which Options.Lua finds the file, with what it may do and what
	// is handed to it.
	ID string
	// Function is the one that is called; empty means those of the state.
	Function string
	// OnPriority and OnDualMaster say that it has a function for changes of
	// the priority and for another master: else it is not called for these.
	OnPriority, OnDualMaster bool
	// Group is the sync group of an instance, empty when it has none.
	Group string
	// Dropped is how many changes of the name were dropped just before the one that
	// the file is called for. The notifier sets it.
	Dropped uint64
}

// told is one thing to do for a change: a program to run or a function to call.
type told struct {
	spec program.Spec
	lua  *Lua // nil for a program
}

// State returns the word by which a change is told, or "" when it is not.
func (t Target) State(c node.Change) string {
	switch {
	case c.Occasion == node.ServerUp, c.Occasion == node.QuorumWon:
		return "UP"
	case c.Occasion == node.ServerDown, c.Occasion == node.QuorumLost:
		return "DOWN"
	case c.Occasion.OfService():
		return ""
	case c.Occasion == node.LowerHeard:
		return "MASTER_RX_LOWER_PRI"
	case c.Occasion == node.PriorityChanged:
		return c.To.String() + "_PRIORITY"
	case c.Deleted && t.TellDeleted:
		return "DELETED"
	case c.Deleted && (c.From == vrrp.Fault || c.From == vrrp.Init):
		return "" // it was told, or is in FAULT without a word in keepalived, too
	case c.Deleted:
		return "FAULT"
	case c.Stop:
		return "STOP"
	case c.To == vrrp.Init:
		return ""
	}
	return c.To.String()
}

// queued reports whether programs or functions could be waiting for a change,
// which else is written to FIFOs only.
func (t Target) queued(c node.Change) bool {
	switch c.Occasion {
	case node.RoleChanged:
		return !t.Silent() // a thousand that change together take a worker each
	case node.ServerUp, node.QuorumWon:
		return t.Up != nil
	case node.ServerDown, node.QuorumLost:
		return t.Down != nil
	case node.LowerHeard:
		return t.Lower != nil || t.Lua != nil && t.Lua.OnDualMaster
	case node.PriorityChanged:
		return t.Lua != nil && t.Lua.OnPriority
	}
	return false
}

// tells returns what is to be done for a change told as state, in order: the
// programs, then the Lua file.
func (t Target) tells(c node.Change, state string, dropped uint64) []told {
	all := t.programs(c, state, dropped)
	if t.Lua == nil || !t.queued(c) {
		return all
	}
	call := *t.Lua
	call.Dropped = dropped
	switch {
	case c.Occasion == node.RoleChanged:
	case c.Occasion == node.PriorityChanged && call.OnPriority:
		call.Function = "on_priority"
	case c.Occasion == node.LowerHeard && call.OnDualMaster:
		call.Function = "on_dual_master"
	default:
		return all
	}
	return append(all, told{lua: &call})
}

// programs returns what is named for one event, in order.
func (t Target) programs(c node.Change, state string, dropped uint64) []told {
	var specs []told
	env := t.environment(c, state, dropped)
	add := func(p *Program, more ...string) {
		switch {
		case p == nil:
		case p.Lua != nil:
			call := *p.Lua
			call.Dropped = dropped
			specs = append(specs, told{lua: &call})
		default:
			specs = append(specs, told{spec: p.spec(env, more...)})
		}
	}
	if c.Occasion == node.PriorityChanged {
		return nil
	}
	switch state {
	case "UP":
		add(t.Up)
		return specs
	case "DOWN":
		add(t.Down)
		return specs
	case "MASTER":
		add(t.Master)
	case "BACKUP":
		add(t.Backup)
	case "FAULT":
		add(t.Fault)
	case "STOP":
		add(t.Stop)
	case "DELETED":
		add(t.Deleted)
	case "MASTER_RX_LOWER_PRI":
		add(t.Lower)
		return specs
	}
	key := keyOf(c)
	add(t.Any, key.kind(), key.Name, state, priority(c))
	return specs
}

// essential reports whether a change is one that nothing else may push out of a
// queue.
func essential(c *node.Change) bool { return c.Occasion == node.RoleChanged || c.Occasion.OfService() }

// serverEnvironment is environment for virtual and real servers.
func serverEnvironment(c node.Change, state string, dropped uint64) []string {
	from := map[string]string{"UP": "DOWN", "DOWN": "UP"}[state]
	env := []string{
		"MOONKEEP_KIND=" + keyOf(c).kind(),
		"MOONKEEP_NAME=" + cmp.Or(c.ServerName, c.Name),
		"MOONKEEP_SERVICE=" + c.Name,
		"MOONKEEP_STATE=" + state,
		"MOONKEEP_FROM=" + from,
		"MOONKEEP_TO=" + state,
		"MOONKEEP_WHY=" + oneLine(c.Why),
		"MOONKEEP_SEQ=" + strconv.FormatUint(c.Seq, 10),
		"MOONKEEP_DROPPED=" + strconv.FormatUint(dropped, 10),
	}
	if c.ServerName != "" {
		env = append(env, "MOONKEEP_WEIGHT="+strconv.Itoa(c.Weight))
	}
	return env
}

func (t Target) environment(c node.Change, state string, dropped uint64) []string {
	key := keyOf(c)
	if key.Service {
		return serverEnvironment(c, state, dropped)
	}
	addresses := make([]string, len(t.Addresses))
	for i, a := range t.Addresses {
		addresses[i] = a.Prefix.String()
	}
	return []string{
		"MOONKEEP_KIND=" + key.kind(),
		"MOONKEEP_NAME=" + key.Name,
		"MOONKEEP_STATE=" + state,
		"MOONKEEP_FROM=" + c.From.String(),
		"MOONKEEP_TO=" + c.To.String(),
		"MOONKEEP_PRIORITY=" + priority(c),
		"MOONKEEP_WHY=" + oneLine(c.Why),
		"MOONKEEP_SEQ=" + strconv.FormatUint(c.Seq, 10),
		"MOONKEEP_DROPPED=" + strconv.FormatUint(dropped, 10),
		"MOONKEEP_ADDRESSES=" + strings.Join(addresses, " "),
	}
}

func priority(c node.Change) string {
	if c.Group {
		return "0"
	}
	return strconv.Itoa(int(c.Priority))
}

// oneLine takes out what an environment or a line of text cannot carry.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, s)
}
