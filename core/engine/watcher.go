package engine

import (
	"errors"
	"fmt"
)

// watch begins to look at the files and processes of a plan that the node
// runs. Events for the node wait in the inbox.
func (e *Engine) watch(p *Plan) {
	if p.Watcher != nil {
		p.Watcher.Start(e.Event)
	}
}

// unwatch ends that, and the probes, for a plan that was or was not run.
func (e *Engine) unwatch(p *Plan) error {
	err := endProbes(p)
	if p.Watcher == nil {
		return err
	}
	if werr := p.Watcher.Close(); werr != nil {
		err = errors.Join(err, fmt.Errorf("end looking at files and processes: %w", werr))
	}
	return err
}
