package dial

import (
	"context"
	"time"
)

// Within gives all that is done with c the time until end, and ends it at once when
// ctx is called off. Who is done calls stop.
func Within(ctx context.Context, c interface{ SetDeadline(time.Time) error }, end time.Time) (stop func() bool) {
	// A socket takes deadlines; if it did not, what is done with it would tell.
	_ = c.SetDeadline(end)
	if ctx.Done() == nil {
		return func() bool { return true }
	}
	return context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
}
