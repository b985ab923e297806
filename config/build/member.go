package build

import (
	"slices"

	"github.com/moonkeep/moonkeep/config"
)

// member is a real server with the definition that it stands in, from which it inherits.
type member struct {
	*config.RealServer
	of *config.VirtualServer
}

func (m member) endpoint() config.Endpoint { return m.Endpoint(m.of) }

// servers calls f for each virtual server with its name and its real servers, each
// once; what is there twice is passed over, as by keepalived. The list is f's for
// the call. Where a virtual server is defined again its real servers are further ones
// of the first, which inherit from their own definition, as in keepalived; all else is
// as the first says.
func servers(c *config.Config, f func(v *config.VirtualServer, name string, list []member)) {
	services := make(map[string]bool, len(c.VirtualServers))
	var again map[string][]*config.VirtualServer // rare
	ids := make([]string, len(c.VirtualServers))
	for i := range c.VirtualServers {
		v := &c.VirtualServers[i]
		ids[i] = v.Identity()
		switch id := ids[i]; {
		case !services[id]:
			services[id] = true
		case again == nil:
			again = map[string][]*config.VirtualServer{id: {v}}
		default:
			again[id] = append(again[id], v)
		}
	}
	clear(services)
	seen := make(map[config.Endpoint]bool) // of list, once that is not in order
	var list []member
	for i := range c.VirtualServers {
		v := &c.VirtualServers[i]
		id := ids[i]
		if services[id] {
			continue
		}
		services[id] = true
		list = slices.Grow(list[:0], len(v.RealServers))
		clear(seen)
		var last config.Endpoint
		add := func(from *config.VirtualServer) {
			repeats := from.Repeats()
			for k := range from.RealServers {
				if _, again := repeats[k]; again {
					continue
				}
				m := member{&from.RealServers[k], from}
				e := m.endpoint()
				// They are in order as a rule, and tens of thousands are sooner compared than
				// looked up.
				if ordered := len(list) == 0 || last.Compare(e.AddrPort) < 0; len(seen) > 0 || !ordered {
					if len(seen) == 0 {
						for _, x := range list {
							seen[x.endpoint()] = true
						}
					}
					if seen[e] {
						continue
					}
					seen[e] = true
				}
				list, last = append(list, m), e
			}
		}
		add(v)
		for _, further := range again[id] {
			add(further)
		}
		f(v, id, list)
	}
}
