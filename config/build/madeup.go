package build

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"github.com/moonkeep/moonkeep/config"
)

// made is the name of an interface that is made, and whether the configuration has it.
type made struct {
	own config.Own
	alike
	name    string
	written bool
}

// alike is what two configurations have in common of an interface that is the same
// in both: where it is, and for what.
type alike struct {
	prefix, parent, mac    string
	vrid                   int
	six, ipvlan, addresses bool
}

// name is the one that is written, or else the one that the interface has had before a
// reload, or else one that is made up.
func (l *layout) name(c *config.Config, in *config.Instance, written string, own config.Own, a alike) string {
	name := cmp.Or(written, c.Names[own])
	if name == "" {
		name = l.free(a.prefix, in)
	}
	a.vrid, a.six = in.VRID, in.Six()
	l.made = append(l.made, made{own, a, name, written != ""})
	return name
}

// free makes a name up, as keepalived does: the prefix and the virtual router's
// number, with a 6 between them if that of IPv4 is taken, or else a number. The
// readers refuse a prefix that is too long for the first of these; in others it is cut.
func (l *layout) free(prefix string, in *config.Instance) string {
	with := func(more string) string {
		end := fmt.Sprintf("%s.%d", more, in.VRID)
		return prefix[:min(len(prefix), config.MaxName-len(end))] + end
	}
	name := with("")
	if l.taken[name] && in.Six() {
		name = with("6")
	}
	for n := 1; l.taken[name]; n++ {
		name = with(strconv.Itoa(n))
	}
	l.taken[name] = true
	return name
}

// KeepNames has the interfaces of c whose names are made up keep those that they
// have in the configuration that runs. The name is what the node knows a virtual
// router by: one that another instance got by a reload would take its role along.
// For the same reason none that is new gets a name that runs, be it of one that
// goes. It is called before c is built, with the c of all network namespaces.
func KeepNames(c, running *config.Config) {
	c.Names = make(map[config.Own]string)
	spaces := append(append(Spaces(c), Spaces(running)...), "")
	slices.Sort(spaces)
	for _, space := range slices.Compact(spaces) {
		keepNames(Within(c, space), lay(Within(running, space)).made)
	}
}

// keepNames is KeepNames for one network namespace, in which those names run.
func keepNames(c *config.Config, running []made) {
	standing := make(map[alike][]made)
	var others []string
	for _, m := range running {
		standing[m.alike] = append(standing[m.alike], m)
		others = append(others, m.name)
	}
	taken := written(c)
	all := lay(c).made
	// An instance may have another name now; one that has the same comes first.
	for _, renamed := range [2]bool{false, true} {
		for _, m := range all {
			list := standing[m.alike]
			at := slices.IndexFunc(list, func(o made) bool {
				return !taken[o.name] && (renamed || o.own.Instance == m.own.Instance)
			})
			if m.written || c.Names[m.own] != "" || at < 0 {
				continue
			}
			c.Names[m.own] = list[at].name
			taken[list[at].name] = true // several may have had one that was written
			standing[m.alike] = slices.Delete(list, at, at+1)
		}
	}
	for _, m := range layBeside(c, others).made {
		if !m.written {
			c.Names[m.own] = m.name
		}
	}
}
