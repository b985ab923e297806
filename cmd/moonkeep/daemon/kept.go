package daemon

import (
	"cmp"
	"slices"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/build"
	"github.com/moonkeep/moonkeep/core/node"
	pluginhost "github.com/moonkeep/moonkeep/plugins/host"
)

// kept are the virtual servers that a configuration has in common with the one that runs.
func (d *daemon) kept(c *config.Config) *build.Kept {
	return build.KeptOf(c, d.current(), &d.planned)
}

// knownChecks are those of the plan before, by their numbers, with the virtual servers that are
// kept of it.
type knownChecks struct {
	kept *build.Kept
	list []pluginhost.Check
}

// of are the checks of a service that was built before, whose first had that number. It is
// false of those that have more to them than was configured: what is in files, what a script
// is asked, and a place, which may have moved.
func (k *knownChecks) of(was *node.Service, first uint32) (list []pluginhost.Check, ok bool) {
	from, _ := slices.BinarySearchFunc(k.list, first, func(c pluginhost.Check, n uint32) int { return cmp.Compare(c.Number, n) })
	list = k.list[from:]
	n := 0
	for i := range was.Servers {
		for range was.Servers[i].Checks {
			if n == len(list) || list[n].Number != first+uint32(n) || list[n].Where != "" || hasFiles(list[n].Kind) {
				return nil, false
			}
			n++
		}
	}
	return list[:n], true
}
