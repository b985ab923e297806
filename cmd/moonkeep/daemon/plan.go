package daemon

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/build"
	"github.com/moonkeep/moonkeep/config/load"
	"github.com/moonkeep/moonkeep/config/plan"
	"github.com/moonkeep/moonkeep/config/source"
	"github.com/moonkeep/moonkeep/core/control"
)

// Plan implements control.Daemon: it compares what runs with a configuration
// in moonkeep's JSON, which the daemon's flags, the environment and the host complete
// as they completed the running one.
func (d *daemon) Plan(ctx context.Context, configuration []byte) ([]byte, error) {
	settings, err := above(d.opts.ConfigID, d.opts.Set)
	if err != nil {
		return nil, err
	}
	running := d.current()
	file := []source.File{{Path: "plan.json", Data: configuration}}
	// What was read in another language need not be what this one asks for.
	options := source.Options{Sound: true}
	if len(running.Files) > 0 && !load.OfKeepalived(running.Files[0]) {
		options.Global = settings.Global()
	}
	next, found := source.ReadAll(file, options)
	for _, f := range found {
		if f.Severity == config.Error {
			return nil, fmt.Errorf("the configuration cannot be read back: %s", f)
		}
	}
	if err := complete(next, settings); err != nil {
		return nil, err
	}
	p := plan.NewReport(running, next)
	p.Refused = append(p.Refused, unsettled(file, options.Global, build.Strict(next))...)
	if why := Empties(running, next); why != "" {
		p.Refused = append(p.Refused, why)
	}
	for _, f := range d.plannedPlugins(ctx, next) {
		if f.Severity == config.Error {
			p.Refused = append(p.Refused, f.Text)
		} else {
			p.Warnings = append(p.Warnings, f.Text)
		}
	}
	if control.Owns(ctx) { // the files that it names are opened
		if len(build.Unbuilt(next)) == 0 {
			n := build.Node(next)
			if why := refuses(next, &n); why != "" {
				p.Refused = append(p.Refused, why)
			}
		}
		files, lacks := d.lookInto(next)
		p.Refused = append(p.Refused, lacks...)
		p.Beside(append(renewals(d.outdated(), next), d.known().changes(files)...))
	}
	for i := range p.Changes {
		p.Changes[i].File, p.Changes[i].Line = "", 0 // they are the JSON's
	}
	return json.Marshal(p)
}

// unsettled returns why a configuration that is sound by itself is not with the
// settings above it, for which a reload refuses it. strict is what it breaks of strict
// mode with them.
func unsettled(file []source.File, settings []source.Setting, strict config.Findings) (whys []string) {
	mistakes := func(found config.Findings) (texts []string) {
		for _, f := range found {
			if f.Severity == config.Error {
				texts = append(texts, f.Text)
			}
		}
		return texts
	}
	texts := mistakes(strict)
	if len(settings) > 0 {
		// What is wrong without them is so in this language only: the file's own takes it.
		_, found := source.ReadAll(file, source.Options{})
		anyway := mistakes(found)
		_, found = source.ReadAll(file, source.Options{Global: settings})
		texts = append(texts, slices.DeleteFunc(mistakes(found), func(text string) bool { return slices.Contains(anyway, text) })...)
	}
	for _, text := range texts {
		whys = append(whys, "with the daemon's flags and its environment: "+text)
	}
	return whys
}
