package http

import (
	"context"
	"errors"
	"testing"
	"time"
)

// TestRenewal: the answer of a request has the time that its connection had.
func TestRenewal(t *testing.T) {
	const step = 200 * time.Millisecond
	ctx, r := renewable(t.Context(), step)
	defer r.end()
	time.Sleep(step / 2)
	if ctx.Err() == nil { // else the machine stood still
		again := time.Now()
		r.renew()
		<-ctx.Done()
		if took := time.Since(again); took < step {
			t.Errorf("it had %s more, want %s", took, step)
		}
	}
	if err := r.why(errors.New("broken")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("it ended by %v", err)
	}
	if r.renew(); ctx.Err() == nil {
		t.Error("what is over begins anew")
	}
	_, r = renewable(t.Context(), 0)
	if r.renew(); r.ctx.Err() != nil {
		t.Error("without a time of its own it ended")
	}
	r.end()
}
