package lint

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/moonkeep/moonkeep/config"
)

// services compares the virtual servers of each node with those of the first
// that has any. Whoever becomes master balances what its own file says.
func (l *clusterLint) services() {
	names := nodeNames(l.configs)
	first := -1
	var known map[string]*config.VirtualServer
	for i, c := range l.configs {
		switch {
		case len(c.VirtualServers) == 0:
		case first < 0:
			first = i
			known = make(map[string]*config.VirtualServer, len(c.VirtualServers))
			for k := range c.VirtualServers {
				known[c.VirtualServers[k].Identity()] = &c.VirtualServers[k]
			}
		default:
			l.compareServices(c, l.configs[first], known, names[first])
		}
	}
}

// syncDaemons compares the numbers by which the nodes' sync daemons know each
// other. One that is left out is the virtual router's, or 0.
func (l *clusterLint) syncDaemons() {
	var first *config.SyncDaemon
	node, number := "", 0
	for i, c := range l.configs {
		d := c.Global.SyncDaemon
		if d == nil {
			continue
		}
		id := 0
		if s := l.seats[i][d.Instance]; s != nil {
			id = s.in.VRID
		}
		if d.ID != nil {
			id = *d.ID
		}
		name := nodeNames(l.configs)[i]
		switch {
		case first == nil:
			first, node, number = d, name, id
		case id != number:
			l.found.Add(at(d.Written.At("id", d.At), c.Global.Written.At("lvs_sync_daemon", c.Global.At)), config.Warning, "peers-sync-daemon", "lvs_sync_daemon: id %d here and %d in %s: each discards the connections that the other tells, and they break when the addresses move; write the same id on all nodes",
				id, number, node)
		case d.Port != first.Port || d.Group != first.Group:
			l.found.Add(at(d.At, c.Global.Written.At("lvs_sync_daemon", c.Global.At)), config.Warning, "peers-sync-daemon", "lvs_sync_daemon: another port or group than in %s: the daemons do not hear each other, and connections break when the addresses move; write the same on all nodes", node)
		}
	}
}

func (l *clusterLint) compareServices(c, first *config.Config, known map[string]*config.VirtualServer, node string) {
	common := make(map[*config.VirtualServer]bool, len(known))
	var only, missing []string
	at := c.VirtualServers[0].At
	for i := range c.VirtualServers {
		v := &c.VirtualServers[i]
		o := known[v.Identity()]
		if o == nil {
			if len(only) == 0 {
				at = v.At
			}
			only = append(only, serverName(v))
			continue
		}
		common[o] = true
		l.compareService(v, o, node)
	}
	for i := range first.VirtualServers {
		if v := &first.VirtualServers[i]; !common[v] && known[v.Identity()] == v {
			missing = append(missing, serverName(v))
		}
	}
	var parts []string
	if len(only) > 0 {
		parts = append(parts, fmt.Sprintf("%s is not in %s", list(only), node))
	}
	if len(missing) > 0 {
		parts = append(parts, fmt.Sprintf("%s of %s is not here", list(missing), node))
	}
	if len(parts) > 0 {
		l.found.Add(at, config.Warning, "peers-services", "virtual servers: %s: when the addresses move, a service that only one node has is gone", strings.Join(parts, ", "))
	}
}

// compareService compares a virtual server with that of the first node.
func (l *clusterLint) compareService(v, o *config.VirtualServer, node string) {
	for _, k := range [...]struct {
		key        string
		here, they any
	}{
		{"lb_algo", v.LBAlgo, o.LBAlgo},
		{"lb_kind", v.LBKind, o.LBKind},
		{"persistence_timeout", v.PersistenceTimeout, o.PersistenceTimeout},
		{"quorum", v.Quorum, o.Quorum},
	} {
		if k.here != k.they {
			l.found.Add(v.Written.At(k.key, v.At), config.Warning, "peers-services", "virtual_server %s: %s %v here and %v in %s: clients are balanced another way when the addresses move; write the same on all nodes",
				serverName(v), k.key, k.here, k.they, node)
		}
	}
	if text := differServers(v, o, node); text != "" {
		l.found.Add(v.At, config.Warning, "peers-services", "virtual_server %s: real servers: %s; write the same on all nodes", serverName(v), text)
	}
}

// differServers says which real servers only one of two virtual servers has,
// and which has another weight, or returns "".
func differServers(v, o *config.VirtualServer, node string) string {
	if len(v.RealServers) == len(o.RealServers) {
		same := true
		for i := range v.RealServers {
			a, b := &v.RealServers[i], &o.RealServers[i]
			same = same && a.Endpoint(v) == b.Endpoint(o) && a.IPVSWeight(v) == b.IPVSWeight(o)
		}
		if same {
			return "" // as nearly always
		}
	}
	weights := make(map[netip.AddrPort]int, len(o.RealServers))
	for i := range o.RealServers {
		weights[o.RealServers[i].Endpoint(o).AddrPort] = o.RealServers[i].IPVSWeight(o)
	}
	here := make(map[netip.AddrPort]bool, len(v.RealServers))
	var only, missing, other []string
	for i := range v.RealServers {
		r := &v.RealServers[i]
		e := r.Endpoint(v)
		here[e.AddrPort] = true
		w, known := weights[e.AddrPort]
		switch {
		case !known:
			only = append(only, e.String())
		case w != r.IPVSWeight(v):
			other = append(other, fmt.Sprintf("%s has weight %d here and %d in %s", e, r.IPVSWeight(v), w, node))
		}
	}
	for i := range o.RealServers {
		if e := o.RealServers[i].Endpoint(o); !here[e.AddrPort] {
			missing = append(missing, e.String())
		}
	}
	var parts []string
	if len(only) > 0 {
		parts = append(parts, fmt.Sprintf("%s is not in %s", list(only), node))
	}
	if len(missing) > 0 {
		parts = append(parts, fmt.Sprintf("%s of %s is not here", list(missing), node))
	}
	if len(other) > 0 {
		parts = append(parts, list(other))
	}
	return strings.Join(parts, ", ")
}
