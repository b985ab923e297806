package lua

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// Every goroutine that a test's calls start has ended when the test has.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// write puts files into a new folder and returns it.
func write(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// runner returns a runner of a script with this source.
func runner(t testing.TB, source string, o Options) *Runner {
	t.Helper()
	script, err := Compile(filepath.Join(write(t, map[string]string{"s.lua": source}), "s.lua"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := script.NewRunner(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { wholeSlots(t, r.opts.Lost) })
	return r
}

// wholeSlots fails unless each slot that calls took was given back, once, when no
// call runs any more.
func wholeSlots(t testing.TB, lost *Lost) {
	t.Helper()
	for until := time.Now().Add(5 * time.Second); lost.n.Load() != 0; time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			t.Error("a call that was given up does not end")
			return
		}
	}
	s := &lost.slots
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.free != s.all || s.waiting.Load() != 0 {
		t.Errorf("%d of %d slots are free after the calls, and %d wait", s.free, s.all, s.waiting.Load())
	}
}

// within returns a context with this deadline.
func within(t testing.TB, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

// says runs the body as a check that returns a value, and returns that value
// as the check's message.
func says(t testing.TB, body string, o Options) (string, error) {
	t.Helper()
	r := runner(t, "return function(ctx)\n"+body+"\nend", o)
	_, message, err := r.Check(within(t, 5*time.Second))
	return message, err
}
