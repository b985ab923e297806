package checker

import (
	"context"
	"log/slog"
)

// ambience is what a probe's context carries.
type ambience struct {
	log     *slog.Logger
	details bool
}

type ambienceKey struct{}

// WithLog returns a context in which Log finds log and WantDetails answers
// details. Serve does it for every probe; tests and programs that probe
// without a host may.
func WithLog(ctx context.Context, log *slog.Logger, details bool) context.Context {
	return context.WithValue(ctx, ambienceKey{}, &ambience{log, details})
}

// Log is where a probe tells what people should know and what is no verdict.
// It goes into the daemon's log, with the name of the check; more than a few
// lines a second are dropped and counted. It is never nil.
func Log(ctx context.Context) *slog.Logger {
	if a, ok := ctx.Value(ambienceKey{}).(*ambience); ok && a.log != nil {
		return a.log
	}
	return slog.New(slog.DiscardHandler)
}

// AfterCancel has f called in a goroutine of its own when a probe is called off,
// as context.AfterFunc does; who keeps to the deadline of ctx without it saves
// the probe a timer. The result undoes it, and reports whether it came in time.
func AfterCancel(ctx context.Context, f func()) (stop func() bool) {
	if c, ok := ctx.(interface {
		AfterCancel(func()) func() bool
	}); ok {
		return c.AfterCancel(f)
	}
	if ctx.Done() == nil {
		return func() bool { return true }
	}
	return context.AfterFunc(ctx, f)
}

// WantDetails reports whether somebody looks at this probe. When nobody does,
// Result.Details are dropped, and not making them is cheaper.
func WantDetails(ctx context.Context) bool {
	a, ok := ctx.Value(ambienceKey{}).(*ambience)
	return ok && a.details
}
