package daemon

import (
	"context"
	"hash/fnv"
	"maps"
	"slices"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/plan"
	"github.com/moonkeep/moonkeep/core/control"
	"github.com/moonkeep/moonkeep/lua"
)

// contents are sums of what is in the files that a configuration names and that are read
// with it, by their paths: certificates, keys, Lua files and what these require. A reload
// takes new ones, where no line of the configuration differs.
type contents map[string]uint64

// sums are those of the files of certificates and keys.
func (h hostedFiles) sums() contents {
	all := make(contents, len(h))
	for path, text := range h {
		sum := fnv.New64a()
		_, _ = sum.Write([]byte(text)) // a hash takes everything
		all[path] = sum.Sum64()
	}
	return all
}

// inUse are those of the configuration that was just taken. It is called before the
// library forgets.
func (d *daemon) inUse() contents {
	all := contents(d.library.Sums())
	maps.Copy(all, d.checks.probes.contents)
	return all
}

// contentsOf are those of a configuration that would be read now, as far as its files can
// be read.
func contentsOf(c *config.Config) contents {
	files, library := hostedFiles{}, lua.Library{}
	_, _, _ = pluginPlanFrom(c, files, knownChecks{}, nil) // what cannot be read others tell
	for _, use := range luaUses(c) {
		_, _ = library.Compile(use.Path) // the same
	}
	all := contents(library.Sums())
	maps.Copy(all, files.sums())
	return all
}

// changed are the files of both in which something else is.
func (k contents) changed(next contents) (paths []string) {
	for _, path := range slices.Sorted(maps.Keys(k)) {
		if now, there := next[path]; there && now != k[path] {
			paths = append(paths, path)
		}
	}
	return paths
}

// changes are those of changed.
func (k contents) changes(next contents) (out []plan.ReportChange) {
	for _, path := range k.changed(next) {
		out = append(out, plan.ReportChange{
			What: "changed", Path: "file " + path, Effect: plan.Nothing.String(),
			Why: "something else is in it than what was in use; the reload takes that",
		})
	}
	return out
}

// plannedContents are the files whose content a reload with a configuration that somebody
// hands in would take anew. They are read for nobody who could not read them himself.
func (d *daemon) plannedContents(ctx context.Context, next *config.Config) []plan.ReportChange {
	if !control.Owns(ctx) {
		return nil
	}
	return d.known().changes(contentsOf(next))
}

// known are those in use.
func (d *daemon) known() contents {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.contents
}
