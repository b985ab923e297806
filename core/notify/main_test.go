package notify

import (
	"bytes"
	"context"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/moonkeep/moonkeep/core/netspec"
	"github.com/moonkeep/moonkeep/core/node"
	"github.com/moonkeep/moonkeep/core/program"
	"github.com/moonkeep/moonkeep/core/vrrp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// recorder stands for the outside: it writes down what it is told, and holds
// each program until it is let go.
type recorder struct {
	hold chan struct{} // when not nil, each program takes one value first

	mu      sync.Mutex
	told    []string // program arguments, or "lua PATH STATE SEQ"
	envs    [][]string
	outcome func(program.Spec) program.Outcome
}

func (r *recorder) run(ctx context.Context, spec program.Spec) program.Outcome {
	r.record(strings.Join(spec.Argv, " "), spec.Env)
	if r.hold != nil {
		select {
		case <-r.hold:
		case <-ctx.Done():
			return program.Outcome{Kind: program.Canceled}
		}
	}
	if r.outcome != nil {
		return r.outcome(spec)
	}
	return program.Outcome{Kind: program.Exited}
}

func (r *recorder) record(s string, env []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.told = append(r.told, s)
	r.envs = append(r.envs, env)
}

// all returns what was told so far.
func (r *recorder) all() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.told...)
}

// await waits until n things were told.
func (r *recorder) await(t *testing.T, n int) []string {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		if got := r.all(); len(got) >= n {
			return got
		}
		if time.Now().After(end) {
			t.Fatalf("told %q, want %d things", r.all(), n)
		}
	}
}

func noLua(context.Context, Lua, node.Change, string, []netspec.Address) error { return nil }

// logBuffer is a log that can be read while it is written.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// newNotifier fills in what o lacks; the Notifier is closed at the end.
func newNotifier(t *testing.T, o Options) (*Notifier, *logBuffer) {
	t.Helper()
	log := new(logBuffer)
	if o.Lua == nil {
		o.Lua = noLua
	}
	o.Log = slog.New(slog.NewTextHandler(log, nil))
	n, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	return n, log
}

// idle waits until all was delivered, in its time.
func idle(t *testing.T, n *Notifier) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		n.mu.Lock()
		left := len(n.busy)
		n.mu.Unlock()
		if left == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d names are still busy", left)
		}
	}
}

// adopt has the targets replaced and nothing else told.
func adopt(t *testing.T, n *Notifier, targets map[Key]*Target) {
	t.Helper()
	if err := n.Adopt(Plan{Targets: targets}); err != nil {
		t.Fatal(err)
	}
}

func instance(name string) Key { return Key{Name: name} }

// change is one of instance A; seq tells them apart.
func change(to vrrp.Role, seq uint64) node.Change {
	return node.Change{Name: "A", From: vrrp.Init, To: to, Priority: 97, Seq: seq, Why: "because"}
}

func address(s string) netspec.Address {
	return netspec.Address{Prefix: netip.MustParsePrefix(s), Device: "eth0"}
}

// prog is a program of that name.
func prog(argv ...string) *Program { return &Program{Argv: argv} }
