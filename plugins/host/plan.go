//go:build linux

package host

import (
	"cmp"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/moonkeep/moonkeep/plugins/checker"
)

// Plan is what a configuration wants of its host, which keeps the checks.
type Plan struct {
	// Checks are probed by number; numbers need not be dense.
	Checks []Check
	// Plugins say how processes run, by the kind of check. A kind that is not
	// among them is one of this program's own, under Options.User.
	Plugins []Plugin
}

// Check is one check.
type Check struct {
	// Number is how the caller knows it: Set.Start names it.
	Number uint32
	*Subject
}

// Subject is what a check checks, and how. Plans may have it in common: nobody changes that of
// a check which is in one.
type Subject struct {
	// Marks, LowPort and Binds say that it sends with a mark, connects from a port below
	// 1024, and through an interface, where its options say so and not Target.
	Marks, LowPort, Binds bool
	// Kind is the name of the plugin.
	Kind string
	// Identity changes when what is checked changes. A check whose identity was
	// there in the set before is not prepared again, unless Target.Timeout or
	// Target.Weight differs, which need not be in it; Limit, Patience and Label count
	// from Set.Begin on.
	Identity string
	// Label is what it is called in logs, and Where the place in the configuration of one
	// that its plugin may refuse; empty is not known.
	Label   string
	Where   string
	Target  checker.Target
	Options json.RawMessage
	// Limit is how long a probe may take. The plugin is told; the host waits
	// a little longer, see Patience.
	Limit time.Duration
	// Patience is when a probe is answered Unknown that the plugin has not
	// answered; more than Limit. One that had to wait for its process has it anew
	// from when it is sent.
	Patience time.Duration
	// Last is when it is answered at the latest, however long it waited, because
	// nobody waits for it any more; at least Patience, and 0 for no bound.
	Last time.Duration
	// NetNS is the network namespace, by its name in /run/netns or its
	// absolute path; empty is the daemon's.
	NetNS string
	// User and Group, when not empty, are those of the process in place of the
	// plugin's.
	User, Group string
	// Share is which of the processes that share the checks of a kind makes it, from 0.
	Share uint32
	// Interval is how often it is begun, for the caller.
	Interval time.Duration
}

// Plugin says how the processes of one kind run.
type Plugin struct {
	// Name is the kind.
	Name string
	// Path is the file; empty is this program itself.
	Path string
	// SHA256 is the sum that the file must have, in hexadecimal; empty is any.
	SHA256 string
	// User and Group run it; empty are Options.User and its group.
	User, Group string
	// Memory bounds what a process may take, in bytes; 0 does not.
	Memory int64
	// OpenFiles bounds its open files and connections; 0 leaves the daemon's.
	OpenFiles int
	// Processes is how many processes it may start beside itself.
	Processes int
	// Allow are capabilities that it keeps: net_raw, net_admin,
	// net_bind_service.
	Allow []string
	// Nice is its nice value, beside the daemon's programs and within the machine: how
	// much it gives way to others. 0 is the daemon's.
	Nice int
	// Plain takes only the user away, and neither the right to start programs
	// nor what these may do: for a plugin that runs the user's own programs
	// under the user's account.
	Plain bool
}

// String is how messages call the plugin.
func (p Plugin) String() string {
	if p.Path == "" {
		return "plugin " + p.Name
	}
	return fmt.Sprintf("plugin %s (%s)", p.Name, p.Path)
}

// capabilities are the ones that a plugin may be given, by number.
var capabilities = map[string]int{"net_bind_service": 10, "net_admin": 12, "net_raw": 13}

// validate finds what no plan may have.
func (p Plugin) validate() error {
	switch {
	case p.Name == "":
		return errors.New("a plugin has no name")
	case p.Memory < 0 || p.OpenFiles < 0 || p.Processes < 0:
		return fmt.Errorf("%s: a limit is negative", p)
	}
	if sum, err := hex.DecodeString(p.SHA256); err != nil || len(sum) != 0 && len(sum) != 32 {
		return fmt.Errorf("%s: %q is no SHA-256 sum; write 64 hexadecimal digits", p, p.SHA256)
	}
	for _, c := range p.Allow {
		if _, ok := capabilities[c]; !ok {
			return fmt.Errorf("%s: there is no capability %q to allow; there are net_admin, net_bind_service, net_raw", p, c)
		}
	}
	return nil
}

// groupKey tells one process from another.
type groupKey struct {
	name, netns, user, group, allow string
	share                           uint32 // which of those that share the checks
}

// who is what people tell processes apart by: those that have all three in common differ
// by a number, see Host.number.
type who struct{ name, netns, user string }

func (k groupKey) who() who { return who{k.name, k.netns, k.user} }

// called is how the log calls the process of that number.
func (w who) called(nth int) string {
	s := w.name
	if w.netns != "" {
		s += " in " + w.netns
	}
	if w.user != "" {
		s += " as " + w.user
	}
	if nth > 1 {
		s += fmt.Sprintf(" (%d)", nth)
	}
	return s
}

func (w who) compare(other who) int {
	return cmp.Or(strings.Compare(w.name, other.name), strings.Compare(w.netns, other.netns), strings.Compare(w.user, other.user))
}

// needs is what of a check decides which process makes it.
type needs struct {
	kind, netns, user, group string
	share                    uint32
	marks, binds, lowPort    bool
}

func needsOf(c *Subject) needs {
	t := &c.Target
	return needs{
		c.Kind, c.NetNS, c.User, c.Group, c.Share,
		c.Marks || t.Fwmark != 0, c.Binds || t.BindIf != "", c.LowPort || t.BindPort != 0 && t.BindPort < 1024,
	}
}

// place finds the process for a check: its key, and how it runs. What a
// target needs is allowed to this program's own checks without being asked
// for, in a process apart from those that do not need it.
func (o *Options) place(c *Subject, plugins map[string]Plugin) (groupKey, Plugin) {
	p, ok := plugins[c.Kind]
	if !ok {
		p = o.own(c.Kind)
	}
	if c.User != "" || c.Group != "" {
		p.User, p.Group = c.User, c.Group
	}
	if p.User == "" {
		p.User = o.User
		if p.Group == "" {
			p.Group = o.Group
		}
	}
	p.Allow = slices.Clone(p.Allow)
	if n := needsOf(c); p.Path == "" && !p.Plain {
		if n.marks {
			p.Allow = append(p.Allow, o.mark)
		}
		if n.binds && !since(o.release, 5, 7) {
			p.Allow = append(p.Allow, "net_raw") // later kernels let anybody choose an interface
		}
		if n.lowPort {
			p.Allow = append(p.Allow, "net_bind_service")
		}
	}
	slices.Sort(p.Allow)
	p.Allow = slices.Compact(p.Allow)
	return groupKey{p.Name, c.NetNS, p.User, p.Group, strings.Join(p.Allow, ","), c.Share}, p
}

// own is a plugin of this program.
func (o *Options) own(kind string) Plugin {
	return Plugin{Name: kind, Memory: defaultMemory, OpenFiles: defaultOpenFiles}
}

const (
	defaultMemory    = 256 << 20
	defaultOpenFiles = 16384
)
