package daemon

import (
	"fmt"
	"hash/fnv"
	"maps"
	"slices"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/build"
	"github.com/moonkeep/moonkeep/config/plan"
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

// lookInto reads the files of a configuration that somebody hands in. It returns what is in
// them, and why a reload would be refused for one, or for what else this host lacks.
func (d *daemon) lookInto(c *config.Config) (all contents, refused []string) {
	files, library := hostedFiles{}, lua.Library{}
	missing := missingHere(c, &library)
	if d.opts.CheckDir != "" {
		missing = spare(c, missing)
	}
	foreign := uses(c)
	if foreign {
		missing = append(missing, checkPlugins(c)...)
	}
	for _, f := range missing {
		if f.Severity == config.Error {
			refused = append(refused, f.Text)
		}
	}
	told := make(map[string]bool) // thousands of servers may share one fault
	build.EachProbe(c, func(x *build.Probe) {
		if !hasFiles(x.Kind) {
			return
		}
		if _, _, err := files.into(x.Options); err != nil && !foreign && !told[err.Error()] {
			told[err.Error()] = true
			refused = append(refused, fmt.Sprintf("plugin %s for %s: %v", x.Kind, x.Server(), err))
		}
	})
	for _, use := range c.LuaUses() {
		_, _ = library.Compile(use.Path) // missingHere tells why not
	}
	all = contents(library.Sums())
	maps.Copy(all, files.sums())
	return all, refused
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

// known are those in use.
func (d *daemon) known() contents {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.contents
}
