package engine

import "fmt"

// watch begins to look at the files and processes of a plan that the node
// runs. Events for the node wait in the inbox.
func (e *Engine) watch(p *Plan) {
	if p.Watcher != nil {
		p.Watcher.Start(e.Event)
	}
}

// unwatch ends that, for a plan that was or was not run.
func (e *Engine) unwatch(p *Plan) error {
	if p.Watcher == nil {
		return nil
	}
	if err := p.Watcher.Close(); err != nil {
		return fmt.Errorf("end looking at files and processes: %w", err)
	}
	return nil
}
