package build

import (
	"maps"
	"slices"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/node"
)

// Spaces returns the network namespaces beside the daemon's own that instances
// of c are in, sorted.
func Spaces(c *config.Config) []string {
	names := make(map[string]bool)
	for i := range c.Instances {
		names[c.Instances[i].NetNamespace] = true
	}
	delete(names, "")
	return slices.Sorted(maps.Keys(names))
}

// Within returns what of c is in one network namespace, as if that were the
// daemon's own: its instances, with the names that interfaces have there, and in
// the daemon's own, which is "", all else. It shares memory with c.
func Within(c *config.Config, space string) *config.Config {
	if space == "" && len(Spaces(c)) == 0 {
		return c
	}
	v := *c
	v.Instances = nil
	for i := range c.Instances {
		if in := c.Instances[i]; in.NetNamespace == space {
			in.NetNamespace = ""
			v.Instances = append(v.Instances, in)
		}
	}
	if space != "" {
		v = config.Config{Files: c.Files, Names: c.Names, Global: c.Global, GarpGroups: c.GarpGroups, Instances: v.Instances}
	}
	return &v
}

// space is a network namespace of which a Node is made.
type space struct {
	name   string
	config *config.Config
	layout *layout
	// next is the instance that comes next.
	next int
}

func split(c *config.Config) map[string]*space {
	all := make(map[string]*space)
	for _, name := range append(Spaces(c), "") {
		within := Within(c, name)
		all[name] = &space{name: name, config: within, layout: lay(within)}
	}
	return all
}

// place gives the instance's interfaces the names that the node has for them.
func (s *space) place(n node.Instance) node.Instance {
	if s.name == "" {
		return n
	}
	n.Interface = netspec.Within(s.name, n.Interface)
	for i := range n.Interfaces {
		n.Interfaces[i].Name = netspec.Within(s.name, n.Interfaces[i].Name)
	}
	for _, list := range [][]netspec.Address{n.Addresses, n.Excluded, n.Extra.Addresses} {
		for i := range list {
			list[i].Device = netspec.Within(s.name, list[i].Device)
		}
	}
	n.Routing = n.Routing.Within(s.name)
	return n
}
