package daemon

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/moonkeep/moonkeep/config"
	"github.com/moonkeep/moonkeep/config/load"
	"github.com/moonkeep/moonkeep/config/plan"
	"github.com/moonkeep/moonkeep/config/source"
)

// Plan implements control.Daemon: it compares what runs with a configuration
// in moonkeep's JSON, which the daemon's flags, the environment and the host complete
// as they completed the running one.
func (d *daemon) Plan(_ context.Context, configuration []byte) ([]byte, error) {
	settings, err := above(d.opts.ConfigID, d.opts.Set)
	if err != nil {
		return nil, err
	}
	running := d.current()
	// What was read in another language need not be what this one asks for.
	options := source.Options{Sound: true}
	if len(running.Files) > 0 && !load.OfKeepalived(running.Files[0]) {
		options.Global = settings.Global()
	}
	next, found := source.ReadAll([]source.File{{Path: "plan.json", Data: configuration}}, options)
	for _, f := range found {
		if f.Severity == config.Error {
			return nil, fmt.Errorf("the configuration cannot be read back: %s", f)
		}
	}
	if err := complete(next, settings); err != nil {
		return nil, err
	}
	p := plan.NewReport(running, next)
	if why := Empties(running, next); why != "" {
		p.Refused = append(p.Refused, why)
	}
	for i := range p.Changes {
		p.Changes[i].File, p.Changes[i].Line = "", 0 // they are the JSON's
	}
	return json.Marshal(p)
}
