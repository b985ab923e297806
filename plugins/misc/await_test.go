package misc

import (
	"context"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/plugins/checker"
)

// lastMoment is a context that is over in the moment in which a program is gone.
type lastMoment struct {
	context.Context
	gone chan struct{}
}

func (c lastMoment) Done() <-chan struct{} {
	close(c.gone)
	return c.gone
}

// TestGoneInTheLastMoment: a program that ends just when the time of the next run does
// is not one that cannot be killed.
func TestGoneInTheLastMoment(t *testing.T) {
	for range 64 { // which of the two is seen first is chance
		ctx := lastMoment{t.Context(), make(chan struct{})}
		p := &probe{last: run{gone: ctx.gone, pid: 7, told: time.Now().Add(-time.Minute)}}
		if r, ok := p.await(ctx, time.Second); !ok && r.Verdict != checker.Unknown {
			t.Fatalf("%v %q", r.Verdict, r.Message)
		}
	}
}
