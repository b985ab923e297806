package daemon

import (
	"fmt"
	"slices"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/build"
	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/plugins/checker"
	"github.com/moonkeep/moonkeep/plugins/standard"
)

// refusedChecks reports the checks that moonkeep's own checkers would refuse,
// such as for a pattern that they cannot match: they are asked, without a
// process. Those of virtual servers that are kept they have taken.
func refusedChecks(c *config.Config, kept *build.Kept) config.Findings {
	var found config.Findings
	checkers := map[string]checker.Checker{}
	type question struct{ kind, options string }
	asked := map[question]bool{}
	files := hostedFiles{}
	var last question                                    // most often the one before
	taken := func(was *node.Service, _, _ uint32) bool { // unless other files are there now
		return !slices.ContainsFunc(was.Servers, func(s node.Server) bool {
			return slices.ContainsFunc(s.Checks, func(k node.Check) bool { return hasFiles(k.Kind) })
		})
	}
	build.EachFreshProbe(c, kept, taken, func(p *build.Probe) {
		if p.Plugin || p.Lua != nil || p.Kind == "MISC_CHECK" || p.Kind == last.kind && string(p.Options) == last.options {
			return
		}
		own, ok := checkers[p.Kind]
		if !ok {
			own = standard.New(p.Kind)
			checkers[p.Kind] = own
		}
		last = question{p.Kind, string(p.Options)}
		if own == nil || asked[last] {
			return // the same options are the same everywhere
		}
		asked[last] = true
		if err := refusedBy(own, p, files); err != nil {
			found.Add(checkAt(c, p), config.Error, "bad-plugin", "%s of %s: %v", p.Kind, p.Server(), err)
		}
	})
	return found
}

func refusedBy(own checker.Checker, p *build.Probe, files hostedFiles) error {
	raw := p.Options
	if hasFiles(p.Kind) {
		var err error
		if raw, _, err = files.into(raw); err != nil {
			return nil // checkPlugins tells of files that this host lacks
		}
	}
	o, err := checker.NewOptions(raw)
	if err != nil {
		return fmt.Errorf("read its options: %w", err)
	}
	prepared, err := own.Prepare(checker.Target{Address: p.Address, BindTo: p.BindTo, BindPort: p.BindPort, BindIf: p.BindIf, Fwmark: p.Fwmark, Timeout: p.ConnectTimeout, Weight: p.Weight}, o)
	if err != nil {
		return err
	}
	if closer, ok := prepared.(interface{ Close() }); ok {
		closer.Close()
	}
	return nil
}

// checkAt is where the check of a probe was written.
func checkAt(c *config.Config, p *build.Probe) config.Position {
	if at, ok := p.At(); ok {
		return at
	}
	for i := range c.Scripts {
		if c.Scripts[i].Name == p.Script && p.Script != "" {
			return c.Scripts[i].At
		}
	}
	if len(c.Files) > 0 {
		return config.NewPosition(c.Files[0], 0, 0)
	}
	return config.Position{}
}
