package checkertest

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/plugins/checker"
)

// complaints are a test that goes on and keeps what it would fail for.
type complaints struct {
	testing.TB
	mu   sync.Mutex
	said []string
}

func (c *complaints) Errorf(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.said = append(c.said, fmt.Sprintf(format, args...))
}

// lax is a checker that takes any option, or refuses those that it does not know without
// a word about them.
// Its probes end with their time, and not before.
type lax struct {
	sparse bool // refuses
	deaf   bool // to the end of its time
	end    chan struct{}
}

func (*lax) Info() checker.Info { return checker.Info{Name: "LAX", Version: "1", Doc: "Is no good."} }

func (l *lax) Prepare(t checker.Target, o checker.Options) (checker.Probe, error) {
	if l.sparse && strings.Contains(string(o.JSON()), odd) {
		return nil, errors.New("something is wrong")
	}
	return l, nil
}

func (l *lax) Probe(ctx context.Context) checker.Result {
	if l.deaf {
		<-l.end
		return checker.Result{Verdict: checker.OK}
	}
	end, _ := ctx.Deadline()
	select {
	case <-time.After(time.Until(end)):
	case <-l.end:
	}
	return checker.Result{Verdict: checker.OK}
}

// TestConformFails: what takes any option, refuses them without a word, or cannot be
// cancelled is found.
func TestConformFails(t *testing.T) {
	target := checker.Target{Address: netip.MustParseAddrPort("127.0.0.1:9")}
	for _, options := range []any{nil, map[string]string{}} {
		c := &complaints{TB: t}
		refuses(c, &lax{}, Case{Target: target, Options: options}, true)
		if len(c.said) != 1 || !strings.Contains(c.said[0], "it took the option") {
			t.Errorf("of one that takes any option: %q", c.said)
		}
	}
	c := &complaints{TB: t}
	if refuses(c, &lax{sparse: true}, Case{Target: target}, true); len(c.said) != 1 || !strings.Contains(c.said[0], "does not name it") {
		t.Errorf("of one that refuses without a word: %q", c.said)
	}
	c = &complaints{TB: t}
	if refuses(c, &lax{sparse: true}, Case{}, false); len(c.said) != 0 {
		t.Errorf("of one that may lack something: %q", c.said)
	}
	c = &complaints{TB: t}
	slow := &lax{deaf: true, end: make(chan struct{})}
	time.AfterFunc(limit+patience/4+500*time.Millisecond, func() { close(slow.end) })
	if verdicts(c, slow, []Case{{Name: "slow", Target: target, Want: checker.OK}}); len(c.said) != 1 || !strings.Contains(c.said[0], "slow: it took") {
		t.Errorf("of one that does not keep to its time: %q", c.said)
	}
	c = &complaints{TB: t}
	l := &lax{end: make(chan struct{})}
	h := Start(c, l)
	check, err := h.Prepare(target, nil)
	if err != nil {
		t.Fatal(err)
	}
	done := cancels(c, "silent", check, 300*time.Millisecond)
	close(l.end)
	<-done
	h.Close()
	if len(c.said) != 1 || !strings.Contains(c.said[0], "after it was cancelled") {
		t.Errorf("of one that cannot be cancelled: %q", c.said)
	}
}
