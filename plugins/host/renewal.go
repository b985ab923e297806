//go:build linux

package host

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Renewal is a process that the next set has run anew, although nothing of its plan
// differs.
type Renewal struct {
	// Name is the kind; NetNS and User are where and as who it runs, and Path is its file.
	Name, NetNS, User, Path string
	// Replaced says that the file is another.
	Replaced bool
	// Why says in a sentence what is done and for what.
	Why string
}

// Renewals are those that Set.Begin would bring now, by name.
func (h *Host) Renewals() []Renewal {
	h.mu.Lock()
	groups := make([]*group, 0, len(h.groups))
	for _, g := range h.groups {
		groups = append(groups, g)
	}
	h.mu.Unlock()
	var list []Renewal
	for _, g := range groups {
		g.order(func() {
			r := Renewal{Name: g.key.name, NetNS: g.key.netns, User: g.key.user, Path: g.plugin.Path}
			switch i := g.current; {
			case i == nil && g.next == nil && g.failures > 0:
				r.Why = fmt.Sprintf("its program does not run, and is started again at once and not only in %s: %s", max(0, g.retry.Sub(g.now)).Round(100*time.Millisecond), g.reason)
			case i == nil:
				return
			case g.plugin.replaced(i.starter.edition):
				r.Replaced = true
				r.Why = fmt.Sprintf("its file %s is another than the one that runs: it is started beside that one, which finishes its probes", g.plugin.Path)
			case i.starter.proc.space.replaced(g.key.netns):
				r.Why = fmt.Sprintf("the network namespace %s is another than the one in which it runs: it is started there", g.key.netns)
			default:
				return
			}
			list = append(list, r)
		})
	}
	slices.SortFunc(list, func(a, b Renewal) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.NetNS, b.NetNS), cmp.Compare(a.User, b.User), cmp.Compare(a.Why, b.Why))
	})
	return slices.Compact(list) // there may be several processes of one kind
}
