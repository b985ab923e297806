package daemon

import (
	"context"
	"errors"
	"testing"
	"time"
)

// TestEngineEnds: when the engine ends by itself, what runs beside it ends too,
// and its error is that of the daemon: a supervisor can start it anew.
func TestEngineEnds(t *testing.T) {
	t.Parallel()
	broken, ended := errors.New("broken"), make(chan error, 1)
	until := func(ctx context.Context) { <-ctx.Done() }
	go func() { ended <- aside(t.Context(), func() error { return broken }, until, until) }()
	select {
	case err := <-ended:
		if !errors.Is(err, broken) {
			t.Errorf("it ends with %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("it does not end: what runs beside the engine goes on")
	}
}
