package engine

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/mono"
)

func TestLateness(t *testing.T) {
	var lines []string
	tell := newTeller(slog.New(slog.NewTextHandler(writer(func(p []byte) (int, error) {
		lines = append(lines, string(p))
		return len(p), nil
	}), nil)))
	e := &Engine{}
	ms := func(n int64) mono.Instant { return mono.Instant(n * int64(time.Millisecond)) }
	for _, x := range []struct {
		now, due   mono.Instant
		last, most time.Duration
	}{
		{ms(10), mono.Never, 0, 0},
		{ms(10), ms(20), 0, 0},
		{ms(21), ms(20), time.Millisecond, time.Millisecond},
		{ms(400), ms(100), 300 * time.Millisecond, 300 * time.Millisecond}, // told
		{ms(900), ms(400), 500 * time.Millisecond, 500 * time.Millisecond}, // too soon after
		{ms(70_000), ms(69_998), 2 * time.Millisecond, 500 * time.Millisecond},
		{ms(80_200), ms(80_000), 200 * time.Millisecond, 500 * time.Millisecond}, // told
	} {
		e.late.seen(x.now, x.due, tell)
		if last, most := e.Lateness(); last != x.last || most != x.most {
			t.Errorf("at %d ms: last %v, most %v, want %v and %v", x.now/1e6, last, most, x.last, x.most)
		}
	}
	tell.close()
	tell.work()
	if len(lines) != 2 || !strings.Contains(lines[0], "300ms late") || !strings.Contains(lines[1], "200ms late") {
		t.Errorf("the log says %q, want one line of 300 ms and one of 200 ms", lines)
	}
}
