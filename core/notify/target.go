package notify

import (
	"strconv"
	"strings"

	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/core/program"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

// Key names an instance or a sync group; these may share a name.
type Key struct {
	Group bool
	Name  string
}

// String is as keepalived's arguments have it: INSTANCE VI_1.
func (k Key) String() string { return k.kind() + " " + k.Name }

func (k Key) kind() string {
	if k.Group {
		return "GROUP"
	}
	return "INSTANCE"
}

// keyOf returns whose change c is.
func keyOf(c node.Change) Key { return Key{Group: c.Group, Name: c.Name} }

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
	// Mail mails each change of role.
	Mail bool
	// Members are the instances of a group, whose programs are waited for
	// before the group's are run.
	Members []string
	// Lua is called at each change.
	Lua *Lua
	// Addresses are the instance's virtual addresses, excluded ones too.
	Addresses []netspec.Address
	// TellDeleted is keepalived's notify_deleted.
	TellDeleted bool
}

// Program is a program and who runs it, as in program.Spec.
type Program struct {
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

// Lua is a Lua file and what it may do; Options.Lua knows what that means.
type Lua struct {
	Path  string
	Allow []string
	Args  map[string]string
}

// State returns the word by which a change is told, or "" when it is not.
func (t Target) State(c node.Change) string {
	switch {
	case c.Occasion == node.LowerHeard:
		return "MASTER_RX_LOWER_PRI"
	case c.Occasion == node.PriorityChanged:
		return c.To.String() + "_PRIORITY"
	case c.Deleted && t.TellDeleted:
		return "DELETED"
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
		return true
	case node.LowerHeard:
		return t.Lower != nil
	}
	return false
}

// programs returns what is to be run for a change told as state, in order.
func (t Target) programs(c node.Change, state string, dropped uint64) []program.Spec {
	var specs []program.Spec
	env := t.environment(c, state, dropped)
	add := func(p *Program, more ...string) {
		if p == nil {
			return
		}
		specs = append(specs, p.spec(env, more...))
	}
	switch state {
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

func (t Target) environment(c node.Change, state string, dropped uint64) []string {
	key := keyOf(c)
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
