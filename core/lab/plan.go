package lab

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/moonkeep/moonkeep/config"
)

// Plan is what a lab consists of, worked out from the configurations: it is
// data and touches nothing.
type Plan struct {
	Nodes []Node
	// Links are the names of the interfaces, in the order in which the files
	// name them. Each is a bridge that all nodes with such an interface and,
	// if virtual addresses are on it, the client are on.
	Links []string
	// Client are the client's interfaces.
	Client []Interface
	// Targets are the virtual addresses, in the order of the files.
	Targets []Target
	// Notes are what a user should know about how the lab differs from the
	// files, a sentence each.
	Notes []string
}

// Node is one host with a daemon.
type Node struct {
	// Name is how messages call it, Alias how it may be called as well;
	// Alias may be empty.
	Name, Alias string
	// File is its configuration file as it was given.
	File       string
	Config     config.Config
	Interfaces []Interface
}

// Interface is one interface and the addresses that it has of its own. The
// first address is the one that adverts are sent from.
type Interface struct {
	Name      string
	Addresses []netip.Prefix
}

// Target is one virtual address that the client probes.
type Target struct {
	Addr netip.Addr
	// Link is the interface, and so the bridge, that it is on.
	Link string
	// Instances are the names of the instances that hold it.
	Instances []string
}

// maxLink is the longest name of an interface in Linux.
const maxLink = 15

// NewPlan works out the lab for the configurations, one node for each, in
// order: on every interface an earlier node has the lower address, so that
// ties go as the order suggests. The error says which file asks for what
// cannot be.
func NewPlan(configs []config.Config) (*Plan, error) {
	p := &Plan{}
	for i, c := range configs {
		file := ""
		if len(c.Files) > 0 {
			file = c.Files[0]
		}
		if len(c.Instances) == 0 {
			return nil, fmt.Errorf("%s: there is no vrrp_instance in it, so the lab has nothing to run", file)
		}
		p.Nodes = append(p.Nodes, Node{Name: letter(i), File: file, Config: c})
	}
	p.name()
	for i := range p.Nodes {
		if err := p.links(i); err != nil {
			return nil, err
		}
	}
	p.targets()
	for _, link := range p.Links {
		if err := p.number(link); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// letter names a node by its place: a, b, c ... and n27 after z.
func letter(i int) string {
	if i < 26 {
		return string(rune('a' + i))
	}
	return fmt.Sprintf("n%d", i+1)
}

// name gives the nodes the names of their files too, where those are
// distinct. Where a file's name is another node's letter, letters would
// mislead and the file names alone count.
func (p *Plan) name() {
	bases := make([]string, len(p.Nodes))
	for i, n := range p.Nodes {
		base := filepath.Base(n.File)
		bases[i] = strings.Map(func(r rune) rune {
			if r == ';' || r == '#' || r <= ' ' {
				return '_'
			}
			return r
		}, strings.TrimSuffix(base, filepath.Ext(base)))
	}
	distinct := len(slices.Compact(slices.Sorted(slices.Values(bases)))) == len(bases)
	if !distinct {
		return
	}
	misleads := false
	for i, b := range bases {
		at := slices.IndexFunc(p.Nodes, func(n Node) bool { return n.Name == b })
		misleads = misleads || at >= 0 && at != i
	}
	for i, b := range bases {
		switch {
		case misleads:
			p.Nodes[i].Name = b
		case b != p.Nodes[i].Name:
			p.Nodes[i].Alias = b
		}
	}
}

// Node finds a node by name or alias.
func (p *Plan) Node(name string) (int, bool) {
	i := slices.IndexFunc(p.Nodes, func(n Node) bool { return name != "" && (n.Name == name || n.Alias == name) })
	return i, i >= 0
}

// Names are the names of all nodes.
func (p *Plan) Names() []string {
	var out []string
	for _, n := range p.Nodes {
		out = append(out, n.Name)
	}
	return out
}

// links gives node i the interfaces that its file names.
func (p *Plan) links(i int) error {
	n := &p.Nodes[i]
	var bad error
	add := func(name string, at config.Position) {
		if name == "" || name == "lo" || slices.ContainsFunc(n.Interfaces, func(x Interface) bool { return x.Name == name }) {
			return
		}
		if len(name) > maxLink || strings.ContainsAny(name, "/ ") || name == "." || name == ".." {
			bad = fmt.Errorf("%s: %q cannot be the name of an interface: Linux allows 1 to %d characters without / and space", at, name, maxLink)
			return
		}
		n.Interfaces = append(n.Interfaces, Interface{Name: name})
		if !slices.Contains(p.Links, name) {
			p.Links = append(p.Links, name)
		}
	}
	tracks := func(all []config.Track) {
		for _, t := range all {
			add(t.Name, t.At)
		}
	}
	for _, inst := range n.Config.Instances {
		add(inst.Interface, inst.At)
		for _, a := range slices.Concat(inst.Addresses, inst.Excluded) {
			add(a.Device, a.At)
		}
		tracks(inst.TrackInterfaces)
	}
	for _, g := range n.Config.Groups {
		tracks(g.TrackInterfaces)
	}
	return bad
}

// targets collects the virtual addresses of all nodes.
func (p *Plan) targets() {
	left := 0
	for _, n := range p.Nodes {
		for _, inst := range n.Config.Instances {
			for _, a := range slices.Concat(inst.Addresses, inst.Excluded) {
				link := device(inst, a)
				if !a.Addr().Is4() || link == "lo" {
					left++
					continue
				}
				i := slices.IndexFunc(p.Targets, func(t Target) bool { return t.Addr == a.Addr() && t.Link == link })
				if i < 0 {
					i = len(p.Targets)
					p.Targets = append(p.Targets, Target{Addr: a.Addr(), Link: link})
				}
				if t := &p.Targets[i]; !slices.Contains(t.Instances, inst.Name) {
					t.Instances = append(t.Instances, inst.Name)
				}
			}
		}
	}
	if left > 0 {
		p.Notes = append(p.Notes, fmt.Sprintf("%d virtual addresses are not probed: the client probes IPv4 addresses on interfaces other than lo", left))
	}
}

// device is the interface that the address is on.
func device(inst config.Instance, a config.Address) string {
	if a.Device != "" {
		return a.Device
	}
	return inst.Interface
}

// Find returns the targets, by index, that a word in a script means: an
// address, or an instance, which means all its addresses.
func (p *Plan) Find(subject string) []int {
	var out []int
	for i, t := range p.Targets {
		if t.Addr.String() == subject || slices.Contains(t.Instances, subject) {
			out = append(out, i)
		}
	}
	return out
}

// settleFor is how long an address must have been answered without a gap.
const settleFor = time.Second

// Reaction is the longest time that the configurations allow between a step
// and its effect: the master-down interval, and what else the step's verb
// needs - a check's runs until it changes its verdict, the delay before a
// preemption.
func (p *Plan) Reaction(v Verb) time.Duration {
	var down, check, preempt time.Duration
	for _, n := range p.Nodes {
		for _, inst := range n.Config.Instances {
			// The skew is at most one interval.
			down = max(down, time.Duration(max(3, inst.DownTimerAdverts)+1)*inst.AdvertInt)
			preempt = max(preempt, inst.PreemptDelay)
		}
		for _, s := range n.Config.Scripts {
			check = max(check, time.Duration(max(s.Rise, s.Fall, 1))*max(s.Interval, s.Timeout))
		}
	}
	switch v {
	case Fail, ServiceDown:
		return down + check
	case Pass, ServiceUp, Start, LinkUp, Heal, LetIn, Return:
		return down + check + preempt
	case Kill, Crash, Stop, LinkDown, Partition, Failover, KeepOut:
		return down
	}
	return 0
}

// links are the names of the node's interfaces.
func (n *Node) links() []string {
	var out []string
	for _, x := range n.Interfaces {
		out = append(out, x.Name)
	}
	return out
}

// scripts are the names of the node's checks.
func (n *Node) scripts() []string {
	var out []string
	for _, s := range n.Config.Scripts {
		out = append(out, s.Name)
	}
	return out
}

// describe lists the nodes with their other names.
func (p *Plan) describe() string {
	var out []string
	for _, n := range p.Nodes {
		if n.Alias != "" {
			out = append(out, fmt.Sprintf("%s (%s)", n.Name, n.Alias))
			continue
		}
		out = append(out, n.Name)
	}
	return list(out)
}

func list(words []string) string {
	if len(words) == 0 {
		return "none"
	}
	return strings.Join(words, ", ")
}

// Resolve reports the steps that name what the plan does not have: a node, an
// interface, a check, an address.
func (p *Plan) Resolve(steps []Step) config.Findings {
	var out config.Findings
	for _, s := range steps {
		bad := func(format string, args ...any) {
			out.Add(s.At, config.Error, "unknown-name", format, args...)
		}
		var node *Node
		if s.Node != "" {
			i, ok := p.Node(s.Node)
			if !ok {
				bad("%s: there is no node %q; the nodes are %s", s.Verb, s.Node, p.describe())
				continue
			}
			node = &p.Nodes[i]
		}
		if s.Link != "" && !slices.Contains(node.links(), s.Link) {
			bad("%s: node %s has no interface %q; it has %s", s.Verb, node.Name, s.Link, list(node.links()))
		}
		if s.Script != "" && !slices.Contains(node.scripts(), s.Script) {
			bad("%s: node %s has no vrrp_script %q; it has %s", s.Verb, node.Name, s.Script, list(node.scripts()))
		}
		for _, subject := range s.Subjects {
			if len(p.Find(subject)) == 0 {
				bad("%s: %q is neither a probed virtual address nor an instance that has one", s.Verb, subject)
			}
		}
	}
	return out
}
