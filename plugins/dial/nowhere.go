package dial

import (
	"context"

	"github.com/moonkeep/moonkeep/plugins/checker"
)

// Nowhere is the probe of a target without a port, by the name of its kind. It
// fails: there is nothing to connect to, and keepalived fails such a check, too.
type Nowhere string

// Probe implements checker.Probe.
func (kind Nowhere) Probe(context.Context) checker.Result {
	return checker.Result{Verdict: checker.Failed, Message: string(kind) + " needs a port to connect to: give the real server one, or the check a connect_port"}
}
