package rehearse

import (
	"slices"

	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/core/vrrp"
)

// partings are the instances of a node that have said their last since they
// were MASTER, those that do in the present happening, and the priorities that
// they have had since they were MASTER.
type partings struct {
	before, now map[string]bool
	priorities  map[string][]uint8
	// silent are those that gave up MASTER without an advert, but for priority 0, or went
	// on answering after it, and ceded those that sent that in the present happening.
	silent, ceded map[string]bool
	// renamed are those that a reload ever renamed: what the kernel has removed is
	// told by name, and may be what another had by that. The one who has it now says
	// its last some milliseconds early then.
	renamed map[string]bool
}

// parts reports whether an advert is the last of one that gave up addresses with
// a hardware address that all routers share, or gave them up without a word to
// whomever it would hear, or went on answering: of a priority by which the new master
// wins, once after it was MASTER, and when the addresses are gone or the kernel took too
// long to say so.
func (r *referee) parts(h *Happening, l *life, advert *vrrp.Advert, name string) bool {
	in := find(h, l, name)
	if in == nil || !in.Router.Shared && !l.parted.silent[name] || in.Router.YieldSilently || h.After(name) == vrrp.Master || advert.Priority == 0 || l.parted.before[name] {
		return false
	}
	if h.Before(name) == vrrp.Master && h.After(name) == vrrp.Backup {
		return false // one that first stays, and says so, and must follow its group at once
	}
	// Ours when the new master was heard, or 1.
	if advert.Priority != 1 && advert.Priority != l.priority[name] && !slices.Contains(l.parted.priorities[name], advert.Priority) {
		return false
	}
	stands := slices.ContainsFunc(owned(in), func(x netspec.Address) bool { return h.Node.Holds(x.Addr()) })
	if stands && h.Cause != "tick" && !l.parted.renamed[name] {
		return false
	}
	if !l.parted.now[name] {
		r.seen[lastWords]++
	}
	l.parted.now[name] = true
	return true
}

// unheard: a MASTER that refuses the last advert of one that is MASTER no longer, for
// a reload between made them differ, does not know to announce what that one had.
func (r *referee) unheard(h *Happening, in *node.Instance, e *node.Received) {
	if !r.versions && !r.differ || h.After(in.Name) != vrrp.Master {
		return
	}
	if _, rule := in.Router.Verify(&e.Packet); rule == vrrp.Accepted {
		return
	}
	for _, n := range h.Node.c.Nodes {
		if n.daemon == nil || !n.has(e.Packet.Source) {
			continue
		}
		if own := instanceIn(&n.daemon.config, in.Router.VRID); own == nil || n.Role(own.Name) != vrrp.Master {
			r.strand(owned(in))
		}
	}
}

// end notes after a happening who has said its last, and who may again.
func (p *partings) end(h *Happening, l *life) {
	if p.before == nil {
		p.before, p.now, p.priorities, p.silent = map[string]bool{}, map[string]bool{}, map[string][]uint8{}, map[string]bool{}
		p.ceded, p.renamed = map[string]bool{}, map[string]bool{}
	}
	for name := range p.now {
		p.before[name] = true
	}
	clear(p.now)
	for name, role := range h.before {
		if had := p.priorities[name]; role == vrrp.Master {
			p.priorities[name] = []uint8{l.priority[name]}
		} else if !slices.Contains(had, l.priority[name]) {
			p.priorities[name] = append(had, l.priority[name])
		}
		if role == vrrp.Master && h.After(name) != vrrp.Master {
			says := func(a node.Action) bool { return a.Kind == node.Send && a.Instance == name }
			// Where nobody took its addresses it says that it stays, and may have to give
			// them up all the same, for a member of its group.
			stays := func(a node.Action) bool {
				return a.Kind == node.Noted && a.Note.Topic == "failover" && a.Instance == name
			}
			answers := func(a node.Action) bool { return a.Kind == node.Release && a.Instance == name && a.Tell }
			p.silent[name] = !slices.ContainsFunc(h.Actions, says) || slices.ContainsFunc(h.Actions, answers) || slices.ContainsFunc(h.Actions, stays) || p.ceded[name]
		}
	}
	clear(p.ceded)
	for name := range p.before {
		if h.After(name) == vrrp.Master {
			delete(p.before, name)
		}
	}
}

func owned(in *node.Instance) []netspec.Address { return slices.Concat(in.Addresses, in.Excluded) }
