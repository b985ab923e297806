package tlsclient

import (
	"context"
	"time"

	"github.com/moonkeep/moonkeep/plugins/checker"
)

// Reminder tells the log once a day what a check warns of. It is for one check, which
// never runs twice at once.
type Reminder struct{ at time.Time }

// again is how long it says nothing.
const again = 24 * time.Hour

// Tell tells it, unless it was told.
func (r *Reminder) Tell(ctx context.Context, warning, server string) {
	if now := time.Now(); now.Sub(r.at) >= again {
		r.at = now
		checker.Log(ctx).Warn(warning, "server", server)
	}
}
